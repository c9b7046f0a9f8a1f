//! Sensors against a center with a database, over real sockets.

use crate::app::in_force;
use crate::clock;
use crate::start::{Center, CenterConfig, Running, Tls};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use yagura_proto::client::{
    AlertSender, CenterAddress, CommandReport, ConnectError, Credentials, Link, LinkOptions,
    LinkStatus, SensorSide,
};
use yagura_proto::command::{Command, CommandAction, CommandId};
use yagura_proto::document::{Document, DocumentKind};
use yagura_proto::refusal::Refusal;
use yagura_proto::token::EnrolmentToken;
use yagura_proto::wire;
use yagura_store::{
    Actor, AlertFilter, CommandStatus, GapFilter, NewCommand, NewEnrolmentToken, Options,
    PageRequest, Retention, Store, Target, TokenHash,
};

/// How long anything may take before a test has failed.
const DEADLINE: Duration = Duration::from_secs(60);

struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        let path = std::env::temp_dir().join(format!(
            "yagura-link-{}",
            crate::auth::new_id().expect("id")
        ));
        std::fs::create_dir_all(&path).expect("folder");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn start(folder: &Path, sensors: SocketAddr) -> Running {
    let config = CenterConfig {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        tls: Tls::Plain,
        sensor_listen: Some(sensors),
        own_sensor: false,
        names: Vec::new(),
        public_url: None,
        database: Target::Sqlite(folder.join("center")),
        output_folder: folder.join("output"),
        retention: Retention::default(),
    };
    Center::start(config).await.expect("center")
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn token(center: &Center, cluster: &str, one_time: bool) -> EnrolmentToken {
    let secret = center.enrolment_secret().expect("secret");
    let token = NewEnrolmentToken {
        id: crate::auth::new_id().expect("id"),
        hash: TokenHash::of(&secret.stored),
        cluster: cluster.to_owned(),
        region: "tokyo".to_owned(),
        one_time,
        expires: clock::plus(clock::now(), Duration::from_secs(600)),
    };
    let enrolment = center.store().enrolment();
    enrolment
        .create(&token, &Actor::system(), clock::now())
        .await
        .expect("token");
    EnrolmentToken::parse(&secret.shown).expect("token")
}

#[derive(Debug, Default)]
struct Side {
    applied: Mutex<Vec<(DocumentKind, u64, String)>>,
    executed: Mutex<Vec<Command>>,
    containers: Mutex<Vec<wire::Container>>,
    /// What every command brings.
    output: Mutex<Option<PathBuf>>,
}

impl SensorSide for Side {
    fn apply(&self, document: &Document) -> Result<(), Vec<String>> {
        let text = String::from_utf8(document.content.to_vec()).expect("text");
        self.applied
            .lock()
            .expect("applied")
            .push((document.kind, document.version, text));
        Ok(())
    }

    fn health(&self) -> wire::Health {
        wire::Health {
            backend: "bpf-lsm".to_owned(),
            gaps: vec!["nothing is scanned".to_owned()],
            inventory: Some(wire::Inventory {
                containers: self.containers.lock().expect("containers").clone(),
                ..wire::Inventory::default()
            }),
            canary: Some(wire::Canary {
                time_ms: 7,
                seen: true,
                latency_us: 9,
                ..wire::Canary::default()
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
            text: "done".to_owned(),
            result: b"{\"n\":1}".to_vec(),
        }
    }

    fn output(&self, _command: &CommandId) -> Option<PathBuf> {
        self.output.lock().expect("output").clone()
    }
}

struct Sensor {
    side: Arc<Side>,
    alerts: AlertSender,
    status: watch::Receiver<LinkStatus>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn options(center: SocketAddr, state: &Path, token: Option<EnrolmentToken>) -> LinkOptions {
    LinkOptions {
        center: CenterAddress::new("127.0.0.1", center.port()),
        state: state.to_owned(),
        token,
        node: wire::Node {
            name: "node-1".to_owned(),
            ..wire::Node::default()
        },
        version: "9.9.9".to_owned(),
        spool: yagura_proto::spool::SpoolOptions::default(),
    }
}

impl Sensor {
    fn start(options: LinkOptions) -> Sensor {
        let link = Link::open(options).expect("link");
        let side = Arc::new(Side::default());
        let (stop, stopped) = watch::channel(false);
        let (alerts, status) = (link.alerts(), link.status());
        let task = tokio::spawn(link.run(Arc::clone(&side), stopped));
        Sensor {
            side,
            alerts,
            status,
            stop,
            task,
        }
    }

    async fn until(&mut self, what: &str, holds: impl FnMut(&LinkStatus) -> bool) {
        let waited = tokio::time::timeout(DEADLINE, self.status.wait_for(holds)).await;
        assert!(
            waited.is_ok_and(|status| status.is_ok()),
            "did not come: {what}"
        );
    }

    async fn connected(&mut self) {
        self.until("session", |status| {
            matches!(status, LinkStatus::Connected { .. })
        })
        .await;
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("link");
    }
}

/// Waits until something holds.
async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < end, "did not come: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn alert(number: usize) -> String {
    let id = format!("{number:032x}");
    // What is older than alerts are kept would go again.
    let time = clock::shown(clock::now());
    json!({
        "id": id, "time": time, "last_time": time, "rule": "R", "key": "proc.x",
        "category": "process", "severity": "urgent", "status": "unhandled", "title": "T", "action": "alerted",
        "count": 1, "node": "node-1", "cluster": null, "incident": id,
    })
    .to_string()
}

async fn stored(center: &Center) -> Vec<String> {
    let mut ids = Vec::new();
    let mut page = PageRequest::first(500);
    loop {
        let found = center
            .store()
            .alerts()
            .list(&AlertFilter::default(), &page)
            .await
            .expect("alerts");
        ids.extend(found.items.into_iter().map(|alert| alert.id));
        match found.next {
            Some(next) => page = PageRequest::after(500, next),
            None => return ids,
        }
    }
}

/// Kinds and details of the gaps that last, by kind.
async fn open_gaps(store: &Store) -> Vec<(String, Value)> {
    let open = GapFilter {
        open: Some(true),
        ..GapFilter::default()
    };
    let gaps = store.coverage().gaps(&open, &PageRequest::first(10)).await;
    let gaps = gaps.expect("gaps").items.into_iter();
    let mut told: Vec<(String, Value)> = gaps.map(|gap| (gap.kind, gap.detail)).collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told
}

fn sensor_id(state: &Path) -> String {
    let credentials = Credentials::load(state)
        .expect("load")
        .expect("credentials");
    credentials.identity().id.as_str().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "one life of a sensor, told in one piece"
)]
async fn a_sensor_is_enrolled_seen_and_told_what_is_in_force() {
    let folder = Folder::new();
    let running = start(&folder.0, any()).await;
    let (center, address) = (
        running.center.clone(),
        running.sensor_address.expect("address"),
    );
    let state = folder.0.join("sensor");
    let token = token(&center, "prod", true).await;
    let mut sensor = Sensor::start(options(address, &state, Some(token)));
    sensor.connected().await;
    let id = sensor_id(&state);
    let node = eventually("versions in force", async || {
        let node = center.store().nodes().get(&id).await.expect("node")?;
        let versions = &node.report.policy_versions;
        (versions["policies"]["version"] == 1
            && versions["rules"]["version"] == 1
            && node.report.backend == "bpf-lsm")
            .then_some(node)
    })
    .await;
    let report = &node.report;
    assert_eq!(
        (
            report.name.as_str(),
            report.cluster.as_str(),
            report.region.as_str()
        ),
        ("node-1", "prod", "tokyo")
    );
    assert!(node.connected && report.sensor_version == "9.9.9");
    assert_eq!(report.health["canary"]["seen"], true);
    // A report that tells no part by itself is of both.
    let (coverage, page) = (center.store().coverage(), PageRequest::first(10));
    let canaries = eventually("canaries", async || {
        let canaries = coverage
            .latest_canaries(Some(&id), &page)
            .await
            .expect("canaries");
        (canaries.items.len() == 2).then_some(canaries.items)
    })
    .await;
    let kinds: Vec<&str> = canaries.iter().map(|canary| canary.kind.as_str()).collect();
    assert_eq!(kinds, ["drift", "escape"]);
    assert!(canaries.iter().all(|canary| canary.seen));
    let told = eventually("a gap", async || {
        let gaps = open_gaps(center.store()).await;
        (!gaps.is_empty()).then_some(gaps)
    })
    .await;
    let lacks = json!({ "gaps": ["nothing is scanned"] });
    assert_eq!(told, [("reduced-coverage".to_owned(), lacks)]);
    // A change of rules reaches it, and the center sees that.
    let rules = json!({ "text": "- list: mine\n  items: [a]\n" });
    let documents = center
        .store()
        .documents(yagura_store::DocumentKind::UserRule);
    documents
        .put(
            in_force::USER_RULES,
            &rules,
            "test",
            &Actor::system(),
            clock::now(),
        )
        .await
        .expect("put");
    eventually("change in force", async || {
        let node = center.store().nodes().get(&id).await.expect("node")?;
        (node.report.policy_versions["rules"]["version"] == 2).then_some(())
    })
    .await;
    let applied = sensor.side.applied.lock().expect("applied").clone();
    assert!(
        applied.contains(&(
            DocumentKind::Rules,
            2,
            "- list: mine\n  items: [a]\n".to_owned()
        )),
        "{applied:?}"
    );
    // Containers come, and go.
    let container = wire::Container {
        id: "c1".to_owned(),
        image: "nginx".to_owned(),
        image_digest: "sha256:1".to_owned(),
        ..wire::Container::default()
    };
    sensor
        .side
        .containers
        .lock()
        .expect("containers")
        .push(container);
    sensor.stop().await;
    eventually("end of the session", async || {
        let node = center.store().nodes().get(&id).await.expect("node")?;
        (!node.connected).then_some(())
    })
    .await;
    let kinds = async |store: &Store| {
        let kinds = open_gaps(store).await.into_iter().map(|(kind, _)| kind);
        kinds.collect::<Vec<String>>()
    };
    let both = ["reduced-coverage", "sensor-offline"];
    assert_eq!(kinds(center.store()).await, both);
    // Who comes back is there again.
    let mut sensor = Sensor::start(options(address, &state, None));
    sensor.connected().await;
    eventually("no gap of a sensor that is away", async || {
        let node = center.store().nodes().get(&id).await.expect("node")?;
        (node.connected && kinds(center.store()).await == both[..1]).then_some(())
    })
    .await;
    // Nobody watches a node whose center stops, until its sensor comes back.
    running.stop().await;
    let database = Target::Sqlite(folder.0.join("center"));
    let store = Store::connect(&database, &Options::default()).await;
    let store = store.expect("store");
    assert_eq!(kinds(&store).await, both);
    let node = store.nodes().get(&id).await.expect("node").expect("node");
    assert!(!node.connected);
    sensor.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_stored_once_through_restarts_of_the_center() {
    let folder = Folder::new();
    let mut running = start(&folder.0, any()).await;
    let address = running.sensor_address.expect("address");
    let token = token(&running.center, "", true).await;
    let mut sensor = Sensor::start(options(address, &folder.0.join("sensor"), Some(token)));
    sensor.connected().await;
    let mut sent = 0;
    for _ in 0..3 {
        for _ in 0..300 {
            sensor.alerts.send(alert(sent)).expect("send");
            sent += 1;
            if sent % 40 == 0 {
                let alerts = sensor.alerts.clone();
                tokio::task::spawn_blocking(move || alerts.flush())
                    .await
                    .expect("task")
                    .expect("flush");
            }
        }
        running.stop().await;
        running = start(&folder.0, address).await;
    }
    let center = running.center.clone();
    eventually("alerts", async || {
        (stored(&center).await.len() >= sent).then_some(())
    })
    .await;
    let ids = stored(&center).await;
    let expected: BTreeSet<String> = (0..sent).map(|number| format!("{number:032x}")).collect();
    assert_eq!(ids.len(), sent);
    assert_eq!(ids.into_iter().collect::<BTreeSet<String>>(), expected);
    // What can't be stored does not hold up what follows it.
    let broken = alert(sent).replace("urgent", "colossal");
    sensor.alerts.send(broken).expect("send");
    sensor.alerts.send(alert(sent + 1)).expect("send");
    eventually("alert", async || {
        (stored(&center).await.len() == sent + 1).then_some(())
    })
    .await;
    sensor.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[expect(
    clippy::too_many_lines,
    reason = "one life of a sensor, told in one piece"
)]
async fn a_command_is_signed_carried_out_and_answered() {
    let folder = Folder::new();
    let running = start(&folder.0, any()).await;
    let (center, address) = (
        running.center.clone(),
        running.sensor_address.expect("address"),
    );
    let state = folder.0.join("sensor");
    let token = token(&center, "", true).await;
    let mut sensor = Sensor::start(options(address, &state, Some(token)));
    sensor.connected().await;
    let queue = async |kind: &str, arguments: Value| {
        let command = NewCommand {
            id: crate::auth::new_id().expect("id"),
            node: sensor_id(&state),
            kind: kind.to_owned(),
            body: json!({ "arguments": arguments }),
            signature: String::new(),
            alert: String::new(),
            expires: clock::plus(clock::now(), Duration::from_secs(60)),
        };
        let commands = center.store().commands();
        commands
            .queue(&command, &Actor::system(), clock::now())
            .await
            .expect("queue")
            .id
    };
    let status = async |id: &str| {
        center
            .store()
            .commands()
            .get(id)
            .await
            .expect("command")
            .expect("command")
    };
    let first = queue("pause-container", json!({ "container": "c1" })).await;
    let answered = eventually("answer", async || {
        Some(status(&first).await).filter(|command| command.status == CommandStatus::Answered)
    })
    .await;
    assert_eq!(
        (&answered.answer["outcome"], &answered.answer["result"]["n"]),
        (&json!("done"), &json!(1))
    );
    let senseless = queue(
        "kill-process",
        json!({ "container": "c1", "pid": "x", "start_time": "" }),
    )
    .await;
    eventually("refusal", async || {
        Some(status(&senseless).await).filter(|command| command.status == CommandStatus::Failed)
    })
    .await;
    // What a recording brings comes to the center.
    let recording = folder.0.join("recording");
    std::fs::write(&recording, b"what was recorded").expect("write");
    *sensor.side.output.lock().expect("output") = Some(recording);
    let capture = queue("capture", json!({ "seconds": "1" })).await;
    eventually("recording", async || status(&capture).await.output_bytes).await;
    let commands = center.store().commands();
    let part = commands.output_part(&capture, 0).await.expect("part");
    assert_eq!(part.as_deref(), Some(&b"what was recorded"[..]));
    // One that is asked for while the sensor is away is carried out when it comes back.
    let id = sensor_id(&state);
    sensor.stop().await;
    eventually("end of the session", async || {
        let node = center.store().nodes().get(&id).await.expect("node")?;
        (!node.connected).then_some(())
    })
    .await;
    let later = queue("resume-container", json!({ "container": "c1" })).await;
    let sensor = Sensor::start(options(address, &state, None));
    eventually("answer", async || {
        Some(status(&later).await).filter(|command| command.status == CommandStatus::Answered)
    })
    .await;
    let executed = sensor.side.executed.lock().expect("executed").clone();
    assert_eq!(executed.len(), 1);
    assert_eq!(
        executed[0].action,
        CommandAction::ResumeContainer {
            container_id: "c1".to_owned()
        }
    );
    sensor.stop().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_certificates_count_once_and_until_they_are_revoked() {
    let folder = Folder::new();
    let running = start(&folder.0, any()).await;
    let (center, address) = (
        running.center.clone(),
        running.sensor_address.expect("address"),
    );
    let (one, two) = (folder.0.join("one"), folder.0.join("two"));
    let once = token(&center, "prod", true).await;
    let mut sensor = Sensor::start(options(address, &one, Some(once.clone())));
    sensor.connected().await;
    let enrol = async |state: &Path, token: &EnrolmentToken, cluster: &str| {
        let mut options = options(address, state, None);
        options.node.cluster = cluster.to_owned();
        std::fs::create_dir_all(state).expect("folder");
        match yagura_proto::client::enrol(&options, token).await {
            Ok(credentials) => Ok(credentials.identity().id.as_str().to_owned()),
            Err(ConnectError::Refused(refusal)) => Err(refusal),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(enrol(&two, &once, "").await, Err(Refusal::TokenUsed));
    let many = token(&center, "prod", false).await;
    assert_eq!(
        enrol(&two, &many, "other").await,
        Err(Refusal::TokenElsewhere)
    );
    // The same node enrols anew: it is the same sensor, and its former certificate ends.
    assert_eq!(enrol(&two, &many, "prod").await, Ok(sensor_id(&one)));
    sensor
        .until("refusal", |status| {
            *status == LinkStatus::Refused(Refusal::Revoked)
        })
        .await;
    sensor.stop().await;
    // So does one that a person revokes.
    let mut anew = options(address, &two, None);
    anew.node.cluster = "prod".to_owned();
    let mut sensor = Sensor::start(anew);
    sensor.connected().await;
    let serial = Credentials::load(&two)
        .expect("load")
        .expect("credentials")
        .identity()
        .serial
        .as_str()
        .to_owned();
    let certificates = center.store().certificates();
    assert!(
        certificates
            .revoke(&serial, "lost", &Actor::system(), clock::now())
            .await
            .expect("revoke")
    );
    sensor
        .until("refusal", |status| {
            *status == LinkStatus::Refused(Refusal::Revoked)
        })
        .await;
    sensor.stop().await;
    running.stop().await;
}
