//! Compiled conditions, and their evaluation against one event.
//!
//! All conditions of a rule set share one [`Program`]: what two rules have in common is one node and is decided once per event.

use crate::ast::{Operator, Transformer};
use crate::fields::{Argument, Field};
use crate::keys::{Share, guards_of, keys_of_test};
use crate::lookup::Lookup;
use crate::matcher::{Matcher, compare_texts, number_of, text_of};
use crate::subject::{Subject, Value};
use crate::transform::transform;
use crate::truth::Truth;

/// A node of a [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeId(pub(crate) u32);

/// A test of a [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TestId(pub(crate) u32);

/// An operand of a [`Program`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OperandId(pub(crate) u32);

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Constant(bool),
    Test(TestId),
    Not(NodeId),
    /// All hold; the one that most probably fails for the least work comes first.
    And(Box<[NodeId]>),
    /// At least one holds; the one that most probably holds for the least work comes first.
    Or(Box<[NodeId]>),
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum OperandProgram {
    Field(Field, Argument),
    Transformed(Transformer, OperandId),
}

/// How the entries of a list count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entries {
    /// It holds if it holds of any entry.
    Any,
    /// It holds if it holds of all: Falco's `in` of list fields.
    All,
}

/// A test, ready.
#[derive(Debug)]
pub(crate) struct TestProgram {
    pub(crate) operand: OperandId,
    pub(crate) operator: Operator,
    /// The constants on the right, if any.
    pub(crate) matcher: Option<Matcher>,
    /// The fields on the right.
    pub(crate) fields: Box<[OperandId]>,
    pub(crate) entries: Entries,
    /// How many events have a key of the test; `None` if it has no keys and must always be looked at.
    pub(crate) share: Option<Share>,
}

/// The conditions of a rule set.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) tests: Vec<TestProgram>,
    pub(crate) operands: Vec<OperandProgram>,
    /// By operand: the keys of its tests.
    lookups: Vec<Option<Lookup>>,
    /// By node: of wide disjunctions, what says at once that most of their parts don't hold.
    guards: Vec<Option<Guard>>,
}

/// Tests of which one must hold for most parts of a disjunction to hold.
#[derive(Debug, Default)]
struct Guard {
    /// The parts that must be looked at all the same.
    rest: Vec<NodeId>,
    operands: Vec<OperandId>,
    /// Bits of the tests, as in [`Memo::hit_bits`]: which word, and the bits in it.
    bits: Vec<(usize, u64)>,
}

/// Parts of a disjunction from which on a guard is worth its memory.
const GUARDED_PARTS_MIN: usize = 3;

impl Program {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        self.nodes
            .get(id.0 as usize)
            .unwrap_or(&Node::Constant(false))
    }

    pub(crate) fn test(&self, id: TestId) -> Option<&TestProgram> {
        self.tests.get(id.0 as usize)
    }

    pub(crate) fn operand(&self, id: OperandId) -> Option<&OperandProgram> {
        self.operands.get(id.0 as usize)
    }

    /// Makes all tests with keys ready to be decided together.
    pub(crate) fn finish(&mut self) {
        let mut lookups: Vec<Option<Lookup>> = Vec::new();
        lookups.resize_with(self.operands.len(), || None);
        for place in 0..self.tests.len() {
            let found = self.tests.get(place).and_then(|test| {
                let matcher = test.matcher.as_ref().filter(|_| test.fields.is_empty())?;
                let keys = keys_of_test(self, test.operand, matcher)?;
                Some((test.operand, keys))
            });
            let (Some((operand, keys)), Ok(mark)) = (found, u32::try_from(place)) else {
                continue;
            };
            if let Some(test) = self.tests.get_mut(place) {
                test.share = Some(keys.share);
            }
            if let Some(lookup) = lookups.get_mut(operand.0 as usize) {
                let lookup = lookup.get_or_insert_default();
                for key in keys.keys {
                    lookup.insert(key, mark);
                }
            }
        }
        for lookup in lookups.iter_mut().flatten() {
            lookup.finish();
        }
        self.lookups = lookups;
        let ids = (0..self.nodes.len()).filter_map(|place| u32::try_from(place).ok());
        self.guards = ids.map(|id| self.guard(NodeId(id))).collect();
    }

    fn guard(&self, node: NodeId) -> Option<Guard> {
        let Node::Or(children) = self.node(node) else {
            return None;
        };
        let mut guard = Guard::default();
        let mut tests = Vec::new();
        for child in children {
            match guards_of(self, *child) {
                Some(more) => tests.extend(more),
                None => guard.rest.push(*child),
            }
        }
        if children.len() - guard.rest.len() < GUARDED_PARTS_MIN {
            return None;
        }
        for id in tests {
            let operand = self.test(id)?.operand;
            if !guard.operands.contains(&operand) {
                guard.operands.push(operand);
            }
            let (word, bit) = (id.0 as usize / 64, 1 << (id.0 % 64));
            match guard.bits.iter_mut().find(|(known, _)| *known == word) {
                Some((_, bits)) => *bits |= bit,
                None => guard.bits.push((word, bit)),
            }
        }
        Some(guard)
    }

    /// The value of an operand, without remembering it.
    pub(crate) fn value_of<'s, S: Subject + ?Sized>(
        &self,
        id: OperandId,
        subject: &'s S,
    ) -> Value<'s> {
        match self.operand(id) {
            Some(OperandProgram::Field(field, argument)) => subject.value(*field, argument),
            Some(OperandProgram::Transformed(transformer, inner)) => {
                transform(*transformer, &self.value_of(*inner, subject))
            }
            None => Value::Absent,
        }
    }
}

/// What is remembered while one event is evaluated; kept between events so that nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    /// Number of the event; marks what was remembered of this one.
    epoch: u32,
    /// Per node: the epoch and, in the lowest two bits, the truth.
    truths: Vec<u32>,
    /// Per operand: the epoch and the place in `values`.
    places: Vec<(u32, u32)>,
    /// Empty between events: only the memory is kept.
    values: Vec<Value<'static>>,
    /// Bits of the tests with a key that a value has.
    hit_bits: Vec<u64>,
    /// The same tests, once each.
    hits: Vec<u32>,
    /// Bits of the rules that the event may match.
    pub(crate) candidates: Vec<u64>,
}

/// Epochs that fit beside the truth.
const EPOCH_MAX: u32 = u32::MAX >> 2;

impl Memo {
    /// Forgets the event before and makes room for a program.
    fn begin(&mut self, program: &Program) {
        if self.epoch == EPOCH_MAX {
            *self = Memo::default();
        }
        self.epoch += 1;
        if self.truths.len() < program.nodes.len() {
            self.truths.resize(program.nodes.len(), 0);
        }
        if self.places.len() < program.operands.len() {
            self.places.resize(program.operands.len(), (0, 0));
        }
        self.hit_bits.clear();
        self.hit_bits.resize(program.tests.len().div_ceil(64), 0);
        self.hits.clear();
    }
}

/// The evaluation of one event.
pub(crate) struct Run<'r, 's, S: Subject + ?Sized> {
    program: &'r Program,
    subject: &'s S,
    memo: &'r mut Memo,
    values: Vec<Value<'s>>,
}

impl<'r, 's, S: Subject + ?Sized> Run<'r, 's, S> {
    pub(crate) fn new(program: &'r Program, subject: &'s S, memo: &'r mut Memo) -> Self {
        memo.begin(program);
        let values = std::mem::take(&mut memo.values);
        Run {
            program,
            subject,
            memo,
            values,
        }
    }

    /// What is evaluated.
    pub(crate) fn program(&self) -> &'r Program {
        self.program
    }

    /// Whether a condition holds.
    pub(crate) fn truth(&mut self, id: NodeId) -> Truth {
        let place = id.0 as usize;
        let epoch = self.memo.epoch;
        if let Some(known) = self.memo.truths.get(place)
            && known >> 2 == epoch
        {
            return match known & 3 {
                0 => Truth::False,
                1 => Truth::Unknown,
                _ => Truth::True,
            };
        }
        let truth = self.decide(id);
        if let Some(cell) = self.memo.truths.get_mut(place) {
            *cell = epoch << 2 | truth as u32;
        }
        truth
    }

    fn decide(&mut self, id: NodeId) -> Truth {
        match self.program.node(id) {
            Node::Constant(holds) => (*holds).into(),
            Node::Test(test) => match self.program.test(*test) {
                Some(program) => self.test(*test, program),
                None => Truth::False,
            },
            Node::Not(inner) => !self.truth(*inner),
            Node::And(children) => {
                let mut all = Truth::True;
                for child in children {
                    all = all.min(self.truth(*child));
                    if all == Truth::False {
                        break;
                    }
                }
                all
            }
            Node::Or(children) => {
                let mut any = Truth::False;
                for child in self.open_parts(id).unwrap_or(children) {
                    any = any.max(self.truth(*child));
                    if any == Truth::True {
                        break;
                    }
                }
                any
            }
        }
    }

    fn test(&mut self, id: TestId, test: &TestProgram) -> Truth {
        let left = self.place(test.operand);
        if test.share.is_some() && !self.is_hit(id) {
            // No entry of the value has what the test asks for, unless one is unknown.
            let value = self.values.get(left).unwrap_or(&Value::Absent);
            if !has_unknown(value) {
                return (test.operator == Operator::NotEqual && !is_absent(value)).into();
            }
        }
        if let (Some(matcher), []) = (&test.matcher, test.fields.as_ref()) {
            let left = self.values.get(left).unwrap_or(&Value::Absent);
            return against(left, test, |value| matcher.matches(value).into());
        }
        for field in &test.fields {
            let right = self.value(*field);
            // Nothing differs from what is absent, either.
            if test.operator == Operator::NotEqual && is_absent(right) {
                return Truth::False;
            }
        }
        let left = self.values.get(left).unwrap_or(&Value::Absent);
        against(left, test, |value| {
            let constants = test
                .matcher
                .as_ref()
                .is_some_and(|matcher| matcher.matches(value));
            test.fields.iter().fold(constants.into(), |any, field| {
                any.max(compare(test.operator, value, self.known(*field)))
            })
        })
    }

    /// The parts of a disjunction that its guard can't say anything of, if it says that no other holds.
    fn open_parts(&mut self, id: NodeId) -> Option<&'r [NodeId]> {
        let guard = self.program.guards.get(id.0 as usize)?.as_ref()?;
        let is_known = guard
            .operands
            .iter()
            .all(|operand| !has_unknown(self.value(*operand)));
        let is_ruled_out = is_known
            && guard.bits.iter().all(|(word, bits)| {
                let hits = self.memo.hit_bits.get(*word);
                hits.is_some_and(|hits| hits & bits == 0)
            });
        is_ruled_out.then_some(guard.rest.as_slice())
    }

    fn is_hit(&self, id: TestId) -> bool {
        self.memo
            .hit_bits
            .get(id.0 as usize / 64)
            .is_some_and(|word| word & 1 << (id.0 % 64) != 0)
    }

    /// The tests with a key that a value has, of all operands whose value was taken.
    pub(crate) fn hits(&self) -> &[u32] {
        &self.memo.hits
    }

    /// The value of an operand; taken from the event at the first time.
    pub(crate) fn value(&mut self, id: OperandId) -> &Value<'s> {
        let place = self.place(id);
        self.values.get(place).unwrap_or(&Value::Absent)
    }

    /// The value of an operand that was taken before.
    fn known(&self, id: OperandId) -> &Value<'s> {
        self.memo
            .places
            .get(id.0 as usize)
            .and_then(|(_, place)| self.values.get(*place as usize))
            .unwrap_or(&Value::Absent)
    }

    /// Where in `values` the value of an operand is.
    fn place(&mut self, id: OperandId) -> usize {
        if let Some((epoch, place)) = self.memo.places.get(id.0 as usize)
            && *epoch == self.memo.epoch
        {
            return *place as usize;
        }
        let value = match self.program.operand(id) {
            Some(OperandProgram::Field(field, argument)) => self.subject.value(*field, argument),
            Some(OperandProgram::Transformed(transformer, inner)) => {
                transform(*transformer, self.value(*inner))
            }
            None => Value::Absent,
        };
        if let Some(Some(lookup)) = self.program.lookups.get(id.0 as usize) {
            let Memo { hit_bits, hits, .. } = &mut *self.memo;
            lookup.find(&value, &mut |tests| {
                for test in tests {
                    if let Some(word) = hit_bits.get_mut(*test as usize / 64)
                        && *word & 1 << (test % 64) == 0
                    {
                        *word |= 1 << (test % 64);
                        hits.push(*test);
                    }
                }
            });
        }
        let place = self.values.len();
        self.values.push(value);
        if let (Some(cell), Ok(at)) = (
            self.memo.places.get_mut(id.0 as usize),
            u32::try_from(place),
        ) {
            *cell = (self.memo.epoch, at);
        }
        place
    }
}

impl<S: Subject + ?Sized> Drop for Run<'_, '_, S> {
    fn drop(&mut self) {
        let mut values = std::mem::take(&mut self.values);
        values.clear();
        // Collecting an emptied vector of the same layout keeps its memory, and so the next event needs none.
        self.memo.values = values
            .into_iter()
            .map(|_| Value::Absent)
            .collect::<Vec<Value<'static>>>();
    }
}

fn is_absent(value: &Value<'_>) -> bool {
    match value {
        Value::Absent => true,
        Value::List(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Whether a value, or an entry of it, is unknown.
pub(crate) fn has_unknown(value: &Value<'_>) -> bool {
    match value {
        Value::Unknown => true,
        Value::List(entries) => entries.contains(&Value::Unknown),
        _ => false,
    }
}

/// Applies a test to a value: what is absent never matches, what is unknown is unknown, and of a list the entries count.
fn against(value: &Value<'_>, test: &TestProgram, matches: impl Fn(&Value<'_>) -> Truth) -> Truth {
    let matched = match value {
        Value::Absent => return Truth::False,
        Value::Unknown => return Truth::Unknown,
        Value::List(entries) if entries.is_empty() => return Truth::False,
        Value::List(entries) => {
            let truths = entries.iter().map(|entry| match entry {
                Value::Absent | Value::List(_) => Truth::False,
                Value::Unknown => Truth::Unknown,
                single => matches(single),
            });
            match test.entries {
                Entries::Any => truths.max().unwrap_or(Truth::False),
                Entries::All => truths.min().unwrap_or(Truth::False),
            }
        }
        single => matches(single),
    };
    // `!=` of a list is true if no entry is equal, so that it stays the opposite of `=`.
    if test.operator == Operator::NotEqual {
        !matched
    } else {
        matched
    }
}

/// Whether a single value compares so with another field's value; `NotEqual` is compared as `Equal`.
fn compare(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Truth {
    match right {
        Value::Absent => Truth::False,
        Value::Unknown => Truth::Unknown,
        Value::List(entries) => entries
            .iter()
            .map(|entry| compare(operator, left, entry))
            .max()
            .unwrap_or(Truth::False),
        single => match (number_of(left), number_of(single)) {
            (Some(left), Some(right)) => match operator {
                Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects => {
                    left == right
                }
                Operator::Less => left < right,
                Operator::LessOrEqual => left <= right,
                Operator::Greater => left > right,
                Operator::GreaterOrEqual => left >= right,
                _ => false,
            }
            .into(),
            _ => compare_texts(operator, &text_of(left), &text_of(single)).into(),
        },
    }
}
