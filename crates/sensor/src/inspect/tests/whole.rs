//! Requests in, answers out, on real processes and files.

use super::super::file::{Facts, Lookup, look_up, open_directory};
use super::super::process::tests::key_of;
use super::super::{Inspector, InspectorConfig};
use super::{TestDir, TestProcess, wait_until};
use crossbeam_channel::Receiver;
use rustix::fs::Mode;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use yagura_event::{
    CgroupId, ContainerKey, ContainerQuery, ContainerRoot, FileFacts, FileFlags, FileId, FileKey,
    Inspection, InspectionError, InspectionRequest, Text, Twin,
};

pub(super) const CONTAINER: ContainerKey = ContainerKey(1);

/// An inspector and its answers.
pub(super) struct Fixture {
    pub(super) inspector: Inspector,
    answers: Receiver<Inspection>,
}

impl Fixture {
    pub(super) fn new() -> Fixture {
        Fixture::with(InspectorConfig::default())
    }

    fn with(config: InspectorConfig) -> Fixture {
        let (sender, answers) = crossbeam_channel::unbounded();
        let inspector = Inspector::start(config, move |answer| {
            let _ = sender.send(answer);
        });
        Fixture {
            inspector: inspector.expect("a worker"),
            answers,
        }
    }

    fn next(&self) -> Inspection {
        let answer = self.answers.recv_timeout(Duration::from_secs(10));
        answer.expect("an answer in time")
    }

    pub(super) fn ask(&self, request: &InspectionRequest) -> Inspection {
        self.inspector.submit(request.clone()).expect("room");
        self.next()
    }
}

/// Facts as the kernel would report them.
pub(super) fn file_facts(host_path: &Path, path: &str) -> FileFacts {
    let handle = open_directory(Path::new("/")).expect("root");
    let path_bytes = host_path.as_os_str().as_encoded_bytes();
    let handle = look_up(handle, path_bytes, Lookup::InRoot).expect("file");
    let facts = Facts::of(handle).expect("facts");
    FileFacts {
        key: FileKey {
            id: FileId {
                dev: facts.dev,
                ino: facts.ino,
            },
            generation: 0,
            ctime_ns: facts.ctime_ns,
            size: facts.size,
        },
        mtime_ns: facts.mtime_ns,
        mode: facts.mode,
        links: facts.links,
        path: Text::from(path),
        ..FileFacts::default()
    }
}

/// A request about a file of the host, used by a process with the host's root.
pub(super) fn request(pid: u32, path: &Path) -> InspectionRequest {
    let file = file_facts(path, &path.to_string_lossy());
    InspectionRequest {
        token: 7,
        root: ContainerRoot {
            dev: file.key.id.dev,
            overlay: true,
            ..ContainerRoot::default()
        },
        file,
        pid,
        is_exe: false,
        start_ns: key_of(pid).start_ns,
        container: CONTAINER,
        layers: None,
        arguments: Vec::new(),
        cwd: Text::default(),
    }
}

fn own() -> u32 {
    std::process::id()
}

#[test]
fn a_program_is_read_through_its_process_although_it_was_deleted() {
    let dir = TestDir::new();
    let program = dir.join("program");
    std::fs::copy("/bin/sleep", &program).expect("copy");
    let process = TestProcess::spawn(Command::new(&program).arg("60"));
    process.wait_for_exe(&program);
    let mut request = request(process.0.id(), &program);
    request.is_exe = true;
    let fixture = Fixture::new();
    let answer = fixture.ask(&request);
    assert_eq!(
        (answer.token, answer.error, answer.deleted),
        (7, None, false)
    );
    assert!(answer.is_program && answer.head.starts_with(b"\x7fELF"));
    let sum = Command::new("sha256sum")
        .arg(&program)
        .output()
        .expect("sum");
    let digest = answer.sha256.expect("digest").to_string();
    assert!(sum.stdout.starts_with(digest.as_bytes()));
    std::fs::remove_file(&program).expect("remove");
    let answer = fixture.ask(&request);
    assert_eq!((answer.error, answer.deleted), (None, true));
    assert_eq!(answer.sha256.expect("digest").to_string(), digest);
}

#[test]
fn a_program_is_held_from_the_moment_it_is_asked_about() {
    let dir = TestDir::new();
    let program = dir.join("program");
    std::fs::copy("/bin/sleep", &program).expect("copy");
    // The worker is kept busy until the program is gone.
    let (go, gone) = crossbeam_channel::bounded::<()>(0);
    let (sender, answers) = crossbeam_channel::unbounded();
    let inspector = Inspector::start(InspectorConfig::default(), move |answer| {
        let _ = gone.recv();
        let _ = sender.send(answer);
    })
    .expect("a worker");
    inspector.submit(request(own(), &program)).expect("room");
    let process = TestProcess::spawn(Command::new(&program).arg("60"));
    process.wait_for_exe(&program);
    let mut late = request(process.0.id(), &program);
    (late.is_exe, late.token) = (true, 8);
    inspector.submit(late).expect("room");
    drop(process);
    std::fs::remove_file(&program).expect("remove");
    drop(go);
    let answer = answers.iter().find(|answer| answer.token == 8);
    let answer = answer.expect("an answer");
    assert!(answer.error.is_none() && answer.sha256.is_some() && answer.deleted);
}

#[test]
fn another_file_at_the_path_is_not_taken_for_the_one() {
    let dir = TestDir::new();
    let path = dir.join("script");
    std::fs::write(&path, "one").expect("write");
    let fixture = Fixture::new();
    let request = request(own(), &path);
    assert!(fixture.ask(&request).sha256.is_some());
    std::fs::write(dir.join("other"), "two").expect("write");
    std::fs::rename(dir.join("other"), &path).expect("rename");
    let answer = fixture.ask(&request);
    assert_eq!(
        (answer.error, answer.sha256),
        (Some(InspectionError::Replaced), None)
    );
    std::fs::remove_file(&path).expect("remove");
    assert_eq!(fixture.ask(&request).error, Some(InspectionError::Vanished));
}

#[test]
fn a_pipe_at_the_path_is_never_opened() {
    let dir = TestDir::new();
    let path = dir.join("script");
    std::fs::write(&path, "one").expect("write");
    let request = request(own(), &path);
    std::fs::remove_file(&path).expect("remove");
    let root = open_directory(dir.path()).expect("directory");
    rustix::fs::mkfifoat(&root, "script", Mode::RUSR | Mode::WUSR).expect("pipe");
    let answer = Fixture::new().ask(&request);
    assert_eq!(answer.error, Some(InspectionError::Replaced));
}

#[test]
fn a_process_with_another_start_time_is_not_read() {
    let dir = TestDir::new();
    let path = dir.join("f");
    std::fs::write(&path, "one").expect("write");
    let mut request = request(own(), &path);
    request.start_ns += 1_000_000_000;
    let fixture = Fixture::new();
    assert_eq!(fixture.ask(&request).error, Some(InspectionError::Vanished));
    // Another process of the container leads to its root just as well.
    fixture.inspector.take_baseline(&ContainerQuery {
        key: CONTAINER,
        cgroup: CgroupId(0),
        process: key_of(own()),
        root: ContainerRoot {
            overlay: true,
            ..ContainerRoot::default()
        },
    });
    assert!(fixture.ask(&request).sha256.is_some());
}

#[test]
fn a_file_without_a_name_is_found_among_descriptors() {
    let fixture = Fixture::new();
    let memory = rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::CLOEXEC).expect("memfd");
    rustix::io::write(&memory, b"#!/bin/sh\n").expect("write");
    let link = rustix::fd::AsRawFd::as_raw_fd(&memory);
    let facts = Facts::of(&memory).expect("facts");
    let mut request = request(own(), Path::new("/etc/passwd"));
    request.file.key = FileKey {
        id: FileId {
            dev: facts.dev,
            ino: facts.ino,
        },
        generation: 0,
        ctime_ns: facts.ctime_ns,
        size: facts.size,
    };
    request.file.flags = FileFlags(FileFlags::MEMFD | FileFlags::DELETED);
    request.file.path = Text::from("x");
    let answer = fixture.ask(&request);
    assert_eq!(
        (answer.error, answer.deleted),
        (None, false),
        "descriptor {link}"
    );
    assert_eq!(answer.head, b"#!/bin/sh\n");
    assert_eq!(answer.twin, Twin::Absent);
    drop(memory);
    assert_eq!(fixture.ask(&request).error, Some(InspectionError::Vanished));
}

#[test]
fn a_deleted_library_is_found_among_mappings() {
    if !super::is_root("a_deleted_library_is_found_among_mappings") {
        return;
    }
    let dir = TestDir::new();
    let program = dir.join("program");
    std::fs::copy("/bin/sleep", &program).expect("copy");
    let process = TestProcess::spawn(Command::new(&program).arg("60"));
    process.wait_for_exe(&program);
    let request = request(process.0.id(), &program);
    std::fs::remove_file(&program).expect("remove");
    let answer = Fixture::new().ask(&request);
    assert_eq!((answer.error, answer.deleted), (None, true));
}

#[test]
fn an_argument_names_the_file_through_links_and_relative_paths() {
    let dir = TestDir::new();
    let path = dir.join("script");
    std::fs::write(&path, "#!/bin/sh\n").expect("write");
    symlink("script", dir.join("link")).expect("link");
    symlink("script", dir.join("-script")).expect("link");
    std::fs::write(dir.join("other"), "#!/bin/sh\n").expect("write");
    let fixture = Fixture::new();
    let named = |arguments: &[&str]| {
        let mut request = request(own(), &path);
        request.cwd = Text::from(dir.path().as_os_str().as_encoded_bytes());
        request.arguments = arguments.iter().map(|a| Text::from(*a)).collect();
        fixture.ask(&request).named_by_argument
    };
    assert!(named(&["link"]));
    assert!(named(&["-x", "./nowhere", "../missing", "./script"]));
    assert!(named(&[&path.to_string_lossy()]));
    assert!(!named(&["-script", "other", ""]));
    assert!(!named(&[]));
    let many = vec!["other"; super::super::limits::ARGUMENTS_MAX];
    assert!(!named(&[many.as_slice(), &["script"]].concat()));
}

#[test]
fn a_script_is_named_although_its_interpreter_has_ended() {
    let dir = TestDir::new();
    let path = dir.join("script");
    std::fs::write(&path, "#!/bin/sh\n").expect("write");
    let (go, gone) = crossbeam_channel::bounded::<()>(0);
    let (sender, answers) = crossbeam_channel::unbounded();
    let inspector = Inspector::start(InspectorConfig::default(), move |answer| {
        let _ = gone.recv();
        let _ = sender.send(answer);
    })
    .expect("a worker");
    inspector.submit(request(own(), &path)).expect("room");
    let process = TestProcess::spawn(Command::new("/bin/sleep").arg("60"));
    let mut late = request(process.0.id(), &path);
    late.arguments = vec![Text::from(&*path.to_string_lossy())];
    late.token = 8;
    late.container = ContainerKey(2);
    inspector.submit(late).expect("room");
    drop(process);
    drop(go);
    let answer = answers.iter().find(|answer| answer.token == 8);
    let answer = answer.expect("an answer");
    assert!(answer.named_by_argument && answer.sha256.is_some());
}

#[test]
fn too_many_requests_are_refused_and_stopping_is_quick() {
    let (go, gone) = crossbeam_channel::bounded::<()>(0);
    let config = InspectorConfig {
        queue_max: 2,
        ..InspectorConfig::default()
    };
    let (reached_in, reached) = crossbeam_channel::unbounded();
    let inspector = Inspector::start(config, move |_| {
        let _ = reached_in.send(());
        let _ = gone.recv();
    })
    .expect("a worker");
    let request = request(own(), Path::new("/etc/passwd"));
    inspector.submit(request.clone()).expect("room");
    reached.recv().expect("the worker is busy");
    inspector.submit(request.clone()).expect("room");
    inspector.submit(request.clone()).expect("room");
    let refused = inspector.submit(request).expect_err("full");
    assert_eq!(
        (refused.token, refused.error),
        (7, Some(InspectionError::QueueFull))
    );
    drop(go);
    let began = Instant::now();
    drop(inspector);
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_busy_worker_stops_in_time() {
    let dir = TestDir::new();
    let path = dir.join("big");
    let file = std::fs::File::create(&path).expect("create");
    file.set_len(16 << 30).expect("length");
    let config = InspectorConfig {
        hash_bytes_max: u64::MAX,
        ..InspectorConfig::default()
    };
    let fixture = Fixture::with(config);
    fixture
        .inspector
        .submit(request(own(), &path))
        .expect("room");
    wait_until(|| {
        fixture
            .inspector
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.is_empty())
    });
    let began = Instant::now();
    drop(fixture);
    assert!(began.elapsed() < Duration::from_secs(1));
}
