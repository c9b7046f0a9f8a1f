//! The Debian root file system is there once asked for, and stays.

use crate::AnyError;
use libtest_mimic::Trial;
use std::path::Path;
use std::sync::OnceLock;
use yagura_rehearsal::debian::{DebianRoot, PACKAGE_DIR, Progress, default_cache};

/// One for all tests.
static ROOT: OnceLock<DebianRoot> = OnceLock::new();

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("debian::root_is_kept", || Ok(root_is_kept()?))]
}

/// Whether one is kept here, or can be built.
pub(crate) fn possible() -> bool {
    let kept = std::fs::read_dir(default_cache())
        .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()));
    kept || Path::new("/usr/bin/mmdebstrap").exists()
}

/// The root file system, built by whoever comes first.
pub(crate) fn root() -> &'static DebianRoot {
    let say = &mut |progress| eprintln!("Debian root file system: {progress:?}");
    ROOT.get_or_init(|| DebianRoot::prepare(&default_cache(), say).unwrap())
}

fn root_is_kept() -> Result<(), AnyError> {
    let first = root();
    assert!(first.path().join("usr/bin/psql").exists());
    let spare = first.path().join(PACKAGE_DIR.trim_start_matches('/'));
    assert!(spare.join("Packages").exists());
    let mut told = Vec::new();
    let again = DebianRoot::prepare(&default_cache(), &mut |progress| told.push(progress))?;
    assert_eq!(again.path(), first.path());
    assert_eq!(told, [Progress::Ready { built_in: None }]);
    Ok(())
}
