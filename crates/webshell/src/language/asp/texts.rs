//! Texts in classic and .NET pages that say what they are up to.

use super::flow::{Findings, Place};
use super::host::registered;

/// Bytes of a text that are looked at.
const LOOKED_AT: usize = 65_536;

/// Looks at a text; `made` where it was put together from parts.
pub(crate) fn look(text: &str, made: bool, place: Place, found: &mut Findings) {
    if text.len() < 4 {
        return;
    }
    let end = (0..=text.len().min(LOOKED_AT))
        .rev()
        .find(|&end| text.is_char_boundary(end));
    let lower = text
        .get(..end.unwrap_or(0))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let command = "command execution";
    if made && lower.len() < 64 {
        let kind = registered(&lower);
        if lower.contains("script.shell")
            || lower.contains("shell.application")
            || kind != 0 && lower.contains("filesystem")
        {
            found.add(
                50,
                command,
                "hides the name of an object that it makes",
                place,
            );
        }
        let hidden = [
            "eval",
            "execute",
            "executeglobal",
            "unsafe",
            "cmd.exe",
            "system.diagnostics.process",
            "processstartinfo",
        ];
        if hidden.contains(&lower.as_str()) {
            found.add(
                50,
                "code evaluation",
                "hides the name of what it calls",
                place,
            );
        }
    }
    let shells = [
        "cmd.exe",
        "cmd /c",
        "%comspec%",
        "powershell.exe",
        "/bin/sh",
        "/bin/bash",
    ];
    if lower.len() < 512 && shells.iter().any(|shell| lower.contains(shell)) {
        found.add(30, command, "names a command shell", place);
    }
    if lower.contains("xp_cmdshell") {
        found.add(
            62,
            "database client",
            "has the database run commands",
            place,
        );
    } else if lower.contains("sp_oacreate") {
        found.add(
            45,
            "database client",
            "has the database make objects",
            place,
        );
    }
    let planted = [
        "eval(request",
        "eval request",
        "execute(request",
        "execute request",
        "executeglobal request",
        "executeglobal(request",
        "eval(request.item",
        "ev\" & \"al",
        "eval(request(",
    ];
    if planted.iter().any(|code| lower.contains(code)) {
        found.add(
            66,
            "code evaluation",
            "holds code that evaluates the request as a text",
            place,
        );
    }
    if lower.contains("msxsl:script")
        && (lower.contains("shell") || lower.contains("process") || lower.contains("eval("))
    {
        found.add(76, command, "holds a stylesheet that runs programs", place);
    }
    if lower.contains("activexobject(") && lower.contains("wscript.shell") {
        found.add(
            60,
            command,
            "holds code that runs programs as a text",
            place,
        );
    }
    if lower.len() > 120 && (lower.starts_with("tvqqaamaaaaeaaaa") || lower.starts_with("4d5a9000"))
    {
        found.add(72, "class loader", "holds an encoded program", place);
    }
}
