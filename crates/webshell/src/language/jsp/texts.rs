//! Texts in Java code that say what it is up to.

use crate::language::asp::{Findings, Place};

/// Bytes of encoded classes from which on they are taken for one.
const CLASS_TEXT_BYTES_MIN: usize = 120;

/// Looks at a text; `made` where it was put together from parts.
pub(super) fn look(text: &str, made: bool, place: Place, found: &mut Findings) {
    if text.len() < 4 || text.len() > 65_536 && !text.starts_with("yv66v") {
        return;
    }
    let command = "command execution";
    let loading = "class loader";
    if text.starts_with("$$BCEL$$") {
        found.add(88, loading, "holds a class as a text", place);
    }
    if text.len() > CLASS_TEXT_BYTES_MIN
        && (text.starts_with("yv66v") || text.starts_with("cafebabe"))
    {
        found.add(76, loading, "holds an encoded class", place);
    }
    if text.len() > CLASS_TEXT_BYTES_MIN && text.starts_with("rO0AB") {
        found.add(60, loading, "holds an encoded object", place);
    }
    let strong = ["ProcessImpl", "UNIXProcess", "forkAndExec"];
    if strong.iter().any(|name| text.contains(name)) {
        found.add(
            80,
            command,
            "names what starts processes inside the platform",
            place,
        );
    }
    let running = [
        "getRuntime().exec(",
        "getRuntime()['exec']",
        "java.lang.ProcessBuilder(",
        "java.lang.ProcessBuilder[",
        "getRuntime.exec",
    ];
    if running.iter().any(|code| text.contains(code)) {
        found.add(
            64,
            command,
            "holds code that runs commands as a text",
            place,
        );
    }
    let hidden = [
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
    if made && hidden.contains(&text) {
        found.add(62, command, "hides the name of what it calls", place);
    }
    let shells = [
        "cmd.exe",
        "/bin/sh",
        "/bin/bash",
        "cmd /c",
        "powershell",
        "cmd.exe /c",
    ];
    let lower = text.get(..64).unwrap_or(text).to_ascii_lowercase();
    if shells.iter().any(|shell| lower.contains(shell)) && text.len() < 256 {
        found.add(30, command, "names a command shell", place);
    }
}
