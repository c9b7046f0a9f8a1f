//! What is checked in the virtual machine, one line each.

use serde_json::Value;
use std::time::Duration;

/// A command and how it must end there.
#[derive(Debug)]
pub(super) struct Check {
    /// What it shows.
    pub(super) name: &'static str,
    /// The command; `yagura` is the product that was just built.
    pub(super) command: &'static [&'static str],
    /// Its exit code.
    pub(super) code: u8,
    /// Looks at its standard output; tells what is wrong with it.
    pub(super) look: fn(&str) -> Result<(), String>,
    /// What it may take, boot included: several times what it takes on two cores.
    pub(super) timeout: Duration,
}

/// All checks, the quick ones first.
pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "doctor finds BPF LSM usable",
        command: &["yagura", "doctor", "--output", "json"],
        code: 0,
        look: |output| doctor_approves(output, &["kernel", "btf", "bpf_lsm", "cgroups", "runtime"]),
        timeout: Duration::from_secs(120),
    },
    Check {
        name: "drift is detected on this kernel too",
        command: &["yagura", "simulate", "drift", "--runtime", "runc"],
        code: 0,
        look: |_| Ok(()),
        timeout: Duration::from_secs(400),
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
}
