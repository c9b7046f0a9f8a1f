//! What is remembered between events: open sequences, counts, values that were seen, and how often rules matched.
//!
//! Time is that of the events, so that a replay remembers and forgets the same. Every table is bounded; what is forgotten for
//! want of room is counted.

mod first_seen;
mod lru;
mod sequence;
mod threshold;

pub(crate) use first_seen::FirstSeenTable;
pub(crate) use sequence::SequenceTable;
pub use threshold::Occurrence;
pub(crate) use threshold::ThresholdTable;

use crate::evaluate::RuleSet;
use crate::matcher::with_text;
use crate::program::{Memo, OperandId, Run};
use crate::subject::{EventKind, Subject, Value};
use std::collections::HashMap;
use std::sync::Arc;
use yagura_event::{MonotonicNs, escape};

/// Bytes of the values that an event is remembered by. Stops long command lines from filling memory.
const KEY_BYTES_MAX: usize = 1024;
/// Bytes of one value that is kept for explanation.
const VALUE_BYTES_MAX: usize = 256;
/// Values that are kept of one event.
pub(crate) const VALUES_MAX: usize = 8;

/// What a rule set remembers between events. Belongs to the set that it was made for.
#[derive(Debug)]
pub struct RuleState {
    pub(crate) memo: Memo,
    pub(crate) rules: Vec<RuleMemory>,
    /// The key that is looked up, kept so that looking up allocates nothing.
    pub(crate) key: Vec<u8>,
}

/// What is remembered for one rule.
#[derive(Debug, Default)]
pub(crate) struct RuleMemory {
    pub(crate) stats: RuleStats,
    pub(crate) sequence: Option<SequenceTable>,
    pub(crate) threshold: Option<ThresholdTable>,
    pub(crate) first_seen: Option<FirstSeenTable>,
}

/// How often a rule did what, since the rules were loaded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleStats {
    /// Matches that were told.
    pub matches: u64,
    /// Events that an exception excused, by the order of the exceptions.
    pub excused: Vec<u64>,
    /// Sequences, counts and seen values that were forgotten for want of room.
    pub forgotten: u64,
}

/// What a rule remembers of one subject: for who keeps it while nobody watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Name of the rule.
    pub rule: String,
    /// The values of `by`, as rules compare them, not as people read them.
    pub subject: Vec<u8>,
    /// What is remembered.
    pub memory: Memory,
}

/// What is remembered of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memory {
    /// How far its sequences have come: by step the events of the steps up to it, or where steps have no order its last
    /// event. Empty when one was complete.
    Sequence(Vec<Vec<Arc<SeenEvent>>>),
    /// What was counted, from the first to the last. Empty when it was enough.
    Threshold(Vec<Occurrence>),
    /// Which values were seen.
    FirstSeen {
        /// When the subject was met first.
        since: MonotonicNs,
        /// The values as rules compare them, from the one seen longest ago to the last.
        values: Vec<Vec<u8>>,
    },
}

impl RuleMemory {
    fn changes(&mut self, told: &mut dyn FnMut(&[u8], Memory)) {
        if let Some(table) = &mut self.sequence {
            table.changes(told);
        }
        if let Some(table) = &mut self.threshold {
            table.changes(told);
        }
        if let Some(table) = &mut self.first_seen {
            table.changes(told);
        }
    }

    fn recall(&mut self, known: &Remembered) {
        let subject = known.subject.as_slice();
        match &known.memory {
            Memory::Sequence(chains) => {
                if let Some(table) = &mut self.sequence {
                    table.recall(subject, chains);
                }
            }
            Memory::Threshold(counted) => {
                if let Some(table) = &mut self.threshold {
                    table.recall(subject, counted);
                }
            }
            Memory::FirstSeen { since, values } => {
                if let Some(table) = &mut self.first_seen {
                    table.recall(subject, *since, values);
                }
            }
        }
    }
}

impl RuleState {
    /// Makes an empty memory for a rule set.
    pub fn new(rules: &RuleSet) -> RuleState {
        RuleState {
            memo: Memo::default(),
            rules: rules.memories(),
            key: Vec::new(),
        }
    }

    /// What changed of what rules remember, since that was asked last; of each rule from what changed first to the last.
    /// `rules` is the set that the state was made for.
    pub fn changes(&mut self, rules: &RuleSet) -> Vec<Remembered> {
        let mut changes = Vec::new();
        for (rule, memory) in rules.rules().zip(&mut self.rules) {
            let before = changes.len();
            let mut told = |subject: &[u8], memory: Memory| {
                changes.push(Remembered {
                    rule: rule.name.clone(),
                    subject: subject.to_vec(),
                    memory,
                });
            };
            memory.changes(&mut told);
            if let Some(of_rule) = changes.get_mut(before..) {
                of_rule.reverse();
            }
        }
        changes
    }

    /// Puts what is remembered to what was remembered elsewhere, as far as the set still has the rules. What changed here
    /// before is told by no later [`RuleState::changes`].
    pub fn recall(&mut self, rules: &RuleSet, remembered: &[Remembered]) {
        let places: HashMap<&str, usize> = rules
            .rules()
            .enumerate()
            .map(|(place, rule)| (rule.name.as_str(), place))
            .collect();
        for known in remembered {
            let place = places.get(known.rule.as_str());
            if let Some(memory) = place.and_then(|place| self.rules.get_mut(*place)) {
                memory.recall(known);
            }
        }
        for memory in &mut self.rules {
            memory.changes(&mut |_, _| {});
        }
    }

    /// How often each rule did what, in the order of the set's rules.
    pub fn stats(&self) -> impl Iterator<Item = RuleStats> {
        self.rules.iter().map(|rule| {
            let forgotten = [
                rule.sequence.as_ref().map(SequenceTable::evicted),
                rule.threshold.as_ref().map(ThresholdTable::evicted),
                rule.first_seen.as_ref().map(FirstSeenTable::evicted),
            ];
            RuleStats {
                forgotten: forgotten.into_iter().flatten().sum(),
                ..rule.stats.clone()
            }
        })
    }
}

/// An event that is remembered as evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenEvent {
    /// When it happened.
    pub time: MonotonicNs,
    /// What it was.
    pub kind: EventKind,
    /// Fields and their values at the time, escaped and bounded; without those that were absent.
    pub values: Vec<(String, String)>,
}

/// What a match rests on beside its last event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The steps of a sequence by name, in the order of time.
    pub steps: Vec<(String, Arc<SeenEvent>)>,
    /// What was counted.
    pub counted: Option<Counted>,
    /// The value that was new.
    pub first_seen: Option<Vec<String>>,
}

/// What a threshold counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// How many events or different values.
    pub count: u32,
    /// The time of the first.
    pub first: MonotonicNs,
    /// Different values, the first few.
    pub values: Vec<String>,
}

/// A value as text that is safe to show, cut at a bound.
pub(crate) fn shown(value: &Value<'_>) -> String {
    let mut text = String::new();
    push_shown(value, VALUE_BYTES_MAX, &mut text);
    text
}

/// Writes a value as text that is safe to show, cut at a number of bytes; of a list, all entries together.
pub(crate) fn push_shown(value: &Value<'_>, bytes_max: usize, text: &mut String) {
    match value {
        Value::Absent => text.push_str("<NA>"),
        Value::Unknown => text.push_str("<unknown>"),
        Value::List(entries) => {
            let begin = text.len();
            text.push('(');
            for (at, entry) in entries.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                let Some(room) = bytes_max.checked_sub(text.len() - begin) else {
                    text.push('…');
                    break;
                };
                push_shown(entry, room, text);
            }
            text.push(')');
        }
        single => with_text(single, |bytes| {
            text.push_str(&escape(bytes.get(..bytes_max).unwrap_or(bytes)));
            if bytes.len() > bytes_max {
                text.push('…');
            }
        }),
    }
}

/// Writes the values of some operands in a form in which different values always differ. False if one is unknown.
pub(crate) fn write_key<S: Subject + ?Sized>(
    operands: &[OperandId],
    run: &mut Run<'_, '_, S>,
    key: &mut Vec<u8>,
) -> bool {
    key.clear();
    operands
        .iter()
        .all(|operand| write_value(run.value(*operand), key))
}

fn write_value(value: &Value<'_>, key: &mut Vec<u8>) -> bool {
    match value {
        Value::Unknown => return false,
        Value::Absent => key.push(0),
        Value::List(entries) => {
            key.push(2);
            let known = entries.iter().all(|entry| write_value(entry, key));
            key.push(3);
            return known;
        }
        single => with_text(single, |text| {
            key.push(1);
            key.extend_from_slice(&text.len().to_le_bytes());
            let room = KEY_BYTES_MAX.saturating_sub(key.len());
            match text.get(..room) {
                // What is cut off still counts, by its hash: long values that begin alike stay apart.
                Some(beginning) => {
                    key.extend_from_slice(beginning);
                    key.extend_from_slice(&digest(text).to_le_bytes());
                }
                None => key.extend_from_slice(text),
            }
        }),
    }
    true
}

/// A hash of a text that is the same in every run.
#[expect(
    deprecated,
    reason = "the only hash of std whose keys are the same in every run"
)]
fn digest(text: &[u8]) -> u64 {
    use std::hash::{Hasher, SipHasher};
    let mut hasher = SipHasher::new();
    hasher.write(text);
    hasher.finish()
}
