//! Those to whom calls are passed: pooled connections, and why there was none.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::ProxyError;
use super::body::Passing;
use crate::integration::Fault;

/// An unused connection is kept so long.
const IDLE: Duration = Duration::from_secs(60);
/// For connecting; a system's own is minutes.
const CONNECT: Duration = Duration::from_secs(5);

/// The clients, which share nothing with the rest of the agent.
pub(super) struct Upstream {
    /// HTTP/1.1, and over TLS whatever both sides speak.
    either: Client<HttpsConnector<HttpConnector>, Passing>,
    /// HTTP/2 without TLS, for who has said that he speaks it.
    http2: Client<HttpsConnector<HttpConnector>, Passing>,
}

impl Upstream {
    pub(super) fn new() -> Result<Self, ProxyError> {
        let connector = |http2| {
            let mut http = HttpConnector::new();
            http.set_nodelay(true);
            http.enforce_http(false);
            http.set_connect_timeout(Some(CONNECT));
            let builder = hyper_rustls::HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
                .map_err(ProxyError::Authorities)?
                .https_or_http();
            Ok::<_, ProxyError>(if http2 {
                builder.enable_http2().wrap_connector(http)
            } else {
                builder.enable_all_versions().wrap_connector(http)
            })
        };
        let client = |http2| {
            Ok::<_, ProxyError>(
                Client::builder(TokioExecutor::new())
                    .pool_idle_timeout(IDLE)
                    .pool_timer(TokioTimer::new())
                    .timer(TokioTimer::new())
                    .http2_only(http2)
                    .http1_title_case_headers(false)
                    .set_host(false)
                    .build(connector(http2)?),
            )
        };
        Ok(Self { either: client(false)?, http2: client(true)? })
    }

    /// Passes a request on; the answer's head must come within `first_byte`.
    pub(super) async fn pass(
        &self,
        request: Request<Passing>,
        http2: bool,
        first_byte: Duration,
    ) -> Result<Response<Incoming>, Fault> {
        let client = if http2 { &self.http2 } else { &self.either };
        match tokio::time::timeout(first_byte, client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_elapsed) => Err(Fault::Timeout),
        }
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
