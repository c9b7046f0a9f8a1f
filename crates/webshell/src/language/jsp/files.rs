//! Files that a page reads, writes and lists as the request says.

use super::kinds::{FILE, OUTPUT};
use crate::language::asp::{
    CODED, Call, Findings, PARSED, Place, SCRIPT, TAINT, Traits, Value, WHOLE,
};

const MANAGER: &str = "file manager";
const UPLOADER: &str = "uploader";

/// Objects for files.
pub(super) fn create(class: &str, arguments: &[Value], _place: Place) -> Option<Value> {
    let first = arguments.first().cloned().unwrap_or_default();
    let given = arguments.iter().fold(0, |all, value| all | value.traits);
    match class {
        "file" => {
            let whole = match arguments {
                [only] => only.traits & WHOLE,
                // In a folder that the client names, every name is the client's.
                [folder, _] => folder.traits & WHOLE,
                _ => 0,
            };
            let scripted = match arguments.last().and_then(Value::as_text) {
                Some(text) if crate::language::asp::scripted_name(text) => SCRIPT,
                _ => 0,
            };
            Some(Value::of(
                FILE | whole | scripted | (given & (TAINT | PARSED | SCRIPT | CODED)),
            ))
        }
        "fileoutputstream" | "filewriter" | "randomaccessfile" | "printstream" => {
            Some(opened(&first))
        }
        "printwriter"
        | "bufferedoutputstream"
        | "bufferedwriter"
        | "outputstreamwriter"
        | "dataoutputstream"
            if first.is(OUTPUT | FILE) =>
        {
            Some(opened(&first))
        }
        _ => None,
    }
}

/// An open file keeps what is known of its name.
fn opened(name: &Value) -> Value {
    let scripted = match name.as_text() {
        Some(text) if crate::language::asp::scripted_name(text) => SCRIPT,
        _ => 0,
    };
    Value::of(OUTPUT | scripted | (name.traits & (TAINT | WHOLE | PARSED | SCRIPT)))
}

/// Calls on files.
pub(super) fn call(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    writes(call, found).or_else(|| manages(call, found))
}

fn writes(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let object = call.object.map_or(0, |object| object.traits);
    let path = call.argument(0);
    let on_file = object & FILE != 0;
    match call.name {
        "write" | "println" | "print" | "append" | "writebytes" | "writeutf" | "writechars"
            if object & OUTPUT != 0 =>
        {
            written(object, call.given(), call.place, found);
            None
        }
        // `Files.write(path, bytes)` and copies of streams to files.
        "write"
        | "writestring"
        | "copy"
        | "copyinputstreamtofile"
        | "writebytearraytofile"
        | "writestringtofile"
        | "copyurltofile"
            if call.arguments.len() >= 2 && !call.on(OUTPUT) =>
        {
            let (file, data) = match call.argument(1).is(FILE | OUTPUT) {
                true => (call.argument(1), call.argument(0)),
                false => (call.argument(0), call.argument(1)),
            };
            if file.is(FILE | OUTPUT) || call.name != "write" {
                let traits = opened(&file).traits;
                written(traits, data.traits, call.place, found);
            }
            None
        }
        "transferto" | "saveas" | "write" if path.is(FILE) => {
            written(opened(&path).traits, object, call.place, found);
            None
        }
        "get" | "of" if on_file => create("file", call.arguments, call.place),
        _ => None,
    }
}

fn manages(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let object = call.object.map_or(0, |object| object.traits);
    let path = call.argument(0);
    let on_file = object & FILE != 0;
    match call.name {
        "listfiles" | "list" | "listroots" | "walk" | "newdirectorystream"
            if object & WHOLE != 0 || call.given() & WHOLE != 0 =>
        {
            found.add(
                28,
                MANAGER,
                "lists the folder that the request names",
                call.place,
            );
            Some(Value::of(FILE | TAINT))
        }
        "listroots" => {
            found.add(35, MANAGER, "lists the machine's drives", call.place);
            None
        }
        "delete" | "deleteonexit" | "deleteifexists"
            if (on_file && object & WHOLE != 0) || path.is(WHOLE) && path.is(FILE) =>
        {
            found.add(
                38,
                MANAGER,
                "deletes the file that the request names",
                call.place,
            );
            None
        }
        "renameto" | "move" if (object | call.given()) & WHOLE != 0 => {
            found.add(
                32,
                MANAGER,
                "renames the file that the request names",
                call.place,
            );
            None
        }
        "mkdir" | "mkdirs" | "createnewfile" if object & WHOLE != 0 && on_file => {
            found.add(
                25,
                MANAGER,
                "makes the file or folder that the request names",
                call.place,
            );
            None
        }
        "setlastmodified" if on_file => {
            found.add(28, MANAGER, "changes a file's time", call.place);
            None
        }
        "readallbytes" | "readalllines" | "readstring" | "newinputstream" | "newbufferedreader"
            if path.is(WHOLE) =>
        {
            found.add(
                30,
                MANAGER,
                "reads the file that the request names",
                call.place,
            );
            None
        }
        "getrealpath" => Some(Value::of(call.given() & (TAINT | PARSED | SCRIPT))),
        _ => None,
    }
}

/// Data arrives in a file: what matters is who names the file and who brings the data.
fn written(file: Traits, data: Traits, place: Place, found: &mut Findings) {
    let sent = data & (TAINT | PARSED | CODED) != 0;
    let (weight, text) = match () {
        () if file & SCRIPT != 0 && data & (TAINT | PARSED) != 0 => (
            82,
            "writes what the request brings into a file that the server runs",
        ),
        () if file & TAINT != 0 && file & WHOLE != 0 && data & TAINT != 0 => (
            80,
            "writes what the request brings into the file that the request names",
        ),
        // A form field as a file's content is no upload.
        () if file & TAINT != 0 && data & TAINT != 0 => (
            64,
            "writes a parameter into a file whose name the request chooses",
        ),
        () if file & WHOLE != 0 && file & (TAINT | PARSED) != 0 => {
            (42, "writes to the file that the request names")
        }
        () if file & SCRIPT != 0 && sent => {
            (70, "writes hidden content into a file that the server runs")
        }
        () if file & SCRIPT != 0 => (55, "writes a file that the server runs"),
        () => return,
    };
    found.add(weight, UPLOADER, text, place);
}
