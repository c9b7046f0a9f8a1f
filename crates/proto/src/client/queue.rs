//! Alerts' way into the spool: a bounded queue and one thread, which makes a batch of whatever waits.
//!
//! A quiet node's alert is a batch of its own and is on its way at once; in a flood the batches grow while the disk is
//! busy, so that one wait for the disk serves many alerts.

use crate::limits::{ALERT_BYTES_MAX, BATCH_ALERTS_MAX, BATCH_BYTES_MAX};
use crate::spool::{AppendError, Spool};
use crate::wire;
use bytes::Bytes;
use prost::Message as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Alerts between the sensor and the spool; a full queue makes the sensor's output wait, which has a queue of its own.
const ALERTS_MAX: usize = 4096;
/// Bytes of alerts after which a batch is closed: what is left of the bound holds one more alert and the envelope.
const BATCH_BYTES_FULL: usize = 1 << 20;
/// How long to wait before a batch is tried again that the disk did not take.
const DISK_PAUSE: Duration = Duration::from_millis(500);
/// zstd's fastest ordinary level: a node's processor time is not ours.
const LEVEL: i32 = 1;

const _: () = assert!(BATCH_BYTES_FULL + ALERT_BYTES_MAX + 64 * BATCH_ALERTS_MAX < BATCH_BYTES_MAX);

/// What goes through the queue.
#[derive(Debug)]
enum Queued {
    Alert(Bytes),
    /// Somebody wants to know when everything before is on the disk.
    Flush(SyncSender<()>),
    Close,
}

/// Why an alert was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Alerts have a bound.
    #[error("alert of {0} bytes is longer than {ALERT_BYTES_MAX}")]
    TooLong(usize),
    /// The link was closed.
    #[error("link is closed")]
    Closed,
}

/// The way for alerts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AlertSender {
    queue: SyncSender<Queued>,
}

impl AlertSender {
    /// Queues an alert, as JSON; waits while the queue is full. It is accepted once it is in the spool.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn send(&self, json: impl Into<Bytes>) -> Result<(), SendError> {
        let json = json.into();
        if json.len() > ALERT_BYTES_MAX {
            return Err(SendError::TooLong(json.len()));
        }
        let queued = self.queue.send(Queued::Alert(json));
        queued.map_err(|_| SendError::Closed)
    }

    /// Waits until every alert that was sent before is on the disk.
    ///
    /// # Errors
    /// [`SendError::Closed`].
    pub fn flush(&self) -> Result<(), SendError> {
        let (done, is_done) = sync_channel(1);
        let queued = self.queue.send(Queued::Flush(done));
        queued.map_err(|_| SendError::Closed)?;
        is_done.recv().map_err(|_| SendError::Closed)
    }
}

/// The queue with its thread.
#[derive(Debug)]
pub struct AlertQueue {
    sender: AlertSender,
    /// `None` once it has ended.
    thread: Option<JoinHandle<()>>,
    spooled: watch::Receiver<u64>,
    retries: Arc<AtomicU64>,
}

impl AlertQueue {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there can't be one.
    pub fn start(spool: Arc<Spool>) -> io::Result<AlertQueue> {
        let (queue, queued) = sync_channel(ALERTS_MAX);
        let (told, spooled) = watch::channel(spool.accepted());
        let retries = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            spool,
            queued,
            told,
            retries: Arc::clone(&retries),
        };
        let thread = std::thread::Builder::new()
            .name("spool".to_owned())
            .spawn(move || writer.run())?;
        Ok(AlertQueue {
            sender: AlertSender { queue },
            thread: Some(thread),
            spooled,
            retries,
        })
    }

    /// The way in.
    pub fn sender(&self) -> AlertSender {
        self.sender.clone()
    }

    /// The highest number in the spool, as it grows.
    pub fn spooled(&self) -> watch::Receiver<u64> {
        self.spooled.clone()
    }

    /// How often the disk did not take a batch at once, since the start.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// Writes what was sent before and ends the thread; waits for the disk. Being dropped does the same: the spool is free
    /// for another one then.
    pub fn close(self) {
        drop(self);
    }
}

impl Drop for AlertQueue {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        // Fails only if the thread has ended.
        let _ = self.sender.queue.send(Queued::Close);
        if thread.join().is_err() {
            tracing::error!("thread for the spool ended unexpectedly");
        }
    }
}

struct Writer {
    spool: Arc<Spool>,
    queued: Receiver<Queued>,
    told: watch::Sender<u64>,
    retries: Arc<AtomicU64>,
}

/// What waits to be written together.
#[derive(Default)]
struct Waiting {
    alerts: Vec<Bytes>,
    bytes: usize,
    flushes: Vec<SyncSender<()>>,
    is_last: bool,
}

impl Waiting {
    fn add(&mut self, queued: Queued) {
        match queued {
            Queued::Alert(json) => {
                self.bytes += json.len();
                self.alerts.push(json);
            }
            Queued::Flush(done) => self.flushes.push(done),
            Queued::Close => self.is_last = true,
        }
    }

    fn is_full(&self) -> bool {
        self.alerts.len() >= BATCH_ALERTS_MAX || self.bytes >= BATCH_BYTES_FULL || self.is_last
    }
}

impl Writer {
    fn run(self) {
        while let Ok(first) = self.queued.recv() {
            let mut waiting = Waiting::default();
            waiting.add(first);
            while !waiting.is_full() {
                match self.queued.try_recv() {
                    Ok(queued) => waiting.add(queued),
                    Err(_) => break,
                }
            }
            if !waiting.alerts.is_empty() {
                self.write(std::mem::take(&mut waiting.alerts));
            }
            for flush in waiting.flushes {
                // Who asked may have gone.
                let _ = flush.send(());
            }
            if waiting.is_last {
                return;
            }
        }
    }

    /// Writes a batch; tries for as long as it takes, while new alerts wait before the queue.
    fn write(&self, alerts: Vec<Bytes>) {
        let count = u32::try_from(alerts.len()).unwrap_or(u32::MAX);
        let encoded = wire::Alerts {
            documents: alerts.clone(),
        }
        .encode_to_vec();
        let content = match zstd::bulk::compress(&encoded, LEVEL) {
            Ok(content) => content,
            Err(error) => {
                tracing::error!(%error, count, "alerts cannot be compressed and are lost");
                return;
            }
        };
        loop {
            match self.spool.append(&content, count) {
                Ok(number) => {
                    self.told.send_replace(number);
                    return;
                }
                // Compressed to more than a batch may have: what does not compress goes in two halves.
                Err(AppendError::TooLong(_)) if alerts.len() > 1 => {
                    let mut alerts = alerts;
                    let rest = alerts.split_off(alerts.len() / 2);
                    self.write(alerts);
                    self.write(rest);
                    return;
                }
                Err(error @ AppendError::TooLong(_)) => {
                    tracing::error!(%error, "alert is lost");
                    return;
                }
                Err(error @ AppendError::Write(_)) => {
                    if self.retries.fetch_add(1, Ordering::Relaxed) == 0 {
                        tracing::error!(%error, "spool cannot be written; alerts wait");
                    }
                    std::thread::sleep(DISK_PAUSE);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
