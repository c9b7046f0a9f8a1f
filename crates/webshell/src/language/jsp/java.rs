//! What Java's names mean to a page that executes what it is sent.

use super::files;
use super::kinds::{self, *};
use super::texts;
use crate::decode::{self, Budget};
use crate::language::asp::{
    CODED, Call, Constant, Dialect, Findings, PARSED, Place, TAINT, Traits, Value, WHOLE, readable,
};

/// Java in pages, and the expression language.
#[derive(Debug, Default)]
pub(super) struct Java {
    budget: Budget,
    session: Traits,
}

const COMMAND: &str = "command execution";
const EVALUATION: &str = "code evaluation";
const LOADING: &str = "class loader";
const MEMORY: &str = "memory webshell";
const TUNNEL: &str = "tunnel";
const SQL: &str = "database client";

/// Facts that count as "the client decides".
const SENT: Traits = TAINT | PARSED;

impl Dialect for Java {
    fn name(&mut self, name: &str) -> Value {
        match name {
            "request" | "req" => Value::of(REQUEST),
            "response" => Value::of(RESPONSE),
            "session" => Value::of(SESSION),
            "param" | "paramvalues" | "header" | "headervalues" | "cookie" => {
                Value::of(TAINT | WHOLE)
            }
            "pagecontext" => Value::of(0),
            _ => match kinds::of_class(name) {
                0 => Value::default(),
                kind => Value::of(kind),
            },
        }
    }

    fn class(&self, name: &str) -> Traits {
        kinds::of_class(name)
    }

    fn member(
        &mut self,
        object: &Value,
        name: &str,
        _place: Place,
        _found: &mut Findings,
    ) -> Option<Value> {
        if name == "class" {
            return Some(Value::of(
                CLASS | (object.traits & (RUNTIME | BUILDER | LOADER | PROXY)),
            ));
        }
        if name == "request" {
            return Some(Value::of(REQUEST));
        }
        match kinds::of_class(name) {
            0 => None,
            kind => Some(Value::of(kind)),
        }
    }

    fn call(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        self.input(call)
            .or_else(|| self.made_text(call))
            .or_else(|| self.runs(call, found))
            .or_else(|| self.reflects(call, found))
            .or_else(|| self.loads(call, found))
            .or_else(|| self.reaches_out(call, found))
            .or_else(|| files::call(call, found))
            .or_else(|| kinds::is_harmless(call.name).then(Value::default))
    }

    fn create(
        &mut self,
        class: &str,
        arguments: &[Value],
        place: Place,
        found: &mut Findings,
    ) -> Option<Value> {
        let given = arguments.iter().fold(0, |all, value| all | value.traits);
        let first = arguments.first().cloned().unwrap_or_default();
        match class {
            "string" => {
                let text = first.as_characters();
                let value = text.map_or_else(|| Value::of(first.traits), Value::text);
                return Some(value.and(first.traits & (SENT | CODED | WHOLE)));
            }
            "stringbuilder" | "stringbuffer" => {
                return Some(match first.as_text() {
                    Some(_) => first,
                    None if first.traits & SENT != 0 => first,
                    None => Value::text(""),
                });
            }
            "processbuilder" => return Some(Value::of(BUILDER | (given & (SENT | CODED)))),
            "socket" | "socketchannel" => {
                if given & SENT != 0 {
                    found.add(72, TUNNEL, "connects to where the request says", place);
                }
                found.add(25, TUNNEL, "opens a network connection of its own", place);
                return Some(Value::of(SOCKET));
            }
            "serversocket" => {
                found.add(50, TUNNEL, "listens on a port of its own", place);
            }
            "expression" | "statement" if arguments.len() == 3 => {
                let weight = if given & (RUNTIME | BUILDER) != 0 {
                    90
                } else {
                    70
                };
                if given & (SENT | RUNTIME | BUILDER) != 0 {
                    found.add(
                        weight,
                        COMMAND,
                        "calls a method by a name given at run time",
                        place,
                    );
                }
            }
            "templatesimpl" => {
                found.add(
                    80,
                    LOADING,
                    "runs bytes as a class through a template",
                    place,
                );
            }
            "bcelclassloader" => {
                found.add(85, LOADING, "loads a class out of a text", place);
                return Some(Value::of(LOADER | LOADED));
            }
            "urlclassloader" => {
                let weight = if given & SENT != 0 { 88 } else { 62 };
                found.add(weight, LOADING, "loads classes from an address", place);
                return Some(Value::of(LOADER | LOADED));
            }
            "jdbcrowsetimpl" => found.add(80, LOADING, "fetches an object by a name", place),
            "xmldecoder" | "objectinputstream" if given & SENT != 0 => {
                return Some(Value::of(OBJECTS | TAINT | WHOLE));
            }
            _ => return files::create(class, arguments, place),
        }
        None
    }

    fn set(
        &mut self,
        _object: &Value,
        _name: &str,
        value: &Value,
        _place: Place,
        _found: &mut Findings,
    ) -> Traits {
        value.traits & SENT
    }

    fn holds(&self, object: &Value) -> bool {
        !object.is(OUTPUT)
    }

    fn text(&mut self, text: &str, made: bool, place: Place, found: &mut Findings) {
        texts::look(text, made, place, found);
    }
}

impl Java {
    /// Where the request's content comes in.
    fn input(&mut self, call: &Call<'_>) -> Option<Value> {
        let request = call.on(REQUEST);
        match call.name {
            "getmethod"
            | "getcontextpath"
            | "getservername"
            | "getserverport"
            | "getscheme"
            | "getlocale"
            | "getcharacterencoding"
            | "getremoteaddr"
            | "isuserinrole"
                if request && call.arguments.is_empty() =>
            {
                Some(Value::default())
            }
            "getinputstream" | "getreader" if request => Some(Value::of(TAINT | WHOLE)),
            "getpart" | "getparts" | "parserequest" => Some(Value::of(PARSED)),
            // What the container says of the address is no free text.
            "getrequesturi" | "getrequesturl" | "getservletpath" | "getpathinfo" => {
                Some(Value::of(PARSED))
            }
            "getrequest" | "getservletrequest" => Some(Value::of(REQUEST)),
            "getsession" => Some(Value::of(SESSION)),
            "getresponse" => Some(Value::of(RESPONSE)),
            name if kinds::is_source(name) => Some(Value::of(TAINT | WHOLE)),
            "setattribute" | "putvalue" => {
                self.session |= call.given() & (SENT | LOADED | LOADER | CODED);
                None
            }
            "getattribute" | "getvalue" if !call.on(LOADED) => Some(Value::of(self.session)),
            _ if call.arguments.iter().any(|value| value.is(REQUEST)) => Some(Value::of(PARSED)),
            _ => None,
        }
    }

    /// Texts that are worked out.
    fn made_text(&mut self, call: &Call<'_>) -> Option<Value> {
        let object = call.object.cloned().unwrap_or_default();
        let text = object.as_text();
        let first = call.argument(0);
        let carried = (object.traits | call.given()) & (SENT | CODED | WHOLE);
        match call.name {
            "tostring" | "trim" | "intern" | "tochararray" | "getbytes" | "strip"
                if text.is_some() || matches!(object.constant, Constant::List(_)) =>
            {
                Some(Value::text(object.as_characters()?).and(carried))
            }
            "reverse" => {
                let text = text?;
                Some(Value::text(text.chars().rev().collect::<String>()).and(carried))
            }
            "replace" | "replaceall" => {
                let (text, from, to) = (text?, first.as_text()?.to_owned(), call.argument(1));
                let to = to.as_text()?;
                if from.is_empty() || to.len() > from.len().saturating_mul(8) {
                    return None;
                }
                Some(Value::text(text.replace(&from, to)).and(carried))
            }
            "tolowercase" | "touppercase" => Some(Value::text(text?).and(carried)),
            "substring" => {
                let characters: Vec<char> = text?.chars().collect();
                let from = usize::try_from(first.as_number()?).ok()?;
                let to = call
                    .argument(1)
                    .as_number()
                    .and_then(|to| usize::try_from(to).ok());
                let part = characters.get(from..to.unwrap_or(characters.len()))?;
                Some(Value::text(part.iter().collect::<String>()).and(carried))
            }
            "charat" => {
                let at = usize::try_from(first.as_number()?).ok()?;
                let c = text?.chars().nth(at)?;
                Some(Value::text(c.to_string()).and(carried))
            }
            "length" => Some(Value::number(i64::try_from(text?.chars().count()).ok()?)),
            "valueof" | "copyvalueof" if first.as_characters().is_some() => {
                Some(Value::text(first.as_characters()?).and(carried))
            }
            "decode" | "decodebuffer" | "decodebase64" | "parsebase64binary" | "decodetostring" => {
                let given = call
                    .arguments
                    .iter()
                    .find_map(|value| value.as_characters())?;
                let bytes = decode::base64(given.as_bytes(), &mut self.budget)?;
                Some(readable(bytes).and(carried))
            }
            "parsehexbinary" | "decodehex" | "hextobytes" => {
                let given = first.as_characters()?;
                let bytes = decode::hex(given.as_bytes(), &mut self.budget)?;
                Some(readable(bytes).and(carried))
            }
            "dofinal" => Some(Value::of(carried | CODED)),
            _ => None,
        }
    }

    /// Programs and scripts.
    fn runs(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let given = call.given();
        let sent = given & SENT != 0;
        match call.name {
            "getruntime" => Some(Value::of(RUNTIME)),
            "exec" if call.on(RUNTIME) || (sent && !call.on(DATABASE | METHOD)) => {
                let (weight, text) = match () {
                    () if sent => (96, "runs what the request says as a command"),
                    () if given & CODED != 0 => (88, "runs a hidden text as a command"),
                    () if call.argument(0).is_fixed() => (50, "runs a fixed command"),
                    () => (68, "runs a command that it puts together"),
                };
                found.add(weight, COMMAND, text, call.place);
                Some(Value::default())
            }
            "start" if call.on(BUILDER) => {
                let object = call.object.map_or(0, |object| object.traits);
                let (weight, text) = match () {
                    () if object & SENT != 0 => (96, "runs what the request says as a command"),
                    () => (62, "starts a program"),
                };
                found.add(weight, COMMAND, text, call.place);
                Some(Value::default())
            }
            "command" if call.on(BUILDER) => Some(Value::of(BUILDER | (given & (SENT | CODED)))),
            "eval"
            | "evaluate"
            | "geteval"
            | "parseclass"
            | "parseexpression"
            | "createvalueexpression"
            | "createmethodexpression"
            | "compile"
            | "setscript"
            | "executescript"
            | "getvalue"
                if call.on(ENGINE) || (sent && matches!(call.name, "eval")) =>
            {
                let (weight, text) = match () {
                    () if sent => (94, "evaluates what the request says as code"),
                    () if given & CODED != 0 => (85, "evaluates a hidden text as code"),
                    () if call.argument(0).is_fixed() => (35, "evaluates a fixed text as code"),
                    () => (60, "evaluates a text as code"),
                };
                found.add(weight, EVALUATION, text, call.place);
                Some(Value::of(ENGINE))
            }
            "getenginebyname"
            | "getenginebyextension"
            | "getenginebymimetype"
            | "builder"
            | "getsystemjavacompiler"
                if call.object.is_some() && call.name != "builder" || call.on(ENGINE) =>
            {
                if call.name == "getsystemjavacompiler" {
                    found.add(55, LOADING, "compiles code at run time", call.place);
                }
                Some(Value::of(ENGINE))
            }
            "build" | "newinstance" | "getelmanager" if call.on(ENGINE) => Some(Value::of(ENGINE)),
            "gettask" if sent => {
                found.add(80, LOADING, "compiles what the request says", call.place);
                None
            }
            _ => None,
        }
    }

    /// Classes and methods reached by their names.
    fn reflects(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let first = call.argument(0);
        match call.name {
            "forname" | "loadclass" | "findclass" | "lookupclass" => {
                Some(self.class_of(call, found))
            }
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

    fn class_of(&mut self, call: &Call<'_>, found: &mut Findings) -> Value {
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
    fn loads(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
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

    /// The network and databases.
    fn reaches_out(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let sent = call.given() & SENT != 0;
        match call.name {
            "connect" if call.on(SOCKET) => {
                if sent {
                    found.add(72, TUNNEL, "connects to where the request says", call.place);
                }
                Some(Value::default())
            }
            "open" if call.on(SOCKET) => Some(Value::of(SOCKET)),
            "getconnection" if call.given() & TAINT != 0 => {
                found.add(
                    64,
                    SQL,
                    "connects to the database that the request names",
                    call.place,
                );
                Some(Value::of(DATABASE | TAINT))
            }
            "executequery" | "executeupdate" | "execute" if call.argument(0).is(WHOLE) => {
                let weight = if call.on(TAINT) { 60 } else { 42 };
                found.add(
                    weight,
                    SQL,
                    "sends the database what the request says",
                    call.place,
                );
                Some(Value::default())
            }
            "openconnection" | "openstream" if call.on(TAINT) => {
                found.add(
                    20,
                    TUNNEL,
                    "fetches the address that the request names",
                    call.place,
                );
                Some(Value::default())
            }
            "createstatement" | "preparestatement" => {
                let object = call.object.map_or(0, |object| object.traits);
                Some(Value::of(DATABASE | (object & TAINT)))
            }
            _ => None,
        }
    }
}
