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
    learnings: u64,
}

/// What a rule with `first_seen` learned: for who keeps it while nobody watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// Name of the rule.
    pub rule: String,
    /// What it knows of each subject, from the one met longest ago to the last.
    pub subjects: Vec<LearnedSubject>,
}

/// What is known of one subject. Keys and values are as rules compare them, not as people read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LearnedSubject {
    /// The values of `by`.
    pub key: Vec<u8>,
    /// When it was met first.
    pub since: MonotonicNs,
    /// The values that were seen, from the one seen longest ago to the last.
    pub values: Vec<Vec<u8>>,
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
            learnings: 0,
        }
    }

    /// Grows with each value that is learned.
    pub(crate) fn learnings(&self) -> u64 {
        self.learnings
    }

    /// What is known.
    pub(crate) fn learned(&self) -> Vec<LearnedSubject> {
        let subjects = self.subjects.iter();
        subjects
            .filter_map(|(key, known)| {
                let known = known.as_ref()?;
                Some(LearnedSubject {
                    key: key.to_vec(),
                    since: known.since,
                    values: known
                        .values
                        .iter()
                        .map(|(value, _)| value.to_vec())
                        .collect(),
                })
            })
            .collect()
    }

    /// Adds what somebody else learned: what either knows is known, and since the earlier time.
    pub(crate) fn recall(&mut self, learned: &[LearnedSubject]) {
        for subject in learned {
            let known = self.known(&subject.key, subject.since);
            known.since = known.since.min(subject.since);
            let evicted = known.values.evicted();
            for value in &subject.values {
                known.values.entry(value);
            }
            let evicted = known.values.evicted() - evicted;
            self.evicted_values += evicted;
        }
    }

    fn known(&mut self, key: &[u8], time: MonotonicNs) -> &mut Known {
        self.subjects.entry(key).get_or_insert_with(|| Known {
            since: time,
            values: LruMap::new(VALUES_MAX),
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
        let (since, evicted) = (known.since, known.values.evicted() - evicted);
        self.evicted_values += evicted;
        self.learnings += u64::from(is_new);
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
        assert_eq!(first.learnings(), 2);
        let mut second = FirstSeenTable::new(10_000);
        assert!(!second.is_new(b"a", b"z", at(8)));
        second.recall(&first.learned());
        // Known since the first was met, not since the second began.
        assert!(!second.is_new(b"a", b"x", at(11)));
        assert!(!second.is_new(b"a", b"z", at(11)));
        assert!(second.is_new(b"a", b"new", at(11)));
        assert_eq!(second.learnings(), 2);
        assert_eq!(second.learned()[0].values.len(), 4);
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
