//! `/proc/PID/cgroup` and the container ids that runtimes write into cgroup names.

use yagura_event::Runtime;

/// The cgroup memberships of one process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CgroupPaths {
    /// Path in the v2 hierarchy, from its root.
    pub(crate) v2: Option<String>,
    /// Paths in the v1 hierarchies, in the file's order.
    pub(crate) v1: Vec<String>,
}

/// A container id found in a cgroup's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdInPath {
    /// The id.
    pub(crate) id: String,
    /// The runtime whose naming it is; [`Runtime::Unknown`] for a bare id.
    pub(crate) runtime: Runtime,
}

/// Parses the content of `/proc/PID/cgroup`: lines `hierarchy:controllers:path`. Lines that are not so are skipped.
///
/// Source: cgroups(7).
pub(crate) fn parse(bytes: &[u8]) -> CgroupPaths {
    let mut paths = CgroupPaths::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(hierarchy), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        // The kernel marks a cgroup that was removed under a living or zombie process.
        let path = path.strip_suffix(" (deleted)").unwrap_or(path);
        if hierarchy == "0" && controllers.is_empty() {
            paths.v2 = Some(path.to_owned());
        } else {
            paths.v1.push(path.to_owned());
        }
    }
    paths
}

impl CgroupPaths {
    /// The container id that the v2 path names, else the first that a v1 path names.
    pub(crate) fn container_id(&self) -> Option<IdInPath> {
        self.v2
            .iter()
            .chain(&self.v1)
            .find_map(|path| container_id(path))
    }
}

/// Prefixes that runtimes put before the id, with systemd's and with the cgroupfs driver.
const PREFIXES: [(&str, Runtime); 4] = [
    ("cri-containerd-", Runtime::Containerd),
    ("crio-", Runtime::CriO),
    ("docker-", Runtime::Docker),
    ("libpod-", Runtime::Podman),
];

/// Parent directories that say whose the bare id below them is.
const PARENTS: [(&str, Runtime); 3] = [
    ("cri-containerd", Runtime::Containerd),
    ("k8s.io", Runtime::Containerd),
    ("docker", Runtime::Docker),
];

/// The container id in a cgroup path. The outermost wins: whatever is below it may have been made by the container
/// itself, and named as it liked.
pub(crate) fn container_id(path: &str) -> Option<IdInPath> {
    let mut parent = "";
    for component in path.split('/').filter(|part| !part.is_empty()) {
        if let Some(found) = id_in_component(component, parent) {
            return Some(found);
        }
        parent = component;
    }
    None
}

fn id_in_component(component: &str, parent: &str) -> Option<IdInPath> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    // containerd given a systemd path without the systemd driver makes `<slice>:cri-containerd:<id>`.
    let (parent, name) = match name.rsplit_once(':') {
        Some((before, name)) => (before.rsplit(':').next().unwrap_or(before), name),
        None => (parent, name),
    };
    for (prefix, runtime) in PREFIXES {
        if let Some(id) = name.strip_prefix(prefix)
            && is_id(id)
        {
            let id = id.to_owned();
            return Some(IdInPath { id, runtime });
        }
    }
    // Below Podman's own parent a bare id is a pod; the container stands one level deeper.
    if !is_id(name) || parent == "libpod_parent" {
        return None;
    }
    let runtime = PARENTS
        .iter()
        .find(|(directory, _)| *directory == parent)
        .map_or(Runtime::Unknown, |(_, runtime)| *runtime);
    Some(IdInPath {
        id: name.to_owned(),
        runtime,
    })
}

/// Whether a name is an id as containerd's CRI plugin, CRI-O, Docker and Podman make them: 64 hexadecimal digits.
pub(crate) fn is_id(name: &str) -> bool {
    name.len() == 64
        && name
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a v2 path is the root, or a unit that systemd itself made for a service, a login session or a slice.
pub(crate) fn is_plain_unit(path: &str) -> bool {
    path.split('/').filter(|part| !part.is_empty()).all(|part| {
        [".slice", ".service", ".scope", ".mount", ".socket", ".swap"]
            .iter()
            .any(|suffix| part.ends_with(suffix))
    })
}

/// The last name of a path; empty for the root.
pub(crate) fn last_name(path: &str) -> &str {
    path.rsplit('/').find(|part| !part.is_empty()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "7dd1e9c7859c8daca5ab2c471a586743ff624db15adc85a464fd2a9f9696d679";
    const OTHER: &str = "553efd5645a01d701844b91dcf6e450861c22afb33e883e823dff2c0d41f1ac2";

    fn found(path: &str) -> Option<(String, Runtime)> {
        container_id(path).map(|found| (found.id, found.runtime))
    }

    #[test]
    fn a_hybrid_systems_file_is_parsed() {
        let file = format!(
            "9:name=systemd:/libpod_parent/libpod-{ID}\n1:cpu:/libpod_parent/libpod-{ID}\n\
             0::/libpod_parent/libpod-{ID}\n"
        );
        let paths = parse(file.as_bytes());
        assert_eq!(paths.v1.len(), 2);
        let id = paths.container_id().expect("an id");
        assert_eq!((id.id.as_str(), id.runtime), (ID, Runtime::Podman));
    }

    #[test]
    fn the_v1_lines_answer_when_the_v2_line_is_the_root() {
        let file = format!("4:memory:/docker/{ID}\n0::/\n");
        let id = parse(file.as_bytes()).container_id().expect("an id");
        assert_eq!((id.id.as_str(), id.runtime), (ID, Runtime::Docker));
    }

    #[test]
    fn every_runtimes_names_are_known() {
        for (path, runtime) in [
            (format!("/k8s.io/{ID}"), Runtime::Containerd),
            (format!("/docker/{ID}"), Runtime::Docker),
            (format!("/system.slice/docker-{ID}.scope"), Runtime::Docker),
            (
                format!("/kubepods/burstable/pod12ab/{ID}"),
                Runtime::Unknown,
            ),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope"),
                Runtime::Containerd,
            ),
            (
                format!("/system.slice/kubepods-pod1.slice:cri-containerd:{ID}"),
                Runtime::Containerd,
            ),
            (
                format!("/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope/container"),
                Runtime::CriO,
            ),
            (
                format!("/machine.slice/machine-libpod_pod_{OTHER}.slice/libpod-{ID}.scope"),
                Runtime::Podman,
            ),
            (
                format!("/libpod_parent/{OTHER}/libpod-{ID}"),
                Runtime::Podman,
            ),
        ] {
            assert_eq!(found(&path), Some((ID.to_owned(), runtime)), "{path}");
        }
    }

    #[test]
    fn a_container_cannot_choose_its_id_by_child_cgroups() {
        assert_eq!(
            found(&format!("/docker/{ID}/docker-{OTHER}.scope")),
            Some((ID.to_owned(), Runtime::Docker))
        );
    }

    #[test]
    fn what_is_no_container_has_no_id() {
        for path in [
            "/",
            "",
            "/system.slice/ssh.service",
            "/user.slice/user-0.slice/session-1.scope",
            "/libpod_parent/conmon",
            "/docker/short",
            "/k8s.io/ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
        assert_eq!(
            found(&format!("/machine.slice/libpod-conmon-{ID}.scope")),
            None
        );
    }

    #[test]
    fn plain_units_are_told_from_other_cgroups() {
        assert!(is_plain_unit("/"));
        assert!(is_plain_unit("/system.slice/ssh.service"));
        assert!(!is_plain_unit("/foo/c1"));
        assert_eq!(last_name("/foo/c1/"), "c1");
        assert_eq!(last_name("/"), "");
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let paths = parse(&bytes);
            let _ = paths.container_id();
            if let Some(path) = &paths.v2 {
                is_plain_unit(path);
                last_name(path);
            }
        }
    }
}
