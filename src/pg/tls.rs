//! TLS as libpq's sslmode means it.
//!
//! `prefer` and `require` check nothing, unless `require` has an sslrootcert: then it is
//! `verify-ca`. <https://www.postgresql.org/docs/current/libpq-ssl.html>

mod verify;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{Tls, TlsMode};
use crate::trust;

/// Why TLS cannot be set up on our side.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error(
        "cannot read the certificates or key in {path}: {reason}; check the path and that it is PEM"
    )]
    Pem {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// No authority to trust.
    #[error("the system has no trusted certificate authorities; give one with sslrootcert")]
    NoRoots,
    /// Certificate and key do not fit, or the like.
    #[error("TLS cannot be set up: {0}; check sslrootcert, sslcert and sslkey")]
    Rustls(#[from] rustls::Error),
    /// The verifier cannot be made.
    #[error("the certificate authorities cannot be used: {0}; check sslrootcert")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// A connector for these settings.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier(tls, provider)?);
    let config = match &tls.client {
        Some(client) => {
            let key = PrivateKeyDer::from_pem_file(&client.key)
                .map_err(|error| pem_error(&client.key, &error))?;
            builder.with_client_auth_cert(certificates(&client.cert)?, key)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn verifier(
    tls: &Tls,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let check_name = match (tls.mode, &tls.root_cert) {
        (TlsMode::VerifyFull, _) => true,
        (TlsMode::VerifyCa, _) | (TlsMode::Require, Some(_)) => false,
        _ => return Ok(Arc::new(verify::Unchecked)),
    };
    let trusted = match &tls.root_cert {
        Some(path) => certificates(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(trusted.iter().cloned());
    if added == 0 {
        return Err(TlsError::NoRoots);
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
    Ok(Arc::new(verify::Checked::new(webpki, trusted, check_name)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    trust::certificates(path).map_err(|reason| TlsError::Pem { path: path.to_owned(), reason })
}

fn pem_error(path: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { path: path.to_owned(), reason: error.to_string() }
}
