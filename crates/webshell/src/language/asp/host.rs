//! What names mean to classic pages: the server's own objects, and those that pages make.

use super::files;
use super::flow::{
    CODED, Call, Dialect, Findings, PARSED, Place, SCRIPT, SINK_BITS, TAINT, Traits, Value, WHOLE,
    scripted_name,
};
use super::page::Script;
use super::strings;
use crate::decode::Budget;

pub(super) const REQUEST: Traits = 1 << SINK_BITS;
pub(super) const SERVER: Traits = 1 << (SINK_BITS + 1);
pub(super) const SESSION: Traits = 1 << (SINK_BITS + 2);
pub(super) const SHELL: Traits = 1 << (SINK_BITS + 3);
pub(super) const APPLICATION: Traits = 1 << (SINK_BITS + 4);
pub(super) const STREAM: Traits = 1 << (SINK_BITS + 5);
pub(super) const FILES: Traits = 1 << (SINK_BITS + 6);
pub(super) const DATABASE: Traits = 1 << (SINK_BITS + 7);
pub(super) const CONTROL: Traits = 1 << (SINK_BITS + 8);
pub(super) const DOCUMENT: Traits = 1 << (SINK_BITS + 9);
pub(super) const FETCHER: Traits = 1 << (SINK_BITS + 10);
/// A file or folder that was opened.
pub(super) const OPENED: Traits = 1 << (SINK_BITS + 11);
/// A function that evaluates text, held as a value.
pub(super) const EVALUATOR: Traits = 1 << (SINK_BITS + 12);
pub(super) const MAKER: Traits = 1 << (SINK_BITS + 13);
pub(super) const CONNECTION: Traits = 1 << (SINK_BITS + 14);

const COMMAND: &str = "command execution";
const EVALUATION: &str = "code evaluation";
const SQL: &str = "database client";
const SENT: Traits = TAINT | PARSED;
/// Hidden scripts kept of one page. Stops pages of nothing but hidden scripts.
const HIDDEN_MAX: usize = 48;

/// Classic pages, VBScript or JScript.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) script: Script,
    /// Fixed texts that the page runs as code.
    pub(super) hidden: Vec<(String, Script, Place)>,
    budget: Budget,
    session: Traits,
}

impl Host {
    pub(super) fn new(script: Script) -> Host {
        Host {
            script,
            hidden: Vec::new(),
            budget: Budget::default(),
            session: 0,
        }
    }

    fn hide(&mut self, text: &str, place: Place) {
        let known = self.hidden.iter().any(|(known, _, _)| known == text);
        if !known && self.hidden.len() < HIDDEN_MAX && text.len() > 3 {
            self.hidden.push((text.to_owned(), self.script, place));
        }
    }
}

/// The facts about objects of a registered class, by its name or number.
pub(super) fn registered(class: &str) -> Traits {
    let lower: String = class
        .chars()
        .filter(|c| !matches!(c, '{' | '}' | ' ' | '"'))
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let name = lower
        .trim_start_matches("new:")
        .trim_start_matches("clsid:")
        .trim_end_matches(|c: char| c == '.' || c.is_ascii_digit() && lower.contains(".1"));
    match name {
        "wscript.shell"
        | "72c24dd5-d70a-438b-8a42-98424b88afb8"
        | "f935dc22-1cf0-11d0-adb9-00c04fd58a0b" => SHELL,
        "shell.application"
        | "13709620-c279-11ce-a49e-444553540000"
        | "9ba05972-f6a8-11cf-a442-00a0c90a8f39"
        | "shellbrowserwindow" => APPLICATION,
        "adodb.stream" | "00000566-0000-0010-8000-00aa006d2ea4" => STREAM,
        "scripting.filesystemobject" | "0d43fe01-f093-11cf-8940-00a0c9054228" => FILES,
        "adodb.connection" => DATABASE | CONNECTION,
        "adodb.recordset"
        | "adox.catalog"
        | "sqldmo.sqlserver"
        | "00000514-0000-0010-8000-00aa006d2ea4"
        | "adodb.command" => DATABASE,
        "msscriptcontrol.scriptcontrol"
        | "scriptcontrol"
        | "0e59f1d5-1fbe-11d0-8ff2-00a0d10038bc" => CONTROL,
        "microsoft.xmldom" | "msxml2.domdocument" | "msxml.domdocument" | "msxml2.xsltemplate" => {
            DOCUMENT
        }
        name if name.starts_with("msxml2.domdocument") => DOCUMENT,
        name if name.starts_with("wscript.shell") => SHELL,
        name if name.contains("xmlhttp") || name.contains("winhttp") => FETCHER,
        _ => 0,
    }
}

/// Whether objects of a registered class run programs.
pub(crate) fn runs_programs(class: &str) -> bool {
    registered(class) & (SHELL | APPLICATION) != 0
}

impl Dialect for Host {
    fn name(&mut self, name: &str) -> Value {
        match name {
            "request" => Value::of(REQUEST),
            "server" => Value::of(SERVER),
            "session" | "application" => Value::of(SESSION | self.session),
            "vbcrlf" | "vbnewline" => Value::text("\r\n"),
            "vblf" => Value::text("\n"),
            "vbcr" => Value::text("\r"),
            "vbtab" => Value::text("\t"),
            "vbnullstring" | "empty" => Value::text(""),
            "eval" | "execute" | "executeglobal" => Value::of(EVALUATOR),
            "activexobject" | "createobject" => Value::of(MAKER),
            _ => Value::default(),
        }
    }

    fn class(&self, name: &str) -> Traits {
        match name {
            "function" => EVALUATOR,
            _ => 0,
        }
    }

    fn member(
        &mut self,
        object: &Value,
        name: &str,
        _place: Place,
        _found: &mut Findings,
    ) -> Option<Value> {
        match name {
            "form" | "querystring" | "cookies" | "item" | "params" if object.is(REQUEST) => {
                Some(Value::of(REQUEST | TAINT | WHOLE))
            }
            "servervariables" if object.is(REQUEST) => Some(Value::of(REQUEST | SESSION)),
            "totalbytes" | "count" if object.is(REQUEST) => Some(Value::default()),
            "contents" | "staticobjects" if object.is(SESSION) => Some(Value::of(object.traits)),
            "nodetypedvalue" | "responsebody" | "responsetext" => {
                Some(Value::of((object.traits & SENT) | CODED))
            }
            "createobject" if object.is(SERVER) => Some(Value::of(MAKER)),
            "length" | "count" if object.is_fixed() => {
                let call = Call {
                    object: Some(object),
                    callee: None,
                    name: "length",
                    arguments: &[],
                    place: Place::default(),
                };
                strings::worked_out(&call, &mut self.budget)
            }
            "files" | "subfolders" | "drives" | "stdout" | "stderr" => Some(Value::of(
                object.traits & (SENT | WHOLE | OPENED | FILES | SHELL),
            )),
            "eval" => Some(Value::of(EVALUATOR)),
            _ => None,
        }
    }

    fn call(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        self.input(call)
            .or_else(|| self.makes(call, found))
            .or_else(|| self.evaluates(call, found))
            .or_else(|| self.runs(call, found))
            .or_else(|| self.serves(call, found))
            .or_else(|| files::call(call, found))
            .or_else(|| strings::worked_out(call, &mut self.budget))
            .or_else(|| harmless(call.name).then(Value::default))
    }

    fn create(
        &mut self,
        class: &str,
        arguments: &[Value],
        place: Place,
        found: &mut Findings,
    ) -> Option<Value> {
        let first = arguments.first().cloned().unwrap_or_default();
        match class {
            "activexobject" => Some(self.made(&first, place, found)),
            "function" => {
                let code = arguments.last().cloned().unwrap_or_default();
                self.evaluated(&code, place, found);
                Some(Value::of(EVALUATOR))
            }
            "enumerator" | "string" => Some(first),
            _ => None,
        }
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
            self.session |= value.traits & (SENT | WHOLE | CODED);
        }
        if name == "attributes" && object.is(OPENED) {
            found.add(22, "file manager", "changes a file's attributes", place);
        }
        value.traits & (SENT | CODED)
    }

    fn holds(&self, object: &Value) -> bool {
        !object.is(OPENED)
    }

    fn text(&mut self, text: &str, made: bool, place: Place, found: &mut Findings) {
        super::texts::look(text, made, place, found);
    }
}

impl Host {
    fn input(&mut self, call: &Call<'_>) -> Option<Value> {
        if call.object.is_none() && call.name == "request" {
            return Some(Value::of(TAINT | WHOLE));
        }
        if call.object.is_none() && matches!(call.name, "session" | "application") {
            return Some(Value::of(self.session));
        }
        if call.on(SESSION) && call.on(REQUEST) || call.name == "servervariables" {
            let key = call.argument(0);
            let chosen = key.as_text().is_none_or(|key| {
                let key = key.to_ascii_lowercase();
                key.starts_with("http_") && key != "http_host"
                    || key == "query_string"
                    || key.starts_with("all_")
            });
            return Some(Value::of(if chosen { TAINT | WHOLE } else { 0 }));
        }
        match call.name {
            "form" | "querystring" | "cookies" | "item" | "[]" | "params" if call.on(REQUEST) => {
                Some(Value::of(TAINT | WHOLE))
            }
            // What is cut out of the raw request is an upload.
            "binaryread" if call.on(REQUEST) => Some(Value::of(PARSED)),
            "contents" | "item" | "[]" if call.on(SESSION) => Some(Value::of(self.session)),
            _ => None,
        }
    }

    /// Objects of registered classes.
    fn makes(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let maker = call.callee.is_some_and(|callee| callee.is(MAKER)) || call.on(MAKER);
        match call.name {
            "createobject" | "getobject" => Some(self.made(&call.argument(0), call.place, found)),
            _ if maker => Some(self.made(&call.argument(0), call.place, found)),
            _ => None,
        }
    }

    fn made(&mut self, class: &Value, place: Place, found: &mut Findings) -> Value {
        let Some(name) = class.as_text() else {
            let (weight, text) = match () {
                () if class.is(TAINT) => {
                    (62, "makes an object of the class that the request names")
                }
                () if class.is(CODED) => (52, "makes an object of a class whose name is hidden"),
                () => return Value::of(0),
            };
            found.add(weight, COMMAND, text, place);
            return Value::of(SHELL | CODED);
        };
        let kind = registered(name);
        let (weight, text) = match kind {
            SHELL => (46, "makes an object that runs programs"),
            APPLICATION => (38, "makes an object that opens programs and folders"),
            CONTROL => (45, "makes an object that evaluates code"),
            _ => (0, ""),
        };
        if weight > 0 {
            found.add(weight, COMMAND, text, place);
        }
        Value::of(kind)
    }

    fn evaluates(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let held = call.callee.is_some_and(|callee| callee.is(EVALUATOR)) || call.on(EVALUATOR);
        let global = call.object.is_none() || !call.on(DATABASE | SERVER);
        match call.name {
            "eval" | "executeglobal" | "execscript" | "executestatement" if global => {}
            "execute" if call.object.is_none() => {}
            "addcode" | "run" if call.on(CONTROL) => {}
            "settimeout" | "setinterval" => return None,
            _ if held && !matches!(call.name, "tostring" | "call") => {}
            _ => return None,
        }
        self.evaluated(&call.argument(0), call.place, found);
        Some(Value::of(call.given() & SENT))
    }

    fn evaluated(&mut self, code: &Value, place: Place, found: &mut Findings) {
        let (weight, text) = match () {
            () if code.is(TAINT) => (95, "evaluates what the request says as code"),
            () if code.is(PARSED) => (80, "evaluates what the request brings as code"),
            () if code.is(CODED) => (82, "evaluates a hidden text as code"),
            () if code.is_fixed() => (15, "evaluates a fixed text as code"),
            () => (40, "evaluates a text as code"),
        };
        found.add(weight, EVALUATION, text, place);
        if let Some(text) = code.as_text() {
            self.hide(text, place);
        }
    }

    fn runs(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let given = call.given();
        let sent = given & SENT != 0;
        match call.name {
            "run" | "exec" if call.on(SHELL) => {
                let (weight, text) = match () {
                    () if sent => (96, "runs what the request says as a command"),
                    () if given & CODED != 0 => (88, "runs a hidden text as a command"),
                    () if call.argument(0).is_fixed() => (48, "runs a fixed command"),
                    () => (64, "runs a command that it puts together"),
                };
                found.add(weight, COMMAND, text, call.place);
                Some(Value::default())
            }
            "shellexecute" | "open" if call.on(APPLICATION) => {
                let weight = if sent { 94 } else { 45 };
                found.add(weight, COMMAND, "has the system open a program", call.place);
                Some(Value::default())
            }
            "namespace" | "copyhere" | "movehere" | "items" if call.on(APPLICATION) => {
                if sent {
                    found.add(
                        55,
                        "file manager",
                        "handles the folder that the request names",
                        call.place,
                    );
                }
                Some(Value::of(APPLICATION))
            }
            "regread" | "regwrite" | "regdelete" if call.on(SHELL) && sent => {
                found.add(
                    62,
                    COMMAND,
                    "changes the registry as the request says",
                    call.place,
                );
                None
            }
            _ => None,
        }
    }

    /// Documents, databases and the server itself.
    fn serves(&mut self, call: &Call<'_>, found: &mut Findings) -> Option<Value> {
        let given = call.given();
        let sent = given & SENT != 0;
        match call.name {
            "transformnode" | "transform" if call.on(DOCUMENT) => {
                let script = call.arguments.iter().any(|value| value.is(TAINT));
                if script {
                    found.add(
                        72,
                        EVALUATION,
                        "runs the stylesheet that the request brings",
                        call.place,
                    );
                }
                None
            }
            "open" if call.on(CONNECTION) && call.argument(0).is(TAINT) => {
                found.add(
                    58,
                    SQL,
                    "connects to the database that the request names",
                    call.place,
                );
                Some(Value::default())
            }
            "execute" | "open" if call.on(DATABASE) && call.argument(0).is(TAINT) => {
                let weight = match call.argument(0).is(WHOLE) {
                    true if call.on(TAINT) => 62,
                    true => 40,
                    false => 8,
                };
                found.add(
                    weight,
                    SQL,
                    "sends the database what the request says",
                    call.place,
                );
                Some(Value::default())
            }
            "execute" | "transfer" if call.on(SERVER) && sent => {
                found.add(
                    35,
                    EVALUATION,
                    "runs the page that the request names",
                    call.place,
                );
                Some(Value::default())
            }
            "mappath" => {
                let path = call.argument(0);
                let scripted = path.as_text().is_some_and(scripted_name);
                let script = if scripted { SCRIPT } else { 0 };
                Some(Value::of(
                    (given & (SENT | CODED | SCRIPT | WHOLE)) | script,
                ))
            }
            _ => None,
        }
    }
}

/// Calls whose value says little of what they are given.
fn harmless(name: &str) -> bool {
    matches!(
        name,
        "instr"
            | "instrb"
            | "instrrev"
            | "isnumeric"
            | "isempty"
            | "isnull"
            | "isobject"
            | "isarray"
            | "isdate"
            | "cbool"
            | "strcomp"
            | "fileexists"
            | "folderexists"
            | "driveexists"
            | "cdate"
            | "datediff"
            | "hour"
            | "htmlencode"
            | "formatnumber"
            | "indexof"
            | "lastindexof"
            | "test"
            | "isnan"
            | "typename"
            | "vartype"
            | "abs"
            | "round"
            | "write"
            | "redirect"
            | "rnd"
            | "md5"
            | "cint"
            | "clng"
            | "parseint"
    )
}
