//! `bpf/programs/dup.bpf.c`: sockets, pipes and terminals that become standard streams.

use super::cases;
use super::socket::{calls, endpoint, one, only, socket};
use yagura_event::{Call, FileFlags};

cases![
    a_socket_becomes_a_standard_stream_by_every_call,
    pipes_and_terminals_become_standard_streams,
    other_copies_are_not_told,
];

const S_IFMT: u32 = 0o170_000;
const S_IFIFO: u32 = 0o010_000;
const S_IFCHR: u32 = 0o020_000;

fn a_socket_becomes_a_standard_stream_by_every_call() {
    for (call, to) in [
        (Call::Dup, 0),
        (Call::Dup2, 1),
        (Call::Dup3, 2),
        (Call::Fcntl, 1),
    ] {
        let (_, told) = calls(&format!(
            "socket 2 1 0 bind 127.0.0.1 4444 listen socket 2 1 0 connect 127.0.0.1 4444 \
             duplicate {} {to}",
            call.as_str()
        ));
        let connected = one(&told, Call::Connect);
        let copied = one(&told, call);
        assert_eq!((copied.fd, copied.result), (to, i64::from(to)));
        assert_eq!(copied.arguments[0], u64::try_from(connected.fd).unwrap());
        assert_eq!(copied.arguments[5], 1);
        assert_eq!(copied.socket, connected.socket);
        assert_eq!(socket(copied).remote, endpoint("127.0.0.1", 4444));
        assert_eq!(copied.file, None);
    }
}

fn pipes_and_terminals_become_standard_streams() {
    let (_, told) = calls("pipe duplicate dup2 0 terminal duplicate dup2 1");
    let [pipe, terminal] = only(&told, Call::Dup2)[..] else {
        panic!("{told:#?}")
    };
    let file = pipe.file.as_ref().unwrap();
    assert_eq!((pipe.fd, file.mode & S_IFMT), (0, S_IFIFO));
    assert_ne!(file.key.id.ino, 0);
    assert!(file.path.is_empty() && !file.flags.has(FileFlags::MEMFD));
    let file = terminal.file.as_ref().unwrap();
    assert_eq!((terminal.fd, file.mode & S_IFMT), (1, S_IFCHR));
    assert!(file.path.as_bytes().starts_with(b"/dev/pts/"), "{file:?}");
    assert_eq!((&pipe.socket, &terminal.socket), (&None, &None));
}

fn other_copies_are_not_told() {
    let (_, told) = calls(
        "take /dev/null duplicate dup2 0 terminal duplicate dup2 7 socket 2 1 0 duplicate dup2 8",
    );
    // A socket is told wherever it goes.
    assert_eq!(one(&told, Call::Dup2).fd, 8);
}
