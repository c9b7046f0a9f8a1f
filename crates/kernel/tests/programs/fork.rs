//! `bpf/programs/fork.bpf.c`: whatever a container's process makes belongs to the container.

use super::cases;
use crate::proc::cgroup_top;
use crate::world::{ACT, Scene, World, meet, token};
use std::fs;
use std::os::unix::fs::MetadataExt;
use yagura_event::ExecEvent;

cases![
    however_a_process_is_made,
    a_thread_that_executes_is_its_process,
    orphans_stay,
    leaving_the_cgroup_is_no_way_out,
    a_mount_namespace_of_its_own_is_no_way_out,
    forks_without_number_lose_none,
];

/// Runs acts that end in a program of their own; returns the first and that one.
fn first_and_last(scene: &Scene, acts: &str) -> (ExecEvent, ExecEvent) {
    let token = token();
    scene.run_words(&format!("{ACT} {acts} exec {ACT} exit 0 {token}"));
    let programs = scene.programs(&token);
    let [first, last] = &programs[..] else {
        panic!("{programs:?}")
    };
    (first.clone(), last.clone())
}

fn assert_is_descendant(first: &ExecEvent, last: &ExecEvent) {
    assert_eq!(last.started_from, first.base.program);
    assert_eq!(last.base.container, first.base.container);
    assert_eq!(last.base.cgroup, first.base.cgroup);
    assert_eq!(last.base.flags, first.base.flags);
}

fn however_a_process_is_made() {
    let scene = World::get().overlay();
    for acts in ["fork", "thread fork", "fork thread", "generations 5"] {
        let (first, last) = first_and_last(&scene, acts);
        assert_is_descendant(&first, &last);
        assert_ne!(last.base.process, first.base.process);
    }
    // As a sibling its parent is another, and what it was started from is not.
    let (first, last) = first_and_last(&scene, "fork sibling");
    assert_is_descendant(&first, &last);
    assert_eq!(last.parent, first.base.process);
}

fn a_thread_that_executes_is_its_process() {
    let scene = World::get().overlay();
    let (first, last) = first_and_last(&scene, "thread");
    assert_is_descendant(&first, &last);
    assert_eq!(last.base.process, first.base.process);
    assert_eq!(last.parent, first.parent);
    assert_eq!(last.inner_pid, first.inner_pid);
}

fn orphans_stay() {
    let scene = World::get().overlay();
    let token = token();
    scene.run_words(&format!("{ACT} fork orphan exec {ACT} exit 0 {token}"));
    let first = scene.exec(&token);
    let last = scene.child_of(first.base.program);
    assert_is_descendant(&first, &last);
    // Adopted by the container's first process.
    assert_eq!(last.parent.pid, scene.container.first_pid());
}

fn leaving_the_cgroup_is_no_way_out() {
    let scene = World::get().overlay();
    let inside = scene.act("");
    let token = token();
    let (pipe, path) = scene.pipe();
    let runner = scene.spawn(&[ACT, "meet", &path, "exec", ACT, "exit", "0", &token]);
    let before = scene.exec(&token);
    fs::write(
        cgroup_top().join("cgroup.procs"),
        before.base.process.pid.to_string(),
    )
    .unwrap();
    drop(meet(&pipe, &runner));
    assert!(runner.join().unwrap().succeeded());
    let after = scene.programs(&token).pop().unwrap();
    assert_eq!(after.started_from, before.base.program);
    assert_eq!(after.base.container, inside.base.container);
    assert_eq!(before.base.cgroup, inside.base.cgroup);
    assert_eq!(
        after.base.cgroup.0,
        fs::metadata(cgroup_top()).unwrap().ino()
    );
}

fn a_mount_namespace_of_its_own_is_no_way_out() {
    let scene = World::get().overlay();
    let inside = scene.act("");
    let token = token();
    scene.run_words(&format!(
        "{ACT} unshare 0x20000 fork exec {ACT} exit 0 {token}"
    ));
    let after = scene.programs(&token).pop().unwrap();
    assert_eq!(after.base.container, inside.base.container);
    assert_eq!(after.root, inside.root);
    assert_ne!(after.mount_namespace, inside.mount_namespace);
}

fn forks_without_number_lose_none() {
    let scene = World::get().start(|_| {});
    let before = scene.observed.losses_of_rings();
    let (first, last) = first_and_last(&scene, "forks 20000 generations 200");
    assert_is_descendant(&first, &last);
    assert_eq!(scene.observed.losses_of_rings(), before);
}
