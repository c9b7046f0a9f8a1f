//! Writes steps from a syntax tree of Java, C# or JavaScript. The three grammars call most things alike.

mod finish;
mod text;

use std::collections::HashMap;
use std::ops::ControlFlow;

use tree_sitter::{Language, Node, ParseOptions, ParseState, Parser};

use super::code::{Code, Counter, Slot, Step};
use super::{Findings, Place};
use text::{number, simple, unescaped};

/// Steps of the parser between two looks at its bound; a look is about 100 parser operations. Stops texts that the
/// parser's error recovery takes minutes for.
const PARSER_LOOKS_MAX: usize = 60_000;
/// Nodes waiting to be visited. Stops trees of nothing but brackets.
const WAITING_MAX: usize = 2_000_000;

/// A grammar that can be lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// Java.
    Java,
    /// C#.
    CSharp,
    /// JavaScript, for JScript and JScript.NET.
    JavaScript,
}

impl Grammar {
    fn language(self) -> Language {
        match self {
            Grammar::Java => tree_sitter_java::LANGUAGE.into(),
            Grammar::CSharp => tree_sitter_c_sharp::LANGUAGE.into(),
            Grammar::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
        }
    }
}

/// Parses a text and writes its steps.
pub(crate) fn lower(grammar: Grammar, text: &str, found: &mut Findings) -> Code {
    let mut code = Code::default();
    let mut parser = Parser::new();
    if parser.set_language(&grammar.language()).is_err() {
        found.gap("the script's grammar could not be loaded");
        return code;
    }
    let mut looks = 0_usize;
    let mut watch = |_: &ParseState| {
        looks += 1;
        match looks > PARSER_LOOKS_MAX {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let bytes = text.as_bytes();
    let tree = parser.parse_with_options(
        &mut |offset, _| bytes.get(offset..).unwrap_or_default(),
        None,
        Some(ParseOptions::new().progress_callback(&mut watch)),
    );
    let Some(tree) = tree else {
        found.gap("the script takes too long to parse");
        return code;
    };
    code.broken = tree.root_node().has_error();
    let mut writer = Writer {
        text,
        code: &mut code,
        tasks: vec![Task::Visit(tree.root_node())],
        slots: Vec::new(),
        classes: HashMap::new(),
    };
    writer.write();
    code
}

enum Task<'t> {
    Visit(Node<'t>),
    Finish(Node<'t>, usize),
    Begin(Node<'t>, String),
    EndFunction,
    Loop(Node<'t>),
    EndLoop,
    Assign(Node<'t>, String, Declared),
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Declared {
    Here,
    Elsewhere,
}

struct Writer<'t, 'c> {
    text: &'t str,
    code: &'c mut Code,
    tasks: Vec<Task<'t>>,
    slots: Vec<Slot>,
    classes: HashMap<usize, &'t str>,
}

fn place(node: Node<'_>) -> Place {
    Place {
        offset: node.start_byte(),
        length: node.end_byte().saturating_sub(node.start_byte()),
    }
}

impl<'t> Writer<'t, '_> {
    fn write(&mut self) {
        while let Some(task) = self.tasks.pop() {
            if self.code.cut || self.tasks.len() > WAITING_MAX {
                self.code.cut = true;
                return;
            }
            match task {
                Task::Visit(node) => self.visit(node),
                Task::Finish(node, count) => {
                    let from = self.slots.len().saturating_sub(count);
                    let operands = self.slots.split_off(from);
                    let slot = self.finish(node, &operands);
                    self.slots.push(slot);
                }
                Task::Begin(node, name) => self.begin(node, &name),
                Task::EndFunction => self.code.end(),
                Task::Loop(node) => self.begin_loop(node),
                Task::EndLoop => {
                    self.code.push(Step::EndLoop, Place::default());
                }
                Task::Assign(node, name, declared) => self.assign(node, &name, declared),
                Task::Drop => {
                    self.slots.pop();
                }
            }
        }
    }

    fn of(&self, node: Node<'_>) -> &'t str {
        self.text
            .get(node.start_byte()..node.end_byte())
            .unwrap_or_default()
    }

    fn field(&self, node: Node<'t>, name: &str) -> Option<Node<'t>> {
        node.child_by_field_name(name)
    }

    /// Visits the nodes in order; their slots are the operands of `node`.
    fn visit_all(&mut self, node: Node<'t>, operands: &[Node<'t>]) {
        self.tasks.push(Task::Finish(node, operands.len()));
        for &operand in operands.iter().rev() {
            self.tasks.push(Task::Visit(operand));
        }
    }

    fn children(node: Node<'t>) -> Vec<Node<'t>> {
        let mut cursor = node.walk();
        node.named_children(&mut cursor)
            .filter(|child| !child.is_extra())
            .collect()
    }

    fn fields(&mut self, node: Node<'t>, names: &[&str]) {
        let operands: Vec<Node<'t>> = names
            .iter()
            .filter_map(|name| self.field(node, name))
            .collect();
        self.visit_all(node, &operands);
    }

    fn visit(&mut self, node: Node<'t>) {
        match node.kind() {
            "binary_expression" | "assignment_expression" | "augmented_assignment_expression" => {
                self.visit_pair(node);
            }
            "method_invocation" | "invocation_expression" | "call_expression" => {
                self.visit_call(node);
            }
            "object_creation_expression" | "new_expression" => self.visit_creation(node),
            "array_access" => self.fields(node, &["array", "index"]),
            "element_access_expression" => self.fields(node, &["expression", "subscript"]),
            "subscript_expression" => self.fields(node, &["object", "index"]),
            "field_access" | "member_expression" => self.fields(node, &["object"]),
            "member_access_expression" => self.fields(node, &["expression"]),
            "conditional_access_expression" => {
                let operands = Self::children(node);
                self.visit_all(node, &operands);
            }
            "cast_expression" => self.fields(node, &["value"]),
            "as_expression" => self.fields(node, &["left"]),
            "pair" => self.fields(node, &["value"]),
            "variable_declarator" => self.visit_declarator(node),
            "local_variable_declaration" | "field_declaration" | "variable_declaration" => {
                self.visit_declaration(node);
            }
            "enhanced_for_statement" | "for_in_statement" | "foreach_statement" => {
                self.visit_each(node);
            }
            "for_statement" | "while_statement" | "do_statement" => self.visit_loop(node),
            "method_declaration"
            | "constructor_declaration"
            | "function_declaration"
            | "function_expression"
            | "local_function_statement"
            | "method_definition"
            | "property_declaration"
            | "lambda_expression"
            | "arrow_function"
            | "function"
            | "anonymous_method_expression" => self.visit_function(node),
            kind if is_skipped(kind) => {
                let slot = self.code.push(Step::Nothing, place(node));
                self.slots.push(slot);
            }
            _ if self.is_leaf(node) => {
                let slot = self.leaf(node);
                self.slots.push(slot);
            }
            _ => {
                let operands = Self::children(node);
                self.visit_all(node, &operands);
            }
        }
    }

    fn is_leaf(&self, node: Node<'_>) -> bool {
        node.named_child_count() == 0
            || matches!(
                node.kind(),
                "string_literal"
                    | "string"
                    | "verbatim_string_literal"
                    | "character_literal"
                    | "raw_string_literal"
                    | "typeof_expression"
                    | "qualified_name"
                    | "regex"
            )
    }

    fn leaf(&mut self, node: Node<'_>) -> Slot {
        let text = self.of(node);
        let at = place(node);
        let step = match node.kind() {
            "string_literal" | "string" | "raw_string_literal" | "text_block" => {
                Step::Text(unescaped(text.trim_matches(['"', '\''])).into())
            }
            "verbatim_string_literal" => {
                let inner = text.trim_start_matches('@').trim_matches('"');
                Step::Text(inner.replace("\"\"", "\"").into())
            }
            "character_literal" => {
                let inner = unescaped(text.trim_matches('\''));
                Step::Number(inner.chars().next().map_or(0, |c| i64::from(u32::from(c))))
            }
            "string_content" | "string_literal_content" => Step::Text(text.into()),
            "identifier"
            | "property_identifier"
            | "this"
            | "this_expression"
            | "shorthand_property_identifier"
            | "field_identifier" => {
                return self.named(text, at);
            }
            "qualified_name" | "typeof_expression" | "scoped_identifier" => {
                let last = text
                    .trim_end_matches(')')
                    .rsplit(['.', '('])
                    .next()
                    .unwrap_or_default();
                return self.named(last, at);
            }
            kind if kind.contains("integer") || kind == "number" => {
                number(text).map_or(Step::Nothing, Step::Number)
            }
            _ => Step::Nothing,
        };
        self.code.push(step, at)
    }

    fn named(&mut self, name: &str, at: Place) -> Slot {
        let symbol = self.code.symbol(&unescaped(name));
        let variable = self.code.variable(symbol);
        self.code.push(Step::Name(variable, symbol), at)
    }

    fn visit_pair(&mut self, node: Node<'t>) {
        let (Some(left), Some(right)) = (self.field(node, "left"), self.field(node, "right"))
        else {
            let operands = Self::children(node);
            return self.visit_all(node, &operands);
        };
        let assigns = node.kind() != "binary_expression";
        match (assigns, left.kind()) {
            (true, "field_access" | "member_expression") => {
                let object = self.field(left, "object").unwrap_or(left);
                self.visit_all(node, &[object, right]);
            }
            (true, "member_access_expression") => {
                let object = self.field(left, "expression").unwrap_or(left);
                self.visit_all(node, &[object, right]);
            }
            _ => self.visit_all(node, &[left, right]),
        }
    }

    fn arguments(&self, node: Node<'t>) -> Vec<Node<'t>> {
        let Some(list) = self.field(node, "arguments") else {
            return Vec::new();
        };
        Self::children(list)
    }

    fn visit_call(&mut self, node: Node<'t>) {
        let mut operands = Vec::new();
        match node.kind() {
            "method_invocation" => operands.extend(self.field(node, "object")),
            _ => {
                if let Some(function) = self.field(node, "function") {
                    match self.callee(function) {
                        Callee::Member(object, _) => operands.push(object),
                        Callee::Name(_) => {}
                        Callee::Other => operands.push(function),
                    }
                }
            }
        }
        operands.extend(self.arguments(node));
        self.visit_all(node, &operands);
    }

    fn callee(&self, function: Node<'t>) -> Callee<'t> {
        match function.kind() {
            "member_access_expression" | "member_expression" => {
                let object = self
                    .field(function, "expression")
                    .or_else(|| self.field(function, "object"));
                let name = self
                    .field(function, "name")
                    .or_else(|| self.field(function, "property"));
                match (object, name) {
                    (Some(object), Some(name)) => Callee::Member(object, self.plain(name)),
                    _ => Callee::Other,
                }
            }
            "identifier" | "generic_name" => Callee::Name(self.plain(function)),
            _ => Callee::Other,
        }
    }

    /// A name without what it is generic over.
    fn plain(&self, node: Node<'t>) -> &'t str {
        let text = self.of(node);
        text.split('<').next().unwrap_or(text).trim()
    }

    fn visit_creation(&mut self, node: Node<'t>) {
        let mut operands = self.arguments(node);
        operands.extend(self.field(node, "initializer"));
        let mut cursor = node.walk();
        let body = node
            .named_children(&mut cursor)
            .find(|child| child.kind() == "class_body");
        operands.extend(body);
        self.visit_all(node, &operands);
    }

    /// The class stands before the variables; looking upwards for it later would be slow.
    fn visit_declaration(&mut self, node: Node<'t>) {
        let children = Self::children(node);
        if let Some(class) = self.field(node, "type") {
            let class = self.of(class);
            for child in &children {
                self.classes.insert(child.id(), class);
            }
        }
        self.visit_all(node, &children);
    }

    fn visit_declarator(&mut self, node: Node<'t>) {
        let name = self.field(node, "name");
        let value = self.field(node, "value").or_else(|| {
            Self::children(node)
                .into_iter()
                .rev()
                .find(|child| Some(*child) != name)
        });
        let operands: Vec<Node<'t>> = value.into_iter().collect();
        self.visit_all(node, &operands);
    }

    fn visit_each(&mut self, node: Node<'t>) {
        let (item, from) = match node.kind() {
            "enhanced_for_statement" => ("name", "value"),
            _ => ("left", "right"),
        };
        let name = self.field(node, item).map_or("", |item| {
            self.of(item).rsplit([' ', '\t']).next().unwrap_or_default()
        });
        let body = self.field(node, "body");
        self.tasks.push(Task::Finish(node, 0));
        self.tasks.push(Task::EndLoop);
        if let Some(body) = body {
            self.tasks.push(Task::Drop);
            self.tasks.push(Task::Visit(body));
        }
        self.tasks.push(Task::Loop(node));
        if let Some(from) = self.field(node, from) {
            self.tasks
                .push(Task::Assign(node, name.to_owned(), Declared::Here));
            self.tasks.push(Task::Visit(from));
        }
    }

    fn visit_loop(&mut self, node: Node<'t>) {
        self.tasks.push(Task::Finish(node, 0));
        self.tasks.push(Task::EndLoop);
        let body = self.field(node, "body");
        let others: Vec<Node<'t>> = Self::children(node)
            .into_iter()
            .filter(|child| Some(*child) != body)
            .collect();
        if let Some(body) = body {
            self.tasks.push(Task::Drop);
            self.tasks.push(Task::Visit(body));
        }
        self.tasks.push(Task::Loop(node));
        for other in others.into_iter().rev() {
            self.tasks.push(Task::Drop);
            self.tasks.push(Task::Visit(other));
        }
    }

    /// `for (i = 0; i < n; i++)` is followed round by round; of other loops one round is.
    fn begin_loop(&mut self, node: Node<'t>) {
        let counter = self.counter(node);
        self.code.push(Step::Loop(counter), place(node));
    }

    fn counter(&mut self, node: Node<'t>) -> Option<Counter> {
        if node.kind() != "for_statement" {
            return None;
        }
        let condition = self.field(node, "condition")?;
        let condition = match condition.kind() {
            "expression_statement" => condition.named_child(0)?,
            _ => condition,
        };
        let left = self.field(condition, "left")?;
        let operator = self.of(self.field(condition, "operator")?);
        let right = condition.child_by_field_name("right")?;
        if left.kind() != "identifier" || !matches!(operator, "<" | "<=") {
            return None;
        }
        let symbol = self.code.symbol(self.of(left));
        let variable = self.code.variable(symbol);
        let from = self.code.push(Step::Name(variable, symbol), place(left));
        // The limit was visited just before; its step is the last that stands at its place.
        let last = self.code.steps.len().saturating_sub(64);
        let found = (last..self.code.steps.len())
            .rev()
            .find(|&at| self.code.place(at) == place(right))?;
        let limit = u32::try_from(found).ok()?;
        let one = self
            .code
            .push(Step::Number(i64::from(operator == "<")), place(right));
        let to = self
            .code
            .push(Step::Operate(b'-', limit, one), place(right));
        Some(Counter {
            variable,
            from,
            to,
            by: None,
        })
    }

    fn visit_function(&mut self, node: Node<'t>) {
        let name = self
            .field(node, "name")
            .map_or_else(String::new, |name| self.of(name).to_owned());
        let body = self
            .field(node, "body")
            .or_else(|| self.field(node, "accessors"))
            .or_else(|| self.field(node, "value"))
            .or_else(|| Self::children(node).into_iter().last());
        self.tasks.push(Task::Finish(node, 0));
        self.tasks.push(Task::EndFunction);
        if let Some(body) = body {
            match body.kind().ends_with("expression") || body.kind() == "identifier" {
                true => self
                    .tasks
                    .push(Task::Assign(node, String::new(), Declared::Elsewhere)),
                false => self.tasks.push(Task::Drop),
            }
            self.tasks.push(Task::Visit(body));
        }
        self.tasks.push(Task::Begin(node, name));
    }

    fn begin(&mut self, node: Node<'t>, name: &str) {
        let list = self
            .field(node, "parameters")
            .or_else(|| self.field(node, "parameter"));
        let mut names: Vec<&str> = Vec::new();
        let mut classes: Vec<Option<&str>> = Vec::new();
        for parameter in list.map(Self::children).unwrap_or_default() {
            let named = self.field(parameter, "name").unwrap_or(parameter);
            names.push(self.of(named));
            classes.push(self.field(parameter, "type").map(|class| self.of(class)));
        }
        if let (Some(list), true) = (list, names.is_empty())
            && list.kind() == "identifier"
        {
            names.push(self.of(list));
        }
        self.code.begin(name, &names, place(node));
        for (name, class) in names.iter().zip(classes) {
            if let Some(class) = class {
                self.declare(name, class, place(node));
            }
        }
    }

    fn declare(&mut self, name: &str, class: &str, at: Place) -> u32 {
        let symbol = self.code.symbol(name);
        let variable = self.code.declare(symbol);
        let class = simple(class);
        let class = self.code.symbol(class);
        self.code.push(Step::Declare(variable, class), at);
        variable
    }

    fn assign(&mut self, node: Node<'t>, name: &str, declared: Declared) {
        let Some(value) = self.slots.pop() else {
            return;
        };
        let variable = match (name.is_empty(), declared) {
            (true, _) => self.code.current().map(|function| function.result),
            (false, Declared::Here) => {
                let symbol = self.code.symbol(name);
                Some(self.code.declare(symbol))
            }
            (false, Declared::Elsewhere) => {
                let symbol = self.code.symbol(name);
                Some(self.code.variable(symbol))
            }
        };
        if let Some(variable) = variable {
            self.code.push(Step::Assign(variable, value), place(node));
        }
    }
}

enum Callee<'t> {
    Member(Node<'t>, &'t str),
    Name(&'t str),
    Other,
}

/// Nodes whose content does nothing.
fn is_skipped(kind: &str) -> bool {
    matches!(
        kind,
        "parameter"
            | "formal_parameter"
            | "type_identifier"
            | "modifiers"
            | "modifier"
            | "predefined_type"
            | "generic_type"
            | "type_arguments"
            | "import_declaration"
            | "using_directive"
            | "comment"
            | "line_comment"
            | "block_comment"
            | "base_list"
            | "superclass"
            | "super_interfaces"
            | "annotation"
            | "marker_annotation"
            | "attribute_list"
            | "formal_parameters"
            | "parameter_list"
            | "class_literal"
            | "type_parameter_list"
            | "string_fragment"
            | "escape_sequence"
    )
}
