//! A set of rules, and what it says of an event.

use crate::ast::{Expr, Operand};
use crate::compile::{CompileError, Compiler};
use crate::format::{Template, name_of};
use crate::index::{Conditions, Entry, KindIndex, places};
use crate::kinds::KindSet;
use crate::program::{Memo, NodeId, OperandId, Program, Run};
use crate::rule::{Count, Rule};
use crate::state::{
    Evidence, FirstSeenTable, RuleMemory, RuleState, RuleStats, SeenEvent, SequenceTable,
    ThresholdTable, VALUES_MAX, shown, write_key,
};
use crate::subject::{EventKind, Subject, Value};
use crate::truth::Truth;
use std::sync::Arc;

/// A rule's place in its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// Rules, compiled together. Immutable: replacing the rules means making another set.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<CompiledRule>,
    program: Program,
    /// By [`EventKind::index`].
    kinds: Vec<KindIndex>,
}

/// A rule with what can't be found in the shared program.
#[derive(Debug)]
struct CompiledRule {
    rule: Arc<Rule>,
    output: Template,
    fold_by: Vec<(String, OperandId)>,
    /// The node of each test of the condition and the steps, in the order of the tree.
    tests: Vec<NodeId>,
    sequence: Option<SequenceProgram>,
    threshold: Option<ThresholdProgram>,
    first_seen: Option<FirstSeenProgram>,
}

#[derive(Debug)]
struct SequenceProgram {
    by: Vec<OperandId>,
    /// By step: what is kept of its events, with the names.
    kept: Vec<Vec<(String, OperandId)>>,
}

#[derive(Debug)]
struct ThresholdProgram {
    by: Vec<OperandId>,
    distinct: Option<OperandId>,
}

#[derive(Debug)]
struct FirstSeenProgram {
    by: Vec<OperandId>,
    value: Vec<OperandId>,
}

/// A rule that can't be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule:?}: {error}")]
pub struct RuleError {
    /// Its name.
    pub rule: String,
    /// What is wrong.
    #[source]
    pub error: CompileError,
}

/// What a rule says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It matches.
    Matches,
    /// It matches unless an exception holds, which can't be said: a value is not known yet.
    MatchesUnlessExcused,
    /// Nothing can be said: a value is not known yet.
    Unknown,
}

/// What becomes of values that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknowns {
    /// They may become known: the rule's outcome is told as undecided and nothing is remembered.
    Wait,
    /// They stay unknown: no test of them holds, and what is unknown excuses nothing.
    Settle,
}

/// A rule that has something to say of an event.
#[derive(Debug)]
pub struct Match<'a> {
    /// The rule's place in the set.
    pub id: RuleId,
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// What it says.
    pub outcome: Outcome,
    /// What it rests on beside this event; only if it matches.
    pub evidence: Evidence,
}

/// Whether an event meets a rule.
enum Meeting {
    No,
    Unknown,
    UnlessExcused,
    /// With the steps of the sequence that the event is.
    Yes(u32),
}

impl RuleSet {
    /// Compiles rules. Rules that aren't enabled are kept, but never match.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any of the rules.
    pub fn compile(rules: Vec<Rule>) -> Result<RuleSet, Vec<RuleError>> {
        let mut compiler = Compiler::default();
        let mut errors = Vec::new();
        let mut compiled = Vec::with_capacity(rules.len());
        let mut kinds: Vec<KindIndex> = Vec::new();
        kinds.resize_with(EventKind::INDEX_MAX, KindIndex::default);
        for (place, rule) in rules.into_iter().enumerate() {
            let mut wrong = Vec::new();
            let (conditions, tests) = conditions(&mut compiler, &rule, &mut wrong);
            let rule = CompiledRule::new(&mut compiler, rule, tests, &mut wrong);
            if wrong.is_empty() && rule.rule.enabled {
                for kind in EventKind::all().filter(|kind| kind.source() == rule.rule.source) {
                    if let Some(index) = kinds.get_mut(kind.index()) {
                        index.add(&mut compiler, kind, place, &conditions);
                    }
                }
            }
            errors.extend(wrong.into_iter().map(|error| RuleError {
                rule: rule.rule.name.clone(),
                error,
            }));
            compiled.push(rule);
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        compiler.program.finish();
        for index in &mut kinds {
            index.finish(&compiler.program);
        }
        Ok(RuleSet {
            rules: compiled,
            program: compiler.program,
            kinds,
        })
    }

    /// A set without rules: nothing matches.
    pub fn empty() -> RuleSet {
        let mut kinds: Vec<KindIndex> = Vec::new();
        kinds.resize_with(EventKind::INDEX_MAX, KindIndex::default);
        RuleSet {
            rules: Vec::new(),
            program: Program::default(),
            kinds,
        }
    }

    /// The rules, by [`RuleId`].
    pub fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        self.rules.iter().map(|rule| &rule.rule)
    }

    /// The kinds of event that any rule can match: no other needs to be recorded.
    pub fn kinds(&self) -> KindSet {
        EventKind::all()
            .filter(|kind| {
                self.kinds
                    .get(kind.index())
                    .is_some_and(|index| !index.entries.is_empty())
            })
            .collect()
    }

    /// Tells every rule that matches an event or may match it, in the order of the set. Allocates nothing without a match.
    pub fn evaluate<S: Subject + ?Sized>(
        &self,
        subject: &S,
        state: &mut RuleState,
        matches: &mut impl FnMut(Match<'_>),
    ) {
        let Some(index) = self.kinds.get(subject.kind().index()) else {
            return;
        };
        let RuleState { memo, rules, key } = state;
        let mut candidates = std::mem::take(&mut memo.candidates);
        let mut run = Run::new(&self.program, subject, memo);
        index.candidates(&mut run, &mut candidates);
        for entry in places(&candidates).filter_map(|place| index.entries.get(place)) {
            self.apply(
                entry,
                Unknowns::Wait,
                subject,
                &mut run,
                rules,
                key,
                matches,
            );
        }
        drop(run);
        memo.candidates = candidates;
    }

    /// Evaluates one rule again, for an event that left it undecided.
    pub fn evaluate_rule<S: Subject + ?Sized>(
        &self,
        rule: RuleId,
        unknowns: Unknowns,
        subject: &S,
        state: &mut RuleState,
        matches: &mut impl FnMut(Match<'_>),
    ) {
        let entry = self.kinds.get(subject.kind().index()).and_then(|index| {
            index
                .entries
                .iter()
                .find(|entry| entry.rule == rule.0 as usize)
        });
        if let Some(entry) = entry {
            let RuleState { memo, rules, key } = state;
            let mut run = Run::new(&self.program, subject, memo);
            self.apply(entry, unknowns, subject, &mut run, rules, key, matches);
        }
    }

    /// Whether any rule could match an event of which only some fields are known.
    pub(crate) fn any_may_match<S: Subject + ?Sized>(&self, subject: &S, memo: &mut Memo) -> bool {
        let Some(index) = self.kinds.get(subject.kind().index()) else {
            return false;
        };
        let mut candidates = std::mem::take(&mut memo.candidates);
        let mut run = Run::new(&self.program, subject, memo);
        index.candidates(&mut run, &mut candidates);
        let any = places(&candidates).any(|place| {
            let Some(entry) = index.entries.get(place) else {
                return false;
            };
            run.truth(entry.condition) != Truth::False
                && entry
                    .exceptions
                    .iter()
                    .all(|exception| run.truth(*exception) != Truth::True)
        });
        drop(run);
        memo.candidates = candidates;
        any
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "parts of the state, borrowed apart"
    )]
    fn apply<S: Subject + ?Sized>(
        &self,
        entry: &Entry,
        unknowns: Unknowns,
        subject: &S,
        run: &mut Run<'_, '_, S>,
        memories: &mut [RuleMemory],
        key: &mut Vec<u8>,
        matches: &mut impl FnMut(Match<'_>),
    ) {
        let (Some(rule), Some(memory)) = (self.rules.get(entry.rule), memories.get_mut(entry.rule))
        else {
            return;
        };
        let mut tell = |outcome, evidence, stats: &mut RuleStats| {
            stats.matches += u64::from(outcome == Outcome::Matches);
            matches(Match {
                id: RuleId(u32::try_from(entry.rule).unwrap_or(u32::MAX)),
                rule: &rule.rule,
                outcome,
                evidence,
            });
        };
        let undecided = match (meets(entry, run, &mut memory.stats, unknowns), unknowns) {
            (Meeting::No, _) | (Meeting::Unknown, Unknowns::Settle) => return,
            (Meeting::Yes(steps), _) => match rule.advance(steps, subject, run, memory, key) {
                Advance::Matches(evidence) => {
                    tell(Outcome::Matches, evidence, &mut memory.stats);
                    return;
                }
                Advance::Waits => return,
                Advance::Unknown if unknowns == Unknowns::Settle => return,
                Advance::Unknown => Outcome::Unknown,
            },
            (Meeting::Unknown, Unknowns::Wait) => Outcome::Unknown,
            (Meeting::UnlessExcused, _) => Outcome::MatchesUnlessExcused,
        };
        tell(undecided, Evidence::default(), &mut memory.stats);
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    fn rule(&self, id: RuleId) -> Option<&CompiledRule> {
        self.rules.get(id.0 as usize)
    }

    pub(crate) fn template(&self, id: RuleId) -> Option<&Template> {
        self.rule(id).map(|rule| &rule.output)
    }

    pub(crate) fn fold_by(&self, id: RuleId) -> &[(String, OperandId)] {
        self.rule(id).map_or(&[], |rule| &rule.fold_by)
    }

    /// A rule with the node of each test of its condition and steps.
    pub(crate) fn traced(&self, id: RuleId) -> Option<(&Rule, &[NodeId])> {
        self.rule(id)
            .map(|rule| (rule.rule.as_ref(), rule.tests.as_slice()))
    }

    /// Empty memories for the rules.
    pub(crate) fn memories(&self) -> Vec<RuleMemory> {
        self.rules.iter().map(CompiledRule::memory).collect()
    }
}

/// Whether an event meets a rule: its condition holds, and no exception.
fn meets<S: Subject + ?Sized>(
    entry: &Entry,
    run: &mut Run<'_, '_, S>,
    stats: &mut RuleStats,
    unknowns: Unknowns,
) -> Meeting {
    let condition = run.truth(entry.condition);
    if condition == Truth::False {
        return Meeting::No;
    }
    let mut excused = Truth::False;
    for (place, exception) in entry.exceptions.iter().enumerate() {
        let truth = run.truth(*exception);
        excused = excused.max(truth);
        if truth == Truth::True {
            if condition == Truth::True
                && let Some(count) = stats.excused.get_mut(place)
            {
                *count += 1;
            }
            return Meeting::No;
        }
    }
    if condition == Truth::Unknown {
        return Meeting::Unknown;
    }
    if excused == Truth::Unknown && unknowns == Unknowns::Wait {
        return Meeting::UnlessExcused;
    }
    let steps = entry
        .steps
        .iter()
        .filter(|(_, step)| run.truth(*step) == Truth::True)
        .fold(0, |steps, (step, _)| steps | 1 << step);
    Meeting::Yes(steps)
}

/// Compiles a rule's conditions; gives the node of each test of the condition and the steps, too.
fn conditions(
    compiler: &mut Compiler,
    rule: &Rule,
    errors: &mut Vec<CompileError>,
) -> (Conditions, Vec<NodeId>) {
    compiler.trace.clear();
    let always = Expr::Constant(true);
    let condition = compiler.condition(rule.condition.as_ref().unwrap_or(&always), errors);
    let steps = rule
        .sequence
        .iter()
        .flat_map(|sequence| &sequence.steps)
        .map(|step| compiler.condition(&step.condition, errors))
        .collect();
    let tests = std::mem::take(&mut compiler.trace);
    let exceptions = rule
        .exceptions
        .iter()
        .map(|exception| compiler.condition(&exception.holds, errors))
        .collect();
    let conditions = Conditions {
        condition,
        exceptions,
        steps,
    };
    (conditions, tests)
}

fn operands(
    compiler: &mut Compiler,
    operands: &[Operand],
    errors: &mut Vec<CompileError>,
) -> Vec<OperandId> {
    let mut ids = Vec::with_capacity(operands.len());
    for operand in operands {
        match compiler.operand(operand) {
            Ok(id) => ids.push(id),
            Err(error) => errors.push(error),
        }
    }
    ids
}

/// What becomes of a rule's memory when an event meets the rule.
enum Advance {
    /// The rule matches.
    Matches(Evidence),
    /// More events are needed, or the value is known.
    Waits,
    /// A value that the memory is kept by is not known.
    Unknown,
}

impl CompiledRule {
    fn new(
        compiler: &mut Compiler,
        rule: Rule,
        tests: Vec<NodeId>,
        errors: &mut Vec<CompileError>,
    ) -> CompiledRule {
        let fold_by = rule.fold_by.iter().filter_map(|operand| {
            let id = compiler.operand(operand);
            id.map(|id| (name_of(operand), id))
                .map_err(|error| errors.push(error))
                .ok()
        });
        let fold_by = fold_by.collect();
        let sequence = rule.sequence.as_ref().map(|sequence| SequenceProgram {
            by: operands(compiler, &sequence.by, errors),
            kept: sequence
                .steps
                .iter()
                .map(|step| kept_of_step(compiler, &sequence.by, &step.condition))
                .collect(),
        });
        let threshold = rule.threshold.as_ref().map(|threshold| ThresholdProgram {
            by: operands(compiler, &threshold.by, errors),
            distinct: match &threshold.count {
                Count::Events(_) => None,
                Count::Distinct(operand, _) => {
                    operands(compiler, std::slice::from_ref(operand), errors)
                        .first()
                        .copied()
                }
            },
        });
        let first_seen = rule.first_seen.as_ref().map(|first_seen| FirstSeenProgram {
            by: operands(compiler, &first_seen.by, errors),
            value: operands(compiler, &first_seen.value, errors),
        });
        CompiledRule {
            output: Template::new(&rule.output, compiler),
            rule: Arc::new(rule),
            fold_by,
            tests,
            sequence,
            threshold,
            first_seen,
        }
    }

    fn memory(&self) -> RuleMemory {
        let rule = &self.rule;
        RuleMemory {
            stats: RuleStats {
                excused: vec![0; rule.exceptions.len()],
                ..RuleStats::default()
            },
            sequence: rule.sequence.as_ref().map(|sequence| {
                SequenceTable::new(sequence.steps.len(), sequence.ordered, sequence.within_ms)
            }),
            threshold: rule
                .threshold
                .as_ref()
                .map(|threshold| ThresholdTable::new(&threshold.count, threshold.within_ms)),
            first_seen: rule
                .first_seen
                .as_ref()
                .map(|first_seen| FirstSeenTable::new(first_seen.learning_ms)),
        }
    }

    /// Takes an event that meets the rule through what the rule demands of several events.
    fn advance<S: Subject + ?Sized>(
        &self,
        steps: u32,
        subject: &S,
        run: &mut Run<'_, '_, S>,
        memory: &mut RuleMemory,
        key: &mut Vec<u8>,
    ) -> Advance {
        let mut evidence = Evidence::default();
        if let (Some(program), Some(table)) = (&self.sequence, &mut memory.sequence) {
            if !write_key(&program.by, run, key) {
                return Advance::Unknown;
            }
            let event = || program.seen(steps, subject, run);
            let Some(chain) = table.take(key, steps, subject.time(), event) else {
                return Advance::Waits;
            };
            let names = self.rule.sequence.as_ref().map(|sequence| &sequence.steps);
            evidence.steps = chain
                .into_iter()
                .filter_map(|(step, event)| Some((names?.get(step)?.name.clone(), event)))
                .collect();
        }
        if let (Some(program), Some(table)) = (&self.threshold, &mut memory.threshold) {
            match program.count(table, subject, run, key) {
                Advance::Matches(counted) => evidence.counted = counted.counted,
                other => return other,
            }
        }
        if let (Some(program), Some(table)) = (&self.first_seen, &mut memory.first_seen) {
            match program.look_up(table, subject, run, key) {
                Advance::Matches(seen) => evidence.first_seen = seen.first_seen,
                other => return other,
            }
        }
        Advance::Matches(evidence)
    }
}

impl SequenceProgram {
    /// What is kept of an event that is some of the steps.
    fn seen<S: Subject + ?Sized>(
        &self,
        steps: u32,
        subject: &S,
        run: &mut Run<'_, '_, S>,
    ) -> SeenEvent {
        let kept = self
            .kept
            .iter()
            .enumerate()
            .filter(|(step, _)| steps & 1 << step != 0)
            .flat_map(|(_, kept)| kept);
        let mut values: Vec<(String, String)> = Vec::new();
        for (name, operand) in kept {
            let value = run.value(*operand);
            if values.len() < VALUES_MAX
                && *value != Value::Absent
                && values.iter().all(|(known, _)| known != name)
            {
                values.push((name.clone(), shown(value)));
            }
        }
        SeenEvent {
            time: subject.time(),
            kind: subject.kind(),
            values,
        }
    }
}

impl ThresholdProgram {
    fn count<S: Subject + ?Sized>(
        &self,
        table: &mut ThresholdTable,
        subject: &S,
        run: &mut Run<'_, '_, S>,
        key: &mut Vec<u8>,
    ) -> Advance {
        if !write_key(&self.by, run, key) {
            return Advance::Unknown;
        }
        let counted = match self.distinct {
            None => table.count(key, subject.time()),
            Some(operand) => {
                let mut value_key = Vec::new();
                if !write_key(&[operand], run, &mut value_key) {
                    return Advance::Unknown;
                }
                let value = run.value(operand);
                if *value == Value::Absent {
                    return Advance::Waits;
                }
                table.count_distinct(key, &value_key, value, subject.time())
            }
        };
        match counted {
            None => Advance::Waits,
            counted => Advance::Matches(Evidence {
                counted,
                ..Evidence::default()
            }),
        }
    }
}

impl FirstSeenProgram {
    fn look_up<S: Subject + ?Sized>(
        &self,
        table: &mut FirstSeenTable,
        subject: &S,
        run: &mut Run<'_, '_, S>,
        key: &mut Vec<u8>,
    ) -> Advance {
        let mut value_key = Vec::new();
        if !write_key(&self.value, run, &mut value_key) || !write_key(&self.by, run, key) {
            return Advance::Unknown;
        }
        if !table.is_new(key, &value_key, subject.time()) {
            return Advance::Waits;
        }
        Advance::Matches(Evidence {
            first_seen: Some(
                self.value
                    .iter()
                    .map(|operand| shown(run.value(*operand)))
                    .collect(),
            ),
            ..Evidence::default()
        })
    }
}

/// Fields that say what an event was, whatever the rule asks.
const KEPT_ALWAYS: [&str; 4] = ["proc.pid", "proc.exepath", "proc.cmdline", "fd.name"];

/// What is kept of the events of a step: its key, what it asks, and what it was.
fn kept_of_step(
    compiler: &mut Compiler,
    by: &[Operand],
    condition: &Expr,
) -> Vec<(String, OperandId)> {
    let mut asked: Vec<Operand> = by.to_vec();
    fields_of(condition, &mut asked);
    let always = KEPT_ALWAYS.iter().map(|field| Operand {
        at: crate::ast::Position::default(),
        transformers: Vec::new(),
        field: (*field).to_owned(),
        argument: None,
    });
    asked
        .into_iter()
        .take(VALUES_MAX - KEPT_ALWAYS.len())
        .chain(always)
        .filter_map(|mut operand| {
            operand.transformers.clear();
            let id = compiler.operand(&operand).ok()?;
            Some((name_of(&operand), id))
        })
        .collect()
}

/// The fields of a condition's tests, but `evt.type`, which every event is kept with.
fn fields_of(condition: &Expr, fields: &mut Vec<Operand>) {
    match condition {
        Expr::And(children) | Expr::Or(children) => {
            for child in children {
                fields_of(child, fields);
            }
        }
        // What must not be says little of what was.
        Expr::Not(_) | Expr::Macro(..) | Expr::Constant(_) => {}
        Expr::Test(test) => {
            if test.left.field != "evt.type"
                && fields.iter().all(|known| {
                    (&known.field, &known.argument) != (&test.left.field, &test.left.argument)
                })
            {
                fields.push(test.left.clone());
            }
        }
    }
}
