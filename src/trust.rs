//! Whom TLS trusts: to the systems around the ERP the system's authorities, or those of a file.
//! Connections to PostgreSQL have libpq's rules instead, and read their files in the same way.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of authorities cannot be used.
    #[error("cannot read the authorities in {}: {reason}; check root_cert and that it is PEM", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The library refuses.
    #[error("cannot set up TLS: {0}; this is a fault of erpscope, please report it")]
    Rustls(#[from] rustls::Error),
}

/// Trusts the authorities in a file, else the system's. A system without any can still be asked
/// without TLS, so that is only said in the log.
pub fn client(root_cert: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let trusted = match root_cert {
        Some(path) => certificates(path)
            .map_err(|reason| TrustError::File { path: path.to_owned(), reason })?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(trusted);
    if added == 0 {
        tracing::warn!(
            "there is no certificate authority to trust, so nothing can be reached by https://; \
             install ca-certificates or set SSL_CERT_FILE"
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The certificates of a PEM file, at least one, or why there is none.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| error.to_string())?;
    if found.is_empty() { Err("it holds no certificate".to_owned()) } else { Ok(found) }
}
