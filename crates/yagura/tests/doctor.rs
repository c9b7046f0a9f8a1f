//! `yagura doctor` with whatever rights the tests have, and with none.

use super::{Ran, Scratch, command, yagura};
use serde_json::Value;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// The user `nobody`.
const NOBODY: u32 = 65534;

fn check_findings(ran: &Ran) -> Value {
    let findings = ran.json();
    let checks = findings["checks"].as_array().unwrap();
    for check in checks {
        let status = check["status"].as_str().unwrap();
        assert!(["ok", "warning", "missing"].contains(&status), "{check}");
        assert_eq!(check["remedy"].is_string(), status != "ok", "{check}");
        assert!(!check["found"].as_str().unwrap().is_empty(), "{check}");
    }
    for name in [
        "kernel",
        "privileges",
        "btf",
        "tp_btf",
        "tracepoint",
        "iterator",
        "observer",
        "enforcement",
        "cgroups",
        "runtime",
    ] {
        assert!(checks.iter().any(|check| check["name"] == name), "{name}");
    }
    let missing = checks.iter().any(|check| check["status"] == "missing");
    assert_eq!(findings["can_observe"], !missing);
    let enforces = |check: &Value| {
        check["name"] == "enforcement" && !check["found"].as_str().unwrap().starts_with("none")
    };
    assert_eq!(findings["can_block"], checks.iter().any(enforces));
    assert_eq!(findings["observation"].is_string(), !missing);
    assert_eq!(ran.code, if missing { 3 } else { 0 });
    findings
}

#[test]
fn the_exit_code_says_whether_a_sensor_can_observe() {
    check_findings(&yagura(&["doctor", "--output", "json"]));
}

#[test]
fn the_table_says_the_same() {
    let json = yagura(&["doctor", "--output", "json"]);
    let table = yagura(&["doctor"]).expect(json.code);
    assert!(table.stdout.contains("enforcement"), "{}", table.stdout);
    assert!(
        !table.stdout.contains('\u{1b}'),
        "no colours where no terminal is"
    );
    assert_eq!(table.stderr, "");
}

#[test]
fn nobody_can_observe_and_is_told_why() {
    // The directories above the program under test may be closed to others.
    let scratch = Scratch::new();
    let program = scratch.path("yagura");
    std::fs::copy(env!("CARGO_BIN_EXE_yagura"), &program).unwrap();
    let mut nobody = match std::fs::metadata("/proc/self").unwrap().uid() {
        0 => {
            let mut nobody = Command::new(&program);
            nobody.uid(NOBODY).gid(NOBODY);
            nobody
        }
        // Nobody in particular already.
        _ => command(),
    };
    let ran = Ran::of(
        nobody
            .args(["doctor", "--output", "json"])
            .output()
            .unwrap(),
    )
    .expect(3);
    let findings = check_findings(&ran);
    let checks = findings["checks"].as_array().unwrap();
    let told = |check: &Value| {
        check["name"] == "privileges"
            && check["status"] == "missing"
            && check["found"].as_str().unwrap().contains("CAP_SYS_ADMIN")
            && check["remedy"].as_str().unwrap().contains("run as root")
    };
    assert!(checks.iter().any(told), "{findings}");
    assert_eq!(ran.stderr, "");
}
