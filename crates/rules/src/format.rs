//! Messages: `%proc.name` in a rule's output becomes the event's value.

use crate::ast::{Operand, Position, Transformer};
use crate::compile::Compiler;
use crate::evaluate::{RuleId, RuleSet};
use crate::program::{OperandId, Program};
use crate::state::push_shown;
use crate::subject::{Subject, Value};

/// Bytes of one value in a message, before escaping. Stops a command line of megabytes from making such an alert.
const VALUE_BYTES_MAX: usize = 1024;
/// Bytes of a message.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// What is written for a field that the event doesn't have.
const NOT_AVAILABLE: &str = "<NA>";

/// An output, ready.
#[derive(Debug, Default)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    /// A field as written, and where its value comes from; nowhere if there is no such field.
    Value(String, Option<OperandId>),
}

impl Template {
    /// Reads an output. What is no field stays as it is: a message is never lost for its wording.
    pub(crate) fn new(output: &str, compiler: &mut Compiler) -> Template {
        // In Falco, an output without `*` is not printed if a field is missing; rules always print.
        let mut rest = output.strip_prefix('*').unwrap_or(output);
        let mut template = Template::default();
        while let Some((literal, behind)) = rest.split_once('%') {
            template.push_literal(literal);
            rest = match read_operand(behind) {
                Some((operand, behind)) => {
                    let id = compiler.operand(&operand).ok();
                    template.parts.push(Part::Value(name_of(&operand), id));
                    behind
                }
                None => {
                    template.push_literal("%");
                    behind.strip_prefix('%').unwrap_or(behind)
                }
            };
        }
        template.push_literal(rest);
        template
    }

    fn push_literal(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Literal(literal)) => literal.push_str(text),
            _ if text.is_empty() => {}
            _ => self.parts.push(Part::Literal(text.to_owned())),
        }
    }
}

/// A field as it is written in outputs and shown in alerts.
pub(crate) fn name_of(operand: &Operand) -> String {
    let mut name = String::new();
    for transformer in &operand.transformers {
        name.push_str(transformer.as_str());
        name.push('(');
    }
    name.push_str(&operand.field);
    if let Some(argument) = &operand.argument {
        name.push('[');
        name.push_str(argument);
        name.push(']');
    }
    for _ in &operand.transformers {
        name.push(')');
    }
    name
}

/// Reads what stands behind `%`: `field`, `field[argument]`, `transformer(field)`, `(field)`. Gives what follows it, too.
fn read_operand(text: &str) -> Option<(Operand, &str)> {
    let mut transformers = Vec::new();
    let mut rest = text;
    let mut open = 0;
    loop {
        if let Some(inner) = rest.strip_prefix('(') {
            rest = inner;
            open += 1;
            continue;
        }
        let transformed = rest.split_once('(').and_then(|(name, inner)| {
            let transformer = Transformer::ALL.iter().find(|t| t.as_str() == name)?;
            Some((*transformer, inner))
        });
        let Some((transformer, inner)) = transformed else {
            break;
        };
        transformers.push(transformer);
        rest = inner;
        open += 1;
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    // A full stop behind a field ends the sentence.
    let field = rest.get(..end)?.trim_end_matches('.');
    if !field.contains('.') {
        return None;
    }
    rest = rest.get(field.len()..)?;
    let mut argument = None;
    if let Some((inside, behind)) = rest
        .strip_prefix('[')
        .and_then(|inside| inside.split_once(']'))
    {
        argument = Some(inside.to_owned());
        rest = behind;
    }
    for _ in 0..open {
        rest = rest.strip_prefix(')')?;
    }
    let operand = Operand {
        at: Position::default(),
        transformers,
        field: field.to_owned(),
        argument,
    };
    Some((operand, rest))
}

impl RuleSet {
    /// The rule's message about an event. Values are escaped and cut; what the event doesn't have is `<NA>`.
    pub fn message<S: Subject + ?Sized>(&self, id: RuleId, subject: &S) -> String {
        let mut message = String::new();
        for part in self
            .template(id)
            .iter()
            .flat_map(|template| &template.parts)
        {
            match part {
                Part::Literal(text) => message.push_str(text),
                Part::Value(_, None) => message.push_str(NOT_AVAILABLE),
                Part::Value(_, Some(operand)) => {
                    let value = self.program().value_of(*operand, subject);
                    push_shown(&value, VALUE_BYTES_MAX, &mut message);
                }
            }
            if message.len() > MESSAGE_BYTES_MAX {
                while message.len() > MESSAGE_BYTES_MAX {
                    message.pop();
                }
                message.push('…');
                break;
            }
        }
        message
    }

    /// The fields of the rule's message with their values, each once, escaped and cut: Falco's `output_fields`. Absent ones are
    /// `None`.
    pub fn message_fields<S: Subject + ?Sized>(
        &self,
        id: RuleId,
        subject: &S,
    ) -> Vec<(String, Option<String>)> {
        let mut fields: Vec<(String, Option<String>)> = Vec::new();
        for part in self
            .template(id)
            .iter()
            .flat_map(|template| &template.parts)
        {
            if let Part::Value(name, operand) = part
                && fields.iter().all(|(known, _)| known != name)
            {
                let value =
                    operand.and_then(|operand| value_shown(self.program(), operand, subject));
                fields.push((name.clone(), value));
            }
        }
        fields
    }

    /// The values that the rule's alerts are folded by, with their names; those that are absent are `None`.
    pub fn fold_values<S: Subject + ?Sized>(
        &self,
        id: RuleId,
        subject: &S,
    ) -> Vec<(String, Option<String>)> {
        self.fold_by(id)
            .iter()
            .map(|(name, operand)| (name.clone(), value_shown(self.program(), *operand, subject)))
            .collect()
    }
}

fn value_shown<S: Subject + ?Sized>(
    program: &Program,
    operand: OperandId,
    subject: &S,
) -> Option<String> {
    let value = program.value_of(operand, subject);
    (value != Value::Absent).then(|| {
        let mut text = String::new();
        push_shown(&value, VALUE_BYTES_MAX, &mut text);
        text
    })
}
