//! What a container does, as rules name it.

use crate::scene::Scene;
use yagura_event::{Behaviour, BehaviourSet, DefenceSlot, DenialOutcome, Denied, EnforcementRow};
use yagura_rehearsal::RootKind;

pub(super) const CASES: &[crate::Case] = &[
    (
        "denied_behaviours_come_to_nothing",
        denied_behaviours_come_to_nothing,
    ),
    ("ordinary_work_is_none", ordinary_work_is_none),
];

/// Said by a script whose act was let happen.
const DONE: &str = "it-was-done";
/// Acts without lasting effect, each by its script.
const ACTS: &[(Behaviour, &str)] = &[
    (
        Behaviour::CorePattern,
        "exec 3>>/proc/sys/kernel/core_pattern",
    ),
    (
        Behaviour::KernelSettings,
        "exec 3>>/proc/sys/net/ipv4/ip_forward",
    ),
    (
        Behaviour::NamespaceCreation,
        "exec unshare -m /bin/echo it-was-done",
    ),
    (
        Behaviour::NamespaceCreation,
        "exec unshare -U /bin/echo it-was-done",
    ),
];

fn row(deny: BehaviourSet, watch: BehaviourSet) -> EnforcementRow {
    EnforcementRow {
        defence: vec![DefenceSlot {
            rule: 9,
            deny,
            watch,
            allow: Vec::new(),
        }],
        ..EnforcementRow::default()
    }
}

fn denied_behaviours_come_to_nothing() {
    for (behaviour, script) in ACTS {
        let deny = [*behaviour].into_iter().collect();
        let scene = Scene::begin(RootKind::Overlay, &row(deny, BehaviourSet::EMPTY));
        let output = scene.shell(&format!("{script}; echo {DONE}"));
        let is_done = String::from_utf8_lossy(&output.stdout).contains(DONE);
        let denial = scene.denied();
        assert_eq!(denial.denied, Denied::Behaviour(*behaviour));
        assert_eq!(denial.rule, 9);
        assert_ne!(denial.outcome, DenialOutcome::Watched);
        // Refused, a shell may go on; killed, it may not.
        let may_go_on = denial.outcome == DenialOutcome::Blocked;
        assert!(!is_done || may_go_on, "{script}: {output:?}");
        scene.end();
    }
}

fn ordinary_work_is_none() {
    let all: BehaviourSet = Behaviour::ALL.iter().copied().collect();
    let scene = Scene::begin(RootKind::Overlay, &row(BehaviourSet::EMPTY, all));
    let script = "id; ls -la / /proc/self /usr/bin > /dev/null; cat /etc/passwd; \
                  echo x > /tmp/file; chmod 600 /tmp/file; mv /tmp/file /tmp/other; \
                  (sleep 0.01 & wait); tar cf /tmp/a.tar /tmp/other; head -c 9 /proc/cpuinfo";
    let output = scene.shell(script);
    let told: Vec<_> = scene
        .denials()
        .into_iter()
        .map(|event| event.denied)
        .collect();
    assert!(output.succeeded() && told.is_empty(), "{output:?} {told:?}");
    scene.end();
}
