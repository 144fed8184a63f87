//! One run of a probe: name, connection, TLS, first byte, all of it.

use std::collections::BTreeMap;
use std::io;
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
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_cert::der::Decode;

use crate::config::Probe;
use crate::integration::Fault;

/// Bytes of an answer that are read.
const MOST: usize = 1 << 20;

/// How TLS is spoken.
pub(super) type Tls = Arc<rustls::ClientConfig>;

/// What a run has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// How long each phase took that was completed.
    pub(super) phases: BTreeMap<&'static str, Duration>,
    /// In which phase it failed, and why.
    pub(super) failure: Option<(&'static str, Fault)>,
    pub(super) certificate_expires: Option<SystemTime>,
}

/// With the system's authorities.
pub(super) fn tls() -> io::Result<Tls> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Asks once, within the timeout of the probe.
pub(super) async fn run(config: &Probe, tls: &Tls) -> Found {
    let mut asking = Asking { found: Found::default(), phase: "dns", since: Instant::now() };
    let began = asking.since;
    let failure = match tokio::time::timeout(config.timeout, asking.ask(config, tls)).await {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault),
        Err(_elapsed) => Some(Fault::Timeout),
    };
    let Asking { mut found, phase, .. } = asking;
    found.failure = failure.map(|fault| (phase, fault));
    if failure.is_none() {
        found.phases.insert("total", began.elapsed());
    }
    found
}

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

    async fn ask(&mut self, config: &Probe, tls: &Tls) -> Result<(), Fault> {
        let host = config.url.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_tls = config.url.scheme_str() == Some("https");
        let port = config.url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let addresses = tokio::net::lookup_host((host, port)).await.map_err(|_| Fault::Dns)?;
        let addresses: Vec<SocketAddr> = addresses.collect();
        self.next("connect");
        let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|_| Fault::Connect)?;
        if !is_tls {
            self.next("first_byte");
            return self.speak(config, stream).await;
        }
        self.next("tls");
        let name = ServerName::try_from(host.to_owned()).map_err(|_| Fault::Tls)?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let stream = connector.connect(name, stream).await.map_err(|_| Fault::Tls)?;
        self.found.certificate_expires = expires(&stream);
        self.next("first_byte");
        self.speak(config, stream).await
    }

    async fn speak<S>(&mut self, config: &Probe, stream: S) -> Result<(), Fault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let broken = |_| Fault::Broken;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with its sender.
        tokio::spawn(connection);
        let request = request(&config.url, config.method.clone()).ok_or(Fault::Other)?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status().as_u16();
        self.next("body");
        let mut body = answer.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.map_err(broken)?.data_ref().map_or(0, Bytes::len);
            if read > MOST {
                break;
            }
        }
        self.next("status");
        if config.expect.contains(&status) {
            return Ok(());
        }
        Err(Fault::of_http(status).unwrap_or(Fault::Other))
    }
}

fn request(url: &Uri, method: Method) -> Option<Request<Empty<Bytes>>> {
    Request::builder()
        .method(method)
        .uri(url.path_and_query()?.as_str())
        .header(header::HOST, url.authority()?.as_str())
        .header(header::USER_AGENT, concat!("erpscope/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .ok()
}

/// When the certificate of the other side ends.
fn expires(stream: &TlsStream<TcpStream>) -> Option<SystemTime> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_system_time())
}
