//! From bytes to a tree.

use crate::{Position, Problem};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::borrow::Cow;
use std::collections::HashSet;

/// A value with its place.
#[derive(Debug)]
pub struct Node {
    /// Where it begins.
    pub at: Position,
    /// What it is.
    pub value: Value,
}

/// What stands at a place.
#[derive(Debug)]
pub enum Value {
    /// A scalar.
    Scalar {
        /// What it says.
        text: String,
        /// Whether it was written without quotes, on one line or several.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping in the order of the file; of a key that stands twice, the first.
    Mapping(Vec<(Key, Node)>),
    /// Something that was refused and reported.
    Refused,
}

/// A key of a mapping.
#[derive(Debug)]
pub struct Key {
    /// Where it stands.
    pub at: Position,
    /// What it says.
    pub text: String,
}

/// How much is read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Size of the file in bytes.
    pub bytes_max: usize,
    /// Nesting of lists and mappings.
    pub depth_max: usize,
    /// Scalars, lists and mappings.
    pub nodes_max: usize,
    /// Documents; more are a problem.
    pub documents_max: usize,
}

/// A file as far as it could be read.
#[derive(Debug)]
pub struct Tree<'b> {
    /// The documents.
    pub documents: Vec<Node>,
    /// Whether all of it was read. Nothing can be said of what is missing otherwise.
    pub complete: bool,
    /// The file as text; what YAML does not allow is replaced in it.
    pub text: Cow<'b, str>,
}

/// Where problems go.
type Report<'r> = &'r mut dyn FnMut(Position, Problem);

/// Reads a file and reports all that is not plain YAML.
pub fn read<'b>(bytes: &'b [u8], bounds: &Bounds, report: Report<'_>) -> Tree<'b> {
    if bytes.len() > bounds.bytes_max {
        let problem = Problem::TooLarge {
            bytes: bytes.len(),
            bytes_max: bounds.bytes_max,
        };
        report(Position::START, problem);
        return Tree {
            documents: Vec::new(),
            complete: false,
            text: Cow::Borrowed(""),
        };
    }
    let text = readable(bytes, report);
    let mut builder = Builder {
        bounds: *bounds,
        open: Vec::new(),
        documents: Vec::new(),
        nodes: 0,
    };
    let complete = builder.run(&text, report);
    Tree {
        documents: builder.documents,
        complete,
        text,
    }
}

/// The bytes as text. What YAML does not allow is reported and replaced, so that the rest can still be checked.
fn readable<'b>(bytes: &'b [u8], report: Report<'_>) -> Cow<'b, str> {
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
                report(at, Problem::ControlCharacter(c));
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
            report(at, Problem::InvalidUtf8(*first));
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
#[derive(Debug)]
struct Builder {
    bounds: Bounds,
    open: Vec<Open>,
    documents: Vec<Node>,
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
    fn run(&mut self, text: &str, report: Report<'_>) -> bool {
        let mut documents = 0;
        let mut parser = Parser::new_from_str(text);
        while let Some(event) = parser.next_event() {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = position(error.marker());
                    report(at, Problem::Syntax(error.info().to_owned()));
                    self.close_all();
                    return false;
                }
            };
            let at = position(&span.start);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > self.bounds.documents_max {
                        report(at, Problem::ManyDocuments);
                        return true;
                    }
                }
                Event::StreamEnd => break,
                event => {
                    if !self.take(event, at, report) {
                        self.close_all();
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Takes one event in; false if a bound is reached.
    fn take(&mut self, event: Event<'_>, at: Position, report: Report<'_>) -> bool {
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
                report(at, Problem::Alias);
                (Value::Refused, 0, None)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.close(report);
                return true;
            }
            _ => return true,
        };
        if anchor != 0 {
            report(at, Problem::Anchor);
        }
        if let Some(tag) = tag {
            report(at, Problem::Tag(tag.to_string()));
        }
        self.nodes += 1;
        if self.nodes > self.bounds.nodes_max {
            report(at, Problem::TooManyNodes(self.bounds.nodes_max));
            return false;
        }
        let node = Node { at, value };
        match node.value {
            Value::Sequence(_) | Value::Mapping(_) if self.open.len() >= self.bounds.depth_max => {
                report(at, Problem::TooDeep(self.bounds.depth_max));
                return false;
            }
            Value::Sequence(_) | Value::Mapping(_) => self.open.push(Open {
                node,
                key: None,
                seen: HashSet::new(),
                skip_value: false,
            }),
            Value::Scalar { .. } | Value::Refused => self.place(node, report),
        }
        true
    }

    /// Ends the innermost list or mapping.
    fn close(&mut self, report: Report<'_>) {
        if let Some(open) = self.open.pop() {
            self.place(open.node, report);
        }
    }

    /// Ends all that is open, when reading stops in the middle. Whoever was waiting for a key is not told of it.
    fn close_all(&mut self) {
        while let Some(open) = self.open.pop() {
            match self.open.last_mut() {
                None => self.documents.push(open.node),
                Some(outer) => match (&mut outer.node.value, outer.key.take()) {
                    (Value::Sequence(items), _) => items.push(open.node),
                    (Value::Mapping(entries), Some(key)) => entries.push((key, open.node)),
                    _ => {}
                },
            }
        }
    }

    /// Puts a complete node where it belongs.
    fn place(&mut self, node: Node, report: Report<'_>) {
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
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
                    match key_of(node, &mut open.seen, report) {
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
fn key_of(node: Node, seen: &mut HashSet<String>, report: Report<'_>) -> Option<Key> {
    let Value::Scalar { text, .. } = node.value else {
        if !matches!(node.value, Value::Refused) {
            report(node.at, Problem::KeyNotText);
        }
        return None;
    };
    if !seen.insert(text.clone()) {
        report(node.at, Problem::DuplicateKey(text));
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
