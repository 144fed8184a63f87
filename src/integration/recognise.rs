//! Whose a session, a statement or a span is.

use std::net::IpAddr;
use std::sync::Arc;

use super::declared::{Integration, Integrations, Rules};

/// What is known of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionFacts<'a> {
    /// As the client named itself.
    pub application_name: &'a str,
    /// Its role.
    pub usename: &'a str,
    /// Address of the client; absent for a Unix socket.
    pub client_addr: Option<IpAddr>,
}

/// A key and value of an SQL comment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Such as `route`.
    pub key: String,
    /// Decoded.
    pub value: String,
}

impl Integrations {
    /// The first whose rules for sessions fit.
    #[must_use]
    pub fn of_session(&self, facts: SessionFacts<'_>) -> Option<&Arc<Integration>> {
        self.all.iter().find(|integration| integration.rules.fit_session(facts))
    }

    /// The first with a rule that a comment fits.
    #[must_use]
    pub fn of_tags(&self, tags: &[Tag]) -> Option<&Arc<Integration>> {
        self.all.iter().find(|integration| {
            integration.rules.comments.iter().any(|(key, pattern)| {
                tags.iter().any(|tag| tag.key == *key && pattern.fits(&tag.value))
            })
        })
    }

    /// The first with a rule that an attribute fits; `attribute` gives the value of a name.
    #[must_use]
    pub fn of_span<'a>(
        &self,
        attribute: impl Fn(&str) -> Option<&'a str>,
    ) -> Option<&Arc<Integration>> {
        self.all.iter().find(|integration| {
            let mut rules = integration.rules.spans.iter();
            rules.any(|(name, pattern)| attribute(name).is_some_and(|value| pattern.fits(value)))
        })
    }
}

impl Rules {
    /// Whether there is a rule for sessions at all.
    #[must_use]
    pub fn is_for_sessions(&self) -> bool {
        !(self.application_names.is_empty() && self.roles.is_empty() && self.clients.is_empty())
    }

    /// Whether sessions of a role are its own whatever else they are.
    #[must_use]
    pub fn is_role(&self, usename: &str) -> bool {
        self.application_names.is_empty()
            && self.clients.is_empty()
            && self.roles.iter().any(|pattern| pattern.fits(usename))
    }

    fn fit_session(&self, facts: SessionFacts<'_>) -> bool {
        let fits_name = |name: &str, patterns: &[crate::erp::Pattern]| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.fits(name))
        };
        let fits_client = self.clients.is_empty()
            || facts.client_addr.is_some_and(|addr| {
                let addr = addr.to_canonical();
                self.clients.iter().any(|net| net.contains(&addr))
            });
        self.is_for_sessions()
            && fits_name(facts.application_name, &self.application_names)
            && fits_name(facts.usename, &self.roles)
            && fits_client
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Direction, Kind, Mode, Objective};
    use super::*;
    use crate::erp::Pattern;

    fn named(name: &str, rules: Rules) -> Integration {
        Integration {
            name: name.into(),
            kind: Kind("api"),
            direction: Direction::Inbound,
            mode: Mode::Realtime,
            owns: vec![Pattern::new("sales"), Pattern::new("stock_*")],
            objective: Objective::default(),
            rules,
        }
    }

    fn all() -> Integrations {
        let of = |text: &str| vec![Pattern::new(text)];
        Integrations::new(vec![
            named("none", Rules::default()),
            named(
                "wms",
                Rules {
                    roles: of("wms"),
                    clients: vec!["10.1.0.0/16".parse().unwrap()],
                    ..Rules::default()
                },
            ),
            named(
                "shop",
                Rules {
                    application_names: of("shop*"),
                    comments: vec![("job".into(), Pattern::new("push-*"))],
                    spans: vec![("peer.service".into(), Pattern::new("shop"))],
                    ..Rules::default()
                },
            ),
        ])
    }

    #[test]
    fn a_session_must_fit_all_that_is_given() {
        let of = |application_name, usename, addr: Option<&str>| {
            let client_addr = addr.map(|addr| addr.parse().unwrap());
            let all = all();
            let facts = SessionFacts { application_name, usename, client_addr };
            all.of_session(facts).map(|integration| integration.name.to_string())
        };
        assert_eq!(of("x", "wms", Some("10.1.2.3")).as_deref(), Some("wms"));
        assert_eq!(of("x", "wms", Some("::ffff:10.1.2.3")).as_deref(), Some("wms"));
        assert_eq!(of("x", "wms", None), None);
        assert_eq!(of("x", "odoo", Some("10.1.2.3")), None);
        assert_eq!(of("Shop-EU", "odoo", None).as_deref(), Some("shop"));
        assert_eq!(of("", "", None), None);
    }

    #[test]
    fn comments_spans_and_owned_tables_are_told() {
        let all = all();
        let tags = [Tag { key: "job".into(), value: "push-orders".into() }];
        assert_eq!(&*all.of_tags(&tags).unwrap().name, "shop");
        assert!(all.of_tags(&[]).is_none());
        let peer = |name: &str| (name == "peer.service").then_some("shop");
        assert_eq!(&*all.of_span(peer).unwrap().name, "shop");
        assert!(all.of_span(|_| None).is_none());
        let shop = all.get("shop").unwrap();
        assert!(shop.owns("sale_order", "sales") && shop.owns("stock_quant", "inventory"));
        assert!(!shop.owns("account_move", "accounting"));
    }
}
