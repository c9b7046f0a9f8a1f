//! Trees as somebody may leave them.

use crate::harness::TestDir;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use yagura_scan::walk::{DEPTH_MAX, Visit, Walk, WalkGap, WalkOptions};

/// Paths below `dir`, each with a gap if it is one, and the walk itself.
fn walked(
    dir: &Path,
    targets: Vec<PathBuf>,
    options: WalkOptions,
) -> (Vec<(String, Option<WalkGap>)>, Walk) {
    let mut walk = Walk::new(targets, options);
    let shown = |path: &[u8]| {
        let prefix = dir.as_os_str().as_bytes();
        yagura_event::escape(path.strip_prefix(prefix).unwrap_or(path)).into_owned()
    };
    let mut visits = Vec::new();
    for visit in walk.by_ref() {
        visits.push(match visit {
            Visit::File(file) => (shown(file.path()), None),
            Visit::Gap { path, gap } => (shown(&path), Some(gap)),
        });
    }
    (visits, walk)
}

fn files(dir: &TestDir) -> Vec<String> {
    let (visits, _) = walked(
        dir.path(),
        vec![dir.path().to_owned()],
        WalkOptions::default(),
    );
    assert!(visits.iter().all(|(_, gap)| gap.is_none()), "{visits:?}");
    visits.into_iter().map(|(path, _)| path).collect()
}

fn write(dir: &TestDir, names: &[&str]) {
    for name in names {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        std::fs::write(path, name).expect("a file");
    }
}

#[test]
fn files_come_in_the_order_of_names() {
    let dir = TestDir::new();
    write(&dir, &["b/2", "b/10", "a", "c", "b.x", "B"]);
    assert_eq!(files(&dir), ["/B", "/a", "/b/10", "/b/2", "/b.x", "/c"]);
}

#[test]
fn special_files_are_passed_over_and_counted() {
    let dir = TestDir::new();
    write(&dir, &["file"]);
    mkfifoat(CWD, dir.join("pipe"), Mode::RUSR | Mode::WUSR).expect("pipe");
    let _socket = UnixListener::bind(dir.join("socket")).expect("socket");
    symlink("file", dir.join("link")).expect("link");
    symlink("gone", dir.join("dangling")).expect("link");
    let (visits, walk) = walked(
        dir.path(),
        vec![dir.path().to_owned()],
        WalkOptions::default(),
    );
    assert_eq!(visits.len(), 1, "{visits:?}");
    let skipped = walk.skipped();
    assert_eq!((skipped.special, skipped.links), (2, 2));
}

#[test]
fn links_that_lead_in_circles_are_not_followed() {
    let dir = TestDir::new();
    write(&dir, &["a/b/file"]);
    symlink("..", dir.join("a/b/up")).expect("link");
    symlink(dir.path(), dir.join("a/b/top")).expect("link");
    symlink("self", dir.join("self")).expect("link");
    assert_eq!(files(&dir), ["/a/b/file"]);
}

#[test]
fn a_named_link_is_followed() {
    let dir = TestDir::new();
    write(&dir, &["real/file"]);
    symlink("real", dir.join("link")).expect("link");
    symlink("real/file", dir.join("direct")).expect("link");
    let targets = vec![dir.join("link"), dir.join("direct")];
    let (visits, _) = walked(dir.path(), targets, WalkOptions::default());
    let paths: Vec<&str> = visits.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/link/file", "/direct"]);
}

#[test]
fn named_paths_that_are_no_files_are_gaps() {
    let dir = TestDir::new();
    mkfifoat(CWD, dir.join("pipe"), Mode::RUSR | Mode::WUSR).expect("pipe");
    let targets = vec![
        dir.join("pipe"),
        dir.join("none"),
        PathBuf::from("/dev/null"),
    ];
    let (visits, _) = walked(dir.path(), targets, WalkOptions::default());
    assert!(matches!(
        visits[0].1,
        Some(WalkGap::Special { kind: "a FIFO" })
    ));
    assert!(matches!(visits[1].1, Some(WalkGap::Unreadable(_))));
    assert!(matches!(visits[2].1, Some(WalkGap::Special { .. })));
}

#[test]
fn names_may_be_any_bytes() {
    let dir = TestDir::new();
    for name in [b"a\nb".as_slice(), b"\xff\xfe", b"\x1b[2J"] {
        std::fs::write(dir.path().join(OsStr::from_bytes(name)), "x").expect("a file");
    }
    assert_eq!(files(&dir), ["/\\x1b[2J", "/a\\nb", "/\\xff\\xfe"]);
}

#[test]
fn a_file_with_several_names_comes_once() {
    let dir = TestDir::new();
    write(&dir, &["a"]);
    for name in ["b", "c"] {
        std::fs::hard_link(dir.join("a"), dir.join(name)).expect("link");
    }
    let (visits, walk) = walked(
        dir.path(),
        vec![dir.path().to_owned()],
        WalkOptions::default(),
    );
    assert_eq!(visits.len(), 1);
    assert_eq!(walk.skipped().other_names, 2);
}

#[test]
fn pseudo_file_systems_are_entered_only_if_named() {
    let dir = TestDir::new();
    let stays = || WalkOptions {
        // Without /proc/self, whose threads come and go.
        excludes: Some(Box::new(|path: &[u8]| {
            path.starts_with(b"/proc/")
                && path != b"/proc/sys"
                && !path.starts_with(b"/proc/sys/kernel")
        })),
        ..WalkOptions::default()
    };
    let (visits, _) = walked(dir.path(), vec![PathBuf::from("/proc")], stays());
    assert!(
        visits
            .iter()
            .any(|(path, _)| path.starts_with("/proc/sys/kernel/"))
    );
    let only_proc = WalkOptions {
        excludes: Some(Box::new(|path: &[u8]| {
            path != b"/proc" && !path.starts_with(b"/proc/")
        })),
        ..WalkOptions::default()
    };
    let (visits, walk) = walked(dir.path(), vec![PathBuf::from("/")], only_proc);
    assert!(visits.is_empty(), "{visits:?}");
    assert_eq!(walk.skipped().file_systems, 1);
}

#[test]
fn excluded_paths_are_left_out_with_all_below() {
    let dir = TestDir::new();
    write(&dir, &["keep/a", "skip/b", "skip/c/d"]);
    let options = WalkOptions {
        excludes: Some(Box::new(|path: &[u8]| path.ends_with(b"/skip"))),
        ..WalkOptions::default()
    };
    let (visits, walk) = walked(dir.path(), vec![dir.path().to_owned()], options);
    assert_eq!(visits.len(), 1);
    assert_eq!((walk.skipped().excluded, walk.skipped().total()), (1, 1));
}

#[test]
fn a_tree_deeper_than_any_path_is_left_at_some_depth() {
    let dir = TestDir::new();
    let name = "x".repeat(200);
    let mut at =
        rustix::fs::open(dir.path(), rustix::fs::OFlags::DIRECTORY, Mode::empty()).expect("open");
    for _ in 0..DEPTH_MAX + 10 {
        rustix::fs::mkdirat(&at, &name, Mode::RWXU).expect("directory");
        at = rustix::fs::openat(&at, &name, rustix::fs::OFlags::DIRECTORY, Mode::empty())
            .expect("open");
    }
    let (visits, _) = walked(
        dir.path(),
        vec![dir.path().to_owned()],
        WalkOptions::default(),
    );
    assert_eq!(visits.len(), 1);
    assert!(matches!(visits[0].1, Some(WalkGap::TooDeep)));
}

#[test]
fn many_files_in_one_directory_all_come() {
    let dir = TestDir::new();
    for number in 0..20_000 {
        std::fs::write(dir.join(&number.to_string()), "").expect("a file");
    }
    assert_eq!(files(&dir).len(), 20_000);
}

#[test]
fn a_file_that_vanished_after_it_was_found_is_still_read() {
    let dir = TestDir::new();
    write(&dir, &["a", "b"]);
    let mut walk = Walk::new([dir.path().to_owned()], WalkOptions::default());
    let Some(Visit::File(file)) = walk.next() else {
        panic!("a file");
    };
    std::fs::remove_file(dir.join("a")).expect("removed");
    std::fs::remove_file(dir.join("b")).expect("removed");
    let mut content = String::new();
    file.open()
        .expect("open")
        .read_to_string(&mut content)
        .expect("read");
    assert_eq!((content.as_str(), file.size()), ("a", 1));
    assert!(walk.next().is_none());
}
