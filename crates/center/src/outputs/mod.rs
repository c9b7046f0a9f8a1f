//! Alerts on their way to other systems.
//!
//! What is to be sent is what the store tells in its order of storing, from the position that each output has reached: the
//! position is on disk, so that a restart loses nothing, and detection never waits for an output. A failed delivery is
//! tried again, later each time. Of several replicas one delivers. What waits is bounded in number and age; what is given
//! up is counted.
//!
//! Start at [`deliver`]: `worker` is one output's loop, `backlog` bounds what waits. `settings` says what can be
//! configured, `template` makes texts in an admin's words, `formats` those of other systems; `send` brings them away, with
//! `syslog` and `email` for what is not HTTP. `address` and `trust` say where outputs may connect and whom they believe.

mod address;
mod backlog;
mod email;
mod formats;
mod send;
mod settings;
mod syslog;
mod template;
mod trust;
mod worker;

pub(crate) use formats::sample;
pub(crate) use send::{SendError, Sender};
pub(crate) use settings::{check, receiver};

use crate::app::outputs::{Configured, configured};
use crate::start::Center;
use std::collections::HashMap;
use std::time::Duration;
use tokio::task::JoinHandle;
use worker::Worker;
use yagura_store::{ChangeKind, DocumentKind, Notice, Subscription};

/// How often outputs are looked at where nothing tells of changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Delivers until the center stops.
pub(crate) async fn deliver(center: Center) {
    let mut stopping = center.stopping();
    let mut notices = center.store().subscribe();
    let mut workers: HashMap<String, (i64, JoinHandle<()>)> = HashMap::new();
    loop {
        match configured(&center).await {
            Ok(outputs) => adjust(&center, outputs, &mut workers),
            Err(error) => tracing::warn!(error = ?error, "outputs could not be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = output_changed(&mut notices) => {}
            () = crate::start::stopped(&mut stopping) => break,
        }
    }
    for (id, (_, task)) in workers {
        task.abort();
        // Whoever goes on, a replica or the next start, need not wait until the claim ends.
        if let Err(error) = worker::give_back(&center, &id).await {
            tracing::warn!(output = id, error = ?error, "an output stays claimed for a while");
        }
    }
}

/// Lets a worker run for each output that is enabled, as it is configured now.
fn adjust(
    center: &Center,
    outputs: Vec<Configured>,
    workers: &mut HashMap<String, (i64, JoinHandle<()>)>,
) {
    workers.retain(|id, (version, task)| {
        let same = |output: &Configured| {
            output.id == *id && output.version.0 == *version && output.draft.enabled
        };
        let keep = !task.is_finished() && outputs.iter().any(same);
        if !keep {
            task.abort();
        }
        keep
    });
    for output in outputs.into_iter().filter(|output| output.draft.enabled) {
        let (id, version) = (output.id.clone(), output.version.0);
        workers.entry(id).or_insert_with(|| {
            let worker = Worker::new(center.clone(), output);
            (version, tokio::spawn(worker.run()))
        });
    }
}

async fn output_changed(notices: &mut Subscription) {
    while let Some(notice) = notices.next().await {
        match notice {
            Notice::Change(change) if change.kind == ChangeKind::Document(DocumentKind::Output) => {
                return;
            }
            Notice::Change(_) => {}
            Notice::Missed => return,
        }
    }
    std::future::pending::<()>().await;
}
