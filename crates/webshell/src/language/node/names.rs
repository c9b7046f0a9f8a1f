//! Names of Node's modules and of the common frameworks, as far as they take input or run something.

use crate::language::flow::Machine;
use crate::language::flow::node::Function;
use crate::language::flow::node::Node;
use crate::language::flow::value::{Shape, Value};
use crate::language::flow::words::among;

/// Words of scripts that answer requests.
pub(super) const INPUT_WORDS: &str = ".query .body .headers .params .cookies .url .originalUrl .rawBody .searchParams \
    createServer queryStringParameters 'data' \"data\" 'message' \"message\" 'request' \"request\" \
    .files .text() ['query'] [\"query\"] ['body'] [\"body\"] .get(' .use( .param( .json() .formData \
    net.Socket 'connection' \"connection\" .connect( createConnection 'fetch' \"fetch\"";

/// Words of scripts that run commands or change files.
pub(super) const RUN_WORDS: &str = "child_process 'child_ \"child_ execSync spawnSync node-pty shelljs execa \
    runInThisContext runInNewContext runInContext vm.Script compileFunction ._compile process.binding mainModule \
    spawn_sync writeFile createWriteStream";

/// Words of scripts that hide others.
pub(super) const HIDING_WORDS: &str = "\\x63\\x68 \\x65\\x76 \\x72\\x65 \\u00 fromCharCode base64 atob( _0x \
    unescape( decodeURIComponent( .reverse() 'hex' \"hex\" p,a,c,k";

/// Words of scripts that run what was hidden.
pub(super) const OPENING_WORDS: &str = "runIn eval( eval) Function( global[ globalThis[ process[ global.process _load( \
    require(String require(Buffer require(atob require(unescape require(_0x require(\"\\ require('\\ mainModule \
    .constructor( constructor'] constructor\"] 'const' \"const\" child";

/// Words of scripts that run texts as code.
pub(super) const CODE_WORDS: &str = "eval, }).constructor getPrototypeOf eval( eval) Function( vm. \"eval 'eval _load( .constructor( constructor'] \
    constructor\"] 'const' \"const\" setTimeout(req setTimeout(ctx global[ globalThis[ unserialize \
    require(req";

/// Words of programs that run on a server.
pub(super) const SERVER_WORDS: [&[u8]; 14] = [
    b"require(",
    b"process.",
    b"module.exports",
    b"exports.",
    b"createServer",
    b"addEventListener('fetch'",
    b"Deno.",
    b"from 'http",
    b"from 'express",
    b"from \"express",
    b"(req, res",
    b"(req,res",
    b"app.use(",
    b"router.",
];

/// Names of the language and of Node that stand for themselves.
const GLOBALS: &str = "require process eval Function Buffer String JSON Object Promise Array module exports \
    setTimeout setInterval setImmediate atob unescape decodeURIComponent decodeURI URL URLSearchParams Bun Deno \
    parseInt parseFloat Number Boolean Date Reflect createRequire addEventListener AsyncFunction isNaN \
    encodeURIComponent structuredClone GeneratorFunction child_process fs vm path util";

/// What a request object gives that its sender chose.
const REQUEST_MEMBERS: &str = "query body headers params cookies url originalUrl path files file rawBody \
    signedCookies rawHeaders payload searchParams queryStringParameters multiValueQueryStringParameters \
    pathParameters text json formData arrayBuffer header param get hash search href \
    rawQueryString nextUrl trailers";

/// Members of a context object that stand for its request.
const CONTEXT_MEMBERS: &str = "query params headers cookies url originalUrl querystring href path";

/// The name of a module without what only says where it is from.
pub(super) fn module(name: &str) -> &str {
    name.strip_prefix("node:").unwrap_or(name)
}

/// A name that the script gave no value.
pub(super) fn name(name: &str) -> Value {
    match name {
        "globalThis" | "global" | "root" | "GLOBAL" => Value::entity("global"),
        "this" => Value::entity("self"),
        name if among(GLOBALS, name) => Value::entity(name),
        _ => Value::unknown(),
    }
}

/// A member of something the platform provides.
pub(super) fn member(machine: &mut Machine<'_>, object: &Value, member: &str) -> Option<Value> {
    if member == "constructor" {
        return Some(constructor(object));
    }
    if member == "length" {
        let length = match &object.shape {
            Shape::Text(text) => text.len(),
            Shape::List(values) => values.len(),
            _ => return Some(Value::unknown()),
        };
        return Some(Value::number(i64::try_from(length).ok()?));
    }
    let Some(entity) = object.as_entity() else {
        let plain = matches!(object.shape, Shape::Unknown) && !object.taint.any();
        return (plain && member == "req").then(|| Value::entity("request"));
    };
    match entity {
        "global" => {
            let known = machine.lookup(member).cloned();
            Some(known.unwrap_or_else(|| name(member)))
        }
        "request" | "request.raw" | "request.request" | "request.req" | "request.nextUrl" => {
            Some(of_request(member))
        }
        "context" => Some(match member {
            "request" | "req" => Value::entity("request"),
            _ if among(CONTEXT_MEMBERS, member) => Value::request(),
            _ => Value::unknown(),
        }),
        "event" => Some(match member {
            "request" => Value::entity("request"),
            "body"
            | "headers"
            | "queryStringParameters"
            | "pathParameters"
            | "rawQueryString"
            | "multiValueQueryStringParameters"
            | "rawPath"
            | "multiValueHeaders"
            | "query"
            | "path"
            | "cookies" => Value::request(),
            _ => Value::unknown(),
        }),
        "self" => match member {
            "request" | "req" | "ctx" | "query"
                if machine.lookup(&format!("self.{member}")).is_none() =>
            {
                Some(match member {
                    "ctx" => Value::entity("context"),
                    "query" => Value::unknown(),
                    _ => Value::entity("request"),
                })
            }
            _ => None,
        },
        "module" if member == "require" => Some(Value::entity("require")),
        "process" if member == "mainModule" => Some(Value::entity("module")),
        "require" if member == "main" => Some(Value::entity("module")),
        _ => None,
    }
}

/// A parameter of a function that nothing in the script calls.
pub(super) fn parameter(function: &Function, index: usize, name: &str) -> Value {
    let next = match function.params.get(index + 1).map(|param| &param.target) {
        Some(Node::Name(name)) => &**name,
        _ => "",
    };
    match name {
        "req" | "request" | "_req" | "rq" if index <= 1 => Value::entity("request"),
        "r" | "q" if matches!(next, "s" | "res" | "response") => Value::entity("request"),
        "ctx" | "context" if index == 0 => Value::entity("context"),
        "event" if index == 0 => Value::entity("event"),
        "c" if next == "next" || function.params.len() == 1 => Value::entity("context"),
        _ => Value::unknown(),
    }
}

/// Everything has a constructor, and constructors' constructor makes functions of texts.
fn constructor(object: &Value) -> Value {
    let made = match &object.shape {
        Shape::Text(_) | Shape::Mixed(_) => "String",
        Shape::List(_) => "Array",
        Shape::Number(_) => "Number",
        Shape::Function(_) | Shape::Method(_) => "Function",
        Shape::Entity(entity) => match &**entity {
            "module" => "module.constructor",
            "self" | "global" | "request" | "context" | "event" | "connection" => "Object",
            "require" => "Function",
            _ => "Function",
        },
        _ => "Object",
    };
    Value::entity(made)
}

fn of_request(member: &str) -> Value {
    match member {
        "raw" | "request" | "req" | "nextUrl" => Value::entity("request"),
        "on" | "once" | "addListener" | "pipe" | "addEventListener" => {
            Value::entity(&format!("request.{member}"))
        }
        _ if among(REQUEST_MEMBERS, member) => Value::request(),
        _ => Value::unknown(),
    }
}
