//! JavaScript's syntax brought into the common form.

use std::rc::Rc;

use tree_sitter::Node as Syntax;

use super::unpack;
use crate::decode::{self, Budget};
use crate::evidence::Evidence;
use crate::language::flow::node::{
    Arg, Assign, Call, Class, Comparison, Each, Function, Name, Node, Operator, Param, Role, Scope,
};
use crate::language::flow::{NESTING_MAX, parse};

/// Parsing gives the common form.
pub(super) fn lower(source: &[u8], evidence: &mut Evidence) -> Option<Node> {
    let tree = parse::tree(&tree_sitter_javascript::LANGUAGE.into(), source, evidence)?;
    let mut lowering = Lowering {
        source,
        budget: Budget::default(),
        depth: 0,
    };
    Some(lowering.node(tree.root_node()))
}

struct Lowering<'a> {
    source: &'a [u8],
    budget: Budget,
    depth: usize,
}

impl Lowering<'_> {
    fn raw(&self, node: Syntax<'_>) -> &[u8] {
        self.source.get(node.byte_range()).unwrap_or_default()
    }

    fn word(&self, node: Syntax<'_>) -> String {
        let raw = String::from_utf8_lossy(self.raw(node));
        match raw.contains('\\') {
            true => {
                let plain = decode::escapes(raw.as_bytes(), &mut Budget::default());
                String::from_utf8_lossy(&plain.unwrap_or_default()).into_owned()
            }
            false => raw.into_owned(),
        }
    }

    fn field(&mut self, node: Syntax<'_>, name: &str) -> Node {
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

    fn first(&mut self, node: Syntax<'_>) -> Node {
        match node.named_child(0) {
            Some(child) => self.node(child),
            None => Node::Nothing,
        }
    }

    fn node(&mut self, node: Syntax<'_>) -> Node {
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
            "comment" | "regex" | "null" | "undefined" | "empty_statement" => Node::Nothing,
            "identifier"
            | "shorthand_property_identifier"
            | "shorthand_property_identifier_pattern" => Node::name(&self.word(node)),
            "this" => Node::name("this"),
            "import" => Node::Entity("require".into()),
            "number" => number(&self.word(node)),
            "true" => Node::Number(1),
            "false" => Node::Number(0),
            "string" => self.string(node),
            "template_string" => self.template(node),
            "member_expression" => {
                let object = self.field(node, "object");
                let name = node.child_by_field_name("property");
                let name = name.map(|name| self.word(name)).unwrap_or_default();
                Node::Member(Box::new(object), name.into())
            }
            "subscript_expression" => Node::Index(
                Box::new(self.field(node, "object")),
                Box::new(self.field(node, "index")),
            ),
            "call_expression" => self.call(node, "function"),
            "new_expression" => self.call(node, "constructor"),
            "binary_expression" => self.binary(node),
            "ternary_expression" => Node::Block(vec![
                self.field(node, "condition"),
                Node::Either(vec![
                    self.field(node, "consequence"),
                    self.field(node, "alternative"),
                ]),
            ]),
            "unary_expression" => self.unary(node),
            "update_expression" => Node::Nothing,
            "array" | "array_pattern" => Node::List(self.children(node)),
            "object" | "object_pattern" => self.object(node),
            "function_expression" | "arrow_function" | "generator_function" | "function" => {
                Node::Function(self.function(node))
            }
            "parenthesized_expression"
            | "await_expression"
            | "spread_element"
            | "yield_expression"
            | "rest_pattern"
            | "expression_statement"
            | "export_specifier"
            | "else_clause" => self.first(node),
            "sequence_expression" => Node::Block(self.children(node)),
            "assignment_expression" => assign(
                self.field(node, "left"),
                self.field(node, "right"),
                Scope::Found,
            ),
            "assignment_pattern" | "object_assignment_pattern" => assign(
                self.field(node, "left"),
                self.field(node, "right"),
                Scope::Here,
            ),
            "augmented_assignment_expression" => self.augmented(node),
            _ => self.statement(node),
        }
    }

    fn statement(&mut self, node: Syntax<'_>) -> Node {
        match node.kind() {
            "variable_declarator" => match node.child_by_field_name("value") {
                Some(value) => {
                    let value = self.node(value);
                    assign(self.field(node, "name"), value, Scope::Here)
                }
                None => Node::Nothing,
            },
            "if_statement" => self.condition(node),
            "while_statement" | "do_statement" => Node::While(Box::new([
                self.field(node, "condition"),
                self.field(node, "body"),
            ])),
            "for_statement" => Node::Block(vec![
                self.field(node, "initializer"),
                Node::While(Box::new([
                    self.field(node, "condition"),
                    Node::Block(vec![
                        self.field(node, "body"),
                        self.field(node, "increment"),
                    ]),
                ])),
            ]),
            "for_in_statement" => Node::Each(Box::new(Each {
                target: self.field(node, "left"),
                over: self.field(node, "right"),
                body: self.field(node, "body"),
                collects: false,
            })),
            "switch_statement" => self.switch(node),
            "try_statement" => {
                let parts = self.children(node).into_iter();
                let ways =
                    parts.map(|part| Node::If(Box::new([Node::Nothing, part, Node::Nothing])));
                Node::Block(ways.collect())
            }
            "catch_clause" => self.field(node, "body"),
            "function_declaration" | "generator_function_declaration" => {
                let function = self.function(node);
                assign(
                    Node::Name(function.name.clone()),
                    Node::Function(function),
                    Scope::Here,
                )
            }
            "class_declaration" | "class" => self.class(node),
            "return_statement" => Node::Return(Box::new(self.first(node))),
            "throw_statement" | "break_statement" | "continue_statement" => {
                let mut nodes = self.children(node);
                nodes.push(Node::Leave);
                Node::Block(nodes)
            }
            "import_statement" => self.import(node),
            "export_statement" => {
                let nodes = ["declaration", "value"].map(|name| self.field(node, name));
                Node::Block(nodes.into())
            }
            "program"
            | "statement_block"
            | "lexical_declaration"
            | "variable_declaration"
            | "finally_clause"
            | "labeled_statement"
            | "ERROR"
            | "hash_bang_line"
            | "switch_case"
            | "switch_default"
            | "class_static_block" => Node::Block(self.children(node)),
            _ => Node::Several(self.children(node)),
        }
    }

    fn condition(&mut self, node: Syntax<'_>) -> Node {
        // A chain of `else if` is as long as it likes, hence no recursion.
        let mut clauses = Vec::new();
        let mut at = node;
        let mut otherwise = Node::Nothing;
        loop {
            clauses.push((self.field(at, "condition"), self.field(at, "consequence")));
            let next = at
                .child_by_field_name("alternative")
                .and_then(|clause| clause.named_child(0));
            match next {
                Some(next) if next.kind() == "if_statement" => at = next,
                Some(next) => {
                    otherwise = self.node(next);
                    break;
                }
                None => break,
            }
        }
        Node::chain(clauses, otherwise)
    }

    fn switch(&mut self, node: Syntax<'_>) -> Node {
        let value = self.field(node, "value");
        let Some(body) = node.child_by_field_name("body") else {
            return value;
        };
        let mut cursor = body.walk();
        let cases: Vec<_> = body.named_children(&mut cursor).collect();
        let mut ways = vec![value.clone()];
        for case in cases {
            let asked = self.field(case, "value");
            let mut cursor = case.walk();
            let bodies: Vec<_> = case.children_by_field_name("body", &mut cursor).collect();
            let nodes = bodies.into_iter().map(|body| self.node(body)).collect();
            let condition = match asked {
                Node::Nothing => Node::Nothing,
                asked => Node::Compare(Comparison::Equal, Box::new([value.clone(), asked])),
            };
            ways.push(Node::If(Box::new([
                condition,
                Node::Block(nodes),
                Node::Nothing,
            ])));
        }
        Node::Block(ways)
    }

    fn string(&mut self, node: Syntax<'_>) -> Node {
        let raw = self.raw(node);
        let inner = raw
            .get(1..raw.len().saturating_sub(1))
            .unwrap_or_default()
            .to_vec();
        let plain = decode::escapes(&inner, &mut self.budget);
        Node::text(&plain.unwrap_or(inner))
    }

    fn template(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let parts: Vec<_> = node.named_children(&mut cursor).collect();
        let mut made = Vec::new();
        for part in parts {
            made.push(match part.kind() {
                "template_substitution" => self.first(part),
                _ => {
                    let text = self.raw(part).to_vec();
                    let plain = decode::escapes(&text, &mut self.budget);
                    Node::text(&plain.unwrap_or(text))
                }
            });
        }
        Node::Join(made)
    }

    fn call(&mut self, node: Syntax<'_>, callee: &str) -> Node {
        let callee = self.field(node, callee);
        let mut args = Vec::new();
        if let Some(list) = node.child_by_field_name("arguments") {
            if list.kind() == "template_string" {
                args.push(self.template(list));
            } else {
                let mut cursor = list.walk();
                let children: Vec<_> = list.named_children(&mut cursor).collect();
                let children = children
                    .into_iter()
                    .filter(|child| child.kind() != "comment");
                args.extend(children.map(|child| self.node(child)));
            }
        }
        if let Node::Function(function) = &callee
            && let Some(text) = unpack::packed(function, &args, &mut self.budget)
        {
            return Node::text(&text);
        }
        let args = args
            .into_iter()
            .map(|value| Arg { name: None, value })
            .collect();
        Node::Call(Box::new(Call {
            callee,
            args,
            offset: node.start_byte(),
            length: node.end_byte() - node.start_byte(),
        }))
    }

    fn binary(&mut self, node: Syntax<'_>) -> Node {
        let kind = |node: Syntax<'_>| node.child_by_field_name("operator").map(|op| op.kind());
        if kind(node) == Some("+") {
            // Long sums lean to the left; they are one sum, however long.
            let mut parts = Vec::new();
            let mut left = node;
            while left.kind() == "binary_expression" && kind(left) == Some("+") {
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
        let parts = Box::new([self.field(node, "left"), self.field(node, "right")]);
        let math = match kind(node).unwrap_or_default() {
            "&&" => return Node::And(parts),
            "||" | "??" => return Node::Or(parts),
            "==" | "===" => return Node::Compare(Comparison::Equal, parts),
            "!=" | "!==" => return Node::Compare(Comparison::Unequal, parts),
            "in" => return Node::Compare(Comparison::In, parts),
            "<" | ">" | "<=" | ">=" | "instanceof" => {
                return Node::Compare(Comparison::Other, parts);
            }
            "-" => Operator::Minus,
            "*" => Operator::Times,
            "/" => Operator::Over,
            "%" => Operator::Modulo,
            "^" => Operator::Xor,
            "&" => Operator::And,
            "|" => Operator::Or,
            "<<" => Operator::Left,
            ">>" | ">>>" => Operator::Right,
            _ => return Node::Several((*parts).into()),
        };
        Node::Math(math, parts)
    }

    fn unary(&mut self, node: Syntax<'_>) -> Node {
        let operator = node.child_by_field_name("operator").map(|op| op.kind());
        let value = self.field(node, "argument");
        match (operator, value) {
            (Some("-"), Node::Number(number)) => Node::Number(number.saturating_neg()),
            (Some("~"), Node::Number(number)) => Node::Number(!number),
            (Some("+"), value @ Node::Number(_)) => value,
            (Some("!"), value) => Node::Not(Box::new(value)),
            (_, value) => Node::Several(vec![value]),
        }
    }

    fn object(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let members: Vec<_> = node.named_children(&mut cursor).collect();
        let mut entries = Vec::new();
        for member in members {
            match member.kind() {
                "pair" | "pair_pattern" => {
                    entries.push((self.key(member, "key"), self.field(member, "value")));
                }
                "method_definition" => {
                    let key = self.key(member, "name");
                    entries.push((key, Node::Function(self.function(member))));
                }
                "shorthand_property_identifier" | "shorthand_property_identifier_pattern" => {
                    let name = self.word(member);
                    entries.push((Node::text(name.as_bytes()), Node::name(&name)));
                }
                "object_assignment_pattern" => {
                    let name = member.child_by_field_name("left");
                    let name = name.map(|name| self.word(name)).unwrap_or_default();
                    entries.push((Node::text(name.as_bytes()), self.node(member)));
                }
                "comment" => {}
                _ => entries.push((Node::Nothing, self.node(member))),
            }
        }
        Node::Map(entries)
    }

    fn key(&mut self, member: Syntax<'_>, field: &str) -> Node {
        match member.child_by_field_name(field) {
            Some(key) if key.kind() == "property_identifier" => {
                Node::text(self.word(key).as_bytes())
            }
            Some(key) if key.kind() == "computed_property_name" => self.first(key),
            Some(key) => self.node(key),
            None => Node::Nothing,
        }
    }

    fn function(&mut self, node: Syntax<'_>) -> Rc<Function> {
        let name: Name = match node.child_by_field_name("name") {
            Some(name) => self.word(name).into(),
            None => "".into(),
        };
        let mut params = Vec::new();
        if let Some(single) = node.child_by_field_name("parameter") {
            params.push(param(self.node(single), false));
        }
        if let Some(list) = node.child_by_field_name("parameters") {
            let mut cursor = list.walk();
            let children: Vec<_> = list.named_children(&mut cursor).collect();
            for child in children {
                match child.kind() {
                    "comment" => {}
                    kind => params.push(param(self.node(child), kind == "rest_pattern")),
                }
            }
        }
        let body = match node.child_by_field_name("body") {
            Some(body) if body.kind() == "statement_block" => self.node(body),
            Some(body) => Node::Return(Box::new(self.node(body))),
            None => Node::Nothing,
        };
        Rc::new(Function {
            name,
            params,
            body,
            role: Role::Plain,
            shared: Vec::new(),
        })
    }

    fn class(&mut self, node: Syntax<'_>) -> Node {
        let name = node.child_by_field_name("name").map(|name| self.word(name));
        let Some(body) = node.child_by_field_name("body") else {
            return Node::Nothing;
        };
        let mut cursor = body.walk();
        let children: Vec<_> = body.named_children(&mut cursor).collect();
        let mut members = Vec::new();
        for child in children {
            let field = match child.kind() {
                "method_definition" => "name",
                "field_definition" => "property",
                _ => continue,
            };
            let Some(key) = child.child_by_field_name(field) else {
                continue;
            };
            let key: Name = self.word(key).into();
            let value = match field {
                "name" => Node::Function(self.function(child)),
                _ => self.field(child, "value"),
            };
            members.push((key, value));
        }
        let name = name.unwrap_or_default().into();
        Node::Class(Rc::new(Class { name, members }))
    }

    fn augmented(&mut self, node: Syntax<'_>) -> Node {
        let target = self.field(node, "left");
        let value = self.field(node, "right");
        let operator = node.child_by_field_name("operator").map(|op| op.kind());
        let value = match operator {
            Some("+=") => Node::Sum(vec![target.clone(), value]),
            Some("^=") => Node::Math(Operator::Xor, Box::new([target.clone(), value])),
            Some("-=") => Node::Math(Operator::Minus, Box::new([target.clone(), value])),
            Some("||=" | "??=" | "&&=") => Node::Either(vec![target.clone(), value]),
            _ => Node::Several(vec![value]),
        };
        assign(target, value, Scope::Found)
    }

    fn import(&mut self, node: Syntax<'_>) -> Node {
        let Some(Node::Text(source)) = node
            .child_by_field_name("source")
            .map(|text| self.node(text))
        else {
            return Node::Nothing;
        };
        let module = String::from_utf8_lossy(&source).into_owned();
        let module = super::names::module(&module).to_owned();
        let mut assigns = Vec::new();
        let mut todo = vec![node];
        while let Some(part) = todo.pop() {
            match part.kind() {
                "import_specifier" => {
                    let name = part.child_by_field_name("name").map(|name| self.word(name));
                    let alias = part
                        .child_by_field_name("alias")
                        .map(|name| self.word(name));
                    let name = name.unwrap_or_default();
                    let entity = Node::Entity(format!("{module}.{name}").into());
                    let target = Node::name(&alias.unwrap_or(name));
                    assigns.push(assign(target, entity, Scope::Here));
                }
                "identifier" => {
                    let target = Node::name(&self.word(part));
                    let entity = Node::Entity(module.as_str().into());
                    assigns.push(assign(target, entity, Scope::Here));
                }
                _ => {
                    let mut cursor = part.walk();
                    todo.extend(part.named_children(&mut cursor));
                }
            }
        }
        Node::Block(assigns)
    }
}

fn param(target: Node, rest: bool) -> Param {
    let (target, default) = match target {
        Node::Assign(assign) => (assign.target, Some(assign.value)),
        target => (target, None),
    };
    Param {
        target,
        default,
        harmless: false,
        rest,
    }
}

fn assign(target: Node, value: Node, scope: Scope) -> Node {
    Node::Assign(Box::new(Assign {
        target,
        value,
        scope,
    }))
}

fn number(word: &str) -> Node {
    let word = word.replace('_', "").to_ascii_lowercase();
    let parsed = match word.get(..2) {
        Some("0x") => i64::from_str_radix(word.get(2..).unwrap_or_default(), 16),
        Some("0o") => i64::from_str_radix(word.get(2..).unwrap_or_default(), 8),
        Some("0b") => i64::from_str_radix(word.get(2..).unwrap_or_default(), 2),
        _ => word.parse(),
    };
    parsed.map_or(Node::Nothing, Node::Number)
}
