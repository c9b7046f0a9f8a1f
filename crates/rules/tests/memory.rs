//! What several events say together.

use crate::common::{at_ms, compile, event};
use yagura_rules::{Evidence, RuleState};

/// Milliseconds, kind, values.
type TimedEvent<'e> = (u64, &'e str, &'e [(&'e str, &'e str)]);

/// Feeds events `(milliseconds, kind, values)`; gives the evidence of the matches with the places of their last events.
fn run(yaml: &str, events: &[TimedEvent<'_>]) -> Vec<(usize, Evidence)> {
    let set = compile(yaml);
    let mut state = RuleState::new(&set);
    let mut found = Vec::new();
    for (place, (ms, kind, values)) in events.iter().enumerate() {
        let subject = at_ms(event(kind, values), *ms);
        set.evaluate(&subject, &mut state, &mut |matched| {
            found.push((place, matched.evidence));
        });
    }
    found
}

const SEQUENCE: &str = "
- rule: Download and run
  desc: d
  priority: INFO
  output: o
  condition: container.id != host
  sequence:
    by: [container.id]
    within: 10s
    steps:
      - name: fetched
        condition: evt.type = execve and proc.name = curl
      - name: ran
        condition: evt.type = execve and proc.exepath startswith /tmp/
";

#[test]
fn a_sequence_needs_its_steps_in_one_container() {
    let curl = &[
        ("container.id", "a"),
        ("proc.name", "curl"),
        ("proc.cmdline", "curl x\u{1b}[1m"),
    ][..];
    let payload = &[("container.id", "a"), ("proc.exepath", "/tmp/x")][..];
    let other = &[("container.id", "b"), ("proc.exepath", "/tmp/x")][..];
    let found = run(
        SEQUENCE,
        &[
            (0, "execve", curl),
            (1, "execve", other),
            (2, "execve", payload),
            (3, "execve", payload),
        ],
    );
    let [(2, evidence)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let names: Vec<&str> = evidence
        .steps
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["fetched", "ran"]);
    let values = &evidence.steps[0].1.values;
    assert!(
        values.contains(&("proc.cmdline".to_owned(), "curl x\\x1b[1m".to_owned())),
        "{values:?}"
    );
    let late = [(0, "execve", curl), (10_001, "execve", payload)];
    assert!(run(SEQUENCE, &late).is_empty());
    let reverse = [(0, "execve", payload), (1, "execve", curl)];
    assert!(run(SEQUENCE, &reverse).is_empty());
}

#[test]
fn a_threshold_counts_different_values() {
    let yaml = "
- rule: Scan
  desc: d
  priority: INFO
  output: o
  condition: evt.type = connect
  threshold:
    by: [container.id]
    distinct:
      field: fd.rip
      count: 3
    within: 1s
";
    let to = |address: &'static str| [("container.id", "a"), ("fd.rip", address)];
    let (one, two, three) = (to("10.0.0.1"), to("10.0.0.2"), to("10.0.0.3"));
    let found = run(
        yaml,
        &[
            (0, "connect", &one),
            (1, "connect", &one),
            (2, "connect", &two),
            (3, "connect", &[("container.id", "a")]),
            (4, "connect", &three),
            (5, "connect", &one),
        ],
    );
    let [(4, evidence)] = found.as_slice() else {
        panic!("{found:?}");
    };
    let counted = evidence.counted.as_ref().unwrap();
    assert_eq!(counted.values, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
}

#[test]
fn a_first_seen_value_is_told_after_learning() {
    let yaml = "
- rule: New verb
  desc: d
  priority: INFO
  output: o
  source: k8s_audit
  condition: ka.user.name exists
  first_seen:
    by: [ka.user.name]
    value: [ka.verb]
    learning: 1s
";
    let asks = |verb: &'static str| [("ka.user.name", "u"), ("ka.verb", verb)];
    let (get, delete) = (asks("get"), asks("delete"));
    let found = run(
        yaml,
        &[
            (0, "k8s_audit", &get),
            (1500, "k8s_audit", &get),
            (1600, "k8s_audit", &delete),
            (1700, "k8s_audit", &delete),
        ],
    );
    let [(2, evidence)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        evidence.first_seen.as_deref(),
        Some(&["delete".to_owned()][..])
    );
}

#[test]
fn memory_is_bounded_and_forgetting_is_counted() {
    let set = compile(SEQUENCE);
    let mut state = RuleState::new(&set);
    for container in 0..5000 {
        let id = container.to_string();
        let subject = event("execve", &[("container.id", &id), ("proc.name", "curl")]);
        set.evaluate(&subject, &mut state, &mut |_| panic!("nothing matches"));
    }
    assert_eq!(state.stats().next().unwrap().forgotten, 5000 - 4096);
}
