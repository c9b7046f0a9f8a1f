//! Ways of hiding JavaScript that are always the same.

use crate::decode::{self, Budget};
use crate::language::flow::node::{Call, Function, Node};

/// Words of one packed script. Stops scripts that claim endless dictionaries.
const WORDS_MAX: usize = 50_000;

/// Names in `_0x…` by which a script is known to be hidden behind a table of strings.
const TABLE_NAMES_MIN: usize = 6;

/// Share of brackets, in percent, by which a script is known to be written with them alone.
const BRACKETS_MIN: usize = 95;

/// Bytes under which a script of brackets is none.
const BRACKETS_BYTES_MIN: usize = 800;

/// What a packer's `function(p,a,c,k,e,d){…}(…)` gives: the text in which numbers stand for words.
pub(super) fn packed(function: &Function, args: &[Node], budget: &mut Budget) -> Option<Vec<u8>> {
    let names: Vec<&str> = function
        .params
        .iter()
        .filter_map(|param| match &param.target {
            Node::Name(name) => Some(&**name),
            _ => None,
        })
        .collect();
    if !names.starts_with(&["p", "a", "c", "k"]) {
        return None;
    }
    let [
        Node::Text(packed),
        Node::Number(base),
        Node::Number(_),
        words,
        ..,
    ] = args
    else {
        return None;
    };
    let Node::Call(split) = words else {
        return None;
    };
    let words = split_words(split)?;
    let base = u32::try_from(*base)
        .ok()
        .filter(|base| (2..=62).contains(base))?;
    let mut plain = Vec::with_capacity(packed.len());
    let mut at = 0;
    while let Some(&byte) = packed.get(at) {
        if !is_word(byte) {
            plain.push(byte);
            at += 1;
            continue;
        }
        let end = packed
            .iter()
            .skip(at)
            .position(|byte| !is_word(*byte))
            .map_or(packed.len(), |length| at + length);
        let word = packed.get(at..end).unwrap_or_default();
        match place(word, base).and_then(|place| words.get(place)) {
            Some(stands_for) if !stands_for.is_empty() => plain.extend_from_slice(stands_for),
            _ => plain.extend_from_slice(word),
        }
        budget.take(word.len())?;
        if plain.len() > budget.left() {
            return None;
        }
        at = end;
    }
    Some(plain)
}

fn split_words(call: &Call) -> Option<Vec<&[u8]>> {
    let Node::Member(text, name) = &call.callee else {
        return None;
    };
    let (Node::Text(text), "split") = (&**text, &**name) else {
        return None;
    };
    Some(text.split(|byte| *byte == b'|').take(WORDS_MAX).collect())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The number that a word of digits, small letters and capitals stands for.
fn place(word: &[u8], base: u32) -> Option<usize> {
    let mut place = 0_u32;
    for byte in word {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            b'A'..=b'Z' => byte - b'A' + 36,
            _ => return None,
        };
        let digit = u32::from(digit);
        if digit >= base {
            return None;
        }
        place = place.checked_mul(base)?.checked_add(digit)?;
    }
    usize::try_from(place).ok()
}

/// Whether a script is written with brackets, `!` and `+` alone.
pub(super) fn is_brackets(content: &[u8]) -> bool {
    let only_brackets = |part: &[u8]| {
        let ink = part
            .iter()
            .filter(|byte| !byte.is_ascii_whitespace())
            .count();
        let brackets = part.iter().filter(|byte| b"[]()!+".contains(byte)).count();
        ink >= BRACKETS_BYTES_MIN && brackets >= ink / 100 * BRACKETS_MIN
    };
    // Most scripts are told by their beginning.
    let head = content.get(..2 * BRACKETS_BYTES_MIN).unwrap_or(content);
    only_brackets(head) && only_brackets(content)
}

/// Whether a script keeps its words in a table of strings, and those words answer requests and run commands.
pub(super) fn table_runs_commands(content: &[u8]) -> bool {
    let names = memchr::memmem::find_iter(content, b"_0x").filter(|at| {
        content
            .get(at + 3..at + 5)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if names.take(TABLE_NAMES_MIN).count() < TABLE_NAMES_MIN {
        return false;
    }
    let words = table(content);
    let any = |sought: &[&[u8]]| {
        words.iter().any(|word| {
            sought
                .iter()
                .any(|sought| word.eq_ignore_ascii_case(sought))
        })
    };
    let runs: [&[u8]; 8] = [
        b"child_process",
        b"execSync",
        b"exec",
        b"spawn",
        b"spawnSync",
        b"runInThisContext",
        b"runInNewContext",
        b"execFile",
    ];
    let answers: [&[u8]; 10] = [
        b"createServer",
        b"query",
        b"express",
        b"headers",
        b"body",
        b"listen",
        b"url",
        b"params",
        b"cookies",
        b"searchParams",
    ];
    let process = [&b"child_process"[..], b"vm"];
    any(&process) && any(&runs) && any(&answers)
}

/// The short strings of a script, with what they decode to.
fn table(content: &[u8]) -> Vec<Vec<u8>> {
    let mut budget = Budget::default();
    let mut words = Vec::new();
    let mut at = 0;
    while let Some(found) = content
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'\'', b'"', rest))
    {
        let start = at + found;
        let quote = content.get(start).copied().unwrap_or_default();
        let rest = content.get(start + 1..).unwrap_or_default();
        let window = rest.get(..rest.len().min(400)).unwrap_or_default();
        let Some(length) = memchr::memchr(quote, window) else {
            at = start + 1;
            continue;
        };
        at = start + length + 2;
        let raw = window.get(..length).unwrap_or_default();
        let Some(word) = decode::escapes(raw, &mut budget) else {
            break;
        };
        let swapped: Vec<u8> = word
            .iter()
            .map(|byte| match byte.is_ascii_alphabetic() {
                true => byte ^ 0x20,
                false => *byte,
            })
            .collect();
        words.extend(decode::base64(&swapped, &mut budget));
        words.extend(decode::base64(&word, &mut budget));
        words.push(word);
        if words.len() > WORDS_MAX {
            break;
        }
    }
    words
}
