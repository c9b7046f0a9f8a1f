//! `evt.*`: the event itself.

use super::EventSubject;
use crate::detect::arguments;
use crate::detect::observed::{SeenCall, What};
use crate::detect::words;
use yagura_event::{Call, CallGroup, FileFlags};
use yagura_rules::fields::{Argument, Field};
use yagura_rules::{EventKind, Value};

/// Access modes and flags of open(2): include/uapi/asm-generic/fcntl.h.
const ACCESS: u64 = 3;
const READ_ONLY: u64 = 0;
const WRITE_ONLY: u64 = 1;
const CREATE: u64 = 0o100;
const TMPFILE: u64 = 0o20_000_000;

const SECOND_NS: i64 = 1_000_000_000;

impl<'a> EventSubject<'a> {
    /// Fields of the event.
    pub(super) fn event_value(&self, field: Field, argument: &Argument) -> Option<Value<'a>> {
        let what = self.what();
        let wall_ns = self.wall(self.observed.time).0;
        Some(match field {
            Field::EvtType => Value::text(what.kind().as_str()),
            Field::EvtTypeIs => match argument {
                Argument::Key(name) => Value::Boolean(what.kind().as_str() == &**name),
                _ => Value::Absent,
            },
            Field::SyscallType => match what.kind() {
                EventKind::Call(call) => Value::text(call.as_str()),
                EventKind::Exec => Value::text("execve"),
                _ => Value::Absent,
            },
            Field::EvtNum => Value::Number(i64::try_from(self.number).unwrap_or(i64::MAX)),
            Field::EvtDir => Value::text("<"),
            Field::EvtSource => Value::text(match what {
                What::ContainerStarted => "container",
                _ => "syscall",
            }),
            Field::EvtIsAsync => {
                Value::Boolean(what.call().is_none() && !matches!(what, What::Exec | What::Exit(_)))
            }
            Field::EvtHostname => Value::text(self.node.name.as_str()),
            Field::EvtRawtime => Value::Number(wall_ns),
            Field::EvtRawtimeS => Value::Number(wall_ns.div_euclid(SECOND_NS)),
            Field::EvtRawtimeNs => Value::Number(wall_ns.rem_euclid(SECOND_NS)),
            Field::EvtTime
            | Field::EvtTimeS
            | Field::EvtTimeIso8601
            | Field::EvtDatetime
            | Field::EvtDatetimeS
            | Field::EvtOutputTime => Value::owned(super::super::times::show(field, wall_ns)),
            Field::EvtArgs | Field::EvtInfo => Value::owned(arguments::all(what)),
            Field::EvtArg => arguments::readable(what, argument),
            Field::EvtRawArg => arguments::raw(what, argument),
            Field::EvtCategory => Value::text(category(what.kind())),
            Field::EvtCount | Field::EvtCountExit => Value::Number(1),
            _ => return self.result_value(field),
        })
    }

    fn result_value(&self, field: Field) -> Option<Value<'a>> {
        let what = self.what();
        let call = what.call();
        let result = call.map(|call| call.event.result);
        // An exec that failed is not reported.
        let result = result.or(matches!(what, What::Exec).then_some(0));
        let failed = result.is_some_and(|result| result < 0);
        let count = |counts: bool| Value::Number(i64::from(failed && counts));
        Some(match field {
            Field::EvtRes => result.map_or(Value::Absent, |result| match result < 0 {
                true => Value::text(words::error(result)),
                false => Value::text("SUCCESS"),
            }),
            Field::EvtRawRes => result.map_or(Value::Absent, Value::Number),
            Field::EvtFailed => result.map_or(Value::Absent, |_| Value::Boolean(failed)),
            Field::EvtCountError => count(true),
            Field::EvtCountErrorFile => count(is_on_files(what.kind())),
            Field::EvtCountErrorNet => count(is_on_sockets(what.kind())),
            Field::EvtCountErrorOther => {
                count(!is_on_files(what.kind()) && !is_on_sockets(what.kind()))
            }
            Field::EvtBuffer => call.map_or(Value::Absent, |call| {
                Value::text(call.event.data.as_bytes())
            }),
            Field::EvtBufferLength => call.map_or(Value::Absent, |call| {
                Value::Number(call.event.result.max(0))
            }),
            Field::EvtAbsPath => call.map_or(Value::Absent, |call| Value::text(call.path())),
            Field::EvtIsOpenRead => opened(call, |call, flags| {
                call.event.call != Call::Creat && flags & ACCESS != WRITE_ONLY
            }),
            Field::EvtIsOpenWrite => opened(call, |call, flags| {
                call.event.call == Call::Creat || flags & ACCESS != READ_ONLY
            }),
            Field::EvtIsOpenCreate => opened(call, |call, flags| {
                call.event.call == Call::Creat || flags & CREATE != 0 || flags & TMPFILE == TMPFILE
            }),
            Field::EvtIsOpenExec => opened(call, |call, flags| {
                let makes = call.event.call == Call::Creat || flags & CREATE != 0;
                let mode = call.event.file.as_ref().map_or(0, |file| file.mode);
                makes && mode & 0o111 != 0
            }),
            Field::EvtIsIo => Value::Boolean(is_read(what.kind()) || is_write(what.kind())),
            Field::EvtIsIoRead => Value::Boolean(is_read(what.kind())),
            Field::EvtIsIoWrite => Value::Boolean(is_write(what.kind())),
            Field::EvtIoDir => match (is_read(what.kind()), is_write(what.kind())) {
                (true, _) => Value::text("r"),
                (_, true) => Value::text("w"),
                _ => Value::Absent,
            },
            Field::FdFileMagic => call.map_or(Value::Absent, |call| {
                match call
                    .event
                    .file
                    .as_ref()
                    .is_some_and(|file| file.flags.has(FileFlags::MEMFD))
                {
                    true => Value::text("elf"),
                    false => Value::Unknown,
                }
            }),
            _ => return None,
        })
    }
}

/// Flags of an open.
pub(crate) fn open_flags(call: &SeenCall) -> u64 {
    let index = match call.event.call {
        Call::Open => 1,
        _ => 2,
    };
    call.event.arguments.get(index).copied().unwrap_or_default()
}

fn opened<'a>(call: Option<&SeenCall>, test: fn(&SeenCall, u64) -> bool) -> Value<'a> {
    match call.filter(|call| call.event.call.group() == CallGroup::Open) {
        Some(call) => Value::Boolean(test(call, open_flags(call))),
        None => Value::Absent,
    }
}

fn category(kind: EventKind) -> &'static str {
    match kind {
        kind if is_on_files(kind) => "file",
        kind if is_on_sockets(kind) => "net",
        EventKind::Exec | EventKind::Exit => "process",
        EventKind::Call(call) => match call {
            Call::Setuid
            | Call::Setgid
            | Call::Setreuid
            | Call::Setregid
            | Call::Setresuid
            | Call::Setresgid
            | Call::Capset => "user",
            call if call.group() == CallGroup::Process => "process",
            Call::Unshare | Call::Setns | Call::Prctl => "process",
            _ => "other",
        },
        _ => "other",
    }
}

fn is_on_files(kind: EventKind) -> bool {
    matches!(kind, EventKind::Call(call)
        if matches!(call.group(), CallGroup::Open | CallGroup::Path | CallGroup::TwoPaths))
}

fn is_on_sockets(kind: EventKind) -> bool {
    match kind {
        EventKind::Call(call) => call.group() == CallGroup::Socket,
        EventKind::Dns | EventKind::FirstData | EventKind::RemoteStream => true,
        _ => false,
    }
}

fn is_read(kind: EventKind) -> bool {
    matches!(kind, EventKind::Call(Call::Recvfrom | Call::Recvmsg))
}

fn is_write(kind: EventKind) -> bool {
    matches!(
        kind,
        EventKind::Call(Call::Sendto | Call::Sendmsg) | EventKind::FirstData
    )
}
