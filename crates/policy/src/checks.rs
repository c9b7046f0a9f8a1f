//! What can be meant by a rule, but ought to be confirmed by a person before it is applied.

use crate::at_risk::{AtRiskImageRule, ImageAction};
use crate::defence::parse::Placed;
use crate::defence::{DefenceAction, DefenceAllow, DefenceRule};
use crate::diagnostic::{Code, Diagnostics};
use crate::pattern::PathPattern;
use crate::scope::Scope;
use crate::subject::{Facts, Truth};
use yagura_event::{AllowRow, Behaviour, Container, EnforcementRow, Node, Pod};
use yagura_yaml::Position;

/// A container that a node, or the protection of it, depends on.
#[derive(Debug)]
struct Platform {
    what: &'static str,
    name: &'static str,
    image: &'static str,
    /// Namespace and name of the pod, for containers that run in one.
    pod: Option<(&'static str, &'static str)>,
}

/// Containers of the sensor, of kubelets that run in a container, and of nested runtimes, as they are called by default.
const PLATFORM: [Platform; 4] = [
    Platform {
        what: "the sensor itself",
        name: "yagura-sensor",
        image: "ghcr.io/yagura/yagura:latest",
        pod: Some(("yagura", "yagura-sensor-x7k2p")),
    },
    Platform {
        what: "a kubelet in a container (kind)",
        name: "kind-control-plane",
        image: "docker.io/kindest/node:v1.34.0",
        pod: None,
    },
    Platform {
        what: "a kubelet in a container (k3s)",
        name: "k3s",
        image: "docker.io/rancher/k3s:v1.34.1-k3s1",
        pod: None,
    },
    Platform {
        what: "a container runtime in a container",
        name: "docker",
        image: "docker.io/library/docker:dind",
        pod: None,
    },
];

/// Without this container no pod starts.
const PAUSE: Platform = Platform {
    what: "the sandbox of every pod",
    name: "POD",
    image: "registry.k8s.io/pause:3.10",
    pod: Some(("default", "any")),
};

impl Platform {
    fn container(&self) -> Container {
        Container {
            name: self.name.to_owned(),
            image: self.image.to_owned(),
            pod: self.pod.map(|(namespace, name)| Pod {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                ..Pod::default()
            }),
            ..Container::default()
        }
    }

    /// Whether a scope holds the container on some node.
    fn may_be_in(&self, scope: &Scope) -> bool {
        let container = self.container();
        let node = Node::default();
        let facts = Facts::of_container(&node, Some(&container));
        scope.matches(&facts) != Truth::No
    }
}

/// Checks a defence rule.
pub(crate) fn check_defence(diagnostics: &mut Diagnostics, placed: &Placed<DefenceRule>) {
    let Some(rule) = placed.rule.as_ref() else {
        return;
    };
    if rule.action != DefenceAction::Block {
        return;
    }
    check_room(diagnostics, placed.at, rule);
    for (entry, at) in rule.allow.iter().zip(&placed.allow_at) {
        check_entry(diagnostics, *at, entry);
    }
    if rule.observe || !rule.enabled {
        return;
    }
    if rule.scope.is_everywhere() {
        diagnostics.report_with_hint(
            Code::BlocksEverywhere,
            placed.at,
            "this rule blocks in every container",
            "give it a scope, or begin with observe: true",
        );
        return;
    }
    let hit = |platform: &&Platform| {
        platform.may_be_in(&rule.scope) && covers_anything_in(rule, &platform.container())
    };
    warn_of_platform(diagnostics, placed.at, PLATFORM.iter().filter(hit));
}

/// Whether entries on the image leave anything of a rule in a container.
fn covers_anything_in(rule: &DefenceRule, container: &Container) -> bool {
    let fits = |entry: &DefenceAllow| {
        let image = entry.image.as_ref();
        entry.is_about_container() && image.is_some_and(|p| p.matches(&container.image))
    };
    let excused = |behaviour: Behaviour| {
        let mut entries = rule.allow.iter();
        entries.any(|entry| entry.covers(behaviour) && fits(entry))
    };
    rule.behaviours.set().iter().any(|b| !excused(b))
}

fn warn_of_platform<'p>(
    diagnostics: &mut Diagnostics,
    at: Position,
    hit: impl Iterator<Item = &'p Platform>,
) {
    let names: Vec<String> = hit.map(|p| format!("{} ({})", p.what, p.image)).collect();
    if !names.is_empty() {
        diagnostics.report_with_hint(
            Code::HitsPlatform,
            at,
            format!(
                "this rule blocks in containers that nodes depend on: {}",
                names.join(", ")
            ),
            "narrow its scope, or let the image through",
        );
    }
}

fn check_room(diagnostics: &mut Diagnostics, at: Position, rule: &DefenceRule) {
    let slots = slots_of(rule);
    if slots.len() > EnforcementRow::SLOTS_MAX {
        diagnostics.report_with_hint(
            Code::RowOverflow,
            at,
            format!(
                "the allow list needs {} slots, a container has {}: in the kernel, its entries for single behaviours excuse from the whole rule",
                slots.len(),
                EnforcementRow::SLOTS_MAX
            ),
            "give entries the same list of behaviours",
        );
    }
    let longest = slots.iter().map(Vec::len).max().unwrap_or_default();
    if longest > EnforcementRow::ALLOW_MAX {
        diagnostics.report_with_hint(
            Code::RowOverflow,
            at,
            format!(
                "{longest} entries of the allow list are compared in the kernel, which has room for {}: the last {} excuse nothing there",
                EnforcementRow::ALLOW_MAX,
                longest - EnforcementRow::ALLOW_MAX
            ),
            "join entries by wildcards, or split the rule by scope",
        );
    }
}

/// The sets of entries, by position, that the kernel has to keep apart for a rule; as if every image fitted.
pub(crate) fn slots_of(rule: &DefenceRule) -> Vec<Vec<usize>> {
    let mut slots: Vec<Vec<usize>> = Vec::new();
    for behaviour in rule.behaviours.set().iter() {
        let entries = rule.allow.iter().enumerate();
        let compared: Vec<usize> = entries
            .filter(|(_, entry)| !entry.is_about_container() && entry.covers(behaviour))
            .map(|(index, _)| index)
            .collect();
        if !slots.contains(&compared) {
            slots.push(compared);
        }
    }
    slots
}

fn check_entry(diagnostics: &mut Diagnostics, at: Position, entry: &DefenceAllow) {
    for pattern in [&entry.process, &entry.parent, &entry.ancestor, &entry.file] {
        check_text(diagnostics, at, pattern.as_ref());
    }
    if entry.expires.is_some() {
        diagnostics.report(
            Code::NotInKernel,
            at,
            "the kernel looks at no clock: the entry ends when the sensor compiles the rules anew, which is later while the sensor is down",
        );
    }
}

/// Warns of a text that the kernel can't compare.
pub(crate) fn check_text(
    diagnostics: &mut Diagnostics,
    at: Position,
    pattern: Option<&PathPattern>,
) {
    let bytes = pattern.map_or(0, |pattern| pattern.as_str().len());
    if bytes > AllowRow::TEXT_BYTES_MAX {
        let message = format!(
            "the kernel compares texts of at most {} bytes, this one has {bytes}: the entry excuses nothing there",
            AllowRow::TEXT_BYTES_MAX
        );
        let hint = "write a wildcard for a part of it";
        diagnostics.report_with_hint(Code::NotInKernel, at, message, hint);
    }
}

/// Checks a rule on images.
pub(crate) fn check_images(diagnostics: &mut Diagnostics, placed: &Placed<AtRiskImageRule>) {
    let Some(rule) = placed.rule.as_ref() else {
        return;
    };
    if rule.action != ImageAction::Block || !rule.enabled {
        return;
    }
    if rule.scope.is_everywhere() && rule.scan_older_than.is_some() {
        diagnostics.report_with_hint(
            Code::BlocksEverywhere,
            placed.at,
            "this rule keeps every container from starting whose image was never scanned, those of the node's own services too",
            "give it a scope, or begin with action alert",
        );
        return;
    }
    let named = |platform: &&Platform| {
        let listed = rule.images.iter().any(|p| p.matches(platform.image));
        let unscanned = rule.scan_older_than.is_some();
        (listed || unscanned) && platform.may_be_in(&rule.scope)
    };
    let platform = PLATFORM.iter().chain([&PAUSE]);
    warn_of_platform(diagnostics, placed.at, platform.filter(named));
}
