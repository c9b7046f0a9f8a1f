//! What Java's names mean to a page that executes what it is sent.

use super::files;
use super::kinds::{self, *};
use super::reflect;
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

pub(super) const COMMAND: &str = "command execution";
pub(super) const EVALUATION: &str = "code evaluation";
pub(super) const LOADING: &str = "class loader";
const TUNNEL: &str = "tunnel";
const SQL: &str = "database client";

/// Facts that count as "the client decides".
pub(super) const SENT: Traits = TAINT | PARSED;

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
            .or_else(|| reflect::call(call, found))
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
