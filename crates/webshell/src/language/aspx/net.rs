//! What .NET's names mean to a page that executes what it is sent.

use super::files;
use super::kinds::{self, *};
use super::reach;
use crate::decode::Budget;
use crate::language::asp::{
    CODED, Call, Dialect, Findings, PARSED, Place, SCRIPT, Script, TAINT, Traits, Value, WHOLE,
    look_at_text, runs_programs, scripted_name, worked_out,
};

pub(super) const COMMAND: &str = "command execution";
pub(super) const EVALUATION: &str = "code evaluation";
pub(super) const LOADING: &str = "assembly loader";
pub(super) const TUNNEL: &str = "tunnel";
const SQL: &str = "database client";
pub(super) const SENT: Traits = TAINT | PARSED;
/// Hidden scripts kept of one page. Stops pages of nothing but hidden scripts.
const HIDDEN_MAX: usize = 48;

/// Pages and handlers in C#, Visual Basic and JScript.NET.
#[derive(Debug)]
pub(super) struct Net<'p> {
    script: Script,
    inputs: &'p [String],
    uploads: &'p [String],
    /// Fixed texts that the page runs as code.
    pub(super) hidden: Vec<(String, Place)>,
    budget: Budget,
    session: Traits,
}

impl<'p> Net<'p> {
    pub(super) fn new(script: Script, inputs: &'p [String], uploads: &'p [String]) -> Net<'p> {
        Net {
            script,
            inputs,
            uploads,
            hidden: Vec::new(),
            budget: Budget::default(),
            session: 0,
        }
    }
}

impl Dialect for Net<'_> {
    fn name(&mut self, name: &str) -> Value {
        let holds = |list: &[String]| list.iter().any(|id| id == name);
        match name {
            "request" => Value::of(REQUEST),
            "server" => Value::of(SERVER),
            "session" | "application" | "cache" | "viewstate" => Value::of(SESSION | self.session),
            "response" => Value::of(RESPONSE),
            "vbcrlf" => Value::text("\r\n"),
            "eval" | "execute" => Value::of(EVALUATOR),
            _ if holds(self.inputs) => Value::of(INPUT),
            _ if holds(self.uploads) => Value::of(UPLOAD),
            _ => Value::of(kinds::of_class(name)),
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
        let kept = object.traits & (SENT | WHOLE | CODED);
        match name {
            "request" => return Some(Value::of(REQUEST)),
            "session" | "cache" if !object.is(REQUEST) => {
                return Some(Value::of(SESSION | self.session));
            }
            "server" => return Some(Value::of(SERVER)),
            "response" => return Some(Value::of(RESPONSE)),
            _ => {}
        }
        if object.is(REQUEST) {
            return Some(match name {
                "form" | "querystring" | "cookies" | "headers" | "item" | "params"
                | "servervariables" | "unvalidated" | "values" => {
                    Value::of(REQUEST | TAINT | WHOLE)
                }
                "inputstream" | "rawurl" | "useragent" | "urlreferrer" | "value" => {
                    Value::of(TAINT | WHOLE)
                }
                "files" => Value::of(UPLOAD | PARSED),
                _ => Value::of(0),
            });
        }
        match name {
            "text" | "value" | "selectedvalue" | "selecteditem" if object.is(INPUT) => {
                Some(Value::of(TAINT | WHOLE))
            }
            "postedfile" | "inputstream" | "filebytes" | "filecontent" | "filename" | "files"
                if object.is(UPLOAD) =>
            {
                Some(Value::of(UPLOAD | PARSED))
            }
            "startinfo" | "standardinput" | "standardoutput" => {
                Some(Value::of((object.traits & PROCESS) | kept))
            }
            "length" | "count" if object.is_fixed() => {
                let call = Call {
                    object: Some(object),
                    callee: None,
                    name: "length",
                    arguments: &[],
                    place: Place::default(),
                };
                worked_out(&call, &mut self.budget)
            }
            "compiledassembly" => Some(Value::of(LOADED)),
            _ => match kinds::of_class(name) {
                0 => None,
                kind => Some(Value::of(kind | kept)),
            },
        }
    }

    fn call(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        self.input(call)
            .or_else(|| self.runs(call, found))
            .or_else(|| self.evaluates(call, found))
            .or_else(|| self.loads(call, found))
            .or_else(|| reach::call(call, found))
            .or_else(|| files::call(call, found))
            .or_else(|| worked_out(call, &mut self.budget))
            .or_else(|| harmless(call.name).then(Value::default))
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
            "stringbuilder" => {
                return Some(if given & SENT == 0 {
                    Value::text("")
                } else {
                    first
                });
            }
            "process" | "processstartinfo" => {
                return Some(Value::of(PROCESS | (given & (SENT | CODED))));
            }
            "tcpclient" | "socket" => {
                if given & SENT != 0 {
                    found.add(72, TUNNEL, "connects to where the request says", place);
                }
            }
            "sqlconnection" | "oledbconnection" | "odbcconnection" if first.is(TAINT) => {
                found.add(
                    58,
                    SQL,
                    "connects to the database that the request names",
                    place,
                );
                return Some(Value::of(DATABASE | TAINT));
            }
            "sqlcommand" | "oledbcommand" | "odbccommand" | "sqldataadapter"
            | "oledbdataadapter" => {
                if first.is(WHOLE) && first.is(TAINT) {
                    found.add(42, SQL, "sends the database what the request says", place);
                }
            }
            "managementclass" | "managementobject" => {
                if first
                    .as_text()
                    .is_some_and(|text| text.to_ascii_lowercase().contains("win32_process"))
                {
                    found.add(
                        50,
                        COMMAND,
                        "reaches the system's processes through its management",
                        place,
                    );
                }
                return Some(Value::of(MANAGEMENT));
            }
            "activexobject" => return Some(self.registered(&first, place, found)),
            _ => return files::create(class, arguments),
        }
        None
    }

    fn set(
        &mut self,
        object: &Value,
        name: &str,
        value: &Value,
        place: Place,
        found: &mut Findings,
    ) -> Traits {
        if object.is(SESSION) {
            self.session |= value.traits & (SENT | WHOLE | CODED | LOADED);
        }
        if name == "commandtext" && value.is(WHOLE) && value.is(TAINT) {
            found.add(42, SQL, "sends the database what the request says", place);
        }
        if name == "connectionstring" && value.is(TAINT) {
            found.add(
                58,
                SQL,
                "connects to the database that the request names",
                place,
            );
        }
        value.traits & (SENT | CODED)
    }

    fn holds(&self, object: &Value) -> bool {
        !object.is(OUTPUT)
    }

    fn text(&mut self, text: &str, made: bool, place: Place, found: &mut Findings) {
        look_at_text(text, made, place, found);
    }
}

impl Net<'_> {
    fn input(&mut self, call: &Call<'_>) -> Option<Value> {
        match call.name {
            "request" if !call.arguments.is_empty() => Some(Value::of(TAINT | WHOLE)),
            "[]"
            | "item"
            | "get"
            | "getvalues"
            | "form"
            | "querystring"
            | "cookies"
            | "headers"
            | "params"
            | "binaryread"
            | "getbufferedinputstream"
            | "getbufferlessinputstream"
                if call.on(REQUEST) =>
            {
                Some(Value::of(TAINT | WHOLE))
            }
            "servervariables" if call.on(REQUEST) => {
                let key = call.argument(0);
                let chosen = key.as_text().is_none_or(|key| {
                    let key = key.to_ascii_lowercase();
                    key.starts_with("http_") && key != "http_host" || key == "query_string"
                });
                Some(Value::of(if chosen { TAINT | WHOLE } else { 0 }))
            }
            "[]" | "item" | "get" if call.on(SESSION) => Some(Value::of(self.session)),
            "[]" | "item" if call.on(UPLOAD) => Some(Value::of(UPLOAD | PARSED)),
            "add" | "insert" | "set" if call.on(SESSION) => {
                self.session |= call.given() & (SENT | WHOLE | CODED | LOADED);
                None
            }
            "session" | "application" => Some(Value::of(self.session)),
            "mappath" => {
                let path = call.argument(0);
                let script = if path.as_text().is_some_and(scripted_name) {
                    SCRIPT
                } else {
                    0
                };
                Some(Value::of(
                    (call.given() & (SENT | CODED | SCRIPT | WHOLE)) | script,
                ))
            }
            // A path begins with what its first part begins with.
            "combine" => Some(Value::of(
                (call.given() & (SENT | CODED | SCRIPT)) | (call.argument(0).traits & WHOLE),
            )),
            "findcontrol" => Some(Value::of(INPUT)),
            _ => None,
        }
    }

    fn runs(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let object = call.object.map_or(0, |object| object.traits);
        let given = call.given();
        let traits = given | object;
        match call.name {
            "start" if call.on(PROCESS) => {
                let (weight, text) = match () {
                    () if traits & SENT != 0 => (96, "runs what the request says as a command"),
                    () if traits & CODED != 0 => (85, "runs a hidden text as a command"),
                    () if call.argument(0).is_fixed() => (40, "starts a fixed program"),
                    () => (50, "starts a program"),
                };
                found.add(weight, COMMAND, text, call.place);
                Some(Value::of(PROCESS | (traits & SENT)))
            }
            "writeline" | "write" if call.on(PROCESS) && given & SENT != 0 => {
                found.add(
                    92,
                    COMMAND,
                    "types what the request says into a program",
                    call.place,
                );
                Some(Value::default())
            }
            "shell" | "exec" | "run"
                if (call.object.is_none() && call.name == "shell") || call.on(PROCESS) =>
            {
                let weight = match given & SENT != 0 {
                    true => 96,
                    false if call.argument(0).is_fixed() => 42,
                    false => 62,
                };
                found.add(weight, COMMAND, "runs a command", call.place);
                Some(Value::default())
            }
            "createobject" | "gettypefromprogid" | "gettypefromclsid" => {
                Some(self.registered(&call.argument(0), call.place, found))
            }
            "addscript" | "addcommand" | "invoke" | "runscript" | "addargument"
                if call.on(POWERSHELL) =>
            {
                let (weight, text) = match traits & SENT != 0 {
                    true => (95, "runs what the request says in PowerShell"),
                    false => (45, "runs PowerShell"),
                };
                found.add(weight, COMMAND, text, call.place);
                Some(Value::of(POWERSHELL | (traits & SENT)))
            }
            "create" | "createrunspace" | "createpipeline" | "open" if call.on(POWERSHELL) => {
                if given & SENT != 0 {
                    found.add(
                        94,
                        COMMAND,
                        "runs what the request says in PowerShell",
                        call.place,
                    );
                }
                Some(Value::of(POWERSHELL | (given & SENT)))
            }
            "invokemethod" if call.on(MANAGEMENT) && traits & SENT != 0 => {
                found.add(
                    90,
                    COMMAND,
                    "runs what the request says as a command",
                    call.place,
                );
                Some(Value::default())
            }
            _ => None,
        }
    }

    fn registered(&mut self, class: &Value, place: Place, found: &mut Findings) -> Value {
        match class.as_text() {
            Some(name) if runs_programs(name) => {
                found.add(46, COMMAND, "makes an object that runs programs", place);
                Value::of(PROCESS)
            }
            None if class.is(TAINT) => {
                found.add(
                    62,
                    COMMAND,
                    "makes an object of the class that the request names",
                    place,
                );
                Value::of(PROCESS | TAINT)
            }
            _ => Value::default(),
        }
    }

    fn evaluates(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let held = call.callee.is_some_and(|callee| callee.is(EVALUATOR)) || call.on(EVALUATOR);
        let jscript = self.script == Script::Jscript;
        let code = call.argument(0);
        match call.name {
            // In other languages `Eval` binds data.
            "eval" | "jscriptevaluate" if jscript || call.on(EVALUATOR) => {}
            "jscriptevaluate" | "evaluatestring" => {}
            _ if held && jscript => {}
            "compileassemblyfromsource"
            | "compileassemblyfromfile"
            | "evaluateasync"
            | "runasync"
                if call.on(COMPILER) || call.name.starts_with("compile") =>
            {
                let (weight, text) = match () {
                    () if call.given() & SENT != 0 => (95, "compiles what the request says"),
                    () if call.given() & CODED != 0 => (82, "compiles a hidden text"),
                    () => (56, "compiles code at run time"),
                };
                found.add(weight, EVALUATION, text, call.place);
                return Some(Value::of(LOADED));
            }
            _ => return None,
        }
        let (weight, text) = match () {
            () if code.is(TAINT) => (95, "evaluates what the request says as code"),
            () if code.is(PARSED | CODED) => (84, "evaluates a hidden text as code"),
            () if code.is_fixed() => (20, "evaluates a fixed text as code"),
            () => (45, "evaluates a text as code"),
        };
        found.add(weight, EVALUATION, text, call.place);
        if call
            .argument(1)
            .as_text()
            .is_some_and(|mode| mode.eq_ignore_ascii_case("unsafe"))
        {
            found.add(
                45,
                EVALUATION,
                "evaluates without the limits that code from outside has",
                call.place,
            );
        }
        if let Some(text) = code.as_text()
            && self.hidden.len() < HIDDEN_MAX
            && !self.hidden.iter().any(|(known, _)| known == text)
        {
            self.hidden.push((text.to_owned(), call.place));
        }
        Some(Value::of(code.traits & SENT))
    }

    fn loads(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let given = call.given();
        match call.name {
            "load"
            | "loadfrom"
            | "loadfile"
            | "unsafeloadfrom"
            | "loadwithpartialname"
            | "createinstancefrom"
                if call.on(ASSEMBLY) =>
            {
                let (weight, text) = match () {
                    () if given & SENT != 0 => (95, "loads what the request brings as a program"),
                    () if given & CODED != 0 => (86, "loads hidden bytes as a program"),
                    () if call.argument(0).is_fixed() => (18, "loads a program by a fixed name"),
                    () => (45, "loads a program"),
                };
                found.add(weight, LOADING, text, call.place);
                // What is loaded by a name from a settings file is part of the application.
                let own = given & (SENT | CODED) == 0
                    && (call.name != "load" || call.argument(0).is_fixed());
                let loaded = if own { 0 } else { LOADED };
                Some(Value::of(loaded | (given & (SENT | CODED))))
            }
            "deserialize" | "unsafedeserialize" if given & SENT != 0 => {
                if call.on(FORMATTER) {
                    found.add(
                        86,
                        LOADING,
                        "makes objects of what the request brings",
                        call.place,
                    );
                }
                None
            }
            _ => None,
        }
    }
}

fn harmless(name: &str) -> bool {
    matches!(
        name,
        "isnullorempty"
            | "isnullorwhitespace"
            | "indexof"
            | "lastindexof"
            | "startswith"
            | "endswith"
            | "contains"
            | "equals"
            | "compare"
            | "compareto"
            | "exists"
            | "ismatch"
            | "toint32"
            | "toint64"
            | "parse"
            | "tryparse"
            | "htmlencode"
            | "isdate"
            | "isnumeric"
            | "toboolean"
            | "todatetime"
            | "todecimal"
            | "isdbnull"
            | "containskey"
            | "cint"
            | "clng"
            | "computehash"
            | "urlencode"
            | "getextension"
            | "newguid"
    )
}
