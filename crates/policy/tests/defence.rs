//! Defence rules and rules on images: what is said of files, what is decided, and what comes of it in rows.

use expect_test::{Expect, expect};
use yagura_event::{Behaviour, CellAction, Container, Denied, Node, WallTime};
use yagura_policy::at_risk::{ImageAction, ImageScan, ImageSubject, decide_image};
use yagura_policy::defence::{self, DefenceSubject, Fuse};
use yagura_policy::set::{self, RuleKind, parse, parse_all, print};
use yagura_policy::{ContainerFacts, PolicySet, RowQuestion, Severity, compile, decide_row};

/// The description of the format.
pub(crate) const REFERENCE: &str = include_str!("../../../docs/reference/defence-rule.md");

fn shown(files: &[(&str, &[u8])]) -> String {
    let parsed = parse_all(files);
    let errors = parsed
        .diagnostics
        .iter()
        .any(|d| d.severity == Severity::Error);
    assert_eq!(parsed.set.is_none(), errors);
    let lines: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[expect(clippy::needless_pass_by_value, reason = "expect! makes values")]
pub(crate) fn check(text: &str, expected: Expect) {
    expected.assert_eq(&shown(&[("rules.yaml", text.as_bytes())]));
}

/// A defence rule with this specification, in one line each.
fn rule(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: yagura.dev/v1\nkind: DefenceRule\nmetadata: {{ name: {name} }}\nspec:\n{spec}\n"
    )
}

pub(crate) fn set_of(text: &str) -> PolicySet {
    let parsed = parse("rules.yaml", text.as_bytes());
    let shown: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    parsed.set.unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

#[test]
fn the_example_of_the_reference_has_no_problems() {
    let after = REFERENCE.split("```yaml").nth(1);
    let example = after.and_then(|rest| rest.split("```").next());
    check(example.unwrap_or_default(), expect![[""]]);
}

#[test]
fn the_reference_names_every_behaviour() {
    for behaviour in Behaviour::ALL {
        assert!(
            REFERENCE.contains(&format!("| `{behaviour}` |")),
            "{behaviour}"
        );
    }
}

pub(crate) fn container(image: &str) -> Container {
    Container {
        name: "c".to_owned(),
        image: image.to_owned(),
        ..Container::default()
    }
}

pub(crate) fn compiled(set: &PolicySet, container: &Container) -> yagura_policy::Compiled {
    let facts = ContainerFacts {
        container: Some(container),
        now: WallTime(0),
        blown_fuses: &[],
    };
    compile(set, &facts, &Node::default())
}

#[test]
fn empty_documents_around_rules_are_none() {
    let one = rule(
        "a",
        "  action: alert\n  behaviours: { file: [core-pattern] }",
    );
    for text in [format!("---\n{one}---\n"), format!("---\n---\n{one}")] {
        assert_eq!(set_of(&text).defence().len(), 1, "{text}");
    }
    check(
        &format!("{one}---\n~\n"),
        expect![
            "rules.yaml:8:1: error[YP015]: a policy must be a mapping (name: value), not nothing"
        ],
    );
}

#[test]
fn every_problem_of_a_rule_is_told_at_once() {
    check(
        &rule(
            "a",
            r#"  action: blok
  observ: true
  nodes_percent: 0
  behaviours:
    process: everything
    file: [core-patern, mount]
    syscall: { except: [] }
  allow:
    - behaviours: [mount]
    - process: bin/tool
      image: ""
  fuse: { restarts: 0, within: 2d }"#,
        ),
        expect![[r#"
            rules.yaml:5:11: error[YP016]: "blok" is no action
              hint: did you mean "block"?
            rules.yaml:6:3: error[YP013]: a defence rule has no field "observ"
              hint: did you mean "observe"?
            rules.yaml:7:18: error[YP030]: nodes_percent is a whole number from 1 to 100, not "0"
            rules.yaml:9:14: error[YP016]: "everything" is neither "all" nor a list of behaviours
              hint: write all, a list in [ ], or { except: [ ] }
            rules.yaml:10:12: error[YP016]: "core-patern" is no behaviour of dimension file
              hint: did you mean "core-pattern"?
            rules.yaml:10:25: error[YP016]: "mount" is no behaviour of dimension file
              hint: it belongs under syscall
            rules.yaml:11:24: error[YP018]: the list of behaviours is empty, so the rule would never match
              hint: name at least one behaviour, or leave the list out
            rules.yaml:13:7: error[YP033]: the entry names no process, parent, ancestor, file or image, so it would let everything through
              hint: name what may do it, or take the behaviours out of the rule
            rules.yaml:14:16: error[YP028]: a process "bin/tool" can never match: a pattern with a slash is compared with the whole path, which begins with /
              hint: write a base name, a whole path beginning with /, or a wildcard such as */bin/tool
            rules.yaml:15:14: error[YP028]: image "" can never match: a pattern can't be empty
              hint: write a whole reference, such as docker.io/library/nginx:*
            rules.yaml:16:21: error[YP030]: restarts is a whole number from 1 to 100, not "0"
            rules.yaml:16:32: error[YP031]: within is from 1s to 1d, not "2d""#]],
    );
}

#[test]
fn what_would_do_nothing_or_everything_is_refused() {
    check(
        &format!(
            "{}---\n{}---\n{}",
            rule("a", "  action: block\n  behaviours: {}"),
            rule(
                "b",
                "  action: alert\n  behaviours: { file: all }\n  fuse: off\n  allow: [{ reason: x }]"
            ),
            "apiVersion: yagura.dev/v1\nkind: AtRiskImageRule\nmetadata: { name: c }\nspec: { action: block }\n",
        ),
        expect![[r#"
            rules.yaml:6:15: error[YP032]: the rule covers no behaviour, so it would never do anything
              hint: for example behaviours: { file: all }
            rules.yaml:14:3: warning[YP104]: "fuse" has no effect here: only a rule with action block has it
              hint: remove it
            rules.yaml:15:11: error[YP033]: the entry names no process, parent, ancestor, file or image, so it would let everything through
              hint: name what may do it, or take the behaviours out of the rule
            rules.yaml:20:7: error[YP035]: the rule says of no image that it is at risk, so it would never match
              hint: give it images, digests or scan_older_than"#]],
    );
}

#[test]
fn problems_across_files_name_both_places() {
    let drift = "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec: {}\n";
    let first = format!(
        "{drift}---\n{}",
        rule("same", "  action: alert\n  behaviours: { file: all }")
    );
    let second = format!(
        "{}---\n{drift}---\nkind: Other\n",
        rule("same", "  action: alert\n  behaviours: { file: all }")
    );
    let shown = shown(&[("a.yaml", first.as_bytes()), ("b.yaml", second.as_bytes())]);
    expect![[r#"
        b.yaml:3:19: error[YP022]: "a.yaml":7 has a rule named "same" already
          hint: give each rule a name of its own
        b.yaml:8:1: error[YP034]: there is a drift policy already; only one can be in force
          hint: put the rules into one policy, in the order in which they are to be asked
        b.yaml:12:7: error[YP016]: "Other" is no kind of policy
          hint: one of DriftPolicy, DefenceRule, AtRiskImageRule"#]]
    .assert_eq(&shown);
}

#[test]
fn rules_that_ought_to_be_confirmed_are_warned_of() {
    let scope = |field, value| {
        format!(
            "  scope: {{ conditions: [{{ field: {field}, operator: starts-with, values: [{value}] }}] }}"
        )
    };
    let block = "  action: block\n  behaviours: { file: all }";
    let long = format!("/{}", "x".repeat(127));
    let text = [
        rule("everywhere", block),
        rule("platform", &format!("{block}\n{}", scope("image-name", "docker.io/"))),
        rule("sensor", &format!("{block}\n{}", scope("namespace", "yagura"))),
        rule("excused", &format!("{block}\n{}\n  allow: [{{ image: '*/yagura:*' }}]", scope("namespace", "yagura"))),
        rule(
            "entries",
            &format!("{block}\n{}\n  allow: [{{ process: {long} }}, {{ process: a, expires: 2040-01-01 }}]", scope("namespace", "web")),
        ),
        "apiVersion: yagura.dev/v1\nkind: AtRiskImageRule\nmetadata: { name: c }\nspec: { action: block, images: ['*pause*'] }\n".to_owned(),
    ]
    .join("---\n");
    check(
        &text,
        expect![[r#"
        rules.yaml:1:1: warning[YP101]: this rule blocks in every container
          hint: give it a scope, or begin with observe: true
        rules.yaml:8:1: warning[YP105]: this rule blocks in containers that nodes depend on: a kubelet in a container (kind) (docker.io/kindest/node:v1.34.0), a kubelet in a container (k3s) (docker.io/rancher/k3s:v1.34.1-k3s1), a container runtime in a container (docker.io/library/docker:dind)
          hint: narrow its scope, or let the image through
        rules.yaml:16:1: warning[YP105]: this rule blocks in containers that nodes depend on: the sensor itself (ghcr.io/yagura/yagura:latest)
          hint: narrow its scope, or let the image through
        rules.yaml:40:11: warning[YP107]: the kernel compares texts of at most 127 bytes, this one has 128: the entry excuses nothing there
          hint: write a wildcard for a part of it
        rules.yaml:40:154: warning[YP107]: the kernel looks at no clock: the entry ends when the sensor compiles the rules anew, which is later while the sensor is down
        rules.yaml:42:1: warning[YP105]: this rule blocks in containers that nodes depend on: the sandbox of every pod (registry.k8s.io/pause:3.10)
          hint: narrow its scope, or let the image through"#]],
    );
}

#[test]
fn a_drift_rule_that_blocks_says_what_the_kernel_does_without_digests() {
    let digest = "0".repeat(64);
    check(
        &format!(
            "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n    - name: a\n      action: block\n      scope: {{ conditions: [{{ field: namespace, operator: equals, values: [a] }}] }}\n      allow:\n        - process: sha256:{digest}\n"
        ),
        expect![[r#"
            rules.yaml:9:11: warning[YP107]: the kernel can't compare digests: where it decides alone, it denies this file
              hint: allow the path instead"#]],
    );
}

#[test]
fn more_rules_than_slots_are_told() {
    let rules: Vec<String> = (0..10)
        .map(|n| {
            rule(
                &format!("r{n}"),
                "  action: block\n  observe: true\n  behaviours: { file: [sysrq] }",
            )
        })
        .collect();
    let text = rules.join("---\n");
    check(
        &text,
        expect![[r#"
        rules.yaml:65:1: warning[YP106]: with this rule, those that apply everywhere need 9 slots, a container has 8: entries for single behaviours excuse from whole rules in the kernel, or rules are left out there
          hint: give rules a scope, or join them"#]],
    );
    let gaps = compiled(&set_of(&text), &container("a")).gaps;
    let gaps: Vec<String> = gaps.iter().map(ToString::to_string).collect();
    expect![[r#"
        defence rule "r9": a container has room for 8 slots: the rule is not enforced
        defence rule "r8": a container has room for 8 slots: the rule is not enforced"#]]
    .assert_eq(&gaps.join("\n"));
}

#[test]
fn a_set_in_canonical_form() {
    let text = "apiVersion: yagura.dev/v1\nkind: DefenceRule\nmetadata: { name: a }\nspec:\n  action: block\n  behaviours: { process: { except: [integrity] }, syscall: [bpf, mount] }\n  allow: [{ ancestor: \"*/make\", behaviours: [mount], reason: r }]\n  fuse: { restarts: 1, within: 120s }\n";
    let set = set_of(text);
    expect![[r#"
        apiVersion: yagura.dev/v1
        kind: DefenceRule
        metadata:
          name: a
        spec:
          action: block
          behaviours:
            process: { except: [integrity] }
            syscall: [mount, bpf]
          allow:
            - ancestor: "*/make"
              behaviours: [mount]
              reason: r
          fuse:
            restarts: 1
            within: 2m
    "#]]
    .assert_eq(&print(&set));
    let before = set_of(&rule(
        "a",
        "  action: alert\n  behaviours: { syscall: all }",
    ));
    expect![[r#"
        DefenceRule:
        ~ rule 0 "a"
            action: alert -> block
            behaviours.process: none -> all except [integrity]
            behaviours.syscall: all -> [mount, bpf]
            allow: (not set) -> ancestor */make for mount (r)
            fuse: 3 restarts within 10m -> 1 restarts within 2m
    "#]]
    .assert_eq(&set::diff(&before, &set).to_string());
}

#[test]
fn an_explanation_goes_through_every_rule() {
    let text = [
        rule("off", "  action: block\n  enabled: false\n  behaviours: { file: all }"),
        rule("other", "  action: block\n  behaviours: { syscall: all }"),
        rule("observing", "  action: block\n  observe: true\n  behaviours: { file: all }"),
        rule("excused", "  action: block\n  behaviours: { file: all }\n  allow: [{ process: tool }]"),
        rule("scoped", "  action: block\n  behaviours: { file: all }\n  scope: { conditions: [{ field: cluster-name, operator: equals, values: [a] }] }"),
        rule("parent", "  action: block\n  behaviours: { file: all }\n  allow: [{ parent: make }]"),
    ]
    .join("---\n");
    let set = set_of(&text);
    let container = container("a");
    let subject = DefenceSubject {
        node: &Node::default(),
        container: Some(&container),
        behaviour: Behaviour::Sysrq,
        program: Some(b"/usr/bin/tool"),
        parent: None,
        ancestors: None,
        file: Some(b"/proc/sysrq-trigger"),
        now: WallTime(0),
    };
    let explanation = defence::explain(set.defence(), &subject);
    expect![[r#"
        deny: decided by rule 5 "parent"
          not known: the parent process is unknown
           0  off (block): it is not enabled
           1  other (block): it does not cover sysrq
           2  observing (block): it applies here without conditions; watch (it only observes)
           3  excused (block): it applies here without conditions; allow entry 1 excuses it: process tool
           4  scoped (block): it may apply, but the cluster's name is not configured; watch
           5  parent (block): it applies here without conditions; deny
              allow entry 1: the parent process is unknown
    "#]].assert_eq(&explanation.to_string());
}

#[test]
fn without_metadata_only_rules_without_scope_block() {
    let scoped = "  scope: { conditions: [{ field: namespace, operator: equals, values: [a] }] }";
    let text = [
        rule(
            "scoped",
            &format!("  action: block\n  behaviours: {{ file: [sysrq] }}\n{scoped}"),
        ),
        rule(
            "everywhere",
            "  action: block\n  behaviours: { syscall: [bpf] }",
        ),
    ]
    .join("---\n");
    let set = set_of(&text);
    let facts = ContainerFacts {
        container: None,
        now: WallTime(0),
        blown_fuses: &[],
    };
    let compiled = compile(&set, &facts, &Node::default());
    let of = |behaviour| {
        let question = RowQuestion {
            what: Denied::Behaviour(behaviour),
            program: None,
            parent: None,
            ancestors: &[],
            file: None,
        };
        decide_row(&compiled.row, &question)
    };
    assert_eq!(of(Behaviour::Sysrq).action, CellAction::Watch);
    let denied = of(Behaviour::Bpf);
    assert_eq!(denied.action, CellAction::Deny);
    let name = set
        .rule_numbered(denied.rule)
        .map(|rule| (rule.kind, rule.name.as_str()));
    assert_eq!(name, Some((RuleKind::Defence, "everywhere")));
    assert_eq!(compiled.gaps.len(), 1);
}

#[test]
fn a_row_ends_with_the_first_expiry() {
    let text = rule(
        "a",
        "  action: block\n  behaviours: { file: all }\n  expires: 1970-01-02\n  allow: [{ process: x, expires: 1970-01-01 }]",
    );
    let set = set_of(&text);
    let at = |now| {
        let facts = ContainerFacts {
            container: None,
            now,
            blown_fuses: &[],
        };
        compile(&set, &facts, &Node::default())
    };
    const DAY: i64 = 86_400_000_000_000;
    assert_eq!(at(WallTime(0)).valid_until, Some(WallTime(DAY)));
    assert_eq!(at(WallTime(DAY)).valid_until, Some(WallTime(2 * DAY)));
    assert!(at(WallTime(DAY)).row.defence[0].allow.is_empty());
    assert!(at(WallTime(2 * DAY)).row.is_empty());
}

#[test]
fn numbers_of_rules_do_not_depend_on_other_rules() {
    let behaviours = "  action: block\n  behaviours: { file: all }";
    let (a, b) = (rule("a", behaviours), rule("b", behaviours));
    let alone = set_of(&b);
    let both = set_of(&format!("{a}---\n{b}"));
    assert_eq!(
        alone.number_of(RuleKind::Defence, 0),
        both.number_of(RuleKind::Defence, 1)
    );
    assert!(both.rules().iter().all(|rule| rule.number != 0));
    assert_eq!(both.rule_numbered(0), None);
}

#[test]
fn a_fuse_counts_recent_restarts() {
    assert!(!Fuse::Off.blows(&[1; 100]));
    assert!(!Fuse::DEFAULT.blows(&[1, 600, 601]));
    assert!(Fuse::DEFAULT.blows(&[1, 2, 600, 601]));
}

#[test]
fn a_rule_whose_fuse_blew_only_watches() {
    let text = format!(
        "{}---\napiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec: {{ default: {{ action: block }} }}\n",
        rule("a", "  action: block\n  behaviours: { syscall: [bpf] }")
    );
    let set = set_of(&text);
    let defence = set.number_of(RuleKind::Defence, 0);
    let drift = set.number_of(RuleKind::Drift, 0);
    let row = |blown_fuses| {
        let facts = ContainerFacts {
            container: None,
            now: WallTime(0),
            blown_fuses,
        };
        compile(&set, &facts, &Node::default())
    };
    let whole = row(&[]);
    assert!(whole.row.denied().contains(Behaviour::Bpf));
    assert_eq!(whole.row.drift[0][0].action, CellAction::Deny);
    let blown = row(&[defence, drift]);
    assert!(blown.row.denied().is_empty() && !blown.row.is_empty());
    assert_eq!(blown.row.drift[0][0].action, CellAction::Watch);
    assert_eq!(blown.gaps.len(), 2);
}

#[test]
fn images_at_risk() {
    let digest = "a".repeat(64);
    let image_rule = |name: &str, spec: &str| {
        format!(
            "apiVersion: yagura.dev/v1\nkind: AtRiskImageRule\nmetadata: {{ name: {name} }}\nspec: {spec}\n"
        )
    };
    let text = [
        image_rule("listed", "{ action: alert, images: ['*/sandbox/*'] }"),
        image_rule(
            "bad",
            &format!("{{ action: block, digests: ['sha256:{digest}'] }}"),
        ),
        image_rule("old", "{ action: alert, scan_older_than: 1d }"),
        image_rule("fine", "{ action: allow, images: ['*/ours/*'] }"),
    ]
    .join("---\n");
    let set = set_of(&text);
    let decide = |image: &str, digest: &str, scan| {
        let container = Container {
            image: image.to_owned(),
            image_digest: digest.to_owned(),
            image_id: "sha256:".to_owned() + &"b".repeat(64),
            ..Container::default()
        };
        let subject = ImageSubject {
            node: &Node::default(),
            container: Some(&container),
            scan,
            now: WallTime(100 * 86_400_000_000_000),
        };
        let decision = decide_image(set.images(), &subject);
        (
            decision.action,
            decision.rule.map(|(_, name)| name.to_owned()),
            decision.gap.is_some(),
        )
    };
    let named = |name: &str| Some(name.to_owned());
    let recent = ImageScan::At(WallTime(100 * 86_400_000_000_000));
    let clean = format!("sha256:{}", "c".repeat(64));
    let bad = format!("x/y@sha256:{digest}");
    assert_eq!(
        decide("a/b", &clean, recent),
        (ImageAction::Allow, None, false)
    );
    assert_eq!(
        decide("a/sandbox/b", &clean, recent),
        (ImageAction::Alert, named("listed"), false)
    );
    assert_eq!(
        decide("a/sandbox/b", &bad, recent),
        (ImageAction::Block, named("bad"), false)
    );
    assert_eq!(
        decide("a/ours/b", &bad, recent),
        (ImageAction::Allow, named("fine"), false)
    );
    assert_eq!(
        decide("a/b", &clean, ImageScan::Never),
        (ImageAction::Alert, named("old"), false)
    );
    // The digest is not known: it might be the bad one, but nothing is blocked by that.
    assert_eq!(
        decide("a/b", "", recent),
        (ImageAction::Alert, named("bad"), true)
    );
}
