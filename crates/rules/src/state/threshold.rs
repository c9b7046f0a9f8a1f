//! Counts within a time.

use super::lru::LruMap;
use super::{Counted, Memory, shown};
use crate::rule::Count;
use crate::subject::Value;
use std::collections::VecDeque;
use yagura_event::MonotonicNs;

/// Counts of one rule. Stops a container that runs through keys from filling memory.
const KEYS_MAX: usize = 8192;
/// Times and values that all counts of one rule may hold together: 16 to 80 bytes each.
const REMEMBERED_MAX: usize = 1 << 20;
/// Counts of one rule at least, however much each remembers.
const KEYS_MIN: usize = 64;
/// Different values that are kept as evidence.
const SHOWN_VALUES_MAX: usize = 16;

/// The counts of one rule, by the values of `by`.
#[derive(Debug)]
pub(crate) struct ThresholdTable {
    counts: LruMap<VecDeque<Occurrence>>,
    needed: usize,
    within_ns: u64,
}

/// An event that was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// When it happened; where different values are counted, when the value was seen last.
    pub time: MonotonicNs,
    /// Where different values are counted, the value: as rules compare it, and as people read it.
    pub value: Option<(Box<[u8]>, String)>,
}

impl ThresholdTable {
    pub(crate) fn new(count: &Count, within_ms: u64) -> ThresholdTable {
        let needed = match count {
            Count::Events(count) | Count::Distinct(_, count) => (*count).max(1) as usize,
        };
        ThresholdTable {
            counts: LruMap::new((REMEMBERED_MAX / needed).clamp(KEYS_MIN, KEYS_MAX)),
            needed,
            within_ns: within_ms.saturating_mul(1_000_000),
        }
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.counts.evicted()
    }

    /// Hands out the counts of each key that was counted since that was asked last.
    pub(crate) fn changes(&mut self, told: &mut dyn FnMut(&[u8], Memory)) {
        self.counts.used(|key, counted| {
            told(key, Memory::Threshold(counted.iter().cloned().collect()));
        });
    }

    /// Puts a key's count to what was counted elsewhere.
    pub(crate) fn recall(&mut self, key: &[u8], counted: &[Occurrence]) {
        // Of a rule that needed more, the latest.
        let first = counted.len().saturating_sub(self.needed.saturating_sub(1));
        let latest = counted.get(first..).unwrap_or_default();
        *self.counts.entry(key) = latest.iter().cloned().collect();
    }

    /// Counts an event. Says what was counted if it is enough, and begins anew.
    pub(crate) fn count(&mut self, key: &[u8], time: MonotonicNs) -> Option<Counted> {
        self.add(key, time, None)
    }

    /// Counts a value if it wasn't counted lately. Says what was counted if it is enough, and begins anew.
    pub(crate) fn count_distinct(
        &mut self,
        key: &[u8],
        value_key: &[u8],
        value: &Value<'_>,
        time: MonotonicNs,
    ) -> Option<Counted> {
        let known = self.counts.entry(key);
        // A value that comes again is as recent as its last time.
        let place = known
            .iter()
            .position(|once| matches!(&once.value, Some((known, _)) if **known == *value_key));
        let again = place.and_then(|place| known.remove(place));
        let value = match again {
            Some(once) => once.value,
            None => Some((value_key.into(), shown(value))),
        };
        self.add(key, time, value)
    }

    fn add(
        &mut self,
        key: &[u8],
        time: MonotonicNs,
        value: Option<(Box<[u8]>, String)>,
    ) -> Option<Counted> {
        let (needed, within_ns) = (self.needed, self.within_ns);
        let counted = self.counts.entry(key);
        while counted
            .front()
            .is_some_and(|first| time.since(first.time) > within_ns)
        {
            counted.pop_front();
        }
        counted.push_back(Occurrence { time, value });
        if counted.len() < needed {
            return None;
        }
        let counted = std::mem::take(counted);
        Some(Counted {
            count: u32::try_from(counted.len()).unwrap_or(u32::MAX),
            first: counted.front().map_or(time, |once| once.time),
            values: counted
                .into_iter()
                .filter_map(|once| once.value.map(|(_, text)| text))
                .take(SHOWN_VALUES_MAX)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::{Operand, Position};

    #[test]
    fn enough_events_within_the_time_are_told_once() {
        let mut table = ThresholdTable::new(&Count::Events(3), 1000);
        let mut count = |ms: u64| table.count(b"key", MonotonicNs(ms * 1_000_000)).is_some();
        assert!(!count(0));
        assert!(!count(600));
        assert!(!count(1100), "the first is too old");
        assert!(count(1200));
        assert!(!count(1300), "it begins anew");
    }

    #[test]
    fn a_count_goes_on_in_another_table() {
        let mut first = ThresholdTable::new(&Count::Events(3), 1000);
        let mut second = ThresholdTable::new(&Count::Events(3), 1000);
        assert_eq!(first.count(b"key", MonotonicNs(0)), None);
        assert_eq!(first.count(b"key", MonotonicNs(1)), None);
        let mut told = 0;
        first.changes(&mut |key, memory| match memory {
            Memory::Threshold(counted) => {
                second.recall(key, &counted);
                told += 1;
            }
            other => panic!("{other:?}"),
        });
        first.changes(&mut |key, _| panic!("{key:?} has not changed"));
        assert_eq!(told, 1);
        assert_eq!(second.count(b"other", MonotonicNs(2)), None);
        assert_eq!(second.count(b"key", MonotonicNs(2)).unwrap().count, 3);
        // One that needs less has never more than is missing.
        let mut lower = ThresholdTable::new(&Count::Events(2), 1000);
        let occurrence = |ns: u64| Occurrence {
            time: MonotonicNs(ns),
            value: None,
        };
        lower.recall(b"key", &[occurrence(0), occurrence(1)]);
        let counted = lower.count(b"key", MonotonicNs(2)).unwrap();
        assert_eq!((counted.count, counted.first), (2, MonotonicNs(1)));
    }

    #[test]
    fn a_value_counts_once() {
        let operand = Operand {
            at: Position::default(),
            transformers: Vec::new(),
            field: "fd.rip".to_owned(),
            argument: None,
        };
        let mut table = ThresholdTable::new(&Count::Distinct(operand, 2), 1000);
        let mut count = |ms: u64, value: &str| {
            let time = MonotonicNs(ms * 1_000_000);
            table.count_distinct(b"key", value.as_bytes(), &Value::text(value), time)
        };
        assert_eq!(count(0, "a"), None);
        assert_eq!(count(900, "a"), None);
        let counted = count(1500, "b").unwrap();
        assert_eq!(counted.count, 2);
        assert_eq!(counted.values, ["a", "b"]);
        assert_eq!(counted.first, MonotonicNs(900_000_000));
    }
}
