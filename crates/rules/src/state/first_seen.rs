//! Values that were seen before.

use super::lru::LruMap;
use yagura_event::MonotonicNs;

/// Subjects of one rule whose values are known. Stops a container that runs through keys from filling memory.
const KEYS_MAX: usize = 4096;
/// Values that are known of one subject. One who makes more makes an alert with each.
const VALUES_MAX: usize = 1024;

/// The values of one rule, by the values of `by`.
#[derive(Debug)]
pub(crate) struct FirstSeenTable {
    subjects: LruMap<Option<Known>>,
    learning_ns: u64,
    evicted_values: u64,
}

/// What is known of one subject.
#[derive(Debug)]
struct Known {
    since: MonotonicNs,
    values: LruMap<()>,
}

impl FirstSeenTable {
    pub(crate) fn new(learning_ms: u64) -> FirstSeenTable {
        FirstSeenTable {
            subjects: LruMap::new(KEYS_MAX),
            learning_ns: learning_ms.saturating_mul(1_000_000),
            evicted_values: 0,
        }
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.subjects.evicted() + self.evicted_values
    }

    /// Whether a value is new and the time of learning is over. Learns it in any case.
    pub(crate) fn is_new(&mut self, key: &[u8], value: &[u8], time: MonotonicNs) -> bool {
        let known = self.subjects.entry(key).get_or_insert_with(|| Known {
            since: time,
            values: LruMap::new(VALUES_MAX),
        });
        let is_new = !known.values.contains(value);
        let evicted = known.values.evicted();
        known.values.entry(value);
        self.evicted_values += known.values.evicted() - evicted;
        is_new && time.since(known.since) >= self.learning_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_new_once_and_only_after_learning() {
        let mut table = FirstSeenTable::new(1000);
        let mut is_new =
            |ms: u64, value: &[u8]| table.is_new(b"key", value, MonotonicNs(ms * 1_000_000));
        assert!(!is_new(0, b"a"));
        assert!(!is_new(999, b"b"));
        assert!(is_new(1000, b"c"));
        assert!(!is_new(1001, b"c"));
        assert!(!is_new(1002, b"a"));
    }

    #[test]
    fn forgotten_values_are_counted() {
        let mut table = FirstSeenTable::new(0);
        for value in 0..VALUES_MAX + 5 {
            assert!(table.is_new(b"key", &value.to_le_bytes(), MonotonicNs(0)));
        }
        assert_eq!(table.evicted(), 5);
    }
}
