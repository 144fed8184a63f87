//! One run of a probe: name, connection, TLS, first byte, all of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_cert::der::Decode;

use crate::config::Probe;
use crate::integration::Fault;
use crate::integration::meter::probe::Failure;

/// Bytes of an answer that are read.
const MOST: usize = 1 << 20;

/// Characters of what is said of a failure.
const DETAIL: usize = 200;

/// How TLS is spoken.
pub(super) type Tls = Arc<rustls::ClientConfig>;

/// What a run has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How long each phase took that was completed.
    pub(super) phases: BTreeMap<&'static str, Duration>,
    /// In which phase it failed, and why.
    pub(super) failure: Option<Failure>,
    pub(super) certificate_expires: Option<SystemTime>,
}

/// Asks once, within the timeout of the probe.
pub(super) async fn run(config: &Probe, tls: &Tls) -> Found {
    let mut asking = Asking { found: Found::default(), phase: "dns", since: Instant::now() };
    let began = asking.since;
    let failure = match tokio::time::timeout(config.timeout, asking.ask(config, tls)).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault),
        Err(_elapsed) => Some((Fault::Timeout, format!("not within {:?}", config.timeout))),
    };
    let Asking { mut found, phase, .. } = asking;
    found.failure = failure.map(|(fault, detail)| Failure { phase, fault, detail });
    if found.failure.is_none() {
        found.phases.insert("total", began.elapsed());
    }
    found
}

/// Why a run went no further, and in words.
type Stopped = (Fault, String);

/// A run and the phase that it is in.
struct Asking {
    found: Found,
    phase: &'static str,
    since: Instant,
}

impl Asking {
    /// A phase is over, the next begins.
    fn next(&mut self, phase: &'static str) {
        self.found.phases.insert(self.phase, self.since.elapsed());
        (self.phase, self.since) = (phase, Instant::now());
    }

    async fn ask(&mut self, config: &Probe, tls: &Tls) -> Result<(), Stopped> {
        let host = config.url.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_tls = config.url.scheme_str() == Some("https");
        let port = config.url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let addresses = tokio::net::lookup_host((host, port)).await.map_err(because(Fault::Dns))?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        self.next("connect");
        let stream =
            TcpStream::connect(addresses.as_slice()).await.map_err(because(Fault::Connect))?;
        if !is_tls {
            self.next("first_byte");
            return self.speak(config, stream).await;
        }
        self.next("tls");
        let name = ServerName::try_from(host.to_owned()).map_err(because(Fault::Tls))?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(name, stream).await.map_err(because(Fault::Tls))?;
        self.found.certificate_expires = expires(&stream);
        self.next("first_byte");
        self.speak(config, stream).await
    }

    async fn speak<S>(&mut self, config: &Probe, stream: S) -> Result<(), Stopped>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = || because(Fault::Broken);
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken())?;
        // The connection ends with this run, however that ends.
        let mut owner = JoinSet::new();
        owner.spawn(connection);
        let request = request(&config.url, config.method.clone()).map_err(because(Fault::Other))?;
        let answer = sender.send_request(request).await.map_err(broken())?;
        let status = answer.status().as_u16();
        self.next("body");
        let mut body = answer.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.map_err(broken())?.data_ref().map_or(0, Bytes::len);
            if read > MOST {
                break;
            }
        }
        self.next("status");
        if config.expect.contains(&status) {
            return Ok(());
        }
        Err((Fault::of_http(status).unwrap_or(Fault::Other), format!("HTTP {status}")))
    }
}

fn request(url: &Uri, method: Method) -> http::Result<Request<Empty<Bytes>>> {
    Request::builder()
        .method(method)
        .uri(url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str))
        .header(header::HOST, url.authority().map_or("", http::uri::Authority::as_str))
        .header(header::USER_AGENT, concat!("erpscope/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
}

/// An error of this kind.
fn because<E: std::error::Error + 'static>(fault: Fault) -> impl FnOnce(E) -> Stopped {
    move |error| (fault, words(&error))
}

/// An error with what is behind it, in words.
fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = chain.map(ToString::to_string).collect();
    let plain = words.join(": ");
    plain.chars().take(DETAIL).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// When the certificate of the other side ends.
fn expires(stream: &TlsStream<TcpStream>) -> Option<SystemTime> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_system_time())
}
