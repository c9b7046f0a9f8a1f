//! Webshells in Java server pages.

#[cfg(test)]
mod tests;

mod ebcdic;
mod extract;
mod files;
mod java;
mod kinds;
mod reflect;
mod texts;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::evidence::Evidence;
use crate::language::asp::{Findings, Grammar, Place, lower, read, run};

/// Words without which no page executes anything; a page that has none is not parsed.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "runtime",
            "process",
            ".exec",
            "defineclass",
            "definehidden",
            "defineanonymous",
            "classloader",
            "scriptengine",
            "invoke",
            "forname",
            "loadclass",
            "readobject",
            "eval",
            "lookup(",
            "fileoutputstream",
            "filewriter",
            "randomaccessfile",
            "printstream",
            "files.",
            "fileutils",
            "socket",
            "loadlibrary",
            "system.load",
            "expression(",
            "getmethod(\"",
            "getdeclaredmethod",
            "newinstance",
            "templatesimpl",
            "xmldecoder",
            "getconnection(",
            "addfilter",
            "addservlet",
            "addvalve",
            "addlistener",
            "eventlistener",
            "registermapping",
            "jshell",
            "javacompiler",
            "listfiles",
            ".list(",
            "groovy",
            "versionhelper",
            "statement(",
            "unsafe",
            "ognl",
            "mvel",
            "spel",
            "interpreter",
            "transferto",
            "\\u00",
            "getmethods",
            "urlconnection",
            "renameto",
            ".delete(",
            "fromxml",
            "bcel",
            "jdbcrowset",
            "elvalue",
            "instrument",
            "attach",
        ])
        .ok()
});

/// Markup that calls something by itself, and what it says.
const MARKUP: [(&str, &str, u8, &str); 3] = [
    (
        "<jsp:usebean",
        "processbuilder",
        75,
        "makes an object that runs programs in markup",
    ),
    (
        "<jsp:usebean",
        "scriptenginemanager",
        70,
        "makes an object that runs scripts in markup",
    ),
    (
        "xalan/java",
        "runtime",
        80,
        "calls Java out of a stylesheet",
    ),
];

/// Looks at one page.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    let mut found = Findings::default();
    let all = Place {
        offset: 0,
        length: content.len(),
    };
    if let Some(text) = extract::named_encoding(content) {
        let page = extract::page(&text);
        if !page.java.is_empty() {
            found.add(
                62,
                "hidden code",
                "is written in an encoding that hides it from readers",
                all,
            );
            let mut inner = Findings::default();
            look_at(&text, page, &mut inner);
            found.take(inner, Some(all));
        }
    }
    let read = read(content);
    let page = extract::page(&read.text);
    let mut seen = Findings::default();
    let java = look_at(&read.text, page, &mut seen);
    if read.width > 1 && seen.heaviest() >= 40 {
        seen.add(
            30,
            "hidden code",
            "is written in an encoding that hides it from readers",
            all,
        );
    }
    found.settle(evidence, |place| place);
    seen.settle(evidence, |place| {
        let place = java.locate(place);
        Place {
            offset: place.offset * read.width,
            length: place.length * read.width,
        }
    });
}

/// Looks at a page's parts; gives the code that the findings' places mean.
fn look_at(text: &str, page: extract::Page, found: &mut Findings) -> crate::language::asp::Pieces {
    look_at_markup(text, found);
    let extract::Page {
        java,
        escaped,
        scattered,
        cut,
    } = page;
    if cut {
        found.gap("some of the page's expressions were not looked at");
    }
    let worth = WORDS
        .as_ref()
        .is_none_or(|words| words.is_match(&java.code));
    if worth {
        let code = lower(Grammar::Java, &java.code, found);
        let flow = run(&code, &mut java::Java::default());
        found.take(flow, None);
        look_at_words(&java.code, code.broken, found);
    }
    if escaped.is_some() {
        found.add(
            55,
            "hidden code",
            "writes plain letters as escapes",
            Place::default(),
        );
    }
    if scattered.is_some() {
        found.add(
            55,
            "hidden code",
            "writes code as character references or broken sections",
            Place::default(),
        );
    }
    java
}

fn look_at_markup(text: &str, found: &mut Findings) {
    let head = text.get(..256 * 1024).unwrap_or(text);
    if !head.contains("<jsp:useBean") && !head.contains("xalan/java") {
        return;
    }
    let lower = head.to_ascii_lowercase();
    for (element, class, weight, says) in MARKUP {
        if let Some(at) = lower.find(element) {
            let tail = lower.get(at..).unwrap_or_default();
            let tail = tail.get(..tail.len().min(512)).unwrap_or_default();
            if tail.contains(class) {
                found.add(weight, "command execution", says, Place::default());
            }
        }
    }
}

/// Words that stand together only in code that executes what it is sent: for what the parser could not make sense of.
fn look_at_words(code: &str, broken: bool, found: &mut Findings) {
    let input = [
        "getParameter",
        "getHeader",
        "getInputStream()",
        "getReader()",
        "getQueryString",
        "getCookies",
    ];
    let has = |word: &str| memchr::memmem::find(code.as_bytes(), word.as_bytes()).is_some();
    let reads = input.iter().any(|word| has(word));
    let any = Place::default();
    if (has("getRuntime") && has("exec(") || has("ProcessBuilder") && has(".start(")) && reads {
        let weight = if broken { 64 } else { 40 };
        found.add(
            weight,
            "command execution",
            "reads the request and runs programs",
            any,
        );
    }
    if has("extends ClassLoader")
        || has("extends java.lang.ClassLoader")
        || has("extends URLClassLoader")
    {
        found.add(66, "class loader", "makes a class loader of its own", any);
    }
    if has("Socket(") && (has("\"cmd") || has("/bin/")) && has("exec(") {
        found.add(
            80,
            "reverse shell",
            "joins a command shell to a network connection",
            any,
        );
    }
    if has("SocketChannel") && has("getHeader") {
        found.add(66, "tunnel", "joins network connections to requests", any);
    }
    let server = [
        "StandardContext",
        "ApplicationFilterConfig",
        "addApplicationEventListener",
        "FilterDef",
    ];
    if server.iter().filter(|word| has(word)).count() >= 2 {
        found.add(
            50,
            "memory webshell",
            "takes hold of the running server",
            any,
        );
    }
    if has("Cipher") && has("doFinal") && (has("defineClass") || has("newInstance")) && reads {
        found.add(60, "class loader", "decrypts what the request brings", any);
    }
}
