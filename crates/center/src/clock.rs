//! The clock, and times as callers write and read them.

use crate::http::Problem;
use jiff::Timestamp;
use std::time::Duration;
use yagura_event::WallTime;
use yagura_event::json::rfc3339;

/// Now.
pub(crate) fn now() -> WallTime {
    of_timestamp(Timestamp::now())
}

fn of_timestamp(time: Timestamp) -> WallTime {
    WallTime(i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX))
}

/// A time later by that much.
pub(crate) fn plus(time: WallTime, span: Duration) -> WallTime {
    WallTime(time.0.saturating_add(nanoseconds(span)))
}

/// A time earlier by that much.
pub(crate) fn minus(time: WallTime, span: Duration) -> WallTime {
    WallTime(time.0.saturating_sub(nanoseconds(span)))
}

fn nanoseconds(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// A time as callers read it.
pub(crate) fn shown(time: WallTime) -> String {
    rfc3339(time)
}

/// A time that a caller wrote.
///
/// # Errors
/// A problem that names the field.
pub(crate) fn read(field: &str, text: &str) -> Result<WallTime, Problem> {
    text.parse::<Timestamp>()
        .map(of_timestamp)
        .map_err(|_| Problem::invalid(field, "is not an RFC 3339 time"))
}

/// A time that a caller may have written.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_optional(field: &str, text: Option<&str>) -> Result<Option<WallTime>, Problem> {
    text.map(|text| read(field, text)).transpose()
}
