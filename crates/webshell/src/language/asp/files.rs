//! Files that a classic page reads, writes and lists as the request says.

use super::flow::{
    CODED, Call, Findings, PARSED, SCRIPT, TAINT, Traits, Value, WHOLE, scripted_name,
};
use super::host::{FILES, OPENED, STREAM};

const MANAGER: &str = "file manager";
const UPLOADER: &str = "uploader";
const NAMED: Traits = TAINT | WHOLE | PARSED | SCRIPT;

/// What is known of a path.
fn path_of(path: &Value) -> Traits {
    let scripted = path.as_text().is_some_and(scripted_name);
    (path.traits & NAMED) | if scripted { SCRIPT } else { 0 }
}

/// Calls on files.
pub(super) fn call(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    opens(call, found).or_else(|| manages(call, found))
}

fn opens(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let path = path_of(&call.argument(0));
    let object = call.object.map_or(0, |object| object.traits);
    let chosen = path & WHOLE != 0 && path & (TAINT | PARSED) != 0;
    match call.name {
        "createtextfile" | "opentextfile" if call.on(FILES) || path & (SCRIPT | TAINT) != 0 => {
            let reads =
                call.name == "opentextfile" && !matches!(call.argument(1).as_number(), Some(2 | 8));
            if chosen {
                let (weight, text) = match reads {
                    true => (28, "opens the file that the request names"),
                    false => (45, "writes to the file that the request names"),
                };
                found.add(weight, MANAGER, text, call.place);
            }
            Some(Value::of(OPENED | path))
        }
        "write" | "writeline" | "writeblanklines" if object & OPENED != 0 => {
            written(object & NAMED, call.given(), call, found);
            Some(Value::default())
        }
        "savetofile" if call.object.is_some() => {
            written(path, object & (TAINT | PARSED | CODED), call, found);
            Some(Value::default())
        }
        "loadfromfile" if call.on(STREAM) && chosen => {
            found.add(
                28,
                MANAGER,
                "reads the file that the request names",
                call.place,
            );
            None
        }
        "getfolder" | "getfile" | "getdrive" if call.on(FILES) || chosen => {
            if chosen && call.name == "getfolder" {
                found.add(
                    28,
                    MANAGER,
                    "lists the folder that the request names",
                    call.place,
                );
            }
            Some(Value::of(OPENED | path))
        }
        _ => None,
    }
}

fn manages(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let path = path_of(&call.argument(0));
    let object = call.object.map_or(0, |object| object.traits);
    let chosen = path & WHOLE != 0 && path & (TAINT | PARSED) != 0;
    match call.name {
        "deletefile" | "deletefolder" if chosen => {
            found.add(
                36,
                MANAGER,
                "deletes the file that the request names",
                call.place,
            );
            None
        }
        "delete" if object & OPENED != 0 && object & WHOLE != 0 => {
            found.add(
                36,
                MANAGER,
                "deletes the file that the request names",
                call.place,
            );
            None
        }
        "copyfile" | "movefile" | "copyfolder" | "movefolder" if chosen => {
            found.add(
                36,
                MANAGER,
                "moves the file that the request names",
                call.place,
            );
            None
        }
        "copy" | "move" if object & OPENED != 0 && object & WHOLE != 0 => {
            found.add(
                30,
                MANAGER,
                "moves the file that the request names",
                call.place,
            );
            None
        }
        "createfolder" if chosen => {
            found.add(
                24,
                MANAGER,
                "makes the folder that the request names",
                call.place,
            );
            None
        }
        "buildpath" => Some(Value::of(call.given() & NAMED)),
        "openastextstream" if object & OPENED != 0 => Some(Value::of(object & (OPENED | NAMED))),
        _ => None,
    }
}

/// Data arrives in a file: what matters is who names the file and who brings the data.
fn written(file: Traits, data: Traits, call: &Call<'_>, found: &mut Findings) {
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
            (66, "writes hidden content into a file that the server runs")
        }
        () if file & SCRIPT != 0 => (45, "writes a file that the server runs"),
        () => return,
    };
    found.add(weight, UPLOADER, text, call.place);
}
