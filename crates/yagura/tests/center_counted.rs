//! Sensors as processes that can be killed: each sends numbered alerts through its spool, and says which of them are on its
//! disk.
//!
//! This test executable is its own sensor: it starts itself with the one test that is ignored otherwise.

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;
use yagura_proto::client::{CenterAddress, CommandReport, Link, LinkOptions, SensorSide};
use yagura_proto::document::Document;
use yagura_proto::spool::SpoolOptions;
use yagura_proto::token::EnrolmentToken;
use yagura_proto::wire;

/// The name of the test that is a sensor.
const SENSOR: &str = "center_counted::a_counted_sensor";
/// Where that test finds its [`Order`].
const ORDER: &str = "YAGURA_TEST_COUNTED_SENSOR";
/// What it says before the highest number so far whose alert is on its disk.
const ACCEPTED: &str = "accepted ";
/// What it says once its spool is empty.
const DELIVERED: &str = "delivered";
/// Alerts between two words of it.
const STRIDE: u64 = 10;
/// Time between them: a steady flow, not a flood.
const PAUSE: Duration = Duration::from_millis(40);
/// Between the first numbers of two lives of a sensor, so that what a killed one had sent without saying so is nobody else's.
const LIFE: u64 = 1 << 32;

/// What a sensor is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Address of the center, for sensors.
    pub(crate) center: String,
    /// Enrolment token.
    pub(crate) token: String,
    /// Its folder.
    pub(crate) state: String,
    /// Which sensor it is; a part of the ids of its alerts.
    pub(crate) index: u64,
}

/// The id of an alert.
pub(crate) fn id(index: u64, number: u64) -> String {
    format!("{index:016x}{number:016x}")
}

/// A sensor that is killed and started again.
#[derive(Debug)]
pub(crate) struct CountedSensor {
    order: Order,
    child: Child,
    reader: Option<JoinHandle<()>>,
    accepted: Arc<AtomicU64>,
    delivered: Arc<AtomicBool>,
    /// First and last number of each life that is over.
    lives: Vec<(u64, u64)>,
}

impl CountedSensor {
    pub(crate) fn start(order: Order) -> CountedSensor {
        let mut sensor = CountedSensor {
            child: spawn(&order, Some(1)),
            order,
            reader: None,
            accepted: Arc::default(),
            delivered: Arc::default(),
            lives: Vec::new(),
        };
        sensor.listen();
        sensor
    }

    /// The highest number of this life, or 0.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How many alerts were accepted in all lives.
    pub(crate) fn total(&self) -> u64 {
        let now = self.accepted();
        let now = now.saturating_sub(now / LIFE * LIFE);
        let before = self.lives.iter().map(|(first, last)| last + 1 - first);
        before.sum::<u64>() + now
    }

    /// Ids of all that were accepted.
    pub(crate) fn ids(&self) -> impl Iterator<Item = String> + '_ {
        let numbers = self.lives.iter().flat_map(|(first, last)| *first..=*last);
        numbers.map(|number| id(self.order.index, number))
    }

    /// Kills it, and starts it again with new numbers.
    pub(crate) fn kill_and_start(&mut self) {
        self.kill();
        let first = self.lives.len() as u64 * LIFE + 1;
        self.child = spawn(&self.order, Some(first));
        self.listen();
    }

    /// Kills it, and starts it again only to deliver what it has.
    pub(crate) fn kill_and_drain(&mut self) {
        self.kill();
        self.child = spawn(&self.order, None);
        self.listen();
    }

    pub(crate) fn has_delivered(&self) -> bool {
        self.delivered.load(Ordering::SeqCst)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let (life, last) = (
            self.lives.len() as u64,
            self.accepted.swap(0, Ordering::SeqCst),
        );
        // A life in which nothing was accepted counts, too.
        self.lives.push((life * LIFE + 1, last.max(life * LIFE)));
    }

    fn listen(&mut self) {
        let said = BufReader::new(self.child.stderr.take().unwrap()).lines();
        let (accepted, delivered) = (Arc::clone(&self.accepted), Arc::clone(&self.delivered));
        self.reader = Some(std::thread::spawn(move || {
            for line in said.map_while(Result::ok) {
                match line.strip_prefix(ACCEPTED) {
                    Some(number) => accepted.store(number.parse().unwrap(), Ordering::SeqCst),
                    None if line == DELIVERED => delivered.store(true, Ordering::SeqCst),
                    None => eprintln!("sensor: {line}"),
                }
            }
        }));
    }
}

impl Drop for CountedSensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(order: &Order, first: Option<u64>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([SENSOR, "--exact", "--ignored", "--nocapture"])
        .env(ORDER, json!({ "order": order, "first": first }).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A sensor to which everything is fine.
#[derive(Debug)]
struct Content;

impl SensorSide for Content {
    fn apply(&self, _document: &Document) -> Result<(), Vec<String>> {
        Ok(())
    }

    fn health(&self) -> wire::Health {
        wire::Health::default()
    }

    fn execute(&self, _command: &yagura_proto::command::Command) -> CommandReport {
        CommandReport {
            outcome: wire::CommandOutcome::Unsupported,
            text: "carries out nothing".to_owned(),
            result: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
struct Given {
    order: Order,
    first: Option<u64>,
}

#[test]
#[ignore = "it is a process that other tests start"]
fn a_counted_sensor() {
    let Ok(given) = std::env::var(ORDER) else {
        return;
    };
    let Given { order, first } = serde_json::from_str(&given).unwrap();
    std::thread::spawn(|| {
        // Ends with the test that started it, even if that one was killed.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let link = Link::open(LinkOptions {
        center: CenterAddress::parse(&order.center).unwrap(),
        state: (&order.state).into(),
        token: Some(EnrolmentToken::parse(&order.token).unwrap()),
        node: wire::Node {
            name: format!("node-{}", order.index),
            ..wire::Node::default()
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        spool: SpoolOptions::default(),
    })
    .unwrap();
    let (alerts, spool) = (link.alerts(), link.spool());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (_running, stop) = watch::channel(false);
    runtime.spawn(link.run(Arc::new(Content), stop));
    let Some(first) = first else {
        while spool.state().batches > 0 {
            std::thread::sleep(PAUSE);
        }
        eprintln!("{DELIVERED}");
        return;
    };
    for number in first.. {
        alerts.send(alert(order.index, number)).unwrap();
        if number % STRIDE == 0 {
            alerts.flush().unwrap();
            eprintln!("{ACCEPTED}{number}");
            std::thread::sleep(PAUSE);
        }
    }
}

/// An alert as a sensor tells it.
pub(crate) fn alert(index: u64, number: u64) -> String {
    let (id, time) = (id(index, number), jiff::Timestamp::now().to_string());
    json!({
        "id": id, "incident": id, "node": format!("node-{index}"), "cluster": null, "time": time, "last_time": time,
        "rule": "Counted", "key": "proc.shell", "category": "process", "severity": "suspicious",
        "status": "unhandled", "title": "A counted alert", "action": "alerted", "count": 1,
    })
    .to_string()
}
