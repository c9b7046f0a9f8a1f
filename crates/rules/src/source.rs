//! Rule files as they come in, and texts out of them that know where they stand.

use crate::ast::Position;
use yagura_yaml::Located;

/// A rule file.
#[derive(Debug, Clone, Copy)]
pub struct Source<'s> {
    /// How diagnostics name it.
    pub name: &'s str,
    /// What it holds.
    pub bytes: &'s [u8],
    /// Whether it is the user's own. Only there are unused macros and lists worth a word: files of others bring more than
    /// one needs.
    pub own: bool,
}

/// A text that may come from several places, since `append` adds to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    /// Where in the text it begins.
    begin: usize,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Each character has its own, in the file of that number.
    Located(u16, Located),
    /// All of it is said to stand here.
    Fixed(Position),
}

impl Text {
    /// A text whose characters have places.
    pub(crate) fn new(file: u16, located: Located) -> Text {
        Text {
            text: located.text().to_owned(),
            parts: vec![Part {
                begin: 0,
                place: Place::Located(file, located),
            }],
        }
    }

    /// A text that is said to stand at one place.
    pub(crate) fn fixed(text: &str, at: Position) -> Text {
        Text {
            text: text.to_owned(),
            parts: vec![Part {
                begin: 0,
                place: Place::Fixed(at),
            }],
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where a byte stands.
    pub(crate) fn position(&self, byte: usize) -> Position {
        let part = self.parts.iter().rev().find(|part| part.begin <= byte);
        match part.map(|part| (&part.place, byte - part.begin)) {
            Some((Place::Located(file, located), byte)) => position(*file, located.position(byte)),
            Some((Place::Fixed(at), _)) => *at,
            None => Position::default(),
        }
    }

    /// Adds a text behind a space.
    pub(crate) fn append(&mut self, other: &Text) {
        self.text.push(' ');
        let begin = self.text.len();
        self.text.push_str(&other.text);
        self.parts.extend(other.parts.iter().map(|part| Part {
            begin: begin + part.begin,
            place: part.place.clone(),
        }));
    }
}

/// A place of a file among many.
pub(crate) fn position(file: u16, at: yagura_yaml::Position) -> Position {
    Position {
        file,
        line: u32::try_from(at.line).unwrap_or(u32::MAX),
        column: u32::try_from(at.column).unwrap_or(u32::MAX),
    }
}
