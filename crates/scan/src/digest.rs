//! SHA-256 of content.

use sha2::{Digest as _, Sha256 as Hasher};
use yagura_event::Sha256;

/// A digest under way.
#[derive(Debug, Default)]
pub(crate) struct Hashing(Hasher);

impl Hashing {
    /// Adds bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes.
    pub(crate) fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}

/// The digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256 {
    Sha256(Hasher::digest(bytes).into())
}
