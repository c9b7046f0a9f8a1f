//! Explanations as a terminal shows them.

use crate::cases::Case;
use crate::{policy_of, with_rules};
use expect_test::{Expect, expect};
use yagura_policy::drift::explain;

#[expect(clippy::needless_pass_by_value, reason = "expect! makes values")]
fn check(rules: &str, facts: &str, expected: Expect) {
    let policy = policy_of(&with_rules(rules, "ignore"));
    let shown = Case::of(facts).ask(|subject| explain(&policy, subject).to_string());
    expected.assert_eq(&shown);
}

const RULES: &str = r#"
    - name: off
      enabled: false
      action: ignore
    - name: expired
      action: ignore
      expires: 1969-12-31
    - name: libraries alone
      action: ignore
      kinds: [libraries, scripts]
    - name: packages alone
      action: ignore
      provenances: [package-manager, copied]
    - name: cloud
      action: ignore
      scope: { clouds: [{ provider: azure, accounts: [sub-1] }, { provider: gcp }] }
    - name: no namespace
      action: ignore
      scope: { conditions: [{ field: namespace, operator: equals, values: [a] }] }
    - name: other label
      action: ignore
      scope:
        conditions:
          - { field: container-name, operator: starts-with, values: [we] }
          - { field: pod-label, key: app, operator: contains, values: [x, y] }
    - name: cluster
      action: block
      scope: { conditions: [{ field: cluster-name, operator: equals, values: [prod] }] }
    - name: decides
      action: alert
      scope: { conditions: [{ field: container-name, operator: ends-with, values: [db, eb] }] }
      allow:
        - process: sha256:0707070707070707070707070707070707070707070707070707070707070707
        - process: tool
          parent: /bin/sh
"#;

#[test]
fn each_rule_says_why_it_does_not_match() {
    check(
        RULES,
        "container=web namespace=b label.app=\u{1b}[2J cloud=aws/1 process=/tmp/tool",
        expect![[r#"
            alert: decided by rule 8 "decides"
              not known: the cluster's name is not configured
               0  off (ignore): it is not enabled
               1  expired (ignore): it expired: 1969-12-31
               2  libraries alone (ignore): it counts libraries, scripts, and this is a binary
               3  packages alone (ignore): it counts the provenances copied, package-manager, and this is written
               4  cloud (ignore): the node is in aws "1", not in azure ["sub-1"], gcp
               5  no namespace (ignore): condition 1 does not hold: namespace equals ["a"], but it is "b"
               6  other label (ignore): condition 2 does not hold: pod-label app contains ["x", "y"], but it is "\x1b[2J"
               7  cluster (block): it may apply, but the cluster's name is not configured
               8  decides (alert): its conditions hold: container-name is "web" (ends-with "eb")
                  allow entry 1: the SHA-256 of the file is unknown
                  allow entry 2: the parent process is unknown
        "#]],
    );
}

#[test]
fn an_allowed_program_names_its_entry() {
    check(
        RULES,
        "container=web cloud=aws/1 cluster=test process=/tmp/tool parent=/bin/sh sha256=1",
        expect![[r#"
            allowed: decided by rule 8 "decides"
              on its allow list: tool under parent /bin/sh
               0  off (ignore): it is not enabled
               1  expired (ignore): it expired: 1969-12-31
               2  libraries alone (ignore): it counts libraries, scripts, and this is a binary
               3  packages alone (ignore): it counts the provenances copied, package-manager, and this is written
               4  cloud (ignore): the node is in aws "1", not in azure ["sub-1"], gcp
               5  no namespace (ignore): condition 1 does not hold: namespace equals ["a"], but there is none
               6  other label (ignore): condition 2 does not hold: pod-label app contains ["x", "y"], but there is none
               7  cluster (block): condition 1 does not hold: cluster-name equals ["prod"], but it is "test"
               8  decides (alert): its conditions hold: container-name is "web" (ends-with "eb")
        "#]],
    );
}

#[test]
fn a_possible_rule_decides_when_nothing_else_reports() {
    check(
        RULES,
        "container=x cloud=aws process=/tmp/tool",
        expect![[r#"
            alert: decided by rule 7 "cluster"
              since it may apply and no later rule reports
              not known: the cluster's name is not configured
               0  off (ignore): it is not enabled
               1  expired (ignore): it expired: 1969-12-31
               2  libraries alone (ignore): it counts libraries, scripts, and this is a binary
               3  packages alone (ignore): it counts the provenances copied, package-manager, and this is written
               4  cloud (ignore): the node is in aws, not in azure ["sub-1"], gcp
               5  no namespace (ignore): condition 1 does not hold: namespace equals ["a"], but there is none
               6  other label (ignore): condition 1 does not hold: container-name starts-with ["we"], but it is "x"
               7  cluster (block): it may apply, but the cluster's name is not configured
               8  decides (alert): condition 1 does not hold: container-name ends-with ["db", "eb"], but it is "x"
               9  Default binary drift rule (ignore): it applies here without conditions
        "#]],
    );
}
