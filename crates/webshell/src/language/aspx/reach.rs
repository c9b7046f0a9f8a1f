//! Classes and methods that a page reaches by their names, what it does with what it has loaded, and the network.

use super::kinds::{self, *};
use super::net::{COMMAND, EVALUATION, LOADING, SENT, TUNNEL};
use crate::language::asp::{CODED, Call, Findings, TAINT, Value, WHOLE};

/// What such calls give; `None` where a call is none of them.
pub(super) fn call(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    uses(call, found)
        .or_else(|| reflects(call, found))
        .or_else(|| reaches_out(call, found))
}

/// What is done with what was loaded.
fn uses(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let object = call.object.map_or(0, |object| object.traits);
    let given = call.given();
    match call.name {
        "createinstance" => {
            let loaded = (object | given) & LOADED != 0;
            if loaded {
                found.add(
                    60,
                    LOADING,
                    "makes an object of a program it has loaded itself",
                    call.place,
                );
            }
            if given & TAINT != 0 && call.on(ACTIVATOR) {
                found.add(
                    60,
                    LOADING,
                    "makes an object of the class that the request names",
                    call.place,
                );
            }
            let kept = (object | given) & (LOADED | PROCESS | DANGER);
            Some(Value::of(kept))
        }
        "equals" | "tostring" | "gettype" | "gettypes" | "getexportedtypes" | "invokemember"
        | "getmethod" | "entrypoint"
            if object & LOADED != 0 =>
        {
            if call.name == "equals" {
                found.add(
                    62,
                    LOADING,
                    "hands the page to a program it has loaded itself",
                    call.place,
                );
            }
            if call.name == "invokemember" {
                found.add(
                    60,
                    LOADING,
                    "calls into a program it has loaded itself",
                    call.place,
                );
            }
            Some(Value::of(LOADED | METHOD))
        }
        "transformfinalblock" | "decrypt" => Some(Value::of((given & (SENT | WHOLE)) | CODED)),
        "load" if call.on(STYLESHEET) => {
            if given & SENT != 0 {
                found.add(
                    80,
                    EVALUATION,
                    "runs the stylesheet that the request brings",
                    call.place,
                );
            }
            None
        }
        _ => None,
    }
}

/// Classes and methods reached by their names.
fn reflects(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let object = call.object.map_or(0, |object| object.traits);
    let first = call.argument(0);
    match call.name {
        "gettype" if !call.arguments.is_empty() => {
            if first.as_text().is_some_and(kinds::is_dangerous_class) {
                found.add(
                    58,
                    COMMAND,
                    "reaches a class that runs things by its name",
                    call.place,
                );
                return Some(Value::of(DANGER | PROCESS));
            }
            Some(Value::of(first.traits & (TAINT | CODED)))
        }
        "getmethod" | "getmethods" | "getconstructor" => {
            let named = first.as_text().unwrap_or_default().to_ascii_lowercase();
            let danger = object & DANGER != 0
                || (object & (ASSEMBLY | PROCESS) != 0
                    && matches!(named.as_str(), "load" | "start"));
            if danger {
                found.add(
                    55,
                    LOADING,
                    "reaches a method that runs things by its name",
                    call.place,
                );
            }
            let danger = if danger { DANGER } else { 0 };
            Some(Value::of(
                METHOD | danger | (object & (ASSEMBLY | LOADED)) | (first.traits & (TAINT | CODED)),
            ))
        }
        "invoke" | "invokemember" if object & (METHOD | DANGER | PROCESS | LOADED) != 0 => {
            let sent = call.given() & SENT != 0;
            let (weight, text) = match () {
                () if object & (DANGER | PROCESS) != 0 && sent => (
                    92,
                    "runs what the request brings through a method found by its name",
                ),
                () if object & LOADED != 0 => (60, "calls into a program it has loaded itself"),
                () if object & (TAINT | CODED) != 0 && sent => {
                    (72, "hands the request to a method whose name is hidden")
                }
                () => return None,
            };
            found.add(weight, COMMAND, text, call.place);
            Some(Value::of(
                (object & (ASSEMBLY | LOADED)) | LOADED | (call.given() & SENT),
            ))
        }
        _ => None,
    }
}

/// The network and databases.
fn reaches_out(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let sent = call.given() & SENT != 0;
    match call.name {
        "connect" | "beginconnect" if call.on(SOCKET) => {
            if sent {
                found.add(74, TUNNEL, "connects to where the request says", call.place);
            }
            Some(Value::default())
        }
        "createcommand" if call.on(DATABASE) => Some(Value::of(DATABASE)),
        _ => None,
    }
}
