//! Perl's syntax brought into the common form: statements.
//!
//! Perl cannot be parsed without running it; this reads what scripts are written like, leniently, and always ends:
//! every step moves on, and nesting is bounded.

use std::rc::Rc;

use crate::decode::Budget;
use crate::evidence::Evidence;
use crate::language::flow::NESTING_MAX;
use crate::language::flow::node::{Assign, Each, Function, Name, Node, Param, Role, Scope};

/// Reads a script.
pub(super) fn parse(source: &[u8], evidence: &mut Evidence) -> Node {
    let mut parser = Parser::new(source);
    if source.first() == Some(&b'=') {
        parser.documentation();
    }
    let script = parser.statements(None);
    if parser.cut {
        evidence.gap("the script is nested too deeply");
    }
    script
}

pub(super) struct Parser<'a> {
    pub(super) source: &'a [u8],
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) budget: Budget,
    /// Whether nesting went beyond the bound.
    pub(super) cut: bool,
    /// Whether a function's body is being read, so that `shift` takes from its arguments.
    pub(super) within: bool,
    /// The end of a line after which texts stand that were announced in it, and where they end.
    pub(super) texts: Option<(usize, usize)>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a [u8]) -> Parser<'a> {
        Parser {
            source,
            at: 0,
            depth: 0,
            budget: Budget::default(),
            cut: false,
            within: false,
            texts: None,
        }
    }

    pub(super) fn peek(&self) -> u8 {
        self.source.get(self.at).copied().unwrap_or(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> u8 {
        self.source.get(self.at + ahead).copied().unwrap_or(0)
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.source.get(self.at..).unwrap_or_default()
    }

    pub(super) fn ended(&self) -> bool {
        self.at >= self.source.len()
    }

    /// Takes a byte if it is there, after white space.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.peek() == byte && !self.ended();
        self.at += usize::from(there);
        there
    }

    /// Passes white space, comments, documentation and texts that were announced in the line before.
    pub(super) fn space(&mut self) {
        loop {
            match self.peek() {
                b'\n' => {
                    if let Some((line, end)) = self.texts
                        && self.at == line
                    {
                        self.texts = None;
                        self.at = end.max(self.at + 1);
                    } else {
                        self.at += 1;
                    }
                    if self.peek() == b'=' && self.peek_at(1).is_ascii_alphabetic() {
                        self.documentation();
                    }
                }
                b' ' | b'\t' | b'\r' | 0x0c => self.at += 1,
                b'#' => {
                    let line = memchr::memchr(b'\n', self.rest());
                    self.at = line.map_or(self.source.len(), |length| self.at + length);
                }
                _ => return,
            }
        }
    }

    fn documentation(&mut self) {
        let end = memchr::memmem::find(self.rest(), b"\n=cut");
        self.at = match end {
            Some(length) => {
                let after = self.at + length + 5;
                let line = self
                    .source
                    .get(after..)
                    .and_then(|rest| memchr::memchr(b'\n', rest));
                line.map_or(self.source.len(), |length| after + length)
            }
            None => self.source.len(),
        };
    }

    /// The word here, without moving: letters, digits and package separators.
    pub(super) fn word(&self) -> &'a str {
        let rest = self.rest();
        let mut length = 0;
        while let Some(byte) = rest.get(length) {
            let joins = *byte == b':' && rest.get(length + 1) == Some(&b':') && length > 0;
            if joins {
                length += 2;
            } else if byte.is_ascii_alphanumeric() || *byte == b'_' {
                length += 1;
            } else {
                break;
            }
        }
        let word = rest.get(..length).unwrap_or_default();
        match word.first() {
            Some(byte) if !byte.is_ascii_digit() => std::str::from_utf8(word).unwrap_or_default(),
            _ => "",
        }
    }

    /// Whether the parser may go one level deeper.
    pub(super) fn deeper(&mut self) -> bool {
        if self.depth >= NESTING_MAX {
            self.cut = true;
            return false;
        }
        self.depth += 1;
        true
    }

    /// Statements up to a closing brace, or to the end.
    pub(super) fn statements(&mut self, close: Option<u8>) -> Node {
        let mut nodes = Vec::new();
        loop {
            self.space();
            if self.ended() {
                break;
            }
            if Some(self.peek()) == close {
                self.at += 1;
                break;
            }
            if matches!(self.word(), "__END__" | "__DATA__") {
                self.at = self.source.len();
                break;
            }
            let before = self.at;
            if self.deeper() {
                let node = self.statement();
                self.depth -= 1;
                if !matches!(node, Node::Nothing) {
                    nodes.push(node);
                }
            }
            if self.at == before {
                self.at += 1;
            }
        }
        Node::Block(nodes)
    }

    /// A block in braces.
    pub(super) fn block(&mut self) -> Node {
        match self.take(b'{') {
            true => self.statements(Some(b'}')),
            false => Node::Nothing,
        }
    }

    fn statement(&mut self) -> Node {
        match self.peek() {
            b';' | b'}' => {
                self.at += 1;
                return Node::Nothing;
            }
            b'{' => return self.block(),
            _ => {}
        }
        let word = self.word();
        let label = !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            && self.rest().get(word.len()) == Some(&b':')
            && self.rest().get(word.len() + 1) != Some(&b':');
        if label {
            self.at += word.len() + 1;
            return Node::Nothing;
        }
        match word {
            "sub" => self.definition(),
            "if" | "unless" => {
                self.at += word.len();
                self.condition(word == "unless")
            }
            "while" | "until" => {
                self.at += word.len();
                let condition = into_topic(self.parenthesized());
                let body = self.block();
                Node::While(Box::new([condition, body]))
            }
            "for" | "foreach" => {
                self.at += word.len();
                self.each()
            }
            "package" | "no" | "use" | "format" => {
                let end = memchr::memchr2(b';', b'{', self.rest());
                self.at = end.map_or(self.source.len(), |length| self.at + length);
                self.take(b';');
                Node::Nothing
            }
            "BEGIN" | "END" | "INIT" | "eval" if self.opens_block(word) => {
                self.at += word.len();
                let body = self.block();
                self.take(b';');
                body
            }
            _ => self.simple(),
        }
    }

    fn opens_block(&self, word: &str) -> bool {
        let rest = self.rest().get(word.len()..).unwrap_or_default();
        rest.trim_ascii_start().first() == Some(&b'{')
    }

    fn definition(&mut self) -> Node {
        self.at += 3;
        self.space();
        let name = self.word().to_owned();
        self.at += name.len();
        self.space();
        if self.peek() == b'(' {
            let end = memchr::memchr(b')', self.rest());
            self.at = end.map_or(self.source.len(), |length| self.at + length + 1);
            self.space();
        }
        if self.peek() != b'{' {
            return Node::Nothing;
        }
        let function = self.function(&name);
        if name.is_empty() {
            return function;
        }
        assign(
            Node::Name(format!("&{name}").into()),
            function,
            Scope::Found,
        )
    }

    /// A function's body, which takes its arguments as one list.
    pub(super) fn function(&mut self, name: &str) -> Node {
        let within = std::mem::replace(&mut self.within, true);
        let body = self.block();
        self.within = within;
        Node::Function(Rc::new(Function {
            name: name.into(),
            params: vec![Param {
                target: Node::name("@_"),
                default: None,
                harmless: false,
                rest: true,
            }],
            body: returning(body),
            role: Role::Plain,
            shared: Vec::new(),
        }))
    }

    fn parenthesized(&mut self) -> Node {
        match self.take(b'(') {
            true => {
                let inner = self.expression();
                self.take(b')');
                inner
            }
            false => Node::Nothing,
        }
    }

    fn condition(&mut self, negated: bool) -> Node {
        let mut clauses = Vec::new();
        let condition = self.parenthesized();
        let condition = match negated {
            true => Node::Not(Box::new(condition)),
            false => condition,
        };
        clauses.push((condition, self.block()));
        let mut otherwise = Node::Nothing;
        loop {
            self.space();
            match self.word() {
                "elsif" => {
                    self.at += 5;
                    let condition = self.parenthesized();
                    clauses.push((condition, self.block()));
                }
                "else" => {
                    self.at += 4;
                    otherwise = self.block();
                    break;
                }
                _ => break,
            }
        }
        Node::chain(clauses, otherwise)
    }

    fn each(&mut self) -> Node {
        self.space();
        if matches!(self.word(), "my" | "our" | "local") {
            let length = self.word().len();
            self.at += length;
            self.space();
        }
        let target = match self.peek() {
            b'$' => self.variable(),
            _ => Node::name("$_"),
        };
        if !self.take(b'(') {
            return Node::Nothing;
        }
        let first = self.expression();
        if self.take(b';') {
            let condition = self.expression();
            self.take(b';');
            let step = self.expression();
            self.take(b')');
            let body = self.block();
            let body = Node::Block(vec![body, step]);
            return Node::Block(vec![first, Node::While(Box::new([condition, body]))]);
        }
        self.take(b')');
        let body = self.block();
        Node::Each(Box::new(Each {
            target,
            over: first,
            body,
            collects: false,
        }))
    }

    /// An expression with what may follow it.
    fn simple(&mut self) -> Node {
        let node = self.expression();
        self.space();
        let word = self.word();
        let node = match word {
            "if" | "unless" => {
                self.at += word.len();
                let condition = self.expression();
                let condition = match word {
                    "unless" => Node::Not(Box::new(condition)),
                    _ => condition,
                };
                Node::If(Box::new([condition, node, Node::Nothing]))
            }
            "while" | "until" => {
                self.at += word.len();
                let condition = into_topic(self.expression());
                Node::While(Box::new([condition, node]))
            }
            "for" | "foreach" => {
                self.at += word.len();
                let over = self.expression();
                let target = Node::name("$_");
                Node::Each(Box::new(Each {
                    target,
                    over,
                    body: node,
                    collects: false,
                }))
            }
            _ => node,
        };
        self.space();
        match self.peek() {
            b';' => self.at += 1,
            b'}' => {}
            // Something this parser does not know: on with the next statement.
            _ => {
                let end = memchr::memchr3(b';', b'}', b'\n', self.rest());
                self.at = end.map_or(self.source.len(), |length| self.at + length);
            }
        }
        node
    }
}

/// A line that is read in a loop's condition alone goes to `$_`.
fn into_topic(condition: Node) -> Node {
    let reads = matches!(&condition, Node::Call(call) if matches!(&call.callee, Node::Entity(name) if &**name == "readline"));
    match reads {
        true => assign(Node::name("$_"), condition, Scope::Found),
        false => condition,
    }
}

/// A body whose last expression is what the function gives.
fn returning(body: Node) -> Node {
    let Node::Block(mut nodes) = body else {
        return body;
    };
    let gives = |node: &Node| {
        !matches!(
            node,
            Node::If(_)
                | Node::While(_)
                | Node::Each(_)
                | Node::Return(_)
                | Node::Leave
                | Node::Block(_)
        )
    };
    if nodes.last().is_some_and(gives)
        && let Some(last) = nodes.pop()
    {
        nodes.push(Node::Return(Box::new(last)));
    }
    Node::Block(nodes)
}

/// A variable getting a value.
pub(super) fn assign(target: Node, value: Node, scope: Scope) -> Node {
    Node::Assign(Box::new(Assign {
        target,
        value,
        scope,
    }))
}

/// A call of something by its name.
pub(super) fn entity(name: &str) -> Node {
    Node::Entity(Name::from(name))
}
