//! All tests of one field, decided together.
//!
//! One walk over a value finds every constant that it is, begins with, ends with or contains. A test none of whose constants was
//! found is false without being looked at, so that the work for a field hardly depends on how many tests ask for it.

use crate::hash::FixedMap;
use crate::keys::Key;
use crate::matcher::{PathTree, PrefixTree, number_of, with_text};
use crate::subject::Value;
use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Bytes of all texts up to which the fastest automaton is made: it takes some 200 bytes of memory for each.
const DFA_BYTES_MAX: usize = 64 * 1024;

/// The keys of the tests of one operand; marks are numbers of tests.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    whole: FixedMap<Box<[u8]>, Vec<u32>>,
    numbers: FixedMap<i64, Vec<u32>>,
    beginnings: PrefixTree,
    /// Backwards.
    ends: PrefixTree,
    above: PathTree,
    inside: Searcher,
}

/// Texts that are searched for together, in any case.
#[derive(Debug, Default)]
struct Searcher {
    /// The texts with their places in `marks`.
    places: FixedMap<Box<[u8]>, usize>,
    texts: Vec<Box<[u8]>>,
    marks: Vec<Vec<u32>>,
    /// None without texts, or if the texts are too much for it.
    automaton: Option<AhoCorasick>,
}

impl Lookup {
    pub(crate) fn insert(&mut self, key: Key, mark: u32) {
        match key {
            Key::Whole(text) => self.whole.entry(text).or_default().push(mark),
            Key::Number(number) => self.numbers.entry(number).or_default().push(mark),
            Key::Beginning(text) => self.beginnings.insert(text.iter().copied(), mark),
            Key::End(text) => self.ends.insert(text.iter().rev().copied(), mark),
            Key::Above(path) => self.above.insert(&path, mark),
            // One search for both: the test itself looks at the case where it matters.
            Key::Inside(text) | Key::InsideInAnyCase(text) => {
                self.inside.insert(text.to_ascii_lowercase().into(), mark);
            }
        }
    }

    /// Makes it ready when all keys are in.
    pub(crate) fn finish(&mut self) {
        self.inside.build();
    }

    /// Tells the tests that have a key that the value has, some of them several times; nothing of what is unknown.
    pub(crate) fn find(&self, value: &Value<'_>, tell: &mut impl FnMut(&[u32])) {
        match value {
            Value::Absent | Value::Unknown => {}
            Value::List(entries) => {
                for entry in entries {
                    self.find(entry, tell);
                }
            }
            single => {
                if !self.numbers.is_empty()
                    && let Some(marks) =
                        number_of(single).and_then(|number| self.numbers.get(&number))
                {
                    tell(marks);
                }
                with_text(single, |text| self.find_text(text, tell));
            }
        }
    }

    fn find_text(&self, text: &[u8], tell: &mut impl FnMut(&[u32])) {
        if !self.whole.is_empty()
            && let Some(marks) = self.whole.get(text)
        {
            tell(marks);
        }
        self.beginnings.find(text.iter().copied(), &mut *tell);
        self.ends.find(text.iter().rev().copied(), &mut *tell);
        if !self.above.is_empty() {
            self.above.find(text, |marks| {
                tell(marks);
                false
            });
        }
        self.inside.find(text, tell);
    }
}

impl Searcher {
    fn insert(&mut self, text: Box<[u8]>, mark: u32) {
        let next = self.texts.len();
        let place = *self.places.entry(text.clone()).or_insert(next);
        if place == next {
            self.texts.push(text);
            self.marks.push(Vec::new());
        }
        if let Some(marks) = self.marks.get_mut(place) {
            marks.push(mark);
        }
    }

    fn build(&mut self) {
        if self.texts.is_empty() {
            return;
        }
        let bytes: usize = self.texts.iter().map(|text| text.len()).sum();
        self.automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind((bytes <= DFA_BYTES_MAX).then_some(AhoCorasickKind::DFA))
            .build(&self.texts)
            .ok();
    }

    fn find(&self, text: &[u8], tell: &mut impl FnMut(&[u32])) {
        match &self.automaton {
            Some(automaton) => {
                for found in automaton.find_overlapping_iter(text) {
                    if let Some(marks) = self.marks.get(found.pattern().as_usize()) {
                        tell(marks);
                    }
                }
            }
            // Without an automaton every text may be there.
            None => self.marks.iter().for_each(|marks| tell(marks)),
        }
    }
}
