//! Functions on arrays.

use std::rc::Rc;

use super::{Call, elements};
use crate::language::php::machine::Machine;
use crate::language::php::value::{Array, Data, Key, Taint, Value, key_value, whole};
use crate::limits::ARRAY_ITEMS_MAX;

/// The result of a function on arrays; `None` where it is no such function.
pub(super) fn call(machine: &mut Machine, call: &Call) -> Option<Value> {
    let made = match call.name {
        b"array" => Some(Value::array(call.values.iter().cloned().collect())),
        b"count" | b"sizeof" => match call.values.first().map(|value| &value.data) {
            Some(Data::Array(array)) if array.is_closed() => Some(Value::length(array.items.len())),
            _ => return Some(Value::unknown()),
        },
        b"range" => range(machine, call),
        b"array_merge" | b"array_replace" | b"array_merge_recursive" => merge(machine, call),
        b"array_reverse" | b"array_flip" | b"array_keys" | b"array_values" | b"array_unique"
        | b"array_slice" | b"array_chunk" => rearrange(machine, call),
        b"array_combine" => combine(machine, call),
        b"array_fill" => fill(machine, call),
        b"array_pop" | b"array_shift" => take(machine, call),
        b"array_push" | b"array_unshift" => add(machine, call),
        b"current" | b"pos" | b"reset" | b"end" | b"next" | b"prev" | b"key" | b"each"
        | b"array_key_first" | b"array_key_last" => at_cursor(machine, call),
        b"in_array" | b"array_key_exists" | b"key_exists" => Some(contains(call)),
        b"array_search" => Some(search(call)),
        b"array_rand" => Some(Value::unknown()),
        b"compact" => Some(compact(machine, call)),
        b"min" | b"max" => Some(extreme(call)),
        b"array_sum" | b"array_product" => Some(Value::unknown()),
        b"array_diff"
        | b"array_intersect"
        | b"array_column"
        | b"array_pad"
        | b"array_splice"
        | b"array_count_values"
        | b"array_fill_keys"
        | b"array_diff_key"
        | b"array_intersect_key"
        | b"iterator_to_array"
        | b"array_change_key_case" => None,
        _ => return None,
    };
    Some(made.unwrap_or_else(|| call.unknown()))
}

fn known(value: &Value) -> Option<Rc<Array>> {
    match &value.data {
        Data::Array(array) if array.is_closed() => Some(Rc::clone(array)),
        _ => None,
    }
}

fn range(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (from, to) = (call.value(0), call.value(1));
    let letters = match (&from.data, &to.data) {
        (Data::Bytes(one), Data::Bytes(other)) => one
            .first()
            .zip(other.first())
            .filter(|(one, other)| !one.is_ascii_digit() || !other.is_ascii_digit()),
        _ => None,
    };
    let (start, end) = match letters {
        Some((one, other)) => (i64::from(*one), i64::from(*other)),
        None => (from.integer()?, to.integer()?),
    };
    let step = i64::try_from(call.integer(2).unwrap_or(1).unsigned_abs().max(1)).ok()?;
    let count = usize::try_from(end.abs_diff(start) / step.unsigned_abs() + 1).ok()?;
    if count > ARRAY_ITEMS_MAX || !machine.spend(count) {
        return None;
    }
    let mut array = Array::default();
    for at in 0..i64::try_from(count).ok()? {
        let value = if end >= start {
            start + at * step
        } else {
            start - at * step
        };
        array.push(match letters {
            Some(_) => Value::bytes([u8::try_from(value).unwrap_or(b'?')]).with(Taint::JOINED),
            None => Value::int(value),
        });
    }
    Some(Value::array(array))
}

fn merge(machine: &mut Machine, call: &Call) -> Option<Value> {
    let mut merged = Array::default();
    for value in &call.values {
        let array = known(value)?;
        if !machine.spend(array.items.len()) {
            return None;
        }
        for (key, item) in &array.items {
            match key {
                Key::Int(_) => merged.push(item.clone()),
                Key::Bytes(_) => merged.set(key.clone(), item.clone()),
            }
        }
    }
    Some(Value::array(merged))
}

fn rearrange(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let array = known(&value)?;
    if !machine.spend(array.items.len()) {
        return None;
    }
    let mut made = Array::default();
    match call.name {
        b"array_reverse" => array.items.iter().rev().for_each(|(key, item)| match key {
            Key::Int(_) => made.push(item.clone()),
            Key::Bytes(_) => made.set(key.clone(), item.clone()),
        }),
        b"array_flip" => {
            for (key, item) in &array.items {
                made.set(item.key()?, key_value(key));
            }
        }
        b"array_keys" => array
            .items
            .iter()
            .for_each(|(key, _)| made.push(key_value(key))),
        b"array_values" => array.values().for_each(|item| made.push(item.clone())),
        b"array_slice" => {
            let from = usize::try_from(call.integer(1)?).ok()?;
            let count = call
                .integer(2)
                .and_then(|count| usize::try_from(count).ok());
            let items = array.values().skip(from).take(count.unwrap_or(usize::MAX));
            items.for_each(|item| made.push(item.clone()));
        }
        _ => return None,
    }
    Some(Value::array(made).with(value.taint))
}

fn combine(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (keys, values) = (known(&call.value(0))?, known(&call.value(1))?);
    if !machine.spend(keys.items.len()) {
        return None;
    }
    let mut made = Array::default();
    for (key, value) in keys.values().zip(values.values()) {
        made.set(key.key()?, value.clone());
    }
    Some(Value::array(made))
}

fn fill(machine: &mut Machine, call: &Call) -> Option<Value> {
    let count = usize::try_from(call.integer(1)?).ok()?;
    if count > ARRAY_ITEMS_MAX || !machine.spend(count) {
        return None;
    }
    let values = std::iter::repeat_n(call.value(2), count);
    Some(Value::array(values.collect()))
}

fn take(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let array = known(&value)?;
    if array.items.is_empty() || !machine.spend(array.items.len()) {
        return None;
    }
    let last = call.name == b"array_pop";
    let at = if last { array.items.len() - 1 } else { 0 };
    let taken = array.items.get(at).map(|(_, item)| item.clone())?;
    let mut rest = Array::default();
    for (place, (key, item)) in array.items.iter().enumerate() {
        match key {
            _ if place == at => {}
            Key::Int(_) => rest.push(item.clone()),
            Key::Bytes(_) => rest.set(key.clone(), item.clone()),
        }
    }
    machine.write_argument(call.arguments, 0, Value::array(rest));
    Some(taken.with(value.taint))
}

fn add(machine: &mut Machine, call: &Call) -> Option<Value> {
    let array = known(&call.value(0)).unwrap_or_default();
    if !machine.spend(array.items.len()) {
        return None;
    }
    let new = call.values.get(1..).unwrap_or_default();
    let mut made = match call.name {
        b"array_push" => array.as_ref().clone(),
        _ => Array::default(),
    };
    new.iter().for_each(|value| made.push(value.clone()));
    if call.name == b"array_unshift" {
        array.values().for_each(|value| made.push(value.clone()));
    }
    machine.write_argument(call.arguments, 0, Value::array(made));
    Some(Value::unknown())
}

/// `reset`, `next` and their kin.
fn at_cursor(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let mut array = known(&value)?;
    let count = array.items.len();
    let cursor = match call.name {
        b"reset" | b"array_key_first" => 0,
        b"end" | b"array_key_last" => count.saturating_sub(1),
        b"next" => array.cursor + 1,
        b"prev" => array.cursor.checked_sub(1).unwrap_or(count),
        _ => array.cursor,
    };
    let item = array.items.get(cursor).cloned();
    if cursor != array.cursor && machine.spend(count / 8 + 1) {
        Rc::make_mut(&mut array).cursor = cursor;
        let changed = Value {
            data: Data::Array(array),
            taint: value.taint,
        };
        machine.write_argument(call.arguments, 0, changed);
    }
    let Some((key, item)) = item else {
        return Some(Value::bool(false));
    };
    Some(match call.name {
        b"key" | b"array_key_first" | b"array_key_last" => key_value(&key),
        _ => item.with(value.taint),
    })
}

fn contains(call: &Call) -> Value {
    let Some(array) = known(&call.value(1)) else {
        return Value::unknown();
    };
    if call.name != b"in_array" {
        let key = call.values.first().and_then(Value::key);
        return key.map_or_else(Value::unknown, |key| Value::bool(array.get(&key).is_some()));
    }
    let Some(wanted) = call.text(0) else {
        return Value::unknown();
    };
    Value::bool(
        array
            .values()
            .any(|item| item.text().as_ref() == Some(&wanted)),
    )
}

fn search(call: &Call) -> Value {
    let (Some(wanted), Some(array)) = (call.text(0), known(&call.value(1))) else {
        return Value::unknown();
    };
    let found = array
        .items
        .iter()
        .find(|(_, item)| item.text().as_ref() == Some(&wanted));
    found.map_or_else(|| Value::bool(false), |(key, _)| key_value(key))
}

fn compact(machine: &mut Machine, call: &Call) -> Value {
    let mut made = Array::default();
    for value in call.values.iter().flat_map(elements_of_list) {
        if let Some(name) = value.text() {
            let held = machine.variable_named(&name);
            made.set(Key::Bytes(name), held);
        }
    }
    Value::array(made)
}

fn elements_of_list(value: &Value) -> Vec<Value> {
    match &value.data {
        Data::Array(_) => elements(value),
        _ => vec![value.clone()],
    }
}

fn extreme(call: &Call) -> Value {
    let list = match call.values.as_slice() {
        [one] => elements(one),
        many => many.to_vec(),
    };
    let numbers: Option<Vec<f64>> = list.iter().map(Value::number).collect();
    let numbers = numbers.unwrap_or_default();
    let pick = numbers
        .iter()
        .copied()
        .reduce(|one, other| match call.name {
            b"min" => one.min(other),
            _ => one.max(other),
        });
    pick.map_or_else(Value::unknown, |number| Value::int(whole(number)))
}
