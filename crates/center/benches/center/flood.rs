//! How many alerts a second get into the database, and whether each is there once.

use crate::scene::{CLUSTER, Scene, stolen};
use crate::sensors::{Calls, enrolled};
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Barrier, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use yagura_proto::limits::BATCHES_IN_FLIGHT_MAX;
use yagura_proto::wire;

/// How many batches apart those are that go out twice, as after an acknowledgement that got lost.
const REPEATED_EVERY: usize = 10;
/// Alerts of which the first few are one story.
const STORY: u32 = 10;
/// See [`STORY`].
const STORY_ALERTS: u32 = 3;
/// zstd's level, as sensors use it.
const LEVEL: i32 = 1;
/// The time over which the alerts happened, in milliseconds.
const SPAN_MS: u32 = 600_000;

/// What became of a flood.
#[derive(Debug, Clone)]
pub(crate) struct Flood {
    /// Different alerts that were sent.
    pub(crate) sent: u32,
    /// Those among them that were sent twice.
    pub(crate) repeated: usize,
    /// Bytes of one alert's document, on average.
    pub(crate) document_bytes: usize,
    /// From the first batch to the last acknowledgement.
    pub(crate) took: Duration,
    /// Processor time of the center and of the database's server meanwhile.
    pub(crate) processors: (Duration, Duration),
    /// Processor time that this machine's host gave to others meanwhile.
    pub(crate) stolen: Duration,
    /// From each batch to its acknowledgement, sorted.
    pub(crate) acknowledged: Vec<Duration>,
    /// Rows in the database.
    pub(crate) stored: u64,
    /// Different ids among them.
    pub(crate) distinct: u64,
}

/// The batches of one sender, in order.
struct Batches {
    spool: Vec<u8>,
    contents: Vec<(u64, Vec<u8>)>,
    repeated: usize,
    document_bytes: usize,
}

/// Sends so many alerts by so many senders, as fast as they are acknowledged.
pub(crate) async fn measure(scene: &Scene, alerts: u32, senders: u32, batch: u32) -> Result<Flood> {
    let each = alerts.div_ceil(senders).next_multiple_of(batch);
    let begin = Arc::new(Barrier::new(usize::try_from(senders)? + 1));
    let mut sending = JoinSet::new();
    let (mut repeated, mut document_bytes) = (0, 0);
    for (number, (calls, node)) in (0..).zip(enrolled(scene, "sender", senders).await?) {
        let prepare = move || Batches::make(number, &node.name, each, batch);
        let batches = tokio::task::spawn_blocking(prepare).await??;
        repeated += batches.repeated;
        document_bytes += batches.document_bytes;
        sending.spawn(send(calls, batches, Arc::clone(&begin)));
    }
    let before = scene.processor_time()?;
    let stolen_before = stolen()?;
    begin.wait().await;
    let began = Instant::now();
    let mut acknowledged = Vec::new();
    while let Some(sent) = sending.join_next().await {
        acknowledged.extend(sent??);
    }
    let took = began.elapsed();
    let after = scene.processor_time()?;
    let stolen_after = stolen()?;
    acknowledged.sort_unstable();
    let count = |what: &str| {
        let statement = format!("SELECT count({what}) FROM alerts WHERE node LIKE 'sender-%'");
        Ok::<u64, anyhow::Error>(scene.sql(&statement)?.trim().parse()?)
    };
    let sent = each * senders;
    let flood = Flood {
        sent,
        repeated,
        document_bytes: document_bytes / usize::try_from(sent)?,
        took,
        processors: (after.0 - before.0, after.1 - before.1),
        stolen: stolen_after - stolen_before,
        acknowledged,
        stored: count("*")?,
        distinct: count("DISTINCT id")?,
    };
    let is_whole = flood.stored == u64::from(sent) && flood.distinct == u64::from(sent);
    ensure!(
        is_whole,
        "{sent} alerts were sent; the database has {} rows with {} ids",
        flood.stored,
        flood.distinct
    );
    Ok(flood)
}

/// Keeps as many batches on their way as sensors do; returns how long each took.
async fn send(mut calls: Calls, batches: Batches, begin: Arc<Barrier>) -> Result<Vec<Duration>> {
    let (up, messages) = mpsc::channel(BATCHES_IN_FLIGHT_MAX);
    let mut acks = calls
        .alerts(ReceiverStream::new(messages))
        .await?
        .into_inner();
    begin.wait().await;
    let room = Semaphore::new(BATCHES_IN_FLIGHT_MAX);
    let (left, mut times) = mpsc::unbounded_channel();
    let count = batches.contents.len();
    let spool = batches.spool;
    let sent = async {
        for (number, content) in batches.contents {
            room.acquire().await?.forget();
            left.send(Instant::now())?;
            up.send(wire::AlertBatch {
                spool: spool.clone().into(),
                number,
                content: content.into(),
            })
            .await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let received = async {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            acks.message()
                .await?
                .context("the center ended the stream")?;
            room.add_permits(1);
            let left: Instant = times
                .recv()
                .await
                .context("more acknowledgements than batches")?;
            took.push(left.elapsed());
        }
        Ok(took)
    };
    let ((), took) = tokio::try_join!(sent, received)?;
    Ok(took)
}

impl Batches {
    fn make(sender: u32, node: &str, alerts: u32, batch: u32) -> Result<Batches> {
        let now = Timestamp::now();
        let mut made = Batches {
            spool: [sender.to_le_bytes(), [0; 4], [0; 4], [1; 4]].concat(),
            contents: Vec::new(),
            repeated: 0,
            document_bytes: 0,
        };
        for (number, first) in (1_u64..).zip((0..alerts).step_by(usize::try_from(batch)?)) {
            let documents: Vec<String> = (first..first + batch)
                .map(|number| document(sender, number, node, time_of(now, number)))
                .collect();
            made.document_bytes += documents.iter().map(String::len).sum::<usize>();
            let content = compressed(documents)?;
            if usize::try_from(number)?.is_multiple_of(REPEATED_EVERY) {
                made.repeated += usize::try_from(batch)?;
                made.contents.push((number, content.clone()));
            }
            made.contents.push((number, content));
        }
        Ok(made)
    }
}

/// A batch's content, as sensors send it.
pub(crate) fn compressed(documents: Vec<String>) -> Result<Vec<u8>> {
    let documents = documents.into_iter().map(Into::into).collect();
    let encoded = wire::Alerts { documents }.encode_to_vec();
    Ok(zstd::bulk::compress(&encoded, LEVEL)?)
}

/// Within the last minutes, in no order.
fn time_of(now: Timestamp, number: u32) -> Timestamp {
    let ago = SignedDuration::from_millis(i64::from(number.wrapping_mul(7_919) % SPAN_MS));
    now.checked_sub(ago).unwrap_or(now)
}

fn id_of(sender: u32, number: u32) -> String {
    // Ids are random.
    let mixed = (u64::from(sender) << 32 | u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{mixed:016x}{sender:08x}{number:08x}")
}

/// An alert of an ordinary length and shape.
pub(crate) fn document(sender: u32, number: u32, node: &str, time: Timestamp) -> String {
    let id = id_of(sender, number);
    let story = match number % STORY {
        0..STORY_ALERTS => id_of(sender, number - number % STORY),
        _ => id.clone(),
    };
    let time = time.to_string();
    let severity = ["urgent", "suspicious", "reminder", "reminder"];
    let severity = severity.get(number as usize % severity.len());
    let parents: Vec<Value> = (1..4)
        .map(|above| json!({ "pid": number % 30_000 + above, "exe": format!("/usr/sbin/service-{}", number % 89), "argv": ["service", "--foreground", "--config", format!("/etc/service/{}.conf", number % 89)], "uid": 0 }))
        .collect();
    json!({
        "id": id, "incident": story, "node": node, "cluster": CLUSTER,
        "time": time, "last_time": time, "count": 1, "status": "unhandled", "action": "alerted",
        "severity": severity, "category": "process", "key": format!("proc.key_{}", number % 52),
        "rule": format!("A rule of the catalogue, number {}", number % 60),
        "title": format!("A shell was started by service {}", number % 89),
        "explanation": "A program that answers requests from the network has started a shell. Attackers who get a server to execute commands leave this trace; scripts of the server's own may do it, too.",
        "remedy": "Look at what the shell has done and at the requests before it. Stop the container if nobody of yours did this.",
        "techniques": ["T1059.004", "T1190"],
        "pod": { "namespace": format!("space-{}", number % 101), "name": format!("web-{}", number % 5_003), "uid": format!("{:032x}", number % 5_003) },
        "container": { "id": format!("{:064x}", u64::from(number % 5_003) << 16), "name": format!("name-{}", number % 307), "image": format!("registry.example/team-{}/service:1.{}", number % 211, number % 7), "runtime": "containerd" },
        "process": { "pid": number % 30_000, "exe": "/usr/bin/bash", "argv": ["bash", "-c", format!("cat /srv/data/file-{} | base64", number)], "cwd": "/srv", "uid": 33, "user": "www-data", "ancestors": parents },
        "gaps": [],
    })
    .to_string()
}
