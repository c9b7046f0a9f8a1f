//! What commands do.

use super::syntax::{INPUT, function_name};
use crate::language::flow::fold::{Change, transliterated};
use crate::language::flow::value::{Piece, Shape, Taint, Value};
use crate::language::flow::words::among;
use crate::language::flow::{
    Argument, FileAct, Invocation, Machine, handle, handle_path, is_shell,
};

/// Commands that run the command behind them.
const WRAPPERS: &str = "sudo nohup env exec command builtin nice ionice time timeout setsid stdbuf busybox chroot doas \
    unbuffer";

/// Commands that print what they are handed, in one form or another.
const PRINTERS: &str = "echo printf expr basename dirname seq";

/// Commands that print what they read, in one form or another.
const FILTERS: &str = "cat sed awk gawk tr cut head tail grep egrep base64 xxd rev sort uniq dd tee tac fold hexdump od \
    openssl gunzip zcat urldecode jq xargs paste expand fmt nl perl python python3 php iconv dos2unix strings uudecode";

/// Programs that run text handed to them after a flag.
const INTERPRETERS: &str = "python python2 python3 perl php ruby node lua awk gawk";

pub(super) fn call(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Option<Value> {
    let first = call.arg(0).cloned().unwrap_or_default();
    match call.entity()? {
        "run" => {
            let words = flat(call);
            Some(run(machine, &words, call))
        }
        "words" => {
            let words = flat(call);
            let words = match words.as_slice() {
                [one] if one.bytes().is_some() => machine.split(one, None),
                _ => Value::list(words),
            };
            Some(words)
        }
        "content" => Some(handle(first)),
        "same" => Some(Value {
            taint: first.taint,
            hidden: first.hidden,
            ..Value::default()
        }),
        "cut" => Some(cut(machine, call)),
        "indirect" => Some(match first.str().map(str::to_owned) {
            Some(name) => machine.variable(&name),
            None => Value::tainted(first.taint),
        }),
        "replaced" => {
            let how = call.arg(1).and_then(Value::bytes).unwrap_or_default();
            Some(replaced(&first, how))
        }
        "read file" => Some(match handle_path(&first) {
            Some(content) => content.clone(),
            None if first.bytes() == Some(b"/dev/stdin") => machine.variable(INPUT),
            None => Value::unknown(),
        }),
        "written" => Some(written(machine, call)),
        "gives" => {
            machine.give(first.clone());
            Some(first)
        }
        _ => None,
    }
}

/// The words of a command, with lists' elements in their place.
fn flat(call: &Invocation<'_>) -> Vec<Value> {
    let mut words = Vec::new();
    for arg in call.args.iter().filter(|arg| arg.name.is_none()) {
        match arg.value.elements() {
            Some(elements) => words.extend_from_slice(elements),
            None => words.push(arg.value.clone()),
        }
    }
    words
}

fn union(values: &[Value]) -> Taint {
    values
        .iter()
        .fold(Taint::NONE, |taint, value| taint.and(value.taint))
}

fn run(machine: &mut Machine<'_>, words: &[Value], call: &Invocation<'_>) -> Value {
    let Some((program, args)) = words.split_first() else {
        return Value::unknown();
    };
    let input = call.named(INPUT).cloned();
    if program.taint.any() {
        machine.runs_command("a command's name", program, call.at);
        return Value::unknown();
    }
    let Some(name) = program
        .str()
        .map(|name| name.rsplit('/').next().unwrap_or(name).to_owned())
    else {
        return Value::unknown();
    };
    if let Some(function) = machine.lookup(&function_name(&name)).cloned()
        && let Shape::Function(_) = function.shape
    {
        let args: Vec<Argument> = args
            .iter()
            .map(|value| Argument {
                name: None,
                value: value.clone(),
            })
            .collect();
        return machine.call_value(&function, &args, call.at);
    }
    // `a b` as one word of a variable is a command with its arguments.
    if name.contains(' ') {
        let mut all = machine
            .split(program, None)
            .elements()
            .unwrap_or_default()
            .to_vec();
        all.extend_from_slice(args);
        return run(machine, &all, call);
    }
    match name.as_str() {
        _ if among(WRAPPERS, &name) => {
            let skip = args.iter().take_while(|word| passes(word)).count();
            run(machine, args.get(skip..).unwrap_or_default(), call)
        }
        "eval" => {
            let code = machine.joined(args, b" ");
            evaluates(machine, "eval", &code, call)
        }
        _ if is_shell(name.as_bytes()) => shell(machine, &name, args, input, call),
        "trap" => match args.first() {
            Some(code) => evaluates(machine, "trap", &code.clone(), call),
            None => Value::unknown(),
        },
        "source" | "." => match args.first() {
            Some(file) => sources(machine, file, input, call),
            None => Value::unknown(),
        },
        "xargs" => xargs(machine, args, input, call),
        _ => prints(machine, &name, args, input, call),
    }
}

/// Whether a word between a wrapper and its command belongs to the wrapper.
fn passes(word: &Value) -> bool {
    let Some(word) = word.bytes() else {
        return false;
    };
    word.starts_with(b"-") || word.contains(&b'=') || word.first().is_some_and(u8::is_ascii_digit)
}

/// Text that the shell runs.
fn evaluates(
    machine: &mut Machine<'_>,
    through: &str,
    code: &Value,
    call: &Invocation<'_>,
) -> Value {
    match code.taint.any() {
        true => {
            machine.runs_command(through, code, call.at);
            Value::unknown()
        }
        false => machine.runs_code(through, code, call.at),
    }
}

fn shell(
    machine: &mut Machine<'_>,
    name: &str,
    args: &[Value],
    input: Option<Value>,
    call: &Invocation<'_>,
) -> Value {
    let flag = args.iter().position(|arg| {
        arg.bytes().is_some_and(|arg| {
            arg.starts_with(b"-") && !arg.starts_with(b"--") && arg.ends_with(b"c")
        })
    });
    if let Some(code) = flag.and_then(|flag| args.get(flag + 1)) {
        let code = code.clone();
        return evaluates(machine, name, &code, call);
    }
    let file = args
        .iter()
        .find(|arg| !arg.bytes().is_some_and(|arg| arg.starts_with(b"-")));
    match (file, input) {
        (Some(file), _) => sources(machine, file, None, call),
        (None, Some(input)) => evaluates(machine, name, &input, call),
        (None, None) => {
            machine.starts_shell(call.at);
            Value::unknown()
        }
    }
}

/// A file that the shell runs.
fn sources(
    machine: &mut Machine<'_>,
    file: &Value,
    input: Option<Value>,
    call: &Invocation<'_>,
) -> Value {
    if let Some(content) = handle_path(file) {
        let content = content.clone();
        return evaluates(machine, "source", &content, call);
    }
    if matches!(
        file.bytes(),
        Some(b"/dev/stdin" | b"-" | b"/proc/self/fd/0")
    ) {
        let input = input.unwrap_or_else(|| machine.variable(INPUT));
        return evaluates(machine, "source", &input, call);
    }
    machine.loads("source", file, call.at);
    Value::unknown()
}

fn xargs(
    machine: &mut Machine<'_>,
    args: &[Value],
    input: Option<Value>,
    call: &Invocation<'_>,
) -> Value {
    let input = input.unwrap_or_else(|| machine.variable(INPUT));
    let runs = args
        .iter()
        .position(|arg| arg.bytes().is_some_and(is_shell));
    let only_flags = args
        .iter()
        .all(|arg| arg.bytes().is_some_and(|arg| arg.starts_with(b"-")));
    if input.taint.any() && runs.is_some() {
        machine.runs_command("xargs", &input, call.at);
    }
    let prints = args
        .iter()
        .filter_map(Value::str)
        .any(|word| among(PRINTERS, word) || among(FILTERS, word));
    match only_flags || prints {
        true => Value::tainted(input.taint),
        false => Value::unknown(),
    }
}

/// Commands that print what they get, and commands that touch files.
fn prints(
    machine: &mut Machine<'_>,
    name: &str,
    args: &[Value],
    input: Option<Value>,
    call: &Invocation<'_>,
) -> Value {
    touches(machine, name, args, call);
    if among(INTERPRETERS, name) {
        let flag = args
            .iter()
            .position(|arg| matches!(arg.bytes(), Some(b"-c" | b"-e" | b"-r" | b"-E")));
        if let Some(code) = flag.and_then(|flag| args.get(flag + 1))
            && code.taint.any()
        {
            let code = code.clone();
            machine.runs_code(name, &code, call.at);
        }
    }
    if name.ends_with("awk") && asks_environment(args) {
        machine.runs_command("awk", &Value::request(), call.at);
    }
    if name == "echo" {
        let words: Vec<Value> = args
            .iter()
            .filter(|word| !matches!(word.bytes(), Some(b"-n" | b"-e" | b"-ne" | b"-en" | b"-E")))
            .cloned()
            .collect();
        let text = machine.joined(&words, b" ");
        let escapes = args
            .first()
            .and_then(Value::bytes)
            .is_some_and(|flag| flag.starts_with(b"-") && flag.contains(&b'e'));
        return match escapes && text.bytes().is_some() {
            true => machine.change(Change::Escapes, &text),
            false => text,
        };
    }
    if name == "printf" {
        return printf(machine, args);
    }
    if among(PRINTERS, name) {
        return Value::tainted(union(args));
    }
    if !among(FILTERS, name) {
        return Value::unknown();
    }
    let input = match input {
        Some(input) => input,
        None if names_file(name, args) => Value::unknown(),
        None => machine.variable(INPUT),
    };
    filtered(machine, name, args, &input)
}

/// Whether a program for `awk` runs what it finds in the environment a request sets.
fn asks_environment(args: &[Value]) -> bool {
    args.iter().filter_map(Value::bytes).any(|program| {
        [&b"system(ENVIRON[\"QUERY"[..], b"system(ENVIRON[\"HTTP_"]
            .iter()
            .any(|word| memchr::memmem::find(program, word).is_some())
    })
}

/// Whether a filter is told which file to read. The first word of some is their program.
fn names_file(name: &str, args: &[Value]) -> bool {
    let words = args
        .iter()
        .filter(|arg| {
            !arg.bytes()
                .is_some_and(|arg| arg.starts_with(b"-") && arg.len() > 1)
        })
        .count();
    let programs = usize::from(matches!(
        name,
        "sed" | "awk" | "gawk" | "grep" | "egrep" | "jq" | "perl"
    ));
    match name {
        "tr" | "dd" | "xargs" | "head" | "cut" | "openssl" | "base64" => false,
        _ => words > programs,
    }
}

fn printf(machine: &mut Machine<'_>, args: &[Value]) -> Value {
    let Some((format, values)) = args.split_first() else {
        return Value::unknown();
    };
    let format = match format.bytes().is_some_and(|format| format.contains(&b'\\')) {
        true => machine.change(Change::Escapes, format),
        false => format.clone(),
    };
    match values.is_empty() {
        true => format,
        false => machine.formatted(&format, &Value::list(values.to_vec())),
    }
}

/// What a filter makes of its input.
fn filtered(machine: &mut Machine<'_>, name: &str, args: &[Value], input: &Value) -> Value {
    let has = |flag: &[u8]| args.iter().any(|arg| arg.bytes() == Some(flag));
    let change = match name {
        "base64" if has(b"-d") || has(b"-D") || has(b"--decode") || has(b"-di") => {
            Some(Change::Base64)
        }
        "openssl" if has(b"-d") => Some(Change::Base64),
        "xxd" => Some(Change::Hex),
        "rev" => Some(Change::Reverse),
        "gunzip" | "zcat" => Some(Change::Inflate),
        "cat" | "tee" => Some(Change::Same),
        _ => None,
    };
    if let Some(change) = change {
        return machine.change(change, input);
    }
    if let ("tr", [from, to]) = (name, args)
        && input.bytes().is_some()
    {
        return transliterated(&machine.change(Change::Trim, input), from, to);
    }
    let taint = input.taint.and(union(args));
    let rewrites = args.iter().any(|arg| arg.bytes().is_some_and(separates));
    match taint.any() && rewrites && matches!(name, "sed" | "tr" | "awk" | "gawk") {
        true => assignments(taint),
        false => Value {
            taint,
            hidden: input.hidden,
            ..Value::default()
        },
    }
}

/// Whether a rewriting puts something else where `&` stood, as is done to make variables of a query.
fn separates(script: &[u8]) -> bool {
    memchr::memchr(b'&', script).is_some()
        && !script.windows(2).any(|pair| pair == b"^&")
        && (script == b"&"
            || script
                .windows(3)
                .any(|three| three == b"/&/" || three == b"'&'" || three == b"[&]")
            || script.starts_with(b"s/&"))
}

/// A query of which each part has become a variable of its name: whatever the values are, they are not commands.
fn assignments(taint: Taint) -> Value {
    Value::of_pieces(
        vec![Piece::Plain(b"name="[..].into()), Piece::Tainted(taint)],
        false,
    )
}

fn replaced(value: &Value, how: &[u8]) -> Value {
    let separates =
        how.starts_with(b"//&/") || how.starts_with(b"//[&]/") || how.starts_with(b"//\\&/");
    match value.taint.any() && separates {
        true => assignments(value.taint),
        false => Value {
            taint: value.taint,
            hidden: value.hidden,
            ..Value::default()
        },
    }
}

fn cut(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Value {
    let value = call.arg(0).cloned().unwrap_or_default();
    let bound = |index: usize| {
        let number = call.arg(index).and_then(Value::as_number)?;
        usize::try_from(number).ok()
    };
    let Some(bytes) = value.bytes() else {
        return Value {
            taint: value.taint,
            ..Value::default()
        };
    };
    let from = bound(1).unwrap_or(0).min(bytes.len());
    let to = bound(2).map_or(bytes.len(), |length| (from + length).min(bytes.len()));
    let part = bytes.get(from..to).unwrap_or_default();
    match machine.budget.take(part.len()) {
        Some(()) => Value::text(part).uncovered(),
        None => Value::unknown(),
    }
}

fn touches(machine: &mut Machine<'_>, name: &str, args: &[Value], call: &Invocation<'_>) {
    let act = match name {
        "cat" | "head" | "tail" => FileAct::Read,
        "ls" | "find" => FileAct::List,
        "rm" | "rmdir" | "unlink" => FileAct::Delete,
        "mv" | "cp" => FileAct::Move,
        "chmod" | "chown" | "touch" => FileAct::Change,
        "mkdir" => FileAct::Make,
        _ => return,
    };
    for arg in args {
        machine.touches(act, arg, None, call.at);
    }
}

/// A command's output, the first argument, in the files that follow.
fn written(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Value {
    let mut args = call.args.iter().map(|arg| arg.value.clone());
    let output = args.next().unwrap_or_default();
    for target in args {
        if target
            .bytes()
            .is_some_and(|target| target.starts_with(b"/dev/tcp/"))
        {
            machine.moves_connection(call.at);
            continue;
        }
        machine.touches(FileAct::Write, &target, Some(&output), call.at);
    }
    output
}
