//! What calls of Node's library do.

use super::names::module;
use super::texts::method as text_method;
use crate::language::flow::fold::Change;
use crate::language::flow::value::{Shape, Taint, Value};
use crate::language::flow::words::among;
use crate::language::flow::{Argument, FileAct, Invocation, Machine, handle, handle_path};

/// Methods by which handlers of requests are told to a server.
const ROUTES: &str = "get post put delete all use patch options head route addRoute";

/// Calls that run a command line.
const COMMANDS: &str = "child_process.exec child_process.execSync shelljs.exec execa.command execa.commandSync \
    execa.execaCommand execa.execaCommandSync cp.exec node-cmd.run node-cmd.runSync node-cmd.get";

/// Calls that run a program with a list of arguments.
const PROGRAMS: &str = "child_process.spawn child_process.spawnSync child_process.execFile \
    child_process.execFileSync cross-spawn cross-spawn.sync execa execa.execa execa.execaSync execa.sync node-pty.spawn \
    spawn_sync.spawn Bun.spawn Bun.spawnSync Deno.run Deno.Command";

/// Calls that run code.
const CODE: &str = "eval vm.runInThisContext vm.runInNewContext vm.runInContext vm.Script vm.compileFunction \
    vm.createScript vm2.run safe-eval notevil static-eval";

/// Calls that give back what they got, perhaps in another form.
const SAME: &str = "String Object JSON.stringify util.promisify promisify util.inspect Promise.resolve URLSearchParams URL \
    Object.assign Object.values Object.entries Object.keys Array.from Buffer.concat Array structuredClone \
    util.format stream.Readable.from";

/// Calls whose result is safe whatever they got.
const CLEANERS: &str = "parseInt parseFloat Number Boolean isNaN shell-quote.quote shellescape shell-escape \
    path.basename crypto.createHash Array.isArray Date encodeURIComponent escapeHtml";

pub(super) fn call(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Option<Value> {
    if let Some((object, name)) = call.method() {
        return method(machine, call, object, name);
    }
    let entity = call.entity()?.to_owned();
    let entity = entity.as_str();
    let entity = entity.strip_suffix(".default").unwrap_or(entity);
    if entity == "Reflect.get" {
        return Some(machine.index(&arg(call, 0), &arg(call, 1)));
    }
    if entity == "Reflect.apply" {
        let args = spread(call.arg(2));
        return Some(machine.call_value(&arg(call, 0), &args, call.at));
    }
    // `f.call(this, …)` and `f.apply(this, […])` are `f(…)`.
    if let Some(called) = entity.strip_suffix(".call") {
        let args = call.args.get(1..).unwrap_or_default();
        return Some(machine.call_value(&Value::entity(called), args, call.at));
    }
    if let Some(called) = entity.strip_suffix(".apply") {
        let args = spread(call.arg(1));
        return Some(machine.call_value(&Value::entity(called), &args, call.at));
    }
    if let Some(called) = entity.strip_suffix(".bind") {
        return Some(Value::entity(called));
    }
    // `import(…).then(f)` hands `f` what was imported.
    if let Some(settled) = entity.strip_suffix(".then") {
        let handed = [Argument {
            name: None,
            value: Value::entity(settled),
        }];
        return Some(machine.call_value(&arg(call, 0), &handed, call.at));
    }
    if entity == "Object.getPrototypeOf" {
        return Some(arg(call, 0));
    }
    if let Some(name) = entity.strip_prefix("given") {
        // A module that the request chose is as good as any; a function of a name that runs something is not.
        if name.is_empty() || runs_by_name(name.trim_start_matches('.')) {
            machine.calls_given(call.taint(), call.at);
        }
        return Some(Value::unknown());
    }
    if among(CLEANERS, entity) {
        return Some(Value::unknown());
    }
    if among(SAME, entity) {
        return Some(same(entity, call));
    }
    commands(machine, entity, call)
        .or_else(|| code(machine, entity, call))
        .or_else(|| server(machine, entity, call))
        .or_else(|| texts(machine, entity, call))
        .or_else(|| files(machine, entity, call))
}

fn runs_by_name(name: &str) -> bool {
    among(
        "exec execSync spawn spawnSync execFile execFileSync eval runInThisContext",
        name,
    )
}

pub(super) fn arg(call: &Invocation<'_>, index: usize) -> Value {
    call.arg(index).cloned().unwrap_or_default()
}

fn spread(list: Option<&Value>) -> Vec<Argument> {
    let unnamed = |value: &Value| Argument {
        name: None,
        value: value.clone(),
    };
    match list {
        Some(list) => match list.elements() {
            Some(values) => values.iter().map(unnamed).collect(),
            None => vec![unnamed(list)],
        },
        None => Vec::new(),
    }
}

fn same(entity: &str, call: &Invocation<'_>) -> Value {
    let value = arg(call, 0);
    match (&value.shape, entity) {
        (Shape::Entity(_) | Shape::Text(_) | Shape::Mixed(_) | Shape::Function(_), _) => {
            // A request's address is what its sender chose.
            value
        }
        _ => Value {
            taint: call.taint(),
            hidden: value.hidden,
            ..value
        },
    }
}

fn commands(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let command = arg(call, 0);
    if among(COMMANDS, entity) {
        machine.runs(entity, &command, call.at);
        run_callbacks(machine, call);
        return Some(started(machine, &command, call));
    }
    if among(PROGRAMS, entity) {
        let mut argv = vec![command.clone()];
        if let Shape::Map(entries) = &command.shape {
            // `{ file, args }` of the binding, `{ cmd }` of other runtimes.
            let given = entries.iter().map(|(_, value)| value.clone());
            argv = given.filter(|value| value.taint.any()).collect();
        }
        match call.arg(1).map(|list| (list.elements(), list)) {
            Some((Some(values), _)) => argv.extend(values.to_vec()),
            Some((None, list)) if list.taint.any() => argv.push(list.clone()),
            _ => {}
        }
        machine.runs_program(entity, &argv, call.at);
        run_callbacks(machine, call);
        return Some(started(machine, &command, call));
    }
    if entity == "child_process.fork" {
        machine.loads(entity, &command, call.at);
        return Some(Value::unknown());
    }
    if matches!(
        entity,
        "shell.stdin.write" | "shell.stdin.end" | "shell.write"
    ) {
        machine.runs_command("a shell's input", &command, call.at);
        return Some(Value::unknown());
    }
    if entity == "request.pipe" && command.as_entity() == Some("shell.stdin") {
        machine.runs_command("a shell's input", &Value::request(), call.at);
    }
    if entity == "request.pipe"
        && let Some(path) = handle_path(&command)
    {
        let path = path.clone();
        machine.touches(FileAct::Write, &path, Some(&Value::request()), call.at);
    }
    if entity == "connection.pipe" && command.as_entity() == Some("shell.stdin") {
        machine.hands_shell(call.at);
    }
    None
}

/// What a program that was started is to the script.
fn started(machine: &mut Machine<'_>, command: &Value, call: &Invocation<'_>) -> Value {
    if machine.is_shell(command) {
        machine.starts_shell(call.at);
        return Value::entity("shell");
    }
    Value::unknown()
}

fn run_callbacks(machine: &mut Machine<'_>, call: &Invocation<'_>) {
    for arg in call.args {
        if let Shape::Function(function) = &arg.value.shape {
            machine.call_function(function, &[]);
        }
    }
}

fn code(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let first = arg(call, 0);
    if among(CODE, entity) {
        return Some(machine.runs_code(entity, &first, call.at));
    }
    match entity {
        "Function" | "AsyncFunction" | "GeneratorFunction" => {
            let body = call
                .args
                .last()
                .map(|arg| arg.value.clone())
                .unwrap_or_default();
            Some(machine.makes_function("Function", &body, call.at))
        }
        "setTimeout" | "setInterval" | "setImmediate" | "process.nextTick" => match &first.shape {
            Shape::Function(_) => None,
            _ if first.taint.any() || first.bytes().is_some() => {
                Some(machine.runs_code("a timer", &first, call.at))
            }
            _ => None,
        },
        "module._compile" | "require.extensions" => {
            Some(machine.runs_code("module._compile", &first, call.at))
        }
        "require"
        | "import"
        | "module.constructor._load"
        | "module.constructor.require"
        | "module._load"
        | "process.getBuiltinModule" => Some(required(machine, entity, &first, call)),
        "process.binding" | "process._linkedBinding" => {
            Some(first.str().map_or_else(Value::unknown, Value::entity))
        }
        "module.createRequire" | "createRequire" => Some(Value::entity("require")),
        "node-serialize.unserialize"
        | "serialize-javascript.deserialize"
        | "funcster.deepDeserialize" => {
            machine.unpickles(&first, call.at);
            Some(Value::unknown())
        }
        _ => None,
    }
}

fn required(machine: &mut Machine<'_>, entity: &str, name: &Value, call: &Invocation<'_>) -> Value {
    match name.str() {
        Some(text) => {
            let mut loaded = match module(text) {
                "express" | "koa" | "fastify" => Value::unknown(),
                text => Value::entity(text),
            };
            loaded.hidden = name.hidden;
            loaded
        }
        None if name.taint.web() && matches!(name.shape, Shape::Unknown | Shape::Method(_)) => {
            machine.loads(entity, name, call.at);
            Value::entity("given")
        }
        None => Value::unknown(),
    }
}

/// Calls by which a server takes requests.
fn server(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let last = entity.rsplit('.').next().unwrap_or(entity);
    match last {
        "createServer" | "createSecureServer"
            if entity.starts_with("net") || entity.starts_with("tls") =>
        {
            handle_requests(machine, call, &[Value::entity("connection")]);
            Some(Value::unknown())
        }
        "createServer" | "createSecureServer" | "serve" => {
            let handed = [Value::entity("request"), Value::unknown(), Value::unknown()];
            handle_requests(machine, call, &handed);
            Some(Value::unknown())
        }
        "connect" | "createConnection" | "Socket"
            if entity.starts_with("net.") || entity.starts_with("tls.") =>
        {
            for arg in call.args {
                machine.connects(&arg.value, call.at);
            }
            // Callbacks run with the connection in reach of what it is assigned to.
            Some(Value::entity("connection"))
        }
        "on" | "once" | "addListener" | "addEventListener" if entity.starts_with("request.") => {
            handle_requests(machine, call, &[Value::request()]);
            Some(Value::unknown())
        }
        "on" | "once" if entity.starts_with("websocket.") => {
            handle_requests(machine, call, &[Value::request()]);
            Some(Value::unknown())
        }
        "on" | "once" if entity.starts_with("connection.") => {
            handle_requests(machine, call, &[Value::tainted(Taint::SOCKET)]);
            Some(Value::entity("connection"))
        }
        "addEventListener" if arg(call, 0).bytes() == Some(b"fetch") => {
            handle_requests(machine, call, &[Value::entity("event")]);
            Some(Value::unknown())
        }
        "parse"
            if matches!(
                entity,
                "url.parse" | "querystring.parse" | "qs.parse" | "JSON.parse" | "cookie.parse"
            ) =>
        {
            Some(Value::tainted(call.taint()))
        }
        _ => None,
    }
}

fn handle_requests(machine: &mut Machine<'_>, call: &Invocation<'_>, handed: &[Value]) {
    let args: Vec<Argument> = handed
        .iter()
        .map(|value| Argument {
            name: None,
            value: value.clone(),
        })
        .collect();
    for arg in call.args {
        if let Shape::Function(function) = &arg.value.shape {
            // An error handler has the error before the request.
            match function.params.len() {
                4 if args.len() == 3 => {
                    let mut shifted = vec![Argument {
                        name: None,
                        value: Value::unknown(),
                    }];
                    shifted.extend(args.clone());
                    machine.call_function(function, &shifted);
                }
                _ => {
                    machine.call_function(function, &args);
                }
            }
        }
    }
}

fn texts(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let first = arg(call, 0);
    match entity {
        "Buffer.from" | "Buffer" | "buffer.Buffer.from" => {
            if let Shape::List(numbers) = &first.shape {
                let numbers = numbers.clone();
                return Some(machine.bytes_of(&numbers));
            }
            Some(coded(machine, &first, call.arg(1)))
        }
        "atob" => Some(machine.change(Change::Base64, &first)),
        "unescape" | "decodeURIComponent" | "decodeURI" | "querystring.unescape" => {
            Some(machine.change(Change::Url, &first))
        }
        "String.fromCharCode" | "String.fromCodePoint" => {
            let mut codes: Vec<Value> = Vec::new();
            for arg in call.args {
                match arg.value.elements() {
                    Some(values) => codes.extend(values.to_vec()),
                    None => codes.push(arg.value.clone()),
                }
            }
            Some(machine.characters(&codes))
        }
        "zlib.inflateSync" | "zlib.gunzipSync" | "zlib.unzipSync" | "zlib.inflateRawSync" => {
            Some(machine.change(Change::Inflate, &first))
        }
        "path.join" | "path.resolve" => {
            let parts: Vec<Value> = call.args.iter().map(|arg| arg.value.clone()).collect();
            Some(machine.joined(&parts, b"/"))
        }
        "path.normalize" => Some(first),
        _ => None,
    }
}

fn coded(machine: &mut Machine<'_>, text: &Value, encoding: Option<&Value>) -> Value {
    match encoding.and_then(Value::str).unwrap_or_default() {
        "base64" | "base64url" => machine.change(Change::Base64, text),
        "hex" => machine.change(Change::Hex, text),
        _ => text.clone(),
    }
}

fn files(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let name = entity
        .strip_prefix("fs.promises.")
        .or_else(|| entity.strip_prefix("fs/promises."))
        .or_else(|| entity.strip_prefix("fs-extra."))
        .or_else(|| entity.strip_prefix("fs."))?;
    let path = arg(call, 0);
    let content = call.arg(1);
    let act = match name.trim_end_matches("Sync") {
        "writeFile" | "appendFile" | "outputFile" => FileAct::Write,
        "createWriteStream" | "open" => {
            machine.touches(FileAct::Write, &path, None, call.at);
            return Some(handle(path));
        }
        "readFile" | "createReadStream" => FileAct::Read,
        "readdir" | "opendir" => FileAct::List,
        "unlink" | "rm" | "rmdir" | "remove" => FileAct::Delete,
        "rename" | "copyFile" | "cp" | "copy" | "move" => FileAct::Move,
        "chmod" | "chown" | "utimes" => FileAct::Change,
        "mkdir" | "ensureDir" => FileAct::Make,
        _ => return None,
    };
    machine.touches(act, &path, content, call.at);
    run_callbacks(machine, call);
    Some(Value::unknown())
}

/// Methods of values.
fn method(
    machine: &mut Machine<'_>,
    call: &Invocation<'_>,
    object: &Value,
    name: &str,
) -> Option<Value> {
    let first = arg(call, 0);
    if let Some(path) = handle_path(object) {
        let path = path.clone();
        if matches!(name, "write" | "end") {
            machine.touches(FileAct::Write, &path, call.arg(0), call.at);
        }
        return Some(Value::unknown());
    }
    match name {
        "\u{0}given" => {
            let chosen = object.as_entity().is_some_and(|entity| {
                among(
                    "given global process child_process vm module require fs eval Function",
                    entity,
                )
            });
            if chosen {
                machine.calls_given(call.taint(), call.at);
            }
            Some(Value::request())
        }
        _ if among(ROUTES, name) && routes(name, call) => {
            let handed = [Value::entity("request"), Value::unknown(), Value::unknown()];
            handle_requests(machine, call, &handed);
            Some(Value::unknown())
        }
        "addHook" | "hook" if first.bytes().is_some() => {
            let handed = [Value::entity("request"), Value::unknown(), Value::unknown()];
            handle_requests(machine, call, &handed);
            Some(Value::unknown())
        }
        "on" | "once" | "addListener" => events(machine, call, &first),
        "createServer" | "listen" if !object.taint.any() => {
            let handed = [Value::entity("request"), Value::unknown()];
            handle_requests(machine, call, &handed);
            Some(Value::unknown())
        }
        "_compile" => Some(machine.runs_code("module._compile", &first, call.at)),
        "call" | "bind" => {
            let args = call.args.get(1..).unwrap_or_default();
            Some(match name {
                "bind" => object.clone(),
                _ => machine.call_value(object, args, call.at),
            })
        }
        "apply" => {
            let args = spread(call.arg(1));
            Some(machine.call_value(object, &args, call.at))
        }
        "pipe" => {
            if let Some(path) = handle_path(&first) {
                let path = path.clone();
                machine.touches(FileAct::Write, &path, Some(object), call.at);
            }
            if first.as_entity() == Some("shell.stdin") {
                machine.runs_command("a shell's input", object, call.at);
            }
            Some(first)
        }
        "mv" if object.taint.web() => {
            machine.touches(FileAct::Write, &first, Some(object), call.at);
            Some(Value::unknown())
        }
        "sendFile" | "download" => {
            machine.touches(FileAct::Read, &first, None, call.at);
            Some(Value::unknown())
        }
        _ => text_method(machine, call, object, name),
    }
}

/// Whether a call tells a server what handles a route.
fn routes(name: &str, call: &Invocation<'_>) -> bool {
    let handler = |least: usize| {
        call.args.iter().any(|arg| match &arg.value.shape {
            Shape::Function(function) => function.params.len() >= least,
            _ => false,
        })
    };
    let path = call.arg(0).and_then(Value::bytes);
    match path {
        Some(path) => (path.starts_with(b"/") || path.starts_with(b"*")) && handler(1),
        None => matches!(name, "use" | "all") && handler(2),
    }
}

fn events(machine: &mut Machine<'_>, call: &Invocation<'_>, event: &Value) -> Option<Value> {
    match event.bytes()? {
        b"request" => {
            handle_requests(machine, call, &[Value::entity("request"), Value::unknown()]);
            Some(Value::unknown())
        }
        b"connection" => {
            handle_requests(
                machine,
                call,
                &[Value::entity("websocket"), Value::entity("request")],
            );
            Some(Value::unknown())
        }
        b"message" => {
            // It may as well be another thread of the program.
            handle_requests(machine, call, &[Value::tainted(Taint::SOCKET)]);
            Some(Value::unknown())
        }
        _ => None,
    }
}
