//! Registry changes as Sysmon (12-14) and the Security log (4657) tell them, in one form.

use super::data;
use crate::subject::Value;
use serde_json::Value as Json;

/// How providers write a root, in small letters, and its short form.
const ROOTS: [(&str, &str); 8] = [
    (r"\registry\machine\", r"HKLM\"),
    (r"\registry\user\", r"HKU\"),
    (r"hkey_local_machine\", r"HKLM\"),
    (r"hkey_users\", r"HKU\"),
    (r"hkey_current_user\", r"HKCU\"),
    (r"machine\", r"HKLM\"),
    (r"hklm\", r"HKLM\"),
    (r"hku\", r"HKU\"),
];
/// The control set that is in use, under its own name instead of its number.
const CURRENT_CONTROL_SET: &str = r"\CurrentControlSet\";
/// Sysmon's events about a key itself rather than a value of it.
const KEY_EVENTS: [&str; 2] = ["CreateKey", "DeleteKey"];

pub(super) fn key(document: &Json) -> Value<'_> {
    if let Some(path) = data(document, &["ObjectName"]) {
        return Value::owned(shortened(path));
    }
    match target(document) {
        Some((key, _)) => Value::owned(shortened(key)),
        None => Value::Absent,
    }
}

pub(super) fn value_name(document: &Json) -> Value<'_> {
    match data(document, &["ObjectValueName"]).or_else(|| target(document)?.1) {
        Some(name) => Value::text(name),
        None => Value::Absent,
    }
}

/// What was written; numbers in decimal, however the provider writes them.
pub(super) fn details(document: &Json) -> Value<'_> {
    let Some(text) = data(document, &["Details", "NewValue"]) else {
        return Value::Absent;
    };
    let number = ["DWORD (", "QWORD ("]
        .iter()
        .find_map(|kind| text.strip_prefix(kind)?.strip_suffix(')'))
        .unwrap_or(text)
        .strip_prefix("0x")
        // Sysmon writes the halves of a long number apart: `0x00000000-0x00000d3d`.
        .and_then(|digits| u64::from_str_radix(&digits.replace("-0x", ""), 16).ok());
    match number {
        Some(number) => Value::owned(number.to_string()),
        None => Value::text(text),
    }
}

/// Sysmon's path, parted into the key and the value.
fn target(document: &Json) -> Option<(&str, Option<&str>)> {
    let path = data(document, &["TargetObject"])?;
    let about_key = data(document, &["EventType"]).is_some_and(|kind| KEY_EVENTS.contains(&kind));
    if about_key {
        return Some((path, None));
    }
    let (key, value) = path.rsplit_once('\\')?;
    Some((key, Some(value)))
}

fn shortened(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let short = ROOTS.iter().find_map(|(long, short)| {
        let rest = path.get(long.len()..).filter(|_| lower.starts_with(long))?;
        Some(format!("{short}{rest}"))
    });
    let path = short.unwrap_or_else(|| path.to_owned());
    let lower = path.to_ascii_lowercase();
    let Some(at) = lower.find(r"\controlset0") else {
        return path;
    };
    // `\ControlSet001\`
    const NUMBERED_BYTES: usize = 15;
    match (
        path.get(..at),
        path.get(at.saturating_add(NUMBERED_BYTES)..),
    ) {
        (Some(before), Some(after)) => format!("{before}{CURRENT_CONTROL_SET}{after}"),
        _ => path,
    }
}
