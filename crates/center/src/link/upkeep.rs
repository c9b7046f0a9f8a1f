//! What the link does by itself: it keeps copies of what is in force, hands on commands, and writes what sensors told.

use super::documents::matters;
use super::fleet::{StoredFleet, count_to};
use crate::clock;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use yagura_proto::identity::{SensorId, Serial};
use yagura_store::{ChangeKind, NodeReport, Notice};

/// How often copies are renewed even if the store tells of nothing.
const RENEWED: Duration = Duration::from_secs(30);
/// How long to wait before something is read again that could not be.
const RETRY: Duration = Duration::from_secs(1);
/// Reports of nodes that go into the store at a time.
const REPORTS_AT_ONCE: usize = 500;
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

    /// Writes what sensors told of themselves, a little later and together: after a change of policy they all tell at once.
    async fn write_reports(&self) {
        let reports = self.sessions.take_dirty();
        let mut chunks = reports.chunks(REPORTS_AT_ONCE);
        while let Some(some) = chunks.next() {
            let written = self.store().nodes().report_all(some, clock::now()).await;
            match written {
                Ok(()) => {}
                Err(error) if error.is_retryable() => {
                    tracing::warn!(%error, "reports of nodes are not stored yet");
                    let left = some.iter().chain(chunks.flatten());
                    self.sessions
                        .mark_dirty(left.map(|report| report.id.as_str()));
                    return;
                }
                // One of them can't be stored, ever: the others must not wait for it.
                Err(_) => self.write_reports_singly(some).await,
            }
        }
    }

    async fn write_reports_singly(&self, reports: &[NodeReport]) {
        for report in reports {
            if let Err(error) = self.store().nodes().report(report, clock::now()).await {
                tracing::warn!(node = report.name, %error, "report of a node is not stored");
            }
        }
    }
}
