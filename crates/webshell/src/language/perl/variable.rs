//! Perl's variables, and what is taken from values: elements, members, what functions give.

use super::expression::{LOOKED_AT, call};
use super::parser::{Parser, entity};
use crate::language::flow::node::Node;

impl<'a> Parser<'a> {
    /// A term with what is taken from it.
    pub(super) fn postfix(&mut self) -> Node {
        let mut node = self.term();
        let mut links = 0;
        loop {
            self.space();
            let rest = self.rest();
            if rest.starts_with(b"->") {
                self.at += 2;
                self.space();
                let taken = self.arrow(node);
                node = self.linked(&mut links, taken);
            } else if rest.starts_with(b"++") || rest.starts_with(b"--") {
                self.at += 2;
            } else if matches!(self.peek(), b'[' | b'{') && subscripts(&node) {
                let taken = self.subscript(node);
                node = self.linked(&mut links, taken);
            } else if self.peek() == b'(' && matches!(node, Node::Index(..)) {
                let called = self.called(node);
                node = self.linked(&mut links, called);
            } else {
                return node;
            }
        }
    }

    fn arrow(&mut self, object: Node) -> Node {
        match self.peek() {
            b'[' | b'{' => self.subscript(object),
            b'(' => self.called(object),
            b'@' | b'%' | b'$' if self.peek_at(1) == b'*' => {
                self.at += 2;
                object
            }
            b'$' => {
                let method = self.variable();
                let args = self.arguments();
                let mut all = vec![object, method];
                all.extend(args);
                call(entity("given method"), all, self.at, 1)
            }
            _ => {
                let at = self.at;
                let word = self.word().to_owned();
                self.at += word.len();
                let mut args = vec![object.clone()];
                self.space();
                if self.peek() == b'(' {
                    args.extend(self.arguments());
                }
                let member = Node::Member(Box::new(object), word.as_str().into());
                call(member, args, at, word.len())
            }
        }
    }

    fn called(&mut self, callee: Node) -> Node {
        let at = self.at;
        let args = self.arguments();
        call(callee, args, at, self.at - at)
    }

    /// Arguments in parentheses, or none.
    fn arguments(&mut self) -> Vec<Node> {
        if !self.take(b'(') {
            return Vec::new();
        }
        self.space();
        if self.take(b')') {
            return Vec::new();
        }
        let inner = self.expression();
        self.take(b')');
        match inner {
            Node::List(values) => values,
            value => vec![value],
        }
    }

    pub(super) fn subscript(&mut self, object: Node) -> Node {
        let open = self.peek();
        self.at += 1;
        self.space();
        let word = self.word();
        let negative = usize::from(self.peek() == b'-');
        let bare = open == b'{' && !word.is_empty() && {
            let rest = self.rest().get(word.len() + negative..).unwrap_or_default();
            rest.trim_ascii_start().first() == Some(&b'}')
        };
        let key = match bare {
            true => {
                self.at += word.len();
                Node::text(word.as_bytes())
            }
            false => self.expression(),
        };
        self.take(if open == b'[' { b']' } else { b'}' });
        Node::Index(Box::new(object), Box::new(key))
    }

    /// A variable with its subscripts, as they may stand in a text.
    pub(super) fn variable_in_text(&mut self) -> Node {
        let mut node = self.variable();
        let mut links = 0;
        loop {
            let arrow = self.rest().starts_with(b"->") && matches!(self.peek_at(2), b'[' | b'{');
            let plain = self.peek() == b'{'
                || (self.peek() == b'[' && {
                    let next = self.peek_at(1);
                    next == b'$' || next == b'-' || next.is_ascii_digit()
                });
            if arrow {
                self.at += 2;
            } else if !plain {
                return node;
            }
            let taken = self.subscript(node);
            node = self.linked(&mut links, taken);
        }
    }

    /// A variable: its sign, its name, and the first subscript, which says what it is an element of.
    pub(super) fn variable(&mut self) -> Node {
        let sign = self.peek();
        self.at += 1;
        if sign == b'$'
            && self.peek() == b'#'
            && matches!(self.peek_at(1), b'{' | b'$' | b'_' | b'a'..=b'z' | b'A'..=b'Z')
        {
            self.at += 1;
            self.variable_name();
            return Node::Nothing;
        }
        match self.peek() {
            b'{' if sign != b'%' || self.peek_at(1) == b'$' || self.peek_at(1) == b' ' => {
                self.at += 1;
                let word = self.word();
                let rest = self.rest().get(word.len()..).unwrap_or_default();
                if !word.is_empty() && rest.first() == Some(&b'}') {
                    self.at += word.len() + 1;
                    return self.element(sign, word);
                }
                let inner = self.statements(Some(b'}'));
                return match inner {
                    Node::Block(mut nodes) if nodes.len() == 1 => nodes.remove(0),
                    inner => inner,
                };
            }
            b'$' if self.peek_at(1).is_ascii_alphabetic()
                || matches!(self.peek_at(1), b'_' | b'$' | b'{') =>
            {
                if !self.deeper() {
                    return Node::Nothing;
                }
                let inner = self.variable_name_only();
                self.depth -= 1;
                return inner;
            }
            _ => {}
        }
        let name = self.variable_name();
        self.element(sign, name)
    }

    fn variable_name_only(&mut self) -> Node {
        self.at += 1;
        let name = self.variable_name();
        Node::name(&format!("${name}"))
    }

    fn variable_name(&mut self) -> &'a str {
        let word = self.word();
        if !word.is_empty() {
            self.at += word.len();
            return word;
        }
        let rest = self.rest();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let length = match digits {
            0 => usize::from(!rest.is_empty()),
            digits => digits,
        };
        self.at += length;
        std::str::from_utf8(rest.get(..length).unwrap_or_default()).unwrap_or_default()
    }

    fn element(&mut self, sign: u8, name: &str) -> Node {
        let found = sign == b'$'
            && (name.bytes().all(|byte| byte.is_ascii_digit())
                || matches!(name, "&" | "`" | "'" | "+"));
        if found && name != "0" && !name.is_empty() {
            return call(entity("found"), vec![Node::name(LOOKED_AT)], self.at, 1);
        }
        let name = name.strip_prefix("main::").unwrap_or(name);
        let owner = match (sign, self.peek()) {
            (b'$' | b'@', b'[') if name != "_" || sign == b'$' => '@',
            (b'$' | b'@', b'{') => '%',
            _ => return Node::name(&format!("{}{name}", char::from(sign))),
        };
        let owner = Node::name(&format!("{owner}{name}"));
        self.subscript(owner)
    }
}

/// Whether what follows a value in brackets is an element of it.
fn subscripts(node: &Node) -> bool {
    matches!(node, Node::Index(..) | Node::List(_))
        || matches!(node, Node::Call(call) if matches!(call.callee, Node::Index(..)))
}
