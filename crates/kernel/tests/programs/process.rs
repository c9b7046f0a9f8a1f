//! `bpf/programs/process.bpf.c`: calls on other processes, and calls of which only some kinds are told.

use super::{cases, line};
use crate::world::{World, token};
use std::borrow::Cow;
use yagura_event::{Call, CallEvent, TargetFacts};

cases![
    every_call_on_another_process,
    what_a_process_does_to_itself_is_not_told,
    targets_in_other_containers_and_none,
    only_telling_kinds_of_prctl,
    keys,
    pages_of_read_only_files,
    copies_of_descriptors,
    a_flood_of_rare_calls_is_told_all_the_same,
];

/// The calls of these kinds.
fn only(calls: Vec<CallEvent>, kinds: &[Call]) -> Vec<CallEvent> {
    let mut calls = calls;
    calls.retain(|call| kinds.contains(&call.call));
    calls
}

const ON_PROCESSES: &[Call] = &[
    Call::Ptrace,
    Call::ProcessVmReadv,
    Call::ProcessVmWritev,
    Call::Kill,
    Call::Tkill,
    Call::Tgkill,
    Call::PidfdSendSignal,
];

fn every_call_on_another_process() {
    let scene = World::get().calls();
    let (exec, calls) = scene.calls(
        "child call kill child 18 . call tkill child 18 . call tgkill child child 18 . call pidfd_open child 0 . \
         call pidfd_send_signal last 18 0 0 . tries call process_vm_readv child 0 0 0 0 0 . \
         tries call process_vm_writev child 0 0 0 0 0 . call ptrace 0x4206 child 0 0 . call kill child 9 .",
    );
    let calls = only(calls, ON_PROCESSES);
    let names: Vec<_> = calls.iter().map(|call| call.call.as_str()).collect();
    assert_eq!(
        names,
        [
            "kill",
            "tkill",
            "tgkill",
            "pidfd_send_signal",
            "process_vm_readv",
            "process_vm_writev",
            "ptrace",
            "kill"
        ]
    );
    let first = calls[0].target.unwrap();
    assert_eq!(first.container, exec.base.container.0);
    assert!(first.pid > 0 && first.pid != exec.base.process.pid);
    assert!(first.start_ns > exec.base.process.start_ns);
    for call in &calls {
        assert_eq!(call.target, Some(first), "{call:?}");
        assert_eq!(call.fd, -1);
    }
    assert_eq!(calls[0].arguments[1], 18);
    assert_eq!(calls[6].arguments[0], 0x4206);
}

fn what_a_process_does_to_itself_is_not_told() {
    let scene = World::get().calls();
    let (_, calls) = scene.calls(
        "call kill self 18 . call tkill self 18 . call tgkill self self 18 . child call kill child 0 . \
         call ptrace 0x4206 child 0 0 . tries call ptrace 1 child 0 0 . call kill child 9 .",
    );
    let calls = only(calls, ON_PROCESSES);
    let names: Vec<_> = calls.iter().map(|call| call.call.as_str()).collect();
    assert_eq!(names, ["ptrace", "kill"]);
}

fn targets_in_other_containers_and_none() {
    let scene = World::get().calls();
    let (exec, calls) =
        scene.calls("call kill 1 18 . fails call kill 4194000 18 . call kill 0 18 .");
    let calls = only(calls, ON_PROCESSES);
    let targets: Vec<_> = calls
        .iter()
        .map(|call| (call.result, call.target))
        .collect();
    let first = targets[0].1.unwrap();
    assert_eq!(first.pid, scene.container.first_pid());
    assert_eq!(first.container, exec.base.container.0);
    let none = Some(TargetFacts::default());
    assert_eq!(targets[1..], [(-3, none), (0, none)]);
}

fn only_telling_kinds_of_prctl() {
    let scene = World::get().calls();
    let (_, calls) = scene.calls(
        "call prctl 15 s:kworker/0:1 . call prctl 4 0 . call prctl 3 0 . fails call prctl 22 99 . call prctl 38 1 0 0 0 . \
         fails call prctl 47 9 0 0 0 . fails call prctl 35 99 0 0 0 .",
    );
    let told: Vec<_> = calls
        .iter()
        .map(|call| (call.arguments[0], call.path.escaped()))
        .collect();
    let names = ["kworker/0:1", "", "", "", ""].map(Cow::from);
    let operations: [u64; 5] = [15, 4, 22, 47, 35];
    assert!(told.into_iter().eq(operations.into_iter().zip(names)));
    assert_eq!(line(&calls[0]), "prctl=0 fd -1: kworker/0:1 @,  @, ");
    assert!(calls.iter().all(|call| call.call == Call::Prctl));
}

fn keys() {
    let scene = World::get().calls();
    let (_, calls) = scene.calls(
        "tries call keyctl 0 -3 0 . tries call keyctl 11 -3 0 0 . tries call keyctl 6 -3 0 0 .",
    );
    let operations: Vec<_> = calls.iter().map(|call| call.arguments[0]).collect();
    assert_eq!(operations, [11, 6]);
}

fn pages_of_read_only_files() {
    let scene = World::get().calls();
    let path = format!("/tmp/{}", token());
    scene.shell(&format!("echo text > {path}"));
    let (_, calls) = scene.calls(&format!(
        "pair pipe call splice r:{path} 0 pair:1 0 1 0 . call splice r:{path} 0 pair:1 0 1 0 ."
    ));
    let calls = only(calls, &[Call::Splice]);
    let [splice] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!(
        splice
            .file
            .as_ref()
            .map(|file| file.path.escaped().into_owned()),
        Some(path.clone())
    );
    assert_eq!((splice.result, splice.fd), (1, 5));
    // From a file that is open for writing there is nothing to gain.
    let (_, calls) = scene.calls(&format!("pair pipe call splice w:{path} 0 pair:1 0 1 0 ."));
    assert_eq!(only(calls, &[Call::Splice]), []);
}

fn copies_of_descriptors() {
    let scene = World::get().calls();
    let (_, calls) = scene.calls(
        "pair socket call dup pair:0 . call dup2 pair:0 0 . call dup3 pair:1 9 0x80000 . call fcntl pair:0 0 20 . \
         call fcntl pair:0 1030 30 . call fcntl pair:0 1 0 . pair pipe call dup pair:0 . call dup2 pair:0 0 .",
    );
    let kinds = [Call::Dup, Call::Dup2, Call::Dup3, Call::Fcntl];
    let calls = only(calls, &kinds);
    let copies: Vec<_> = calls
        .iter()
        .map(|call| (call.call.as_str(), call.fd))
        .collect();
    assert_eq!(
        copies,
        [
            ("dup", 5),
            ("dup2", 0),
            ("dup3", 9),
            ("fcntl", 20),
            ("fcntl", 30),
            ("dup2", 0)
        ]
    );
    let socket = calls[0].socket.as_ref().unwrap();
    assert_eq!((socket.family, socket.kind, socket.protocol), (1, 1, 0));
    assert_eq!(
        (socket.local, socket.remote, socket.is_server),
        (None, None, false)
    );
    assert!(socket.ino > 0);
    assert_eq!(calls[1].socket.as_ref().unwrap().ino, socket.ino);
    assert_ne!(calls[2].socket.as_ref().unwrap().ino, socket.ino);
    let pipe = &calls[5];
    assert_eq!(
        (&pipe.socket, pipe.file.as_ref().unwrap().mode & 0o170_000),
        (&None, 0o10_000)
    );
}

fn a_flood_of_rare_calls_is_told_all_the_same() {
    // More than a container may have among the programs that begin: the others come by the ring of calls.
    const COUNT: usize = 15_000;
    let scene = World::get().calls();
    let (_, calls) = scene.calls(&format!("renames {COUNT}"));
    assert_eq!(only(calls, &[Call::Prctl]).len(), COUNT);
}
