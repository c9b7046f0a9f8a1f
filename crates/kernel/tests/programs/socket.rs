//! `bpf/programs/socket.bpf.c`: sockets are made, connected, bound, listened on and accepted.

use super::cases;
use crate::world::World;
use std::collections::HashSet;
use std::net::IpAddr;
use yagura_event::{Call, CallEvent, CallGroup, Endpoint, ExecEvent, KernelEvent, SocketFacts};

cases![
    a_connection_is_told_at_both_ends,
    both_ends_over_ipv6_and_mapped_addresses,
    connections_that_fail_name_whom_they_meant,
    connections_that_are_begun_count,
    connected_datagram_sockets,
    unix_sockets_by_path_and_abstract_name,
    unusual_sockets_are_told_and_usual_ones_counted,
    data_ahead_of_a_connection_begins_it,
    the_same_again_is_counted,
    a_scan_is_told_up_to_its_budget,
    sockets_outside_containers_are_not_told,
];

/// `AF_UNIX`, `AF_INET`, `AF_INET6`, `AF_PACKET`.
pub(super) const UNIX: u16 = 1;
pub(super) const V4: u16 = 2;
pub(super) const V6: u16 = 10;
const PACKET: u16 = 17;
/// `SOCK_STREAM`, `SOCK_DGRAM`, `SOCK_RAW`.
pub(super) const STREAM: u16 = 1;
pub(super) const DATAGRAM: u16 = 2;
const RAW: u16 = 3;
const TCP: u16 = 6;
pub(super) const UDP: u16 = 17;
/// `ENOENT`, `EAFNOSUPPORT` and so on, as results.
const ENOENT: i64 = -2;
const EADDRINUSE: i64 = -98;
const ECONNREFUSED: i64 = -111;
const EINPROGRESS: i64 = -115;
const ENETUNREACH: i64 = -101;

/// Runs acts in a network of their own; returns their program and what it did to sockets and streams.
pub(super) fn calls(acts: &str) -> (ExecEvent, Vec<CallEvent>) {
    let scene = World::get().calls();
    let exec = scene.act(&format!("unshare 0x40000000 loopback {acts}"));
    let mut told = scene.all(|event| match event {
        KernelEvent::Call(event) if event.base.program == exec.base.program => {
            let is_wanted = matches!(event.call.group(), CallGroup::Socket | CallGroup::Duplicate);
            is_wanted.then(|| (**event).clone())
        }
        _ => None,
    });
    // They come by more than one ring.
    told.sort_by_key(|event| event.base.time);
    for event in &told {
        assert_eq!(event.base.process, exec.base.process);
        assert_eq!(event.base.container, exec.base.container);
        assert_eq!(event.thread, exec.base.process.pid);
        assert!(event.base.time > exec.base.time);
    }
    (exec, told)
}

/// The calls of one kind.
pub(super) fn only(told: &[CallEvent], call: Call) -> Vec<&CallEvent> {
    told.iter().filter(|event| event.call == call).collect()
}

/// The only call of its kind.
pub(super) fn one(told: &[CallEvent], call: Call) -> &CallEvent {
    let [event] = only(told, call)[..] else {
        panic!("not one {call:?}: {told:#?}")
    };
    event
}

pub(super) fn socket(event: &CallEvent) -> &SocketFacts {
    event.socket.as_ref().expect("a socket")
}

pub(super) fn endpoint(address: &str, port: u16) -> Option<Endpoint> {
    let address: IpAddr = address.parse().unwrap();
    Some(Endpoint { address, port })
}

fn check_both_ends(family: u16, address: &str, accept: Call) {
    let name = accept.as_str();
    let (_, told) = calls(&format!(
        "socket {family} 1 0 bind {address} 8080 listen \
         socket {family} 1 0 connect {address} 8080 swap {name}"
    ));
    let seen = if family == V4 || address != "::ffff:127.0.0.1" {
        address
    } else {
        "127.0.0.1"
    };
    let here = endpoint(seen, 8080);
    let bound = one(&told, Call::Bind);
    let expected = SocketFacts {
        family,
        kind: STREAM,
        protocol: TCP,
        local: here,
        ino: socket(bound).ino,
        ..SocketFacts::default()
    };
    assert_ne!(expected.ino, 0);
    assert_eq!((bound.result, socket(bound)), (0, &expected));
    let listened = one(&told, Call::Listen);
    assert_eq!((listened.result, socket(listened)), (0, &expected));
    assert_eq!((listened.fd, listened.arguments[1]), (bound.fd, 5));

    let connected = one(&told, Call::Connect);
    let client = socket(connected);
    assert_eq!((connected.result, connected.arguments[5]), (0, 1));
    assert_eq!(
        (client.family, client.kind, client.protocol),
        (family, STREAM, TCP)
    );
    assert_eq!((client.remote, client.is_server), (here, false));
    let from = client.local.expect("a local address");
    assert_eq!(Some(from.address), endpoint(seen, 1).map(|e| e.address));
    assert_eq!(connected.fd, bound.fd + 1);

    let accepted = one(&told, accept);
    let server = socket(accepted);
    assert_eq!(accepted.result, i64::from(accepted.fd));
    assert_eq!((server.local, server.remote), (here, Some(from)));
    assert!(server.is_server && server.ino != expected.ino && server.ino != client.ino);
    assert_eq!(
        (server.family, server.kind, server.protocol),
        (family, STREAM, TCP)
    );
}

fn a_connection_is_told_at_both_ends() {
    check_both_ends(V4, "127.0.0.1", Call::Accept);
    check_both_ends(V4, "127.0.0.1", Call::Accept4);
}

fn both_ends_over_ipv6_and_mapped_addresses() {
    check_both_ends(V6, "::1", Call::Accept4);
    check_both_ends(V6, "::ffff:127.0.0.1", Call::Accept4);
}

fn connections_that_fail_name_whom_they_meant() {
    // Refused by the other side, refused by routing, and refused as too short an address.
    let (_, told) = calls(
        "socket 2 1 0 fails connect 127.0.0.1 4444 socket 2 1 0 fails connect 192.0.2.7 443 \
         socket 10 1 0 fails connect ::1 4444 \
         socket 2 1 0 bind 127.0.0.1 5555 socket 2 1 0 fails bind 127.0.0.1 5555",
    );
    let connects = only(&told, Call::Connect);
    let expected = [
        (ECONNREFUSED, V4, endpoint("127.0.0.1", 4444)),
        (ENETUNREACH, V4, endpoint("192.0.2.7", 443)),
        (ECONNREFUSED, V6, endpoint("::1", 4444)),
    ];
    let seen: Vec<_> = connects
        .iter()
        .map(|event| (event.result, socket(event).family, socket(event).remote))
        .collect();
    assert_eq!(seen, expected);
    let binds = only(&told, Call::Bind);
    let seen: Vec<_> = binds
        .iter()
        .map(|event| (event.result, socket(event).local))
        .collect();
    let local = endpoint("127.0.0.1", 5555);
    assert_eq!(seen, [(0, local), (EADDRINUSE, local)]);
}

fn connections_that_are_begun_count() {
    // SOCK_NONBLOCK, then the call again, which finds it established.
    let (_, told) = calls(
        "socket 2 1 0 bind 127.0.0.1 8080 listen \
         socket 2 0x801 0 fails connect 127.0.0.1 8080 connect 127.0.0.1 8080",
    );
    let seen: Vec<_> = only(&told, Call::Connect)
        .iter()
        .map(|event| (event.result, socket(event).remote))
        .collect();
    let remote = endpoint("127.0.0.1", 8080);
    assert_eq!(seen, [(EINPROGRESS, remote), (0, remote)]);
}

fn connected_datagram_sockets() {
    let (_, told) = calls("socket 2 2 0 connect 127.0.0.1 514 socket 10 2 0 connect ::1 123");
    let [v4, v6] = only(&told, Call::Connect)[..] else {
        panic!("{told:#?}")
    };
    assert_eq!((socket(v4).kind, socket(v4).protocol), (DATAGRAM, UDP));
    assert_eq!(socket(v4).remote, endpoint("127.0.0.1", 514));
    assert_eq!(socket(v6).remote, endpoint("::1", 123));
}

fn unix_sockets_by_path_and_abstract_name() {
    let cases = [
        ("unix:/tmp/a.sock", "/tmp/a.sock", "unlink /tmp/a.sock"),
        ("unix:@hidden", "\0hidden", ""),
    ];
    for (name, path, end) in cases {
        let (_, told) = calls(&format!(
            "socket 1 1 0 bind {name} listen socket 1 1 0 connect {name} swap accept {end}"
        ));
        for call in [Call::Bind, Call::Listen, Call::Connect, Call::Accept] {
            let event = one(&told, call);
            let facts = socket(event);
            assert_eq!((facts.family, facts.kind), (UNIX, STREAM));
            assert_eq!(facts.unix_path, path.into(), "{call:?}");
            assert_eq!(facts.is_server, call == Call::Accept);
            assert_ne!(facts.ino, 0);
        }
    }
    let (_, told) = calls(
        "socket 1 1 0 fails connect unix:/tmp/nobody.sock fails connect unix:@nobody \
         fails bind unix:/no/where",
    );
    let seen: Vec<_> = told
        .iter()
        .filter(|event| event.call != Call::Socket)
        .map(|event| (event.call, event.result, socket(event).unix_path.clone()))
        .collect();
    let expected = [
        (Call::Connect, ENOENT, "/tmp/nobody.sock".into()),
        (Call::Connect, ECONNREFUSED, "\0nobody".into()),
        (Call::Bind, ENOENT, "/no/where".into()),
    ];
    assert_eq!(seen, expected);
}

fn unusual_sockets_are_told_and_usual_ones_counted() {
    // Packet for every protocol, raw ICMP, and what everybody makes: of that the first is told.
    let (_, told) = calls(
        "socket 17 3 0x300 socket 2 3 1 socket 16 3 0 socket 1 1 0 \
         socket 2 1 0 socket 2 1 0 socket 2 1 0 socket 2 2 0 fails socket 12 1 0",
    );
    let seen: Vec<_> = only(&told, Call::Socket)
        .iter()
        .map(|event| {
            let facts = socket(event);
            (facts.family, facts.kind, facts.protocol, event.result >= 0)
        })
        .collect();
    let expected = [
        (PACKET, RAW, 3, true),
        (V4, RAW, 1, true),
        (V4, STREAM, 0, true),
        (V4, STREAM, 0, true),
        (V4, DATAGRAM, 0, true),
        (12, STREAM, 0, false),
    ];
    assert_eq!(seen, expected);
    let made = only(&told, Call::Socket);
    assert_eq!(i64::from(made[0].fd), made[0].result);
    assert_ne!(socket(made[0]).ino, 0);
    assert_eq!((made[3].arguments[5], made[5].fd), (1, -1));
}

fn data_ahead_of_a_connection_begins_it() {
    let (_, told) = calls(
        "socket 2 1 0 bind 127.0.0.1 8080 listen socket 2 1 0 sendto 127.0.0.1 8080 fastopen hello",
    );
    let begun = one(&told, Call::Connect);
    assert_eq!(begun.result, EINPROGRESS);
    assert_eq!(socket(begun).remote, endpoint("127.0.0.1", 8080));
    let sent = one(&told, Call::Sendto);
    assert_eq!(
        (sent.data.as_bytes(), sent.arguments[5]),
        (&b"hello"[..], u64::MAX)
    );
}

fn the_same_again_is_counted() {
    let (_, told) = calls("connects 500 127.0.0.1 22 connects 3 127.0.0.2 22");
    let connects = only(&told, Call::Connect);
    let sum = |address: &str| -> (usize, u64) {
        let to = connects
            .iter()
            .filter(|event| socket(event).remote == endpoint(address, 22));
        let counts: Vec<u64> = to.map(|event| event.arguments[5]).collect();
        (counts.len(), counts.iter().sum())
    };
    // 32, then at 64, 128 and 256, if it all was done in one second.
    let (events, count) = sum("127.0.0.1");
    assert!((35..200).contains(&events), "{events}");
    assert!((256..=500).contains(&count), "{count}");
    assert_eq!(sum("127.0.0.2"), (3, 3));
}

fn a_scan_is_told_up_to_its_budget() {
    // In a container of its own: the budget is the container's.
    let scene = World::get()
        .start(|_| ())
        .seen_by(World::get().calls().observed);
    let exec = scene.act("unshare 0x40000000 loopback scan 10000 127.0.0.1 1");
    let ports = scene.all(|event| match event {
        KernelEvent::Call(event)
            if event.call == Call::Connect && event.base.program == exec.base.program =>
        {
            socket(event).remote.map(|remote| remote.port)
        }
        _ => None,
    });
    let distinct: HashSet<_> = ports.iter().collect();
    assert_eq!(distinct.len(), ports.len());
    // Two thousand in each second that it took.
    assert!((2000..10000).contains(&ports.len()), "{}", ports.len());
    assert_eq!(ports[..100], (1..=100).collect::<Vec<u16>>());
}

fn sockets_outside_containers_are_not_told() {
    let scene = World::get().calls();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    drop(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let told = scene.all(|event| match event {
        KernelEvent::Call(event) if event.base.process.pid == std::process::id() => {
            Some(event.call)
        }
        _ => None,
    });
    assert_eq!(told, []);
}
