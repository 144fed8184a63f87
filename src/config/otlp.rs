//! `[otlp]`: where spans are received.

use std::net::SocketAddr;

use super::reader::{Faults, Table};

/// `[otlp]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// `http`: OTLP over HTTP is received here.
    pub http: Option<SocketAddr>,
    /// `grpc`: OTLP over gRPC is received here.
    pub grpc: Option<SocketAddr>,
    /// `max_body_bytes`: of a request, also when unpacked (default 4 MiB).
    pub max_body: usize,
    /// `max_waiting_bytes`: of all requests that are being read (default 24 MiB).
    pub max_waiting: usize,
    /// `forward`: URL to which all spans are passed on.
    pub forward: Option<String>,
}

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Otlp> {
    let address =
        |key, faults: &mut Faults| table.given(key).and_then(|_| table.address(key, faults));
    let (http, grpc) = (address("http", faults), address("grpc", faults));
    let max_body = table.size("max_body_bytes", faults);
    let max_waiting = table.size("max_waiting_bytes", faults);
    let forward = table.text("forward", faults).filter(|url| is_url(table, url, faults));
    Some(Otlp {
        http,
        grpc,
        max_body: max_body?,
        max_waiting: max_waiting?.max(max_body?),
        forward,
    })
}

/// A URL with a password in it is not repeated.
fn is_url(table: &Table, url: &str, faults: &mut Faults) -> bool {
    let good = url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|a| !a.as_str().contains('@'))
    });
    if !good {
        let place = table.given("forward").map_or(&table.place, |given| &given.place);
        let problem = "is not a URL such as http://tempo:4318/v1/traces, without user";
        faults.add(place, table.key("forward"), problem);
    }
    good
}
