//! From a query to a living process: the one that was seen, or another of its cgroup.

use crate::config::RuntimesConfig;
use crate::limits::{CGROUP_DIRS_MAX, CGROUP_PROCESSES_MAX};
use crate::mountinfo::below;
use crate::proc::{Proc, TICK_NS};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _};
use std::path::Path;
use yagura_event::{CgroupId, ContainerQuery, ProcessKey};

/// Path of the v2 cgroup with that id, from the hierarchy's root. Found level by level, so that what a container
/// makes in its own cgroup is looked at last.
pub(crate) fn find_cgroup(config: &RuntimesConfig, cgroup: CgroupId) -> Option<String> {
    if cgroup.0 == 0 {
        return None;
    }
    let root = &config.cgroup_root;
    if std::fs::metadata(root).ok()?.ino() == cgroup.0 {
        return Some("/".to_owned());
    }
    let mut directories = VecDeque::from([root.clone()]);
    let mut seen = 0;
    while let Some(directory) = directories.pop_front() {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.ino() == cgroup.0 {
                return cgroup_path(root, &entry.path());
            }
            seen += 1;
            if seen > CGROUP_DIRS_MAX {
                return None;
            }
            directories.push_back(entry.path());
        }
    }
    None
}

/// Id of the v2 cgroup at a path from the hierarchy's root.
pub(crate) fn cgroup_id(config: &RuntimesConfig, path: &str) -> Option<CgroupId> {
    let directory = below(&config.cgroup_root, Path::new(path));
    Some(CgroupId(std::fs::metadata(directory).ok()?.ino()))
}

fn cgroup_path(root: &Path, directory: &Path) -> Option<String> {
    let relative = directory.strip_prefix(root).ok()?;
    Some(format!("/{}", relative.to_string_lossy()))
}

/// A living process of the container: the one that was seen, else one of its cgroup that has the same root mount.
pub(crate) fn representative(
    proc: &Proc,
    config: &RuntimesConfig,
    query: &ContainerQuery,
    cgroup: Option<&str>,
) -> Option<ProcessKey> {
    if proc.is_alive(query.process) {
        return Some(query.process);
    }
    // The root cgroup holds everybody.
    let path = cgroup?.trim_start_matches('/');
    if path.is_empty() {
        return None;
    }
    let procs = File::open(config.cgroup_root.join(path).join("cgroup.procs")).ok()?;
    BufReader::new(procs)
        .lines()
        .take(CGROUP_PROCESSES_MAX)
        .map_while(Result::ok)
        .filter_map(|line| line.parse().ok())
        .filter(|pid| query.root.dev == 0 || proc.has_root_device(*pid, query.root.dev))
        .find_map(|pid: u32| {
            let start_ticks = proc.stat(pid)?.start_ticks;
            Some(ProcessKey {
                pid,
                start_ns: start_ticks.saturating_mul(TICK_NS),
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dir::TestDir;

    #[test]
    fn a_cgroup_is_found_by_its_inode() {
        let dir = TestDir::new("cgroups");
        let deep = dir.path().join("a/b");
        std::fs::create_dir_all(&deep).expect("directories");
        let config = RuntimesConfig {
            cgroup_root: dir.path().to_owned(),
            ..RuntimesConfig::default()
        };
        let id = |path: &Path| CgroupId(std::fs::metadata(path).expect("metadata").ino());
        assert_eq!(find_cgroup(&config, id(&deep)).as_deref(), Some("/a/b"));
        assert_eq!(find_cgroup(&config, id(dir.path())).as_deref(), Some("/"));
        assert_eq!(find_cgroup(&config, CgroupId(0)), None);
        std::fs::remove_dir(&deep).expect("remove");
        assert_eq!(find_cgroup(&config, CgroupId(u64::MAX)), None);
    }

    #[test]
    fn a_process_that_ended_is_replaced_by_one_of_its_cgroup() {
        let dir = TestDir::new("cgroups");
        std::fs::create_dir(dir.path().join("c")).expect("directory");
        std::fs::write(
            dir.path().join("c/cgroup.procs"),
            format!("{}\n", std::process::id()),
        )
        .expect("procs");
        let config = RuntimesConfig {
            cgroup_root: dir.path().to_owned(),
            ..RuntimesConfig::default()
        };
        let proc = Proc::new(&config.proc_root);
        let query = ContainerQuery {
            key: yagura_event::ContainerKey(1),
            cgroup: CgroupId(2),
            process: ProcessKey {
                pid: u32::MAX,
                start_ns: 1,
            },
            root: yagura_event::ContainerRoot::default(),
        };
        let found = representative(&proc, &config, &query, Some("/c")).expect("a process");
        assert_eq!(found.pid, std::process::id());
        assert!(proc.is_alive(found));
        assert_eq!(representative(&proc, &config, &query, Some("/")), None);
        assert_eq!(representative(&proc, &config, &query, None), None);
    }
}
