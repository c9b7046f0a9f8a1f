//! The time of day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, UTC, by the clock of whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMs(pub u64);

impl UnixMs {
    /// Now, by this machine's clock.
    pub fn now() -> UnixMs {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        UnixMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// That much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> UnixMs {
        let more = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        UnixMs(self.0.saturating_add(more))
    }

    /// Time from `earlier` to here; zero if it is not earlier.
    pub fn since(self, earlier: UnixMs) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Milliseconds by which this is ahead of `other`; negative if it is behind.
    pub fn ahead_of(self, other: UnixMs) -> i64 {
        let difference = i128::from(self.0) - i128::from(other.0);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }
}
