//! What calls of Python's library do.

use std::rc::Rc;

use super::Python;
use super::names::{canonical, is_request_variable};
use super::text::{DECODERS, coded, formatted, same, texts};
use crate::language::flow::fold::Change;
use crate::language::flow::value::{Piece, Shape, Taint, Value};
use crate::language::flow::words::among;
use crate::language::flow::{Argument, FileAct, Invocation, Machine, handle, handle_path};

/// The name under which what gets a member of an object keeps the member's name.
const GETTER: &str = "\u{0}getter";

/// Calls whose result is safe whatever they got.
const CLEANERS: &str = "\
    shlex.quote pipes.quote shlex.join float bool len hash hashlib.md5 hashlib.sha1 \
    hashlib.sha256 uuid.UUID ipaddress.ip_address secure_filename werkzeug.utils.secure_filename \
    html.escape cgi.escape re.escape isinstance type django.shortcuts.get_object_or_404 \
    hmac.compare_digest commands.mkarg";

/// Calls that give back what they got, perhaps as another type.
const SAME: &str = "\
    str bytes unicode repr list tuple iter next sorted compile bytearray io.BytesIO io.StringIO \
    BytesIO StringIO StringIO.StringIO memoryview os.fsdecode os.fsencode reversed ast.parse \
    textwrap.dedent dict set copy.copy iter";

/// Calls that run a command line or a list of a program and its arguments, the first thing they get.
const RUNS: &str = "\
    os.system os.popen os.popen2 os.popen3 os.popen4 popen2.popen2 popen2.popen3 popen2.popen4 \
    popen2.Popen3 commands.getoutput commands.getstatusoutput commands.getstatus \
    subprocess.getoutput subprocess.getstatusoutput subprocess.call subprocess.run \
    subprocess.Popen subprocess.check_output subprocess.check_call platform.popen pty.spawn \
    asyncio.create_subprocess_shell os.startfile pexpect.run pexpect.spawn delegator.run \
    envoy.run sh.Command invoke.run fabric.local libc.system libc.popen plumbum.local \
    gevent.subprocess.Popen gevent.subprocess.check_output eventlet.green.subprocess.Popen \
    _winapi.CreateProcess asyncio.subprocess.create_subprocess_shell";

pub(super) fn call(
    python: &Python,
    machine: &mut Machine<'_>,
    call: &Invocation<'_>,
) -> Option<Value> {
    if let Some((object, name)) = call.method() {
        return method(machine, call, object, name);
    }
    let entity = canonical(call.entity()?).to_owned();
    let entity = entity.as_str();
    if let Some(name) = entity.strip_prefix("given") {
        // A module that the request chose is as good as any; a function of a name that runs something is not.
        if name.is_empty() || runs_by_name(name.trim_start_matches('.')) {
            machine.calls_given(call.taint(), call.at);
        }
        return Some(Value::unknown());
    }
    if among(RUNS, entity) {
        return Some(runs(machine, entity, call));
    }
    if entity == "subclasses" {
        return Some(Value::entity("given"));
    }
    if among(CLEANERS, entity) {
        return Some(Value::unknown());
    }
    if let Some((_, change)) = DECODERS
        .iter()
        .find(|(name, _)| *name == entity && name.contains('.'))
    {
        let value = call.arg(0).cloned().unwrap_or_default();
        return Some(machine.change(*change, &value));
    }
    if among(SAME, entity) && entity != "reversed" {
        return Some(same(machine, entity, call));
    }
    if let Some(value) = member_by_call(machine, entity, call) {
        return Some(value);
    }
    if entity.ends_with("reqparse.RequestParser") {
        return Some(Value::entity("parser"));
    }
    code(machine, entity, call)
        .or_else(|| input(python, machine, entity, call))
        .or_else(|| platform(machine, entity, call))
        .or_else(|| texts(machine, entity, call))
        .or_else(|| files(machine, entity, call))
}

fn runs_by_name(name: &str) -> bool {
    among(
        "system popen Popen run call check_output getoutput eval exec execv spawn",
        name,
    )
}

pub(super) fn arg(call: &Invocation<'_>, index: usize) -> Value {
    call.arg(index).cloned().unwrap_or_default()
}

/// Calls that run commands.
fn runs(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Value {
    let command = call
        .arg(0)
        .or_else(|| call.named("args"))
        .or_else(|| call.named("cmd"));
    let command = command.cloned().unwrap_or_default();
    machine.runs(entity, &command, call.at);
    if let Some(executable) = call.named("executable") {
        machine.runs(entity, executable, call.at);
    }
    if machine.is_shell(&command) {
        machine.starts_shell(call.at);
        if let Some(input) = call.named("input") {
            machine.runs_command(entity, input, call.at);
        }
        return Value::entity("shell");
    }
    Value::unknown()
}

/// Calls that run code or choose what runs.
fn code(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let first = arg(call, 0);
    match entity {
        "eval" | "exec" | "timeit.timeit" | "code.runsource" => {
            Some(machine.runs_code(entity, &first, call.at))
        }
        "execfile" | "runpy.run_path" | "imp.load_source" => {
            machine.loads(entity, &first, call.at);
            Some(Value::unknown())
        }
        "types.FunctionType" | "types.LambdaType" | "new.function" => {
            machine.runs_code(entity, &first, call.at);
            Some(Value::unknown())
        }
        "pickle.loads" | "pickle.load" | "yaml.unsafe_load" | "jsonpickle.decode" => {
            machine.unpickles(&first, call.at);
            Some(Value::tainted(first.taint))
        }
        "marshal.loads" => {
            machine.runs_compiled(&first, call.at);
            Some(Value {
                taint: first.taint,
                hidden: true,
                ..Value::default()
            })
        }
        "__import__" | "importlib.import_module" | "importlib.__import__" => {
            Some(match first.str() {
                Some(name) => {
                    let mut module = Value::entity(name);
                    module.hidden = first.hidden;
                    module
                }
                None if first.taint.web() => {
                    machine.loads(entity, &first, call.at);
                    Value::entity("given")
                }
                None => Value::unknown(),
            })
        }
        "getattr" => Some(attribute(machine, &first, &arg(call, 1))),
        "globals" | "locals" | "vars" | "dir" => Some(match call.arg(0) {
            Some(object) => object.clone(),
            None => Value::entity("globals"),
        }),
        "globals.get" => {
            let name = arg(call, 0);
            name.str()
                .map(str::to_owned)
                .map(|name| machine.member(&Value::entity("globals"), &name))
        }
        "functools.partial" => Some(first),
        "operator.attrgetter" | "attrgetter" => {
            Some(Shape::Method(Rc::new((first, GETTER.into()))).into())
        }
        _ => None,
    }
}

/// `getattr`: a member whose name is a value.
fn attribute(machine: &mut Machine<'_>, object: &Value, name: &Value) -> Value {
    if let Some(text) = name.str() {
        let mut value = machine.member(object, text);
        value.hidden |= name.hidden;
        return value;
    }
    if name.taint.web() && is_module(object) {
        return Value::entity("given");
    }
    if matches!(object.as_entity(), Some("self" | "handler")) {
        // Any of the object's own methods whose name begins so.
        let prefix = match name.pieces().first() {
            Some(Piece::Plain(prefix)) => String::from_utf8_lossy(prefix).into_owned(),
            _ => String::new(),
        };
        return Value::list(machine.methods(&prefix));
    }
    Value::unknown()
}

/// `module.__dict__.get(name)` and its kin: a member as well.
fn member_by_call(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let (object, how) = entity.rsplit_once('.')?;
    let gets = matches!(how, "get" | "__getitem__" | "__getattribute__" | "pop");
    let plain = matches!(object, "environ" | "os.environ") || object.starts_with("request");
    if !gets || plain {
        return None;
    }
    let name = call.arg(0)?;
    Some(attribute(machine, &Value::entity(object), name))
}

/// Whether choosing a member by the request chooses among the platform's functions.
fn is_module(object: &Value) -> bool {
    match object.as_entity() {
        Some(entity) => {
            matches!(
                entity,
                "given" | "os" | "builtins" | "subprocess" | "sys" | "globals" | "commands"
            )
        }
        None => object.taint.web(),
    }
}

/// Calls that give what the sender of a request or a connection chose.
fn input(
    python: &Python,
    machine: &mut Machine<'_>,
    entity: &str,
    call: &Invocation<'_>,
) -> Option<Value> {
    let name = arg(call, 0);
    let asked = name.str().is_some_and(is_request_variable);
    match entity {
        "os.environ.get"
        | "os.getenv"
        | "environ.get"
        | "os.environ.pop"
        | "environ.__getitem__" => Some(match asked {
            true => Value::request(),
            false => arg(call, 1),
        }),
        "parser.parse_args" => Some(Value::request()),
        "cgi.FieldStorage" | "cgi.parse" | "web.input" | "web.data" | "cgi.SvFormContentDict" => {
            Some(Value::request())
        }
        "sys.stdin.read"
        | "sys.stdin.readline"
        | "sys.stdin.buffer.read"
        | "input"
        | "raw_input"
        | "sys.stdin.readlines" => Some(match python.cgi {
            true => Value::request(),
            false => Value::unknown(),
        }),
        "socket.socket" | "socket.create_connection" | "ssl.wrap_socket" | "socks.socksocket" => {
            machine.connects(&name, call.at);
            Some(Value::entity("connection"))
        }
        "connection.recv"
        | "connection.recvfrom"
        | "connection.read"
        | "connection.readline"
        | "connection.recv_into" => Some(Value::tainted(Taint::SOCKET)),
        "connection.accept" => Some(Value::list(vec![
            Value::entity("connection"),
            Value::unknown(),
        ])),
        "connection.makefile" | "connection.dup" => Some(Value::entity("connection")),
        "connection.connect" | "connection.connect_ex" => {
            machine.connects(&name, call.at);
            Some(Value::unknown())
        }
        "connection.fileno" => Some(Value::entity("descriptor")),
        "os.dup2" if name.as_entity() == Some("descriptor") => {
            machine.moves_connection(call.at);
            Some(Value::unknown())
        }
        _ => None,
    }
}

/// Calls whose names stand for others, or call what they get.
fn platform(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let first = arg(call, 0);
    match entity {
        "ctypes.CDLL" | "ctypes.cdll.LoadLibrary" | "ctypes.PyDLL" | "ctypes.WinDLL" => {
            Some(Value::entity("libc"))
        }
        "shell.communicate" | "shell.stdin.write" | "shell.send" | "shell.sendline"
        | "shell.writelines" => {
            machine.runs_command("a shell's input", &first, call.at);
            Some(Value::unknown())
        }
        "threading.Thread"
        | "multiprocessing.Process"
        | "threading.Timer"
        | "thread.start_new_thread"
        | "_thread.start_new_thread"
        | "Thread"
        | "Process" => {
            let target = call
                .named("target")
                .cloned()
                .unwrap_or_else(|| arg(call, usize::from(entity == "threading.Timer")));
            let handed = call.named("args").cloned().unwrap_or_else(|| arg(call, 1));
            let args = handed.elements().unwrap_or_default().iter().cloned();
            let args: Vec<Argument> = args.map(|value| Argument { name: None, value }).collect();
            Some(machine.call_value(&target, &args, call.at))
        }
        "map" | "filter" => Some(mapped(machine, call)),
        "shlex.split" => Some(machine.split(&first, None)),
        _ if entity.starts_with("os.exec")
            || entity.starts_with("os.spawn")
            || entity.starts_with("os.posix_spawn") =>
        {
            let skip = usize::from(entity.starts_with("os.spawn"));
            let mut argv = Vec::new();
            for arg in call.args.iter().skip(skip) {
                match arg.value.elements() {
                    Some(values) => argv.extend(values.to_vec()),
                    None => argv.push(arg.value.clone()),
                }
            }
            machine.runs_program(entity, &argv, call.at);
            if argv
                .first()
                .is_some_and(|program| machine.is_shell(program))
            {
                machine.starts_shell(call.at);
            }
            Some(Value::unknown())
        }
        "asyncio.create_subprocess_exec" => {
            let argv: Vec<Value> = call
                .args
                .iter()
                .filter(|arg| arg.name.is_none())
                .map(|arg| arg.value.clone())
                .collect();
            machine.runs_program(entity, &argv, call.at);
            Some(Value::unknown())
        }
        _ => None,
    }
}

fn mapped(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Value {
    let function = arg(call, 0);
    let list = arg(call, 1);
    let Some(elements) = machine.known_elements(&list) else {
        let args = [Argument {
            name: None,
            value: Value::tainted(list.taint),
        }];
        return machine.call_value(&function, &args, call.at);
    };
    let mut made = Vec::new();
    for value in elements {
        made.push(machine.call_value(&function, &[Argument { name: None, value }], call.at));
    }
    Value::list(made)
}

/// Calls that touch files.
fn files(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let path = arg(call, 0);
    let act = match entity {
        "open" | "file" | "io.open" | "codecs.open" | "os.open" | "aiofiles.open" => {
            let mode = call
                .arg(1)
                .or_else(|| call.named("mode"))
                .cloned()
                .unwrap_or_default();
            let writes = mode
                .bytes()
                .is_some_and(|mode| mode.iter().any(|byte| b"wax+".contains(byte)));
            let act = if writes {
                FileAct::Write
            } else {
                FileAct::Read
            };
            machine.touches(act, &path, None, call.at);
            return Some(handle(path));
        }
        "os.listdir" | "os.scandir" | "os.walk" | "glob.glob" => FileAct::List,
        "os.remove" | "os.unlink" | "os.rmdir" | "shutil.rmtree" | "os.removedirs" => {
            FileAct::Delete
        }
        "os.rename" | "shutil.move" | "shutil.copy" | "shutil.copyfile" | "shutil.copytree"
        | "os.replace" | "shutil.copy2" | "os.symlink" | "os.link" => FileAct::Move,
        "os.chmod" | "os.chown" | "os.utime" => FileAct::Change,
        "os.mkdir" | "os.makedirs" => FileAct::Make,
        "flask.send_file"
        | "send_file"
        | "FileResponse"
        | "fastapi.responses.FileResponse"
        | "starlette.responses.FileResponse" => FileAct::Read,
        "urllib.urlretrieve" | "urllib.request.urlretrieve" | "wget.download" => {
            machine.touches(FileAct::Write, &arg(call, 1), Some(&path), call.at);
            return Some(Value::unknown());
        }
        _ => return None,
    };
    machine.touches(act, &path, None, call.at);
    Some(Value::unknown())
}

/// What a path of `pathlib` does to its file or folder.
fn path_method(machine: &mut Machine<'_>, call: &Invocation<'_>, path: &Value, name: &str) {
    let (act, content) = match name {
        "write_text" | "write_bytes" => (FileAct::Write, call.arg(0)),
        "read_text" | "read_bytes" => (FileAct::Read, None),
        _ => (FileAct::List, None),
    };
    machine.touches(act, path, content, call.at);
}

/// Methods of values.
fn method(
    machine: &mut Machine<'_>,
    call: &Invocation<'_>,
    object: &Value,
    name: &str,
) -> Option<Value> {
    if let Some(path) = handle_path(object) {
        let path = path.clone();
        if matches!(name, "write" | "writelines") {
            machine.touches(FileAct::Write, &path, call.arg(0), call.at);
        }
        return Some(Value::unknown());
    }
    let first = arg(call, 0);
    match name {
        GETTER => Some(attribute(machine, &first, object)),
        "\u{0}given" => {
            machine.calls_given(call.taint(), call.at);
            Some(Value::request())
        }
        "join" => Some(machine.join_list(&first, object)),
        "decode" | "encode" => {
            let encoding = call
                .arg(0)
                .or_else(|| call.named("encoding"))
                .cloned()
                .unwrap_or_default();
            Some(coded(machine, object, &encoding))
        }
        "format" => {
            let pieces: Vec<Value> = call.args.iter().map(|arg| arg.value.clone()).collect();
            Some(formatted(machine, object, &pieces))
        }
        "replace" => Some(machine.replace(object, &first, &arg(call, 1))),
        "split" | "rsplit" | "splitlines" => Some(machine.split(object, call.arg(0))),
        "strip" | "rstrip" | "lstrip" => Some(match call.arg(0) {
            None => machine.change(Change::Trim, object),
            Some(_) => Value {
                taint: object.taint,
                hidden: object.hidden,
                ..Value::default()
            },
        }),
        "lower" => Some(machine.change(Change::Lower, object)),
        "upper" => Some(machine.change(Change::Upper, object)),
        "fromhex" => Some(machine.change(Change::Hex, &first)),
        "save" if object.taint.web() => {
            machine.touches(FileAct::Write, &first, Some(object), call.at);
            Some(Value::unknown())
        }
        "write_text" | "write_bytes" | "read_text" | "read_bytes" | "iterdir" | "rglob" => {
            path_method(machine, call, object, name);
            Some(Value::unknown())
        }
        "submit" | "run_in_executor" | "apply_async" | "apply" | "to_thread" => {
            let at = usize::from(name == "run_in_executor");
            let args: Vec<Argument> = call.args.iter().skip(at + 1).cloned().collect();
            let target = arg(call, at);
            Some(machine.call_value(&target, &args, call.at))
        }
        "register_function" => {
            let args = [Argument {
                name: None,
                value: Value::request(),
            }];
            Some(machine.call_value(&first, &args, call.at))
        }
        "runsource" | "runcode" | "push" if object.is_unknown() && first.taint.web() => {
            machine.runs_code("code.InteractiveInterpreter", &first, call.at);
            Some(Value::unknown())
        }
        _ => None,
    }
}
