//! Suspicious traffic: outbound, sideways, floods of attempts, and what listens.

use super::props::ACT;
use super::servers::Service;
use super::stage::{Stage, bind};
use super::world::Peer;
use super::{Act, KeyNeeds, KeyRehearsal, RehearsalError, run, shell};
use std::net::Ipv4Addr;

const OUTBOUND: &str = "net.suspicious_outbound";
const LATERAL: &str = "net.internal_lateral_movement";
const MINING: &str = "malware.mining_connection";
const BRUTE_FORCE: &str = "malware.brute_force_tool";
const SCANNER: &str = "malware.vulnerability_scanner";
const LISTEN: &str = "proc.port_listen";
const DOCKER: &str = "proc.docker_remote_api";

/// Where a cluster's DNS server often is.
const DNS_SERVER: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// What an SSH server says first.
const SSH_BANNER: &str = "SSH-2.0-OpenSSH_9.2p1\r\n";
/// What Docker answers to a list of containers.
const DOCKER_ANSWER: &str = "[]";
/// What a pool answers to a miner that introduces itself.
const POOL_ANSWER: &str =
    "{\"id\":1,\"jsonrpc\":\"2.0\",\"error\":null,\"result\":{\"id\":\"1\",\"status\":\"OK\"}}\n";

pub(super) const SUSPICIOUS_OUTBOUND: &[KeyRehearsal] = &[
    run(
        OUTBOUND,
        "outbound-tor",
        "a connection to a Tor relay's port",
        KeyNeeds::NETWORK,
        |stage| say(stage, "203.0.113.20", 9001, "hello"),
    ),
    run(
        OUTBOUND,
        "outbound-irc",
        "a connection to a port that bots are commanded through",
        KeyNeeds::NETWORK,
        |stage| say(stage, "203.0.113.21", 6667, "NICK yagura\\r\\n"),
    ),
    run(
        OUTBOUND,
        "outbound-metadata",
        "the cloud's metadata service is asked for credentials",
        KeyNeeds::NETWORK,
        metadata,
    ),
    run(
        OUTBOUND,
        "outbound-kubelet",
        "a workload speaks to a kubelet",
        KeyNeeds::NETWORK,
        |stage| say(stage, "10.96.4.7", 10250, "GET /pods HTTP/1.1\\r\\n\\r\\n"),
    ),
    run(
        OUTBOUND,
        "outbound-kubelet-read-only",
        "a workload speaks to a kubelet's read-only port",
        KeyNeeds::NETWORK,
        |stage| say(stage, "10.96.4.7", 10255, "GET /pods HTTP/1.1\\r\\n\\r\\n"),
    ),
    run(
        OUTBOUND,
        "outbound-etcd",
        "a workload speaks to etcd",
        KeyNeeds::NETWORK,
        |stage| {
            say(
                stage,
                "10.96.4.8",
                2379,
                "GET /v2/keys HTTP/1.1\\r\\n\\r\\n",
            )
        },
    ),
    run(
        OUTBOUND,
        "outbound-dropped-program",
        "a dropped program connects",
        KeyNeeds::NETWORK,
        dropped_program,
    ),
    run(
        OUTBOUND,
        "outbound-fileless-program",
        "a program in anonymous memory connects",
        KeyNeeds::NETWORK,
        fileless_program,
    ),
    run(
        OUTBOUND,
        "outbound-not-dns",
        "something that is not DNS, to port 53",
        KeyNeeds::NETWORK,
        |stage| {
            say(
                stage,
                "203.0.113.22",
                53,
                "GET /gate.php HTTP/1.1\\r\\n\\r\\n",
            )
        },
    ),
    run(
        OUTBOUND,
        "outbound-threat-domain",
        "a hidden service's gateway is looked up",
        KeyNeeds::NETWORK,
        |stage| look_up(stage, "3g2upl4pq6kufc4m.onion.to"),
    ),
];

pub(super) const INTERNAL_LATERAL_MOVEMENT: &[KeyRehearsal] = &[
    run(
        LATERAL,
        "lateral-many-hosts",
        "one port of many hosts",
        KeyNeeds::NETWORK,
        |stage| sweep(stage, "10.20.0.1 120 80"),
    ),
    run(
        LATERAL,
        "lateral-many-ports",
        "many ports of one host",
        KeyNeeds::NETWORK,
        |stage| sweep(stage, &format!("192.168.7.9 1 {}", ports())),
    ),
    run(
        LATERAL,
        "lateral-admin-ports",
        "administration ports of a few hosts, by a dropped program",
        KeyNeeds::NETWORK,
        admin_ports,
    ),
];

pub(super) const MINING_CONNECTION: &[KeyRehearsal] = &[
    run(
        MINING,
        "mining-subscribe",
        "a miner introduces itself to a pool (stratum)",
        KeyNeeds::NETWORK,
        |stage| {
            let hello = r#"{"id":1,"method":"mining.subscribe","params":["cpuminer/2.5.1"]}\n"#;
            mine(stage, 443, hello)
        },
    ),
    run(
        MINING,
        "mining-login",
        "a miner introduces itself to a pool (Monero's login)",
        KeyNeeds::NETWORK,
        |stage| {
            let hello = r#"{"id":1,"jsonrpc":"2.0","method":"login","params":{"login":"4AyaguraRehearsal","pass":"x","agent":"XMRig/6.21.0","algo":["rx/0"]}}\n"#;
            mine(stage, 8080, hello)
        },
    ),
    run(
        MINING,
        "mining-ethereum",
        "a miner introduces itself to a pool (Ethereum's stratum)",
        KeyNeeds::NETWORK,
        |stage| {
            let hello =
                r#"{"id":1,"jsonrpc":"2.0","method":"eth_submitLogin","params":["0xyagura"]}\n"#;
            mine(stage, 4444, hello)
        },
    ),
    run(
        MINING,
        "mining-pool-domain",
        "a pool's domain is looked up",
        KeyNeeds::NETWORK,
        |stage| look_up(stage, "pool.supportxmr.com"),
    ),
    run(
        MINING,
        "mining-pool-port",
        "a pool's usual port",
        KeyNeeds::NETWORK,
        |stage| say(stage, "203.0.113.33", 3333, "hello\\n"),
    ),
];

pub(super) const BRUTE_FORCE_TOOL: &[KeyRehearsal] = &[
    run(
        BRUTE_FORCE,
        "brute-force-ssh",
        "sixty short connections to one SSH port",
        KeyNeeds::NETWORK,
        |stage| attempts(stage, 22),
    ),
    run(
        BRUTE_FORCE,
        "brute-force-ftp",
        "sixty short connections to one FTP port",
        KeyNeeds::NETWORK,
        |stage| attempts(stage, 21),
    ),
    run(
        BRUTE_FORCE,
        "brute-force-renamed",
        "the same by a dropped program with a harmless name",
        KeyNeeds::NETWORK,
        attempts_by_dropped_program,
    ),
    shell(
        BRUTE_FORCE,
        "brute-force-hydra",
        "hydra, by its name and arguments",
        KeyNeeds::NOTHING,
        "hydra -l root -P /tmp/words.txt -t 4 ssh://10.20.0.9",
    ),
    shell(
        BRUTE_FORCE,
        "brute-force-medusa",
        "medusa, ncrack and patator, by their names and arguments",
        KeyNeeds::NOTHING,
        "medusa -h 10.20.0.9 -u root -P /tmp/words.txt -M ssh; ncrack -p 22 --user root 10.20.0.9; \
         patator ssh_login host=10.20.0.9 user=root password=FILE0 0=/tmp/words.txt",
    ),
];

pub(super) const VULNERABILITY_SCANNER: &[KeyRehearsal] = &[
    shell(
        SCANNER,
        "scanner-nmap",
        "nmap, by its name and arguments",
        KeyNeeds::NOTHING,
        "nmap -sS -p- --min-rate 5000 10.20.0.0/24",
    ),
    shell(
        SCANNER,
        "scanner-masscan",
        "masscan and zgrab, by their names and arguments",
        KeyNeeds::NOTHING,
        "masscan 10.0.0.0/8 -p2375,6379 --rate=10000; zgrab2 http --port 8080",
    ),
    shell(
        SCANNER,
        "scanner-nuclei",
        "nuclei and fscan, by their names and arguments",
        KeyNeeds::NOTHING,
        "nuclei -u http://10.20.0.9 -t cves/; fscan -h 10.20.0.0/24",
    ),
    shell(
        SCANNER,
        "scanner-sqlmap",
        "sqlmap, by its name and arguments",
        KeyNeeds::NOTHING,
        "sqlmap -u 'http://10.20.0.9/item?id=1' --batch --dbs",
    ),
    run(
        SCANNER,
        "scanner-sweep",
        "a dropped program with a harmless name goes through ports and hosts",
        KeyNeeds::NETWORK,
        |stage| {
            let container = stage.start(&stage.options())?;
            stage.peer(&container)?;
            stage.prepare(&container, "cp /payload/act /tmp/helper")?;
            stage.act_shell(
                &container,
                "/tmp/helper sweep 10.30.0.1 60 21 22 80 443 6379 8080",
            )
        },
    ),
];

pub(super) const PORT_LISTEN: &[KeyRehearsal] = &[
    shell(
        LISTEN,
        "listen-netcat",
        "netcat listens",
        KeyNeeds::BUSYBOX,
        "nc -l -p 31337 & sleep 0.3; kill $!",
    ),
    shell(
        LISTEN,
        "listen-netcat-shell",
        "netcat listens, with a shell for who comes",
        KeyNeeds::BUSYBOX,
        "nc -l -p 4445 -e /bin/sh & sleep 0.3; kill $!",
    ),
    shell(
        LISTEN,
        "listen-dropped-program",
        "a dropped program listens",
        KeyNeeds::NOTHING,
        "cp /payload/act /tmp/agent && /tmp/agent listen 8081 300",
    ),
];

pub(super) const DOCKER_REMOTE_API: &[KeyRehearsal] = &[
    run(
        DOCKER,
        "docker-tcp",
        "the API of a Docker on port 2375",
        KeyNeeds::NETWORK,
        docker_tcp,
    ),
    run(
        DOCKER,
        "docker-tcp-create",
        "a privileged container is asked for on port 2375",
        KeyNeeds::NETWORK,
        docker_tcp_create,
    ),
    run(
        DOCKER,
        "docker-unix",
        "the API of a Docker on its unix socket",
        KeyNeeds::NOTHING,
        docker_unix,
    ),
    shell(
        DOCKER,
        "docker-daemon",
        "a Docker that would listen for everybody",
        KeyNeeds::NOTHING,
        "dockerd -H tcp://0.0.0.0:2375 -H unix:///var/run/docker.sock",
    ),
    KeyRehearsal {
        key: DOCKER,
        name: "docker-client",
        description: "the client is pointed at a remote Docker",
        needs: KeyNeeds::NOTHING,
        by_content: false,
        act: Act::Try(&["docker", "-H", "tcp://10.20.0.9:2375", "ps"]),
    },
];

fn say(stage: &mut Stage, host: &str, port: u16, text: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(port, Service::Answer("HTTP/1.1 401 Unauthorized\r\n\r\n"))?;
    let port = port.to_string();
    stage.act(&container, &[ACT, "say", host, &port, text, "200"], "")?;
    peer.expect("a word", |heard| heard.length > 0)
}

fn metadata(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(80, Service::Http("rehearsal-role\n"))?;
    let url = "http://169.254.169.254/latest/meta-data/iam/security-credentials/";
    stage.act_shell(&container, &format!("wget -q -O - {url}"))
}

fn dropped_program(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(443, Service::Sink)?;
    stage.prepare(&container, "cp /payload/act /tmp/agent")?;
    stage.act_shell(&container, "/tmp/agent say 203.0.113.40 443 hello 200")
}

fn fileless_program(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(443, Service::Sink)?;
    let script = "run-memfd exec /payload/act agent say 203.0.113.41 443 hello 200";
    stage.act_shell(&container, script)
}

fn look_up(stage: &mut Stage, name: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve_dns(DNS_SERVER)?;
    let server = DNS_SERVER.to_string();
    stage.act(&container, &[ACT, "dns", &server, name], "")
}

fn sweep(stage: &mut Stage, arguments: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    stage.peer(&container)?;
    stage.act_shell(&container, &format!("{ACT} sweep {arguments}"))
}

fn admin_ports(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    stage.peer(&container)?;
    stage.prepare(&container, "cp /payload/act /tmp/spread")?;
    let script = "/tmp/spread sweep 172.16.3.10 6 22 445 3389 5985 6379 10250 2375";
    stage.act_shell(&container, script)
}

/// Two hundred ports.
fn ports() -> String {
    (1..=200)
        .map(|port| (port * 17).to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

fn mine(stage: &mut Stage, port: u16, hello: &str) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(port, Service::Answer(POOL_ANSWER))?;
    let port = port.to_string();
    let argv = [ACT, "say", "203.0.113.30", &port, hello, "300"];
    stage.act(&container, &argv, "")?;
    peer.expect("a miner", |heard| heard.length > 0)
}

fn attempts(stage: &mut Stage, port: u16) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(port, Service::Banner(SSH_BANNER))?;
    stage.act_shell(
        &container,
        &format!("{ACT} attempts 10.20.0.9 {port} 60 'root\\r\\n'"),
    )?;
    peer.expect("sixty attempts", |heard| heard.connections >= 60)
}

fn attempts_by_dropped_program(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(22, Service::Banner(SSH_BANNER))?;
    stage.prepare(&container, "cp /payload/act /var/tmp/backup")?;
    stage.act_shell(
        &container,
        "/var/tmp/backup attempts 10.20.0.9 22 60 'root\\r\\n'",
    )?;
    peer.expect("sixty attempts", |heard| heard.connections >= 60)
}

fn docker_tcp(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(2375, Service::Http(DOCKER_ANSWER))?;
    stage.act_shell(
        &container,
        "wget -q -O - http://10.20.0.9:2375/containers/json",
    )
}

fn docker_tcp_create(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let peer = stage.peer(&container)?;
    peer.serve(2375, Service::Http("{\"Id\":\"0\"}"))?;
    let body = r#"{"Image":"alpine","HostConfig":{"Privileged":true,"Binds":["/:/mnt"]}}"#;
    let script =
        format!("wget -q -O - --post-data '{body}' http://10.20.0.9:2375/v1.43/containers/create");
    stage.act_shell(&container, &script)
}

fn docker_unix(stage: &mut Stage) -> Result<(), RehearsalError> {
    let socket = stage.host_dir("run")?.join("docker.sock");
    let server = Peer::on_sockets()?;
    server.serve_unix(&socket, Service::Http(DOCKER_ANSWER))?;
    stage.keep(server);
    let mut options = stage.options();
    options
        .mounts
        .push(bind(&socket, "/var/run/docker.sock", false));
    let container = stage.start(&options)?;
    let request = "GET /v1.43/containers/json HTTP/1.1\\r\\nHost: docker\\r\\n\\r\\n";
    stage.prepare(&container, "cp /payload/act /tmp/dock")?;
    let argv = ["/tmp/dock", "say-unix", "/var/run/docker.sock", request];
    stage.act(&container, &argv, "")
}
