//! `container.*` and `k8s.*`.

use super::EventSubject;
use yagura_event::{CAPABILITIES, Container, Mount, Runtime};
use yagura_rules::Value;
use yagura_rules::fields::{Argument, Field};

/// Digits of a container's id in `container.id`, as runtimes shorten it.
const SHORT_ID_BYTES: usize = 12;
/// Digits of a whole id. Shorter ones are names that somebody chose, whose beginnings say nothing.
const ID_BYTES: usize = 64;

/// An id as runtimes shorten it.
fn short(id: &str) -> &str {
    match id.len() == ID_BYTES {
        true => id.get(..SHORT_ID_BYTES).unwrap_or(id),
        false => id,
    }
}

impl<'a> EventSubject<'a> {
    /// Fields of the container. Before its metadata arrived they are unknown, after that what is missing is absent.
    pub(super) fn container_value(&self, field: Field, argument: &Argument) -> Option<Value<'a>> {
        let is_of_container =
            field.name().starts_with("container.") || field.name().starts_with("k8s.");
        if !is_of_container {
            return None;
        }
        let entry = self.entry;
        if field == Field::ContainerFirstSeen {
            return Some(match entry.and_then(|entry| entry.home) {
                Some(home) => Value::Number(self.wall(home.began).0),
                None => Value::Unknown,
            });
        }
        let Some(container) = entry.and_then(|entry| entry.container.as_deref()) else {
            return Some(Value::Unknown);
        };
        let value = identity(container, field)
            .or_else(|| mounts(container, field, argument))
            .or_else(|| specification(container, field, argument))
            .or_else(|| self.ages(container, field))
            .or_else(|| pod(container, field, argument))
            .unwrap_or(Value::Absent);
        // What one source does not say another may say soon.
        let is_complete = entry.is_some_and(|entry| entry.complete);
        Some(match value {
            Value::Absent if !is_complete => Value::Unknown,
            value => value,
        })
    }

    fn ages(&self, container: &'a Container, field: Field) -> Option<Value<'a>> {
        let started = match container.created {
            Some(created) => Some(created),
            None => self
                .entry
                .and_then(|entry| entry.home)
                .map(|home| self.wall(home.began)),
        };
        Some(match field {
            Field::ContainerStartTs => started.map_or(Value::Absent, |time| Value::Number(time.0)),
            Field::ContainerDuration => started.map_or(Value::Absent, |time| {
                Value::Number(self.wall(self.observed.time).0.saturating_sub(time.0))
            }),
            _ => return None,
        })
    }
}

fn text(value: &str) -> Value<'_> {
    match value.is_empty() {
        true => Value::Absent,
        false => Value::text(value),
    }
}

fn identity(container: &Container, field: Field) -> Option<Value<'_>> {
    Some(match field {
        Field::ContainerId => text(short(&container.id)),
        Field::ContainerFullId => text(&container.id),
        Field::ContainerName => text(&container.name),
        Field::ContainerImage => text(&container.image),
        Field::ContainerImageId => text(&container.image_id),
        Field::ContainerImageDigest => text(&container.image_digest),
        Field::ContainerImageRepository => text(reference(&container.image).0),
        Field::ContainerImageTag => text(reference(&container.image).1),
        Field::ContainerType => match container.runtime {
            Runtime::Unknown => Value::Absent,
            runtime => text(runtime.as_str()),
        },
        Field::ContainerPrivileged => container.privileged.map_or(Value::Unknown, Value::Boolean),
        Field::ContainerIp | Field::K8sPodIp => text(&container.ip),
        _ => return None,
    })
}

/// Repository and tag of an image reference: the tag stands behind the last colon, unless that is a registry's port; a
/// digest behind `@` belongs to neither.
fn reference(image: &str) -> (&str, &str) {
    let image = image.split('@').next().unwrap_or_default();
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, ""),
    }
}

fn specification<'a>(
    container: &'a Container,
    field: Field,
    argument: &Argument,
) -> Option<Value<'a>> {
    let namespaces = container.host_namespaces.as_deref();
    let shares = |name: &str| {
        namespaces.map_or(Value::Unknown, |shared| {
            Value::Boolean(shared.iter().any(|namespace| namespace == name))
        })
    };
    Some(match field {
        Field::ContainerCommand => match container.command.is_empty() {
            true => Value::Unknown,
            false => Value::List(
                container
                    .command
                    .iter()
                    .map(|argument| Value::text(argument.as_str()))
                    .collect(),
            ),
        },
        Field::ContainerCapabilities => container.capabilities.map_or(Value::Unknown, |set| {
            let names = CAPABILITIES.iter().enumerate();
            Value::List(
                names
                    .filter(|(bit, _)| set >> bit & 1 == 1)
                    .map(|(_, name)| Value::text(*name))
                    .collect(),
            )
        }),
        Field::ContainerHostNamespaces => namespaces.map_or(Value::Unknown, |shared| {
            Value::List(
                shared
                    .iter()
                    .map(|name| Value::text(name.as_str()))
                    .collect(),
            )
        }),
        Field::ContainerHostPid => shares("pid"),
        Field::ContainerHostNetwork => shares("net"),
        Field::ContainerHostIpc => shares("ipc"),
        Field::ContainerLabel => label(&container.labels, argument),
        Field::ContainerLabels => labels(&container.labels),
        _ => return None,
    })
}

fn pod<'a>(container: &'a Container, field: Field, argument: &Argument) -> Option<Value<'a>> {
    let Some(pod) = &container.pod else {
        return Some(Value::Absent);
    };
    Some(match field {
        Field::K8sPodName => text(&pod.name),
        Field::K8sPodId | Field::K8sPodUid => text(&pod.uid),
        Field::K8sNsName => text(&pod.namespace),
        Field::K8sPodLabel => label(&pod.labels, argument),
        Field::K8sPodLabels => labels(&pod.labels),
        Field::K8sPodSandboxId => text(short(&container.sandbox_id)),
        Field::K8sPodFullSandboxId => text(&container.sandbox_id),
        _ => return None,
    })
}

fn label<'a>(
    labels: &'a std::collections::BTreeMap<String, String>,
    argument: &Argument,
) -> Value<'a> {
    match argument {
        Argument::Key(key) => labels
            .get(&**key)
            .map_or(Value::Absent, |value| Value::text(value.as_str())),
        _ => Value::Absent,
    }
}

fn labels(labels: &std::collections::BTreeMap<String, String>) -> Value<'static> {
    if labels.is_empty() {
        return Value::Absent;
    }
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}:{value}"))
        .collect();
    Value::owned(pairs.join(", "))
}

fn mounts<'a>(container: &'a Container, field: Field, argument: &Argument) -> Option<Value<'a>> {
    let all = &container.mounts;
    if field == Field::ContainerMounts {
        let shown: Vec<String> = all.iter().map(whole).collect();
        return Some(match shown.is_empty() {
            true => Value::Absent,
            false => Value::owned(shown.join(",")),
        });
    }
    let by_source = |mount: &&Mount| match argument {
        Argument::Key(pattern) => glob(pattern.as_bytes(), mount.source.as_bytes()),
        _ => false,
    };
    let by_destination = |mount: &&Mount| match argument {
        Argument::Key(pattern) => glob(pattern.as_bytes(), mount.destination.as_bytes()),
        _ => false,
    };
    let found = |test: &dyn Fn(&&Mount) -> bool| match argument {
        Argument::Index(index) => all.get(usize::try_from(*index).unwrap_or(usize::MAX)),
        _ => all.iter().find(test),
    };
    let show =
        |mount: Option<&'a Mount>, of: fn(&'a Mount) -> Value<'a>| mount.map_or(Value::Absent, of);
    Some(match field {
        Field::ContainerMount => show(found(&by_source), |mount| Value::owned(whole(mount))),
        Field::ContainerMountSource => show(found(&by_destination), |mount| text(&mount.source)),
        Field::ContainerMountDest => show(found(&by_source), |mount| text(&mount.destination)),
        Field::ContainerMountMode => show(found(&by_source), |mount| Value::text(mode(mount))),
        Field::ContainerMountRdwr => show(found(&by_source), |mount| {
            Value::text(if mount.read_only { "false" } else { "true" })
        }),
        Field::ContainerMountPropagation => Value::Absent,
        _ => return None,
    })
}

fn mode(mount: &Mount) -> &'static str {
    if mount.read_only { "ro" } else { "rw" }
}

/// A mount in Falco's form: source, destination, mode, whether it is writable, propagation.
fn whole(mount: &Mount) -> String {
    format!(
        "{}:{}:{}:{}:",
        mount.source,
        mount.destination,
        mode(mount),
        !mount.read_only
    )
}

/// Matches `*` and `?`; anything else stands for itself. Never backtracks over more than one `*`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(b'?'), Some(_)) => {
                p += 1;
                t += 1;
            }
            (Some(a), Some(b)) if a == b => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, t));
                }
                None => return false,
            },
        }
    }
    pattern
        .get(p..)
        .unwrap_or_default()
        .iter()
        .all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split() {
        assert_eq!(
            reference("docker.io/library/nginx:1.27"),
            ("docker.io/library/nginx", "1.27")
        );
        assert_eq!(
            reference("localhost:5000/nginx"),
            ("localhost:5000/nginx", "")
        );
        assert_eq!(reference("a/b:c@sha256:00"), ("a/b", "c"));
    }

    #[test]
    fn mounts_are_found_by_glob() {
        assert!(glob(b"/var/lib/*/x", b"/var/lib/a/b/x"));
        assert!(glob(b"*", b""));
        assert!(!glob(b"/etc", b"/etc/x"));
        assert!(glob(b"/e?c*", b"/etc/x"));
    }
}
