//! Values that were seen before.

use super::Memory;
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
    /// Whether a value was learned since that was asked last.
    has_learned: bool,
}

impl FirstSeenTable {
    pub(crate) fn new(learning_ms: u64) -> FirstSeenTable {
        FirstSeenTable {
            subjects: LruMap::new(KEYS_MAX),
            learning_ns: learning_ms.saturating_mul(1_000_000),
            evicted_values: 0,
        }
    }

    /// Hands out what is known of each subject of which something was learned since that was asked last.
    pub(crate) fn changes(&mut self, told: &mut dyn FnMut(&[u8], Memory)) {
        self.subjects.used(|key, known| {
            let Some(known) = known.as_mut().filter(|known| known.has_learned) else {
                return;
            };
            known.has_learned = false;
            let memory = Memory::FirstSeen {
                since: known.since,
                values: known
                    .values
                    .iter()
                    .map(|(value, _)| value.to_vec())
                    .collect(),
            };
            told(key, memory);
        });
    }

    /// Adds what was learned elsewhere: what either knows is known, and since the earlier time.
    pub(crate) fn recall(&mut self, key: &[u8], since: MonotonicNs, values: &[Vec<u8>]) {
        let known = self.known(key, since);
        known.since = known.since.min(since);
        let evicted = known.values.evicted();
        for value in values {
            known.values.entry(value);
        }
        let evicted = known.values.evicted() - evicted;
        self.evicted_values += evicted;
    }

    fn known(&mut self, key: &[u8], time: MonotonicNs) -> &mut Known {
        self.subjects.entry(key).get_or_insert_with(|| Known {
            since: time,
            values: LruMap::new(VALUES_MAX),
            has_learned: false,
        })
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.subjects.evicted() + self.evicted_values
    }

    /// Whether a value is new and the time of learning is over. Learns it in any case.
    pub(crate) fn is_new(&mut self, key: &[u8], value: &[u8], time: MonotonicNs) -> bool {
        let known = self.known(key, time);
        let is_new = !known.values.contains(value);
        let evicted = known.values.evicted();
        known.values.entry(value);
        known.has_learned |= is_new;
        let (since, evicted) = (known.since, known.values.evicted() - evicted);
        self.evicted_values += evicted;
        is_new && time.since(since) >= self.learning_ns
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
    fn what_was_learned_is_known_to_another_table() {
        let at = |seconds: u64| MonotonicNs(seconds * 1_000_000_000);
        let mut first = FirstSeenTable::new(10_000);
        assert!(!first.is_new(b"a", b"x", at(0)));
        assert!(!first.is_new(b"a", b"y", at(1)));
        let mut second = FirstSeenTable::new(10_000);
        assert!(!second.is_new(b"a", b"z", at(8)));
        let mut told = Vec::new();
        first.changes(&mut |key, memory| {
            let Memory::FirstSeen { since, values } = memory else {
                panic!("{memory:?}");
            };
            second.recall(key, since, &values);
            told.push(values.len());
        });
        assert_eq!(told, [2]);
        // Known since the first was met, not since the second began.
        assert!(!second.is_new(b"a", b"x", at(11)));
        assert!(!second.is_new(b"a", b"z", at(11)));
        assert!(second.is_new(b"a", b"new", at(11)));
    }

    #[test]
    fn only_what_learned_is_told() {
        let mut table = FirstSeenTable::new(0);
        let mut changes = |value: &[u8]| {
            table.is_new(b"key", value, MonotonicNs(0));
            let mut told = 0;
            table.changes(&mut |_, _| told += 1);
            told
        };
        assert_eq!([changes(b"a"), changes(b"a"), changes(b"b")], [1, 0, 1]);
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
