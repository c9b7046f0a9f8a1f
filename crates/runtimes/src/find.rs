//! Processes of containers, found in /proc by a command that runs once.

use crate::cgroup::{self, CgroupPaths};
use crate::limits::PROC_FILE_BYTES_MAX;
use crate::proc::Proc;
use std::path::Path;

/// Characters of an id from which on its beginning may stand for it, as runtimes shorten ids.
const PREFIX_CHARS_MIN: usize = 12;

/// The id of the container that a process is in, by its cgroup. None where its runtime writes no id there, and for a
/// process of the host.
pub fn container_of(proc_root: &Path, pid: u32) -> Option<String> {
    cgroups(&Proc::new(proc_root), pid)?
        .container_id()
        .map(|found| found.id)
}

/// The process with the lowest number of the container with that id, or with the one id that begins so. Finds what
/// [`container_of`] can name.
///
/// # Errors
/// If /proc can't be listed.
pub fn process_of(proc_root: &Path, id: &str) -> std::io::Result<Option<u32>> {
    let proc = Proc::new(proc_root);
    let mut found: Vec<(u32, String)> = Vec::new();
    for entry in std::fs::read_dir(proc_root)? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let container = cgroups(&proc, pid).and_then(|paths| paths.container_id());
        if let Some(container) = container
            && is_named(&container.id, id)
        {
            found.push((pid, container.id));
        }
    }
    found.sort();
    let is_one = found.windows(2).all(|pair| match pair {
        [(_, a), (_, b)] => a == b,
        _ => true,
    });
    let first = found.into_iter().next().filter(|_| is_one);
    Ok(first.map(|(pid, _)| pid))
}

fn is_named(id: &str, name: &str) -> bool {
    id == name || (name.len() >= PREFIX_CHARS_MIN && id.starts_with(name))
}

fn cgroups(proc: &Proc, pid: u32) -> Option<CgroupPaths> {
    let bytes = proc.read(pid, "cgroup", PROC_FILE_BYTES_MAX)?;
    Some(cgroup::parse(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_dir::TestDir;

    const A: &str = "7dd1e9c7859c8daca5ab2c471a586743ff624db15adc85a464fd2a9f9696d679";
    const B: &str = "7dd1e9c785ffffffa5ab2c471a586743ff624db15adc85a464fd2a9f9696d679";

    fn proc_with(processes: &[(u32, &str)]) -> TestDir {
        let dir = TestDir::new("find");
        for (pid, cgroup) in processes {
            let own = dir.path().join(pid.to_string());
            std::fs::create_dir(&own).expect("directory");
            std::fs::write(own.join("cgroup"), format!("0::{cgroup}\n")).expect("file");
        }
        dir
    }

    #[test]
    fn a_container_has_processes_and_a_process_a_container() {
        let (a, b) = (format!("/docker/{A}"), format!("/docker/{B}/child"));
        let dir = proc_with(&[(1, "/init.scope"), (30, &a), (7, &a), (8, &b)]);
        let process = |id: &str| process_of(dir.path(), id).expect("listed");
        assert_eq!(process(A), Some(7));
        assert_eq!(process(&A[..12]), Some(7));
        assert_eq!(process(B), Some(8));
        assert_eq!(container_of(dir.path(), 8).as_deref(), Some(B));
        assert_eq!(container_of(dir.path(), 1), None);
        assert_eq!(container_of(dir.path(), 99), None);
    }

    #[test]
    fn what_names_none_or_several_finds_none() {
        let dir = proc_with(&[(7, &format!("/docker/{A}")), (8, &format!("/docker/{B}"))]);
        let process = |id: &str| process_of(dir.path(), id).expect("listed");
        assert_eq!(process(&A[..10]), None);
        assert_eq!(process(""), None);
        let dir = proc_with(&[
            (7, &format!("/docker/{A}")),
            (8, &format!("/docker/{}", A.replace('9', "0"))),
        ]);
        let shared = process_of(dir.path(), "7dd1e").expect("listed");
        assert_eq!(shared, None);
    }
}
