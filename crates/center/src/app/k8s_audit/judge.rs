//! Detection in the audit events that clusters send.
//!
//! What rules remember of a cluster (open sequences, counts, values seen before) is in the database, with which events were
//! judged: a restart forgets nothing, and replicas that serve the same cluster take turns.

use super::memory;
use crate::app::{catalogue, in_force, ingest, protection};
use crate::clock;
use crate::http::Problem;
use crate::start::Center;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use yagura_event::json::AlertJson;
use yagura_event::{DocumentEvent, Node};
use yagura_pipeline::Documents;
use yagura_sources::AuditReader;
use yagura_store::{ALERT_BATCH_MAX, AuditKey, BATCH_ITEMS_MAX};

/// Clusters whose detection is kept in memory.
const CLUSTERS_MAX: usize = 1000;
/// Batches that are read and judged at a time: one may take 64 MiB, and more when it is taken apart.
const BATCHES_MAX: usize = 4;
/// How long a batch waits for its turn.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(5);
/// When a batch that had no turn is to come again.
const COME_AGAIN: Duration = Duration::from_secs(2);
/// How often a batch is judged again since another replica was faster.
const TURNS_MAX: u32 = 8;
/// The node that findings in audit logs are told of.
const NODE: &str = "kubernetes-api";

/// Detection in what each cluster sends. Sequences and thresholds of one cluster belong together.
#[derive(Debug)]
pub(crate) struct AuditDetection {
    clusters: SyncMutex<HashMap<String, Arc<Mutex<Option<Cluster>>>>>,
    places: Arc<Semaphore>,
}

impl Default for AuditDetection {
    fn default() -> AuditDetection {
        AuditDetection {
            clusters: SyncMutex::default(),
            places: Arc::new(Semaphore::new(BATCHES_MAX)),
        }
    }
}

impl AuditDetection {
    /// The place of a cluster's detection, in which there is none yet, or none any more.
    fn cluster(&self, name: &str) -> Result<Arc<Mutex<Option<Cluster>>>, Problem> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cluster) = clusters.get(name) {
            return Ok(Arc::clone(cluster));
        }
        if clusters.len() >= CLUSTERS_MAX {
            return Err(Problem::unavailable("too many clusters send audit events"));
        }
        Ok(Arc::clone(clusters.entry(name.to_owned()).or_default()))
    }
}

/// Detection in one cluster.
#[derive(Debug)]
struct Cluster {
    documents: Documents,
    /// Which rules those were.
    rules: u64,
    /// The batch after which this is what is remembered.
    generation: i64,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Events that were judged.
    pub(crate) judged: usize,
    /// Events that were there before.
    pub(crate) repeated: usize,
    /// Records that are no events.
    pub(crate) skipped: usize,
}

/// Takes a place among those whose batches are judged. It is to be had before a body is read: what waits holds no memory.
///
/// # Errors
/// [`Problem`] if none gets free in time: the batch is to be sent again.
pub(crate) async fn place(center: &Center) -> Result<OwnedSemaphorePermit, Problem> {
    let places = Arc::clone(&center.audit_detection().places);
    match timeout(PLACE_WAIT_MAX, places.acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        Ok(Err(_)) | Err(_) => {
            center.counters().deferred_audit_batches.count();
            Err(Problem::too_many(COME_AGAIN))
        }
    }
}

/// Judges a batch. What was judged before is left out, so that a batch may come again.
///
/// Alerts are stored first, then which events were judged together with what is remembered of them: whatever happens in
/// between, what was not answered for comes again and leads to the same.
///
/// # Errors
/// [`Problem`] if it is no batch, or could not be stored: then it is to be sent again.
pub(crate) async fn take(center: &Center, cluster: &str, body: Vec<u8>) -> Result<Taken, Problem> {
    let read = tokio::task::spawn_blocking(move || read(&body)).await;
    let (events, skipped) = read.map_err(|_| Problem::internal())?;
    if events.is_empty() && skipped > 0 {
        return Err(Problem::bad_request("the body holds no audit event"));
    }
    let mut taken = Taken {
        judged: 0,
        repeated: 0,
        skipped,
    };
    let switches = protection::switches(center.store()).await?.1;
    if !switches.k8s_threat_detection {
        return Ok(taken);
    }
    let place = center.audit_detection().cluster(cluster)?;
    // One batch of a cluster at a time: sequences rest on the order.
    let mut place = place.lock().await;
    for part in events.chunks(BATCH_ITEMS_MAX) {
        let judged = judge_in_turn(center, cluster, &mut place, part).await?;
        taken.judged += judged;
        taken.repeated += part.len() - judged;
    }
    Ok(taken)
}

async fn judge_in_turn(
    center: &Center,
    cluster: &str,
    place: &mut Option<Cluster>,
    events: &[DocumentEvent],
) -> Result<usize, Problem> {
    for _ in 0..TURNS_MAX {
        // Taken out, so that whatever ends this leaves nothing that was learned of events that come again: it would keep
        // their alerts back.
        let mut detection = current(center, cluster, place.take()).await?;
        if let Some(judged) = judge(center, cluster, &mut detection, events).await? {
            *place = Some(detection);
            return Ok(judged);
        }
        center.counters().repeated_audit_batches.count();
    }
    center.counters().deferred_audit_batches.count();
    Err(Problem::too_many(COME_AGAIN))
}

/// The detection of a cluster, unless the rules are others by now, with what was remembered last.
async fn current(
    center: &Center,
    cluster: &str,
    former: Option<Cluster>,
) -> Result<Cluster, Problem> {
    let newest = in_force::versions(center.store()).await?.rules;
    let mut detection = match former.filter(|former| former.rules == newest) {
        Some(former) => former,
        None => {
            let node = Node {
                name: NODE.to_owned(),
                cluster: Some(cluster.to_owned()),
                cloud: None,
            };
            let rules = Arc::new(catalogue::rule_set(center).await?);
            Cluster {
                documents: Documents::new(rules, Arc::new(node)),
                rules: newest,
                generation: 0,
            }
        }
    };
    let audit = center.store().kubernetes_audit();
    let known = audit.memories(cluster, detection.generation).await?;
    let remembered: Vec<_> = known
        .changed
        .iter()
        .filter_map(|text| memory::read(text))
        .collect();
    let unread = known.changed.len() - remembered.len();
    if unread > 0 {
        tracing::error!(
            cluster,
            subjects = unread,
            "not all that was learned can be read"
        );
    }
    if !remembered.is_empty() {
        detection.documents.recall(&remembered);
    }
    detection.generation = known.generation;
    Ok(detection)
}

/// Judges events; `None` if another replica judged others meanwhile.
async fn judge(
    center: &Center,
    cluster: &str,
    detection: &mut Cluster,
    events: &[DocumentEvent],
) -> Result<Option<usize>, Problem> {
    let audit = center.store().kubernetes_audit();
    let keys: Vec<AuditKey> = events.iter().map(key).collect();
    let seen = audit.seen(cluster, &keys).await?;
    let mut met = HashSet::new();
    let fresh: Vec<(&DocumentEvent, &AuditKey)> = events
        .iter()
        .zip(&keys)
        .zip(&seen)
        .filter(|((_, key), seen)| !**seen && met.insert(*key))
        .map(|(fresh, _)| fresh)
        .collect();
    if fresh.is_empty() {
        return Ok(Some(0));
    }
    let mut alerts = Vec::new();
    for (event, _) in &fresh {
        let told = &mut |alert| alerts.push(alert);
        detection.documents.step(event, told);
    }
    store(center, cluster, &alerts).await?;
    let (changed, too_long) = memory::write(&detection.documents.changes());
    if too_long > 0 {
        tracing::warn!(
            cluster,
            subjects = too_long,
            "not all that was learned can be kept"
        );
    }
    let keys: Vec<AuditKey> = fresh.iter().map(|(_, key)| (*key).clone()).collect();
    let generation = detection.generation;
    let judged = audit
        .judged(cluster, generation, &keys, &changed, clock::now())
        .await?;
    let Some(generation) = judged else {
        return Ok(None);
    };
    detection.generation = generation;
    center.counters().audit_events.add(fresh.len() as u64);
    Ok(Some(fresh.len()))
}

async fn store(
    center: &Center,
    cluster: &str,
    alerts: &[yagura_event::Alert],
) -> Result<(), Problem> {
    let mut read = Vec::with_capacity(alerts.len());
    for alert in alerts {
        let json = serde_json::to_vec(&AlertJson::from(alert)).map_err(|_| Problem::internal())?;
        let mut alert = ingest::read(&json, NODE, cluster).map_err(|error| {
            tracing::error!(error = %error, "an alert of an audit event can't be stored");
            Problem::internal()
        })?;
        alert.namespace = namespace(&json);
        read.push(alert);
    }
    ingest::leave_out_expired(center, &mut read);
    for alerts in read.chunks_mut(ALERT_BATCH_MAX) {
        ingest::record(center, alerts).await?;
    }
    Ok(())
}

/// The namespace that the audit event was about.
fn namespace(json: &[u8]) -> String {
    let document: Value = serde_json::from_slice(json).unwrap_or_default();
    let events = document
        .pointer("/detection/events")
        .and_then(Value::as_array);
    let last = events.and_then(|events| events.last());
    let namespace = last.and_then(|event| event.get("facts")?.get("ka.target.namespace")?.as_str());
    namespace.unwrap_or_default().to_owned()
}

fn read(body: &[u8]) -> (Vec<DocumentEvent>, usize) {
    let (mut events, mut skipped) = (Vec::new(), 0);
    for record in AuditReader::new(body) {
        match record {
            Ok(event) => events.push(event),
            Err(_) => skipped += 1,
        }
    }
    (events, skipped)
}

fn key(event: &DocumentEvent) -> AuditKey {
    let text = |name: &str| {
        let value = event.value.get(name).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    AuditKey {
        audit_id: text("auditID"),
        stage: text("stage"),
    }
}
