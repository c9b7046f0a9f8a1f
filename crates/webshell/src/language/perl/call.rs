//! What Perl's functions and those of common modules do.

use super::names::{gives_input, request_gives};
use crate::language::flow::fold::{Change, transliterated};
use crate::language::flow::value::{Piece, Shape, Taint, Value};
use crate::language::flow::words::among;
use crate::language::flow::{Argument, FileAct, Invocation, Machine, handle, handle_path};

/// Classes whose objects are requests.
const REQUESTS: &str = "CGI.new CGI::Simple.new CGI::Minimal.new CGI::Lite.new CGI::Fast.new CGI::PSGI.new \
    Plack::Request.new Apache2::Request.new Apache::Request.new Apache2::RequestUtil.request Apache.request \
    CGI::Cookie.fetch Dancer2::Core::Request.new";

/// Functions that give what a request's sender chose.
const GIVING: &str = "param url_param multi_param cookie Vars query_string path_info raw_cookie params \
    body_parameters query_parameters upload CGI::param CGI::cookie CGI::Vars CGI::url_param CGI::path_info CGI.param \
    CGI.Vars CGI::query_string CGI.cookie";

/// Functions whose result is safe whatever they got.
const CLEANERS: &str = "quotemeta int abs length defined ref exists escapeHTML CGI::escapeHTML shell_quote sqrt rand \
    String::ShellQuote::shell_quote md5_hex sha1_hex crypt scalar index ord encode_entities uri_escape basename";

/// Functions that give back what they got, perhaps in another form.
const SAME: &str = "bless lcfirst ucfirst decode encode decode_utf8 encode_utf8 decode_json from_json values keys each \
    delete local my uniq trim sort Encode::decode JSON::decode_json chomp chop untaint";

pub(super) fn call(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Option<Value> {
    if let Some((object, name)) = call.method() {
        return method(machine, call, object, name);
    }
    let Some(entity) = call.entity() else {
        return of_value(machine, call);
    };
    let entity = entity.to_owned();
    let entity = entity.as_str();
    if among(REQUESTS, entity) {
        return Some(Value::entity("request"));
    }
    if let Some(name) = entity.strip_prefix("request.") {
        return Some(match request_gives(name) {
            true => Value::request(),
            false => Value::unknown(),
        });
    }
    if among(GIVING, entity) {
        return Some(Value::request());
    }
    if among(CLEANERS, entity) {
        return Some(Value::unknown());
    }
    if among(SAME, entity) {
        return Some(arg(call, 0));
    }
    commands(machine, entity, call)
        .or_else(|| input(machine, entity, call))
        .or_else(|| texts(machine, entity, call))
        .or_else(|| files(machine, entity, call))
        .or_else(|| class_method(machine, entity, call))
}

fn arg(call: &Invocation<'_>, index: usize) -> Value {
    call.arg(index).cloned().unwrap_or_default()
}

/// The arguments with lists' elements in their place.
fn flat(call: &Invocation<'_>, from: usize) -> Vec<Value> {
    let mut values = Vec::new();
    for arg in call.args.iter().skip(from) {
        match arg.value.elements() {
            Some(elements) => values.extend_from_slice(elements),
            None => values.push(arg.value.clone()),
        }
    }
    values
}

/// A call of a value that is a function's name, or nothing known.
fn of_value(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Option<Value> {
    if call.callee.taint.web() {
        machine.calls_given(call.taint(), call.at);
        return Some(Value::request());
    }
    let name = call.callee.str()?;
    let name = name.rsplit("::").next().unwrap_or(name);
    let function = machine.lookup(&format!("&{name}")).cloned()?;
    Some(machine.call_value(&function, call.args, call.at))
}

/// `Class->method(…)` of a class of the script.
fn class_method(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let (_, name) = entity.rsplit_once('.')?;
    let function = machine.lookup(&format!("&{name}")).cloned()?;
    match function.shape {
        Shape::Function(_) => Some(machine.call_value(&function, call.args, call.at)),
        _ => None,
    }
}

fn commands(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    match entity {
        "qx" | "readpipe" => {
            machine.runs_command("backticks", &arg(call, 0), call.at);
            Some(Value::unknown())
        }
        "system"
        | "exec"
        | "IPC::Run.run"
        | "IPC::System::Simple::system"
        | "capture"
        | "capturex" => {
            let argv = flat(call, 0);
            match argv.as_slice() {
                [command] => machine.runs_command(entity, command, call.at),
                _ => machine.runs_program(entity, &argv, call.at),
            }
            if argv
                .first()
                .is_some_and(|program| machine.is_shell(program))
            {
                machine.starts_shell(call.at);
            }
            Some(Value::unknown())
        }
        "open2" | "open3" | "IPC::Open3::open3" | "IPC::Open2::open2" => {
            let argv = flat(call, if entity.ends_with('2') { 2 } else { 3 });
            match argv.as_slice() {
                [command] => machine.runs_command(entity, command, call.at),
                _ => machine.runs_program(entity, &argv, call.at),
            }
            Some(Value::unknown())
        }
        "syscall" => {
            machine.runs_command(entity, &arg(call, 1), call.at);
            Some(Value::unknown())
        }
        "eval" => {
            let code = match call.arg(0) {
                Some(code) => code.clone(),
                None => machine.lookup("$_").cloned().unwrap_or_default(),
            };
            Some(machine.runs_code("eval", &code, call.at))
        }
        "do" | "require" => {
            machine.loads(entity, &arg(call, 0), call.at);
            Some(Value::unknown())
        }
        "thaw" | "Storable::thaw" | "retrieve" => {
            machine.unpickles(&arg(call, 0), call.at);
            Some(Value::tainted(call.taint()))
        }
        _ => None,
    }
}

/// Calls that give what the sender of a request or a connection chose.
fn input(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    match entity {
        "found" => Some(Value::tainted(arg(call, 0).taint)),
        "readline" => Some(match arg(call, 0).as_entity() {
            Some("stdin") => Value::request(),
            Some("connection") => Value::tainted(Taint::SOCKET),
            _ => Value::unknown(),
        }),
        "socket"
        | "accept"
        | "IO::Socket::INET.new"
        | "IO::Socket.new"
        | "IO::Socket::SSL.new"
        | "IO::Socket::INET6.new"
        | "IO::Socket::IP.new" => {
            for arg in call.args {
                machine.connects(&arg.value, call.at);
            }
            Some(Value::entity("connection"))
        }
        "connection.accept" => Some(Value::entity("connection")),
        "connection.getline" | "connection.recv" | "connection.read" => {
            Some(Value::tainted(Taint::SOCKET))
        }
        "STDIN.fdopen" | "STDOUT.fdopen" => {
            if arg(call, 1).as_entity() == Some("connection") {
                machine.moves_connection(call.at);
            }
            Some(Value::unknown())
        }
        _ => None,
    }
}

fn texts(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let first = arg(call, 0);
    match entity {
        "chr" => Some(machine.characters(std::slice::from_ref(&first))),
        "lc" => Some(machine.change(Change::Lower, &first)),
        "uc" => Some(machine.change(Change::Upper, &first)),
        "hex" | "oct" => {
            let text = first
                .str()
                .map(|text| text.trim_start_matches("0x").to_owned());
            let radix = if entity == "hex" { 16 } else { 8 };
            let number = text.and_then(|text| i64::from_str_radix(&text, radix).ok());
            Some(number.map_or_else(Value::unknown, Value::number))
        }
        "pack" => Some(pack(machine, &first, &flat(call, 1))),
        "unpack" => Some(unpack(machine, &first, &arg(call, 1))),
        "reverse" => Some(match flat(call, 0).as_slice() {
            [one] => machine.change(Change::Reverse, one),
            many => {
                let list = Value::list(many.to_vec());
                machine.change(Change::Reverse, &list)
            }
        }),
        "join" => {
            let list = Value::list(flat(call, 1));
            Some(machine.join_list(&list, &first))
        }
        "split" => {
            let text = arg(call, 1);
            Some(match first.bytes() {
                Some(_) if text.bytes().is_some() => machine.split(&text, Some(&first)),
                _ => Value {
                    taint: text.taint,
                    hidden: text.hidden,
                    ..Value::default()
                },
            })
        }
        "sprintf" => {
            let list = Value::list(flat(call, 1));
            Some(machine.formatted(&first, &list))
        }
        "range" => Some(range(machine, &first, &arg(call, 1))),
        "tr" => Some(transliterated(&first, &arg(call, 1), &arg(call, 2))),
        "s" => Some(substituted(machine, call)),
        "decode_base64"
        | "MIME::Base64::decode_base64"
        | "MIME::Base64::decode"
        | "decode_base64url" => Some(machine.change(Change::Base64, &first)),
        "uri_unescape"
        | "url_decode"
        | "unescape"
        | "CGI::unescape"
        | "CGI::Util::unescape"
        | "urldecode" => Some(machine.change(Change::Url, &first)),
        "decode_qp" => Some(machine.change(Change::QuotedPrintable, &first)),
        "uncompress" | "memGunzip" | "Compress::Zlib::uncompress" | "Compress::Zlib::memGunzip" => {
            Some(machine.change(Change::Inflate, &first))
        }
        "substr" => Some(Value {
            taint: first.taint,
            hidden: first.hidden,
            ..Value::default()
        }),
        _ => None,
    }
}

fn range(machine: &mut Machine<'_>, from: &Value, to: &Value) -> Value {
    let (Some(from), Some(to)) = (from.as_number(), to.as_number()) else {
        return Value::unknown();
    };
    let length = to.saturating_sub(from).max(0);
    match usize::try_from(length) {
        Ok(length) if length <= 1 << 14 && machine.budget.take(length * 8).is_some() => {
            Value::list((from..=to).map(Value::number).collect())
        }
        _ => Value::unknown(),
    }
}

fn pack(machine: &mut Machine<'_>, template: &Value, values: &[Value]) -> Value {
    let template = template.str().unwrap_or_default().trim_start();
    let first = values.first().cloned().unwrap_or_default();
    match template.chars().next() {
        Some('H') => machine.change(Change::Hex, &first),
        Some('C' | 'c' | 'U' | 'W') => machine.characters(values),
        Some('A' | 'a') => first,
        _ => Value::tainted(Value::list(values.to_vec()).taint),
    }
}

fn unpack(machine: &mut Machine<'_>, template: &Value, text: &Value) -> Value {
    let template = template.str().unwrap_or_default().trim_start();
    match template.chars().next() {
        Some('u') => machine.change(Change::Uu, text),
        Some('C' | 'c' | 'U' | 'W') => match machine.known_elements(text) {
            Some(letters) => {
                let code = |letter: &Value| match letter.bytes() {
                    Some([byte]) => Value::number(i64::from(*byte)),
                    _ => Value::unknown(),
                };
                Value::list(letters.iter().map(code).collect())
            }
            None => Value::tainted(text.taint),
        },
        Some('A' | 'a') => text.clone(),
        _ => Value {
            taint: text.taint,
            hidden: text.hidden,
            ..Value::default()
        },
    }
}

/// `s/pattern/replacement/` where the pattern is plain text; otherwise what came from outside stays so.
fn substituted(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Value {
    let (text, pattern, replacement) = (arg(call, 0), arg(call, 1), arg(call, 2));
    let plain = pattern.bytes().is_some_and(|pattern| {
        pattern
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b" _#@!%~,;:=<>&'\"-".contains(byte))
    });
    match plain && text.bytes().is_some() && replacement.bytes().is_some() {
        true => machine.replace(&text, &pattern, &replacement),
        false if text.taint.any() => text,
        false => Value {
            taint: replacement.taint,
            hidden: text.hidden,
            ..Value::default()
        },
    }
}

fn files(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Option<Value> {
    let path = arg(call, 0);
    let act = match entity {
        "open" | "sysopen" => return Some(opened(machine, call)),
        "opendir" => {
            machine.touches(FileAct::List, &arg(call, 1), None, call.at);
            return Some(Value::unknown());
        }
        "print" | "printf" | "say" | "syswrite" => {
            printed(machine, call);
            return Some(Value::unknown());
        }
        "unlink" | "rmdir" | "rmtree" | "remove_tree" => FileAct::Delete,
        "rename" | "copy" | "move" | "File::Copy::copy" | "File::Copy::move" => FileAct::Move,
        "mkdir" | "mkpath" | "make_path" => FileAct::Make,
        "chmod" | "utime" | "chown" => FileAct::Change,
        "glob" => FileAct::List,
        _ => return None,
    };
    let path = match act {
        FileAct::Change => call
            .args
            .last()
            .map(|arg| arg.value.clone())
            .unwrap_or_default(),
        _ => path,
    };
    machine.touches(act, &path, None, call.at);
    Some(Value::unknown())
}

/// `open`: a file, a command at the end of a pipe, or a copy of another handle.
fn opened(machine: &mut Machine<'_>, call: &Invocation<'_>) -> Value {
    let spec = arg(call, 1);
    let mode = spec
        .bytes()
        .map(<[u8]>::trim_ascii)
        .unwrap_or_default()
        .to_vec();
    if let Some(third) = call.arg(2) {
        let third = third.clone();
        if mode.starts_with(b"-|") || mode.starts_with(b"|-") {
            let argv = flat(call, 2);
            match argv.as_slice() {
                [command] => machine.runs_command("open", command, call.at),
                _ => machine.runs_program("open", &argv, call.at),
            }
            return piped(machine, &third, &mode, call);
        }
        if mode.contains(&b'&') && third.as_entity() == Some("connection") {
            machine.moves_connection(call.at);
            return Value::unknown();
        }
        let act = if mode.contains(&b'>') || mode.contains(&b'+') {
            FileAct::Write
        } else {
            FileAct::Read
        };
        machine.touches(act, &third, None, call.at);
        return handle(third);
    }
    if let Some(name) = mode
        .strip_prefix(b">&")
        .or_else(|| mode.strip_prefix(b"<&"))
    {
        let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
        let copied = machine
            .lookup(&format!("*{name}"))
            .and_then(Value::as_entity);
        if copied == Some("connection") {
            machine.moves_connection(call.at);
        }
        return Value::unknown();
    }
    opened_by_text(machine, &spec, call)
}

/// `open` of two arguments, where the text says what is opened and how.
fn opened_by_text(machine: &mut Machine<'_>, spec: &Value, call: &Invocation<'_>) -> Value {
    let mut pieces = spec.pieces();
    let ends = match pieces.last_mut() {
        Some(Piece::Plain(text)) => match text.trim_ascii_end().strip_suffix(b"|") {
            Some(rest) => {
                *text = rest.into();
                true
            }
            None => false,
        },
        _ => false,
    };
    let begins = match pieces.first_mut() {
        Some(Piece::Plain(text)) => match text.trim_ascii_start().strip_prefix(b"|") {
            Some(rest) => {
                *text = rest.into();
                true
            }
            None => false,
        },
        _ => false,
    };
    if ends || begins {
        let command = Value::of_pieces(pieces, spec.hidden);
        machine.runs_command("open", &command, call.at);
        return piped(machine, &command, if begins { b"|-" } else { b"-|" }, call);
    }
    let mut writes = false;
    if let Some(Piece::Plain(text)) = pieces.first_mut() {
        let sign = text.trim_ascii_start();
        writes = sign.starts_with(b">") || sign.starts_with(b"+");
        let path = sign
            .iter()
            .position(|byte| !b"<>+ ".contains(byte))
            .unwrap_or(sign.len());
        *text = sign.get(path..).unwrap_or_default().into();
    }
    pieces.retain(|piece| !matches!(piece, Piece::Plain(text) if text.is_empty()));
    let path = Value::of_pieces(pieces, spec.hidden);
    let act = if writes {
        FileAct::Write
    } else {
        FileAct::Read
    };
    machine.touches(act, &path, None, call.at);
    handle(path)
}

fn piped(machine: &mut Machine<'_>, command: &Value, mode: &[u8], call: &Invocation<'_>) -> Value {
    if mode.starts_with(b"|") && machine.is_shell(command) {
        machine.starts_shell(call.at);
        return Value::entity("shell");
    }
    Value::unknown()
}

fn printed(machine: &mut Machine<'_>, call: &Invocation<'_>) {
    let target = arg(call, 0);
    let content = Value::list(flat(call, 1));
    if let Some(path) = handle_path(&target) {
        let path = path.clone();
        machine.touches(FileAct::Write, &path, Some(&content), call.at);
    } else if target.as_entity() == Some("shell") {
        let text = content
            .elements()
            .and_then(|values| values.first())
            .cloned();
        machine.runs_command("a shell's input", &text.unwrap_or_default(), call.at);
    }
}

/// Methods of values; the first argument is the object.
fn method(
    machine: &mut Machine<'_>,
    call: &Invocation<'_>,
    object: &Value,
    name: &str,
) -> Option<Value> {
    if let Some(function) = machine.lookup(&format!("&{name}")).cloned()
        && let Shape::Function(_) = function.shape
    {
        let args: Vec<Argument> = call.args.to_vec();
        return Some(machine.call_value(&function, &args, call.at));
    }
    if let Some(path) = handle_path(object) {
        let path = path.clone();
        if matches!(name, "print" | "say" | "printf" | "write" | "syswrite") {
            machine.touches(FileAct::Write, &path, call.arg(1), call.at);
        }
        return Some(Value::unknown());
    }
    match name {
        "move_to" | "copy_to" | "link" if object.taint.web() => {
            machine.touches(FileAct::Write, &arg(call, 1), Some(object), call.at);
            Some(Value::unknown())
        }
        "\u{0}given" => None,
        "reval" => Some(machine.runs_code("Safe", &arg(call, 1), call.at)),
        _ if gives_input(name) => Some(Value::request()),
        _ => None,
    }
}
