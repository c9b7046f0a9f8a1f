//! Classes, methods and objects that a page reaches by their names or makes of bytes.

use super::java::{COMMAND, EVALUATION, LOADING, SENT};
use super::kinds::{self, *};
use crate::language::asp::{CODED, Call, Findings, TAINT, Value};

const MEMORY: &str = "memory webshell";

/// What such calls give; `None` where a call is none of them.
pub(super) fn call(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    reflects(call, found)
        .or_else(|| invokes(call, found))
        .or_else(|| makes(call, found))
        .or_else(|| loads(call, found))
        .or_else(|| joins_server(call, found))
}

/// Classes and methods reached by their names.
fn reflects(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let first = call.argument(0);
    match call.name {
        "forname" | "loadclass" | "findclass" | "lookupclass" => Some(class_of(call, found)),
        "getmethod" | "getdeclaredmethod" | "findvirtual" | "findstatic"
            if !call.arguments.is_empty() =>
        {
            let named = call.arguments.iter().find_map(Value::as_text);
            let object = call.object.map_or(0, |object| object.traits);
            let mut traits = METHOD | (object & (DANGER | LOADED));
            if named.is_some_and(kinds::is_dangerous_method) {
                traits |= DANGER;
                found.add(
                    60,
                    COMMAND,
                    "reaches a method that runs things by its name",
                    call.place,
                );
            } else if object & (RUNTIME | BUILDER | PROXY) != 0 {
                traits |= DANGER;
            }
            if named.is_none() && !first.is_fixed() {
                traits |= CODED | (first.traits & SENT);
                if first.is(TAINT) {
                    found.add(
                        70,
                        EVALUATION,
                        "calls the method that the request names",
                        call.place,
                    );
                }
            }
            Some(Value::of(traits))
        }
        "getmethods"
        | "getdeclaredmethods"
        | "getdeclaredconstructor"
        | "getconstructor"
        | "getdeclaredconstructors"
        | "getconstructors" => {
            let object = call.object.map_or(0, |object| object.traits);
            Some(Value::of(
                METHOD | (object & (DANGER | CODED | LOADED | TAINT)),
            ))
        }
        "[]" if call.on(METHOD) => call.object.cloned(),
        _ => None,
    }
}

/// Calls through what was reached.
fn invokes(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    match call.name {
        "invoke" | "invokeexact" | "invokewitharguments" => {
            let object = call.object.map_or(0, |object| object.traits) | call.given();
            let sent = call.given() & SENT != 0;
            let (weight, text) = match () {
                () if object & DANGER != 0 && sent => (
                    92,
                    "runs what the request says through a method found by its name",
                ),
                () if object & (CODED | TAINT) != 0 && sent && call.on(METHOD) => {
                    (75, "hands the request to a method whose name is hidden")
                }
                () if object & DANGER != 0 => {
                    (66, "runs things through a method found by its name")
                }
                () if object & CODED != 0 => (38, "calls a method whose name is hidden"),
                () => {
                    return Some(Value::of(
                        (object & (RUNTIME | LOADED)) | (call.given() & SENT),
                    ));
                }
            };
            found.add(weight, COMMAND, text, call.place);
            Some(Value::of(
                (object & (DANGER | LOADED)) | (call.given() & SENT),
            ))
        }
        _ => None,
    }
}

/// Objects of what was reached.
fn makes(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    match call.name {
        "newinstance" if call.on(CLASS | METHOD | LOADED | LOADER) => {
            let object = call.object.map_or(0, |object| object.traits);
            if object & LOADED != 0 {
                found.add(
                    70,
                    LOADING,
                    "makes an object of a class it has loaded itself",
                    call.place,
                );
            }
            if object & DANGER != 0 {
                found.add(
                    70,
                    COMMAND,
                    "makes an object of a class found by its name",
                    call.place,
                );
                return Some(Value::of(BUILDER | DANGER | (call.given() & SENT)));
            }
            if object & TAINT != 0 {
                found.add(
                    72,
                    LOADING,
                    "makes an object of the class the request names",
                    call.place,
                );
            }
            if object & CODED != 0 {
                found.add(
                    55,
                    LOADING,
                    "makes an object of a class whose name is hidden",
                    call.place,
                );
            }
            Some(Value::of(object & (ENGINE | LOADED | CODED)))
        }
        "equals" | "tostring" | "hashcode" if call.on(LOADED) => {
            found.add(
                60,
                LOADING,
                "hands the page to a class it has loaded itself",
                call.place,
            );
            Some(Value::of(LOADED))
        }
        _ => None,
    }
}

fn class_of(call: &Call<'_>, found: &mut Findings) -> Value {
    let first = call.argument(0);
    let loaded = call.object.map_or(0, |object| object.traits & LOADED);
    if let Some(name) = first.as_text() {
        let simple = name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase();
        let mut traits = CLASS | loaded | (kinds::of_class(&simple) & (ENGINE | LOADER));
        if kinds::is_dangerous_class(name) {
            traits |= DANGER;
            found.add(
                58,
                COMMAND,
                "reaches a class that runs things by its name",
                call.place,
            );
        }
        return Value::of(traits | (first.traits & CODED));
    }
    if first.is(TAINT) {
        found.add(
            72,
            LOADING,
            "loads the class that the request names",
            call.place,
        );
    }
    let hidden = match first.is(CODED | TAINT) || !first.is_fixed() {
        true => CODED,
        false => 0,
    };
    Value::of(CLASS | hidden | loaded | (first.traits & TAINT))
}

/// Bytes that become classes and objects.
fn loads(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    let sent = call.given() & SENT != 0;
    match call.name {
        "defineclass"
        | "defineclass0"
        | "defineclass1"
        | "defineanonymousclass"
        | "definehiddenclass" => {
            let (weight, text) = match sent || call.given() & CODED != 0 {
                true => (95, "turns what the request brings into a class"),
                false => (82, "turns bytes into a class"),
            };
            found.add(weight, LOADING, text, call.place);
            Some(Value::of(CLASS | LOADED))
        }
        "readobject" | "readunshared" | "fromxml" => {
            let object = call.object.map_or(0, |object| object.traits) | call.given();
            if object & TAINT != 0 {
                found.add(
                    85,
                    LOADING,
                    "makes objects of what the request brings",
                    call.place,
                );
            }
            Some(Value::of(object & SENT))
        }
        "load" | "loadlibrary" | "load0" if call.on(SYSTEM | RUNTIME) => {
            let (weight, text) = match () {
                () if sent => (90, "loads the native library that the request names"),
                () if call.argument(0).is_fixed() => (45, "loads a native library"),
                () => (68, "loads a native library that it has made"),
            };
            found.add(weight, LOADING, text, call.place);
            Some(Value::default())
        }
        "lookup" | "dolookup" => {
            if sent {
                found.add(
                    82,
                    LOADING,
                    "fetches the object that the request names",
                    call.place,
                );
            }
            None
        }
        "getversionhelper" => {
            found.add(
                65,
                LOADING,
                "loads classes in a way made for the platform itself",
                call.place,
            );
            Some(Value::of(LOADER | LOADED))
        }
        _ => None,
    }
}

/// Parts of the running server.
fn joins_server(call: &Call<'_>, found: &mut Findings) -> Option<Value> {
    match call.name {
        "addfilterdef"
        | "addfiltermapbefore"
        | "addfiltermap"
        | "addapplicationeventlistener"
        | "setapplicationeventlisteners"
        | "addvalve"
        | "addservletmappingdecoded"
        | "registermapping"
        | "registerhandler"
        | "addservletmapping"
        | "createwrapper"
        | "addfilter"
        | "addservlet"
        | "addlistener"
        | "setwebsocketcontainer" => {
            let weight = if call.on(SERVER) { 62 } else { 45 };
            found.add(
                weight,
                MEMORY,
                "adds a part to the running server",
                call.place,
            );
            None
        }
        "getdeclaredfield" => {
            let named = call.argument(0);
            if named.as_text() == Some("context") || named.as_text() == Some("filterConfigs") {
                found.add(45, MEMORY, "reaches into the running server", call.place);
            }
            None
        }
        _ => None,
    }
}
