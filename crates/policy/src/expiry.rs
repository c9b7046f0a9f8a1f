//! When a rule stops taking part.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use std::fmt;
use thiserror::Error;
use yagura_event::WallTime;

/// The end of a rule's life.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Expiry {
    written: String,
    at: WallTime,
}

/// The text is no date that an expiry can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an RFC 3339 date or date-time between the years 1678 and 2261")]
pub struct InvalidExpiry;

impl Expiry {
    /// Reads `2026-12-31` (through the whole of that day, UTC) or `2026-12-31T18:00:00+09:00` (until then).
    ///
    /// # Errors
    /// [`InvalidExpiry`] if the text is something else, or out of the range of [`WallTime`].
    pub fn new(text: &str) -> Result<Expiry, InvalidExpiry> {
        const DATE_BYTES: usize = "2026-12-31".len();
        const TEXT_BYTES_MAX: usize = 40;
        // The parser below knows more than RFC 3339 (time zone names, signed years); nothing of that gets through.
        let plain = |b: u8| b.is_ascii_digit() || b"-:.+TZtz".contains(&b);
        if text.len() > TEXT_BYTES_MAX || !text.bytes().all(plain) || !starts_with_year(text) {
            return Err(InvalidExpiry);
        }
        let at = if text.len() == DATE_BYTES {
            end_of_day(text)?
        } else {
            text.parse::<Timestamp>().map_err(|_| InvalidExpiry)?
        };
        Ok(Expiry {
            written: text.to_owned(),
            at: WallTime(i64::try_from(at.as_nanosecond()).map_err(|_| InvalidExpiry)?),
        })
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// From when on the rule does not take part.
    pub fn at(&self) -> WallTime {
        self.at
    }

    /// Whether the rule does not take part any more.
    pub fn has_passed(&self, now: WallTime) -> bool {
        now >= self.at
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Four digits and a hyphen: RFC 3339 has no other years and no basic format.
fn starts_with_year(text: &str) -> bool {
    let (year, rest) = text.as_bytes().split_at_checked(4).unwrap_or_default();
    year.iter().all(u8::is_ascii_digit) && rest.starts_with(b"-")
}

fn end_of_day(text: &str) -> Result<Timestamp, InvalidExpiry> {
    let day: Date = text.parse().map_err(|_| InvalidExpiry)?;
    let start = day.to_zoned(TimeZone::UTC).map_err(|_| InvalidExpiry)?;
    start
        .timestamp()
        .checked_add(SignedDuration::from_hours(24))
        .map_err(|_| InvalidExpiry)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<i64> {
        Expiry::new(text).ok().map(|e| e.at().0 / 1_000_000_000)
    }

    #[test]
    fn a_date_lasts_to_its_end_in_utc() {
        assert_eq!(seconds("1970-01-01"), Some(86_400));
        assert_eq!(seconds("2026-12-31"), Some(1_798_761_600));
    }

    #[test]
    fn a_date_time_is_an_instant() {
        assert_eq!(seconds("1970-01-01T00:00:01Z"), Some(1));
        assert_eq!(seconds("1970-01-01T09:00:00+09:00"), Some(0));
        assert_eq!(seconds("1970-01-01T00:00:00.5Z"), Some(0));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "soon",
            "2026-02-30",
            "2026-12-31T18:00:00",
            "2026-12-31T18:00",
            "20261231",
            "20261231T180000Z",
            "+002026-12-31",
            "2026-12-31T18:00:00Z[Asia/Tokyo]",
            "9999-12-31",
            "0001-01-01",
            "2026-12-31 ",
        ] {
            assert_eq!(Expiry::new(text), Err(InvalidExpiry), "{text:?}");
        }
    }

    #[test]
    fn the_instant_itself_is_past() {
        let expiry = Expiry::new("1970-01-01T00:00:01Z").unwrap();
        assert!(!expiry.has_passed(WallTime(999_999_999)));
        assert!(expiry.has_passed(WallTime(1_000_000_000)));
    }
}
