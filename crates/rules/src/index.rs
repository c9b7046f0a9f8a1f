//! Rules by the kind of event, and inside a kind by what few events have.
//!
//! For each rule, a set of keys is chosen of which an event must have one to match: `proc.name` is `nc`, `fd.name` begins with
//! `/etc`. All keys of a field are looked up together, so that the work for an event depends on the number of fields rather than
//! of rules. Rules without good keys are always evaluated.

use crate::compile::Compiler;
use crate::hash::FixedMap;
use crate::keys::{Key, keys_of};
use crate::matcher::{PathTree, PrefixTree, number_of, with_text};
use crate::program::{NodeId, OperandId, Program, Run};
use crate::subject::{EventKind, Subject, Value};
use aho_corasick::AhoCorasick;

/// A rule as it applies to one kind of event.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The rule's place in the set.
    pub(crate) rule: usize,
    /// What must hold; for a rule with a sequence: of at least one step.
    pub(crate) condition: NodeId,
    /// What excuses the event, by the order of the rule's exceptions.
    pub(crate) exceptions: Box<[NodeId]>,
    /// Steps of the rule's sequence that this kind of event can be, with their conditions.
    pub(crate) steps: Box<[(usize, NodeId)]>,
}

/// The rules for one kind of event.
#[derive(Debug, Default)]
pub(crate) struct KindIndex {
    /// In the order of the set.
    pub(crate) entries: Vec<Entry>,
    /// Bits of the entries that are always evaluated.
    always: Vec<u64>,
    fields: Vec<FieldIndex>,
}

/// A rule's conditions before it is known what kind of event they meet.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) condition: NodeId,
    pub(crate) exceptions: Vec<NodeId>,
    pub(crate) steps: Vec<NodeId>,
}

/// The keys of one field; marks are places of entries.
#[derive(Debug)]
struct FieldIndex {
    operand: OperandId,
    /// Entries with any key of this field: what is not known may be any of them.
    all: Vec<u32>,
    whole: FixedMap<Box<[u8]>, Vec<u32>>,
    numbers: FixedMap<i64, Vec<u32>>,
    beginnings: PrefixTree,
    /// Backwards.
    ends: PrefixTree,
    above: PathTree,
    inside: Searcher,
    inside_in_any_case: Searcher,
}

/// Texts that are searched for together.
#[derive(Debug, Default)]
struct Searcher {
    texts: Vec<Box<[u8]>>,
    marks: Vec<Vec<u32>>,
    /// None while texts are added, or without texts.
    automaton: Option<AhoCorasick>,
}

impl KindIndex {
    /// Adds a rule, unless no event of the kind can match it.
    pub(crate) fn add(
        &mut self,
        compiler: &mut Compiler,
        kind: EventKind,
        rule: usize,
        conditions: &Conditions,
    ) {
        let mut steps = Vec::with_capacity(conditions.steps.len());
        for (place, step) in conditions.steps.iter().enumerate() {
            let step = compiler.specialise(kind, *step);
            if !compiler.is_never(step) {
                steps.push((place, step));
            }
        }
        let mut condition = compiler.specialise(kind, conditions.condition);
        if !conditions.steps.is_empty() {
            let any = compiler.or(steps.iter().map(|(_, step)| *step).collect());
            condition = compiler.and(vec![condition, any]);
        }
        if compiler.is_never(condition) {
            return;
        }
        let exceptions = conditions
            .exceptions
            .iter()
            .map(|exception| compiler.specialise(kind, *exception))
            .collect();
        self.entries.push(Entry {
            rule,
            condition,
            exceptions,
            steps: steps.into(),
        });
    }

    /// Chooses keys for all rules that were added.
    pub(crate) fn finish(&mut self, program: &Program) {
        self.always = vec![0; self.entries.len().div_ceil(64)];
        for (place, entry) in self.entries.iter().enumerate() {
            let Ok(mark) = u32::try_from(place) else {
                return;
            };
            match keys_of(program, entry.condition) {
                None => set_bit(&mut self.always, mark),
                Some(keys) => {
                    for (operand, key) in keys {
                        field_index(&mut self.fields, operand).insert(&key, mark);
                    }
                }
            }
        }
        for field in &mut self.fields {
            let built = field.inside.build(false) && field.inside_in_any_case.build(true);
            if !built {
                // Texts that can't be searched for together: their rules are evaluated always.
                for mark in &field.all {
                    set_bit(&mut self.always, *mark);
                }
            }
        }
    }

    /// Sets the bits of all entries that an event may match.
    pub(crate) fn candidates<S: Subject + ?Sized>(
        &self,
        run: &mut Run<'_, '_, S>,
        bits: &mut Vec<u64>,
    ) {
        bits.clear();
        bits.extend_from_slice(&self.always);
        for field in &self.fields {
            field.find(run.value(field.operand), bits);
        }
    }
}

/// The places of the bits that are set, in order.
pub(crate) fn places(bits: &[u64]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(word, bits)| {
        let mut left = *bits;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(word * 64 + bit)
        })
    })
}

fn set_bit(bits: &mut [u64], mark: u32) {
    if let Some(word) = bits.get_mut(mark as usize / 64) {
        *word |= 1 << (mark % 64);
    }
}

fn set_bits(bits: &mut [u64], marks: &[u32]) {
    for mark in marks {
        set_bit(bits, *mark);
    }
}

fn field_index(fields: &mut Vec<FieldIndex>, operand: OperandId) -> &mut FieldIndex {
    let place = match fields.iter().position(|field| field.operand == operand) {
        Some(place) => place,
        None => {
            fields.push(FieldIndex::new(operand));
            fields.len() - 1
        }
    };
    match fields.get_mut(place) {
        Some(field) => field,
        None => unreachable!("the place was found or made just now"),
    }
}

impl FieldIndex {
    fn new(operand: OperandId) -> FieldIndex {
        FieldIndex {
            operand,
            all: Vec::new(),
            whole: FixedMap::default(),
            numbers: FixedMap::default(),
            beginnings: PrefixTree::default(),
            ends: PrefixTree::default(),
            above: PathTree::default(),
            inside: Searcher::default(),
            inside_in_any_case: Searcher::default(),
        }
    }

    fn insert(&mut self, key: &Key, mark: u32) {
        if self.all.last() != Some(&mark) {
            self.all.push(mark);
        }
        match key {
            Key::Whole(text) => self.whole.entry(text.clone()).or_default().push(mark),
            Key::Number(number) => self.numbers.entry(*number).or_default().push(mark),
            Key::Beginning(text) => self.beginnings.insert(text.iter().copied(), mark),
            Key::End(text) => self.ends.insert(text.iter().rev().copied(), mark),
            Key::Above(path) => self.above.insert(path, mark),
            Key::Inside(text) => self.inside.insert(text, mark),
            Key::InsideInAnyCase(text) => {
                self.inside_in_any_case
                    .insert(&text.to_ascii_lowercase(), mark);
            }
        }
    }

    fn find(&self, value: &Value<'_>, bits: &mut [u64]) {
        match value {
            Value::Absent => {}
            Value::Unknown => set_bits(bits, &self.all),
            Value::List(entries) => {
                for entry in entries {
                    self.find(entry, bits);
                }
            }
            single => {
                if !self.numbers.is_empty()
                    && let Some(marks) =
                        number_of(single).and_then(|number| self.numbers.get(&number))
                {
                    set_bits(bits, marks);
                }
                with_text(single, |text| self.find_text(text, bits));
            }
        }
    }

    fn find_text(&self, text: &[u8], bits: &mut [u64]) {
        if !self.whole.is_empty()
            && let Some(marks) = self.whole.get(text)
        {
            set_bits(bits, marks);
        }
        self.beginnings
            .find(text.iter().copied(), |marks| set_bits(bits, marks));
        self.ends
            .find(text.iter().rev().copied(), |marks| set_bits(bits, marks));
        if !self.above.is_empty() {
            self.above.find(text, |marks| {
                set_bits(bits, marks);
                false
            });
        }
        self.inside.find(text, bits);
        self.inside_in_any_case.find(text, bits);
    }
}

impl Searcher {
    fn insert(&mut self, text: &[u8], mark: u32) {
        match self.texts.iter().position(|known| **known == *text) {
            Some(place) => {
                if let Some(marks) = self.marks.get_mut(place) {
                    marks.push(mark);
                }
            }
            None => {
                self.texts.push(text.into());
                self.marks.push(vec![mark]);
            }
        }
    }

    /// Makes the automaton. False if that takes too much.
    fn build(&mut self, any_case: bool) -> bool {
        if self.texts.is_empty() {
            return true;
        }
        self.automaton = AhoCorasick::builder()
            .ascii_case_insensitive(any_case)
            .build(&self.texts)
            .ok();
        self.automaton.is_some()
    }

    fn find(&self, text: &[u8], bits: &mut [u64]) {
        let Some(automaton) = &self.automaton else {
            return;
        };
        for found in automaton.find_overlapping_iter(text) {
            if let Some(marks) = self.marks.get(found.pattern().as_usize()) {
                set_bits(bits, marks);
            }
        }
    }
}
