//! How long looking at a script may take, in time of the processor, so that a busy node finds what an idle one finds.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A point in this thread's processor time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Duration);

impl Deadline {
    /// The point after which this much more time was used.
    pub(crate) fn after(time: Duration) -> Deadline {
        Deadline(used() + time)
    }

    /// Whether it is over.
    pub(crate) fn is_over(self) -> bool {
        used() > self.0
    }
}

fn used() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or(0);
    Duration::new(seconds, nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::Deadline;
    use std::time::Duration;

    #[test]
    fn a_deadline_passes_by_working() {
        let far = Deadline::after(Duration::from_secs(3_600));
        let near = Deadline::after(Duration::from_millis(1));
        let mut sum = 0_u64;
        while !near.is_over() {
            sum = sum.wrapping_add(std::hint::black_box(1));
        }
        assert!(sum > 0 && !far.is_over());
    }
}
