//! One run of the canary.

use super::book::{Arrived, Book};
use super::{Canary, CanaryPart, CanaryReport};
use crate::main_loop::Wake;
use crate::start::Wakes;
use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_event::{Alert, Denied, MonotonicNs, WallTime, with_causes};
use yagura_kernel::wall_minus_boot_ns;
use yagura_policy::PolicySet;
use yagura_rehearsal::escapes::{AttemptResult, EscapeError, EscapeStage, TECHNIQUES};
use yagura_rehearsal::{
    Announce, ContainerOptions, DriftOutcome, RuntimeChoice, RuntimeProgram, StartError,
    ThrowAwayContainer, ThrowAwayImage, cleanup_leftovers, drift, rehearse,
};

/// The technique: it changes nothing, needs nothing of the host, and every backend can deny it.
const TECHNIQUE: &str = "core-pattern";
/// How long it may take until policies are in force on a container.
const IN_FORCE_MAX: Duration = Duration::from_secs(20);
/// Pause between two looks at that.
const POLL: Duration = Duration::from_millis(10);
/// How long an alert may take before what happened counts as not seen.
const ALERT_MAX: Duration = Duration::from_secs(5);
/// How long the sensor may take to know a container.
const KNOWN_MAX: Duration = Duration::from_secs(10);

/// What a run needs.
#[derive(Debug)]
pub(super) struct Rehearsal {
    pub(super) base: PathBuf,
    pub(super) wakes: Wakes,
    pub(super) book: Arc<Book>,
    pub(super) policies: Arc<PolicySet>,
    /// Why nothing is stopped on this node, if nothing is.
    pub(super) not_blocking: Option<&'static str>,
    /// Disconnected when the sensor stops.
    pub(super) stopped: Receiver<()>,
}

/// Why a part could not be rehearsed.
#[derive(Debug, thiserror::Error)]
enum RehearseError {
    #[error("container cannot be started")]
    Container(#[from] StartError),
    #[error("attempt cannot be made")]
    Escape(#[from] EscapeError),
    #[error("no technique to rehearse")]
    Missing,
}

impl Rehearsal {
    /// Runs both parts; `None` if the sensor stops meanwhile.
    pub(super) fn run(&self) -> Option<CanaryReport> {
        let time = wall_now();
        let report = match self.world() {
            Ok((image, options)) => self.both(time, &image, &options),
            Err(problem) => {
                let part = CanaryPart {
                    outcome: "not-possible-here",
                    problem,
                    ..CanaryPart::default()
                };
                Some(CanaryReport {
                    time,
                    drift: part.clone(),
                    escape: part,
                })
            }
        };
        self.wakes.send(Wake::Canary(None));
        self.book.close(crate::now());
        report.filter(|_| !self.is_stopped())
    }

    /// What containers are made of; what is missing for it, in words.
    fn world(&self) -> Result<(Arc<ThrowAwayImage>, ContainerOptions), String> {
        let runtime = RuntimeProgram::find(RuntimeChoice::Found)
            .map_err(|missing| format!("protection cannot be proved on this node: {missing}"))?;
        if let Err(error) = cleanup_leftovers(&self.base) {
            tracing::warn!(%error, "left-overs of earlier canaries cannot be looked for");
        }
        let image = ThrowAwayImage::build(&self.base).map_err(|error| with_causes(&error))?;
        let options = ContainerOptions {
            base: self.base.clone(),
            ..ContainerOptions::new(runtime)
        };
        Ok((Arc::new(image), options))
    }

    fn both(
        &self,
        time: WallTime,
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
    ) -> Option<CanaryReport> {
        let drift = self.part(options, |options, arrived| {
            self.drift(image, options, arrived)
        });
        if self.is_stopped() {
            return None;
        }
        let escape = self.part(options, |options, arrived| {
            self.escape(image, options, arrived)
        });
        Some(CanaryReport {
            time,
            drift,
            escape,
        })
    }

    /// Rehearses a part in containers that are known as the sensor's own before they are there.
    fn part(
        &self,
        options: &ContainerOptions,
        rehearse: impl FnOnce(
            &ContainerOptions,
            &Receiver<Arrived>,
        ) -> Result<CanaryPart, RehearseError>,
    ) -> CanaryPart {
        let (alerts, arrived) = unbounded();
        let options = ContainerOptions {
            announce: Some(self.announce(alerts)),
            ..options.clone()
        };
        rehearse(&options, &arrived).unwrap_or_else(|error| CanaryPart {
            outcome: "not-possible-here",
            problem: with_causes(&error),
            ..CanaryPart::default()
        })
    }

    fn announce(&self, alerts: Sender<Arrived>) -> Announce {
        let (wakes, book) = (self.wakes.clone(), Arc::clone(&self.book));
        let policies = Arc::clone(&self.policies);
        Announce::new(move |id| {
            book.open(id, crate::now(), alerts.clone());
            wakes.send(Wake::Canary(Some(Canary {
                id: id.to_owned(),
                policies: Arc::clone(&policies),
            })));
        })
    }

    fn drift(
        &self,
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
        arrived: &Receiver<Arrived>,
    ) -> Result<CanaryPart, RehearseError> {
        let case = drift::cases().next().ok_or(RehearseError::Missing)?;
        let container = ThrowAwayContainer::start(image, options)?;
        let lacking = self.wait_until_ready(container.id());
        let rehearsed = rehearse(case, &container);
        let is_its = |alert: &Alert| {
            alert.drift.as_ref().is_some_and(|drift| {
                drift.kind == case.kind && case.matches_path(drift.path.as_bytes())
            })
        };
        let alert = wait_for(arrived, rehearsed.started, is_its);
        let (outcome, why) = match &rehearsed.outcome {
            DriftOutcome::Ran => ("not-stopped", String::new()),
            DriftOutcome::Refused { .. } => ("blocked", String::new()),
            DriftOutcome::Killed { .. } => ("killed", String::new()),
            DriftOutcome::NotPossibleHere { reason } => ("not-possible-here", reason.clone()),
        };
        let part = self.judged(outcome, why, alert.as_ref(), lacking);
        Ok(removed(part, container.remove()))
    }

    fn escape(
        &self,
        image: &Arc<ThrowAwayImage>,
        options: &ContainerOptions,
        arrived: &Receiver<Arrived>,
    ) -> Result<CanaryPart, RehearseError> {
        let technique = TECHNIQUES
            .iter()
            .find(|technique| technique.name == TECHNIQUE);
        let technique = technique.ok_or(RehearseError::Missing)?;
        let mut stage = EscapeStage::set(technique, image, options)?;
        let lacking = self.wait_until_ready(stage.container().id());
        let attempt = stage.attempt()?;
        let is_its = |alert: &Alert| match &alert.denial {
            Some(denial) => matches!(denial.denied, Denied::Behaviour(_)),
            None => alert.detection.is_some(),
        };
        let alert = wait_for(arrived, attempt.started, is_its);
        let (outcome, why) = match (&attempt.result, attempt.effect) {
            (AttemptResult::NotPossibleHere { reason }, _) => ("not-possible-here", reason.clone()),
            (_, true) => ("not-stopped", String::new()),
            (AttemptResult::Killed { .. }, false) => ("killed", String::new()),
            (AttemptResult::Refused { .. } | AttemptResult::Happened, false) => {
                ("blocked", String::new())
            }
        };
        let part = self.judged(outcome, why, alert.as_ref(), lacking);
        Ok(removed(part, stage.finish()))
    }

    /// What is to be said of a part. What the machine refused by itself is not to the sensor's credit: without an alert of
    /// a denial nothing counts as blocked.
    fn judged(
        &self,
        outcome: &'static str,
        why: String,
        alert: Option<&Arrived>,
        lacking: Option<String>,
    ) -> CanaryPart {
        let denial = alert.and_then(|arrived| arrived.alert.denial.as_ref());
        let blocked = matches!(outcome, "blocked" | "killed") && denial.is_some();
        let mut problems: Vec<String> = Vec::new();
        problems.extend(lacking);
        problems.extend(Some(why).filter(|why| !why.is_empty()));
        match (blocked, self.not_blocking) {
            (true, _) => {}
            (false, Some(reason)) => problems.push(reason.to_owned()),
            (false, None) => problems.push(format!("it was not blocked: {outcome}")),
        }
        if alert.is_none() {
            problems.push("no alert told of it".to_owned());
        }
        CanaryPart {
            seen: alert.is_some(),
            blocked,
            latency_ns: alert.map(|arrived| arrived.at.since(arrived.alert.monotonic)),
            outcome,
            means: denial
                .map(|denial| denial.means.to_string())
                .unwrap_or_default(),
            problem: problems.join("; "),
        }
    }

    /// Waits until the sensor knows the container and, if it enforces, has put policies in force on it. Tells what did not
    /// come to be.
    fn wait_until_ready(&self, id: &str) -> Option<String> {
        let is_known = || {
            let known = self.wakes.containers().unwrap_or_default();
            known.iter().any(|known| known.container.id == id)
        };
        if !self.comes_to_be(KNOWN_MAX, is_known) {
            return Some("the sensor did not come to know the container".to_owned());
        }
        if self.not_blocking.is_some() {
            return None;
        }
        let mut released = false;
        let is_in_force = || {
            let status = self.wakes.enforcement().unwrap_or_default();
            let own = status.containers.iter().find(|known| known.id == id);
            released = own.is_some_and(|own| own.released);
            own.is_some_and(|own| !own.enforced.is_empty())
        };
        if !self.comes_to_be(IN_FORCE_MAX, is_in_force) {
            return Some("policies did not come in force on the container".to_owned());
        }
        released.then(|| "a person has lifted enforcement on this node".to_owned())
    }

    fn comes_to_be(&self, longest: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + longest;
        while Instant::now() < deadline && !self.is_stopped() {
            if is_so() {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    fn is_stopped(&self) -> bool {
        self.stopped.try_recv() == Err(TryRecvError::Disconnected)
    }
}

/// The first alert that fits, of something that happened since then.
fn wait_for(
    arrived: &Receiver<Arrived>,
    since: MonotonicNs,
    fits: impl Fn(&Alert) -> bool,
) -> Option<Arrived> {
    let deadline = Instant::now() + ALERT_MAX;
    while let Ok(next) = arrived.recv_deadline(deadline) {
        if next.alert.monotonic >= since && fits(&next.alert) {
            return Some(next);
        }
    }
    None
}

/// A part whose container was to be removed.
fn removed(mut part: CanaryPart, removed: Result<(), impl std::error::Error>) -> CanaryPart {
    if let Err(error) = removed {
        let stays = format!("something is left behind: {}", with_causes(&error));
        part.problem = match part.problem.is_empty() {
            true => stays,
            false => format!("{}; {stays}", part.problem),
        };
    }
    part
}

fn wall_now() -> WallTime {
    let now = i64::try_from(crate::now().0).unwrap_or(i64::MAX);
    WallTime(now.saturating_add(wall_minus_boot_ns()))
}
