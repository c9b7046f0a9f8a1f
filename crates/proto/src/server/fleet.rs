//! What the center has to know and keep for the link.

use crate::UnixMs;
use crate::command::{Command, CommandId};
use crate::document::DocumentSet;
use crate::identity::{SensorId, SensorIdentity};
use crate::refusal::Refusal;
use crate::token::Digest;
use crate::wire;
use bytes::Bytes;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Why the fleet does not do what a sensor asks for.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// It must not be done. The sensor is told why.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// It can't be done now: the database is away or full. The sensor is told to come back, the reason is logged.
    #[error("fleet is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<Refusal> for FleetError {
    fn from(refusal: Refusal) -> FleetError {
        FleetError::Refused(refusal)
    }
}

/// Somebody with a token, who wants to be a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentClaim {
    /// SHA-256 of the token's secret.
    pub token_sha256: Digest,
    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER) that the certificate is for.
    pub key_sha256: Digest,
    /// What it says its node is. Names are within bounds and printable.
    pub node: wire::Node,
    /// Version of its program.
    pub version: String,
    /// Where it connects from.
    pub peer: SocketAddr,
}

/// Who the claimant is from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The sensor: a new one, or the one that this token and key were given before.
    pub sensor: SensorId,
    /// Name of the node that goes into the certificate.
    pub node: String,
    /// Name of the cluster that goes into the certificate; empty for none.
    pub cluster: String,
}

/// A certificate that goes out to a sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    /// What stands in it.
    pub identity: SensorIdentity,
    /// The certificate that it follows; `None` at enrolment.
    pub renews: Option<crate::identity::Serial>,
}

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertDocument {
    /// Its id: 32 hexadecimal digits. A later document with the same id is the same alert with a higher count.
    pub id: String,
    /// The alert as JSON, whose `node` and `cluster` are the sensor's.
    pub json: Bytes,
}

/// A batch of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingBatch {
    /// The spool that it comes from, 32 hexadecimal digits.
    pub spool: String,
    /// Its number in that spool, from 1. Numbers grow, with gaps where batches were dropped for want of room.
    pub number: u64,
    /// The alerts, in the order in which they were raised.
    pub alerts: Vec<AlertDocument>,
    /// Alerts that were left out because they break the contract; they can't be stored and won't get better.
    pub malformed: u32,
    /// Alerts that were left out because they name another node or cluster than the sender's certificate.
    pub foreign: u32,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is on the disk now.
    Stored,
    /// It was there before.
    Duplicate,
}

/// A piece of what a command brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPart {
    /// The command.
    pub command: CommandId,
    /// Where the piece begins, in bytes.
    pub offset: u64,
    /// The piece.
    pub content: Bytes,
    /// Nothing follows.
    pub is_last: bool,
}

/// What a session is pushed by the fleet.
#[derive(Debug)]
pub enum Push {
    /// A command for this sensor. It is signed on its way out. One that was not answered is pushed again at the next
    /// session: the sensor does it once.
    Command(Command),
    /// The session ends: the certificate was revoked, or the sensor removed.
    Disconnect(Refusal),
}

/// A session's way to hear from the fleet. Dropping it is how the fleet learns that the session has ended.
#[derive(Debug)]
pub struct Attachment {
    /// What is in force for this sensor. Sensors for which the same is in force share the sender.
    pub documents: watch::Receiver<Arc<DocumentSet>>,
    /// Commands and the end. If the sender is dropped, the session ends and the sensor connects anew.
    pub pushes: mpsc::Receiver<Push>,
}

/// A connection or call that was refused, for counters and the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPeer {
    /// Where it came from.
    pub peer: SocketAddr,
    /// Who it was, if it had shown that.
    pub sensor: Option<SensorIdentity>,
    /// Why.
    pub refusal: Refusal,
}

/// What the center knows and keeps. Any number of replicas serve the same fleet: whatever is answered here has to be in
/// the store that they share before the answer.
///
/// Every method may be called for many sensors at once. [`FleetError::Unavailable`] makes a sensor come back later with
/// the same thing.
pub trait Fleet: Send + Sync + 'static {
    /// Uses a token. A one-time token that the same key used before gives the same answer as then, since that answer may
    /// have been lost.
    fn redeem(
        &self,
        claim: EnrolmentClaim,
    ) -> impl Future<Output = Result<Admission, FleetError>> + Send;

    /// Notes a certificate before it goes out. After a renewal the former one goes on to count for as long as a sensor
    /// may take to change over.
    fn issued(
        &self,
        certificate: IssuedCertificate,
    ) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Whether this certificate still counts. Asked at the beginning of every call and stream, and every
    /// [`crate::limits::ADMISSION_CHECK`] while one lasts.
    fn admit(&self, sensor: &SensorIdentity)
    -> impl Future<Output = Result<(), FleetError>> + Send;

    /// A session begins. Commands that wait for this sensor are pushed first.
    fn attach(
        &self,
        sensor: &SensorIdentity,
        hello: &wire::Hello,
        peer: SocketAddr,
    ) -> impl Future<Output = Result<Attachment, FleetError>> + Send;

    /// Stores a batch: all of it or nothing, and on the disk before the answer. The same batch may come again, since an
    /// acknowledgement can be lost; what is stored already must stay as it is, which alerts' ids and counts tell.
    fn accept_alerts(
        &self,
        sensor: &SensorIdentity,
        batch: IncomingBatch,
    ) -> impl Future<Output = Result<Acceptance, FleetError>> + Send;

    /// Takes a report of health. `inventory` is left out where it has not changed in this session. Numbers of things are
    /// within bounds; texts may hold anything.
    fn health(
        &self,
        sensor: &SensorIdentity,
        health: wire::Health,
    ) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Takes note of which version of a document is in force on a sensor, or why it is not. Many come at once when a
    /// document changes.
    fn document_state(
        &self,
        sensor: &SensorIdentity,
        state: wire::DocumentState,
    ) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Takes the answer to a command; the same may come again. An answer to a command that was never given to this
    /// sensor is refused as [`Refusal::WrongIdentity`].
    fn command_answered(
        &self,
        sensor: &SensorIdentity,
        answer: wire::CommandAnswer,
    ) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Takes a piece of a command's output. One that was there already is taken again.
    fn command_output(
        &self,
        sensor: &SensorIdentity,
        part: OutputPart,
    ) -> impl Future<Output = Result<(), FleetError>> + Send;

    /// Somebody was refused. Must return at once.
    fn refused(&self, peer: RefusedPeer);

    /// The clock that certificates and messages are held against.
    fn now(&self) -> UnixMs {
        UnixMs::now()
    }
}
