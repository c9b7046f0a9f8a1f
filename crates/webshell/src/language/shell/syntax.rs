//! The shell's syntax brought into the common form: a command is a call, and its value is what it prints.

use tree_sitter::Node as Syntax;

use crate::decode::{self, Budget};
use crate::evidence::Evidence;
use crate::language::flow::node::{Arg, Assign, Call, Node, Scope};
use crate::language::flow::{NESTING_MAX, parse};

/// The variable that stands for standard input.
pub(super) const INPUT: &str = "<";

/// The variable that stands for a script's or a function's arguments.
pub(super) const ARGUMENTS: &str = "@";

/// Options of `read` that take a word.
const READ_OPTIONS: &str = "ndtuNpi";

/// Parsing gives the common form.
pub(super) fn lower(source: &[u8], evidence: &mut Evidence) -> Option<Node> {
    let tree = parse::tree(&tree_sitter_bash::LANGUAGE.into(), source, evidence)?;
    let mut lowering = Lowering {
        source,
        budget: Budget::default(),
        depth: 0,
    };
    Some(lowering.node(tree.root_node()))
}

pub(super) struct Lowering<'a> {
    source: &'a [u8],
    budget: Budget,
    depth: usize,
}

impl Lowering<'_> {
    pub(super) fn raw(&self, node: Syntax<'_>) -> &[u8] {
        self.source.get(node.byte_range()).unwrap_or_default()
    }

    pub(super) fn word(&self, node: Syntax<'_>) -> String {
        String::from_utf8_lossy(self.raw(node)).into_owned()
    }

    pub(super) fn field(&mut self, node: Syntax<'_>, name: &str) -> Node {
        match node.child_by_field_name(name) {
            Some(child) => self.node(child),
            None => Node::Nothing,
        }
    }

    pub(super) fn children(&mut self, node: Syntax<'_>) -> Vec<Node> {
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        children.into_iter().map(|child| self.node(child)).collect()
    }

    pub(super) fn node(&mut self, node: Syntax<'_>) -> Node {
        if self.depth >= NESTING_MAX {
            return Node::Nothing;
        }
        self.depth += 1;
        let lowered = match self.word_node(node) {
            Some(word) => word,
            None => self.statement(node),
        };
        self.depth -= 1;
        lowered
    }

    /// What stands for text.
    fn word_node(&mut self, node: Syntax<'_>) -> Option<Node> {
        Some(match node.kind() {
            "word" | "number" | "variable_name" | "regex" | "extglob_pattern" => {
                let raw = self.raw(node);
                let plain: Vec<u8> = raw.iter().copied().filter(|byte| *byte != b'\\').collect();
                Node::text(&plain)
            }
            "command_name" => match node.named_child(0) {
                Some(child) => self.node(child),
                None => Node::Text(self.raw(node).into()),
            },
            "raw_string" => {
                let raw = self.raw(node);
                Node::text(raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default())
            }
            "ansi_c_string" => {
                let raw = self.raw(node);
                let inner = raw
                    .get(2..raw.len().saturating_sub(1))
                    .unwrap_or_default()
                    .to_vec();
                let plain = decode::escapes(&inner, &mut self.budget);
                Node::text(&plain.unwrap_or(inner))
            }
            "string" | "translated_string" | "heredoc_body" => self.string(node),
            "concatenation" => Node::Join(self.children(node)),
            "string_content" | "heredoc_content" => {
                let raw = self.raw(node).to_vec();
                Node::text(&unescaped(&raw))
            }
            "simple_expansion" => self.variable(&self.word(node)),
            "expansion" => self.expansion(node),
            "command_substitution" => Node::Join(self.children(node)),
            "process_substitution" => {
                let inner = Node::Join(self.children(node));
                call("content", vec![inner], None, node)
            }
            "array" => Node::List(self.children(node)),
            "arithmetic_expansion" | "comment" | "test_operator" => Node::Nothing,
            _ => return None,
        })
    }

    /// Text in double quotes, with what stands between its parts as it is.
    fn string(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        let quoted = node.kind() != "heredoc_body";
        let mut at = node.start_byte() + usize::from(quoted);
        let end = node.end_byte().saturating_sub(usize::from(quoted));
        let mut parts = Vec::new();
        for child in children {
            if child.start_byte() > at {
                let between = self.source.get(at..child.start_byte()).unwrap_or_default();
                parts.push(Node::text(&unescaped(between)));
            }
            parts.push(self.node(child));
            at = child.end_byte();
        }
        if end > at {
            parts.push(Node::text(&unescaped(
                self.source.get(at..end).unwrap_or_default(),
            )));
        }
        Node::Join(parts)
    }

    fn variable(&self, word: &str) -> Node {
        let name = word.trim_start_matches(['$', '{']).trim_end_matches('}');
        match (name, name.parse::<i64>()) {
            ("@" | "*", _) => Node::name(ARGUMENTS),
            (_, Ok(number)) if number > 0 => Node::Index(
                Box::new(Node::name(ARGUMENTS)),
                Box::new(Node::Number(number - 1)),
            ),
            _ => Node::name(name),
        }
    }

    /// `${name}` with what is done to it.
    fn expansion(&mut self, node: Syntax<'_>) -> Node {
        let word = self.word(node);
        let inner = word
            .trim_start_matches("${")
            .trim_end_matches('}')
            .to_owned();
        let bare = inner.trim_start_matches(['!', '#']);
        let length = bare
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_')
            .unwrap_or(bare.len());
        let name = match bare.get(..length) {
            Some("") => bare.get(..1).unwrap_or_default(),
            name => name.unwrap_or_default(),
        };
        let rest = bare.get(name.len()..).unwrap_or_default();
        let variable = self.variable(name);
        if inner.starts_with('#') {
            return Node::Nothing;
        }
        if inner.starts_with('!') {
            return call("indirect", vec![variable], None, node);
        }
        let Some(operator) = rest.chars().next() else {
            return variable;
        };
        match operator {
            ':' if rest
                .get(1..2)
                .is_some_and(|next| next.bytes().all(|byte| byte.is_ascii_digit())) =>
            {
                let mut bounds = rest
                    .get(1..)
                    .unwrap_or_default()
                    .split(':')
                    .map(|bound| bound.trim().parse().ok());
                let bounds = [bounds.next().flatten(), bounds.next().flatten()];
                let [from, length] = bounds.map(|bound| bound.map_or(Node::Nothing, Node::Number));
                call("cut", vec![variable, from, length], None, node)
            }
            ':' | '-' | '=' | '+' => {
                let others = self.children(node).into_iter().skip(1);
                Node::Either(std::iter::once(variable).chain(others).collect())
            }
            '/' => {
                let text = Node::text(rest.as_bytes());
                call("replaced", vec![variable, text], None, node)
            }
            '[' => variable,
            _ => call("same", vec![variable], None, node),
        }
    }

    fn statement(&mut self, node: Syntax<'_>) -> Node {
        match node.kind() {
            "command" => self.command(node, None),
            "pipeline" => self.pipeline(node),
            "redirected_statement" => self.redirected(node, None),
            "variable_assignment" => {
                let name = node.child_by_field_name("name").map(|name| self.word(name));
                let name = name.unwrap_or_default();
                let name = name.split('[').next().unwrap_or_default().to_owned();
                let value = self.field(node, "value");
                let appends = self
                    .raw(node)
                    .get(name.len()..)
                    .is_some_and(|rest| rest.starts_with(b"+="));
                let value = match appends {
                    true => Node::Join(vec![Node::name(&name), value]),
                    false => value,
                };
                assign(&name, value)
            }
            "list" => self.list(node),
            "if_statement" => self.condition(node),
            "while_statement" => {
                let condition = self.field(node, "condition");
                let body = self.field(node, "body");
                Node::While(Box::new([condition, body]))
            }
            "for_statement" => self.each(node),
            "case_statement" => self.case(node),
            "function_definition" => self.function(node),
            "test_command" => self.test(node),
            "negated_command" => Node::Not(Box::new(Node::Block(self.children(node)))),
            "program"
            | "subshell"
            | "compound_statement"
            | "do_group"
            | "declaration_command"
            | "else_clause"
            | "ERROR"
            | "c_style_for_statement"
            | "variable_assignments" => Node::Block(self.children(node)),
            _ => Node::Several(self.children(node)),
        }
    }

    fn list(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let and = node.children(&mut cursor).any(|child| child.kind() == "&&");
        match <[Node; 2]>::try_from(self.children(node)) {
            Ok(parts) if and => Node::And(Box::new(parts)),
            Ok(parts) => Node::Or(Box::new(parts)),
            Err(parts) => Node::Block(parts),
        }
    }

    fn pipeline(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let stages: Vec<_> = node.named_children(&mut cursor).collect();
        let mut input = None;
        for stage in stages {
            input = Some(match stage.kind() {
                "command" => self.command(stage, input),
                "redirected_statement" => self.redirected(stage, input),
                "comment" => continue,
                _ => {
                    let inner = self.node(stage);
                    fed(inner, input)
                }
            });
        }
        input.unwrap_or(Node::Nothing)
    }

    /// A statement with files or texts instead of its input and output.
    fn redirected(&mut self, node: Syntax<'_>, input: Option<Node>) -> Node {
        let mut input = input;
        let mut targets = Vec::new();
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        for child in &children {
            self.redirect(*child, &mut input, &mut targets);
        }
        let body = match node.child_by_field_name("body") {
            Some(body) if body.kind() == "command" => self.command(body, input),
            Some(body) if body.kind() == "pipeline" => self.node(body),
            Some(body) => {
                let inner = self.node(body);
                fed(inner, input)
            }
            None => Node::Nothing,
        };
        written(body, targets, node)
    }

    fn redirect(&mut self, child: Syntax<'_>, input: &mut Option<Node>, targets: &mut Vec<Node>) {
        match child.kind() {
            "herestring_redirect" => *input = child.named_child(0).map(|text| self.node(text)),
            "heredoc_redirect" => {
                let mut cursor = child.walk();
                let body = child
                    .named_children(&mut cursor)
                    .find(|part| part.kind() == "heredoc_body");
                *input = body.map(|body| self.node(body));
            }
            "file_redirect" => {
                let operator = self.word(child);
                let target = self.field(child, "destination");
                match operator
                    .trim_start_matches(|letter: char| letter.is_ascii_digit())
                    .chars()
                    .next()
                {
                    Some('<') => *input = Some(call("read file", vec![target], None, child)),
                    _ => targets.push(target),
                }
            }
            _ => {}
        }
    }

    fn command(&mut self, node: Syntax<'_>, input: Option<Node>) -> Node {
        let mut input = input;
        let mut targets = Vec::new();
        let mut words = Vec::new();
        let mut before = Vec::new();
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        for child in children {
            match child.kind() {
                "variable_assignment" => before.push(self.node(child)),
                "herestring_redirect" | "heredoc_redirect" | "file_redirect" => {
                    self.redirect(child, &mut input, &mut targets);
                }
                "comment" => {}
                _ => words.push(self.node(child)),
            }
        }
        let name = match words.first() {
            Some(Node::Text(name)) => String::from_utf8_lossy(name).into_owned(),
            _ => String::new(),
        };
        let made = match name.as_str() {
            "read" | "mapfile" | "readarray" => self.read(&words, input, node),
            "set" if matches!(words.get(1), Some(Node::Text(dashes)) if **dashes == *b"--") => {
                let values = words.split_off(2);
                assign(ARGUMENTS, call("words", values, None, node))
            }
            ":" => assign("_", words.pop().unwrap_or(Node::Nothing)),
            "exit" | "return" | "break" | "continue" => Node::Leave,
            _ => call("run", words, input, node),
        };
        let made = written(made, targets, node);
        match before.is_empty() || matches!(made, Node::Leave) {
            true => made,
            false => {
                before.push(made);
                Node::Block(before)
            }
        }
    }

    fn read(&mut self, words: &[Node], input: Option<Node>, node: Syntax<'_>) -> Node {
        let source = input.unwrap_or_else(|| Node::name(INPUT));
        let mut assigns = Vec::new();
        let mut skips = false;
        for word in words.iter().skip(1) {
            let Node::Text(text) = word else {
                skips = false;
                continue;
            };
            if std::mem::take(&mut skips) {
                continue;
            }
            if let Some(options) = text.strip_prefix(b"-") {
                let last = options.last().map(|last| char::from(*last));
                skips = last.is_some_and(|last| READ_OPTIONS.contains(last));
                continue;
            }
            let name = String::from_utf8_lossy(text).into_owned();
            assigns.push(assign(
                &name,
                call("same", vec![source.clone()], None, node),
            ));
        }
        if assigns.is_empty() {
            assigns.push(assign("REPLY", source));
        }
        Node::Block(assigns)
    }
}

/// The variable under which a function of that name stands.
pub(super) fn function_name(name: &str) -> String {
    format!("{name}()")
}

/// A statement that reads from elsewhere.
fn fed(inner: Node, input: Option<Node>) -> Node {
    match input {
        Some(input) => Node::Block(vec![
            Node::Assign(Box::new(Assign {
                target: Node::name(INPUT),
                value: input,
                scope: Scope::Here,
            })),
            inner,
        ]),
        None => inner,
    }
}

/// A command whose output goes to files.
fn written(body: Node, targets: Vec<Node>, node: Syntax<'_>) -> Node {
    if targets.is_empty() {
        return body;
    }
    let mut args = vec![body];
    args.extend(targets);
    call("written", args, None, node)
}

fn unescaped(raw: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(b'"' | b'$' | b'`' | b'\\')) => plain.extend(bytes.next()),
            _ => plain.push(*byte),
        }
    }
    plain
}

pub(super) fn assign(name: &str, value: Node) -> Node {
    Node::Assign(Box::new(Assign {
        target: Node::name(name),
        value,
        scope: Scope::Found,
    }))
}

pub(super) fn call(name: &str, args: Vec<Node>, input: Option<Node>, node: Syntax<'_>) -> Node {
    let mut args: Vec<Arg> = args
        .into_iter()
        .map(|value| Arg { name: None, value })
        .collect();
    if let Some(input) = input {
        args.push(Arg {
            name: Some(INPUT.into()),
            value: input,
        });
    }
    Node::Call(Box::new(Call {
        callee: Node::Entity(name.into()),
        args,
        offset: node.start_byte(),
        length: node.end_byte() - node.start_byte(),
    }))
}
