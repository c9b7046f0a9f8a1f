//! Writes a recording on a thread of its own, so that a slow disk never slows detection.

use crossbeam_channel::{Receiver, Sender, bounded};
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::thread::JoinHandle;
use tracing::warn;
use yagura_pipeline::Input;
use yagura_sources::{CaptureError, CaptureHeader, CaptureWriter, Recorded};

/// Inputs that may wait for the disk.
const QUEUE_MAX: usize = 16_384;

/// The recording of a running sensor.
#[derive(Debug)]
pub(crate) struct Recorder {
    queue: Option<Sender<Recorded>>,
    writer: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins a recording in a new file.
    pub(crate) fn start(path: &Path, header: &CaptureHeader) -> Result<Recorder, CaptureError> {
        let file = BufWriter::new(File::create(path)?);
        let capture = CaptureWriter::new(file, header)?;
        let (queue, inputs) = bounded(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write(capture, &inputs))?;
        Ok(Recorder {
            queue: Some(queue),
            writer: Some(writer),
        })
    }

    /// Queues one input; `false` if there was no room.
    pub(crate) fn record(&self, input: Recorded) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(input).is_ok())
    }
}

fn write(mut capture: CaptureWriter<BufWriter<File>>, inputs: &Receiver<Recorded>) {
    for input in inputs {
        if let Err(error) = capture.write(&input) {
            warn!(%error, "recording ended early");
            return;
        }
    }
    let ended = capture.finish().and_then(|file| {
        Ok(file
            .into_inner()
            .map_err(|error| error.into_error())?
            .sync_all()?)
    });
    if let Err(error) = ended {
        warn!(%error, "recording could not be finished");
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // The thread has no panicking path of its own; nothing is lost if it had.
            let _ = writer.join();
        }
    }
}

/// An input as it is recorded; `None` for what a replay brings itself.
pub(crate) fn recorded(input: &Input) -> Option<Recorded> {
    Some(match input {
        Input::Kernel(event) => Recorded::Kernel(event.clone()),
        Input::Container(fact) => Recorded::Container(Box::new(fact.clone())),
        Input::Inspection(inspection) => Recorded::Inspection(inspection.clone()),
        Input::Clock {
            wall_minus_monotonic_ns,
        } => Recorded::Clock(*wall_minus_monotonic_ns),
        Input::Tick(time) => Recorded::Tick(*time),
        Input::Flood(container, count) => Recorded::Flood(*container, *count),
        Input::Scanned(answer) => Recorded::Scanned(Box::new(answer.clone())),
        Input::Denied(event, rule) => Recorded::Denied(event.clone(), rule.clone()),
        Input::ImageFinding(container, path, answer) => {
            Recorded::ImageFinding(*container, path.clone(), Box::new(answer.clone()))
        }
        // A replay brings the policy and the rules to be tried, and can't stop containers.
        Input::Policy(..) | Input::Rules(_) | Input::Ruled(_) | Input::Canary(_) => return None,
    })
}
