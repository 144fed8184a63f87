//! What the config declares of an integration.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::call::Direction;
use crate::erp::Pattern;

/// What kind of system it is; for people and dashboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub &'static str);

impl Kind {
    /// All there are.
    pub const ALL: [&'static str; 11] = [
        "webshop", "payment", "bank", "crm", "wms", "shipping", "edi", "bi", "api", "queue",
        "other",
    ];
}

/// How it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Somebody waits for each call.
    Realtime,
    /// In bulk, at its own time.
    Batch,
}

impl Mode {
    /// As the config has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Batch => "batch",
        }
    }
}

/// How it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objective {
    /// A call longer than this is a slow one.
    pub latency: Option<Duration>,
    /// The share of calls that should succeed within it.
    pub success: Option<f64>,
    /// Without a call for so long it is silent.
    pub silent_after: Option<Duration>,
}

/// How its sessions, statements and spans are told from others.
///
/// A session is its own when everything that is given of `application_names`, `roles` and
/// `clients` fits, each by one of its members. A statement is its own when its comment fits one
/// of `comments`; a span when an attribute fits one of `spans`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Patterns of application_name.
    pub application_names: Vec<Pattern>,
    /// Patterns of role names.
    pub roles: Vec<Pattern>,
    /// Networks of client addresses.
    pub clients: Vec<IpNet>,
    /// Key of an SQL comment and pattern of its value.
    pub comments: Vec<(String, Pattern)>,
    /// Name of a span's or resource's attribute and pattern of its value.
    pub spans: Vec<(String, Pattern)>,
}

/// One external system.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// Its label.
    pub name: Arc<str>,
    /// What it is.
    pub kind: Kind,
    /// Who calls.
    pub direction: Direction,
    /// How it works.
    pub mode: Mode,
    /// Patterns of tables and names of modules that it may write.
    pub owns: Vec<Pattern>,
    /// How it should be.
    pub objective: Objective,
    /// How it is recognised.
    pub rules: Rules,
}

impl Integration {
    /// Whether it may write this table of this module.
    #[must_use]
    pub fn owns(&self, table: &str, module: &str) -> bool {
        self.owns.iter().any(|pattern| pattern.fits(table) || pattern.fits(module))
    }
}

/// All integrations, in the order of the config: where rules of two fit, the first has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Integrations {
    pub(super) all: Vec<Arc<Integration>>,
}

/// Rules of two integrations that are in each other's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// Index of the one that comes first and so has what both fit.
    pub first: usize,
    /// Index of the other.
    pub second: usize,
    /// Nothing is left for the rule of the second.
    pub unreachable: bool,
    /// The key of the config that the second's rule stands in.
    pub key: &'static str,
}

impl Integrations {
    /// Of these, in this order.
    #[must_use]
    pub fn new(all: Vec<Integration>) -> Self {
        Self { all: all.into_iter().map(Arc::new).collect() }
    }

    /// In the order of the config.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Integration>> {
        self.all.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The one of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Integration>> {
        self.all.iter().find(|integration| *integration.name == *name)
    }

    /// Keys of SQL comments that some rule asks for.
    pub fn comment_keys(&self) -> impl Iterator<Item = &str> {
        self.all.iter().flat_map(|i| i.rules.comments.iter().map(|(key, _)| key.as_str()))
    }

    /// Rules that nothing is left for, and rules of which some things fit two.
    #[must_use]
    pub fn oddities(&self) -> Vec<Oddity> {
        let mut found = Vec::new();
        for (second, later) in self.all.iter().enumerate() {
            for (first, earlier) in self.all.iter().take(second).enumerate() {
                let mut add = |key, unreachable| {
                    found.push(Oddity { first, second, unreachable, key });
                };
                sessions(&earlier.rules, &later.rules, &mut add);
                pairs("comments", &earlier.rules.comments, &later.rules.comments, &mut add);
                pairs("spans", &earlier.rules.spans, &later.rules.spans, &mut add);
            }
        }
        found
    }
}

/// How two lists of one facet stand to each other; an empty one fits everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stand {
    Apart,
    Meet,
    Covered,
}

fn stand<T>(
    earlier: &[T],
    later: &[T],
    covers: impl Fn(&T, &T) -> bool,
    meets: impl Fn(&T, &T) -> bool,
) -> Stand {
    if earlier.is_empty() {
        return Stand::Covered;
    }
    if !later.is_empty() && later.iter().all(|l| earlier.iter().any(|e| covers(e, l))) {
        return Stand::Covered;
    }
    let meet = later.is_empty() || later.iter().any(|l| earlier.iter().any(|e| meets(e, l)));
    if meet { Stand::Meet } else { Stand::Apart }
}

fn sessions(earlier: &Rules, later: &Rules, add: &mut impl FnMut(&'static str, bool)) {
    let names = stand(
        &earlier.application_names,
        &later.application_names,
        Pattern::covers,
        Pattern::meets,
    );
    let roles = stand(&earlier.roles, &later.roles, Pattern::covers, Pattern::meets);
    let within = |a: &IpNet, b: &IpNet| a.contains(b);
    let clients =
        stand(&earlier.clients, &later.clients, within, |a, b| within(a, b) || within(b, a));
    // Two that are told by different facets fit one session only by chance: not worth a word.
    let facets = [
        (
            "application_names",
            !earlier.application_names.is_empty(),
            !later.application_names.is_empty(),
        ),
        ("roles", !earlier.roles.is_empty(), !later.roles.is_empty()),
        ("clients", !earlier.clients.is_empty(), !later.clients.is_empty()),
    ];
    let shared = facets.iter().find(|(_, ours, theirs)| *ours && *theirs);
    match (shared, names.min(roles).min(clients)) {
        (Some((key, ..)), Stand::Covered) => add(key, true),
        (Some((key, ..)), Stand::Meet) => add(key, false),
        _ => {}
    }
}

fn pairs(
    key: &'static str,
    earlier: &[(String, Pattern)],
    later: &[(String, Pattern)],
    add: &mut impl FnMut(&'static str, bool),
) {
    for (name, pattern) in later {
        let same = || earlier.iter().filter(|(other, _)| other == name).map(|(_, p)| p);
        if same().any(|other| other.covers(pattern)) {
            add(key, true);
        } else if same().any(|other| other.meets(pattern)) {
            add(key, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(earlier: Rules, later: Rules) -> Vec<(&'static str, bool)> {
        let of = |rules| Integration {
            name: "one".into(),
            kind: Kind("api"),
            direction: Direction::Inbound,
            mode: Mode::Batch,
            owns: vec![],
            objective: Objective::default(),
            rules,
        };
        let all = Integrations::new(vec![of(earlier), of(later)]);
        all.oddities().into_iter().map(|oddity| (oddity.key, oddity.unreachable)).collect()
    }

    fn names(names: &[&str]) -> Rules {
        let application_names = names.iter().map(|name| Pattern::new(name)).collect();
        Rules { application_names, ..Rules::default() }
    }

    fn with_role(rules: Rules, role: &str) -> Rules {
        Rules { roles: vec![Pattern::new(role)], ..rules }
    }

    fn clients(net: &str) -> Rules {
        Rules { clients: vec![net.parse().unwrap()], ..Rules::default() }
    }

    fn comments(pattern: &str) -> Rules {
        Rules { comments: vec![("job".into(), Pattern::new(pattern))], ..Rules::default() }
    }

    #[test]
    fn a_rule_that_an_earlier_one_takes_everything_from_is_unreachable() {
        assert_eq!(odd(names(&["bi-*"]), names(&["bi-report"])), [("application_names", true)]);
        assert_eq!(
            odd(names(&["bi-*"]), with_role(names(&["bi-a"]), "x")),
            [("application_names", true)]
        );
        assert_eq!(odd(clients("10.0.0.0/8"), clients("10.1.0.0/16")), [("clients", true)]);
        assert_eq!(odd(comments("shop*"), comments("shop-eu")), [("comments", true)]);
    }

    #[test]
    fn a_particular_rule_before_a_general_one_overlaps_and_rules_apart_say_nothing() {
        assert_eq!(odd(names(&["bi-report"]), names(&["bi-*"])), [("application_names", false)]);
        assert_eq!(
            odd(with_role(names(&["bi-*"]), "x"), names(&["bi-a"])),
            [("application_names", false)]
        );
        assert_eq!(odd(clients("10.1.0.0/16"), clients("10.0.0.0/8")), [("clients", false)]);
        assert_eq!(odd(comments("shop-eu"), comments("shop*")), [("comments", false)]);
        assert_eq!(odd(names(&["bi"]), names(&["wms"])), []);
        assert_eq!(odd(names(&["bi"]), clients("10.0.0.0/8")), []);
        assert_eq!(odd(with_role(names(&["bi"]), "x"), with_role(names(&["bi"]), "y")), []);
        assert_eq!(odd(clients("10.0.0.0/8"), clients("::1/128")), []);
    }
}
