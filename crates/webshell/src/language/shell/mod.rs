//! Webshells in shell: CGI programs for `sh`, `bash` and their kin.

mod call;
mod control;
mod syntax;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use crate::evidence::Evidence;
use crate::language::flow::node::{Function, Node};
use crate::language::flow::value::Value;
use crate::language::flow::words::{Words, among};
use crate::language::flow::{Dialect, Invocation, Machine};

/// Words of scripts that answer requests.
const INPUT_WORDS: &str = "QUERY_STRING HTTP_ PATH_INFO CONTENT_LENGTH REQUEST_URI REQUEST_METHOD \
    GATEWAY_INTERFACE \"Content-type: \"Content-Type: 'Content-type: 'Content-Type: ␣Content-type: \
    ␣Content-Type:";

/// Words of scripts that run something.
const RUN_WORDS: &str = "$ ` ENVIRON[";

/// Words of scripts that hide others.
const HIDING_WORDS: &str = "base64 xxd |␣rev |rev \\x openssl";

/// Words of scripts that run what was hidden.
const OPENING_WORDS: &str = "eval |␣sh |sh |␣bash |bash bash␣-c sh␣-c <<< $'\\x source␣< .␣<(";

/// Words of scripts whose standard input is a request's body.
const CGI_WORDS: &str = "CONTENT_LENGTH QUERY_STRING REQUEST_METHOD GATEWAY_INTERFACE PATH_INFO REQUEST_URI \
    echo␣\"Content-type: echo␣\"Content-Type: echo␣'Content-type: echo␣'Content-Type: echo␣Content-type: \
    echo␣Content-Type: printf␣\"Content printf␣'Content echo␣-e␣\"Content echo␣-e␣'Content";

/// Variables that a web server sets from the request.
const ENVIRONMENT: &str = "QUERY_STRING PATH_INFO REQUEST_URI PATH_TRANSLATED CONTENT_TYPE POST_DATA POST_STRING \
    REDIRECT_QUERY_STRING QUERY_STRING_POST REQUEST_BODY";

static WORDS: LazyLock<Option<Words>> =
    LazyLock::new(|| Words::new([INPUT_WORDS, RUN_WORDS, HIDING_WORDS, OPENING_WORDS]));

static CGI: LazyLock<Option<Words>> = LazyLock::new(|| Words::new([CGI_WORDS, "", "", ""]));

/// Bytes of a script that are looked at. Stops texts through which the grammar's reader of quotes goes again and again;
/// what is longer is an archive that unpacks itself.
const SHELL_BYTES_MAX: usize = 128 * 1024;

/// Looks at one script.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    let Some(words) = &*WORDS else { return };
    if !words.worth_a_look(content) {
        return;
    }
    let content = match content.get(..SHELL_BYTES_MAX) {
        Some(head) => {
            evidence.gap("only the first part of the script was looked at");
            head
        }
        None => content,
    };
    let Some(script) = syntax::lower(content, evidence) else {
        return;
    };
    let cgi = CGI.as_ref().is_some_and(|words| words.has_input(content));
    Machine::new(&Shell { cgi }, evidence).walk(&script);
}

/// What shells and the common programs provide.
struct Shell {
    /// Whether standard input is a request's body.
    cgi: bool,
}

impl Dialect for Shell {
    fn parse(&self, code: &[u8], evidence: &mut Evidence) -> Option<Node> {
        syntax::lower(code, evidence)
    }

    fn name(&self, name: &str) -> Value {
        let request = among(ENVIRONMENT, name)
            || (name.starts_with("HTTP_") && !matches!(name, "HTTP_PROXY" | "HTTP_HOST"));
        match (request, name) {
            (true, _) => Value::request(),
            (_, syntax::INPUT) if self.cgi => Value::request(),
            _ => Value::unknown(),
        }
    }

    fn member(&self, _: &mut Machine<'_>, _: &Value, _: &str) -> Option<Value> {
        None
    }

    fn call(&self, machine: &mut Machine<'_>, invocation: &Invocation<'_>) -> Option<Value> {
        call::call(machine, invocation)
    }

    fn parameter(&self, _: &Function, _: usize, _: &str) -> Value {
        Value::unknown()
    }
}
