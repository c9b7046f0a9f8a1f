//! `yagura replay`: judges a recording again.

use crate::exit::{Failure, Outcome};
use crate::input;
use crate::output::{self, Form};
use anyhow::Context as _;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use yagura_event::{
    Alert, ContainerKey, ContainerQuery, Drop, FileFacts, InspectionRequest, MonotonicNs,
};
use yagura_pipeline::{Input, Pipeline, PipelineConfig, Sink};
use yagura_policy::drift::DriftPolicy;
use yagura_sources::{CaptureReader, Recorded};

/// Judge a recording again, under any policy
///
/// Reads what `yagura sensor --record` wrote and prints the alerts. Under the policy that was in force then, they are
/// the same, byte for byte. Exit codes: 0 done, 1 the recording is damaged, 2 bad usage, policy or file.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The recording
    file: PathBuf,
    /// Drift policy; the built-in one if left out
    #[arg(long, value_name = "FILE")]
    drift_policy: Option<PathBuf>,
    /// Form of alerts: JSON Lines or text
    #[arg(long, value_enum, default_value_t = Form::Json)]
    output: Form,
}

/// Replays one recording.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let policy = match &arguments.drift_policy {
        Some(path) => input::drift_policy(path)?,
        None => DriftPolicy::built_in(),
    };
    let file = File::open(&arguments.file)
        .with_context(|| format!("{}", arguments.file.display()))
        .map_err(Failure::BadInput)?;
    let mut result = Ok(());
    replay(BufReader::new(file), policy, |alert| {
        if result.is_ok() {
            result = output::alert::print(&alert, arguments.output);
        }
    })?;
    result.map(|()| Outcome::Done)
}

/// Gives every input of a recording to a pipeline under that policy.
///
/// # Errors
/// [`Failure::BadInput`] if it is no recording of this version, [`Failure::Failed`] if it is damaged further on.
pub(crate) fn replay(
    capture: impl Read,
    policy: DriftPolicy,
    alert: impl FnMut(Alert),
) -> Result<(), Failure> {
    let capture = CaptureReader::new(capture).map_err(|error| Failure::BadInput(error.into()))?;
    let node = Arc::new(capture.header().node.clone());
    let version = policy.version().unwrap_or(1);
    let mut pipeline = Pipeline::new(PipelineConfig::new(node, Arc::new(policy), version));
    let mut printer = Printer { alert };
    for recorded in capture {
        let recorded = recorded.map_err(|error| Failure::Failed(error.into()))?;
        pipeline.step(input_of(recorded), &mut printer);
    }
    Ok(())
}

fn input_of(recorded: Recorded) -> Input {
    match recorded {
        Recorded::Kernel(event) => Input::Kernel(event),
        Recorded::Container(fact) => Input::Container(*fact),
        Recorded::Inspection(inspection) => Input::Inspection(inspection),
        Recorded::Clock(wall_minus_monotonic_ns) => Input::Clock {
            wall_minus_monotonic_ns,
        },
        Recorded::Tick(time) => Input::Tick(time),
    }
}

/// Passes alerts on. What the pipeline asks for is answered by the recording, or was not then either.
struct Printer<F> {
    alert: F,
}

impl<F: FnMut(Alert)> Sink for Printer<F> {
    fn alert(&mut self, alert: Alert) {
        (self.alert)(alert);
    }

    fn inspect(&mut self, _request: InspectionRequest) {}

    fn query(&mut self, _query: ContainerQuery) {}

    fn image_file(&mut self, _container: ContainerKey, _file: &FileFacts, _time: MonotonicNs) {}

    fn dropped(&mut self, _drop: Drop) {}
}
