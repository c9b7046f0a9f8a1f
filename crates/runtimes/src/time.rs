//! Times as runtimes write them.

use jiff::Timestamp;
use yagura_event::WallTime;

/// Parses RFC 3339, with up to nine digits of a second's fraction. Go's zero time counts as none.
pub(crate) fn wall_time(text: &str) -> Option<WallTime> {
    // Longer texts are no times; refusing them bounds the work.
    const BYTES_MAX: usize = 64;
    if text.len() > BYTES_MAX || text.starts_with("0001-01-01") {
        return None;
    }
    let time: Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(WallTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_times_are_parsed() {
        assert_eq!(
            wall_time("1970-01-01T00:00:01.5Z"),
            Some(WallTime(1_500_000_000))
        );
        assert_eq!(wall_time("1970-01-01T01:00:00+01:00"), Some(WallTime(0)));
        assert_eq!(wall_time("0001-01-01T00:00:00Z"), None);
        assert_eq!(wall_time("yesterday"), None);
    }
}
