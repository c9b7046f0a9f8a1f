//! The right side of a test, made ready: constant sets hashed, patterns compiled, addresses and numbers parsed.

mod address;
mod glob;
mod literals;
mod number;
mod path;
mod text;
mod tree;

pub(crate) use address::AddressSet;
pub(crate) use number::{NumberTest, parse_number};
pub(crate) use path::PathSet;
pub(crate) use text::{TextKey, TextTest, compare_texts};
pub(crate) use tree::{PathTree, PrefixTree};

use crate::ast::Operator;
use crate::fields::FieldType;
use crate::subject::Value;
use std::borrow::Cow;
use std::io::Write as _;

/// What is wrong with the right side of a test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    /// Not a number.
    #[error("{0:?} is not a number")]
    Number(String),
    /// Neither `true` nor `false`.
    #[error("{0:?} is neither true nor false")]
    Boolean(String),
    /// Neither an address nor a network.
    #[error("{0:?} is neither an IP address nor a network")]
    Address(String),
    /// Not bytes in hexadecimal.
    #[error("{0:?} is not a sequence of bytes in hexadecimal")]
    Hexadecimal(String),
    /// Not a pattern, or a pattern that would take too much memory.
    #[error("{pattern:?} is not a pattern that can be used: {reason}")]
    Pattern {
        /// As written.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The operator doesn't go with the field's type.
    #[error("a {value} can't be compared with this operator")]
    Operator {
        /// The field's type.
        value: &'static str,
    },
    /// The right side is empty.
    #[error("nothing to compare with")]
    Empty,
}

/// The constant right side of a test.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// Anything that is there.
    Exists,
    /// A text.
    Text(TextTest),
    /// A number.
    Number(NumberTest),
    /// A number or a text, as the event has it.
    Either(NumberTest, TextTest),
    /// Yes or no: which of both.
    Boolean {
        /// Whether yes is.
        yes: bool,
        /// Whether no is.
        no: bool,
    },
    /// An address.
    Address(AddressSet),
}

impl Matcher {
    /// Makes the right side ready for values of a type. `NotEqual` is made like `Equal`: the caller turns it round.
    ///
    /// # Errors
    ///
    /// Says which item can't be used and why.
    pub(crate) fn new(
        value: FieldType,
        operator: Operator,
        items: &[&str],
    ) -> Result<Matcher, MatcherError> {
        if operator == Operator::Exists {
            return Ok(Matcher::Exists);
        }
        if items.is_empty() {
            return Err(MatcherError::Empty);
        }
        match value {
            FieldType::Text | FieldType::List => TextTest::new(operator, items).map(Matcher::Text),
            FieldType::Number | FieldType::Port | FieldType::Time | FieldType::Duration => {
                NumberTest::new(value, operator, items).map(Matcher::Number)
            }
            FieldType::Boolean => boolean(operator, items),
            FieldType::Address => match operator {
                Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects => {
                    AddressSet::new(items).map(Matcher::Address)
                }
                _ => Err(MatcherError::Operator {
                    value: value.as_str(),
                }),
            },
            FieldType::Dynamic => {
                let text = TextTest::new(operator, items)?;
                Ok(match NumberTest::new(FieldType::Number, operator, items) {
                    Ok(number) => Matcher::Either(number, text),
                    Err(_) => Matcher::Text(text),
                })
            }
        }
    }

    /// Whether a single value matches. Absent, unknown and several values are the caller's.
    pub(crate) fn matches(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Matcher::Exists, _) => true,
            (Matcher::Text(test) | Matcher::Either(_, test), Value::Text(text)) => {
                test.matches(text)
            }
            (Matcher::Text(test), other) => with_text(other, |text| test.matches(text)),
            (Matcher::Number(test) | Matcher::Either(test, _), other) => {
                number_of(other).is_some_and(|number| test.matches(number))
            }
            (Matcher::Boolean { yes, no }, other) => match truth_of(other) {
                Some(true) => *yes,
                Some(false) => *no,
                None => false,
            },
            (Matcher::Address(set), Value::Address(address)) => set.contains(*address),
            (Matcher::Address(set), Value::Text(text)) => std::str::from_utf8(text)
                .ok()
                .and_then(|text| text.parse().ok())
                .is_some_and(|address| set.contains(address)),
            (Matcher::Address(_), _) => false,
        }
    }
}

fn boolean(operator: Operator, items: &[&str]) -> Result<Matcher, MatcherError> {
    if !matches!(
        operator,
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects
    ) {
        return Err(MatcherError::Operator {
            value: FieldType::Boolean.as_str(),
        });
    }
    let (mut yes, mut no) = (false, false);
    for item in items {
        match item.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => yes = true,
            "false" | "0" | "no" => no = true,
            _ => return Err(MatcherError::Boolean((*item).to_owned())),
        }
    }
    Ok(Matcher::Boolean { yes, no })
}

/// The number that a value is.
pub(crate) fn number_of(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Boolean(yes) => Some(i64::from(*yes)),
        Value::Text(text) => std::str::from_utf8(text).ok().and_then(parse_number),
        Value::Absent | Value::Unknown | Value::Address(_) | Value::List(_) => None,
    }
}

/// Yes or no, as a value says it.
fn truth_of(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Boolean(yes) => Some(*yes),
        Value::Number(number) => Some(*number != 0),
        Value::Text(text) => match text.as_ref() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        },
        Value::Absent | Value::Unknown | Value::Address(_) | Value::List(_) => None,
    }
}

/// Bytes of the longest number or address as text.
const SCALAR_TEXT_BYTES_MAX: usize = 48;

/// Gives a single value's text, without putting it on the heap.
pub(crate) fn with_text<R>(value: &Value<'_>, then: impl FnOnce(&[u8]) -> R) -> R {
    let mut buffer = [0; SCALAR_TEXT_BYTES_MAX];
    let mut rest = buffer.as_mut_slice();
    // Writing can't fail: the buffer is longer than any number or address.
    let _ = match value {
        Value::Text(text) => return then(text),
        Value::Boolean(yes) => return then(if *yes { b"true" } else { b"false" }),
        Value::Number(number) => write!(rest, "{number}"),
        Value::Address(address) => write!(rest, "{address}"),
        Value::Absent | Value::Unknown | Value::List(_) => Ok(()),
    };
    let left = rest.len();
    then(
        buffer
            .get(..SCALAR_TEXT_BYTES_MAX - left)
            .unwrap_or_default(),
    )
}

/// A single value's text.
pub(crate) fn text_of<'v>(value: &'v Value<'_>) -> Cow<'v, [u8]> {
    match value {
        Value::Text(text) => Cow::Borrowed(text),
        other => Cow::Owned(with_text(other, <[u8]>::to_vec)),
    }
}
