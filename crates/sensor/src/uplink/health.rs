//! How the sensor is, for the center.

use crate::respond::Responder;
use crate::start::Sensor;
use crate::{CanaryPart, CanaryReport, EnforcedContainer, EnforcementStatus, KnownContainer};
use std::collections::{BTreeMap, HashMap};
use yagura_event::Container;
use yagura_pipeline::Stats;
use yagura_proto::UnixMs;
use yagura_proto::limits::{
    CONTAINERS_MAX, HEALTH_ITEMS_MAX, SENSOR_MESSAGE_BYTES_MAX, TEXT_BYTES_MAX,
};
use yagura_proto::{encoded_len, wire};

/// What the kernel counts processor time in: a hundredth of a second (times(2), USER_HZ).
const TICK_MS: u64 = 10;
/// Bytes of all containers in one report: the rest of the message must have room beside them.
const INVENTORY_BYTES_MAX: usize = SENSOR_MESSAGE_BYTES_MAX / 4 * 3;
/// Labels, mounts and the like of one container that are told.
const ITEMS_MAX: usize = 64;

/// The report. Node, time, documents and spool are the link's to fill in.
pub(super) fn report(sensor: &Sensor, responder: &Responder, started: UnixMs) -> wire::Health {
    let status = sensor.enforcement();
    let stats = sensor.stats();
    let known = sensor.containers();
    let canary = sensor.canary();
    let uname = rustix::system::uname();
    wire::Health {
        kernel: uname.release().to_string_lossy().into_owned(),
        architecture: uname.machine().to_string_lossy().into_owned(),
        backend: status
            .as_ref()
            .map_or("none", |status| status.backend.as_str())
            .to_owned(),
        started_ms: started.0,
        losses: stats
            .iter()
            .flat_map(losses)
            .take(HEALTH_ITEMS_MAX)
            .collect(),
        gaps: gaps(sensor, status.as_ref(), stats.as_ref(), canary.as_ref()),
        canary: canary.as_ref().map(told_canary),
        resources: Some(resources(stats.as_ref())),
        inventory: known.map(|known| inventory(&known, status.as_ref(), responder)),
        ..wire::Health::default()
    }
}

fn losses(stats: &Stats) -> impl Iterator<Item = wire::Loss> + '_ {
    stats.losses.iter().map(|lost| wire::Loss {
        place: lost.place.as_str().to_owned(),
        reason: lost.reason.as_str().to_owned(),
        count: lost.count,
    })
}

/// What can't be seen or stopped here, in words.
fn gaps(
    sensor: &Sensor,
    status: Option<&EnforcementStatus>,
    stats: Option<&Stats>,
    canary: Option<&CanaryReport>,
) -> Vec<String> {
    let mut gaps = sensor.gaps().to_vec();
    if stats.is_none() {
        gaps.push("sensor does not answer".to_owned());
    }
    match status {
        None => gaps.push("nothing is enforced on this node".to_owned()),
        Some(status) => {
            if status.released {
                gaps.push("enforcement was lifted on this node by a person".to_owned());
            }
            let times = |shortfall: &crate::Shortfall| match shortfall.count {
                1 => shortfall.what.clone(),
                count => format!("{} ({count} times)", shortfall.what),
            };
            gaps.extend(status.shortfalls.iter().map(times));
        }
    }
    let problem = canary.map(CanaryReport::problem).unwrap_or_default();
    if !problem.is_empty() {
        gaps.push(format!("canary: {problem}"));
    }
    gaps.truncate(HEALTH_ITEMS_MAX);
    for gap in &mut gaps {
        cut(gap);
    }
    gaps
}

/// Shortens a text to what the center takes.
fn cut(text: &mut String) {
    while text.len() > TEXT_BYTES_MAX {
        text.pop();
    }
}

fn told_canary(report: &CanaryReport) -> wire::Canary {
    let parts = [("drift", &report.drift), ("escape", &report.escape)];
    let milliseconds = report.time.0 / 1_000_000;
    let latency_ns = parts.iter().filter_map(|(_, part)| part.latency_ns).max();
    wire::Canary {
        time_ms: u64::try_from(milliseconds).unwrap_or_default(),
        seen: parts.iter().all(|(_, part)| part.seen),
        blocked: parts.iter().all(|(_, part)| part.blocked),
        latency_us: latency_ns.unwrap_or_default() / 1000,
        problem: report.problem(),
        parts: parts.map(|(kind, part)| canary_part(kind, part)).to_vec(),
    }
}

fn canary_part(kind: &str, part: &CanaryPart) -> wire::CanaryPart {
    wire::CanaryPart {
        kind: kind.to_owned(),
        seen: part.seen,
        blocked: part.blocked,
        latency_us: part.latency_ns.unwrap_or_default() / 1000,
        outcome: part.outcome.to_owned(),
        means: part.means.clone(),
        problem: part.problem.clone(),
    }
}

fn resources(stats: Option<&Stats>) -> wire::Resources {
    let page = rustix::param::page_size() as u64;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or_default();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name in brackets may hold spaces; utime and stime are the 12th and 13th field behind it (proc(5)).
    let behind = stat
        .rsplit_once(')')
        .map(|(_, behind)| behind)
        .unwrap_or_default();
    let ticks = behind.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    wire::Resources {
        resident_bytes: pages.saturating_mul(page),
        cpu_ms: ticks.saturating_mul(TICK_MS),
        events: stats
            .map(|stats| stats.execs.saturating_add(stats.calls))
            .unwrap_or_default(),
        alerts: stats.map(|stats| stats.alerts).unwrap_or_default(),
    }
}

/// The node's containers with what is enforced on them, and their images; as many as fit.
fn inventory(
    known: &[KnownContainer],
    status: Option<&EnforcementStatus>,
    responder: &Responder,
) -> wire::Inventory {
    let enforced: HashMap<&str, &EnforcedContainer> = status
        .into_iter()
        .flat_map(|status| &status.containers)
        .map(|container| (container.id.as_str(), container))
        .collect();
    let containers = known.iter().map(|known| {
        let mut told = described(&known.container);
        told.frozen = responder.is_frozen(known);
        told.isolated = responder.is_cut_off(known.cgroup);
        if let Some(enforced) = enforced.get(known.container.id.as_str()) {
            told.gaps.clone_from(&enforced.gaps);
            told.released = enforced.released;
            told.enforced = enforced.enforced.iter().map(item).collect();
        }
        told
    });
    fitting(containers, known.len())
}

/// As many containers as a message takes; the others are counted.
fn fitting(containers: impl Iterator<Item = wire::Container>, count: usize) -> wire::Inventory {
    let mut inventory = wire::Inventory::default();
    let mut images: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut bytes = 0;
    for container in containers.take(CONTAINERS_MAX) {
        bytes += encoded_len(&container);
        if bytes > INVENTORY_BYTES_MAX {
            break;
        }
        let digest = match container.image_digest.is_empty() {
            true => container.image_id.clone(),
            false => container.image_digest.clone(),
        };
        *images.entry((container.image.clone(), digest)).or_default() += 1;
        inventory.containers.push(container);
    }
    inventory.untold_containers = count.saturating_sub(inventory.containers.len()) as u64;
    inventory.images = images
        .into_iter()
        .filter(|((reference, digest), _)| !reference.is_empty() || !digest.is_empty())
        .map(|((reference, digest), containers)| wire::Image {
            reference,
            digest,
            containers,
        })
        .collect();
    inventory
}

/// A container as its runtime tells of it.
fn described(container: &Container) -> wire::Container {
    let pod = container.pod.as_ref();
    let created_ms = container.created.map_or(0, |created| created.0 / 1_000_000);
    let labels = |labels: &BTreeMap<String, String>| {
        let told = labels.iter().take(ITEMS_MAX);
        told.map(|(name, value)| (short(name), short(value)))
            .collect()
    };
    wire::Container {
        id: short(&container.id),
        name: short(&container.name),
        namespace: pod.map(|pod| short(&pod.namespace)).unwrap_or_default(),
        pod: pod.map(|pod| short(&pod.name)).unwrap_or_default(),
        pod_uid: pod.map(|pod| short(&pod.uid)).unwrap_or_default(),
        pod_labels: pod.map(|pod| labels(&pod.labels)).unwrap_or_default(),
        labels: labels(&container.labels),
        image: short(&container.image),
        image_id: short(&container.image_id),
        image_digest: short(&container.image_digest),
        runtime: container.runtime.as_str().to_owned(),
        started_ms: u64::try_from(created_ms).unwrap_or_default(),
        privileged: container.privileged,
        mounts: container
            .mounts
            .iter()
            .take(ITEMS_MAX)
            .map(|mount| wire::Mount {
                source: short(&mount.source),
                destination: short(&mount.destination),
                read_only: mount.read_only,
            })
            .collect(),
        host_namespaces: container.host_namespaces.clone().unwrap_or_default(),
        unknown: container
            .gaps
            .iter()
            .take(ITEMS_MAX)
            .map(|gap| short(gap))
            .collect(),
        ..wire::Container::default()
    }
}

/// A text of a container's, which may be of any length.
fn short(text: &str) -> String {
    /// Characters: references of images and paths have fewer.
    const CHARS_MAX: usize = 512;
    text.chars().take(CHARS_MAX).collect()
}

fn item(item: &crate::EnforcedItem) -> wire::Enforced {
    wire::Enforced {
        what: item.what.clone(),
        rule: item.rule.clone(),
        action: item.action.clone(),
        outcome: item.outcome.clone(),
        means: item.means.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::{Mount, Pod};

    #[test]
    fn a_container_is_told_with_all_that_its_runtime_says() {
        let container = Container {
            id: "c1".to_owned(),
            image: "web:1".to_owned(),
            image_digest: "sha256:1".to_owned(),
            privileged: Some(true),
            pod: Some(Pod {
                name: "web-0".to_owned(),
                labels: BTreeMap::from([("app".to_owned(), "x".repeat(5000))]),
                ..Pod::default()
            }),
            mounts: vec![Mount {
                destination: "/data".to_owned(),
                source: "/srv".to_owned(),
                read_only: true,
            }],
            ..Container::default()
        };
        let told = described(&container);
        assert_eq!((told.id.as_str(), told.pod.as_str()), ("c1", "web-0"));
        assert_eq!(told.pod_labels["app"].len(), 512);
        assert!(told.mounts[0].read_only && told.privileged == Some(true));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let container = |number: usize| wire::Container {
            id: number.to_string(),
            image: "a".repeat(512),
            labels: (0..ITEMS_MAX)
                .map(|label| (label.to_string(), "b".repeat(512)))
                .collect(),
            ..wire::Container::default()
        };
        let told = fitting((0..1000).map(container), 1000);
        assert!(encoded_len(&told) < SENSOR_MESSAGE_BYTES_MAX);
        assert!(!told.containers.is_empty() && told.untold_containers > 0);
        assert_eq!(told.containers.len() as u64 + told.untold_containers, 1000);
        assert_eq!(told.images.len(), 1);
        let few = fitting((0..2).map(container), 2);
        assert_eq!((few.containers.len(), few.untold_containers), (2, 0));
    }
}
