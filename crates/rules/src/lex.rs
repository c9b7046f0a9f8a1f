//! From the text of a condition to its words.
//!
//! Falco's language cannot be cut into tokens beforehand: `a-b` is one word behind `=`, and an error behind `and`. So the parser
//! says at each place which kind of word it looks for.

use yagura_yaml::quote;

/// A text being read.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

/// Why a text in quotes cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadQuoted {
    /// Byte at which the problem stands.
    pub(crate) at: usize,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Lexer { text, at: 0 }
    }

    /// The byte that comes next.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Whether all has been read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Goes over blanks; says whether there were any.
    pub(crate) fn blank(&mut self) -> bool {
        !self.take_while(is_blank).is_empty()
    }

    /// Exactly this text.
    pub(crate) fn literal(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// This word, and no longer one that begins with it.
    pub(crate) fn keyword(&mut self, word: &str) -> bool {
        let next = self.rest().strip_prefix(word);
        let found = next.is_some_and(|next| !next.starts_with(|c| is_word(c) || c == '.'));
        if found {
            self.at += word.len();
        }
        found
    }

    /// A name: letters, digits and underscores, a letter first.
    pub(crate) fn identifier(&mut self) -> Option<&'t str> {
        let length = identifier_length(self.rest())?;
        Some(self.take(length))
    }

    /// Names joined by dots, at least two.
    pub(crate) fn field_name(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let mut length = identifier_length(rest)?;
        let first = length;
        while let Some(next) = rest
            .get(length..)
            .and_then(|tail| tail.strip_prefix('.'))
            .and_then(identifier_length)
        {
            length += 1 + next;
        }
        (length > first).then(|| self.take(length))
    }

    /// What may stand in brackets without quotes.
    pub(crate) fn bare_argument(&mut self) -> Option<&'t str> {
        let word = self.take_while(is_bare_argument);
        (!word.is_empty()).then_some(word)
    }

    /// A value without quotes.
    pub(crate) fn bare(&mut self) -> Option<&'t str> {
        let word = self.take_while(is_bare);
        (!word.is_empty()).then_some(word)
    }

    /// A text in quotes; `None` if there is none here.
    ///
    /// # Errors
    ///
    /// The quotes do not close, or there is an escape that does not exist.
    pub(crate) fn quoted(&mut self) -> Result<Option<String>, BadQuoted> {
        let begin = self.at;
        let Some(delimiter) = self
            .rest()
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''))
        else {
            return Ok(None);
        };
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            if c == delimiter {
                self.at = begin + offset + 1;
                return Ok(Some(out));
            }
            if c != '\\' {
                out.push(c);
                continue;
            }
            let escaped = chars.next().map(|(_, c)| c);
            match escaped.and_then(|c| unescape(c, delimiter)) {
                Some(c) => out.push(c),
                None => {
                    let word: String = std::iter::once('\\').chain(escaped).collect();
                    return Err(BadQuoted {
                        at: begin + offset,
                        message: format!("{} is no escape", quote(&word)),
                        hint: Some(r"for a backslash write \\".to_owned()),
                    });
                }
            }
        }
        Err(BadQuoted {
            at: begin,
            message: "a text in quotes does not end".to_owned(),
            hint: None,
        })
    }

    fn take(&mut self, bytes: usize) -> &'t str {
        let word = self.rest().get(..bytes).unwrap_or_default();
        self.at += word.len();
        word
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        self.take(rest.find(|c| !wanted(c)).unwrap_or(rest.len()))
    }
}

/// Whether a value can stand without quotes.
pub(crate) fn is_bare_text(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| is_bare(c) && !c.is_control())
}

/// Whether a text is a name.
pub(crate) fn is_identifier(text: &str) -> bool {
    identifier_length(text) == Some(text.len())
}

/// A value as it can stand in a condition: in quotes where it must.
pub(crate) fn quote_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\u{8}' => out.push_str(r"\b"),
            '\u{c}' => out.push_str(r"\f"),
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\t' => out.push_str(r"\t"),
            '\\' => out.push_str(r"\\"),
            '"' => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn unescape(c: char, delimiter: char) -> Option<char> {
    match c {
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        // As Falco: an old rule of its own was written so.
        ' ' | '\\' => Some('\\'),
        '/' => Some('/'),
        c if c == delimiter => Some(c),
        _ => None,
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{8}' | '\r' | '\n')
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether a character may stand in brackets without quotes.
pub(crate) fn is_bare_argument(c: char) -> bool {
    !c.is_whitespace() && !is_blank(c) && !matches!(c, '[' | ']' | '"' | '\'')
}

fn is_bare(c: char) -> bool {
    !is_blank(c)
        && !c.is_ascii_whitespace()
        && !matches!(c, '\u{b}' | '(' | ')' | '"' | '\'' | '=' | ',')
}

fn identifier_length(text: &str) -> Option<usize> {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        .then(|| text.find(|c| !is_word(c)).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fields_are_told_apart() {
        assert_eq!(Lexer::new("proc.aname[2]").field_name(), Some("proc.aname"));
        assert_eq!(
            Lexer::new("evt.arg.flags=x").field_name(),
            Some("evt.arg.flags")
        );
        assert_eq!(Lexer::new("spawned_process and").field_name(), None);
        assert_eq!(Lexer::new("a.1").field_name(), None);
        assert_eq!(Lexer::new("a1_b-c").identifier(), Some("a1_b"));
        assert_eq!(Lexer::new("1a").identifier(), None);
    }

    #[test]
    fn keywords_are_whole_words() {
        assert!(Lexer::new("or(").keyword("or"));
        assert!(!Lexer::new("order").keyword("or"));
        assert!(!Lexer::new("in.x").keyword("in"));
    }

    #[test]
    fn bare_values_take_odd_characters() {
        for word in ["/var/run/*", "a-b", "<NA>", "10.0.0.0/8", "é[1]", "a.b:c"] {
            assert_eq!(Lexer::new(&format!("{word}, x")).bare(), Some(word));
        }
        assert_eq!(Lexer::new("a(b").bare(), Some("a"));
        assert_eq!(Lexer::new("\"a").bare(), None);
    }

    #[test]
    fn quoted_values_know_falcos_escapes() {
        let quoted = |text: &str| Lexer::new(text).quoted();
        assert_eq!(
            quoted(r#""a \"b\" 'c' \\ \n" x"#),
            Ok(Some("a \"b\" 'c' \\ \n".to_owned()))
        );
        assert_eq!(quoted(r"'a \' b'"), Ok(Some("a ' b".to_owned())));
        assert_eq!(quoted("a"), Ok(None));
        assert_eq!(quoted(r#""\d""#).map_err(|e| e.at), Err(1));
        assert_eq!(quoted(r#""a"#).map_err(|e| e.at), Err(0));
        assert_eq!(quoted("\"a\\").map_err(|e| e.at), Err(2));
    }
}
