//! PHP's own functions: what they compute, where their results come from, what they call.

mod arrays;
mod callbacks;
mod codecs;
mod format;
mod sources;
mod strings;

use std::rc::Rc;

use super::ast::{Argument, Bytes, Span, Text};
use super::machine::Machine;
use super::value::{Data, Super, Taint, Value};

/// A call: values, and the expressions for those that are written to.
pub(super) struct Call<'a> {
    pub(super) name: &'a [u8],
    pub(super) values: Vec<Value>,
    pub(super) arguments: Option<&'a [Argument]>,
    pub(super) span: Span,
}

impl Call<'_> {
    fn value(&self, at: usize) -> Value {
        self.values.get(at).cloned().unwrap_or_default()
    }

    fn text(&self, at: usize) -> Option<Bytes> {
        self.values.get(at)?.text()
    }

    fn integer(&self, at: usize) -> Option<i64> {
        self.values.get(at)?.integer()
    }

    fn taint(&self) -> Taint {
        self.values
            .iter()
            .fold(Taint::NONE, |taint, value| taint.join(value.all_taint()))
    }

    /// Where the result isn't computed but comes from the arguments.
    fn unknown(&self) -> Value {
        Value::tainted(self.taint())
    }
}

/// Functions whose result is made of their arguments though it isn't computed.
const PASSING: [&[u8]; 40] = [
    b"addslashes",
    b"htmlspecialchars",
    b"htmlentities",
    b"strip_tags",
    b"nl2br",
    b"wordwrap",
    b"chunk_split",
    b"iconv",
    b"mb_convert_encoding",
    b"utf8_decode",
    b"utf8_encode",
    b"mb_convert_case",
    b"preg_quote",
    b"json_decode",
    b"json_encode",
    b"unserialize",
    b"serialize",
    b"var_export",
    b"print_r",
    b"str_word_count",
    b"filter_var",
    b"filter_var_array",
    b"preg_split",
    b"mb_substr",
    b"mb_strtolower",
    b"mb_strtoupper",
    b"strtok",
    b"sscanf",
    b"money_format",
    b"similar_text",
    b"simplexml_load_string",
    b"yaml_parse",
    b"msgpack_unpack",
    b"igbinary_unserialize",
    b"stream_filter_append",
    b"array_walk_recursive",
    b"preg_grep",
    b"escapestring",
    b"realpath",
    b"dirname",
];

/// A call of a function of PHP's own, or of one that isn't known at all.
pub(super) fn call(
    machine: &mut Machine,
    name: &Text,
    values: Vec<Value>,
    arguments: Option<&[Argument]>,
    span: Span,
) -> Value {
    let call = Call {
        name,
        values,
        arguments,
        span,
    };
    if !machine.spend(1) {
        return call.unknown();
    }
    strings::call(machine, &call)
        .or_else(|| codecs::call(machine, &call))
        .or_else(|| arrays::call(machine, &call))
        .or_else(|| format::call(machine, &call))
        .or_else(|| callbacks::call(machine, &call))
        .or_else(|| sources::call(machine, &call))
        .unwrap_or_else(|| match PASSING.contains(&call.name) {
            true => call.unknown(),
            false => Value::unknown(),
        })
}

/// The elements of an array, or the value alone.
pub(super) fn elements(value: &Value) -> Vec<Value> {
    match &value.data {
        Data::Array(array) => {
            let mut all: Vec<Value> = array
                .values()
                .map(|item| item.clone().with(value.taint))
                .collect();
            if !array.is_closed() {
                all.push(Value::tainted(array.taint() | value.taint));
            }
            all
        }
        Data::Super(Super::Globals) => Vec::new(),
        _ => vec![Value::tainted(value.all_taint())],
    }
}

/// What a method of an object gives whose class is PHP's own or isn't known.
pub(super) fn method(object: &Value, method: &[u8]) -> Value {
    match &object.data {
        Data::Object(class) if class.starts_with(b"iterator:") => Value::tainted(object.taint),
        _ if method.starts_with(b"get") || method == b"current" || method == b"offsetget" => {
            Value::tainted(object.all_taint())
        }
        _ => Value::unknown(),
    }
}

/// An object of a class of PHP's own.
pub(super) fn object(class: &Text, values: &[Value]) -> Value {
    let taint = values
        .iter()
        .fold(Taint::NONE, |taint, value| taint.join(value.all_taint()));
    Value {
        data: Data::Object(Rc::clone(class)),
        taint,
    }
}

/// A constant of PHP's own.
pub(super) fn constant(name: &[u8]) -> Option<Value> {
    Some(match name {
        b"PHP_EOL" => Value::bytes(&b"\n"[..]),
        b"DIRECTORY_SEPARATOR" => Value::bytes(&b"/"[..]),
        b"PATH_SEPARATOR" => Value::bytes(&b":"[..]),
        b"PHP_OS" | b"PHP_OS_FAMILY" | b"PHP_VERSION" | b"PHP_SAPI" | b"PHP_VERSION_ID" => {
            Value::unknown()
        }
        b"PHP_INT_MAX" => Value::int(i64::MAX),
        b"PHP_INT_SIZE" => Value::int(8),
        b"M_PI" => Value::of(Data::Float(std::f64::consts::PI)),
        b"M_E" => Value::of(Data::Float(std::f64::consts::E)),
        b"INF" => Value::of(Data::Float(f64::INFINITY)),
        b"NAN" => Value::of(Data::Float(f64::NAN)),
        b"ENT_QUOTES" | b"COUNT_RECURSIVE" | b"SORT_ASC" => Value::unknown(),
        b"FILTER_CALLBACK" => Value::int(1024),
        b"STDIN" => Value::unknown(),
        _ => return None,
    })
}
