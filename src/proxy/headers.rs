//! The headers that a proxy changes: those of one connection only, `via`, `traceparent`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-7.6>

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::integration::{TraceId, Traceparent};

/// Headers of a connection, not of what is sent over it.
const OF_THE_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Removes what is of one connection, also what `connection` names. `te: trailers` stays.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let takes_trailers = headers.get_all(header::TE).iter().any(|value| {
        value.to_str().is_ok_and(|te| te.split(',').any(|te| te.trim() == "trailers"))
    });
    for name in named {
        headers.remove(name);
    }
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers.remove(PROXY_CONNECTION);
    if takes_trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// The protocol that both sides change to, if one is asked for. Not another HTTP or TLS: its
/// requests would pass unseen, past the routes and their limits.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = headers.get_all(header::CONNECTION).iter().any(|value| {
        value.to_str().is_ok_and(|c| c.split(',').any(|c| c.trim().eq_ignore_ascii_case("upgrade")))
    });
    let is_passable = |value: &&HeaderValue| {
        value.to_str().is_ok_and(|names| {
            names
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .all(|name| !["h2", "http", "tls"].iter().any(|other| name.starts_with(other)))
        })
    };
    let mut given = headers.get_all(header::UPGRADE).iter();
    let first = given.next().filter(|_| asks).filter(is_passable)?;
    given.next().is_none().then(|| first.clone())
}

/// The host that is asked for: a whole URL, or HTTP/2, outranks the header.
pub(super) fn host(request: &http::request::Parts) -> Option<HeaderValue> {
    let whole = request.uri.authority().map(|authority| {
        let text = authority.as_str();
        HeaderValue::from_str(text.rsplit_once('@').map_or(text, |(_, host)| host))
    });
    match whole {
        Some(host) => host.ok(),
        None => request.headers.get(header::HOST).cloned(),
    }
}

/// HTTP/2 may send cookies in parts, of which HTTP/1.1 knows nothing.
///
/// <https://www.rfc-editor.org/rfc/rfc9113#section-8.2.3>
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let parts: Vec<&[u8]> =
        headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if parts.len() > 1
        && let Ok(mut joined) = HeaderValue::from_bytes(&parts.join(b"; ".as_slice()))
    {
        joined.set_sensitive(true);
        headers.insert(header::COOKIE, joined);
    }
}

/// Whether the request has been here before.
pub(super) fn has_passed(headers: &HeaderMap, pseudonym: &str) -> bool {
    headers
        .get_all(header::VIA)
        .iter()
        .any(|value| value.to_str().is_ok_and(|via| via.contains(pseudonym)))
}

/// Says that it went through us.
pub(super) fn add_via(headers: &mut HeaderMap, version: http::Version, pseudonym: &str) {
    let version = match version {
        http::Version::HTTP_2 => "2.0",
        http::Version::HTTP_10 => "1.0",
        _ => "1.1",
    };
    if let Ok(via) = HeaderValue::from_str(&format!("{version} {pseudonym}")) {
        headers.append(header::VIA, via);
    }
}

/// The request's trace id; it gets one if it has none. It is marked as sampled: otherwise those who
/// ask their caller whether to record would stop doing so.
pub(super) fn trace(headers: &mut HeaderMap) -> Option<TraceId> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    if let (Some(value), None) = (given.next(), given.next())
        && let Some(parent) = value.to_str().ok().and_then(Traceparent::parse)
    {
        return Some(parent.trace);
    }
    let parent = Traceparent::parse(&format!(
        "00-{:032x}-{:016x}-01",
        fastrand::u128(1..),
        fastrand::u64(1..)
    ))?;
    headers.insert(TRACEPARENT, HeaderValue::from_str(&parent.to_string()).ok()?);
    Some(parent.trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn what_is_of_the_connection_goes_and_the_rest_stays() {
        let mut headers = map(&[
            ("connection", "close, X-Own"),
            ("connection", "te"),
            ("x-own", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, trailers"),
            ("proxy-authorization", "Basic x"),
            ("transfer-encoding", "chunked"),
            ("authorization", "Bearer y"),
            ("x-other", "2"),
        ]);
        remove_hop_by_hop(&mut headers);
        let names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["authorization", "x-other", "te"]);
        assert_eq!(headers["te"], "trailers");
    }

    #[test]
    fn a_trace_id_is_kept_and_a_wrong_one_replaced() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let mut headers = map(&[("traceparent", good)]);
        assert_eq!(trace(&mut headers).unwrap().to_string(), good[3..35]);
        assert_eq!(headers["traceparent"], good);
        for wrong in [map(&[("traceparent", "00-x")]), map(&[]), map(&[("traceparent", good); 2])] {
            let mut headers = wrong;
            let given = trace(&mut headers).unwrap();
            assert_eq!(headers.get_all("traceparent").iter().count(), 1);
            assert!(headers["traceparent"].to_str().unwrap().contains(&given.to_string()));
            assert_ne!(headers["traceparent"], good);
        }
    }
}
