//! A set of rules, and what it says of an event.

use crate::advance::{Advance, CompiledRule, conditions};
use crate::compile::{CompileError, Compiler};
use crate::format::Template;
use crate::index::{Entry, KindIndex, places};
use crate::kinds::KindSet;
use crate::program::{Memo, NodeId, OperandId, Program, Run};
use crate::rule::Rule;
use crate::state::{Evidence, RuleMemory, RuleState, RuleStats};
use crate::subject::{EventKind, Subject};
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
