//! What an admin does with a center from a shell: nodes, limits, tokens of sensors, log-in at a provider.

use super::center_cli::Center;
use serde_json::{Value, json};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn user(center: &Center, name: &str) -> Value {
    let listed = center.run(&["users", "list", "--output", "json"]).expect(0);
    let mut users = lines(&listed.stdout).into_iter();
    users.find(|user| user["name"] == name).unwrap()
}

#[test]
fn a_users_limits_are_set_and_taken_away() {
    let center = Center::logged_in(&["center", "--plain"]);
    center.run(&["users", "create", "olga"]).expect(0);
    let limit = ["--cluster", "prod", "--namespace", "a", "--namespace", "b"];
    let set = ["users", "set", "olga"];
    center.run(&[&set[..], &limit].concat()).expect(0);
    let scope = json!({ "clusters": ["prod"], "namespaces": ["a", "b"] });
    assert_eq!(user(&center, "olga")["scope"], scope);
    // Another change leaves them.
    let role = ["--role", "security-operator"];
    center.run(&[&set[..], &role].concat()).expect(0);
    assert_eq!(user(&center, "olga")["scope"], scope);
    center
        .run(&[&set[..], &["--everywhere"]].concat())
        .expect(0);
    let none = json!({ "clusters": [], "namespaces": [] });
    assert_eq!(user(&center, "olga")["scope"], none);
    let both = [&set[..], &["--everywhere"], &limit].concat();
    assert!(center.run(&both).expect(2).stderr.contains("--everywhere"));
    let reset = ["users", "reset-password", "olga", "--output", "json"];
    let reset = center.run(&reset).expect(0).json();
    assert_eq!(reset["one_time_password"].as_str().unwrap().len(), 20);
}

#[test]
fn tokens_of_sensors_are_listed_and_revoked() {
    let center = Center::logged_in(&["center", "--plain", "--sensor-listen", "127.0.0.1:0"]);
    let enrol = ["tokens", "enrol", "--cluster", "prod", "--many"];
    let secret = center.run(&enrol).expect(0).stdout;
    assert!(secret.trim().len() > 40, "{secret}");
    let listed = |center: &Center| {
        let listed = center.run(&["tokens", "enrolments", "--output", "json"]);
        lines(&listed.expect(0).stdout)
    };
    let tokens = listed(&center);
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(tokens[0]["cluster"], "prod");
    assert_eq!(tokens[0]["revoked"], false);
    let table = center.run(&["tokens", "enrolments"]).expect(0).stdout;
    assert!(!table.contains(secret.trim()), "the secret is shown once");
    let id = tokens[0]["id"].as_str().unwrap();
    center.run(&["tokens", "revoke", id]).expect(0);
    assert_eq!(listed(&center)[0]["revoked"], true);
}

#[test]
fn nodes_that_are_not_there_are_told() {
    let center = Center::logged_in(&["center", "--plain"]);
    for verb in ["show", "remove"] {
        let none = center.run(&["nodes", verb, "node-1"]).expect(2);
        assert!(none.stderr.contains("no node node-1"), "{}", none.stderr);
    }
}

#[test]
fn a_provider_is_shown_and_what_is_wrong_with_one_is_told() {
    let center = Center::logged_in(&["center", "--plain"]);
    let shown = center.run(&["settings", "oidc", "show"]).expect(0).json();
    assert_eq!(shown["settings"], Value::Null);
    let redirect = shown["redirect_uri"].as_str().unwrap();
    assert!(redirect.ends_with("/api/v1/session/oidc/callback"));
    let provider = json!({
        "enabled": false, "label": "Example", "issuer": "https://id.example", "client_id": "yagura",
        "client_secret": "not to be shown", "roles": [{ "value": "sec", "role": "security-admin" }],
    });
    let file = center.scratch.file("oidc.json", provider.to_string());
    center.run(&["settings", "oidc", "set", &file]).expect(0);
    let shown = center.run(&["settings", "oidc", "show"]).expect(0);
    assert!(!shown.stdout.contains("not to be shown"));
    let shown = shown.json();
    assert_eq!(shown["settings"]["issuer"], "https://id.example");
    assert_eq!(shown["has_client_secret"], true);
    for (content, says) in [
        ("{ \"enabled\": true,", "line 1 column"),
        ("{ \"colour\": 1 }", "colour"),
        (
            "{ \"enabled\": false, \"label\": \"x\", \"issuer\": \"http://id.example\", \"client_id\": \"y\" }",
            "issuer",
        ),
    ] {
        let file = center.scratch.file("broken.json", content);
        let refused = center.run(&["settings", "oidc", "set", &file]).expect(2);
        assert!(
            refused.stderr.contains(says),
            "{content}: {}",
            refused.stderr
        );
    }
    let nowhere = center.run(&["settings", "oidc", "set", "/nonexistent"]);
    assert!(nowhere.expect(2).stderr.contains("/nonexistent"));
}

#[test]
fn an_output_is_made_changed_tested_and_removed() {
    let center = Center::logged_in(&["center", "--plain"]);
    let draft = |path: &str| {
        let draft = json!({
            "name": "lines", "kind": "json-lines", "enabled": true, "settings": { "path": path },
        });
        center.scratch.file("output.json", draft.to_string())
    };
    let made = center.run(&["outputs", "create", &draft("a.jsonl")]);
    assert_eq!(made.expect(0).json()["name"], "lines");
    let shown = |center: &Center| center.run(&["outputs", "show", "lines"]).expect(0).json();
    assert_eq!(shown(&center)["settings"]["path"], "a.jsonl");
    let file = draft("b.jsonl");
    center.run(&["outputs", "set", "lines", &file]).expect(0);
    assert_eq!(shown(&center)["settings"]["path"], "b.jsonl");
    center.run(&["outputs", "test", "lines"]).expect(0);
    let written = center.scratch.path("data/outputs/b.jsonl");
    assert_eq!(std::fs::read_to_string(written).unwrap().lines().count(), 1);
    let outside = draft("../b.jsonl");
    let refused = center.run(&["outputs", "create", &outside]).expect(2);
    assert!(refused.stderr.contains("path"), "{}", refused.stderr);
    center.run(&["outputs", "remove", "lines"]).expect(0);
    let gone = center.run(&["outputs", "show", "lines"]).expect(2);
    assert!(gone.stderr.contains("no such output"), "{}", gone.stderr);
}

#[test]
fn a_file_says_which_policy_it_is() {
    let center = Center::logged_in(&["center", "--plain"]);
    let rule = "apiVersion: yagura.dev/v1\nkind: DefenceRule\nmetadata: { name: Patterns }\n\
                spec:\n  action: alert\n  behaviours: { file: [core-pattern] }\n";
    let file = center.scratch.file("rule.yaml", rule);
    let differs = center.run(&["policy", "diff", &file]).expect(1);
    assert!(differs.stdout.contains("Patterns"), "{}", differs.stdout);
    let saved = center.run(&["policy", "apply", &file]).expect(0);
    assert!(
        saved.stdout.ends_with("saved as version 1\n"),
        "{}",
        saved.stdout
    );
    let defence = ["policy", "get", "--kind", "defence"];
    assert!(center.run(&defence).expect(0).stdout.contains("Patterns"));
    let drift = center.run(&["policy", "history"]).expect(0).stdout;
    assert_eq!(drift.lines().count(), 1, "{drift}");
    let wrong = ["policy", "apply", "--kind", "drift", &file];
    assert!(center.run(&wrong).expect(2).stderr.contains("line "));
}
