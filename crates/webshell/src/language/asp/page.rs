//! Cuts server code out of an active server page, classic or ASP.NET.

use super::flow::Place;
use super::piece::Pieces;

/// Characters of a tag that are looked at.
const TAG_BYTES_MAX: usize = 4096;
/// Controls of one page that are kept.
const CONTROLS_MAX: usize = 512;

/// Languages of server code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// VBScript and Visual Basic.
    Basic,
    /// JScript and JScript.NET.
    Jscript,
    /// C#.
    CSharp,
}

/// Which kind of page is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Classic pages.
    Classic,
    /// Pages, handlers and services of ASP.NET.
    Net,
}

/// A page's server code by language.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// VBScript and Visual Basic.
    pub(crate) basic: Pieces,
    /// JScript.
    pub(crate) jscript: Pieces,
    /// C#.
    pub(crate) csharp: Pieces,
    /// Ids of controls that hold what the client sends, lower case.
    pub(crate) inputs: Vec<String>,
    /// Ids of controls that hold uploaded files, lower case.
    pub(crate) files: Vec<String>,
    /// Code page that the page names, if it is one that hides text.
    pub(crate) utf7: bool,
    /// Whether the page's events are wired up to shown controls.
    pub(crate) directive: Option<String>,
}

/// Cuts a page up.
pub(crate) fn page(text: &str, kind: Kind) -> Page {
    let default = match kind {
        Kind::Classic => Script::Basic,
        Kind::Net => net_default(text),
    };
    let mut cutter = Cutter {
        text,
        kind,
        default,
        page: Page::default(),
        bare: None,
    };
    cutter.cut();
    cutter.page
}

/// ASP.NET pages without a named language are Visual Basic by their server's default; most that people write so are C#.
fn net_default(text: &str) -> Script {
    let lower = text
        .get(..TAG_BYTES_MAX)
        .unwrap_or(text)
        .to_ascii_lowercase();
    let basic = ["end sub", "end function", "sub page_load", " as eventargs"];
    match basic.iter().any(|words| lower.contains(words)) {
        true => Script::Basic,
        false => Script::CSharp,
    }
}

struct Cutter<'t> {
    text: &'t str,
    kind: Kind,
    default: Script,
    page: Page,
    /// Where code without markup begins: what follows the directive of a handler.
    bare: Option<usize>,
}

impl<'t> Cutter<'t> {
    fn cut(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(next) = memchr::memchr(b'<', bytes.get(at..).unwrap_or_default()) {
            let start = at + next;
            let rest = self.text.get(start..).unwrap_or_default();
            at = match rest.as_bytes() {
                [b'<', b'%', ..] => self.block(start, rest),
                [b'<', b's' | b'S', ..] if starts(rest, "<script") => self.script(start, rest),
                [b'<', b'o' | b'O', ..] if starts(rest, "<object") => self.object(start, rest),
                [b'<', b'!', ..] | [b'<', b'/', ..] => start + 1,
                [b'<', ..] if self.kind == Kind::Net => self.control(start, rest),
                _ => start + 1,
            };
            if let Some(bare) = self.bare {
                let code = self.text.get(bare..).unwrap_or_default();
                self.add(self.default, "\n", code, "\n", bare);
                return;
            }
        }
    }

    fn block(&mut self, start: usize, rest: &'t str) -> usize {
        let inner = rest.get(2..).unwrap_or_default();
        if inner.starts_with("--") {
            return start + rest.find("--%>").map_or(rest.len(), |end| end + 4);
        }
        let length = inner.find("%>").unwrap_or(inner.len());
        let code = inner.get(..length).unwrap_or_default();
        let end = start + 2 + length + 2;
        let trimmed = code.trim_start();
        if let Some(directive) = trimmed.strip_prefix('@') {
            self.directive(directive, end);
            return end;
        }
        // Resource expressions name a text, nothing more.
        if trimmed.starts_with('$') {
            return end;
        }
        let shown = trimmed.starts_with(['=', '#', ':']);
        let skip = match shown {
            true => code.len() - trimmed.len() + 1,
            false => 0,
        };
        let code = code.get(skip..).unwrap_or_default();
        let offset = start + 2 + skip;
        let (before, after) = match (self.default, shown) {
            (Script::Basic, true) => ("\npagevalue (", ")\n"),
            (_, true) => ("\n;pagevalue(", ");\n"),
            (_, false) => ("\n", "\n"),
        };
        self.add(self.default, before, code, after, offset);
        end
    }

    fn directive(&mut self, directive: &str, end: usize) {
        let lower = directive.to_ascii_lowercase();
        let name = lower.trim_start();
        if let Some(language) = attribute(&lower, "language") {
            self.default = language_of(&language).unwrap_or(self.default);
        }
        if attribute(&lower, "codepage").as_deref() == Some("65000") {
            self.page.utf7 = true;
        }
        let handler = name.starts_with("webhandler")
            || name.starts_with("webservice")
            || (attribute(&lower, "class").is_some() && !name.starts_with("page"));
        self.page.directive.get_or_insert(lower.clone());
        if handler && self.kind == Kind::Net && self.bare.is_none() {
            self.bare = Some(end.min(self.text.len()));
        }
    }

    fn script(&mut self, start: usize, rest: &'t str) -> usize {
        let Some((tag, open)) = tag(rest) else {
            return start + 1;
        };
        if attribute(&tag, "runat").as_deref() != Some("server") {
            return start + open;
        }
        let language = attribute(&tag, "language").or_else(|| attribute(&tag, "type"));
        let script = language
            .and_then(|language| language_of(&language))
            .unwrap_or(self.default);
        let inner = rest.get(open..).unwrap_or_default();
        let length = find_closing(inner);
        let code = inner.get(..length).unwrap_or_default();
        let (before, after) = match (script, self.kind) {
            (Script::CSharp, _) => ("\nclass page_ {\n", "\n}\n"),
            _ => ("\n", "\n"),
        };
        self.add(script, before, code, after, start + open);
        start + open + length
    }

    /// `<object runat=server id=x progid=…>` declares a variable.
    fn object(&mut self, start: usize, rest: &'t str) -> usize {
        let Some((tag, open)) = tag(rest) else {
            return start + 1;
        };
        let class = attribute(&tag, "classid").or_else(|| attribute(&tag, "progid"));
        if let (Some(class), Some(id), Some("server")) = (
            class,
            attribute(&tag, "id"),
            attribute(&tag, "runat").as_deref(),
        ) {
            let class = class.replace(['"', '\n'], "");
            let id: String = id
                .chars()
                .filter(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let place = Place {
                offset: start,
                length: open,
            };
            let (pieces, code) = match self.default {
                Script::Basic => (
                    &mut self.page.basic,
                    format!("Set {id} = CreateObject(\"{class}\")"),
                ),
                _ => (
                    &mut self.page.jscript,
                    format!("var {id} = new ActiveXObject(\"{class}\");"),
                ),
            };
            pieces.add_hidden("\n", &code, "\n", place);
        }
        start + open
    }

    /// Server controls whose content the client sends.
    fn control(&mut self, start: usize, rest: &'t str) -> usize {
        let name_end = rest
            .find(|c: char| c.is_whitespace() || c == '>' || c == '/')
            .unwrap_or(rest.len())
            .min(64);
        let name = rest
            .get(1..name_end)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let local = name.rsplit(':').next().unwrap_or_default();
        let upload = matches!(local, "fileupload" | "htmlinputfile");
        let holds = matches!(
            local,
            "textbox"
                | "dropdownlist"
                | "listbox"
                | "hiddenfield"
                | "input"
                | "textarea"
                | "select"
                | "radiobuttonlist"
                | "combobox"
        );
        if !upload && !holds {
            return start + 1;
        }
        let Some((tag, open)) = tag(rest) else {
            return start + 1;
        };
        let id = attribute(&tag, "id");
        if let (Some(id), Some("server")) = (id, attribute(&tag, "runat").as_deref()) {
            let file =
                upload || (local == "input" && attribute(&tag, "type").as_deref() == Some("file"));
            let list = match file {
                true => &mut self.page.files,
                false => &mut self.page.inputs,
            };
            if list.len() < CONTROLS_MAX {
                list.push(id);
            }
        }
        start + open
    }

    fn add(&mut self, script: Script, before: &str, code: &str, after: &str, offset: usize) {
        let pieces = match script {
            Script::Basic => &mut self.page.basic,
            Script::Jscript => &mut self.page.jscript,
            Script::CSharp => &mut self.page.csharp,
        };
        pieces.add(before, code, after, offset);
    }
}

fn starts(text: &str, opening: &str) -> bool {
    text.as_bytes()
        .get(..opening.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(opening.as_bytes()))
}

/// A tag in lower case and the offset after it.
fn tag(rest: &str) -> Option<(String, usize)> {
    let head = rest
        .as_bytes()
        .get(..TAG_BYTES_MAX)
        .unwrap_or(rest.as_bytes());
    let end = memchr::memchr(b'>', head)?;
    Some((rest.get(..end)?.to_ascii_lowercase(), end + 1))
}

/// The value of an attribute in a lower-case tag, with or without quotes.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag;
    while let Some(at) = rest.find(name) {
        let before = rest.get(..at)?.chars().next_back();
        let after = rest.get(at + name.len()..)?.trim_start();
        let apart = before.is_none_or(|c| c.is_whitespace() || c == '"' || c == '\'');
        if let (true, Some(value)) = (apart, after.strip_prefix('=')) {
            let value = value.trim_start();
            let value = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => value.get(1..)?.split(quote).next()?,
                _ => value
                    .split(|c: char| c.is_whitespace() || c == '>' || c == '%')
                    .next()?,
            };
            return Some(value.trim().to_owned());
        }
        rest = rest.get(at + name.len()..)?;
    }
    None
}

fn language_of(language: &str) -> Option<Script> {
    match language {
        "vb" | "vbs" | "vbscript" | "vbscript.encode" | "text/vbscript" | "visualbasic" => {
            Some(Script::Basic)
        }
        "jscript" | "js" | "javascript" | "jscript.encode" | "text/javascript" | "jscript.net" => {
            Some(Script::Jscript)
        }
        "c#" | "cs" | "csharp" => Some(Script::CSharp),
        _ => None,
    }
}

fn find_closing(text: &str) -> usize {
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(next) = memchr::memmem::find(bytes.get(at..).unwrap_or_default(), b"</") {
        let start = at + next;
        if starts(text.get(start..).unwrap_or_default(), "</script") {
            return start;
        }
        at = start + 2;
    }
    text.len()
}
