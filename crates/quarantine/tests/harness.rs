//! A store and a root directory for each test.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use yagura_event::WallTime;
use yagura_quarantine::{Item, ItemId, Limits, Note, Source, Store, Target};

/// A directory with a store and a root, removed on drop.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("yagura-quarantine-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("root/dir")).expect("directories");
        Place(path)
    }

    /// A path below the root.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.join("root").join(path.trim_start_matches('/'))
    }

    /// A path outside of it.
    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) {
        std::fs::write(self.at(path), content).expect("a file");
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(crate) fn store(&self) -> Store {
        self.store_with(Limits::default())
    }

    pub(crate) fn store_with(&self, limits: Limits) -> Store {
        Store::open(&self.store_path(), limits).expect("a store")
    }

    pub(crate) fn root(&self) -> OwnedFd {
        open_directory(&self.0.join("root"))
    }

    pub(crate) fn source(&self, path: &str) -> Source {
        Source::open(self.root(), path.as_bytes(), None).expect("a source")
    }

    /// Takes a file that must be taken.
    pub(crate) fn take(&self, store: &Store, path: &str) -> Item {
        store.put(&self.source(path), &note()).expect("taken")
    }

    pub(crate) fn target(&self, path: Option<&str>) -> Target {
        Target {
            root: self.root(),
            path: path.map(|path| path.as_bytes().to_vec()),
        }
    }

    /// The file of an item in the store.
    pub(crate) fn item_path(&self, id: ItemId) -> PathBuf {
        self.store_path().join(format!("{id}.item"))
    }

    /// Names in a directory below the root, sorted.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.at(path)).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn open_directory(path: &Path) -> OwnedFd {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).expect("a directory")
}

pub(crate) fn note() -> Note {
    Note {
        time: WallTime(1_700_000_000_000_000_000),
        reason: "a test".to_owned(),
        finding: None,
    }
}
