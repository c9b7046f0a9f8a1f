//! `proc.*`, `thread.*`, `user.*`, `group.*`, `target.*`.

use super::EventSubject;
use crate::detect::words;
use crate::limits::ANCESTORS_MAX;
use crate::process_table::{ExeOrigin, Program, base_name};
use yagura_event::{BaseFlags, FileFlags, MonotonicNs, Stream, StreamKind};
use yagura_rules::Value;
use yagura_rules::fields::{Argument, Field};

/// Shells by the name of their executable: what a session of a person or an attacker begins with.
pub(crate) const SHELLS: &[&[u8]] = &[
    b"sh", b"bash", b"dash", b"ash", b"zsh", b"ksh", b"mksh", b"csh", b"tcsh", b"fish", b"rbash",
    b"yash",
];

impl<'a> EventSubject<'a> {
    /// Texts of the process and its ancestors.
    pub(super) fn process_text(&self, field: Field, argument: &Argument) -> Option<Value<'a>> {
        let own = self.program;
        let of = |text: fn(&'a Program) -> &'a [u8]| Self::text_of(own, text);
        let parent = |text: fn(&'a Program) -> &'a [u8]| self.of_parent(text);
        let ancestors = |text: fn(&'a Program) -> &'a [u8]| self.of_ancestors(argument, text);
        Some(match field {
            Field::ProcName => of(Program::name),
            Field::ProcPname => parent(Program::name),
            Field::ProcAname => ancestors(Program::name),
            Field::ProcExe => of(called),
            Field::ProcPexe => parent(called),
            Field::ProcAexe => ancestors(called),
            Field::ProcExepath => of(Program::exe),
            Field::ProcPexepath => parent(Program::exe),
            Field::ProcAexepath => ancestors(Program::exe),
            Field::ProcCmdline => of(Program::command_line),
            Field::ProcPcmdline => parent(Program::command_line),
            Field::ProcAcmdline => ancestors(Program::command_line),
            Field::ProcCwd => of(Program::cwd),
            Field::ProcArgs => match argument {
                Argument::Index(index) => own.map_or(Value::Unknown, |program| {
                    let index = usize::try_from(*index).unwrap_or(usize::MAX);
                    let found = program.argv().skip(1).nth(index);
                    found.map_or(Value::Absent, Value::text)
                }),
                _ => of(Program::arguments_line),
            },
            Field::ProcExeline => own.map_or(Value::Unknown, |program| {
                let mut line = called(program).to_vec();
                if !program.arguments_line().is_empty() {
                    line.push(b' ');
                    line.extend_from_slice(program.arguments_line());
                }
                Value::owned(line)
            }),
            Field::ProcSname => Self::text_of(self.session_leader(), Program::name),
            Field::ProcSidExe => Self::text_of(self.session_leader(), called),
            Field::ProcSidExepath => Self::text_of(self.session_leader(), Program::exe),
            Field::ProcPgidName | Field::ProcVpgidName => {
                Self::text_of(self.group_leader(), Program::name)
            }
            Field::ProcPgidExe | Field::ProcVpgidExe => Self::text_of(self.group_leader(), called),
            Field::ProcPgidExepath | Field::ProcVpgidExepath => {
                Self::text_of(self.group_leader(), Program::exe)
            }
            _ => return None,
        })
    }

    /// Numbers and yes/no facts of the process.
    pub(super) fn process_value(&self, field: Field, argument: &Argument) -> Option<Value<'a>> {
        let own = self.program;
        let number = |of: fn(&Program) -> u32| {
            own.map_or(Value::Unknown, |program| {
                Value::Number(i64::from(of(program)))
            })
        };
        Some(match field {
            Field::ProcPid => Value::Number(i64::from(self.observed.process.pid)),
            Field::ProcPpid => self.parent_number(|parent| parent.process.pid),
            Field::ProcApid => self.ancestor_pids(argument),
            Field::ProcVpid => number(|program| program.inner_pid),
            Field::ProcPvpid => self.parent_number(|parent| parent.inner_pid),
            Field::ProcSid => number(|program| program.session),
            Field::ProcPgid | Field::ProcVpgid => number(|program| program.process_group),
            Field::ProcTty => number(|program| program.tty),
            Field::ThreadTid => {
                let call = self.what().call();
                Value::Number(i64::from(
                    call.map_or(self.observed.process.pid, |call| call.event.thread),
                ))
            }
            Field::ThreadIsMain => {
                let call = self.what().call();
                Value::Boolean(
                    call.is_none_or(|call| call.event.thread == self.observed.process.pid),
                )
            }
            Field::ProcIsSidLeader => own.map_or(Value::Unknown, |program| {
                Value::Boolean(program.session == program.process.pid)
            }),
            Field::ProcIsPgidLeader | Field::ProcIsVpgidLeader => own
                .map_or(Value::Unknown, |program| {
                    Value::Boolean(program.process_group == program.process.pid)
                }),
            Field::ProcLoginShellId => {
                match self.lineage().filter(|program| is_shell(program)).last() {
                    Some(shell) => Value::Number(i64::from(shell.process.pid)),
                    None => Value::Absent,
                }
            }
            Field::ProcDuration => self.age(self.observed.process.start_ns),
            Field::ProcPpidDuration => match self.parent() {
                Some(parent) => self.age(parent.process.start_ns),
                None => Value::Absent,
            },
            Field::ProcPidTs => self.started(self.observed.process.start_ns),
            Field::ProcPpidTs => match self.parent() {
                Some(parent) => self.started(parent.process.start_ns),
                None => Value::Absent,
            },
            Field::ProcCmdnargs => own.map_or(Value::Unknown, |program| {
                Value::Number(i64::try_from(program.argv().skip(1).count()).unwrap_or(i64::MAX))
            }),
            Field::ProcCmdlenargs => own.map_or(Value::Unknown, |program| {
                let bytes: usize = program.argv().skip(1).map(<[u8]>::len).sum();
                Value::Number(i64::try_from(bytes).unwrap_or(i64::MAX))
            }),
            _ => {
                return self
                    .executable_value(field)
                    .or_else(|| self.identity_value(field, argument));
            }
        })
    }

    fn executable_value(&self, field: Field) -> Option<Value<'a>> {
        let own = self.program;
        let flag = |of: fn(&Program) -> bool| {
            own.map_or(Value::Unknown, |program| Value::Boolean(of(program)))
        };
        let ns = |of: fn(&Program) -> i64| {
            own.map_or(Value::Unknown, |program| Value::Number(of(program)))
        };
        Some(match field {
            Field::ProcIsExeUpperLayer => flag(|program| program.exe_flags.has(FileFlags::UPPER)),
            Field::ProcIsExeLowerLayer => flag(|program| {
                program.exe_flags.has(FileFlags::OVERLAY)
                    && !program.exe_flags.has(FileFlags::UPPER)
            }),
            Field::ProcIsExeFromMemfd => flag(|program| program.exe_flags.has(FileFlags::MEMFD)),
            Field::ProcIsExeWritable => flag(|program| {
                program.exe_mode & 0o002 != 0
                    || program.credentials.euid == 0
                    || program.exe_mode & 0o200 != 0
                        && program.exe_owner == program.credentials.euid
            }),
            Field::ProcIsDrifted => match own.map(|program| program.exe_origin) {
                Some(ExeOrigin::Image | ExeOrigin::Replaced) => Value::Boolean(false),
                Some(ExeOrigin::Other) => Value::Boolean(true),
                Some(ExeOrigin::Undecided) | None => Value::Unknown,
            },
            Field::ProcExeIno => own.map_or(Value::Unknown, |program| {
                Value::Number(program.exe_file.id.ino.cast_signed())
            }),
            Field::ProcExeInoCtime => ns(|program| program.exe_file.ctime_ns),
            Field::ProcExeInoMtime => ns(|program| program.exe_mtime_ns),
            Field::ProcExeInoCtimeDurationProcStart => own.map_or(Value::Unknown, |program| {
                let started = self.wall(MonotonicNs(program.key.exec_ns)).0;
                Value::Number(started.saturating_sub(program.exe_file.ctime_ns))
            }),
            Field::ProcExeInoCtimeDurationPidnsStart => {
                match (own, self.entry.and_then(|entry| entry.home)) {
                    (Some(program), Some(home)) => Value::Number(
                        program
                            .exe_file
                            .ctime_ns
                            .saturating_sub(self.wall(home.began).0),
                    ),
                    _ => Value::Unknown,
                }
            }
            Field::ProcPidnsInitStartTs => match self.entry.and_then(|entry| entry.home) {
                Some(home) => Value::Number(self.wall(home.began).0),
                None => Value::Unknown,
            },
            _ => return None,
        })
    }

    fn identity_value(&self, field: Field, argument: &Argument) -> Option<Value<'a>> {
        let own = self.program;
        Some(match field {
            Field::ProcCapEffective
            | Field::ThreadCapEffective
            | Field::ProcCapPermitted
            | Field::ThreadCapPermitted => own.map_or(Value::Unknown, |program| {
                Value::owned(words::capabilities(program.credentials.capabilities))
            }),
            Field::ProcStdinType => self.stream(0, |stream| Value::text(stream.kind.as_str())),
            Field::ProcStdoutType => self.stream(1, |stream| Value::text(stream.kind.as_str())),
            Field::ProcStderrType => self.stream(2, |stream| Value::text(stream.kind.as_str())),
            Field::ProcStdinName => self.stream(0, stream_name),
            Field::ProcStdoutName => self.stream(1, stream_name),
            Field::ProcStderrName => self.stream(2, stream_name),
            Field::ProcIsInteractive => {
                own.map_or(Value::Unknown, |program| Value::Boolean(program.tty != 0))
            }
            Field::ProcStartedByRuntime => own.map_or(Value::Unknown, |_| {
                Value::Boolean(
                    self.lineage()
                        .last()
                        .is_some_and(|oldest| oldest.flags.has(BaseFlags::ENTERED)),
                )
            }),
            Field::ProcSessionAgeMs => match self.session_leader() {
                Some(leader) => {
                    let age = self.observed.time.0.saturating_sub(leader.process.start_ns);
                    Value::Number(i64::try_from(age / 1_000_000).unwrap_or(i64::MAX))
                }
                None => Value::Unknown,
            },
            Field::ProcImageLineage => own.map_or(Value::Unknown, |_| {
                Value::List(
                    self.lineage()
                        .skip(1)
                        .map(|program| Value::text(program.exe_name()))
                        .collect(),
                )
            }),
            Field::ProcEnvNames => own.map_or(Value::Unknown, |program| {
                Value::List(
                    program
                        .environment()
                        .map(|entry| Value::text(variable(entry).0))
                        .collect(),
                )
            }),
            Field::ProcEnv => own.map_or(Value::Unknown, |program| environment(program, argument)),
            Field::ProcAenv => self.ancestors_environment(argument),
            Field::UserUid => self.user_number(|user| user.euid),
            Field::GroupGid => self.user_number(|user| user.egid),
            Field::UserLoginuid => self.credentials().map_or(Value::Unknown, |user| {
                Value::Number(i64::from(user.login_uid.cast_signed()))
            }),
            Field::UserName => self.user_name(self.credentials().map(|user| user.euid)),
            Field::UserLoginname => self.user_name(self.credentials().map(|user| user.login_uid)),
            Field::GroupName => match self.credentials() {
                Some(user) if user.egid == 0 => Value::text("root"),
                Some(_) => Value::Absent,
                None => Value::Unknown,
            },
            Field::TargetPid
            | Field::TargetName
            | Field::TargetExe
            | Field::TargetSameContainer => self.target(field),
            _ => return None,
        })
    }

    fn user_number(&self, of: fn(yagura_event::Credentials) -> u32) -> Value<'a> {
        self.credentials()
            .map_or(Value::Unknown, |user| Value::Number(i64::from(of(user))))
    }

    fn user_name(&self, uid: Option<u32>) -> Value<'a> {
        let Some(uid) = uid else {
            return Value::Unknown;
        };
        match self.entry.and_then(|entry| entry.user(uid)) {
            Some(name) => Value::text(name.as_bytes()),
            None if uid == 0 => Value::text("root"),
            None => Value::Absent,
        }
    }

    /// The process that a call acts on.
    fn target(&self, field: Field) -> Value<'a> {
        let Some(target) = self.what().call().and_then(|call| call.event.target) else {
            return Value::Absent;
        };
        let process = yagura_event::ProcessKey {
            pid: target.pid,
            start_ns: target.start_ns,
        };
        let program = self
            .programs
            .current(process)
            .and_then(|key| self.programs.program(key));
        match field {
            Field::TargetPid => Value::Number(i64::from(target.pid)),
            Field::TargetName => {
                program.map_or(Value::Absent, |program| Value::text(program.name()))
            }
            Field::TargetExe => program.map_or(Value::Absent, |program| Value::text(program.exe())),
            _ => Value::Boolean(target.container == self.observed.container.0),
        }
    }

    /// The process, its parent, and so on.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &'a Program> + use<'a> {
        let programs = self.programs;
        std::iter::successors(self.program, move |program| programs.parent(program))
            .take(ANCESTORS_MAX)
    }

    pub(crate) fn parent(&self) -> Option<&'a Program> {
        self.program
            .and_then(|program| self.programs.parent(program))
    }

    fn of_parent(&self, text: fn(&'a Program) -> &'a [u8]) -> Value<'a> {
        match (self.program, self.parent()) {
            (_, Some(parent)) => Value::text(text(parent)),
            (Some(_), None) => Value::Absent,
            (None, None) => Value::Unknown,
        }
    }

    fn of_ancestors(&self, argument: &Argument, text: fn(&'a Program) -> &'a [u8]) -> Value<'a> {
        let Some(program) = self.program else {
            return Value::Unknown;
        };
        match argument {
            Argument::Index(level) => match self.programs.ancestor(program, *level) {
                Some(ancestor) => Value::text(text(ancestor)),
                None => Value::Absent,
            },
            _ => Value::List(
                self.lineage()
                    .skip(1)
                    .map(|ancestor| Value::text(text(ancestor)))
                    .collect(),
            ),
        }
    }

    fn ancestor_pids(&self, argument: &Argument) -> Value<'a> {
        let Some(program) = self.program else {
            return Value::Unknown;
        };
        let pid = |program: &Program| Value::Number(i64::from(program.process.pid));
        match argument {
            Argument::Index(level) => self
                .programs
                .ancestor(program, *level)
                .map_or(Value::Absent, pid),
            _ => Value::List(self.lineage().skip(1).map(pid).collect()),
        }
    }

    fn ancestors_environment(&self, argument: &Argument) -> Value<'a> {
        let Some(program) = self.program else {
            return Value::Unknown;
        };
        match argument {
            Argument::Index(level) => self
                .programs
                .ancestor(program, *level)
                .map_or(Value::Absent, |ancestor| {
                    environment(ancestor, &Argument::None)
                }),
            key => self
                .lineage()
                .skip(1)
                .map(|ancestor| environment(ancestor, key))
                .find(|value| *value != Value::Absent)
                .unwrap_or(Value::Absent),
        }
    }

    fn parent_number(&self, of: fn(&Program) -> u32) -> Value<'a> {
        match (self.program, self.parent()) {
            (_, Some(parent)) => Value::Number(i64::from(of(parent))),
            (Some(_), None) => Value::Absent,
            (None, None) => Value::Unknown,
        }
    }

    fn session_leader(&self) -> Option<&'a Program> {
        let session = self.program?.session;
        self.programs
            .running(session)
            .filter(|leader| leader.container == self.observed.container)
    }

    fn group_leader(&self) -> Option<&'a Program> {
        let group = self.program?.process_group;
        self.programs
            .running(group)
            .filter(|leader| leader.container == self.observed.container)
    }

    fn age(&self, start_ns: u64) -> Value<'a> {
        let age = self.observed.time.0.saturating_sub(start_ns);
        Value::Number(i64::try_from(age).unwrap_or(i64::MAX))
    }

    fn started(&self, start_ns: u64) -> Value<'a> {
        Value::Number(self.wall(MonotonicNs(start_ns)).0)
    }

    fn stream(&self, index: usize, of: fn(&'a Stream) -> Value<'a>) -> Value<'a> {
        match self.program.and_then(|program| program.streams.get(index)) {
            Some(stream) if stream.kind == StreamKind::None => Value::Absent,
            Some(stream) => of(stream),
            None => Value::Unknown,
        }
    }
}

/// What a program was called: its first argument.
fn called(program: &Program) -> &[u8] {
    program.argv().next().unwrap_or(program.filename())
}

fn stream_name(stream: &Stream) -> Value<'_> {
    match stream.remote {
        Some(remote) => Value::owned(format!("{}:{}", remote.address, remote.port)),
        None => Value::owned(format!("{}:[{}]", stream.kind.as_str(), stream.ino)),
    }
}

/// Name and value of an entry of the environment.
fn variable(entry: &[u8]) -> (&[u8], Option<&[u8]>) {
    match entry.iter().position(|&byte| byte == b'=') {
        Some(end) => (entry.get(..end).unwrap_or_default(), entry.get(end + 1..)),
        None => (entry, None),
    }
}

fn environment<'a>(program: &'a Program, argument: &Argument) -> Value<'a> {
    match argument {
        Argument::Key(name) => {
            let found = program
                .environment()
                .map(variable)
                .find(|(known, _)| *known == name.as_bytes());
            match found {
                Some((_, Some(value))) => Value::text(value),
                Some((_, None)) => Value::Unknown,
                None => Value::Absent,
            }
        }
        _ => {
            let entries: Vec<&[u8]> = program.environment().collect();
            Value::owned(entries.join(&b' '))
        }
    }
}

/// Whether a program is a shell, by its executable or by what a multi-call binary was called.
pub(crate) fn is_shell(program: &Program) -> bool {
    let called = base_name(called(program));
    let called = called.strip_prefix(b"-").unwrap_or(called);
    SHELLS.contains(&program.exe_name())
        || (SHELLS.contains(&called) && program.exe_name().starts_with(b"busybox"))
        || (SHELLS.contains(&called) && program.exe_name().starts_with(b"toybox"))
}
