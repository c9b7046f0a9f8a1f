//! A directory for each test, and what was found in an archive.

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use yagura_scan::archive::{
    ArchiveGap, ArchiveLimits, ArchiveSink, RunBudget, UntilError, Visited, visit_archive,
};

/// A directory that is removed on drop.
#[derive(Debug)]
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> TestDir {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("yagura-scan-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("test directory");
        TestDir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a visit told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Paths, names joined by `!`, with the content.
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) gaps: Vec<(String, ArchiveGap)>,
    /// Bytes of members, of which only the first kilobyte is kept.
    pub(crate) bytes: u64,
}

impl Told {
    pub(crate) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(crate) fn content(&self, name: &str) -> &[u8] {
        let found = self.members.iter().find(|(found, _)| found == name);
        &found
            .unwrap_or_else(|| panic!("{name} in {:?}", self.names()))
            .1
    }

    pub(crate) fn gaps_of(&self, name: &str) -> Vec<&ArchiveGap> {
        let gaps = self.gaps.iter().filter(|(found, _)| found == name);
        gaps.map(|(_, gap)| gap).collect()
    }
}

fn joined(path: &[Vec<u8>]) -> String {
    let names: Vec<_> = path
        .iter()
        .map(|name| String::from_utf8_lossy(name))
        .collect();
    names.join("!")
}

impl ArchiveSink for Told {
    fn member(
        &mut self,
        path: &[Vec<u8>],
        _size: Option<u64>,
        content: &mut dyn Read,
    ) -> io::Result<()> {
        let mut content = UntilError::new(content);
        let mut kept = Vec::new();
        content.by_ref().take(1024).read_to_end(&mut kept)?;
        self.bytes += kept.len() as u64 + io::copy(&mut content, &mut io::sink())?;
        self.members.push((joined(path), kept));
        content.into_error().map_or(Ok(()), Err)
    }

    fn gap(&mut self, path: &[Vec<u8>], gap: ArchiveGap) {
        self.gaps.push((joined(path), gap));
    }
}

/// What is in a file of that name and content.
pub(crate) fn told_of(name: &str, content: &[u8]) -> Told {
    told_within(name, content, ArchiveLimits::default())
}

pub(crate) fn told_within(name: &str, content: &[u8], limits: ArchiveLimits) -> Told {
    let mut told = Told::default();
    let run = RunBudget::default();
    let visited = visit_archive(
        name.as_bytes(),
        &mut Cursor::new(content),
        limits,
        &run,
        &mut told,
    );
    assert_eq!(visited.expect("readable"), Visited::Archive);
    told
}
