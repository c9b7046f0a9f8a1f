//! A session: documents and commands down; states, health and answers up.

use super::fleet::{Attachment, Fleet, Push};
use super::service::{Caller, OUTGOING_MAX, Service, stopped};
use crate::UnixMs;
use crate::document::{DocumentKind, DocumentSet};
use crate::limits::{
    ADMISSION_CHECK, CONTAINERS_MAX, HEALTH_ITEMS_MAX, HELLO_MAX, PROBLEMS_MAX, RESULT_BYTES_MAX,
    TEXT_BYTES_MAX,
};
use crate::refusal::Refusal;
use crate::token::Digest;
use crate::wire::{self, center_message::Message as Down, sensor_message::Message as Up};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tonic::{Status, Streaming};

/// How long a sensor may leave what it is sent unread.
const STALLED_MAX: Duration = Duration::from_secs(60);

type Sender = mpsc::Sender<Result<wire::CenterMessage, Status>>;
type Receiver = mpsc::Receiver<Result<wire::CenterMessage, Status>>;

/// Hears the hello and begins the session in a task of its own.
pub(super) async fn begin<F: Fleet>(
    service: Service<F>,
    caller: Caller,
    mut up: Streaming<wire::SensorMessage>,
) -> Result<Receiver, Status> {
    let first = timeout(HELLO_MAX, up.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no hello"))??;
    let Some(Up::Hello(hello)) = first.and_then(|message| message.message) else {
        return Err(service.refuse_caller(&caller, Refusal::Malformed));
    };
    if !caller
        .sensor
        .is_node(&hello.node.clone().unwrap_or_default())
    {
        return Err(service.refuse_caller(&caller, Refusal::WrongIdentity));
    }
    if hello.version.len() > TEXT_BYTES_MAX || hello.documents.len() > HEALTH_ITEMS_MAX {
        return Err(service.refuse_caller(&caller, Refusal::Malformed));
    }
    let attached = service
        .fleet
        .attach(&caller.sensor, &hello, caller.address)
        .await;
    let attachment = attached.map_err(|error| service.status(&caller, error))?;
    let (sender, receiver) = mpsc::channel(OUTGOING_MAX);
    let mut session = Session {
        has: HashMap::new(),
        sent: HashMap::new(),
        service,
        caller,
        down: sender,
    };
    for state in &hello.documents {
        session.note_state(state);
    }
    tokio::spawn(async move {
        if let Err(End::Refused(status)) = session.run(up, attachment).await {
            // The sensor may be gone already.
            let _ = timeout(STALLED_MAX, session.down.send(Err(status))).await;
        }
    });
    Ok(receiver)
}

/// Why a session ends.
enum End {
    /// The sensor is told.
    Refused(Status),
    /// There is nobody to tell, or it was told.
    Gone,
}

impl From<Status> for End {
    fn from(status: Status) -> End {
        End::Refused(status)
    }
}

struct Session<F> {
    service: Service<F>,
    caller: Caller,
    down: Sender,
    /// Version and digest of what the sensor has in force.
    has: HashMap<DocumentKind, (u64, Bytes)>,
    /// What was sent last, so that it is not sent again while the sensor works on it or after it refused it.
    sent: HashMap<DocumentKind, (u64, Digest)>,
}

impl<F: Fleet> Session<F> {
    async fn run(
        &mut self,
        mut up: Streaming<wire::SensorMessage>,
        attachment: Attachment,
    ) -> Result<(), End> {
        let Attachment {
            mut documents,
            mut pushes,
        } = attachment;
        let mut stopping = self.service.stopping.clone();
        let mut admission = tokio::time::interval(ADMISSION_CHECK);
        // The call was admitted a moment ago.
        admission.reset();
        self.welcome().await?;
        self.send_documents(&mut documents).await?;
        loop {
            tokio::select! {
                message = up.message() => match message.map_err(|_| End::Gone)? {
                    Some(message) => self.take(message).await?,
                    None => return Err(End::Gone),
                },
                changed = documents.changed() => match changed {
                    Ok(()) => self.send_documents(&mut documents).await?,
                    Err(_) => return self.farewell("stopping").await,
                },
                push = pushes.recv() => match push {
                    Some(Push::Command(command)) => {
                        let signed = self.service.authority.commands().sign(&command);
                        self.send(Down::Command(signed)).await?;
                    }
                    Some(Push::Disconnect(refusal)) => {
                        return Err(self.service.refuse_caller(&self.caller, refusal).into());
                    }
                    None => return self.farewell("stopping").await,
                },
                _ = admission.tick() => self.service.admit(&self.caller).await?,
                () = stopped(&mut stopping) => return self.farewell("stopping").await,
            }
        }
    }

    async fn welcome(&self) -> Result<(), End> {
        let options = &self.service.options;
        let interval = u32::try_from(options.health_interval.as_secs()).unwrap_or(u32::MAX);
        self.send(Down::Welcome(wire::Welcome {
            time_ms: self.now().0,
            version: options.version.clone(),
            health_interval_s: interval.max(1),
        }))
        .await
    }

    async fn farewell(&self, reason: &str) -> Result<(), End> {
        let reason = reason.to_owned();
        self.send(Down::Farewell(wire::Farewell { reason })).await?;
        Err(End::Gone)
    }

    async fn send(&self, message: Down) -> Result<(), End> {
        let message = Ok(wire::CenterMessage {
            message: Some(message),
        });
        match timeout(STALLED_MAX, self.down.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => {
                tracing::warn!(sensor = %self.caller.sensor.id, "sensor does not read; its session ends");
                Err(End::Gone)
            }
        }
    }

    /// Sends what the sensor lacks of what is in force.
    async fn send_documents(
        &mut self,
        documents: &mut watch::Receiver<Arc<DocumentSet>>,
    ) -> Result<(), End> {
        let set = Arc::clone(&documents.borrow_and_update());
        for shared in set.iter() {
            let document = shared.document();
            let has = self.has.get(&document.kind);
            let is_there = has.is_some_and(|(version, sha256)| {
                *version == document.version && *sha256 == document.sha256[..]
            });
            let mark = (document.version, document.sha256);
            if is_there || self.sent.get(&document.kind) == Some(&mark) {
                continue;
            }
            let update = shared.update_for(has.map(|(_, sha256)| &sha256[..]));
            match update {
                Ok(update) => {
                    self.sent.insert(document.kind, mark);
                    self.send(Down::Document(update)).await?;
                }
                Err(error) => {
                    tracing::error!(kind = %document.kind, %error, "document cannot be sent");
                }
            }
        }
        Ok(())
    }

    /// Remembers what the sensor says it has.
    fn note_state(&mut self, state: &wire::DocumentState) {
        if let Some(kind) = DocumentKind::of_wire(state.kind)
            && state.sha256.len() == 32
        {
            self.has.insert(kind, (state.version, state.sha256.clone()));
        }
    }

    async fn take(&mut self, message: wire::SensorMessage) -> Result<(), End> {
        let malformed =
            || End::Refused(self.service.refuse_caller(&self.caller, Refusal::Malformed));
        let (fleet, sensor) = (&self.service.fleet, &self.caller.sensor);
        match message.message {
            Some(Up::Health(health)) => {
                if !is_bounded(&health) {
                    return Err(malformed());
                }
                if !sensor.is_node(&health.node.clone().unwrap_or_default()) {
                    return Err(self
                        .service
                        .refuse_caller(&self.caller, Refusal::WrongIdentity)
                        .into());
                }
                let taken = fleet.health(sensor, health).await;
                taken.map_err(|error| self.service.status(&self.caller, error))?;
                let time_ms = self.now().0;
                self.send(Down::HealthReceipt(wire::HealthReceipt { time_ms }))
                    .await
            }
            Some(Up::DocumentState(state)) => {
                if !is_state_bounded(&state) {
                    return Err(malformed());
                }
                self.note_state(&state);
                let taken = self
                    .service
                    .fleet
                    .document_state(&self.caller.sensor, state)
                    .await;
                Ok(taken.map_err(|error| self.service.status(&self.caller, error))?)
            }
            Some(Up::CommandAnswer(answer)) => {
                if answer.result.len() > RESULT_BYTES_MAX || answer.text.len() > TEXT_BYTES_MAX {
                    return Err(malformed());
                }
                let command_id = answer.command_id.clone();
                let taken = fleet.command_answered(sensor, answer).await;
                taken.map_err(|error| self.service.status(&self.caller, error))?;
                self.send(Down::AnswerReceipt(wire::AnswerReceipt { command_id }))
                    .await
            }
            Some(Up::Hello(_)) => Err(malformed()),
            // Newer than this center.
            None => Ok(()),
        }
    }

    fn now(&self) -> UnixMs {
        self.service.fleet.now()
    }
}

/// Whether a report's lists and texts have lengths that a sensor's can have.
fn is_bounded(health: &wire::Health) -> bool {
    let inventory = health.inventory.as_ref();
    let containers = inventory.map_or(&[][..], |inventory| &inventory.containers);
    let images = inventory.map_or(0, |inventory| inventory.images.len());
    let short = [
        health.documents.len(),
        health.losses.len(),
        health.gaps.len(),
    ];
    short.into_iter().all(|count| count <= HEALTH_ITEMS_MAX)
        && health.documents.iter().all(is_state_bounded)
        && containers.len() <= CONTAINERS_MAX
        && images <= CONTAINERS_MAX
        && health.version.len() <= TEXT_BYTES_MAX
        && health.gaps.iter().all(|gap| gap.len() <= TEXT_BYTES_MAX)
}

fn is_state_bounded(state: &wire::DocumentState) -> bool {
    state.problems.len() <= PROBLEMS_MAX
        && state
            .problems
            .iter()
            .all(|problem| problem.len() <= TEXT_BYTES_MAX)
}
