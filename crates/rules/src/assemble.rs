//! From a rule as collected to a rule with everything put in.

use crate::ast::{Expr, Operand};
use crate::collect::RuleEntry;
use crate::diagnostic::Code;
use crate::exception;
use crate::parse;
use crate::raw::{RawFirstSeen, RawSequence, RawTest, RawThreshold, RuleKeys};
use crate::resolve::{Reported, Resolved, Resolver};
use crate::rule::{
    Count, Exception, FirstSeen, Priority, Rule, RuleSeverity, RuleTest, Sequence, Step, TestEvent,
    Threshold,
};
use crate::source::Text;

/// A rule as far as it could be put together.
#[derive(Debug)]
pub(crate) struct Assembled {
    /// The rule; without what was wrong with it.
    pub(crate) rule: Rule,
    /// Whether all of it is there.
    pub(crate) is_whole: bool,
}

/// Puts a rule together; `None` if nothing here sends its events.
pub(crate) fn rule(entry: &RuleEntry, resolver: &mut Resolver<'_>) -> Option<Assembled> {
    let keys = &entry.keys;
    let source = entry.source?;
    let errors = resolver.diagnostics.errors();
    check_blocks(entry, resolver);
    let mut assembler = Assembler {
        resolver,
        is_whole: true,
    };
    let condition = keys.condition.as_ref();
    let condition = condition.and_then(|text| assembler.condition(text));
    let sequence = keys.sequence.as_ref();
    let sequence = sequence.map(|raw| assembler.sequence(raw));
    let threshold = keys.threshold.as_ref();
    let first_seen = keys.first_seen.as_ref();
    let priority = keys.priority.unwrap_or(match keys.severity {
        Some(RuleSeverity::Urgent) => Priority::Critical,
        Some(RuleSeverity::Suspicious) | None => Priority::Warning,
        Some(RuleSeverity::Reminder) => Priority::Notice,
    });
    let title = keys.title.clone().unwrap_or_default();
    let rule = Rule {
        name: entry.name.clone(),
        position: entry.at,
        description: one_line(keys.description.as_ref()),
        source,
        output: one_line(keys.output.as_ref()),
        priority,
        tags: keys.tags.clone().unwrap_or_default(),
        enabled: keys.enabled.unwrap_or(true),
        key: keys.key.clone(),
        severity: keys.severity.unwrap_or(priority.into()),
        techniques: keys.techniques.clone().unwrap_or_default(),
        reason: keys.reason.clone().unwrap_or_default(),
        remedy: keys.remedy.clone().unwrap_or_default(),
        title_en: title.en,
        title_ja: title.ja,
        fold_by: assembler.operands(keys.fold_by.as_deref().unwrap_or_default()),
        threshold: threshold.and_then(|raw| assembler.threshold(raw)),
        first_seen: first_seen.map(|raw| assembler.first_seen(raw)),
        exceptions: assembler.exceptions(keys),
        tests: assembler.tests(keys.tests.as_deref().unwrap_or_default()),
        warn_event_types: keys.warn_event_types.unwrap_or(true),
        condition,
        sequence,
    };
    let is_whole = assembler.is_whole;
    let has_condition = rule.condition.is_some() || rule.sequence.is_some();
    Some(Assembled {
        rule,
        is_whole: is_whole && has_condition && resolver.diagnostics.errors() == errors,
    })
}

/// A sequence counts on its own: a rule has one kind of memory.
fn check_blocks(entry: &RuleEntry, resolver: &mut Resolver<'_>) {
    let keys = &entry.keys;
    let blocks = [
        keys.sequence.as_ref().map(|block| block.at),
        keys.threshold.as_ref().map(|block| block.at),
        keys.first_seen.as_ref().map(|block| block.at),
    ];
    if let Some(second) = blocks.into_iter().flatten().nth(1) {
        let message = "a rule has one of sequence, threshold and first_seen";
        resolver
            .diagnostics
            .report(Code::BlocksConflict, second, message);
    }
}

#[derive(Debug)]
struct Assembler<'a, 'c> {
    resolver: &'a mut Resolver<'c>,
    is_whole: bool,
}

impl Assembler<'_, '_> {
    fn condition(&mut self, text: &Text) -> Option<Expr> {
        let resolved = self.resolver.condition(text);
        self.take(resolved)
    }

    /// Notes that a condition could not be made.
    fn take(&mut self, resolved: Result<Resolved, Reported>) -> Option<Expr> {
        let Ok(resolved) = resolved else {
            self.is_whole = false;
            return None;
        };
        Some((*resolved.expr).clone())
    }

    fn exceptions(&mut self, keys: &RuleKeys) -> Vec<Exception> {
        let mut exceptions = Vec::new();
        for raw in keys.exceptions.iter().flatten() {
            let Some(expr) = exception::condition(raw, self.resolver.diagnostics) else {
                continue;
            };
            let resolved = self.resolver.expr(&expr);
            let Some(holds) = self.take(resolved) else {
                continue;
            };
            exceptions.push(Exception {
                name: raw.name.clone(),
                at: raw.at,
                holds,
            });
        }
        exceptions
    }

    fn sequence(&mut self, raw: &RawSequence) -> Sequence {
        let steps = raw.steps.iter().filter_map(|(name, at, condition)| {
            Some(Step {
                name: name.clone(),
                at: *at,
                condition: self.condition(condition)?,
            })
        });
        Sequence {
            at: raw.at,
            steps: steps.collect(),
            by: self.operands(&raw.by),
            within_ms: raw.within_ms,
            ordered: raw.ordered,
        }
    }

    fn threshold(&mut self, raw: &RawThreshold) -> Option<Threshold> {
        let count = match &raw.distinct {
            Some(field) => Count::Distinct(self.operand(field)?, raw.count),
            None => Count::Events(raw.count),
        };
        Some(Threshold {
            at: raw.at,
            by: self.operands(&raw.by),
            count,
            within_ms: raw.within_ms,
        })
    }

    fn first_seen(&mut self, raw: &RawFirstSeen) -> FirstSeen {
        let value = self.operands(&raw.value);
        if value.is_empty() {
            let message = "\"value\" names at least one field";
            self.resolver
                .diagnostics
                .report(Code::EmptyText, raw.at, message);
        }
        FirstSeen {
            at: raw.at,
            by: self.operands(&raw.by),
            value,
            learning_ms: raw.learning_ms,
        }
    }

    fn tests(&mut self, raw: &[RawTest]) -> Vec<RuleTest> {
        let tests = raw.iter().map(|test| RuleTest {
            name: test.name.clone(),
            at: test.at,
            fires: test.fires,
            events: test
                .events
                .iter()
                .map(|event| TestEvent {
                    at: event.at,
                    at_ms: event.at_ms,
                    fields: event
                        .fields
                        .iter()
                        .filter_map(|(name, value)| Some((self.operand(name)?, value.clone())))
                        .collect(),
                })
                .collect(),
        });
        tests.collect()
    }

    fn operands(&mut self, texts: &[Text]) -> Vec<Operand> {
        let operands = texts.iter().filter_map(|text| self.operand(text));
        operands.collect()
    }

    fn operand(&mut self, text: &Text) -> Option<Operand> {
        match parse::operand(text) {
            Ok(operand) => Some(operand),
            Err(error) => {
                self.is_whole = false;
                self.resolver
                    .diagnostics
                    .push(error.code, error.at, error.message, error.hint);
                None
            }
        }
    }
}

/// A text as it is shown.
fn one_line(text: Option<&Text>) -> String {
    text.map_or_else(String::new, |text| text.as_str().trim().to_owned())
}
