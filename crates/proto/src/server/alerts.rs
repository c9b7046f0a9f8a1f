//! Alerts: taken apart, held against their sender's identity, stored, acknowledged.

use super::fleet::{AlertDocument, Fleet, IncomingBatch};
use super::service::{Caller, OUTGOING_MAX, Service, stopped};
use crate::hex;
use crate::identity::SensorIdentity;
use crate::limits::{ALERT_BYTES_MAX, BATCH_ALERTS_MAX, BATCH_BYTES_MAX};
use crate::refusal::Refusal;
use crate::wire;
use bytes::Bytes;
use prost::Message as _;
use serde::Deserialize;
use std::borrow::Cow;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

/// The parts of an alert that say whose it is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    node: Cow<'a, str>,
    #[serde(borrow, default)]
    cluster: Option<Cow<'a, str>>,
}

/// What a batch holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DecodedBatch {
    /// Alerts of the sender.
    pub alerts: Vec<AlertDocument>,
    /// What is no alert, or too long or too much.
    pub malformed: u32,
    /// Alerts that name another node or cluster.
    pub foreign: u32,
}

/// Takes a batch apart. What breaks the contract is counted and left out: it would not get better by coming again, and
/// must not hold up what follows it.
pub fn decode_batch(content: &[u8], sensor: &SensorIdentity) -> DecodedBatch {
    let mut batch = DecodedBatch::default();
    let decoded = zstd::bulk::decompress(content, BATCH_BYTES_MAX)
        .ok()
        .and_then(|bytes| wire::Alerts::decode(Bytes::from(bytes)).ok());
    let Some(decoded) = decoded else {
        batch.malformed = 1;
        return batch;
    };
    for (index, json) in decoded.documents.into_iter().enumerate() {
        let head = (index < BATCH_ALERTS_MAX && json.len() <= ALERT_BYTES_MAX)
            .then(|| serde_json::from_slice::<Head<'_>>(&json).ok())
            .flatten()
            .filter(|head| hex::decode::<16>(&head.id).is_some());
        match head {
            None => batch.malformed += 1,
            Some(head) if !is_own(&head, sensor) => batch.foreign += 1,
            Some(head) => {
                let id = head.id.into_owned();
                batch.alerts.push(AlertDocument { id, json });
            }
        }
    }
    batch
}

/// An alert may leave its cluster to the certificate, which can know it from the token.
fn is_own(head: &Head<'_>, sensor: &SensorIdentity) -> bool {
    let cluster = head.cluster.as_deref().unwrap_or_default();
    head.node == sensor.node && (cluster.is_empty() || cluster == sensor.cluster)
}

/// Takes batches until the sensor goes, in a task of its own.
pub(super) fn begin<F: Fleet>(
    service: Service<F>,
    caller: Caller,
    batches: Streaming<wire::AlertBatch>,
) -> mpsc::Receiver<Result<wire::AlertAck, Status>> {
    let (acks, receiver) = mpsc::channel(OUTGOING_MAX);
    tokio::spawn(async move {
        if let Err(status) = take(&service, &caller, batches, &acks).await {
            // The sensor may be gone already.
            let _ = acks.send(Err(status)).await;
        }
    });
    receiver
}

async fn take<F: Fleet>(
    service: &Service<F>,
    caller: &Caller,
    mut batches: Streaming<wire::AlertBatch>,
    acks: &mpsc::Sender<Result<wire::AlertAck, Status>>,
) -> Result<(), Status> {
    let mut stopping = service.stopping.clone();
    let mut admission = tokio::time::interval(crate::limits::ADMISSION_CHECK);
    loop {
        let batch = tokio::select! {
            batch = batches.message() => match batch? {
                Some(batch) => batch,
                None => return Ok(()),
            },
            _ = admission.tick() => {
                service.admit(caller).await?;
                continue;
            }
            () = stopped(&mut stopping) => {
                return Err(Status::unavailable("the center stops"));
            }
        };
        let ack = store(service, caller, batch).await?;
        if acks.send(Ok(ack)).await.is_err() {
            return Ok(());
        }
    }
}

async fn store<F: Fleet>(
    service: &Service<F>,
    caller: &Caller,
    batch: wire::AlertBatch,
) -> Result<wire::AlertAck, Status> {
    if caller.sensor.has_expired(service.fleet.now()) {
        return Err(service.refuse_caller(caller, Refusal::Expired));
    }
    if batch.spool.len() != 16 || batch.number == 0 {
        return Err(service.refuse_caller(caller, Refusal::Malformed));
    }
    let decoded = decode_batch(&batch.content, &caller.sensor);
    if decoded.foreign > 0 {
        // Told once for a batch; those alerts are left out, the others are not the liar's fault.
        service.refuse_caller(caller, Refusal::WrongIdentity);
    }
    let incoming = IncomingBatch {
        spool: hex::encode(&batch.spool),
        number: batch.number,
        alerts: decoded.alerts,
        malformed: decoded.malformed,
        foreign: decoded.foreign,
    };
    let accepted = service.fleet.accept_alerts(&caller.sensor, incoming).await;
    accepted.map_err(|error| service.status(caller, error))?;
    Ok(wire::AlertAck {
        spool: batch.spool,
        number: batch.number,
    })
}

#[cfg(test)]
mod tests;
