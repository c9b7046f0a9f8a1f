//! `yagura simulate`: every key of the catalogue is detected by its real exercise, and ordinary work is left in peace.

use crate::harness::{Output, run, trial, yagura};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long all rehearsals may take, the Debian image included, on a machine that does other things as well.
const RUN_MAX: Duration = Duration::from_secs(40 * 60);
/// Keys of the catalogue.
const KEYS: usize = 52;

pub(crate) fn trials() -> Vec<Trial> {
    let needs = ["root", "runc", "mmdebstrap"];
    vec![
        trial("catalogue::every_key_is_detected", &needs, every_key),
        trial(
            "catalogue::ordinary_work_is_left_in_peace",
            &needs,
            ordinary_work,
        ),
        trial(
            "catalogue::the_shipped_rule_harms_no_ordinary_work",
            &needs,
            shipped_rule,
        ),
    ]
}

fn lines(output: &Output) -> Result<Vec<Value>> {
    let text = output.text();
    text.lines()
        .map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}")))
        .collect()
}

fn every_key() -> Result<()> {
    let mut command = yagura();
    command.args(["simulate", "--full", "--output", "json"]);
    let output = run(&mut command, RUN_MAX)?;
    let results = lines(&output)?;
    let missed: Vec<String> = results
        .iter()
        .flat_map(|result| result["rehearsals"].as_array().into_iter().flatten())
        .filter(|rehearsal| rehearsal["detected"] != true)
        .map(|rehearsal| {
            format!(
                "{} (ran {}): {}",
                rehearsal["name"], rehearsal["ran"], rehearsal["note"]
            )
        })
        .collect();
    ensure!(missed.is_empty(), "not detected: {missed:#?}");
    let keys: BTreeSet<&str> = results
        .iter()
        .filter_map(|result| result["key"].as_str())
        .collect();
    ensure!(keys.len() == KEYS, "{} keys", keys.len());
    for result in &results {
        ensure!(
            result["detected"] == true && result["rule"].is_string(),
            "{result}"
        );
        ensure!(
            result["severity"].is_string() && result["time_to_alert_ms"].is_number(),
            "{result}"
        );
    }
    output.expect(0).map(drop)
}

fn ordinary_work() -> Result<()> {
    let mut command = yagura();
    command.args(["simulate", "--benign", "--output", "json"]);
    let output = run(&mut command, RUN_MAX)?;
    let results = lines(&output)?;
    ensure!(results.len() >= 30, "{} workloads", results.len());
    let mut wrong = Vec::new();
    for result in &results {
        let name = &result["workload"];
        if result["completed"] != true {
            wrong.push(format!("{name} did not complete: {}", result["note"]));
        }
        // What an administrator does by hand is worth a reminder, and no more.
        let alarms = result["false_alarms"].as_array().into_iter().flatten();
        for alarm in alarms.filter(|alarm| alarm["severity"] != "reminder") {
            wrong.push(format!(
                "{name}: {} {}: {}",
                alarm["severity"], alarm["rule"], alarm["evidence"]
            ));
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

/// Workloads that have privileges.
const PRIVILEGED: [&str; 7] = [
    "node-exporter",
    "cni-agent",
    "backup-agent",
    "package-upgrade",
    "debug-tools",
    "touched-programs",
    "rootless-container",
];

fn shipped_rule() -> Result<()> {
    let mut command = yagura();
    command.args(["simulate", "--benign", "--enforce", "--output", "json"]);
    let output = run(&mut command, RUN_MAX)?.expect(0)?;
    let results = lines(&output)?;
    let names: BTreeSet<&str> = results
        .iter()
        .filter_map(|result| result["workload"].as_str())
        .collect();
    let missing = PRIVILEGED.iter().find(|name| !names.contains(*name));
    ensure!(
        missing.is_none() && names.len() >= 30,
        "{missing:?}: {names:?}"
    );
    for result in &results {
        let unharmed = result["outcome"] == "unharmed" && result["denials"] == json!([]);
        ensure!(unharmed, "{result:#}");
        // An exception that nobody needs is a hole, and a rule that harms nobody may not be in force.
        let is_excepted = result["exceptions"] != json!([]);
        ensure!(
            (result["without_exceptions"] == "harmed") == is_excepted,
            "{result:#}"
        );
    }
    Ok(())
}
