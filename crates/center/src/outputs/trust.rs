//! Whom outputs trust: the machine's certificate authorities, or those that an output names in their place.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Certificates of one output.
const CERTIFICATES_MAX: usize = 20;

/// Why certificates can't be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TrustError {
    /// It is no PEM, or a certificate in it is none.
    #[error("is no list of certificates in PEM")]
    NotPem,
    /// It holds none.
    #[error("holds no certificate")]
    Empty,
    /// It holds too many.
    #[error("holds more than {CERTIFICATES_MAX} certificates")]
    TooMany,
}

/// The certificates of a PEM text.
///
/// # Errors
/// [`TrustError`]
pub(super) fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        found.push(certificate.map_err(|_| TrustError::NotPem)?);
        if found.len() > CERTIFICATES_MAX {
            return Err(TrustError::TooMany);
        }
    }
    match found.is_empty() {
        true => Err(TrustError::Empty),
        false => Ok(found),
    }
}

/// TLS that trusts the authorities of a PEM text alone, or whom the machine trusts where that is empty.
///
/// # Errors
/// [`TrustError`]
pub(super) fn client_config(pem: &str) -> Result<ClientConfig, TrustError> {
    let mut roots = RootCertStore::empty();
    if pem.is_empty() {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that can't be read is one that nobody is trusted by.
            let _ = roots.add(certificate);
        }
    } else {
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|_| TrustError::NotPem)?;
        }
    }
    Ok(ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth())
}
