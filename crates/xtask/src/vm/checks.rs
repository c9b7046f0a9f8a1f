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
    /// Whether it needs what the product keeps in its cache: the Debian image.
    pub(super) needs_cache: bool,
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
        needs_cache: false,
        timeout: Duration::from_secs(300),
    },
    Check {
        name: "drift is detected on this kernel too",
        program: Program::Yagura,
        arguments: &["simulate", "drift", "--runtime", "runc"],
        code: 0,
        look: |_| Ok(()),
        needs_cache: false,
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
        needs_cache: false,
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
        needs_cache: false,
        timeout: Duration::from_secs(1500),
    },
    Check {
        name: "drift in a pod of containerd is told with all its fields",
        program: Program::ProductTests,
        arguments: &["--exact", "pods::an_alert_has_every_field"],
        code: 0,
        look: |output| tests_passed(output, 1),
        needs_cache: false,
        timeout: Duration::from_secs(600),
    },
    Check {
        name: "drift in a pod of containerd is refused before it has an effect",
        program: Program::ProductTests,
        arguments: &[
            "--exact",
            "enforcement::drift_in_a_pod_is_stopped_before_it_has_an_effect",
        ],
        code: 0,
        look: |output| tests_passed(output, 1),
        needs_cache: false,
        timeout: Duration::from_secs(600),
    },
    Check {
        name: "a sensor that is killed leaves denial in force",
        program: Program::ProductTests,
        arguments: &[
            "--exact",
            "enforcement::a_crash_of_the_sensor_opens_no_way_out",
        ],
        code: 0,
        look: |output| tests_passed(output, 1),
        needs_cache: false,
        timeout: Duration::from_secs(600),
    },
    Check {
        name: "privileged work is left in peace by the shipped rule",
        program: Program::Yagura,
        arguments: &[
            "simulate",
            "--benign",
            "--enforce",
            "--workload",
            "node-exporter",
            "--workload",
            "cni-agent",
            "--workload",
            "backup-agent",
            "--workload",
            "package-upgrade",
            "--workload",
            "debug-tools",
            "--workload",
            "touched-programs",
            "--workload",
            "rootless-container",
            "--output",
            "json",
        ],
        code: 0,
        look: |output| unharmed(output, 7),
        needs_cache: true,
        timeout: Duration::from_secs(1800),
    },
];

/// Whether as many workloads ran unharmed, by exceptions that they need if any are made for them.
fn unharmed(output: &str, count: usize) -> Result<(), String> {
    let is_bad = |result: &Value| {
        let text = |key| result.get(key).and_then(Value::as_str);
        let needs_none = result.get("image").is_none_or(Value::is_null);
        text("outcome") != Some("unharmed")
            || !(needs_none || text("without_exceptions") == Some("harmed"))
    };
    let bad = bad_among(output, is_bad, "workload", count)?;
    match bad.as_slice() {
        [] => Ok(()),
        names => Err(format!("harmed, or not done: {}", names.join(", "))),
    }
}

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
    let mut bad = bad_among(output, is_bad, "technique", count)?;
    bad.retain(|name| !known.contains(&name.as_str()));
    match bad.as_slice() {
        [] => Ok(()),
        names => Err(format!("not as they should be: {}", names.join(", "))),
    }
}

/// What is bad among results, a line of JSON each, by the name that stands under `key`; at least `count` must be there.
fn bad_among(
    output: &str,
    is_bad: impl Fn(&Value) -> bool,
    key: &str,
    count: usize,
) -> Result<Vec<String>, String> {
    let parse = |line| serde_json::from_str::<Value>(line).map_err(|error| error.to_string());
    let results = output.lines().map(parse).collect::<Result<Vec<_>, _>>()?;
    if results.len() < count {
        return Err(format!("only {} results", results.len()));
    }
    let name = |result: &Value| {
        let name = result.get(key).and_then(Value::as_str);
        name.unwrap_or("one without a name").to_owned()
    };
    let bad = results.iter().filter(|result| is_bad(result));
    Ok(bad.map(name).collect())
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
    fn work_is_unharmed_by_exceptions_that_it_needs() {
        let line = |image, outcome, without| {
            format!(
                r#"{{"workload": "w", "image": {image}, "outcome": "{outcome}", "without_exceptions": {without}}}"#
            )
        };
        assert_eq!(unharmed(&line("null", "unharmed", "null"), 1), Ok(()));
        assert_eq!(
            unharmed(&line("\"i\"", "unharmed", "\"harmed\""), 1),
            Ok(())
        );
        for bad in [
            line("null", "harmed", "null"),
            line("null", "not-possible-here", "null"),
            line("\"i\"", "unharmed", "\"unharmed\""),
            String::new(),
        ] {
            assert!(unharmed(&bad, 1).is_err(), "{bad}");
        }
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
