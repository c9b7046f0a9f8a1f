//! Where each character of a text stands in the file.

use crate::Position;
use std::iter::Peekable;
use std::str::Chars;

/// A text that knows where each of its characters stands in its file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    text: String,
    /// Of each byte of the text, and of its end.
    places: Vec<Position>,
}

impl Located {
    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where a byte of the text stands; behind its end, where the text ends.
    pub fn position(&self, byte: usize) -> Position {
        let place = self.places.get(byte).or_else(|| self.places.last());
        place.copied().unwrap_or(Position::START)
    }
}

/// Finds where the characters of scalars stand in a file.
#[derive(Debug)]
pub struct Locator<'f> {
    file: &'f str,
    /// Byte at which each line begins.
    lines: Vec<usize>,
    /// Where the last search began, and the byte there: in a file of one long line the next is likely to lie behind it.
    last: (Position, usize),
}

impl<'f> Locator<'f> {
    /// Prepares for a file.
    pub fn new(file: &'f str) -> Self {
        let mut lines = vec![0];
        let mut bytes = file.bytes().enumerate().peekable();
        while let Some((index, byte)) = bytes.next() {
            let next = bytes.peek().map(|(_, byte)| *byte);
            if byte == b'\n' || byte == b'\r' && next != Some(b'\n') {
                lines.push(index + 1);
            }
        }
        Locator {
            file,
            lines,
            last: (Position::START, 0),
        }
    }

    /// Finds the characters of a scalar that begins at `at` and of which YAML made `text`.
    ///
    /// What YAML does to a scalar changes white space, quotes and escapes, but never the order of the other characters:
    /// both texts are walked side by side.
    pub fn locate(&mut self, at: Position, text: &str) -> Located {
        let mut walk = self.walk_to(at);
        walk.open();
        let mut places = Vec::with_capacity(text.len() + 1);
        for c in text.chars() {
            let place = walk.find(c);
            places.extend(std::iter::repeat_n(place, c.len_utf8()));
        }
        places.push(walk.at);
        Located {
            text: text.to_owned(),
            places,
        }
    }

    fn walk_to(&mut self, at: Position) -> Walk<'f> {
        let line_start = at.line.checked_sub(1).and_then(|i| self.lines.get(i));
        let (from, byte) = match line_start {
            Some(_) if self.last.0.line == at.line && self.last.0 <= at => self.last,
            Some(byte) => {
                let from = Position {
                    line: at.line,
                    column: 1,
                };
                (from, *byte)
            }
            None => (at, self.file.len()),
        };
        let rest = self.file.get(byte..).unwrap_or_default();
        let mut walk = Walk {
            rest: rest.chars().peekable(),
            at: from,
            quote: None,
        };
        let mut passed = 0;
        while walk.at < at {
            match walk.step() {
                Some(c) => passed += c.len_utf8(),
                None => break,
            }
        }
        self.last = (walk.at, byte + passed);
        walk
    }
}

/// A walk over the file.
#[derive(Debug)]
struct Walk<'f> {
    rest: Peekable<Chars<'f>>,
    at: Position,
    quote: Option<char>,
}

impl Walk<'_> {
    /// Goes to the first character of the scalar's content.
    fn open(&mut self) {
        match self.rest.peek() {
            Some(&quote @ ('"' | '\'')) => {
                self.quote = Some(quote);
                self.step();
            }
            // The rest of a block scalar's first line says how to read it.
            Some('|' | '>') => while self.step().is_some_and(|c| !matches!(c, '\n' | '\r')) {},
            _ => {}
        }
    }

    /// One character on.
    fn step(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        let line_ends = match c {
            '\n' => true,
            '\r' => self.rest.peek() != Some(&'\n'),
            _ => false,
        };
        if line_ends {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += 1;
        }
        Some(c)
    }

    /// The place of the text's next character.
    fn find(&mut self, wanted: char) -> Position {
        if wanted.is_whitespace() {
            let place = self.at;
            if self.quote == Some('"') && self.rest.peek() == Some(&'\\') {
                self.escape();
            } else if self.rest.peek().is_some_and(|c| c.is_whitespace()) {
                self.step();
            }
            return place;
        }
        self.skip_blanks();
        let place = self.at;
        match (self.quote, self.rest.peek()) {
            (Some('"'), Some('\\')) => self.escape(),
            (Some('\''), Some('\'')) => {
                self.step();
                self.step();
            }
            (_, Some(_)) => {
                self.step();
            }
            (_, None) => {}
        }
        place
    }

    /// Over white space, and in double quotes over backslashes that end lines.
    fn skip_blanks(&mut self) {
        loop {
            let mut ahead = self.rest.clone();
            match ahead.next() {
                Some(c) if c.is_whitespace() => {}
                Some('\\') if self.quote == Some('"') => match ahead.next() {
                    Some('\n' | '\r') => {}
                    _ => return,
                },
                _ => return,
            }
            self.step();
        }
    }

    /// Over an escape of a text in double quotes.
    fn escape(&mut self) {
        self.step();
        let digits = match self.step() {
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            _ => 0,
        };
        for _ in 0..digits {
            self.step();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounds, Value, read};

    /// Every visible character of a text must stand where the file says.
    fn check(yaml: &str) {
        let bounds = Bounds {
            bytes_max: 10_000,
            depth_max: 10,
            nodes_max: 100,
            documents_max: 1,
        };
        let tree = read(yaml.as_bytes(), &bounds, &mut |at, problem| {
            panic!("{at:?} {problem}")
        });
        let Some(Value::Mapping(entries)) = tree.documents.first().map(|node| &node.value) else {
            panic!("a mapping");
        };
        let lines: Vec<Vec<char>> = yaml.split('\n').map(|l| l.chars().collect()).collect();
        let mut locator = Locator::new(&tree.text);
        for (_, node) in entries {
            let Value::Scalar { text, .. } = &node.value else {
                continue;
            };
            let located = locator.locate(node.at, text);
            for (byte, c) in text.char_indices().filter(|(_, c)| c.is_alphanumeric()) {
                let place = located.position(byte);
                assert_eq!(
                    lines[place.line - 1][place.column - 1],
                    c,
                    "{yaml} {place:?}"
                );
            }
        }
    }

    #[test]
    fn characters_are_found_in_every_style() {
        check("a: one two\n");
        check("a: one\n   two\n   three\nb: four");
        check("a: >\n  one\n  two\n\n  three\nb: x");
        check("a: >- # said so\n    one\n      two\n    é three\nb: x");
        check("a: |\n  one\n  two\nb: |2+\n    x\n");
        check("a: 'one ''two'' three\n   four'\n");
        check("a: \"one \\\"two\\\" three \\\n   four\"\n");
        check("a: \"1\"\n");
    }
}
