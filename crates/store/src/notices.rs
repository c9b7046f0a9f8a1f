//! News of changes, for live views and for replicas that keep copies.

use crate::DocumentKind;
use crate::limits::{NOTICE_ID_BYTES_MAX, NOTICES_MAX};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use std::time::Duration;
use tokio::sync::broadcast;

/// PostgreSQL's name for our notices.
pub(crate) const CHANNEL: &str = "yagura_changes";

/// How long a listener that lost the database waits before it tries again.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// What kind of thing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Alerts were stored; the id is empty and the version how many were new or repeated.
    Alerts,
    /// An alert was handled.
    Alert,
    /// An incident began, grew or was handled.
    Incident,
    /// Something configured.
    Document(DocumentKind),
    /// A node.
    Node,
    /// A command was queued, sent or answered; the id is the node's.
    Command,
    /// A certificate was issued or revoked; the id is the node's.
    Certificate,
    /// A user.
    User,
    /// A user's sessions; the id is the user's.
    Session,
    /// A user's API tokens; the id is the user's.
    Token,
    /// The delivery state of an output.
    Output,
    /// Canaries or coverage gaps of a node; the id is the node's.
    Coverage,
    /// Enrolment tokens.
    Enrolment,
}

impl ChangeKind {
    const PLAIN: [ChangeKind; 12] = [
        ChangeKind::Alerts,
        ChangeKind::Alert,
        ChangeKind::Incident,
        ChangeKind::Node,
        ChangeKind::Command,
        ChangeKind::Certificate,
        ChangeKind::User,
        ChangeKind::Session,
        ChangeKind::Token,
        ChangeKind::Output,
        ChangeKind::Coverage,
        ChangeKind::Enrolment,
    ];

    /// The name in notices; of configured things that of their kind.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Alerts => "alerts",
            ChangeKind::Alert => "alert",
            ChangeKind::Incident => "incident",
            ChangeKind::Document(kind) => kind.as_str(),
            ChangeKind::Node => "node",
            ChangeKind::Command => "command",
            ChangeKind::Certificate => "certificate",
            ChangeKind::User => "user",
            ChangeKind::Session => "session",
            ChangeKind::Token => "token",
            ChangeKind::Output => "output-state",
            ChangeKind::Coverage => "coverage",
            ChangeKind::Enrolment => "enrolment",
        }
    }

    fn from_name(name: &str) -> Option<ChangeKind> {
        ChangeKind::PLAIN
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .or_else(|| DocumentKind::from_name(name).map(ChangeKind::Document))
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What kind of thing.
    pub kind: ChangeKind,
    /// Which.
    pub id: String,
    /// The version that it has now, zero for what has none.
    pub version: i64,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind, id: &str, version: i64) -> Change {
        Change {
            kind,
            id: id.to_owned(),
            version,
        }
    }

    pub(crate) fn encode(&self) -> String {
        let id = if self.id.len() > NOTICE_ID_BYTES_MAX {
            ""
        } else {
            &self.id
        };
        json!([self.kind.as_str(), id, self.version]).to_string()
    }

    fn decode(payload: &str) -> Option<Change> {
        let (kind, id, version): (String, String, i64) = serde_json::from_str(payload).ok()?;
        Some(Change {
            kind: ChangeKind::from_name(&kind)?,
            id,
            version,
        })
    }
}

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Something changed.
    Change(Change),
    /// Changes may have been missed: the connection was lost for a while, or the subscriber was too slow. Whoever keeps
    /// a copy reads everything anew.
    Missed,
}

/// Hands notices to every subscriber of this process.
#[derive(Debug, Clone)]
pub(crate) struct Broadcast {
    sender: broadcast::Sender<Notice>,
}

impl Broadcast {
    pub(crate) fn new() -> Broadcast {
        let (sender, _) = broadcast::channel(NOTICES_MAX);
        Broadcast { sender }
    }

    /// That nobody subscribed is no failure.
    pub(crate) fn change(&self, change: Change) {
        self.send(Notice::Change(change));
    }

    fn send(&self, notice: Notice) {
        self.sender.send(notice).ok();
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        Subscription {
            receiver: self.sender.subscribe(),
        }
    }
}

/// News, from when it was made on.
#[derive(Debug)]
pub struct Subscription {
    receiver: broadcast::Receiver<Notice>,
}

impl Subscription {
    /// Waits for the next notice; `None` once the store is gone. Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Option<Notice> {
        match self.receiver.recv().await {
            Ok(notice) => Some(notice),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Notice::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// Starts to listen. Once this returns, no change that is committed later is missed without a notice of it.
pub(crate) async fn listen(
    pool: &PgPool,
    broadcast: Broadcast,
) -> Result<tokio::task::JoinHandle<()>, sqlx::Error> {
    let listener = connect(pool).await?;
    let pool = pool.clone();
    Ok(tokio::spawn(async move {
        keep_listening(pool, listener, broadcast).await;
    }))
}

async fn connect(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

async fn keep_listening(pool: PgPool, mut listener: PgListener, broadcast: Broadcast) {
    loop {
        let lost = forward(&mut listener, &broadcast).await;
        if pool.is_closed() {
            return;
        }
        tracing::warn!(error = %lost, "change notices were interrupted");
        listener = loop {
            tokio::time::sleep(RECONNECT_AFTER).await;
            match connect(&pool).await {
                Ok(listener) => break listener,
                Err(_) if pool.is_closed() => return,
                Err(error) => tracing::debug!(%error, "no connection for change notices yet"),
            }
        };
        tracing::info!("change notices arrive again");
        broadcast.send(Notice::Missed);
    }
}

/// Hands on what arrives, until the connection is lost.
async fn forward(listener: &mut PgListener, broadcast: &Broadcast) -> String {
    loop {
        match listener.try_recv().await {
            Ok(Some(notification)) => match Change::decode(notification.payload()) {
                Some(change) => broadcast.change(change),
                // A newer replica may know of kinds that this one does not.
                None => broadcast.send(Notice::Missed),
            },
            Ok(None) => return "the connection was closed".to_owned(),
            Err(error) => return error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_from_their_payload() {
        let documents = DocumentKind::ALL.into_iter().map(ChangeKind::Document);
        for kind in ChangeKind::PLAIN.into_iter().chain(documents) {
            let change = Change::new(kind, "a \"b\"", 7);
            assert_eq!(Change::decode(&change.encode()), Some(change));
        }
        assert_eq!(Change::decode("{}"), None);
        assert_eq!(Change::decode("[\"newer\",\"\",1]"), None);
    }

    #[test]
    fn a_payload_is_never_too_long() {
        let change = Change::new(ChangeKind::Node, &"x".repeat(9_000), 1);
        assert!(change.encode().len() < 8_000);
    }
}
