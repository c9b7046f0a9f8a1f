//! The shell's conditions, loops and functions brought into the common form.

use std::rc::Rc;

use tree_sitter::Node as Syntax;

use super::syntax::{ARGUMENTS, Lowering, assign, call, function_name};
use crate::language::flow::node::{Comparison, Each, Function, Node, Param, Role};

impl Lowering<'_> {
    pub(super) fn condition(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let mut clauses = vec![(Vec::new(), Vec::new())];
        let mut otherwise = Node::Nothing;
        let mut then = false;
        let children: Vec<_> = node.children(&mut cursor).collect();
        for child in children {
            match child.kind() {
                "then" => then = true,
                "elif_clause" => {
                    let mut cursor = child.walk();
                    let parts: Vec<_> = child.children(&mut cursor).collect();
                    let mut clause = (Vec::new(), Vec::new());
                    let mut then = false;
                    for part in parts {
                        match part.kind() {
                            "then" => then = true,
                            _ if part.is_named() && then => clause.1.push(self.node(part)),
                            _ if part.is_named() => clause.0.push(self.node(part)),
                            _ => {}
                        }
                    }
                    clauses.push(clause);
                }
                "else_clause" => otherwise = self.node(child),
                _ if !child.is_named() => {}
                _ => {
                    let lowered = self.node(child);
                    if let Some(first) = clauses.first_mut() {
                        if then {
                            first.1.push(lowered);
                        } else {
                            first.0.push(lowered);
                        }
                    }
                }
            }
        }
        let clauses = clauses
            .into_iter()
            .map(|(mut condition, then)| {
                let condition = match condition.len() {
                    1 => condition.remove(0),
                    _ => Node::Block(condition),
                };
                (condition, Node::Block(then))
            })
            .collect();
        Node::chain(clauses, otherwise)
    }

    pub(super) fn each(&mut self, node: Syntax<'_>) -> Node {
        let variable = node
            .child_by_field_name("variable")
            .map(|name| self.word(name));
        let mut cursor = node.walk();
        let values: Vec<_> = node.children_by_field_name("value", &mut cursor).collect();
        let values = values.into_iter().map(|value| self.node(value)).collect();
        let over = call("words", values, None, node);
        let body = self.field(node, "body");
        Node::Each(Box::new(Each {
            target: Node::name(&variable.unwrap_or_default()),
            over,
            body,
            collects: false,
        }))
    }

    pub(super) fn case(&mut self, node: Syntax<'_>) -> Node {
        let value = self.field(node, "value");
        // `"$x"` asks of the variable in it.
        let asked = match value {
            Node::Join(mut parts) if parts.len() == 1 => parts.remove(0),
            value => value,
        };
        let mut cursor = node.walk();
        let items: Vec<_> = node
            .named_children(&mut cursor)
            .filter(|child| child.kind() == "case_item")
            .collect();
        let mut ways = Vec::new();
        for item in items {
            let mut cursor = item.walk();
            let patterns: Vec<_> = item.children_by_field_name("value", &mut cursor).collect();
            let plain = patterns.iter().all(|pattern| {
                let raw = self.raw(*pattern);
                !raw.iter().any(|byte| b"*?[$`".contains(byte))
            });
            let mut cursor = item.walk();
            let body: Vec<_> = item
                .named_children(&mut cursor)
                .skip(patterns.len())
                .collect();
            let body: Vec<Node> = body.into_iter().map(|child| self.node(child)).collect();
            let condition = match (plain, patterns.as_slice()) {
                (true, [one]) => {
                    let text = self.node(*one);
                    Node::Compare(Comparison::Equal, Box::new([asked.clone(), text]))
                }
                (true, _) => Node::Compare(
                    Comparison::Matches,
                    Box::new([asked.clone(), Node::Nothing]),
                ),
                (false, _) => Node::Nothing,
            };
            ways.push(Node::If(Box::new([
                condition,
                Node::Block(body),
                Node::Nothing,
            ])));
        }
        Node::Block(ways)
    }

    pub(super) fn test(&mut self, node: Syntax<'_>) -> Node {
        let inner = node.named_child(0);
        let Some(inner) = inner.filter(|inner| inner.kind() == "binary_expression") else {
            return Node::Several(self.children(node));
        };
        let operator = inner
            .child_by_field_name("operator")
            .map(|operator| self.word(operator));
        let parts = ["left", "right"].map(|side| match self.field(inner, side) {
            Node::Join(mut parts) if parts.len() == 1 => parts.remove(0),
            part => part,
        });
        match operator.as_deref() {
            Some("=" | "==") => Node::Compare(Comparison::Equal, Box::new(parts)),
            Some("!=") => Node::Compare(Comparison::Unequal, Box::new(parts)),
            _ => Node::Several(parts.into()),
        }
    }

    pub(super) fn function(&mut self, node: Syntax<'_>) -> Node {
        let name = node.child_by_field_name("name").map(|name| self.word(name));
        let name = name.unwrap_or_default();
        let body = self.field(node, "body");
        let body = giving(body, node);
        let function = Node::Function(Rc::new(Function {
            name: name.as_str().into(),
            params: vec![Param {
                target: Node::name(ARGUMENTS),
                default: None,
                harmless: false,
                rest: true,
            }],
            body,
            role: Role::Plain,
            shared: Vec::new(),
        }));
        assign(&function_name(&name), function)
    }
}

/// Statements of a function: what its commands print is what it gives.
fn giving(body: Node, node: Syntax<'_>) -> Node {
    match body {
        Node::Block(nodes) => {
            Node::Block(nodes.into_iter().map(|inner| giving(inner, node)).collect())
        }
        Node::And(parts) => {
            let [first, second] = *parts;
            Node::And(Box::new([first, giving(second, node)]))
        }
        Node::Or(parts) => {
            let [first, second] = *parts;
            Node::Or(Box::new([first, giving(second, node)]))
        }
        Node::If(parts) => {
            let [condition, then, otherwise] = *parts;
            Node::If(Box::new([
                condition,
                giving(then, node),
                giving(otherwise, node),
            ]))
        }
        printed @ (Node::Call(_) | Node::Join(_)) => call("gives", vec![printed], None, node),
        other => other,
    }
}
