//! The rules on documents: their own examples, and records as they come, from bytes to alerts.

use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use yagura_event::{DocumentEvent, DocumentSource, MonotonicNs};
use yagura_rules::fields::{Argument, Field, k8s_audit_values, windows_values};
use yagura_rules::rule::RuleSource;
use yagura_rules::{
    EventKind, LoadOptions, MapSubject, Match, Outcome, RuleSet, RuleState, Subject, Value,
};
use yagura_sources::{AuditReader, WindowsJsonReader};

/// A document as rules see it.
struct Document<'a>(&'a DocumentEvent);

impl Subject for Document<'_> {
    fn kind(&self) -> EventKind {
        match self.0.source {
            DocumentSource::K8sAudit => EventKind::Audit,
            DocumentSource::Windows => windows_values::windows_kind(&self.0.value),
        }
    }

    fn time(&self) -> MonotonicNs {
        MonotonicNs(u64::try_from(self.0.time.0).unwrap_or_default())
    }

    fn value(&self, field: Field, argument: &Argument) -> Value<'_> {
        if field == Field::EvtType {
            return Value::text(self.kind().as_str());
        }
        match self.0.source {
            DocumentSource::K8sAudit => k8s_audit_values::value(field, argument, &self.0.value),
            DocumentSource::Windows => windows_values::value(field, argument, &self.0.value),
        }
    }
}

fn rules() -> Vec<yagura_rules::rule::Rule> {
    let sources: Vec<_> = yagura_rules::catalogue::sources().collect();
    let loaded = yagura_rules::load(&sources, &LoadOptions::default());
    loaded
        .rules
        .into_iter()
        .filter(|rule| rule.source != RuleSource::Syscall)
        .collect()
}

/// The keys of the rules that match any of these events.
fn keys(events: &[DocumentEvent]) -> BTreeSet<String> {
    let set = RuleSet::compile(rules()).expect("the catalogue compiles");
    let mut state = RuleState::new(&set);
    let mut found = BTreeSet::new();
    for event in events {
        set.evaluate(&Document(event), &mut state, &mut |matched: Match<'_>| {
            if matched.outcome == Outcome::Matches {
                found.insert(matched.rule.key.clone().unwrap_or_default());
            }
        });
    }
    found
}

fn audit(events: &[Json]) -> BTreeSet<String> {
    let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": events}).to_string();
    let events: Vec<_> = AuditReader::new(list.as_bytes())
        .map(|event| event.expect("an audit event"))
        .collect();
    keys(&events)
}

fn windows(events: &[Json]) -> BTreeSet<String> {
    let lines: Vec<String> = events.iter().map(Json::to_string).collect();
    let events: Vec<_> = WindowsJsonReader::new(lines.join("\n").as_bytes())
        .map(|event| event.expect("a Windows event"))
        .collect();
    keys(&events)
}

#[test]
fn the_rules_on_documents_load_without_a_word() {
    let sources: Vec<_> = yagura_rules::catalogue::sources().collect();
    let loaded = yagura_rules::load(&sources, &LoadOptions::default());
    let told: Vec<String> = loaded
        .diagnostics
        .iter()
        .filter(|diagnostic| ["audit", "windows", "k8s"].iter().any(|part| diagnostic.file.contains(part)))
        .map(ToString::to_string)
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn every_rule_holds_its_examples() {
    let mut wrong = Vec::new();
    for rule in rules() {
        let (fires, silent): (Vec<_>, Vec<_>) = rule.tests.iter().partition(|test| test.fires);
        if fires.is_empty() || silent.is_empty() {
            wrong.push(format!("{}: lacks an example", rule.name));
        }
        let set = RuleSet::compile(vec![rule.clone()]).expect("the rule compiles");
        for test in &rule.tests {
            let mut state = RuleState::new(&set);
            let mut fired = false;
            for event in &test.events {
                let subject = match MapSubject::from_test(event, rule.source) {
                    Ok(subject) => subject,
                    Err(error) => {
                        wrong.push(format!("{}: {}: {error}", rule.name, test.name));
                        continue;
                    }
                };
                set.evaluate(&subject, &mut state, &mut |matched: Match<'_>| {
                    fired |= matched.outcome == Outcome::Matches;
                });
            }
            if fired != test.fires {
                wrong.push(format!("{}: {}", rule.name, test.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
