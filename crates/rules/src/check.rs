//! Checks what rules ask against the table of fields.

use crate::ast::{Expr, Item, Operand, Operator, Position, Test, Transformer};
use crate::diagnostic::{Code, Diagnostics};
use crate::fields::{self, Availability, Field, FieldRow, FieldType, LookupError};
use crate::lex::Lexer;
use crate::limits::DIAGNOSTICS_MAX;
use crate::matcher::{Matcher, MatcherError};
use crate::raw::RuleKeys;
use crate::rule::{Count, Rule, RuleSource};
use crate::source::Text;
use crate::subject::EventKind;
use std::collections::HashSet;
use yagura_yaml::{nearest, quote};

/// Falco's placeholder in messages for whatever is known of the container; not a field.
const CONTAINER_INFO: &str = "container.info";

/// Remembers what has been reported: a macro stands in many rules.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    reported: HashSet<(Code, Position, String)>,
}

/// One problem of a rule.
#[derive(Debug)]
struct Problem {
    code: Code,
    at: Position,
    message: String,
    hint: Option<String>,
}

impl Checker {
    /// Reports what is wrong with a rule; says whether it can be used.
    pub(crate) fn rule(
        &mut self,
        rule: &Rule,
        keys: &RuleKeys,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        // What is not shown need not be looked for: a guess for each of many misspelt fields takes long.
        if !diagnostics.shows(Code::UnknownField) {
            return false;
        }
        let mut check = Check {
            source: rule.source,
            problems: Vec::new(),
            gives_hints: diagnostics.shows(Code::UnknownEventType),
        };
        check.rule(rule);
        if let Some(output) = &keys.output {
            check.output(output);
        }
        let unknown = check.problems.iter().find(|p| p.code == Code::UnknownField);
        if let (Some(unknown), Some(true)) = (unknown, keys.skip_if_unknown) {
            let message = format!(
                "rule {} is left out: {}",
                quote(&rule.name),
                unknown.message
            );
            diagnostics.push(Code::RuleSkipped, unknown.at, message, unknown.hint.clone());
            return false;
        }
        let mut usable = true;
        for problem in check.problems {
            usable &= problem.code.severity() != crate::Severity::Error;
            let identity = (problem.code, problem.at, problem.message.clone());
            if self.reported.insert(identity) {
                diagnostics.push(problem.code, problem.at, problem.message, problem.hint);
            }
        }
        usable
    }
}

#[derive(Debug)]
struct Check {
    source: RuleSource,
    problems: Vec<Problem>,
    /// Whether warnings are still shown, so that hints for them are worth the work.
    gives_hints: bool,
}

impl Check {
    fn rule(&mut self, rule: &Rule) {
        let sequence = rule.sequence.as_ref();
        let steps = sequence.iter().flat_map(|sequence| &sequence.steps);
        let conditions = rule
            .condition
            .iter()
            .chain(rule.exceptions.iter().map(|exception| &exception.holds))
            .chain(steps.map(|step| &step.condition));
        for condition in conditions {
            self.expr(condition);
        }
        let threshold = rule.threshold.as_ref();
        let first_seen = rule.first_seen.as_ref();
        let operands = rule
            .fold_by
            .iter()
            .chain(sequence.iter().flat_map(|block| &block.by))
            .chain(threshold.iter().flat_map(|block| &block.by))
            .chain(
                first_seen
                    .iter()
                    .flat_map(|block| block.by.iter().chain(&block.value)),
            );
        for operand in operands {
            self.operand(operand, "is always absent");
        }
        if let Some(Count::Distinct(operand, _)) = threshold.map(|block| &block.count) {
            self.operand(operand, "is always absent: nothing is ever counted");
        }
        for event in rule.tests.iter().flat_map(|test| &test.events) {
            for (operand, _) in &event.fields {
                self.operand(operand, "is always absent: the test says nothing");
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::And(children) | Expr::Or(children) => {
                for child in children {
                    self.expr(child);
                }
            }
            Expr::Not(child) => self.expr(child),
            Expr::Test(test) => self.test(test),
            Expr::Macro(..) | Expr::Constant(_) => {}
        }
    }

    fn test(&mut self, test: &Test) {
        // Nobody reads more of one rule, and a guess for each of many misspelt fields takes long.
        if self.problems.len() >= DIAGNOSTICS_MAX {
            return;
        }
        let never = match test.operator {
            Operator::NotEqual => "this test always holds",
            _ => "this test never holds",
        };
        let row = self.operand(&test.left, never);
        for item in &test.right {
            if let Item::Field(operand) = item {
                self.operand(operand, never);
                self.field_on_the_right(test, operand);
            }
        }
        let Some(row) = row else {
            return;
        };
        let value = value_type(row, &test.left);
        for item in &test.right {
            if let Item::Literal(at, text) = item {
                self.literal(test, value, *at, text);
            }
        }
        let is_plain = test.left.transformers.is_empty();
        if row.field == Field::EvtType && is_plain && self.source == RuleSource::Syscall {
            self.event_types(test);
        }
    }

    /// A field and what stands in its brackets. `never` says what it means if no event has it.
    fn operand(&mut self, operand: &Operand, never: &str) -> Option<&'static FieldRow> {
        let row = match fields::lookup(&operand.field, operand.argument.as_deref()) {
            Ok((row, _)) => row,
            Err(error) => {
                self.lookup_error(operand.at, &error);
                return None;
            }
        };
        if let Availability::NotSupplied(reason) = row.availability {
            let message = format!("{} has no values here, {never}", row.name);
            self.push(
                Code::FieldNotSupplied,
                operand.at,
                message,
                Some(reason.to_owned()),
            );
        } else if !row.sources.contains(&self.source) {
            let sources: Vec<_> = row.sources.iter().map(|s| s.as_str()).collect();
            let message = format!(
                "{} has no values for source {}, {never}",
                row.name,
                self.source.as_str()
            );
            let hint = format!("it is a field of source {}", sources.join(" or "));
            self.push(Code::WrongSource, operand.at, message, Some(hint));
        }
        Some(row)
    }

    fn lookup_error(&mut self, at: Position, error: &LookupError) {
        let (code, message, hint) = match error {
            LookupError::Unknown { name, suggestion } => (
                Code::UnknownField,
                format!("there is no field {}", quote(name)),
                suggestion.map(|near| format!("did you mean {near}?")),
            ),
            LookupError::ArgumentMissing(name) => (
                Code::BadArgument,
                format!("{name} needs something in brackets"),
                None,
            ),
            LookupError::ArgumentUnexpected(name) => (
                Code::BadArgument,
                format!("{name} takes nothing in brackets"),
                None,
            ),
            LookupError::ArgumentNotNumber { field, argument } => (
                Code::BadArgument,
                format!(
                    "{field} takes a number in brackets, not {}",
                    quote(argument)
                ),
                None,
            ),
        };
        self.push(code, at, message, hint);
    }

    fn literal(&mut self, test: &Test, value: FieldType, at: Position, text: &str) {
        let Err(error) = Matcher::new(value, test.operator, &[text]) else {
            return;
        };
        let left = quote(&test.left.field);
        let (code, message) = match error {
            MatcherError::Number(_) => (
                Code::BadComparison,
                format!("{left} is a {}: {} is none", value.as_str(), quote(text)),
            ),
            MatcherError::Boolean(_) => (
                Code::BadComparison,
                format!("{left} is true or false, not {}", quote(text)),
            ),
            MatcherError::Address(_) => (
                Code::BadComparison,
                format!(
                    "{left} is an address: {} is neither one nor a network",
                    quote(text)
                ),
            ),
            MatcherError::Hexadecimal(_) => (
                Code::BadPattern,
                format!("{} is no row of bytes in hexadecimal", quote(text)),
            ),
            MatcherError::Pattern { reason, .. } => (
                Code::BadPattern,
                format!("{} is no pattern: {}", quote(text), quote(&reason)),
            ),
            MatcherError::Operator { .. } => (
                Code::BadComparison,
                format!(
                    "{left} is a {}, which \"{}\" cannot compare",
                    value.as_str(),
                    test.operator.as_str()
                ),
            ),
            MatcherError::Empty => return,
        };
        self.push(code, at, message, None);
    }

    /// Patterns are compiled beforehand: they cannot come out of an event.
    fn field_on_the_right(&mut self, test: &Test, operand: &Operand) {
        let is_pattern = matches!(
            test.operator,
            Operator::Glob
                | Operator::IGlob
                | Operator::Regex
                | Operator::BContains
                | Operator::BStartsWith
        );
        if is_pattern {
            let message = format!(
                "\"{}\" compares with constants, not with a field",
                test.operator.as_str()
            );
            self.push(Code::BadComparison, operand.at, message, None);
        }
    }

    fn event_types(&mut self, test: &Test) {
        let compares_names = matches!(
            test.operator,
            Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects
        );
        if !compares_names {
            return;
        }
        let names = || {
            EventKind::all()
                .flat_map(|kind| std::iter::once(kind.as_str()).chain(kind.other_name()))
        };
        for item in &test.right {
            if let Item::Literal(at, text) = item
                && !names().any(|name| name == text)
            {
                let message = format!("events of type {} never occur here", quote(text));
                let near = if self.gives_hints && self.problems.len() < DIAGNOSTICS_MAX {
                    nearest(text, names())
                } else {
                    None
                };
                let hint = near.map(|near| format!("did you mean {near}?"));
                self.push(Code::UnknownEventType, *at, message, hint);
            }
        }
    }

    /// The fields of a message.
    fn output(&mut self, output: &Text) {
        let text = output.as_str();
        for (begin, _) in text.match_indices('%') {
            let mut lexer = Lexer::new(text.get(begin + 1..).unwrap_or_default());
            let Some(name) = lexer.field_name() else {
                continue;
            };
            if name == CONTAINER_INFO {
                continue;
            }
            let argument = lexer.literal("[").then(|| lexer.bare_argument()).flatten();
            let operand = Operand {
                at: output.position(begin),
                transformers: Vec::new(),
                field: name.to_owned(),
                argument: argument.map(str::to_owned),
            };
            self.operand(&operand, "the message has <NA> in its place");
        }
    }

    fn push(&mut self, code: Code, at: Position, message: String, hint: Option<String>) {
        self.problems.push(Problem {
            code,
            at,
            message,
            hint,
        });
    }
}

/// What a field's value is once it is transformed.
pub(crate) fn value_type(row: &FieldRow, operand: &Operand) -> FieldType {
    let inner_first = operand.transformers.iter().rev();
    inner_first.fold(row.value, |value, transformer| match transformer {
        Transformer::Length => FieldType::Number,
        Transformer::Join => FieldType::Text,
        _ => value,
    })
}
