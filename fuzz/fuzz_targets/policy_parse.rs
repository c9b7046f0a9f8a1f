//! Feeds `yagura_policy::drift::parse`: any bytes give a policy or an error, and a policy survives being printed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use yagura_event::{Container, DriftKind, Node, Provenance, WallTime};
use yagura_policy::drift::{decide, diff, explain, parse, print};
use yagura_policy::{Severity, Subject};

fuzz_target!(|bytes: &[u8]| {
    let parsed = parse("fuzz", bytes);
    let errors = parsed
        .diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .count();
    assert_eq!(parsed.policy.is_none(), errors > 0);
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.line > 0 && diagnostic.column > 0);
        assert!(
            diagnostic
                .to_string()
                .chars()
                .all(|c| c == '\n' || !c.is_control())
        );
    }
    let Some(policy) = parsed.policy else {
        return;
    };

    let printed = print(&policy);
    let again = parse("printed", printed.as_bytes()).policy;
    assert_eq!(again.as_ref(), Some(&policy), "{printed}");
    assert!(diff(&policy, &policy).is_empty());

    let node = Node::default();
    let container = Container::default();
    for container in [None, Some(&container)] {
        let subject = Subject {
            node: &node,
            container,
            kind: DriftKind::Binaries,
            provenance: Provenance::Written,
            path: b"/tmp/dropped",
            sha256: None,
            parent: None,
            ancestors: None,
            now: WallTime(0),
        };
        assert_eq!(
            explain(&policy, &subject).decision,
            decide(&policy, &subject)
        );
    }
});
