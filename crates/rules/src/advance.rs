//! A rule with what it needs beside its condition: what it says, and how events that meet it become matches.

use crate::ast::{Expr, Operand, Position};
use crate::compile::{CompileError, Compiler};
use crate::format::{Template, name_of};
use crate::index::Conditions;
use crate::program::{NodeId, OperandId, Run};
use crate::rule::{Count, Rule};
use crate::state::{
    Evidence, FirstSeenTable, RuleMemory, RuleStats, SeenEvent, SequenceTable, ThresholdTable,
    VALUES_MAX, shown, write_key,
};
use crate::subject::{Subject, Value};
use std::sync::Arc;

/// A rule with what can't be found in the shared program.
#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) rule: Arc<Rule>,
    pub(crate) output: Template,
    pub(crate) fold_by: Vec<(String, OperandId)>,
    /// The node of each test of the condition and the steps, in the order of the tree.
    pub(crate) tests: Vec<NodeId>,
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

/// Compiles a rule's conditions; gives the node of each test of the condition and the steps, too.
pub(crate) fn conditions(
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
pub(crate) enum Advance {
    /// The rule matches.
    Matches(Evidence),
    /// More events are needed, or the value is known.
    Waits,
    /// A value that the memory is kept by is not known.
    Unknown,
}

impl CompiledRule {
    pub(crate) fn new(
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
            // Examples are run before; here they would only take memory.
            rule: Arc::new(Rule {
                tests: Vec::new(),
                ..rule
            }),
            fold_by,
            tests,
            sequence,
            threshold,
            first_seen,
        }
    }

    pub(crate) fn memory(&self) -> RuleMemory {
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
    pub(crate) fn advance<S: Subject + ?Sized>(
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
        at: Position::default(),
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
