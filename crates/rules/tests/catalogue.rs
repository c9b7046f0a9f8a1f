//! The catalogue that ships with the product: every file loads without a word, every example does what it says.

use std::collections::{BTreeMap, BTreeSet};
use yagura_rules::{LoadOptions, Loaded, RuleSet, catalogue, load, run_examples};

/// Decided by the drift policy, not by a detection rule.
const DECIDED_BY_POLICY: &str = "drift.binary";

fn loaded() -> Loaded {
    let sources: Vec<_> = catalogue::sources().collect();
    load(&sources, &LoadOptions::default())
}

/// Keys of the product's table with category, labels, severity and sources.
fn items() -> BTreeMap<&'static str, [&'static str; 5]> {
    include_str!("../../../catalogue/items.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap();
            (next(), [next(), next(), next(), next(), next()])
        })
        .collect()
}

#[test]
fn files_load_without_a_word() {
    let loaded = loaded();
    let told: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| format!("{diagnostic:?}"))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    RuleSet::compile(loaded.rules).unwrap();
}

#[test]
fn examples_do_what_they_say() {
    let failed = run_examples(&loaded().rules);
    let wrong: Vec<String> = failed.iter().map(ToString::to_string).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_examples_of_both_kinds() {
    let without: Vec<String> = loaded()
        .rules
        .into_iter()
        .filter(|rule| {
            ![true, false]
                .iter()
                .all(|kind| rule.tests.iter().any(|test| test.fires == *kind))
        })
        .map(|rule| rule.name)
        .collect();
    assert_eq!(without, [""; 0]);
}

#[test]
fn every_rule_says_what_it_is_about() {
    let items = items();
    for rule in loaded().rules {
        let key = rule.key.as_deref().unwrap_or_default();
        let item = items.get(key);
        let [_, label_en, label_ja, _, _] =
            item.unwrap_or_else(|| panic!("{:?} has the unknown key {key:?}", rule.name));
        assert_eq!(rule.title_en.as_deref(), Some(*label_en), "{:?}", rule.name);
        assert_eq!(rule.title_ja.as_deref(), Some(*label_ja), "{:?}", rule.name);
        for (what, text) in [("reason", &rule.reason), ("remedy", &rule.remedy)] {
            assert!(!text.is_empty(), "{:?} has no {what}", rule.name);
        }
        assert!(!rule.techniques.is_empty(), "{:?}", rule.name);
    }
}

#[test]
fn every_key_has_a_rule() {
    let with_rules: BTreeSet<String> = loaded()
        .rules
        .into_iter()
        .filter_map(|rule| rule.key)
        .collect();
    let without: Vec<&str> = items()
        .into_keys()
        .filter(|key| *key != DECIDED_BY_POLICY && !with_rules.contains(*key))
        .collect();
    assert_eq!(without, [""; 0]);
}
