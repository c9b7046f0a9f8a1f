//! Every rule of Yagura's own fires on what it is for, and not on what merely looks like it.

mod attack;
mod backdoor;
mod brute;
mod ddos;
mod malicious;
mod miner;
mod scanner;
mod suspicious;
mod trojan;
mod worm;

use crate::samples::{OWN, scan};
use std::collections::{BTreeMap, BTreeSet};

/// A rule with a file that it must find and one, nearly the same, that it must not.
pub(crate) struct Case {
    pub(crate) rule: &'static str,
    pub(crate) fires: Vec<u8>,
    pub(crate) silent: Vec<u8>,
}

pub(crate) fn case(rule: &'static str, fires: Vec<u8>, silent: Vec<u8>) -> Case {
    Case {
        rule,
        fires,
        silent,
    }
}

fn cases() -> Vec<Case> {
    [
        attack::cases(),
        backdoor::cases(),
        brute::cases(),
        ddos::cases(),
        malicious::cases(),
        miner::cases(),
        scanner::cases(),
        suspicious::cases(),
        trojan::cases(),
        worm::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[test]
fn every_rule_fires_and_is_silent() {
    let mut wrong = Vec::new();
    for Case {
        rule,
        fires,
        silent,
    } in cases()
    {
        let found = |content: &[u8]| -> Vec<String> {
            let report = scan("sample", content);
            assert_eq!(report.gaps, Vec::<String>::new());
            report
                .findings
                .into_iter()
                .map(|finding| finding.rule)
                .collect()
        };
        let fired = found(&fires);
        if !fired.iter().any(|name| name == rule) {
            wrong.push(format!("{rule} does not fire, but {fired:?}"));
        }
        let fired = found(&silent);
        if fired.iter().any(|name| name == rule) {
            wrong.push(format!("{rule} fires on the look-alike"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let rules: BTreeSet<String> = OWN.own_rules().into_iter().map(|rule| rule.rule).collect();
    let tested: BTreeSet<String> = cases().iter().map(|case| case.rule.to_owned()).collect();
    let untested: Vec<_> = rules.difference(&tested).collect();
    assert!(untested.is_empty(), "no case for {untested:?}");
    let unknown: Vec<_> = tested.difference(&rules).collect();
    assert!(
        unknown.is_empty(),
        "cases for rules that are not there: {unknown:?}"
    );
}

#[test]
fn every_key_of_malware_has_rules_and_every_rule_says_what_it_is() {
    let mut keys = BTreeMap::<String, usize>::new();
    for rule in OWN.own_rules() {
        *keys.entry(rule.key.clone()).or_default() += 1;
        assert_ne!(rule.family, rule.rule, "{} has no family", rule.rule);
        assert_ne!(rule.reason, rule.rule, "{} has no reason", rule.rule);
        assert!(
            (40..=100).contains(&rule.score),
            "{}: {}",
            rule.rule,
            rule.score
        );
        assert!(
            rule.reason.len() > 15 && !rule.reason.ends_with('.'),
            "{}",
            rule.rule
        );
    }
    for key in [
        "ddos_trojan",
        "suspicious_program",
        "brute_force_tool",
        "attack_program",
        "backdoor",
        "vulnerability_scanner",
        "malicious_program",
        "miner",
        "trojan",
        "self_mutating_trojan",
        "worm",
    ] {
        assert!(
            keys.contains_key(&format!("malware.{key}")),
            "no rule for malware.{key}"
        );
    }
}
