//! The sensor's connection to its center.
//!
//! Does: enrol, begin with what the center put in force last, hand alerts to the link's spool, put new policies and rules
//! in force, report health, carry out commands.
//! Never: makes the sensor wait for the center, or stop without it.
//!
//! Use: [`Uplink::open`], then start the sensor with [`Uplink::node`], [`Uplink::policies`], [`Uplink::rules`] and an
//! output that gives alerts to [`Uplink::alerts`], then [`Uplink::connect`].

mod documents;
mod health;
mod protection;

use crate::respond::{RespondSettings, Responder};
use crate::start::Sensor;
use documents::InForce;
use protection::Protection;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use yagura_event::Node;
use yagura_event::json::AlertJson;
use yagura_policy::PolicySet;
use yagura_proto::UnixMs;
use yagura_proto::client::{
    AlertSender, CenterAddress, CommandReport, ConnectError, Credentials, CredentialsError, Link,
    LinkError, LinkOptions, LinkStatus, SendError, SensorSide,
};
use yagura_proto::command::{Command, CommandId};
use yagura_proto::document::{Document, DocumentKind};
use yagura_proto::spool::SpoolOptions;
use yagura_proto::token::EnrolmentToken;
use yagura_proto::wire;
use yagura_rules::RuleSet;

/// What a sensor needs to find its center.
#[derive(Debug)]
pub struct UplinkOptions {
    /// Where the center is.
    pub center: CenterAddress,
    /// Folder for the certificate, the spool, and what the center put in force.
    pub state: PathBuf,
    /// For enrolment; not needed once there is a certificate.
    pub token: Option<EnrolmentToken>,
    /// This node.
    pub node: Node,
    /// Version of the program.
    pub version: String,
}

/// Why there is no uplink.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    /// The link's state can't be used.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The certificate can't be read.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The center did not enrol this node.
    #[error("node cannot be enrolled")]
    Enrolment(#[source] ConnectError),
    /// A thread can't be started.
    #[error("thread for the uplink cannot be started")]
    Thread(#[source] std::io::Error),
}

/// The uplink, enrolled and not connected yet.
#[derive(Debug)]
pub struct Uplink {
    link: Link,
    runtime: Runtime,
    node: Node,
    protection: Protection,
}

impl Uplink {
    /// Opens the uplink; enrols first if that was not done before, which waits for the center.
    ///
    /// # Errors
    /// [`UplinkError`]. With a certificate from before, a center that is away is no error.
    pub fn open(options: UplinkOptions) -> Result<Uplink, UplinkError> {
        let mut node = options.node;
        let link_options = LinkOptions {
            center: options.center,
            state: options.state.clone(),
            token: options.token,
            node: wire_node(&node),
            version: options.version,
            spool: SpoolOptions::default(),
        };
        let link = Link::open(link_options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("uplink")
            .enable_all()
            .build()
            .map_err(UplinkError::Thread)?;
        let stored = Credentials::load(&options.state)?;
        let valid = stored.filter(|known| !known.identity().has_expired(UnixMs::now()));
        let identity = match valid {
            Some(credentials) => credentials.identity().clone(),
            None => runtime
                .block_on(link.enrol())
                .map_err(UplinkError::Enrolment)?,
        };
        if node.cluster.is_none() && !identity.cluster.is_empty() {
            node.cluster = Some(identity.cluster);
        }
        let documents = link.documents();
        let settings = documents
            .iter()
            .find(|document| document.kind == DocumentKind::Settings);
        let settings = settings.map_or(&[][..], |settings| &settings.content);
        let in_force = InForce::of_documents(&documents);
        let protection = Protection::new(identity.id.as_str(), &in_force, settings);
        Ok(Uplink {
            link,
            runtime,
            node,
            protection,
        })
    }

    /// The node, with the cluster that its certificate names if nobody told it another.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The policies that the center put in force last, as far as this node's protection level lets them be, with their
    /// version; `None` before the first.
    pub fn policies(&self) -> Option<(Arc<PolicySet>, u64)> {
        self.protection.policies()
    }

    /// The detection rules that the center put in force last; `None` before the first.
    pub fn rules(&self) -> Option<Arc<RuleSet>> {
        self.protection.rules()
    }

    /// The way for alerts.
    pub fn alerts(&self) -> AlertOutput {
        AlertOutput {
            sender: self.link.alerts(),
            unsent: Arc::default(),
        }
    }

    /// Connects a running sensor, which carries out commands by these settings.
    ///
    /// # Errors
    /// [`UplinkError::Thread`].
    pub fn connect(
        self,
        sensor: Arc<Sensor>,
        settings: RespondSettings,
    ) -> Result<Connection, UplinkError> {
        let (stop, stopped) = watch::channel(false);
        let status = self.link.status();
        let side = Arc::new(Side {
            responder: Responder::new(Arc::clone(&sensor), settings),
            protection: self.protection.govern(Arc::clone(&sensor)),
            sensor,
            started: UnixMs::now(),
        });
        let (link, runtime) = (self.link, self.runtime);
        let thread = std::thread::Builder::new()
            .name("uplink".to_owned())
            .spawn(move || runtime.block_on(link.run(side, stopped)))
            .map_err(UplinkError::Thread)?;
        Ok(Connection {
            stop,
            status,
            thread,
        })
    }
}

fn wire_node(node: &Node) -> wire::Node {
    let cloud = node.cloud.as_ref();
    wire::Node {
        name: node.name.clone(),
        cluster: node.cluster.clone().unwrap_or_default(),
        provider: cloud
            .map(|cloud| cloud.provider.to_string())
            .unwrap_or_default(),
        account: cloud.map(|cloud| cloud.account.clone()).unwrap_or_default(),
    }
}

/// Gives alerts to the spool.
#[derive(Debug, Clone)]
pub struct AlertOutput {
    sender: AlertSender,
    unsent: Arc<AtomicU64>,
}

impl AlertOutput {
    /// Hands an alert over; waits while the spool is behind. What can't be handed over is counted and told.
    pub fn send(&self, alert: &yagura_event::Alert) {
        let encoded = serde_json::to_vec(&AlertJson::from(alert)).map_err(drop);
        let sent = encoded.and_then(|json| {
            self.sender.send(json).map_err(|error: SendError| {
                tracing::error!(%error, "alert is not sent to the center");
            })
        });
        if sent.is_err() {
            self.unsent.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Alerts that could not be handed over.
    pub fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }
}

/// A connected uplink.
#[derive(Debug)]
pub struct Connection {
    stop: watch::Sender<bool>,
    status: watch::Receiver<LinkStatus>,
    thread: JoinHandle<()>,
}

impl Connection {
    /// How the link stands.
    pub fn status(&self) -> LinkStatus {
        self.status.borrow().clone()
    }

    /// Ends the connection; alerts that were sent before are on the disk when this returns. Stop the sensor first, so that
    /// none comes later.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!("uplink ended unexpectedly");
        }
    }
}

/// The sensor as the link sees it.
struct Side {
    sensor: Arc<Sensor>,
    responder: Responder,
    protection: Protection,
    started: UnixMs,
}

impl SensorSide for Side {
    fn apply(&self, document: &Document) -> Result<(), Vec<String>> {
        match document.kind {
            DocumentKind::Policies => {
                let policies = documents::policies(document)?;
                self.protection.take_policies(policies, document.version);
            }
            DocumentKind::Rules => self.protection.take_rules(documents::rules(document)?),
            DocumentKind::Settings => self.protection.take_settings(&document.content)?,
        }
        Ok(())
    }

    fn health(&self) -> wire::Health {
        let mut report = health::report(&self.sensor, &self.responder, self.started);
        report.protection = Some(self.protection.told());
        report
    }

    fn execute(&self, command: &Command) -> CommandReport {
        self.responder.execute(command)
    }

    fn output(&self, command: &CommandId) -> Option<PathBuf> {
        self.responder.output(command)
    }
}
