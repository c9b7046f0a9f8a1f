//! A fleet in memory, a server on loopback, and sensors with folders of their own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "shared by the tests and by the load tool, which use different parts"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use yagura_proto::authority::Authority;
use yagura_proto::client::{CenterAddress, CommandReport, LinkOptions, SensorSide};
use yagura_proto::command::{Command, CommandId};
use yagura_proto::document::{Document, DocumentKind, DocumentSet, SharedDocument};
use yagura_proto::identity::{SensorId, SensorIdentity, Serial};
use yagura_proto::refusal::Refusal;
use yagura_proto::server::{
    Acceptance, Admission, Attachment, EnrolmentClaim, Fleet, FleetError, IncomingBatch,
    IssuedCertificate, LinkServer, OutputPart, Push, RefusedPeer, ServerOptions,
};
use yagura_proto::spool::SpoolOptions;
use yagura_proto::token::{Digest, EnrolmentToken};
use yagura_proto::wire;

/// How long anything may take before a test has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until something holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = tokio::time::Instant::now() + DEADLINE;
    while !holds() {
        assert!(tokio::time::Instant::now() < end, "did not come: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[derive(Debug)]
pub struct Token {
    pub one_time: bool,
    pub used_by: BTreeMap<Digest, Admission>,
}

/// What a fleet knows.
#[derive(Debug, Default)]
pub struct State {
    pub tokens: HashMap<Digest, Token>,
    pub issued: Vec<IssuedCertificate>,
    pub revoked: BTreeSet<Serial>,
    /// Alerts by id, and how often each was stored.
    pub alerts: BTreeMap<String, u32>,
    pub order: Vec<String>,
    pub batches: BTreeMap<String, u64>,
    pub malformed: u32,
    pub foreign: u32,
    pub health: HashMap<SensorId, wire::Health>,
    pub inventories: u32,
    pub document_states: Vec<(SensorId, wire::DocumentState)>,
    pub answers: Vec<wire::CommandAnswer>,
    pub output: BTreeMap<u64, Vec<u8>>,
    pub refused: Vec<RefusedPeer>,
    pub pushes: HashMap<SensorId, mpsc::Sender<Push>>,
    pub hellos: Vec<wire::Hello>,
}

/// The fleet.
#[derive(Debug)]
pub struct TestFleet {
    state: Mutex<State>,
    pub documents: watch::Sender<Arc<DocumentSet>>,
    /// Nothing can be stored now.
    pub is_away: AtomicBool,
    /// Batches after which the fleet goes away with the batch stored and the acknowledgement lost.
    pub fail_after_storing: AtomicU64,
    /// Sensors in session.
    pub sessions: AtomicU64,
    /// Sensors that have put in force what they were last sent.
    pub in_force: AtomicU64,
    pub in_force_version: AtomicU64,
    pub stored: AtomicU64,
}

impl Default for TestFleet {
    fn default() -> TestFleet {
        TestFleet {
            state: Mutex::default(),
            documents: watch::Sender::new(Arc::default()),
            is_away: AtomicBool::new(false),
            fail_after_storing: AtomicU64::new(u64::MAX),
            sessions: AtomicU64::new(0),
            in_force: AtomicU64::new(0),
            in_force_version: AtomicU64::new(0),
            stored: AtomicU64::new(0),
        }
    }
}

impl TestFleet {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("state")
    }

    fn available(&self) -> Result<(), FleetError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(FleetError::Unavailable("database is away".into())),
            false => Ok(()),
        }
    }

    /// Makes a token.
    pub fn token(&self, authority: &Authority, one_time: bool) -> EnrolmentToken {
        let token = EnrolmentToken::generate(authority.fingerprint()).expect("random");
        let used_by = BTreeMap::new();
        let entry = Token { one_time, used_by };
        self.state().tokens.insert(token.digest(), entry);
        token
    }

    /// Puts a document in force for everybody.
    pub fn put(&self, kind: DocumentKind, version: u64, content: &str) {
        let content = content.as_bytes().to_vec().into();
        let document = Document::new(kind, version, content).expect("document");
        self.documents.send_modify(|set| {
            let mut changed = DocumentSet::clone(set);
            let earlier: Vec<Arc<SharedDocument>> =
                changed.get(kind).cloned().into_iter().collect();
            changed.put(SharedDocument::new(document, &earlier));
            *set = Arc::new(changed);
        });
    }
}

impl Fleet for TestFleet {
    async fn redeem(&self, claim: EnrolmentClaim) -> Result<Admission, FleetError> {
        self.available()?;
        let mut state = self.state();
        let token = state
            .tokens
            .get_mut(&claim.token_sha256)
            .ok_or(Refusal::TokenUnknown)?;
        if let Some(admission) = token.used_by.get(&claim.key_sha256) {
            return Ok(admission.clone());
        }
        if token.one_time && !token.used_by.is_empty() {
            return Err(Refusal::TokenUsed.into());
        }
        let admission = Admission {
            sensor: SensorId::generate().expect("random"),
            node: claim.node.name,
            cluster: claim.node.cluster,
        };
        token.used_by.insert(claim.key_sha256, admission.clone());
        Ok(admission)
    }

    async fn issued(&self, certificate: IssuedCertificate) -> Result<(), FleetError> {
        self.state().issued.push(certificate);
        Ok(())
    }

    async fn admit(&self, sensor: &SensorIdentity) -> Result<(), FleetError> {
        match self.state().revoked.contains(&sensor.serial) {
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
        self.sessions.fetch_add(1, Ordering::SeqCst);
        let (sender, pushes) = mpsc::channel(16);
        let mut state = self.state();
        state.hellos.push(hello.clone());
        state.pushes.insert(sensor.id.clone(), sender);
        let documents = self.documents.subscribe();
        Ok(Attachment { documents, pushes })
    }

    async fn accept_alerts(
        &self,
        _sensor: &SensorIdentity,
        batch: IncomingBatch,
    ) -> Result<Acceptance, FleetError> {
        self.available()?;
        let mut state = self.state();
        state.malformed += batch.malformed;
        state.foreign += batch.foreign;
        let highest = state.batches.entry(batch.spool).or_default();
        if batch.number <= *highest {
            return Ok(Acceptance::Duplicate);
        }
        *highest = batch.number;
        self.stored
            .fetch_add(batch.alerts.len() as u64, Ordering::SeqCst);
        for alert in batch.alerts {
            state.order.push(alert.id.clone());
            *state.alerts.entry(alert.id).or_default() += 1;
        }
        if self.fail_after_storing.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.is_away.store(true, Ordering::SeqCst);
            return Err(FleetError::Unavailable("killed after storing".into()));
        }
        Ok(Acceptance::Stored)
    }

    async fn health(
        &self,
        sensor: &SensorIdentity,
        health: wire::Health,
    ) -> Result<(), FleetError> {
        self.available()?;
        let mut state = self.state();
        state.inventories += u32::from(health.inventory.is_some());
        state.health.insert(sensor.id.clone(), health);
        Ok(())
    }

    async fn document_state(
        &self,
        sensor: &SensorIdentity,
        document: wire::DocumentState,
    ) -> Result<(), FleetError> {
        if document.version == self.in_force_version.load(Ordering::SeqCst) {
            self.in_force.fetch_add(1, Ordering::SeqCst);
        }
        self.state()
            .document_states
            .push((sensor.id.clone(), document));
        Ok(())
    }

    async fn command_answered(
        &self,
        _sensor: &SensorIdentity,
        answer: wire::CommandAnswer,
    ) -> Result<(), FleetError> {
        self.available()?;
        self.state().answers.push(answer);
        Ok(())
    }

    async fn command_output(
        &self,
        _sensor: &SensorIdentity,
        part: OutputPart,
    ) -> Result<(), FleetError> {
        self.state()
            .output
            .insert(part.offset, part.content.to_vec());
        Ok(())
    }

    fn refused(&self, peer: RefusedPeer) {
        self.state().refused.push(peer);
    }
}

/// A center on loopback.
#[derive(Debug)]
pub struct Center {
    pub fleet: Arc<TestFleet>,
    pub authority: Arc<Authority>,
    pub address: CenterAddress,
    pub socket: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

impl Center {
    pub async fn start() -> Center {
        let authority =
            Authority::of_pem(&Authority::generate().expect("generate")).expect("authority");
        Center::start_with(Arc::default(), Arc::new(authority), "127.0.0.1:0").await
    }

    pub async fn start_with(fleet: Arc<TestFleet>, authority: Arc<Authority>, at: &str) -> Center {
        let port = TcpListener::bind(at).await.expect("bind");
        let socket = port.local_addr().expect("address");
        let options = ServerOptions {
            health_interval: Duration::from_secs(1),
            ..ServerOptions::default()
        };
        let server = LinkServer::new(Arc::clone(&fleet), Arc::clone(&authority), options);
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let stop = async move {
                let _ = stopped.await;
            };
            server.serve(port, stop).await.expect("serve");
        });
        Center {
            fleet,
            authority,
            address: CenterAddress::new("127.0.0.1", socket.port()),
            socket,
            stop: Some(stop),
            serving,
        }
    }

    /// Stops it and starts another one, as another replica would, on the same port.
    pub async fn restart(self) -> Center {
        let (fleet, authority, socket) = (
            Arc::clone(&self.fleet),
            Arc::clone(&self.authority),
            self.socket,
        );
        self.stop().await;
        Center::start_with(fleet, authority, &socket.to_string()).await
    }

    pub async fn stop(mut self) {
        let _ = self.stop.take().expect("running").send(());
        (&mut self.serving).await.expect("server");
    }
}

/// A folder that goes with its test.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let path = std::env::temp_dir().join(format!(
            "yagura-proto-{}-{number}-{name}",
            std::process::id()
        ));
        std::fs::create_dir_all(&path).expect("folder");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn options(center: &CenterAddress, state: &Path, token: Option<EnrolmentToken>) -> LinkOptions {
    LinkOptions {
        center: center.clone(),
        state: state.to_owned(),
        token,
        node: wire::Node {
            name: "node-1".to_owned(),
            ..wire::Node::default()
        },
        version: "1.2.3".to_owned(),
        spool: SpoolOptions::default(),
    }
}

/// A sensor that remembers what it was asked for.
#[derive(Debug, Default)]
pub struct TestSide {
    pub applied: Mutex<Vec<(DocumentKind, u64, String)>>,
    pub executed: Mutex<Vec<Command>>,
    pub containers: Mutex<Vec<String>>,
    /// What every command brings.
    pub output: Mutex<Option<PathBuf>>,
}

impl SensorSide for TestSide {
    fn apply(&self, document: &Document) -> Result<(), Vec<String>> {
        let text = String::from_utf8(document.content.to_vec()).expect("text");
        if text.contains("broken") {
            return Err(vec!["line 1: broken".to_owned()]);
        }
        let mut applied = self.applied.lock().expect("applied");
        applied.push((document.kind, document.version, text));
        Ok(())
    }

    fn health(&self) -> wire::Health {
        let ids = self.containers.lock().expect("containers").clone();
        let containers = ids.into_iter().map(|id| wire::Container {
            id,
            ..wire::Container::default()
        });
        wire::Health {
            backend: "bpf-lsm".to_owned(),
            inventory: Some(wire::Inventory {
                containers: containers.collect(),
                ..wire::Inventory::default()
            }),
            ..wire::Health::default()
        }
    }

    fn execute(&self, command: &Command) -> CommandReport {
        self.executed
            .lock()
            .expect("executed")
            .push(command.clone());
        CommandReport {
            outcome: wire::CommandOutcome::Done,
            text: format!("{} done", command.action.as_str()),
            result: b"{}".to_vec(),
        }
    }

    fn output(&self, _command: &CommandId) -> Option<PathBuf> {
        self.output.lock().expect("output").clone()
    }
}

/// A link that runs in a task.
#[derive(Debug)]
pub struct Running {
    pub side: Arc<TestSide>,
    pub alerts: yagura_proto::client::AlertSender,
    pub status: watch::Receiver<yagura_proto::client::LinkStatus>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub fn start(options: LinkOptions) -> Running {
        let link = yagura_proto::client::Link::open(options).expect("link");
        let side = Arc::new(TestSide::default());
        let (stop, stopped) = watch::channel(false);
        let (alerts, status) = (link.alerts(), link.status());
        let task = tokio::spawn(link.run(Arc::clone(&side), stopped));
        Running {
            side,
            alerts,
            status,
            stop,
            task,
        }
    }

    pub async fn until(
        &mut self,
        what: &str,
        holds: impl FnMut(&yagura_proto::client::LinkStatus) -> bool,
    ) {
        let waited = tokio::time::timeout(DEADLINE, self.status.wait_for(holds)).await;
        assert!(
            waited.is_ok_and(|status| status.is_ok()),
            "did not come: {what}"
        );
    }

    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("link");
    }
}

pub fn alert(number: usize) -> String {
    format!(r#"{{"id":"{number:032x}","node":"node-1","cluster":null,"title":"x"}}"#)
}

/// Runs a future to its end within the deadline.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("in time")
}
