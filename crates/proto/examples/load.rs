//! Simulated sensors, each a real client of the link with an identity and connections of its own.
//!
//! With `--center` and `--token` they load a running center; without, a center in memory in the same process, which shows
//! what the link alone costs. One JSON object a line on standard output.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a tool: standard output is its result"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use anyhow::Context as _;
use clap::Parser;
use prost::Message as _;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Center, Folder, alert, options};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use yagura_proto::UnixMs;
use yagura_proto::client::{CenterAddress, LinkOptions, connect, enrol};
use yagura_proto::document::DocumentKind;
use yagura_proto::token::EnrolmentToken;
use yagura_proto::wire::link_client::LinkClient;
use yagura_proto::wire::{self, center_message::Message as Down, sensor_message::Message as Up};

/// Enrolments at a time: a center lets few strangers in at once.
const ENROLMENTS_MAX: usize = 64;

#[derive(Debug, Parser)]
struct Arguments {
    /// The center's address; one in this process if left out
    #[arg(long)]
    center: Option<String>,
    /// A cluster token of that center
    #[arg(long, requires = "center")]
    token: Option<String>,
    /// Simulated sensors
    #[arg(long, default_value_t = 100)]
    sensors: usize,
    /// Batches that each sensor sends
    #[arg(long, default_value_t = 0)]
    batches: usize,
    /// Alerts in a batch
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Policy changes to wait for, which in memory are made here
    #[arg(long, default_value_t = 0)]
    policies: u64,
    /// Cluster that the token is for
    #[arg(long, default_value = "")]
    cluster: String,
}

/// What the sensors count together.
#[derive(Debug, Default)]
struct Counts {
    connected: AtomicU64,
    documents: AtomicU64,
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    raise_descriptors();
    let arguments = Arguments::parse();
    let own = match arguments.center {
        Some(_) => None,
        None => Some(Center::start().await),
    };
    let (center, token) = match (&own, &arguments.center, &arguments.token) {
        (Some(own), _, _) => (own.address.clone(), own.fleet.token(&own.authority, false)),
        (None, Some(center), Some(token)) => {
            (CenterAddress::parse(center)?, EnrolmentToken::parse(token)?)
        }
        _ => anyhow::bail!("--center needs --token"),
    };
    let counts = Arc::new(Counts::default());
    let began = Instant::now();
    let mut sensors = JoinSet::new();
    let enrolments = Arc::new(Semaphore::new(ENROLMENTS_MAX));
    for number in 0..arguments.sensors {
        let (counts, enrolments, token) =
            (Arc::clone(&counts), Arc::clone(&enrolments), token.clone());
        let folder = Folder::new("load");
        let mut options = options(&center, folder.path(), None);
        options.node.name = format!("node-{number}");
        options.node.cluster.clone_from(&arguments.cluster);
        sensors.spawn(async move {
            let result = async {
                let calls = {
                    let _one = enrolments.acquire().await?;
                    open(&options, &token).await?
                };
                Ok::<_, anyhow::Error>((calls, options, folder))
            };
            let result = result.await;
            if result.is_err() {
                counts.failed.fetch_add(1, Ordering::SeqCst);
            }
            result
        });
    }
    let mut open = Vec::new();
    while let Some(sensor) = sensors.join_next().await {
        open.push(sensor?.context("sensor cannot enrol")?);
    }
    println!(
        "{}",
        json!({ "enrolled": open.len(), "seconds": began.elapsed().as_secs_f64() })
    );
    policies(&arguments, own.as_ref(), &open, &counts).await?;
    alerts(&arguments, open, &counts).await?;
    if let Some(own) = own {
        own.stop().await;
    }
    Ok(())
}

/// As many as the system allows: every sensor has a connection, and the center in this process another.
fn raise_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() {
        println!(
            "{}",
            json!({ "warning": "the number of descriptors can't be raised" })
        );
    }
}

type Calls = LinkClient<Channel>;
type Open = (Calls, LinkOptions, Folder);

async fn open(options: &LinkOptions, token: &EnrolmentToken) -> anyhow::Result<Calls> {
    let credentials = enrol(options, token).await?;
    Ok(LinkClient::new(
        connect(&options.center, &credentials).await?,
    ))
}

/// Opens sessions and measures how long changes of policy take to be in force on all sensors.
async fn policies(
    arguments: &Arguments,
    own: Option<&Center>,
    open: &[Open],
    counts: &Arc<Counts>,
) -> anyhow::Result<()> {
    let mut sessions = JoinSet::new();
    for (calls, options, _) in open {
        let (calls, node, counts) = (calls.clone(), options.node.clone(), Arc::clone(counts));
        sessions.spawn(async move { session(calls, node, &counts).await });
    }
    let everybody = open.len() as u64;
    reach(&counts.connected, everybody).await?;
    println!("{}", json!({ "sessions": everybody }));
    for change in 1..=arguments.policies {
        let began = Instant::now();
        if let Some(own) = own {
            let rules: String = (0..200)
                .map(|rule| format!("- name: rule-{rule}-of-{change}\n"))
                .collect();
            own.fleet.put(DocumentKind::Policies, change, &rules);
        }
        reach(&counts.documents, change * everybody).await?;
        let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
        println!(
            "{}",
            json!({ "change": change, "sensors": everybody, "in_force_ms": milliseconds, "at_ms": UnixMs::now().0 })
        );
    }
    sessions.detach_all();
    Ok(())
}

async fn reach(counter: &AtomicU64, goal: u64) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(300);
    while counter.load(Ordering::SeqCst) < goal {
        anyhow::ensure!(
            Instant::now() < end,
            "only {} of {goal}",
            counter.load(Ordering::SeqCst)
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

/// Says hello, and that every document is in force as soon as it comes.
async fn session(mut calls: Calls, node: wire::Node, counts: &Counts) -> anyhow::Result<()> {
    let (up, messages) = mpsc::channel(4);
    let hello = Up::Hello(wire::Hello {
        node: Some(node),
        ..wire::Hello::default()
    });
    up.send(wire::SensorMessage {
        message: Some(hello),
    })
    .await?;
    let mut down = calls
        .session(ReceiverStream::new(messages))
        .await?
        .into_inner();
    while let Some(message) = down.message().await? {
        match message.message {
            Some(Down::Welcome(_)) => {
                counts.connected.fetch_add(1, Ordering::SeqCst);
            }
            Some(Down::Document(update)) => {
                let state = wire::DocumentState {
                    kind: update.kind,
                    version: update.version,
                    sha256: update.sha256,
                    ..wire::DocumentState::default()
                };
                up.send(wire::SensorMessage {
                    message: Some(Up::DocumentState(state)),
                })
                .await?;
                if update.kind == DocumentKind::Policies.to_wire() {
                    counts.documents.fetch_add(1, Ordering::SeqCst);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Sends batches from all sensors as fast as they are acknowledged.
async fn alerts(
    arguments: &Arguments,
    open: Vec<Open>,
    counts: &Arc<Counts>,
) -> anyhow::Result<()> {
    if arguments.batches == 0 {
        return Ok(());
    }
    let began = Instant::now();
    let mut senders = JoinSet::new();
    for (index, (calls, options, folder)) in open.into_iter().enumerate() {
        let (batches, batch, counts) = (arguments.batches, arguments.batch, Arc::clone(counts));
        senders.spawn(async move {
            let _folder = folder;
            flood(calls, index, &options.node, batches, batch, &counts).await
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    let (seconds, alerts) = (
        began.elapsed().as_secs_f64(),
        counts.acknowledged.load(Ordering::SeqCst),
    );
    println!(
        "{}",
        json!({ "alerts": alerts, "seconds": seconds, "alerts_per_second": alerts as f64 / seconds })
    );
    Ok(())
}

async fn flood(
    mut calls: Calls,
    sensor: usize,
    node: &wire::Node,
    batches: usize,
    batch: usize,
    counts: &Counts,
) -> anyhow::Result<()> {
    let mut spool = vec![0; 16];
    spool[..8].copy_from_slice(&(sensor as u64).to_le_bytes());
    spool[8..].copy_from_slice(&UnixMs::now().0.to_le_bytes());
    let (up, messages) = mpsc::channel(2);
    let mut acks = calls
        .alerts(ReceiverStream::new(messages))
        .await?
        .into_inner();
    let send = async {
        for number in 1..=batches {
            let documents = (0..batch)
                .map(|index| document(sensor, number * batch + index, node).into())
                .collect();
            let encoded = wire::Alerts { documents }.encode_to_vec();
            let content = zstd::bulk::compress(&encoded, 1)?.into();
            let spool = spool.clone().into();
            up.send(wire::AlertBatch {
                spool,
                number: number as u64,
                content,
            })
            .await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let receive = async {
        for _ in 0..batches {
            acks.message().await?.context("center ended the stream")?;
            counts
                .acknowledged
                .fetch_add(batch as u64, Ordering::SeqCst);
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::try_join!(send, receive)?;
    Ok(())
}

/// An alert of an ordinary length.
fn document(sensor: usize, number: usize, node: &wire::Node) -> String {
    let mut document: serde_json::Value = serde_json::from_str(&alert(0)).unwrap_or_default();
    let id = format!("{:016x}{:08x}{:08x}", UnixMs::now().0, sensor, number);
    document["id"] = id.as_str().into();
    document["incident"] = id.into();
    document["node"] = node.name.as_str().into();
    if !node.cluster.is_empty() {
        document["cluster"] = node.cluster.as_str().into();
    }
    let time = "2026-01-01T00:00:00.000000000Z";
    let more = json!({
        "time": time, "last_time": time, "rule": "Load", "key": "proc.shell", "category": "process",
        "severity": "suspicious", "status": "unhandled", "title": "A simulated alert", "remedy": "Nothing.",
        "explanation": "Words. ".repeat(60), "techniques": ["T1059.004"], "count": 1, "action": "alerted",
        "container": { "id": format!("{sensor:064x}"), "name": "web", "image": "docker.io/library/nginx:1.27", "runtime": "containerd" },
        "process": { "pid": number, "exe": "/usr/bin/bash", "argv": ["bash", "-c", "id"], "cwd": "/", "uid": 0 },
        "gaps": [],
    });
    if let (Some(document), serde_json::Value::Object(more)) = (document.as_object_mut(), more) {
        document.extend(more);
    }
    document.to_string()
}
