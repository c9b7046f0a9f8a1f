//! Enrolment tokens.
//!
//! A token is what a person copies from the center to a node: a secret that the center knows by its digest alone, and
//! the fingerprint of the center's authority, so that the first contact is as safe as every later one.

use crate::hex;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::fmt;

/// How a token begins: says what it is, in a form that scanners for leaked secrets can look for.
const PREFIX: &str = "yagura-enrol-";

/// SHA-256 of something.
pub type Digest = [u8; 32];

/// SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut result = [0; 32];
    result.copy_from_slice(digest(&SHA256, bytes).as_ref());
    result
}

/// What a center looks a token up by that was presented: the digits of its digest.
pub fn lookup_key(digest: &Digest) -> String {
    hex::encode(digest)
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], ring::error::Unspecified> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes)
}

/// An enrolment token: `yagura-enrol-`, 64 digits of the secret, `-`, 64 digits of the authority's fingerprint.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    secret: [u8; 32],
    authority: Digest,
}

/// Why a text is no token. It does not repeat the text, which is a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an enrolment token is `yagura-enrol-` and twice 64 digits with `-` between")]
pub struct InvalidToken;

impl EnrolmentToken {
    /// A new token for the center whose authority has that fingerprint.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn generate(authority: Digest) -> Result<EnrolmentToken, ring::error::Unspecified> {
        Ok(EnrolmentToken {
            secret: random()?,
            authority,
        })
    }

    /// Reads a token; white space around it is left out.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub fn parse(text: &str) -> Result<EnrolmentToken, InvalidToken> {
        let parts = text.trim().strip_prefix(PREFIX).ok_or(InvalidToken)?;
        let (secret, authority) = parts.split_once('-').ok_or(InvalidToken)?;
        Ok(EnrolmentToken {
            secret: hex::decode(secret).ok_or(InvalidToken)?,
            authority: hex::decode(authority).ok_or(InvalidToken)?,
        })
    }

    /// The token as a person copies it. It is a secret.
    pub fn reveal(&self) -> String {
        let (secret, authority) = (hex::encode(&self.secret), hex::encode(&self.authority));
        format!("{PREFIX}{secret}-{authority}")
    }

    /// What the center keeps of it.
    pub fn digest(&self) -> Digest {
        sha256(&self.secret)
    }

    /// What a center looks the token up by: the digits of [`EnrolmentToken::digest`].
    pub fn lookup_key(&self) -> String {
        lookup_key(&self.digest())
    }

    /// SHA-256 of the certificate of the authority that the center has to show.
    pub fn authority(&self) -> Digest {
        self.authority
    }

    /// What is presented.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.secret
    }
}

impl fmt::Debug for EnrolmentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnrolmentToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_was_written_and_shown_only_on_purpose() {
        let token = EnrolmentToken::generate([7; 32]).expect("random");
        let text = token.reveal();
        assert_eq!(
            EnrolmentToken::parse(&format!(" {text}\n")),
            Ok(token.clone())
        );
        assert_eq!(token.digest(), sha256(&token.secret()));
        assert_eq!(format!("{token:?}"), "EnrolmentToken(..)");
        assert_ne!(EnrolmentToken::generate([7; 32]).expect("random"), token);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let good = EnrolmentToken::generate([7; 32]).expect("random").reveal();
        for wrong in [
            "",
            "yagura-enrol-",
            "x",
            &good[1..],
            &good[..good.len() - 1],
            &format!("{good}0"),
        ] {
            assert_eq!(EnrolmentToken::parse(wrong), Err(InvalidToken));
        }
    }
}
