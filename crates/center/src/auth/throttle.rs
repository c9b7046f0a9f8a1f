//! Bounds how often somebody may try something.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are remembered. An attacker with more takes the place of those seen longest ago; locks of accounts
/// still hold then.
const ADDRESSES_MAX: usize = 10_000;

/// Counts attempts by address: a bucket of `burst` attempts that fills up again, one each `refill`.
#[derive(Debug)]
pub(crate) struct Throttle {
    burst: u32,
    refill: Duration,
    seen: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Throttle {
    /// Allows `burst` attempts at once, and one more after each `refill`.
    pub(crate) fn new(burst: u32, refill: Duration) -> Throttle {
        Throttle {
            burst,
            refill,
            seen: Mutex::new(HashMap::new()),
        }
    }

    /// Takes an attempt.
    ///
    /// # Errors
    /// How long to wait, if there were too many.
    pub(crate) fn attempt(&self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= ADDRESSES_MAX && !seen.contains_key(&from) {
            let oldest = seen.iter().min_by_key(|(_, bucket)| bucket.at);
            if let Some(oldest) = oldest.map(|(address, _)| *address) {
                seen.remove(&oldest);
            }
        }
        let full = f64::from(self.burst);
        let bucket = seen.entry(from).or_insert(Bucket {
            left: full,
            at: now,
        });
        let refilled = now.duration_since(bucket.at).as_secs_f64() / self.refill.as_secs_f64();
        bucket.left = (bucket.left + refilled).min(full);
        bucket.at = now;
        if bucket.left < 1.0 {
            return Err(self.refill.mul_f64(1.0 - bucket.left));
        }
        bucket.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn too_many_attempts_wait() {
        let throttle = Throttle::new(3, Duration::from_secs(10));
        let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let start = Instant::now();
        for _ in 0..3 {
            assert!(throttle.attempt(from, start).is_ok());
        }
        assert!(throttle.attempt(from, start).is_err());
        let other = IpAddr::V4(Ipv4Addr::BROADCAST);
        assert!(throttle.attempt(other, start).is_ok());
        assert!(
            throttle
                .attempt(from, start + Duration::from_secs(11))
                .is_ok()
        );
        assert!(
            throttle
                .attempt(from, start + Duration::from_secs(12))
                .is_err()
        );
    }
}
