//! What is said of files that are not policies.

use crate::{policy_of, with_rules};
use expect_test::{Expect, expect};
use yagura_policy::drift::{DriftPolicy, parse, print};
use yagura_policy::{Code, limits};

/// Checks all diagnostics of a file, and that exactly errors keep it from being a policy.
#[expect(clippy::needless_pass_by_value, reason = "expect! makes values")]
fn check_bytes(text: &[u8], expected: Expect) {
    let parsed = parse("policy.yaml", text);
    let lines: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    expected.assert_eq(&lines.join("\n"));
    let errors = parsed
        .diagnostics
        .iter()
        .any(|d| d.severity == yagura_policy::Severity::Error);
    assert_eq!(parsed.policy.is_none(), errors);
}

fn check(text: &str, expected: Expect) {
    check_bytes(text.as_bytes(), expected);
}

fn check_rules(rules: &str, expected: Expect) {
    check(&with_rules(rules, "ignore"), expected);
}

#[test]
fn a_policy_in_canonical_form() {
    let policy = policy_of(
        r#"
apiVersion: yagura.dev/v1
kind: DriftPolicy
metadata: { name: production, version: 3 }
spec:
  rules:
    - name: Alert on Kube-System namespace
      action: alert                      # alert | ignore | block
      scope:
        description: cluster add-ons
        clouds:                          # left out: everywhere
          - provider: azure              # azure | aws | gcp | on-premises
            accounts: ["sub-1"]          # left out: the whole provider, later accounts included
        conditions:                      # ANDed; the values of one are ORed
          - field: namespace
            operator: equals             # starts-with | ends-with | equals | contains
            values: [kube-system]
          - field: pod-label
            key: app                     # pod-label only
            operator: starts-with
            values: [web, api]
      kinds: [binaries]                  # binaries | libraries | scripts
      allow:
        - process: dev1.exe
          parent: /usr/bin/dpkg          # optional
  default: { action: ignore }
"#,
    );
    expect![[r#"
        apiVersion: yagura.dev/v1
        kind: DriftPolicy
        metadata:
          name: production
          version: 3
        spec:
          rules:
            - name: Alert on Kube-System namespace
              action: alert
              scope:
                description: cluster add-ons
                clouds:
                  - provider: azure
                    accounts: [sub-1]
                conditions:
                  - field: namespace
                    operator: equals
                    values: [kube-system]
                  - field: pod-label
                    key: app
                    operator: starts-with
                    values: [web, api]
              kinds: [binaries]
              allow:
                - process: dev1.exe
                  parent: /usr/bin/dpkg
          default:
            action: ignore
    "#]]
    .assert_eq(&print(&policy));
}

#[test]
fn the_built_in_policy_survives_being_printed() {
    let built_in = DriftPolicy::built_in();
    assert_eq!(policy_of(&print(&built_in)), built_in);
}

#[test]
fn a_policy_needs_no_rules_and_no_default() {
    check(
        "{apiVersion: yagura.dev/v1, kind: DriftPolicy, spec: {}}",
        expect![[""]],
    );
}

#[test]
fn everything_is_reported_at_once() {
    check(
        r#"
apiVersion: yagura.dev/v2
kind: DriftPolcy
metdata: {}
metadata: { name: "", version: -1, labels: {} }
spec:
  rules:
    - name: a
      action: allert
      scop: {}
    - name: a
      action: alert
      enabled: yes
      nodes_percent: 0
      expires: tomorrow
    - action: alert
    - name: [x]
      action:
    - text
  default: { action: drop, name: x, colour: red }
"#,
        expect![[r#"
            policy.yaml:2:13: error[YP016]: "yagura.dev/v2" is no apiVersion
              hint: did you mean "yagura.dev/v1"?
            policy.yaml:3:7: error[YP016]: "DriftPolcy" is no kind
              hint: did you mean "DriftPolicy"?
            policy.yaml:4:1: error[YP013]: a policy has no field "metdata"
              hint: did you mean "metadata"?
            policy.yaml:5:19: error[YP017]: the field "name" is empty
            policy.yaml:5:32: error[YP030]: a version is a whole number from 0 to 18446744073709551615, not "-1"
            policy.yaml:5:36: error[YP013]: metadata has no field "labels"
              hint: known fields: name, version
            policy.yaml:9:15: error[YP016]: "allert" is no action
              hint: did you mean "alert"?
            policy.yaml:10:7: error[YP013]: a rule has no field "scop"
              hint: did you mean "scope"?
            policy.yaml:11:13: error[YP022]: line 8 has a rule named "a" already
              hint: give each rule a name of its own
            policy.yaml:13:16: error[YP016]: enabled is true or false, not "yes"
            policy.yaml:14:7: warning[YP104]: "nodes_percent" has no effect here: only a rule with action block has it
              hint: remove it
            policy.yaml:14:22: error[YP030]: nodes_percent is a whole number from 1 to 100, not "0"
            policy.yaml:15:16: error[YP029]: "tomorrow" is not an RFC 3339 date or date-time between the years 1678 and 2261
              hint: for example 2026-12-31 or 2026-12-31T18:00:00Z
            policy.yaml:16:7: error[YP014]: a rule needs the field "name"
              hint: for example name: Alert on web servers
            policy.yaml:17:13: error[YP015]: a rule's name must be a text, not a list
            policy.yaml:18:13: error[YP015]: action has no value
              hint: write a value behind the colon
            policy.yaml:19:7: error[YP015]: a rule must be a mapping (name: value), not a text
            policy.yaml:20:22: error[YP016]: "drop" is no action
              hint: one of alert, ignore, block
            policy.yaml:20:28: error[YP024]: the default rule takes an action alone, not "name"
              hint: put a rule at the end of the rules instead
            policy.yaml:20:37: error[YP013]: the default rule has no field "colour"
              hint: known fields: action"#]],
    );
}

#[test]
fn everything_of_a_scope_is_reported_at_once() {
    check_rules(
        r#"
    - name: a
      action: alert
      kinds: [binary]
      provenances: [image]
      scope:
        clouds:
          - { provider: Azur, account: x }
          - { provider: aws, accounts: [] }
        conditions:
          - { field: pod_label, operator: equal, values: [x] }
          - { field: pod-label, operator: equals, values: [x] }
          - { field: namespace, key: app, operator: equals, values: [] }
          - { field: namespace, operator: equals, values: [""] }
          - { field: namespace, operator: matches }
    - { name: b, action: alert, scope: { clouds: [], conditions: [] }, kinds: [], provenances: [] }"#,
        expect![[r#"
            policy.yaml:8:15: error[YP016]: "binary" is no kind
              hint: did you mean "binaries"?
            policy.yaml:9:21: error[YP016]: "image" is no provenance
              hint: one of copied, modified, package-manager, written, volume, memfd, deleted
            policy.yaml:12:25: error[YP016]: "Azur" is no provider
              hint: did you mean "azure"?
            policy.yaml:12:31: error[YP013]: a cloud has no field "account"
              hint: did you mean "accounts"?
            policy.yaml:13:40: error[YP018]: the list of accounts is empty, so the rule would never match
              hint: leave it out: the rule then covers the whole provider
            policy.yaml:15:22: error[YP016]: "pod_label" is no field
              hint: did you mean "pod-label"?
            policy.yaml:15:43: error[YP016]: "equal" is no operator
              hint: did you mean "equals"?
            policy.yaml:16:13: error[YP025]: a condition on pod-label needs the field "key"
              hint: for example key: app
            policy.yaml:17:33: error[YP026]: a condition on namespace takes no "key"
              hint: remove it, or write field: pod-label
            policy.yaml:17:69: error[YP018]: the list of values is empty, so the rule would never match
              hint: name at least one value
            policy.yaml:18:60: error[YP017]: a value is empty
            policy.yaml:19:13: error[YP014]: a condition needs the field "values"
              hint: for example values: [kube-system]
            policy.yaml:19:43: error[YP016]: "matches" is no operator
              hint: one of starts-with, ends-with, equals, contains
            policy.yaml:20:50: error[YP018]: the list of clouds is empty, so the rule would never match
              hint: leave it out: the rule then applies in every cloud
            policy.yaml:20:66: error[YP018]: the list of conditions is empty, so the rule would never match
              hint: leave it out: the rule then applies to every container
            policy.yaml:20:79: error[YP018]: the list of kinds is empty, so the rule would never match
              hint: leave it out: the rule then counts binaries
            policy.yaml:20:96: error[YP018]: the list of provenances is empty, so the rule would never match
              hint: leave it out: the rule then counts every provenance"#]],
    );
}

#[test]
fn everything_of_an_allow_list_is_reported_at_once() {
    check_rules(
        r#"
    - name: a
      action: alert
      allow:
        - process: sha256:12
        - process: SHA256:0707070707070707070707070707070707070707070707070707070707070707
        - process: bin/tool
          parent: sha256:0707070707070707070707070707070707070707070707070707070707070707
        - parent: /bin/sh
        - { process: "", ancestor: /bin/ }
        - { process: "a\0b", reason: "" }
        - tool"#,
        expect![[r#"
            policy.yaml:9:20: error[YP027]: "sha256:12" is no SHA-256 digest
              hint: write sha256: and 64 hexadecimal digits
            policy.yaml:10:20: error[YP027]: "SHA256:0707070707070707070707070707070707070707070707070707070707070707" is no SHA-256 digest
              hint: write sha256: and 64 hexadecimal digits
            policy.yaml:11:20: error[YP028]: process "bin/tool" can never match: a pattern with a slash is compared with the whole path, which begins with /
              hint: write a base name, a whole path beginning with /, or a wildcard such as */bin/tool
            policy.yaml:12:19: error[YP028]: parent is a path or name, not a digest
            policy.yaml:13:11: error[YP014]: an entry of an allow list needs the field "process"
              hint: for example process: /usr/local/bin/tool
            policy.yaml:14:22: error[YP028]: process "" can never match: a pattern can't be empty
              hint: write a base name, a whole path beginning with /, or a wildcard such as */bin/tool
            policy.yaml:14:36: error[YP028]: ancestor "/bin/" can never match: a pattern that ends in a slash names a directory, not a program
              hint: write a base name, a whole path beginning with /, or a wildcard such as */bin/tool
            policy.yaml:15:22: error[YP028]: process "a\x00b" can never match: a pattern can't hold U+0000: no path does
              hint: write a base name, a whole path beginning with /, or a wildcard such as */bin/tool
            policy.yaml:16:11: error[YP015]: an entry of an allow list must be a mapping (name: value), not a text"#]],
    );
}

#[test]
fn the_default_rule_stays_where_it_is() {
    check_rules(
        r#"
    - name: Default binary drift rule
      action: alert"#,
        expect![[r#"
            policy.yaml:6:13: error[YP023]: the default rule is always last and does not stand among the rules
              hint: set its action under spec.default.action, or give this rule another name"#]],
    );
    check(
        r#"
apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  default:
    name: Default binary drift rule
    action: alert
    scope: { conditions: [{ field: namespace, operator: equals, values: [a] }] }
    enabled: false
"#,
        expect![[r#"
            policy.yaml:6:5: error[YP024]: the default rule takes an action alone, not "name"
              hint: put a rule at the end of the rules instead
            policy.yaml:8:5: error[YP024]: the default rule takes an action alone, not "scope"
              hint: put a rule at the end of the rules instead
            policy.yaml:9:5: error[YP024]: the default rule takes an action alone, not "enabled"
              hint: put a rule at the end of the rules instead"#]],
    );
}

#[test]
fn names_can_be_told_apart() {
    check_rules(
        &format!(
            r#"
    - {{ name: "bell\a", action: ignore, scope: {{ description: "ok\n" }} }}
    - {{ name: "right-to-left \u202E", action: ignore, owner: "\0" }}
    - {{ name: " space", action: ignore, reason: "\e[2J" }}
    - {{ name: "{}", action: ignore }}
    - {{ name: "日本語 \\ is fine", action: ignore }}"#,
            "x".repeat(129)
        ),
        expect![[r#"
            policy.yaml:6:15: error[YP021]: a rule's name holds the character U+0007
            policy.yaml:7:15: error[YP021]: a rule's name holds the character U+202E
            policy.yaml:7:62: error[YP021]: the field "owner" holds the character U+0000
            policy.yaml:8:15: error[YP021]: a rule's name begins or ends with a space
            policy.yaml:8:49: error[YP021]: the field "reason" holds the character U+001B
            policy.yaml:9:15: error[YP019]: a rule's name is longer than 128 characters"#]],
    );
}

#[test]
fn what_is_allowed_but_doubtful_is_a_warning() {
    check_rules(
        r#"
    - name: ignores all
      action: ignore
      kinds: [binaries, libraries, libraries]
      allow: [{ process: x }]
      observe: true
    - name: blocks all
      action: block
      scope: { description: nothing else }
    - name: scripts still get here
      action: alert
      kinds: [binaries, scripts]
      scope: { conditions: [{ field: namespace, operator: equals, values: [a, b, a] }] }
    - name: never
      action: alert
      nodes_percent: 50
      kinds: [libraries]"#,
        expect![[r#"
            policy.yaml:8:36: warning[YP103]: "libraries" stands in this list already
              hint: remove it
            policy.yaml:9:7: warning[YP104]: "allow" has no effect here: the rule ignores everything that it covers
              hint: remove it
            policy.yaml:10:7: warning[YP104]: "observe" has no effect here: only a rule with action block has it
              hint: remove it
            policy.yaml:11:7: warning[YP101]: this rule blocks drift in every container that no earlier rule covers
              hint: give it a scope, or begin with action alert
            policy.yaml:11:7: warning[YP102]: rule "blocks all" never decides: "ignores all" applies everywhere and stands before it
              hint: move it up, or give the earlier rule a scope
            policy.yaml:17:82: warning[YP103]: "a" stands in this list already
              hint: remove it
            policy.yaml:18:7: warning[YP102]: rule "never" never decides: "ignores all" applies everywhere and stands before it
              hint: move it up, or give the earlier rule a scope
            policy.yaml:20:7: warning[YP104]: "nodes_percent" has no effect here: only a rule with action block has it
              hint: remove it"#]],
    );
    check(
        &with_rules("    []", "block"),
        expect![[r#"
            policy.yaml:6:22: warning[YP101]: the default rule blocks drift in every container that no earlier rule covers
              hint: add a rule with a scope, or begin with action alert"#]],
    );
}

#[test]
fn rules_that_expire_or_are_off_shadow_nothing() {
    check_rules(
        r#"
    - { name: expires, action: ignore, expires: 2030-01-01 }
    - { name: off, action: ignore, enabled: false }
    - { name: some, action: ignore, provenances: [memfd] }
    - { name: decides, action: alert }"#,
        expect![[""]],
    );
}

#[test]
fn yaml_that_could_hide_something_is_refused() {
    check(
        r#"
apiVersion: &version yagura.dev/v1
kind: !!str DriftPolicy
spec:
  rules:
    - name: *version
      action: alert
      name: twice
      ? [a, b]
      : c
  <<: {}
---
kind: another
"#,
        expect![[r#"
            policy.yaml:2:13: error[YP007]: anchors are not read
              hint: write the value out wherever it is needed
            policy.yaml:3:7: error[YP008]: the tag "tag:yaml.org,2002:!str" is not read
              hint: remove it
            policy.yaml:6:13: error[YP007]: aliases are not read
              hint: write the value out
            policy.yaml:8:7: error[YP012]: "name" stands twice in this mapping
              hint: remove one of them
            policy.yaml:9:9: error[YP011]: a key is a text
            policy.yaml:11:3: error[YP013]: spec has no field "<<"
              hint: known fields: rules, default
            policy.yaml:12:1: error[YP009]: a second document begins here
              hint: a file holds one policy: remove the line ---"#]],
    );
}

#[test]
fn syntax_errors_do_not_hide_what_stands_before_them() {
    check(
        "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n    - name: a\n      acton: alert\n    - name: [\n",
        expect![[r#"
            policy.yaml:6:7: error[YP013]: a rule has no field "acton"
              hint: did you mean "action"?
            policy.yaml:7:13: error[YP015]: a rule's name must be a text, not a list
            policy.yaml:8:1: error[YP004]: not YAML: while parsing a node, did not find expected node content"#]],
    );
    check(
        "a: b: c",
        expect![[r#"
        policy.yaml:1:1: error[YP013]: a policy has no field "a"
          hint: known fields: apiVersion, kind, metadata, spec
        policy.yaml:1:5: error[YP004]: not YAML: mapping values are not allowed in this context"#]],
    );
    check(
        "\t- x",
        expect![
            "policy.yaml:1:2: error[YP015]: a policy must be a mapping (name: value), not a list"
        ],
    );
}

#[test]
fn files_without_a_policy() {
    check(
        "",
        expect!["policy.yaml:1:1: error[YP010]: the file holds no policy"],
    );
    check(
        "# nothing but a comment\n",
        expect!["policy.yaml:1:1: error[YP010]: the file holds no policy"],
    );
    check(
        "- a\n- b\n",
        expect![
            "policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not a list"
        ],
    );
    check(
        "just text",
        expect![
            "policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not a text"
        ],
    );
    check(
        "~",
        expect![
            "policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not nothing"
        ],
    );
}

#[test]
fn bytes_that_are_no_text() {
    check_bytes(
        b"\xef\xbb\xbfapiVersion: yagura.dev/v1\r\nkind: DriftPolicy\r\nspec: # \xc3\xa9\xff\xfe\r\n  default: { action: \x00 }\n",
        expect![[r#"
            policy.yaml:3:10: error[YP002]: not UTF-8: byte 0xff
              hint: save the file as UTF-8
            policy.yaml:3:11: error[YP002]: not UTF-8: byte 0xfe
              hint: save the file as UTF-8
            policy.yaml:4:22: error[YP003]: control character U+0000
              hint: write it as an escape in a text in double quotes
            policy.yaml:4:22: error[YP016]: "�" is no action
              hint: one of alert, ignore, block"#]],
    );
    check_bytes(
        &[0xff; 3],
        expect![[r#"
        policy.yaml:1:1: error[YP002]: not UTF-8: byte 0xff
          hint: save the file as UTF-8
        policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not a text
        policy.yaml:1:2: error[YP002]: not UTF-8: byte 0xff
          hint: save the file as UTF-8
        policy.yaml:1:3: error[YP002]: not UTF-8: byte 0xff
          hint: save the file as UTF-8"#]],
    );
}

#[test]
fn columns_count_characters() {
    check_rules(
        r#"
    - { name: "日本語", colour: red, action: alert }"#,
        expect![[r#"
            policy.yaml:6:22: error[YP013]: a rule has no field "colour"
              hint: known fields: name, action, enabled, scope, kinds, provenances, allow, owner, reason, expires, observe, nodes_percent"#]],
    );
}

#[test]
fn files_that_are_too_much() {
    check_bytes(
        &vec![b'a'; 10_000_000],
        expect![[r#"
        policy.yaml:1:1: error[YP001]: the file has 10000000 bytes, at most 1048576 are read
          hint: name many values in one condition, or use starts-with and wildcards"#]],
    );
    check(
        &"[".repeat(100),
        expect![[r#"
        policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not a list
        policy.yaml:1:25: error[YP005]: nested more than 24 levels deep"#]],
    );
    check(
        &"- ".repeat(100),
        expect![[r#"
        policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not a list
        policy.yaml:1:49: error[YP005]: nested more than 24 levels deep"#]],
    );
    check(
        &format!("[{}]", "a,".repeat(limits::NODES_MAX)),
        expect![[r#"
            policy.yaml:1:1: error[YP015]: a policy must be a mapping (name: value), not a list
            policy.yaml:1:400000: error[YP006]: more than 200000 values in one file"#]],
    );
    let rules = "    - {name: a, action: alert}\n".repeat(limits::RULES_MAX + 1);
    check_rules(
        &rules,
        expect![
            "policy.yaml:5:5: error[YP020]: the list of rules has 10001 entries, at most 10000"
        ],
    );
}

#[test]
fn a_flood_of_problems_is_cut() {
    let rules = "    - {}\n".repeat(1_000);
    let parsed = parse("f", with_rules(&rules, "ignore").as_bytes());
    assert!(parsed.policy.is_none());
    assert_eq!(parsed.diagnostics.len(), limits::DIAGNOSTICS_MAX + 1);
    let last = parsed.diagnostics.last().map(|d| d.code);
    assert_eq!(last, Some(Code::MoreErrors));
}

#[test]
fn a_flood_of_warnings_hides_no_error_and_makes_none() {
    let warned =
        |n| format!("    - {{ name: r{n}, action: alert, observe: true, kinds: [scripts] }}\n");
    let mut rules: String = (0..600).map(warned).collect();
    let parsed = parse("f", with_rules(&rules, "ignore").as_bytes());
    assert!(parsed.policy.is_some());
    let last = parsed.diagnostics.last().map(|d| d.code);
    assert_eq!(last, Some(Code::MoreWarnings));

    rules.push_str("    - { name: last, action: drop }\n");
    let parsed = parse("f", with_rules(&rules, "ignore").as_bytes());
    assert!(parsed.policy.is_none());
    assert!(
        parsed
            .diagnostics
            .iter()
            .any(|d| d.code == Code::UnknownValue)
    );
}

#[test]
fn as_many_rules_as_are_allowed() {
    let rules: String = (0..limits::RULES_MAX)
        .map(|n| format!("    - {{name: r{n}, action: alert, provenances: [memfd], scope: {{clouds: [{{provider: aws}}]}}}}\n"))
        .collect();
    let policy = policy_of(&with_rules(&rules, "ignore"));
    assert_eq!(policy.rules().len(), limits::RULES_MAX);
}

#[test]
fn hostile_file_names_are_escaped() {
    let found = parse("a\u{1b}[2J\nb.yaml", b"").diagnostics;
    let shown = found.first().map(ToString::to_string).unwrap_or_default();
    assert!(
        shown.starts_with("a\\x1b[2J\\nb.yaml:1:1: error[YP010]"),
        "{shown}"
    );
}

const REFERENCE: &str = include_str!("../../../docs/reference/drift-policy.md");

#[test]
fn the_example_of_the_reference_is_a_policy_without_warnings() {
    let after = REFERENCE.split("```yaml").nth(1);
    let example = after.and_then(|rest| rest.split("```").next());
    check(example.unwrap_or_default(), expect![[""]]);
}

#[test]
fn every_code_is_documented() {
    let documented = [REFERENCE, crate::defence::REFERENCE].concat();
    for code in Code::ALL {
        let row = format!("| {code} |");
        assert!(documented.contains(&row), "{code} is not in the reference");
    }
}
