//! `[[proxy]]` and `[forward_proxy]`: ways on which calls pass through.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;

use super::integration;
use super::reader::{Faults, Table};
use crate::integration::{Direction, Integrations};

/// `[[proxy]]`: a way on which calls of one integration pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRoute {
    /// `integration`: its name.
    pub integration: Arc<str>,
    /// As the integration is declared.
    pub direction: Direction,
    /// `listen`: where calls come in; several routes can share it.
    pub listen: SocketAddr,
    /// `path`: the prefix of paths of this route (default `/`); it is cut off.
    pub path: String,
    /// `upstream`: where calls go; what is behind the prefix is added to its path.
    pub upstream: Uri,
    /// `upstream_http2`: HTTP/2 without TLS.
    pub upstream_http2: bool,
    /// `host`: the caller's `host` header is kept (default for inbound), not replaced by the
    /// upstream's (default for outbound).
    pub keeps_host: bool,
    /// `first_byte_timeout`: the answer must begin within it after the last part of the request
    /// was sent (default 60 s).
    pub first_byte_timeout: Duration,
    /// `idle_timeout`: a body breaks off in which nothing came for so long (default 5 min).
    pub idle_timeout: Duration,
    /// `max_in_flight`: calls at once; what is over it is answered with 503 (default 1,000).
    pub max_in_flight: usize,
}

/// `[forward_proxy]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardProxy {
    /// `listen`: what HTTPS_PROXY names.
    pub listen: SocketAddr,
    /// `ports`: what may be connected to (default 80 and 443).
    pub ports: Vec<u16>,
    /// `connect_timeout` (default 10 s).
    pub connect_timeout: Duration,
}

/// Reads one route.
pub(super) fn read(
    table: &Table,
    integrations: &Integrations,
    faults: &mut Faults,
) -> Option<ProxyRoute> {
    let integration = integration::declared(table, integrations, faults);
    let listen = table.address("listen", faults);
    let path = table.text("path", faults).filter(|path| is_path(table, path, faults));
    let upstream = table.text("upstream", faults).and_then(|text| uri(table, &text, faults));
    let host = table.text("host", faults);
    let first_byte_timeout = table.duration("first_byte_timeout", faults);
    let idle_timeout = table.duration("idle_timeout", faults);
    let max_in_flight = table.size("max_in_flight", faults);
    let http2 = table.text("upstream_http2", faults);
    let integration = integration?;
    let direction = integration.direction;
    Some(ProxyRoute {
        integration: integration.name.clone(),
        direction,
        listen: listen?,
        path: path?,
        upstream: upstream?,
        upstream_http2: http2? == "prior-knowledge",
        keeps_host: match host?.as_str() {
            "keep" => true,
            "upstream" => false,
            _ => direction == Direction::Inbound,
        },
        first_byte_timeout: first_byte_timeout?,
        idle_timeout: idle_timeout?,
        max_in_flight: max_in_flight?,
    })
}

/// Two routes of one address cannot have the same prefix.
pub(super) fn check(routes: &[Option<ProxyRoute>], tables: &[Table], faults: &mut Faults) {
    let mut seen: BTreeSet<(SocketAddr, &str)> = BTreeSet::new();
    for (route, table) in routes.iter().zip(tables) {
        let Some(route) = route else { continue };
        let is_new = seen.insert((route.listen, route.path.trim_end_matches('/')));
        if !is_new && route.listen.port() != 0 {
            let problem =
                format!("another route of {} has the path {:?}", route.listen, route.path);
            faults.add(&table.place, table.key("path"), problem);
        }
    }
}

/// Reads `[forward_proxy]`; without `listen` there is none.
pub(super) fn read_forward(table: &Table, faults: &mut Faults) -> Option<ForwardProxy> {
    let listen = table.given("listen").and_then(|_| table.address("listen", faults));
    let connect_timeout = table.duration("connect_timeout", faults);
    let mut ports = Vec::new();
    for (text, place) in table.list("ports", faults) {
        match text.parse::<u16>() {
            Ok(port) if port > 0 => ports.push(port),
            _ => faults.add(place, table.key("ports"), format!("{text:?} is not a port")),
        }
    }
    if table.given("ports").is_none() {
        ports = vec![80, 443];
    }
    Some(ForwardProxy { listen: listen?, ports, connect_timeout: connect_timeout? })
}

fn is_path(table: &Table, path: &str, faults: &mut Faults) -> bool {
    let good = path.starts_with('/') && !path.contains(['?', '#']);
    if !good {
        let place = table.given("path").map_or("the default", |given| &given.place);
        faults.add(place, table.key("path"), format!("{path:?} does not begin with `/`"));
    }
    good
}

/// A URL with a user or password in it is not repeated.
fn uri(table: &Table, text: &str, faults: &mut Faults) -> Option<Uri> {
    let parsed = text.parse::<Uri>().ok().filter(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
            && uri.query().is_none()
    });
    if parsed.is_none() {
        let place = table.given("upstream").map_or(&table.place, |given| &given.place);
        let problem = "is not http://host:port/path or https://host/path, without user and query";
        faults.add(place, table.key("upstream"), problem);
    }
    parsed
}
