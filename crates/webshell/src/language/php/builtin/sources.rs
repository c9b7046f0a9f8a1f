//! Functions that bring something in: the request, other hosts, files; and those that write to variables.

use std::rc::Rc;

use super::Call;
use crate::language::php::machine::Machine;
use crate::language::php::sink::{self, OWN_PATH};
use crate::language::php::value::{Array, Data, Key, Taint, Value};

/// The result of a source; `None` where it is no such function.
pub(super) fn call(machine: &mut Machine, call: &Call) -> Option<Value> {
    Some(match call.name {
        b"getallheaders" | b"apache_request_headers" | b"get_http_headers" => {
            Value::tainted(Taint::INPUT)
        }
        b"apache_getenv" | b"getenv" => match call.text(0) {
            Some(name) if name.starts_with(b"HTTP_") || name.as_slice() == b"QUERY_STRING" => {
                Value::tainted(Taint::INPUT)
            }
            _ => Value::unknown(),
        },
        b"filter_input_array" | b"input_filter" => Value::tainted(Taint::INPUT),
        b"get_defined_vars" => Value::tainted(Taint::INPUT),
        b"file_get_contents"
        | b"file"
        | b"readfile"
        | b"php_strip_whitespace"
        | b"show_source"
        | b"highlight_file"
        | b"stream_get_contents"
        | b"fread"
        | b"fgets"
        | b"fgetc"
        | b"gzfile"
        | b"fgetss"
        | b"gzread"
        | b"exif_read_data"
        | b"read_exif_data"
        | b"simplexml_load_file"
        | b"parse_ini_file"
        | b"socket_read"
        | b"getimagesize"
        | b"gzgets" => read(machine, call),
        b"fopen"
        | b"gzopen"
        | b"popen"
        | b"fsockopen"
        | b"pfsockopen"
        | b"stream_socket_client"
        | b"stream_socket_accept"
        | b"tmpfile" => open(call),
        b"fwrite" | b"fputs" | b"gzwrite" => {
            write_stream(machine, call);
            Value::unknown()
        }
        b"file_put_contents" => {
            let content = call.value(1).all_taint();
            if content.has(Taint::INPUT | Taint::REMOTE) {
                machine.mark_argument(call.arguments, 0, Taint::WRITTEN);
            }
            Value::unknown()
        }
        b"curl_exec"
        | b"curl_multi_getcontent"
        | b"wp_remote_get"
        | b"wp_remote_retrieve_body"
        | b"http_get"
        | b"dns_get_record"
        | b"gethostbyname" => match call.name {
            b"gethostbyname" => Value::unknown(),
            _ => Value::tainted(Taint::REMOTE),
        },
        _ => return more(machine, call),
    })
}

/// What streams say of themselves.
fn more(machine: &mut Machine, call: &Call) -> Option<Value> {
    Some(match call.name {
        b"stream_get_meta_data" => match &call.value(0).data {
            Data::Stream(path) => {
                let mut array = Array::default();
                array.set(Key::Bytes(Rc::new(b"uri".to_vec())), (**path).clone());
                Value::array(array)
            }
            _ => Value::unknown(),
        },
        b"tempnam" | b"sys_get_temp_dir" => Value::unknown(),
        _ => return variables(machine, call),
    })
}

/// Functions that set variables.
fn variables(machine: &mut Machine, call: &Call) -> Option<Value> {
    Some(match call.name {
        b"extract" | b"import_request_variables" => {
            extract(machine, call);
            Value::unknown()
        }
        b"parse_str" | b"mb_parse_str" => {
            let taint = call.value(0).all_taint();
            match call.values.len() {
                0 | 1 if taint.has(Taint::INPUT) => machine.import_request(),
                0 | 1 => {}
                _ => {
                    let parsed = parse_query(&call.value(0));
                    machine.write_argument(call.arguments, 1, parsed);
                }
            }
            Value::unknown()
        }
        b"preg_match" | b"preg_match_all" | b"ereg" | b"eregi" => {
            let found = Value::tainted(call.value(1).all_taint());
            machine.write_argument(call.arguments, 2, found);
            Value::unknown()
        }
        b"settype" | b"shuffle" | b"sort" | b"rsort" | b"ksort" | b"asort" => Value::unknown(),
        b"exec" => Value::unknown(),
        b"define" => {
            if let Some(name) = call.text(0) {
                machine.define(&name, call.value(1));
            }
            Value::bool(true)
        }
        b"constant" => match call.text(0) {
            Some(name) => machine
                .defined(&name)
                .or_else(|| super::constant(&name))
                .unwrap_or_default(),
            None => Value::unknown(),
        },
        b"defined" => match call.text(0).and_then(|name| machine.defined(&name)) {
            Some(_) => Value::bool(true),
            None => Value::unknown(),
        },
        b"func_get_args" => Value::array(machine.call_arguments().into_iter().collect()),
        b"func_get_arg" => {
            let at = call.integer(0).and_then(|at| usize::try_from(at).ok());
            let list = machine.call_arguments();
            at.and_then(|at| list.get(at).cloned()).unwrap_or_default()
        }
        b"func_num_args" => Value::length(machine.call_arguments().len()),
        b"function_exists" => match call.text(0) {
            Some(name) if machine.has_function(&name.to_ascii_lowercase()) => Value::bool(true),
            _ => Value::unknown(),
        },
        b"get_object_vars" | b"get_class" => Value::unknown(),
        b"var_dump" | b"error_reporting" | b"ini_set" | b"set_time_limit" => Value::unknown(),
        _ => return None,
    })
}

/// `a=1&b=2` as an array.
fn parse_query(text: &Value) -> Value {
    let Some(known) = text.text() else {
        return Value::tainted(text.all_taint());
    };
    let mut array = Array::default();
    for pair in known.split(|byte| *byte == b'&').take(256) {
        let at = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let name = pair.get(..at).unwrap_or_default().to_vec();
        let value = pair.get(at + 1..).unwrap_or_default();
        array.set(Key::Bytes(Rc::new(name)), Value::bytes(value));
    }
    Value::array(array)
}

fn extract(machine: &mut Machine, call: &Call) {
    let value = call.value(0);
    match &value.data {
        Data::Array(array) => {
            for (key, item) in &array.items {
                if let Key::Bytes(name) = key {
                    machine.set_variable(name, item.clone());
                }
            }
        }
        _ if value.taint.has(Taint::INPUT) || call.name == b"import_request_variables" => {
            machine.import_request();
        }
        _ => {}
    }
}

/// What reading a path or a stream brings.
fn read(machine: &mut Machine, call: &Call) -> Value {
    let source = call.value(0);
    let path = match &source.data {
        Data::Stream(path) => (**path).clone(),
        _ => source.clone(),
    };
    if matches!(call.name, b"socket_read") {
        return Value::tainted(Taint::REMOTE);
    }
    let (head, _) = path.ends();
    let taint = path.all_taint();
    if taint.has(Taint::UPLOAD)
        || head.starts_with(b"php://input")
        || head.starts_with(b"php://stdin") && taint.has(Taint::INPUT)
    {
        return Value::tainted(Taint::INPUT);
    }
    if head.starts_with(b"data:") {
        return Value::tainted(taint);
    }
    let hosts = [
        &b"http://"[..],
        b"https://",
        b"ftp://",
        b"tcp://",
        b"ssl://",
        b"//",
    ];
    if hosts.iter().any(|host| head.starts_with(host)) {
        return Value::tainted(Taint::REMOTE);
    }
    if path.text().is_some_and(|text| text.as_slice() == OWN_PATH) {
        return own_content(machine, call);
    }
    // A path that the request gives may be an address, too.
    match taint.has(Taint::INPUT) && head.is_empty() {
        true => Value::tainted(Taint::FILE | Taint::REMOTE),
        false => Value::tainted(Taint::FILE),
    }
}

/// The script reads itself: what is hidden in it is known.
fn own_content(machine: &mut Machine, call: &Call) -> Value {
    let script = machine.script();
    let from = match machine.halt_offset() {
        Some(halt) if !matches!(call.name, b"file_get_contents" | b"file") => halt,
        _ => 0,
    };
    let from = match (call.name, call.integer(3)) {
        (b"file_get_contents", Some(offset)) => usize::try_from(offset).unwrap_or(from),
        _ => from,
    };
    let content = script.get(from..).unwrap_or_default();
    if !machine.room(content.len()) {
        return Value::unknown();
    }
    match call.name {
        b"file" => {
            let lines = content.split_inclusive(|byte| *byte == b'\n');
            Value::array(lines.map(Value::bytes).collect())
        }
        b"fgets" | b"fgetc" => Value::tainted(Taint::DECODED),
        _ => Value::bytes(content),
    }
}

/// A stream of a path, or of another host.
fn open(call: &Call) -> Value {
    let remote = matches!(
        call.name,
        b"fsockopen" | b"pfsockopen" | b"stream_socket_client" | b"stream_socket_accept"
    );
    let path = match remote {
        true => Value::bytes(&b"tcp://"[..]),
        false => call.value(0),
    };
    if call.name == b"popen" {
        return Value::unknown();
    }
    let path = match path.data {
        Data::Stream(_) => Value::unknown(),
        _ => path,
    };
    Value::of(Data::Stream(Rc::new(path)))
}

fn write_stream(machine: &mut Machine, call: &Call) {
    let stream = call.value(0);
    let Data::Stream(path) = &stream.data else {
        return;
    };
    let content = call.value(1);
    sink::write(machine, path, &content, call.span);
}
