//! Every technique: it fires, and what looks alike stays silent.
//!
//! Scripts are written with signs in place of the words that make them work, so that no ready webshell is stored:
//! `@e` is what evaluates, `@a` asserts, `@s` and `@x` run commands, `@p`, `@g`, `@r`, `@c` are the request's arrays.

mod bounds;
mod hidden;
mod ordinary;
mod plain;

use crate::{FINDING_SCORE, Language, Verdict, analyze};

/// The script that a template stands for.
fn fill(template: &str) -> String {
    let words = [
        ("@e", ["ev", "al"]),
        ("@a", ["ass", "ert"]),
        ("@s", ["sys", "tem"]),
        ("@x", ["shell_", "exec"]),
        ("@p", ["$_PO", "ST"]),
        ("@g", ["$_G", "ET"]),
        ("@r", ["$_REQ", "UEST"]),
        ("@c", ["$_COO", "KIE"]),
        ("@b", ["base64_", "decode"]),
    ];
    let filled = words
        .iter()
        .fold(template.to_owned(), |text, (sign, word)| {
            text.replace(sign, &word.concat())
        });
    match filled.starts_with('<') || filled.starts_with("GIF") {
        true => filled,
        false => format!("<?php {filled}"),
    }
}

fn judge(template: &str) -> Verdict {
    analyze(Language::Php, fill(template).as_bytes())
}

fn found(templates: &[&str]) {
    for template in templates {
        let verdict = judge(template);
        assert!(verdict.score >= FINDING_SCORE, "{template}: {verdict:#?}");
        assert!(!verdict.family.is_empty(), "{template}");
        assert!(!verdict.reasons.is_empty(), "{template}");
    }
}

fn family(family: &str, templates: &[&str]) {
    found(templates);
    for template in templates {
        assert_eq!(judge(template).family, family, "{template}");
    }
}

fn silent(templates: &[&str]) {
    for template in templates {
        let verdict = judge(template);
        assert!(verdict.score < FINDING_SCORE, "{template}: {verdict:#?}");
    }
}
