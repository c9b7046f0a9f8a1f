//! What is checked in the virtual machine, one line each.

use serde_json::Value;
use std::time::Duration;

/// A command and how it must end there.
#[derive(Debug)]
pub(super) struct Check {
    /// What it shows.
    pub(super) name: &'static str,
    /// What runs.
    pub(super) program: Program,
    /// Its arguments.
    pub(super) arguments: &'static [&'static str],
    /// Its exit code.
    pub(super) code: u8,
    /// Looks at its standard output; tells what is wrong with it.
    pub(super) look: fn(&str) -> Result<(), String>,
    /// What it may take, boot included: ten times what it takes on two idle cores.
    pub(super) timeout: Duration,
}

/// A program that was built here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    /// The product.
    Yagura,
    /// The product's tests, which run the product.
    ProductTests,
}

/// Packages that the guest needs for these, with all that they depend on: containerd for pods, what makes their
/// images, and what makes a file system on a block device.
pub(super) const PACKAGES: &[&str] = &["containerd", "e2fsprogs", "gcc", "libc6-dev", "umoci"];

/// Cases of drift that do not end as they should with BPF LSM: a sourced script without a first line is data to the kernel,
/// and a file that was written with its own content runs from the second time on.
const DRIFT_EXCEPTIONS: &[&str] = &[
    "script-sourced",
    "benign-copied-back",
    "benign-rewritten",
    "benign-renamed-back",
];

/// Ways out that nothing stops with BPF LSM: processes that somebody sends in from the host with more rights than the
/// container has, and pages of files that may be read, which is what sendfile is for.
const ESCAPE_EXCEPTIONS: &[&str] = &[
    "unknown-exploit",
    "unknown-exploit-namespace",
    "splice-read-only",
    "splice-sendfile",
];

/// All checks, the quick ones first.
pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "doctor finds BPF LSM usable",
        program: Program::Yagura,
        arguments: &["doctor", "--output", "json"],
        code: 0,
        look: |output| doctor_approves(output, &["kernel", "btf", "bpf_lsm", "cgroups", "runtime"]),
        timeout: Duration::from_secs(300),
    },
    Check {
        name: "drift is detected on this kernel too",
        program: Program::Yagura,
        arguments: &["simulate", "drift", "--runtime", "runc"],
        code: 0,
        look: |_| Ok(()),
        timeout: Duration::from_secs(900),
    },
    Check {
        name: "what drifts is blocked, and what does not runs",
        program: Program::Yagura,
        arguments: &[
            "simulate",
            "drift",
            "--enforce",
            "--runtime",
            "runc",
            "--output",
            "json",
        ],
        code: 1,
        look: |output| {
            let is_bad = |case: &Value| case.get("good") != Some(&Value::Bool(true));
            only_known(output, is_bad, DRIFT_EXCEPTIONS, 100)
        },
        timeout: Duration::from_secs(900),
    },
    Check {
        name: "ways out of a container are blocked",
        program: Program::Yagura,
        arguments: &[
            "simulate",
            "escapes",
            "--enforce",
            "--runtime",
            "runc",
            "--output",
            "json",
        ],
        code: 1,
        look: |output| {
            let is_bad = |technique: &Value| {
                technique.get("outcome").and_then(Value::as_str) == Some("not-stopped")
            };
            only_known(output, is_bad, ESCAPE_EXCEPTIONS, 100)
        },
        timeout: Duration::from_secs(1500),
    },
    Check {
        name: "drift in a pod of containerd is told with all its fields",
        program: Program::ProductTests,
        arguments: &["--exact", "pods::an_alert_has_every_field"],
        code: 0,
        look: |output| tests_passed(output, 1),
        timeout: Duration::from_secs(600),
    },
];

/// Whether `yagura doctor` calls each of `names` ok.
fn doctor_approves(output: &str, names: &[&str]) -> Result<(), String> {
    let report: Value = serde_json::from_str(output).map_err(|error| error.to_string())?;
    let checks = report.get("checks").and_then(Value::as_array);
    let checks = checks.ok_or("no list of checks")?;
    for name in names {
        let text =
            |check: &Value, key: &str| check.get(key).and_then(Value::as_str).map(str::to_owned);
        let status = checks
            .iter()
            .find(|check| text(check, "name").as_deref() == Some(name))
            .and_then(|check| text(check, "status"));
        if status.as_deref() != Some("ok") {
            return Err(format!("{name} is not ok: {status:?}"));
        }
    }
    Ok(())
}

/// Whether what is bad among results, a line of JSON each, is only what is known to be; at least `count` must be there.
fn only_known(
    output: &str,
    is_bad: impl Fn(&Value) -> bool,
    known: &[&str],
    count: usize,
) -> Result<(), String> {
    let parse = |line| serde_json::from_str::<Value>(line).map_err(|error| error.to_string());
    let results = output.lines().map(parse).collect::<Result<Vec<_>, _>>()?;
    if results.len() < count {
        return Err(format!("only {} results", results.len()));
    }
    let bad: Vec<&str> = results
        .iter()
        .filter(|result| is_bad(result))
        .filter_map(|result| result.get("technique").and_then(Value::as_str))
        .filter(|name| !known.contains(name))
        .collect();
    match bad.as_slice() {
        [] => Ok(()),
        names => Err(format!("not as they should be: {}", names.join(", "))),
    }
}

/// Whether exactly `count` tests ran, all well: a test program is content with tests that it can't find or skips.
fn tests_passed(output: &str, count: u32) -> Result<(), String> {
    let passed = format!("test result: ok. {count} passed; 0 failed; 0 ignored;");
    if output.lines().any(|line| line.starts_with(&passed)) {
        Ok(())
    } else {
        Err(format!("not {count} passed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_must_name_a_check_and_approve_it() {
        let report = r#"{"checks": [{"name": "btf", "status": "ok"}, {"name": "bpf_lsm", "status": "warning"}]}"#;
        assert_eq!(doctor_approves(report, &["btf"]), Ok(()));
        for name in ["bpf_lsm", "cgroups"] {
            assert!(doctor_approves(report, &["btf", name]).is_err(), "{name}");
        }
        assert!(doctor_approves("", &[]).is_err());
    }

    #[test]
    fn results_are_bad_unless_they_are_known() {
        let line = |name, good| format!("{{\"technique\": \"{name}\", \"good\": {good}}}\n");
        let output = line("one", true) + &line("two", false);
        let is_bad = |result: &Value| result["good"] == Value::Bool(false);
        assert_eq!(only_known(&output, is_bad, &["two"], 2), Ok(()));
        assert!(only_known(&output, is_bad, &["one"], 2).is_err());
        assert!(only_known(&output, is_bad, &["two"], 3).is_err());
        assert!(only_known("no json\n", is_bad, &[], 0).is_err());
    }

    #[test]
    fn tests_that_did_not_run_are_no_success() {
        let result = |counts| format!("\ntest result: ok. {counts} ignored; 0 measured\n");
        assert_eq!(tests_passed(&result("1 passed; 0 failed; 0"), 1), Ok(()));
        for counts in [
            "0 passed; 0 failed; 0",
            "0 passed; 0 failed; 1",
            "11 passed; 0 failed; 0",
        ] {
            assert!(tests_passed(&result(counts), 1).is_err(), "{counts}");
        }
    }
}
