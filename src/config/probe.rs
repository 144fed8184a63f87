//! `[[probe]]`: questions to the other side of an integration.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Uri};

use super::reader::{Faults, Table};
use crate::integration::Integrations;

/// `[[probe]]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Probe {
    /// `name`: the label `probe`.
    pub name: Arc<str>,
    /// `integration`: whose other side is asked.
    pub integration: Arc<str>,
    /// `url`: what is asked for.
    pub url: Uri,
    /// `interval` (default 30 s).
    pub interval: Duration,
    /// `timeout`: for all of it (default 5 s).
    pub timeout: Duration,
    /// `method`: GET (default) or HEAD.
    pub method: Method,
    /// `expect`: statuses of a good answer (default 200 to 399).
    pub expect: RangeInclusive<u16>,
    /// `root_cert`: PEM file of trusted authorities; without it the system's.
    pub root_cert: Option<PathBuf>,
}

/// Reads one.
pub(super) fn read(
    table: &Table,
    integrations: &Integrations,
    faults: &mut Faults,
) -> Option<Probe> {
    let name = table.text("name", faults);
    let integration = super::integration::declared(table, integrations, faults);
    let url = table.text("url", faults).and_then(|text| url(table, &text, faults));
    let interval = table.duration("interval", faults);
    let timeout = table.duration("timeout", faults);
    let method = table.text("method", faults);
    let root_cert = table.text("root_cert", faults);
    let expect = table.text("expect", faults).and_then(|text| statuses(table, &text, faults));
    Some(Probe {
        name: name?.into(),
        integration: integration?.name.clone(),
        url: url?,
        interval: interval?,
        timeout: timeout?,
        method: if method? == "HEAD" { Method::HEAD } else { Method::GET },
        expect: expect?,
        root_cert: root_cert.map(PathBuf::from),
    })
}

/// Path and query of a URL can hold a token.
impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("name", &self.name)
            .field("host", &self.url.host())
            .finish_non_exhaustive()
    }
}

/// A URL can hold a token: it is not repeated.
fn url(table: &Table, text: &str, faults: &mut Faults) -> Option<Uri> {
    let parsed = text.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
    });
    if parsed.is_none() {
        let place = table.given("url").map_or(&table.place, |given| &given.place);
        faults.add(place, table.key("url"), "is not http:// or https:// with a host, without user");
    }
    parsed
}

/// Such as `200-399`.
fn statuses(table: &Table, text: &str, faults: &mut Faults) -> Option<RangeInclusive<u16>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let parsed = from.trim().parse().ok().zip(to.trim().parse().ok());
    let parsed = parsed.filter(|(from, to)| from <= to && (100..=599).contains(from) && *to <= 599);
    if parsed.is_none() {
        let place = table.given("expect").map_or("the default", |given| &given.place);
        let problem = format!("{text:?} is no status and no range such as \"200-399\"");
        faults.add(place, table.key("expect"), problem);
    }
    parsed.map(|(from, to)| from..=to)
}
