//! The reverse proxy: a prefix of a path leads to an upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, StatusCode, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::{Answer, Passing};
use super::headers::{add_via, has_passed, host, join_cookies, remove_hop_by_hop, trace, upgrade};
use super::tunnel::{Account, Room};
use super::upstream::Spoken;
use super::{Ongoing, Shared, tunnel, upstream};
use crate::config::ProxyRoute;
use crate::integration::{Fault, Source, template};

/// The routes of one listener.
pub(super) struct Reverse {
    /// The longest prefix first.
    routes: Vec<Route>,
    shared: Arc<Shared>,
}

struct Route {
    config: ProxyRoute,
    in_flight: Arc<AtomicUsize>,
}

/// A place among the calls of a route, until it is dropped.
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Route {
    /// The rest of a path behind the prefix; `None` if that is not its prefix.
    fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        let prefix = self.config.path.trim_end_matches('/');
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    fn take_place(&self) -> Option<Place> {
        let place = Place(Arc::clone(&self.in_flight));
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        (before < self.config.max_in_flight).then_some(place)
    }
}

impl Reverse {
    pub(super) fn new(mut routes: Vec<ProxyRoute>, shared: &Arc<Shared>) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.len()));
        let routes = routes.into_iter();
        let routes = routes.map(|config| Route { config, in_flight: Arc::default() });
        Self { routes: routes.collect(), shared: Arc::clone(shared) }
    }

    /// Passes a request on and its answer back.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        if request.method() == Method::CONNECT {
            self.shared.meter.refuse("method");
            return refuse(StatusCode::METHOD_NOT_ALLOWED, "CONNECT is for [forward_proxy]");
        }
        let path = request.uri().path();
        if has_dots(path) {
            self.shared.meter.refuse("bad_target");
            return refuse(StatusCode::BAD_REQUEST, "a path with `.` or `..` is not passed on");
        }
        let found = self.routes.iter().find_map(|route| Some((route, route.rest(path)?)));
        let Some((route, rest)) = found else {
            self.shared.meter.refuse("no_route");
            return refuse(StatusCode::NOT_FOUND, "no [[proxy]] route leads from here");
        };
        if has_passed(request.headers(), &self.shared.pseudonym) {
            self.shared.meter.refuse("loop");
            return refuse(StatusCode::LOOP_DETECTED, "the upstream of this route leads back here");
        }
        let Some(place) = route.take_place() else {
            self.shared.meter.refuse("too_many");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many calls of this route at once");
        };
        let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
        let slash = if rest.is_empty() && route.config.upstream.path() == "/" { "/" } else { "" };
        let uri = upstream::uri(&route.config.upstream, &format!("{rest}{slash}{query}"));
        let Some(uri) = uri else {
            self.shared.meter.refuse("bad_target");
            return refuse(StatusCode::BAD_REQUEST, "this path cannot be passed on");
        };
        let target = Target {
            uri,
            operation: operation(request.method(), if rest.is_empty() { "/" } else { rest }),
            route: &route.config,
            place: Some(place),
        };
        pass(&self.shared, request, target).await
    }
}

/// Where a request goes. A route without the name of an integration is of none.
pub(super) struct Target<'a> {
    pub(super) uri: http::Uri,
    pub(super) operation: String,
    pub(super) route: &'a ProxyRoute,
    pub(super) place: Option<Place>,
}

/// Passes a request on and its answer back.
pub(super) async fn pass(
    shared: &Shared,
    mut request: Request<Incoming>,
    target: Target<'_>,
) -> Answer {
    let route = target.route;
    let mut wanted = None;
    if let Some(protocol) = upgrade(request.headers()) {
        let Some(room) = shared.tunnels.room() else {
            shared.meter.refuse("too_many");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many tunnels at once");
        };
        wanted = Some((protocol, room));
    }
    let ours = wanted.as_ref().map(|_| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    let caller_version = parts.version;
    let host = host(&parts);
    join_cookies(&mut parts.headers);
    remove_hop_by_hop(&mut parts.headers);
    let trace = trace(&mut parts.headers);
    let (name, direction) = (&route.integration, route.direction);
    let mut ongoing =
        Ongoing::begin(shared, name, direction, target.operation, trace, Source::Proxy);
    ongoing.holds(target.place);
    add_via(&mut parts.headers, caller_version, &shared.pseudonym);
    let own = target.uri.authority().and_then(|a| HeaderValue::from_str(a.as_str()).ok());
    let kept = host.filter(|_| route.keeps_host);
    let is_other = kept.is_some() && kept != own;
    let of_route = if route.upstream_http2 { Spoken::Http2 } else { Spoken::Either };
    let spoken = spoken(of_route, caller_version, wanted.is_some(), is_other);
    let is_tls = target.uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let may_be_http2 = spoken == Spoken::Http2 || (spoken == Spoken::Either && is_tls);
    if let Some(host) = kept.filter(|_| !may_be_http2).or(own) {
        parts.headers.insert(header::HOST, host);
    }
    if let Some((protocol, _)) = &wanted {
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, protocol.clone());
    }
    parts.uri = target.uri;
    parts.version = Version::HTTP_11;
    let (body, sent) = Passing::request(body, route.idle_timeout);
    let request = Request::from_parts(parts, body);
    let passed = shared.upstream.pass(request, &sent, spoken, route.first_byte_timeout);
    match passed.await {
        Ok(mut response) => {
            ongoing.judge(Fault::of_http(response.status().as_u16()));
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                let (Some(ours), Some((_, room))) = (ours, wanted) else {
                    ongoing.end(Some(Fault::Broken));
                    return refuse(StatusCode::BAD_GATEWAY, "an upgrade that nobody asked for");
                };
                let theirs = hyper::upgrade::on(&mut response);
                let of = (!name.is_empty()).then(|| (Arc::clone(name), direction));
                let account = Account::new(&shared.meter, of);
                tokio::spawn(upgraded(ours, theirs, room, ongoing, account));
                let (parts, _) = response.into_parts();
                return Answer::from_parts(parts, Either::Right(Full::default()));
            }
            let (mut parts, body) = response.into_parts();
            remove_hop_by_hop(&mut parts.headers);
            add_via(&mut parts.headers, parts.version, &shared.pseudonym);
            parts.version = caller_version;
            let body = Passing::answer(body, route.idle_timeout, ongoing);
            Answer::from_parts(parts, Either::Left(body))
        }
        Err(fault) => {
            ongoing.end(Some(fault));
            match fault {
                Fault::Timeout => refuse(StatusCode::GATEWAY_TIMEOUT, "the upstream took too long"),
                Fault::Dns => refuse(StatusCode::BAD_GATEWAY, "the upstream's name has no address"),
                Fault::Tls => refuse(StatusCode::BAD_GATEWAY, "no TLS with the upstream"),
                Fault::Connect => refuse(StatusCode::BAD_GATEWAY, "no connection to the upstream"),
                Fault::Cancelled => refuse(StatusCode::BAD_REQUEST, "the request broke off"),
                _ => refuse(StatusCode::BAD_GATEWAY, "the upstream broke off"),
            }
        }
    }
}

/// HTTP/2 has no upgrades, and no `host` beside the name by which the upstream is called: for who speaks HTTP/1.1 and keeps
/// another one, that is spoken. A caller of HTTP/2 may need what only that has, such as gRPC.
fn spoken(wanted: Spoken, caller: Version, is_upgrade: bool, is_other_host: bool) -> Spoken {
    let is_of_http1 = is_other_host && caller < Version::HTTP_2;
    match wanted {
        _ if is_upgrade => Spoken::Http1,
        Spoken::Either if is_of_http1 => Spoken::Http1,
        wanted => wanted,
    }
}

/// Both sides speak another protocol from now on, and the call is over.
async fn upgraded(
    ours: OnUpgrade,
    theirs: OnUpgrade,
    room: Room,
    mut ongoing: Ongoing,
    account: Account,
) {
    if let (Ok(ours), Ok(theirs)) = (ours.await, theirs.await) {
        let (_place, connecting) = ongoing.establish();
        tunnel::pass(TokioIo::new(ours), TokioIo::new(theirs), room, &account, connecting).await;
    } else {
        ongoing.end(Some(Fault::Broken));
    }
}

/// Whether a part of a path is `.` or `..`, in any way of writing that some upstream resolves: it would lead past the prefix of
/// the route. Servers of Java take what follows a `;` for a parameter.
fn has_dots(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let path = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    let mut parts = path.split(['/', '\\']);
    parts.any(|part| matches!(part.split(';').next(), Some("." | "..")))
}

/// Such as `POST /orders/{id}`; of methods there is a bounded number.
pub(super) fn operation(method: &Method, path: &str) -> String {
    let known = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];
    let method = if known.contains(method) { method.as_str() } else { "OTHER" };
    format!("{method} {}", template(path))
}

/// An answer of the proxy itself.
pub(super) fn refuse(status: StatusCode, why: &str) -> Answer {
    let mut answer =
        Answer::new(Either::Right(Full::new(Bytes::from(format!("erpscope: {why}\n")))));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_dots_is_seen_however_it_is_written() {
        for path in [
            "/api/../admin",
            "/api/..",
            "/api/./x",
            "/api/%2e%2E/admin",
            "/api/.%2e/admin",
            "/api/..%2fadmin",
            "/api%2F..%2Fadmin",
            "/api/..\\admin",
            "/api/x%5c%2e%2e%5Cadmin",
            "/api/..;/admin",
            "/api/..;a=b/admin",
        ] {
            assert!(has_dots(path), "{path}");
        }
        for path in ["/", "/api/v1.2/...", "/.well-known/x", "/a..b/c..", "/x;..", "/a%20.pdf", ""]
        {
            assert!(!has_dots(path), "{path}");
        }
    }

    #[test]
    fn what_http2_does_not_have_is_passed_by_http1() {
        let (old, new) = (Version::HTTP_11, Version::HTTP_2);
        assert_eq!(spoken(Spoken::Either, old, false, false), Spoken::Either);
        assert_eq!(spoken(Spoken::Either, old, false, true), Spoken::Http1);
        assert_eq!(spoken(Spoken::Either, old, true, false), Spoken::Http1);
        assert_eq!(spoken(Spoken::Either, new, false, true), Spoken::Either);
        assert_eq!(spoken(Spoken::Http2, old, false, true), Spoken::Http2);
        assert_eq!(spoken(Spoken::Http2, old, true, false), Spoken::Http1);
    }
}
