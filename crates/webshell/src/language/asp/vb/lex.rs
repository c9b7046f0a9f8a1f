//! Words of VBScript and Visual Basic.

use super::super::Place;

/// A word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Word<'t> {
    /// A name or keyword as written.
    Name(&'t str),
    /// A text without its quotes.
    Text(String),
    /// A number.
    Number(i64),
    /// An operator or bracket.
    Sign(&'static str),
    /// The end of a line or a colon.
    End,
}

/// Operators and brackets, the longest first.
const SIGNS: [&str; 25] = [
    "<>", "<=", ">=", "&=", "+=", "-=", "*=", ":=", "?.", "(", ")", ",", ".", "&", "+", "-", "*",
    "/", "\\", "^", "=", "<", ">", "{", "}",
];

/// Bytes of a date between its signs.
const DATE_BYTES_MAX: usize = 40;

/// Cuts a script into words.
pub(super) fn words(text: &str) -> Vec<(Word<'_>, Place)> {
    let mut lexer = Lexer {
        text,
        at: 0,
        words: Vec::new(),
    };
    while lexer.at < text.len() {
        lexer.next();
    }
    lexer.push(Word::End, text.len());
    lexer.words
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    words: Vec<(Word<'t>, Place)>,
}

impl<'t> Lexer<'t> {
    fn push(&mut self, word: Word<'t>, start: usize) {
        let place = Place {
            offset: start,
            length: self.at.saturating_sub(start),
        };
        self.words.push((word, place));
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) {
        let rest = self.rest();
        let start = self.at;
        let Some(c) = rest.chars().next() else {
            self.at = self.text.len();
            return;
        };
        match c {
            '\n' => {
                self.at += 1;
                self.push(Word::End, start);
            }
            ':' if !rest.starts_with(":=") => {
                self.at += 1;
                self.push(Word::End, start);
            }
            '\'' | '\u{2018}' | '\u{2019}' => self.skip_line(),
            '"' | '\u{201c}' | '\u{201d}' => self.text(),
            '_' if self.continues() => {}
            '#' => self.date(),
            '[' => {
                let end = rest.find([']', '\n']).unwrap_or(rest.len());
                let name = rest.get(1..end).unwrap_or_default();
                self.at += (end + 1).min(rest.len());
                self.push(Word::Name(name), start);
            }
            '&' if rest
                .get(1..2)
                .is_some_and(|next| matches!(next, "h" | "H" | "o" | "O")) =>
            {
                self.radix(2);
            }
            // `&017` is octal where no value stands before.
            '&' if rest
                .get(1..2)
                .is_some_and(|next| next.starts_with(|c: char| c.is_digit(8)))
                && matches!(
                    self.words.last(),
                    Some((Word::Sign("(" | "," | "=" | "&"), _))
                ) =>
            {
                self.radix(1);
            }
            c if c.is_ascii_digit() => self.number(),
            c if c.is_alphanumeric() || c == '_' => self.name(),
            c if c.is_whitespace() => self.at += c.len_utf8(),
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => {
                    self.at += sign.len();
                    self.push(Word::Sign(sign), start);
                }
                None => self.at += c.len_utf8(),
            },
        }
    }

    fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    /// An underscore that ends a line joins it to the next.
    fn continues(&mut self) -> bool {
        let after = self.rest().get(1..).unwrap_or_default();
        let blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r');
        let line = after.bytes().take_while(|&byte| blank(byte)).count();
        let joins = after.as_bytes().get(line).is_none_or(|&byte| byte == b'\n');
        if joins {
            self.at += 1 + (line + 1).min(after.len());
        }
        joins
    }

    fn text(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let mut out = String::new();
        let mut chars = rest.char_indices().skip(1).peekable();
        let mut end = rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                    out.push('"');
                    chars.next();
                }
                '"' | '\u{201c}' | '\u{201d}' => {
                    end = at + c.len_utf8();
                    break;
                }
                '\n' => {
                    end = at;
                    break;
                }
                c => out.push(c),
            }
        }
        self.at += end;
        self.push(Word::Text(out), start);
        // `"x"c` is a character.
        let after = self.rest();
        if after.starts_with(['c', 'C'])
            && !after
                .get(1..)
                .is_some_and(|more| more.starts_with(char::is_alphanumeric))
        {
            self.at += 1;
        }
    }

    fn date(&mut self) {
        let start = self.at;
        let rest = self.rest().get(1..).unwrap_or_default();
        let date = rest
            .bytes()
            .take(DATE_BYTES_MAX)
            .take_while(|&byte| byte != b'\n');
        match date.enumerate().find(|&(_, byte)| byte == b'#') {
            Some((end, _)) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
                self.at += end + 2;
                self.push(Word::Number(0), start);
            }
            _ => self.at += 1,
        }
    }

    fn radix(&mut self, skip: usize) {
        let start = self.at;
        let rest = self.rest();
        let radix = match rest.get(1..2) {
            Some("h" | "H") => 16,
            _ => 8,
        };
        let digits: &str = rest.get(skip..).unwrap_or_default();
        let length = digits
            .find(|c: char| !c.is_digit(radix))
            .unwrap_or(digits.len());
        let number = digits
            .get(..length)
            .and_then(|digits| i64::from_str_radix(digits, radix).ok());
        match number {
            Some(number) => {
                self.at += skip + length;
                if self.rest().starts_with('&') {
                    self.at += 1;
                }
                self.push(Word::Number(number), start);
            }
            None => {
                self.at += 1;
                self.push(Word::Sign("&"), start);
            }
        }
    }

    fn number(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let length = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let number = rest.get(..length).and_then(|digits| digits.parse().ok());
        self.at += length;
        let fraction = self.rest();
        if fraction.starts_with('.')
            && fraction
                .get(1..)
                .is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit()))
        {
            let digits = fraction.get(1..).unwrap_or_default();
            self.at += 1 + digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
        }
        self.push(Word::Number(number.unwrap_or(0)), start);
    }

    fn name(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || shows_nothing(c)))
            .unwrap_or(rest.len());
        let name = rest.get(..length).unwrap_or_default();
        self.at += length;
        if name.eq_ignore_ascii_case("rem") {
            self.skip_line();
            return;
        }
        self.push(Word::Name(name), start);
        // Old endings that tell a variable's type.
        if self.rest().starts_with(['$', '%', '!']) && !self.rest().starts_with("%>") {
            let bang = self.rest().starts_with('!');
            self.at += 1;
            if bang {
                self.push(Word::Sign("."), self.at);
            }
        }
    }
}

fn shows_nothing(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}
