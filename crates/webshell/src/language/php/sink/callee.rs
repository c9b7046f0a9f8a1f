//! Functions that are called under a name from elsewhere.

use super::{Share, code, command, share};
use crate::language::php::ast::Span;
use crate::language::php::machine::Machine;
use crate::language::php::value::{Data, Taint, Value};

/// Functions that execute what they are given.
const EXECUTING: [&[u8]; 14] = [
    b"eval",
    b"assert",
    b"system",
    b"exec",
    b"shell_exec",
    b"passthru",
    b"popen",
    b"proc_open",
    b"pcntl_exec",
    b"create_function",
    b"preg_replace",
    b"call_user_func",
    b"call_user_func_array",
    b"mb_ereg_replace",
];

/// Functions that undo what hides code, or keep it.
const HELPING: [&[u8]; 14] = [
    b"base64_decode",
    b"gzinflate",
    b"gzuncompress",
    b"gzdecode",
    b"str_rot13",
    b"hex2bin",
    b"strrev",
    b"array_map",
    b"array_filter",
    b"file_put_contents",
    b"file_get_contents",
    b"move_uploaded_file",
    b"curl_exec",
    b"convert_uudecode",
];

/// The request names what is called.
pub(in crate::language::php) fn foreign_callee(
    machine: &mut Machine,
    callee: &Value,
    values: &[Value],
    span: Span,
) {
    let taint = callee.all_taint();
    if taint.has(Taint::REMOTE) && !taint.has(Taint::INPUT) {
        let weight = if machine.is_outermost() { 60 } else { 25 };
        machine.reason(
            weight,
            "content from another host names a function that is called",
            span,
        );
        machine.evidence.family(weight, "code execution");
        return;
    }
    if !taint.has(Taint::INPUT) {
        return;
    }
    let fed = values
        .iter()
        .any(|value| value.all_taint().has(Taint::INPUT));
    let share = match &callee.data {
        // `[$object, $method]`: a method of the script's own.
        Data::Array(array) => match array.values().next() {
            Some(first) if first.taint.has(Taint::INPUT) => Share::Whole,
            _ => Share::Part,
        },
        _ => share(callee, Taint::INPUT, <[u8]>::is_empty),
    };
    let ended = matches!(&callee.data, Data::Partial(_, tail) if !tail.is_empty());
    let imported = taint.has(Taint::IMPORTED) && !machine.is_outermost();
    let checked = taint.has(Taint::CHECKED) || imported || ended;
    let weight = match (share, fed, checked) {
        (Share::Whole, true, false) if taint.has(Taint::IMPORTED) => 66,
        (Share::Whole, true, false) => 90,
        (Share::Whole, true, true) => 50,
        (Share::Whole, false, false) => 45,
        (Share::Whole, false, true) => 12,
        (_, true, false) => 20,
        _ => 5,
    };
    let with = if fed { " with request input" } else { "" };
    machine.reason(
        weight,
        format!("request input names a function that is called{with}"),
        span,
    );
    machine.evidence.family(weight, "code execution");
}

/// A name that could not be computed is called.
pub(in crate::language::php) fn unknown_callee(
    machine: &mut Machine,
    callee: &Value,
    values: &[Value],
    span: Span,
) {
    let fed = values.iter().any(|value| value.taint.has(Taint::INPUT));
    let taint = callee.all_taint();
    if !fed || taint.is_foreign() || taint.has(Taint::PARAMETER) {
        return;
    }
    let hidden = taint.has(Taint::DECODED | Taint::JOINED | Taint::DECRYPTED);
    let weight = match (hidden, machine.is_outermost()) {
        (true, _) => 62,
        (false, true) => 35,
        (false, false) => 8,
    };
    machine.reason(
        weight,
        "request input is given to a function whose name is computed",
        span,
    );
    machine.evidence.family(weight, "code execution");
}

/// A name that was put together is called.
pub(in crate::language::php) fn hidden_name(
    machine: &mut Machine,
    callee: &Value,
    name: &[u8],
    span: Span,
) {
    if !callee.taint.has(Taint::DECODED | Taint::JOINED) {
        return;
    }
    let decoded = callee.taint.has(Taint::DECODED);
    let weight = match (EXECUTING.contains(&name), HELPING.contains(&name)) {
        (true, _) if decoded => 62,
        (true, _) => 58,
        (_, true) => 30,
        _ => return,
    };
    machine.found.hidden_names += 1;
    let name = String::from_utf8_lossy(name).into_owned();
    machine.reason(
        weight,
        format!("the function name `{name}` is put together from pieces"),
        span,
    );
    machine.evidence.family(weight, "hidden code");
}

/// A method of a class that the script doesn't define.
pub(in crate::language::php) fn method(
    machine: &mut Machine,
    object: &Value,
    method: &[u8],
    values: &[Value],
    span: Span,
) {
    let class = match &object.data {
        Data::Object(class) => class.as_ref(),
        _ => b"",
    };
    let missing = Value::unknown();
    let first = values.first().unwrap_or(&missing);
    match (class, method) {
        (b"com", b"exec" | b"run" | b"shellexecute" | b"create") => {
            command(machine, "a COM object", first, span);
            if let Some(second) = values.get(1) {
                command(machine, "a COM object", second, span);
            }
        }
        (b"ffi", b"system" | b"popen" | b"exec" | b"execve") => {
            command(machine, "FFI", first, span);
        }
        (_, b"eval" | b"assert") if class == b"v8js" || class == b"lua" => {
            code(machine, "an embedded interpreter", first, span);
        }
        _ => wrapped_callback(machine, object, values, span),
    }
}

/// Classes of PHP's own call back, too: `$list->uasort('assert')`.
fn wrapped_callback(machine: &mut Machine, object: &Value, values: &[Value], span: Span) {
    let fed = object.all_taint().has(Taint::INPUT)
        || values
            .iter()
            .any(|value| value.all_taint().has(Taint::INPUT));
    if !fed {
        return;
    }
    let names = values.iter().filter_map(Value::text);
    for name in names {
        if EXECUTING.contains(&name.to_ascii_lowercase().as_slice()) {
            let name = String::from_utf8_lossy(&name).into_owned();
            machine.reason(
                72,
                format!("request input is handed to `{name}` as a callback"),
                span,
            );
            machine.evidence.family(72, "code execution");
        }
    }
}

/// `new $name(…)` with a name of the request.
pub(in crate::language::php) fn new_foreign(
    machine: &mut Machine,
    class: &Value,
    values: &[Value],
    span: Span,
) {
    let fed = values
        .iter()
        .any(|value| share(value, Taint::INPUT, |_| false) == Share::Whole);
    let whole = share(class, Taint::INPUT, <[u8]>::is_empty) == Share::Whole;
    let weight = match (whole, fed, class.taint.has(Taint::CHECKED)) {
        (true, true, false) if machine.is_outermost() => 68,
        (true, true, false) => 45,
        (true, _, _) => 15,
        _ => 5,
    };
    machine.reason(
        weight,
        "request input names a class of which an object is made",
        span,
    );
    machine.evidence.family(weight, "code execution");
}

/// An object of one of PHP's own classes.
pub(in crate::language::php) fn new_object(
    machine: &mut Machine,
    class: &[u8],
    values: &[Value],
    span: Span,
) {
    if class == b"com"
        && let Some(name) = values.first().and_then(Value::text)
    {
        let name = name.to_ascii_lowercase();
        let shell = memchr::memmem::find(&name, b"shell").is_some();
        if shell {
            machine.reason(40, "a COM object that runs programs is made", span);
            machine.evidence.family(40, "command execution");
        }
    } else if class == b"callbackfilteriterator" || class == b"recursivecallbackfilteriterator" {
        wrapped_callback(machine, &Value::unknown(), values, span);
    }
}

/// Foreign functions that run programs.
pub(in crate::language::php) fn ffi(machine: &mut Machine, values: &[Value], span: Span) {
    let Some(declaration) = values.first() else {
        return;
    };
    let text = declaration.text().unwrap_or_default();
    let runs = [&b"system"[..], b"popen", b"exec", b"zend_eval"]
        .iter()
        .any(|word| memchr::memmem::find(&text, word).is_some());
    if runs || declaration.taint.has(Taint::INPUT) {
        machine.reason(
            70,
            "a C function that runs programs is reached through FFI",
            span,
        );
        machine.evidence.family(70, "command execution");
    }
}
