//! What calls of Python's library do.

use super::Python;
use super::names::{canonical, is_request_variable};
use crate::language::flow::fold::Change;
use crate::language::flow::value::{Piece, Shape, Taint, Value};
use crate::language::flow::words::among;
use crate::language::flow::{Argument, FileAct, Invocation, Machine, handle, handle_path};

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

/// Ways to decode.
const DECODERS: [(&str, Change); 32] = [
    ("base64.b64decode", Change::Base64),
    ("base64.standard_b64decode", Change::Base64),
    ("base64.urlsafe_b64decode", Change::Base64),
    ("base64.decodestring", Change::Base64),
    ("base64.decodebytes", Change::Base64),
    ("binascii.a2b_base64", Change::Base64),
    ("base64.b32decode", Change::Base32),
    ("base64.b16decode", Change::Hex),
    ("binascii.unhexlify", Change::Hex),
    ("binascii.a2b_hex", Change::Hex),
    ("bytes.fromhex", Change::Hex),
    ("bytearray.fromhex", Change::Hex),
    ("binascii.a2b_uu", Change::Uu),
    ("binascii.a2b_qp", Change::QuotedPrintable),
    ("quopri.decodestring", Change::QuotedPrintable),
    ("zlib.decompress", Change::Inflate),
    ("gzip.decompress", Change::Inflate),
    ("reversed", Change::Reverse),
    ("urllib.unquote", Change::Url),
    ("urllib.unquote_plus", Change::Url),
    ("urllib.parse.unquote", Change::Url),
    ("urllib.parse.unquote_plus", Change::Url),
    ("urllib2.unquote", Change::Url),
    ("lzma.decompress", Change::Rot13),
    ("codecs.rot_13", Change::Rot13),
    ("hex", Change::Hex),
    ("base64", Change::Base64),
    ("zlib", Change::Inflate),
    ("gzip", Change::Inflate),
    ("rot13", Change::Rot13),
    ("rot_13", Change::Rot13),
    ("unicode_escape", Change::Escapes),
];

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
    if entity.starts_with("given") {
        machine.calls_given(call.taint(), call.at);
        return Some(Value::request());
    }
    if among(RUNS, entity) {
        return Some(runs(machine, entity, call));
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
    code(machine, entity, call)
        .or_else(|| input(python, machine, entity, call))
        .or_else(|| platform(machine, entity, call))
        .or_else(|| texts(machine, entity, call))
        .or_else(|| files(machine, entity, call))
}

fn arg(call: &Invocation<'_>, index: usize) -> Value {
    call.arg(index).cloned().unwrap_or_default()
}

fn same(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Value {
    let value = arg(call, 0);
    match (&value.shape, entity) {
        (Shape::List(numbers), "bytes" | "bytearray" | "memoryview") => {
            let numbers = numbers.clone();
            machine.bytes_of(&numbers)
        }
        (Shape::Entity(_), _) if entity == "iter" => value,
        _ => value,
    }
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
        "getattr" => {
            let name = arg(call, 1);
            Some(match name.str() {
                Some(text) => {
                    let text = text.to_owned();
                    let mut value = machine.member(&first, &text);
                    value.hidden |= name.hidden;
                    value
                }
                None if name.taint.web() && is_module(&first) => Value::entity("given"),
                None => Value::unknown(),
            })
        }
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
        _ => None,
    }
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

/// Calls that make texts and lists.
fn texts(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let first = arg(call, 0);
    match entity {
        "chr" | "unichr" => Some(machine.characters(std::slice::from_ref(&first))),
        "ord" => Some(match first.bytes() {
            Some([byte]) => Value::number(i64::from(*byte)),
            _ => Value::unknown(),
        }),
        "int" => {
            let base = arg(call, 1)
                .as_number()
                .and_then(|base| u32::try_from(base).ok());
            let base = base.filter(|base| (2..=36).contains(base)).unwrap_or(10);
            let number = match (first.as_number(), first.str()) {
                (Some(number), _) => Some(number),
                (None, Some(text)) => {
                    let text = text.trim().trim_start_matches("0x");
                    i64::from_str_radix(text, base).ok()
                }
                _ => None,
            };
            Some(number.map_or_else(Value::unknown, Value::number))
        }
        "range" | "xrange" => Some(range(machine, call)),
        "reversed" => Some(machine.change(Change::Reverse, &first)),
        "zip" => {
            let lists: Vec<Vec<Value>> = call
                .args
                .iter()
                .map(|arg| machine.known_elements(&arg.value).unwrap_or_default())
                .collect();
            let length = lists.iter().map(Vec::len).min().unwrap_or(0);
            let rows = (0..length).map(|at| {
                Value::list(
                    lists
                        .iter()
                        .filter_map(|list| list.get(at).cloned())
                        .collect(),
                )
            });
            Some(match length {
                0 => Value::tainted(call.taint()),
                _ => Value::list(rows.collect()),
            })
        }
        "enumerate" => {
            let elements = machine.known_elements(&first)?;
            let rows = (0_i64..)
                .zip(elements)
                .map(|(at, value)| Value::list(vec![Value::number(at), value]));
            Some(Value::list(rows.collect()))
        }
        "codecs.decode" | "codecs.encode" => Some(coded(machine, &first, &arg(call, 1))),
        "os.path.join" => {
            let parts: Vec<Value> = call.args.iter().map(|arg| arg.value.clone()).collect();
            Some(machine.joined(&parts, b"/"))
        }
        "os.path.basename" => Some(Value::of_pieces(
            vec![
                Piece::Plain(b"./"[..].into()),
                first.pieces().pop().unwrap_or(Piece::Unknown),
            ],
            first.hidden,
        )),
        "os.path.abspath" | "os.path.normpath" | "os.path.realpath" | "os.path.expanduser"
        | "pathlib.Path" | "Path" | "os.path.dirname" => Some(first),
        "re.sub" => Some(Value::tainted(arg(call, 2).taint.and(arg(call, 1).taint))),
        "re.match" | "re.search" | "re.findall" | "re.split" => {
            Some(Value::tainted(arg(call, 1).taint))
        }
        _ => None,
    }
}

fn range(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Value {
    let [a, b, c] = [0, 1, 2].map(|index| arg(call, index).as_number());
    let (from, to, step) = match (a, b, c) {
        (Some(to), None, None) => (0, to, 1),
        (Some(from), Some(to), step) => (from, to, step.unwrap_or(1)),
        _ => return Value::unknown(),
    };
    let length = match step {
        0 => return Value::unknown(),
        step => to
            .saturating_sub(from)
            .checked_div(step)
            .unwrap_or(0)
            .max(0),
    };
    let Some(bytes) = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_mul(8))
    else {
        return Value::unknown();
    };
    if bytes > 1 << 19 || machine.budget.take(bytes).is_none() {
        return Value::unknown();
    }
    let mut numbers = Vec::new();
    let mut at = from;
    while (step > 0 && at < to) || (step < 0 && at > to) {
        numbers.push(Value::number(at));
        at = at.saturating_add(step);
    }
    Value::list(numbers)
}

/// A text in or out of an encoding of that name.
fn coded(machine: &mut Machine<'_>, text: &Value, encoding: &Value) -> Value {
    let name = encoding
        .str()
        .map(|name| name.to_ascii_lowercase().replace('-', "_"));
    let name = name
        .as_deref()
        .map(|name| name.trim_end_matches("_codec"))
        .unwrap_or_default();
    let name = name.trim_end_matches("_escape_");
    match DECODERS.iter().find(|(known, _)| *known == name) {
        Some((_, change)) => machine.change(*change, text),
        None => text.clone(),
    }
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
            Some(format(machine, object, &pieces))
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
        "write_text" | "write_bytes" => {
            machine.touches(FileAct::Write, object, call.arg(0), call.at);
            Some(Value::unknown())
        }
        "read_text" | "read_bytes" => {
            machine.touches(FileAct::Read, object, None, call.at);
            Some(Value::unknown())
        }
        "iterdir" | "rglob" => {
            machine.touches(FileAct::List, object, None, call.at);
            Some(Value::unknown())
        }
        "submit" | "run_in_executor" | "apply_async" | "apply" | "to_thread" => {
            let at = usize::from(name == "run_in_executor");
            let args: Vec<Argument> = call.args.iter().skip(at + 1).cloned().collect();
            let target = arg(call, at);
            Some(machine.call_value(&target, &args, call.at))
        }
        "runsource" | "runcode" | "push" if object.is_unknown() && first.taint.web() => {
            machine.runs_code("code.InteractiveInterpreter", &first, call.at);
            Some(Value::unknown())
        }
        _ => None,
    }
}

/// `format.format(values)`.
fn format(machine: &mut Machine<'_>, format: &Value, given: &[Value]) -> Value {
    let Some(text) = format.bytes().map(<[u8]>::to_vec) else {
        return Value::tainted(
            given
                .iter()
                .fold(format.taint, |taint, value| taint.and(value.taint)),
        );
    };
    let mut parts = Vec::new();
    let mut next = 0;
    let mut rest: &[u8] = &text;
    while let Some(at) = memchr::memchr(b'{', rest) {
        let (before, after) = rest.split_at(at);
        parts.push(Value::text(before));
        let Some(end) = memchr::memchr(b'}', after) else {
            break;
        };
        let inner = after.get(1..end).unwrap_or_default();
        let number = std::str::from_utf8(inner)
            .ok()
            .and_then(|inner| inner.split([':', '.', '[']).next()?.parse::<usize>().ok());
        let index = number.unwrap_or(next);
        next += 1;
        parts.push(match given.get(index) {
            Some(value) => value.clone(),
            None => Value::unknown(),
        });
        rest = after.get(end + 1..).unwrap_or_default();
    }
    parts.push(Value::text(rest));
    machine.joined(&parts, b"")
}
