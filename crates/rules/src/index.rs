//! Rules by the kind of event, and inside a kind by what few events have.
//!
//! For each rule, a set of tests is chosen of which one must hold for the rule to match, and that few events pass. Only rules of
//! which such a test may hold (see `lookup.rs`) are evaluated. Rules without such tests always are.

use crate::compile::Compiler;
use crate::keys::keys_of;
use crate::program::{NodeId, OperandId, Program, Run, TestId, has_unknown};
use crate::subject::{EventKind, Subject};

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
    /// Operands of the chosen tests, with the bits of the entries that they were chosen for.
    operands: Vec<(OperandId, Vec<u64>)>,
    /// By test: where in `chosen_for` its entries are; zero if it was not chosen.
    by_test: Vec<u32>,
    /// Places of entries; the first list is empty.
    chosen_for: Vec<Vec<u32>>,
}

/// A rule's conditions before it is known what kind of event they meet.
#[derive(Debug)]
pub(crate) struct Conditions {
    pub(crate) condition: NodeId,
    pub(crate) exceptions: Vec<NodeId>,
    pub(crate) steps: Vec<NodeId>,
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

    /// Chooses tests for all rules that were added.
    pub(crate) fn finish(&mut self, program: &Program) {
        self.always = vec![0; self.entries.len().div_ceil(64)];
        if !self.entries.is_empty() {
            self.by_test.resize(program.tests.len(), 0);
            self.chosen_for.push(Vec::new());
        }
        for (place, condition) in self.conditions().into_iter().enumerate() {
            let Ok(mark) = u32::try_from(place) else {
                return;
            };
            let Some(tests) = keys_of(program, condition) else {
                set_bit(&mut self.always, mark);
                continue;
            };
            for id in tests {
                if let Some(test) = program.test(id) {
                    let words = self.always.len();
                    set_bit(bits_of(&mut self.operands, test.operand, words), mark);
                }
                self.choose(id, mark);
            }
        }
    }

    fn conditions(&self) -> Vec<NodeId> {
        self.entries.iter().map(|entry| entry.condition).collect()
    }

    fn choose(&mut self, test: TestId, mark: u32) {
        let (Some(place), Ok(next)) = (
            self.by_test.get_mut(test.0 as usize),
            u32::try_from(self.chosen_for.len()),
        ) else {
            return;
        };
        if *place == 0 {
            *place = next;
            self.chosen_for.push(Vec::new());
        }
        if let Some(marks) = self.chosen_for.get_mut(*place as usize) {
            marks.push(mark);
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
        for (operand, chosen_for) in &self.operands {
            // What is not known may be what any of the tests asks for.
            if has_unknown(run.value(*operand)) {
                for (word, more) in bits.iter_mut().zip(chosen_for) {
                    *word |= more;
                }
            }
        }
        for test in run.hits() {
            let place = self.by_test.get(*test as usize).copied().unwrap_or(0);
            for mark in self.chosen_for.get(place as usize).into_iter().flatten() {
                set_bit(bits, *mark);
            }
        }
    }
}

/// The bits of an operand, made if they aren't there.
fn bits_of(
    operands: &mut Vec<(OperandId, Vec<u64>)>,
    operand: OperandId,
    words: usize,
) -> &mut [u64] {
    let known = operands.iter().position(|(known, _)| *known == operand);
    let place = known.unwrap_or(operands.len());
    if known.is_none() {
        operands.push((operand, vec![0; words]));
    }
    operands
        .get_mut(place)
        .map_or(&mut [], |(_, bits)| bits.as_mut_slice())
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
