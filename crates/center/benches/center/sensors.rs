//! Simulated sensors: real clients of the link, in session.

use crate::scene::{CLUSTER, Scene};
use anyhow::{Context as _, Result, bail, ensure};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use yagura_proto::UnixMs;
use yagura_proto::client::{CenterAddress, LinkOptions, connect, enrol};
use yagura_proto::document::DocumentKind;
use yagura_proto::spool::SpoolOptions;
use yagura_proto::wire::link_client::LinkClient;
use yagura_proto::wire::{self, center_message::Message as Down, sensor_message::Message as Up};
use yagura_testkit::ScratchDir;

/// Enrolments at a time: a center lets few strangers in at once.
const ENROLMENTS_MAX: usize = 64;
/// Sessions that begin at a time. Sensors that find no room come back later, at times of their own; these come in order.
const BEGINNING_MAX: usize = 64;
/// How long all sensors together may take for anything.
const TIME_MAX: Duration = Duration::from_secs(600);
/// How often counters are looked at.
const POLL: Duration = Duration::from_millis(1);

/// The calls of one sensor.
pub(crate) type Calls = LinkClient<Channel>;

/// Sensors in session, which say at once that what they are sent is in force.
#[derive(Debug)]
pub(crate) struct Sensors {
    count: u32,
    took: Duration,
    /// How many have told that they have a version of the policies, by version; and that a session ended.
    acknowledged: watch::Receiver<Acknowledged>,
    // Ends the sessions when it is dropped.
    _sessions: JoinSet<()>,
}

/// What all sensors have told.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    by_version: HashMap<u64, u32>,
    in_session: u32,
    /// Why the first session that ended did.
    ended: Option<String>,
}

impl Sensors {
    /// Enrols and connects so many, and waits until all are in session.
    pub(crate) async fn open(scene: &Scene, count: u32) -> Result<Sensors> {
        let began = Instant::now();
        let (told, mut acknowledged) = watch::channel(Acknowledged::default());
        let told = Arc::new(told);
        let places = Arc::new(Semaphore::new(BEGINNING_MAX));
        let mut sessions = JoinSet::new();
        for (calls, node) in enrolled(scene, "node", count).await? {
            let (told, places) = (Arc::clone(&told), Arc::clone(&places));
            sessions.spawn(async move {
                let name = node.name.clone();
                if let Err(error) = session(calls, node, &places, &told).await {
                    let why = format!("{name}: {error:#}");
                    told.send_modify(|told| told.ended = told.ended.take().or(Some(why)));
                }
            });
        }
        eprintln!("enrolled after {:.0} s", began.elapsed().as_secs_f64());
        wait_for(&mut acknowledged, |told| told.in_session == count).await?;
        Ok(Sensors {
            count,
            took: began.elapsed(),
            acknowledged,
            _sessions: sessions,
        })
    }

    /// How many there are, and how long it took until all were in session, from the first enrolment on.
    pub(crate) fn took(&self) -> (u32, Duration) {
        (self.count, self.took)
    }

    /// Waits until all have told that they have that version of the policies.
    pub(crate) async fn all_have(&self, version: u64) -> Result<()> {
        let mut acknowledged = self.acknowledged.clone();
        wait_for(&mut acknowledged, |told| {
            told.by_version.get(&version) == Some(&self.count)
        })
        .await
    }
}

/// Waits until all have told something; not any longer once a session has ended.
async fn wait_for(
    acknowledged: &mut watch::Receiver<Acknowledged>,
    is_told: impl Fn(&Acknowledged) -> bool,
) -> Result<()> {
    let all = acknowledged.wait_for(|told| is_told(told) || told.ended.is_some());
    let waited = tokio::time::timeout(TIME_MAX, all).await.map(drop);
    let told = acknowledged.borrow();
    match (waited, &told.ended) {
        (_, Some(why)) => bail!("a session ended: {why}"),
        (Ok(()), None) => Ok(()),
        (Err(_), None) => bail!("{} are in session after {TIME_MAX:?}", told.in_session),
    }
}

/// Enrols so many nodes with names that begin so, each over a connection of its own, which it keeps.
pub(crate) async fn enrolled(
    scene: &Scene,
    prefix: &str,
    count: u32,
) -> Result<Vec<(Calls, wire::Node)>> {
    let places = Arc::new(Semaphore::new(ENROLMENTS_MAX));
    let scratch = ScratchDir::new()?;
    let mut sensors = JoinSet::new();
    for number in 0..count {
        let (places, token) = (Arc::clone(&places), scene.token.clone());
        let state = scratch.join(&number.to_string());
        let options = options(
            scene.address_for(number)?,
            &state,
            format!("{prefix}-{number}"),
        );
        sensors.spawn(async move {
            let _place = places.acquire().await?;
            std::fs::create_dir(&options.state)?;
            let credentials = enrol(&options, &token).await?;
            let channel = connect(&options.center, &credentials).await?;
            Ok::<_, anyhow::Error>((LinkClient::new(channel), options.node))
        });
    }
    let mut enrolled = Vec::new();
    while let Some(sensor) = sensors.join_next().await {
        enrolled.push(sensor?.context("a sensor cannot enrol")?);
    }
    Ok(enrolled)
}

fn options(center: CenterAddress, state: &Path, name: String) -> LinkOptions {
    LinkOptions {
        center,
        state: state.to_owned(),
        token: None,
        node: wire::Node {
            name,
            cluster: CLUSTER.to_owned(),
            ..wire::Node::default()
        },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        spool: SpoolOptions::default(),
    }
}

async fn session(
    mut calls: Calls,
    node: wire::Node,
    places: &Semaphore,
    told: &watch::Sender<Acknowledged>,
) -> Result<()> {
    let place = places.acquire().await?;
    let (up, messages) = mpsc::channel(8);
    let send = async |message: Up| {
        let message = Some(message);
        up.send(wire::SensorMessage { message }).await
    };
    send(Up::Hello(wire::Hello {
        node: Some(node.clone()),
        ..wire::Hello::default()
    }))
    .await?;
    let session = calls.session(ReceiverStream::new(messages)).await?;
    let mut down = session.into_inner();
    let Some(Down::Welcome(welcome)) = down.message().await?.and_then(|first| first.message) else {
        bail!("no welcome");
    };
    drop(place);
    let interval = Duration::from_secs(u64::from(welcome.health_interval_s));
    let mut health = tokio::time::interval(interval);
    let mut in_force = BTreeMap::new();
    loop {
        tokio::select! {
            message = down.message() => match message?.context("session ended")?.message {
                Some(Down::Document(update)) => {
                    let state = state_of(&update);
                    in_force.insert(update.kind, state.clone());
                    send(Up::DocumentState(state)).await?;
                    told.send_modify(|told| told.note(&update));
                }
                Some(Down::Farewell(farewell)) => bail!(farewell.reason),
                _ => {}
            },
            _ = health.tick() => send(Up::Health(report(&node, &in_force))).await?,
        }
    }
}

fn state_of(update: &wire::DocumentUpdate) -> wire::DocumentState {
    wire::DocumentState {
        kind: update.kind,
        version: update.version,
        sha256: update.sha256.clone(),
        since_ms: UnixMs::now().0,
        ..wire::DocumentState::default()
    }
}

/// A report of a healthy node. It tells what is in force, as that of every sensor: the center believes the newest report.
fn report(node: &wire::Node, in_force: &BTreeMap<i32, wire::DocumentState>) -> wire::Health {
    wire::Health {
        documents: in_force.values().cloned().collect(),
        node: Some(node.clone()),
        time_ms: UnixMs::now().0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: "6.1.0-simulated".to_owned(),
        architecture: "x86_64".to_owned(),
        backend: "bpf-lsm".to_owned(),
        ..wire::Health::default()
    }
}

impl Acknowledged {
    /// The first policies that a sensor gets begin its work.
    fn note(&mut self, update: &wire::DocumentUpdate) {
        if DocumentKind::of_wire(update.kind) == Some(DocumentKind::Policies) {
            if update.base_sha256.is_empty() {
                self.in_session += 1;
            }
            *self.by_version.entry(update.version).or_default() += 1;
        }
    }
}

/// Waits until something holds, and looks often.
pub(crate) async fn until(mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + TIME_MAX;
    while !holds()? {
        ensure!(Instant::now() < end, "took too long");
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}
