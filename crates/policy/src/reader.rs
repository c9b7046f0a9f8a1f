//! Typed reading of a positioned tree: each reader reports what is wrong and lets the caller go on.

use crate::diagnostic::{Code, Diagnostics};
use crate::limits::{NAME_CHARS_MAX, PROSE_CHARS_MAX, VALUE_CHARS_MAX};
use std::collections::HashSet;
use yagura_event::escape;
use yagura_yaml::{Key, Node, Position, Value, nearest, quote};

/// Reads nodes and collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) diagnostics: Diagnostics,
    /// Whether the whole document is there. Otherwise a missing field may only have been cut off.
    pub(crate) complete: bool,
}

/// What a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextKind {
    /// A name that people read and tell apart: one line, nothing invisible, no space at its ends.
    Name,
    /// Sentences, with line ends and tabs.
    Prose,
    /// Something that is compared with what a runtime says, byte by byte: anything but NUL.
    Compared,
}

impl TextKind {
    fn chars_max(self) -> usize {
        match self {
            TextKind::Name => NAME_CHARS_MAX,
            TextKind::Prose => PROSE_CHARS_MAX,
            TextKind::Compared => VALUE_CHARS_MAX,
        }
    }

    fn allows(self, c: char) -> bool {
        match self {
            // What must be escaped to be shown can also hide the difference between two names.
            TextKind::Name => {
                c == '\\' || escape(c.encode_utf8(&mut [0; 4]).as_bytes()).starts_with(c)
            }
            TextKind::Prose => !c.is_control() || matches!(c, '\n' | '\t'),
            TextKind::Compared => c != '\0',
        }
    }
}

/// The fields of one mapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'n> {
    /// Where the mapping begins.
    pub(crate) at: Position,
    what: &'static str,
    entries: &'n [(Key, Node)],
}

impl<'n> Fields<'n> {
    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&'n Node> {
        self.entry(name).map(|(_, node)| node)
    }

    /// Where the name of a field stands.
    pub(crate) fn position_of(&self, name: &str) -> Option<Position> {
        self.entry(name).map(|(key, _)| key.at)
    }

    /// All fields in the order of the file.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'n Key> {
        self.entries.iter().map(|(key, _)| key)
    }

    fn entry(&self, name: &str) -> Option<&'n (Key, Node)> {
        self.entries.iter().find(|(key, _)| key.text == name)
    }
}

impl Reader {
    /// A mapping with no other fields than `known`. `what` names it in messages, such as "a rule".
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
        known: &[&'static str],
    ) -> Option<Fields<'n>> {
        let fields = self.any_fields(node, what)?;
        for key in fields
            .keys()
            .filter(|key| !known.contains(&key.text.as_str()))
        {
            self.unknown_field(key, what, known);
        }
        Some(fields)
    }

    /// A mapping whose fields the caller checks.
    pub(crate) fn any_fields<'n>(
        &mut self,
        node: &'n Node,
        what: &'static str,
    ) -> Option<Fields<'n>> {
        match &node.value {
            Value::Mapping(entries) => Some(Fields {
                at: node.at,
                what,
                entries,
            }),
            _ => {
                self.wrong_type(node, what, "a mapping (name: value)");
                None
            }
        }
    }

    pub(crate) fn unknown_field(&mut self, key: &Key, what: &str, known: &[&str]) {
        let hint = match nearest(&key.text, known.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known fields: {}", known.join(", ")),
        };
        let message = format!("{what} has no field {}", quote(&key.text));
        self.diagnostics
            .report_with_hint(Code::UnknownField, key.at, message, hint);
    }

    /// A field that must be there.
    pub(crate) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        name: &str,
        example: &str,
    ) -> Option<&'n Node> {
        let node = fields.get(name);
        if node.is_none() && self.complete {
            let message = format!("{} needs the field \"{name}\"", fields.what);
            let hint = format!("for example {name}: {example}");
            self.diagnostics
                .report_with_hint(Code::MissingField, fields.at, message, hint);
        }
        node
    }

    /// A scalar that is not null.
    pub(crate) fn scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match &node.value {
            Value::Scalar { text, plain } if *plain && is_null(text) => {
                let message = format!("{what} has no value");
                let hint = "write a value behind the colon";
                self.diagnostics
                    .report_with_hint(Code::WrongType, node.at, message, hint);
                None
            }
            Value::Scalar { text, .. } => Some(text),
            _ => {
                self.wrong_type(node, what, "a text");
                None
            }
        }
    }

    /// A text that is neither empty nor too long and holds what its kind allows.
    pub(crate) fn text(&mut self, node: &Node, what: &str, kind: TextKind) -> Option<String> {
        let text = self.scalar(node, what)?;
        let chars_max = kind.chars_max();
        let problem = if text.is_empty() {
            (Code::EmptyText, format!("{what} is empty"))
        } else if text.chars().count() > chars_max {
            (
                Code::TooLong,
                format!("{what} is longer than {chars_max} characters"),
            )
        } else if let Some(c) = text.chars().find(|&c| !kind.allows(c)) {
            let code_point = u32::from(c);
            (
                Code::ForbiddenCharacter,
                format!("{what} holds the character U+{code_point:04X}"),
            )
        } else if kind == TextKind::Name && text.trim() != text {
            (
                Code::ForbiddenCharacter,
                format!("{what} begins or ends with a space"),
            )
        } else {
            return Some(text.to_owned());
        };
        self.diagnostics.report(problem.0, node.at, problem.1);
        None
    }

    /// A field that may be left out, as a text.
    pub(crate) fn optional_text(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        kind: TextKind,
    ) -> Option<String> {
        let node = fields.get(name)?;
        self.text(node, &format!("the field \"{name}\""), kind)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        match self.scalar(node, what)? {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                let message = format!("{what} is true or false, not {}", quote(other));
                self.diagnostics
                    .report(Code::UnknownValue, node.at, message);
                None
            }
        }
    }

    /// A whole number of `min` to `max`.
    pub(crate) fn number(&mut self, node: &Node, what: &str, min: u64, max: u64) -> Option<u64> {
        let text = self.scalar(node, what)?;
        let number = text
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse().ok())
            .flatten()
            .filter(|number| (min..=max).contains(number));
        if number.is_none() {
            let message = format!(
                "{what} is a whole number from {min} to {max}, not {}",
                quote(text)
            );
            self.diagnostics.report(Code::BadNumber, node.at, message);
        }
        number
    }

    /// One of some words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.scalar(node, what)?;
        let chosen = choices.iter().find(|(name, _)| *name == text);
        if chosen.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let list = names.join(", ");
            let hint = match nearest(text, names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("one of {list}"),
            };
            let message = format!("{} is no {what}", quote(text));
            self.diagnostics
                .report_with_hint(Code::UnknownValue, node.at, message, hint);
        }
        chosen.map(|(_, value)| *value)
    }

    /// A list of at most `count_max` entries.
    pub(crate) fn list<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        count_max: usize,
    ) -> Option<&'n [Node]> {
        let Value::Sequence(items) = &node.value else {
            self.wrong_type(node, what, "a list");
            return None;
        };
        if items.len() > count_max {
            let message = format!("{what} has {} entries, at most {count_max}", items.len());
            self.diagnostics.report(Code::TooMany, node.at, message);
            return None;
        }
        Some(items)
    }

    /// A list that is not empty. `hint` says what to write instead of an empty one.
    pub(crate) fn filled_list<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        count_max: usize,
        hint: &str,
    ) -> Option<&'n [Node]> {
        let items = self.list(node, what, count_max)?;
        if items.is_empty() {
            // A list that was cut off by a syntax error is not known to be empty.
            if self.complete {
                let message = format!("{what} is empty, so the rule would never match");
                self.diagnostics
                    .report_with_hint(Code::EmptyList, node.at, message, hint);
            }
            return None;
        }
        Some(items)
    }

    /// A list of texts, none of them twice.
    pub(crate) fn texts(&mut self, items: &[Node], what: &str, kind: TextKind) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut texts = Vec::new();
        for item in items {
            let Some(text) = self.text(item, what, kind) else {
                continue;
            };
            if seen.insert(text.clone()) {
                texts.push(text);
            } else {
                self.repeated(item, &text);
            }
        }
        texts
    }

    /// A list of words, none of them twice.
    pub(crate) fn choices<T: Copy>(
        &mut self,
        items: &[Node],
        what: &str,
        choices: &[(&'static str, T)],
    ) -> Vec<T> {
        let mut seen = HashSet::new();
        let mut values = Vec::new();
        for item in items {
            let Some(value) = self.choice(item, what, choices) else {
                continue;
            };
            values.push(value);
            if let Value::Scalar { text, .. } = &item.value
                && !seen.insert(text.as_str())
            {
                self.repeated(item, text);
            }
        }
        values
    }

    fn repeated(&mut self, node: &Node, text: &str) {
        let message = format!("{} stands in this list already", quote(text));
        self.diagnostics
            .report_with_hint(Code::RepeatedValue, node.at, message, "remove it");
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let found = match &node.value {
            Value::Scalar { text, plain } if *plain && is_null(text) => "nothing",
            Value::Scalar { .. } => "a text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            // It was reported where it was refused.
            Value::Refused => return,
        };
        let message = format!("{what} must be {wanted}, not {found}");
        self.diagnostics.report(Code::WrongType, node.at, message);
    }
}

/// What YAML's core schema reads as null when it stands without quotes.
pub(crate) fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}
