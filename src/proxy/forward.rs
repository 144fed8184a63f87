//! The forward proxy, for `HTTPS_PROXY` and `HTTP_PROXY`: tunnels by CONNECT, and plain requests in
//! absolute form. Of a tunnel it sees the host, how long connecting took, what moved, and how long it lasted.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::Authority;
use http::{Method, Request, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::body::Answer;
use super::reverse::{Target, operation, pass, refuse};
use super::tunnel::Account;
use super::{Ongoing, Shared, tunnel};
use crate::config::{ForwardProxy, ProxyRoute};
use crate::integration::{Direction, Fault, Source};

/// A plain request's answer must begin within this time.
const FIRST_BYTE: Duration = Duration::from_secs(60);
/// Between two parts of a body.
const IDLE: Duration = Duration::from_secs(300);

/// Characters of the longest name there can be.
const LONGEST_HOST: usize = 253;

/// What the forward proxy knows.
pub(super) struct Forward {
    ports: Vec<u16>,
    connect_timeout: Duration,
    shared: Arc<Shared>,
}

impl Forward {
    pub(super) fn new(config: &ForwardProxy, shared: &Arc<Shared>) -> Self {
        let (ports, connect_timeout) = (config.ports.clone(), config.connect_timeout);
        Self { ports, connect_timeout, shared: Arc::clone(shared) }
    }

    /// Opens a tunnel, or passes a plain request on.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let meter = &self.shared.meter;
        let Some(authority) = request.uri().authority().cloned() else {
            meter.refuse("no_target");
            let why = "this is a proxy: set it as HTTPS_PROXY or HTTP_PROXY, or send a whole URL";
            return refuse(StatusCode::BAD_REQUEST, why);
        };
        let is_tunnel = request.method() == Method::CONNECT;
        let usual = match request.uri().scheme_str() {
            _ if is_tunnel => None,
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => return self.cannot_pass(),
        };
        let host = host(&authority);
        // A user in a URL would go on into a header that nobody has asked for.
        if authority.as_str().contains('@') || host.is_empty() || host.len() > LONGEST_HOST {
            return self.cannot_pass();
        }
        let port = authority.port_u16().or(usual);
        let Some(port) = port.filter(|port| self.ports.contains(port)) else {
            meter.refuse("port");
            let why = "this port is not in `ports` of [forward_proxy]";
            return refuse(StatusCode::FORBIDDEN, why);
        };
        let integration = self.integration_of(&host);
        if integration.is_none() {
            meter.count(|tally| tally.unmatched += 1);
        }
        if is_tunnel {
            return self.tunnel(request, &host, port, integration).await;
        }
        self.plain(request, &authority, integration).await
    }

    fn cannot_pass(&self) -> Answer {
        self.shared.meter.refuse("bad_target");
        refuse(StatusCode::BAD_REQUEST, "this URL cannot be passed on")
    }

    /// By the rules for spans, as if one had told this host.
    fn integration_of(&self, host: &str) -> Option<(Arc<str>, Direction)> {
        let integrations = self.shared.integrations.load();
        let found = integrations.of_span(|name| {
            matches!(name, "server.address" | "net.peer.name" | "peer.service").then_some(host)
        })?;
        Some((Arc::clone(&found.name), found.direction))
    }

    async fn tunnel(
        &self,
        request: Request<Incoming>,
        host: &str,
        port: u16,
        integration: Option<(Arc<str>, Direction)>,
    ) -> Answer {
        let Some(room) = self.shared.tunnels.room() else {
            self.shared.meter.refuse("too_many");
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "too many tunnels at once");
        };
        let mut ongoing = integration.as_ref().map(|(name, direction)| {
            let operation = format!("CONNECT {host}");
            Ongoing::begin(&self.shared, name, *direction, operation, None, Source::Tunnel)
        });
        let began = Instant::now();
        let connecting = TcpStream::connect((host, port));
        let connected = match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_elapsed) => Err(Fault::Timeout),
        };
        let there = match connected {
            Ok(stream) => stream,
            Err(fault) => {
                if let Some(ongoing) = &mut ongoing {
                    ongoing.end(Some(fault));
                }
                let status = match fault {
                    Fault::Timeout => StatusCode::GATEWAY_TIMEOUT,
                    _ => StatusCode::BAD_GATEWAY,
                };
                return refuse(status, "no connection to the host that was asked for");
            }
        };
        let _only_slower = there.set_nodelay(true);
        let connecting = began.elapsed();
        let account = Account::new(&self.shared.meter, integration);
        tokio::spawn(async move {
            let Ok(here) = hyper::upgrade::on(request).await else { return };
            if let Some(ongoing) = ongoing {
                ongoing.establish();
            }
            tunnel::pass(TokioIo::new(here), there, room, &account, connecting).await;
        });
        Answer::new(Either::Right(Full::default()))
    }

    async fn plain(
        &self,
        request: Request<Incoming>,
        authority: &Authority,
        integration: Option<(Arc<str>, Direction)>,
    ) -> Answer {
        let operation = operation(request.method(), request.uri().path());
        let uri = request.uri().clone();
        let (integration, direction) = integration.unzip();
        let upstream = http::Uri::builder().scheme("http").authority(authority.as_str());
        let Ok(upstream) = upstream.path_and_query("/").build() else {
            return self.cannot_pass();
        };
        let route = ProxyRoute {
            integration: integration.unwrap_or_else(|| "".into()),
            direction: direction.unwrap_or(Direction::Outbound),
            listen: ([0, 0, 0, 0], 0).into(),
            path: "/".to_owned(),
            upstream,
            upstream_http2: false,
            keeps_host: false,
            first_byte_timeout: FIRST_BYTE,
            idle_timeout: IDLE,
            max_in_flight: usize::MAX,
        };
        pass(&self.shared, request, Target { uri, operation, route: &route, place: None }).await
    }
}

/// The host in one way of writing, without the brackets of an IPv6 address.
fn host(authority: &Authority) -> String {
    let host = authority.host().trim_end_matches('.');
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

/// Why there was no connection.
fn fault(error: &io::Error) -> Fault {
    // What the resolver says has no kind of its own.
    if error.to_string().starts_with("failed to lookup address") {
        return Fault::Dns;
    }
    if error.kind() == io::ErrorKind::TimedOut { Fault::Timeout } else { Fault::Connect }
}
