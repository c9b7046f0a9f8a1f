//! Random secrets and ids.

use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::Write as _;

/// What a secret is for. Its prefix lets scanners of repositories find leaked ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// A session.
    Session,
    /// An API token.
    ApiToken,
    /// A password that has to be replaced.
    OneTimePassword,
    /// A Kubernetes audit webhook.
    AuditWebhook,
}

impl SecretKind {
    fn prefix(self) -> &'static str {
        match self {
            SecretKind::Session => "ygs_",
            SecretKind::ApiToken => "ygt_",
            SecretKind::OneTimePassword => "",
            SecretKind::AuditWebhook => "yga_",
        }
    }

    /// Random bytes. A password is typed by a person: 80 bits that argon2id guards suffice.
    fn bytes(self) -> usize {
        match self {
            SecretKind::OneTimePassword => 10,
            _ => 32,
        }
    }
}

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub(crate) struct NoRandomness;

/// A new secret.
///
/// # Errors
/// [`NoRandomness`].
pub(crate) fn new_secret(kind: SecretKind) -> Result<String, NoRandomness> {
    Ok(format!("{}{}", kind.prefix(), random_hex(kind.bytes())?))
}

/// A new id: 32 hexadecimal digits.
///
/// # Errors
/// [`NoRandomness`].
pub(crate) fn new_id() -> Result<String, NoRandomness> {
    random_hex(16)
}

fn random_hex(bytes: usize) -> Result<String, NoRandomness> {
    let mut random = vec![0; bytes];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| NoRandomness)?;
    Ok(hex(&random))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether two secrets are the same, in a time that tells nothing of where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let digest = |text: &str| ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest(one).as_ref() == digest(other).as_ref()
}

impl From<NoRandomness> for crate::http::Problem {
    fn from(error: NoRandomness) -> Self {
        tracing::error!(error = %error, "no secret could be made");
        crate::http::Problem::internal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_show_their_kind() {
        let one = new_secret(SecretKind::ApiToken).unwrap();
        assert!(one.starts_with("ygt_"));
        assert_eq!(one.len(), 4 + 64);
        assert_ne!(one, new_secret(SecretKind::ApiToken).unwrap());
        assert!(same(&one, &one.clone()));
        assert!(!same(&one, "ygt_"));
    }
}
