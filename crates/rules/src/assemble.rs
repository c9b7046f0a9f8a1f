//! From a rule as collected to a rule with everything put in.

use crate::ast::{Expr, Operand};
use crate::collect::RuleEntry;
use crate::diagnostic::Code;
use crate::exception;
use crate::parse;
use crate::raw::{RawFirstSeen, RawSequence, RawTest, RawThreshold, RuleKeys};
use crate::resolve::{Reported, Resolver, Size};
use crate::rule::{
    Count, Exception, FirstSeen, Priority, Rule, RuleSeverity, RuleTest, Sequence, Step, TestEvent,
    Threshold,
};
use crate::source::Text;

/// The rule and how large its conditions are; `None` if something was wrong and has been reported, or nothing here sends its
/// events.
pub(crate) fn rule(entry: &RuleEntry, resolver: &mut Resolver<'_>) -> Option<(Rule, Size)> {
    let keys = &entry.keys;
    let source = entry.source?;
    check_blocks(entry, resolver);
    let errors = resolver.diagnostics.errors();
    let mut assembler = Assembler {
        resolver,
        size: Size::default(),
    };
    let condition = keys.condition.as_ref();
    let condition = condition.map(|text| assembler.condition(text));
    let exceptions = assembler.exceptions(keys);
    let sequence = keys.sequence.as_ref().map(|raw| assembler.sequence(raw));
    let threshold = keys.threshold.as_ref().map(|raw| assembler.threshold(raw));
    let first_seen = keys
        .first_seen
        .as_ref()
        .map(|raw| assembler.first_seen(raw));
    let fold_by = assembler.operands(keys.fold_by.as_deref().unwrap_or_default());
    let tests = assembler.tests(keys.tests.as_deref().unwrap_or_default());
    let size = assembler.size;
    let condition = condition.transpose().ok()?;
    if resolver.diagnostics.errors() > errors || condition.is_none() && sequence.is_none() {
        return None;
    }
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
        condition,
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
        fold_by,
        sequence: sequence.transpose().ok()?,
        threshold: threshold.transpose().ok()?,
        first_seen: first_seen.transpose().ok()?,
        exceptions,
        tests,
        warn_event_types: keys.warn_event_types.unwrap_or(true),
    };
    Some((rule, size))
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
    size: Size,
}

impl Assembler<'_, '_> {
    fn condition(&mut self, text: &Text) -> Result<Expr, Reported> {
        let resolved = self.resolver.condition(text)?;
        self.grow(resolved.size);
        Ok((*resolved.expr).clone())
    }

    fn grow(&mut self, size: Size) {
        self.size.tests += size.tests;
        self.size.items += size.items;
    }

    fn exceptions(&mut self, keys: &RuleKeys) -> Vec<Exception> {
        let mut exceptions = Vec::new();
        for raw in keys.exceptions.iter().flatten() {
            let Some(expr) = exception::condition(raw, self.resolver.diagnostics) else {
                continue;
            };
            let Ok(resolved) = self.resolver.expr(&expr) else {
                continue;
            };
            self.grow(resolved.size);
            exceptions.push(Exception {
                name: raw.name.clone(),
                at: raw.at,
                holds: (*resolved.expr).clone(),
            });
        }
        exceptions
    }

    fn sequence(&mut self, raw: &RawSequence) -> Result<Sequence, Reported> {
        let mut steps = Vec::with_capacity(raw.steps.len());
        for (name, at, condition) in &raw.steps {
            // All steps, also if one fails: all problems are told at once.
            if let Ok(condition) = self.condition(condition) {
                steps.push(Step {
                    name: name.clone(),
                    at: *at,
                    condition,
                });
            }
        }
        if steps.len() < raw.steps.len() {
            return Err(Reported);
        }
        Ok(Sequence {
            at: raw.at,
            by: self.operands(&raw.by),
            within_ms: raw.within_ms,
            ordered: raw.ordered,
            steps,
        })
    }

    fn threshold(&mut self, raw: &RawThreshold) -> Result<Threshold, Reported> {
        let count = match &raw.distinct {
            Some(field) => Count::Distinct(self.operand(field)?, raw.count),
            None => Count::Events(raw.count),
        };
        Ok(Threshold {
            at: raw.at,
            by: self.operands(&raw.by),
            count,
            within_ms: raw.within_ms,
        })
    }

    fn first_seen(&mut self, raw: &RawFirstSeen) -> Result<FirstSeen, Reported> {
        let value = self.operands(&raw.value);
        if value.is_empty() {
            let message = "\"value\" names at least one field";
            self.resolver
                .diagnostics
                .report(Code::EmptyText, raw.at, message);
            return Err(Reported);
        }
        Ok(FirstSeen {
            at: raw.at,
            by: self.operands(&raw.by),
            value,
            learning_ms: raw.learning_ms,
        })
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
                        .filter_map(|(name, value)| Some((self.operand(name).ok()?, value.clone())))
                        .collect(),
                })
                .collect(),
        });
        tests.collect()
    }

    fn operands(&mut self, texts: &[Text]) -> Vec<Operand> {
        let operands = texts.iter().filter_map(|text| self.operand(text).ok());
        operands.collect()
    }

    fn operand(&mut self, text: &Text) -> Result<Operand, Reported> {
        parse::operand(text).map_err(|error| {
            self.resolver
                .diagnostics
                .push(error.code, error.at, error.message, error.hint);
            Reported
        })
    }
}

/// A text as it is shown.
fn one_line(text: Option<&Text>) -> String {
    text.map_or_else(String::new, |text| text.as_str().trim().to_owned())
}
