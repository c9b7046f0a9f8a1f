//! Python's syntax brought into the common form.

use std::rc::Rc;

use tree_sitter::Node as Syntax;

use crate::decode::{self, Budget};
use crate::evidence::Evidence;
use crate::language::flow::node::{
    Arg, Assign, Call, Comparison, Each, Function, Name, Node, Operator, Role, Scope,
};
use crate::language::flow::{NESTING_MAX, parse};

/// Calls after which the block is left.
const LEAVING: [&str; 8] = [
    "exit",
    "quit",
    "abort",
    "sys.exit",
    "os._exit",
    "flask.abort",
    "self.fail",
    "os.abort",
];

/// Parsing gives the common form.
pub(super) fn lower(source: &[u8], evidence: &mut Evidence) -> Option<Node> {
    let tree = parse::tree(&tree_sitter_python::LANGUAGE.into(), source, evidence)?;
    let mut lowering = Lowering {
        source,
        budget: Budget::default(),
        depth: 0,
        class: Role::Plain,
        shared: Vec::new(),
    };
    Some(lowering.node(tree.root_node()))
}

pub(super) struct Lowering<'a> {
    source: &'a [u8],
    budget: Budget,
    depth: usize,
    /// What methods of the class around are.
    pub(super) class: Role,
    /// Names the function around declares as the script's.
    pub(super) shared: Vec<Name>,
}

impl Lowering<'_> {
    fn raw(&self, node: Syntax<'_>) -> &[u8] {
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

    fn children(&mut self, node: Syntax<'_>) -> Vec<Node> {
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        children.into_iter().map(|child| self.node(child)).collect()
    }

    pub(super) fn first(&mut self, node: Syntax<'_>) -> Node {
        match node.named_child(0) {
            Some(child) => self.node(child),
            None => Node::Nothing,
        }
    }

    pub(super) fn node(&mut self, node: Syntax<'_>) -> Node {
        if self.depth >= NESTING_MAX {
            return Node::Nothing;
        }
        self.depth += 1;
        let lowered = self.node_inner(node);
        self.depth -= 1;
        lowered
    }

    fn node_inner(&mut self, node: Syntax<'_>) -> Node {
        match node.kind() {
            "comment" | "pass_statement" | "type" => Node::Nothing,
            "identifier" => Node::name(&self.word(node)),
            "integer" => integer(&self.word(node)),
            "true" => Node::Number(1),
            "false" => Node::Number(0),
            "string" => self.string(node),
            "concatenated_string" => Node::Join(self.children(node)),
            "attribute" => {
                let object = self.field(node, "object");
                let name = node.child_by_field_name("attribute");
                let name = name.map(|name| self.word(name)).unwrap_or_default();
                Node::Member(Box::new(object), name.into())
            }
            "subscript" => self.subscript(node),
            "call" => self.call(node),
            "binary_operator" => self.binary(node),
            "boolean_operator" => self.boolean(node),
            "comparison_operator" => self.comparison(node),
            "not_operator" => Node::Not(Box::new(self.field(node, "argument"))),
            "unary_operator" => self.unary(node),
            "list" | "tuple" | "set" | "expression_list" | "pattern_list" | "tuple_pattern"
            | "list_pattern" => Node::List(self.children(node)),
            "dictionary" => self.dictionary(node),
            "list_comprehension" | "generator_expression" | "set_comprehension" => {
                self.comprehension(node)
            }
            "lambda" => self.lambda(node),
            "conditional_expression" => {
                let mut parts = self.children(node);
                let condition = (parts.len() == 3).then(|| parts.remove(1));
                match (condition, <[Node; 2]>::try_from(parts)) {
                    (Some(condition), Ok([yes, no])) => {
                        Node::Block(vec![condition, Node::Either(vec![yes, no])])
                    }
                    _ => Node::Nothing,
                }
            }
            "parenthesized_expression"
            | "await"
            | "list_splat"
            | "dictionary_splat"
            | "yield"
            | "list_splat_pattern"
            | "as_pattern_target"
            | "format_expression"
            | "dictionary_splat_pattern" => self.first(node),
            "keyword_argument" => self.field(node, "value"),
            "named_expression" => assign(self.field(node, "name"), self.field(node, "value")),
            "assignment" => match node.child_by_field_name("right") {
                Some(_) => assign(self.field(node, "left"), self.field(node, "right")),
                None => Node::Nothing,
            },
            "augmented_assignment" => self.augmented(node),
            _ => self.statement(node),
        }
    }

    fn statement(&mut self, node: Syntax<'_>) -> Node {
        match node.kind() {
            "if_statement" => self.condition(node),
            "while_statement" => Node::While(Box::new([
                self.field(node, "condition"),
                self.field(node, "body"),
            ])),
            "for_statement" => Node::Each(Box::new(Each {
                target: self.field(node, "left"),
                over: self.field(node, "right"),
                body: self.field(node, "body"),
                collects: false,
            })),
            "as_pattern" => {
                let mut parts = self.children(node);
                match (parts.len(), parts.pop()) {
                    (2, Some(target)) => assign(target, parts.pop().unwrap_or(Node::Nothing)),
                    _ => Node::Nothing,
                }
            }
            "function_definition" => self.function(node, Role::Plain),
            "class_definition" => self.class(node),
            "decorated_definition" => self.decorated(node),
            "return_statement" => Node::Return(Box::new(self.first(node))),
            "raise_statement" | "break_statement" | "continue_statement" => {
                let mut nodes = self.children(node);
                nodes.push(Node::Leave);
                Node::Block(nodes)
            }
            "import_statement" | "import_from_statement" => self.import(node),
            "global_statement" | "nonlocal_statement" => {
                let mut cursor = node.walk();
                let names: Vec<_> = node.named_children(&mut cursor).collect();
                for name in names {
                    let name = self.word(name).into();
                    self.shared.push(name);
                }
                Node::Nothing
            }
            "exec_statement" => {
                let code = self.field(node, "code");
                call(Node::Entity("exec".into()), vec![code], node)
            }
            "expression_statement" => self.expression_statement(node),
            "try_statement" => self.attempt(node),
            "except_clause" | "finally_clause" | "else_clause" | "block" | "module"
            | "with_statement" | "with_clause" | "with_item" | "match_statement"
            | "case_clause" | "case_block" | "ERROR" => Node::Block(self.children(node)),
            "interpolation" => self.field(node, "expression"),
            _ => Node::Several(self.children(node)),
        }
    }

    fn attempt(&mut self, node: Syntax<'_>) -> Node {
        // Any part may be the last that runs, so that none of them leaves what follows.
        let parts = self.children(node);
        let ways = parts
            .into_iter()
            .map(|part| Node::If(Box::new([Node::Nothing, part, Node::Nothing])));
        Node::Block(ways.collect())
    }

    fn expression_statement(&mut self, node: Syntax<'_>) -> Node {
        let mut nodes = self.children(node);
        let leaves = node.named_child(0).is_some_and(|child| {
            child.kind() == "call"
                && child
                    .child_by_field_name("function")
                    .is_some_and(|callee| LEAVING.contains(&self.word(callee).as_str()))
        });
        if leaves {
            nodes.push(Node::Leave);
        }
        match nodes.len() {
            1 => nodes.remove(0),
            _ => Node::Block(nodes),
        }
    }

    fn condition(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let clauses: Vec<_> = node
            .children_by_field_name("alternative", &mut cursor)
            .collect();
        let mut otherwise = Node::Nothing;
        let mut chain = vec![(
            self.field(node, "condition"),
            self.field(node, "consequence"),
        )];
        for clause in clauses {
            match clause.kind() {
                "elif_clause" => chain.push((
                    self.field(clause, "condition"),
                    self.field(clause, "consequence"),
                )),
                _ => otherwise = self.field(clause, "body"),
            }
        }
        Node::chain(chain, otherwise)
    }

    fn string(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let parts: Vec<_> = node.children(&mut cursor).collect();
        let start = parts
            .first()
            .map(|part| self.word(*part))
            .unwrap_or_default();
        let raw = start.contains(['r', 'R']);
        let mut made = Vec::new();
        for part in parts {
            match part.kind() {
                "string_content" => {
                    let text = self.raw(part).to_vec();
                    made.push(match raw {
                        true => Node::text(&text),
                        false => {
                            let plain = decode::escapes(&text, &mut self.budget);
                            Node::text(&plain.unwrap_or(text))
                        }
                    });
                }
                "interpolation" => made.push(self.field(part, "expression")),
                _ => {}
            }
        }
        match made.len() {
            0 => Node::text(b""),
            1 if matches!(made.first(), Some(Node::Text(_))) => made.remove(0),
            _ => Node::Join(made),
        }
    }

    fn subscript(&mut self, node: Syntax<'_>) -> Node {
        let object = Box::new(self.field(node, "value"));
        let Some(key) = node.child_by_field_name("subscript") else {
            return *object;
        };
        if key.kind() != "slice" {
            return Node::Index(object, Box::new(self.node(key)));
        }
        let mut bounds = [Node::Nothing, Node::Nothing, Node::Nothing];
        let mut at = 0;
        let mut cursor = key.walk();
        let parts: Vec<_> = key.children(&mut cursor).collect();
        for part in parts {
            match part.kind() {
                ":" => at += 1,
                _ => {
                    if let Some(bound) = bounds.get_mut(at) {
                        *bound = self.node(part);
                    }
                }
            }
        }
        Node::Slice(object, Box::new(bounds))
    }

    fn call(&mut self, node: Syntax<'_>) -> Node {
        let callee = self.field(node, "function");
        let mut args = Vec::new();
        if let Some(list) = node.child_by_field_name("arguments") {
            if list.kind() == "generator_expression" {
                args.push(Arg {
                    name: None,
                    value: self.node(list),
                });
            } else {
                let mut cursor = list.walk();
                let children: Vec<_> = list.named_children(&mut cursor).collect();
                for child in children {
                    if child.kind() == "comment" {
                        continue;
                    }
                    let name = (child.kind() == "keyword_argument")
                        .then(|| child.child_by_field_name("name"))
                        .flatten()
                        .map(|name| self.word(name).into());
                    args.push(Arg {
                        name,
                        value: self.node(child),
                    });
                }
            }
        }
        Node::Call(Box::new(Call {
            callee,
            args,
            offset: node.start_byte(),
            length: node.end_byte() - node.start_byte(),
        }))
    }

    fn binary(&mut self, node: Syntax<'_>) -> Node {
        let kind = |node: Syntax<'_>, source: &Self| {
            node.child_by_field_name("operator")
                .map(|operator| source.word(operator))
                .unwrap_or_default()
        };
        if kind(node, self) == "+" {
            // Long sums lean to the left; they are one sum, however long.
            let mut parts = Vec::new();
            let mut left = node;
            while left.kind() == "binary_operator" && kind(left, self) == "+" {
                if let Some(right) = left.child_by_field_name("right") {
                    parts.push(self.node(right));
                }
                match left.child_by_field_name("left") {
                    Some(next) => left = next,
                    None => break,
                }
            }
            parts.push(self.node(left));
            parts.reverse();
            return Node::Sum(parts);
        }
        let operator = match kind(node, self).as_str() {
            "-" => Operator::Minus,
            "*" => Operator::Times,
            "/" | "//" => Operator::Over,
            "%" => Operator::Modulo,
            "^" => Operator::Xor,
            "&" => Operator::And,
            "|" => Operator::Or,
            "<<" => Operator::Left,
            ">>" => Operator::Right,
            _ => return Node::Several(self.children(node)),
        };
        Node::Math(
            operator,
            Box::new([self.field(node, "left"), self.field(node, "right")]),
        )
    }

    fn boolean(&mut self, node: Syntax<'_>) -> Node {
        let operator = node.child_by_field_name("operator").map(|op| op.kind());
        let parts = Box::new([self.field(node, "left"), self.field(node, "right")]);
        match operator {
            Some("and") => Node::And(parts),
            _ => Node::Or(parts),
        }
    }

    fn comparison(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let operators: Vec<_> = node
            .children_by_field_name("operators", &mut cursor)
            .map(|operator| operator.kind())
            .collect();
        let comparison = match operators.first() {
            Some(&"==") => Comparison::Equal,
            Some(&("!=" | "<>")) => Comparison::Unequal,
            Some(&"in") => Comparison::In,
            Some(&"not in") => Comparison::NotIn,
            _ => Comparison::Other,
        };
        match <[Node; 2]>::try_from(self.children(node)) {
            Ok(parts) => Node::Compare(comparison, Box::new(parts)),
            Err(parts) => Node::Several(parts),
        }
    }

    fn unary(&mut self, node: Syntax<'_>) -> Node {
        let operator = node.child_by_field_name("operator").map(|op| op.kind());
        match (operator, self.field(node, "argument")) {
            (Some("-"), Node::Number(number)) => Node::Number(number.saturating_neg()),
            (Some("~"), Node::Number(number)) => Node::Number(!number),
            (_, value) => Node::Several(vec![value]),
        }
    }

    fn dictionary(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let pairs: Vec<_> = node.named_children(&mut cursor).collect();
        let mut entries = Vec::new();
        for pair in pairs {
            match pair.kind() {
                "pair" => entries.push((self.field(pair, "key"), self.field(pair, "value"))),
                _ => entries.push((Node::Nothing, self.node(pair))),
            }
        }
        Node::Map(entries)
    }

    fn comprehension(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let clauses: Vec<_> = node
            .named_children(&mut cursor)
            .filter(|child| child.kind() == "for_in_clause")
            .collect();
        let mut body = self.field(node, "body");
        for clause in clauses.into_iter().rev() {
            body = Node::Each(Box::new(Each {
                target: self.field(clause, "left"),
                over: self.field(clause, "right"),
                body,
                collects: true,
            }));
        }
        body
    }

    fn lambda(&mut self, node: Syntax<'_>) -> Node {
        let params = match node.child_by_field_name("parameters") {
            Some(params) => self.params(params),
            None => Vec::new(),
        };
        let body = self.field(node, "body");
        Node::Function(Rc::new(Function {
            name: "".into(),
            params,
            body: Node::Return(Box::new(body)),
            role: Role::Plain,
            shared: Vec::new(),
        }))
    }

    fn augmented(&mut self, node: Syntax<'_>) -> Node {
        let target = self.field(node, "left");
        let value = self.field(node, "right");
        let operator = node.child_by_field_name("operator").map(|op| op.kind());
        let value = match operator {
            Some("+=") => Node::Sum(vec![target.clone(), value]),
            Some("%=") => Node::Math(Operator::Modulo, Box::new([target.clone(), value])),
            Some("^=") => Node::Math(Operator::Xor, Box::new([target.clone(), value])),
            Some("-=") => Node::Math(Operator::Minus, Box::new([target.clone(), value])),
            _ => Node::Several(vec![value]),
        };
        assign(target, value)
    }
}

pub(super) fn assign(target: Node, value: Node) -> Node {
    Node::Assign(Box::new(Assign {
        target,
        value,
        scope: Scope::Here,
    }))
}

fn call(callee: Node, args: Vec<Node>, node: Syntax<'_>) -> Node {
    let args = args.into_iter().map(|value| Arg { name: None, value });
    Node::Call(Box::new(Call {
        callee,
        args: args.collect(),
        offset: node.start_byte(),
        length: node.end_byte() - node.start_byte(),
    }))
}

fn integer(word: &str) -> Node {
    let word = word.replace('_', "").to_ascii_lowercase();
    let parsed = match word.get(..2) {
        Some("0x") => i64::from_str_radix(word.get(2..).unwrap_or_default(), 16),
        Some("0o") => i64::from_str_radix(word.get(2..).unwrap_or_default(), 8),
        Some("0b") => i64::from_str_radix(word.get(2..).unwrap_or_default(), 2),
        _ => word.parse(),
    };
    parsed.map_or(Node::Nothing, Node::Number)
}
