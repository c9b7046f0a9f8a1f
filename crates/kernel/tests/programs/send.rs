//! `bpf/programs/send.bpf.c`: first data of connections, datagrams, and what name servers are asked and answer.

use super::cases;
use super::socket::{DATAGRAM, STREAM, UDP, UNIX, calls, endpoint, one, only, socket};
use yagura_event::{Call, CallEvent};

cases![
    the_first_data_of_a_connection_by_every_call,
    first_data_is_told_until_it_says_something,
    first_data_is_cut,
    first_data_to_a_unix_socket,
    what_servers_send_is_not_told,
    datagrams_by_their_destination,
    a_flood_of_datagrams_is_counted,
    answers_to_many_are_one_flow,
    questions_and_answers_of_a_stub_resolver,
    questions_of_several_messages_in_one_call,
    questions_and_answers_over_tcp,
    raw_packets_by_their_destination,
];

/// A question for `pool.example`, type A.
const QUESTION: &str = "hex:1234010000010000000000000\
                        4706f6f6c076578616d706c650000010001";
/// Its answer: 192.0.2.7.
const ANSWER: &str = "hex:1234818000010001000000000\
                      4706f6f6c076578616d706c650000010001c00c000100010000003c0004c0000207";

const LISTEN: &str = "socket 2 1 0 bind 127.0.0.1 3333 listen socket 2 1 0 connect 127.0.0.1 3333";

fn is_first(event: &&CallEvent) -> bool {
    event.arguments[5] == u64::MAX
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.trim_start_matches("hex:").chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn the_first_data_of_a_connection_by_every_call() {
    for (how, call) in [
        ("write", Call::Sendto),
        ("writev", Call::Sendto),
        ("send", Call::Sendto),
        ("sendmsg", Call::Sendmsg),
        ("sendmmsg", Call::Sendmsg),
    ] {
        let login = "{\"method\":\"mining.subscribe\"}";
        let (_, told) = calls(&format!("{LISTEN} send {how} {login} send {how} more"));
        let sent: Vec<_> = told.iter().filter(is_first).collect();
        let [first] = sent[..] else {
            panic!("{how}: {told:#?}")
        };
        assert_eq!(
            (first.call, first.data.as_bytes()),
            (call, login.as_bytes()),
            "{how}"
        );
        assert_eq!(first.result, i64::try_from(login.len()).unwrap());
        let connected = one(&told, Call::Connect);
        assert_eq!(first.fd, connected.fd);
        assert_eq!(first.socket, connected.socket);
    }
}

fn first_data_is_told_until_it_says_something() {
    let (_, told) = calls(&format!(
        "{LISTEN} send write A send write B send write C send write D"
    ));
    let sent: Vec<_> = told
        .iter()
        .filter(is_first)
        .map(|event| event.data.as_bytes())
        .collect();
    assert_eq!(sent, [b"A", b"B", b"C"]);
    let (_, told) = calls(&format!(
        "{LISTEN} send write CONNECT send write evil.example:443 send write more"
    ));
    let sent: Vec<_> = told
        .iter()
        .filter(is_first)
        .map(|event| event.data.as_bytes())
        .collect();
    assert_eq!(sent, [&b"CONNECT"[..], b"evil.example:443"]);
}

fn first_data_is_cut() {
    let long = "x".repeat(1000);
    for how in ["write", "writev"] {
        let (_, told) = calls(&format!("{LISTEN} send {how} {long}"));
        let sent: Vec<_> = told.iter().filter(is_first).collect();
        assert_eq!(sent[0].data.as_bytes(), &long.as_bytes()[..256]);
        assert_eq!(sent[0].result, 1000);
    }
}

fn first_data_to_a_unix_socket() {
    let (_, told) = calls(
        "socket 1 1 0 bind unix:@engine listen socket 1 1 0 connect unix:@engine \
         send write GET_/containers/json",
    );
    let sent: Vec<_> = told.iter().filter(is_first).collect();
    assert_eq!(sent[0].data.as_bytes(), b"GET_/containers/json");
    let facts = socket(sent[0]);
    assert_eq!(
        (facts.family, facts.kind, &facts.unix_path),
        (UNIX, STREAM, &"\0engine".into())
    );
}

fn what_servers_send_is_not_told() {
    let (_, told) = calls(&format!("{LISTEN} swap accept send write welcome"));
    assert_eq!(
        (only(&told, Call::Sendto), only(&told, Call::Accept).len()),
        (vec![], 1)
    );
}

fn datagrams_by_their_destination() {
    let (_, told) = calls(
        "socket 2 2 0 sendto 127.0.0.1 5001 sendto hi sendto 127.0.0.1 5002 sendmsg hi \
         connect 127.0.0.1 5003 send write hi socket 10 2 0 sendto ::1 5004 sendmmsg hi",
    );
    let seen: Vec<_> = told
        .iter()
        .filter(|event| matches!(event.call, Call::Sendto | Call::Sendmsg))
        .map(|event| {
            let facts = socket(event);
            assert_eq!(
                (facts.kind, facts.protocol, facts.is_server),
                (DATAGRAM, UDP, false)
            );
            (
                event.call,
                facts.remote,
                event.arguments[5],
                event.data.is_empty(),
            )
        })
        .collect();
    let expected = [
        (Call::Sendto, endpoint("127.0.0.1", 5001), 1, true),
        (Call::Sendmsg, endpoint("127.0.0.1", 5002), 1, true),
        (Call::Sendto, endpoint("127.0.0.1", 5003), 1, true),
        (Call::Sendmsg, endpoint("::1", 5004), 1, true),
        (Call::Sendmsg, endpoint("::1", 5004), 1, true),
    ];
    assert_eq!(seen, expected);
}

fn a_flood_of_datagrams_is_counted() {
    for how in ["sendto", "sendmmsg"] {
        let (_, told) = calls(&format!("socket 2 2 0 flood {how} 10000 127.0.0.1 9"));
        let counts: Vec<u64> = told
            .iter()
            .filter(|event| matches!(event.call, Call::Sendto | Call::Sendmsg))
            .map(|event| event.arguments[5])
            .collect();
        let sum: u64 = counts.iter().sum();
        assert!((2..100).contains(&counts.len()), "{how}: {counts:?}");
        assert!((5000..=10000).contains(&sum), "{how}: {counts:?}");
    }
}

fn answers_to_many_are_one_flow() {
    let sends: String = (0..20)
        .map(|n| format!(" sendto 127.0.0.1 {} sendto hi", 40000 + n))
        .collect();
    let (_, told) = calls(&format!("socket 2 2 0 bind 127.0.0.1 5000{sends}"));
    let counts: Vec<u64> = only(&told, Call::Sendto)
        .iter()
        .map(|event| event.arguments[5])
        .collect();
    assert_eq!(counts, [1, 1, 2, 4, 8]);
}

fn questions_and_answers_of_a_stub_resolver() {
    let client = "socket 2 2 0 bind 127.0.0.1 45000";
    let cases = [
        (
            "connect 127.0.0.1 53 send send",
            "recv",
            Call::Sendto,
            Call::Recvfrom,
        ),
        (
            "connect 127.0.0.1 53 send write",
            "read",
            Call::Sendto,
            Call::Recvfrom,
        ),
        (
            "sendto 127.0.0.1 53 sendto",
            "recv",
            Call::Sendto,
            Call::Recvfrom,
        ),
        (
            "sendto 127.0.0.1 53 sendmsg",
            "recvmsg",
            Call::Sendmsg,
            Call::Recvmsg,
        ),
    ];
    for (ask, hear, sent, received) in cases {
        let (_, told) = calls(&format!(
            "socket 2 2 0 bind 127.0.0.1 53 {client} {ask} {QUESTION} \
             swap receive recv sendto 127.0.0.1 45000 sendto {ANSWER} swap receive {hear}"
        ));
        let with_data: Vec<_> = told.iter().filter(|event| !event.data.is_empty()).collect();
        let [question, answer] = with_data[..] else {
            panic!("{ask}: {told:#?}")
        };
        assert_eq!((question.call, answer.call), (sent, received));
        assert_eq!(question.data.as_bytes(), bytes(QUESTION));
        assert_eq!(answer.data.as_bytes(), bytes(ANSWER));
        for event in [question, answer] {
            assert_eq!(socket(event).remote, endpoint("127.0.0.1", 53));
            assert_eq!(
                event.result,
                i64::try_from(event.data.as_bytes().len()).unwrap()
            );
        }
    }
}

fn questions_of_several_messages_in_one_call() {
    let (_, told) = calls(&format!(
        "socket 2 2 0 bind 127.0.0.1 53 socket 2 2 0 connect 127.0.0.1 53 send sendmmsg {QUESTION}"
    ));
    let asked = only(&told, Call::Sendmsg);
    assert_eq!(asked.len(), 2);
    for event in asked {
        assert_eq!(event.data.as_bytes(), bytes(QUESTION));
        assert_eq!(socket(event).remote, endpoint("127.0.0.1", 53));
    }
}

fn questions_and_answers_over_tcp() {
    let framed = |hex: &str| {
        let digits = hex.trim_start_matches("hex:");
        format!("hex:{:04x}{digits}", digits.len() / 2)
    };
    let (question, answer) = (framed(QUESTION), framed(ANSWER));
    let (_, told) = calls(&format!(
        "socket 2 1 0 bind 127.0.0.1 53 listen socket 2 1 0 connect 127.0.0.1 53 \
         send write {question} use 0 accept receive read send write {answer} \
         use 1 receive read send send {question}"
    ));
    let seen: Vec<_> = told
        .iter()
        .filter(|event| !event.data.is_empty())
        .map(|event| {
            assert_eq!(socket(event).remote, endpoint("127.0.0.1", 53));
            (event.call, event.data.as_bytes().to_vec())
        })
        .collect();
    let expected = [
        (Call::Sendto, bytes(&question)),
        (Call::Recvfrom, bytes(&answer)),
        (Call::Sendto, bytes(&question)),
    ];
    assert_eq!(seen, expected);
}

fn raw_packets_by_their_destination() {
    // An echo request; raw sockets have no ports.
    let (_, told) = calls("socket 2 3 1 sendto 127.0.0.1 0 sendto hex:0800f7ff00000000");
    let sent = one(&told, Call::Sendto);
    let facts = socket(sent);
    assert_eq!((facts.kind, facts.protocol), (3, 1));
    assert_eq!(facts.remote, endpoint("127.0.0.1", 0));
    assert_eq!((sent.arguments[5], sent.data.is_empty()), (1, true));
}
