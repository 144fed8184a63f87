//! TLS of probes: whom they trust, and how long the other side's certificate lasts.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use x509_cert::der::Decode;

use crate::config::Probe;

/// How TLS is spoken.
pub(super) type Client = Arc<rustls::ClientConfig>;

/// With the authorities that the config names, else the system's.
pub(super) fn client(probe: &Probe) -> io::Result<Client> {
    let mut roots = rustls::RootCertStore::empty();
    match &probe.root_cert {
        Some(path) => {
            roots.add_parsable_certificates(read(path)?);
        }
        // Most ask for no more than HTTP.
        None if probe.url.scheme_str() == Some("https") => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        None => {}
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn read(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let problem = match found {
        Ok(certificates) if Vec::is_empty(&certificates) => "it holds no certificate".to_owned(),
        Ok(certificates) => return Ok(certificates),
        Err(error) => error.to_string(),
    };
    Err(io::Error::other(format!(
        "cannot read the authorities in {}: {problem}; check root_cert and that it is PEM",
        path.display()
    )))
}

/// When the certificate of the other side ends.
pub(super) fn expires(stream: &TlsStream<TcpStream>) -> Option<SystemTime> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate.validity.not_after.to_system_time())
}
