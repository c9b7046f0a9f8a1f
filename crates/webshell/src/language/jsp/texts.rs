//! Texts in Java code that say what it is up to.

use crate::language::asp::{Findings, Place};

/// Bytes of encoded classes from which on they are taken for one.
const CLASS_TEXT_BYTES_MIN: usize = 120;
/// Bytes of a text that is looked at; longer ones are data.
const TEXT_BYTES_MAX: usize = 64 * 1024;

const COMMAND: &str = "command execution";
const LOADING: &str = "class loader";

/// What a long text begins with, and what that is.
const OPENINGS: [(&str, u8, &str); 4] = [
    ("$$BCEL$$", 88, "holds a class as a text"),
    ("yv66v", 76, "holds an encoded class"),
    ("cafebabe", 76, "holds an encoded class"),
    ("rO0AB", 60, "holds an encoded object"),
];

/// What starts processes inside the platform.
const INNERMOST: [&str; 3] = ["ProcessImpl", "UNIXProcess", "forkAndExec"];

/// Code in another language that runs commands.
const CODE: [&str; 5] = [
    "getRuntime().exec(",
    "getRuntime()['exec']",
    "java.lang.ProcessBuilder(",
    "java.lang.ProcessBuilder[",
    "getRuntime.exec",
];

/// Names that are put together from parts only to hide them.
const HIDDEN: [&str; 15] = [
    "java.lang.Runtime",
    "getRuntime",
    "java.lang.ProcessBuilder",
    "defineClass",
    "exec",
    "javax.script.ScriptEngineManager",
    "java.lang.ClassLoader",
    "getMethod",
    "forName",
    "Runtime",
    "ProcessBuilder",
    "/bin/sh",
    "/bin/bash",
    "cmd.exe",
    "sun.misc.Unsafe",
];

const SHELLS: [&str; 5] = ["cmd.exe", "/bin/sh", "/bin/bash", "cmd /c", "powershell"];

/// Looks at a text; `made` where it was put together from parts.
pub(super) fn look(text: &str, made: bool, place: Place, found: &mut Findings) {
    if text.len() < 4 {
        return;
    }
    for (opening, weight, says) in OPENINGS {
        let long = text.len() > CLASS_TEXT_BYTES_MIN || opening.starts_with('$');
        if long && text.starts_with(opening) {
            found.add(weight, LOADING, says, place);
        }
    }
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if holds(&INNERMOST) {
        let says = "names what starts processes inside the platform";
        found.add(80, COMMAND, says, place);
    }
    if holds(&CODE) {
        let says = "holds code that runs commands as a text";
        found.add(64, COMMAND, says, place);
    }
    if made && HIDDEN.contains(&text) {
        found.add(62, COMMAND, "hides the name of what it calls", place);
    }
    let lower = text.get(..64).unwrap_or(text).to_ascii_lowercase();
    if text.len() < 256 && SHELLS.iter().any(|shell| lower.contains(shell)) {
        found.add(30, COMMAND, "names a command shell", place);
    }
}
