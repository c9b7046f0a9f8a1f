//! Transformers: `tolower(proc.name)`.

use crate::ast::Transformer;
use crate::matcher::with_text;
use crate::subject::Value;
use std::borrow::Cow;

/// Bytes of a joined list. Stops a list of an attacker's making from taking memory with every event.
const JOINED_BYTES_MAX: usize = 64 * 1024;

/// What a transformer makes of a value. Borrows where nothing changes.
pub(crate) fn transform<'v>(transformer: Transformer, value: &Value<'v>) -> Value<'v> {
    match (transformer, value) {
        (_, Value::Absent) => Value::Absent,
        (_, Value::Unknown) => Value::Unknown,
        (Transformer::Value | Transformer::Storage, value) => value.clone(),
        (Transformer::Length, Value::List(items)) => length(items.len()),
        (Transformer::Join, Value::List(items)) => Value::owned(join(items)),
        (transformer, Value::List(items)) => Value::List(
            items
                .iter()
                .map(|item| transform(transformer, item))
                .collect(),
        ),
        (transformer, Value::Text(text)) => transform_text(transformer, text),
        (Transformer::Length, other) => with_text(other, |text| length(text.len())),
        (_, other) => other.clone(),
    }
}

fn length(count: usize) -> Value<'static> {
    Value::Number(i64::try_from(count).unwrap_or(i64::MAX))
}

fn transform_text<'v>(transformer: Transformer, text: &Cow<'v, [u8]>) -> Value<'v> {
    match transformer {
        Transformer::ToLower if text.iter().any(u8::is_ascii_uppercase) => {
            Value::owned(text.to_ascii_lowercase())
        }
        Transformer::ToUpper if text.iter().any(u8::is_ascii_lowercase) => {
            Value::owned(text.to_ascii_uppercase())
        }
        Transformer::Base64 => decode_base64(text).map_or(Value::Absent, Value::owned),
        Transformer::BaseName => Value::Text(match text {
            Cow::Borrowed(text) => Cow::Borrowed(base_name(text)),
            Cow::Owned(text) => Cow::Owned(base_name(text).to_vec()),
        }),
        Transformer::Length => length(text.len()),
        Transformer::ToLower
        | Transformer::ToUpper
        | Transformer::Value
        | Transformer::Storage
        | Transformer::Join => Value::Text(text.clone()),
    }
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The entries of a list with spaces between.
fn join(items: &[Value<'_>]) -> Vec<u8> {
    let mut joined = Vec::new();
    for item in items {
        if joined.len() >= JOINED_BYTES_MAX {
            break;
        }
        if !joined.is_empty() {
            joined.push(b' ');
        }
        with_text(item, |text| joined.extend_from_slice(text));
    }
    joined.truncate(JOINED_BYTES_MAX);
    joined
}

/// The bytes that a base64 text stands for; its padding may be missing.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii();
    let body = text.strip_suffix(b"==").or(text.strip_suffix(b"="));
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in body.unwrap_or(text) {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff).to_le_bytes()[0]);
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(transformer: Transformer, text: &str, becomes: &Value<'_>) {
        assert_eq!(
            transform(transformer, &Value::text(text)),
            *becomes,
            "{transformer:?} {text}"
        );
    }

    #[test]
    fn each_transformer_does_what_it_says() {
        check(Transformer::ToLower, "AbC", &Value::text("abc"));
        check(Transformer::ToUpper, "AbC", &Value::text("ABC"));
        check(Transformer::Base64, "aGVsbG8=", &Value::text("hello"));
        check(Transformer::Base64, "aGVsbG8", &Value::text("hello"));
        check(Transformer::Base64, "no base64!", &Value::Absent);
        check(Transformer::BaseName, "/usr/bin/ls", &Value::text("ls"));
        check(Transformer::BaseName, "ls", &Value::text("ls"));
        check(Transformer::Length, "four", &Value::Number(4));
        let list = Value::List(vec![Value::text("A"), Value::Number(7)]);
        assert_eq!(transform(Transformer::Length, &list), Value::Number(2));
        assert_eq!(transform(Transformer::Join, &list), Value::text("A 7"));
        assert_eq!(
            transform(Transformer::ToLower, &list),
            Value::List(vec![Value::text("a"), Value::Number(7)])
        );
    }

    #[test]
    fn nothing_is_copied_without_need() {
        let lower = transform(Transformer::ToLower, &Value::text("abc"));
        assert!(matches!(lower, Value::Text(Cow::Borrowed(_))));
    }
}
