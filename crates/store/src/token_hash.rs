//! Secrets that are compared and never read: only their digests are stored.

use crate::StoreError;
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 of a session's, an API token's or an enrolment token's secret.
///
/// These secrets are random and long, so that a plain digest suffices; passwords are another matter, and whoever stores
/// one here hashes it for the purpose first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The digest of a secret.
    pub fn of(secret: &str) -> TokenHash {
        TokenHash(Sha256::digest(secret.as_bytes()).into())
    }

    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<TokenHash, StoreError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| StoreError::damaged("a digest does not have 32 bytes"))?;
        Ok(TokenHash(bytes))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}
