//! Files that a .NET page reads, writes and lists as the request says.

use super::kinds::{FILE, OUTPUT, REQUEST, RESPONSE, UPLOAD};
use crate::language::asp::{
    CODED, Call, Findings, PARSED, Place, SCRIPT, TAINT, Traits, Value, WHOLE, scripted_name,
};

const MANAGER: &str = "file manager";
const UPLOADER: &str = "uploader";
const NAMED: Traits = TAINT | WHOLE | PARSED | SCRIPT;

fn path_of(path: &Value) -> Traits {
    let scripted = path.as_text().is_some_and(scripted_name);
    (path.traits & NAMED) | if scripted { SCRIPT } else { 0 }
}

/// Objects for files.
pub(super) fn create(class: &str, arguments: &[Value]) -> Option<Value> {
    let first = arguments.first().cloned().unwrap_or_default();
    match class {
        "fileinfo" | "directoryinfo" => Some(Value::of(FILE | path_of(&first))),
        "streamwriter" | "filestream" | "binarywriter" => Some(Value::of(OUTPUT | path_of(&first))),
        _ => None,
    }
}

/// Calls on files.
pub(super) fn call(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let object = call.object.map_or(0, |object| object.traits);
    let own = path_of(&call.argument(0));
    // `File.Delete(path)` names its file, `info.Delete()` is one.
    let path = match call.arguments.is_empty() {
        true => object & NAMED,
        false => own,
    };
    let chosen = path & WHOLE != 0 && path & TAINT != 0;
    let on_file = call.on(FILE);
    let mut note = |weight: u8, text: &str| found.add(weight, MANAGER, text, call.place);
    match call.name {
        "writealltext" | "writeallbytes" | "writealllines" | "appendalltext" => {
            let data = call
                .arguments
                .iter()
                .skip(1)
                .fold(0, |all, value| all | value.traits);
            written(own, data, call.place, found);
        }
        "write" | "writeline" | "writeasync" if object & OUTPUT != 0 => {
            written(object & NAMED, call.given(), call.place, found);
        }
        "saveas" if call.on(UPLOAD | REQUEST) || object & PARSED != 0 => {
            written(own, PARSED | object, call.place, found);
        }
        "createtext" | "appendtext" | "openwrite" | "create" | "open" if on_file => {
            return Some(Value::of(OUTPUT | path));
        }
        "readalltext" | "readallbytes" | "openread" | "opentext" | "readalllines" if chosen => {
            note(28, "reads the file that the request names");
        }
        "transmitfile" | "writefile" if call.on(RESPONSE) && chosen => {
            note(28, "reads the file that the request names");
        }
        "getfiles" | "getdirectories" | "getfilesysteminfos" | "enumeratefiles"
        | "getfileentries"
            if (chosen || object & WHOLE != 0) && on_file =>
        {
            note(28, "lists the folder that the request names");
            return Some(Value::of(FILE | PARSED));
        }
        "getlogicaldrives" | "getdrives" => note(32, "lists the machine's drives"),
        "delete" if on_file && chosen => note(36, "deletes the file that the request names"),
        "copy" | "move" | "moveto" | "copyto" if on_file && (chosen || object & WHOLE != 0) => {
            note(32, "moves the file that the request names");
        }
        "createdirectory" if on_file && chosen => {
            note(24, "makes the folder that the request names");
        }
        "setlastwritetime" | "setcreationtime" | "setlastaccesstime" if on_file => {
            note(28, "changes a file's time");
        }
        _ => return None,
    }
    None
}

/// Data arrives in a file: what matters is who names the file and who brings the data.
fn written(file: Traits, data: Traits, place: Place, found: &mut Findings) {
    let (weight, text) = match () {
        () if file & SCRIPT != 0 && data & (TAINT | PARSED) != 0 => (
            80,
            "writes what the request brings into a file that the server runs",
        ),
        () if file & TAINT != 0 && file & WHOLE != 0 && data & (TAINT | PARSED) != 0 => (
            78,
            "writes what the request brings into the file that the request names",
        ),
        () if file & TAINT != 0 && data & TAINT != 0 => (
            45,
            "writes a parameter into a file whose name the request chooses",
        ),
        () if file & SCRIPT != 0 && data & CODED != 0 => {
            (68, "writes hidden content into a file that the server runs")
        }
        () if file & SCRIPT != 0 => (45, "writes a file that the server runs"),
        () => return,
    };
    found.add(weight, UPLOADER, text, place);
}
