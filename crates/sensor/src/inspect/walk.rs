//! A walk through a directory tree that stays on its mount, within bounds, and can be done in slices.

use super::file::Facts;
use super::limits::{
    PATH_BYTES_MAX, WALK_ENTRIES_MAX, WALK_PATH_BYTES_MAX, WALK_TIME_MAX, WALK_WAIT_MAX,
};
use rustix::fd::OwnedFd;
use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags, openat2};
use std::time::{Duration, Instant};

/// A regular file that a walk came upon.
#[derive(Debug)]
pub(crate) struct WalkedFile<'a> {
    /// Path from the root, with a leading slash.
    pub(crate) path: &'a [u8],
    /// Its facts.
    pub(crate) facts: Facts,
}

/// How far a walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more.
    Unfinished,
    /// Everything was seen.
    Complete,
    /// A bound was met; the rest is not seen.
    CutShort,
}

/// What a whole walk may cost; several walks may share it.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    entries: usize,
    time: Duration,
    wait: Duration,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance {
            entries: WALK_ENTRIES_MAX,
            time: WALK_TIME_MAX,
            wait: WALK_WAIT_MAX,
        }
    }
}

impl Allowance {
    /// How long a request may wait for the walk: once the requests together have waited their share, the walk goes on
    /// only while nothing else is to be done.
    pub(crate) fn wait_until(&self) -> Instant {
        Instant::now() + self.wait
    }

    /// Notes that a request has waited until now since `began`.
    pub(crate) fn waited_since(&mut self, began: Instant) {
        self.wait = self.wait.saturating_sub(began.elapsed());
    }

    fn is_used_up(&self) -> bool {
        self.entries == 0 || self.time.is_zero()
    }
}

/// A walk under way. Directories are opened by their path from the root, so that depth costs no descriptors.
#[derive(Debug)]
pub(crate) struct Walk {
    root: OwnedFd,
    /// Directories still to be read, with a leading slash, the root being empty.
    waiting: Vec<Vec<u8>>,
    waiting_bytes: usize,
    current: Option<(Dir, Vec<u8>)>,
    is_cut: bool,
}

impl Walk {
    /// Begins a walk below `root`, for which `O_PATH` is enough.
    pub(crate) fn new(root: OwnedFd) -> Walk {
        Walk {
            root,
            waiting: vec![Vec::new()],
            waiting_bytes: 0,
            current: None,
            is_cut: false,
        }
    }

    /// Goes on until `until`, handing every regular file to `take`, which says whether it wants more.
    pub(crate) fn advance(
        &mut self,
        allowance: &mut Allowance,
        until: Instant,
        mut take: impl FnMut(&WalkedFile<'_>) -> bool,
    ) -> Progress {
        let began = Instant::now();
        let progress = loop {
            if Instant::now() >= until {
                break Progress::Unfinished;
            }
            if allowance.is_used_up() || began.elapsed() >= allowance.time {
                break Progress::CutShort;
            }
            if self.current.is_none() && !self.next_directory() {
                break match self.is_cut {
                    true => Progress::CutShort,
                    false => Progress::Complete,
                };
            }
            allowance.entries -= 1;
            if !self.next_entry(&mut take) {
                break Progress::CutShort;
            }
        };
        allowance.time = allowance.time.saturating_sub(began.elapsed());
        progress
    }

    /// Opens the next directory; one that vanished or cannot be read is left out. False if there is none.
    fn next_directory(&mut self) -> bool {
        while let Some(path) = self.waiting.pop() {
            self.waiting_bytes -= path.len();
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // Another mount is another place: a volume, or the host's /proc.
            let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
            let relative = match path.strip_prefix(b"/") {
                Some(relative) => relative,
                None => b".",
            };
            let opened = openat2(&self.root, relative, flags, Mode::empty(), resolve);
            if let Ok(directory) = opened.and_then(Dir::new) {
                self.current = Some((directory, path));
                return true;
            }
        }
        false
    }

    /// Looks at one entry. False if `take` wants no more.
    fn next_entry(&mut self, take: &mut impl FnMut(&WalkedFile<'_>) -> bool) -> bool {
        let Some((directory, parent)) = &mut self.current else {
            return true;
        };
        let Some(Ok(entry)) = directory.read() else {
            self.current = None;
            return true;
        };
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            return true;
        }
        let kind = entry.file_type();
        if !matches!(
            kind,
            FileType::RegularFile | FileType::Directory | FileType::Unknown
        ) {
            return true;
        }
        let path = [parent.as_slice(), b"/", name].concat();
        if path.len() > PATH_BYTES_MAX {
            self.is_cut = true;
            return true;
        }
        if kind == FileType::Directory {
            self.wait(path);
            return true;
        }
        let facts = directory
            .fd()
            .and_then(|fd| Facts::of_entry(fd, entry.file_name()));
        match facts {
            Ok(facts) if facts.is_directory() => self.wait(path),
            Ok(facts) if facts.is_regular() => return take(&WalkedFile { path: &path, facts }),
            // Gone meanwhile.
            Ok(_) | Err(_) => {}
        }
        true
    }

    fn wait(&mut self, path: Vec<u8>) {
        if self.waiting_bytes + path.len() > WALK_PATH_BYTES_MAX {
            self.is_cut = true;
            return;
        }
        self.waiting_bytes += path.len();
        self.waiting.push(path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::open_directory;
    use super::super::tests::TestDir;
    use super::*;
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn tree() -> TestDir {
        let dir = TestDir::new();
        std::fs::create_dir_all(dir.join("a/b/c")).expect("directories");
        for file in ["1", "a/2", "a/b/c/3"] {
            std::fs::write(dir.join(file), file).expect("file");
        }
        symlink("/etc", dir.join("a/etc")).expect("link");
        symlink("1", dir.join("a/one")).expect("link");
        dir
    }

    fn text(path: &[u8]) -> String {
        String::from_utf8_lossy(path).into_owned()
    }

    #[test]
    fn every_regular_file_is_met_and_no_link_followed() {
        let dir = tree();
        let mut walk = Walk::new(open_directory(dir.path()).expect("root"));
        let mut seen = BTreeSet::new();
        let progress = walk.advance(&mut Allowance::default(), later(), |file| {
            seen.insert((text(file.path), file.facts.size))
        });
        assert_eq!(progress, Progress::Complete);
        let expected = [("/1", 1), ("/a/2", 3), ("/a/b/c/3", 7)];
        assert_eq!(
            seen,
            expected.map(|(path, size)| (path.to_owned(), size)).into()
        );
    }

    #[test]
    fn a_walk_can_be_done_in_slices_and_is_bounded() {
        let dir = tree();
        let mut walk = Walk::new(open_directory(dir.path()).expect("root"));
        let mut allowance = Allowance::default();
        let none = walk.advance(&mut allowance, Instant::now(), |_| panic!("no time"));
        assert_eq!(none, Progress::Unfinished);
        allowance.entries = 2;
        let mut seen = 0;
        let cut = walk.advance(&mut allowance, later(), |_| {
            seen += 1;
            true
        });
        assert_eq!(cut, Progress::CutShort);
        assert!(seen <= 2);
        allowance.entries = 100;
        let rest = walk.advance(&mut allowance, later(), |_| {
            seen += 1;
            true
        });
        assert_eq!((rest, seen), (Progress::Complete, 3));
        let mut refused = Walk::new(open_directory(dir.path()).expect("root"));
        let progress = refused.advance(&mut Allowance::default(), later(), |_| false);
        assert_eq!(progress, Progress::CutShort);
    }
}
