//! What is known of a value.

use std::rc::Rc;

/// Facts about a value, one bit each. Bits below [`SINK_BITS`] mean the same in every language.
pub(crate) type Traits = u64;

/// Holds something that came with the request.
pub(crate) const TAINT: Traits = 1;
/// Begins with what came with the request: nothing stands before it.
pub(crate) const WHOLE: Traits = 1 << 1;
/// Comes of an object that read the request in the script's stead, such as an upload component.
pub(crate) const PARSED: Traits = 1 << 2;
/// Put together at run time from parts that cannot be followed: decoded, counted out, looked up.
pub(crate) const CODED: Traits = 1 << 3;
/// Names a file that the server would run.
pub(crate) const SCRIPT: Traits = 1 << 4;
/// The first bit that a language gives its own meaning.
pub(crate) const SINK_BITS: u32 = 8;

/// Facts that go over from parts to what is made of them.
pub(crate) const CARRIED: Traits = TAINT | PARSED | CODED | SCRIPT;

/// Bytes of one text that is followed. Stops texts that double with each line.
pub(crate) const TEXT_BYTES_MAX: usize = 512 * 1024;
/// Items of one list that is followed. Stops copying of lists that grow with each line.
pub(crate) const LIST_ITEMS_MAX: usize = 64 * 1024;

/// A value as far as it is fixed in the script.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Constant {
    /// Not fixed, or not followed.
    #[default]
    Unknown,
    /// A text.
    Text(Rc<str>),
    /// A whole number, a character or a truth value.
    Number(i64),
    /// A list of constants, none of which is a list.
    List(Rc<[Constant]>),
}

/// A value: what it is, if fixed, and the facts about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Value {
    /// The facts.
    pub(crate) traits: Traits,
    /// The fixed part.
    pub(crate) constant: Constant,
}

impl Value {
    /// A value of which only facts are known.
    pub(crate) fn of(traits: Traits) -> Value {
        Value {
            traits,
            constant: Constant::Unknown,
        }
    }

    /// A fixed text.
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Value {
        Value {
            traits: 0,
            constant: Constant::Text(text.into()),
        }
    }

    /// A fixed number.
    pub(crate) fn number(number: i64) -> Value {
        Value {
            traits: 0,
            constant: Constant::Number(number),
        }
    }

    /// The same value with more facts.
    pub(crate) fn and(mut self, traits: Traits) -> Value {
        self.traits |= traits;
        self
    }

    /// Whether any of the facts holds.
    pub(crate) fn is(&self, traits: Traits) -> bool {
        self.traits & traits != 0
    }

    /// The text, if it is fixed.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.constant {
            Constant::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is fixed.
    pub(crate) fn as_number(&self) -> Option<i64> {
        match &self.constant {
            Constant::Number(number) => Some(*number),
            Constant::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Whether the value is fixed in the script.
    pub(crate) fn is_fixed(&self) -> bool {
        self.constant != Constant::Unknown
    }

    /// The characters of a text, or of a list of character codes.
    pub(crate) fn as_characters(&self) -> Option<String> {
        match &self.constant {
            Constant::Text(text) => Some(text.to_string()),
            Constant::List(items) => items
                .iter()
                .map(|item| match item {
                    Constant::Number(code) => {
                        u32::try_from(*code & 0xffff).ok().and_then(char::from_u32)
                    }
                    Constant::Text(text) if text.chars().count() == 1 => text.chars().next(),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }
}

/// One text of parts set side by side.
pub(crate) fn joined(parts: &[&Value]) -> Value {
    let carried = parts.iter().fold(0, |all, part| all | part.traits) & CARRIED;
    let first = parts.iter().find(|part| part.as_text() != Some(""));
    let whole = first.map_or(0, |part| part.traits & WHOLE);
    let mut text = String::new();
    let fixed = parts.iter().all(|part| match &part.constant {
        Constant::Text(more) => {
            text.push_str(more);
            text.len() <= TEXT_BYTES_MAX
        }
        Constant::Number(number) => {
            text.push_str(&number.to_string());
            true
        }
        _ => false,
    });
    if fixed {
        return Value::text(text).and(carried | whole);
    }
    let scripted = parts
        .iter()
        .any(|part| part.as_text().is_some_and(scripted_name));
    // A fixed ending that is no script's makes the name harmless, whatever stands before it.
    let ended = parts
        .last()
        .and_then(|part| part.as_text())
        .is_some_and(|text| text.starts_with('.') && text.len() > 1 && !scripted_name(text));
    Value::of(match (ended, scripted) {
        (true, _) => carried & !SCRIPT,
        (false, true) => carried | whole | SCRIPT,
        (false, false) => carried | whole,
    })
}

/// Whether a text names a file that a web server would run.
pub(crate) fn scripted_name(text: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        ".jsp", ".jspx", ".jspf", ".asp", ".aspx", ".ashx", ".asmx", ".asa", ".cer", ".php",
        ".war", ".cdx",
    ];
    let lower = text.trim_end().to_ascii_lowercase();
    text.len() < 512 && ENDINGS.iter().any(|ending| lower.ends_with(ending))
}
