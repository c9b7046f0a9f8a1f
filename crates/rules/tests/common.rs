//! Rules from YAML, events from names and values.

use yagura_event::MonotonicNs;
use yagura_rules::rule::{Rule, TestValue};
use yagura_rules::{EventKind, LoadOptions, MapSubject, Outcome, RuleSet, RuleState, Source, load};

/// Reads rules that must be right.
pub(crate) fn rules(yaml: &str) -> Vec<Rule> {
    let source = Source {
        name: "test.yaml",
        bytes: yaml.as_bytes(),
        own: true,
    };
    let options = LoadOptions {
        lint: false,
        unused: false,
    };
    let loaded = load(&[source], &options);
    assert!(!loaded.has_errors(), "{yaml}\n{:?}", loaded.diagnostics);
    loaded.rules
}

/// Compiles rules that must be right.
pub(crate) fn compile(yaml: &str) -> RuleSet {
    RuleSet::compile(rules(yaml)).unwrap()
}

/// A rule with this condition.
pub(crate) fn rule_yaml(condition: &str) -> String {
    let source = if condition.contains("ka.") {
        "k8s_audit"
    } else {
        "syscall"
    };
    format!(
        "- rule: R\n  desc: d\n  source: {source}\n  priority: INFO\n  output: o\n  condition: >\n    {condition}\n"
    )
}

/// An event from `evt.type` and pairs of field and value. `?` is unknown, `[a, b]` a list.
pub(crate) fn event(kind: &str, values: &[(&str, &str)]) -> MapSubject {
    let kind = EventKind::from_name(kind).unwrap();
    values
        .iter()
        .fold(MapSubject::new(kind), |subject, (name, text)| {
            subject.with(name, &value(text)).unwrap()
        })
}

/// The same event at a time.
pub(crate) fn at_ms(subject: MapSubject, ms: u64) -> MapSubject {
    subject.at(MonotonicNs(ms * 1_000_000))
}

fn value(text: &str) -> TestValue {
    let list = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match (text, list) {
        ("?", _) => TestValue::Unknown,
        (_, Some("")) => TestValue::List(Vec::new()),
        (_, Some(entries)) => TestValue::List(entries.split(", ").map(value).collect()),
        (text, None) => TestValue::Text(text.to_owned()),
    }
}

/// What the rules of a set say of an event, by name.
pub(crate) fn outcomes(
    set: &RuleSet,
    state: &mut RuleState,
    subject: &MapSubject,
) -> Vec<(String, Outcome)> {
    let mut outcomes = Vec::new();
    set.evaluate(subject, state, &mut |found| {
        outcomes.push((found.rule.name.clone(), found.outcome));
    });
    outcomes
}

/// What a single rule says of an event.
pub(crate) fn outcome(set: &RuleSet, subject: &MapSubject) -> Option<Outcome> {
    let outcomes = outcomes(set, &mut RuleState::new(set), subject);
    assert!(outcomes.len() <= 1);
    outcomes.first().map(|(_, outcome)| *outcome)
}
