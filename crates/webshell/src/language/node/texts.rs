//! What methods of texts and lists give.

use super::call::arg;
use crate::language::flow::fold::Change;
use crate::language::flow::value::{Shape, Value};
use crate::language::flow::{Argument, Invocation, Machine};

/// Methods of texts and lists.
pub(super) fn method(
    machine: &mut Machine<'_>,
    call: &Invocation<'_>,
    object: &Value,
    name: &str,
) -> Option<Value> {
    let first = arg(call, 0);
    match name {
        "toString" | "valueOf" | "slice" | "substring" | "substr" if call.args.is_empty() => {
            Some(object.clone())
        }
        "toString" => Some(match call.arg(0).and_then(Value::str) {
            Some("utf8" | "utf-8" | "ascii" | "latin1" | "binary") | None => object.clone(),
            Some(_) => Value {
                taint: object.taint,
                hidden: object.hidden,
                ..Value::default()
            },
        }),
        "join" if object.elements().is_some() => Some(machine.join_list(object, &first)),
        "concat" => {
            let mut parts = vec![object.clone()];
            parts.extend(call.args.iter().map(|arg| arg.value.clone()));
            Some(machine.joined(&parts, b""))
        }
        "split" => Some(machine.split(object, call.arg(0))),
        "reverse" => Some(machine.change(Change::Reverse, object)),
        "replace" | "replaceAll" => Some(match first.bytes() {
            Some(_) => machine.replace(object, &first, &arg(call, 1)),
            None if object.taint.any() => object.clone(),
            None => Value {
                hidden: object.hidden,
                taint: object.taint,
                ..Value::default()
            },
        }),
        "toLowerCase" => Some(machine.change(Change::Lower, object)),
        "toUpperCase" => Some(machine.change(Change::Upper, object)),
        "trim" => Some(machine.change(Change::Trim, object)),
        "charCodeAt" | "codePointAt" => {
            let at = usize::try_from(first.as_number().unwrap_or(0)).ok()?;
            let byte = object.bytes()?.get(at)?;
            Some(Value::number(i64::from(*byte)))
        }
        "charAt" | "at" => Some(machine.index(object, &first)),
        "map" | "forEach" => mapped(machine, call, object, name),
        "reduce" => reduced(machine, call, object),
        "pop" | "shift" => match &object.shape {
            Shape::List(values) if name == "shift" => values.first().cloned(),
            Shape::List(values) => values.last().cloned(),
            _ => None,
        },
        _ => None,
    }
}

/// `list.reduce(f, first)`: each element added to what came before.
fn reduced(machine: &mut Machine<'_>, call: &Invocation<'_>, list: &Value) -> Option<Value> {
    let function = arg(call, 0);
    let elements = match &list.shape {
        Shape::List(_) => machine.known_elements(list)?,
        _ => return None,
    };
    let mut elements = elements.into_iter();
    let mut sum = match call.arg(1) {
        Some(first) => first.clone(),
        None => elements.next()?,
    };
    for element in elements {
        let args = [sum, element].map(|value| Argument { name: None, value });
        sum = machine.call_value(&function, &args, call.at);
    }
    Some(sum)
}

fn mapped(
    machine: &mut Machine<'_>,
    call: &Invocation<'_>,
    list: &Value,
    name: &str,
) -> Option<Value> {
    let function = arg(call, 0);
    if !matches!(function.shape, Shape::Function(_) | Shape::Entity(_)) {
        return None;
    }
    let elements = match &list.shape {
        Shape::List(_) => machine.known_elements(list)?,
        _ => return None,
    };
    let mut made = Vec::new();
    for value in elements {
        made.push(machine.call_value(&function, &[Argument { name: None, value }], call.at));
    }
    Some(match name {
        "map" => Value::list(made),
        _ => Value::unknown(),
    })
}
