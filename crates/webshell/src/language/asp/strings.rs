//! Texts that VBScript, JScript and .NET work out.

use super::flow::{
    CODED, Call, Constant, LIST_ITEMS_MAX, PARSED, TAINT, TEXT_BYTES_MAX, Traits, Value, WHOLE,
};
use crate::decode::{self, Budget};

/// Facts that stay with a text, whatever is done to it.
const KEPT: Traits = TAINT | PARSED | CODED | WHOLE;

/// What a call that works on texts gives; `None` where it is no such call or its parts are not fixed.
pub(crate) fn worked_out(call: &Call<'_>, budget: &mut Budget) -> Option<Value> {
    let on_text = call.object.is_some_and(|object| object.is_fixed());
    let carried = (call.object.map_or(0, |object| object.traits) | call.given()) & KEPT;
    let value = match call.name {
        "chr" | "chrw" | "chrb" | "tochar" | "convertfromutf32" => {
            Value::text(character(call.argument(0).as_number()?)?)
        }
        "fromcharcode" => Value::text(
            call.arguments
                .iter()
                .map(|value| character(value.as_number()?))
                .collect::<Option<String>>()?,
        ),
        "array" => return array(call),
        "ubound" | "length" | "len" | "lenb" | "count" if call.arguments.len() <= 2 => {
            return counted(call);
        }
        "asc" | "ascw" | "ascb" | "charcodeat" => return code_of(call),
        "cint" | "clng" | "cbyte" | "parseint" | "int" | "toint32" | "val" | "tobyte" | "cdbl"
        | "parse" => return parsed(call),
        "cstr" | "trim" | "ltrim" | "rtrim" | "tostring" | "lcase" | "ucase" | "tolower"
        | "toupper" | "tochararray" | "string" | "tolowercase" | "touppercase" | "getbytes"
        | "valueof" => {
            let subject = subject(call)?;
            Value::text(subject.as_characters()?)
        }
        "getstring" => Value::text(call.argument(0).as_characters()?),
        "hex" => Value::text(format!("{:X}", call.argument(0).as_number()?)),
        "unescape" | "decodeuricomponent" | "urldecode" | "decodeuri" | "unescapedatastring" => {
            let given = call.argument(0);
            Value::text(percent(given.as_text()?))
        }
        "frombase64string" | "atob" => {
            let given = call.argument(0);
            let bytes = decode::base64(given.as_text()?.as_bytes(), budget)?;
            readable(bytes)
        }
        "strreverse" => Value::text(subject(call)?.as_text()?.chars().rev().collect::<String>()),
        "reverse" => return reversed(call).map(|value| value.and(carried)),
        "replace" => Value::text(replaced(call, on_text)?),
        "split" => return split(call, on_text).map(|value| value.and(carried)),
        "join" | "concat" => return joined(call).map(|value| value.and(carried)),
        "mid" | "left" | "right" | "substring" | "substr" | "charat" | "remove" => {
            Value::text(part(call, on_text)?)
        }
        "space" => Value::text(
            " ".repeat(
                usize::try_from(call.argument(0).as_number()?)
                    .ok()?
                    .min(4096),
            ),
        ),
        "format" => Value::text(formatted(call)?),
        _ => return None,
    };
    Some(value.and(carried))
}

/// Decoded bytes as a text; what is no text is hidden content.
pub(crate) fn readable(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Value::text(text),
        _ => Value::of(CODED),
    }
}

fn character(code: i64) -> Option<String> {
    let code = u32::try_from(code & 0xffff).ok()?;
    char::from_u32(code).map(String::from)
}

/// What a call works on: its object where that is a text, otherwise its first argument.
fn subject(call: &Call<'_>) -> Option<Value> {
    match call.object {
        Some(object) if object.is_fixed() => Some(object.clone()),
        _ => call.arguments.first().cloned(),
    }
}

fn array(call: &Call<'_>) -> Option<Value> {
    if call.arguments.is_empty() || call.arguments.len() > LIST_ITEMS_MAX {
        return None;
    }
    let items = call.arguments.iter().map(|value| value.constant.clone());
    let flat = call
        .arguments
        .iter()
        .all(|value| matches!(value.constant, Constant::Text(_) | Constant::Number(_)));
    flat.then(|| Value {
        traits: call.given(),
        constant: Constant::List(items.collect()),
    })
}

fn counted(call: &Call<'_>) -> Option<Value> {
    let subject = subject(call)?;
    let count = match &subject.constant {
        Constant::Text(text) => text.chars().count(),
        Constant::List(items) => items.len(),
        _ => return Some(Value::default()),
    };
    let count = i64::try_from(count).ok()?;
    Some(Value::number(match call.name {
        "ubound" => count - 1,
        _ => count,
    }))
}

fn code_of(call: &Call<'_>) -> Option<Value> {
    let subject = subject(call)?;
    let text = subject.as_text()?;
    let at = match call.name {
        "charcodeat" => usize::try_from(call.argument(0).as_number().unwrap_or(0)).ok()?,
        _ => 0,
    };
    let c = text.chars().nth(at)?;
    Some(Value::number(i64::from(u32::from(c))))
}

fn parsed(call: &Call<'_>) -> Option<Value> {
    let given = call.argument(0);
    let Some(text) = given.as_text() else {
        let number = given.as_number().map_or_else(Value::default, Value::number);
        return Some(number.and(given.traits & CODED));
    };
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let hex = lower
        .strip_prefix("&h")
        .or_else(|| lower.strip_prefix("0x"));
    let number = match (hex, call.argument(1).as_number()) {
        (Some(hex), _) => i64::from_str_radix(hex, 16).ok(),
        (None, Some(radix @ 2..=36)) => {
            i64::from_str_radix(&lower, u32::try_from(radix).ok()?).ok()
        }
        _ => lower.parse().ok(),
    };
    Some(number.map_or_else(Value::default, Value::number))
}

fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(rest.get(..at).unwrap_or_default());
        let tail = rest.get(at + 1..).unwrap_or_default();
        let (digits, skip) = match tail.strip_prefix('u') {
            Some(wide) => (wide.get(..4), 5),
            None => (tail.get(..2), 2),
        };
        let c = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match c {
            Some(c) => {
                out.push(c);
                rest = tail.get(skip..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

fn reversed(call: &Call<'_>) -> Option<Value> {
    let subject = subject(call)?;
    match &subject.constant {
        Constant::Text(text) => Some(Value::text(text.chars().rev().collect::<String>())),
        Constant::List(items) => Some(Value {
            traits: subject.traits,
            constant: Constant::List(items.iter().rev().cloned().collect()),
        }),
        _ => None,
    }
}

fn replaced(call: &Call<'_>, on_text: bool) -> Option<String> {
    let skip = usize::from(!on_text);
    let subject = match on_text {
        true => call.object.cloned()?,
        false => call.argument(0),
    };
    let (from, to) = (call.argument(skip), call.argument(skip + 1));
    let (text, from, to) = (
        subject.as_text()?,
        from.as_characters()?,
        to.as_characters()?,
    );
    let times = text.len() / from.len().max(1) + 1;
    if from.is_empty() || times.saturating_mul(to.len()) > TEXT_BYTES_MAX {
        return None;
    }
    Some(text.replace(&from, &to))
}

fn split(call: &Call<'_>, on_text: bool) -> Option<Value> {
    let subject = subject(call)?;
    let text = subject.as_text()?;
    let separator = call.argument(usize::from(!on_text));
    let separator = separator.as_characters();
    let items: Vec<Constant> = match separator.as_deref() {
        Some("") => text
            .chars()
            .map(|c| Constant::Text(c.to_string().into()))
            .collect(),
        Some(separator) => text
            .split(separator)
            .map(|item| Constant::Text(item.into()))
            .collect(),
        None if call.arguments.len() <= usize::from(!on_text) => text
            .split(' ')
            .map(|item| Constant::Text(item.into()))
            .collect(),
        None => return None,
    };
    if items.len() > LIST_ITEMS_MAX {
        return None;
    }
    Some(Value {
        traits: 0,
        constant: Constant::List(items.into()),
    })
}

fn joined(call: &Call<'_>) -> Option<Value> {
    // `list.join(x)`, `Join(list, x)`, `String.Join(x, list)`, `String.Concat(a, b)`.
    let lists = [
        call.object.cloned(),
        call.arguments.first().cloned(),
        call.arguments.get(1).cloned(),
    ];
    let list = lists
        .iter()
        .flatten()
        .find_map(|value| match &value.constant {
            Constant::List(items) => Some(items.clone()),
            _ => None,
        });
    if let Some(items) = list {
        let separator =
            call.arguments
                .iter()
                .find_map(Value::as_text)
                .unwrap_or(match call.object {
                    Some(_) => "",
                    None => " ",
                });
        let parts: Option<Vec<String>> = items
            .iter()
            .map(|item| match item {
                Constant::Text(text) => Some(text.to_string()),
                Constant::Number(number) => Some(number.to_string()),
                _ => None,
            })
            .collect();
        let text = parts?.join(separator);
        return (text.len() <= TEXT_BYTES_MAX).then(|| Value::text(text));
    }
    let texts = call
        .arguments
        .iter()
        .map(Value::as_text)
        .collect::<Option<Vec<&str>>>()?;
    let mut text = call
        .object
        .and_then(Value::as_text)
        .unwrap_or_default()
        .to_owned();
    match call.name {
        "concat" => text.push_str(&texts.concat()),
        _ => return None,
    }
    Some(Value::text(text))
}

fn part(call: &Call<'_>, on_text: bool) -> Option<String> {
    let skip = usize::from(!on_text);
    let subject = subject(call)?;
    let characters: Vec<char> = subject.as_text()?.chars().collect();
    let number = |index: usize| -> Option<usize> {
        usize::try_from(call.argument(skip + index).as_number()?).ok()
    };
    let count = characters.len();
    let (from, to) = match call.name {
        "left" => (0, number(0)?),
        "right" => (count.saturating_sub(number(0)?), count),
        "mid" => {
            let from = number(0)?.saturating_sub(1);
            (
                from,
                number(1).map_or(count, |length| from.saturating_add(length)),
            )
        }
        "charat" => (number(0)?, number(0)?.saturating_add(1)),
        "remove" => (0, number(0)?),
        _ => {
            let from = number(0)?;
            // JScript's `substring` takes an end, all others a length.
            (
                from,
                number(1).map_or(count, |length| from.saturating_add(length)),
            )
        }
    };
    let part = characters.get(from.min(count)..to.clamp(from.min(count), count))?;
    Some(part.iter().collect())
}

fn formatted(call: &Call<'_>) -> Option<String> {
    let pattern = call.argument(0);
    let mut text = pattern.as_text()?.to_owned();
    for (at, value) in call.arguments.iter().skip(1).enumerate() {
        let with = match &value.constant {
            Constant::Text(text) => text.to_string(),
            Constant::Number(number) => number.to_string(),
            _ => return None,
        };
        text = text.replace(&format!("{{{at}}}"), &with);
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
    }
    Some(text)
}
