//! What Python's functions make of texts, numbers and lists.

use super::call::arg;
use crate::language::flow::fold::Change;
use crate::language::flow::value::{Piece, Shape, Value};
use crate::language::flow::{Invocation, Machine};

/// Ways to decode.
pub(super) const DECODERS: [(&str, Change); 32] = [
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

pub(super) fn same(machine: &mut Machine<'_>, entity: &str, call: &Invocation<'_>) -> Value {
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

/// Calls that make texts and lists.
pub(super) fn texts(
    machine: &mut Machine<'_>,
    entity: &str,
    call: &Invocation<'_>,
) -> Option<Value> {
    let first = arg(call, 0);
    match entity {
        "base64.b85decode" => Some(match first.bytes().and_then(base85) {
            Some(plain) => Value::text(&plain).uncovered(),
            None => Value {
                taint: first.taint,
                hidden: true,
                ..Value::default()
            },
        }),
        "chr" | "unichr" => Some(machine.characters(std::slice::from_ref(&first))),
        "ord" => Some(match first.bytes() {
            Some([byte]) => Value::number(i64::from(*byte)),
            _ => Value::unknown(),
        }),
        "int" => Some(integer(&first, &arg(call, 1))),
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
            let Some(elements) = machine.known_elements(&first) else {
                return Some(Value::tainted(first.taint));
            };
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

/// What five digits of base 85 stand for: four bytes each.
fn base85(text: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 85] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
    let mut plain = Vec::with_capacity(text.len());
    for five in text.chunks(5) {
        let mut number = 0_u32;
        for place in 0..5 {
            let digit = *five.get(place).unwrap_or(&b'~');
            let value = DIGITS.iter().position(|known| *known == digit)?;
            number = number
                .checked_mul(85)?
                .checked_add(u32::try_from(value).ok()?)?;
        }
        let bytes = number.to_be_bytes();
        plain.extend_from_slice(bytes.get(..five.len() - 1)?);
    }
    Some(plain)
}

/// `int`: a number, perhaps of another base.
fn integer(value: &Value, base: &Value) -> Value {
    let base = base.as_number().and_then(|base| u32::try_from(base).ok());
    let base = base.filter(|base| (2..=36).contains(base)).unwrap_or(10);
    let number = match (value.as_number(), value.str()) {
        (Some(number), _) => Some(number),
        (None, Some(text)) => {
            let text = text.trim().trim_start_matches("0x");
            i64::from_str_radix(text, base).ok()
        }
        _ => None,
    };
    number.map_or_else(Value::unknown, Value::number)
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
pub(super) fn coded(machine: &mut Machine<'_>, text: &Value, encoding: &Value) -> Value {
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

/// `format.format(values)`.
pub(super) fn formatted(machine: &mut Machine<'_>, format: &Value, given: &[Value]) -> Value {
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
