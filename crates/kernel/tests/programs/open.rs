//! `bpf/programs/open.bpf.c`: who wrote a file, and which files an interpreter opens.

use super::cases;
use crate::proc::{Proc, assert_is_file};
use crate::world::{ACT, Scene, World, token};
use std::fs;
use std::io::Write;
use yagura_event::{
    DropPlace, DropReason, ExecEvent, FileFlags, KernelEvent, MonotonicNs, ScriptEvent,
};

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
