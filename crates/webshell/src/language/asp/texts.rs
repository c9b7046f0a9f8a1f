//! Texts in classic and .NET pages that say what they are up to.

use super::flow::{Findings, Place};
use super::host::registered;

/// Bytes of a text that are looked at.
const LOOKED_AT_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 64;
/// Bytes of encoded programs from which on they are taken for one.
const PROGRAM_TEXT_BYTES_MIN: usize = 120;

const COMMAND: &str = "command execution";
const EVALUATION: &str = "code evaluation";
const SQL: &str = "database client";

/// Names that are put together from parts only to hide them.
const HIDDEN: [&str; 7] = [
    "eval",
    "execute",
    "executeglobal",
    "unsafe",
    "cmd.exe",
    "system.diagnostics.process",
    "processstartinfo",
];

const SHELLS: [&str; 6] = [
    "cmd.exe",
    "cmd /c",
    "%comspec%",
    "powershell.exe",
    "/bin/sh",
    "/bin/bash",
];

/// Code that a page would leave behind.
const PLANTED: [&str; 6] = [
    "eval(request",
    "eval request",
    "execute(request",
    "execute request",
    "executeglobal request",
    "executeglobal(request",
];

/// Looks at a text; `made` where it was put together from parts.
pub(crate) fn look(text: &str, made: bool, place: Place, found: &mut Findings) {
    if text.len() < 4 {
        return;
    }
    let lower = beginning(text).to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(lower.as_bytes(), word.as_bytes()).is_some();
    let mut note = |weight, family, says| found.add(weight, family, says, place);
    if made && lower.len() < NAME_BYTES_MAX {
        let shell = has("script.shell") || has("shell.application");
        if shell || (has("filesystem") && registered(&lower) != 0) {
            note(50, COMMAND, "hides the name of an object that it makes");
        }
        if HIDDEN.contains(&lower.as_str()) {
            note(50, EVALUATION, "hides the name of what it calls");
        }
    }
    if lower.len() < 512 && SHELLS.iter().any(|shell| has(shell)) {
        note(30, COMMAND, "names a command shell");
    }
    if has("xp_cmdshell") {
        note(62, SQL, "has the database run commands");
    } else if has("sp_oacreate") {
        note(45, SQL, "has the database make objects");
    }
    if PLANTED.iter().any(|code| has(code)) {
        let says = "holds code that evaluates the request as a text";
        note(66, EVALUATION, says);
    }
    if has("msxsl:script") && (has("shell") || has("process") || has("eval(")) {
        note(76, COMMAND, "holds a stylesheet that runs programs");
    }
    if has("activexobject(") && has("wscript.shell") {
        note(60, COMMAND, "holds code that runs programs as a text");
    }
    let program = lower.starts_with("tvqqaamaaaaeaaaa") || lower.starts_with("4d5a9000");
    if program && lower.len() > PROGRAM_TEXT_BYTES_MIN {
        note(72, "assembly loader", "holds an encoded program");
    }
}

fn beginning(text: &str) -> &str {
    let end = (0..=text.len().min(LOOKED_AT_BYTES_MAX))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
