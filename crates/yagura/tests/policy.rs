//! `yagura policy`.

use super::{Ran, Scratch, yagura, yagura_reading};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SHOP: &str = "\
apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Off
      action: block
      enabled: false
    - name: Libraries
      action: alert
      kinds: [libraries]
    - name: Azure only
      action: block
      scope:
        clouds:
          - provider: azure
            accounts: [sub-1]
        conditions:
          - { field: cluster-name, operator: equals, values: [prod] }
    - name: Shop
      action: alert
      scope:
        conditions:
          - { field: namespace, operator: equals, values: [shop] }
          - { field: pod-label, key: app, operator: starts-with, values: [web, api] }
          - { field: image-name, operator: contains, values: [nginx, \"a,b\"] }
      kinds: [binaries, scripts]
      allow:
        - process: dev1.exe
        - process: /usr/bin/*
          parent: /usr/bin/dpkg
        - process: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
          ancestor: make
  default: { action: ignore }
";

/// Everything that the shop's rule asks for, on a node that the rule before it does not cover.
const IN_SHOP: &[&str] = &[
    "--container",
    "image=docker.io/library/nginx:1.27,namespace=shop,container=web,pod=web-1,cluster=prod,label.app=web",
    "--cloud",
    "aws/1234",
];

fn ask(policy: &str, more: &[&str]) -> Value {
    let scratch = Scratch::new();
    let file = scratch.file("policy.yaml", policy);
    let mut arguments = vec!["policy", "test", &file, "--output", "json"];
    arguments.extend(more);
    yagura(&arguments).expect(0).json()
}

fn ask_in_shop(more: &[&str]) -> Value {
    ask(SHOP, &[IN_SHOP, more].concat())
}

#[test]
fn test_names_the_rule_and_why_the_earlier_ones_do_not_match() {
    let answer = ask_in_shop(&["--process", "/tmp/x", "--kind", "binary"]);
    assert_eq!(answer["rule"], "Shop");
    assert_eq!(answer["index"], 3);
    assert_eq!(answer["is_default"], false);
    assert_eq!(answer["action"], "alert");
    assert_eq!(answer["verdict"], "alert");
    assert!(
        answer["reason"]
            .as_str()
            .unwrap()
            .contains("namespace is \"shop\"")
    );
    let steps = answer["steps"].as_array().unwrap();
    let outcomes: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| {
            (
                step["rule"].as_str().unwrap(),
                step["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        outcomes,
        [
            ("Off", "disabled"),
            ("Libraries", "kind"),
            ("Azure only", "cloud"),
            ("Shop", "matched")
        ]
    );
    assert!(
        steps
            .iter()
            .all(|step| !step["why"].as_str().unwrap().is_empty())
    );
    assert_eq!(steps[2]["index"], 2);
    assert_eq!(steps[2]["action"], "block");
}

#[test]
fn test_ends_at_the_default_rule() {
    let answer = ask(
        SHOP,
        &[
            "--container",
            "namespace=other,cluster=c",
            "--cloud",
            "gcp/p",
            "--process",
            "/tmp/x",
        ],
    );
    assert_eq!(answer["rule"], "Default binary drift rule");
    assert_eq!(answer["index"], 4);
    assert_eq!(answer["is_default"], true);
    assert_eq!(answer["verdict"], "ignore");
    assert_eq!(answer["gap"], Value::Null);
    assert_eq!(answer["steps"][3]["outcome"], "condition");
}

#[test]
fn test_knows_allow_lists() {
    for allowed in [
        &["--process", "/tmp/dev1.exe"][..],
        &["--process", "/usr/bin/x", "--parent", "/usr/bin/dpkg"],
        &[
            "--process",
            "/tmp/x",
            "--sha256",
            "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "--parent",
            "/bin/sh",
            "--ancestor",
            "/usr/bin/make",
        ],
    ] {
        let answer = ask_in_shop(allowed);
        assert_eq!(answer["verdict"], "allowed", "{allowed:?}");
        assert_eq!(answer["rule"], "Shop", "{allowed:?}");
        assert!(
            answer["reason"]
                .as_str()
                .unwrap()
                .contains("on its allow list"),
            "{answer}"
        );
    }
    let answer = ask_in_shop(&[
        "--process",
        "/usr/bin/x",
        "--parent",
        "/bin/sh",
        "--sha256",
        &"0".repeat(64),
    ]);
    assert_eq!(answer["verdict"], "alert");
    assert_eq!(answer["gap"], Value::Null);
}

#[test]
fn test_says_what_was_not_known() {
    let answer = ask_in_shop(&["--process", "/usr/bin/x"]);
    assert_eq!(answer["verdict"], "alert");
    assert_eq!(
        answer["gap"],
        json!({ "rule": "Shop", "index": 3, "missing": "the parent process is unknown", "in_allow_list": true })
    );
    let answer = ask(SHOP, &["--process", "/tmp/x"]);
    assert_eq!(answer["verdict"], "alert", "what may be reported is");
    assert_eq!(answer["rule"], "Azure only");
    assert_eq!(answer["action"], "block");
    assert!(
        answer["reason"].as_str().unwrap().contains("may apply"),
        "{answer}"
    );
}

#[test]
fn test_takes_kinds_in_singular_and_plural_and_provenances() {
    for kind in ["library", "libraries"] {
        assert_eq!(
            ask_in_shop(&["--process", "/tmp/x.so", "--kind", kind])["rule"],
            "Libraries"
        );
    }
    for kind in ["script", "scripts", "binaries"] {
        assert_eq!(
            ask_in_shop(&["--process", "/tmp/x", "--kind", kind])["rule"],
            "Shop"
        );
    }
    let answer = ask_in_shop(&["--process", "memfd:x", "--provenance", "memfd"]);
    assert_eq!(answer["rule"], "Shop");
}

#[test]
fn test_takes_commas_and_several_containers() {
    for container in [
        &["--container", r"image=a\,b,namespace=shop,label.app=api"][..],
        &[
            "--container",
            r"image=a\,b",
            "--container",
            "namespace=shop",
            "--container",
            "label.app=api",
        ],
    ] {
        let answer = ask(
            SHOP,
            &[container, &["--cloud", "aws", "--process", "/tmp/x"]].concat(),
        );
        assert_eq!(answer["rule"], "Shop", "{container:?}: {answer}");
    }
}

#[test]
fn test_refuses_what_it_does_not_understand() {
    let scratch = Scratch::new();
    let file = scratch.file("policy.yaml", SHOP);
    for more in [
        &[][..],
        &["--process", "x", "--kind", "program"],
        &["--process", "x", "--provenance", "image"],
        &["--process", "x", "--cloud", "oracle/1"],
        &["--process", "x", "--sha256", "00"],
        &["--process", "x", "--container", "imgae=x"],
        &["--process", "x", "--container", "image"],
        &["--process", "x", "--container", "image=x,image=y"],
        &[
            "--process",
            "x",
            "--container",
            "image=x",
            "--container",
            "image=y",
        ],
    ] {
        let mut arguments = vec!["policy", "test", &file];
        arguments.extend(more);
        let ran = yagura(&arguments).expect(2);
        assert_eq!(ran.stdout, "", "{more:?}");
        assert!(!ran.stderr.is_empty(), "{more:?}");
    }
}

#[test]
fn test_in_words() {
    let scratch = Scratch::new();
    let file = scratch.file("policy.yaml", SHOP);
    let mut arguments = vec!["policy", "test", &file, "--process", "/tmp/x"];
    arguments.extend(IN_SHOP);
    let ran = yagura(&arguments).expect(0);
    assert!(
        ran.stdout
            .starts_with("alert: decided by rule 3 \"Shop\"\n"),
        "{}",
        ran.stdout
    );
}

/// The codes of what is wrong with a file, each with its line.
fn problems(ran: &Ran) -> Vec<(String, u64)> {
    let json = ran.json();
    let diagnostics = json["diagnostics"].as_array().unwrap();
    diagnostics
        .iter()
        .map(|d| {
            (
                d["code"].as_str().unwrap_or_default().to_owned(),
                d["line"].as_u64().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn check_tells_all_problems_of_all_files_at_once() {
    let bad = "\
apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Twice
      action: alert
      colour: red
    - name: Twice
      action: alert
      scope:
        conditions:
          - { field: namespace, operator: matches, values: [x] }
    - name: Default binary drift rule
      action: alert
  default: { action: ignore }
";
    let scratch = Scratch::new();
    let (bad, good) = (
        scratch.file("bad.yaml", bad),
        scratch.file("good.yaml", SHOP),
    );
    let gone = scratch.path("gone.yaml");
    let ran = yagura(&["policy", "check", &good, &bad, &gone, "--output", "json"]).expect(2);
    let problems = problems(&ran);
    for problem in [
        ("YP013", 7),
        ("YP022", 8),
        ("YP016", 12),
        ("YP023", 13),
        ("", 0),
    ] {
        assert!(
            problems
                .iter()
                .any(|(code, line)| (code.as_str(), *line) == problem),
            "{problem:?} in {problems:?}"
        );
    }
    let json = ran.json();
    assert_eq!(json["valid"], false);
    assert_eq!(
        json["files"][0],
        json!({ "file": good, "valid": true, "rules": 4, "default_action": "ignore", "defence_rules": 0, "image_rules": 0 })
    );
    assert_eq!(json["files"][1]["valid"], false);
    assert_eq!(json["files"][2]["valid"], false);

    let ran = yagura(&["policy", "check", &good, &bad, &gone]).expect(2);
    let unknown_field = format!("{bad}:7:7: error[YP013]: ");
    assert!(ran.stdout.contains(&unknown_field), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n  hint: "), "{}", ran.stdout);
    assert!(
        ran.stdout.contains(&format!("{good}: ok, 4 rules")),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("No such file"), "{}", ran.stdout);
}

#[test]
fn check_of_good_files_is_0() {
    let scratch = Scratch::new();
    let file = scratch.file("policy.yaml", SHOP);
    let ran = yagura(&["policy", "check", &file, "--output", "json"]).expect(0);
    assert_eq!(ran.json()["valid"], true);
    assert_eq!(ran.json()["errors"], 0);
    yagura(&["policy", "check", &file]).expect(0);
}

#[test]
fn warnings_do_not_make_a_policy_bad() {
    let text = SHOP.replace("enabled: false", "enabled: true");
    let ran = yagura_reading(
        &["policy", "check", "-", "--output", "json"],
        text.as_bytes(),
    )
    .expect(0);
    let json = ran.json();
    assert_eq!(json["valid"], true);
    assert!(json["warnings"].as_u64().unwrap() > 0, "{json}");
    assert_eq!(json["diagnostics"][0]["severity"], "warning");
    assert_eq!(json["diagnostics"][0]["file"], "<stdin>");
}

#[test]
fn ten_megabytes_of_yaml_are_refused_at_once() {
    const TIME_MAX: Duration = Duration::from_secs(10);
    let mut text = SHOP.to_owned();
    text.push_str(&"# more\n".repeat(10 * 1024 * 1024 / 7));
    let scratch = Scratch::new();
    let file = scratch.file("big.yaml", &text);
    let started = Instant::now();
    let ran = yagura(&["policy", "check", &file, "--output", "json"]).expect(2);
    assert_eq!(problems(&ran)[0].0, "YP001");
    let ran = yagura_reading(
        &["policy", "check", "-", "--output", "json"],
        text.as_bytes(),
    )
    .expect(2);
    assert_eq!(problems(&ran)[0].0, "YP001");
    assert!(started.elapsed() < TIME_MAX, "{:?}", started.elapsed());
}

#[test]
fn a_stream_without_an_end_is_refused() {
    let zero = std::fs::File::open("/dev/zero").unwrap();
    let output = super::command()
        .args(["policy", "check", "-"])
        .stdin(zero)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn invalid_utf8_is_refused_with_its_place() {
    let mut text = SHOP.as_bytes().to_vec();
    text.extend_from_slice(b"# \xff\xfe\n");
    let scratch = Scratch::new();
    let file = scratch.file("latin.yaml", text);
    let ran = yagura(&["policy", "check", &file, "--output", "json"]).expect(2);
    let place = (
        "YP002".to_owned(),
        u64::try_from(SHOP.lines().count()).unwrap() + 1,
    );
    assert!(problems(&ran).contains(&place), "{ran:#?}");
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let scratch = Scratch::new();
    let fifo = scratch.path("fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap();
    assert!(made.success());
    for (file, what) in [
        (fifo.as_str(), "a FIFO"),
        ("/", "a directory"),
        ("/dev/null", "a character device"),
    ] {
        for arguments in [
            &["policy", "check", file][..],
            &["policy", "print", file],
            &["policy", "diff", file, file],
            &["policy", "test", file, "--process", "x"],
        ] {
            let ran = yagura(arguments).expect(2);
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert!(told.contains(what), "{arguments:?}: {told}");
        }
    }
}

#[test]
fn the_name_of_a_file_cannot_write_to_the_terminal() {
    for arguments in [&["policy", "check"][..], &["policy", "print"]] {
        let mut arguments = arguments.to_vec();
        arguments.push("/nonexistent/\u{1b}[31mx\n\u{202e}y");
        let ran = yagura(&arguments).expect(2);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            !told.contains('\u{1b}') && !told.contains('\u{202e}'),
            "{told:?}"
        );
        assert!(told.contains("\\x1b[31mx\\n"), "{told:?}");
    }
}

#[test]
fn diff_tells_equal_from_different() {
    let scratch = Scratch::new();
    let old = scratch.file("old.yaml", SHOP);
    let same = scratch.file("same.yaml", format!("# the same\n{SHOP}"));
    let new = SHOP
        .replace("default: { action: ignore }", "default: { action: alert }")
        .replace("name: Off", "name: Out");
    let new = scratch.file("new.yaml", new);
    let ran = yagura(&["policy", "diff", &old, &same, "--output", "json"]).expect(0);
    assert_eq!(ran.json()["equal"], true);
    yagura(&["policy", "diff", &old, &same]).expect(0);

    let ran = yagura(&["policy", "diff", &old, &new, "--output", "json"]).expect(1);
    let json = ran.json();
    assert_eq!(json["equal"], false);
    assert_eq!(
        json["policy"],
        json!([{ "field": "default.action", "before": "ignore", "after": "alert" }])
    );
    assert_eq!(json["removed"][0]["rule"], "Off");
    assert_eq!(json["added"][0]["rule"], "Out");
    assert_eq!(json["added"][0]["fields"]["action"], "block");
    let ran = yagura(&["policy", "diff", &old, &new]).expect(1);
    assert!(
        ran.stdout.contains("default.action: ignore -> alert"),
        "{}",
        ran.stdout
    );
}

#[test]
fn diff_of_bad_files_tells_the_problems_of_both() {
    let scratch = Scratch::new();
    let (one, two) = (
        scratch.file("one.yaml", "kind: X\n"),
        scratch.file("two.yaml", "- 1\n"),
    );
    let ran = yagura(&["policy", "diff", &one, &two]).expect(2);
    assert!(
        ran.stderr.contains(&one) && ran.stderr.contains(&two),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
    yagura(&["policy", "diff", "-", "-"]).expect(2);
}

#[test]
fn print_gives_the_same_policy_again() {
    let scratch = Scratch::new();
    let file = scratch.file("policy.yaml", SHOP);
    let printed = yagura(&["policy", "print", &file]).expect(0).stdout;
    let again = yagura_reading(&["policy", "print", "-"], printed.as_bytes())
        .expect(0)
        .stdout;
    assert_eq!(printed, again);
    let printed = scratch.file("printed.yaml", printed);
    yagura(&["policy", "diff", &file, &printed]).expect(0);
}

#[test]
fn the_built_in_policy_is_a_policy() {
    let built_in = yagura(&["policy", "print", "--built-in"]).expect(0).stdout;
    let ran = yagura_reading(
        &["policy", "check", "-", "--output", "json"],
        built_in.as_bytes(),
    )
    .expect(0);
    assert_eq!(ran.json()["warnings"], 0);
    let system = ask(
        &built_in,
        &[
            "--container",
            "namespace=kube-system",
            "--process",
            "/tmp/x",
        ],
    );
    assert_eq!(system["verdict"], "alert");
    let other = ask(
        &built_in,
        &["--container", "namespace=other", "--process", "/tmp/x"],
    );
    assert_eq!(other["verdict"], "ignore");
}
