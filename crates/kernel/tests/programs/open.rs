//! `bpf/programs/open.bpf.c`: who wrote a file, and which files an interpreter opens.

use super::{cases, line};
use crate::observed::Observed;
use crate::proc::{Proc, assert_is_file};
use crate::world::{ACT, Scene, World, token, want_all};
use std::fs;
use std::io::Write;
use yagura_event::{
    Call, CallEvent, DropPlace, DropReason, ExecEvent, FileFlags, KernelEvent, MonotonicNs,
    OpenClass, ScriptEvent,
};
use yagura_kernel::{CallBudget, Observer, OpenClasses};

cases![
    every_call_that_opens_for_writing,
    a_writer_is_known_by_inode,
    every_call_that_opens_a_script,
    every_field_of_a_script,
    only_interpreters_open_scripts,
    what_the_image_has_is_not_told,
    a_script_being_written_is_told_so,
    a_verdict_holds_until_the_next_write,
    a_verdict_is_one_containers,
    a_flood_of_scripts_is_cut_and_counted,
    every_call_that_opens_is_told,
    every_field_of_an_open,
    opens_that_fail_are_told_as_the_caller_wrote_them,
    classes_are_told_apart_and_chosen,
    a_memory_file_is_told,
    quiet_opens_are_quiet_by_path_and_class,
    a_path_that_changes_is_another_open,
    a_flood_is_its_containers_own_loss,
];

/// Scripts that a program opened.
fn scripts(scene: &Scene, exec: &ExecEvent) -> Vec<ScriptEvent> {
    scene.all(|event| match event {
        KernelEvent::Script(event) if event.base.program == exec.base.program => {
            Some((**event).clone())
        }
        _ => None,
    })
}

/// Has a shell run a script; returns the shell and what it was told to have opened.
fn run_script(scene: &Scene, path: &str) -> (ExecEvent, Vec<ScriptEvent>) {
    let token = token();
    scene.run_words(&format!("/bin/sh {path} {token}"));
    let shell = scene.exec(&token);
    let told = scripts(scene, &shell);
    (shell, told)
}

/// Makes a script that does nothing; returns its path.
fn script(scene: &Scene) -> String {
    let path = format!("/tmp/{}", token());
    scene.shell(&format!("echo : > {path}"));
    path
}

/// An act under the name of an interpreter, in the container's own files.
fn interpreter(scene: &Scene) -> String {
    let dir = format!("/tmp/{}", token());
    scene.shell(&format!("mkdir {dir} && cp {ACT} {dir}/python3"));
    format!("{dir}/python3")
}

fn every_call_that_opens_for_writing() {
    let scene = World::get().overlay();
    for how in ["open", "openat", "openat2", "creat", "handle"] {
        let path = format!("/volume/{}", token());
        let writer = scene.act(&format!("copy {how} {ACT} {path}"));
        let token = token();
        scene.run_words(&format!("{path} exit 0 {token}"));
        let found = scene.exec(&token).file.writer.unwrap();
        assert_eq!(found.program, writer.base.program, "{how}");
        assert!(found.time > writer.base.time);
    }
}

fn a_writer_is_known_by_inode() {
    let scene = World::get().overlay();
    let dir = format!("/tmp/{}", token());
    scene.shell(&format!("mkdir {dir}"));
    let (first, second) = (format!("{dir}/first"), format!("{dir}/second"));
    let writer = scene.act(&format!("copy openat {ACT} {first}"));
    // Another name and another mode are not another content.
    scene.shell(&format!(
        "mv {first} {second}; chmod 700 {second}; ln {second} {first}; cat {first} > /dev/null"
    ));
    for path in [&first, &second] {
        let token = token();
        scene.run_words(&format!("{path} exit 0 {token}"));
        let file = scene.exec(&token).file;
        assert_eq!(file.writer.unwrap().program, writer.base.program);
        assert_eq!(file.links, 2);
    }
    // An image file is the writer's as soon as it is opened for writing.
    let writer = scene.act("hold /usr/bin/shipped-spare");
    let token = token();
    scene.run_words(&format!("/usr/bin/shipped-spare 0 {token}"));
    let file = scene.exec(&token).file;
    assert_eq!(file.writer.unwrap().program, writer.base.program);
    assert_eq!(file.flags, FileFlags(FileFlags::OVERLAY | FileFlags::UPPER));
}

fn every_call_that_opens_a_script() {
    let scene = World::get().overlay();
    let (interpreter, path) = (interpreter(&scene), script(&scene));
    for how in ["open", "openat", "openat2"] {
        let token = token();
        scene.run_words(&format!("{interpreter} read {how} {path} exit 0 {token}"));
        let told = scripts(&scene, &scene.exec(&token));
        assert_eq!(told.len(), 1, "{how}");
        assert_eq!(told[0].file.path.escaped(), path);
    }
}

fn every_field_of_a_script() {
    for (scene, flags) in [
        (
            World::get().overlay(),
            FileFlags::OVERLAY | FileFlags::UPPER,
        ),
        (World::get().plain(), FileFlags::BELOW_ROOT),
    ] {
        let path = script(&scene);
        let (shell, told) = run_script(&scene, &path);
        let [script] = &told[..] else {
            panic!("{told:?}")
        };
        let mut base = shell.base;
        base.time = script.base.time;
        assert_eq!(script.base, base);
        assert!(script.base.time > shell.base.time);
        assert_eq!(script.root, shell.root);
        assert_eq!(
            (script.file.path.escaped(), script.file.flags),
            (path.as_str().into(), FileFlags(flags))
        );
        assert_is_file(
            &script.file,
            &Proc::of(scene.container.first_pid()).root(&path),
        );
        assert!(script.file.writer.is_some());
        // What one script reads in is one as well.
        let other = self::script(&scene);
        scene.shell(&format!("echo . {path} > {other}"));
        let (_, told) = run_script(&scene, &other);
        let paths: Vec<_> = told
            .iter()
            .map(|script| script.file.path.escaped())
            .collect();
        assert_eq!(paths, [other.as_str(), &path]);
    }
}

fn only_interpreters_open_scripts() {
    let scene = World::get().overlay();
    let (path, token) = (script(&scene), token());
    scene.run_words(&format!("cat {path} /dev/null"));
    scene.shell(&format!("exec cat {path}"));
    scene.run_words(&format!("{ACT} read openat {path} exit 0 {token}"));
    let told = scene.all(|event| match event {
        KernelEvent::Script(event) if event.file.path.escaped() == path => Some(event.clone()),
        _ => None,
    });
    assert_eq!(told, []);
}

fn what_the_image_has_is_not_told() {
    for scene in [World::get().overlay(), World::get().plain()] {
        let (_, told) = run_script(&scene, "/usr/bin/shipped-script");
        assert_eq!(told, []);
    }
}

fn a_script_being_written_is_told_so() {
    let scene = World::get().overlay();
    let path = script(&scene);
    scene.meet(&format!("hold {path}"), |_| {
        let (_, told) = run_script(&scene, &path);
        assert!(told[0].file.flags.has(FileFlags::BEING_WRITTEN));
    });
    let (_, told) = run_script(&scene, &path);
    assert!(!told[0].file.flags.has(FileFlags::BEING_WRITTEN));
}

fn a_verdict_holds_until_the_next_write() {
    let scene = World::get().overlay();
    let path = script(&scene);
    let (_, told) = run_script(&scene, &path);
    remember(&scene, &told[0]);
    assert_eq!(run_script(&scene, &path).1, []);
    // As long as somebody could be writing there is no verdict; afterwards the content is another.
    scene.shell(&format!("echo : >> {path}"));
    let (_, again) = run_script(&scene, &path);
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].file.key, told[0].file.key);
    remember(&scene, &again[0]);
    assert_eq!(run_script(&scene, &path).1, []);
    // By the host's hand: only the change time and the size tell.
    let host = Proc::of(scene.container.first_pid()).root(&path);
    let mut file = fs::OpenOptions::new().append(true).open(host).unwrap();
    file.write_all(b":\n").unwrap();
    drop(file);
    assert_eq!(run_script(&scene, &path).1.len(), 1);
}

/// Remembers that what was told is the image's.
fn remember(scene: &Scene, script: &ScriptEvent) {
    let (key, file, time) = (script.base.container, script.file.clone(), script.base.time);
    scene
        .observed
        .with_observer(move |observer| observer.remember_image_file(key, &file, time));
}

fn a_verdict_is_one_containers() {
    let world = World::get();
    let scene = world.overlay();
    // The same file of the host's in both: on the read-only volume of what drifts in.
    let path = "/payload/drifted.sh";
    let (_, told) = run_script(&scene, path);
    remember(&scene, &told[0]);
    assert_eq!(run_script(&scene, path).1, []);
    assert_eq!(run_script(&world.plain(), path).1.len(), 1);
    // A verdict older than the last write is none.
    let path = script(&scene);
    let (_, mut told) = run_script(&scene, &path);
    told[0].base.time = MonotonicNs(0);
    remember(&scene, &told[0]);
    assert_eq!(run_script(&scene, &path).1.len(), 1);
}

fn a_flood_of_scripts_is_cut_and_counted() {
    const BUDGET: usize = 256;
    let scene = World::get().overlay();
    let count = |scene: &Scene| {
        let place = (DropPlace::Program, DropReason::Budget);
        scene.observed.losses().get(&place).copied().unwrap_or(0)
    };
    let before = count(&scene);
    let (path, library) = (script(&scene), script(&scene));
    let line = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10; do {} done",
        format!(". {library};").repeat(30)
    );
    scene.run(&["/bin/sh", "-c", &format!("echo '{line}' > {path}")]);
    let (_, told) = run_script(&scene, &path);
    assert_eq!(told.len(), BUDGET);
    // The script itself and 300 times the other.
    assert_eq!(count(&scene) - before, 301 - BUDGET as u64);
    // The next program has a budget of its own.
    assert_eq!(run_script(&scene, &library).1.len(), 1);
}

/// Opens of a program of paths below `/tmp`, `/volume` or `/dev`.
fn opens(scene: &Scene, acts: &str) -> Vec<CallEvent> {
    let (_, mut calls) = scene.calls(acts);
    calls.retain(|call| {
        ["/tmp", "/volume"]
            .iter()
            .any(|dir| call.path.escaped().starts_with(dir))
    });
    calls
}

/// An observer of a test's own, to which every call is told. It stays until the end, as it cannot be told to stop.
fn observed() -> &'static Observed {
    Box::leak(Box::new(Observed::start_with(want_all).unwrap()))
}

/// Tells the observer that no rule can match an open.
fn quiet(scene: &Scene, open: &CallEvent) {
    let key = open.open_key.unwrap();
    scene
        .observed
        .with_observer(move |observer| observer.quiet_open(&key));
}

fn every_call_that_opens_is_told() {
    let scene = World::get().calls();
    let path = format!("/volume/{}", token());
    scene.shell(&format!("echo > {path}"));
    for (how, call) in [
        ("open", Call::Open),
        ("openat", Call::Openat),
        ("openat2", Call::Openat2),
        ("creat", Call::Creat),
        ("handle", Call::OpenByHandleAt),
    ] {
        let told = opens(&scene, &format!("read {how} {path}"));
        let told = told.iter().rfind(|told| told.call == call).unwrap();
        assert_eq!(told.path.escaped(), path, "{how}");
        assert!(told.result > 2 && i64::from(told.fd) == told.result);
    }
}

fn every_field_of_an_open() {
    let scene = World::get().calls();
    let dir = format!("/tmp/{}", token());
    scene.shell(&format!(
        "mkdir {dir}; echo > {dir}/file; ln -s file {dir}/link"
    ));
    let (exec, calls) = scene.calls(&format!("chdir {dir} read openat link"));
    let [open] = &calls[..] else {
        panic!("{calls:?}")
    };
    // The file itself, whatever link led to it.
    assert_eq!(line(open), format!("openat=3 fd 3: {dir}/file @,  @, "));
    assert_eq!(open.thread, exec.base.process.pid);
    assert_eq!(
        (
            open.arguments[0] & 0xffff_ffff,
            open.arguments[2],
            open.arguments[3]
        ),
        (0xffff_ff9c, 0, 0o755)
    );
    let file = open.file.as_ref().unwrap();
    let root = Proc::of(scene.container.first_pid());
    assert_is_file(file, &root.root(&format!("{dir}/file")));
    assert!(file.writer.is_some());
    let key = open.open_key.unwrap();
    assert_eq!(
        (key.container, key.file, key.class),
        (exec.base.container, file.key.id, OpenClass::Read)
    );
    assert!(key.path != 0);
    assert_eq!((&open.socket, open.target), (&None, None));
    // The flags of openat2 stand in memory.
    let calls = opens(&scene, &format!("read openat2 {dir}/file hold {dir}/file"));
    assert_eq!(calls[0].arguments[2], 0);
    assert_eq!(calls[1].open_key.unwrap().class, OpenClass::Write);
}

fn opens_that_fail_are_told_as_the_caller_wrote_them() {
    let scene = World::get().calls();
    let (_, calls) = scene.calls(
        "fails read open none fails read openat /none/a fails read openat2 none fails hold none",
    );
    let lines: Vec<_> = calls.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "open=-2 fd -1: none @/,  @, ",
            "openat=-2 fd -1: /none/a @,  @, ",
            "openat2=-2 fd -1: none @/,  @, ",
            "openat=-2 fd -1: none @/,  @, ",
        ]
    );
    assert!(
        calls
            .iter()
            .all(|call| call.file.is_none() && call.open_key.is_none())
    );
}

fn classes_are_told_apart_and_chosen() {
    let scene = World::get().overlay().seen_by(observed());
    let path = format!("/tmp/{}", token());
    let acts = format!(
        "copy openat {ACT} {path} hold {path} read open {path} call openat -100 s:{path} 0x200000 . fails read open /tmp/none"
    );
    let kinds = |calls: &[CallEvent]| -> Vec<_> {
        calls
            .iter()
            .map(|call| call.open_key.map(|key| key.class))
            .collect()
    };
    let (create, write, read) = (
        Some(OpenClass::Create),
        Some(OpenClass::Write),
        Some(OpenClass::Read),
    );
    // One that only names the file neither reads nor writes.
    assert_eq!(kinds(&opens(&scene, &acts)), [create, write, read, None]);
    let none = OpenClasses::default();
    for (classes, expected) in [
        (OpenClasses { read: true, ..none }, &[read][..]),
        (
            OpenClasses {
                write: true,
                ..none
            },
            &[write],
        ),
        (
            OpenClasses {
                create: true,
                ..none
            },
            &[create],
        ),
        (
            OpenClasses {
                failed: true,
                ..none
            },
            &[None],
        ),
        (none, &[]),
    ] {
        scene
            .observed
            .with_observer(move |observer| observer.set_open_classes(classes).unwrap());
        assert_eq!(kinds(&opens(&scene, &acts)), expected);
    }
}

fn a_memory_file_is_told() {
    let scene = World::get().calls();
    let (_, calls) = scene.calls("call memfd_create s:harmless 3 .");
    assert_eq!(line(&calls[0]), "memfd_create=3 fd 3: harmless @,  @, ");
    assert_eq!(calls[0].arguments[1], 3);
    assert!(calls[0].file.as_ref().unwrap().flags.has(FileFlags::MEMFD));
}

fn quiet_opens_are_quiet_by_path_and_class() {
    let scene = World::get().overlay().seen_by(observed());
    let path = format!("/tmp/{}", token());
    scene.shell(&format!("echo > {path}; ln {path} {path}.2"));
    let read = format!("read openat {path}");
    let told = opens(&scene, &read);
    assert_eq!(told.len(), 1);
    quiet(&scene, &told[0]);
    assert_eq!(opens(&scene, &read), []);
    // Another class, another name of the same file.
    assert_eq!(opens(&scene, &format!("hold {path}")).len(), 1);
    assert_eq!(opens(&scene, &format!("read open {path}.2")).len(), 1);
    // Its content does not matter.
    scene.shell(&format!("echo >> {path}"));
    assert_eq!(opens(&scene, &read), []);
    scene
        .observed
        .with_observer(|observer| observer.bump_epoch().unwrap());
    let again = opens(&scene, &read);
    assert_eq!(again.len(), 1);
    // An answer to a record of the epoch before is none.
    quiet(&scene, &told[0]);
    assert_eq!(opens(&scene, &read).len(), 1);
    quiet(&scene, &again[0]);
    assert_eq!(opens(&scene, &read), []);
}

fn a_path_that_changes_is_another_open() {
    let scene = World::get().overlay().seen_by(observed());
    let dir = format!("/tmp/{}", token());
    scene.shell(&format!(
        "mkdir -p {dir}/a/b {dir}/c; echo > {dir}/a/b/file; echo > {dir}/c/file"
    ));
    let read = |path: &str| opens(&scene, &format!("read openat {dir}/{path}"));
    let told = read("a/b/file");
    quiet(&scene, &told[0]);
    assert_eq!(read("a/b/file"), []);
    // A folder above gets another name, and its own again.
    scene.shell(&format!("mv {dir}/a {dir}/A"));
    assert_eq!(read("A/b/file").len(), 1);
    scene.shell(&format!("mv {dir}/A {dir}/a"));
    assert_eq!(read("a/b/file"), []);
    // Another file takes its name.
    scene.shell(&format!(
        "cp {dir}/c/file {dir}/new; mv {dir}/new {dir}/a/b/file"
    ));
    let told = read("a/b/file");
    assert_eq!(told.len(), 1);
    quiet(&scene, &told[0]);
    // The same folder by another mount, and by that one alone.
    let acts = format!(
        "unshare 0x20000 call mount 0 s:/ 0 0x44000 0 . call mount s:{dir}/a s:{dir}/c 0 0x1000 0 . \
         read openat {dir}/c/b/file read openat {dir}/a/b/file"
    );
    let told = opens(&scene, &acts);
    let told: Vec<_> = told
        .iter()
        .filter(|call| call.call == Call::Openat)
        .collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].path.escaped(), format!("{dir}/c/b/file"));
}

fn a_flood_is_its_containers_own_loss() {
    let scene = World::get().overlay().seen_by(observed());
    let budget = CallBudget {
        per_second: 1,
        burst: 5,
    };
    scene
        .observed
        .with_observer(move |observer| observer.set_call_budget(budget).unwrap());
    let path = format!("/tmp/{}", token());
    let flood = format!("read openat {path} ").repeat(100);
    let exec = scene.act(&format!(
        "copy openat {ACT} {path} {flood}call prctl 15 s:x ."
    ));
    let told = scene.all(|event| match event {
        KernelEvent::Call(call) if call.base.program == exec.base.program => Some(call.call),
        _ => None,
    });
    // What is rare and tells much has nothing to do with it.
    assert!(told.len() < 20 && told.contains(&Call::Prctl), "{told:?}");
    // Other tests use the container meanwhile, and there are other containers.
    let own = exec.base.container;
    let over = move |observer: &Observer| {
        let flooding = observer.flooding_containers();
        let own = flooding
            .into_iter()
            .find(|&(container, _)| container == own);
        own.map_or(0, |(_, over)| over)
    };
    let first = scene.observed.with_observer(over);
    assert!(first > 80);
    let lost = scene.observed.losses()[&(DropPlace::ContainerBudget, DropReason::Budget)];
    assert!(lost >= first);
    // It has been told of.
    assert!(scene.observed.with_observer(over) < first);
}
