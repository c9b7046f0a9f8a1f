//! The sensor's certificate and key on its disk.

use crate::identity::{IdentityError, SensorIdentity};
use crate::token::Digest;
use crate::{files, hex, wire};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Name of the file; it holds a key.
const FILE: &str = "certificate.json";
/// Name of the file with the key whose certificate was asked for and did not come yet.
const KEY_FILE: &str = "enrolment.key";
/// Bytes of these files; they have a few thousand.
const FILE_BYTES_MAX: usize = 256 << 10;
/// Keys for commands that a center may have at a time.
const COMMAND_KEYS_MAX: usize = 16;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file can't be read or written.
    #[error("certificate's file cannot be used")]
    File(#[from] std::io::Error),
    /// It holds something else.
    #[error("certificate's file has no valid {0}")]
    Damaged(&'static str),
    /// The certificate is no sensor's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The key can't be made or read.
    #[error("key cannot be made or read")]
    Key(#[source] rcgen::Error),
}

/// Who the sensor is, with the proof.
#[derive(Clone)]
pub struct Credentials {
    stored: Stored,
    identity: SensorIdentity,
    certificate: Vec<u8>,
    authority: Vec<u8>,
    key: Vec<u8>,
    command_keys: Vec<Digest>,
}

/// The file: hexadecimal digits of DER.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    certificate: String,
    key: String,
    authority: String,
    command_keys: Vec<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.identity.id)
    }
}

/// A key that has no certificate yet.
pub(super) struct NewKey {
    pair: KeyPair,
}

impl NewKey {
    /// A key for a renewal.
    pub(super) fn generate() -> Result<NewKey, rcgen::Error> {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Ok(NewKey { pair })
    }

    /// The key for enrolment: the same as in an attempt before, whose answer may have been lost.
    pub(super) fn for_enrolment(state: &Path) -> Result<NewKey, CredentialsError> {
        if let Some(der) = files::read(&state.join(KEY_FILE), FILE_BYTES_MAX)? {
            let der = PrivatePkcs8KeyDer::from(der);
            if let Ok(pair) = KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ECDSA_P256_SHA256) {
                return Ok(NewKey { pair });
            }
            tracing::warn!("key of an earlier enrolment is damaged; a new one is made");
        }
        let key = NewKey::generate().map_err(CredentialsError::Key)?;
        files::replace(state, KEY_FILE, &key.pair.serialize_der())?;
        Ok(key)
    }

    /// The request for its certificate.
    pub(super) fn signing_request(&self) -> Result<Vec<u8>, rcgen::Error> {
        let request = CertificateParams::default().serialize_request(&self.pair)?;
        Ok(request.der().to_vec())
    }

    /// Keeps what the center answered, in the place of what there was.
    pub(super) fn keep(
        &self,
        answer: &wire::Credentials,
        state: &Path,
    ) -> Result<Credentials, CredentialsError> {
        let stored = Stored {
            certificate: hex::encode(&answer.certificate),
            key: hex::encode(&self.pair.serialize_der()),
            authority: hex::encode(&answer.authority),
            command_keys: answer
                .command_keys
                .iter()
                .map(|key| hex::encode(key))
                .collect(),
        };
        let credentials = Credentials::of_stored(stored)?;
        let is_ours = x509_parser::parse_x509_certificate(&credentials.certificate).is_ok_and(
            |(_, parsed)| parsed.public_key().subject_public_key.data == self.pair.der_bytes(),
        );
        if !is_ours {
            return Err(CredentialsError::Damaged("certificate of this key"));
        }
        let text = serde_json::to_vec(&credentials.stored).map_err(std::io::Error::other)?;
        files::replace(state, FILE, &text)?;
        match std::fs::remove_file(state.join(KEY_FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(credentials),
        }
    }
}

impl Credentials {
    /// Reads the file of a state folder; `None` if there is none.
    ///
    /// # Errors
    /// [`CredentialsError`].
    pub fn load(state: &Path) -> Result<Option<Credentials>, CredentialsError> {
        let Some(bytes) = files::read(&state.join(FILE), FILE_BYTES_MAX)? else {
            return Ok(None);
        };
        let stored =
            serde_json::from_slice(&bytes).map_err(|_| CredentialsError::Damaged("JSON"))?;
        Credentials::of_stored(stored).map(Some)
    }

    fn of_stored(stored: Stored) -> Result<Credentials, CredentialsError> {
        let bytes = |text: &str, what| hex::decode_any(text).ok_or(CredentialsError::Damaged(what));
        let certificate = bytes(&stored.certificate, "certificate")?;
        let command_keys: Option<Vec<Digest>> = stored
            .command_keys
            .iter()
            .map(|key| hex::decode(key))
            .collect();
        Ok(Credentials {
            identity: SensorIdentity::of_certificate(&certificate)?,
            key: bytes(&stored.key, "key")?,
            authority: bytes(&stored.authority, "authority")?,
            command_keys: command_keys
                .filter(|keys| !keys.is_empty() && keys.len() <= COMMAND_KEYS_MAX)
                .ok_or(CredentialsError::Damaged("keys for commands"))?,
            certificate,
            stored,
        })
    }

    /// What the certificate says.
    pub fn identity(&self) -> &SensorIdentity {
        &self.identity
    }

    pub(super) fn authority(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.authority.clone())
    }

    pub(super) fn command_keys(&self) -> &[Digest] {
        &self.command_keys
    }

    pub(super) fn for_tls(&self) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = PrivatePkcs8KeyDer::from(self.key.clone());
        (CertificateDer::from(self.certificate.clone()), key.into())
    }
}
