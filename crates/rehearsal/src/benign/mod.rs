//! Ordinary work in real containers: what a security product must stay silent about.
//!
//! Each workload is what people really run, with the habits that look like attacks from afar: servers that start
//! shells, databases that copy files by a command line, scripts that open sockets in bash, builds that run what they
//! made. They belong on an image of
//! [`crate::debian::DebianRoot::image`] and nothing outside of their containers.
//!
//! Those of [`PRIVILEGED`] have rights that others don't, and use them: what a defence rule must not harm.
//!
//! Start at [`WORKLOADS`] and [`carry_out`].

mod files;
mod privileged;
mod stage;
mod workloads;

use crate::command::now;
use crate::container::ContainerOptions;
use crate::image::{ImageFile, ThrowAwayImage};
use std::sync::Arc;
use std::time::Duration;
use yagura_event::{Behaviour, MonotonicNs, with_causes};

pub use privileged::PRIVILEGED;
pub use stage::{BenignStage, WorkloadError};
pub use workloads::WORKLOADS;

/// Something that people do every day.
#[derive(Debug, Clone, Copy)]
pub struct BenignWorkload {
    /// Short name, unique among the workloads.
    pub name: &'static str,
    /// What it is, and what of it may be mistaken.
    pub what: &'static str,
    /// How long it may take.
    pub limit: Duration,
    /// Whether programs run in it that are not the image's: then drift is rightly seen, and nothing else.
    pub drifts: bool,
    /// Behaviours that belong to it: a defence rule that denies them must let it through by an exception.
    pub behaviours: &'static [Behaviour],
    /// Name of an image that does such work, by which a rule may know what to let through; its containers bear it.
    pub image: Option<&'static str>,
    run: fn(&mut BenignStage<'_>) -> Result<(), WorkloadError>,
}

impl BenignWorkload {
    /// The same work in containers whose image nobody knows.
    #[must_use]
    pub fn without_image(self) -> BenignWorkload {
        BenignWorkload {
            image: None,
            ..self
        }
    }
}

/// Waits until rules are in force on the container of an id, and tells whether they came to be.
pub type WaitInForce<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// What a workload did. It says nothing of whether anybody noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedOut {
    /// Name of the workload.
    pub name: &'static str,
    /// Ids of its containers, those of its other sides among them.
    pub containers: Vec<String>,
    /// Just before it began.
    pub started: MonotonicNs,
    /// Just after it ended and was removed.
    pub ended: MonotonicNs,
    /// Whether it ran to its end: only then does silence mean anything.
    pub completed: bool,
    /// What went wrong, escaped; empty if nothing did.
    pub note: String,
}

/// What workloads run and find, as the image has it.
pub(crate) fn files() -> impl Iterator<Item = ImageFile<'static>> {
    files::PROGRAMS.iter().chain(&files::SETTINGS).copied()
}

/// Carries a workload out in containers of its own, which are gone when this returns. Several may run at a time.
pub fn carry_out(
    workload: &BenignWorkload,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
) -> CarriedOut {
    on_stage(workload, BenignStage::new(image, options, workload.limit))
}

/// The same under rules: a script of the workload begins when they are in force on its container, and not without them.
pub fn carry_out_guarded(
    workload: &BenignWorkload,
    image: &Arc<ThrowAwayImage>,
    options: &ContainerOptions,
    wait: WaitInForce<'_>,
) -> CarriedOut {
    let stage = BenignStage::new(image, options, workload.limit);
    on_stage(workload, stage.guarded(wait))
}

fn on_stage(workload: &BenignWorkload, mut stage: BenignStage<'_>) -> CarriedOut {
    let started = now();
    if let Some(image) = workload.image {
        stage.name_image(image);
    }
    let ran = (workload.run)(&mut stage);
    let finished = stage.finish();
    let result = ran.and(finished);
    CarriedOut {
        name: workload.name,
        containers: stage.ids().to_vec(),
        started,
        ended: now(),
        completed: result.is_ok(),
        note: result
            .err()
            .map(|error| with_causes(&error))
            .unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_many_and_their_names_differ() {
        assert!(WORKLOADS.len() >= 30);
        let all = || WORKLOADS.iter().chain(PRIVILEGED);
        let names: BTreeSet<&str> = all().map(|workload| workload.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
