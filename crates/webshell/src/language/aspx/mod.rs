//! Webshells in ASP.NET pages, handlers and services.

#[cfg(test)]
mod tests;

mod files;
mod kinds;
mod net;
mod reach;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::evidence::Evidence;
use crate::language::asp::{
    Findings, Grammar, Kind, Page, Place, Script, lower, page, read, run, visual_basic,
};
use net::Net;

/// Scripts within scripts that are followed. Stops scripts that unwrap themselves forever.
const HIDDEN_DEPTH_MAX: usize = 4;

/// Words without which no page executes or writes anything; code that has none is not parsed.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "process",
            "assembly",
            "eval",
            "compileassembly",
            "deserialize",
            "powershell",
            "runspace",
            "createinstance",
            "createobject",
            "activexobject",
            "invoke",
            "shell",
            "streamwriter",
            "filestream",
            "file.",
            "saveas",
            "fileinfo",
            "directory",
            "socket",
            "tcpclient",
            "sqlcommand",
            "sqlconnection",
            "oledb",
            "virtualalloc",
            "dllimport",
            "xslcompiled",
            "\\u00",
            "managementclass",
            "xp_cmdshell",
            "gettypefrom",
            "frombase64",
            "appdomain",
            "commandtext",
            "[\"",
            "httplistener",
            "\\u0",
        ])
        .ok()
});

/// Looks at one script.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    let read = read(content);
    let page = page(&read.text, Kind::Net);
    let parts = [
        (Script::CSharp, &page.csharp),
        (Script::Basic, &page.basic),
        (Script::Jscript, &page.jscript),
    ];
    for (script, pieces) in parts {
        let mut found = Findings::default();
        look_at_code(script, &pieces.code, &page, HIDDEN_DEPTH_MAX, &mut found);
        found.settle(evidence, |place| {
            let place = pieces.locate(place);
            Place {
                offset: place.offset * read.width,
                length: place.length * read.width,
            }
        });
    }
}

/// Follows code, and the code that it hides.
fn look_at_code(script: Script, code: &str, page: &Page, depth: usize, found: &mut Findings) {
    let worth = WORDS.as_ref().is_none_or(|words| words.is_match(code));
    if code.is_empty() || !worth {
        return;
    }
    let code = unhidden(code, found);
    let steps = match script {
        Script::CSharp => lower(Grammar::CSharp, &code, found),
        Script::Jscript => lower(Grammar::JavaScript, &typeless(&code), found),
        Script::Basic => visual_basic(&code),
    };
    let mut net = Net::new(script, &page.inputs, &page.files);
    let flow = run(&steps, &mut net);
    found.take(flow, None);
    look_at_words(&code, found);
    let Some(depth) = depth.checked_sub(1) else {
        found.gap("scripts hidden in scripts are too deep to be followed");
        return;
    };
    for (text, place) in net.hidden {
        let mut inner = Findings::default();
        look_at_code(script, &text, page, depth, &mut inner);
        found.take(inner, Some(place));
    }
}

/// Code without characters that show nothing; names that hold them, or plain letters as escapes, are hidden.
fn unhidden(code: &str, found: &mut Findings) -> String {
    let nothing = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{202a}'..='\u{202e}');
    if code.chars().filter(|&c| nothing(c)).count() > 3 {
        found.add(
            55,
            "hidden code",
            "holds characters that show nothing",
            Place::default(),
        );
    }
    let (plain, letters) = escapes_in_names(code);
    if letters >= 4 {
        found.add(
            55,
            "hidden code",
            "writes plain letters as escapes",
            Place::default(),
        );
    }
    plain.chars().filter(|&c| !nothing(c)).collect()
}

/// Undoes `\u0065` and `\U00000065` outside texts; gives how many stood for plain letters.
fn escapes_in_names(code: &str) -> (String, usize) {
    if !code.contains("\\u") && !code.contains("\\U") {
        return (code.to_owned(), 0);
    }
    let mut out = String::with_capacity(code.len());
    let mut letters = 0;
    let mut quoted = false;
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let digits = match rest.get(..2) {
            Some("\\u") if !quoted => 4,
            Some("\\U") if !quoted => 8,
            _ => 0,
        };
        let escaped = rest
            .get(2..2 + digits)
            .filter(|_| digits > 0)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match escaped {
            Some(plain) => {
                letters += usize::from(plain.is_ascii_alphanumeric());
                out.push(plain);
                rest = rest.get(2 + digits..).unwrap_or_default();
            }
            None => {
                if quoted && c == '\\' {
                    out.push(c);
                    rest = rest.get(1..).unwrap_or_default();
                    let Some(next) = rest.chars().next() else {
                        break;
                    };
                    out.push(next);
                    rest = rest.get(next.len_utf8()..).unwrap_or_default();
                    continue;
                }
                quoted = match c {
                    '"' => !quoted,
                    '\n' => false,
                    _ => quoted,
                };
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    (out, letters)
}

/// JScript.NET without the types it may name, which the grammar does not know.
fn typeless(code: &str) -> String {
    let mut out = code.to_owned();
    for class in [
        "String",
        "Object",
        "int",
        "Array",
        "System.String",
        "Boolean",
        "byte[]",
    ] {
        for gap in [":", ": ", " : "] {
            let pattern = format!("{gap}{class}");
            if out.contains(&pattern) {
                out = out.replace(&pattern, " ");
            }
        }
    }
    out
}

/// Words that stand together only in code that executes what it is sent.
fn look_at_words(code: &str, found: &mut Findings) {
    let lower = code.to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(lower.as_bytes(), word.as_bytes()).is_some();
    let any = Place::default();
    if has("virtualalloc") && (has("createthread") || has("getdelegateforfunctionpointer")) {
        found.add(78, "native code", "runs bytes as native code", any);
    }
    if has("redirectstandardoutput") && (has("\"cmd.exe\"") || has("\"cmd\"") || has("powershell"))
    {
        found.add(
            45,
            "command execution",
            "reads what a command shell writes",
            any,
        );
    }
    if has("tcpclient") && has("cmd.exe") || has("wsaconnect") && has("createprocess") {
        found.add(
            72,
            "reverse shell",
            "joins a command shell to a network connection",
            any,
        );
    }
    let tunnel = has("new socket(") || has("new tcpclient(");
    if tunnel && (has("request.headers") || has("request.querystring")) && has("session[") {
        found.add(64, "tunnel", "joins network connections to requests", any);
    }
    if has("httplistener") && has("getcontext") {
        found.add(
            55,
            "memory webshell",
            "listens for requests of its own",
            any,
        );
    }
}
