//! Writing policies as YAML.

use crate::reader::is_null;
use crate::scope::{CloudScope, Condition, Field, Scope};
use std::fmt::Write as _;
use yagura_event::escape;

/// Writes block-style YAML. An item of a list is one level deeper than its dash, so the dash takes the place of the
/// item's first indentation.
#[derive(Debug, Default)]
pub(crate) struct Printer {
    /// What is written so far.
    pub(crate) text: String,
    /// Whether the next line begins an item.
    dash: bool,
}

impl Printer {
    pub(crate) fn scope(&mut self, level: usize, scope: &Scope) {
        self.optional(level, "description", scope.description.as_deref());
        if !scope.clouds.is_empty() {
            self.open(level, "clouds");
            scope
                .clouds
                .iter()
                .for_each(|cloud| self.cloud(level + 2, cloud));
        }
        if !scope.conditions.is_empty() {
            self.open(level, "conditions");
            scope
                .conditions
                .iter()
                .for_each(|c| self.condition(level + 2, c));
        }
    }

    fn cloud(&mut self, level: usize, cloud: &CloudScope) {
        self.item();
        self.line(level, "provider", cloud.provider.as_str());
        if let Some(accounts) = &cloud.accounts {
            self.line(level, "accounts", &list(accounts));
        }
    }

    fn condition(&mut self, level: usize, condition: &Condition) {
        self.item();
        self.line(level, "field", condition.field.name());
        if let Field::PodLabel(key) = &condition.field {
            self.line(level, "key", &quoted(key));
        }
        self.line(level, "operator", condition.operator.as_str());
        self.line(level, "values", &list(&condition.values));
    }

    /// The next line begins an item of a list.
    pub(crate) fn item(&mut self) {
        self.dash = true;
    }

    pub(crate) fn open(&mut self, level: usize, key: &str) {
        self.indent(level);
        self.text.push_str(key);
        self.text.push_str(":\n");
    }

    pub(crate) fn optional(&mut self, level: usize, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.line(level, key, &quoted(text));
        }
    }

    pub(crate) fn line(&mut self, level: usize, key: &str, value: &str) {
        self.indent(level);
        self.text.push_str(key);
        self.text.push_str(": ");
        self.text.push_str(value);
        self.text.push('\n');
    }

    fn indent(&mut self, level: usize) {
        let dash = std::mem::take(&mut self.dash);
        let spaces = if dash { level.saturating_sub(1) } else { level };
        for _ in 0..spaces {
            self.text.push_str("  ");
        }
        if dash {
            self.text.push_str("- ");
        }
    }
}

/// Texts as a list in one line.
pub(crate) fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// The text without quotes where no reader of YAML could take it for anything else, otherwise in double quotes with
/// everything escaped that is not plain to see.
pub(crate) fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if escape(c.encode_utf8(&mut [0; 4]).as_bytes()).starts_with(c) => out.push(c),
            // Writing to a String does not fail.
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Whether a text can stand without quotes: it begins with a letter or slash, holds nothing that YAML gives a
/// meaning to, and is no word that some reader takes for a truth value or null.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "y", "n"];
    let unusual = |c: char| !(c.is_ascii_alphanumeric() || " ./_-".contains(c));
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.contains(unusual)
        && !text.ends_with(' ')
        && !text.contains("  ")
        && !is_null(text)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_texts_stand_without_quotes() {
        for text in ["kube-system", "/opt/a b/c_d.e", "Alert on x"] {
            assert_eq!(quoted(text), text);
        }
        for text in [
            "", "yes", "NULL", "a: b", "a #b", "1", "-", "a ", "a  b", "é", "[x]", "*",
        ] {
            assert_eq!(quoted(text), format!("\"{text}\""));
        }
        assert_eq!(quoted("a\u{1b}\"\\\n"), "\"a\\U0000001b\\\"\\\\\\n\"");
    }
}
