//! Functions that call what they are given.

use super::{Call, elements};
use crate::language::php::machine::Machine;
use crate::language::php::sink;
use crate::language::php::value::{Array, Data, Key, Taint, Value};

/// Elements of a known array that a callback is called with one by one.
const ELEMENTS_MAX: usize = 4_096;

/// The result of a function with a callback; `None` where it is no such function.
pub(super) fn call(machine: &mut Machine, call: &Call) -> Option<Value> {
    let invoke = |machine: &mut Machine, callee: Value, values: Vec<Value>| {
        machine.invoke(&callee, values, call.span)
    };
    Some(match call.name {
        b"call_user_func"
        | b"forward_static_call"
        | b"register_shutdown_function"
        | b"register_tick_function"
        | b"fastcgi_finish"
        | b"func_overload" => {
            let rest = call.values.get(1..).unwrap_or_default().to_vec();
            invoke(machine, call.value(0), rest)
        }
        b"call_user_func_array" | b"forward_static_call_array" => {
            invoke(machine, call.value(0), elements(&call.value(1)))
        }
        b"create_function" => Value::unknown(),
        b"array_map" => map(machine, call),
        b"array_filter" => filter(machine, call),
        b"array_walk" | b"array_walk_recursive" => walk(machine, call),
        b"iterator_apply" => invoke(machine, call.value(1), elements(&call.value(2))),
        b"array_reduce" => {
            let list = elements(&call.value(0));
            let mut held = call.value(2);
            for item in list.into_iter().take(ELEMENTS_MAX) {
                held = invoke(machine, call.value(1), vec![held, item]);
            }
            held
        }
        b"usort" | b"uasort" | b"uksort" => {
            pairwise(
                machine,
                &call.value(1),
                call.values.get(..1).unwrap_or_default(),
                call,
            );
            Value::bool(true)
        }
        b"array_udiff"
        | b"array_uintersect"
        | b"array_diff_ukey"
        | b"array_udiff_assoc"
        | b"array_intersect_ukey"
        | b"array_uintersect_assoc"
        | b"array_diff_uassoc"
        | b"array_intersect_uassoc"
        | b"array_udiff_uassoc"
        | b"array_uintersect_uassoc" => {
            let callee = call.values.last().cloned().unwrap_or_default();
            let lists = call.values.split_last().map(|(_, lists)| lists.to_vec());
            pairwise(machine, &callee, &lists.unwrap_or_default(), call);
            call.unknown()
        }
        _ => return later(machine, call),
    })
}

/// Functions that call once something is found, or happens.
fn later(machine: &mut Machine, call: &Call) -> Option<Value> {
    let invoke = |machine: &mut Machine, callee: Value, values: Vec<Value>| {
        machine.invoke(&callee, values, call.span)
    };
    Some(match call.name {
        b"preg_replace_callback" | b"mb_ereg_replace_callback" => {
            let found = Value::array(Array::from_iter([
                matched(&call.value(2)),
                matched(&call.value(2)),
            ]));
            let found = found.with(call.value(2).taint);
            invoke(machine, call.value(1), vec![found]).with(call.value(2).taint)
        }
        b"filter_var" | b"filter_var_array" | b"filter_input" => filter_options(machine, call),
        b"set_error_handler" => {
            machine.set_handler(call.value(0));
            deferred(machine, call);
            Value::unknown()
        }
        b"trigger_error" | b"user_error" => {
            let handler = machine.handler();
            invoke(machine, handler, vec![Value::unknown(), call.value(0)])
        }
        b"ob_start"
        | b"set_exception_handler"
        | b"spl_autoload_register"
        | b"header_register_callback"
        | b"session_set_save_handler"
        | b"assert_options"
        | b"libxml_set_external_entity_loader"
        | b"xml_set_element_handler" => {
            deferred(machine, call);
            Value::unknown()
        }
        _ => return None,
    })
}

fn matched(subject: &Value) -> Value {
    match subject.text() {
        Some(_) => subject.clone(),
        None => Value::tainted(subject.all_taint()),
    }
}

fn map(machine: &mut Machine, call: &Call) -> Value {
    let callee = call.value(0);
    let second = call.values.get(2).map(elements).unwrap_or_default();
    let list = call.value(1);
    let keys = match &list.data {
        Data::Array(array) => array
            .items
            .iter()
            .map(|(key, _)| Some(key.clone()))
            .collect(),
        _ => Vec::new(),
    };
    let mut made = Array::default();
    for (at, item) in elements(&list).into_iter().take(ELEMENTS_MAX).enumerate() {
        let mut values = vec![item];
        values.extend(second.get(at).cloned());
        let result = match callee.data {
            Data::Null => values.swap_remove(0),
            _ => machine.invoke(&callee, values, call.span),
        };
        match keys.get(at) {
            Some(Some(Key::Bytes(key))) => made.set(Key::Bytes(key.clone()), result),
            Some(_) => made.push(result),
            None => made.put_somewhere(&result),
        }
    }
    Value::array(made)
}

fn filter(machine: &mut Machine, call: &Call) -> Value {
    let list = call.value(0);
    if call.values.len() < 2 {
        return list;
    }
    let callee = call.value(1);
    let mut kept = Array::default();
    for item in elements(&list).into_iter().take(ELEMENTS_MAX) {
        let result = machine.invoke(&callee, vec![item.clone()], call.span);
        if result.truth() != Some(false) {
            kept.push(item);
        }
    }
    Value::array(kept).with(list.taint)
}

fn walk(machine: &mut Machine, call: &Call) -> Value {
    let list = call.value(0);
    let callee = call.value(1);
    let extra = call.values.get(2).cloned();
    match &list.data {
        Data::Array(array) => {
            for (key, item) in array.items.iter().take(ELEMENTS_MAX) {
                let key = crate::language::php::value::key_value(key);
                let mut values = vec![item.clone(), key];
                values.extend(extra.clone());
                machine.invoke(&callee, values, call.span);
            }
        }
        _ => {
            let item = Value::tainted(list.all_taint());
            let mut values = vec![item.clone(), item];
            values.extend(extra);
            machine.invoke(&callee, values, call.span);
        }
    }
    Value::bool(true)
}

/// Calls with any two elements of the lists.
fn pairwise(machine: &mut Machine, callee: &Value, lists: &[Value], call: &Call) {
    let items: Vec<Value> = lists.iter().flat_map(elements).take(8).collect();
    let known = items
        .iter()
        .find(|item| item.is_known() && !item.taint.is_foreign());
    let foreign = items.iter().find(|item| item.taint.is_foreign());
    let first = foreign.or(known).cloned().unwrap_or_default();
    for second in items {
        machine.invoke(callee, vec![first.clone(), second.clone()], call.span);
        machine.invoke(callee, vec![second, first.clone()], call.span);
    }
}

/// `filter_var($x, FILTER_CALLBACK, ['options' => 'assert'])`.
fn filter_options(machine: &mut Machine, call: &Call) -> Value {
    let subject = match call.name {
        b"filter_input" => Value::tainted(Taint::INPUT),
        _ => call.value(0),
    };
    let options = call
        .values
        .iter()
        .skip(1)
        .find_map(|value| match &value.data {
            Data::Array(array) => Some(array.clone()),
            _ => None,
        });
    if let Some(options) = options {
        callback_in(machine, &options, &subject, call, 0);
    }
    let checked = call.values.iter().skip(1).any(|value| match &value.data {
        Data::Int(filter) => *filter != 516 && *filter != 1024,
        _ => false,
    });
    match checked {
        true => Value::unknown(),
        false => Value::tainted(subject.all_taint()),
    }
}

fn callback_in(machine: &mut Machine, options: &Array, subject: &Value, call: &Call, depth: usize) {
    for (key, value) in &options.items {
        match &value.data {
            Data::Array(inner) if depth < 3 => {
                callback_in(machine, inner, subject, call, depth + 1);
            }
            _ if matches!(key, Key::Bytes(name) if name.as_slice() == b"options") => {
                let item = Value::tainted(subject.all_taint());
                machine.invoke(value, vec![item], call.span);
            }
            _ => {}
        }
    }
}

/// Functions that are called some day with something that the script doesn't say.
fn deferred(machine: &mut Machine, call: &Call) {
    let callee = call.value(0);
    if callee.all_taint().has(Taint::INPUT) {
        sink::foreign_callee(machine, &callee, &[Value::tainted(Taint::INPUT)], call.span);
        return;
    }
    // What the page prints goes through the callback.
    let given = match call.name {
        b"ob_start" => match callee.text() {
            Some(_) => Value::tainted(Taint::PARAMETER),
            None => return,
        },
        _ => Value::tainted(Taint::PARAMETER),
    };
    if let Some(name) = callee.text() {
        let executing = [
            &b"assert"[..],
            b"system",
            b"exec",
            b"passthru",
            b"shell_exec",
            b"eval",
        ];
        if executing.contains(&name.to_ascii_lowercase().as_slice()) {
            let name = String::from_utf8_lossy(&name).into_owned();
            machine.reason(
                70,
                format!("`{name}` is set as a callback of the interpreter"),
                call.span,
            );
            machine.evidence.family(70, "code execution");
        }
    } else {
        machine.invoke(&callee, vec![given], call.span);
    }
}
