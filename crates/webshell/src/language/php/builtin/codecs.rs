//! Functions that encode, decode and decrypt.

use super::Call;
use crate::decode::{self, Budget};
use crate::language::php::machine::Machine;
use crate::language::php::value::{Array, Data, Key, Taint, Value, low_byte};
use std::rc::Rc;

/// The result of a decoder; `None` where it is no such function.
pub(super) fn call(machine: &mut Machine, call: &Call) -> Option<Value> {
    type Decoder = fn(&[u8], &mut Budget) -> Option<Vec<u8>>;
    let decoder: Decoder = match call.name {
        b"base64_decode" | b"sodium_base642bin" | b"imap_base64" => decode::base64,
        b"hex2bin" | b"sodium_hex2bin" => decode::hex,
        b"str_rot13" => decode::rot13,
        b"strrev" => decode::reverse,
        b"gzinflate" => decode::inflate,
        b"gzuncompress" => decode::unzlib,
        b"gzdecode" => decode::gunzip,
        b"zlib_decode" => decode::inflate_any,
        b"urldecode" => |text, budget| decode::url(text, true, budget),
        b"rawurldecode" => |text, budget| decode::url(text, false, budget),
        b"html_entity_decode" | b"htmlspecialchars_decode" => decode::html_entities,
        b"convert_uudecode" => decode::uuencoded,
        b"quoted_printable_decode" | b"imap_qprint" => decode::quoted_printable,
        b"stripcslashes" => decode::escapes,
        _ => return others(machine, call),
    };
    let value = call.value(0);
    let Some(text) = value.text() else {
        return Some(Value::tainted(value.all_taint() | Taint::DECODED));
    };
    let made = decoder(&text, &mut machine.budget);
    let light = matches!(
        call.name,
        b"stripcslashes" | b"html_entity_decode" | b"htmlspecialchars_decode"
    );
    let taint = match light && made.as_ref().is_some_and(|made| made.len() == text.len()) {
        true => value.taint,
        false => value.taint | Taint::DECODED,
    };
    Some(match made {
        Some(made) => Value::bytes(made).with(taint),
        None => Value::tainted(taint),
    })
}

fn others(machine: &mut Machine, call: &Call) -> Option<Value> {
    Some(match call.name {
        b"chr" => match call.integer(0) {
            Some(code) => Value::bytes([low_byte(code)]).with(Taint::DECODED),
            None => Value::tainted(call.taint() | Taint::DECODED),
        },
        b"ord" => match call.text(0) {
            Some(text) => Value::int(text.first().map_or(0, |byte| i64::from(*byte))),
            // A number made of the request may become its text again.
            None => Value::tainted(call.taint()),
        },
        b"base64_encode" => encoded(call, base64_text),
        b"bin2hex" => encoded(call, hex_text),
        b"urlencode" | b"rawurlencode" => encoded(call, url_text),
        b"pack" => pack(machine, call).unwrap_or_else(|| call.unknown().with(Taint::DECODED)),
        b"unpack" => unpack(machine, call).unwrap_or_else(|| call.unknown().with(Taint::DECODED)),
        b"openssl_decrypt"
        | b"mcrypt_decrypt"
        | b"openssl_private_decrypt"
        | b"openssl_public_decrypt"
        | b"sodium_crypto_secretbox_open"
        | b"mcrypt_generic"
        | b"mdecrypt_generic" => Value::tainted(call.taint() | Taint::DECRYPTED),
        b"gzcompress" | b"gzdeflate" | b"gzencode" | b"strval" | b"utf8_decode" => {
            Value::tainted(call.taint())
        }
        b"escapeshellarg" | b"escapeshellcmd" => call.unknown().with(Taint::QUOTED),
        b"basename" | b"pathinfo" => Value::tainted(call.taint()),
        _ => return None,
    })
}

fn encoded(call: &Call, encode: fn(&[u8]) -> Vec<u8>) -> Value {
    match call.text(0) {
        Some(text) if text.len() < 65_536 => Value::bytes(encode(&text)).with(call.taint()),
        _ => call.unknown(),
    }
}

fn base64_text(text: &[u8]) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .encode(text)
        .into_bytes()
}

fn hex_text(text: &[u8]) -> Vec<u8> {
    text.iter()
        .flat_map(|byte| format!("{byte:02x}").into_bytes())
        .collect()
}

fn url_text(text: &[u8]) -> Vec<u8> {
    let one = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => vec![*byte],
        _ => format!("%{byte:02X}").into_bytes(),
    };
    text.iter().flat_map(one).collect()
}

/// `pack` with the formats that hide text: hex, bytes, and text itself.
fn pack(machine: &mut Machine, call: &Call) -> Option<Value> {
    let format = call.text(0)?;
    let kind = *format.first()?;
    let mut made = Vec::new();
    for value in call.values.get(1..)? {
        match kind {
            b'H' => made.extend(decode::hex(&value.text()?, &mut machine.budget)?),
            b'h' => {
                let text = value.text()?;
                let swapped: Vec<u8> = text
                    .chunks(2)
                    .flat_map(|pair| pair.iter().rev().copied())
                    .collect();
                made.extend(decode::hex(&swapped, &mut machine.budget)?);
            }
            b'C' | b'c' | b'U' => made.push(low_byte(value.integer()?)),
            b'a' | b'A' => made.extend_from_slice(&value.text()?),
            _ => return None,
        }
        if !machine.room(made.len()) {
            return None;
        }
    }
    Some(Value::bytes(made).with(call.taint() | Taint::DECODED))
}

fn unpack(machine: &mut Machine, call: &Call) -> Option<Value> {
    let (format, text) = (call.text(0)?, call.text(1)?);
    let mut array = Array::default();
    match *format.first()? {
        b'C' | b'c' => {
            if !machine.spend(text.len()) {
                return None;
            }
            for (at, byte) in text.iter().enumerate() {
                let key = Key::Int(i64::try_from(at).ok()? + 1);
                array.set(key, Value::int(i64::from(*byte)));
            }
        }
        b'H' => array.set(Key::Int(1), Value::bytes(hex_text(&text))),
        b'a' | b'A' => array.set(Key::Int(1), Value::of(Data::Bytes(Rc::clone(&text)))),
        _ => return None,
    }
    Some(Value::array(array).with(Taint::DECODED))
}
