//! Passwords at rest: argon2id.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// Characters of a password, at least (NIST SP 800-63B asks for 8; 15 where it is the only factor is advised).
const PASSWORD_CHARS_MIN: usize = 12;
/// Characters of a password, at most: hashing costs time by length, and nobody types more.
const PASSWORD_CHARS_MAX: usize = 1024;
/// Memory in KiB, passes, lanes. Source: OWASP Password Storage Cheat Sheet, argon2id.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// It is too short.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters")]
    TooShort,
    /// It is too long.
    #[error("a password has at most {PASSWORD_CHARS_MAX} characters")]
    TooLong,
    /// The hash function failed, or the task that ran it.
    #[error("the password could not be hashed")]
    Hash,
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(COST.0, COST.1, COST.2, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password on a thread for blocking work: it takes some 20 ms of processor time.
///
/// # Errors
/// [`PasswordError`].
pub(crate) async fn hash_password(password: String) -> Result<String, PasswordError> {
    tokio::task::spawn_blocking(move || hash_password_now(&password))
        .await
        .map_err(|_| PasswordError::Hash)?
}

/// Hashes a password on this thread.
///
/// # Errors
/// [`PasswordError`].
fn hash_password_now(password: &str) -> Result<String, PasswordError> {
    match password.chars().count() {
        ..PASSWORD_CHARS_MIN => return Err(PasswordError::TooShort),
        count if count > PASSWORD_CHARS_MAX => return Err(PasswordError::TooLong),
        _ => {}
    }
    let hash = hasher().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|_| PasswordError::Hash)
}

/// Whether the password is the one that was hashed. Without a hash (no such user) it takes as long and says no, so that
/// nobody learns by the clock which names exist.
pub(crate) async fn verify_password(password: String, hash: Option<String>) -> bool {
    let verify = move || {
        if password.chars().count() > PASSWORD_CHARS_MAX {
            return false;
        }
        let Some(hash) = hash else {
            let _ = hasher().hash_password(password.as_bytes());
            return false;
        };
        PasswordHash::new(&hash)
            .is_ok_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok())
    };
    tokio::task::spawn_blocking(verify).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let hash = hash_password("correct horse battery".to_owned())
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let known = |password: &str| verify_password(password.to_owned(), Some(hash.clone()));
        assert!(known("correct horse battery").await);
        assert!(!known("correct horse batterz").await);
        assert!(!verify_password("correct horse battery".to_owned(), None).await);
        assert!(!verify_password("x".to_owned(), Some("no hash".to_owned())).await);
    }

    #[test]
    fn bounds_hold() {
        assert!(matches!(
            hash_password_now("short"),
            Err(PasswordError::TooShort)
        ));
        let long = "x".repeat(PASSWORD_CHARS_MAX + 1);
        assert!(matches!(
            hash_password_now(&long),
            Err(PasswordError::TooLong)
        ));
    }
}
