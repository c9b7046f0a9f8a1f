//! The center's own certificate authority, and its key for commands.
//!
//! It issues two kinds of certificates: centers' ([`Authority::issue_server`]), all with the name
//! [`CENTER_NAME`], by which sensors know any replica at any address; and sensors' ([`Authority::sign`]), of which the
//! signing request gives the public key and nothing else.

use crate::command::CommandSigner;
use crate::files;
use crate::identity::{IdentityError, SensorId, SensorIdentity};
use crate::limits::SIGNING_REQUEST_BYTES_MAX;
use crate::token::{Digest, random, sha256};
use crate::{UnixMs, hex};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName,
    DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData as _, SerialNumber,
};
use ring::signature::Ed25519KeyPair;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::path::Path;
use std::time::Duration;
use time::OffsetDateTime;

/// The name in every center's certificate that sensors check. The authority issues it to centers alone, so it says as
/// much as an address, and holds behind any load balancer.
pub const CENTER_NAME: &str = "center.yagura.internal";

/// Life of the authority: replacing it means enrolling every sensor again.
const AUTHORITY_LIFE: Duration = Duration::from_secs(20 * 365 * 86_400);
/// Life of a center's certificate, which is made anew at every start and at two thirds of it.
const SERVER_LIFE: Duration = Duration::from_secs(90 * 86_400);
/// Life of a sensor's certificate if nothing else is asked for: a node that was away for ten days at least still gets in.
pub const SENSOR_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// How much earlier than now certificates begin: clocks of nodes differ.
const BACKDATED: Duration = Duration::from_secs(300);
/// Name of the file in the center's folder.
const FILE: &str = "authority.pem";
/// Bytes of that file; it has about one thousand.
const FILE_BYTES_MAX: usize = 64 << 10;

/// Why the authority can't be made, loaded or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The file can't be read or written.
    #[error("authority's file cannot be used")]
    File(#[from] std::io::Error),
    /// It holds something else.
    #[error("authority has no valid {0}")]
    Damaged(&'static str),
    /// A key or certificate can't be made.
    #[error("certificate cannot be made")]
    Make(#[from] rcgen::Error),
    /// The system gives no random bytes.
    #[error("no random bytes")]
    Random,
}

impl From<ring::error::Unspecified> for AuthorityError {
    fn from(_: ring::error::Unspecified) -> AuthorityError {
        AuthorityError::Random
    }
}

/// Why a signing request gets no certificate.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Not a request, not signed by its own key, or with a key of another kind.
    #[error("signing request is not valid")]
    Request(#[source] Option<rcgen::Error>),
    /// The certificate can't be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The certificate that was made does not say what it has to.
    #[error("certificate cannot be made for these names")]
    Identity(#[from] IdentityError),
}

/// A sensor's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCertificate {
    /// The certificate.
    pub der: Vec<u8>,
    /// What it says.
    pub identity: SensorIdentity,
}

/// A center's certificate with its key.
pub struct ServerCertificate {
    /// The certificate and the authority's, which sensors need for their first contact.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// When a new one is due.
    pub renewal_due: UnixMs,
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerCertificate(..)")
    }
}

/// A request that was checked: it is well formed, and signed by its own key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningRequest {
    request: CertificateSigningRequestParams,
    /// SHA-256 of the public key.
    pub key_sha256: Digest,
}

impl SigningRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// [`SignError::Request`].
    pub fn parse(der: &[u8]) -> Result<SigningRequest, SignError> {
        if der.len() > SIGNING_REQUEST_BYTES_MAX {
            return Err(SignError::Request(None));
        }
        let request = CertificateSigningRequestParams::from_der(&der.into())
            .map_err(|error| SignError::Request(Some(error)))?;
        // Sensors make these keys and no others; weak ones have no way in.
        if request.public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 {
            return Err(SignError::Request(None));
        }
        let key_sha256 = sha256(request.public_key.der_bytes());
        Ok(SigningRequest {
            request,
            key_sha256,
        })
    }
}

/// The authority.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    commands: CommandSigner,
    fingerprint: Digest,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", hex::encode(&self.fingerprint))
    }
}

impl Authority {
    /// Makes a new authority, as text: its certificate and its two keys in PEM. Whoever has it can be any sensor and any
    /// center.
    ///
    /// # Errors
    /// [`AuthorityError`] if keys can't be made.
    pub fn generate() -> Result<String, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let command_key = KeyPair::generate_for(&PKCS_ED25519)?;
        let number = hex::encode(&random::<4>()?);
        let mut params = params(UnixMs::now(), AUTHORITY_LIFE)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, format!("Yagura authority {number}"));
        let certificate = params.self_signed(&key)?;
        let (key, command_key) = (key.serialize_pem(), command_key.serialize_pem());
        Ok(format!("{}{key}{command_key}", certificate.pem()))
    }

    /// Reads an authority that [`Authority::generate`] made.
    ///
    /// # Errors
    /// [`AuthorityError::Damaged`].
    pub fn of_pem(text: &str) -> Result<Authority, AuthorityError> {
        let damaged = AuthorityError::Damaged;
        let certificate =
            CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| damaged("certificate"))?;
        let mut keys = PrivatePkcs8KeyDer::pem_slice_iter(text.as_bytes());
        let mut next = |what| {
            let key = keys.next().and_then(Result::ok);
            key.ok_or(damaged(what))
        };
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&next("key")?, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| damaged("key"))?;
        let command_key = Ed25519KeyPair::from_pkcs8(next("key for commands")?.secret_pkcs8_der())
            .map_err(|_| damaged("key for commands"))?;
        let is_its = x509_parser::parse_x509_certificate(&certificate).is_ok_and(|(_, parsed)| {
            parsed.public_key().subject_public_key.data == key.der_bytes()
        });
        if !is_its {
            return Err(damaged("key of its certificate"));
        }
        Ok(Authority {
            fingerprint: sha256(&certificate),
            issuer: Issuer::from_ca_cert_der(&certificate, key)?,
            commands: CommandSigner::new(command_key),
            certificate,
        })
    }

    /// The authority of a folder: a new one if there is none yet.
    ///
    /// # Errors
    /// [`AuthorityError`]. A damaged file is never replaced: that would lock out every sensor.
    pub fn load_or_create(folder: &Path) -> Result<Authority, AuthorityError> {
        let text = match files::read(&folder.join(FILE), FILE_BYTES_MAX)? {
            Some(bytes) => String::from_utf8(bytes).map_err(|_| AuthorityError::Damaged("text"))?,
            None => {
                let text = Authority::generate()?;
                files::make_private_folder(folder)?;
                files::replace(folder, FILE, text.as_bytes())?;
                text
            }
        };
        Authority::of_pem(&text)
    }

    /// The authority's certificate, DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the certificate: what tokens carry.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// Signs commands.
    pub fn commands(&self) -> &CommandSigner {
        &self.commands
    }

    /// Makes a certificate for a center, with [`CENTER_NAME`] and further names or addresses.
    ///
    /// # Errors
    /// [`AuthorityError::Make`] if a name is no DNS name or address.
    pub fn issue_server(
        &self,
        names: &[String],
        now: UnixMs,
    ) -> Result<ServerCertificate, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut all = vec![CENTER_NAME.to_owned()];
        all.extend(names.iter().filter(|name| *name != CENTER_NAME).cloned());
        let mut params = params(now, SERVER_LIFE)?;
        params.subject_alt_names = CertificateParams::new(all)?.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params
            .distinguished_name
            .push(DnType::CommonName, "Yagura center");
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerCertificate {
            chain: vec![certificate.der().clone(), self.certificate.clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            renewal_due: now.plus(SERVER_LIFE / 3 * 2),
        })
    }

    /// Signs a certificate for a sensor.
    ///
    /// # Errors
    /// [`SignError`] if the names can't stand in a certificate.
    pub fn sign(
        &self,
        request: &SigningRequest,
        sensor: &SensorId,
        node: &str,
        cluster: &str,
        now: UnixMs,
        life: Duration,
    ) -> Result<SignedCertificate, SignError> {
        let mut params = params(now, life)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, sensor.as_str());
        name.push(DnType::OrganizationalUnitName, node);
        if !cluster.is_empty() {
            name.push(DnType::OrganizationName, cluster);
        }
        let certificate = params
            .signed_by(&request.request.public_key, &self.issuer)
            .map_err(AuthorityError::Make)?;
        let der = certificate.der().to_vec();
        // What others will read is read here first: it says what was meant or does not go out.
        let identity = SensorIdentity::of_certificate(&der)?;
        if identity.id != *sensor || identity.node != node || identity.cluster != cluster {
            return Err(IdentityError::Missing("names").into());
        }
        Ok(SignedCertificate { der, identity })
    }
}

/// What all certificates have in common.
fn params(now: UnixMs, life: Duration) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let begin = UnixMs(now.0.saturating_sub(UnixMs(0).plus(BACKDATED).0));
    params.not_before = date(begin)?;
    params.not_after = date(now.plus(life))?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.serial_number = Some(SerialNumber::from(random::<16>()?.to_vec()));
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn date(time: UnixMs) -> Result<OffsetDateTime, AuthorityError> {
    let seconds = i64::try_from(time.0 / 1000).map_err(|_| AuthorityError::Damaged("time"))?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| AuthorityError::Damaged("time"))
}

#[cfg(test)]
mod tests;
