//! The state files of runc and crun: containers that no manager above them is asked about.

use crate::limits::{STATE_BYTES_MAX, STATE_ENTRIES_MAX, bounded_string};
use crate::proc::{Proc, Stat, read_whole};
use crate::time::wall_time;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use yagura_event::{Runtime, WallTime};

/// A container as its runtime's state directory describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// Id: the directory's name.
    pub(crate) id: String,
    /// runc or crun.
    pub(crate) runtime: Runtime,
    /// Pid of the first process.
    pub(crate) first_pid: u32,
    /// Its start in clock ticks after boot, by which a later process with the same pid is told from it.
    pub(crate) first_start_ticks: u64,
    /// Cgroup directory in the v2 hierarchy: absolute on the host (runc) or from the hierarchy's root (crun).
    pub(crate) cgroup: Option<PathBuf>,
    /// Bundle directory.
    pub(crate) bundle: Option<PathBuf>,
    /// When it was created.
    pub(crate) created: Option<WallTime>,
}

#[derive(Debug, Deserialize)]
struct RuncState {
    init_process_pid: u32,
    init_process_start: u64,
    created: Option<String>,
    cgroup_paths: Option<BTreeMap<String, PathBuf>>,
    config: Option<RuncConfig>,
}

#[derive(Debug, Deserialize)]
struct RuncConfig {
    labels: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct CrunStatus {
    pid: u32,
    process_start_time: Option<u64>,
    cgroup_path: Option<PathBuf>,
    bundle: Option<PathBuf>,
    created: Option<String>,
}

/// Parses runc's `state.json`.
///
/// Source: libcontainer/container_linux.go, runc 1.1.
pub(crate) fn parse_runc(id: &str, bytes: &[u8]) -> Option<State> {
    let state: RuncState = serde_json::from_slice(bytes).ok()?;
    let labels = state.config.and_then(|config| config.labels);
    let bundle = labels
        .iter()
        .flatten()
        .find_map(|label| label.strip_prefix("bundle="))
        .map(PathBuf::from);
    Some(State {
        id: bounded_string(id),
        runtime: Runtime::Runc,
        first_pid: state.init_process_pid,
        first_start_ticks: state.init_process_start,
        // The v2 hierarchy has no name in runc's list.
        cgroup: state
            .cgroup_paths
            .and_then(|mut paths| paths.remove(""))
            .filter(|path| !path.as_os_str().is_empty()),
        bundle,
        created: state.created.as_deref().and_then(wall_time),
    })
}

/// Parses crun's `status`.
///
/// Source: src/libcrun/status.c, crun 1.8.
pub(crate) fn parse_crun(id: &str, bytes: &[u8]) -> Option<State> {
    let status: CrunStatus = serde_json::from_slice(bytes).ok()?;
    Some(State {
        id: bounded_string(id),
        runtime: Runtime::Crun,
        first_pid: status.pid,
        first_start_ticks: status.process_start_time.unwrap_or(0),
        cgroup: status
            .cgroup_path
            .filter(|path| !path.as_os_str().is_empty()),
        bundle: status.bundle,
        created: status.created.as_deref().and_then(wall_time),
    })
}

/// What is known of a container before its state is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Names that may be its id: the parts of its cgroup's path, outermost first.
    pub(crate) names: &'a [String],
    /// Its v2 cgroup path from the hierarchy's root.
    pub(crate) cgroup: Option<&'a str>,
    /// The process that was asked for, and its ancestors.
    pub(crate) lineage: &'a [(u32, Stat)],
    /// Mount namespace of the process that was asked for.
    pub(crate) mount_namespace: Option<u64>,
}

/// Finds the state of a container: first where a directory carries one of its names, then by looking at all.
pub(crate) fn find(proc: &Proc, roots: &[PathBuf], wanted: &Wanted<'_>) -> Option<State> {
    find_named(proc, roots, None, wanted).or_else(|| search(proc, roots, wanted))
}

/// Finds the state of a container in a directory that carries one of its names, or below one with the name of
/// containerd's namespace.
pub(crate) fn find_named(
    proc: &Proc,
    roots: &[PathBuf],
    namespace: Option<&str>,
    wanted: &Wanted<'_>,
) -> Option<State> {
    let namespace = namespace.filter(|name| is_directory_name(name));
    roots
        .iter()
        .flat_map(|root| [Some(root.clone()), namespace.map(|name| root.join(name))])
        .flatten()
        .flat_map(|root| wanted.names.iter().map(move |name| (root.join(name), name)))
        .filter(|(_, name)| is_directory_name(name))
        .find_map(|(path, name)| read(&path, name).filter(|state| belongs(proc, state, wanted)))
}

fn is_directory_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/')
}

fn search(proc: &Proc, roots: &[PathBuf], wanted: &Wanted<'_>) -> Option<State> {
    let mut left = STATE_ENTRIES_MAX;
    for root in roots {
        for (path, name) in directories(root, &mut left) {
            // containerd keeps one directory of containers for each of its namespaces.
            let state = read(&path, &name).filter(|state| belongs(proc, state, wanted));
            let found = state.or_else(|| {
                directories(&path, &mut left)
                    .into_iter()
                    .filter_map(|(path, name)| read(&path, &name))
                    .find(|state| belongs(proc, state, wanted))
            });
            if found.is_some() {
                return found;
            }
        }
    }
    None
}

fn directories(path: &Path, left: &mut usize) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.push((entry.path(), name));
        }
    }
    found
}

fn read(path: &Path, id: &str) -> Option<State> {
    if let Ok(bytes) = read_whole(&path.join("state.json"), STATE_BYTES_MAX) {
        return parse_runc(id, &bytes);
    }
    let bytes = read_whole(&path.join("status"), STATE_BYTES_MAX).ok()?;
    parse_crun(id, &bytes)
}

/// Whether a state is the wanted container's: its first process is an ancestor, or shares the mount namespace, or
/// its cgroup holds the process.
fn belongs(proc: &Proc, state: &State, wanted: &Wanted<'_>) -> bool {
    let is_ancestor = wanted
        .lineage
        .iter()
        .any(|(pid, stat)| *pid == state.first_pid && stat.start_ticks == state.first_start_ticks);
    if is_ancestor {
        return true;
    }
    let first_lives = proc
        .stat(state.first_pid)
        .is_some_and(|stat| stat.start_ticks == state.first_start_ticks);
    let same_mounts = first_lives
        && wanted.mount_namespace.is_some()
        && proc
            .namespaces(state.first_pid)
            .map(|namespaces| namespaces.mount)
            == wanted.mount_namespace;
    same_mounts || is_in_cgroup(state, wanted.cgroup)
}

fn is_in_cgroup(state: &State, cgroup: Option<&str>) -> bool {
    let (Some(own), Some(cgroup)) = (&state.cgroup, cgroup) else {
        return false;
    };
    let cgroup = Path::new(cgroup.trim_start_matches('/'));
    // A container in the root cgroup shares it with the whole host.
    if cgroup.as_os_str().is_empty() {
        return false;
    }
    cgroup
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .any(|path| own.strip_prefix("/").unwrap_or(own) == path || own_is_below_mount(own, path))
}

/// runc writes the path with the hierarchy's mount point before it.
fn own_is_below_mount(own: &Path, path: &Path) -> bool {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .iter()
        .any(|mount| own.strip_prefix(mount).is_ok_and(|own| own == path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RUNC: &str = r#"{"id":"c1","init_process_pid":11363,"init_process_start":216537,
        "created":"1970-01-01T00:00:02Z","config":{"rootfs":"/r","labels":["a=b","bundle=/b/c1"]},
        "cgroup_paths":{"":"/sys/fs/cgroup/unified/foo/c1","cpu":"/sys/fs/cgroup/cpu/foo/c1"}}"#;
    const CRUN: &str = r#"{"pid": 12431,"process-start-time": 230492,"cgroup-path": "/foo/c2","scope": "",
        "rootfs": "/r","systemd-cgroup": false,"bundle": "/b/c2","created": "1970-01-01T00:00:02Z",
        "owner": "root","detached": true,"external_descriptors": "[]"}"#;

    fn wanted<'a>(cgroup: &'a str, lineage: &'a [(u32, Stat)]) -> Wanted<'a> {
        Wanted {
            names: &[],
            cgroup: Some(cgroup),
            lineage,
            mount_namespace: None,
        }
    }

    #[test]
    fn both_runtimes_states_are_parsed() {
        let runc = parse_runc("c1", RUNC.as_bytes()).expect("a state");
        assert_eq!((runc.first_pid, runc.first_start_ticks), (11363, 216_537));
        assert_eq!(runc.bundle, Some(PathBuf::from("/b/c1")));
        assert_eq!(runc.created, Some(WallTime(2_000_000_000)));
        let crun = parse_crun("c2", CRUN.as_bytes()).expect("a status");
        assert_eq!((crun.first_pid, crun.first_start_ticks), (12431, 230_492));
        assert_eq!(crun.bundle, Some(PathBuf::from("/b/c2")));
    }

    #[test]
    fn a_state_is_matched_by_cgroup_ancestors_included() {
        let proc = Proc::new(Path::new("/proc"));
        let runc = parse_runc("c1", RUNC.as_bytes()).expect("a state");
        let crun = parse_crun("c2", CRUN.as_bytes()).expect("a status");
        assert!(belongs(&proc, &runc, &wanted("/foo/c1/child", &[])));
        assert!(belongs(&proc, &crun, &wanted("/foo/c2", &[])));
        assert!(!belongs(&proc, &runc, &wanted("/foo/c2", &[])));
        assert!(!belongs(&proc, &runc, &wanted("/", &[])));
    }

    #[test]
    fn a_state_is_matched_by_its_first_process_but_not_by_its_pid_alone() {
        let proc = Proc::new(Path::new("/proc"));
        let runc = parse_runc("c1", RUNC.as_bytes()).expect("a state");
        let process = |start_ticks| {
            vec![(
                11363,
                Stat {
                    comm: b"sleep".to_vec(),
                    parent: 1,
                    start_ticks,
                },
            )]
        };
        assert!(belongs(&proc, &runc, &wanted("/", &process(216_537))));
        assert!(!belongs(&proc, &runc, &wanted("/", &process(216_538))));
    }

    #[test]
    fn states_are_found_by_name_and_one_level_deeper_by_search() {
        let dir = crate::test_dir::TestDir::new("state");
        let proc = Proc::new(Path::new("/proc"));
        let deep = dir.path().join("k8s.io/c1");
        std::fs::create_dir_all(&deep).expect("directory");
        std::fs::write(deep.join("state.json"), RUNC).expect("state");
        let crun = dir.path().join("c2");
        std::fs::create_dir(&crun).expect("directory");
        std::fs::write(crun.join("status"), CRUN).expect("status");
        let roots = [dir.path().to_owned()];
        let names = ["..".to_owned(), "c2".to_owned()];
        let by_name = Wanted {
            names: &names,
            ..wanted("/foo/c2", &[])
        };
        assert_eq!(find(&proc, &roots, &by_name).expect("c2").id, "c2");
        let found = find(&proc, &roots, &wanted("/foo/c1", &[])).expect("c1");
        assert_eq!(found.runtime, Runtime::Runc);
        assert!(find(&proc, &roots, &wanted("/bar", &[])).is_none());
        let names = ["c1".to_owned()];
        let by_name = Wanted {
            names: &names,
            ..wanted("/foo/c1", &[])
        };
        assert!(find_named(&proc, &roots, None, &by_name).is_none());
        assert!(find_named(&proc, &roots, Some("k8s.io"), &by_name).is_some());
    }

    proptest! {
        #[test]
        fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse_runc("x", &bytes);
            parse_crun("x", &bytes);
        }
    }
}
