//! Alerts of many sensors on their way into the store.
//!
//! A transaction costs the same for one alert as for a hundred, and thousands of sensors send small batches. So what waits
//! while a transaction runs goes into the next one together; a batch that comes alone goes at once. Nobody is answered
//! before what they sent is stored.

use super::fleet::FleetCounters;
use crate::app::ingest;
use crate::start::Center;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{Mutex, mpsc, oneshot};
use yagura_store::{InsertOutcome, NewAlert, StoreError};

/// Transactions at a time: while one waits for the disk, another one works. More would only wait for one another.
const TRANSACTIONS_MAX: usize = 3;
/// Batches that wait before senders do.
const WAITING_MAX: usize = 64;
/// Alerts after which a group is full. One more batch than that stays within what the store takes at a time.
const GROUP_ALERTS_FULL: usize = 1_000;
/// Bytes of documents after which a group is full.
const GROUP_BYTES_FULL: usize = 8 << 20;

/// A batch that waits, and who waits for it.
#[derive(Debug)]
struct Waiting {
    alerts: Vec<NewAlert>,
    done: oneshot::Sender<Result<Stored, Arc<StoreError>>>,
}

/// What became of the alerts that went into the store together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// There was something new among them.
    New,
    /// The store had them all.
    Known,
}

/// Why a batch was not stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum IntakeError {
    /// The database does not take it now.
    #[error("alerts cannot be stored now")]
    Store(#[source] Arc<StoreError>),
    /// The center stops.
    #[error("the center stops")]
    Stopped,
}

/// The way in. Its tasks end with it.
#[derive(Debug)]
pub(super) struct Intake {
    queue: mpsc::Sender<Waiting>,
}

impl Intake {
    /// Starts the tasks that store.
    pub(super) fn start(center: &Center, counters: &Arc<FleetCounters>) -> Intake {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..TRANSACTIONS_MAX {
            let writer = Writer {
                center: center.clone(),
                counters: Arc::clone(counters),
            };
            tokio::spawn(writer.run(Arc::clone(&waiting)));
        }
        Intake { queue }
    }

    /// Stores a batch; returns once it is on the database's disk.
    pub(super) async fn store(&self, alerts: Vec<NewAlert>) -> Result<Stored, IntakeError> {
        let (done, is_done) = oneshot::channel();
        let queued = self.queue.send(Waiting { alerts, done }).await;
        queued.map_err(|_| IntakeError::Stopped)?;
        let stored = is_done.await.map_err(|_| IntakeError::Stopped)?;
        stored.map_err(IntakeError::Store)
    }
}

/// One of the tasks that store.
struct Writer {
    center: Center,
    counters: Arc<FleetCounters>,
}

impl Writer {
    async fn run(self, waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
        loop {
            let group = next_group(&mut *waiting.lock().await).await;
            if group.is_empty() {
                return;
            }
            self.store_group(group).await;
        }
    }

    async fn store_group(&self, group: Vec<Waiting>) {
        let mut together = Vec::new();
        let mut batches = Vec::with_capacity(group.len());
        for waiting in group {
            batches.push((waiting.alerts.len(), waiting.done));
            together.extend(waiting.alerts);
        }
        match self.record(&mut together).await {
            Err(error) if !error.is_retryable() => {
                // One of them can't be stored, ever: the others must not wait for it.
                let mut rest = together.as_mut_slice();
                for (alerts, done) in batches {
                    let (batch, after) = rest.split_at_mut(alerts);
                    rest = after;
                    let stored = self.store_batch(batch).await;
                    // Whoever waited may be gone.
                    let _ = done.send(stored.map_err(Arc::new));
                }
            }
            stored => {
                let stored = stored.map_err(Arc::new);
                for (_, done) in batches {
                    let _ = done.send(stored.clone());
                }
            }
        }
    }

    /// Stores a batch; if it can't be stored whole, one alert after the other, without those that the store refuses.
    async fn store_batch(&self, alerts: &mut [NewAlert]) -> Result<Stored, StoreError> {
        match self.record(alerts).await {
            Err(error) if !error.is_retryable() => {}
            stored => return stored,
        }
        let mut all = Stored::Known;
        for alert in alerts.chunks_mut(1) {
            match self.record(alert).await {
                Ok(Stored::Known) => {}
                Ok(Stored::New) => all = Stored::New,
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => {
                    self.counters
                        .malformed_alerts
                        .fetch_add(1, Ordering::Relaxed);
                    let node = alert.first().map(|alert| alert.node.as_str());
                    tracing::warn!(node, %error, "alert was left out");
                }
            }
        }
        Ok(all)
    }

    async fn record(&self, alerts: &mut [NewAlert]) -> Result<Stored, StoreError> {
        let inserted = ingest::record(&self.center, alerts).await?;
        let foreign = inserted.count(InsertOutcome::Foreign);
        self.counters
            .foreign_alerts
            .fetch_add(foreign as u64, Ordering::Relaxed);
        let known = inserted.count(InsertOutcome::Known);
        Ok(match known == inserted.outcomes.len() {
            true => Stored::Known,
            false => Stored::New,
        })
    }
}

/// Waits for a batch, and takes what else waits. Empty once nobody can send any more.
async fn next_group(waiting: &mut mpsc::Receiver<Waiting>) -> Vec<Waiting> {
    let mut group = Vec::new();
    let (mut alerts, mut bytes) = (0, 0);
    let mut next = waiting.recv().await;
    while let Some(batch) = next {
        alerts += batch.alerts.len();
        bytes += bytes_of(&batch.alerts);
        group.push(batch);
        if alerts >= GROUP_ALERTS_FULL || bytes >= GROUP_BYTES_FULL {
            break;
        }
        next = waiting.try_recv().ok();
    }
    group
}

fn bytes_of(alerts: &[NewAlert]) -> usize {
    alerts.iter().map(|alert| alert.document.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(alerts: usize) -> (Waiting, oneshot::Receiver<Result<Stored, Arc<StoreError>>>) {
        let alert = ingest::read(
            br#"{"id":"0123456789abcdef0123456789abcdef","time":"2026-01-02T03:04:05Z","rule":"R","severity":"urgent","status":"unhandled"}"#,
            "node-1",
            "",
        );
        let (done, is_done) = oneshot::channel();
        let alerts = vec![alert.unwrap(); alerts];
        (Waiting { alerts, done }, is_done)
    }

    #[tokio::test]
    async fn what_waits_goes_together_up_to_a_bound() {
        let (queue, mut waiting) = mpsc::channel(WAITING_MAX);
        for alerts in [1, 400, 600, 1, 2] {
            queue.send(batch(alerts).0).await.unwrap();
        }
        drop(queue);
        let mut groups = Vec::new();
        loop {
            let group = next_group(&mut waiting).await;
            if group.is_empty() {
                break;
            }
            let sizes: Vec<usize> = group.iter().map(|batch| batch.alerts.len()).collect();
            groups.push(sizes);
        }
        assert_eq!(groups, [vec![1, 400, 600], vec![1, 2]]);
    }
}
