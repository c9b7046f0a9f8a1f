//! Writes the step of a node once its operands are written.

use tree_sitter::Node;

use super::super::Place;
use super::super::code::{Slot, Step, Target};
use super::text::{simple, unescaped};
use super::{Callee, Writer, place};

impl<'t> Writer<'t, '_> {
    pub(super) fn finish(&mut self, node: Node<'t>, operands: &[Slot]) -> Slot {
        let at = place(node);
        let kind = node.kind();
        let step = match kind {
            "binary_expression" => self.binary(node, operands),
            "assignment_expression" | "augmented_assignment_expression" => {
                return self.assignment(node, operands, at);
            }
            "method_invocation" | "invocation_expression" | "call_expression" => {
                self.called(node, operands)
            }
            "object_creation_expression" | "new_expression" => self.created(node, operands),
            "array_access" | "element_access_expression" | "subscript_expression" => match operands
            {
                [object, key] => Step::Index(*object, *key),
                _ => Step::Any(operands.into()),
            },
            "field_access" | "member_expression" | "member_access_expression" => {
                let name = ["field", "property", "name"]
                    .iter()
                    .find_map(|field| self.field(node, field))
                    .map_or("", |name| self.plain(name));
                let symbol = self.code.symbol(&unescaped(name));
                match operands {
                    [object] => Step::Member(*object, symbol),
                    _ => Step::Nothing,
                }
            }
            "cast_expression" | "as_expression" => {
                let class = self
                    .field(node, "type")
                    .or_else(|| self.field(node, "right"))
                    .map_or("", |class| simple(self.of(class)));
                let class = self.code.symbol(class);
                match operands {
                    [value] => Step::Cast(class, *value),
                    _ => Step::Nothing,
                }
            }
            "variable_declarator" => return self.declared(node, operands, at),
            "return_statement" | "arrow_expression_clause" => {
                return self.returned(operands, at);
            }
            "interpolated_string_expression" | "template_string" => Step::Join(operands.into()),
            "array_initializer" | "initializer_expression" | "array" | "collection_expression" => {
                Step::List(operands.into())
            }
            "string_content" | "string_literal_content" => Step::Text(self.of(node).into()),
            kind if kind.ends_with("_statement") || kind == "block" || kind == "program" => {
                Step::Nothing
            }
            "statement_block" | "class_body" | "declaration_list" | "compilation_unit"
            | "switch_block" | "switch_body" => Step::Nothing,
            _ => match operands {
                [] => Step::Nothing,
                [only] => return *only,
                _ => Step::Any(operands.into()),
            },
        };
        self.code.push(step, at)
    }

    fn returned(&mut self, operands: &[Slot], at: Place) -> Slot {
        let result = self.code.current().map(|function| function.result);
        // What stands in for a failure is not what the function gives.
        let empty = operands
            .iter()
            .all(|&slot| match self.code.steps.get(slot as usize) {
                Some(Step::Text(text)) => text.is_empty(),
                Some(Step::Nothing) => true,
                _ => false,
            });
        match (result, operands) {
            (Some(result), [value, ..]) if !empty => {
                self.code.push(Step::Assign(result, *value), at)
            }
            _ => self.code.push(Step::Nothing, at),
        }
    }

    fn binary(&mut self, node: Node<'t>, operands: &[Slot]) -> Step {
        let operator = self
            .field(node, "operator")
            .map_or("", |operator| self.of(operator));
        match (operator, operands) {
            ("+", [left, right]) => Step::Join([*left, *right].into()),
            ("-" | "*" | "/" | "%" | "^" | "&" | "|", [left, right]) => {
                let code = operator.as_bytes().first().copied().unwrap_or(0);
                Step::Operate(code, *left, *right)
            }
            ("<<", [left, right]) => Step::Operate(b'<', *left, *right),
            (">>", [left, right]) => Step::Operate(b'>', *left, *right),
            ("??" | "||" | "&&", _) => Step::Any(operands.into()),
            _ => Step::Nothing,
        }
    }

    fn assignment(&mut self, node: Node<'t>, operands: &[Slot], at: Place) -> Slot {
        let (Some(left), [target, value]) = (self.field(node, "left"), operands) else {
            return self.code.push(Step::Any(operands.into()), at);
        };
        let operator = self
            .field(node, "operator")
            .map_or("=", |operator| self.of(operator));
        match left.kind() {
            "field_access" | "member_expression" | "member_access_expression" => {
                let name = ["field", "property", "name"]
                    .iter()
                    .find_map(|field| self.field(left, field))
                    .map_or("", |name| self.plain(name));
                let symbol = self.code.symbol(&unescaped(name));
                let own = matches!(
                    self.code.steps.get(*target as usize),
                    Some(Step::Name(_, of)) if self.code.name(*of) == "this"
                );
                match own || operator == "+=" {
                    true => {
                        let variable = self.code.field_or_new(symbol);
                        self.assigned(variable, operator, *value, at)
                    }
                    false => self
                        .code
                        .push(Step::AssignMember(*target, symbol, *value), at),
                }
            }
            "identifier" => {
                let symbol = self.code.symbol(&unescaped(self.of(left)));
                let variable = self.code.variable(symbol);
                self.assigned(variable, operator, *value, at)
            }
            _ => {
                let symbol = self.code.symbol("[]");
                let object = match self.code.steps.get(*target as usize) {
                    Some(Step::Index(object, _)) => *object,
                    _ => *target,
                };
                self.code
                    .push(Step::AssignMember(object, symbol, *value), at)
            }
        }
    }

    fn assigned(&mut self, variable: u32, operator: &str, value: Slot, at: Place) -> Slot {
        let step = match operator {
            "+=" => Step::Append(variable, value),
            _ => Step::Assign(variable, value),
        };
        self.code.push(step, at)
    }

    fn called(&mut self, node: Node<'t>, operands: &[Slot]) -> Step {
        let (name, member) = match node.kind() {
            "method_invocation" => {
                let name = self.field(node, "name").map_or("", |name| self.of(name));
                (name, self.field(node, "object").is_some())
            }
            _ => match self.field(node, "function").map(|f| self.callee(f)) {
                Some(Callee::Member(_, name)) => (name, true),
                Some(Callee::Name(name)) => (name, false),
                _ => {
                    return match operands.split_first() {
                        Some((callee, arguments)) => Step::CallValue(*callee, arguments.into()),
                        None => Step::Nothing,
                    };
                }
            },
        };
        let symbol = self.code.symbol(&unescaped(name));
        match (member, operands.split_first()) {
            (true, Some((object, arguments))) => {
                Step::Call(Target::Object(*object), symbol, arguments.into())
            }
            _ => {
                let variable = self.code.variable(symbol);
                Step::Call(Target::Own(variable), symbol, operands.into())
            }
        }
    }

    fn created(&mut self, node: Node<'t>, operands: &[Slot]) -> Step {
        let class = self
            .field(node, "type")
            .or_else(|| self.field(node, "constructor"))
            .map_or("", |class| self.of(class));
        let full = class.split('<').next().unwrap_or_default().trim();
        let class = match full.contains("bcel") {
            true => "bcelclassloader",
            false => simple(full),
        };
        let symbol = self.code.symbol(&unescaped(class));
        Step::Create(symbol, operands.into())
    }

    fn declared(&mut self, node: Node<'t>, operands: &[Slot], at: Place) -> Slot {
        let name = self.field(node, "name").map_or("", |name| self.of(name));
        let class = self.classes.get(&node.id()).copied().unwrap_or_default();
        let variable = self.declare(&unescaped(name), class, at);
        match operands {
            [value, ..] => self.code.push(Step::Assign(variable, *value), at),
            [] => self.code.push(Step::Nothing, at),
        }
    }
}
