//! What a container's root directory held when the container began, where it is no overlay: there are no layers to
//! compare with, so the files that are older than the container are remembered by path and inode.

use super::copies::{Original, may_be_code};
use super::file::{Facts, Found, Lookup, look_up};
use super::hash::Reader;
use super::limits::{
    BASELINE_FILES_MAX, BASELINE_PATH_BYTES_MAX, BASELINE_PROGRAMS_MAX, BASELINES_MAX,
    CANDIDATES_MAX, OLDER_AFTER,
};
use super::recent::Recent;
use super::walk::{Allowance, Progress, Walk, WalkedFile};
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use yagura_event::{ContainerKey, ContainerRoot, Text, Twin};

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
        let is_root = Facts::of(&directory).is_ok_and(|facts| facts.ino == root.ino);
        // Without a time nothing can be told from what came later.
        if is_root && root.since_ns > 0 && !self.has(key) {
            self.recent
                .insert(key, Baseline::new(root.since_ns, directory));
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
}

/// The files of one root directory.
#[derive(Debug)]
pub(super) struct Baseline {
    /// Under way until the walk is over.
    walk: Option<Walk>,
    allowance: Allowance,
    files: Files,
    is_complete: bool,
}

impl Baseline {
    fn new(since_ns: i64, root: OwnedFd) -> Baseline {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let older_than = now
            .unwrap_or_default()
            .saturating_sub(OLDER_AFTER)
            .as_nanos();
        Baseline {
            walk: Some(Walk::new(root)),
            allowance: Allowance::default(),
            files: Files {
                since_ns,
                was_there_before: u128::try_from(since_ns).is_ok_and(|since| since < older_than),
                inodes: HashMap::new(),
                programs: HashMap::new(),
                path_bytes: 0,
                hasher: RandomState::new(),
            },
            is_complete: false,
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
        }
        if progress == Progress::CutShort {
            tracing::debug!("root directory of a container is known in part only");
        }
    }

    /// What the root directory had at the path when the container began, compared by inode.
    pub(super) fn twin(&self, path: &[u8], ino: u64) -> Twin {
        match self.files.inodes.get(&self.files.path_hash(path)) {
            Some(known) if *known == ino => Twin::Same,
            Some(_) => Twin::Different,
            None if self.is_complete => Twin::Absent,
            None => Twin::Unknown,
        }
    }

    /// Path that the file had when the container began, if it was renamed or linked and not written to since; else
    /// the path of another file of that time with the same content. `roots` are directories to look below.
    pub(super) fn find_copied(
        &self,
        original: &Original<'_>,
        facts: &Facts,
        roots: &[OwnedFd],
        reader: &mut Reader,
    ) -> Option<Text> {
        let same_inode = self.files.programs.get(&facts.ino);
        if let Some(known) = same_inode
            && *known.path != *original.path
            && (known.size, known.mtime_ns) == (facts.size, facts.mtime_ns)
        {
            return Some(Text::from(&*known.path));
        }
        let mut candidates: Vec<(u64, &Known)> = self
            .files
            .programs
            .iter()
            .filter(|(ino, known)| known.size == original.size && **ino != facts.ino)
            .map(|(ino, known)| (*ino, known))
            .collect();
        original.sort(&mut candidates, |(_, known)| &known.path);
        candidates
            .into_iter()
            .take(CANDIDATES_MAX)
            .find(|(ino, known)| {
                roots
                    .iter()
                    .find_map(|root| known.find_unchanged(*ino, root))
                    .is_some_and(|found| reader.digest_of_image_file(&found) == Ok(original.sha256))
            })
            .map(|(_, known)| Text::from(&*known.path))
    }
}

/// The files found, within bounds.
#[derive(Debug)]
struct Files {
    /// Wall time at which the container began.
    since_ns: i64,
    /// Whether the container began long before it was looked at.
    was_there_before: bool,
    /// Inode at each path, by the path's hash. The hash is keyed: a container cannot choose paths that collide.
    inodes: HashMap<u64, u64>,
    /// Executables and libraries by inode.
    programs: HashMap<u64, Known>,
    path_bytes: usize,
    hasher: RandomState,
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
        let has_room = self.programs.len() < BASELINE_PROGRAMS_MAX
            && self.path_bytes + file.path.len() <= BASELINE_PATH_BYTES_MAX;
        if may_be_code(file) && has_room {
            self.path_bytes += file.path.len();
            self.programs.entry(file.facts.ino).or_insert(Known {
                path: file.path.into(),
                size: file.facts.size,
                ctime_ns: file.facts.ctime_ns,
                mtime_ns: file.facts.mtime_ns,
            });
        }
        true
    }

    /// In a container that ran before the sensor, start-up scripts have long changed owners and modes of the image's
    /// files, which moves the change time. The modification time must do then, although the container can set it.
    fn is_older(&self, facts: &Facts) -> bool {
        facts.ctime_ns <= self.since_ns
            || (self.was_there_before && facts.mtime_ns <= self.since_ns)
    }

    fn path_hash(&self, path: &[u8]) -> u64 {
        self.hasher.hash_one(path)
    }
}

/// An executable or library of a baseline.
#[derive(Debug)]
struct Known {
    path: Box<[u8]>,
    size: u64,
    ctime_ns: i64,
    mtime_ns: i64,
}

impl Known {
    /// Finds the file at its path if nothing about it has changed.
    fn find_unchanged(&self, ino: u64, root: &OwnedFd) -> Option<Found> {
        let found = Found::new(look_up(root, &self.path, Lookup::NoLinks).ok()?).ok()?;
        let facts = &found.facts;
        ((facts.ino, facts.size, facts.ctime_ns) == (ino, self.size, self.ctime_ns))
            .then_some(found)
    }
}
