//! Likeness of files: TLSH, in its common form of 128 buckets (`T1` and 70 digits).

use std::str::FromStr as _;
use tlsh2::{TlshDefault, TlshDefaultBuilder};

/// Digests at most this far apart are near-copies. The makers of TLSH find few false alarms below 50 among programs;
/// those that share a large runtime, as Go's do, come nearer.
pub const LIKE_DISTANCE_MAX: u32 = 40;

/// The fuzzy digest of content; none where it is shorter than 50 bytes or has too little variety.
pub fn fuzzy_digest(content: &[u8]) -> Option<String> {
    let digest = TlshDefaultBuilder::build_from(content)?.hash();
    Some(String::from_utf8_lossy(&digest).into_owned())
}

/// How far two fuzzy digests are apart: 0 for the same, more than about 200 for unrelated content. `None` where one of
/// them is no TLSH digest.
pub fn fuzzy_distance(a: &str, b: &str) -> Option<u32> {
    Some(Fuzzy::parse(a)?.distance(&Fuzzy::parse(b)?))
}

/// A fuzzy digest that was read.
#[derive(Clone)]
pub(crate) struct Fuzzy(TlshDefault);

impl Fuzzy {
    /// Reads `T1` and 70 hexadecimal digits; older ones lack the `T1`.
    pub(crate) fn parse(text: &str) -> Option<Fuzzy> {
        let digits = text.strip_prefix("T1").unwrap_or(text);
        if digits.len() != 70 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let whole = format!("T1{}", digits.to_ascii_uppercase());
        TlshDefault::from_str(&whole).ok().map(Fuzzy)
    }

    /// How far another is.
    pub(crate) fn distance(&self, other: &Fuzzy) -> u32 {
        u32::try_from(self.0.diff(&other.0, true)).unwrap_or(0)
    }
}

impl std::fmt::Debug for Fuzzy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.hash()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(seed: u32) -> Vec<u8> {
        let mut state = seed;
        (0..40_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect()
    }

    #[test]
    fn a_changed_copy_is_near_and_other_content_is_far() {
        let original = content(1);
        let mut copy = original.clone();
        for byte in copy.iter_mut().skip(1000).take(200) {
            *byte ^= 0x55;
        }
        let digest = |bytes: &[u8]| fuzzy_digest(bytes).expect("enough variety");
        let distance =
            |other: &[u8]| fuzzy_distance(&digest(&original), &digest(other)).expect("digests");
        assert_eq!(distance(&original), 0);
        assert!(distance(&copy) <= LIKE_DISTANCE_MAX, "{}", distance(&copy));
        assert!(distance(&content(2)) > LIKE_DISTANCE_MAX);
    }

    #[test]
    fn what_is_no_digest_has_no_distance() {
        let digest = fuzzy_digest(&content(3)).expect("enough variety");
        for wrong in ["", "T1", "T1é", &digest[..71], &format!("{digest}0")] {
            assert_eq!(fuzzy_distance(&digest, wrong), None, "{wrong}");
        }
        assert_eq!(
            fuzzy_distance(&digest, &digest[2..].to_lowercase()),
            Some(0)
        );
        assert_eq!(fuzzy_digest(b"short"), None);
        assert_eq!(fuzzy_digest(&[0; 5000]), None);
    }
}
