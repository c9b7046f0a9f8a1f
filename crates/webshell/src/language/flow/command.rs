//! Where in a command line, or in code, something stands.

use super::value::Piece;

/// Where something from outside stands in what runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Nowhere.
    Absent,
    /// Among the arguments of a program the script names, or within a text of the code.
    Argument,
    /// Where a command or a statement begins: it says what runs.
    Command,
}

/// Words before a command that leave the command to what follows them.
const WRAPPERS: [&str; 17] = [
    "sudo", "nohup", "env", "exec", "eval", "time", "command", "nice", "ionice", "timeout",
    "setsid", "chroot", "stdbuf", "xargs", "then", "do", "start",
];

/// Programs that run what they are handed after a flag.
const SHELLS: [&str; 18] = [
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "ash",
    "csh",
    "tcsh",
    "busybox",
    "cmd",
    "cmd.exe",
    "powershell",
    "powershell.exe",
    "pwsh",
    "su",
    "script",
    "ssh",
    "wsl",
];

/// Programs that run code they are handed after a flag.
const INTERPRETERS: [&str; 9] = [
    "python", "python2", "python3", "perl", "ruby", "php", "node", "lua", "awk",
];

/// Where the first thing from outside stands in a command line.
pub(crate) fn in_command(pieces: &[Piece]) -> Place {
    place(pieces, starts_command)
}

/// Where the first thing from outside stands in code.
pub(crate) fn in_code(pieces: &[Piece]) -> Place {
    place(pieces, starts_statement)
}

fn place(pieces: &[Piece], starts: fn(&[u8]) -> bool) -> Place {
    let mut found = Place::Absent;
    let mut before: Vec<u8> = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Plain(text) => before.extend_from_slice(text),
            Piece::Unknown => before.extend_from_slice(b"unknown"),
            Piece::Tainted(_) if starts(&before) => return Place::Command,
            Piece::Tainted(_) => {
                found = Place::Argument;
                before.extend_from_slice(b"given");
            }
        }
    }
    found
}

/// Whether a name is a shell's, with or without its folder.
pub(crate) fn is_shell(program: &[u8]) -> bool {
    let base = base(program);
    SHELLS.contains(&base.as_str())
}

/// Whether a program runs what it is handed after a flag.
pub(crate) fn runs_text(program: &[u8]) -> bool {
    is_shell(program) || INTERPRETERS.contains(&base(program).as_str())
}

/// Whether an argument announces text that runs.
pub(crate) fn announces_text(argument: &[u8]) -> bool {
    let lower = argument.to_ascii_lowercase();
    match lower.strip_prefix(b"-") {
        Some(b"command" | b"encodedcommand" | b"e" | b"r" | b"-eval") => true,
        Some(flags) => flags.len() <= 5 && flags.ends_with(b"c"),
        None => matches!(lower.as_slice(), b"/c" | b"/k" | b"/r"),
    }
}

fn base(program: &[u8]) -> String {
    let last = program
        .rsplit(|&byte| byte == b'/' || byte == b'\\')
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(last).to_ascii_lowercase()
}

fn starts_command(before: &[u8]) -> bool {
    let quote = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    let newline = before
        .iter()
        .rev()
        .find(|&&byte| !matches!(byte, b' ' | b'\t'));
    if matches!(newline, Some(b'\n')) {
        return true;
    }
    let end = before.iter().rposition(|&byte| !quote(byte));
    let Some(end) = end else { return true };
    // A part of a word, such as a path's or a variable's, is no command.
    let joined = end + 1 == before.len() || before.get(end) == Some(&b'=');
    let before = before.get(..=end).unwrap_or_default();
    if joined
        && !matches!(
            before.last(),
            Some(b';' | b'&' | b'|' | b'(' | b'`' | b'{' | b'\n')
        )
    {
        return false;
    }
    let separator = |byte: &u8| matches!(byte, b';' | b'&' | b'|' | b'(' | b'`' | b'{' | b'\n');
    // `2>&1` separates nothing.
    let cut = before
        .iter()
        .enumerate()
        .rposition(|(at, byte)| {
            separator(byte) && !(*byte == b'&' && at > 0 && before.get(at - 1) == Some(&b'>'))
        })
        .map_or(0, |at| at + 1);
    let words: Vec<&[u8]> = before
        .get(cut..)
        .unwrap_or_default()
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let bare: Vec<u8> = word.iter().copied().filter(|byte| !quote(*byte)).collect();
        if runs_text(&bare) {
            let rest = words.get(at + 1..).unwrap_or_default();
            return rest.last().is_some_and(|word| announces_text(word));
        }
        let passes = WRAPPERS.contains(&base(&bare).as_str())
            || bare.contains(&b'=')
            || (at > 0 && (bare.starts_with(b"-") || bare.iter().all(u8::is_ascii_digit)));
        if !passes {
            return false;
        }
        at += 1;
    }
    true
}

fn starts_statement(before: &[u8]) -> bool {
    let trimmed = before.trim_ascii_end();
    match trimmed.last() {
        None => true,
        Some(b'(' | b'[' | b'{' | b'}' | b'=' | b';' | b',' | b':' | b'?' | b'&' | b'|') => true,
        Some(b')') => before.ends_with(b" ") || before.ends_with(b"\n"),
        _ => {
            before.ends_with(b"\n")
                || [&b"return"[..], b"await", b"void", b"else", b"do"]
                    .iter()
                    .any(|word| trimmed.ends_with(word) && trimmed.len() < before.len())
        }
    }
}
