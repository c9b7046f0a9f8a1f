//! The sensor's side of the link.
//!
//! Does: enrol, keep the certificate young, stay connected, spool and deliver alerts, fetch documents and commands and
//! hand them to the [`SensorSide`], report health.
//! Never: lets the center's absence stop the sensor: what was in force stays, alerts wait in the spool.
//!
//! Start at [`Link::open`]. Reading order: `queue` (alerts' way into the spool), `credentials`, `connect`, `enrol`,
//! `session`, `alerts`, `commands`, `outputs`.

mod address;
mod alerts;
mod backoff;
mod commands;
mod connect;
mod credentials;
mod documents;
mod enrol;
mod outputs;
mod queue;
mod session;

pub use address::{CenterAddress, InvalidAddress};
pub use connect::{ConnectError, connect};
pub use credentials::{Credentials, CredentialsError};
pub use documents::DocumentsError;
pub use enrol::enrol;
pub use queue::{AlertQueue, AlertSender, SendError};

use crate::UnixMs;
use crate::command::{Command, CommandId};
use crate::document::Document;
use crate::identity::SensorIdentity;
use crate::refusal::Refusal;
use crate::spool::{OpenError, Spool, SpoolOptions};
use crate::token::EnrolmentToken;
use crate::wire;
use backoff::Backoff;
use commands::Commands;
use documents::Documents;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tonic::transport::Channel;
use yagura_event::with_causes;

/// How long to wait before asking again what was refused: the answer changes only when a person does something.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
/// A connection that lasted for so long worked: the next failure is a new one.
const LASTED: Duration = Duration::from_secs(10);
/// How often a certificate's age is looked at; machines sleep, and clocks are set.
const AGE_CHECK: Duration = Duration::from_secs(30);

/// What the sensor does for the link. Called on threads that may wait, never twice at once for the same method but
/// [`SensorSide::execute`].
pub trait SensorSide: Send + Sync + 'static {
    /// Puts a document in force.
    ///
    /// # Errors
    /// Its problems, one line each; then what was in force stays.
    fn apply(&self, document: &Document) -> Result<(), Vec<String>>;

    /// How the sensor is. Node, time, documents, spool and clock are filled in by the link.
    fn health(&self) -> wire::Health;

    /// Carries out a command, which is signed, in time, for this sensor, and was not carried out before.
    fn execute(&self, command: &Command) -> CommandReport;

    /// The file that a command brought, which the center gets once the command is answered; none if it brought none. One
    /// of more than [`crate::limits::OUTPUT_BYTES_MAX`] stays where it is.
    fn output(&self, command: &CommandId) -> Option<PathBuf> {
        let _ = command;
        None
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandReport {
    /// What became of it.
    pub outcome: wire::CommandOutcome,
    /// One line for a person.
    pub text: String,
    /// JSON; empty if there is nothing more to say.
    pub result: Vec<u8>,
}

/// What the link is started with.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// Where the center is.
    pub center: CenterAddress,
    /// Folder for the certificate, documents, commands and the spool.
    pub state: PathBuf,
    /// For enrolment; not needed once there is a certificate.
    pub token: Option<EnrolmentToken>,
    /// This node.
    pub node: wire::Node,
    /// Version of the program.
    pub version: String,
    /// Bounds of the spool.
    pub spool: SpoolOptions,
}

/// Why the link can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The spool can't be used.
    #[error(transparent)]
    Spool(#[from] OpenError),
    /// The certificate can't be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Documents or commands can't be read.
    #[error("state of the link cannot be used")]
    State(#[source] std::io::Error),
    /// There is neither certificate nor token.
    #[error("sensor is not enrolled, and has no token to do it with")]
    NoToken,
    /// The thread that writes the spool can't be started.
    #[error("thread for the spool cannot be started")]
    Thread(#[source] std::io::Error),
}

/// How the link stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LinkStatus {
    /// Not connected since the start.
    #[default]
    Starting,
    /// In session.
    Connected {
        /// Milliseconds by which the center's clock is ahead; negative if behind.
        clock_skew_ms: i64,
    },
    /// Not connected now. It is tried again.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The center refuses this sensor. It is tried again, seldom.
    Refused(Refusal),
}

/// The link, opened. [`Link::run`] connects it.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    queue: AlertQueue,
}

/// What all tasks of a link use.
#[derive(Debug)]
struct Shared {
    options: LinkOptions,
    spool: Arc<Spool>,
    /// The highest number in the spool.
    spooled: watch::Receiver<u64>,
    documents: Documents,
    commands: Arc<Commands>,
    status: watch::Sender<LinkStatus>,
}

/// Why a connection ended.
#[derive(Debug)]
enum Ended {
    Refused(Refusal),
    Lost(String),
    /// A newer certificate is there.
    Renewed,
    Stopped,
}

impl From<ConnectError> for Ended {
    fn from(error: ConnectError) -> Ended {
        match error {
            ConnectError::Refused(refusal) => Ended::Refused(refusal),
            other => Ended::Lost(with_causes(&other)),
        }
    }
}

impl From<tonic::Status> for Ended {
    fn from(status: tonic::Status) -> Ended {
        ConnectError::of_status(&status).into()
    }
}

impl Link {
    /// Opens the link's state; nothing goes over the network yet.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn open(options: LinkOptions) -> Result<Link, LinkError> {
        crate::files::make_private_folder(&options.state).map_err(LinkError::State)?;
        if options.token.is_none() && Credentials::load(&options.state)?.is_none() {
            return Err(LinkError::NoToken);
        }
        let spool = Arc::new(Spool::open(&options.state.join("spool"), options.spool)?);
        let documents =
            Documents::load(&options.state.join("documents")).map_err(LinkError::State)?;
        let commands = Commands::load(&options.state).map_err(LinkError::State)?;
        let queue = AlertQueue::start(Arc::clone(&spool)).map_err(LinkError::Thread)?;
        let shared = Shared {
            spooled: queue.spooled(),
            spool,
            documents,
            commands: Arc::new(commands),
            status: watch::Sender::new(LinkStatus::Starting),
            options,
        };
        Ok(Link {
            shared: Arc::new(shared),
            queue,
        })
    }

    /// What the center sent last and the sensor put in force: what to begin with while the center is away.
    pub fn documents(&self) -> Vec<Document> {
        self.shared.documents.all()
    }

    /// The way for alerts.
    pub fn alerts(&self) -> AlertSender {
        self.queue.sender()
    }

    /// How the link stands, from now on.
    pub fn status(&self) -> watch::Receiver<LinkStatus> {
        self.shared.status.subscribe()
    }

    /// The spool.
    pub fn spool(&self) -> Arc<Spool> {
        Arc::clone(&self.shared.spool)
    }

    /// Enrols if that is still to be done, so that a wrong token shows at once, and says who this sensor is.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn enrol(&self) -> Result<SensorIdentity, ConnectError> {
        let credentials = self.shared.credentials().await?;
        Ok(credentials.identity().clone())
    }

    /// Stays connected until `stop` says true or its sender is gone. Alerts that were sent before are on the disk when
    /// this returns; what could not be delivered waits for the next start.
    pub async fn run(self, side: Arc<impl SensorSide>, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::default();
        loop {
            let began = std::time::Instant::now();
            let ended = tokio::select! {
                ended = self.shared.connection(&side) => ended,
                _ = stop.wait_for(|stop| *stop) => Ended::Stopped,
            };
            if began.elapsed() > LASTED {
                backoff = Backoff::default();
            }
            let pause = match &ended {
                Ended::Stopped => break,
                Ended::Renewed => Duration::ZERO,
                Ended::Refused(_) => backoff.spread(REFUSED_PAUSE),
                Ended::Lost(_) => backoff.next(),
            };
            self.shared.tell(ended, pause);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        let queue = self.queue;
        // Waits for the disk.
        if tokio::task::spawn_blocking(move || queue.close())
            .await
            .is_err()
        {
            tracing::error!("thread for the spool ended unexpectedly");
        }
    }
}

impl Shared {
    /// One connection, from its making to its end.
    async fn connection<S: SensorSide>(self: &Arc<Self>, side: &Arc<S>) -> Ended {
        match self.connected(side).await {
            Ok(never) => match never {},
            Err(ended) => ended,
        }
    }

    async fn connected<S: SensorSide>(
        self: &Arc<Self>,
        side: &Arc<S>,
    ) -> Result<std::convert::Infallible, Ended> {
        let credentials = self.credentials().await?;
        let channel = connect::connect(&self.options.center, &credentials).await?;
        tokio::select! {
            ended = session::run(self, side, channel.clone(), &credentials) => ended,
            ended = alerts::run(self, channel.clone()) => ended,
            ended = outputs::run(self, side, channel.clone()) => ended,
            ended = self.renew(channel, &credentials) => ended,
        }
    }

    /// The certificate: the one on the disk, or a new one for the token.
    async fn credentials(&self) -> Result<Credentials, ConnectError> {
        let options = &self.options;
        let stored = Credentials::load(&options.state)?;
        let has_ended =
            |credentials: &Credentials| credentials.identity().has_expired(UnixMs::now());
        match (stored, &options.token) {
            (Some(credentials), _) if !has_ended(&credentials) => Ok(credentials),
            (_, Some(token)) => enrol::enrol(options, token).await,
            (Some(_), None) => Err(ConnectError::Refused(Refusal::Expired)),
            (None, None) => Err(ConnectError::Refused(Refusal::NoCertificate)),
        }
    }

    /// Waits until a new certificate is due, and gets it.
    async fn renew(
        &self,
        channel: Channel,
        credentials: &Credentials,
    ) -> Result<std::convert::Infallible, Ended> {
        let due = credentials.identity().renewal_due();
        let mut backoff = Backoff::default();
        loop {
            let now = UnixMs::now();
            if now < due {
                tokio::time::sleep(due.since(now).min(AGE_CHECK)).await;
                continue;
            }
            match enrol::renew(&self.options, credentials, channel.clone()).await {
                Ok(()) => return Err(Ended::Renewed),
                Err(error) => {
                    tracing::warn!(
                        error = with_causes(&error),
                        "certificate was not renewed; it is tried again"
                    );
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
    }

    fn tell(&self, ended: Ended, pause: Duration) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let status = match ended {
            Ended::Refused(refusal) => {
                tracing::error!(%refusal, pause_ms, "the center refuses this sensor; what is in force stays");
                LinkStatus::Refused(refusal)
            }
            Ended::Lost(reason) => {
                tracing::warn!(
                    reason,
                    pause_ms,
                    "no connection to the center; alerts wait in the spool"
                );
                LinkStatus::Disconnected { reason }
            }
            Ended::Renewed => {
                tracing::info!("certificate renewed");
                return;
            }
            Ended::Stopped => return,
        };
        self.status.send_replace(status);
    }
}
