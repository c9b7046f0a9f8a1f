//! The canary: what a node promises, seen to be done.

use super::guard::Guard;
use super::{clean_up_leftovers, clean_up_on_signal, drift, escapes, find_runtime};
use crate::exit::Failure;
use anyhow::Context as _;
use std::sync::Arc;
use yagura_rehearsal::{ContainerOptions, RuntimeChoice, ThrowAwayImage};

/// What became of one part of the canary.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// A word for it; stable, for programs.
    pub(crate) name: &'static str,
    /// What was tried.
    pub(crate) what: &'static str,
    /// What became of it, in a word.
    pub(crate) outcome: &'static str,
    /// Whether it was stopped before it had any effect.
    pub(crate) is_stopped: bool,
    /// Whether an alert told of it.
    pub(crate) is_told: bool,
    /// By what means; empty if nobody told.
    pub(crate) means: String,
    /// From the act to the alert.
    pub(crate) milliseconds: Option<f64>,
}

/// Has a drifted program and an attempt to escape blocked in throw-away containers.
///
/// # Errors
/// If no container or sensor can be started.
pub(crate) fn prove() -> Result<Vec<Proof>, Failure> {
    clean_up_on_signal()?;
    let base = std::env::temp_dir();
    clean_up_leftovers(&base);
    let image = ThrowAwayImage::build(&base)
        .context("image can't be made")
        .map_err(Failure::CannotRun)?;
    let image = Arc::new(image);
    let options = ContainerOptions::new(find_runtime(RuntimeChoice::Found)?);
    let guard = Guard::start(
        escapes::deny_all().with_drift(drift::block_all()),
        true,
        &base,
    )?;
    let proofs = vec![
        drift::proof(&image, &options, &guard)?,
        escapes::proof(&image, &options, &guard)?,
    ];
    image
        .remove()
        .context("image can't be removed")
        .map_err(Failure::Failed)?;
    guard.stop()?;
    Ok(proofs)
}
