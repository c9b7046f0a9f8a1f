//! Names, numbers and texts as Java, C# and JavaScript write them.

/// A class's name without package, type arguments and brackets.
pub(super) fn simple(class: &str) -> &str {
    let class = class.split(['<', '[', '?']).next().unwrap_or(class).trim();
    class.rsplit('.').next().unwrap_or(class)
}

pub(super) fn number(text: &str) -> Option<i64> {
    let text = text.replace('_', "");
    let text = text.trim_end_matches(['l', 'L', 'u', 'U']);
    let lower = text.to_ascii_lowercase();
    if let Some(hex) = lower.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    if let Some(binary) = lower.strip_prefix("0b") {
        return i64::from_str_radix(binary, 2).ok();
    }
    match lower.len() > 1 && lower.starts_with('0') {
        true => i64::from_str_radix(&lower, 8).ok(),
        false => lower.parse().ok(),
    }
}

/// Undoes the escapes that Java, C# and JavaScript share.
pub(super) fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('x') => push_code(&mut out, &mut rest, 2, 16),
            Some('u') => push_code(&mut out, &mut rest, 4, 16),
            Some('U') => push_code(&mut out, &mut rest, 8, 16),
            Some(first @ '0'..='7') => {
                let mut code = first.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = rest.clone().next().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    code = code * 8 + digit;
                    rest.next();
                }
                out.extend(char::from_u32(code));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

fn push_code(out: &mut String, rest: &mut std::str::Chars<'_>, digits: usize, radix: u32) {
    let mut code = 0_u32;
    for _ in 0..digits {
        let Some(digit) = rest.clone().next().and_then(|c| c.to_digit(radix)) else {
            break;
        };
        code = code.wrapping_mul(radix).wrapping_add(digit);
        rest.next();
    }
    out.extend(char::from_u32(code));
}
