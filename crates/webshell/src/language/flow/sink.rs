//! What becomes of values: commands, code, files, connections. Each kind of end has its reason and weight here.

use super::command::{self, Place, announces_text, in_code, in_command, is_shell, runs_text};
use std::rc::Rc;

use super::machine::Machine;
use super::node::{Function, Role};
use super::value::{Piece, Shape, Taint, Value};

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileAct {
    /// Its content is read.
    Read,
    /// A folder's entries are listed.
    List,
    /// It is written.
    Write,
    /// It is deleted.
    Delete,
    /// It is moved or copied.
    Move,
    /// Its permissions or times are changed.
    Change,
    /// A folder is made.
    Make,
}

/// What a script does that says something only together.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Acts on files that the request names, as bits.
    acts: u8,
    first: Option<(usize, usize)>,
    /// A connection to where the request says.
    connects: Option<(usize, usize)>,
    /// A shell that takes its commands from its input.
    shell: Option<(usize, usize)>,
    /// A connection that becomes the program's own input and output.
    moved: bool,
}

/// The name under which an open file keeps its path.
const OPEN_FILE: &str = "\u{0}file";

/// An open file.
pub(crate) fn handle(path: Value) -> Value {
    Shape::Method(Rc::new((path, OPEN_FILE.into()))).into()
}

/// The path of an open file.
pub(crate) fn handle_path(value: &Value) -> Option<&Value> {
    match &value.shape {
        Shape::Method(method) if &*method.1 == OPEN_FILE => Some(&method.0),
        _ => None,
    }
}

/// Words of compiled or hidden code that take input.
const INPUT_WORDS: [&[u8]; 9] = [
    b"QUERY_STRING",
    b"FieldStorage",
    b"request",
    b"environ",
    b"getvalue",
    b"BaseHTTPRequestHandler",
    b"HTTP_",
    b"recv",
    b"rfile",
];

/// Words of compiled or hidden code that run something.
const RUN_WORDS: [&[u8]; 9] = [
    b"system",
    b"popen",
    b"subprocess",
    b"Popen",
    b"check_output",
    b"getoutput",
    b"child_process",
    b"eval",
    b"exec",
];

/// Bytes of a text that could be code worth opening.
const CODE_BYTES_MIN: usize = 4;

/// Hidden code within hidden code that is opened.
const LAYERS_MAX: usize = 12;

impl Machine<'_> {
    /// A text that a shell runs.
    pub(crate) fn runs_command(&mut self, through: &str, command: &Value, at: (usize, usize)) {
        if !command.taint.any() {
            return self.runs_constant(command, at);
        }
        match in_command(&command.pieces()) {
            Place::Command => self.note_command(through, command, at),
            Place::Argument => self.note_argument(command, at),
            Place::Absent => {}
        }
    }

    /// A program with its arguments, each by itself.
    pub(crate) fn runs_program(&mut self, through: &str, argv: &[Value], at: (usize, usize)) {
        let Some(program) = argv.first() else { return };
        if program.taint.any() {
            return match in_command(&program.pieces()) {
                Place::Command => self.note_command(through, program, at),
                _ => self.note_argument(program, at),
            };
        }
        let Some(name) = program.bytes() else { return };
        if !runs_text(name) {
            return;
        }
        let mut announced = false;
        for argument in argv.iter().skip(1) {
            if announced && argument.taint.any() {
                return self.runs_command(through, argument, at);
            }
            announced |= argument.bytes().is_some_and(announces_text);
        }
    }

    /// Either of the two, as the argument's shape says.
    pub(crate) fn runs(&mut self, through: &str, command: &Value, at: (usize, usize)) {
        match command.elements().map(<[Value]>::to_vec) {
            Some(argv) => self.runs_program(through, &argv, at),
            None => self.runs_command(through, command, at),
        }
    }

    /// Whether a command is a shell that takes its commands from elsewhere.
    pub(crate) fn is_shell(&self, command: &Value) -> bool {
        let program = match command.elements() {
            Some(argv) => argv.first().and_then(Value::bytes),
            None => command.bytes(),
        };
        program.is_some_and(|program| {
            let text = program.trim_ascii();
            let first = text.split(|byte| *byte == b' ').next().unwrap_or_default();
            is_shell(first.trim_ascii_start().strip_prefix(b"|").unwrap_or(first))
                || text
                    .strip_prefix(b"|")
                    .is_some_and(|rest| is_shell(rest.trim_ascii()))
        })
    }

    fn note_command(&mut self, through: &str, command: &Value, at: (usize, usize)) {
        if command.taint.web() {
            self.evidence.add(
                90,
                format!("request input runs as a command through {through}"),
                at.0,
                at.1,
            );
            self.evidence.family(90, "command execution");
        } else {
            self.evidence.add(
                72,
                format!("input of a connection runs as a command through {through}"),
                at.0,
                at.1,
            );
            self.evidence.family(72, "remote shell");
        }
        self.note_hidden(command, at);
    }

    fn note_argument(&mut self, command: &Value, at: (usize, usize)) {
        if command.taint.web() {
            let text = "request input is an argument of a command";
            self.evidence.add(35, text, at.0, at.1);
            self.evidence.family(35, "command execution");
        }
    }

    fn note_hidden(&mut self, value: &Value, at: (usize, usize)) {
        if value.hidden || self.cover.is_some() {
            self.evidence.add(20, "what runs it is hidden", at.0, at.1);
        }
    }

    /// A constant command: only those of back doors say something.
    fn runs_constant(&mut self, command: &Value, at: (usize, usize)) {
        let Some(text) = command.bytes() else { return };
        let has = |word: &[u8]| memchr::memmem::find(text, word).is_some();
        if has(b"/dev/tcp/") || ((has(b"nc ") || has(b"ncat ")) && (has(b" -e ") || has(b"mkfifo")))
        {
            let reason = "a command hands a shell to a connection";
            self.evidence.add(75, reason, at.0, at.1);
            self.evidence.family(60, "reverse shell");
        }
    }

    /// Text that the interpreter runs as code. Gives what the code gives.
    pub(crate) fn runs_code(&mut self, through: &str, code: &Value, at: (usize, usize)) -> Value {
        if let Shape::Function(function) = &code.shape {
            let function = function.clone();
            return self.call_function(&function, &[]);
        }
        if !code.taint.any() {
            return match code.bytes().map(<[u8]>::to_vec) {
                Some(text) => self.opens(&text, code.hidden, at).unwrap_or_default(),
                None => {
                    if code.hidden {
                        let text = "code that could not be uncovered runs";
                        self.evidence.add(40, text, at.0, at.1);
                        self.evidence.family(10, "hidden code");
                    }
                    Value::unknown()
                }
            };
        }
        let from = match code.taint.web() {
            true => "request input",
            false => "input of a connection",
        };
        let weight = match (in_code(&code.pieces()), code.taint.web()) {
            (Place::Command, true) => 90,
            (Place::Command, false) => 50,
            (Place::Argument, true) => 45,
            _ => return Value::tainted(code.taint),
        };
        let text = format!("{from} runs as code through {through}");
        self.evidence.add(weight, text, at.0, at.1);
        self.evidence.family(weight, "code execution");
        self.note_hidden(code, at);
        Value::tainted(code.taint)
    }

    /// Walks through code that stands in a text.
    fn opens(&mut self, code: &[u8], hidden: bool, at: (usize, usize)) -> Option<Value> {
        if code.len() < CODE_BYTES_MIN || self.layers >= LAYERS_MAX {
            return None;
        }
        let node = self.dialect.parse(code, self.evidence)?;
        if hidden {
            let text = "code that was hidden runs";
            self.evidence.add(25, text, at.0, at.1);
            self.evidence.family(5, "hidden code");
        }
        let cover = self.cover.replace(self.cover.unwrap_or(at));
        self.layers += 1;
        // Hidden code stands where it is run, so that its variables are those of the place.
        let mut value = self.eval(&node);
        value.hidden |= hidden;
        self.layers -= 1;
        self.cover = cover;
        Some(value)
    }

    /// A function made of a text that is its body.
    pub(crate) fn makes_function(
        &mut self,
        through: &str,
        code: &Value,
        at: (usize, usize),
    ) -> Value {
        let known = code.bytes().filter(|_| !code.taint.any());
        let body = match known.map(<[u8]>::to_vec) {
            Some(text) if self.layers < LAYERS_MAX => self.dialect.parse(&text, self.evidence),
            _ => None,
        };
        let Some(body) = body else {
            return self.runs_code(through, code, at);
        };
        if code.hidden {
            let text = "code that was hidden runs";
            self.evidence.add(25, text, at.0, at.1);
        }
        let function = Rc::new(Function {
            name: "".into(),
            params: Vec::new(),
            body,
            role: Role::Plain,
            shared: Vec::new(),
        });
        let cover = self.cover.replace(self.cover.unwrap_or(at));
        self.define(&function);
        self.cover = cover;
        Shape::Function(function).into()
    }

    /// Code in a compiled form: its words are all there is to see.
    pub(crate) fn runs_compiled(&mut self, code: &Value, at: (usize, usize)) {
        let Some(code) = code.bytes() else { return };
        let any = |words: &[&[u8]]| {
            words
                .iter()
                .any(|word| memchr::memmem::find(code, word).is_some())
        };
        if any(&INPUT_WORDS) && any(&RUN_WORDS) {
            let text = "hidden compiled code takes input and runs commands";
            self.evidence.add(70, text, at.0, at.1);
            self.evidence.family(60, "code execution");
        }
    }

    /// A module, file or function whose name the request chooses.
    pub(crate) fn loads(&mut self, through: &str, name: &Value, at: (usize, usize)) {
        if name.taint.web() && command::in_command(&name.pieces()) == Place::Command {
            let text = format!("request input names what is loaded through {through}");
            self.evidence.add(40, text, at.0, at.1);
            self.evidence.family(40, "code execution");
        }
    }

    /// The request chooses a function of the platform and what it is handed.
    pub(crate) fn calls_given(&mut self, args: Taint, at: (usize, usize)) {
        if args.web() {
            let text = "request input names a function of the platform and what it gets";
            self.evidence.add(85, text, at.0, at.1);
            self.evidence.family(85, "code execution");
        }
    }

    /// An object is made from bytes that say themselves what makes it.
    pub(crate) fn unpickles(&mut self, bytes: &Value, at: (usize, usize)) {
        if bytes.taint.web() {
            let text = "request input makes objects";
            self.evidence.add(55, text, at.0, at.1);
            self.evidence.family(55, "code execution");
        }
    }

    /// Something is done with a file; `content` is what is written.
    pub(crate) fn touches(
        &mut self,
        act: FileAct,
        path: &Value,
        content: Option<&Value>,
        at: (usize, usize),
    ) {
        let leads = match path.pieces().first() {
            Some(Piece::Tainted(taint)) => taint.web(),
            _ => false,
        };
        if leads {
            self.facts.acts |= 1 << act as u8;
            self.facts.first.get_or_insert(at);
        }
        if act != FileAct::Write || !content.is_some_and(|content| content.taint.web()) {
            return;
        }
        if leads {
            let text = "request input is written to a file that the request names";
            self.evidence.add(62, text, at.0, at.1);
            self.evidence.family(62, "upload");
        } else if path.taint.web() {
            let text = "request input is written to a file of a folder under a name of the request";
            self.evidence.add(25, text, at.0, at.1);
            self.evidence.family(25, "upload");
        }
    }

    /// A connection is made.
    pub(crate) fn connects(&mut self, target: &Value, at: (usize, usize)) {
        if target.taint.web() {
            self.facts.connects.get_or_insert(at);
        }
    }

    /// A shell starts without a command.
    pub(crate) fn starts_shell(&mut self, at: (usize, usize)) {
        self.facts.shell.get_or_insert(at);
    }

    /// A connection becomes the program's own input and output.
    pub(crate) fn moves_connection(&mut self, at: (usize, usize)) {
        let _ = at;
        self.facts.moved = true;
    }

    /// A shell's input and output become a connection's.
    pub(crate) fn hands_shell(&mut self, at: (usize, usize)) {
        let text = "a shell is handed to a connection";
        self.evidence.add(75, text, at.0, at.1);
        self.evidence.family(75, "reverse shell");
    }

    /// The end of the walk: what says something only together.
    pub(super) fn note_facts(&mut self) {
        let has = |act: FileAct| self.facts.acts & (1 << act as u8) != 0;
        let kinds = self.facts.acts.count_ones();
        let changes = has(FileAct::Write) || has(FileAct::Delete) || has(FileAct::Move);
        let weight = match (kinds, changes, has(FileAct::List)) {
            (4.., true, _) | (3, true, true) => 62,
            (3, true, _) | (2, true, true) => 45,
            (2, false, true) => 40,
            (1.., _, _) => 15,
            _ => 0,
        };
        let at = self.facts.first.unwrap_or_default();
        if weight > 0 {
            let text = "the request names files that are listed, read or changed";
            self.evidence.add(weight, text, at.0, at.1);
            self.evidence.family(weight, "file manager");
        }
        if let (Some(at), true) = (self.facts.shell, self.facts.moved) {
            self.hands_shell(at);
        }
        if let Some(at) = self.facts.connects {
            let text = "the request says where a connection goes";
            self.evidence.add(40, text, at.0, at.1);
            self.evidence.family(40, "tunnel");
        }
    }
}
