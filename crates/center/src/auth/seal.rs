//! What a browser carries for the center, and neither reads nor changes.

use super::secret::hex;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Bytes of what is sealed, in hexadecimal digits: a cookie has place for 4,096.
const SEALED_CHARS_MAX: usize = 3800;

/// A key that seals.
#[derive(Debug)]
pub(crate) struct Seal(LessSafeKey);

impl Seal {
    /// With that key of [`KEY_BYTES`]; `None` if it has another length.
    pub(crate) fn new(key: &[u8]) -> Option<Seal> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).ok()?;
        Some(Seal(LessSafeKey::new(key)))
    }

    /// A new key; `None` if the system gives no random bytes.
    pub(crate) fn new_key() -> Option<[u8; KEY_BYTES]> {
        let mut key = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut key).ok()?;
        Some(key)
    }

    /// Seals a text for one purpose; `None` if there is no randomness, or the text is too long.
    pub(crate) fn close(&self, purpose: &str, text: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = text.as_bytes().to_vec();
        let aad = Aad::from(purpose.as_bytes());
        let unique = Nonce::assume_unique_for_key(nonce);
        self.0
            .seal_in_place_append_tag(unique, aad, &mut sealed)
            .ok()?;
        let sealed = hex(&nonce) + &hex(&sealed);
        (sealed.len() <= SEALED_CHARS_MAX).then_some(sealed)
    }

    /// What was sealed for that purpose; `None` if it was not, or was changed.
    pub(crate) fn open(&self, purpose: &str, sealed: &str) -> Option<String> {
        if sealed.len() > SEALED_CHARS_MAX {
            return None;
        }
        let bytes = of_hex(sealed)?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
        let mut rest = rest.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let aad = Aad::from(purpose.as_bytes());
        let text = self.0.open_in_place(nonce, aad, &mut rest).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<Vec<u8>>>()?;
    let pairs = digits.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs
        .map(|pair| match pair {
            [high, low] => Some(high * 16 + low),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_for_its_purpose_and_unchanged_alone() {
        let seal = Seal::new(&Seal::new_key().unwrap()).unwrap();
        let sealed = seal.close("log-in", "state é").unwrap();
        assert_eq!(seal.open("log-in", &sealed).unwrap(), "state é");
        assert_eq!(seal.open("other", &sealed), None);
        for place in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(seal.open("log-in", &changed), None, "{place}");
        }
        for hostile in ["", "0", "00", "zz", "é", &"0".repeat(5000)] {
            assert_eq!(seal.open("log-in", hostile), None);
        }
        let other = Seal::new(&Seal::new_key().unwrap()).unwrap();
        assert_eq!(other.open("log-in", &sealed), None);
        assert!(seal.close("log-in", &"x".repeat(4000)).is_none());
        assert!(Seal::new(b"short").is_none());
    }
}
