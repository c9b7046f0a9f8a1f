//! Lengths of time as policies write them: `30s`, `10m`, `12h`, `30d`.

use std::fmt;
use thiserror::Error;

/// A length of time in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    seconds: u64,
}

/// The text is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a length of time such as 30s, 10m, 12h or 30d")]
pub struct InvalidSpan;

/// Units and their seconds, the longest first.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Span {
    /// A span of so many seconds.
    pub const fn of_seconds(seconds: u64) -> Span {
        Span { seconds }
    }

    /// Reads a whole number and its unit.
    ///
    /// # Errors
    /// [`InvalidSpan`] if the text is something else, or longer than 64 bits of seconds can say.
    pub fn new(text: &str) -> Result<Span, InvalidSpan> {
        let (unit_at, unit) = text.char_indices().next_back().ok_or(InvalidSpan)?;
        let (_, seconds) = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or(InvalidSpan)?;
        let digits = text.get(..unit_at).unwrap_or_default();
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(InvalidSpan);
        }
        let number: u64 = digits.parse().map_err(|_| InvalidSpan)?;
        number
            .checked_mul(*seconds)
            .map(Span::of_seconds)
            .ok_or(InvalidSpan)
    }

    /// Its length in seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = UNITS
            .iter()
            .find(|(_, unit)| self.seconds > 0 && self.seconds.is_multiple_of(*unit));
        match fitting {
            Some((name, unit)) => write!(f, "{}{name}", self.seconds / unit),
            None => f.write_str("0s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_print_in_their_longest_unit() {
        for (text, printed) in [
            ("600s", "10m"),
            ("10m", "10m"),
            ("48h", "2d"),
            ("90m", "90m"),
        ] {
            assert_eq!(Span::new(text).unwrap().to_string(), printed);
        }
        assert_eq!(Span::of_seconds(0).to_string(), "0s");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "10",
            "m",
            "-1m",
            "+1m",
            "1.5h",
            "10 m",
            "10é",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(Span::new(text), Err(InvalidSpan), "{text:?}");
        }
    }
}
