//! Perl's ways of quoting, and what is put into quoted text.

use super::parser::{Parser, entity};
use crate::decode;
use crate::language::flow::node::{Arg, Call, Node};

/// A pattern with what is done with what it finds.
pub(super) struct Pattern<'a> {
    /// The expression.
    pub(super) regex: &'a [u8],
    /// What is put instead, where something is.
    pub(super) replacement: &'a [u8],
    /// The letters after it.
    pub(super) flags: &'a [u8],
}

impl<'a> Parser<'a> {
    /// What stands between a delimiter, which is here, and its end.
    pub(super) fn delimited(&mut self) -> &'a [u8] {
        let open = self.peek();
        let close = closing(open);
        self.at += 1;
        let start = self.at;
        let mut level = 1_usize;
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'\\' => self.at += 1,
                byte if byte == close => {
                    level -= 1;
                    if level == 0 {
                        let inner = self.source.get(start..self.at).unwrap_or_default();
                        self.at += 1;
                        return inner;
                    }
                }
                byte if byte == open => level += 1,
                _ => {}
            }
            self.at += 1;
        }
        self.at = self.source.len();
        self.source.get(start..).unwrap_or_default()
    }

    /// Text in double quotes or the like.
    pub(super) fn interpolated(&mut self) -> Node {
        let inner = self.delimited();
        self.interpolate(inner)
    }

    /// Text in single quotes or the like.
    pub(super) fn literal(&mut self) -> Node {
        let inner = self.delimited();
        let mut plain = Vec::with_capacity(inner.len());
        let mut bytes = inner.iter().peekable();
        while let Some(byte) = bytes.next() {
            match (byte, bytes.peek()) {
                (b'\\', Some(b'\\' | b'\'')) => plain.extend(bytes.next()),
                _ => plain.push(*byte),
            }
        }
        Node::text(&plain)
    }

    /// What quoted text becomes: parts of text and variables.
    pub(super) fn interpolate(&mut self, text: &'a [u8]) -> Node {
        let mut parts = Vec::new();
        let mut plain_from = 0;
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let next = text.get(at + 1).copied().unwrap_or(0);
            let variable = match byte {
                b'\\' => {
                    at += 2;
                    continue;
                }
                b'$' => {
                    next.is_ascii_alphanumeric() || matches!(next, b'_' | b'{' | b'$' | b'&' | b':')
                }
                b'@' => next.is_ascii_alphabetic() || matches!(next, b'_' | b'{' | b'$'),
                _ => false,
            };
            if !variable || !self.deeper() {
                at += 1;
                continue;
            }
            let mut inner = Parser::new(text);
            inner.at = at;
            inner.depth = self.depth;
            inner.within = self.within;
            let node = inner.variable_in_text();
            self.depth -= 1;
            if inner.at <= at {
                at += 1;
                continue;
            }
            self.plain(text.get(plain_from..at).unwrap_or_default(), &mut parts);
            parts.push(node);
            at = inner.at;
            plain_from = at;
        }
        self.plain(text.get(plain_from..).unwrap_or_default(), &mut parts);
        match parts.len() {
            0 => Node::text(b""),
            1 if matches!(parts.first(), Some(Node::Text(_))) => parts.remove(0),
            _ => Node::Join(parts),
        }
    }

    fn plain(&mut self, text: &[u8], parts: &mut Vec<Node>) {
        if text.is_empty() {
            return;
        }
        let plain = decode::escapes(text, &mut self.budget);
        // Other escapes only keep a sign from its meaning.
        let mut plain = plain.unwrap_or_else(|| text.to_vec());
        let mut escaped = false;
        plain.retain(|byte| {
            let drop = *byte == b'\\' && !escaped;
            escaped = drop;
            !drop
        });
        parts.push(Node::text(&plain));
    }

    /// Text that stands in the lines after this one, announced with `<<`.
    pub(super) fn announced(&mut self) -> Option<Node> {
        let start = self.at;
        self.at += 2;
        let indented = self.peek() == b'~';
        self.at += usize::from(indented);
        let spaced = self.peek() == b' ';
        while self.peek() == b' ' {
            self.at += 1;
        }
        let (tag, interpolates) = match self.peek() {
            b'"' => (self.delimited(), true),
            b'\'' => (self.delimited(), false),
            _ if !spaced && !self.word().is_empty() => {
                let word = self.word();
                self.at += word.len();
                (word.as_bytes(), true)
            }
            _ => {
                self.at = start;
                return None;
            }
        };
        let (line, from) = match self.texts {
            Some((line, end)) if line >= self.at => (line, end),
            _ => {
                let length = memchr::memchr(b'\n', self.rest())?;
                (self.at + length, self.at + length + 1)
            }
        };
        let body = self.source.get(from..).unwrap_or_default();
        let mut length = 0;
        let mut end = body.len();
        for row in body.split_inclusive(|byte| *byte == b'\n') {
            let bare = row.trim_ascii_end();
            let bare = if indented {
                bare.trim_ascii_start()
            } else {
                bare
            };
            if bare == tag {
                end = length + row.len();
                break;
            }
            length += row.len();
        }
        self.texts = Some((line, from + end));
        let text = body.get(..length).unwrap_or_default();
        Some(match interpolates {
            true => self.interpolate(text),
            false => Node::text(text),
        })
    }

    /// A pattern whose first delimiter is here; `parts` is 2 where something is put instead.
    pub(super) fn pattern(&mut self, parts: usize) -> Pattern<'a> {
        let open = self.peek();
        let regex = self.delimited();
        let mut replacement: &[u8] = b"";
        if parts == 2 {
            if closing(open) != open {
                self.space();
            } else {
                self.at -= 1;
            }
            replacement = self.delimited();
        }
        let flags = self.rest();
        let length = flags
            .iter()
            .position(|byte| !byte.is_ascii_lowercase())
            .unwrap_or(flags.len());
        // Letters that follow may as well be an operator: `/x/and`.
        let flags = flags.get(..length.min(6)).unwrap_or_default();
        let flags = match flags.iter().all(|flag| b"gimsxeorpadlcun".contains(flag)) {
            true => flags,
            false => b"",
        };
        self.at += flags.len();
        Pattern {
            regex,
            replacement,
            flags,
        }
    }

    /// What a replacement that is code, or text, becomes.
    pub(super) fn replaced(&mut self, pattern: &Pattern<'a>) -> Node {
        let code = pattern.flags.iter().filter(|flag| **flag == b'e').count();
        if code == 0 {
            return self.interpolate(pattern.replacement);
        }
        let node = match self.deeper() {
            true => {
                let mut inner = Parser::new(pattern.replacement);
                inner.depth = self.depth;
                let node = inner.statements(None);
                self.depth -= 1;
                node
            }
            false => Node::Nothing,
        };
        match code {
            1 => node,
            _ => Node::Call(Box::new(Call {
                callee: entity("eval"),
                args: vec![Arg {
                    name: None,
                    value: node,
                }],
                offset: self.at,
                length: 1,
            })),
        }
    }
}

fn closing(open: u8) -> u8 {
    match open {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        other => other,
    }
}

/// Whether what a pattern finds can hold no more than names and numbers.
pub(super) fn is_strict(regex: &[u8]) -> bool {
    let anchored = regex.starts_with(b"^") || regex.starts_with(b"\\A");
    let ended = regex.ends_with(b"$") || regex.ends_with(b"\\z") || regex.ends_with(b"\\Z");
    let mut wild = false;
    let mut class = false;
    let mut bytes = regex.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => wild |= matches!(bytes.next(), Some(b'S' | b'D' | b'W' | b'N')),
            b'[' if !class => {
                class = true;
                wild |= bytes.clone().next() == Some(&b'^');
            }
            b']' => class = false,
            b'.' if !class => wild = true,
            b';' | b'|' | b'&' | b'`' if class => wild = true,
            _ => {}
        }
    }
    anchored && ended && !wild
}
