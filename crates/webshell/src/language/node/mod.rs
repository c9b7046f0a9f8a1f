//! Webshells in JavaScript on a server: handlers of Node's own server, of frameworks and of hosted functions.

mod call;
mod names;
mod syntax;
#[cfg(test)]
mod tests;
mod texts;
mod unpack;

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

/// Words of scripts that run texts as code.
static CODE_WORDS: LazyLock<Option<Words>> =
    LazyLock::new(|| Words::new([names::INPUT_WORDS, names::CODE_WORDS, "", ""]));

/// Bytes of a script that are parsed as a whole. A longer one is a bundle, of which only the parts around the words
/// that matter are.
const WHOLE_BYTES_MAX: usize = 128 * 1024;

/// Bytes around a word that are parsed in a bundle.
const WINDOW_BYTES: usize = 8 * 1024;

/// Windows of one bundle.
const WINDOWS_MAX: usize = 12;

/// Looks at one script.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    if unpack::is_brackets(content) {
        evidence.add(60, "the script is written with brackets alone", 0, 1);
        evidence.family(10, "hidden code");
        return;
    }
    let (Some(words), Some(code)) = (&*WORDS, &*CODE_WORDS) else {
        return;
    };
    let server = || {
        names::SERVER_WORDS
            .iter()
            .any(|word| memchr::memmem::find(content, word).is_some())
    };
    let input = || code.has_input(content);
    let loads = || requires_unnamed(content) && input();
    let runs_code = || code.worth_a_look(content) && server();
    let worth = words.worth_a_look(content) || runs_code() || loads();
    if !worth {
        return;
    }
    if unpack::table_runs_commands(content) {
        let text = "a table of hidden strings has what answers requests and runs commands";
        evidence.add(75, text, 0, 1);
        evidence.family(60, "command execution");
    }
    for (start, part) in windows(content, words) {
        let Some(script) = syntax::lower(part, evidence) else {
            continue;
        };
        Machine::new(&Javascript, evidence)
            .from(start)
            .walk(&script);
    }
}

/// Whether a module is loaded that is not named where it is loaded.
fn requires_unnamed(content: &[u8]) -> bool {
    let word = b"require(";
    memchr::memmem::find_iter(content, word).any(|at| {
        content
            .get(at + word.len())
            .is_some_and(|next| next.is_ascii_alphabetic() || *next == b'_')
    })
}

/// The parts of a script that are parsed, with where each begins.
fn windows<'a>(content: &'a [u8], words: &Words) -> Vec<(usize, &'a [u8])> {
    if content.len() <= WHOLE_BYTES_MAX {
        return vec![(0, content)];
    }
    let mut windows: Vec<(usize, usize)> = Vec::new();
    for place in words.places(content) {
        let start = place.saturating_sub(WINDOW_BYTES);
        let end = place.saturating_add(WINDOW_BYTES).min(content.len());
        let room = windows.len() < WINDOWS_MAX;
        match windows.last_mut() {
            Some(last) if start <= last.1 && end - last.0 <= 4 * WINDOW_BYTES => last.1 = end,
            Some(last) if start <= last.1 => {}
            _ if room => windows.push((start, end)),
            _ => break,
        }
    }
    windows
        .into_iter()
        .map(|(start, end)| {
            // A cut at the end of a statement leaves most of the rest readable.
            let head = content.get(start..end).unwrap_or_default();
            let skip = match start {
                0 => 0,
                _ => head
                    .iter()
                    .take(WINDOW_BYTES / 2)
                    .position(|byte| matches!(byte, b';' | b'\n'))
                    .map_or(0, |at| at + 1),
            };
            (start + skip, head.get(skip..).unwrap_or_default())
        })
        .collect()
}

/// What Node's library and the common frameworks provide.
struct Javascript;

impl Dialect for Javascript {
    fn parse(&self, code: &[u8], evidence: &mut Evidence) -> Option<Node> {
        syntax::lower(code, evidence)
    }

    fn name(&self, name: &str) -> Value {
        names::name(name)
    }

    fn member(&self, machine: &mut Machine<'_>, object: &Value, name: &str) -> Option<Value> {
        names::member(machine, object, name)
    }

    fn call(&self, machine: &mut Machine<'_>, invocation: &Invocation<'_>) -> Option<Value> {
        call::call(machine, invocation)
    }

    fn parameter(&self, function: &Function, index: usize, name: &str) -> Value {
        names::parameter(function, index, name)
    }
}
