//! Python's functions, classes and imports brought into the common form.

use std::rc::Rc;

use tree_sitter::Node as Syntax;

use super::syntax::{Lowering, assign};
use crate::language::flow::node::{Class, Function, Name, Node, Param, Role};

/// Names that `from module import *` brings, for modules whose names matter.
const STARS: [(&str, &[&str]); 5] = [
    (
        "os",
        &[
            "system", "popen", "environ", "getenv", "execv", "listdir", "remove",
        ],
    ),
    (
        "subprocess",
        &[
            "Popen",
            "call",
            "run",
            "check_output",
            "getoutput",
            "getstatusoutput",
        ],
    ),
    (
        "base64",
        &["b64decode", "b32decode", "b16decode", "b85decode"],
    ),
    ("commands", &["getoutput", "getstatusoutput"]),
    ("socket", &["socket"]),
];

/// Parts of decorators that name a route or a hook of requests.
const ROUTES: [&str; 16] = [
    ".on(",
    ".event",
    ".route",
    ".get(",
    ".post(",
    ".put(",
    ".delete(",
    ".patch(",
    ".websocket(",
    "expose",
    ".view",
    "api_route",
    ".head(",
    ".options(",
    "http_method",
    "@route",
];

impl Lowering<'_> {
    pub(super) fn params(&mut self, node: Syntax<'_>) -> Vec<Param> {
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        let mut params = Vec::new();
        for child in children {
            let typed = child
                .child_by_field_name("type")
                .map(|kind| self.word(kind))
                .unwrap_or_default();
            let given = child.child_by_field_name("value");
            let words = given.map(|value| self.word(value)).unwrap_or_default();
            let rest = matches!(
                child.kind(),
                "list_splat_pattern" | "dictionary_splat_pattern"
            );
            let target = match child.kind() {
                "default_parameter" | "typed_default_parameter" => self.field(child, "name"),
                "typed_parameter" => self.first(child),
                "comment" | "keyword_separator" | "positional_separator" => continue,
                _ => self.node(child),
            };
            let harmless = ["int", "float", "bool", "UUID", "date", "datetime"]
                .iter()
                .any(|kind| typed.trim_start_matches("Optional[").starts_with(kind))
                || words.contains("Depends(");
            let default = given.map(|value| self.node(value));
            params.push(Param {
                target,
                default,
                harmless,
                rest,
            });
        }
        params
    }

    pub(super) fn function(&mut self, node: Syntax<'_>, role: Role) -> Node {
        let name: Name = match node.child_by_field_name("name") {
            Some(name) => self.word(name).into(),
            None => "".into(),
        };
        let class = std::mem::replace(&mut self.class, Role::Plain);
        let shared = std::mem::take(&mut self.shared);
        let params = match node.child_by_field_name("parameters") {
            Some(params) => self.params(params),
            None => Vec::new(),
        };
        let body = self.field(node, "body");
        self.class = class;
        let role = if class == Role::Plain { role } else { class };
        let function = Node::Function(Rc::new(Function {
            name: name.clone(),
            params,
            body,
            role,
            shared: std::mem::replace(&mut self.shared, shared),
        }));
        assign(Node::Name(name), function)
    }

    pub(super) fn class(&mut self, node: Syntax<'_>) -> Node {
        let name = match node.child_by_field_name("name") {
            Some(name) => self.word(name),
            None => return Node::Nothing,
        };
        let bases = match node.child_by_field_name("superclasses") {
            Some(bases) => self.word(bases),
            None => String::new(),
        };
        let handler = [
            "RequestHandler",
            "WebSocketHandler",
            "Resource",
            "WebSocket",
        ]
        .iter()
        .any(|base| bases.contains(base));
        let role = if handler {
            Role::HandlerMethod
        } else {
            Role::Method
        };
        let class = std::mem::replace(&mut self.class, role);
        let body = self.field(node, "body");
        self.class = class;
        let mut members = Vec::new();
        let mut rest = Vec::new();
        let nodes = match body {
            Node::Block(nodes) => nodes,
            other => vec![other],
        };
        for node in nodes {
            match node {
                Node::Assign(assign) => match assign.target {
                    Node::Name(name) => members.push((name, assign.value)),
                    target => rest.push(target),
                },
                other => rest.push(other),
            }
        }
        rest.push(Node::Class(Rc::new(Class {
            name: name.into(),
            members,
        })));
        Node::Block(rest)
    }

    pub(super) fn decorated(&mut self, node: Syntax<'_>) -> Node {
        let mut cursor = node.walk();
        let children: Vec<_> = node.named_children(&mut cursor).collect();
        let route = children.iter().any(|child| {
            let word = self.word(*child);
            child.kind() == "decorator" && ROUTES.iter().any(|route| word.contains(route))
        });
        let role = if route { Role::Route } else { Role::Plain };
        let within = self.class;
        let definition = node.child_by_field_name("definition");
        match definition {
            Some(definition) if definition.kind() == "function_definition" => {
                if route && within != Role::Plain {
                    self.class = Role::RouteMethod;
                }
                let lowered = self.function(definition, role);
                self.class = within;
                lowered
            }
            Some(definition) => self.node(definition),
            None => Node::Nothing,
        }
    }

    pub(super) fn import(&mut self, node: Syntax<'_>) -> Node {
        let module = node
            .child_by_field_name("module_name")
            .map(|module| self.word(module));
        let mut cursor = node.walk();
        let names: Vec<_> = node.children_by_field_name("name", &mut cursor).collect();
        let mut assigns = Vec::new();
        for name in names {
            let (imported, alias) = match name.kind() {
                "aliased_import" => {
                    let part = |field| name.child_by_field_name(field).map(|part| self.word(part));
                    (part("name").unwrap_or_default(), part("alias"))
                }
                _ => (self.word(name), None),
            };
            let (target, entity) = match (&module, alias) {
                (Some(module), alias) => {
                    let entity = format!("{module}.{imported}");
                    (alias.unwrap_or(imported), entity)
                }
                (None, Some(alias)) => (alias, imported),
                (None, None) => {
                    let top = imported.split('.').next().unwrap_or_default().to_owned();
                    (top.clone(), top)
                }
            };
            assigns.push(assign(Node::name(&target), Node::Entity(entity.into())));
        }
        let star = module.filter(|_| assigns.is_empty());
        for (module, names) in STARS {
            if star.as_deref() == Some(module) {
                for name in names {
                    let entity = format!("{module}.{name}");
                    assigns.push(assign(Node::name(name), Node::Entity(entity.into())));
                }
            }
        }
        Node::Block(assigns)
    }
}
