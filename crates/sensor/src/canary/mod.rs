//! The canary: a harmless drifted program and a harmless attempt to escape, which the sensor makes in throw-away containers
//! of its own to see that it sees and stops them.
//!
//! Does: run at the start and then at an interval, put policies in force that hold for its own containers alone, keep what
//! is told of them from users' alerts, take everything away.
//! Never: changes what holds for any other container. Its containers are known by the ids that it gave them, which nobody can
//! guess beforehand, and by the time in which they were there; by a name nobody is taken for one.
//!
//! Start at [`Canaries::start`]; [`rehearse`] is one run.

mod book;
mod rehearse;

pub(crate) use book::Book;

use crate::start::Wakes;
use crossbeam_channel::{Receiver, Sender, after, bounded, select};
use rehearse::Rehearsal;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use yagura_event::WallTime;
use yagura_policy::PolicySet;
use yagura_policy::drift::DriftPolicy;

/// What is put in force on the canary's containers, and on no others: everything that can be denied is.
const POLICIES: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Protection canary
      action: block
      kinds: [binaries, libraries, scripts]
  default: { action: ignore }
---
apiVersion: yagura.dev/v1
kind: DefenceRule
metadata: { name: Protection canary }
spec:
  action: block
  fuse: off
  behaviours: { process: all, file: all, syscall: all }
";

/// When a sensor proves what it can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanarySettings {
    /// Time from one run to the next.
    pub interval: Duration,
    /// Existing folder below which containers are made, such as /tmp.
    pub base: PathBuf,
}

impl CanarySettings {
    /// The usual time from one run to the next.
    pub const INTERVAL: Duration = Duration::from_secs(3600);
    /// The shortest: each run starts containers.
    pub const INTERVAL_MIN: Duration = Duration::from_secs(10);
}

impl Default for CanarySettings {
    fn default() -> CanarySettings {
        CanarySettings {
            interval: CanarySettings::INTERVAL,
            base: std::env::temp_dir(),
        }
    }
}

/// What became of one part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CanaryPart {
    /// Whether an alert told of it.
    pub seen: bool,
    /// Whether it was stopped before it had any effect.
    pub blocked: bool,
    /// From what happened to the alert, nanoseconds; `None` if it was not seen.
    pub latency_ns: Option<u64>,
    /// `blocked`, `killed`, `not-stopped` or `not-possible-here`.
    pub outcome: &'static str,
    /// By what means it was stopped, as the alert tells; empty if it was not.
    pub means: String,
    /// What went wrong; empty if nothing did.
    pub problem: String,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CanaryReport {
    /// When it began.
    pub time: WallTime,
    /// A program that was written into the container.
    pub drift: CanaryPart,
    /// A kernel setting of the host, written to from a privileged container with what it holds.
    pub escape: CanaryPart,
}

impl CanaryReport {
    /// What went wrong, both parts together; empty if nothing did.
    pub fn problem(&self) -> String {
        let parts = [&self.drift.problem, &self.escape.problem];
        match parts {
            [drift, escape] if drift == escape => drift.clone(),
            parts => {
                let told: Vec<&str> = parts
                    .into_iter()
                    .filter(|problem| !problem.is_empty())
                    .map(String::as_str)
                    .collect();
                told.join("; ")
            }
        }
    }
}

/// A container of the sensor's own.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    /// Its id.
    pub(crate) id: String,
    /// What holds for it and nobody else.
    pub(crate) policies: Arc<PolicySet>,
}

impl Canary {
    /// What the pipeline needs of it.
    pub(crate) fn drift(&self) -> (String, Arc<DriftPolicy>) {
        (self.id.clone(), Arc::new(self.policies.drift().clone()))
    }
}

/// The thread that runs canaries. Dropping it ends the thread, after the run that is under way.
#[derive(Debug)]
pub(crate) struct Canaries {
    last: Arc<Mutex<Option<CanaryReport>>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Canaries {
    /// Starts the thread. `not_blocking` says why nothing is stopped on this node, if nothing is.
    ///
    /// # Errors
    /// The system's refusal to start a thread.
    pub(crate) fn start(
        settings: CanarySettings,
        wakes: Wakes,
        book: Arc<Book>,
        not_blocking: Option<&'static str>,
    ) -> std::io::Result<Canaries> {
        let (stop, stopped) = bounded(0);
        let last = Arc::new(Mutex::new(None));
        let told = Arc::clone(&last);
        let thread = std::thread::Builder::new()
            .name("canary".to_owned())
            .spawn(move || {
                let rehearsal = Rehearsal {
                    base: settings.base.clone(),
                    wakes,
                    book,
                    policies: policies(),
                    not_blocking,
                    stopped: stopped.clone(),
                };
                run(&rehearsal, &settings, &stopped, &told);
            })?;
        Ok(Canaries {
            last,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The last run; `None` before the first has ended.
    pub(crate) fn last(&self) -> Option<CanaryReport> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("thread of the canary ended unexpectedly");
        }
    }
}

fn policies() -> Arc<PolicySet> {
    // A test holds that it has no errors.
    let parsed = yagura_policy::set::parse("canary", POLICIES.as_bytes());
    Arc::new(parsed.set.unwrap_or_default())
}

fn run(
    rehearsal: &Rehearsal,
    settings: &CanarySettings,
    stopped: &Receiver<()>,
    told: &Mutex<Option<CanaryReport>>,
) {
    let mut before = None;
    loop {
        let report = rehearsal.run();
        let Some(report) = report else {
            return;
        };
        tell(before.as_ref(), &report);
        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
        before = Some(report);
        let next = after(settings.interval.max(CanarySettings::INTERVAL_MIN));
        select! {
            recv(stopped) -> _ => return,
            recv(next) -> _ => {}
        }
    }
}

/// Says what is news.
fn tell(before: Option<&CanaryReport>, report: &CanaryReport) {
    let told = |report: &CanaryReport| {
        let part = |part: &CanaryPart| (part.seen, part.blocked, part.problem.clone());
        (part(&report.drift), part(&report.escape))
    };
    if before.is_some_and(|before| told(before) == told(report)) {
        return;
    }
    let (drift, escape) = (&report.drift, &report.escape);
    let is_well = [drift, escape]
        .iter()
        .all(|part| part.seen && part.problem.is_empty());
    let problem = report.problem();
    match is_well {
        true => tracing::info!(
            drift = drift.outcome,
            escape = escape.outcome,
            "protection canary was seen"
        ),
        false => tracing::warn!(
            drift = drift.outcome,
            escape = escape.outcome,
            problem,
            "protection canary: this node's protection is not proved"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::Behaviour;

    #[test]
    fn what_holds_for_the_canary_denies_everything() {
        let policies = policies();
        let [rule] = policies.defence() else {
            panic!("one rule");
        };
        assert_eq!(rule.behaviours.set().iter().count(), Behaviour::ALL.len());
        let [rule] = policies.drift().rules() else {
            panic!("one rule");
        };
        assert_eq!(rule.name, "Protection canary");
        assert_eq!(rule.action, yagura_policy::drift::RuleAction::Block);
    }

    #[test]
    fn a_problem_of_both_parts_is_told_once() {
        let part = |problem: &str| CanaryPart {
            problem: problem.to_owned(),
            ..CanaryPart::default()
        };
        let report = |drift, escape| CanaryReport {
            drift: part(drift),
            escape: part(escape),
            ..CanaryReport::default()
        };
        assert_eq!(report("no runc", "no runc").problem(), "no runc");
        assert_eq!(report("one", "two").problem(), "one; two");
        assert_eq!(report("", "two").problem(), "two");
        assert_eq!(report("", "").problem(), "");
    }
}
