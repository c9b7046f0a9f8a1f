//! Webshells in Perl: CGI programs, handlers of mod_perl and of the common frameworks.

mod call;
mod expression;
mod names;
mod parser;
mod quote;
mod term;
#[cfg(test)]
mod tests;
mod variable;

use std::sync::LazyLock;

use crate::evidence::Evidence;
use crate::language::flow::node::{Function, Node};
use crate::language::flow::value::Value;
use crate::language::flow::words::Words;
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
    let cgi = CGI_WORDS
        .iter()
        .any(|word| memchr::memmem::find(content, word).is_some());
    let script = parser::parse(content, evidence);
    Machine::new(&Perl { cgi }, evidence).walk(&script);
}

/// What Perl and its common modules provide.
struct Perl {
    /// Whether standard input is a request's body.
    cgi: bool,
}

impl Dialect for Perl {
    fn parse(&self, code: &[u8], evidence: &mut Evidence) -> Option<Node> {
        Some(parser::parse(code, evidence))
    }

    fn name(&self, name: &str) -> Value {
        names::name(self.cgi, name)
    }

    fn member(&self, _machine: &mut Machine<'_>, object: &Value, name: &str) -> Option<Value> {
        names::member(object, name)
    }

    fn call(&self, machine: &mut Machine<'_>, invocation: &Invocation<'_>) -> Option<Value> {
        call::call(machine, invocation)
    }

    fn parameter(&self, _function: &Function, _index: usize, _name: &str) -> Value {
        Value::unknown()
    }
}
