//! Differences between policies as a terminal shows them.

use crate::{policy_of, with_rules};
use expect_test::expect;
use yagura_policy::drift::{DriftPolicy, diff};

#[test]
fn every_sort_of_change() {
    let old = with_rules(
        r#"
    - { name: goes, action: ignore }
    - { name: stays, action: alert }
    - { name: sinks, action: alert, owner: "日本 <ops>" }
    - { name: also stays, action: alert }
    - name: changes
      action: block
      scope:
        clouds: [{ provider: aws }]
        conditions: [{ field: namespace, operator: equals, values: [a] }]
      allow: [{ process: tool }]
      expires: 2026-12-31"#,
        "ignore",
    );
    let new = with_rules(
        r#"
    - { name: stays, action: alert }
    - { name: also stays, action: alert }
    - { name: comes, action: block, kinds: [scripts], reason: "a\u202Eb", scope: { description: d } }
    - name: changes
      action: block
      observe: true
      nodes_percent: 5
      scope:
        clouds: [{ provider: aws, accounts: ["1", "2"] }]
        conditions:
          - { field: namespace, operator: equals, values: [a] }
          - { field: pod-label, key: app, operator: contains, values: ["\n"] }
      provenances: [memfd]
      allow: [{ process: tool, parent: /bin/sh, reason: needed }]
    - { name: sinks, action: alert, owner: "日本 <ops>" }"#,
        "alert",
    );
    let found = diff(&policy_of(&old), &policy_of(&new));
    expect![[r#"
        ~ default.action: ignore -> alert
        - rule 0 "goes"
        + rule 2 "comes"
            action: block
            scope.description: d
            kinds: scripts
            provenances: all
            reason: "a\U0000202eb"
        > rule "sinks" moved from 2 to 4
        ~ rule 3 "changes"
            observe: (not set) -> true
            nodes_percent: (not set) -> 5
            scope.clouds: aws -> aws ["1", "2"]
            scope.conditions: namespace equals ["a"] -> namespace equals ["a"]; pod-label app contains ["\n"]
            provenances: all -> memfd
            allow: tool -> tool under parent /bin/sh (needed)
            expires: 2026-12-31 -> (not set)
    "#]].assert_eq(&found.to_string());
}

#[test]
fn equal_policies_do_not_differ() {
    let found = diff(&DriftPolicy::built_in(), &DriftPolicy::built_in());
    assert!(found.is_empty());
    expect!["no differences\n"].assert_eq(&found.to_string());
}
