//! The center's side of the link.
//!
//! Does: take connections, find out who is there, hold every message against its bounds and its sender's identity, and
//! hand it to the [`Fleet`].
//! Never: keeps what another replica of the center would need; sensors may come back to any of them.
//!
//! Reading order: [`Fleet`]; `listen` (connections), `service` (calls), `enrol`, `session`, `alerts`.

mod alerts;
mod enrol;
mod fleet;
mod listen;
mod service;
mod session;

pub use alerts::decode_batch;
pub use fleet::{
    Acceptance, Admission, AlertDocument, Attachment, EnrolmentClaim, Fleet, FleetError,
    IncomingBatch, IssuedCertificate, OutputPart, Push, RefusedPeer,
};
pub use listen::{ConnectionCounters, ListenError};

use crate::authority::{Authority, SENSOR_LIFE};
use crate::limits::{KEEPALIVE, KEEPALIVE_ANSWER_MAX, SENSOR_MESSAGE_BYTES_MAX, STREAMS_MAX};
use crate::wire::link_server::LinkServer as Calls;
use listen::Listener;
use service::Service;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Connections between handshake and first call.
const PEERS_WAITING_MAX: usize = 64;
/// How long sessions may take to end when the center stops.
const STOP_MAX: Duration = Duration::from_secs(5);

/// How the link is served.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Names and addresses in the center's certificate, beside the one that sensors check.
    pub names: Vec<String>,
    /// Life of sensors' certificates.
    pub sensor_life: Duration,
    /// Time between reports of health.
    pub health_interval: Duration,
    /// Version of the center's program.
    pub version: String,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            names: Vec::new(),
            sensor_life: SENSOR_LIFE,
            health_interval: Duration::from_secs(15),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Why the link is not served any more.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The center's certificate can't be made.
    #[error("link cannot be served")]
    Listen(#[from] ListenError),
    /// HTTP/2 failed.
    #[error("link cannot be served")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves the link.
#[derive(Debug)]
pub struct LinkServer<F> {
    fleet: Arc<F>,
    authority: Arc<Authority>,
    options: ServerOptions,
    counters: Arc<ConnectionCounters>,
}

impl<F: Fleet> LinkServer<F> {
    /// A server for that fleet.
    pub fn new(fleet: Arc<F>, authority: Arc<Authority>, options: ServerOptions) -> LinkServer<F> {
        LinkServer {
            fleet,
            authority,
            options,
            counters: Arc::default(),
        }
    }

    /// What becomes of connections, for metrics.
    pub fn counters(&self) -> Arc<ConnectionCounters> {
        Arc::clone(&self.counters)
    }

    /// Serves until `stop` is done. Sessions are told to go elsewhere and get a few seconds for it.
    ///
    /// # Errors
    /// [`ServeError`].
    pub async fn serve(
        self,
        port: TcpListener,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let listener = Arc::new(Listener {
            fleet: Arc::clone(&self.fleet),
            authority: Arc::clone(&self.authority),
            names: self.options.names.clone(),
            counters: Arc::clone(&self.counters),
        });
        let acceptor = listener.acceptor()?;
        let (peers, incoming) = mpsc::channel(PEERS_WAITING_MAX);
        let (stopping, is_stopping) = watch::channel(false);
        let service = Service::new(self.fleet, self.authority, self.options, is_stopping);
        let accepting = tokio::spawn(listener.run(port, acceptor, peers));
        let mut ended = stopping.subscribe();
        let serving = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE_ANSWER_MAX))
            .max_concurrent_streams(STREAMS_MAX)
            .add_service(Calls::new(service).max_decoding_message_size(SENSOR_MESSAGE_BYTES_MAX))
            .serve_with_incoming_shutdown(ReceiverStream::new(incoming), async move {
                // Fails only if the sender is gone, which is the end, too.
                let _ = ended.wait_for(|ended| *ended).await;
            });
        tokio::pin!(serving);
        let result = tokio::select! {
            result = &mut serving => result,
            () = stop => {
                stopping.send_replace(true);
                accepting.abort();
                // Who has not gone by then is cut off.
                tokio::time::timeout(STOP_MAX, &mut serving).await.unwrap_or(Ok(()))
            }
        };
        accepting.abort();
        // Whoever called may serve on the same port again: it is free once the task is gone, which being aborted is no
        // error of.
        let _ = accepting.await;
        Ok(result?)
    }
}
