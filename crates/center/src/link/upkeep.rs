//! What the link does by itself: it keeps copies of what is in force, hands on commands, and writes what sensors told.

use super::documents::matters;
use super::fleet::{StoredFleet, count_to};
use super::sessions::Unwritten;
use crate::app::fleet::OFFLINE;
use crate::clock;
use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use yagura_proto::identity::{SensorId, Serial};
use yagura_store::{ChangeKind, GapChange, NodeReport, Notice, StoreError};

/// How often copies are renewed even if the store tells of nothing.
const RENEWED: Duration = Duration::from_secs(30);
/// How long to wait before something is read again that could not be.
const RETRY: Duration = Duration::from_secs(1);
/// Nodes, or gaps of them, that go into the store at a time.
const AT_ONCE: usize = 500;
/// How often reports of nodes are written.
const REPORTS_WRITTEN: Duration = Duration::from_millis(500);

impl StoredFleet {
    /// Keeps copies current, commands going and reports written, for as long as the link is served. None of these waits
    /// for another: a policy must not be late because thousands of sensors report.
    pub(super) async fn watch(self: Arc<Self>) {
        tokio::select! {
            () = self.keep_copies() => {}
            () = self.keep_commands_going() => {}
            () = self.keep_writing_reports() => {}
        }
    }

    /// Ends when the store is closed.
    async fn keep_copies(&self) {
        let mut notices = self.store().subscribe();
        // Its first tick is at once.
        let mut renewal = tokio::time::interval(RENEWED);
        loop {
            let is_current = tokio::select! {
                notice = notices.next() => match notice {
                    Some(Notice::Change(change)) => match change.kind {
                        kind if matters(kind) => self.renew_documents().await,
                        ChangeKind::Certificate => self.renew_revoked().await,
                        _ => true,
                    },
                    Some(Notice::Missed) => self.renew().await,
                    None => return,
                },
                _ = renewal.tick() => self.renew().await,
            };
            if !is_current {
                renewal.reset_after(RETRY);
            }
        }
    }

    /// Ends when the store is closed.
    async fn keep_commands_going(&self) {
        let mut notices = self.store().subscribe();
        loop {
            match notices.next().await {
                Some(Notice::Change(change)) if change.kind == ChangeKind::Command => {
                    self.push_commands(&change.id).await;
                }
                Some(Notice::Change(_)) => {}
                Some(Notice::Missed) => self.push_all_commands().await,
                None => return,
            }
        }
    }

    async fn keep_writing_reports(&self) {
        let mut writing = tokio::time::interval(REPORTS_WRITTEN);
        writing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            writing.tick().await;
            self.write_reports().await;
        }
    }

    /// Renews every copy; whether that could be done.
    async fn renew(&self) -> bool {
        count_to(&self.counters.sessions, self.sessions.count());
        let documents = self.renew_documents().await;
        self.renew_revoked().await && documents
    }

    async fn renew_documents(&self) -> bool {
        let refreshed = self.documents.refresh(self.store()).await;
        if let Err(error) = &refreshed {
            tracing::error!(%error, "sensors keep what they have in force");
        }
        refreshed.is_ok()
    }

    async fn renew_revoked(&self) -> bool {
        match self.store().certificates().revoked(clock::now()).await {
            Ok(revoked) => {
                let serials = revoked.iter().filter_map(|serial| Serial::parse(serial));
                self.sessions.revoke(serials.collect::<BTreeSet<Serial>>());
                true
            }
            Err(error) => {
                tracing::error!(%error, "revoked certificates cannot be read");
                false
            }
        }
    }

    /// Pushes to every sensor of this replica that something waits for.
    async fn push_all_commands(&self) {
        match self.store().commands().waiting_nodes(clock::now()).await {
            Ok(nodes) => {
                for node in nodes {
                    self.push_commands(&node).await;
                }
            }
            Err(error) => {
                tracing::error!(%error, "commands cannot be read; they are sent later");
            }
        }
    }

    /// Pushes what waits for a node, if it hangs on this replica.
    async fn push_commands(&self, node: &str) {
        let Some(sensor) = SensorId::parse(node) else {
            return;
        };
        let Some(pushes) = self.sessions.pushes(&sensor) else {
            return;
        };
        if let Err(error) = self.push_to(node, &pushes, false).await {
            tracing::error!(%error, "commands cannot be read; they are sent later");
        }
    }

    /// Writes who came and went and what sensors told of themselves, a little later and together: after a change of policy
    /// they all tell at once, and after a start of the center they all come.
    pub(super) async fn write_reports(&self) {
        let Unwritten {
            ended,
            reports,
            gaps,
        } = self.sessions.take_unwritten();
        let left = self.written(&ended, "ends of sessions", write_ended).await;
        self.sessions.put_back_ended(left);
        let left = self
            .written(&reports, "reports of nodes", write_reports)
            .await;
        self.sessions.put_back_reports(left);
        let left = self.written(&gaps, "gaps", write_gaps).await;
        self.sessions.put_back_gaps(left);
    }

    /// Writes in parts. Returns what has to wait because the database is away.
    async fn written<'i, T: Sync>(
        &self,
        items: &'i [T],
        what: &'static str,
        write: Write<T>,
    ) -> &'i [T] {
        let mut left = items;
        while !left.is_empty() {
            let (some, rest) = left.split_at(left.len().min(AT_ONCE));
            let mut result = write(self, some).await;
            if result.as_ref().is_err_and(|error| !error.is_retryable()) {
                // One of them can't be stored, ever: the others must not wait for it.
                result = self.written_singly(some, what, write).await;
            }
            if let Err(error) = result {
                tracing::warn!(what, %error, "not stored yet");
                break;
            }
            left = rest;
        }
        left
    }

    async fn written_singly<T: Sync>(
        &self,
        items: &[T],
        what: &'static str,
        write: Write<T>,
    ) -> Result<(), StoreError> {
        for item in items.chunks(1) {
            match write(self, item).await {
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => tracing::warn!(what, %error, "left out"),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

type Writing<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;
/// Writes some into the store.
type Write<T> = for<'a> fn(&'a StoredFleet, &'a [T]) -> Writing<'a>;

fn write_ended<'a>(fleet: &'a StoredFleet, ended: &'a [String]) -> Writing<'a> {
    let (nodes, replica) = (fleet.store().nodes(), fleet.sessions.replica());
    Box::pin(async move {
        nodes
            .disconnected(ended, replica, Some(OFFLINE), clock::now())
            .await
    })
}

fn write_reports<'a>(fleet: &'a StoredFleet, reports: &'a [NodeReport]) -> Writing<'a> {
    let nodes = fleet.store().nodes();
    Box::pin(async move { nodes.report_all(reports, clock::now()).await })
}

fn write_gaps<'a>(fleet: &'a StoredFleet, gaps: &'a [GapChange]) -> Writing<'a> {
    let coverage = fleet.store().coverage();
    Box::pin(async move { coverage.note_gaps(gaps, clock::now()).await })
}
