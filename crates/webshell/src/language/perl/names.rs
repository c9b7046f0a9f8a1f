//! Names of Perl and its common modules, as far as they take input or run something.

use crate::language::flow::value::{Shape, Value};
use crate::language::flow::words::among;

/// Words of scripts that take input from a request or a connection.
pub(super) const INPUT_WORDS: &str = "param( param{ ->param param(' QUERY_STRING _STRING CONTENT_LENGTH HTTP_ \
    ReadParse PATH_INFO Plack Mojolicious Dancer IO::Socket recv( ->args ->Vars CGI ENV{' REQUEST_URI \
    $env->{ Socket; <STDIN>";

/// Words of scripts that run something.
pub(super) const RUN_WORDS: &str = "system exec qx `$ |\" |' eval open( unlink do{ readdir sh\u{20} |$ ;` (` =` sh\" /ee open2 open3 Open3";

/// Words of scripts that hide others.
pub(super) const HIDING_WORDS: &str =
    "pack reverse \\x chr base64 y/ tr/ decode join sprintf map ^ %c";

/// Words of scripts that run what was hidden.
pub(super) const OPENING_WORDS: &str = "eval /ee /e;";

/// Variables of the environment that a web server sets from the request.
const ENVIRONMENT: &str = "QUERY_STRING PATH_INFO REQUEST_URI PATH_TRANSLATED CONTENT_TYPE REDIRECT_QUERY_STRING \
    QUERY_STRING_UNESCAPED REQUEST_BODY psgi.input";

/// Methods and functions that give what a request's sender chose.
const GIVES: &str = "param Vars url_param query_string path_info query_param body_param every_param raw_body cookie \
    multi_param raw_cookie param_fetch query_parameters body_parameters parameters query_params body_params http \
    upload uploads params";

/// Further methods of a request's own object.
const REQUEST_GIVES: &str = "args content header headers headers_in uri path body raw_body url unparsed_uri cookies \
    user_agent referer self_url read json env input";

/// Whether a variable of the environment comes from the request.
fn is_request_variable(name: &str) -> bool {
    (name.starts_with("HTTP_") && !matches!(name, "HTTP_PROXY" | "HTTP_HOST"))
        || among(ENVIRONMENT, name)
}

/// Whether a function or method gives what a request's sender chose.
pub(super) fn gives_input(name: &str) -> bool {
    among(GIVES, name.rsplit("::").next().unwrap_or(name))
}

/// Whether a method of a request's object does.
pub(super) fn request_gives(name: &str) -> bool {
    gives_input(name) || among(REQUEST_GIVES, name)
}

/// A name that the script gave no value.
pub(super) fn name(cgi: bool, name: &str) -> Value {
    match name {
        "%ENV" | "$env" => Value::entity("%ENV"),
        "*STDIN" | "*ARGV" | "*main::STDIN" if cgi => Value::entity("stdin"),
        "*STDOUT" | "*STDERR" => Value::entity("output"),
        // Frameworks' own names for what a handler gets.
        "$req" | "$request" | "$r" | "$q" | "$cgi" | "$query" => Value::entity("request"),
        _ => match name.strip_prefix('&') {
            Some(function) => {
                let function = function.strip_prefix("CORE::GLOBAL::").unwrap_or(function);
                let function = function.strip_prefix("CORE::").unwrap_or(function);
                Value::entity(function.strip_prefix("main::").unwrap_or(function))
            }
            None => Value::unknown(),
        },
    }
}

/// A member of something the platform provides.
pub(super) fn member(object: &Value, name: &str) -> Option<Value> {
    let asked = name == "QUERY_STRING" || name == "psgi.input" || name.starts_with("HTTP_");
    if object.is_unknown() && asked {
        return Some(Value::request());
    }
    match object.as_entity()? {
        "%ENV" => Some(match is_request_variable(name) {
            true => Value::request(),
            false => Value::unknown(),
        }),
        "request" if matches!(object.shape, Shape::Entity(_)) => {
            // `$q->param` is called later; `$q->{param}{x}` is input already.
            Some(Value::entity(&format!("request.{name}")))
        }
        _ => None,
    }
}
