//! Nodes and what runs on them.

use super::in_force;
use crate::auth::Caller;
use crate::clock;
use crate::http::dto::common::PageQuery;
use crate::http::dto::fleet::{
    CanaryBody, CanaryPage, CloudAccountList, CloudAccounts, ClusterBody, ClusterList,
    ContainerBody, ContainerPage, ContainerQuery, DocumentInForce, GapBody, GapPage, GapQuery,
    ImageBody, ImagePage, NodeBody, NodePage, NodeQuery, RegionBody, RegionList,
};
use crate::http::dto::words::{CloudProvider, ProtectionLevel, SensorState};
use crate::http::{Problem, etag, page};
use crate::start::Center;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};
use yagura_store::{
    ClusterSummary, Container, ContainerFilter, DocumentKind, GapFilter, Node, NodeFilter,
    PAGE_ROWS_MAX, PageRequest, StoreError, Version,
};

/// Nodes that a walk over all of them looks at.
const NODES_MAX: usize = 100_000;
/// The kind of gap that there is while a sensor is away.
pub(crate) const OFFLINE: &str = "sensor-offline";
/// How long nothing may be heard of a connected sensor: it reports every 15 seconds.
const SILENT_MAX: Duration = Duration::from_secs(60);
/// How often that is looked at; more than a sensor takes to report.
const SILENT_LOOK: Duration = Duration::from_secs(20);

/// Notes sensors as away whose replica was killed, and could not do it itself; until the center stops.
pub(crate) async fn watch_silent(center: Center) {
    let mut stopping = center.stopping();
    // After a time in which nobody could report, because the database or this machine was away, sensors get another turn.
    let mut looked = Instant::now();
    let mut was_well = false;
    loop {
        tokio::select! {
            () = tokio::time::sleep(SILENT_LOOK) => {}
            () = crate::start::stopped(&mut stopping) => return,
        }
        let in_time = looked.elapsed() < SILENT_LOOK * 2;
        looked = Instant::now();
        let noted = match was_well && in_time {
            true => note_silent(&center).await,
            false => center.store().ping().await,
        };
        was_well = noted.is_ok();
        if let Err(error) = noted {
            tracing::warn!(error = ?error, "sensors of replicas that are no more still count as connected");
        }
    }
}

async fn note_silent(center: &Center) -> Result<(), StoreError> {
    let now = clock::now();
    let since = clock::minus(now, SILENT_MAX);
    let gone = center
        .store()
        .nodes()
        .silent(center.replica(), since)
        .await?;
    for node in gone {
        tracing::warn!(node, "nothing was heard of a sensor; it counts as offline");
        let coverage = center.store().coverage();
        coverage
            .open_gap(&node, OFFLINE, &Value::Object(Map::new()), now)
            .await?;
    }
    Ok(())
}

/// Regions with their clusters.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn regions(center: &Center, caller: &Caller) -> Result<RegionList, Problem> {
    let mut regions: BTreeMap<String, RegionBody> = BTreeMap::new();
    for cluster in summary(center, caller).await? {
        let region = regions.entry(cluster.region.clone()).or_insert(RegionBody {
            name: cluster.region,
            clusters: Vec::new(),
            nodes: 0,
            online: 0,
        });
        region.clusters.push(cluster.cluster);
        region.nodes += u64::try_from(cluster.nodes).unwrap_or_default();
        region.online += u64::try_from(cluster.connected).unwrap_or_default();
    }
    Ok(RegionList {
        items: regions.into_values().collect(),
    })
}

async fn summary(center: &Center, caller: &Caller) -> Result<Vec<ClusterSummary>, Problem> {
    let scope = caller.scope();
    Ok(center.store().nodes().summary(scope.as_ref()).await?)
}

/// Clusters.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn clusters(center: &Center, caller: &Caller) -> Result<ClusterList, Problem> {
    let webhooks = center
        .store()
        .documents(DocumentKind::Cluster)
        .all()
        .await?;
    let mut with_webhook: BTreeSet<String> =
        webhooks.into_iter().map(|document| document.id).collect();
    let mut items: Vec<ClusterBody> = summary(center, caller)
        .await?
        .into_iter()
        .map(|cluster| ClusterBody {
            audit_webhook: with_webhook.remove(&cluster.cluster),
            name: cluster.cluster,
            region: cluster.region,
            nodes: u64::try_from(cluster.nodes).unwrap_or_default(),
            online: u64::try_from(cluster.connected).unwrap_or_default(),
        })
        .collect();
    let unseen = with_webhook
        .into_iter()
        .filter(|name| caller.sees_cluster(name));
    items.extend(unseen.map(|name| ClusterBody {
        name,
        region: String::new(),
        nodes: 0,
        online: 0,
        audit_webhook: true,
    }));
    Ok(ClusterList { items })
}

/// Every node that the caller may see.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn all_nodes(center: &Center, caller: &Caller) -> Result<Vec<Node>, Problem> {
    let filter = NodeFilter {
        scope: caller.scope(),
        ..NodeFilter::default()
    };
    let mut nodes = Vec::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        let page = center.store().nodes().list(&filter, &request).await?;
        nodes.extend(page.items);
        match page.next {
            Some(next) if nodes.len() < NODES_MAX => {
                request = PageRequest::after(PAGE_ROWS_MAX, next);
            }
            _ => return Ok(nodes),
        }
    }
}

/// Cloud accounts with nodes.
///
/// # Errors
/// [`Problem`] if the database is away.
pub(crate) async fn cloud_accounts(
    center: &Center,
    caller: &Caller,
) -> Result<CloudAccountList, Problem> {
    let mut accounts: BTreeMap<CloudProvider, BTreeSet<String>> = BTreeMap::new();
    for node in all_nodes(center, caller).await? {
        if let Some(provider) = CloudProvider::from_word(&node.report.provider) {
            let known = accounts.entry(provider).or_default();
            if !node.report.account.is_empty() {
                known.insert(node.report.account);
            }
        }
    }
    let items = CloudProvider::ALL.iter().map(|provider| CloudAccounts {
        provider: *provider,
        accounts: accounts
            .remove(provider)
            .unwrap_or_default()
            .into_iter()
            .collect(),
    });
    Ok(CloudAccountList {
        items: items.collect(),
    })
}

/// A node's protection level; whole protection where nobody set one.
pub(crate) fn level(node: &Node) -> ProtectionLevel {
    ProtectionLevel::from_word(&node.protection_level).unwrap_or(ProtectionLevel::HostAndContainer)
}

fn shown(node: Node, newest: &in_force::Versions) -> NodeBody {
    let versions = node.report.policy_versions.as_object();
    let in_force = versions.into_iter().flatten().map(|(kind, told)| {
        let version = told
            .get("version")
            .unwrap_or(told)
            .as_u64()
            .unwrap_or_default();
        DocumentInForce {
            kind: kind.clone(),
            version,
            current: newest.is_current(kind, version),
            problem: told
                .get("problem")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        }
    });
    NodeBody {
        etag: etag(node.version.0),
        protection_level: level(&node),
        state: match node.connected {
            true => SensorState::Online,
            false => SensorState::Offline,
        },
        versions: in_force.collect(),
        first_seen: clock::shown(node.first_seen),
        last_seen: clock::shown(node.last_seen),
        id: node.report.id,
        name: node.report.name,
        cluster: node.report.cluster,
        region: node.report.region,
        provider: CloudProvider::from_word(&node.report.provider),
        account: node.report.account,
        sensor_version: node.report.sensor_version,
        backend: node.report.backend,
        kernel: node.report.kernel,
        health: node.report.health,
    }
}

/// Nodes by name.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn nodes(
    center: &Center,
    caller: &Caller,
    query: &NodeQuery,
) -> Result<NodePage, Problem> {
    let filter = NodeFilter {
        clusters: query.cluster.iter().cloned().collect(),
        regions: query.region.iter().cloned().collect(),
        text: query.q.clone().unwrap_or_default(),
        connected: query.online,
        scope: caller.scope(),
    };
    let request = page(&PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    })?;
    let newest = in_force::versions(center.store()).await?;
    let page = center.store().nodes().list(&filter, &request).await?;
    Ok(NodePage {
        items: page
            .items
            .into_iter()
            .map(|node| shown(node, &newest))
            .collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

async fn find(center: &Center, caller: &Caller, id: &str) -> Result<Node, Problem> {
    let node = center.store().nodes().get(id).await?;
    node.filter(|node| caller.sees_cluster(&node.report.cluster))
        .ok_or_else(|| Problem::not_found("node"))
}

/// One node.
///
/// # Errors
/// [`Problem`] if there is none that the caller may see.
pub(crate) async fn node(
    center: &Center,
    caller: &Caller,
    id: &str,
) -> Result<(Version, NodeBody), Problem> {
    let node = find(center, caller, id).await?;
    let newest = in_force::versions(center.store()).await?;
    Ok((node.version, shown(node, &newest)))
}

/// Sets a node's protection level.
///
/// # Errors
/// [`Problem`] if there is no such node, or somebody set its level meanwhile.
pub(crate) async fn set_level(
    center: &Center,
    caller: &Caller,
    id: &str,
    expected: Version,
    level: ProtectionLevel,
) -> Result<(Version, NodeBody), Problem> {
    find(center, caller, id).await?;
    let (actor, now) = (caller.actor(), clock::now());
    let newest = in_force::versions(center.store()).await?;
    let changed = center
        .store()
        .nodes()
        .set_protection_level(id, Some(expected), level.as_str(), &actor, now)
        .await
        .map_err(|error| {
            Problem::of_update(error, "node", |current| {
                let current = shown(current.clone(), &newest);
                serde_json::to_value(current).unwrap_or_default()
            })
        })?;
    in_force::note_level(center.store(), id, level.as_str(), &actor, now).await?;
    center.policies_changed();
    let newest = in_force::versions(center.store()).await?;
    Ok((changed.version, shown(changed, &newest)))
}

/// Revokes a node's certificates and forgets it.
///
/// # Errors
/// [`Problem`] if there is no such node.
pub(crate) async fn remove(center: &Center, caller: &Caller, id: &str) -> Result<(), Problem> {
    find(center, caller, id).await?;
    let (actor, now) = (caller.actor(), clock::now());
    let certificates = center.store().certificates();
    certificates.revoke_node(id, "removed", &actor, now).await?;
    let nodes = center.store().nodes();
    nodes
        .remove(id, &actor, now)
        .await
        .map_err(|error| Problem::of_update(error, "node", |_| Value::Null))
}

fn container(container: Container) -> ContainerBody {
    let report = container.report;
    ContainerBody {
        id: report.id,
        node: report.node,
        name: report.name,
        image: report.image,
        image_digest: report.image_digest,
        namespace: report.namespace,
        pod: report.pod,
        cluster: report.cluster,
        running: report.running,
        first_seen: clock::shown(container.first_seen),
        last_seen: clock::shown(container.last_seen),
        document: report.document,
    }
}

/// Containers.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn containers(
    center: &Center,
    caller: &Caller,
    query: &ContainerQuery,
) -> Result<ContainerPage, Problem> {
    let filter = ContainerFilter {
        nodes: query.node.iter().cloned().collect(),
        clusters: query.cluster.iter().cloned().collect(),
        namespaces: query.namespace.iter().cloned().collect(),
        image_digests: Vec::new(),
        text: query.q.clone().unwrap_or_default(),
        running: query.running,
        scope: caller.scope(),
    };
    let request = page(&PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    })?;
    let page = center
        .store()
        .inventory()
        .containers(&filter, &request)
        .await?;
    Ok(ContainerPage {
        items: page.items.into_iter().map(container).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

/// How many of the containers that a caller sees are of each image; `None` for who sees all.
async fn images_seen(
    center: &Center,
    caller: &Caller,
) -> Result<Option<HashMap<String, u64>>, Problem> {
    let Some(scope) = caller.scope() else {
        return Ok(None);
    };
    let filter = ContainerFilter {
        scope: Some(scope),
        ..ContainerFilter::default()
    };
    let inventory = center.store().inventory();
    let mut images: HashMap<String, u64> = HashMap::new();
    let mut request = PageRequest::first(PAGE_ROWS_MAX);
    loop {
        let page = inventory.containers(&filter, &request).await?;
        for container in page.items {
            *images.entry(container.report.image_digest).or_default() += 1;
        }
        match page.next {
            Some(next) => request = PageRequest::after(PAGE_ROWS_MAX, next),
            None => return Ok(Some(images)),
        }
    }
}

/// Images, for somebody who is limited those of containers that they see.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn images(
    center: &Center,
    caller: &Caller,
    query: &PageQuery,
) -> Result<ImagePage, Problem> {
    let page = center.store().inventory().images("", &page(query)?).await?;
    let seen = images_seen(center, caller).await?;
    let shown = |image: yagura_store::Image| {
        let containers = match &seen {
            Some(seen) => *seen.get(&image.digest)?,
            None => u64::try_from(image.containers).unwrap_or_default(),
        };
        Some(ImageBody {
            digest: image.digest,
            reference: image.reference,
            containers,
            first_seen: clock::shown(image.first_seen),
            last_seen: clock::shown(image.last_seen),
            document: image.document,
        })
    };
    Ok(ImagePage {
        items: page.items.into_iter().filter_map(shown).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

/// The identities of the nodes that a caller sees; `None` for who sees all.
async fn nodes_seen(center: &Center, caller: &Caller) -> Result<Option<BTreeSet<String>>, Problem> {
    if caller.scope().is_none() {
        return Ok(None);
    }
    let nodes = all_nodes(center, caller).await?;
    Ok(Some(nodes.into_iter().map(|node| node.report.id).collect()))
}

/// The newest rehearsal of each kind on each node.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn canaries(
    center: &Center,
    caller: &Caller,
    query: &PageQuery,
) -> Result<CanaryPage, Problem> {
    let seen = nodes_seen(center, caller).await?;
    let coverage = center.store().coverage();
    let page = coverage.latest_canaries(None, &page(query)?).await?;
    let shown = |canary: yagura_store::CanaryResult| {
        let microseconds = u32::try_from(canary.latency_ns / 1_000).unwrap_or(u32::MAX);
        CanaryBody {
            node: canary.node,
            kind: canary.kind,
            time: clock::shown(canary.time),
            seen: canary.seen,
            blocked: canary.blocked,
            latency_ms: f64::from(microseconds) / 1_000.0,
            detail: canary.detail,
        }
    };
    let items = page.items.into_iter();
    let seen = |canary: &yagura_store::CanaryResult| {
        seen.as_ref().is_none_or(|seen| seen.contains(&canary.node))
    };
    Ok(CanaryPage {
        items: items.filter(seen).map(shown).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}

/// Times in which nodes saw less than they should.
///
/// # Errors
/// [`Problem`] if the query can't be used.
pub(crate) async fn gaps(
    center: &Center,
    caller: &Caller,
    query: &GapQuery,
) -> Result<GapPage, Problem> {
    let seen = nodes_seen(center, caller).await?;
    let filter = GapFilter {
        nodes: query.node.iter().cloned().collect(),
        open: query.open,
        ..GapFilter::default()
    };
    let request = page(&PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    })?;
    let page = center.store().coverage().gaps(&filter, &request).await?;
    let shown = |gap: yagura_store::Gap| GapBody {
        id: gap.id.to_string(),
        node: gap.node,
        kind: gap.kind,
        started: clock::shown(gap.started),
        ended: gap.ended.map(clock::shown),
        detail: gap.detail,
    };
    let items = page.items.into_iter();
    let seen = |gap: &yagura_store::Gap| seen.as_ref().is_none_or(|seen| seen.contains(&gap.node));
    Ok(GapPage {
        items: items.filter(seen).map(shown).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    })
}
