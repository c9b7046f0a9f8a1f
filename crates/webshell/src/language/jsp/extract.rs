//! Cuts the Java and the expressions out of a page.

use memchr::memmem;

use super::ebcdic;
use crate::language::asp::{Pieces, Place};

/// Bytes of one expression of the expression language that are looked at.
const EXPRESSION_BYTES_MAX: usize = 8192;
/// Bytes of expressions of one page that are looked at. Stops pages of nothing but openings.
const EXPRESSIONS_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes of a tag that are looked at.
const TAG_BYTES_MAX: usize = 4096;
/// Characters written as escapes from which on that is no accident: ordinary pages escape what has no key.
const ESCAPED_LETTERS_MIN: usize = 8;

/// What a page holds besides markup.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Declarations, then scriptlets, then expressions.
    pub(super) java: Pieces,
    /// Where plain letters are written as escapes.
    pub(super) escaped: Option<Place>,
    /// Where a script element's text was put together from sections or character references.
    pub(super) scattered: Option<Place>,
    /// Whether expressions were left out because there were too many.
    pub(super) cut: bool,
}

/// The text of a page that names an encoding of its own, and whether it did so.
pub(super) fn named_encoding(content: &[u8]) -> Option<String> {
    if ebcdic::opens(content) {
        return Some(ebcdic::decoded(content));
    }
    let head = content.get(..512).unwrap_or(content).to_ascii_lowercase();
    let named = [
        "cp037", "ibm037", "ibm-037", "cp1047", "ibm1047", "cp500", "ibm500", "cp273", "cp290",
    ]
    .iter()
    .find_map(|name| memmem::find(&head, name.as_bytes()))?;
    let after = head.get(named..)?.iter().position(|&byte| byte == b'>')? + named + 1;
    Some(ebcdic::decoded(content.get(after..)?))
}

/// Cuts a page up.
pub(super) fn page(text: &str) -> Page {
    let mut cutter = Cutter {
        text,
        page: Page::default(),
        body: Pieces::default(),
        expressions_left: EXPRESSIONS_BYTES_MAX,
    };
    cutter.cut();
    let Cutter { mut page, body, .. } = cutter;
    page.java.append(body);
    page
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Declaration,
    Scriptlet,
    Expression,
}

struct Cutter<'t> {
    text: &'t str,
    page: Page,
    body: Pieces,
    expressions_left: usize,
}

impl Cutter<'_> {
    fn cut(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(next) =
            memchr::memchr3(b'<', b'$', b'#', bytes.get(at..).unwrap_or_default())
        {
            let start = at + next;
            at = match bytes.get(start..).unwrap_or_default() {
                [b'<', b'%', ..] => self.scriptlet(start),
                [b'<', b'!' | b'/', ..] => start + 1,
                [b'<', ..] => self.element(start),
                [b'$' | b'#', b'{', ..] => self.expression(start),
                _ => start + 1,
            };
        }
    }

    fn scriptlet(&mut self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let inner = rest.get(2..).unwrap_or_default();
        if inner.starts_with("--") {
            return start + rest.find("--%>").map_or(rest.len(), |end| end + 4);
        }
        let length = inner.find("%>").unwrap_or(inner.len());
        let code = inner.get(..length).unwrap_or_default();
        let end = start + 2 + length + 2;
        let (part, skip) = match code.as_bytes().first() {
            Some(b'@') => return end,
            Some(b'!') => (Part::Declaration, 1),
            Some(b'=') => (Part::Expression, 1),
            _ => (Part::Scriptlet, 0),
        };
        self.add(part, code.get(skip..).unwrap_or_default(), start + 2 + skip);
        end
    }

    /// `<jsp:scriptlet>` and its like under any prefix.
    fn element(&mut self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let head: String = rest.chars().take(80).collect();
        let name = head
            .get(1..)
            .unwrap_or_default()
            .split(|c: char| c.is_whitespace() || c == '>' || c == '/')
            .next()
            .unwrap_or_default();
        let part = match name.rsplit_once(':').map(|(_, local)| local) {
            Some("scriptlet") => Part::Scriptlet,
            Some("declaration") => Part::Declaration,
            Some("expression") => Part::Expression,
            _ => return start + 1,
        };
        let tag = rest
            .as_bytes()
            .get(..TAG_BYTES_MAX)
            .unwrap_or(rest.as_bytes());
        let Some(open) = memchr::memchr(b'>', tag) else {
            return start + 1;
        };
        let closing = format!("</{name}");
        let inner = rest.get(open + 1..).unwrap_or_default();
        let length = inner.find(&closing).unwrap_or(inner.len());
        let raw = inner.get(..length).unwrap_or_default();
        let place = Place {
            offset: start + open + 1,
            length,
        };
        if raw.contains(['&', '<']) {
            let (code, pieces) = xml_text(raw);
            if pieces > 1 {
                self.page.scattered.get_or_insert(place);
            }
            self.add_hidden(part, &code, place);
        } else {
            self.add(part, raw, place.offset);
        }
        start + open + 1 + length
    }

    fn expression(&mut self, start: usize) -> usize {
        let rest = self.text.get(start + 2..).unwrap_or_default();
        let escaped = start > 0 && self.text.as_bytes().get(start - 1) == Some(&b'\\');
        let mut quote = None;
        let mut depth = 0_usize;
        let mut end = None;
        let limit = EXPRESSION_BYTES_MAX.min(self.expressions_left);
        for (at, c) in rest.char_indices().take_while(|(at, _)| *at < limit) {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '"' | '\'') => quote = Some(c),
                (None, '{') => depth += 1,
                (None, '}') if depth == 0 => {
                    end = Some(at);
                    break;
                }
                (None, '}') => depth -= 1,
                _ => {}
            }
        }
        let looked_at = end.unwrap_or(limit);
        self.expressions_left = self.expressions_left.saturating_sub(looked_at);
        self.page.cut |= self.expressions_left == 0;
        let Some(end) = end else { return start + 2 };
        let inner = rest.get(..end).unwrap_or_default();
        // Only calls do something.
        if !escaped && inner.contains('(') {
            let java = double_quoted(inner);
            let place = Place {
                offset: start,
                length: end + 3,
            };
            self.body.add_hidden("\n;elvalue(", &java, ");\n", place);
        }
        start + 2 + end
    }

    fn add(&mut self, part: Part, code: &str, offset: usize) {
        if !code.contains("\\u") {
            let (before, after) = around(part);
            self.pieces(part).add(before, code, after, offset);
            return;
        }
        let place = Place {
            offset,
            length: code.len(),
        };
        self.add_hidden(part, code, place);
    }

    fn add_hidden(&mut self, part: Part, code: &str, place: Place) {
        let (code, letters) = java_unescaped(code);
        if letters >= ESCAPED_LETTERS_MIN {
            self.page.escaped.get_or_insert(place);
        }
        let (part, code) = match code.strip_prefix('!') {
            Some(declaration) if part == Part::Scriptlet => (Part::Declaration, declaration),
            _ => (part, code.as_str()),
        };
        let (before, after) = around(part);
        self.pieces(part).add_hidden(before, code, after, place);
    }

    fn pieces(&mut self, part: Part) -> &mut Pieces {
        match part {
            Part::Declaration => &mut self.page.java,
            Part::Scriptlet | Part::Expression => &mut self.body,
        }
    }
}

fn around(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::Expression => ("\n;pagevalue(", ");\n"),
        Part::Declaration | Part::Scriptlet => ("\n", "\n"),
    }
}

/// Undoes Java's escapes for characters; gives how many stood for plain letters and digits.
pub(super) fn java_unescaped(code: &str) -> (String, usize) {
    let mut out = String::with_capacity(code.len());
    let mut letters = 0;
    let mut rest = code;
    while let Some(at) = rest.find("\\u") {
        out.push_str(rest.get(..at).unwrap_or_default());
        let digits = rest
            .get(at + 1..)
            .unwrap_or_default()
            .trim_start_matches('u');
        let value = digits
            .get(..4)
            .and_then(|four| u32::from_str_radix(four, 16).ok());
        match value {
            Some(value) => {
                let c = char::from_u32(value).unwrap_or('_');
                letters += usize::from(c.is_ascii_alphanumeric());
                out.push(c);
                rest = digits.get(4..).unwrap_or_default();
            }
            None => {
                out.push_str("\\u");
                rest = rest.get(at + 2..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    (out, letters)
}

/// The text of an XML element's content, and of how many character sections and references of letters it was made.
fn xml_text(raw: &str) -> (String, usize) {
    let mut out = String::with_capacity(raw.len());
    let mut pieces = 0;
    let mut rest = raw;
    while let Some(at) = rest.find(['&', '<']) {
        out.push_str(rest.get(..at).unwrap_or_default());
        let tail = rest.get(at..).unwrap_or_default();
        if let Some(section) = tail.strip_prefix("<![CDATA[") {
            let end = section.find("]]>").unwrap_or(section.len());
            out.push_str(section.get(..end).unwrap_or_default());
            // A section in the middle of a word is there to break it.
            let joined = out.len() > end
                && out
                    .get(..out.len() - end)
                    .is_some_and(|before| before.ends_with(|c: char| c.is_alphanumeric()));
            pieces += usize::from(joined) * 2;
            rest = section.get(end + 3..).unwrap_or_default();
        } else if let Some(comment) = tail.strip_prefix("<!--") {
            let end = comment.find("-->").unwrap_or(comment.len());
            rest = comment.get(end + 3..).unwrap_or_default();
        } else if let Some((c, length)) = reference(tail) {
            pieces += usize::from(c.is_ascii_alphanumeric());
            out.push(c);
            rest = tail.get(length..).unwrap_or_default();
        } else {
            let mut chars = tail.chars();
            out.extend(chars.next());
            rest = chars.as_str();
        }
    }
    out.push_str(rest);
    (out, pieces)
}

/// A character reference at the start, and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    let head = text.get(..text.len().min(12)).or_else(|| text.get(..1))?;
    let end = head.find(';')?;
    let name = head.get(1..end)?;
    let c = match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((c, end + 1))
}

/// An expression with its texts in double quotes, as Java has them.
fn double_quoted(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut quote = None;
    for c in expression.chars() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                out.push('"');
            }
            (Some(open), c) if c == open => {
                quote = None;
                out.push('"');
            }
            (Some(_), '"') => out.push_str("\\\""),
            (None, ';') => out.push_str(");elvalue("),
            _ => out.push(c),
        }
    }
    out
}
