//! Webshells in classic active server pages; also what the other page languages share: following values, reading texts.

#[cfg(test)]
mod tests;

mod encoded;
mod files;
mod flow;
mod host;
mod page;
mod piece;
mod strings;
mod text;
mod texts;
mod vb;

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

pub(crate) use flow::{
    CODED, Call, Code, Constant, Dialect, Findings, Grammar, PARSED, Place, SCRIPT, SINK_BITS,
    TAINT, Traits, Value, WHOLE, lower, run, scripted_name,
};
pub(crate) use page::{Kind, Page, Script, page};
pub(crate) use piece::Pieces;
pub(crate) use strings::{readable, worked_out};
pub(crate) use text::read;
pub(crate) use texts::look as look_at_text;
pub(crate) use vb::visual_basic;

use crate::decode::Budget;
use crate::evidence::Evidence;
use host::Host;
pub(crate) use host::runs_programs;

/// Scripts within scripts that are followed. Stops scripts that unwrap themselves forever.
const HIDDEN_DEPTH_MAX: usize = 6;

/// Words without which no classic page executes or writes anything; code that has none is not read.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build([
            "eval",
            "execute",
            "createobject",
            "activexobject",
            "getobject",
            "function(",
            "shell",
            "scriptcontrol",
            "savetofile",
            "textfile",
            "transformnode",
            "unescape",
            "fromcharcode",
            "strreverse",
            "class_initialize",
            "createtext",
            "deletefile",
            "getfolder",
            "[\"",
        ])
        .ok()
});

/// Looks at one script.
pub(crate) fn look(content: &[u8], evidence: &mut Evidence) {
    let read = read(content);
    let mut found = Findings::default();
    let everywhere = Place {
        offset: 0,
        length: read.text.len(),
    };
    let mut rest = read.text.as_str();
    let mut base = 0;
    while let Some((code, offset, length)) = encoded::decoded(rest) {
        let place = Place {
            offset: base + offset,
            length,
        };
        let mut inner = Findings::default();
        let script = match rest.to_ascii_lowercase().contains("jscript.encode") {
            true => Script::Jscript,
            false => Script::Basic,
        };
        look_at_code(script, &code, HIDDEN_DEPTH_MAX, &mut inner);
        if inner.heaviest() >= 30 {
            inner.add(
                35,
                "hidden code",
                "hides code under the script encoder",
                place,
            );
        }
        found.take(inner, Some(place));
        base += offset + length;
        rest = rest.get(offset + length..).unwrap_or_default();
    }
    let page = page(&read.text, Kind::Classic);
    for (script, pieces) in [
        (Script::Basic, &page.basic),
        (Script::Jscript, &page.jscript),
    ] {
        let mut seen = Findings::default();
        look_at_code(script, &pieces.code, HIDDEN_DEPTH_MAX, &mut seen);
        if page.utf7 {
            let plain = encoded::utf7(&pieces.code, &mut Budget::default());
            look_at_code(script, &plain, HIDDEN_DEPTH_MAX, &mut seen);
            seen.add(
                45,
                "hidden code",
                "is written in an encoding that hides it from readers",
                everywhere,
            );
        }
        seen.settle(evidence, |place| scaled(pieces.locate(place), read.width));
    }
    found.settle(evidence, |place| scaled(place, read.width));
}

fn scaled(place: Place, width: usize) -> Place {
    Place {
        offset: place.offset * width,
        length: place.length * width,
    }
}

/// Follows code, and the code that it hides.
fn look_at_code(script: Script, code: &str, depth: usize, found: &mut Findings) {
    let worth = WORDS.as_ref().is_none_or(|words| words.is_match(code));
    if code.is_empty() || !worth {
        return;
    }
    let steps: Code = match script {
        Script::Jscript => lower(Grammar::JavaScript, code, found),
        Script::Basic | Script::CSharp => visual_basic(code),
    };
    let mut host = Host::new(script);
    let flow = run(&steps, &mut host);
    found.take(flow, None);
    let Some(depth) = depth.checked_sub(1) else {
        found.gap("scripts hidden in scripts are too deep to be followed");
        return;
    };
    for (text, script, place) in host.hidden {
        let mut inner = Findings::default();
        look_at_code(script, &text, depth, &mut inner);
        found.take(inner, Some(place));
    }
}
