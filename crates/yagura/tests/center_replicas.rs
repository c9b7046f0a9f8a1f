//! Replicas of a center on one PostgreSQL server, as processes.

use super::center_counted::{alert, id};
use super::{Ran, Scratch, command};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use yagura_proto::client::{
    AlertSender, CenterAddress, CommandReport, Link, LinkOptions, SensorSide,
};
use yagura_proto::command::Command;
use yagura_proto::document::{Document, DocumentKind};
use yagura_proto::spool::SpoolOptions;
use yagura_proto::token::EnrolmentToken;
use yagura_proto::wire;
use yagura_testkit::{Durability, PostgresServer};

/// The password that the first admin sets.
const PASSWORD: &str = "a long enough password";
/// The replicas' database.
pub(crate) const DATABASE: &str = "yagura";
/// How long anything may take before a test has failed.
const DEADLINE: Duration = Duration::from_secs(120);
/// Pause between two looks at something that has no way to call.
const LOOK: Duration = Duration::from_millis(20);

/// Waits until something holds.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "did not come: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Whether there is a PostgreSQL server to test with; says so if not.
pub(crate) fn has_postgres(test: &str) -> bool {
    let is_there = PostgresServer::installed().is_some();
    if !is_there {
        eprintln!("SKIPPED {test}: this machine lacks PostgreSQL");
    }
    is_there
}

/// A replica that is killed and started again at the same addresses.
#[derive(Debug)]
pub(crate) struct Replica {
    child: Child,
    arguments: Vec<String>,
    log: String,
    /// Whether it has said where it is.
    is_up: Arc<AtomicBool>,
    pub(crate) url: String,
    pub(crate) sensors: SocketAddr,
}

impl Replica {
    fn start(scratch: &Scratch, index: usize, database: &str) -> Replica {
        let (http, sensors) = (free_address(), free_address());
        let data = scratch.path(&format!("data{index}"));
        let arguments = format!(
            "center --plain --listen {http} --sensor-listen {sensors} --data {data} --database {database}"
        );
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        let log = scratch.path(&format!("center{index}.log"));
        let is_up = Arc::default();
        Replica {
            child: spawn(&arguments, &log, &is_up),
            arguments,
            log,
            is_up,
            url: format!("http://{http}"),
            sensors,
        }
    }

    /// Ends it with no chance to tidy up.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it where it was.
    pub(crate) fn start_again(&mut self) {
        self.is_up = Arc::default();
        self.child = spawn(&self.arguments, &self.log, &self.is_up);
    }

    /// Waits until it has said where it is.
    #[track_caller]
    fn wait_until_up(&self) {
        eventually("a replica", || {
            self.is_up.load(Ordering::SeqCst).then_some(())
        });
    }

    /// Does what a supervisor does: starts it again if it found no database. Once it is up it must not end by itself.
    fn supervise(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            let was_up = self.is_up.load(Ordering::SeqCst);
            assert!(
                !was_up,
                "a center ended by itself: {status}\n{}",
                self.said()
            );
            self.start_again();
        }
    }

    /// The one-time passwords that it told.
    fn one_time(&self) -> Vec<String> {
        let log = std::fs::read_to_string(&self.log).unwrap();
        let told = log
            .lines()
            .filter_map(|line| line.strip_prefix("first log-in: admin, one-time password "));
        told.map(str::to_owned).collect()
    }

    fn said(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a center said:\n{}", self.said());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens at. It stays the replica's, which is started there again and again.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// Starts a center; the one-time password that it tells goes into its log.
fn spawn(arguments: &[String], log: &str, is_up: &Arc<AtomicBool>) -> Child {
    let mut log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .unwrap();
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().unwrap())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_up = Arc::clone(is_up);
    std::thread::spawn(move || {
        for line in said.map_while(Result::ok) {
            is_up.fetch_or(line.starts_with("console: "), Ordering::SeqCst);
            let _ = writeln!(log, "{line}");
        }
    });
    child
}

/// Replicas with their database.
pub(crate) struct Site {
    // In the order in which they have to go.
    pub(crate) replicas: Vec<Replica>,
    pub(crate) postgres: PostgresServer,
    /// URL of the database.
    pub(crate) database: String,
    token: String,
    pub(crate) scratch: Scratch,
}

impl Site {
    /// Starts as many replicas at once, as a cluster does, and logs in.
    pub(crate) fn start(replicas: usize) -> Site {
        let scratch = Scratch::new();
        let postgres = PostgresServer::start(Durability::Unsynced).unwrap();
        let database = postgres.create_database(DATABASE).unwrap();
        let start = |index| Replica::start(&scratch, index, &database);
        let mut site = Site {
            replicas: (0..replicas).map(start).collect(),
            postgres,
            token: String::new(),
            scratch,
            database,
        };
        for replica in &site.replicas {
            replica.wait_until_up();
        }
        site.log_in();
        site
    }

    fn log_in(&mut self) {
        let told = || -> Vec<String> { self.replicas.iter().flat_map(Replica::one_time).collect() };
        let one_time = eventually("the one-time password", || told().pop());
        let config = self.scratch.path("config");
        let ran = command()
            .args(["login", &self.replicas[0].url])
            .env("XDG_CONFIG_HOME", &config)
            .env("YAGURA_PASSWORD", &one_time)
            .env("YAGURA_NEW_PASSWORD", PASSWORD)
            .output();
        Ran::of(ran.unwrap()).expect(0);
        assert_eq!(
            told(),
            [one_time],
            "whichever made the first admin tells it"
        );
        let remembered = std::fs::read(format!("{config}/yagura/center.json")).unwrap();
        let remembered: Value = serde_json::from_slice(&remembered).unwrap();
        self.token = remembered["token"].as_str().unwrap().to_owned();
    }

    /// Does what a supervisor does.
    pub(crate) fn supervise(&mut self) {
        self.replicas.iter_mut().for_each(Replica::supervise);
    }

    /// Runs a command against one of the replicas.
    pub(crate) fn run(&self, replica: usize, arguments: &[&str]) -> Ran {
        let ran = command()
            .args(arguments)
            .env("YAGURA_CENTER", &self.replicas[replica].url)
            .env("YAGURA_TOKEN", &self.token)
            .stdin(Stdio::null())
            .output();
        Ran::of(ran.unwrap())
    }

    /// A token that enrols any number of sensors.
    pub(crate) fn enrolment_token(&self) -> String {
        let made = self.run(0, &["tokens", "enrol", "--many"]).expect(0);
        made.stdout.trim().to_owned()
    }

    /// The ids of all alerts, as they stand in the database.
    pub(crate) fn stored(&self) -> Vec<String> {
        let rows = self.postgres.query(DATABASE, "SELECT id FROM alerts");
        rows.unwrap().lines().map(str::to_owned).collect()
    }

    /// Saves the drift policy with that action for what no rule is about; its version.
    fn save_default(&self, replica: usize, action: &str) -> u64 {
        let got = self.run(replica, &["policy", "get"]).expect(0).stdout;
        let (before, default) = got.split_once("default:\n    action: ").unwrap();
        let (_, after) = default.split_once('\n').unwrap();
        let text = format!("{before}default:\n    action: {action}\n{after}");
        let file = self.scratch.file("policy.yaml", text);
        let saved = self
            .run(replica, &["policy", "apply", &file])
            .expect(0)
            .stdout;
        let version = saved
            .lines()
            .last()
            .unwrap()
            .strip_prefix("saved as version ");
        version.unwrap().parse().unwrap()
    }

    /// What a replica's API says of the only node, once there is one.
    fn node(&self, replica: usize) -> Option<Value> {
        let nodes = self.run(replica, &["nodes", "--output", "json"]);
        serde_json::from_str(nodes.expect(0).stdout.lines().next()?).ok()
    }

    /// Waits until a replica's API says that the node is there and has the newest policies in force.
    #[track_caller]
    fn wait_until_current(&self, replica: usize) {
        eventually("the node's versions", || {
            let node = self.node(replica)?;
            let mut versions = node["versions"].as_array()?.iter();
            let policies = versions.find(|version| version["kind"] == "policies")?;
            (policies["current"] == true && node["state"] == "online").then_some(())
        });
    }
}

/// A sensor that notes what it is told to put in force.
#[derive(Debug, Default)]
struct Noting(Mutex<Vec<Document>>);

impl SensorSide for Noting {
    fn apply(&self, document: &Document) -> Result<(), Vec<String>> {
        self.0.lock().unwrap().push(document.clone());
        Ok(())
    }

    fn health(&self) -> wire::Health {
        wire::Health::default()
    }

    fn execute(&self, _command: &Command) -> CommandReport {
        CommandReport {
            outcome: wire::CommandOutcome::Unsupported,
            text: "carries out nothing".to_owned(),
            result: Vec::new(),
        }
    }
}

/// A link in this process.
struct Sensor {
    noted: Arc<Noting>,
    alerts: AlertSender,
    _stop: watch::Sender<bool>,
    _runtime: tokio::runtime::Runtime,
}

impl Sensor {
    fn start(site: &Site, center: SocketAddr) -> Sensor {
        let token = EnrolmentToken::parse(&site.enrolment_token()).unwrap();
        let link = Link::open(LinkOptions {
            center: CenterAddress::parse(&center.to_string()).unwrap(),
            state: site.scratch.path("sensor").into(),
            token: Some(token),
            node: wire::Node {
                name: "node-7".to_owned(),
                ..wire::Node::default()
            },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spool: SpoolOptions::default(),
        });
        let link = link.unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (stop, stopped) = watch::channel(false);
        let (alerts, noted) = (link.alerts(), Arc::default());
        runtime.spawn(link.run(Arc::clone(&noted), stopped));
        Sensor {
            noted,
            alerts,
            _stop: stop,
            _runtime: runtime,
        }
    }

    /// Waits until it was told to put policies in force of which the text speaks.
    #[track_caller]
    fn wait_for_policies(&self, speaks: &str) {
        eventually("policies on the sensor", || {
            let noted = self.noted.0.lock().unwrap();
            let newest = noted
                .iter()
                .rev()
                .find(|document| document.kind == DocumentKind::Policies)?;
            String::from_utf8_lossy(&newest.content)
                .contains(speaks)
                .then_some(())
        });
    }

    fn send(&self, numbers: std::ops::Range<u64>) {
        for number in numbers {
            self.alerts.send(alert(7, number)).unwrap();
        }
        self.alerts.flush().unwrap();
    }
}

/// What stands before replicas: hands each connection to the first that takes it.
struct Balancer(SocketAddr);

impl Balancer {
    fn start(replicas: Vec<SocketAddr>) -> Balancer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = replicas.iter().find_map(|at| TcpStream::connect(at).ok());
                let Some(server) = server else { continue };
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || hand_on(client, server));
                std::thread::spawn(move || hand_on(back.0, back.1));
            }
        });
        Balancer(address)
    }
}

fn hand_on(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer)
        && to.write_all(&buffer[..length]).is_ok()
    {}
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn a_policy_saved_at_one_replica_is_in_force_on_a_sensor_of_another() {
    if !has_postgres("a policy and two replicas") {
        return;
    }
    let site = Site::start(2);
    let sensor = Sensor::start(&site, site.replicas[1].sensors);
    site.wait_until_current(0);
    site.wait_until_current(1);
    for action in ["alert", "ignore"] {
        let version = site.save_default(0, action);
        sensor.wait_for_policies(&format!("default:\n    action: {action}"));
        for replica in [0, 1] {
            site.wait_until_current(replica);
            let history = site.run(replica, &["policy", "history", "--output", "json"]);
            let newest: Value =
                serde_json::from_str(history.expect(0).stdout.lines().next().unwrap()).unwrap();
            assert_eq!(newest["version"], version);
        }
    }
}

#[test]
fn a_sensor_whose_replica_is_killed_goes_on_at_another_and_loses_nothing() {
    if !has_postgres("a killed replica") {
        return;
    }
    let mut site = Site::start(2);
    let balancer = Balancer::start(vec![site.replicas[1].sensors, site.replicas[0].sensors]);
    let sensor = Sensor::start(&site, balancer.0);
    site.wait_until_current(1);
    sensor.send(0..500);
    // At a moment at which some are stored, some are on their way, and some are yet to come.
    eventually("the first alerts", || {
        (!site.stored().is_empty()).then_some(())
    });
    sensor.send(500..1000);
    site.replicas[1].kill();
    sensor.send(1000..1500);
    let all: BTreeSet<String> = (0..1500).map(|number| id(7, number)).collect();
    eventually("every alert", || {
        let stored = site.stored();
        assert_eq!(
            stored.iter().collect::<BTreeSet<_>>().len(),
            stored.len(),
            "stored twice"
        );
        (stored.into_iter().collect::<BTreeSet<_>>() == all).then_some(())
    });
    site.save_default(0, "alert");
    sensor.wait_for_policies("default:\n    action: alert");
    site.wait_until_current(0);
    // The one that was killed comes back, and does not take the sensor of the other for gone.
    site.replicas[1].start_again();
    site.replicas[1].wait_until_up();
    site.wait_until_current(1);
    assert_eq!(site.node(0).unwrap()["state"], "online");
}
