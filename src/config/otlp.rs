//! `[otlp]`: where spans are received.

use super::Otlp;
use super::reader::{Faults, Table};

/// Reads it.
pub(super) fn read(table: &Table, faults: &mut Faults) -> Option<Otlp> {
    let address =
        |key, faults: &mut Faults| table.given(key).and_then(|_| table.address(key, faults));
    let (http, grpc) = (address("http", faults), address("grpc", faults));
    let max_body = table.count("max_body_bytes", faults);
    let max_waiting = table.count("max_waiting_bytes", faults);
    let forward = table.text("forward", faults).filter(|url| is_url(table, url, faults));
    Some(Otlp {
        http,
        grpc,
        max_body: usize::try_from(max_body?).ok()?,
        max_waiting: usize::try_from(max_waiting?.max(max_body?)).ok()?,
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
