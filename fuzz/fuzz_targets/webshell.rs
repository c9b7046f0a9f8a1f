//! Feeds `yagura_webshell::analyze`: the first byte chooses the language; any script gives a bounded verdict that points
//! into it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_webshell::{FINDING_SCORE, Language, analyze, language_of};

const LANGUAGES: [Language; 8] = [
    Language::Php,
    Language::Jsp,
    Language::Asp,
    Language::Aspx,
    Language::Python,
    Language::Perl,
    Language::Shell,
    Language::Node,
];

/// Reasons that a verdict keeps.
const REASONS_MAX: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, script)) = bytes.split_first() else {
        return;
    };
    let _ = language_of(b"script", script);
    let language = LANGUAGES[usize::from(*choice) % LANGUAGES.len()];
    let verdict = analyze(language, script);
    assert!(verdict.score <= 100);
    assert!(verdict.reasons.len() <= REASONS_MAX);
    assert_eq!(verdict.family.is_empty(), verdict.score < FINDING_SCORE);
    for reason in &verdict.reasons {
        assert!(reason.offset + reason.length <= script.len());
        assert!(!reason.text.contains(char::is_control));
    }
});
