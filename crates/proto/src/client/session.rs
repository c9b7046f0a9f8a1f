//! A session: hello, documents and commands, health.

use super::credentials::Credentials;
use super::{Ended, LinkStatus, SensorSide, Shared, connect};
use crate::UnixMs;
use crate::document::{Document, DocumentKind};
use crate::limits::{HELLO_MAX, PROBLEMS_MAX, TEXT_BYTES_MAX};
use crate::refusal::Refusal;
use crate::wire::{self, center_message::Message as Down, sensor_message::Message as Up};
use prost::Message as _;
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, interval_at, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use yagura_event::with_causes;

/// Messages on their way to the center.
const OUTGOING_MAX: usize = 16;
/// Bounds of the time between reports, whatever the center says.
const HEALTH_MIN: Duration = Duration::from_secs(1);
const HEALTH_MAX: Duration = Duration::from_secs(600);

/// Runs a session to its end.
pub(super) async fn run<S: SensorSide>(
    shared: &Arc<Shared>,
    side: &Arc<S>,
    channel: Channel,
    credentials: &Credentials,
) -> Result<Infallible, Ended> {
    let (up, messages) = mpsc::channel(OUTGOING_MAX);
    let mut session = Session {
        shared,
        side,
        credentials,
        up,
        skew_ms: 0,
        answered: HashSet::new(),
        inventory: None,
    };
    session.send(Up::Hello(session.hello())).await?;
    let mut calls = connect::calls(channel);
    let opened = calls.session(ReceiverStream::new(messages));
    let opened = timeout(HELLO_MAX, opened).await;
    let mut down = opened
        .map_err(|_| Ended::Lost("center does not answer".to_owned()))??
        .into_inner();
    let first = timeout(HELLO_MAX, down.message()).await;
    let first = first.map_err(|_| Ended::Lost("center does not answer".to_owned()))??;
    let Some(Down::Welcome(welcome)) = first.and_then(|message| message.message) else {
        return Err(Ended::Lost("center does not welcome".to_owned()));
    };
    session.welcomed(&welcome);
    let every = Duration::from_secs(welcome.health_interval_s.into()).clamp(HEALTH_MIN, HEALTH_MAX);
    let mut health = interval_at(Instant::now(), every);
    session.send_answers().await?;
    loop {
        tokio::select! {
            message = down.message() => match message? {
                Some(message) => session.take(message).await?,
                None => return Err(Ended::Lost("center ended the session".to_owned())),
            },
            _ = health.tick() => session.send_health().await?,
            () = shared.commands.answered.notified() => session.send_answers().await?,
        }
    }
}

struct Session<'s, S> {
    shared: &'s Arc<Shared>,
    side: &'s Arc<S>,
    credentials: &'s Credentials,
    up: mpsc::Sender<wire::SensorMessage>,
    /// Milliseconds by which the center's clock is ahead.
    skew_ms: i64,
    /// Commands whose answers went out in this session.
    answered: HashSet<String>,
    /// The inventory that went out last.
    inventory: Option<Vec<u8>>,
}

impl<S: SensorSide> Session<'_, S> {
    fn hello(&self) -> wire::Hello {
        let options = &self.shared.options;
        wire::Hello {
            node: Some(self.node()),
            version: options.version.clone(),
            time_ms: UnixMs::now().0,
            documents: self.shared.documents.states(),
            features: Vec::new(),
        }
    }

    /// This node; its cluster is the certificate's if nobody told this sensor another one.
    fn node(&self) -> wire::Node {
        let mut node = self.shared.options.node.clone();
        if node.cluster.is_empty() {
            node.cluster
                .clone_from(&self.credentials.identity().cluster);
        }
        node
    }

    fn welcomed(&mut self, welcome: &wire::Welcome) {
        self.skew_ms = UnixMs(welcome.time_ms).ahead_of(UnixMs::now());
        let clock_skew_ms = self.skew_ms;
        tracing::info!(center = %self.shared.options.center, clock_skew_ms, "connected to the center");
        self.shared
            .status
            .send_replace(LinkStatus::Connected { clock_skew_ms });
    }

    async fn send(&self, message: Up) -> Result<(), Ended> {
        let message = wire::SensorMessage {
            message: Some(message),
        };
        let sent = self.up.send(message).await;
        sent.map_err(|_| Ended::Lost("center ended the session".to_owned()))
    }

    async fn take(&mut self, message: wire::CenterMessage) -> Result<(), Ended> {
        match message.message {
            Some(Down::Document(update)) => self.apply(update).await,
            Some(Down::Command(signed)) => {
                let identity = self.credentials.identity();
                let keys = self.credentials.command_keys();
                let commands = &self.shared.commands;
                commands.take(&signed, keys, &identity.id, self.center_now(), self.side);
                // An answer that the center may have lost goes out again when it asks again.
                if let Ok(command) = wire::Command::decode(signed.command) {
                    self.answered.remove(&command.id);
                }
                Ok(())
            }
            Some(Down::AnswerReceipt(receipt)) => {
                self.shared.commands.received(&receipt.command_id);
                Ok(())
            }
            Some(Down::Farewell(farewell)) => {
                let refusal = Refusal::from_name(&farewell.reason);
                Err(refusal.map_or(Ended::Lost(farewell.reason), Ended::Refused))
            }
            // Newer than this sensor, or nothing to be done about.
            Some(Down::Welcome(_) | Down::HealthReceipt(_)) | None => Ok(()),
        }
    }

    /// Now, by the center's clock.
    fn center_now(&self) -> UnixMs {
        UnixMs(UnixMs::now().0.saturating_add_signed(self.skew_ms))
    }

    /// Puts a document in force, and says what became of it.
    async fn apply(&self, update: wire::DocumentUpdate) -> Result<(), Ended> {
        let Some(kind) = DocumentKind::of_wire(update.kind) else {
            tracing::warn!(kind = update.kind, "document is newer than this sensor");
            return Ok(());
        };
        let (shared, side) = (Arc::clone(self.shared), Arc::clone(self.side));
        let version = update.version;
        let applied = tokio::task::spawn_blocking(move || {
            let current = shared.documents.get(kind);
            let document = Document::of_update(&update, current.as_ref())
                .map_err(|error| vec![error.to_string()])?;
            side.apply(&document)?;
            if let Err(error) = shared.documents.keep(document) {
                tracing::error!(%kind, error = with_causes(&error), "document in force is not on disk");
            }
            Ok(())
        });
        match applied.await {
            Ok(Ok(())) => tracing::info!(%kind, version, "document in force"),
            Ok(Err(problems)) => self.refuse(kind, version, problems),
            Err(_) => self.refuse(
                kind,
                version,
                vec!["sensor failed to put it in force".to_owned()],
            ),
        }
        self.send(Up::DocumentState(self.shared.documents.state(kind)))
            .await
    }

    fn refuse(&self, kind: DocumentKind, version: u64, mut problems: Vec<String>) {
        tracing::error!(%kind, version, problems = problems.len(), "document is not put in force; the former one stays");
        problems.truncate(PROBLEMS_MAX);
        for problem in &mut problems {
            while problem.len() > TEXT_BYTES_MAX {
                problem.pop();
            }
        }
        self.shared.documents.refuse(kind, version, problems);
    }

    async fn send_answers(&mut self) -> Result<(), Ended> {
        for answer in self.shared.commands.answers() {
            if self.answered.insert(answer.command_id.clone()) {
                self.send(Up::CommandAnswer(answer)).await?;
            }
        }
        Ok(())
    }

    async fn send_health(&mut self) -> Result<(), Ended> {
        let side = Arc::clone(self.side);
        let health = tokio::task::spawn_blocking(move || side.health()).await;
        let Ok(mut health) = health else {
            tracing::error!("report of health cannot be made");
            return Ok(());
        };
        let shared = self.shared;
        health.node = Some(self.node());
        health.time_ms = UnixMs::now().0;
        health.version.clone_from(&shared.options.version);
        health.documents = shared.documents.states();
        health.spool = Some(shared.spool.state());
        health.clock_skew_ms = self.skew_ms;
        let inventory = health.inventory.as_ref().map(prost::Message::encode_to_vec);
        if inventory.is_some() && inventory == self.inventory {
            health.inventory = None;
        } else {
            self.inventory = inventory;
        }
        self.send(Up::Health(health)).await
    }
}
