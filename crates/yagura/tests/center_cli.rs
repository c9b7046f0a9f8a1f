//! A center and the commands that ask one, as somebody meets them who uses them for the first time.

use super::{Ran, Scratch, command};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// The password that the first admin sets.
const PASSWORD: &str = "a long enough password";
/// Within this a center answers after it was started; the product's promise is for release builds on a machine of its own.
const READY_MAX: Duration = Duration::from_secs(30);

/// A center that ends with its test.
pub(super) struct Center {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    url: String,
    pub(super) scratch: Scratch,
}

impl Center {
    fn start(verb: &[&str]) -> Center {
        let scratch = Scratch::new();
        let mut child = command()
            .args(verb)
            .args(["--listen", "127.0.0.1:0", "--data", &scratch.path("data")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut url = String::new();
        while url.is_empty() {
            let line = lines.next().unwrap().unwrap();
            url = line
                .strip_prefix("console: ")
                .unwrap_or_default()
                .to_owned();
        }
        Center {
            child,
            lines,
            url,
            scratch,
        }
    }

    /// The first admin's one-time password, as it is printed.
    fn one_time_password(&mut self) -> String {
        loop {
            let line = self.lines.next().unwrap().unwrap();
            let told = line.strip_prefix("first log-in: admin, one-time password ");
            if let Some(password) = told {
                return password.to_owned();
            }
        }
    }

    /// Runs a command with what this test's log-in remembers.
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_reading(arguments, "")
    }

    fn run_reading(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = command()
            .args(arguments)
            .env("XDG_CONFIG_HOME", self.scratch.path("config"))
            .env_remove("YAGURA_CENTER")
            .env_remove("YAGURA_TOKEN")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(child.wait_with_output().unwrap())
    }

    /// A center whose first admin is logged in.
    pub(super) fn logged_in(verb: &[&str]) -> Center {
        let mut center = Center::start(verb);
        let typed = format!("{}\n{PASSWORD}\n", center.one_time_password());
        let url = center.url.clone();
        let ran = center.run_reading(&["login", &url], &typed).expect(0);
        assert!(
            ran.stdout
                .starts_with("logged in as admin (security-admin)")
        );
        center
    }

    /// Ends it as a supervisor does; its exit code.
    fn stop(&mut self) -> i32 {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Center {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn first(lines: &str) -> Value {
    serde_json::from_str(lines.lines().next().unwrap()).unwrap()
}

#[test]
fn a_new_user_gets_from_the_first_start_to_every_list() {
    let started = Instant::now();
    let mut center = Center::start(&["center", "--plain"]);
    assert!(started.elapsed() < READY_MAX);
    let url = center.url.clone();
    let refused = center.run(&["alerts", "list"]).expect(2);
    assert!(refused.stderr.contains("`yagura login URL` first"));
    let one_time = center.one_time_password();
    let wrong = center
        .run_reading(&["login", &url], "not this one\n")
        .expect(1);
    assert!(wrong.stderr.contains("name or password is wrong"));
    let short = format!("{one_time}\nshort\n");
    let short = center.run_reading(&["login", &url], &short).expect(2);
    assert!(short.stderr.contains("at least 12 characters"));
    let typed = format!("{one_time}\n{PASSWORD}\n");
    center.run_reading(&["login", &url], &typed).expect(0);

    for list in [
        &["alerts", "list"][..],
        &["nodes"],
        &["users", "list"],
        &["tokens", "list"],
        &["settings", "show"],
        &["outputs", "list"],
        &["policy", "history"],
    ] {
        let table = center.run(list).expect(0);
        assert_eq!(table.stderr, "", "{list:?}");
        let json = center
            .run(&[list, &["--output", "json"]].concat())
            .expect(0);
        match list {
            ["settings", ..] => assert!(json.json()["switches"].is_object()),
            _ => assert!(
                json.stdout
                    .lines()
                    .all(|line| serde_json::from_str::<Value>(line).is_ok())
            ),
        }
    }
    let users = center.run(&["users", "list", "--output", "json"]).expect(0);
    assert_eq!(first(&users.stdout)["name"], "admin");
    assert_eq!(center.stop(), 0);
}

#[test]
fn mistakes_are_told_and_are_2() {
    let center = Center::logged_in(&["center", "--plain"]);
    for (arguments, says) in [
        (&["alerts", "show", "nope"][..], "no such alert"),
        (&["alerts", "handle", "dance", "x"], "unknown variant"),
        (
            &["alerts", "list", "--severity", "loud"],
            "none of its values",
        ),
        (&["users", "create", "two words"], "name:"),
        (
            &["users", "create", "x", "--role", "king"],
            "unknown variant",
        ),
        (&["users", "remove", "nobody"], "no user nobody"),
        (&["users", "set", "admin"], "--everywhere or --enabled"),
        (
            &["users", "set", "admin", "--enabled", "false"],
            "last admin",
        ),
        (&["tokens", "revoke", "nope"], "no such token"),
        (&["settings", "set", "website_backdoor"], "NAME=on"),
        (&["settings", "set", "magic=on"], "no switch magic"),
        (
            &["settings", "set", "container_escape_prevention=on"],
            "needs malicious_host_behaviour",
        ),
        (&["outputs", "test", "nope"], "no such output"),
        (&["policy", "rollback", "7"], "no such version"),
        (&["policy", "apply", "/nonexistent"], "/nonexistent"),
        (&["nodes", "--center", "nonsense"], "no address of a center"),
        (&["nodes", "--center", "http://198.51.100.7"], "in the open"),
        (
            &["nodes", "--center", "https://198.51.100.7"],
            "no token for",
        ),
        (
            &["center", "--listen", "0.0.0.0:0", "--plain"],
            "not loopback",
        ),
    ] {
        let ran = center.run(arguments).expect(2);
        assert!(ran.stderr.contains(says), "{arguments:?}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
    let away = center.run(&["nodes", "--center", "http://127.0.0.1:9", "--token", "x"]);
    assert!(away.expect(1).stderr.contains("can't be asked"));
    let bad = center.run(&["nodes", "--token", "ygt_bad"]).expect(1);
    assert!(bad.stderr.contains("unknown, revoked or expired"));
}

#[test]
fn users_tokens_and_switches_are_managed() {
    let center = Center::logged_in(&["center", "--plain"]);
    let made = center
        .run(&["users", "create", "olga", "--output", "json"])
        .expect(0);
    assert_eq!(made.json()["user"]["role"], "security-reader");
    assert!(
        center
            .run(&["users", "create", "olga"])
            .expect(2)
            .stderr
            .contains("already")
    );
    center
        .run(&["users", "set", "olga", "--role", "security-operator"])
        .expect(0);
    let reset = center.run(&["users", "reset-password", "olga"]).expect(0);
    assert_eq!(reset.stdout.trim().len(), 20, "{}", reset.stdout);
    center.run(&["users", "unlock", "olga"]).expect(0);
    center.run(&["users", "remove", "olga"]).expect(0);

    let secret = center.run(&["tokens", "create", "ci"]).expect(0).stdout;
    let secret = secret.trim();
    center.run(&["nodes", "--token", secret]).expect(0);
    let refused = center.run(&["users", "list", "--token", secret]).expect(1);
    assert!(
        refused.stderr.contains("users:manage"),
        "{}",
        refused.stderr
    );
    let tokens = center
        .run(&["tokens", "list", "--output", "json"])
        .expect(0);
    let token = tokens
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let token = token
        .into_iter()
        .find(|token| token["name"] == "ci")
        .unwrap();
    center
        .run(&["tokens", "revoke", token["id"].as_str().unwrap()])
        .expect(0);
    center.run(&["nodes", "--token", secret]).expect(1);

    center
        .run(&[
            "settings",
            "set",
            "malicious_host_behaviour=on",
            "container_escape_prevention=on",
        ])
        .expect(0);
    let shown = center.run(&["settings", "show"]).expect(0).stdout;
    let row = shown
        .lines()
        .find(|line| line.starts_with("container_escape_prevention"));
    assert!(row.unwrap().contains("on"), "{shown}");
    assert!(row.unwrap().contains("defence rules"), "{shown}");
}

#[test]
fn a_policy_that_blocks_shows_its_effect_and_asks() {
    let center = Center::logged_in(&["center", "--plain"]);
    let built_in = center.run(&["policy", "get"]).expect(0).stdout;
    let same = center.scratch.file("same.yaml", &built_in);
    let nothing = center.run(&["policy", "apply", &same]).expect(0);
    assert_eq!(nothing.stdout, "nothing changes\n");
    let blocks = built_in.replace(
        "default:\n    action: ignore",
        "default:\n    action: block",
    );
    assert_ne!(blocks, built_in);
    let blocks = center.scratch.file("blocks.yaml", blocks);
    let differs = center.run(&["policy", "diff", &blocks]).expect(1);
    assert_eq!(differs.stdout, "~ default.action: ignore -> block\n");
    let asked = center.run(&["policy", "apply", &blocks]).expect(2);
    assert!(
        asked.stdout.contains("~ default.action: ignore -> block"),
        "{}",
        asked.stdout
    );
    assert!(
        asked.stdout.contains("would be blocked"),
        "{}",
        asked.stdout
    );
    assert!(asked.stdout.contains("warning[YP101]"), "{}", asked.stdout);
    assert!(asked.stderr.contains("give --yes"), "{}", asked.stderr);
    assert_eq!(center.run(&["policy", "get"]).expect(0).stdout, built_in);

    let saved = center
        .run(&["policy", "apply", &blocks, "--yes", "--comment", "why"])
        .expect(0);
    assert!(
        saved.stdout.ends_with("saved as version 1\n"),
        "{}",
        saved.stdout
    );
    let back = center.run(&["policy", "apply", &same]).expect(0);
    assert!(
        back.stdout.ends_with("saved as version 2\n"),
        "{}",
        back.stdout
    );
    assert!(
        center
            .run(&["policy", "rollback", "1"])
            .expect(2)
            .stderr
            .contains("--yes")
    );
    center.run(&["policy", "rollback", "1", "--yes"]).expect(0);
    let history = center
        .run(&["policy", "history", "--output", "json"])
        .expect(0);
    assert_eq!(first(&history.stdout)["version"], 3);
    let simulated = center
        .run(&["policy", "simulate", &same, "--output", "json"])
        .expect(0);
    assert_eq!(simulated.json()["examined"], 0);
    let broken = center
        .scratch
        .file("broken.yaml", "kind: DriftPolicy\nspec: 7\n");
    assert!(
        center
            .run(&["policy", "apply", &broken, "--yes"])
            .expect(2)
            .stderr
            .contains("error[")
    );
}

/// What an API server tells when somebody opens a shell in a pod.
fn exec_batch() -> Value {
    json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [{
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "id-1",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/pods/web-1/exec?command=%2Fbin%2Fsh&stdin=true&tty=true",
        "verb": "create", "user": { "username": "eve", "groups": ["system:authenticated"] },
        "sourceIPs": ["203.0.113.7"], "userAgent": "kubectl/v1.31",
        "objectRef": { "resource": "pods", "subresource": "exec", "namespace": "shop", "name": "web-1", "apiVersion": "v1" },
        "responseStatus": { "code": 101 }, "requestReceivedTimestamp": jiff::Timestamp::now().to_string(),
        "stageTimestamp": jiff::Timestamp::now().to_string(), "annotations": {},
    }] })
}

/// Sends a batch as an API server does; returns the status of the answer.
pub(crate) fn send(kubeconfig: &Value, batch: &Value) -> u16 {
    let server = kubeconfig["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap();
    let token = kubeconfig["users"][0]["user"]["token"].as_str().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = reqwest::Client::new()
        .post(server)
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body(batch.to_string());
    runtime.block_on(request.send()).unwrap().status().as_u16()
}

#[test]
fn an_alert_is_followed_listed_shown_and_handled() {
    let center = Center::logged_in(&["center", "--plain"]);
    let folder = center.scratch.path("audit");
    std::fs::create_dir(&folder).unwrap();
    center
        .run(&["k8s", "audit-config", "prod", "--folder", &folder])
        .expect(0);
    let policy = std::fs::read_to_string(format!("{folder}/yagura-audit-policy.yaml")).unwrap();
    assert!(policy.contains("audit.k8s.io/v1"), "{policy}");
    let kubeconfig = std::fs::read(format!("{folder}/yagura-audit-webhook.yaml")).unwrap();
    let kubeconfig = serde_json::from_slice(&kubeconfig).unwrap();

    let tail = command()
        .args(["alerts", "tail", "--count", "1", "--output", "json"])
        .env("XDG_CONFIG_HOME", center.scratch.path("config"))
        .env("YAGURA_LOG", "info")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tail = tail.unwrap();
    // It says when it listens.
    let mut told = BufReader::new(tail.stderr.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().contains("listening")));
    assert_eq!(send(&kubeconfig, &exec_batch()), 200);
    let alert = Ran::of(tail.wait_with_output().unwrap()).expect(0).json();
    let id = alert["id"].as_str().unwrap();

    let listed = center
        .run(&["alerts", "list", "--output", "json"])
        .expect(0);
    assert!(listed.stdout.contains(id));
    assert!(
        center
            .run(&["alerts", "list"])
            .expect(0)
            .stdout
            .contains(id)
    );
    assert_eq!(
        center.run(&["alerts", "show", id]).expect(0).json()["summary"]["status"],
        "unhandled"
    );
    let preview = center
        .run(&["alerts", "handle", "mark-handled", id, "--preview"])
        .expect(0);
    assert_eq!(preview.json()["changes"], 1);
    center
        .run(&["alerts", "handle", "mark-handled", id, "--note", "seen"])
        .expect(0);
    assert_eq!(
        center.run(&["alerts", "show", id]).expect(0).json()["summary"]["status"],
        "handled"
    );
    center.run(&["alerts", "undo", id]).expect(0);
    assert_eq!(
        center.run(&["alerts", "show", id]).expect(0).json()["summary"]["status"],
        "unhandled"
    );
}

#[test]
fn a_database_is_looked_after_and_a_changed_audit_log_is_found() {
    let mut center = Center::logged_in(&["center", "--plain"]);
    let data = center.scratch.path("data");
    let doctor =
        |center: &Center, data: &str| center.run(&["center", "doctor", "--database", data]);
    let well = doctor(&center, &data).expect(0);
    assert!(well.stdout.contains("entries, whole"), "{}", well.stdout);
    let nowhere = center.scratch.path("nowhere");
    let absent = doctor(&center, &nowhere).expect(3).stderr;
    assert!(absent.contains("no center's database"), "{absent}");
    assert!(
        !std::path::Path::new(&nowhere).exists(),
        "looking makes nothing"
    );
    let json = ["center", "doctor", "--database", &data, "--output", "json"];
    let json = center.run(&json).expect(0).json();
    assert_eq!(json["database"], "SQLite");
    assert_eq!(json["audit_log"]["broken_at"], Value::Null);
    center.run(&["users", "create", "changed-later"]).expect(0);

    let backup = center.scratch.path("backup");
    let save = ["center", "backup", "--database", &data, &backup];
    center.run(&save).expect(0);
    assert!(center.run(&save).expect(2).stderr.contains("there already"));
    let other = center.scratch.path("other");
    let restore = ["center", "restore", "--database", &other, &backup];
    center.run(&restore).expect(0);
    assert!(center.run(&restore).expect(2).stderr.contains("not empty"));
    doctor(&center, &other).expect(0);
    let authority = ["center", "authority", "--database", &other];
    assert!(
        center
            .run(&authority)
            .expect(0)
            .stdout
            .starts_with("-----BEGIN CERTIFICATE-----")
    );
    let second = [
        "center",
        "--plain",
        "--listen",
        "127.0.0.1:0",
        "--data",
        &data,
    ];
    assert!(
        center
            .run(&second)
            .expect(3)
            .stderr
            .contains("another center uses")
    );

    assert_eq!(center.stop(), 0);
    let file = format!("{data}/yagura.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let places: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(b"changed-later"))
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 13].copy_from_slice(b"changed-since");
    }
    std::fs::write(&file, bytes).unwrap();
    let broken = doctor(&center, &data).expect(1);
    assert!(
        broken.stdout.contains("broken at entry"),
        "{}",
        broken.stdout
    );
}

#[test]
fn the_document_and_completions_are_printed() {
    let document = super::yagura(&["center", "openapi"]).expect(0).json();
    assert_eq!(document["openapi"], "3.1.0");
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = super::yagura(&["completion", shell]).expect(0).stdout;
        assert!(script.contains("yagura"), "{shell}");
    }
}

#[test]
fn everything_comes_up_with_one_command_and_ends_in_order() {
    let mut center = Center::logged_in(&["up", "--no-sensor"]);
    center.run(&["alerts", "list"]).expect(0);
    assert_eq!(center.stop(), 0);
    let rest: Vec<_> = center.lines.by_ref().collect();
    assert!(rest.is_empty(), "{rest:?}");
}
