//! Files that somebody made to break the reader: each is refused in little time, with a reason.

use proptest::prelude::*;
use std::path::Path;
use yagura_rules::{Code, LoadOptions, Loaded, Source, limits, load};

fn loaded(bytes: &[u8]) -> Loaded {
    let source = Source {
        name: "rules.yaml",
        bytes,
        own: true,
    };
    load(&[source], &LoadOptions::default())
}

/// Checks that a file is refused for a reason.
fn check(text: &str, code: Code) {
    let loaded = loaded(text.as_bytes());
    assert!(loaded.has_errors());
    let codes: Vec<Code> = loaded.diagnostics.iter().map(|d| d.code).collect();
    assert!(codes.contains(&code), "{codes:?}");
    assert!(codes.len() <= limits::DIAGNOSTICS_MAX * 2 + 2);
}

fn rule(condition: &str) -> String {
    format!("- rule: R\n  desc: d\n  condition: '{condition}'\n  output: o\n  priority: INFO\n")
}

#[test]
fn nesting_is_bounded() {
    let deep = 100_000;
    let text = format!("{}a{}", "(".repeat(deep), ")".repeat(deep));
    check(&rule(&text), Code::ConditionTooLarge);
    check(&rule(&"(not ".repeat(deep / 10)), Code::ConditionTooLarge);
    check(
        &rule(&format!("{}proc.name = x", "tolower(".repeat(1000))),
        Code::ConditionTooLarge,
    );
    check(&rule(&"a and ".repeat(deep)), Code::ConditionTooLarge);
    check(&format!("{}a", "- ".repeat(1000)), Code::TooDeep);
}

#[test]
fn macros_and_lists_cannot_grow_without_end() {
    let mut text =
        "- macro: m0\n  condition: proc.name = x\n- list: l0\n  items: [a, b]\n".to_owned();
    for n in 1..40 {
        let before = n - 1;
        text += &format!("- macro: m{n}\n  condition: m{before} or m{before}\n");
        text += &format!("- list: l{n}\n  items: [l{before}, l{before}]\n");
    }
    check(&(text.clone() + &rule("m20")), Code::ConditionTooLarge);
    check(&(text + &rule("proc.name in (l25)")), Code::TooMany);
}

#[test]
fn many_of_one_size_are_bounded_together() {
    let values: Vec<String> = (0..100_000).map(|n| format!("v{n}")).collect();
    let mut text = format!("- list: big\n  items: [{}]\n", values.join(","));
    for n in 0..100 {
        text += &format!("- macro: m{n}\n  condition: proc.name in (big)\n");
    }
    check(&text, Code::ConditionTooLarge);
}

#[test]
fn many_problems_cost_little_and_are_cut() {
    let tests: Vec<String> = (0..10_000).map(|n| format!("pro{n}.nam = x")).collect();
    check(&rule(&tests.join(" or ")), Code::UnknownField);
    let macros: Vec<String> = (0..20_000).map(|n| format!("mac{n}")).collect();
    check(&rule(&macros.join(" or ")), Code::UnknownMacro);
    let keys: String = (0..100_000)
        .map(|n| format!("  conditio{n}: x\n"))
        .collect();
    check(&format!("- rule: R\n{keys}"), Code::MissingKey);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Every file of the test data with a few bytes changed.
    #[test]
    fn damaged_files_are_read_to_their_end(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            for block in text.split("```").filter_map(|block| block.strip_prefix("yaml")) {
                let mut bytes = block.as_bytes().to_vec();
                for (index, byte) in &places {
                    let index = index.index(bytes.len());
                    bytes[index] = *byte;
                }
                let _ = loaded(&bytes);
            }
        }
    }
}
