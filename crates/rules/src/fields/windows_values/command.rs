//! What a record says that an interpreter was told to do, as the interpreter reads it.

use super::{COMMAND_LINES, SCRIPTS, data};
use crate::subject::Value;
use serde_json::Value as Json;

/// Bytes of one text that are looked at. The Windows limit of a command line is 64 KiB, script blocks are cut at less.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Encoded commands in encoded commands that are followed.
const LEVELS_MAX: usize = 3;
/// Encoded texts in one text that are decoded.
const ENCODED_MAX: usize = 16;
/// Characters of the shortest base64 that is taken for an encoded command: five letters in UTF-16.
const ENCODED_CHARS_MIN: usize = 16;
/// Where else commands stand: services (7045, 4697), tasks (4698), WMI consumers (Sysmon 20), RunMRU and Run keys (13).
const OTHERS: &[&str] = &[
    "ImagePath",
    "ServiceFileName",
    "TaskContent",
    "TaskContentNew",
    "Destination",
    "Details",
];

/// Small letters; without the carets, backticks and quotation marks that split words; blanks as one space; and behind it,
/// what its encoded parts hold, in the same form.
pub(super) fn command(document: &Json) -> Value<'_> {
    let mut out = String::new();
    for names in [COMMAND_LINES, SCRIPTS, OTHERS] {
        if let Some(text) = data(document, names) {
            read(text, 0, &mut out);
        }
    }
    if out.is_empty() {
        Value::Absent
    } else {
        Value::owned(out)
    }
}

/// Adds a text as it is read, and what is encoded in it.
fn read(text: &str, level: usize, out: &mut String) {
    let text = head(text);
    if !out.is_empty() {
        out.push('\n');
    }
    normalise(text, out);
    if level >= LEVELS_MAX {
        return;
    }
    for decoded in encoded_texts(text).take(ENCODED_MAX) {
        if out.len() < TEXT_BYTES_MAX {
            read(&decoded, level.saturating_add(1), out);
        }
    }
}

fn head(text: &str) -> &str {
    let end = (0..=TEXT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

fn normalise(text: &str, out: &mut String) {
    let joined = without_concatenation(text);
    let mut blank = true;
    for c in joined.chars() {
        match c {
            '^' | '`' | '"' | '\'' | '\u{201c}' | '\u{201d}' | '\u{2018}' | '\u{2019}' => {}
            c if c.is_whitespace() || c == '\0' => {
                if !blank {
                    out.push(' ');
                }
                blank = true;
            }
            // What PowerShell takes for a hyphen.
            '\u{2013}' | '\u{2014}' | '\u{2015}' => {
                out.push('-');
                blank = false;
            }
            c => {
                out.extend(c.to_lowercase());
                blank = false;
            }
        }
    }
}

/// Joins literals that were taken apart: `'Down'+'load'`.
fn without_concatenation(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('+') {
        let (before, after) = rest.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        let (left, right) = (before.trim_end(), after.trim_start());
        let quoted = |side: Option<char>| side.filter(|c| matches!(c, '\'' | '"'));
        match (
            quoted(left.chars().next_back()),
            quoted(right.chars().next()),
        ) {
            (Some(a), Some(b)) if a == b => {
                out.push_str(left.strip_suffix(a).unwrap_or(left));
                rest = right.strip_prefix(b).unwrap_or(right);
            }
            _ => {
                out.push_str(before);
                out.push('+');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Texts behind base64 in a text: `-EncodedCommand` takes UTF-16; `FromBase64String` is used with both.
fn encoded_texts(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')))
        .filter(|word| word.len() >= ENCODED_CHARS_MIN)
        .filter_map(base64)
        .filter_map(|bytes| readable(&bytes))
}

/// The text of decoded bytes; `None` if they are something else.
fn readable(bytes: &[u8]) -> Option<String> {
    let wide = bytes.len() >= 8
        && bytes.len().is_multiple_of(2)
        && bytes
            .chunks_exact(2)
            .filter(|pair| pair.last() == Some(&0))
            .count()
            * 4
            >= (bytes.len() / 2) * 3;
    let text = if wide {
        let units = bytes.chunks_exact(2).map(|pair| match *pair {
            [low, high] => u16::from_le_bytes([low, high]),
            _ => 0,
        });
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    } else {
        std::str::from_utf8(bytes).ok()?.to_owned()
    };
    // A word that happens to be base64 decodes to noise.
    let plain = |c: char| !c.is_control() || c.is_whitespace();
    let has_blank = text.contains(|c: char| c.is_whitespace() || "(:$\\/".contains(c));
    (text.chars().all(plain) && has_blank).then_some(text)
}

/// Decodes base64; what is left over at the end is dropped, as PowerShell's padding is often cut off in logs.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut count = 0_u32;
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    Some(out)
}
