//! Functions on strings that can be computed.

use std::rc::Rc;

use super::Call;
use crate::language::php::machine::Machine;
use crate::language::php::value::{Array, Data, Taint, Value};

/// The result of a function on strings; `None` where it is no such function.
pub(super) fn call(machine: &mut Machine, call: &Call) -> Option<Value> {
    let made = match call.name {
        b"trim" | b"ltrim" | b"rtrim" | b"chop" | b"strtolower" | b"strtoupper" | b"ucfirst"
        | b"lcfirst" | b"ucwords" | b"stripslashes" | b"strval" | b"mb_strtolower"
        | b"mb_strtoupper" => change(machine, call),
        b"substr" | b"mb_substr" | b"mb_strcut" | b"iconv_substr" => cut(machine, call),
        b"str_replace" | b"str_ireplace" => replace(machine, call),
        b"strtr" => translate(machine, call),
        b"str_repeat" => repeat(machine, call),
        b"str_pad" => pad(machine, call),
        b"substr_replace" => replace_range(machine, call),
        b"implode" | b"join" => implode(machine, call),
        b"explode" => explode(machine, call),
        b"str_split" | b"mb_str_split" => split(machine, call),
        b"strlen" | b"mb_strlen" | b"iconv_strlen" => {
            let length = call.text(0).map(|text| text.len());
            return Some(length.map_or_else(Value::unknown, Value::length));
        }
        b"strpos" | b"stripos" | b"strrpos" | b"mb_strpos" | b"strripos" => {
            return Some(position(call).unwrap_or_default());
        }
        b"strstr" | b"strchr" | b"stristr" | b"strrchr" => from_found(machine, call),
        b"nl2br" | b"addslashes" | b"htmlspecialchars" | b"strip_tags" => same(call),
        b"preg_replace" | b"preg_filter" => replace_pattern(machine, call),
        _ => return None,
    };
    Some(made.unwrap_or_else(|| call.unknown()))
}

fn give(machine: &mut Machine, made: Vec<u8>, taint: Taint) -> Option<Value> {
    machine
        .room(made.len())
        .then(|| Value::bytes(made).with(taint))
}

fn same(call: &Call) -> Option<Value> {
    let text = call.text(0)?;
    let plain = !text.iter().any(|byte| b"<>&\"'\\\n".contains(byte));
    plain.then(|| Value::of(Data::Bytes(text)).with(call.taint()))
}

fn change(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let text = value.text()?;
    if !machine.spend(text.len() / 64) {
        return None;
    }
    let set = call.text(1);
    let outside = |byte: &u8| match &set {
        Some(set) => in_set(set, *byte),
        None => matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0b),
    };
    let start = text.iter().take_while(|byte| outside(byte)).count();
    let end = text.iter().rev().take_while(|byte| outside(byte)).count();
    let end = text.len() - end.min(text.len() - start.min(text.len()));
    let mut taint = value.taint;
    let made = match call.name {
        b"trim" => text.get(start..end.max(start)).unwrap_or_default().to_vec(),
        b"ltrim" => text.get(start..).unwrap_or_default().to_vec(),
        b"rtrim" | b"chop" => {
            let end = text.iter().rev().take_while(|byte| outside(byte)).count();
            text.get(..text.len() - end).unwrap_or_default().to_vec()
        }
        b"strtolower" | b"mb_strtolower" => text.to_ascii_lowercase(),
        b"strtoupper" | b"mb_strtoupper" => text.to_ascii_uppercase(),
        b"ucfirst" | b"ucwords" | b"lcfirst" => {
            let mut made = text.to_vec();
            if let Some(first) = made.first_mut() {
                *first = match call.name {
                    b"lcfirst" => first.to_ascii_lowercase(),
                    _ => first.to_ascii_uppercase(),
                };
            }
            made
        }
        b"stripslashes" => {
            let mut made = Vec::with_capacity(text.len());
            let mut escaped = false;
            for byte in text.iter() {
                if *byte == b'\\' && !escaped {
                    escaped = true;
                } else {
                    made.push(*byte);
                    escaped = false;
                }
            }
            made
        }
        _ => text.to_vec(),
    };
    if made.len() != text.len() {
        taint = taint | Taint::JOINED;
    }
    give(machine, made, taint)
}

/// Whether a byte is in a list with ranges, `a..z`.
fn in_set(set: &[u8], byte: u8) -> bool {
    let ranged = set
        .windows(4)
        .any(|window| matches!(window, [from, b'.', b'.', to] if (*from..=*to).contains(&byte)));
    ranged || set.contains(&byte)
}

/// The bounds that an offset and a length mean, as PHP reads them.
fn bounds(length: usize, from: i64, count: Option<i64>) -> (usize, usize) {
    let whole = i64::try_from(length).unwrap_or(i64::MAX);
    let from = if from < 0 {
        (whole + from.max(-whole)).max(0)
    } else {
        from.min(whole)
    };
    let to = match count {
        None => whole,
        Some(count) if count < 0 => whole.saturating_add(count),
        Some(count) => from.saturating_add(count).min(whole),
    };
    let start = usize::try_from(from).unwrap_or(0);
    (
        start,
        usize::try_from(to.max(from)).unwrap_or(start).min(length),
    )
}

fn cut(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let text = value.text()?;
    let count = match call.values.get(2).map(|value| &value.data) {
        None | Some(Data::Null) => None,
        Some(_) => Some(call.integer(2)?),
    };
    let (start, end) = bounds(text.len(), call.integer(1)?, count);
    let made = text.get(start..end).unwrap_or_default().to_vec();
    give(machine, made, value.taint | Taint::JOINED)
}

/// Texts of a value that is one or an array of them.
fn texts(value: &Value) -> Option<Vec<Rc<Vec<u8>>>> {
    match &value.data {
        Data::Array(array) => array.values().map(Value::text).collect(),
        _ => Some(vec![value.text()?]),
    }
}

fn replace(machine: &mut Machine, call: &Call) -> Option<Value> {
    let subject = call.value(2);
    let taint = call.taint();
    if let Data::Array(array) = &subject.data {
        let made: Option<Array> = array
            .values()
            .map(|item| {
                let text = replace_in(machine, call, item.text()?.to_vec())?;
                Some(Value::bytes(text).with(taint | Taint::JOINED))
            })
            .collect::<Option<Vec<Value>>>()
            .map(Array::from_iter);
        return made.map(Value::array);
    }
    let made = replace_in(machine, call, subject.text()?.to_vec())?;
    give(machine, made, taint | Taint::JOINED)
}

fn replace_in(machine: &mut Machine, call: &Call, mut text: Vec<u8>) -> Option<Vec<u8>> {
    let from = texts(&call.value(0))?;
    let to_value = call.value(1);
    let single = !matches!(to_value.data, Data::Array(_));
    let to = texts(&to_value)?;
    for (at, word) in from.iter().enumerate() {
        let with = if single { to.first() } else { to.get(at) };
        let with = with.cloned().unwrap_or_default();
        text = replace_all(machine, &text, word, &with, call.name == b"str_ireplace")?;
    }
    Some(text)
}

fn replace_all(
    machine: &mut Machine,
    text: &[u8],
    word: &[u8],
    with: &[u8],
    any_case: bool,
) -> Option<Vec<u8>> {
    if word.is_empty() {
        return Some(text.to_vec());
    }
    if !machine.room(text.len()) || !machine.spend(text.len() / 64) {
        return None;
    }
    let searched = if any_case {
        text.to_ascii_lowercase()
    } else {
        text.to_vec()
    };
    let word = if any_case {
        word.to_ascii_lowercase()
    } else {
        word.to_vec()
    };
    let mut made = Vec::with_capacity(text.len());
    let mut from = 0;
    for found in memchr::memmem::find_iter(&searched, &word) {
        made.extend_from_slice(text.get(from..found)?);
        if !machine.room(with.len()) {
            return None;
        }
        made.extend_from_slice(with);
        from = found + word.len();
    }
    made.extend_from_slice(text.get(from..)?);
    Some(made)
}

fn translate(machine: &mut Machine, call: &Call) -> Option<Value> {
    let text = call.text(0)?;
    let taint = call.taint() | Taint::DECODED;
    if let Some(Data::Array(pairs)) = call.values.get(1).map(|value| &value.data) {
        let pairs: Option<Vec<_>> = pairs
            .items
            .iter()
            .map(|(key, value)| {
                let key = crate::language::php::value::key_value(key).text()?;
                Some((key, value.text()?))
            })
            .collect();
        let mut pairs = pairs?;
        pairs.retain(|(key, _)| !key.is_empty());
        pairs.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        let mut made = Vec::new();
        let mut rest: &[u8] = &text;
        while let [first, tail @ ..] = rest {
            if !machine.spend(1 + pairs.len() / 16) {
                return None;
            }
            match pairs.iter().find(|(key, _)| rest.starts_with(key)) {
                Some((key, with)) => {
                    if !machine.room(with.len()) {
                        return None;
                    }
                    made.extend_from_slice(with);
                    rest = rest.get(key.len()..)?;
                }
                None => {
                    made.push(*first);
                    rest = tail;
                }
            }
        }
        return give(machine, made, taint);
    }
    let (from, to) = (call.text(1)?, call.text(2)?);
    let mut table = [0; 256];
    for (place, byte) in table.iter_mut().zip(0..=u8::MAX) {
        *place = byte;
    }
    for (from, to) in from.iter().zip(to.iter()) {
        if let Some(place) = table.get_mut(usize::from(*from)) {
            *place = *to;
        }
    }
    let made = text
        .iter()
        .map(|byte| table.get(usize::from(*byte)).copied().unwrap_or(*byte));
    let made = made.collect();
    give(machine, made, taint)
}

fn repeat(machine: &mut Machine, call: &Call) -> Option<Value> {
    let text = call.text(0)?;
    let times = usize::try_from(call.integer(1)?).ok()?;
    let length = text.len().checked_mul(times)?;
    if !machine.room(length) {
        return None;
    }
    Some(Value::bytes(text.repeat(times)).with(call.taint()))
}

fn pad(machine: &mut Machine, call: &Call) -> Option<Value> {
    let text = call.text(0)?;
    let length = usize::try_from(call.integer(1)?).ok()?;
    let filler = call.text(2).unwrap_or_else(|| Rc::new(b" ".to_vec()));
    let missing = length.saturating_sub(text.len());
    if !machine.room(length.max(text.len())) || filler.is_empty() {
        return None;
    }
    let filling = filler.iter().copied().cycle().take(missing);
    let made: Vec<u8> = match call.integer(3) {
        Some(0) => filling.chain(text.iter().copied()).collect(),
        _ => text.iter().copied().chain(filling).collect(),
    };
    Some(Value::bytes(made).with(call.taint()))
}

fn replace_range(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (text, with) = (call.text(0)?, call.text(1)?);
    let (start, end) = bounds(text.len(), call.integer(2)?, call.integer(3));
    let made = [text.get(..start)?, with.as_slice(), text.get(end..)?].concat();
    give(machine, made, call.taint() | Taint::JOINED)
}

fn implode(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (one, other) = (call.value(0), call.value(1));
    let (glue, list) = match (&one.data, &other.data) {
        (Data::Array(array), _) => (other.text().unwrap_or_default(), Rc::clone(array)),
        (_, Data::Array(array)) => (one.text()?, Rc::clone(array)),
        _ => return None,
    };
    let parts: Option<Vec<_>> = list.values().map(Value::text).collect();
    let parts = parts.filter(|_| list.is_closed())?;
    let length: usize = parts.iter().map(|part| part.len() + glue.len()).sum();
    if !machine.room(length) || !machine.spend(parts.len()) {
        return None;
    }
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    let made = parts.join(glue.as_slice());
    Some(Value::bytes(made).with(call.taint() | Taint::JOINED))
}

fn explode(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (glue, value) = (call.text(0)?, call.value(1));
    let text = value.text()?;
    if glue.is_empty() || !machine.room(text.len()) {
        return None;
    }
    let limit = call
        .integer(2)
        .and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(usize::MAX).max(1);
    let mut array = Array::default();
    let mut from = 0;
    for found in memchr::memmem::find_iter(text.as_slice(), glue.as_slice()) {
        if array.items.len() + 1 >= limit || !machine.spend(1) {
            break;
        }
        array.push(Value::bytes(text.get(from..found)?).with(value.taint));
        from = found + glue.len();
    }
    array.push(Value::bytes(text.get(from..)?).with(value.taint));
    Some(Value::array(array))
}

fn split(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let text = value.text()?;
    let size = usize::try_from(call.integer(1).unwrap_or(1)).ok()?.max(1);
    if !machine.room(text.len()) || !machine.spend(text.len() / size) {
        return None;
    }
    let parts = text
        .chunks(size)
        .map(|part| Value::bytes(part).with(value.taint));
    Some(Value::array(parts.collect()))
}

fn position(call: &Call) -> Option<Value> {
    let (text, word) = (call.text(0)?, call.text(1)?);
    let any_case = matches!(call.name, b"stripos" | b"strripos");
    let (text, word) = match any_case {
        true => (text.to_ascii_lowercase(), word.to_ascii_lowercase()),
        false => (text.to_vec(), word.to_vec()),
    };
    let from = usize::try_from(call.integer(2).unwrap_or(0)).ok()?;
    let found = match call.name {
        b"strrpos" | b"strripos" => memchr::memmem::rfind(&text, &word),
        _ => memchr::memmem::find(text.get(from..)?, &word).map(|found| found + from),
    };
    Some(found.map_or_else(|| Value::bool(false), Value::length))
}

fn from_found(machine: &mut Machine, call: &Call) -> Option<Value> {
    let value = call.value(0);
    let (text, word) = (value.text()?, call.text(1)?);
    let found = match call.name {
        b"strrchr" => memchr::memrchr(*word.first()?, &text),
        b"stristr" => memchr::memmem::find(&text.to_ascii_lowercase(), &word.to_ascii_lowercase()),
        _ => memchr::memmem::find(&text, &word),
    };
    let Some(found) = found else {
        return Some(Value::bool(false));
    };
    let before = call.value(2).truth() == Some(true);
    let made = match before {
        true => text.get(..found)?,
        false => text.get(found..)?,
    };
    let made = made.to_vec();
    give(machine, made, value.taint | Taint::JOINED)
}

/// Patterns that are a plain text or a class of bytes that is taken out.
fn replace_pattern(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (pattern, with, text) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let close = memchr::memrchr(*pattern.first()?, &pattern).filter(|close| *close > 0)?;
    let inner = pattern.get(1..close)?;
    let flags = pattern.get(close + 1..)?;
    let taint = call.taint() | Taint::JOINED;
    let special = |byte: &u8| br"\^$.|?*+()[]{}".contains(byte);
    if !inner.iter().any(special) {
        let made = replace_all(machine, &text, inner, &with, flags.contains(&b'i'))?;
        return give(machine, made, taint);
    }
    let class = inner.strip_suffix(b"+").unwrap_or(inner);
    let class: &[u8] = match class {
        br"\s" => b"[ \t\r\n]",
        br"\d" => b"[0-9]",
        br"\D" => b"[^0-9]",
        br"\w" => b"[A-Za-z0-9_]",
        br"\W" => b"[^A-Za-z0-9_]",
        other => other,
    };
    let class = class.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let (negated, class) = match class.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, class),
    };
    if class.iter().any(|byte| b"[]\\".contains(byte)) || !with.is_empty() {
        return None;
    }
    let any_case = flags.contains(&b'i');
    let inside = |byte: u8| {
        in_class(class, byte)
            || any_case
                && (in_class(class, byte.to_ascii_lowercase())
                    || in_class(class, byte.to_ascii_uppercase()))
    };
    let made = text
        .iter()
        .copied()
        .filter(|byte| inside(*byte) == negated)
        .collect();
    give(machine, made, taint)
}

fn in_class(class: &[u8], byte: u8) -> bool {
    let ranged = class
        .windows(3)
        .any(|window| matches!(window, [from, b'-', to] if (*from..=*to).contains(&byte)));
    ranged || class.contains(&byte)
}
