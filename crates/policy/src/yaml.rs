//! YAML as a small tree in which everything knows its place.
//!
//! Only plain YAML is read: one document of scalars, lists and mappings with text keys. Anchors, aliases and tags
//! are refused, since they let a small file stand for a huge one, or for something other than what a reviewer reads.

use crate::diagnostic::{Code, Diagnostics, Position, quote};
use crate::limits::{DEPTH_MAX, DOCUMENT_BYTES_MAX, NODES_MAX};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::borrow::Cow;
use std::collections::HashSet;

/// A value with its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

/// What stands at a place.
#[derive(Debug)]
pub(crate) enum Value {
    /// A scalar; `plain` if it was written without quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file; of a key that stands twice, the first.
    Mapping(Vec<(Key, Node)>),
    /// Something that was refused and reported.
    Refused,
}

/// A key of a mapping.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) at: Position,
    pub(crate) text: String,
}

/// A file as far as it could be read.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The document; `None` if there is none.
    pub(crate) root: Option<Node>,
    /// Whether the whole document was read. Nothing can be said of what is missing otherwise.
    pub(crate) complete: bool,
}

/// Reads a file and reports all that is not plain YAML.
pub(crate) fn read(bytes: &[u8], diagnostics: &mut Diagnostics) -> Tree {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        diagnostics.report_with_hint(
            Code::TooLarge,
            Position::START,
            format!(
                "the file has {} bytes, at most {DOCUMENT_BYTES_MAX} are read",
                bytes.len()
            ),
            "name many values in one condition, or use starts-with and wildcards",
        );
        return Tree {
            root: None,
            complete: false,
        };
    }
    let text = readable(bytes, diagnostics);
    let mut builder = Builder::default();
    let complete = builder.run(&text, diagnostics);
    Tree {
        root: builder.root,
        complete,
    }
}

/// The bytes as text. What YAML does not allow is reported and replaced, so that the rest can still be checked.
fn readable<'b>(bytes: &'b [u8], diagnostics: &mut Diagnostics) -> Cow<'b, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.chars().any(is_forbidden)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    let mut at = Position::START;
    let mut after_return = false;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_forbidden(c) {
                diagnostics.report_with_hint(
                    Code::ControlCharacter,
                    at,
                    format!("control character U+{:04X}", u32::from(c)),
                    "write it as an escape in a text in double quotes",
                );
                out.push(char::REPLACEMENT_CHARACTER);
            } else {
                out.push(c);
            }
            match c {
                '\n' if after_return => {}
                '\n' | '\r' => {
                    at = Position {
                        line: at.line + 1,
                        column: 1,
                    }
                }
                _ => at.column += 1,
            }
            after_return = c == '\r';
        }
        if let Some(first) = chunk.invalid().first() {
            diagnostics.report_with_hint(
                Code::InvalidUtf8,
                at,
                format!("not UTF-8: byte 0x{first:02x}"),
                "save the file as UTF-8",
            );
            out.push(char::REPLACEMENT_CHARACTER);
            at.column += 1;
            after_return = false;
        }
    }
    Cow::Owned(out)
}

/// Characters that YAML 1.2 does not allow in a stream (its production `c-printable`). The parser takes NUL for the
/// end of the file: what stands behind it would be ignored without a word.
fn is_forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Turns parser events into a tree without recursion.
#[derive(Debug, Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

/// A list or mapping that has not ended.
#[derive(Debug)]
struct Open {
    node: Node,
    /// For a mapping: the key whose value comes next.
    key: Option<Key>,
    /// For a mapping: the keys so far.
    seen: HashSet<String>,
    /// Whether the next value belongs to a key that was refused.
    skip_value: bool,
}

impl Builder {
    /// Reads all events; false if reading stopped early.
    fn run(&mut self, text: &str, diagnostics: &mut Diagnostics) -> bool {
        let mut documents = 0;
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = position(error.marker());
                    diagnostics.report(Code::Syntax, at, format!("not YAML: {}", error.info()));
                    self.close_all();
                    return false;
                }
            };
            let at = position(&span.start);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        diagnostics.report_with_hint(
                            Code::ManyDocuments,
                            at,
                            "a second document begins here",
                            "a file holds one policy: remove the line ---",
                        );
                        return true;
                    }
                }
                Event::StreamEnd => break,
                event => {
                    if !self.take(event, at, diagnostics) {
                        self.close_all();
                        return false;
                    }
                }
            }
        }
        if self.root.is_none() {
            diagnostics.report(
                Code::NoDocument,
                Position::START,
                "the file holds no policy",
            );
        }
        true
    }

    /// Takes one event in; false if a bound is reached.
    fn take(&mut self, event: Event<'_>, at: Position, diagnostics: &mut Diagnostics) -> bool {
        let (value, anchor, tag) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                (
                    Value::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                    anchor,
                    tag,
                )
            }
            Event::SequenceStart(anchor, tag) => (Value::Sequence(Vec::new()), anchor, tag),
            Event::MappingStart(anchor, tag) => (Value::Mapping(Vec::new()), anchor, tag),
            Event::Alias(_) => {
                let hint = "write the value out";
                diagnostics.report_with_hint(Code::AnchorOrAlias, at, "aliases are not read", hint);
                (Value::Refused, 0, None)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(diagnostics);
                return true;
            }
            _ => return true,
        };
        if anchor != 0 {
            let hint = "write the value out wherever it is needed";
            diagnostics.report_with_hint(Code::AnchorOrAlias, at, "anchors are not read", hint);
        }
        if let Some(tag) = tag {
            let message = format!("the tag {} is not read", quote(&tag.to_string()));
            diagnostics.report_with_hint(Code::Tag, at, message, "remove it");
        }
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let message = format!("more than {NODES_MAX} values in one file");
            diagnostics.report(Code::TooManyNodes, at, message);
            return false;
        }
        let node = Node { at, value };
        match node.value {
            Value::Sequence(_) | Value::Mapping(_) if self.open.len() >= DEPTH_MAX => {
                let message = format!("nested more than {DEPTH_MAX} levels deep");
                diagnostics.report(Code::TooDeep, at, message);
                return false;
            }
            Value::Sequence(_) | Value::Mapping(_) => self.open.push(Open {
                node,
                key: None,
                seen: HashSet::new(),
                skip_value: false,
            }),
            Value::Scalar { .. } | Value::Refused => self.place(node, diagnostics),
        }
        true
    }

    /// Ends the innermost list or mapping.
    fn close(&mut self, diagnostics: &mut Diagnostics) {
        if let Some(open) = self.open.pop() {
            self.place(open.node, diagnostics);
        }
    }

    /// Ends all that is open, when reading stops in the middle. Whoever was waiting for a key is not told of it.
    fn close_all(&mut self) {
        while let Some(open) = self.open.pop() {
            match self.open.last_mut() {
                None => self.root = Some(open.node),
                Some(outer) => match (&mut outer.node.value, outer.key.take()) {
                    (Value::Sequence(items), _) => items.push(open.node),
                    (Value::Mapping(entries), Some(key)) => entries.push((key, open.node)),
                    _ => {}
                },
            }
        }
    }

    /// Puts a complete node where it belongs.
    fn place(&mut self, node: Node, diagnostics: &mut Diagnostics) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.node.value {
            Value::Sequence(items) => items.push(node),
            Value::Mapping(entries) => {
                if open.skip_value {
                    open.skip_value = false;
                } else if let Some(key) = open.key.take() {
                    entries.push((key, node));
                } else {
                    match key_of(node, &mut open.seen, diagnostics) {
                        Some(key) => open.key = Some(key),
                        None => open.skip_value = true,
                    }
                }
            }
            Value::Scalar { .. } | Value::Refused => {}
        }
    }
}

/// The node as a key, unless it is none or stands there already.
fn key_of(node: Node, seen: &mut HashSet<String>, diagnostics: &mut Diagnostics) -> Option<Key> {
    let Value::Scalar { text, .. } = node.value else {
        if !matches!(node.value, Value::Refused) {
            diagnostics.report(Code::KeyNotText, node.at, "a key is a text");
        }
        return None;
    };
    if !seen.insert(text.clone()) {
        let message = format!("{} stands twice in this mapping", quote(&text));
        diagnostics.report_with_hint(Code::DuplicateKey, node.at, message, "remove one of them");
        return None;
    }
    Some(Key { at: node.at, text })
}

/// The parser counts columns from 0.
fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}
