//! Exceptions of rules as conditions.

use crate::ast::{Expr, Item, Operand, Operator, Position, Test};
use crate::diagnostic::{Code, Diagnostics};
use crate::parse;
use crate::raw::{Entry, RawException};
use crate::source::Text;
use yagura_yaml::{nearest, quote};

/// The condition under which an exception lets pass; lists are still to be put in. `None` if it has no values, or if
/// something was wrong and has been reported.
pub(crate) fn condition(exception: &RawException, diagnostics: &mut Diagnostics) -> Option<Expr> {
    let mut builder = Builder {
        name: &exception.name,
        diagnostics,
    };
    let Some(fields) = &exception.fields else {
        let message = "needs \"fields\"";
        builder.report(exception.at, message);
        return None;
    };
    match fields {
        Entry::One(field, at) => builder.single(exception, field, *at),
        Entry::Many(fields, at) => builder.tuples(exception, fields, *at),
    }
}

#[derive(Debug)]
struct Builder<'e> {
    name: &'e str,
    diagnostics: &'e mut Diagnostics,
}

impl Builder<'_> {
    /// `fields: proc.name`: every value is one of a list.
    fn single(&mut self, exception: &RawException, field: &str, at: Position) -> Option<Expr> {
        let operand = self.operand(field, at)?;
        let operator = match &exception.comparisons {
            None => Operator::In,
            Some(Entry::One(name, at)) => self.operator(name, *at)?,
            Some(Entry::Many(_, at)) => {
                self.report(*at, "has one field: \"comps\" is one word, not a list");
                return None;
            }
        };
        if !operator.takes_list() {
            let at = exception.comparisons.as_ref().map_or(at, Entry::at);
            self.report(at, "has one field: \"comps\" is in, intersects or pmatch");
            return None;
        }
        let mut right = Vec::new();
        for value in &exception.values {
            match value {
                Entry::One(text, at) => right.push(parse::item(text, *at)),
                Entry::Many(_, at) => {
                    self.report(*at, "has one field: each value is a text, not a list");
                    return None;
                }
            }
        }
        (!right.is_empty()).then(|| test(operand, operator, right))
    }

    /// `fields: [proc.name, fd.name]`: every value has one for each field.
    fn tuples(&mut self, exception: &RawException, fields: &[Entry], at: Position) -> Option<Expr> {
        let operands = self.operands(fields)?;
        if operands.is_empty() {
            self.report(at, "has no fields");
            return None;
        }
        let operators = self.operators(exception, operands.len())?;
        let mut passes = Vec::new();
        for value in &exception.values {
            let values = match value {
                Entry::Many(values, _) if values.len() == operands.len() => values,
                _ => {
                    let message = format!(
                        "has {} fields: each value is a list of as many",
                        operands.len()
                    );
                    self.report(value.at(), &message);
                    return None;
                }
            };
            let mut tests = Vec::new();
            for ((operand, operator), value) in operands.iter().zip(&operators).zip(values) {
                let right = self.right(*operator, value)?;
                tests.push(test(operand.clone(), *operator, right));
            }
            passes.extend(joined(tests, Expr::And));
        }
        joined(passes, Expr::Or)
    }

    fn operands(&mut self, fields: &[Entry]) -> Option<Vec<Operand>> {
        let operands = fields.iter().map(|field| match field {
            Entry::One(text, at) => self.operand(text, *at),
            Entry::Many(_, at) => {
                self.report(*at, "has a list in its list of fields");
                None
            }
        });
        operands.collect()
    }

    fn operators(&mut self, exception: &RawException, count: usize) -> Option<Vec<Operator>> {
        let names = match &exception.comparisons {
            None => return Some(vec![Operator::Equal; count]),
            Some(Entry::Many(names, _)) if names.len() == count => names,
            Some(other) => {
                let message = format!("has {count} fields: \"comps\" is a list of as many");
                self.report(other.at(), &message);
                return None;
            }
        };
        let operators = names.iter().map(|name| match name {
            Entry::One(name, at) => self.operator(name, *at),
            Entry::Many(_, at) => {
                self.report(*at, "has a list in its list of comparisons");
                None
            }
        });
        operators.collect()
    }

    /// What a value stands for behind an operator.
    fn right(&mut self, operator: Operator, value: &Entry) -> Option<Vec<Item>> {
        match (operator.takes_list(), value) {
            (true, Entry::One(text, at)) => self.list_text(text, *at),
            (false, Entry::One(text, at)) => Some(vec![match parse::item(text, *at) {
                Item::Name(at, text) => Item::Literal(at, text),
                item => item,
            }]),
            (true, Entry::Many(values, _)) => {
                let items = values.iter().map(|value| match value {
                    Entry::One(text, at) => Some(parse::item(text, *at)),
                    Entry::Many(_, at) => {
                        self.report(*at, "has a list too deep in its values");
                        None
                    }
                });
                items.collect()
            }
            (false, Entry::Many(_, at)) => {
                let message = format!("compares by \"{}\", which takes no list", operator.as_str());
                self.report(*at, &message);
                None
            }
        }
    }

    /// A value may be written as a list in parentheses, as in a condition.
    fn list_text(&mut self, text: &str, at: Position) -> Option<Vec<Item>> {
        if !text.trim_start().starts_with('(') {
            return Some(vec![parse::item(text, at)]);
        }
        match parse::items(&Text::fixed(text, at)) {
            Ok(items) => Some(items),
            Err(error) => {
                self.diagnostics
                    .push(error.code, error.at, error.message, error.hint);
                None
            }
        }
    }

    fn operand(&mut self, field: &str, at: Position) -> Option<Operand> {
        match parse::operand(&Text::fixed(field, at)) {
            Ok(operand) => Some(operand),
            Err(error) => {
                self.diagnostics
                    .push(error.code, error.at, error.message, error.hint);
                None
            }
        }
    }

    fn operator(&mut self, name: &str, at: Position) -> Option<Operator> {
        let operator = Operator::from_name(name.trim());
        if operator.is_none() {
            let names = Operator::ALL.iter().map(|o| o.as_str());
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("operators: {}", names.collect::<Vec<_>>().join(" ")),
            };
            let message = format!(
                "exception {}: {} is no operator",
                quote(self.name),
                quote(name)
            );
            self.diagnostics
                .report_with_hint(Code::BadException, at, message, hint);
        }
        operator
    }

    fn report(&mut self, at: Position, message: &str) {
        let message = format!("exception {} {message}", quote(self.name));
        self.diagnostics.report(Code::BadException, at, message);
    }
}

fn test(left: Operand, operator: Operator, right: Vec<Item>) -> Expr {
    let at = right.first().map_or(left.at, |item| match item {
        Item::Literal(at, _) | Item::Name(at, _) => *at,
        Item::Field(operand) => operand.at,
    });
    let right = if operator == Operator::Exists {
        Vec::new()
    } else {
        right
    };
    Expr::Test(Test {
        at,
        left,
        operator,
        right,
    })
}

/// The only one, or all of them joined; `None` if there are none.
fn joined(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Option<Expr> {
    if parts.len() < 2 {
        return parts.pop();
    }
    Some(join(parts))
}
