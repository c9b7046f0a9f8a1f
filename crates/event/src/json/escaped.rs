//! Hostile bytes as text of bounded length.

use crate::escape;

/// Stands where something was left out.
pub const CUT: &str = "…[cut]";

/// Bytes escaped, of which at most `bytes_max` are looked at. What is cut ends in [`CUT`]. Escaping makes text at
/// most four times as long, so the result is bounded too.
pub fn bounded(bytes: &[u8], bytes_max: usize) -> String {
    match bytes.get(..bytes_max) {
        Some(head) if head.len() < bytes.len() => {
            let whole = head.len() - partial_character_bytes(head);
            let head = head.get(..whole).unwrap_or_default();
            format!("{}{CUT}", escape(head))
        }
        _ => escape(bytes).into_owned(),
    }
}

/// How many bytes at the end begin a character of UTF-8 that is not complete.
fn partial_character_bytes(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => 0,
        // Anything else than an unexpected end stands further in front, or is invalid wherever the cut is.
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(bounded(b"abc", 3), "abc");
        assert_eq!(bounded(b"a\nb", 3), "a\\nb");
    }

    #[test]
    fn what_does_not_fit_is_cut_between_characters() {
        assert_eq!(bounded(b"abcd", 3), "abc…[cut]");
        assert_eq!(bounded("a櫓".as_bytes(), 3), "a…[cut]");
        assert_eq!(bounded(b"\x1b\xff\xff", 2), "\\x1b\\xff…[cut]");
        assert_eq!(bounded(b"ab", 0), "…[cut]");
    }
}
