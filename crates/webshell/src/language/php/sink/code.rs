//! Code and commands.

use super::{OWN_PATH, Share, UNKNOWN_HEAD, ends_with_any, share, starts, tail};
use crate::language::php::ast::Span;
use crate::language::php::machine::Machine;
use crate::language::php::value::{Data, Taint, Value};

/// Shortest text that is looked at as code.
const CODE_BYTES_MIN: usize = 4;

/// Words that hand the rest of a command line to a shell.
const SHELL_HEADS: [&str; 22] = [
    "cmd",
    "sh",
    "/bin/sh",
    "bash",
    "/bin/bash",
    "powershell",
    "cd",
    "sudo",
    "chdir",
    "exec",
    "export",
    "set",
    "su",
    "perl -e",
    "python -c",
    "php -r",
    "env",
    "nohup",
    "start",
    "(",
    "{",
    "@echo",
];

/// A value is executed as PHP.
pub(in crate::language::php) fn code(machine: &mut Machine, how: &str, value: &Value, span: Span) {
    let taint = value.all_taint();
    if taint.has(Taint::INPUT) {
        input_as_code(machine, how, value, span);
    }
    if taint.has(Taint::UPLOAD) {
        machine.reason(85, format!("an uploaded file is executed by {how}"), span);
        machine.evidence.family(85, "code execution");
    }
    if taint.has(Taint::REMOTE) {
        let weight = if taint.has(Taint::CHECKED) { 60 } else { 82 };
        machine.reason(
            weight,
            format!("content from another host is executed by {how}"),
            span,
        );
        machine.evidence.family(weight, "code loader");
    }
    if taint.has(Taint::SESSION) && !taint.has(Taint::INPUT) {
        let weight = if taint.has(Taint::DECRYPTED | Taint::DECODED) {
            80
        } else {
            62
        };
        machine.reason(
            weight,
            format!("what the session holds is executed by {how}"),
            span,
        );
        machine.evidence.family(weight, "code execution");
    }
    if taint.has(Taint::FILE) && !taint.has(Taint::INPUT | Taint::REMOTE) {
        file_as_code(machine, how, value, span);
    }
    let unread = matches!(value.data, Data::Unknown | Data::Partial(..)) && !taint.is_foreign();
    if unread && taint.has(Taint::DECODED | Taint::DECRYPTED) && !taint.has(Taint::PARAMETER) {
        machine.reason(
            50,
            format!("decoded text that could not be read is executed by {how}"),
            span,
        );
        machine.evidence.family(50, "hidden code");
    }
    let text = value
        .possible_text()
        .filter(|text| text.len() >= CODE_BYTES_MIN);
    if let (Data::Bytes(_), Some(text)) = (&value.data, text) {
        if taint.has(Taint::DECODED) {
            machine.reason(
                35,
                format!("code is decoded and then executed by {how}"),
                span,
            );
            machine.evidence.family(35, "hidden code");
        }
        machine.hidden(&text, false, span);
    }
}

fn input_as_code(machine: &mut Machine, how: &str, value: &Value, span: Span) {
    let taint = value.all_taint();
    let share = share(value, Taint::INPUT, |head| {
        !head.iter().any(u8::is_ascii_alphabetic) || head.starts_with(b"?>")
    });
    let weight = match (share, taint.has(Taint::CHECKED)) {
        (Share::Whole, false) => 92,
        (Share::Whole, true) => 70,
        (_, false) => 72,
        (_, true) => 35,
    };
    // `import_request_variables` and its like make everything the request's, unset or not.
    let weight = if taint.has(Taint::IMPORTED) {
        weight - 25
    } else {
        weight
    };
    machine.reason(weight, format!("request input is executed by {how}"), span);
    machine.evidence.family(weight, "code execution");
}

fn file_as_code(machine: &mut Machine, how: &str, value: &Value, span: Span) {
    let decoded = value.taint.has(Taint::DECODED | Taint::DECRYPTED);
    let weight = match &value.data {
        // Template engines run their compiled files so.
        Data::Partial(head, _) if head.starts_with(b"?>") && !decoded => 15,
        _ if decoded => 62,
        _ => 30,
    };
    let what = if decoded {
        "decoded content"
    } else {
        "content"
    };
    machine.reason(
        weight,
        format!("{what} of a file is executed by {how}"),
        span,
    );
    machine.evidence.family(weight, "code loader");
}

/// `preg_replace` with the modifier `e` runs its replacement.
pub(super) fn replace(
    machine: &mut Machine,
    pattern: &Value,
    replacement: &Value,
    subject: &Value,
    span: Span,
) {
    let pattern = match &pattern.data {
        Data::Array(array) => array.values().next().cloned().unwrap_or_default(),
        _ => pattern.clone(),
    };
    if share(&pattern, Taint::INPUT, |_| false) == Share::Whole {
        if replacement.all_taint().has(Taint::INPUT) {
            code(machine, "preg_replace", replacement, span);
        }
        return;
    }
    let Some(text) = tail(&pattern) else { return };
    let closing = match text.first() {
        Some(b'(') => b')',
        Some(b'{') => b'}',
        Some(b'[') => b']',
        Some(b'<') => b'>',
        Some(other) => *other,
        None => return,
    };
    let whole = !matches!(pattern.data, Data::Partial(..));
    let end = match whole {
        true => memchr::memrchr(closing, &text),
        false => text.iter().rposition(|byte| !byte.is_ascii_alphanumeric()),
    };
    let modifiers = end.and_then(|end| text.get(end + 1..)).unwrap_or_default();
    if !modifiers.contains(&b'e')
        || modifiers
            .iter()
            .any(|byte| !byte.is_ascii_alphabetic() && !byte.is_ascii_whitespace())
    {
        return;
    }
    let replacement = match &replacement.data {
        Data::Array(array) => array.values().next().cloned().unwrap_or_default(),
        _ => replacement.clone(),
    };
    match replacement.text() {
        Some(text) if is_match_alone(&text) => code(machine, "preg_replace", subject, span),
        Some(text) => {
            // What the pattern found stands in the code as a variable.
            machine.set_variable(b"__matched", subject.clone());
            let code_text = with_matches(&text);
            let made = Value::bytes(code_text).with(replacement.taint);
            code(machine, "preg_replace", &made, span);
        }
        None => code(machine, "preg_replace", &replacement, span),
    }
}

/// `\0` or `$1` and nothing else: what is found is itself the code.
fn is_match_alone(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b";").unwrap_or(text);
    matches!(text, [b'\\' | b'$', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit))
}

/// The code with `\1`, `$1` and `${1}` as a variable.
fn with_matches(text: &[u8]) -> Vec<u8> {
    let mut made = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'\\' | b'$', [digit, after @ ..]) if digit.is_ascii_digit() => {
                made.extend_from_slice(b"$__matched");
                rest = after;
                while let [digit, after @ ..] = rest {
                    if !digit.is_ascii_digit() {
                        break;
                    }
                    rest = after;
                }
            }
            _ => made.push(*first),
        }
    }
    made
}

/// A value is executed as a command.
pub(in crate::language::php) fn command(
    machine: &mut Machine,
    how: &str,
    value: &Value,
    span: Span,
) {
    let taint = value.all_taint();
    if taint.has(Taint::QUOTED) {
        return;
    }
    let share = share(value, Taint::INPUT, is_shell_head);
    let checked = taint.has(Taint::CHECKED);
    let weight = match (share, checked) {
        (Share::None, _) => 0,
        (Share::Whole, false) => 88,
        (Share::Part, false) => 45,
        (Share::Whole, true) => 45,
        (Share::Part, true) => 10,
    };
    if weight > 0 {
        let weight = if taint.has(Taint::IMPORTED) {
            weight / 2
        } else {
            weight
        };
        let what = if share == Share::Whole {
            "is executed"
        } else {
            "is part of a command executed"
        };
        machine.reason(weight, format!("request input {what} by {how}"), span);
        machine.evidence.family(weight, "command execution");
    } else if taint.has(Taint::REMOTE) && share_of_remote(value) {
        machine.reason(
            75,
            format!("content from another host is executed as a command by {how}"),
            span,
        );
        machine.evidence.family(75, "command execution");
    } else if taint.has(Taint::UPLOAD) && !matches!(value.data, Data::Partial(..)) {
        machine.reason(70, format!("an uploaded file is executed by {how}"), span);
        machine.evidence.family(70, "command execution");
    }
    if let Some(text) = value.text() {
        known_command(machine, how, &text, span);
    }
}

fn share_of_remote(value: &Value) -> bool {
    share(value, Taint::REMOTE, is_shell_head) == Share::Whole
}

/// Commands that only an intruder writes into a script.
fn known_command(machine: &mut Machine, how: &str, text: &[u8], span: Span) {
    const TELLING: [(&[u8], &str); 7] = [
        (b"/dev/tcp/", "connects a shell to another host"),
        (b"nc -e", "connects a shell to another host"),
        (b"/etc/shadow", "reads the passwords' file"),
        (b"sh -i", "starts a shell for another host"),
        (b"|sh", "runs what it fetched"),
        (b"| sh", "runs what it fetched"),
        (b"| bash", "runs what it fetched"),
    ];
    for (word, what) in TELLING {
        if memchr::memmem::find(text, word).is_some() {
            machine.reason(68, format!("a command of {how} {what}"), span);
            machine.evidence.family(68, "reverse shell");
        }
    }
}

/// A beginning of a command line that lets the rest be any command.
fn is_shell_head(head: &[u8]) -> bool {
    if head == UNKNOWN_HEAD {
        return false;
    }
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start();
    if !text.bytes().any(|byte| byte.is_ascii_alphanumeric()) {
        return true;
    }
    let separated = text.trim_end();
    if separated.ends_with([';', '|', '&', '`', '\n'])
        || separated.ends_with("-c")
        || separated.ends_with("/c")
    {
        return true;
    }
    let opens = |word: &str| {
        text.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '.', '\t', '"', '\'']))
    };
    // `cd folder` alone leaves nothing in charge, a shell with its switch does.
    SHELL_HEADS
        .iter()
        .filter(|word| **word != "cd")
        .any(|word| opens(word))
        && text.len() < 48
}

/// A path is included.
pub(in crate::language::php) fn include(machine: &mut Machine, path: &Value, span: Span) {
    let taint = path.all_taint();
    let wrapped = starts(path, b"data:") || starts(path, b"php://") || starts(path, b"phar://");
    if path.taint.has(Taint::WRITTEN) || path.text().is_some_and(|text| machine.was_written(&text))
    {
        machine.reason(
            86,
            "request input is written to a file that is then included",
            span,
        );
        machine.evidence.family(86, "code execution");
        return;
    }
    if taint.has(Taint::UPLOAD) {
        machine.reason(88, "an uploaded file is included", span);
        machine.evidence.family(88, "code execution");
        return;
    }
    if taint.has(Taint::INPUT) {
        return input_as_path(machine, path, wrapped, span);
    }
    if taint.has(Taint::SESSION) && share(path, Taint::SESSION, |_| false) == Share::Whole {
        machine.reason(25, "a path that the session holds is included", span);
    }
    let Some(text) = path.text() else {
        if wrapped && taint.is_foreign() {
            machine.reason(
                70,
                "foreign content is included through a stream wrapper",
                span,
            );
            machine.evidence.family(70, "code execution");
        }
        return;
    };
    known_path(machine, path, &text, span);
}

fn input_as_path(machine: &mut Machine, path: &Value, wrapped: bool, span: Span) {
    let taint = path.all_taint();
    let limited = taint.has(Taint::CHECKED) || taint.has(Taint::IMPORTED);
    let ended = matches!(&path.data, Data::Partial(_, tail) if !tail.is_empty());
    let share = share(path, Taint::INPUT, <[u8]>::is_empty);
    let weight = match (share, limited) {
        _ if wrapped => 86,
        (Share::Whole, false) if !ended => 78,
        (Share::Whole, true) if !ended => 25,
        (Share::Whole, false) => 35,
        _ => 12,
    };
    machine.reason(weight, "request input names a file that is included", span);
    machine.evidence.family(weight, "file inclusion");
}

fn known_path(machine: &mut Machine, path: &Value, text: &[u8], span: Span) {
    const NO_SCRIPTS: [&[u8]; 12] = [
        b".ico", b".jpg", b".jpeg", b".png", b".gif", b".bmp", b".css", b".svg", b".ttf", b".woff",
        b".zip", b".bak",
    ];
    if text == b"php://input" || text.starts_with(b"data:") {
        machine.reason(90, "the request's body is included", span);
        machine.evidence.family(90, "code execution");
    } else if text.starts_with(b"http://")
        || text.starts_with(b"https://")
        || text.starts_with(b"ftp://")
    {
        machine.reason(65, "code from another host is included", span);
        machine.evidence.family(65, "code loader");
    } else if ends_with_any(text, &NO_SCRIPTS) {
        let hidden = path.taint.has(Taint::DECODED);
        let picture = !ends_with_any(text, &[b".css", b".svg", b".zip", b".bak"]);
        let weight = match (hidden, picture) {
            (true, _) => 75,
            (_, true) => 50,
            _ => 15,
        };
        machine.reason(
            weight,
            "a file that is no script by its name is included",
            span,
        );
        machine.evidence.family(weight, "code loader");
    } else if path.taint.has(Taint::DECODED) && text != OWN_PATH {
        let weight = if machine.is_outermost() { 45 } else { 15 };
        machine.reason(
            weight,
            "the path of an included file is hidden by an encoding",
            span,
        );
        machine.evidence.family(weight, "code loader");
    }
}
