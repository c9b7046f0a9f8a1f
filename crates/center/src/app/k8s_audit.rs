//! Kubernetes audit events: credentials of clusters, and detection in what they send.

mod memory;

use super::catalogue;
use super::ingest;
use crate::auth::{Caller, SecretKind, new_secret, same};
use crate::clock;
use crate::http::Problem;
use crate::http::dto::settings::{AuditWebhookBody, AuditWebhookList, AuditWebhookSecret};
use crate::start::Center;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use yagura_event::json::AlertJson;
use yagura_event::{DocumentEvent, Node, WallTime};
use yagura_pipeline::Documents;
use yagura_sources::AuditReader;
use yagura_store::{
    ALERT_BATCH_MAX, AuditKey, BATCH_ITEMS_MAX, DocumentKind, PAGE_ROWS_MAX, TokenHash,
};

/// The audit policy that the catalogue's rules need.
pub const AUDIT_POLICY: &str = include_str!("audit_policy.yaml");
/// Clusters whose detection is kept in memory.
const CLUSTERS_MAX: usize = 1000;
/// Batches that are read and judged at a time: one may take 64 MiB, and more when it is taken apart.
const BATCHES_MAX: usize = 4;
/// How long a batch waits for its turn.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(5);
/// When a batch that had no turn is to come again.
const COME_AGAIN: Duration = Duration::from_secs(2);
/// The node that findings in audit logs are told of.
const NODE: &str = "kubernetes-api";

/// Detection in what each cluster sends. Sequences and thresholds of one cluster belong together.
#[derive(Debug)]
pub(crate) struct AuditDetection {
    clusters: Mutex<HashMap<String, Arc<Mutex<Cluster>>>>,
    places: Arc<Semaphore>,
}

impl Default for AuditDetection {
    fn default() -> AuditDetection {
        AuditDetection {
            clusters: Mutex::default(),
            places: Arc::new(Semaphore::new(BATCHES_MAX)),
        }
    }
}

#[derive(Debug)]
struct Cluster {
    documents: Documents,
    /// Which rules those were.
    rules: u64,
    /// When what it learned was saved, by whichever replica.
    saved_at: Option<WallTime>,
    events: u64,
    last: Option<WallTime>,
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

/// Whether a secret is that of a cluster.
///
/// # Errors
/// [`Problem`] if it is not, or there is none for that cluster.
pub(crate) async fn authorise(center: &Center, cluster: &str, secret: &str) -> Result<(), Problem> {
    let stored = center
        .store()
        .documents(DocumentKind::Cluster)
        .get(cluster)
        .await?;
    let stored = stored.and_then(|document| {
        let hash = document
            .body
            .get("audit_secret_sha256")?
            .as_str()?
            .to_owned();
        Some(hash)
    });
    let shown = digest(secret);
    // The same comparison whether or not there is such a cluster.
    match same(stored.as_deref().unwrap_or_default(), &shown) {
        true => Ok(()),
        false => Err(Problem::unauthenticated(
            "the credential is not that of this cluster",
        )),
    }
}

fn digest(secret: &str) -> String {
    crate::auth::hex(TokenHash::of(secret).as_bytes())
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
/// Alerts are stored first, then what was learned, then which events were judged: whatever happens in between, what was
/// not answered for comes again and leads to the same.
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
    let switches = super::protection::switches(center.store()).await?.1;
    if !switches.k8s_threat_detection {
        return Ok(taken);
    }
    let state = cluster_state(center, cluster).await?;
    // One batch of a cluster at a time: sequences rest on the order.
    let mut state = state.lock().await;
    for part in events.chunks(BATCH_ITEMS_MAX) {
        match judge(center, cluster, &mut state, part).await {
            Ok(judged) => {
                taken.judged += judged;
                taken.repeated += part.len() - judged;
            }
            Err(problem) => {
                // What was learned of events that come again must not keep their alerts back.
                let clusters = &center.audit_detection().clusters;
                clusters.lock().await.remove(cluster);
                return Err(problem);
            }
        }
    }
    Ok(taken)
}

async fn judge(
    center: &Center,
    cluster: &str,
    state: &mut Cluster,
    events: &[DocumentEvent],
) -> Result<usize, Problem> {
    let audit = center.store().kubernetes_audit();
    let keys: Vec<AuditKey> = events.iter().map(key).collect();
    if keys.is_empty() {
        return Ok(0);
    }
    let seen = audit.seen(cluster, &keys).await?;
    let mut met = HashSet::new();
    let fresh: Vec<&DocumentEvent> = events
        .iter()
        .zip(keys.iter().zip(&seen))
        .filter(|(_, (key, seen))| !**seen && met.insert(*key))
        .map(|(event, _)| event)
        .collect();
    if fresh.is_empty() {
        return Ok(0);
    }
    state.recall(center, cluster).await?;
    let learnings = state.documents.learnings();
    let mut alerts = Vec::new();
    for event in &fresh {
        state.documents.step(event, &mut |alert| alerts.push(alert));
    }
    store(center, cluster, &alerts).await?;
    if state.documents.learnings() != learnings {
        state.save(center, cluster).await?;
    }
    audit.claim(cluster, &keys, clock::now()).await?;
    state.events += fresh.len() as u64;
    state.last = Some(clock::now());
    center.counters().audit_events.add(fresh.len() as u64);
    Ok(fresh.len())
}

impl Cluster {
    /// Adds what was learned before a restart, or by another replica meanwhile.
    async fn recall(&mut self, center: &Center, cluster: &str) -> Result<(), Problem> {
        let (states, name) = (center.store().states(), memory::name(cluster));
        let saved_at = states.saved_at(&name).await?;
        if saved_at == self.saved_at {
            return Ok(());
        }
        if let Some(bytes) = states.load(&name).await? {
            match memory::read(&bytes) {
                Some(learned) => self.documents.recall(&learned),
                None => tracing::error!(cluster, "what was learned of a cluster can't be read"),
            }
        }
        self.saved_at = saved_at;
        Ok(())
    }

    async fn save(&mut self, center: &Center, cluster: &str) -> Result<(), Problem> {
        let (bytes, left_out) = memory::write(self.documents.learned());
        if left_out > 0 {
            tracing::warn!(
                cluster,
                subjects = left_out,
                "not all that was learned can be kept"
            );
        }
        let now = clock::now();
        let states = center.store().states();
        states.save(&memory::name(cluster), &bytes, now).await?;
        self.saved_at = Some(now);
        Ok(())
    }
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

async fn cluster_state(center: &Center, cluster: &str) -> Result<Arc<Mutex<Cluster>>, Problem> {
    let newest = super::in_force::versions(center.store()).await?.rules;
    let mut clusters = center.audit_detection().clusters.lock().await;
    if let Some(state) = clusters.get(cluster) {
        let current = state.lock().await.rules == newest;
        if current {
            return Ok(Arc::clone(state));
        }
    }
    if clusters.len() >= CLUSTERS_MAX && !clusters.contains_key(cluster) {
        return Err(Problem::unavailable("too many clusters send audit events"));
    }
    let rules = Arc::new(catalogue::rule_set(center).await?);
    let node = Node {
        name: NODE.to_owned(),
        cluster: Some(cluster.to_owned()),
        cloud: None,
    };
    let former = clusters.get(cluster).cloned();
    let (events, last) = match former {
        Some(former) => {
            let former = former.lock().await;
            (former.events, former.last)
        }
        None => (0, None),
    };
    let state = Arc::new(Mutex::new(Cluster {
        documents: Documents::new(rules, Arc::new(node)),
        rules: newest,
        saved_at: None,
        events,
        last,
    }));
    clusters.insert(cluster.to_owned(), Arc::clone(&state));
    Ok(state)
}

/// Clusters that may send audit events.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn list(center: &Center, caller: &Caller) -> Result<AuditWebhookList, Problem> {
    let documents = center
        .store()
        .documents(DocumentKind::Cluster)
        .all()
        .await?;
    let mut items = Vec::new();
    for document in documents {
        if !caller.sees_cluster(&document.id) {
            continue;
        }
        let state = center
            .audit_detection()
            .clusters
            .lock()
            .await
            .get(&document.id)
            .cloned();
        let (events, last) = match state {
            Some(state) => {
                let state = state.lock().await;
                (state.events, state.last)
            }
            None => (0, None),
        };
        items.push(AuditWebhookBody {
            cluster: document.id,
            created_by: document.author.name,
            created_at: clock::shown(document.time),
            last_event_at: last.map(clock::shown),
            events,
        });
    }
    items.truncate(PAGE_ROWS_MAX as usize);
    Ok(AuditWebhookList { items })
}

/// Makes a credential for a cluster; a former one ends.
///
/// # Errors
/// [`Problem`] if the name can't be used.
pub(crate) async fn create(
    center: &Center,
    caller: &Caller,
    cluster: &str,
) -> Result<AuditWebhookSecret, Problem> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let starts = cluster
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_alphanumeric());
    if cluster.len() > 128 || !starts || !cluster.chars().all(good) {
        return Err(Problem::invalid(
            "cluster",
            "has 1 to 128 letters, digits, '.', '_', '-', the first a letter or digit",
        ));
    }
    let secret = new_secret(SecretKind::AuditWebhook)?;
    let body = json!({ "audit_secret_sha256": digest(&secret) });
    let documents = center.store().documents(DocumentKind::Cluster);
    let document = documents
        .put(
            cluster,
            &body,
            "audit webhook",
            &caller.actor(),
            clock::now(),
        )
        .await
        .map_err(|error| Problem::of_update(error, "cluster", |_| Value::Null))?;
    Ok(AuditWebhookSecret {
        kubeconfig: kubeconfig(center.public_url(), center.trusted_pem(), cluster, &secret),
        audit_policy: AUDIT_POLICY.to_owned(),
        webhook: AuditWebhookBody {
            cluster: cluster.to_owned(),
            created_by: document.author.name,
            created_at: clock::shown(document.time),
            last_event_at: None,
            events: 0,
        },
    })
}

/// What the API server reads to send its events here.
fn kubeconfig(url: &str, authority_pem: Option<&str>, cluster: &str, secret: &str) -> String {
    use base64::Engine as _;
    let server = format!("{url}/k8s/audit/{cluster}");
    let at = match authority_pem {
        None => json!({ "server": server }),
        Some(pem) => {
            let encoded = base64::engine::general_purpose::STANDARD.encode(pem);
            json!({ "server": server, "certificate-authority-data": encoded })
        }
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "yagura", "cluster": at }],
        "users": [{ "name": "api-server", "user": { "token": secret } }],
        "contexts": [{ "name": "webhook", "context": { "cluster": "yagura", "user": "api-server" } }],
        "current-context": "webhook",
    });
    // JSON is YAML.
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

/// Takes a cluster's credential away.
///
/// # Errors
/// [`Problem`] if there is none.
pub(crate) async fn delete(center: &Center, caller: &Caller, cluster: &str) -> Result<(), Problem> {
    let documents = center.store().documents(DocumentKind::Cluster);
    let document = documents.get(cluster).await?;
    let document = document.ok_or_else(|| Problem::not_found("cluster"))?;
    documents
        .delete(cluster, document.version, "", &caller.actor(), clock::now())
        .await
        .map_err(|error| Problem::of_update(error, "cluster", |_| Value::Null))?;
    Ok(())
}
