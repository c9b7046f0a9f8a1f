//! Containers whose root is a plain directory.

use super::super::process::tests::key_of;
use super::whole::{CONTAINER, Fixture, file_facts, request};
use super::{TestDir, TestProcess, wait_until};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use yagura_event::{
    CgroupId, ContainerQuery, ContainerRoot, InspectionRequest, ProcessKey, Text, Twin,
};

/// A process whose root directory is a plain directory with busybox in it.
struct PlainRoot {
    process: TestProcess,
    dir: TestDir,
}

impl PlainRoot {
    fn new() -> PlainRoot {
        let dir = TestDir::new();
        std::fs::create_dir(dir.join("bin")).expect("directory");
        std::fs::copy("/bin/busybox", dir.join("bin/busybox")).expect("copy");
        std::fs::copy("/bin/ls", dir.join("bin/ls")).expect("copy");
        let mut command = Command::new("chroot");
        command
            .arg(dir.path())
            .args(["/bin/busybox", "sleep", "60"]);
        let process = TestProcess::spawn(&mut command);
        process.wait_for_exe(Path::new("bin/busybox"));
        PlainRoot { process, dir }
    }

    fn root(&self, since_ns: i64) -> ContainerRoot {
        let facts = file_facts(self.dir.path(), "/");
        ContainerRoot {
            dev: facts.key.id.dev,
            ino: facts.key.id.ino,
            overlay: false,
            since_ns,
        }
    }

    /// An inspector that was told of the container.
    fn fixture(&self, root: ContainerRoot) -> Fixture {
        let fixture = Fixture::new();
        fixture.inspector.take_baseline(&ContainerQuery {
            key: CONTAINER,
            cgroup: CgroupId(0),
            process: self.key(),
            root,
        });
        fixture
    }

    fn key(&self) -> ProcessKey {
        key_of(self.process.0.id())
    }

    fn request(&self, path: &str, root: ContainerRoot) -> InspectionRequest {
        InspectionRequest {
            file: file_facts(&self.dir.join(path.trim_start_matches('/')), path),
            root,
            ..request(self.process.0.id(), Path::new("/etc/passwd"))
        }
    }
}

fn now_ns() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(now.expect("time").as_nanos()).expect("time")
}

#[test]
fn a_plain_root_is_compared_with_what_it_held_at_first() {
    if !super::is_root("a_plain_root_is_compared_with_what_it_held_at_first") {
        return;
    }
    let plain = PlainRoot::new();
    let dir = &plain.dir;
    let root = plain.root(now_ns());
    let fixture = plain.fixture(root);
    let answer = |path: &str| fixture.ask(&plain.request(path, root));
    assert_eq!(answer("/bin/busybox").twin, Twin::Same);

    std::fs::write(dir.join("bin/new"), "#!/bin/sh\n").expect("write");
    let new = answer("/bin/new");
    assert_eq!((new.twin, new.copy_of), (Twin::Absent, None));

    std::fs::copy(dir.join("bin/busybox"), dir.join("bin/copy")).expect("copy");
    let copy = answer("/bin/copy");
    assert_eq!(
        (copy.twin, copy.copy_of),
        (Twin::Absent, Some("/bin/busybox".into()))
    );

    std::fs::rename(dir.join("bin/ls"), dir.join("bin/renamed")).expect("rename");
    let renamed = answer("/bin/renamed");
    assert_eq!(
        (renamed.twin, renamed.copy_of),
        (Twin::Absent, Some("/bin/ls".into()))
    );

    std::fs::copy("/bin/cat", dir.join("bin/ls")).expect("copy");
    let replaced = answer("/bin/ls");
    assert_eq!((replaced.twin, replaced.copy_of), (Twin::Different, None));

    // Appending changes the content of the renamed file.
    let mut content = std::fs::read(dir.join("bin/renamed")).expect("read");
    content.push(0);
    std::fs::write(dir.join("bin/renamed"), content).expect("write");
    assert_eq!(answer("/bin/renamed").copy_of, None);
}

#[test]
fn files_newer_than_the_container_are_not_in_its_baseline() {
    if !super::is_root("files_newer_than_the_container_are_not_in_its_baseline") {
        return;
    }
    let plain = PlainRoot::new();
    let before = now_ns() - 5_000_000_000;
    let fixture = Fixture::new();
    // Not announced: the first request begins the baseline itself.
    let request = plain.request("/bin/ls", plain.root(before));
    assert_eq!(fixture.ask(&request).twin, Twin::Absent);
    let undated = Fixture::new();
    let request = plain.request("/bin/ls", plain.root(0));
    assert_eq!(undated.ask(&request).twin, Twin::Unknown);
}

#[test]
fn metadata_changed_before_the_sensor_came_leaves_a_file_in_the_baseline() {
    let test = "metadata_changed_before_the_sensor_came_leaves_a_file_in_the_baseline";
    if !super::is_root(test) {
        return;
    }
    let plain = PlainRoot::new();
    let ls = std::fs::File::open(plain.dir.join("bin/ls")).expect("file");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(1000);
    ls.set_modified(long_ago).expect("time");
    let twin = |age_s: i64| {
        let request = plain.request("/bin/ls", plain.root(now_ns() - age_s * 1_000_000_000));
        Fixture::new().ask(&request).twin
    };
    assert_eq!(twin(100), Twin::Same);
    // A container that began just now was looked at from its beginning: only the change time counts.
    assert_eq!(twin(5), Twin::Absent);
    assert_eq!(twin(2000), Twin::Absent);
}

/// Sets a file's modification time to what it was, as an attacker would.
fn set_back(path: &Path, modified: std::time::SystemTime) {
    let file = std::fs::File::options().write(true).open(path);
    file.and_then(|file| file.set_modified(modified))
        .expect("time");
}

#[test]
fn what_was_read_in_time_is_known_again_whatever_happens_to_it() {
    let test = "what_was_read_in_time_is_known_again_whatever_happens_to_it";
    if !super::is_root(test) {
        return;
    }
    let plain = PlainRoot::new();
    let dir = &plain.dir;
    std::fs::write(dir.join("start.sh"), "echo start\n").expect("script");
    let root = plain.root(now_ns());
    let fixture = plain.fixture(root);
    let answer = |path: &str| {
        let answer = fixture.ask(&plain.request(path, root));
        assert_eq!(answer.error, None, "{path}");
        (answer.twin, answer.copy_of)
    };
    let own = |path: &str| Some(Text::from(path));
    // The largest is read last.
    wait_until(|| answer("/bin/busybox") == (Twin::Same, own("/bin/busybox")));

    let ls = std::fs::read(dir.join("bin/ls")).expect("ls");
    let modified = |path: &str| {
        let metadata = std::fs::metadata(dir.join(path)).expect("metadata");
        metadata.modified().expect("time")
    };
    let at_first = modified("bin/ls");
    set_back(&dir.join("bin/ls"), std::time::SystemTime::now());
    assert_eq!(answer("/bin/ls"), (Twin::Same, own("/bin/ls")), "touched");
    std::fs::write(dir.join("bin/ls"), &ls).expect("write");
    assert_eq!(answer("/bin/ls"), (Twin::Same, own("/bin/ls")), "rewritten");
    std::fs::copy(dir.join("bin/ls"), dir.join("new")).expect("copy");
    std::fs::rename(dir.join("new"), dir.join("bin/ls")).expect("rename");
    let replaced = (Twin::Different, own("/bin/ls"));
    assert_eq!(answer("/bin/ls"), replaced, "put back");

    // What ran was another content, put back before it was read.
    std::fs::write(dir.join("bin/ls"), "#!/bin/sh\n").expect("write");
    let ran = plain.request("/bin/ls", root);
    std::fs::write(dir.join("bin/ls"), &ls).expect("write");
    let answer_late = fixture.ask(&ran);
    assert_eq!((answer_late.error, answer_late.copy_of), (None, None));
    assert_eq!(answer("/bin/ls"), replaced);

    // The same inode and the same times with one other byte.
    let at_start = modified("start.sh");
    std::fs::write(dir.join("start.sh"), "echo smart\n").expect("write");
    set_back(&dir.join("start.sh"), at_start);
    assert_eq!(answer("/start.sh"), (Twin::Different, None), "modified");

    // The original of a copy may be gone.
    std::fs::rename(dir.join("bin/ls"), dir.join("copy")).expect("rename");
    std::fs::write(dir.join("bin/ls"), "#!/bin/sh\n").expect("write");
    assert_eq!(answer("/copy"), (Twin::Absent, own("/bin/ls")));
    let mut other = ls;
    other.push(0);
    std::fs::write(dir.join("copy"), other).expect("write");
    set_back(&dir.join("copy"), at_first);
    assert_eq!(answer("/copy"), (Twin::Absent, None));
}
