//! The calls: who may make them, and where they go.

use super::fleet::{Fleet, FleetError, OutputPart, RefusedPeer};
use super::listen::PeerFacts;
use super::{ServerOptions, alerts, session};
use crate::authority::Authority;
use crate::command::CommandId;
use crate::identity::SensorIdentity;
use crate::limits::{OUTPUT_BYTES_MAX, OUTPUT_CHUNK_BYTES_MAX};
use crate::refusal::Refusal;
use crate::server::enrol::Attempts;
use crate::wire;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Messages on their way to one sensor.
pub(super) const OUTGOING_MAX: usize = 16;

/// The calls of the contract.
#[derive(Debug)]
pub(super) struct Service<F> {
    pub(super) fleet: Arc<F>,
    pub(super) authority: Arc<Authority>,
    pub(super) options: Arc<ServerOptions>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) attempts: Arc<Attempts>,
}

impl<F> Clone for Service<F> {
    fn clone(&self) -> Service<F> {
        Service {
            fleet: Arc::clone(&self.fleet),
            authority: Arc::clone(&self.authority),
            options: Arc::clone(&self.options),
            stopping: self.stopping.clone(),
            attempts: Arc::clone(&self.attempts),
        }
    }
}

/// A sensor with a valid certificate, in a call.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) sensor: Arc<SensorIdentity>,
    pub(super) address: SocketAddr,
}

impl<F: Fleet> Service<F> {
    pub(super) fn new(
        fleet: Arc<F>,
        authority: Arc<Authority>,
        options: ServerOptions,
        stopping: watch::Receiver<bool>,
    ) -> Service<F> {
        Service {
            fleet,
            authority,
            options: Arc::new(options),
            stopping,
            attempts: Arc::default(),
        }
    }

    /// The sensor that makes a call, if its certificate still counts.
    async fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        let facts = peer(request)?;
        let Some(sensor) = facts.sensor else {
            return Err(self.refuse(facts.address, None, Refusal::NoCertificate));
        };
        let caller = Caller {
            sensor,
            address: facts.address,
        };
        self.admit(&caller).await?;
        Ok(caller)
    }

    /// Asks whether a sensor's certificate still counts.
    pub(super) async fn admit(&self, caller: &Caller) -> Result<(), Status> {
        if caller.sensor.has_expired(self.fleet.now()) {
            return Err(self.refuse_caller(caller, Refusal::Expired));
        }
        let admitted = self.fleet.admit(&caller.sensor).await;
        admitted.map_err(|error| self.status(caller, error))
    }

    /// Refuses, and tells the fleet.
    pub(super) fn refuse(
        &self,
        peer: SocketAddr,
        sensor: Option<&SensorIdentity>,
        refusal: Refusal,
    ) -> Status {
        let sensor = sensor.cloned();
        self.fleet.refused(RefusedPeer {
            peer,
            sensor,
            refusal,
        });
        refusal.status()
    }

    pub(super) fn refuse_caller(&self, caller: &Caller, refusal: Refusal) -> Status {
        self.refuse(caller.address, Some(&caller.sensor), refusal)
    }

    /// What a sensor is told of the fleet's error.
    pub(super) fn status(&self, caller: &Caller, error: FleetError) -> Status {
        match error {
            FleetError::Refused(refusal) => self.refuse_caller(caller, refusal),
            FleetError::Unavailable(source) => unavailable(&*source),
        }
    }
}

/// Waits until the center stops.
pub(super) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Fails only if the sender is gone, which is the end, too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The reason stays here; the sensor comes back.
pub(super) fn unavailable(source: &(dyn std::error::Error + 'static)) -> Status {
    let cause = source.source().map(ToString::to_string).unwrap_or_default();
    tracing::warn!(error = %source, cause, "fleet is not available");
    Status::unavailable("the center can't do this now")
}

/// Who is at the other end of a call.
pub(super) fn peer<T>(request: &Request<T>) -> Result<PeerFacts, Status> {
    let facts = request.extensions().get::<PeerFacts>();
    facts
        .cloned()
        .ok_or_else(|| Status::internal("connection is not known"))
}

#[tonic::async_trait]
impl<F: Fleet> wire::link_server::Link for Service<F> {
    type SessionStream = ReceiverStream<Result<wire::CenterMessage, Status>>;
    type AlertsStream = ReceiverStream<Result<wire::AlertAck, Status>>;

    async fn enrol(
        &self,
        request: Request<wire::EnrolRequest>,
    ) -> Result<Response<wire::EnrolResponse>, Status> {
        let address = peer(&request)?.address;
        let response = self.enrol_sensor(request.into_inner(), address).await?;
        Ok(Response::new(response))
    }

    async fn renew(
        &self,
        request: Request<wire::RenewRequest>,
    ) -> Result<Response<wire::RenewResponse>, Status> {
        let caller = self.caller(&request).await?;
        let response = self
            .renew_certificate(&caller, &request.into_inner())
            .await?;
        Ok(Response::new(response))
    }

    async fn session(
        &self,
        request: Request<Streaming<wire::SensorMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        let caller = self.caller(&request).await?;
        let down = session::begin(self.clone(), caller, request.into_inner()).await?;
        Ok(Response::new(ReceiverStream::new(down)))
    }

    async fn alerts(
        &self,
        request: Request<Streaming<wire::AlertBatch>>,
    ) -> Result<Response<Self::AlertsStream>, Status> {
        let caller = self.caller(&request).await?;
        let acks = alerts::begin(self.clone(), caller, request.into_inner());
        Ok(Response::new(ReceiverStream::new(acks)))
    }

    async fn output(
        &self,
        request: Request<Streaming<wire::OutputChunk>>,
    ) -> Result<Response<wire::OutputReceipt>, Status> {
        let caller = self.caller(&request).await?;
        let mut chunks = request.into_inner();
        let mut bytes = 0;
        while let Some(chunk) = chunks.message().await? {
            let length = chunk.content.len();
            let end = chunk.offset.saturating_add(length as u64);
            let command = CommandId::parse(&chunk.command_id)
                .filter(|_| length <= OUTPUT_CHUNK_BYTES_MAX && end <= OUTPUT_BYTES_MAX)
                .ok_or_else(|| self.refuse_caller(&caller, Refusal::Malformed))?;
            let part = OutputPart {
                command,
                offset: chunk.offset,
                content: chunk.content,
                is_last: chunk.last,
            };
            let taken = self.fleet.command_output(&caller.sensor, part).await;
            taken.map_err(|error| self.status(&caller, error))?;
            bytes = end;
        }
        Ok(Response::new(wire::OutputReceipt { bytes }))
    }
}
