//! What a value must not reach, and how much it says if it does.

mod callee;
mod code;
mod file;

pub(super) use callee::{
    ffi, foreign_callee, hidden_name, method, new_foreign, new_object, unknown_callee,
};
pub(super) use code::{code, command, include};
pub(super) use file::{copy, write};

use super::ast::{Bytes, Span};
use super::features::Features;
use super::machine::Machine;
use super::value::{Data, Taint, Value};

/// What stands for the script's own path.
pub(super) const OWN_PATH: &[u8] = b"/srv/www/.this-very-script.php";

/// What the sinks saw that says something only together.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The request's arrays are reached under names put together from pieces.
    pub(super) hidden_request: bool,
    /// Uploaded files are kept under the name that they give themselves.
    pub(super) uploads: Option<Span>,
    /// Values of the request that choose what file is deleted, listed, read or changed.
    pub(super) file_work: usize,
    /// Functions whose names were put together from pieces.
    pub(super) hidden_names: usize,
    /// Words in code that was hidden.
    pub(super) features: Features,
    /// Bytes of code that was hidden.
    pub(super) hidden_bytes: usize,
}

impl Found {
    pub(super) fn see_hidden(&mut self, plain: &[u8]) {
        self.hidden_bytes += plain.len();
        self.features.add(plain);
    }
}

/// How far a value is the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    None,
    /// The script says what it begins with.
    Part,
    Whole,
}

/// A beginning that isn't known.
const UNKNOWN_HEAD: &[u8] = b"\0";

/// How far a value is of these origins. `plain_head` tells a beginning that leaves the rest in charge.
fn share(value: &Value, of: Taint, plain_head: impl Fn(&[u8]) -> bool) -> Share {
    if !value.all_taint().has(of) {
        return Share::None;
    }
    match &value.data {
        _ if value.taint.has(Taint::LED) && !plain_head(UNKNOWN_HEAD) => Share::Part,
        Data::Partial(head, _) if !plain_head(head) => Share::Part,
        _ => Share::Whole,
    }
}

fn ends_with_any(text: &[u8], endings: &[&[u8]]) -> bool {
    endings.iter().any(|ending| {
        text.len() >= ending.len()
            && text
                .get(text.len() - ending.len()..)
                .is_some_and(|tail| tail.eq_ignore_ascii_case(ending))
    })
}

/// The end of a path, where it is known.
fn tail(value: &Value) -> Option<Bytes> {
    match &value.data {
        Data::Partial(_, tail) if !tail.is_empty() => Some(tail.clone()),
        _ => value.text(),
    }
}

/// A call of one of PHP's own functions.
pub(super) fn call(machine: &mut Machine, name: &[u8], values: &[Value], span: Span) {
    let missing = Value::unknown();
    let at = |index: usize| values.get(index).unwrap_or(&missing);
    match name {
        b"eval" => code(machine, "eval", at(0), span),
        b"assert" if !is_condition(at(0)) => code(machine, "assert", at(0), span),
        b"create_function" => {
            code(machine, "create_function", at(1), span);
            code(machine, "create_function", at(0), span);
        }
        b"system"
        | b"exec"
        | b"shell_exec"
        | b"passthru"
        | b"popen"
        | b"proc_open"
        | b"pcntl_exec"
        | b"expect_popen"
        | b"w32api_invoke_function" => {
            command(machine, &String::from_utf8_lossy(name), at(0), span);
            if name == b"pcntl_exec" {
                command(machine, "pcntl_exec", at(1), span);
            }
        }
        b"ssh2_exec" => command(machine, "ssh2_exec", at(1), span),
        b"mail" | b"mb_send_mail" => mail(machine, values, span),
        b"imap_open" if share(at(0), Taint::INPUT, |_| false) == Share::Whole => {
            machine.reason(
                50,
                "request input names the host that imap_open connects to",
                span,
            );
        }
        b"preg_replace" | b"preg_filter" => code::replace(machine, at(0), at(1), at(2), span),
        b"mb_ereg_replace" | b"mb_eregi_replace" => {
            let options = at(3).text().unwrap_or_default();
            if options.contains(&b'e') {
                code(machine, "mb_ereg_replace", at(1), span);
            }
        }
        b"dl" if at(0).taint.has(Taint::INPUT) => {
            machine.reason(70, "request input names an extension to load", span);
        }
        b"putenv" if starts(at(0), b"LD_PRELOAD") => {
            machine.reason(45, "sets LD_PRELOAD for programs that it runs", span);
        }
        b"file_put_contents" => write(machine, at(0), at(1), span),
        b"move_uploaded_file" | b"copy" | b"rename" => copy(machine, name, at(0), at(1), span),
        b"unserialize" if share(at(0), Taint::INPUT, |_| false) == Share::Whole => {
            machine.reason(15, "request input is unserialized", span);
        }
        _ => database(machine, name, values, span),
    }
}

/// A database that the request opens and asks, as management shells and honest clients do.
fn database(machine: &mut Machine, name: &[u8], values: &[Value], span: Span) {
    let missing = Value::unknown();
    let at = |index: usize| values.get(index).unwrap_or(&missing);
    match name {
        b"mysql_connect" | b"mysqli_connect" | b"mysql_pconnect" | b"pg_connect"
        | b"mssql_connect" => {
            let brought = |value: &&Value| value.all_taint().has(Taint::INPUT);
            if values.iter().take(3).filter(brought).count() == 3 {
                machine.reason(
                    35,
                    "request input says which database is opened, and as whom",
                    span,
                );
                machine.evidence.family(35, "database client");
            }
        }
        b"mysql_query" | b"mysqli_query" | b"pg_query" | b"mssql_query" => {
            let query = if name == b"mysqli_query" {
                at(1)
            } else {
                at(0)
            };
            if share(query, Taint::INPUT, |_| false) == Share::Whole {
                machine.reason(25, "request input is a whole database query", span);
                machine.evidence.family(25, "database client");
            }
        }
        _ => file_work(machine, name, at(0)),
    }
}

/// Mail: arguments for the mail program, and whole campaigns that the request brings.
fn mail(machine: &mut Machine, values: &[Value], span: Span) {
    let options = values.get(4).map(|value| value.taint).unwrap_or_default();
    if options.has(Taint::INPUT) && !options.has(Taint::QUOTED) {
        machine.reason(
            40,
            "request input becomes arguments of the mail program",
            span,
        );
    }
    let brought = |value: &&Value| value.all_taint().has(Taint::INPUT | Taint::REMOTE);
    let brought = values.iter().take(4).filter(brought).count();
    let to_anyone = values
        .first()
        .is_some_and(|to| share(to, Taint::INPUT | Taint::REMOTE, |_| false) == Share::Whole);
    if machine.is_looping() && brought >= 3 && to_anyone {
        let weight = if machine.is_outermost() { 62 } else { 40 };
        machine.reason(
            weight,
            "sends mail to all that the request lists, with its words",
            span,
        );
        machine.evidence.family(weight, "mailer");
    }
}

/// Counts what a file manager does.
fn file_work(machine: &mut Machine, name: &[u8], path: &Value) {
    let works = matches!(
        name,
        b"unlink"
            | b"rmdir"
            | b"mkdir"
            | b"chmod"
            | b"chown"
            | b"touch"
            | b"opendir"
            | b"scandir"
            | b"readfile"
            | b"show_source"
            | b"highlight_file"
            | b"file_get_contents"
            | b"fopen"
            | b"chdir"
            | b"symlink"
            | b"glob"
            | b"file"
    );
    if works
        && share(path, Taint::INPUT, |_| false) == Share::Whole
        && !path.taint.has(Taint::CHECKED)
    {
        machine.found.file_work += 1;
    }
}

fn starts(value: &Value, text: &[u8]) -> bool {
    match &value.data {
        Data::Partial(head, _) => head.starts_with(text),
        _ => value.text().is_some_and(|all| all.starts_with(text)),
    }
}

/// An assertion of something that is no text.
fn is_condition(value: &Value) -> bool {
    matches!(
        value.data,
        Data::Bool(_) | Data::Int(_) | Data::Float(_) | Data::Null | Data::Object(_)
    )
}
