//! What callers send comes back as it was sent, and its problems are found where they are.

use super::*;
use crate::http::dto::policy::DriftPolicyBody;
use serde_json::json;

fn drift(rules: &Value) -> DriftPolicyDraft {
    let body = json!({ "rules": rules, "default_action": "ignore" });
    DriftPolicyDraft {
        policy: Some(serde_json::from_value(body).unwrap()),
        ..DriftPolicyDraft::default()
    }
}

#[test]
fn a_drift_policy_survives_being_written_and_read() {
    let draft = drift(&json!([
        { "name": "日本 \"quoted\": {x}", "action": "block", "observe": true, "nodes_percent": 20,
          "kinds": ["binaries", "scripts"], "provenances": ["written", "memfd"],
          "scope": { "description": "d", "clouds": [{"provider": "aws", "accounts": ["1"]}, {"provider": "azure"}],
            "conditions": [{"field": "pod-label", "key": "app", "operator": "contains", "values": ["a", "b: c"]}] },
          "allow": [{"process": "*.so", "parent": "/usr/bin/dpkg", "reason": "r"}],
          "owner": "o", "reason": "r", "expires": "2199-01-01" },
        { "name": "second", "action": "alert", "enabled": false },
    ]));
    let (policy, _) = read_drift(&draft).unwrap().usable().unwrap();
    let shown = drift_body(&policy);
    let again = DriftPolicyDraft {
        yaml: Some(drift::print(&policy)),
        ..DriftPolicyDraft::default()
    };
    let (again, _) = read_drift(&again).unwrap().usable().unwrap();
    assert_eq!(policy, again);
    let asked = draft.policy.unwrap();
    assert_eq!(shown.rules[0].scope, asked.rules[0].scope);
    assert_eq!(shown.rules[0].allow, asked.rules[0].allow);
    assert_eq!(shown.rules[0].name, asked.rules[0].name);
    assert!(!shown.rules[1].enabled);
}

#[test]
fn diagnostics_name_the_rule() {
    let draft = drift(&json!([
        { "name": "fine", "action": "alert" },
        { "name": "broken", "action": "explode" },
    ]));
    let read = read_drift(&draft).unwrap();
    assert!(read.policy.is_none());
    assert_eq!(read.diagnostics[0].rule, Some(1), "{:?}", read.diagnostics);
    assert_eq!(read.diagnostics[0].line, 0);
}

#[test]
fn defence_rules_survive_being_written_and_read() {
    let body = json!({
        "rules": [
            { "name": "one", "action": "block", "observe": true,
              "process": {"mode": "except", "behaviours": ["privilege-gain"]},
              "file": {"mode": "all"}, "syscall": {"mode": "only", "behaviours": ["mount", "bpf"]},
              "allow": [{"process": "/bin/x", "file": "/proc/sys/net/*", "behaviours": ["kernel-settings"]}],
              "fuse": {"enabled": true, "restarts": 5, "within": "15m"} },
            { "name": "two", "action": "alert", "process": {"mode": "none"}, "file": {"mode": "all"},
              "syscall": {"mode": "none"} },
        ],
        "image_rules": [{ "name": "old", "action": "alert", "scan_older_than": "30d" }],
    });
    let draft = DefencePolicyDraft {
        policy: Some(serde_json::from_value(body).unwrap()),
        ..DefencePolicyDraft::default()
    };
    let (set, _) = read_defence(&draft).unwrap().usable().unwrap();
    let shown = defence_body(&set);
    let asked = draft.policy.unwrap();
    assert_eq!(shown, asked);
    let broken = DefencePolicyDraft {
        policy: Some(DefencePolicyBodyWith::action(asked, 1, "explode")),
        ..DefencePolicyDraft::default()
    };
    let read = read_defence(&broken).unwrap();
    assert_eq!(read.diagnostics[0].rule, Some(1), "{:?}", read.diagnostics);
}

struct DefencePolicyBodyWith;

impl DefencePolicyBodyWith {
    fn action(
        mut body: crate::http::dto::policy::DefencePolicyBody,
        rule: usize,
        action: &str,
    ) -> crate::http::dto::policy::DefencePolicyBody {
        body.rules[rule].action = action.to_owned();
        body
    }
}

#[test]
fn a_text_can_not_leave_its_place() {
    for name in [
        "x\n  default: {action: block}",
        "}\u{85}",
        "a\\",
        "\u{0}",
        "#",
        "- a",
        "? x",
        "%",
    ] {
        let body = DriftPolicyBody {
            rules: vec![serde_json::from_value(json!({"name": name, "action": "alert"})).unwrap()],
            default_action: "ignore".to_owned(),
        };
        let draft = DriftPolicyDraft {
            policy: Some(body),
            ..DriftPolicyDraft::default()
        };
        let read = read_drift(&draft).unwrap();
        if let Some(policy) = read.policy {
            assert_eq!(policy.rules()[0].name, name);
            assert_eq!(policy.default_action().as_str(), "ignore");
        }
    }
}

#[test]
fn no_defence_rules_are_a_policy() {
    let draft = DefencePolicyDraft {
        policy: Some(crate::http::dto::policy::DefencePolicyBody::default()),
        ..DefencePolicyDraft::default()
    };
    let (set, _) = read_defence(&draft).unwrap().usable().unwrap();
    assert!(set.defence().is_empty());
}
