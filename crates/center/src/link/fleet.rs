//! The link's questions, answered by the store.

use super::documents::Documents;
use super::intake::{Intake, Stored};
use super::sessions::Sessions;
use super::{commands, enrolment, reports};
use crate::app::ingest;
use crate::clock;
use crate::start::Center;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use yagura_event::WallTime;
use yagura_proto::UnixMs;
use yagura_proto::document::DocumentKind;
use yagura_proto::identity::{SensorId, SensorIdentity};
use yagura_proto::refusal::Refusal;
use yagura_proto::server::{
    Acceptance, Admission, Attachment, EnrolmentClaim, Fleet, FleetError, IncomingBatch,
    IssuedCertificate, OutputPart, Push, RefusedPeer,
};
use yagura_proto::wire;
use yagura_store::{
    Actor, ActorKind, Certificate, Command, ContainerFilter, ContainerReport, PAGE_ROWS_MAX,
    PageRequest, Store, StoreError, UpdateError,
};

/// Containers that go into the store at a time.
const CONTAINERS_AT_ONCE: usize = 500;

/// What became of sensors' calls.
#[derive(Debug, Default)]
pub(crate) struct FleetCounters {
    /// Sensors in session on this replica.
    pub(crate) sessions: AtomicU64,
    /// Alerts that break the contract and were left out.
    pub(crate) malformed_alerts: AtomicU64,
    /// Alerts that name another node than their sender's.
    pub(crate) foreign_alerts: AtomicU64,
    /// Refused connections and calls.
    pub(crate) refused: AtomicU64,
    /// Commands that can't be sent as they are stored.
    pub(crate) unsendable_commands: AtomicU64,
}

/// The fleet of a store.
#[derive(Debug)]
pub(super) struct StoredFleet {
    center: Center,
    pub(super) sessions: Arc<Sessions>,
    pub(super) documents: Documents,
    intake: Intake,
    pub(super) counters: Arc<FleetCounters>,
}

/// The store's error as the link takes it.
pub(super) fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> FleetError {
    FleetError::Unavailable(Box::new(error))
}

fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

fn wall(time: UnixMs) -> WallTime {
    WallTime(
        i64::try_from(time.0)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000),
    )
}

fn actor(sensor: &SensorIdentity) -> Actor {
    Actor {
        kind: ActorKind::Sensor,
        name: sensor.node.clone(),
        address: String::new(),
    }
}

impl StoredFleet {
    pub(super) fn new(center: Center, sessions: Arc<Sessions>) -> StoredFleet {
        let counters = Arc::default();
        StoredFleet {
            intake: Intake::start(&center, &counters),
            center,
            sessions,
            documents: Documents::new(),
            counters,
        }
    }

    pub(super) fn counters(&self) -> Arc<FleetCounters> {
        Arc::clone(&self.counters)
    }

    pub(super) fn store(&self) -> &Store {
        self.center.store()
    }

    /// Notes that nobody is in session on this replica any more: whoever does not come back elsewhere is not watched.
    pub(super) async fn forget_sessions(&self) {
        self.write_reports().await;
        self.sessions.end_all();
        self.write_reports().await;
        if let Err(error) = self
            .store()
            .nodes()
            .replica_gone(self.sessions.replica())
            .await
        {
            tracing::warn!(%error, "sensors of this replica's former life still count as connected");
        }
    }

    /// Whether a command was given to that sensor.
    async fn own_command(&self, sensor: &SensorIdentity, id: &str) -> Result<Command, FleetError> {
        let stored = self.store().commands().get(id).await.map_err(unavailable)?;
        let own = stored.filter(|command| command.node == sensor.id.as_str());
        own.ok_or_else(|| Refusal::WrongIdentity.into())
    }

    /// Pushes what a node was not sent yet; at the beginning of a session, what it has not answered, too.
    pub(super) async fn push_to(
        &self,
        node: &str,
        pushes: &mpsc::Sender<Push>,
        is_first: bool,
    ) -> Result<(), yagura_store::StoreError> {
        let now = clock::now();
        let commands = self.store().commands();
        for stored in commands.pending(node, now).await? {
            if !is_first && stored.sent.is_some() {
                continue;
            }
            let command = match commands::command(&stored) {
                Ok(command) => command,
                Err(missing) => {
                    count(&self.counters.unsendable_commands, 1);
                    let answer = json!({ "outcome": "failed", "text": format!("command has no valid {missing}") });
                    commands
                        .answered(&stored.id, node, false, &answer, now)
                        .await?;
                    continue;
                }
            };
            commands.sent(&stored.id, now).await?;
            // A sensor that has too much to do gets the rest with its next session.
            if pushes.try_send(Push::Command(command)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Notes the end of a session, whenever the link lets go of it.
    fn watch_end(&self, sensor: SensorId, pushes: mpsc::Sender<Push>) {
        let (sessions, counters) = (Arc::clone(&self.sessions), Arc::clone(&self.counters));
        tokio::spawn(async move {
            pushes.closed().await;
            sessions.detach(&sensor, &pushes);
            count_to(&counters.sessions, sessions.count());
        });
    }

    /// Stores the containers of a node, and that those it does not tell of any more have ended.
    async fn store_inventory(
        &self,
        sensor: &SensorIdentity,
        inventory: &wire::Inventory,
    ) -> Result<(), StoreError> {
        let mut reports = reports::containers(sensor, inventory);
        let told: BTreeSet<String> = reports.iter().map(|report| report.id.clone()).collect();
        let filter = ContainerFilter {
            nodes: vec![sensor.id.as_str().to_owned()],
            running: Some(true),
            ..ContainerFilter::default()
        };
        let mut page = PageRequest::first(PAGE_ROWS_MAX);
        loop {
            let known = self.store().inventory().containers(&filter, &page).await?;
            let ended = known.items.into_iter().map(|container| container.report);
            let ended = ended.filter(|report| !told.contains(&report.id));
            reports.extend(ended.map(|report| ContainerReport {
                running: false,
                ..report
            }));
            match known.next {
                Some(next) => page = PageRequest::after(PAGE_ROWS_MAX, next),
                None => break,
            }
        }
        for some in reports.chunks(CONTAINERS_AT_ONCE) {
            self.store().inventory().report(some, clock::now()).await?;
        }
        Ok(())
    }
}

/// What the store refuses for good must not come again and again.
fn kept(stored: Result<(), StoreError>) -> Result<(), FleetError> {
    match stored {
        Err(error) if error.is_retryable() => Err(unavailable(error)),
        Err(error) => {
            tracing::warn!(%error, "part of a report is not stored");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

pub(super) fn count_to(counter: &AtomicU64, value: usize) {
    counter.store(value as u64, Ordering::Relaxed);
}

impl Fleet for StoredFleet {
    async fn redeem(&self, claim: EnrolmentClaim) -> Result<Admission, FleetError> {
        enrolment::redeem(self.store(), claim, self.sessions.replica()).await
    }

    async fn issued(&self, certificate: IssuedCertificate) -> Result<(), FleetError> {
        let identity = &certificate.identity;
        let actor = actor(identity);
        let (certificates, now) = (self.store().certificates(), clock::now());
        if certificate.renews.is_none() {
            // The node enrols anew: whoever has a former certificate of it is not it any more.
            let revoked =
                certificates.revoke_node(identity.id.as_str(), "node enrolled anew", &actor, now);
            revoked.await.map_err(unavailable)?;
        }
        let recorded = Certificate {
            serial: identity.serial.as_str().to_owned(),
            node: identity.id.as_str().to_owned(),
            fingerprint: String::new(),
            not_before: wall(identity.not_before),
            not_after: wall(identity.not_after),
            issued: now,
            revoked: None,
            reason: String::new(),
        };
        match certificates.record(&recorded, &actor).await {
            Ok(()) => Ok(()),
            Err(UpdateError::Store(error)) => Err(unavailable(error)),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn admit(&self, sensor: &SensorIdentity) -> Result<(), FleetError> {
        match self.sessions.is_revoked(&sensor.serial) {
            true => Err(Refusal::Revoked.into()),
            false => Ok(()),
        }
    }

    async fn attach(
        &self,
        sensor: &SensorIdentity,
        hello: &wire::Hello,
        _peer: SocketAddr,
    ) -> Result<Attachment, FleetError> {
        let nodes = self.store().nodes();
        let known = nodes.get(sensor.id.as_str()).await.map_err(unavailable)?;
        // A node that a person removed does not come back without a token.
        let mut report = known.ok_or(Refusal::Revoked)?.report;
        let node = hello.node.clone().unwrap_or_default();
        report.provider = reports::text(&node.provider);
        report.account = reports::text(&node.account);
        report.sensor_version = reports::text(&hello.version);
        report.policy_versions = reports::versions(&hello.documents);
        self.sessions.replica().clone_into(&mut report.replica);
        if self.documents.is_empty() {
            let read = self.documents.refresh(self.store()).await;
            read.map_err(unavailable)?;
        }
        let documents = self.documents.subscribe();
        let (pushes, receiver) = self.sessions.attach(sensor, report);
        count_to(&self.counters.sessions, self.sessions.count());
        self.watch_end(sensor.id.clone(), pushes.clone());
        let pushed = self.push_to(sensor.id.as_str(), &pushes, true).await;
        pushed.map_err(unavailable)?;
        Ok(Attachment {
            documents,
            pushes: receiver,
        })
    }

    async fn accept_alerts(
        &self,
        sensor: &SensorIdentity,
        batch: IncomingBatch,
    ) -> Result<Acceptance, FleetError> {
        let mut alerts = Vec::with_capacity(batch.alerts.len());
        let mut malformed = u64::from(batch.malformed);
        for alert in &batch.alerts {
            match ingest::read(&alert.json, &sensor.node, &sensor.cluster) {
                Ok(alert) => alerts.push(alert),
                Err(error) => {
                    malformed += 1;
                    tracing::debug!(sensor = %sensor.id, %error, "alert cannot be stored");
                }
            }
        }
        count(&self.counters.malformed_alerts, malformed);
        count(&self.counters.foreign_alerts, u64::from(batch.foreign));
        if malformed > 0 || batch.foreign > 0 {
            tracing::warn!(sensor = %sensor.id, malformed, foreign = batch.foreign, "alerts were left out");
        }
        ingest::leave_out_expired(&self.center, &mut alerts);
        if alerts.is_empty() {
            return Ok(Acceptance::Stored);
        }
        match self.intake.store(alerts).await {
            Ok(Stored::New) => Ok(Acceptance::Stored),
            Ok(Stored::Known) => Ok(Acceptance::Duplicate),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn health(
        &self,
        sensor: &SensorIdentity,
        health: wire::Health,
    ) -> Result<(), FleetError> {
        let skew_ms = UnixMs::now().ahead_of(UnixMs(health.time_ms));
        let told = reports::health(&health, skew_ms);
        let versions = reports::versions(&health.documents);
        let gaps = told.get("gaps").cloned().unwrap_or_default();
        self.sessions.update(&sensor.id, |report| {
            report.backend = reports::text(&health.backend);
            report.kernel = reports::text(&health.kernel);
            report.sensor_version = reports::text(&health.version);
            report.policy_versions = versions;
            report.health = told;
        });
        self.sessions.note_gaps(&sensor.id, gaps);
        if let Some(canary) = &health.canary
            && self.sessions.is_new_canary(&sensor.id, canary.time_ms)
        {
            for part in reports::canary(sensor, canary) {
                kept(self.store().coverage().record_canary(&part).await)?;
            }
        }
        if let Some(inventory) = &health.inventory {
            kept(self.store_inventory(sensor, inventory).await)?;
        }
        Ok(())
    }

    async fn document_state(
        &self,
        sensor: &SensorIdentity,
        state: wire::DocumentState,
    ) -> Result<(), FleetError> {
        if let Some(kind) = DocumentKind::of_wire(state.kind) {
            let version = reports::version(&state);
            self.sessions.update(&sensor.id, |report| {
                if let Value::Object(versions) = &mut report.policy_versions {
                    versions.insert(kind.as_str().to_owned(), version);
                }
            });
        }
        Ok(())
    }

    async fn command_answered(
        &self,
        sensor: &SensorIdentity,
        answer: wire::CommandAnswer,
    ) -> Result<(), FleetError> {
        self.own_command(sensor, &answer.command_id).await?;
        let (is_done, value) = commands::answer(&answer);
        let commands = self.store().commands();
        let (id, node) = (answer.command_id.as_str(), sensor.id.as_str());
        // Whether it was waited for or came before, it is there now.
        match commands
            .answered(id, node, is_done, &value, clock::now())
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.is_retryable() => Err(unavailable(error)),
            Err(error) => {
                let short = json!({ "outcome": "unknown", "text": format!("answer can't be stored: {error}") });
                kept(
                    commands
                        .answered(id, node, false, &short, clock::now())
                        .await
                        .map(|_| ()),
                )
            }
        }
    }

    async fn command_output(
        &self,
        sensor: &SensorIdentity,
        part: OutputPart,
    ) -> Result<(), FleetError> {
        let command = self.own_command(sensor, part.command.as_str()).await?;
        if command.kind != commands::CAPTURE {
            return Err(Refusal::Unsupported.into());
        }
        let part = yagura_store::OutputPart {
            start: i64::try_from(part.offset).map_err(|_| Refusal::Malformed)?,
            content: &part.content,
            is_last: part.is_last,
        };
        let commands = self.store().commands();
        match commands.put_output(&command.id, part, clock::now()).await {
            Ok(true) => Ok(()),
            Err(error) if error.is_retryable() => Err(unavailable(error)),
            Ok(false) | Err(_) => Err(Refusal::Malformed.into()),
        }
    }

    fn refused(&self, peer: RefusedPeer) {
        count(&self.counters.refused, 1);
        let sensor = peer.sensor.as_ref().map(|sensor| sensor.id.to_string());
        tracing::warn!(peer = %peer.peer, sensor, refusal = peer.refusal.as_str(), "refused");
    }
}
