//! Statements and declarations.

use std::rc::Rc;

use tree_sitter::Node;

use super::{Lower, expr, named, small};
use crate::language::php::ast::{Class, Expr, ExprKind, Function, Statement, Text};

impl Lower<'_> {
    /// The statements in a node.
    pub(super) fn children(&mut self, node: Node) -> Vec<Statement> {
        self.deeper(Vec::new(), |lower| {
            let mut statements = Vec::new();
            for child in named(node) {
                lower.statement(child, &mut statements);
            }
            statements
        })
    }

    /// One statement, or a block, as a list.
    fn body(&mut self, node: Option<Node>) -> Vec<Statement> {
        let Some(node) = node else {
            return Vec::new();
        };
        match node.kind() {
            "compound_statement" | "colon_block" => self.children(node),
            _ => self.deeper(Vec::new(), |lower| {
                let mut statements = Vec::new();
                lower.statement(node, &mut statements);
                statements
            }),
        }
    }

    fn field_body(&mut self, node: Node) -> Vec<Statement> {
        self.body(node.child_by_field_name("body"))
    }

    fn field_expression(&mut self, node: Node, name: &str) -> Expr {
        match node.child_by_field_name(name) {
            Some(child) => self.expression(child),
            None => expr(ExprKind::Unknown, node),
        }
    }

    fn first_expression(&mut self, node: Node) -> Option<Expr> {
        let first = named(node).first().copied()?;
        Some(self.expression(first))
    }

    fn statement(&mut self, node: Node, out: &mut Vec<Statement>) {
        match node.kind() {
            "expression_statement" | "echo_statement" => {
                for child in named(node) {
                    let lowered = self.expression(child);
                    out.push(Statement::Expr(lowered));
                }
            }
            "if_statement" => {
                let lowered = self.deeper(None, |lower| Some(lower.if_statement(node)));
                out.extend(lowered);
            }
            "compound_statement" | "colon_block" => {
                let inside = self.children(node);
                out.push(Statement::Block(inside));
            }
            "text"
            | "php_tag"
            | "php_end_tag"
            | "text_interpolation"
            | "empty_statement"
            | "comment"
            | "namespace_use_declaration" => {}
            "return_statement" => {
                let value = self.first_expression(node);
                out.push(Statement::Return(value));
            }
            "exit_statement" => {
                let value = self.first_expression(node);
                out.push(Statement::Exit(value));
            }
            "goto_statement" => out.extend(self.label(node).map(Statement::Goto)),
            "named_label_statement" => out.extend(self.label(node).map(Statement::Label)),
            "break_statement" | "continue_statement" => out.push(self.leave(node)),
            _ => self.block_statement(node, out),
        }
    }

    fn block_statement(&mut self, node: Node, out: &mut Vec<Statement>) {
        match node.kind() {
            "while_statement" | "do_statement" => {
                let after = node.kind() == "do_statement";
                let condition = self.field_expression(node, "condition");
                let body = self.field_body(node);
                out.push(Statement::While {
                    condition,
                    body,
                    after,
                });
            }
            "for_statement" => out.push(self.for_statement(node)),
            "foreach_statement" => out.extend(self.foreach_statement(node)),
            "switch_statement" => out.push(self.switch_statement(node)),
            "try_statement" => out.push(self.try_statement(node)),
            "global_declaration" => {
                let names = named(node).into_iter().map(|name| self.expression(name));
                out.push(Statement::Global(names.collect()));
            }
            "unset_statement" => {
                let names = named(node).into_iter().map(|name| self.expression(name));
                out.push(Statement::Unset(names.collect()));
            }
            "function_static_declaration" => {
                let mut variables = Vec::new();
                for one in named(node) {
                    let Some(name) = one.child_by_field_name("name") else {
                        continue;
                    };
                    let value = one.child_by_field_name("value");
                    let value = value.map(|value| self.expression(value));
                    variables.push((self.variable_name(name), value));
                }
                out.push(Statement::Static(variables));
            }
            "const_declaration" => out.push(Statement::Const(self.constants(node))),
            "function_definition" => {
                let function = self.function(node);
                self.keep_function(function);
                out.push(Statement::Declared);
            }
            "class_declaration"
            | "trait_declaration"
            | "enum_declaration"
            | "interface_declaration" => {
                self.class(node);
                out.push(Statement::Declared);
            }
            "namespace_definition" | "declare_statement" => {
                let inside = match node.child_by_field_name("body") {
                    Some(body) => self.children(body),
                    None if node.kind() == "declare_statement" => self.children(node),
                    None => Vec::new(),
                };
                out.extend(inside);
            }
            kind => self.loose(kind, node, out),
        }
    }

    /// Broken syntax, or an expression where a statement belongs: what is inside counts.
    fn loose(&mut self, kind: &str, node: Node, out: &mut Vec<Statement>) {
        let leaf = node.named_child_count() == 0;
        if kind.ends_with("_expression") || kind == "print_intrinsic" {
            let lowered = self.expression(node);
            out.push(Statement::Expr(lowered));
        } else if !leaf {
            let inside = self.children(node);
            out.extend(inside);
        }
    }

    fn if_statement(&mut self, node: Node) -> Statement {
        let mut arms = Vec::new();
        let mut otherwise = Vec::new();
        let mut next = Some(node);
        while let Some(one) = next.take() {
            let condition = self.field_expression(one, "condition");
            arms.push((condition, self.field_body(one)));
            let mut cursor = one.walk();
            let others: Vec<Node> = one
                .children_by_field_name("alternative", &mut cursor)
                .collect();
            for other in others {
                let body = other.child_by_field_name("body");
                if other.kind() == "else_if_clause" {
                    let condition = self.field_expression(other, "condition");
                    arms.push((condition, self.body(body)));
                } else if body.is_some_and(|body| body.kind() == "if_statement") {
                    next = body;
                } else {
                    otherwise = self.body(body);
                }
            }
        }
        Statement::If(arms, otherwise)
    }

    fn leave(&mut self, node: Node) -> Statement {
        let levels = match self.first_expression(node).map(|levels| levels.kind) {
            Some(ExprKind::Int(levels)) => usize::try_from(levels).unwrap_or(1).max(1),
            _ => 1,
        };
        match node.kind() {
            "break_statement" => Statement::Break(levels),
            _ => Statement::Continue(levels),
        }
    }

    fn label(&self, node: Node) -> Option<Text> {
        named(node).first().map(|name| self.name(*name))
    }

    fn for_statement(&mut self, node: Node) -> Statement {
        let mut part = |name: &str| {
            let mut cursor = node.walk();
            let parts: Vec<Node> = node.children_by_field_name(name, &mut cursor).collect();
            let parts = parts.into_iter().filter(|part| part.is_named());
            parts.map(|part| self.expression(part)).collect()
        };
        let (first, condition, step) = (part("initialize"), part("condition"), part("update"));
        let mut cursor = node.walk();
        let bodies: Vec<Node> = node.children_by_field_name("body", &mut cursor).collect();
        let body = bodies.into_iter().flat_map(|body| self.body(Some(body)));
        Statement::For {
            first,
            condition,
            step,
            body: body.collect(),
        }
    }

    fn foreach_statement(&mut self, node: Node) -> Option<Statement> {
        let body = self.field_body(node);
        let body_id = node.child_by_field_name("body").map(|body| body.id());
        let mut parts = named(node)
            .into_iter()
            .filter(|part| Some(part.id()) != body_id);
        let subject = self.expression(parts.next()?);
        let target = parts.next()?;
        let (key, value) = match (target.kind(), named(target)) {
            ("pair", pair) => (
                pair.first().map(|key| self.expression(*key)),
                self.expression(*pair.get(1)?),
            ),
            _ => (None, self.expression(target)),
        };
        Some(Statement::Foreach {
            subject,
            key,
            value,
            body,
        })
    }

    fn switch_statement(&mut self, node: Node) -> Statement {
        let subject = self.field_expression(node, "condition");
        let mut cases = Vec::new();
        let block = node.child_by_field_name("body");
        for case in block.map(named).unwrap_or_default() {
            let value = case.child_by_field_name("value");
            let value_id = value.map(|value| value.id());
            let value = value.map(|value| self.expression(value));
            let mut body = Vec::new();
            for inside in named(case) {
                if Some(inside.id()) != value_id {
                    self.statement(inside, &mut body);
                }
            }
            cases.push((value, body));
        }
        Statement::Switch(subject, cases)
    }

    fn try_statement(&mut self, node: Node) -> Statement {
        let body = self.field_body(node);
        let mut others = Vec::new();
        for clause in named(node) {
            if matches!(clause.kind(), "catch_clause" | "finally_clause") {
                let name = clause.child_by_field_name("name");
                let name = name.map(|name| self.variable_name(name));
                others.push((name, self.field_body(clause)));
            }
        }
        Statement::Try(body, others)
    }

    fn constants(&mut self, node: Node) -> Vec<(Text, Expr)> {
        let mut constants = Vec::new();
        for element in named(node) {
            let parts = named(element);
            if let ("const_element", [name, value]) = (element.kind(), parts.as_slice()) {
                constants.push((self.name(*name), self.expression(*value)));
            }
        }
        constants
    }

    fn function(&mut self, node: Node) -> Function {
        let name = node.child_by_field_name("name");
        Function {
            name: name.map_or_else(|| small(b""), |name| self.small(name)),
            parameters: self.parameters(node),
            uses: Vec::new(),
            arrow: false,
            body: self.field_body(node),
        }
    }

    /// A class, trait, enumeration or interface; one without a name is named after its place.
    pub(super) fn class(&mut self, node: Node) -> Rc<Class> {
        let name = match node.child_by_field_name("name") {
            Some(name) => self.small(name),
            None => small(format!("class@{}", node.start_byte()).as_bytes()),
        };
        let mut class = Class {
            name,
            parent: None,
            methods: Vec::new(),
            properties: Vec::new(),
            constants: Vec::new(),
        };
        for part in named(node) {
            if part.kind() == "base_clause" {
                class.parent = named(part)
                    .first()
                    .map(|name| small(&self.last_name(*name)));
            }
        }
        let body = node.child_by_field_name("body");
        for member in body.map(named).unwrap_or_default() {
            self.deeper((), |lower| lower.class_member(member, &mut class));
        }
        self.keep_class(class)
    }

    fn class_member(&mut self, member: Node, class: &mut Class) {
        match member.kind() {
            "method_declaration" => {
                let method = self.function(member);
                class.methods.push(Rc::new(method));
            }
            "property_declaration" => {
                for element in named(member) {
                    let Some(name) = element.child_by_field_name("name") else {
                        continue;
                    };
                    let value = element.child_by_field_name("default_value");
                    let value = value.map(|value| self.expression(value));
                    class.properties.push((self.variable_name(name), value));
                }
            }
            "const_declaration" => class.constants.extend(self.constants(member)),
            _ => {}
        }
    }
}
