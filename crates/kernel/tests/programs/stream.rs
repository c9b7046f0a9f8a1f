//! `bpf/programs/exec.bpf.c` and `bpf/lib/stream.h`: what else a program begins with, streams, terminal, environment.

use super::cases;
use crate::proc::Proc;
use crate::world::{ACT, World, token};
use yagura_event::{Endpoint, StreamKind};

cases![
    standard_streams_have_their_kinds,
    a_terminal_has_its_number,
    few_variables_have_values,
];

fn standard_streams_have_their_kinds() {
    let scene = World::get().overlay();
    let path = format!("/tmp/{}", token());
    let acts = format!(
        "unshare 0x40000000 loopback socket 2 1 0 bind 127.0.0.1 80 listen socket 2 1 0 connect 127.0.0.1 80 \
         duplicate dup2 0 copy openat {ACT} {path} call dup2 r:{path} 1 . pair pipe call dup2 pair:0 2 . exec {ACT}"
    );
    let meeting = scene.begin(&acts);
    let exec = scene.child_of(meeting.exec.base.program);
    let proc = Proc::of(exec.base.process.pid);
    for (fd, stream) in (0..).zip(&exec.streams) {
        assert_eq!((stream.kind, stream.ino), proc.stream(fd));
    }
    let kinds = exec.streams.each_ref().map(|stream| stream.kind);
    assert_eq!(
        kinds,
        [StreamKind::Socket, StreamKind::File, StreamKind::Pipe]
    );
    let remote = Endpoint {
        address: [127, 0, 0, 1].into(),
        port: 80,
    };
    let remotes = exec.streams.each_ref().map(|stream| stream.remote);
    assert_eq!(remotes, [Some(remote), None, None]);
    meeting.end();
}

fn a_terminal_has_its_number() {
    let scene = World::get().overlay();
    let meeting = scene.begin(&format!("fork own-terminal exec {ACT}"));
    let exec = scene.child_of(meeting.exec.base.program);
    let proc = Proc::of(exec.base.process.pid);
    assert!(exec.tty > 0);
    assert_eq!(
        (exec.tty, exec.process_group),
        (proc.tty(), proc.process_group())
    );
    for (fd, stream) in (0..).zip(&exec.streams) {
        assert_eq!((stream.kind, stream.ino), proc.stream(fd));
        assert_eq!(
            (stream.kind, stream.ino),
            (StreamKind::Terminal, exec.tty.into())
        );
    }
    meeting.end();
}

fn few_variables_have_values() {
    let scene = World::get().overlay();
    let told = |variables: &str| {
        let token = token();
        scene.shell(&format!("{variables} exec {ACT} exit 0 {token}"));
        let exec = scene.exec(&token);
        let environment = exec.environment.iter();
        let texts: Vec<_> = environment
            .map(|text| text.escaped().into_owned())
            .collect();
        (texts, exec.environment_truncated)
    };
    let (texts, truncated) = told("LD_PRELOAD=/none.so SECRET=x HISTFILE= ");
    let has = |text: &str| texts.iter().any(|other| other == text);
    assert!(
        has("LD_PRELOAD=/none.so") && has("SECRET") && has("HISTFILE="),
        "{texts:?}"
    );
    assert!(!truncated && !texts.iter().any(|text| text.contains("SECRET=")));
    let (texts, truncated) = told(&format!("FIRST=1 LONG={} ", "x".repeat(3000)));
    assert!(truncated && texts.iter().any(|text| text == "LONG"));
}
