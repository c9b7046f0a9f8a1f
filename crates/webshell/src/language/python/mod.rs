//! Webshells in Python: CGI programs, handlers and views of web frameworks.

mod call;
mod definition;
mod names;
mod syntax;
#[cfg(test)]
mod tests;
mod text;

use std::sync::LazyLock;

use crate::evidence::Evidence;
use crate::language::flow::node::{Function, Node, Role};
use crate::language::flow::value::Value;
use crate::language::flow::words::{Words, among};
use crate::language::flow::{Dialect, Invocation, Machine};

/// Words without which a script is no webshell.
static WORDS: LazyLock<Option<Words>> = LazyLock::new(|| {
    Words::new([
        names::INPUT_WORDS,
        names::RUN_WORDS,
        names::HIDING_WORDS,
        names::OPENING_WORDS,
    ])
});

/// Words by which a script is a CGI program, whose standard input is the request's body.
const CGI_WORDS: [&[u8]; 6] = [
    b"CONTENT_LENGTH",
    b"REQUEST_METHOD",
    b"QUERY_STRING",
    b"Content-Type:",
    b"Content-type:",
    b"content-type:",
];

/// Looks at one script.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    let Some(words) = &*WORDS else { return };
    if !words.worth_a_look(content) {
        return;
    }
    let Some(script) = syntax::lower(content, evidence) else {
        return;
    };
    let cgi = CGI_WORDS
        .iter()
        .any(|word| memchr::memmem::find(content, word).is_some());
    let dialect = Python { cgi };
    Machine::new(&dialect, evidence).walk(&script);
}

/// What Python's library and the common frameworks provide.
struct Python {
    /// Whether standard input is a request's body.
    cgi: bool,
}

impl Dialect for Python {
    fn parse(&self, code: &[u8], evidence: &mut Evidence) -> Option<Node> {
        syntax::lower(code, evidence)
    }

    fn name(&self, name: &str) -> Value {
        match name {
            "__builtins__" | "__builtin__" => Value::entity("builtins"),
            "request" => Value::entity("request"),
            // Names of the language; any other is as good as one.
            name if among(names::BUILTINS, name) => Value::entity(name),
            "os" | "subprocess" | "commands" | "cgi" | "sys" => Value::entity(name),
            _ => Value::unknown(),
        }
    }

    fn member(&self, machine: &mut Machine<'_>, object: &Value, name: &str) -> Option<Value> {
        names::member(machine, object, name)
    }

    fn call(&self, machine: &mut Machine<'_>, invocation: &Invocation<'_>) -> Option<Value> {
        call::call(self, machine, invocation)
    }

    fn parameter(&self, function: &Function, index: usize, name: &str) -> Value {
        let first = index == 0;
        match (function.role, name) {
            (Role::Method, _) if first => Value::entity("self"),
            (Role::HandlerMethod | Role::RouteMethod, _) if first => Value::entity("handler"),
            (_, "request") => Value::entity("request"),
            (_, "req") if index <= 1 => Value::entity("request"),
            (_, "environ" | "env") if takes(function, "start_response") || first => {
                Value::entity("environ")
            }
            (_, "scope") if takes(function, "receive") => Value::entity("environ"),
            (_, "receive") if takes(function, "send") => Value::entity("request.receive"),
            (_, "websocket" | "ws") => Value::entity("websocket"),
            (_, "conn" | "connection" | "sock" | "client_socket" | "clientsocket") => {
                Value::entity("connection")
            }
            (Role::HandlerMethod, _) if among(names::HANDLERS, &function.name) => Value::request(),
            (
                Role::Route | Role::RouteMethod,
                "self" | "db" | "session" | "user" | "current_user" | "response",
            ) => Value::unknown(),
            (Role::Route | Role::RouteMethod, _) => Value::request(),
            _ => Value::unknown(),
        }
    }
}

fn takes(function: &Function, name: &str) -> bool {
    function
        .params
        .iter()
        .any(|param| matches!(&param.target, Node::Name(known) if &**known == name))
}
