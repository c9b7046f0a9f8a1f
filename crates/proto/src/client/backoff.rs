//! How long to wait before the next attempt.

use crate::token::random;
use std::time::Duration;

/// The first pause at most.
const FIRST: Duration = Duration::from_millis(250);
/// Every later pause at most.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double, each taken at random up to that: thousands of sensors that lost the same center must not come back
/// at once.
#[derive(Debug)]
pub(super) struct Backoff {
    upper: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { upper: FIRST }
    }
}

impl Backoff {
    /// The next pause.
    pub(super) fn next(&mut self) -> Duration {
        let pause = self.spread(self.upper);
        self.upper = (self.upper * 2).min(LONGEST);
        pause
    }

    /// Between half of a time and all of it.
    pub(super) fn spread(&self, time: Duration) -> Duration {
        // Without random bytes the pause is the longest one.
        let random = random::<4>().map_or(u32::MAX, u32::from_le_bytes);
        let part = f64::from(random) / f64::from(u32::MAX);
        time.mul_f64(0.5 + part / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_differ() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST / 2);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST));
        assert!(pauses[11] >= LONGEST / 2);
        assert_ne!(backoff.next(), backoff.next());
    }
}
