//! Those to whom calls are passed: pooled connections, and why there was none.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::ProxyError;
use super::body::{Passing, Sent};
use crate::integration::Fault;
use crate::trust;

/// An unused connection is kept so long: less than the 5 s after which many servers close theirs, as a request that meets the end
/// has failed, and may not be sent again. A new connection costs little beside that.
const IDLE: Duration = Duration::from_secs(4);
/// For connecting; a system's own is minutes.
const CONNECT: Duration = Duration::from_secs(5);

/// A connection of HTTP/2 is asked so often whether it is still there, and must answer within it.
const PING: Duration = Duration::from_secs(15);

/// What is spoken with an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// HTTP/1.1, and over TLS whatever both sides speak.
    Either,
    /// HTTP/1.1 alone, for what HTTP/2 does not have.
    Http1,
    /// HTTP/2 without TLS, for who has said that he speaks it.
    Http2,
}

/// The clients, which share nothing with the rest of the agent.
pub(super) struct Upstream {
    either: Client<HttpsConnector<HttpConnector>, Passing>,
    http1: Client<HttpsConnector<HttpConnector>, Passing>,
    http2: Client<HttpsConnector<HttpConnector>, Passing>,
}

impl Upstream {
    pub(super) fn new() -> Result<Self, ProxyError> {
        let tls = trust::client(None)?;
        let connector = |spoken| {
            let mut http = HttpConnector::new();
            http.set_nodelay(true);
            http.enforce_http(false);
            http.set_connect_timeout(Some(CONNECT));
            let builder = hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http();
            match spoken {
                Spoken::Either => builder.enable_all_versions().wrap_connector(http),
                Spoken::Http1 => builder.enable_http1().wrap_connector(http),
                Spoken::Http2 => builder.enable_http2().wrap_connector(http),
            }
        };
        let client = |spoken| {
            Client::builder(TokioExecutor::new())
                .pool_idle_timeout(IDLE)
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .http2_only(spoken == Spoken::Http2)
                // All calls share one connection: one that is dead would take all of them along.
                .http2_keep_alive_interval(PING)
                .http2_keep_alive_timeout(PING)
                .http1_title_case_headers(false)
                .set_host(false)
                .build(connector(spoken))
        };
        let [either, http1, http2] = [Spoken::Either, Spoken::Http1, Spoken::Http2].map(client);
        Ok(Self { either, http1, http2 })
    }

    /// Passes a request on; the answer's head must come within `first_byte` after the last part of
    /// the request was sent. While the caller still sends, it is the body that breaks off.
    pub(super) async fn pass(
        &self,
        request: Request<Passing>,
        sent: &Sent,
        spoken: Spoken,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, Fault> {
        let client = match spoken {
            Spoken::Either => &self.either,
            Spoken::Http1 => &self.http1,
            Spoken::Http2 => &self.http2,
        };
        let began = Instant::now();
        let mut answer = pin!(client.request(request));
        while let Some(deadline) = sent.deadline(began, first_byte) {
            if let Ok(answer) = tokio::time::timeout_at(deadline, &mut answer).await {
                return answer.map_err(|error| fault(&error));
            }
        }
        Err(Fault::Timeout)
    }
}

/// The URI of the upstream for a path and query.
pub(super) fn uri(upstream: &Uri, path_and_query: &str) -> Option<Uri> {
    let base = upstream.path().trim_end_matches('/');
    Uri::builder()
        .scheme(upstream.scheme_str()?)
        .authority(upstream.authority()?.as_str())
        .path_and_query(format!("{base}{path_and_query}"))
        .build()
        .ok()
}

/// Why a request was not answered.
fn fault(error: &legacy::Error) -> Fault {
    let mut source = error.source();
    let mut found = if error.is_connect() { Fault::Connect } else { Fault::Broken };
    while let Some(cause) = source {
        if cause.to_string() == "dns error" {
            return Fault::Dns;
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            if is_tls(io) {
                return Fault::Tls;
            }
            if io.kind() == io::ErrorKind::TimedOut {
                found = Fault::Timeout;
            }
        }
        if cause.is::<rustls::Error>() {
            return Fault::Tls;
        }
        // The caller's body broke off, not the upstream.
        if cause.is::<super::body::Broken>() {
            return Fault::Cancelled;
        }
        source = cause.source();
    }
    found
}

/// Errors of TLS come wrapped in those of I/O, once or twice; `source` passes over them.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref::<io::Error>().is_some_and(is_tls)
    })
}
