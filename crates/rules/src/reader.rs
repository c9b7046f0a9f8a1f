//! Typed reading of positioned YAML: each reader reports what is wrong and lets the caller go on.

use crate::ast::Position;
use crate::diagnostic::{Code, Diagnostics};
use crate::limits::{NAME_CHARS_MAX, PROSE_CHARS_MAX};
use crate::source::{Text, position};
use yagura_yaml::{Key, Locator, Node, Value, nearest, quote};

/// Reads the nodes of one file.
#[derive(Debug)]
pub(crate) struct Reader<'f> {
    file: u16,
    locator: Locator<'f>,
    pub(crate) diagnostics: &'f mut Diagnostics,
    /// Whether the whole file is there. Otherwise a missing key may only have been cut off.
    complete: bool,
}

/// The entries of one mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entries<'n> {
    /// Where the mapping begins.
    pub(crate) at: Position,
    what: &'static str,
    entries: &'n [(Key, Node)],
}

impl<'n> Entries<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        let entry = self.entries.iter().find(|(key, _)| key.text == name);
        entry.map(|(_, node)| node)
    }

    /// The same mapping, now that it is clear what it is.
    pub(crate) fn named(self, what: &'static str) -> Self {
        Entries { what, ..self }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'n (Key, Node)> {
        self.entries.iter()
    }
}

impl<'f> Reader<'f> {
    pub(crate) fn new(
        file: u16,
        text: &'f str,
        complete: bool,
        diagnostics: &'f mut Diagnostics,
    ) -> Self {
        Reader {
            file,
            locator: Locator::new(text),
            diagnostics,
            complete,
        }
    }

    pub(crate) fn position(&self, at: yagura_yaml::Position) -> Position {
        position(self.file, at)
    }

    pub(crate) fn report(&mut self, code: Code, node: &Node, message: impl Into<String>) {
        self.diagnostics
            .report(code, position(self.file, node.at), message);
    }

    /// A mapping. `what` names it in messages, such as "a rule".
    pub(crate) fn entries<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
    ) -> Option<Entries<'n>> {
        match &node.value {
            Value::Mapping(entries) => Some(Entries {
                at: self.position(node.at),
                what,
                entries,
            }),
            _ => {
                self.wrong_shape(node, what, "a mapping (name: value)");
                None
            }
        }
    }

    /// Warns of keys that have no effect.
    pub(crate) fn known(&mut self, entries: &Entries<'_>, known: &[&str]) {
        for (key, _) in entries.iter() {
            if !known.contains(&key.text.as_str()) && self.diagnostics.shows(Code::UnknownKey) {
                let hint = match nearest(&key.text, known.iter().copied()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("known keys: {}", known.join(", ")),
                };
                let message = format!(
                    "{} has no key {}: it has no effect",
                    entries.what,
                    quote(&key.text)
                );
                let at = self.position(key.at);
                self.diagnostics
                    .report_with_hint(Code::UnknownKey, at, message, hint);
            }
        }
    }

    /// A key that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        entries: &Entries<'n>,
        name: &str,
        example: &str,
    ) -> Option<&'n Node> {
        let node = entries.get(name);
        if node.is_none() && self.complete {
            let message = format!("{} needs the key \"{name}\"", entries.what);
            let hint = format!("for example {name}: {example}");
            self.diagnostics
                .report_with_hint(Code::MissingKey, entries.at, message, hint);
        }
        node
    }

    /// A scalar that says something.
    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, plain } if *plain && is_null(text) => {
                self.report(Code::EmptyText, node, format!("{what} has no value"));
                None
            }
            Value::Scalar { text, .. } if text.trim().is_empty() => {
                self.report(Code::EmptyText, node, format!("{what} is empty"));
                None
            }
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.wrong_shape(node, what, "a text");
                None
            }
        }
    }

    /// A name: one line of visible characters.
    pub(crate) fn name(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.scalar(node, what)?.trim();
        if text.chars().nth(NAME_CHARS_MAX).is_some() {
            let message = format!("{what} has more than {NAME_CHARS_MAX} characters");
            self.report(Code::TooLong, node, message);
            return None;
        }
        if text.chars().any(char::is_control) {
            let message = format!("{what} holds a line end or control character");
            self.report(Code::BadName, node, message);
            return None;
        }
        Some(text.to_owned())
    }

    /// Sentences.
    pub(crate) fn prose(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.scalar(node, what)?.trim();
        if text.chars().nth(PROSE_CHARS_MAX).is_some() {
            let message = format!("{what} has more than {PROSE_CHARS_MAX} characters");
            self.report(Code::TooLong, node, message);
            return None;
        }
        Some(text.to_owned())
    }

    /// A text whose characters know their places.
    pub(crate) fn text(&mut self, node: &Node, what: &str) -> Option<Text> {
        let text = self.scalar(node, what)?;
        let located = self.locator.locate(node.at, text.trim_end());
        Some(Text::new(self.file, located))
    }

    /// A key as a text whose characters know their places.
    pub(crate) fn key_text(&mut self, key: &Key) -> Text {
        Text::new(self.file, self.locator.locate(key.at, &key.text))
    }

    /// Yes or no, in every way that YAML 1.1 has for it.
    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let text = self.scalar(node, what)?;
        match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Some(true),
            "false" | "no" | "off" | "n" => Some(false),
            _ => {
                let message = format!("{what} is true or false, not {}", quote(text));
                self.report(Code::WrongShape, node, message);
                None
            }
        }
    }

    /// A whole number in a range.
    pub(crate) fn number(&mut self, node: &Node, what: &str, min: u64, max: u64) -> Option<u64> {
        let text = self.scalar(node, what)?;
        let number = text.parse().ok().filter(|n| (min..=max).contains(n));
        if number.is_none() {
            let message = format!(
                "{what} is a number from {min} to {max}, not {}",
                quote(text)
            );
            self.report(Code::BadNumber, node, message);
        }
        number
    }

    /// A time such as `500ms`, `60s`, `10m`, `1h` or `7d`, in milliseconds.
    pub(crate) fn duration(&mut self, node: &Node, what: &str, max_ms: u64) -> Option<u64> {
        let text = self.scalar(node, what)?;
        let Some(ms) = duration_ms(text) else {
            let message = format!("{what} is a time, not {}", quote(text));
            let hint = "write a number with a unit: 500ms, 60s, 10m, 1h or 7d";
            let at = self.position(node.at);
            self.diagnostics
                .report_with_hint(Code::BadNumber, at, message, hint);
            return None;
        };
        if ms == 0 || ms > max_ms {
            let message = format!(
                "{what} is longer than nothing and at most {} s",
                max_ms / 1000
            );
            self.report(Code::BadNumber, node, message);
            return None;
        }
        Some(ms)
    }

    /// One of several words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: impl Iterator<Item = (&'static str, T)> + Clone,
    ) -> Option<T> {
        let text = self.scalar(node, what)?.trim();
        let found = words
            .clone()
            .find(|(word, _)| word.eq_ignore_ascii_case(text));
        if found.is_none() {
            let names: Vec<_> = words.map(|(word, _)| word).collect();
            let hint = match nearest(text, names.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("one of: {}", names.join(", ")),
            };
            let message = format!("{what} cannot be {}", quote(text));
            let at = self.position(node.at);
            self.diagnostics
                .report_with_hint(Code::UnknownWord, at, message, hint);
        }
        found.map(|(_, value)| value)
    }

    /// A list.
    pub(crate) fn list<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        max: usize,
    ) -> Option<&'n [Node]> {
        let Value::Sequence(items) = &node.value else {
            self.wrong_shape(node, what, "a list");
            return None;
        };
        if items.len() > max {
            let message = format!("{what} has {} entries, at most {max} are read", items.len());
            self.report(Code::TooMany, node, message);
        }
        items.get(..items.len().min(max))
    }

    /// A list of names.
    pub(crate) fn names(&mut self, node: &Node, what: &str, max: usize) -> Option<Vec<String>> {
        let items = self.list(node, what, max)?;
        let names = items.iter().filter_map(|item| self.name(item, what));
        Some(names.collect())
    }

    /// A list of texts whose characters know their places.
    pub(crate) fn texts(&mut self, node: &Node, what: &str, max: usize) -> Option<Vec<Text>> {
        let items = self.list(node, what, max)?;
        let texts = items.iter().filter_map(|item| self.text(item, what));
        Some(texts.collect())
    }

    pub(crate) fn wrong_shape(&mut self, node: &Node, what: &str, wanted: &str) {
        let found = match &node.value {
            Value::Scalar { text, plain } if *plain && is_null(text) => "nothing",
            Value::Scalar { .. } => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            // Has been reported.
            Value::Refused => return,
        };
        let message = format!("{what} is {wanted}, not {found}");
        self.report(Code::WrongShape, node, message);
    }
}

/// Whether a plain scalar says that there is nothing.
pub(crate) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether a node says that there is nothing.
pub(crate) fn is_nothing(node: &Node) -> bool {
    matches!(&node.value, Value::Scalar { text, plain: true } if is_null(text))
}

fn duration_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text.get(..unit)?.parse().ok()?;
    let unit_ms = match text.get(unit..)?.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    number.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration_ms("500ms"), Some(500));
        assert_eq!(duration_ms("60s"), Some(60_000));
        assert_eq!(duration_ms("2 h"), Some(7_200_000));
        for text in [
            "",
            "60",
            "s",
            "1.5s",
            "-1s",
            "1w",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(duration_ms(text), None, "{text}");
        }
    }
}
