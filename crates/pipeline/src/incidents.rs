//! Alerts that belong to one story.
//!
//! Two alerts of a container are one story if they are about the same process, one of its ancestors up to (not
//! including) the container's first process, or the same file that is not the image's: a miner's file and its
//! connection to a pool, the shell that a webshell started and the webshell.

use std::collections::{HashMap, VecDeque};
use yagura_event::{Alert, ContainerKey, FileId, ProcessKey};

/// Processes and files by which stories are known. Stops an attacker who makes many from filling memory; the oldest are
/// forgotten, and what follows of theirs is a story of its own.
const LINKS_MAX: usize = 16_384;

/// What ties alerts together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Link {
    Process(ContainerKey, ProcessKey),
    File(FileId),
}

/// Which story each process and file belongs to.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    of: HashMap<Link, String>,
    order: VecDeque<Link>,
}

impl Incidents {
    /// Names the alert's incident. `first` is the first process of its container, from which everything there descends,
    /// `exe` the process's executable unless it is the image's.
    pub(crate) fn assign(
        &mut self,
        alert: &mut Alert,
        container: ContainerKey,
        first: ProcessKey,
        exe: Option<FileId>,
    ) {
        let own = alert.process.as_ref().map(|process| process.key);
        let ancestors = alert.ancestors.iter().map(|ancestor| ancestor.key);
        // A finding about the container's first process itself is tied to nothing but that process.
        let processes = own
            .into_iter()
            .chain(ancestors.filter(|key| *key != first))
            .filter(|key| key.pid != 0)
            .map(|key| Link::Process(container, key));
        let files = [
            alert.scan.as_ref().map(|scan| scan.file),
            alert.drift.as_ref().map(|drift| drift.file),
            exe,
        ];
        let files = files.into_iter().flatten().filter(|file| file.ino != 0);
        // Files first: that a program was written says more than who happened to start it.
        let links: Vec<Link> = files.map(Link::File).chain(processes).collect();
        alert.incident = self.story(&alert.id, links);
    }

    /// The story of an alert with these links, which are its from now on.
    fn story(&mut self, id: &str, links: Vec<Link>) -> String {
        let known = links.iter().find_map(|link| self.of.get(link));
        let story = known.map_or_else(|| id.to_owned(), String::clone);
        for link in links {
            if self.of.insert(link, story.clone()).is_none() {
                self.order.push_back(link);
            }
        }
        while self.order.len() > LINKS_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.of.remove(&oldest);
            }
        }
        story
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(pids: &[u32], inodes: &[u64]) -> Vec<Link> {
        let key = |pid: &u32| ProcessKey {
            pid: *pid,
            start_ns: 1,
        };
        let file = |ino: &u64| FileId { dev: 1, ino: *ino };
        let processes = pids
            .iter()
            .map(|pid| Link::Process(ContainerKey(1), key(pid)));
        processes
            .chain(inodes.iter().map(|ino| Link::File(file(ino))))
            .collect()
    }

    #[test]
    fn a_common_process_or_file_makes_one_story() {
        let mut incidents = Incidents::default();
        let mut story = |id, pids: &[u32], inodes: &[u64]| incidents.story(id, links(pids, inodes));
        assert_eq!(story("written", &[5, 4], &[100]), "written");
        assert_eq!(story("other", &[9], &[]), "other");
        assert_eq!(story("run", &[7], &[100]), "written");
        assert_eq!(story("connection", &[8, 7], &[]), "written");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut incidents = Incidents::default();
        for pid in 1..=u32::try_from(LINKS_MAX).unwrap() + 10 {
            incidents.story("x", links(&[pid], &[]));
        }
        assert_eq!(incidents.of.len(), LINKS_MAX);
        assert_eq!(incidents.order.len(), LINKS_MAX);
    }
}
