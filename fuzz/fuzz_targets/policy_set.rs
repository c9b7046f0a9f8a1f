//! Feeds `yagura_policy::set::parse`: any bytes give policies or errors, policies survive being printed, and the row that
//! is compiled of them never denies what they would not.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_event::{Behaviour, CellAction, Container, Denied, EnforcementRow, Node, WallTime};
use yagura_policy::compile::Lack;
use yagura_policy::defence::{DefenceSubject, decide, explain};
use yagura_policy::set::{diff, parse, print};
use yagura_policy::{ContainerFacts, PolicySet, RowQuestion, Severity, compile, decide_row};

fuzz_target!(|bytes: &[u8]| {
    let parsed = parse("fuzz", bytes);
    let errors = parsed
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .count();
    assert_eq!(parsed.set.is_none(), errors > 0);
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.line > 0 && diagnostic.column > 0);
        let text = diagnostic.to_string();
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    }
    let Some(set) = parsed.set else {
        return;
    };

    let printed = print(&set);
    let again = parse("printed", printed.as_bytes()).set;
    assert_eq!(again.as_ref(), Some(&set), "{printed}");
    assert!(diff(&set, &set).is_empty());

    let container = Container::default();
    for container in [None, Some(&container)] {
        check_row(&set, container);
    }
});

/// Compares the row with the rules, for every behaviour of one process.
fn check_row(set: &PolicySet, container: Option<&Container>) {
    const PROGRAM: &[u8] = b"/tmp/dropped";
    const FILE: &[u8] = b"/proc/sys/kernel/core_pattern";
    let node = Node::default();
    let now = WallTime(0);
    let facts = ContainerFacts {
        container,
        now,
        blown_fuses: &[],
    };
    let compiled = compile(set, &facts, &node);
    assert!(compiled.row.defence.len() <= EnforcementRow::SLOTS_MAX);
    let lacks_entries = compiled
        .gaps
        .iter()
        .any(|gap| matches!(gap.lack, Lack::LongText { .. } | Lack::Entries { .. }));
    for behaviour in Behaviour::ALL.iter().copied() {
        let subject = DefenceSubject {
            node: &node,
            container,
            behaviour,
            program: Some(PROGRAM),
            parent: Some(PROGRAM),
            ancestors: Some(&[PROGRAM]),
            file: Some(FILE),
            now,
        };
        let decision = decide(set.defence(), &subject);
        assert_eq!(explain(set.defence(), &subject).decision, decision);
        let question = RowQuestion {
            what: Denied::Behaviour(behaviour),
            program: Some(PROGRAM),
            parent: Some(PROGRAM),
            ancestors: &[PROGRAM],
            file: Some(FILE),
        };
        let row = decide_row(&compiled.row, &question);
        if row.action == CellAction::Deny && !lacks_entries {
            assert_eq!(
                decision.action,
                CellAction::Deny,
                "{printed}",
                printed = print(set)
            );
        }
    }
}
