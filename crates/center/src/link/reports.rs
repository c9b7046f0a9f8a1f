//! Sensors' reports, made into what the store keeps.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use yagura_event::WallTime;
use yagura_proto::document::DocumentKind;
use yagura_proto::identity::SensorIdentity;
use yagura_proto::wire;
use yagura_store::{CanaryResult, ContainerReport};

/// Characters of a text of a sensor.
const TEXT_CHARS_MAX: usize = 1024;
/// Labels and mounts of one container that are kept.
const ITEMS_MAX: usize = 64;
/// The parts of a canary. A report that tells no part by itself is of both.
const CANARY_PARTS: [&str; 2] = ["drift", "escape"];

/// A sensor's text, escaped and of a bounded length.
pub(super) fn text(text: &str) -> String {
    let escaped = yagura_event::escape(text.as_bytes());
    escaped.chars().take(TEXT_CHARS_MAX).collect()
}

fn texts(texts: &[String]) -> Vec<String> {
    texts.iter().map(|each| text(each)).collect()
}

/// Which versions are in force on a node, with what keeps newer ones from it.
pub(super) fn versions(states: &[wire::DocumentState]) -> Value {
    let told = states.iter().filter_map(|state| {
        let kind = DocumentKind::of_wire(state.kind)?;
        Some((kind.as_str().to_owned(), version(state)))
    });
    Value::Object(told.collect())
}

/// The same of one document.
pub(super) fn version(state: &wire::DocumentState) -> Value {
    json!({
        "version": state.version,
        "since_ms": state.since_ms,
        "refused_version": state.refused_version,
        "problem": text(&state.problems.join("\n")),
    })
}

/// A report of health, as callers of the API see it.
pub(super) fn health(health: &wire::Health, skew_ms: i64) -> Value {
    let losses: Vec<Value> = health
        .losses
        .iter()
        .map(|loss| json!({ "place": text(&loss.place), "reason": text(&loss.reason), "count": loss.count }))
        .collect();
    let spool = health.spool.clone().unwrap_or_default();
    let resources = health.resources.unwrap_or_default();
    json!({
        "time_ms": health.time_ms,
        "clock_skew_ms": skew_ms,
        "started_ms": health.started_ms,
        "architecture": text(&health.architecture),
        "losses": losses,
        "gaps": texts(&health.gaps),
        "canary": health.canary.as_ref().map(|canary| json!({
            "time_ms": canary.time_ms,
            "seen": canary.seen,
            "blocked": canary.blocked,
            "latency_us": canary.latency_us,
            "problem": text(&canary.problem),
        })),
        "protection": health.protection.as_ref().map(|protection| json!({
            "level": text(&protection.level),
            "container_escape_prevention": protection.container_escape_prevention,
            "k8s_threat_detection": protection.k8s_threat_detection,
        })),
        "spool": {
            "batches": spool.batches,
            "bytes": spool.bytes,
            "dropped_alerts": spool.dropped_alerts,
            "damaged": spool.damaged,
            "problem": text(&spool.problem),
        },
        "resources": {
            "resident_bytes": resources.resident_bytes,
            "cpu_ms": resources.cpu_ms,
            "events": resources.events,
            "alerts": resources.alerts,
        },
    })
}

/// A canary's results, one for each part.
pub(super) fn canary(sensor: &SensorIdentity, canary: &wire::Canary) -> Vec<CanaryResult> {
    let nanoseconds = i64::try_from(canary.time_ms)
        .unwrap_or(0)
        .saturating_mul(1_000_000);
    let part = |kind: &str, part: &wire::CanaryPart| CanaryResult {
        node: sensor.id.as_str().to_owned(),
        kind: kind.to_owned(),
        time: WallTime(nanoseconds),
        seen: part.seen,
        blocked: part.blocked,
        latency_ns: i64::try_from(part.latency_us)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000),
        detail: json!({
            "problem": text(&part.problem),
            "outcome": text(&part.outcome),
            "means": text(&part.means),
        }),
    };
    let whole = wire::CanaryPart {
        seen: canary.seen,
        blocked: canary.blocked,
        latency_us: canary.latency_us,
        problem: canary.problem.clone(),
        ..wire::CanaryPart::default()
    };
    CANARY_PARTS
        .iter()
        .filter_map(|kind| {
            let told = canary.parts.iter().find(|part| part.kind == *kind);
            let told = told.or(canary.parts.is_empty().then_some(&whole))?;
            Some(part(kind, told))
        })
        .collect()
}

/// The containers of a node.
pub(super) fn containers(
    sensor: &SensorIdentity,
    inventory: &wire::Inventory,
) -> Vec<ContainerReport> {
    inventory
        .containers
        .iter()
        .map(|container| ContainerReport {
            node: sensor.id.as_str().to_owned(),
            id: text(&container.id),
            name: text(&container.name),
            image: text(&container.image),
            image_digest: text(&container.image_digest),
            namespace: text(&container.namespace),
            pod: text(&container.pod),
            cluster: sensor.cluster.clone(),
            running: true,
            document: json!({
                "runtime": text(&container.runtime),
                "started_ms": container.started_ms,
                "privileged": container.privileged,
                "released": container.released,
                "gaps": texts(&container.gaps),
                "enforced": container.enforced.iter().map(enforced).collect::<Vec<Value>>(),
                "image_id": text(&container.image_id),
                "pod_uid": text(&container.pod_uid),
                "pod_labels": labels(&container.pod_labels),
                "labels": labels(&container.labels),
                "mounts": container.mounts.iter().take(ITEMS_MAX).map(mount).collect::<Vec<Value>>(),
                "host_namespaces": texts(&container.host_namespaces),
                "frozen": container.frozen,
                "isolated": container.isolated,
                "unknown": texts(&container.unknown),
            }),
        })
        .collect()
}

fn labels(labels: &BTreeMap<String, String>) -> Value {
    let told = labels.iter().take(ITEMS_MAX);
    Value::Object(
        told.map(|(name, value)| (text(name), text(value).into()))
            .collect(),
    )
}

fn mount(mount: &wire::Mount) -> Value {
    json!({
        "source": text(&mount.source),
        "destination": text(&mount.destination),
        "read_only": mount.read_only,
    })
}

fn enforced(enforced: &wire::Enforced) -> Value {
    json!({
        "what": text(&enforced.what),
        "rule": text(&enforced.rule),
        "action": text(&enforced.action),
        "outcome": text(&enforced.outcome),
        "means": texts(&enforced.means),
    })
}
