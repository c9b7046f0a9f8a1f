//! What a container's root directory held when the container began, where it is no overlay: there are no layers to
//! compare with, so the files that are older than the container are remembered by path and inode, and those that may
//! run by content.

use super::contents::{Known, Unread};
use super::copies::{Original, may_be_code, may_be_script};
use super::file::Facts;
use super::hash::Reader;
use super::limits::{
    BASELINE_FILES_MAX, BASELINE_PATH_BYTES_MAX, BASELINE_PROGRAMS_MAX, BASELINES_MAX,
    CANDIDATES_MAX, OLDER_AFTER, SETTLED_AFTER,
};
use super::recent::Recent;
use super::walk::{Allowance, Progress, Walk, WalkedFile};
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use yagura_event::{ContainerKey, ContainerRoot, Sha256, Text, Twin};

/// Baselines of the containers used last.
#[derive(Debug)]
pub(super) struct Baselines {
    recent: Recent<ContainerKey, Baseline>,
}

impl Baselines {
    pub(super) fn new() -> Baselines {
        Baselines {
            recent: Recent::new(BASELINES_MAX),
        }
    }

    /// Begins a baseline below a directory, unless there is one or the directory is not the container's root.
    pub(super) fn begin(&mut self, key: ContainerKey, root: &ContainerRoot, directory: OwnedFd) {
        let Ok(facts) = Facts::of(&directory) else {
            return;
        };
        // Without a time nothing can be told from what came later.
        if facts.ino == root.ino && root.since_ns > 0 && !self.has(key) {
            let baseline = Baseline::new(root.since_ns, directory, facts);
            self.recent.insert(key, baseline);
        }
    }

    pub(super) fn has(&mut self, key: ContainerKey) -> bool {
        self.recent.get(&key).is_some()
    }

    /// The baseline of a container, as complete as it gets in time.
    pub(super) fn get(&mut self, key: ContainerKey) -> Option<&Baseline> {
        let baseline = self.recent.get(&key)?;
        let began = Instant::now();
        baseline.advance(baseline.allowance.wait_until());
        baseline.allowance.waited_since(began);
        Some(baseline)
    }

    /// Goes on with an unfinished baseline until `until`. False if there is none.
    pub(super) fn advance(&mut self, until: Instant) -> bool {
        let unfinished = self
            .recent
            .entries_mut()
            .map(|(_, baseline)| baseline)
            .find(|baseline| baseline.walk.is_some());
        match unfinished {
            Some(baseline) => {
                baseline.advance(until);
                true
            }
            None => false,
        }
    }

    /// Goes on reading files until `until`, the smallest of all baselines first. `roots` gives root directories of a
    /// container's processes: once they have ended nobody changes its files any more. False if all is read.
    pub(super) fn read(
        &mut self,
        until: Instant,
        reader: &Reader,
        roots: impl FnOnce(ContainerKey) -> Vec<OwnedFd>,
    ) -> bool {
        let next = self
            .recent
            .entries_mut()
            .filter_map(|(key, baseline)| {
                Some((baseline.unread.as_ref()?.next_size()?, *key, baseline))
            })
            .min_by_key(|(size, key, _)| (*size, *key));
        match next {
            Some((_, key, baseline)) => {
                baseline.read(until, reader, &roots(key));
                true
            }
            None => false,
        }
    }
}

/// The files of one root directory.
#[derive(Debug)]
pub(super) struct Baseline {
    /// Under way until the walk is over.
    walk: Option<Walk>,
    allowance: Allowance,
    /// Facts of the root directory itself.
    root: Facts,
    files: Files,
    is_complete: bool,
    /// What is to be read, once the walk is over.
    unread: Option<Unread>,
}

impl Baseline {
    fn new(since_ns: i64, directory: OwnedFd, root: Facts) -> Baseline {
        Baseline {
            walk: Some(Walk::new(directory)),
            allowance: Allowance::default(),
            root,
            files: Files {
                since_ns,
                was_there_before: since_ns < ago_ns(OLDER_AFTER),
                settled_ns: since_ns.max(ago_ns(SETTLED_AFTER)),
                inodes: HashMap::new(),
                known: HashMap::new(),
                code: Room::default(),
                scripts: Room::default(),
                hasher: RandomState::new(),
            },
            is_complete: false,
            unread: None,
        }
    }

    fn advance(&mut self, until: Instant) {
        let Some(walk) = &mut self.walk else {
            return;
        };
        let files = &mut self.files;
        let progress = walk.advance(&mut self.allowance, until, |file| files.take(file));
        if progress != Progress::Unfinished {
            self.walk = None;
            self.is_complete = progress == Progress::Complete;
            self.unread = Some(Unread::new(&files.known, |facts| {
                facts.ctime_ns <= files.settled_ns
            }));
        }
        if progress == Progress::CutShort {
            tracing::debug!("root directory of a container is known in part only");
        }
    }

    fn read(&mut self, until: Instant, reader: &Reader, roots: &[OwnedFd]) {
        let Some(unread) = &mut self.unread else {
            return;
        };
        let is_own = |root: &&OwnedFd| {
            Facts::of(root)
                .is_ok_and(|facts| (facts.dev, facts.ino) == (self.root.dev, self.root.ino))
        };
        match roots.iter().find(is_own) {
            Some(root) => unread.advance(&mut self.files.known, root, reader, until),
            None => unread.give_up(),
        }
    }

    /// What the root directory had at the path when the container began: compared by inode, and by content if that was
    /// read in time.
    pub(super) fn twin(&self, path: &[u8], ino: u64, sha256: Option<Sha256>) -> Twin {
        match self.files.inodes.get(&self.files.path_hash(path)) {
            Some(known) if *known == ino => match (sha256, self.files.digest(path)) {
                (Some(now), Some(then)) if now != then => Twin::Different,
                _ => Twin::Same,
            },
            Some(_) => Twin::Different,
            None if self.is_complete => Twin::Absent,
            None => Twin::Unknown,
        }
    }

    /// The file's own path, if that had the same content when the container began. Else the path that the file itself
    /// had then, if it was renamed or linked and not written to since; else the path of another file of that time with
    /// the same content. `roots` are directories to look below.
    pub(super) fn find_copied(
        &self,
        original: &Original<'_>,
        facts: &Facts,
        roots: &[OwnedFd],
        reader: &mut Reader,
    ) -> Option<Text> {
        let files = &self.files;
        if files.digest(original.path) == Some(original.sha256) {
            return Some(Text::from(original.path));
        }
        if files.inodes.get(&files.path_hash(original.path)) == Some(&facts.ino) {
            // Nothing was put there: the file itself may have been written to.
            return None;
        }
        files
            .find_renamed(original, facts)
            .or_else(|| files.find_read(original))
            .or_else(|| files.find_unread(original, facts, roots, reader))
            .map(|known| Text::from(&*known.path))
    }
}

/// The files found, within bounds.
#[derive(Debug)]
struct Files {
    /// Wall time at which the container began.
    since_ns: i64,
    /// Whether the container began long before it was looked at.
    was_there_before: bool,
    /// A file last changed up to this time cannot have been changed again with the same change time.
    settled_ns: i64,
    /// Inode at each path, by the path's hash. The hash is keyed: a container cannot choose paths that collide.
    inodes: HashMap<u64, u64>,
    /// Executables, libraries and scripts by inode.
    known: HashMap<u64, Known>,
    code: Room,
    scripts: Room,
    hasher: RandomState,
}

/// What of one kind of file was taken so far.
#[derive(Debug, Default)]
struct Room {
    files: usize,
    path_bytes: usize,
}

impl Room {
    /// Whether there is room for one more, which takes it.
    fn take(&mut self, path: &[u8]) -> bool {
        let has_room = self.files < BASELINE_PROGRAMS_MAX
            && self.path_bytes + path.len() <= BASELINE_PATH_BYTES_MAX;
        if has_room {
            self.files += 1;
            self.path_bytes += path.len();
        }
        has_room
    }
}

impl Files {
    /// Takes a file if it is older than the container. False if there is no more room.
    fn take(&mut self, file: &WalkedFile<'_>) -> bool {
        if !self.is_older(&file.facts) {
            return true;
        }
        if self.inodes.len() >= BASELINE_FILES_MAX {
            return false;
        }
        self.inodes
            .insert(self.path_hash(file.path), file.facts.ino);
        // What changed before the walk came by may hold anything by now: its path is known, its content is not.
        let is_unchanged = self.was_there_before || file.facts.ctime_ns <= self.since_ns;
        // A second name of a file that is known already takes no room.
        let is_taken = is_unchanged
            && !self.known.contains_key(&file.facts.ino)
            && ((may_be_code(file) && self.code.take(file.path))
                || (may_be_script(file) && self.scripts.take(file.path)));
        if is_taken {
            let known = Known {
                path: file.path.into(),
                facts: file.facts,
                sha256: None,
            };
            self.known.insert(file.facts.ino, known);
        }
        true
    }

    /// In a container that ran before the sensor, start-up scripts have long changed owners and modes of the image's
    /// files, which moves the change time. The modification time must do then, although the container can set it. One
    /// that has just begun may do the same before the walk comes by: there the file must be older than the container.
    fn is_older(&self, facts: &Facts) -> bool {
        let was_born_before = facts.born_ns.is_some_and(|born| born <= self.since_ns);
        facts.ctime_ns <= self.since_ns
            || ((self.was_there_before || was_born_before) && facts.mtime_ns <= self.since_ns)
    }

    fn path_hash(&self, path: &[u8]) -> u64 {
        self.hasher.hash_one(path)
    }

    /// Digest of what was at a path.
    fn digest(&self, path: &[u8]) -> Option<Sha256> {
        let ino = self.inodes.get(&self.path_hash(path))?;
        self.known.get(ino)?.sha256
    }

    /// The file itself, when it had another path. Times can be set, content that was read can not.
    fn find_renamed(&self, original: &Original<'_>, facts: &Facts) -> Option<&Known> {
        self.known.get(&facts.ino).filter(|known| {
            *known.path != *original.path
                && (known.facts.size, known.facts.mtime_ns) == (facts.size, facts.mtime_ns)
                && known.sha256.is_none_or(|digest| digest == original.sha256)
        })
    }

    /// A file that had the same content when it was read, whatever became of it.
    fn find_read(&self, original: &Original<'_>) -> Option<&Known> {
        let is_equal = |known: &&Known| known.sha256 == Some(original.sha256);
        let mut equal: Vec<&Known> = self.known.values().filter(is_equal).collect();
        equal.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        original.sort(&mut equal, |known| &known.path);
        equal.first().copied()
    }

    /// A file that was not read yet, has not changed, and has the same content.
    fn find_unread(
        &self,
        original: &Original<'_>,
        facts: &Facts,
        roots: &[OwnedFd],
        reader: &mut Reader,
    ) -> Option<&Known> {
        let mut candidates: Vec<&Known> = self
            .known
            .values()
            .filter(|known| {
                known.sha256.is_none()
                    && known.facts.size == original.size
                    && known.facts.ino != facts.ino
            })
            .collect();
        original.sort(&mut candidates, |known| &known.path);
        candidates.into_iter().take(CANDIDATES_MAX).find(|known| {
            roots
                .iter()
                .find_map(|root| known.find_unchanged(root))
                .is_some_and(|found| reader.digest_of_image_file(&found) == Ok(original.sha256))
        })
    }
}

/// Wall time a while ago, in nanoseconds since 1970.
fn ago_ns(time: Duration) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let ago = now.unwrap_or_default().saturating_sub(time);
    i64::try_from(ago.as_nanos()).unwrap_or(i64::MAX)
}
