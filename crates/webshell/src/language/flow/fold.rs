//! What text becomes through the platform's functions, where it is known.

use super::machine::Machine;
use super::value::{Shape, Value};
use crate::decode;

/// A change of a text that every language has, under whatever name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Base64 undone.
    Base64,
    /// Base32 undone.
    Base32,
    /// Hexadecimal digits undone.
    Hex,
    /// Uuencoding undone.
    Uu,
    /// Quoted-printable undone.
    QuotedPrintable,
    /// Letters moved by thirteen places.
    Rot13,
    /// Deflate in any frame undone.
    Inflate,
    /// Percent escapes undone.
    Url,
    /// Back to front.
    Reverse,
    /// The escapes of strings undone.
    Escapes,
    /// Small letters.
    Lower,
    /// Capitals.
    Upper,
    /// White space around it gone.
    Trim,
    /// The same, perhaps as another type.
    Same,
}

impl Machine<'_> {
    /// A text after a change. What came from outside stays so; what a decoder gave was hidden.
    pub(crate) fn change(&mut self, change: Change, value: &Value) -> Value {
        let decodes = !matches!(
            change,
            Change::Lower | Change::Upper | Change::Trim | Change::Same | Change::Url
        );
        let Some(text) = value.bytes() else {
            return match (change, &value.shape) {
                (Change::Reverse, Shape::List(values)) => {
                    Value::list(values.iter().rev().cloned().collect()).uncovered()
                }
                (Change::Same, _) => value.clone(),
                (Change::Trim | Change::Lower | Change::Upper, Shape::Mixed(_)) => value.clone(),
                _ => Value {
                    taint: value.taint,
                    hidden: value.hidden || decodes,
                    ..Value::default()
                },
            };
        };
        let budget = &mut self.budget;
        let changed = match change {
            Change::Base64 => decode::base64(text, budget),
            Change::Base32 => decode::base32(text, budget),
            Change::Hex => decode::hex(text, budget),
            Change::Uu => decode::uuencoded(text, budget),
            Change::QuotedPrintable => decode::quoted_printable(text, budget),
            Change::Rot13 => decode::rot13(text, budget),
            Change::Inflate => decode::inflate_any(text, budget),
            Change::Url => decode::url(text, true, budget),
            Change::Reverse => decode::reverse(text, budget),
            Change::Escapes => decode::escapes(text, budget),
            Change::Lower => Some(text.to_ascii_lowercase()),
            Change::Upper => Some(text.to_ascii_uppercase()),
            Change::Trim => Some(text.trim_ascii().to_vec()),
            Change::Same => return value.clone(),
        };
        let mut changed = match changed {
            Some(changed) => Value::text(&changed),
            None => Value::unknown(),
        };
        changed.hidden = value.hidden || decodes;
        changed
    }

    /// The characters of codes: one, or a list of them.
    pub(crate) fn characters(&mut self, codes: &[Value]) -> Value {
        let mut text = String::new();
        for code in codes {
            let code = match (code.as_number(), code.bytes()) {
                (Some(number), _) => u32::try_from(number).ok(),
                (None, Some([byte])) => Some(u32::from(*byte)),
                _ => None,
            };
            match code.and_then(char::from_u32) {
                Some(letter) => text.push(letter),
                None => {
                    let values = Value::list(codes.to_vec());
                    return Value::tainted(values.taint).uncovered();
                }
            }
        }
        match self.budget.take(text.len()) {
            Some(()) => Value::text(text.as_bytes()).uncovered(),
            None => Value::unknown(),
        }
    }

    /// The bytes of numbers.
    pub(crate) fn bytes_of(&mut self, numbers: &[Value]) -> Value {
        let bytes: Option<Vec<u8>> = numbers
            .iter()
            .map(|value| u8::try_from(value.as_number()?).ok())
            .collect();
        match bytes {
            Some(bytes) if self.budget.take(bytes.len()).is_some() => {
                Value::text(&bytes).uncovered()
            }
            _ => Value::tainted(Value::list(numbers.to_vec()).taint),
        }
    }

    /// A list put together as text.
    pub(crate) fn join_list(&mut self, list: &Value, between: &Value) -> Value {
        let between = between.bytes().unwrap_or_default().to_vec();
        match &list.shape {
            Shape::List(values) => {
                let values = values.clone();
                let mut joined = self.joined(&values, &between);
                joined.hidden |= list.hidden;
                joined
            }
            Shape::Text(text) if between.is_empty() => Shape::Text(text.clone()).into(),
            _ => Value {
                taint: list.taint,
                hidden: list.hidden,
                ..Value::default()
            },
        }
    }

    /// A text with every occurrence of one part replaced.
    pub(crate) fn replace(&mut self, text: &Value, from: &Value, to: &Value) -> Value {
        let (Some(text_bytes), Some(from_bytes), Some(to_bytes)) =
            (text.bytes(), from.bytes(), to.bytes())
        else {
            if matches!(text.shape, Shape::Mixed(_)) {
                return text.clone();
            }
            return Value {
                taint: text.taint.and(to.taint),
                hidden: text.hidden,
                ..Value::default()
            };
        };
        if from_bytes.is_empty() {
            return text.clone();
        }
        let mut replaced = Vec::with_capacity(text_bytes.len());
        let mut rest = text_bytes;
        while let Some(at) = memchr::memmem::find(rest, from_bytes) {
            let (before, after) = rest.split_at(at);
            replaced.extend_from_slice(before);
            replaced.extend_from_slice(to_bytes);
            if replaced.len() > self.budget.left() {
                return Value::unknown();
            }
            rest = after.get(from_bytes.len()..).unwrap_or_default();
        }
        replaced.extend_from_slice(rest);
        match self.budget.take(replaced.len()) {
            Some(()) => Value::text(&replaced).uncovered(),
            None => Value::unknown(),
        }
    }

    /// A text taken apart.
    pub(crate) fn split(&mut self, text: &Value, by: Option<&Value>) -> Value {
        let plain = Value {
            taint: text.taint,
            hidden: text.hidden,
            ..Value::default()
        };
        let Some(bytes) = text.bytes() else {
            return plain;
        };
        if self.budget.take(bytes.len()).is_none() {
            return plain;
        }
        let made = |part: &[u8]| Value {
            hidden: text.hidden,
            ..Value::text(part)
        };
        let parts: Vec<Value> = match by.map(Value::bytes) {
            None => bytes
                .split(u8::is_ascii_whitespace)
                .filter(|part| !part.is_empty())
                .map(made)
                .collect(),
            Some(Some(b"")) => bytes.chunks(1).map(made).collect(),
            Some(Some(by)) => {
                let mut parts = Vec::new();
                let mut rest = bytes;
                while let Some(at) = memchr::memmem::find(rest, by) {
                    let (before, after) = rest.split_at(at);
                    parts.push(made(before));
                    rest = after.get(by.len()..).unwrap_or_default();
                }
                parts.push(made(rest));
                parts
            }
            Some(None) => return plain,
        };
        Value::list(parts)
    }
}

/// A text with letters of one list for those of another, ranges as `tr` has them.
pub(crate) fn transliterated(text: &Value, from: &Value, to: &Value) -> Value {
    let (Some(bytes), Some(from), Some(to)) = (text.bytes(), from.bytes(), to.bytes()) else {
        return text.clone();
    };
    let (from, to) = (letters(from), letters(to));
    let changed: Vec<u8> = bytes
        .iter()
        .map(|byte| {
            let place = from.iter().position(|known| known == byte);
            let instead = place.and_then(|place| to.get(place).or(to.last()));
            *instead.unwrap_or(byte)
        })
        .collect();
    Value::text(&changed).uncovered()
}

/// The letters of `a-z` and the like.
fn letters(ranges: &[u8]) -> Vec<u8> {
    let mut letters = Vec::new();
    let mut at = 0;
    while let Some(&first) = ranges.get(at) {
        match (ranges.get(at + 1), ranges.get(at + 2)) {
            (Some(b'-'), Some(&last)) if last >= first => {
                letters.extend(first..=last);
                at += 3;
            }
            _ => {
                letters.push(first);
                at += 1;
            }
        }
    }
    letters
}
