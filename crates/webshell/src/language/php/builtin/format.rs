//! Numbers and their spelling.

use super::Call;
use crate::language::php::machine::Machine;
use crate::language::php::value::{Data, Taint, Value, leading_number, low_byte, whole};

/// The result of a function on numbers; `None` where it is no such function.
pub(super) fn call(machine: &mut Machine, call: &Call) -> Option<Value> {
    Some(match call.name {
        b"sprintf" | b"vsprintf" => sprintf(machine, call).unwrap_or_else(|| call.unknown()),
        b"intval" => {
            let base = call.integer(1).and_then(|base| u32::try_from(base).ok());
            match base {
                Some(base) if base != 10 => from_base(call, base),
                _ => number(call, |value| value.trunc()),
            }
        }
        b"floor" => number(call, f64::floor),
        b"ceil" => number(call, f64::ceil),
        b"round" => number(call, f64::round),
        b"abs" => number(call, f64::abs),
        b"sqrt" => number(call, f64::sqrt),
        b"pow" => match (call.integer(0), call.integer(1)) {
            (Some(base), Some(power)) => u32::try_from(power)
                .ok()
                .and_then(|power| base.checked_pow(power))
                .map_or_else(Value::unknown, Value::int),
            _ => Value::unknown(),
        },
        b"hexdec" => from_base(call, 16),
        b"octdec" => from_base(call, 8),
        b"bindec" => from_base(call, 2),
        b"dechex" => to_base(call, 16),
        b"decoct" => to_base(call, 8),
        b"decbin" => to_base(call, 2),
        b"base_convert" => base_convert(call).unwrap_or_else(|| call.unknown()),
        b"floatval" | b"doubleval" => number(call, |value| value),
        b"is_string" => Value::unknown(),
        _ => return None,
    })
}

fn number(call: &Call, of: fn(f64) -> f64) -> Value {
    let value = call.values.first().and_then(Value::number);
    value.map_or_else(Value::unknown, |value| {
        let value = of(value);
        match value.fract() == 0.0 && value.abs() < 9e15 {
            true => Value::int(whole(value)),
            false => Value::of(Data::Float(value)),
        }
    })
}

fn from_base(call: &Call, base: u32) -> Value {
    let Some(text) = call.text(0) else {
        return Value::tainted(call.taint().without(Taint::INPUT));
    };
    if !(2..=36).contains(&base) {
        return Value::unknown();
    }
    let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let digits: String = text
        .trim_start_matches("0x")
        .chars()
        .filter(|letter| letter.is_digit(base))
        .collect();
    i64::from_str_radix(&digits, base).map_or_else(|_| Value::unknown(), Value::int)
}

fn to_base(call: &Call, base: u32) -> Value {
    let value = call.integer(0).and_then(|value| u64::try_from(value).ok());
    value.map_or_else(Value::unknown, |value| Value::bytes(digits(value, base)))
}

fn digits(mut value: u64, base: u32) -> Vec<u8> {
    let mut made = Vec::new();
    loop {
        let digit = u32::try_from(value % u64::from(base)).unwrap_or(0);
        made.push(char::from_digit(digit, base).unwrap_or('0') as u8);
        value /= u64::from(base);
        if value == 0 {
            break;
        }
    }
    made.reverse();
    made
}

fn base_convert(call: &Call) -> Option<Value> {
    let text = call.text(0)?;
    let from = u32::try_from(call.integer(1)?).ok()?;
    let to = u32::try_from(call.integer(2)?).ok()?;
    if !(2..=36).contains(&from) || !(2..=36).contains(&to) {
        return None;
    }
    let text = String::from_utf8_lossy(&text).to_ascii_lowercase();
    let value = u64::from_str_radix(&text, from).ok()?;
    Some(Value::bytes(digits(value, to)).with(Taint::DECODED))
}

/// `sprintf` with strings, characters and plain numbers. Where an argument isn't known, the ends of the text are.
fn sprintf(machine: &mut Machine, call: &Call) -> Option<Value> {
    let format = call.text(0)?;
    let arguments = match (call.name, call.values.get(1)) {
        (b"vsprintf", Some(list)) => super::elements(list),
        _ => call.values.get(1..).unwrap_or_default().to_vec(),
    };
    let mut parts: Vec<Value> = Vec::new();
    let mut plain = Vec::new();
    let mut next = 0;
    let mut rest = format.as_slice();
    while let Some(at) = memchr::memchr(b'%', rest) {
        plain.extend_from_slice(rest.get(..at)?);
        rest = rest.get(at + 1..)?;
        if let Some(after) = rest.strip_prefix(b"%") {
            plain.push(b'%');
            rest = after;
            continue;
        }
        let flags = rest
            .iter()
            .take_while(|byte| !byte.is_ascii_alphabetic() && **byte != b'%');
        let flags = flags.count();
        let spec = rest.get(..flags)?;
        let kind = *rest.get(flags)?;
        rest = rest.get(flags + 1..)?;
        let place = match memchr::memchr(b'$', spec) {
            Some(_) => usize::try_from(whole(leading_number(spec)))
                .ok()?
                .checked_sub(1)?,
            None => {
                next += 1;
                next - 1
            }
        };
        let argument = arguments.get(place).cloned().unwrap_or_default();
        parts.push(Value::bytes(std::mem::take(&mut plain)));
        parts.push(spelled(kind, argument));
        if !machine.spend(1) {
            return None;
        }
    }
    plain.extend_from_slice(rest);
    parts.push(Value::bytes(plain));
    Some(machine.concat(&parts))
}

fn spelled(kind: u8, value: Value) -> Value {
    match kind {
        b'c' => match value.integer() {
            Some(code) => Value::bytes([low_byte(code)]).with(Taint::DECODED),
            None => Value::unknown(),
        },
        b'd' | b'u' | b'i' => value.integer().map_or_else(Value::unknown, Value::int),
        b'x' => match value.integer().and_then(|value| u64::try_from(value).ok()) {
            Some(value) => Value::bytes(digits(value, 16)),
            None => Value::unknown(),
        },
        b's' => value,
        _ => Value::unknown(),
    }
}
