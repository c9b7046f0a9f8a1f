//! Arguments of events by name and number, readable (`evt.arg`) and raw (`evt.rawarg`).

use super::observed::{SeenCall, What};
use super::words;
use std::fmt::Write as _;
use yagura_event::Call;
use yagura_rules::Value;
use yagura_rules::fields::Argument;

/// How an argument is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The result of the call.
    Result,
    /// The descriptor that the call made or acted on.
    Descriptor,
    /// The path.
    Path,
    /// The second path.
    NewPath,
    /// The path as the caller wrote it.
    RawPath,
    /// What was sent, received or carried.
    Data,
    /// The pid of the other process.
    Target,
    /// The socket's two ends.
    Tuple,
    /// Address of the other side.
    RemoteAddress,
    /// A signed number.
    Decimal(usize),
    /// A number, shown in hexadecimal.
    Hexadecimal(usize),
    /// Flags or a constant, by name.
    Words(usize, words::Words),
}

/// Arguments of each call in the order of Falco's event table, the result first where it has one.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn table(call: Call) -> &'static [(&'static str, Shape)] {
    use Shape::{Data, Decimal, Descriptor, Hexadecimal, NewPath, Path, RawPath, RemoteAddress, Result, Target, Tuple, Words};
    match call {
        Call::Open => &[("fd", Descriptor), ("name", Path), ("flags", Words(1, words::OPEN)), ("mode", Words(2, words::MODE)), ("res", Result)],
        Call::Creat => &[("fd", Descriptor), ("name", Path), ("mode", Words(1, words::MODE)), ("res", Result)],
        Call::Openat | Call::Openat2 => &[("fd", Descriptor), ("dirfd", Decimal(0)), ("name", Path), ("flags", Words(2, words::OPEN)), ("mode", Words(3, words::MODE)), ("res", Result)],
        Call::OpenByHandleAt => &[("fd", Descriptor), ("mountfd", Decimal(0)), ("flags", Words(2, words::OPEN)), ("path", Path), ("res", Result)],
        Call::Rename => &[("res", Result), ("oldpath", Path), ("newpath", NewPath)],
        Call::Renameat => &[("res", Result), ("olddirfd", Decimal(0)), ("oldpath", Path), ("newdirfd", Decimal(2)), ("newpath", NewPath)],
        Call::Renameat2 => &[("res", Result), ("olddirfd", Decimal(0)), ("oldpath", Path), ("newdirfd", Decimal(2)), ("newpath", NewPath), ("flags", Hexadecimal(4))],
        Call::Link => &[("res", Result), ("oldpath", Path), ("newpath", NewPath)],
        Call::Linkat => &[("res", Result), ("olddir", Decimal(0)), ("oldpath", Path), ("newdir", Decimal(2)), ("newpath", NewPath), ("flags", Hexadecimal(4))],
        Call::Symlink => &[("res", Result), ("target", RawPath), ("linkpath", NewPath)],
        Call::Symlinkat => &[("res", Result), ("target", RawPath), ("linkdirfd", Decimal(1)), ("linkpath", NewPath)],
        Call::Unlink | Call::Rmdir | Call::Umount2 | Call::Chroot => &[("res", Result), ("path", Path), ("name", Path), ("flags", Hexadecimal(1))],
        Call::Unlinkat => &[("res", Result), ("dirfd", Decimal(0)), ("name", Path), ("flags", Hexadecimal(2))],
        Call::Mkdir => &[("res", Result), ("path", Path), ("mode", Words(1, words::MODE))],
        Call::Mkdirat => &[("res", Result), ("dirfd", Decimal(0)), ("path", Path), ("mode", Words(2, words::MODE))],
        Call::Mknod => &[("res", Result), ("path", Path), ("mode", Words(1, words::MODE)), ("dev", Hexadecimal(2))],
        Call::Mknodat => &[("res", Result), ("dirfd", Decimal(0)), ("path", Path), ("mode", Words(2, words::MODE)), ("dev", Hexadecimal(3))],
        Call::Chmod => &[("res", Result), ("filename", Path), ("mode", Words(1, words::MODE))],
        Call::Fchmod => &[("res", Result), ("fd", Descriptor), ("mode", Words(1, words::MODE)), ("filename", Path)],
        Call::Fchmodat | Call::Fchmodat2 => &[("res", Result), ("dirfd", Decimal(0)), ("filename", Path), ("mode", Words(2, words::MODE))],
        Call::Chown | Call::Lchown => &[("res", Result), ("path", Path), ("uid", Decimal(1)), ("gid", Decimal(2))],
        Call::Fchown => &[("res", Result), ("fd", Descriptor), ("uid", Decimal(1)), ("gid", Decimal(2)), ("path", Path)],
        Call::Fchownat => &[("res", Result), ("dirfd", Decimal(0)), ("pathname", Path), ("uid", Decimal(2)), ("gid", Decimal(3)), ("flags", Hexadecimal(4))],
        Call::Setxattr | Call::Lsetxattr | Call::Fsetxattr => &[("res", Result), ("name", RawPath), ("path", NewPath), ("value", Data)],
        Call::Truncate => &[("res", Result), ("path", Path), ("length", Decimal(1))],
        Call::Mount => &[("res", Result), ("flags", Words(3, words::MOUNT)), ("dev", RawPath), ("dir", NewPath), ("type", Data)],
        Call::MoveMount | Call::PivotRoot => &[("res", Result), ("from", Path), ("to", NewPath)],
        Call::Fsopen => &[("fd", Descriptor), ("type", RawPath), ("flags", Hexadecimal(1))],
        Call::Fsconfig => &[("res", Result), ("fd", Decimal(0)), ("cmd", Decimal(1)), ("key", RawPath), ("value_charbuf", Data)],
        Call::Fsmount => &[("fd", Descriptor), ("flags", Hexadecimal(1))],
        Call::OpenTree => &[("fd", Descriptor), ("path", Path), ("flags", Hexadecimal(2))],
        Call::Unshare => &[("res", Result), ("flags", Words(0, words::CLONE))],
        Call::Setns => &[("res", Result), ("fd", Descriptor), ("nstype", Words(1, words::CLONE)), ("path", Path)],
        Call::Ptrace => &[("res", Result), ("request", Words(0, words::PTRACE)), ("pid", Target), ("addr", Hexadecimal(2)), ("data", Hexadecimal(3))],
        Call::ProcessVmWritev | Call::ProcessVmReadv => &[("res", Result), ("pid", Target), ("data", Data)],
        Call::Kill | Call::Tkill | Call::PidfdSendSignal => &[("res", Result), ("pid", Target), ("sig", Words(1, words::SIGNAL))],
        Call::Tgkill => &[("res", Result), ("pid", Target), ("tid", Decimal(1)), ("sig", Words(2, words::SIGNAL))],
        Call::MemfdCreate => &[("fd", Descriptor), ("name", RawPath), ("flags", Words(1, words::MEMFD))],
        Call::Prctl => &[("res", Result), ("option", Words(0, words::PRCTL)), ("arg2_str", RawPath), ("arg2_int", Decimal(1))],
        Call::InitModule => &[("res", Result), ("img", Hexadecimal(0)), ("length", Decimal(1)), ("uargs", Data)],
        Call::FinitModule => &[("res", Result), ("fd", Descriptor), ("uargs", Data), ("flags", Hexadecimal(2)), ("path", Path)],
        Call::DeleteModule => &[("res", Result), ("name", RawPath), ("flags", Hexadecimal(1))],
        Call::Bpf => &[("fd", Descriptor), ("cmd", Words(0, words::BPF)), ("res", Result)],
        Call::PerfEventOpen => &[("fd", Descriptor), ("pid", Decimal(1)), ("cpu", Decimal(2)), ("flags", Hexadecimal(4))],
        Call::Keyctl => &[("res", Result), ("option", Words(0, words::KEYCTL)), ("arg2", Hexadecimal(1)), ("arg3", Hexadecimal(2))],
        Call::AddKey | Call::RequestKey => &[("res", Result), ("type", RawPath), ("description", Data)],
        Call::Splice => &[("res", Result), ("fd_in", Decimal(0)), ("fd_out", Decimal(2)), ("size", Decimal(4)), ("flags", Hexadecimal(5)), ("path", Path)],
        Call::Vmsplice => &[("res", Result), ("fd", Decimal(0)), ("flags", Hexadecimal(3))],
        Call::IoUringSetup => &[("fd", Descriptor), ("entries", Decimal(0)), ("res", Result)],
        Call::Userfaultfd => &[("fd", Descriptor), ("flags", Hexadecimal(0)), ("res", Result)],
        Call::Capset => &[("res", Result)],
        Call::Setuid => &[("res", Result), ("uid", Decimal(0))],
        Call::Setgid => &[("res", Result), ("gid", Decimal(0))],
        Call::Setreuid => &[("res", Result), ("ruid", Decimal(0)), ("euid", Decimal(1))],
        Call::Setregid => &[("res", Result), ("rgid", Decimal(0)), ("egid", Decimal(1))],
        Call::Setresuid => &[("res", Result), ("ruid", Decimal(0)), ("euid", Decimal(1)), ("suid", Decimal(2))],
        Call::Setresgid => &[("res", Result), ("rgid", Decimal(0)), ("egid", Decimal(1)), ("sgid", Decimal(2))],
        Call::KexecLoad | Call::KexecFileLoad => &[("res", Result), ("path", Path)],
        Call::Iopl => &[("res", Result), ("level", Decimal(0))],
        Call::Ioperm => &[("res", Result), ("from", Hexadecimal(0)), ("num", Decimal(1)), ("turn_on", Decimal(2))],
        Call::Dup | Call::Dup2 | Call::Dup3 => &[("res", Result), ("oldfd", Decimal(0)), ("newfd", Descriptor)],
        Call::Fcntl => &[("res", Result), ("fd", Decimal(0)), ("cmd", Decimal(1)), ("newfd", Descriptor)],
        Call::Socket => &[("fd", Descriptor), ("domain", Words(0, words::FAMILY)), ("type", Words(1, words::SOCKET)), ("proto", Decimal(2))],
        Call::Connect => &[("res", Result), ("tuple", Tuple), ("fd", Descriptor), ("addr", RemoteAddress), ("count", Decimal(5))],
        Call::Bind => &[("res", Result), ("addr", Tuple), ("fd", Descriptor)],
        Call::Listen => &[("res", Result), ("fd", Descriptor), ("backlog", Decimal(1))],
        Call::Accept | Call::Accept4 => &[("fd", Descriptor), ("tuple", Tuple), ("flags", Hexadecimal(3))],
        Call::Sendto | Call::Sendmsg => &[("res", Result), ("data", Data), ("fd", Descriptor), ("size", Decimal(2)), ("tuple", Tuple), ("count", Decimal(5))],
        Call::Recvfrom | Call::Recvmsg => &[("res", Result), ("data", Data), ("tuple", Tuple), ("size", Result)],
    }
}

/// One argument: of a call from its table, of an exec the few that Falco names.
pub(crate) fn readable<'a>(what: &'a What, argument: &Argument) -> Value<'a> {
    match (what.call(), what) {
        (Some(call), _) => match find(call, argument) {
            Some(shape) => show(call, shape),
            None => Value::Absent,
        },
        (None, What::Exit(status)) => match argument {
            Argument::Key(name) if matches!(&**name, "status" | "ret") => {
                Value::Number(i64::from(*status))
            }
            _ => Value::Absent,
        },
        _ => Value::Absent,
    }
}

/// The same as a number, where it is one.
pub(crate) fn raw<'a>(what: &'a What, argument: &Argument) -> Value<'a> {
    let Some(call) = what.call() else {
        return Value::Absent;
    };
    match find(call, argument) {
        Some(Shape::Result) => Value::Number(call.event.result),
        Some(Shape::Decimal(index) | Shape::Hexadecimal(index) | Shape::Words(index, _)) => {
            Value::Number(number(call, index))
        }
        Some(shape) => show(call, shape),
        None => Value::Absent,
    }
}

/// Every argument as `name=value`.
pub(crate) fn all(what: &What) -> String {
    let Some(call) = what.call() else {
        return String::new();
    };
    let mut line = String::new();
    for (name, shape) in table(call.event.call) {
        let value = match show(call, *shape) {
            Value::Text(text) => yagura_event::escape(&text).into_owned(),
            Value::Number(number) => number.to_string(),
            Value::Address(address) => address.to_string(),
            _ => continue,
        };
        let space = if line.is_empty() { "" } else { " " };
        let _ = write!(line, "{space}{name}={value}");
    }
    line
}

fn find(call: &SeenCall, argument: &Argument) -> Option<Shape> {
    let table = table(call.event.call);
    match argument {
        Argument::Index(index) => table.get(usize::try_from(*index).ok()?),
        Argument::Key(name) => table
            .iter()
            .find(|(known, _)| *known == &**name)
            .or_else(|| table.iter().find(|(known, _)| is_synonym(known, name))),
        Argument::None => None,
    }
    .map(|(_, shape)| *shape)
}

/// Falco's tables name the same thing differently from call to call, and its rules use any of the names.
fn is_synonym(known: &str, asked: &str) -> bool {
    const SAME: &[&[&str]] = &[
        &["name", "path", "pathname", "filename"],
        &["oldpath", "target", "from", "dev"],
        &["newpath", "linkpath", "to", "dir"],
        &["res", "ret"],
        &["domain", "family"],
        &["proto", "protocol"],
        &["request", "option", "cmd"],
    ];
    SAME.iter()
        .any(|names| names.contains(&known) && names.contains(&asked))
}

fn number(call: &SeenCall, index: usize) -> i64 {
    let raw = call.event.arguments.get(index).copied().unwrap_or_default();
    // Arguments are as wide as registers; nearly all are 32 bits that were sign-extended or not.
    match u32::try_from(raw) {
        Ok(low) if low > i32::MAX as u32 && index == 0 => i64::from(low.cast_signed()),
        _ => raw.cast_signed(),
    }
}

fn show(call: &SeenCall, shape: Shape) -> Value<'_> {
    let event = &call.event;
    match shape {
        Shape::Result => match event.result < 0 {
            true => Value::owned(words::error(event.result)),
            false => Value::owned(event.result.to_string()),
        },
        Shape::Descriptor => Value::Number(i64::from(event.fd)),
        Shape::Path => Value::text(call.path()),
        Shape::NewPath => Value::text(call.new_path()),
        Shape::RawPath => Value::text(event.path.as_bytes()),
        Shape::Data => Value::text(event.data.as_bytes()),
        Shape::Target => Value::Number(event.target.map_or(0, |target| i64::from(target.pid))),
        Shape::Tuple => Value::owned(tuple(call)),
        Shape::RemoteAddress => match event.socket.as_ref().and_then(|socket| socket.remote) {
            Some(remote) => Value::Address(remote.address),
            None => Value::Absent,
        },
        Shape::Decimal(index) => Value::owned(number(call, index).to_string()),
        Shape::Hexadecimal(index) => Value::owned(format!("0x{:x}", number(call, index))),
        Shape::Words(index, words) => Value::owned(words.show(number(call, index))),
    }
}

/// The two ends of a socket, the client's first; of a unix socket its path.
pub(crate) fn tuple(call: &SeenCall) -> Vec<u8> {
    let Some(socket) = &call.event.socket else {
        return Vec::new();
    };
    let (client, server) = match socket.is_server {
        true => (socket.remote, socket.local),
        false => (socket.local, socket.remote),
    };
    let end = |end: Option<yagura_event::Endpoint>| {
        end.map(|end| format!("{}:{}", end.address, end.port))
    };
    match (end(client), end(server)) {
        (Some(client), Some(server)) => format!("{client}->{server}").into_bytes(),
        (Some(one), None) | (None, Some(one)) => one.into_bytes(),
        (None, None) => socket.unix_path.as_bytes().to_vec(),
    }
}
