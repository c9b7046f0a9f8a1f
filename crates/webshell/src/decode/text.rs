//! Encodings that write bytes as text.

use super::Budget;

/// Base64, plain or for addresses. Bytes outside the alphabet are skipped and padding is optional, as in PHP.
pub(crate) fn base64(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    bits(text, budget, 6, |byte| {
        Some(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        })
    })
}

/// Base32 in capitals or small letters; bytes outside the alphabet are skipped.
pub(crate) fn base32(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    bits(text, budget, 5, |byte| {
        Some(match byte.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        })
    })
}

fn bits(
    text: &[u8],
    budget: &mut Budget,
    width: u32,
    value: impl Fn(u8) -> Option<u8>,
) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    let mut plain = Vec::with_capacity(text.len());
    let (mut held, mut count) = (0_u32, 0_u32);
    for digit in text.iter().filter_map(|&byte| value(byte)) {
        held = (held << width | u32::from(digit)) & 0xffff;
        count += width;
        if count >= 8 {
            count -= 8;
            plain.push((held >> count & 0xff) as u8);
        }
    }
    (!plain.is_empty()).then_some(plain)
}

/// Two hexadecimal digits a byte; white space is skipped, anything else is no hex.
pub(crate) fn hex(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len() / 2)?;
    let mut plain = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for &byte in text.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        let digit = digit(byte, 16)?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                plain.push(high << 4 | digit);
                None
            }
        };
    }
    (high.is_none() && !plain.is_empty()).then_some(plain)
}

/// The escapes of double-quoted strings: `\x41`, `\101`, `\u0041`, `\u{41}`, `\U00000041` and the single letters. Other
/// bytes stay; so does a backslash before anything else. Code points become UTF-8.
pub(crate) fn escapes(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let used = match *first {
            b'\\' => escape(tail, &mut plain),
            _ => 0,
        };
        if used == 0 {
            plain.push(*first);
        }
        rest = tail.get(used..).unwrap_or_default();
    }
    Some(plain)
}

/// Writes what stands for one escape; gives the bytes used after the backslash, none for no escape.
fn escape(tail: &[u8], plain: &mut Vec<u8>) -> usize {
    let Some(&kind) = tail.first() else {
        return 0;
    };
    let single = match kind {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'v' => 0x0b,
        b'e' => 0x1b,
        b'f' => 0x0c,
        b'\\' | b'\'' | b'"' | b'$' | b'/' | b'`' => kind,
        b'x' | b'u' | b'U' => return escape_hex(tail, kind, plain),
        b'0'..=b'7' => {
            let (value, used) = number(tail, 8, 3);
            plain.push((value & 0xff) as u8);
            return used;
        }
        _ => return 0,
    };
    plain.push(single);
    1
}

fn escape_hex(tail: &[u8], kind: u8, plain: &mut Vec<u8>) -> usize {
    let after = tail.get(1..).unwrap_or_default();
    if let Some(braced) = after.strip_prefix(b"{") {
        let (value, used) = number(braced, 16, 8);
        if used == 0 || braced.get(used) != Some(&b'}') {
            return 0;
        }
        push_code_point(value, plain);
        return used + 3;
    }
    let digits_max = match kind {
        b'x' => 2,
        b'u' => 4,
        _ => 8,
    };
    let (value, used) = number(after, 16, digits_max);
    match (kind, used) {
        (_, 0) => return 0,
        (b'x', _) => plain.push((value & 0xff) as u8),
        (_, used) if used < digits_max => return 0,
        _ => push_code_point(value, plain),
    }
    used + 1
}

/// Percent escapes of addresses; `plus` also turns `+` into a space.
pub(crate) fn url(text: &[u8], plus: bool, budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let (byte, used) = match *first {
            b'%' => match number(tail, 16, 2) {
                (value, 2) => ((value & 0xff) as u8, 2),
                _ => (b'%', 0),
            },
            b'+' if plus => (b' ', 0),
            byte => (byte, 0),
        };
        plain.push(byte);
        rest = tail.get(used..).unwrap_or_default();
    }
    Some(plain)
}

/// Entities of HTML: the five common names and numbers in both bases.
pub(crate) fn html_entities(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    const NAMES: [(&[u8], u8); 6] = [
        (b"amp;", b'&'),
        (b"lt;", b'<'),
        (b"gt;", b'>'),
        (b"quot;", b'"'),
        (b"apos;", b'\''),
        (b"nbsp;", b' '),
    ];
    budget.take(text.len())?;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let mut used = 0;
        if *first == b'&' {
            if let Some((name, byte)) = NAMES.iter().find(|(name, _)| tail.starts_with(name)) {
                plain.push(*byte);
                used = name.len();
            } else if let Some((value, length)) = numeric_entity(tail) {
                push_code_point(value, &mut plain);
                used = length;
            }
        }
        if used == 0 {
            plain.push(*first);
        }
        rest = tail.get(used..).unwrap_or_default();
    }
    Some(plain)
}

fn numeric_entity(tail: &[u8]) -> Option<(u32, usize)> {
    let digits = tail.strip_prefix(b"#")?;
    let (digits, base, mark) = match digits {
        [b'x' | b'X', rest @ ..] => (rest, 16, 2),
        _ => (digits, 10, 1),
    };
    let (value, used) = number(digits, base, 8);
    if used == 0 {
        return None;
    }
    let end = usize::from(digits.get(used) == Some(&b';'));
    Some((value, mark + used + end))
}

/// Quoted-printable: `=41` and soft line ends.
pub(crate) fn quoted_printable(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let used = match (*first, tail) {
            (b'=', [b'\r', b'\n', ..]) => 2,
            (b'=', [b'\n', ..]) => 1,
            (b'=', _) if number(tail, 16, 2).1 == 2 => {
                plain.push((number(tail, 16, 2).0 & 0xff) as u8);
                2
            }
            (byte, _) => {
                plain.push(byte);
                0
            }
        };
        rest = tail.get(used..).unwrap_or_default();
    }
    Some(plain)
}

/// Uuencoded lines, each led by its length (`convert_uudecode`).
pub(crate) fn uuencoded(text: &[u8], budget: &mut Budget) -> Option<Vec<u8>> {
    budget.take(text.len())?;
    let mut plain = Vec::with_capacity(text.len());
    for line in text.split(|&byte| byte == b'\n') {
        let Some((&length, digits)) = line.split_first() else {
            continue;
        };
        let value = |byte: u8| byte.wrapping_sub(b' ') & 0x3f;
        let end = plain.len() + usize::from(value(length));
        for four in digits.chunks(4) {
            let at = |index: usize| four.get(index).map_or(0, |&byte| value(byte));
            plain.push(at(0) << 2 | at(1) >> 4);
            plain.push(at(1) << 4 | at(2) >> 2);
            plain.push(at(2) << 6 | at(3));
        }
        plain.truncate(end);
    }
    (!plain.is_empty()).then_some(plain)
}

/// A number of at most `digits_max` digits at the start, and how many there were.
fn number(text: &[u8], base: u32, digits_max: usize) -> (u32, usize) {
    let digits = text.iter().take(digits_max).map_while(|&b| digit(b, base));
    digits.fold((0, 0), |(value, used), digit| {
        (value * base + u32::from(digit), used + 1)
    })
}

fn digit(byte: u8, base: u32) -> Option<u8> {
    char::from(byte)
        .to_digit(base)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn push_code_point(value: u32, plain: &mut Vec<u8>) {
    let letter = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
    plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}
