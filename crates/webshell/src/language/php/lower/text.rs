//! Strings, names and numbers.

use std::rc::Rc;

use tree_sitter::Node;

use super::{Lower, expr, named, span};
use crate::decode::{Budget, escapes};
use crate::language::php::ast::{Expr, ExprKind, Text};

impl Lower<'_> {
    /// A single-quoted string: only the quote and the backslash are escaped.
    pub(super) fn single_quoted(&self, node: Node) -> ExprKind {
        let text = self.text(node);
        let text = text.strip_prefix(b"b").unwrap_or(text);
        let inner = text.strip_prefix(b"'").unwrap_or(text);
        let inner = inner.strip_suffix(b"'").unwrap_or(inner);
        let mut plain = Vec::with_capacity(inner.len());
        let mut rest = inner;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match (first, tail) {
                (b'\\', [next @ (b'\\' | b'\''), after @ ..]) => {
                    plain.push(*next);
                    rest = after;
                }
                _ => plain.push(*first),
            }
        }
        ExprKind::Bytes(Rc::new(plain))
    }

    /// The parts of a string in which variables and escapes count.
    pub(super) fn parts(&mut self, node: Node) -> Vec<Expr> {
        let mut parts: Vec<Expr> = Vec::new();
        let mut plain = Vec::new();
        let mut escaped = false;
        let mut at = span(node);
        for child in named(node) {
            match child.kind() {
                "string_content" | "nowdoc_string" => plain.extend_from_slice(self.text(child)),
                "escape_sequence" => {
                    // An escape is a few bytes long and makes fewer.
                    let mut budget = Budget::default();
                    let made = escapes(self.text(child), &mut budget).unwrap_or_default();
                    escaped |= made
                        .iter()
                        .any(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                        && child.byte_range().len() > 2;
                    plain.extend(made);
                }
                _ => {
                    if !plain.is_empty() {
                        let bytes =
                            literal(std::mem::take(&mut plain), std::mem::take(&mut escaped));
                        parts.push(Expr {
                            kind: bytes,
                            span: at,
                        });
                    }
                    parts.push(self.interpolated(child));
                    at = span(child);
                }
            }
        }
        if !plain.is_empty() || parts.is_empty() {
            let bytes = literal(plain, escaped);
            parts.push(Expr {
                kind: bytes,
                span: at,
            });
        }
        parts
    }

    /// `"$a[key]"` names its key without quotes.
    fn interpolated(&mut self, node: Node) -> Expr {
        let lowered = self.expression(node);
        let ExprKind::Index(base, Some(key)) = lowered.kind else {
            return lowered;
        };
        let braced = node
            .prev_sibling()
            .is_some_and(|before| before.kind() == "{");
        let key = match key.kind {
            ExprKind::Constant(name) if !braced => Expr {
                kind: ExprKind::Bytes(Rc::new(name.to_vec())),
                span: key.span,
            },
            kind => Expr {
                kind,
                span: key.span,
            },
        };
        Expr {
            kind: ExprKind::Index(base, Some(Box::new(key))),
            span: lowered.span,
        }
    }

    pub(super) fn concat(&mut self, node: Node) -> ExprKind {
        let mut parts = self.parts(node);
        match parts.pop() {
            Some(only)
                if parts.is_empty()
                    && matches!(only.kind, ExprKind::Bytes(_) | ExprKind::Escaped(_)) =>
            {
                only.kind
            }
            last => {
                parts.extend(last);
                ExprKind::Concat(parts)
            }
        }
    }

    /// A heredoc or nowdoc, without the indentation of its end.
    pub(super) fn heredoc(&mut self, node: Node) -> ExprKind {
        match node.child_by_field_name("value") {
            Some(body) => self.concat(body),
            None => ExprKind::Bytes(Rc::default()),
        }
    }

    pub(super) fn integer(&self, node: Node) -> ExprKind {
        let digits: Vec<u8> = self
            .text(node)
            .iter()
            .copied()
            .filter(|byte| *byte != b'_')
            .collect();
        let text = String::from_utf8_lossy(&digits).to_ascii_lowercase();
        let (digits, base) = match text.as_bytes() {
            [b'0', b'x', rest @ ..] => (rest, 16),
            [b'0', b'b', rest @ ..] => (rest, 2),
            [b'0', b'o', rest @ ..] => (rest, 8),
            [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
            all => (all, 10),
        };
        let text = str::from_utf8(digits).unwrap_or_default();
        match i64::from_str_radix(text, base) {
            Ok(value) => ExprKind::Int(value),
            Err(_) => ExprKind::Unknown,
        }
    }

    /// A name after `$`.
    pub(super) fn variable_name(&self, node: Node) -> Text {
        let text = self.text(node);
        Rc::from(text.strip_prefix(b"$").unwrap_or(text))
    }

    /// The last part of a name with namespaces.
    pub(super) fn last_name(&self, node: Node) -> Text {
        let text = self.text(node);
        Rc::from(text.rsplit(|byte| *byte == b'\\').next().unwrap_or(text))
    }

    pub(super) fn bytes_of(&self, node: Node) -> Expr {
        expr(ExprKind::Bytes(Rc::new(self.text(node).to_vec())), node)
    }
}

fn literal(bytes: Vec<u8>, escaped: bool) -> ExprKind {
    match escaped {
        true => ExprKind::Escaped(Rc::new(bytes)),
        false => ExprKind::Bytes(Rc::new(bytes)),
    }
}
