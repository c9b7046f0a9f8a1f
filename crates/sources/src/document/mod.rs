//! Records out of log files: JSON in every usual wrapping, one record at a time, and what became of the bad ones.

mod input;
mod records;
mod scanner;

pub(crate) use records::{Found, RECORD_BYTES_MAX, Records, Shape};

use crate::document::scanner::DEPTH_MAX;

/// Why a record was skipped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// It is not what its format asks for.
    #[error("malformed: {0}")]
    Malformed(String),
    /// The file ends within it.
    #[error("the file ends within the record")]
    Truncated,
    /// It is nested too deeply.
    #[error("nested more than {DEPTH_MAX} levels deep")]
    TooDeep,
    /// It is too large.
    #[error("larger than {RECORD_BYTES_MAX} bytes")]
    TooLarge,
    /// It has too many values.
    #[error("has more than {limit} values")]
    TooManyValues {
        /// How many are taken.
        limit: usize,
    },
    /// It is well formed, but not an event of the expected kind.
    #[error("not an event of the expected kind")]
    NotAnEvent,
    /// The input cannot be read any further. The stream ends behind it.
    #[error("cannot be read")]
    Unreadable(#[source] std::io::Error),
}

/// A record that was not taken. The stream goes on behind it.
#[derive(Debug, thiserror::Error)]
#[error("record {position} at byte {byte_offset} skipped")]
pub struct SkippedRecord {
    /// Number of the record, the first is 1. Of bytes that hold no recognisable record, however many, the whole stretch
    /// counts as one.
    pub position: u64,
    /// Where it begins, in bytes from the beginning; in a UTF-16 file, of its text as UTF-8.
    pub byte_offset: u64,
    /// Why.
    #[source]
    pub reason: SkipReason,
}

/// Nanoseconds since 1970 of an RFC 3339 time or one of its relatives in logs: a blank for the `T`, a missing zone (then
/// UTC).
pub(crate) fn parse_time(text: &str) -> Option<yagura_event::WallTime> {
    /// No way of writing a time is longer. Stops a hostile text from being looked at twice.
    const TIME_BYTES_MAX: usize = 64;
    let text = text.trim();
    if text.len() > TIME_BYTES_MAX {
        return None;
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    let timestamp = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(zoned.timestamp())
    })?;
    let nanoseconds = i64::try_from(timestamp.as_nanosecond()).ok()?;
    Some(yagura_event::WallTime(nanoseconds))
}

/// A text cut to `bytes_max`, at the border of a character.
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        let end = (0..=bytes_max)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}
