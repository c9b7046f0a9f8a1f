//! `yagura simulate --benign`: ordinary work, and whether it is left in peace.

use super::super::Arrived;
use super::KeyArguments;
use crate::exit::{Failure, Outcome};
use crate::output::{self, Form, table};
use crossbeam_channel::Receiver;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::Category;
use yagura_rehearsal::benign::{self, BenignWorkload, CarriedOut};
use yagura_rehearsal::{ContainerOptions, ThrowAwayImage};

/// How long after a workload an alert still counts as its false alarm.
const ALERT_WAIT: Duration = Duration::from_millis(1500);

/// One false alarm.
#[derive(Debug, Clone, Serialize)]
struct FalseAlarm {
    key: String,
    rule: String,
    severity: &'static str,
    evidence: String,
}

/// What became of one workload.
#[derive(Debug, Clone, Serialize)]
struct WorkloadResult {
    workload: &'static str,
    what: &'static str,
    completed: bool,
    seconds: f64,
    false_alarms: Vec<FalseAlarm>,
    note: String,
}

/// Carries the workloads out, one after the other.
pub(super) fn run(
    arguments: &KeyArguments,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    arrived: &Receiver<Arrived>,
) -> Result<Outcome, Failure> {
    let mut results = Vec::new();
    for workload in benign::WORKLOADS
        .iter()
        .filter(|one| is_wanted(one, arguments))
    {
        let started = Instant::now();
        let told = benign::carry_out(workload, image, options);
        let result = WorkloadResult {
            workload: workload.name,
            what: workload.what,
            completed: told.completed,
            seconds: started.elapsed().as_secs_f64(),
            false_alarms: false_alarms(workload, &told, arrived),
            note: told.note,
        };
        if arguments.output == Form::Json {
            let line =
                serde_json::to_string(&result).map_err(|error| Failure::Failed(error.into()))?;
            output::print(&format!("{line}\n"))?;
        }
        results.push(result);
    }
    conclude(&results, arguments.output)
}

/// Whether a workload was asked for.
pub(super) fn is_wanted(workload: &BenignWorkload, arguments: &KeyArguments) -> bool {
    let asked = &arguments.workload;
    asked.is_empty()
        || asked
            .iter()
            .any(|part| workload.name.contains(part.as_str()))
}

fn false_alarms(
    workload: &BenignWorkload,
    told: &CarriedOut,
    arrived: &Receiver<Arrived>,
) -> Vec<FalseAlarm> {
    let deadline = Instant::now() + ALERT_WAIT;
    // Each finding once: a repeat comes as the same alert with a higher count.
    let mut alarms: BTreeMap<String, FalseAlarm> = BTreeMap::new();
    while let Ok(Arrived { alert, .. }) = arrived.recv_deadline(deadline) {
        let is_its = told
            .containers
            .iter()
            .any(|id| alert.container_id().contains(id.as_str()));
        let is_right = workload.drifts && alert.category == Category::Drift;
        if is_its && !is_right {
            let evidence = match &alert.detection {
                Some(detection) => detection.output.clone(),
                None => alert.explanation.clone(),
            };
            let alarm = FalseAlarm {
                key: alert.key.into_owned(),
                rule: alert.rule.into_owned(),
                severity: alert.severity.as_str(),
                evidence,
            };
            alarms.insert(alert.id, alarm);
        }
    }
    alarms.into_values().collect()
}

fn conclude(results: &[WorkloadResult], form: Form) -> Result<Outcome, Failure> {
    let alarms: usize = results.iter().map(|result| result.false_alarms.len()).sum();
    let completed = results.iter().filter(|result| result.completed).count();
    if form == Form::Table {
        let rows = results.iter().map(|result| {
            let said: Vec<String> = result
                .false_alarms
                .iter()
                .map(|alarm| format!("{} ({}): {}", alarm.rule, alarm.severity, alarm.evidence))
                .collect();
            vec![
                result.workload.to_owned(),
                if result.completed {
                    "completed"
                } else {
                    "DID NOT COMPLETE"
                }
                .to_owned(),
                format!("{:.1} s", result.seconds),
                said.join("; "),
                result.note.clone(),
            ]
        });
        output::print(&table::aligned(
            &["workload", "", "time", "false alarms", "note"],
            rows,
        ))?;
        output::print(&format!(
            "{completed} of {} completed, {alarms} false alarms\n",
            results.len()
        ))?;
    }
    Ok(match (alarms, completed == results.len()) {
        (0, true) => Outcome::Done,
        _ => Outcome::Findings,
    })
}
