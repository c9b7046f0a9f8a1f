//! `bpf/programs/exit.bpf.c`: a process's end is told once, with the status that its parent sees.

use super::cases;
use crate::world::{ACT, Scene, World, meet, token};
use yagura_event::{BaseFlags, ExecEvent, ExitEvent, KernelEvent};
use yagura_rehearsal::Exit;

cases![
    the_status_is_that_of_wait,
    every_field_is_that_of_the_last_program,
    a_crowd_of_threads_ends_once,
    the_last_thread_ends_the_process,
    processes_without_a_program_end_in_silence,
    a_program_whose_file_went_is_told,
];

/// Runs acts to an end of whatever kind; returns their beginning and their ends.
fn run(scene: &Scene, acts: &str) -> (ExecEvent, Vec<ExitEvent>) {
    let token = token();
    let words = format!("{ACT} {acts} {token}");
    scene.attempt(&words.split_whitespace().collect::<Vec<_>>());
    let exec = scene.programs(&token).pop().unwrap();
    let ends = ends_of(scene, &exec);
    (exec, ends)
}

fn ends_of(scene: &Scene, exec: &ExecEvent) -> Vec<ExitEvent> {
    scene.all(|event| match event {
        KernelEvent::Exit(exit) if exit.base.process == exec.base.process => Some(*exit),
        _ => None,
    })
}

fn the_status_is_that_of_wait() {
    let scene = World::get().overlay();
    for (acts, status) in [
        ("exit 0", 0),
        ("exit 7", 7 << 8),
        ("exit 255", 255 << 8),
        ("die 9", 9),
        ("die 15", 15),
    ] {
        let (_, ends) = run(&scene, acts);
        let told: Vec<i32> = ends.iter().map(|exit| exit.status).collect();
        assert_eq!(told, [status], "{acts}");
    }
}

fn every_field_is_that_of_the_last_program() {
    let scene = World::get().overlay();
    let (exec, ends) = run(&scene, &format!("exec {ACT} unshare 0x20000 exit 1"));
    let [exit] = &ends[..] else {
        panic!("{ends:?}")
    };
    assert!(exit.base.time > exec.base.time);
    let mut base = exec.base;
    base.time = exit.base.time;
    assert_eq!(exit.base, base);
}

fn a_crowd_of_threads_ends_once() {
    let scene = World::get().overlay();
    // Each time several threads end at the same moment: all may see themselves as the last.
    for _ in 0..20 {
        let (_, ends) = run(&scene, "crowd 0");
        assert_eq!(ends.len(), 1, "{ends:?}");
    }
}

fn the_last_thread_ends_the_process() {
    let scene = World::get().overlay();
    let token = token();
    let (pipe, path) = scene.pipe();
    let runner = scene.spawn(&[ACT, "leave-first", "5", &path, &token]);
    let exec = scene.exec(&token);
    let status = format!("/proc/{}/status", exec.base.process.pid);
    // The first thread is gone, the process is not.
    while !std::fs::read_to_string(&status)
        .unwrap()
        .contains("Z (zombie)")
    {
        std::thread::yield_now();
    }
    assert_eq!(ends_of(&scene, &exec), []);
    drop(meet(&pipe, &runner));
    let Exit::Code(code) = runner.join().unwrap().exit else {
        panic!("it exits");
    };
    let ends = ends_of(&scene, &exec);
    let told: Vec<i32> = ends.iter().map(|exit| exit.status).collect();
    // Which thread's code counts has changed between kernels: here it is the one that the parent was told.
    assert_eq!(told, [code << 8]);
}

fn processes_without_a_program_end_in_silence() {
    let scene = World::get().start(|_| {});
    let parent = scene.act("generations 10");
    let ends = scene.all(|event| match event {
        KernelEvent::Exit(exit) if exit.base.container == parent.base.container => {
            Some(exit.base.process)
        }
        _ => None,
    });
    assert_eq!(ends, [parent.base.process]);
}

fn a_program_whose_file_went_is_told() {
    let scene = World::get().overlay();
    let (path, token) = (format!("/tmp/{}", token()), token());
    scene.act(&format!("copy openat {ACT} {path}"));
    scene.run_words(&format!("{path} unlink {path} exit 0 {token}"));
    let exec = scene.exec(&token);
    assert!(!exec.base.flags.has(BaseFlags::EXE_DELETED));
    let flags: Vec<_> = ends_of(&scene, &exec)
        .iter()
        .map(|exit| exit.base.flags)
        .collect();
    assert_eq!(
        flags,
        [BaseFlags(exec.base.flags.0 | BaseFlags::EXE_DELETED)]
    );
}
