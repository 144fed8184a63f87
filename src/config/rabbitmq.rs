//! `[[rabbitmq]]`: brokers of messages whose queues are watched.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::Password;
use super::reader::{Faults, Table};
use super::server::given_password;
use crate::erp::{Pattern, value_of_label};
use crate::integration::Integrations;

/// `[[rabbitmq]]`: a broker of messages.
#[derive(Clone, PartialEq, Eq)]
pub struct Broker {
    /// `name`: the label `broker`.
    pub name: Arc<str>,
    /// `url`: where its management API is, without `/api`.
    pub url: Uri,
    /// `user` (default `erpscope`).
    pub user: String,
    /// Where the password comes from; it is looked up at each look.
    pub password: Password,
    /// `vhosts`: if empty, all that the user may see.
    pub vhosts: Vec<String>,
    /// `modules`: the module of queues by their names; the first that fits counts.
    pub modules: Vec<(Pattern, Arc<str>)>,
    /// `integrations`: the same.
    pub integrations: Vec<(Pattern, Arc<str>)>,
    /// `top`: queues that are shown singly (default 50, 1 to 1,000).
    pub top: usize,
    /// `interval` (default 30 s).
    pub interval: Duration,
    /// `timeout`: for a look at all of its queues (default 10 s).
    pub timeout: Duration,
    /// `root_cert`: PEM file of trusted authorities; without it the system's.
    pub root_cert: Option<PathBuf>,
}

/// Of the URL the host alone: a path can hold what is nobody's business.
impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("name", &self.name)
            .field("host", &self.url.host())
            .field("user", &self.user)
            .field("password", &self.password)
            .finish_non_exhaustive()
    }
}

/// Reads one.
pub(super) fn read(
    table: &Table,
    integrations: &Integrations,
    faults: &mut Faults,
) -> Option<Broker> {
    let name = table.text("name", faults).filter(|name| {
        let checked = value_of_label(name);
        fault(table, "name", checked.as_ref().err(), faults);
        checked.is_ok()
    });
    let url = table.text("url", faults).and_then(|text| url(table, &text, faults));
    let user = table.text("user", faults);
    let password = given_password(table, faults);
    let vhosts = table.list("vhosts", faults).into_iter().map(|(vhost, _)| vhost).collect();
    let modules = named(table, "modules", faults, value_of_label);
    let known: Vec<&str> = integrations.iter().map(|i| &*i.name).collect();
    let of = named(table, "integrations", faults, |name| match integrations.get(name) {
        Some(_) => Ok(name.to_owned()),
        None => {
            Err(format!("no [[integration]] is called {name:?}; there are: {}", known.join(", ")))
        }
    });
    let top = table.size("top", faults);
    let interval = table.duration("interval", faults);
    let timeout = table.duration("timeout", faults);
    let root_cert = table.text("root_cert", faults);
    Some(Broker {
        name: name?.into(),
        url: url?,
        user: user?,
        password: password?,
        vhosts,
        modules,
        integrations: of,
        top: top?,
        interval: interval?,
        timeout: timeout?,
        root_cert: root_cert.map(PathBuf::from),
    })
}

/// A URL can hold a password in a wrong place: it is not repeated.
fn url(table: &Table, text: &str, faults: &mut Faults) -> Option<Uri> {
    let good = text.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
            && uri.query().is_none()
    });
    if good.is_none() {
        let problem = "is not http:// or https:// with a host, without user and query, such as \
                       http://127.0.0.1:15672";
        fault(table, "url", Some(&problem.to_owned()), faults);
    }
    good
}

fn fault(table: &Table, key: &'static str, problem: Option<&String>, faults: &mut Faults) {
    if let Some(problem) = problem {
        let place = table.given(key).map_or(&table.place, |given| &given.place);
        faults.add(place, table.key(key), problem);
    }
}

/// Members such as `orders.*=sales`.
fn named(
    table: &Table,
    key: &'static str,
    faults: &mut Faults,
    check: impl Fn(&str) -> Result<String, String>,
) -> Vec<(Pattern, Arc<str>)> {
    let mut found = Vec::new();
    for (text, place) in table.list(key, faults) {
        let parts = text.rsplit_once('=').map(|(queue, name)| (queue.trim(), name.trim()));
        let checked = match parts {
            Some((queue, name)) if !queue.is_empty() => check(name).map(|name| (queue, name)),
            _ => Err(format!(
                "{text:?} is not a pattern of queues, `=` and a name, such as \"orders.*=sales\""
            )),
        };
        match checked {
            Ok((queue, name)) => found.push((Pattern::new(queue), name.into())),
            Err(problem) => faults.add(place, table.key(key), problem),
        }
    }
    found
}
