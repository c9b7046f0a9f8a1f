//! Bounds on everything that is read, with the attack or the accident that each one stops.
//!
//! Labels, names and mount paths are chosen by whoever starts a container, files below a container's root by
//! whoever runs in it, and both may be made huge to fill the sensor's memory.

use std::collections::BTreeMap;
use yagura_event::{Container, Mount};

/// Bytes of a name, an id, an image reference or a path; image references and Kubernetes names are far shorter.
pub(crate) const STRING_BYTES_MAX: usize = 1024;
/// Bytes of all keys and values of a pod's labels together. The Kubernetes API itself has no total bound but etcd's.
pub(crate) const LABELS_BYTES_MAX: usize = 64 * 1024;
/// Labels of a pod.
pub(crate) const LABELS_MAX: usize = 1024;
/// Mounts of a container. A pod may list thousands of volumes.
pub(crate) const MOUNTS_MAX: usize = 512;
/// Gaps reported for one container.
pub(crate) const GAPS_MAX: usize = 16;
/// Image layers of a container; the kernel itself stops at 500.
pub(crate) const LAYERS_MAX: usize = 512;
/// Paths of files that the runtime placed in a container.
pub(crate) const RUNTIME_FILES_MAX: usize = 16;

/// Bytes of a small file of /proc: `stat`, `cmdline` (bounded by us, not by the kernel).
pub(crate) const PROC_FILE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of `/proc/PID/cgroup`: a cgroup path may be nested by the container.
pub(crate) const CGROUP_FILE_BYTES_MAX: usize = 64 * 1024;
/// Bytes of `/proc/PID/mountinfo`: a container with a user namespace can mount up to `fs.mount-max` times.
pub(crate) const MOUNTINFO_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of an OCI bundle's configuration; a seccomp profile and hundreds of mounts fit.
pub(crate) const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a runtime's state file.
pub(crate) const STATE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the lists of containers and images that Podman and CRI-O keep: about 1 KiB for each.
pub(crate) const STORAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a container's password file that are read: the container may have written it.
pub(crate) const PASSWD_BYTES_MAX: usize = 256 * 1024;
/// Users of a container.
pub(crate) const USERS_MAX: usize = 1000;
/// Bytes of a user name; useradd(8) stops at 32.
pub(crate) const USER_NAME_BYTES_MAX: usize = 64;

/// Bytes of one answer over a runtime's gRPC socket.
pub(crate) const CRI_ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Directories looked at when a cgroup is searched by its id: a container may make child cgroups without end.
pub(crate) const CGROUP_DIRS_MAX: usize = 50_000;
/// Entries of one state directory that are looked at when a container must be searched.
pub(crate) const STATE_ENTRIES_MAX: usize = 4096;
/// Steps from a process to its ancestors.
pub(crate) const ANCESTORS_MAX: usize = 64;
/// Processes of a cgroup that are considered as its representative.
pub(crate) const CGROUP_PROCESSES_MAX: usize = 32;

/// Questions that wait to be answered; more are refused, the asker counts them.
pub(crate) const QUERIES_MAX: usize = 4096;
/// Questions worked on at once: each may hold a few connections to sockets.
pub(crate) const QUERIES_ACTIVE_MAX: usize = 16;

/// Cuts a text to at most `max` bytes at a character's border.
pub(crate) fn bounded(mut text: String, max: usize) -> String {
    if text.len() > max {
        let mut end = max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// A name, id or path within [`STRING_BYTES_MAX`].
pub(crate) fn bounded_string(text: &str) -> String {
    bounded(text.to_owned(), STRING_BYTES_MAX)
}

/// Labels within their bounds, and whether some had to be left out. A label is kept whole or not at all: half a
/// value could match a rule that the whole one does not.
pub(crate) fn bounded_labels(
    labels: impl IntoIterator<Item = (String, String)>,
) -> (BTreeMap<String, String>, bool) {
    let mut kept = BTreeMap::new();
    let mut bytes = 0;
    for (key, value) in labels {
        bytes += key.len() + value.len();
        if bytes > LABELS_BYTES_MAX || kept.len() == LABELS_MAX {
            return (kept, true);
        }
        kept.insert(key, value);
    }
    (kept, false)
}

/// A container within all bounds; what is left out stands in its gaps.
pub(crate) fn bound_container(mut container: Container) -> Container {
    let mut gaps = std::mem::take(&mut container.gaps);
    if container.mounts.len() > MOUNTS_MAX {
        container.mounts.truncate(MOUNTS_MAX);
        gaps.push(format!("mounts after the first {MOUNTS_MAX} are left out"));
    }
    if let Some(pod) = &mut container.pod {
        let (labels, cut) = bounded_labels(std::mem::take(&mut pod.labels));
        pod.labels = labels;
        if cut {
            gaps.push(format!(
                "pod labels beyond {LABELS_MAX} or {LABELS_BYTES_MAX} bytes are left out"
            ));
        }
        for text in [&mut pod.name, &mut pod.namespace, &mut pod.uid] {
            *text = bounded(std::mem::take(text), STRING_BYTES_MAX);
        }
    }
    for text in [
        &mut container.id,
        &mut container.name,
        &mut container.image,
        &mut container.image_id,
        &mut container.image_digest,
    ] {
        *text = bounded(std::mem::take(text), STRING_BYTES_MAX);
    }
    container.mounts = container.mounts.into_iter().map(bound_mount).collect();
    let mut seen = Vec::new();
    gaps.retain(|gap| {
        let new = !seen.contains(gap);
        seen.push(gap.clone());
        new
    });
    gaps.truncate(GAPS_MAX);
    container.gaps = gaps
        .into_iter()
        .map(|gap| bounded(gap, STRING_BYTES_MAX))
        .collect();
    container
}

fn bound_mount(mount: Mount) -> Mount {
    Mount {
        destination: bounded(mount.destination, STRING_BYTES_MAX),
        source: bounded(mount.source, STRING_BYTES_MAX),
        read_only: mount.read_only,
    }
}

/// Arguments of a container's first process that are kept. Stops a specification of a million arguments.
pub(crate) const COMMAND_ARGUMENTS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use yagura_event::Pod;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(bounded("日本".to_owned(), 4), "日");
        assert_eq!(bounded("ab".to_owned(), 2), "ab");
    }

    #[test]
    fn an_oversized_container_is_cut_and_says_so() {
        let container = Container {
            name: "n".repeat(STRING_BYTES_MAX + 1),
            mounts: vec![Mount::default(); MOUNTS_MAX + 1],
            pod: Some(Pod {
                labels: (0..LABELS_MAX + 5)
                    .map(|n| (format!("k{n:05}"), "v".repeat(60)))
                    .collect(),
                ..Pod::default()
            }),
            gaps: vec!["same".to_owned(); 40],
            ..Container::default()
        };
        let bound = bound_container(container);
        assert_eq!(bound.name.len(), STRING_BYTES_MAX);
        assert_eq!(bound.mounts.len(), MOUNTS_MAX);
        assert!(bound.pod.expect("pod").labels.len() <= LABELS_MAX);
        assert_eq!(bound.gaps.len(), 3, "{:?}", bound.gaps);
    }
}
