//! Expressions.

use std::rc::Rc;

use tree_sitter::Node;

use super::{Lower, expr, named, small};
use crate::language::php::ast::{
    Argument, Cast, Expr, ExprKind, Function, Item, Op, Parameter, Statement, UnaryOp,
};

impl Lower<'_> {
    pub(super) fn expression(&mut self, node: Node) -> Expr {
        let kind = self.deeper(ExprKind::Unknown, |lower| lower.kind(node));
        expr(kind, node)
    }

    fn boxed(&mut self, node: Node) -> Box<Expr> {
        Box::new(self.expression(node))
    }

    fn field(&mut self, node: Node, name: &str) -> Box<Expr> {
        match node.child_by_field_name(name) {
            Some(child) => self.boxed(child),
            None => Box::new(expr(ExprKind::Unknown, node)),
        }
    }

    fn first(&mut self, node: Node) -> Box<Expr> {
        match named(node).first() {
            Some(child) => self.boxed(*child),
            None => Box::new(expr(ExprKind::Unknown, node)),
        }
    }

    fn kind(&mut self, node: Node) -> ExprKind {
        match node.kind() {
            "variable_name" => ExprKind::Variable(self.variable_name(node)),
            "string" => self.single_quoted(node),
            "encapsed_string" => self.concat(node),
            "heredoc" | "nowdoc" => self.heredoc(node),
            "integer" => self.integer(node),
            "float" => {
                let text = String::from_utf8_lossy(self.text(node)).replace('_', "");
                text.parse().map_or(ExprKind::Unknown, ExprKind::Float)
            }
            "boolean" => ExprKind::Bool(self.text(node).eq_ignore_ascii_case(b"true")),
            "null" => ExprKind::Null,
            "name" | "qualified_name" | "relative_name" | "relative_scope" => {
                ExprKind::Constant(self.last_name(node))
            }
            "parenthesized_expression" | "by_ref" | "argument" => self.first(node).kind,
            "dynamic_variable_name" => self.dynamic_variable(node),
            "subscript_expression" => self.subscript(node),
            "binary_expression" => self.binary(node),
            "function_call_expression" => ExprKind::Call(self.callee(node), self.arguments(node)),
            _ => self.rarer_kind(node),
        }
    }

    fn rarer_kind(&mut self, node: Node) -> ExprKind {
        match node.kind() {
            "assignment_expression" => {
                ExprKind::Assign(self.field(node, "left"), self.field(node, "right"))
            }
            "reference_assignment_expression" => {
                ExprKind::AssignRef(self.field(node, "left"), self.field(node, "right"))
            }
            "augmented_assignment_expression" => {
                let op = self.operator(node);
                ExprKind::AssignOp(op, self.field(node, "left"), self.field(node, "right"))
            }
            "update_expression" => ExprKind::Increment {
                by: if self.operator_text(node).starts_with(b"-") {
                    -1
                } else {
                    1
                },
                before: node.child(0).is_some_and(|child| !child.is_named()),
                target: self.field(node, "argument"),
            },
            "unary_op_expression" => self.unary(node),
            "error_suppression_expression"
            | "print_intrinsic"
            | "clone_expression"
            | "variadic_unpacking"
            | "yield_expression"
            | "array_element_initializer" => ExprKind::Unary(UnaryOp::Same, self.first(node)),
            "throw_expression" => ExprKind::Unary(UnaryOp::Throw, self.first(node)),
            "cast_expression" => ExprKind::Cast(self.cast(node), self.field(node, "value")),
            "conditional_expression" => {
                let then = node
                    .child_by_field_name("body")
                    .map(|then| self.boxed(then));
                ExprKind::Ternary(
                    self.field(node, "condition"),
                    then,
                    self.field(node, "alternative"),
                )
            }
            "include_expression"
            | "include_once_expression"
            | "require_expression"
            | "require_once_expression" => {
                self.program.includes = true;
                ExprKind::Include(self.first(node))
            }
            "shell_command_expression" => ExprKind::Shell(self.parts(node)),
            "sequence_expression" => ExprKind::Sequence(self.sequence(node)),
            "array_creation_expression" | "list_literal" => ExprKind::Array(self.items(node)),
            "match_expression" => self.matching(node),
            "anonymous_function" | "arrow_function" => ExprKind::Closure(self.closure(node)),
            _ => self.object_kind(node),
        }
    }

    fn object_kind(&mut self, node: Node) -> ExprKind {
        match node.kind() {
            "member_access_expression" | "nullsafe_member_access_expression" => {
                ExprKind::Property(self.field(node, "object"), self.member(node))
            }
            "member_call_expression" | "nullsafe_member_call_expression" => ExprKind::MethodCall(
                self.field(node, "object"),
                self.member(node),
                self.arguments(node),
            ),
            "scoped_property_access_expression" => ExprKind::StaticProperty(self.member(node)),
            "scoped_call_expression" => ExprKind::StaticCall(
                self.field(node, "scope"),
                self.member(node),
                self.arguments(node),
            ),
            "class_constant_access_expression" => {
                let parts = named(node);
                let name = parts.get(1).map(|name| self.name(*name));
                ExprKind::ClassConstant(self.first(node), name.unwrap_or_else(|| small(b"")))
            }
            "object_creation_expression" => self.object_creation(node),
            _ => ExprKind::Sequence(self.broken(node)),
        }
    }

    /// What stands inside something that isn't understood still runs, perhaps.
    fn broken(&mut self, node: Node) -> Vec<Expr> {
        let mut inside = Vec::new();
        for child in named(node) {
            inside.push(self.expression(child));
        }
        if inside.is_empty() {
            inside.push(expr(ExprKind::Unknown, node));
        }
        inside
    }

    fn object_creation(&mut self, node: Node) -> ExprKind {
        let class = named(node)
            .into_iter()
            .find(|child| child.kind() != "arguments");
        let made = match class {
            Some(class) if class.kind() == "anonymous_class" => {
                let class = self.class(class);
                Box::new(expr(ExprKind::Constant(class.name.clone()), node))
            }
            Some(class) => self.boxed(class),
            None => Box::new(expr(ExprKind::Unknown, node)),
        };
        let arguments = named(node)
            .into_iter()
            .find(|child| child.kind() == "arguments");
        let arguments = arguments.map(|list| self.argument_list(list));
        ExprKind::New(made, arguments.unwrap_or_default())
    }

    /// The name of a member: a word, a variable, or an expression in braces.
    fn member(&mut self, node: Node) -> Box<Expr> {
        match node.child_by_field_name("name") {
            Some(name) if name.kind() == "name" && !name.has_error() && name.child_count() == 0 => {
                Box::new(self.bytes_of(name))
            }
            Some(name) if name.kind() == "variable_name" => {
                let variable = self.expression(name);
                // `A::$x` names a property; `$a->$x` and `A::$x()` take the name from a variable.
                match (node.kind(), variable.kind) {
                    ("scoped_property_access_expression", ExprKind::Variable(name)) => {
                        Box::new(Expr {
                            kind: ExprKind::Bytes(Rc::new(name.to_vec())),
                            span: variable.span,
                        })
                    }
                    (_, kind) => Box::new(Expr {
                        kind,
                        span: variable.span,
                    }),
                }
            }
            Some(name) if name.kind() == "name" => self.first(name),
            Some(name) => self.boxed(name),
            None => Box::new(expr(ExprKind::Unknown, node)),
        }
    }

    fn callee(&mut self, node: Node) -> Box<Expr> {
        let Some(callee) = node.child_by_field_name("function") else {
            return Box::new(expr(ExprKind::Unknown, node));
        };
        self.boxed(callee)
    }

    fn arguments(&mut self, node: Node) -> Vec<Argument> {
        node.child_by_field_name("arguments")
            .map(|list| self.argument_list(list))
            .unwrap_or_default()
    }

    fn argument_list(&mut self, list: Node) -> Vec<Argument> {
        let mut arguments = Vec::new();
        for child in named(list) {
            let inner = named(child).into_iter().next_back().unwrap_or(child);
            let spread = inner.kind() == "variadic_unpacking";
            let value = match child.kind() {
                "argument" => self.expression(inner),
                _ => self.expression(child),
            };
            arguments.push(Argument { value, spread });
        }
        arguments
    }

    fn dynamic_variable(&mut self, node: Node) -> ExprKind {
        // `${name}` in a string names the variable.
        match named(node).first() {
            Some(name) if name.kind() == "name" => ExprKind::Variable(self.name(*name)),
            _ => ExprKind::VariableVariable(self.first(node)),
        }
    }

    fn subscript(&mut self, node: Node) -> ExprKind {
        let parts = named(node);
        let base = self.first(node);
        let key = parts.get(1).map(|key| self.boxed(*key));
        ExprKind::Index(base, key)
    }

    fn sequence(&mut self, node: Node) -> Vec<Expr> {
        // Comma lists nest to the right.
        let mut inside = Vec::new();
        let mut rest = Some(node);
        while let Some(list) = rest.take() {
            for child in named(list) {
                if child.kind() == "sequence_expression" {
                    rest = Some(child);
                } else {
                    inside.push(self.expression(child));
                }
            }
        }
        inside
    }

    fn items(&mut self, node: Node) -> Vec<Item> {
        let mut items = Vec::new();
        let children = match node.kind() {
            "list_literal" => return self.list_items(node),
            _ => named(node),
        };
        for child in children {
            let inner = named(child);
            let mut parts = inner.iter();
            let (key, value) = match (child.kind(), parts.next(), parts.next()) {
                ("array_element_initializer", Some(key), Some(value)) => {
                    (Some(self.expression(*key)), *value)
                }
                ("array_element_initializer", Some(value), None) => (None, *value),
                _ => (None, child),
            };
            items.push(Item {
                key,
                spread: value.kind() == "variadic_unpacking",
                value: self.expression(value),
            });
        }
        items
    }

    /// `list($a, , $b)` and `['k' => $a]` on the left of an assignment.
    fn list_items(&mut self, node: Node) -> Vec<Item> {
        let mut items = Vec::new();
        let mut cursor = node.walk();
        let children: Vec<Node> = node.children(&mut cursor).collect();
        let mut pending: Option<Expr> = None;
        let mut key = None;
        let mut opened = false;
        for child in children {
            match child.kind() {
                "list" => {}
                "(" | "[" if !opened => opened = true,
                "=>" => key = pending.take(),
                "," | ")" | "]" => {
                    let empty = || expr(ExprKind::Unknown, child);
                    items.push(Item {
                        key: key.take(),
                        value: pending.take().unwrap_or_else(empty),
                        spread: false,
                    });
                }
                _ if child.is_named() => pending = Some(self.expression(child)),
                _ => {}
            }
        }
        items
    }

    fn operator_text(&self, node: Node) -> &[u8] {
        node.child_by_field_name("operator")
            .map(|operator| self.text(operator))
            .unwrap_or_default()
    }

    fn operator(&self, node: Node) -> Op {
        let text = self.operator_text(node).to_ascii_lowercase();
        let text = match node.kind() {
            "augmented_assignment_expression" => text.strip_suffix(b"=").unwrap_or(&text),
            _ => &text,
        };
        match text {
            b"." => Op::Concat,
            b"+" => Op::Add,
            b"-" => Op::Subtract,
            b"*" => Op::Multiply,
            b"/" => Op::Divide,
            b"%" => Op::Modulo,
            b"**" => Op::Power,
            b"^" => Op::Xor,
            b"&" => Op::And,
            b"|" => Op::Or,
            b"<<" => Op::ShiftLeft,
            b">>" => Op::ShiftRight,
            b"&&" | b"and" => Op::BothTrue,
            b"||" | b"or" => Op::EitherTrue,
            b"xor" => Op::OneTrue,
            b"??" => Op::Coalesce,
            b"==" => Op::Equal,
            b"!=" | b"<>" => Op::NotEqual,
            b"===" => Op::Identical,
            b"!==" => Op::NotIdentical,
            b"<" => Op::Less,
            b"<=" => Op::LessEqual,
            b">" => Op::Greater,
            b">=" => Op::GreaterEqual,
            b"<=>" => Op::Compare,
            _ => Op::Other,
        }
    }

    /// Reads the left spine of one operator as a list.
    fn binary(&mut self, node: Node) -> ExprKind {
        let op = self.operator(node);
        let mut operands = Vec::new();
        let mut spine = node;
        loop {
            operands.extend(spine.child_by_field_name("right"));
            let Some(left) = spine.child_by_field_name("left") else {
                break;
            };
            if left.kind() == "binary_expression" && self.operator(left) == op {
                spine = left;
            } else {
                operands.push(left);
                break;
            }
        }
        let operands = operands
            .into_iter()
            .rev()
            .map(|operand| self.expression(operand));
        let operands = operands.collect();
        match op {
            Op::Concat => ExprKind::Concat(operands),
            _ => ExprKind::Binary(op, operands),
        }
    }

    fn unary(&mut self, node: Node) -> ExprKind {
        let sign = node.child(0).map(|sign| self.text(sign));
        let op = match sign.unwrap_or_default() {
            b"!" => UnaryOp::Not,
            b"~" => UnaryOp::Invert,
            b"-" => UnaryOp::Minus,
            b"+" => UnaryOp::Plus,
            _ => UnaryOp::Same,
        };
        ExprKind::Unary(op, self.first(node))
    }

    fn cast(&self, node: Node) -> Cast {
        let name = node
            .child_by_field_name("type")
            .map(|name| self.text(name).trim_ascii().to_ascii_lowercase());
        match name.unwrap_or_default().as_slice() {
            b"int" | b"integer" => Cast::Int,
            b"float" | b"double" | b"real" => Cast::Float,
            b"bool" | b"boolean" => Cast::Bool,
            b"array" => Cast::Array,
            b"object" => Cast::Object,
            b"unset" => Cast::Null,
            _ => Cast::Text,
        }
    }

    fn matching(&mut self, node: Node) -> ExprKind {
        let subject = self.field(node, "condition");
        let mut arms = Vec::new();
        let body = node.child_by_field_name("body");
        for arm in body.map(named).unwrap_or_default() {
            let conditions = arm.child_by_field_name("conditional_expressions");
            let conditions = conditions.map(named).unwrap_or_default();
            let conditions = conditions.into_iter().map(|one| self.expression(one));
            let conditions = conditions.collect();
            arms.push((conditions, *self.field(arm, "return_expression")));
        }
        ExprKind::Match(subject, arms)
    }

    fn closure(&mut self, node: Node) -> Rc<Function> {
        let arrow = node.kind() == "arrow_function";
        let mut uses = Vec::new();
        for clause in named(node) {
            if clause.kind() != "anonymous_function_use_clause" {
                continue;
            }
            for used in named(clause) {
                let by_reference = used.kind() == "by_ref";
                let variable = if by_reference {
                    named(used).first().copied()
                } else {
                    Some(used)
                };
                uses.extend(variable.map(|name| (self.variable_name(name), by_reference)));
            }
        }
        let parameters = self.parameters(node);
        let body = match node.child_by_field_name("body") {
            Some(body) if arrow => {
                let result = self.expression(body);
                vec![Statement::Return(Some(result))]
            }
            Some(body) => self.children(body),
            None => Vec::new(),
        };
        self.keep_function(Function {
            name: small(b""),
            parameters,
            uses,
            arrow,
            body,
        })
    }

    pub(super) fn parameters(&mut self, node: Node) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        let list = node.child_by_field_name("parameters");
        for one in list.map(named).unwrap_or_default() {
            let Some(name) = one.child_by_field_name("name") else {
                continue;
            };
            let name = match name.kind() {
                "by_ref" => named(name).first().copied().unwrap_or(name),
                _ => name,
            };
            let default = one.child_by_field_name("default_value");
            parameters.push(Parameter {
                name: self.variable_name(name),
                default: default.map(|default| self.expression(default)),
                by_reference: one.child_by_field_name("reference_modifier").is_some(),
                variadic: one.kind() == "variadic_parameter",
                promoted: one.kind() == "property_promotion_parameter",
            });
        }
        parameters
    }
}
