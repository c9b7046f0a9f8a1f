//! Names of Python's library and of the common frameworks, as far as they take input or run something.

use crate::language::flow::Machine;
use crate::language::flow::value::{Shape, Value};
use crate::language::flow::words::among;

/// Words of scripts that take input from a request or a connection.
pub(super) const INPUT_WORDS: &str = "request. request) request, request: request] request\u{a} QUERY _STRING \
    FieldStorage stdin.read stdin.buffer rfile self.path self.headers .recv get_argument web.input web.data \
    start_response HTTP_ PATH_INFO websocket .route cherrypy get_param RequestParser XMLRPCServer socketio SocketIO aiohttp @app. @router. socket.socket await␣req (req) (req, request␣as :␣Request Request) FastAPI APIRouter request\u{d}";

/// Words of scripts that run something.
pub(super) const RUN_WORDS: &str = ".system system( system' system\" popen Popen subprocess getoutput getstatusoutput pty spawn eval( \
    exec( execv execl execfile pickle marshal listdir scandir rmtree .save( 'wb \"wb dup2 ctypes \
    getattr(os getattr(sys getattr(__ globals() vars( __dict__ __import__ import_module";

/// Words of scripts that hide others.
pub(super) const HIDING_WORDS: &str = "b64decode b32decode b16decode b85decode decodestring unhexlify a2b_ \
    fromhex marshal decompress [::-1] reversed( chr( \\1 \\x rot13 rot_13 bytes([ 'hex' \"hex\" base64";

/// Words of scripts that run what was hidden, or call by hidden names.
pub(super) const OPENING_WORDS: &str = "exec( eval( __import__ __builtins__ getattr(os getattr(__";

/// Names of the language.
pub(super) const BUILTINS: &str = "\
    dict set iter next memoryview eval exec execfile compile open file getattr setattr globals locals vars __import__ chr ord \
    bytes bytearray str map filter range xrange reversed zip list tuple input raw_input int len \
    unicode reload repr sorted enumerate unichr bool";

/// Methods of handlers that the server calls with what the request says.
pub(super) const HANDLERS: &str = "\
    get post put delete patch head options on_message on_get on_post render_GET render_POST";

/// What a request object gives that its sender chose.
const REQUEST_MEMBERS: &str = "\
    args form values json data headers cookies files GET POST REQUEST body META FILES COOKIES \
    query params forms query_params path_params match_info matchdict rel_url stream query_string \
    rfile requestline raw_post_data content bounded_stream media json_body arguments \
    query_arguments body_arguments raw_args get_json get_data url full_path view_args token \
    authorization user_agent referrer text receive";

/// Further members of a request that are called for what its sender chose.
const REQUEST_CALLS: &str = "\
    read post get_param get_param_as_list get get_header get_full_path get_cookie getvalue \
    multipart receive_text get_media path environ build_absolute_uri getlist";

/// What a handler's object gives that the sender chose.
const HANDLER_MEMBERS: &str = "\
    path headers rfile requestline get_argument get_arguments get_body_argument \
    get_body_arguments get_query_argument get_query_arguments get_cookie raw_requestline \
    get_json_body";

/// Variables of the environment that a web server sets from the request.
const ENVIRONMENT: &str = "\
    QUERY_STRING PATH_INFO REQUEST_URI PATH_TRANSLATED CONTENT_TYPE wsgi.input REQUEST_BODY \
    REDIRECT_QUERY_STRING query_string headers path raw_path";

/// Whether a variable of the environment comes from the request.
pub(super) fn is_request_variable(name: &str) -> bool {
    (name.starts_with("HTTP_") && name != "HTTP_PROXY") || among(ENVIRONMENT, name)
}

/// A member of something the platform provides.
pub(super) fn member(machine: &mut Machine<'_>, object: &Value, name: &str) -> Option<Value> {
    match name {
        "__dict__" if object.as_entity().is_some() => return Some(object.clone()),
        "__globals__" | "func_globals" => return Some(Value::entity("globals").uncovered()),
        "__builtins__" | "__builtin__" => return Some(Value::entity("builtins").uncovered()),
        _ => {}
    }
    let Some(entity) = object.as_entity() else {
        return of_value(object, name);
    };
    let entity = if is_request(entity) {
        "request"
    } else {
        entity
    };
    if name == "request" && !entity.starts_with("urllib") && !matches!(entity, "self" | "handler") {
        return Some(Value::entity("request"));
    }
    match entity {
        "builtins" | "__builtin__" if name != "get" => Some(Value::entity(name)),
        "globals" | "locals" => Some(of_globals(machine, name)),
        "sys" if name == "modules" => Some(Value::entity("modules")),
        "modules" if !matches!(name, "get" | "keys" | "items" | "pop") => Some(Value::entity(name)),
        "self" if name == "request" && machine.lookup("self.request").is_none() => {
            Some(Value::entity("request"))
        }
        "handler" => Some(of_handler(machine, name)),
        "request" | "request.environ" | "websocket" => of_request(entity, name),
        "environ" | "os.environ" => match name {
            "get" | "getitem" | "copy" | "__getitem__" | "items" | "setdefault" | "pop" => None,
            _ if is_request_variable(name) => Some(Value::request()),
            _ => Some(Value::unknown()),
        },
        _ => None,
    }
}

/// Names by which modules of several places go.
pub(super) fn canonical(entity: &str) -> &str {
    let known = [
        ("posix.", "os."),
        ("nt.", "os."),
        ("builtins.", ""),
        ("__builtin__.", ""),
        ("six.moves.builtins.", ""),
        ("cPickle.", "pickle."),
        ("_pickle.", "pickle."),
        ("dill.", "pickle."),
        ("cloudpickle.", "pickle."),
    ];
    for (prefix, stands_for) in known {
        if let Some(rest) = entity.strip_prefix(prefix)
            && stands_for.is_empty()
        {
            return rest;
        }
    }
    entity
}

/// Whether an imported name is a framework's request.
pub(super) fn is_request(entity: &str) -> bool {
    entity.ends_with(".request")
        && !entity.starts_with("urllib")
        && !entity.starts_with("six.")
        && !entity.starts_with("http.")
}

fn of_value(object: &Value, name: &str) -> Option<Value> {
    match name {
        "__subclasses__" => Some(Value::entity("subclasses").uncovered()),
        _ if object.is_unknown() && is_request_variable(name) && name.contains(['_', '.']) => {
            Some(Value::request())
        }
        // The name of an uploaded file is the sender's choice as its content is.
        "filename" if object.taint.web() => Some(Value::request()),
        "request" if matches!(object.shape, Shape::Unknown) && !object.taint.any() => {
            Some(Value::entity("request"))
        }
        _ => None,
    }
}

fn of_globals(machine: &mut Machine<'_>, name: &str) -> Value {
    if let Some(value) = machine.lookup(name) {
        return value.clone();
    }
    match name {
        "get" | "__getitem__" => Value::entity(&format!("globals.{name}")),
        "__builtins__" | "__builtin__" => Value::entity("builtins"),
        "system" | "popen" => Value::entity(&format!("os.{name}")),
        "" => Value::unknown(),
        _ => Value::entity(name),
    }
}

fn of_handler(machine: &mut Machine<'_>, name: &str) -> Value {
    if name == "request" {
        return Value::entity("request");
    }
    if among(HANDLER_MEMBERS, name) {
        return Value::request();
    }
    machine.member(&Value::entity("self"), name)
}

fn of_request(entity: &str, name: &str) -> Option<Value> {
    if entity == "request" && name == "environ" {
        return Some(Value::entity("environ"));
    }
    if entity == "websocket" {
        let takes = [
            "receive",
            "receive_text",
            "receive_json",
            "receive_bytes",
            "recv",
            "read_message",
        ];
        return takes.contains(&name).then(Value::request);
    }
    match among(REQUEST_MEMBERS, name) || among(REQUEST_CALLS, name) {
        true => Some(Value::request()),
        false => Some(Value::unknown()),
    }
}
