//! Files that are written.

use super::{Share, ends_with_any, share, tail};
use crate::language::php::ast::Span;
use crate::language::php::machine::Machine;
use crate::language::php::value::{Data, Taint, Value};

/// Endings that web servers run.
const SCRIPTS: [&[u8]; 14] = [
    b".php",
    b".php3",
    b".php4",
    b".php5",
    b".php7",
    b".phtml",
    b".pht",
    b".phar",
    b".asp",
    b".aspx",
    b".jsp",
    b".jspx",
    b".htaccess",
    b".user.ini",
];

fn is_script(path: &Value) -> bool {
    tail(path).is_some_and(|tail| ends_with_any(&tail, &SCRIPTS))
}

/// Content is written to a path.
pub(in crate::language::php) fn write(
    machine: &mut Machine,
    path: &Value,
    content: &Value,
    span: Span,
) {
    let taint = content.all_taint();
    let to_input = share(path, Taint::INPUT, |_| false);
    if let (Some(text), false) = (content.text(), taint.has(Taint::PARAMETER)) {
        dropped(machine, &text, path, span);
    }
    let limited = path.taint.has(Taint::CHECKED) || taint.has(Taint::IMPORTED);
    // A file manager that is honest writes below a folder of its own, or what it has checked.
    let ended = matches!(&path.data, Data::Partial(_, tail) if !tail.is_empty());
    if share(content, Taint::INPUT, <[u8]>::is_empty) == Share::Whole {
        let weight = match (to_input, is_script(path)) {
            _ if limited => 20,
            (Share::Whole, _) if !ended => 84,
            (Share::None, true) => 72,
            (_, true) => 70,
            (Share::Part, false) if !ended => 50,
            _ => 8,
        };
        machine.reason(weight, "request input is written to a file", span);
        machine.evidence.family(weight, "file writer");
        if let Some(path) = path.text() {
            machine.note_written(path);
        }
    } else if share(content, Taint::REMOTE, <[u8]>::is_empty) == Share::Whole {
        let weight = match (to_input, is_script(path)) {
            (Share::Whole, _) if !ended && !limited => 80,
            (_, true) => 62,
            (Share::Part, _) if !ended && !limited => 50,
            _ => 10,
        };
        machine.reason(
            weight,
            "content from another host is written to a file",
            span,
        );
        machine.evidence.family(weight, "downloader");
    } else if taint.has(Taint::INPUT) && to_input == Share::Whole && !limited && !ended {
        machine.reason(
            60,
            "text with request input in it is written to a path of the request",
            span,
        );
        machine.evidence.family(60, "file writer");
    }
}

/// What a script writes may be a script.
fn dropped(
    machine: &mut Machine,
    text: &crate::language::php::ast::Bytes,
    path: &Value,
    span: Span,
) {
    const HANDLERS: [&[u8]; 4] = [
        b"auto_prepend_file",
        b"auto_append_file",
        b"AddType application/x-httpd-php",
        b"SetHandler application/x-httpd-php",
    ];
    let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
    if HANDLERS.into_iter().any(has)
        && tail(path)
            .is_some_and(|tail| ends_with_any(&tail, &[b".htaccess", b".user.ini", b".ini"]))
    {
        machine.reason(
            65,
            "settings that make other files run as PHP are written",
            span,
        );
        machine.evidence.family(65, "handler");
    }
    if has(b"<?") && text.len() > 12 {
        machine.hidden(text, true, span);
    }
}

/// A file is moved or copied.
pub(in crate::language::php) fn copy(
    machine: &mut Machine,
    how: &[u8],
    from: &Value,
    to: &Value,
    span: Span,
) {
    let uploaded = from.all_taint().has(Taint::UPLOAD) || how == b"move_uploaded_file";
    if uploaded && from.all_taint().has(Taint::UPLOAD) {
        upload(machine, to, span);
        return;
    }
    let from_input = share(from, Taint::INPUT, |_| false) == Share::Whole;
    let to_input = share(to, Taint::INPUT, |_| false) == Share::Whole;
    let limited = from.taint.has(Taint::CHECKED) || to.taint.has(Taint::CHECKED);
    if from_input && (to_input || is_script(to)) && how == b"copy" && !limited {
        machine.reason(
            70,
            "a file that the request names is copied to where it says",
            span,
        );
        machine.evidence.family(70, "file manager");
        machine.found.file_work += 1;
    } else if from_input && to_input && !limited {
        machine.found.file_work += 1;
    }
    let remote = from
        .text()
        .is_some_and(|text| text.starts_with(b"http://") || text.starts_with(b"https://"));
    if remote && (is_script(to) || to_input) && how == b"copy" {
        machine.reason(62, "content from another host is written to a file", span);
        machine.evidence.family(62, "downloader");
    }
}

/// An uploaded file is kept.
fn upload(machine: &mut Machine, to: &Value, span: Span) {
    let taint = to.all_taint();
    let named = matches!(&to.data, Data::Partial(_, tail) if !tail.is_empty());
    if is_script(to) {
        machine.reason(72, "an uploaded file is kept as a script", span);
        machine.evidence.family(72, "uploader");
    } else if taint.has(Taint::INPUT) && !named && !taint.has(Taint::CHECKED) {
        machine.found.uploads = Some(span);
    }
}
