//! `bpf/programs/written.bpf.c`: files that a container's processes had open for writing, at their last close.

use super::cases;
use crate::observed::Observed;
use crate::proc::{Proc, assert_is_file};
use crate::world::{ACT, Scene, World, token};
use std::sync::{Arc, OnceLock};
use yagura_event::{
    Base, BaseFlags, DropPlace, DropReason, ExecEvent, FileFlags, KernelEvent, ProcessKey,
    WrittenEvent,
};
use yagura_kernel::{CallBudget, Observer};

cases![
    every_field_of_a_written_file,
    wherever_a_file_stands,
    the_image_s_file_is_told_as_the_copy_it_has_become,
    the_last_close_alone_is_told,
    who_dies_closes,
    the_end_of_a_mapping_closes,
    what_was_in_flight_is_told_of_its_container,
    threads_of_io_uring_close_for_their_process,
    opened_is_enough,
    what_nobody_needs_to_read_is_not_told,
    another_writer_is_told_apart,
    paths_are_those_of_the_namespace,
    a_storm_is_bounded_and_counted,
    nothing_is_told_until_it_is_wanted,
];

static WANTED: OnceLock<Arc<Observed>> = OnceLock::new();

fn want(observer: &Observer) {
    observer.set_written(true).unwrap();
}

/// The scene as seen by an observer that wants written files.
fn wanted(scene: Scene) -> Scene {
    scene.seen_by(WANTED.get_or_init(|| Observed::start_with(want).unwrap()))
}

/// Written files of which `is_meant`.
fn told(scene: &Scene, is_meant: impl Fn(&WrittenEvent) -> bool) -> Vec<WrittenEvent> {
    scene.all(|event| match event {
        KernelEvent::Written(written) if is_meant(written) => Some((**written).clone()),
        _ => None,
    })
}

/// Runs acts; returns their program and the files that it has written.
fn written(scene: &Scene, acts: &str) -> (ExecEvent, Vec<WrittenEvent>) {
    let exec = scene.act(acts);
    let told = told(scene, |written| written.base.program == exec.base.program);
    (exec, told)
}

/// Paths and sizes.
fn sizes(told: &[WrittenEvent]) -> Vec<(String, u64)> {
    told.iter()
        .map(|written| {
            (
                written.file.path.escaped().into_owned(),
                written.file.key.size,
            )
        })
        .collect()
}

/// A path that nobody else uses.
fn path() -> String {
    format!("/tmp/{}", token())
}

fn every_field_of_a_written_file() {
    for (scene, flags) in [
        (
            World::get().overlay(),
            FileFlags::OVERLAY | FileFlags::UPPER,
        ),
        (World::get().plain(), FileFlags::BELOW_ROOT),
    ] {
        let scene = wanted(scene);
        let path = path();
        let (exec, told) = written(&scene, &format!("write 0x200 {path} text"));
        let [written] = &told[..] else {
            panic!("{told:?}")
        };
        let time = written.base.time;
        assert!(time > exec.base.time);
        assert_eq!(written.base, Base { time, ..exec.base });
        assert_eq!(written.root, exec.root);
        assert_eq!(sizes(&told), [(path.clone(), 4)]);
        assert_eq!(written.file.flags, FileFlags(flags));
        let root = Proc::of(scene.container.first_pid());
        assert_is_file(&written.file, &root.root(&path));
        let writer = written.file.writer.unwrap();
        assert_eq!(writer.program, exec.base.program);
        assert!(exec.base.time < writer.time && writer.time < time);
    }
}

fn wherever_a_file_stands() {
    let scene = wanted(World::get().overlay());
    for dir in ["/volume", "/dev/shm"] {
        let path = format!("{dir}/{}", token());
        let (exec, told) = written(&scene, &format!("write 0 {path} text"));
        assert_eq!(sizes(&told), [(path, 4)]);
        let flags = told[0].file.flags;
        assert_eq!(flags, FileFlags(FileFlags::OTHER_MOUNT));
        assert_eq!(told[0].root, exec.root);
    }
}

fn the_image_s_file_is_told_as_the_copy_it_has_become() {
    let scene = wanted(World::get().start(|_| {}));
    let path = "/usr/bin/shipped-spare";
    let (_, told) = written(&scene, &format!("write 0x400 {path} more"));
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].file.path.escaped(), path);
    assert_eq!(
        told[0].file.flags,
        FileFlags(FileFlags::OVERLAY | FileFlags::UPPER)
    );
    let root = Proc::of(scene.container.first_pid());
    assert_is_file(&told[0].file, &root.root(path));
}

fn the_last_close_alone_is_told() {
    let scene = wanted(World::get().overlay());
    let path = path();
    let (_, told) = written(&scene, &format!("write-twice {path}"));
    assert_eq!(sizes(&told), [(path, 11)]);
    // A child has it too, and ends first.
    let path = self::path();
    let (exec, told) = written(&scene, &format!("leave {path} fork"));
    assert_eq!(sizes(&told), [(path.clone(), 4)]);
    assert_eq!(told[0].base.process, exec.base.process);
    // The next program has it no more.
    let path = self::path();
    let (_, told) = written(
        &scene,
        &format!("write 0 {path} text call openat -100 s:{path} 0x80001 . exec {ACT}"),
    );
    assert_eq!(sizes(&told), [(path.clone(), 4)]);
    let told = self::told(&scene, |written| written.file.path.escaped() == path);
    assert_eq!(told.len(), 2);
}

fn who_dies_closes() {
    let scene = wanted(World::get().overlay());
    for end in ["die 9", "crowd 0", "fork die 9"] {
        let (path, token) = (path(), token());
        let words = format!("{ACT} leave {path} {end} {token}");
        scene.attempt(&words.split_whitespace().collect::<Vec<_>>());
        let exec = scene.exec(&token);
        let told = told(&scene, |written| written.base.program == exec.base.program);
        assert_eq!(sizes(&told), [(path, 4)], "{end}");
        let time = told[0].base.time;
        assert_eq!(told[0].base, Base { time, ..exec.base });
        assert_eq!(told[0].root, exec.root);
        let flags = FileFlags::OVERLAY | FileFlags::UPPER;
        assert_eq!(told[0].file.flags, FileFlags(flags));
    }
    // A child that never ran a program of its own.
    let path = path();
    let (exec, told) = written(&scene, &format!("fork leave {path}"));
    assert_eq!(sizes(&told), [(path, 4)]);
    assert_ne!(told[0].base.process, exec.base.process);
}

fn the_end_of_a_mapping_closes() {
    let scene = wanted(World::get().overlay());
    let path = path();
    let (_, told) = written(&scene, &format!("write-mapped {path}"));
    assert_eq!(sizes(&told), [(path, 4096)]);
}

fn what_was_in_flight_is_told_of_its_container() {
    let scene = wanted(World::get().overlay());
    let path = path();
    let exec = scene.act(&format!("write-in-flight {path}"));
    let written = scene.observed.wait(scene.mark, &path, |event| match event {
        KernelEvent::Written(written) if written.file.path.escaped() == path => {
            Some((**written).clone())
        }
        _ => None,
    });
    let base = written.base;
    assert_eq!(
        (base.container, base.program),
        (exec.base.container, exec.base.program)
    );
    // Either the process clears it away itself, or the kernel does for it.
    let process = exec.base.process;
    let unknown = ProcessKey {
        start_ns: 0,
        ..process
    };
    assert!([process, unknown].contains(&base.process), "{base:?}");
    assert_eq!(written.root, exec.root);
}

fn threads_of_io_uring_close_for_their_process() {
    let scene = wanted(World::get().overlay());
    let path = path();
    let (exec, told) = written(&scene, &format!("write-by-ring {path}"));
    assert_eq!(sizes(&told), [(path, 4)]);
    let time = told[0].base.time;
    assert_eq!(told[0].base, Base { time, ..exec.base });
    // Nobody has seen it opened.
    assert_eq!(told[0].file.writer, None);
}

fn opened_is_enough() {
    let scene = wanted(World::get().overlay());
    let path = path();
    let (_, told) = written(
        &scene,
        &format!("write 0 {path} a write 0x400 {path} bc open-to-write 0 {path}"),
    );
    let path = || path.clone();
    assert_eq!(sizes(&told), [(path(), 1), (path(), 3), (path(), 3)]);
    // That nothing was written shows by the content's key.
    assert_eq!(told[1].file.key, told[2].file.key);
    assert_ne!(told[0].file.key, told[1].file.key);
}

fn what_nobody_needs_to_read_is_not_told() {
    let scene = wanted(World::get().overlay());
    let (path, pipe) = (path(), path());
    scene.shell(&format!("echo > {path}; mkfifo {pipe}"));
    for acts in [
        format!("read openat {path}"),
        format!("open-to-write 0x200 {path}"),
        format!("write-deleted {path}"),
        format!("read openat2 {ACT} call openat -100 s:{ACT} 0x200001 ."),
        format!("call openat -100 s:{pipe} 2 . call fchmod last 0600 ."),
        "call memfd_create s:name 0 . call fchmod last 0700 .".to_owned(),
        "write 0 /dev/null text".to_owned(),
    ] {
        assert_eq!(written(&scene, &acts).1, [], "{acts}");
    }
}

fn another_writer_is_told_apart() {
    let scene = wanted(World::get().overlay());
    let path = path();
    scene.shell(&format!("echo > {path}"));
    let (_, told) = written(
        &scene,
        &format!("hold {path} open-to-write 0 {path} read openat {path}"),
    );
    let flags: Vec<_> = told
        .iter()
        .map(|written| written.file.flags.has(FileFlags::BEING_WRITTEN))
        .collect();
    assert_eq!(flags, [true, false]);
}

fn paths_are_those_of_the_namespace() {
    let scene = wanted(World::get().overlay());
    let dir = path();
    scene.shell(&format!("mkdir -p {dir}/a {dir}/b"));
    let (exec, told) = written(&scene, &format!("chroot {dir} write 0 /a/file text"));
    assert_eq!(sizes(&told), [(format!("{dir}/a/file"), 4)]);
    assert_eq!(
        told[0].base.flags,
        BaseFlags(exec.base.flags.0 | BaseFlags::CHROOT)
    );
    // By a mount that nobody else has; left to be closed when the namespace has gone.
    for act in [
        format!("write 0 {dir}/b/file2 text"),
        format!("leave {dir}/b/file3"),
    ] {
        let (exec, told) = written(
            &scene,
            &format!(
                "unshare 0x20000 call mount 0 s:/ 0 0x44000 0 . \
                 call mount s:{dir}/a s:{dir}/b 0 0x1000 0 . {act}"
            ),
        );
        assert_eq!(told.len(), 1, "{act}");
        let file = &told[0].file;
        if act.starts_with("write") {
            assert_eq!(file.path.escaped(), format!("{dir}/b/file2"));
            assert_eq!(file.flags.0 & FileFlags::UNREACHABLE, 0);
        } else {
            // Only its place below the mount is left.
            assert_eq!(file.base_name(), b"file3");
            assert!(file.flags.has(FileFlags::UNREACHABLE));
        }
        assert_eq!(told[0].root, exec.root);
    }
}

fn a_storm_is_bounded_and_counted() {
    let scene = World::get().overlay();
    let observed = Observed::start_with(want).unwrap();
    let scene = scene.seen_by(Box::leak(Box::new(observed)));
    let budget = CallBudget {
        per_second: 1,
        burst: 5,
    };
    scene
        .observed
        .with_observer(move |observer| observer.set_call_budget(budget).unwrap());
    let path = path();
    let (exec, told) = written(&scene, &format!("write-often 5000 {path}"));
    assert!(told.len() < 100, "{}", told.len());
    let lost = scene.observed.losses()[&(DropPlace::ContainerBudget, DropReason::Budget)];
    assert!(lost > 4900);
    let own = exec.base.container;
    let flooding = scene
        .observed
        .with_observer(|observer| observer.flooding_containers());
    assert!(
        flooding
            .iter()
            .any(|&(key, over)| key == own && over > 4900)
    );
}

fn nothing_is_told_until_it_is_wanted() {
    let observed = Observed::start().unwrap();
    let scene = World::get()
        .overlay()
        .seen_by(Box::leak(Box::new(observed)));
    let set = |is_wanted| {
        scene
            .observed
            .with_observer(move |observer| observer.set_written(is_wanted).unwrap());
        scene
            .observed
            .with_observer(Observer::closes_seen)
            .is_some()
    };
    let count = || written(&scene, &format!("write 0 {} text", path())).1.len();
    assert_eq!(count(), 0);
    assert!(set(true) && set(true));
    assert_eq!(count(), 1);
    assert!(!set(false));
    assert_eq!(count(), 0);
    assert!(set(true));
    assert_eq!(count(), 1);
}
