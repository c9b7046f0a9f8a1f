//! Open sequences.

use super::lru::LruMap;
use super::{Memory, SeenEvent};
use crate::limits::STEPS_MAX;
use std::sync::Arc;
use yagura_event::MonotonicNs;

/// Open sequences of one rule. Stops a container that runs through pids, sessions or names from filling memory.
const KEYS_MAX: usize = 4096;

/// The open sequences of one rule, by the values of `by`.
#[derive(Debug)]
pub(crate) struct SequenceTable {
    open: LruMap<Open>,
    steps: usize,
    ordered: bool,
    within_ns: u64,
}

/// How far the sequence of one key has come.
#[derive(Debug, Default)]
struct Open {
    /// Ordered: at `i` the events of the steps up to `i` that began last. Unordered: at `i` the last event of step `i`.
    chains: Vec<Vec<Arc<SeenEvent>>>,
}

/// The events of all steps, each with the number of its step.
pub(crate) type Chain = Vec<(usize, Arc<SeenEvent>)>;

impl SequenceTable {
    pub(crate) fn new(steps: usize, ordered: bool, within_ms: u64) -> SequenceTable {
        SequenceTable {
            open: LruMap::new(KEYS_MAX),
            steps: steps.min(STEPS_MAX),
            ordered,
            within_ns: within_ms.saturating_mul(1_000_000),
        }
    }

    pub(crate) fn evicted(&self) -> u64 {
        self.open.evicted()
    }

    /// Hands out how far the sequences of each key have come that went on since that was asked last.
    pub(crate) fn changes(&mut self, told: &mut dyn FnMut(&[u8], Memory)) {
        self.open
            .used(|key, open| told(key, Memory::Sequence(open.chains.clone())));
    }

    /// Puts a key to where its sequences came elsewhere, unless those were of other steps.
    pub(crate) fn recall(&mut self, key: &[u8], chains: &[Vec<Arc<SeenEvent>>]) {
        let fits = |(step, chain): (usize, &Vec<Arc<SeenEvent>>)| {
            let whole = if self.ordered { step + 1 } else { 1 };
            chain.is_empty() || chain.len() == whole
        };
        if !chains.is_empty() && chains.len() != self.steps || !chains.iter().enumerate().all(fits)
        {
            return;
        }
        self.open.entry(key).chains = chains.to_vec();
    }

    /// Takes an event that is some of the steps (bits of `steps`). Gives the whole sequence if that completes it, and forgets it.
    pub(crate) fn take(
        &mut self,
        key: &[u8],
        steps: u32,
        time: MonotonicNs,
        event: impl FnOnce() -> SeenEvent,
    ) -> Option<Chain> {
        // An event that can't continue or begin anything needs no entry.
        if self.ordered && steps & 1 == 0 && !self.open.contains(key) {
            return None;
        }
        let (count, ordered, within_ns) = (self.steps, self.ordered, self.within_ns);
        let open = self.open.entry(key);
        open.chains.resize_with(count, Vec::new);
        let advanced = if ordered {
            open.take_ordered(steps, time, within_ns, event)
        } else {
            open.take_unordered(steps, time, within_ns, event)
        };
        if advanced.is_some() {
            *open = Open::default();
        }
        advanced
    }
}

impl Open {
    fn take_ordered(
        &mut self,
        steps: u32,
        time: MonotonicNs,
        within_ns: u64,
        event: impl FnOnce() -> SeenEvent,
    ) -> Option<Chain> {
        let mut make = Some(event);
        let mut made: Option<Arc<SeenEvent>> = None;
        // From the last step to the first, so that one event is never two steps of the same sequence.
        for step in (0..self.chains.len()).rev() {
            if steps & 1 << step == 0 {
                continue;
            }
            let before = match step.checked_sub(1) {
                None => Vec::new(),
                Some(before) => match self.chains.get(before) {
                    Some(chain) if began_within(chain, time, within_ns) => chain.clone(),
                    _ => continue,
                },
            };
            let event = match (&made, make.take()) {
                (Some(event), _) => Arc::clone(event),
                (None, Some(make)) => Arc::clone(made.insert(Arc::new(make()))),
                (None, None) => continue,
            };
            let chain: Vec<_> = before.into_iter().chain([event]).collect();
            if step + 1 == self.chains.len() {
                return Some(chain.into_iter().enumerate().collect());
            }
            if let Some(place) = self.chains.get_mut(step) {
                *place = chain;
            }
        }
        None
    }

    fn take_unordered(
        &mut self,
        steps: u32,
        time: MonotonicNs,
        within_ns: u64,
        event: impl FnOnce() -> SeenEvent,
    ) -> Option<Chain> {
        // An event that is several steps stands for the one that waits longest: each step has its own event.
        let step = (0..self.chains.len())
            .filter(|step| steps & 1 << step != 0)
            .min_by_key(|step| {
                let last = self.chains.get(*step).and_then(|chain| chain.last());
                last.map(|event| event.time)
            })?;
        if let Some(place) = self.chains.get_mut(step) {
            *place = vec![Arc::new(event())];
        }
        let complete = self
            .chains
            .iter()
            .all(|chain| began_within(chain, time, within_ns));
        if !complete {
            return None;
        }
        let mut events: Chain = self
            .chains
            .iter()
            .enumerate()
            .filter_map(|(step, chain)| Some((step, Arc::clone(chain.last()?))))
            .collect();
        events.sort_by_key(|(step, event)| (event.time, *step));
        Some(events)
    }
}

fn began_within(chain: &[Arc<SeenEvent>], time: MonotonicNs, within_ns: u64) -> bool {
    chain
        .first()
        .is_some_and(|first| time.since(first.time) <= within_ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::EventKind;

    /// Feeds events `(milliseconds, steps that it is)`; tells at which of them the sequence was complete.
    fn check(ordered: bool, steps: usize, events: &[(u64, u32)], complete_at: &[usize]) {
        let mut table = SequenceTable::new(steps, ordered, 1000);
        let complete: Vec<usize> = events
            .iter()
            .enumerate()
            .filter_map(|(at, (ms, is))| {
                let time = MonotonicNs(ms * 1_000_000);
                let event = || SeenEvent {
                    time,
                    kind: EventKind::Exec,
                    values: Vec::new(),
                };
                table.take(b"key", *is, time, event).map(|chain| {
                    assert_eq!(chain.len(), steps);
                    at
                })
            })
            .collect();
        assert_eq!(complete, complete_at, "{events:?}");
    }

    #[test]
    fn ordered_steps_come_in_order_and_in_time() {
        check(true, 2, &[(0, 1), (10, 2)], &[1]);
        check(true, 2, &[(0, 2), (10, 1)], &[]);
        check(true, 2, &[(0, 1), (1001, 2)], &[]);
        check(true, 2, &[(0, 1), (1000, 2)], &[1]);
        check(true, 3, &[(0, 1), (10, 2), (20, 1), (30, 4)], &[3]);
        // The sequence that began later is the one that is still in time.
        check(true, 2, &[(0, 1), (900, 1), (1500, 2)], &[2]);
        check(true, 3, &[(0, 1), (10, 2), (900, 1), (1500, 4)], &[]);
    }

    #[test]
    fn a_sequence_goes_on_in_another_table() {
        let event = |ms: u64| {
            move || SeenEvent {
                time: MonotonicNs(ms * 1_000_000),
                kind: EventKind::Exec,
                values: Vec::new(),
            }
        };
        let mut tables = [
            SequenceTable::new(3, true, 1000),
            SequenceTable::new(3, true, 1000),
        ];
        for (at, (steps, is_complete)) in [(1, false), (2, false), (4, true), (2, false)]
            .into_iter()
            .enumerate()
        {
            let [here, there] = &mut tables;
            let ms = at as u64;
            let chain = here.take(b"key", steps, MonotonicNs(ms * 1_000_000), event(ms));
            assert_eq!(chain.is_some(), is_complete, "{at}");
            here.changes(&mut |key, memory| match memory {
                Memory::Sequence(chains) => there.recall(key, &chains),
                other => panic!("{other:?}"),
            });
            tables.swap(0, 1);
        }
    }

    #[test]
    fn sequences_of_other_steps_are_not_recalled() {
        let event = Arc::new(SeenEvent {
            time: MonotonicNs(0),
            kind: EventKind::Exec,
            values: Vec::new(),
        });
        let mut table = SequenceTable::new(2, true, 1000);
        table.recall(b"key", &[vec![Arc::clone(&event)]]);
        table.recall(b"key", &[vec![], vec![Arc::clone(&event)]]);
        assert!(!table.open.contains(b"key"));
        table.recall(b"key", &[vec![event], vec![]]);
        assert!(table.open.contains(b"key"));
    }

    #[test]
    fn one_event_is_one_step() {
        check(true, 2, &[(0, 3)], &[]);
        check(true, 2, &[(0, 3), (1, 3), (2, 3), (3, 3)], &[1, 3]);
        check(false, 2, &[(0, 3), (1, 3)], &[1]);
    }

    #[test]
    fn unordered_steps_come_in_any_order_in_time() {
        check(false, 3, &[(0, 4), (10, 1), (20, 2)], &[2]);
        check(false, 2, &[(0, 2), (1001, 1), (1500, 2)], &[2]);
    }
}
