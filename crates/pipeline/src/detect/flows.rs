//! Where standard streams lead: the recognition of shells that somebody elsewhere sits before, whatever tool joined them
//! to the connection and in whatever order.
//!
//! A program's streams are known from its exec and from copies of descriptors onto them. They lead to a remote socket
//! directly; through pipes, where a process at their other end holds the socket; or through a terminal, where an ancestor
//! opened the other side of one and holds the socket.

use super::observed::{RemoteStream, SeenCall, StreamHow};
use super::subject::is_shell;
use crate::process_table::{ProcessTable, Program};
use std::collections::{BTreeMap, HashMap, HashSet};
use yagura_event::{
    BaseFlags, Call, ContainerKey, Endpoint, MonotonicNs, ProcessKey, Stream, StreamKind,
};

/// Processes whose streams are remembered. Stops a fork bomb from filling memory; the oldest go first.
const PROCESSES_MAX: usize = 16_384;
/// Connections remembered of one process. A server has many, an attacker's relay a few: the latest count.
const SOCKETS_MAX: usize = 16;
/// Shells whose streams are pipes, per container, looked at when a connection appears.
const SHELLS_MAX: usize = 64;
/// A session counts as held after this time.
const HELD_NS: u64 = 5_000_000_000;
/// Ancestors looked at for a terminal's other side.
const LEVELS_MAX: u32 = 4;

/// A connection of a process.
#[derive(Debug, Clone, Copy)]
struct Connection {
    remote: Endpoint,
    is_server: bool,
    ino: u64,
}

/// What is known of a process's descriptors.
#[derive(Debug)]
struct Held {
    container: ContainerKey,
    streams: [Stream; 3],
    connections: Vec<Connection>,
    /// Whether it opened the controlling side of a terminal.
    has_terminal_master: bool,
    sequence: u64,
}

/// A remote stream that was told of.
#[derive(Debug, Clone, Copy)]
struct Told {
    since: MonotonicNs,
    stream: RemoteStream,
}

/// A process found with a remote stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// The process.
    pub(crate) process: ProcessKey,
    /// Where its streams lead.
    pub(crate) stream: RemoteStream,
}

/// All processes' streams, bounded.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    processes: HashMap<ProcessKey, Held>,
    by_age: BTreeMap<u64, ProcessKey>,
    sequence: u64,
    /// The process that reads a pipe as its standard input.
    readers: HashMap<(ContainerKey, u64), ProcessKey>,
    /// The process that writes a pipe as its standard output.
    writers: HashMap<(ContainerKey, u64), ProcessKey>,
    shells: HashMap<ContainerKey, Vec<ProcessKey>>,
    told: HashMap<ProcessKey, Told>,
    due: BTreeMap<(MonotonicNs, ProcessKey), ()>,
}

impl Flows {
    /// A program began.
    pub(crate) fn exec(
        &mut self,
        program: &Program,
        programs: &ProcessTable,
        now: MonotonicNs,
        found: &mut Vec<Found>,
    ) {
        let process = program.process;
        let container = program.container;
        let held = self.hold(process, container);
        held.streams.clone_from(&program.streams);
        self.index_streams(process);
        if is_shell(program) {
            let shells = self.shells.entry(container).or_default();
            if !shells.contains(&process) {
                if shells.len() == SHELLS_MAX {
                    shells.remove(0);
                }
                shells.push(process);
            }
        }
        self.look(process, programs, now, found);
        self.look_at_shells(container, programs, now, found);
    }

    /// A system call ended that may join streams.
    pub(crate) fn call(
        &mut self,
        process: ProcessKey,
        container: ContainerKey,
        call: &SeenCall,
        programs: &ProcessTable,
        now: MonotonicNs,
        found: &mut Vec<Found>,
    ) {
        /// `EINPROGRESS`: a connection that is being made.
        const IN_PROGRESS: i64 = -115;
        let event = &call.event;
        match event.call {
            Call::Connect if event.result == 0 || event.result == IN_PROGRESS => {
                self.connected(process, container, call, false);
            }
            Call::Accept | Call::Accept4 if event.result >= 0 => {
                self.connected(process, container, call, true);
            }
            Call::Dup | Call::Dup2 | Call::Dup3 | Call::Fcntl if event.result >= 0 => {
                self.duplicated(process, container, call);
            }
            Call::Open | Call::Openat | Call::Openat2 if call.path().ends_with(b"/ptmx") => {
                self.hold(process, container).has_terminal_master |= event.result >= 0;
                return;
            }
            _ => return,
        }
        self.look(process, programs, now, found);
        self.look_at_shells(container, programs, now, found);
    }

    /// A process ended.
    pub(crate) fn exit(&mut self, process: ProcessKey) {
        if let Some(held) = self.processes.remove(&process) {
            self.by_age.remove(&held.sequence);
            self.forget_streams(process, &held);
        }
        if let Some(told) = self.told.remove(&process) {
            self.due.remove(&(held_at(told.since), process));
        }
    }

    /// Forgets containers that are gone.
    pub(crate) fn forget(&mut self, gone: &HashSet<ContainerKey>) {
        self.shells.retain(|container, _| !gone.contains(container));
        self.readers
            .retain(|(container, _), _| !gone.contains(container));
        self.writers
            .retain(|(container, _), _| !gone.contains(container));
    }

    /// When [`Flows::tick`] is due.
    pub(crate) fn next_deadline(&self) -> Option<MonotonicNs> {
        self.due.first_key_value().map(|((time, _), ())| *time)
    }

    /// Sessions that have been held for long enough by now.
    pub(crate) fn tick(&mut self, now: MonotonicNs, found: &mut Vec<Found>) {
        while let Some(entry) = self.due.first_entry() {
            let (time, process) = *entry.key();
            if time > now {
                return;
            }
            entry.remove();
            if let Some(told) = self.told.get(&process) {
                let held_ms = now.since(told.since) / 1_000_000;
                let stream = RemoteStream {
                    held_ms,
                    ..told.stream
                };
                found.push(Found { process, stream });
            }
        }
    }

    fn hold(&mut self, process: ProcessKey, container: ContainerKey) -> &mut Held {
        if !self.processes.contains_key(&process) {
            self.make_room();
            self.sequence += 1;
            self.by_age.insert(self.sequence, process);
        }
        let sequence = self.sequence;
        self.processes.entry(process).or_insert_with(|| Held {
            container,
            streams: Default::default(),
            connections: Vec::new(),
            has_terminal_master: false,
            sequence,
        })
    }

    fn make_room(&mut self) {
        while self.processes.len() >= PROCESSES_MAX {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                return;
            };
            if let Some(held) = self.processes.remove(&oldest) {
                self.forget_streams(oldest, &held);
            }
        }
    }

    fn forget_streams(&mut self, process: ProcessKey, held: &Held) {
        let container = held.container;
        for stream in &held.streams {
            let pipe = (container, stream.ino);
            for ends in [&mut self.readers, &mut self.writers] {
                if ends.get(&pipe) == Some(&process) {
                    ends.remove(&pipe);
                }
            }
        }
        if let Some(shells) = self.shells.get_mut(&container) {
            shells.retain(|shell| *shell != process);
            if shells.is_empty() {
                self.shells.remove(&container);
            }
        }
    }

    fn index_streams(&mut self, process: ProcessKey) {
        let Some(held) = self.processes.get(&process) else {
            return;
        };
        let container = held.container;
        let [input, output, error] = &held.streams;
        if input.kind == StreamKind::Pipe {
            self.readers.insert((container, input.ino), process);
        }
        for stream in [error, output] {
            if stream.kind == StreamKind::Pipe {
                self.writers.insert((container, stream.ino), process);
            }
        }
    }

    fn connected(
        &mut self,
        process: ProcessKey,
        container: ContainerKey,
        call: &SeenCall,
        is_server: bool,
    ) {
        let Some(socket) = &call.event.socket else {
            return;
        };
        let Some(remote) = socket.remote else {
            return;
        };
        let connection = Connection {
            remote,
            is_server,
            ino: socket.ino,
        };
        let descriptor = call.event.fd;
        let held = self.hold(process, container);
        if held.connections.len() == SOCKETS_MAX {
            held.connections.remove(0);
        }
        held.connections.push(connection);
        // A descriptor that was closed before may be given out again: `exec 0<&-` and then a connection.
        if let Some(stream) = usize::try_from(descriptor)
            .ok()
            .and_then(|index| held.streams.get_mut(index))
        {
            *stream = Stream {
                kind: StreamKind::Socket,
                ino: socket.ino,
                remote: Some(remote),
            };
        }
    }

    fn duplicated(&mut self, process: ProcessKey, container: ContainerKey, call: &SeenCall) {
        const FIFO: u32 = 0o010_000;
        const FILE_TYPE: u32 = 0o170_000;
        let event = &call.event;
        let stream = match (&event.socket, &event.file) {
            (Some(socket), _) => Stream {
                kind: StreamKind::Socket,
                ino: socket.ino,
                remote: socket.remote,
            },
            (None, Some(file)) => Stream {
                kind: match file.mode & FILE_TYPE {
                    FIFO => StreamKind::Pipe,
                    0o020_000 if call.path().starts_with(b"/dev/pts/") => StreamKind::Terminal,
                    0o100_000 => StreamKind::File,
                    _ => StreamKind::Other,
                },
                ino: file.key.id.ino,
                remote: None,
            },
            (None, None) => return,
        };
        let index = usize::try_from(event.fd).ok();
        let held = self.hold(process, container);
        if let Some(own) = index.and_then(|index| held.streams.get_mut(index)) {
            *own = stream;
            self.index_streams(process);
        }
    }

    fn look_at_shells(
        &mut self,
        container: ContainerKey,
        programs: &ProcessTable,
        now: MonotonicNs,
        found: &mut Vec<Found>,
    ) {
        let Some(shells) = self.shells.get(&container) else {
            return;
        };
        for shell in shells.clone() {
            self.look(shell, programs, now, found);
        }
    }

    fn look(
        &mut self,
        process: ProcessKey,
        programs: &ProcessTable,
        now: MonotonicNs,
        found: &mut Vec<Found>,
    ) {
        if self.told.contains_key(&process) {
            return;
        }
        let Some(program) = programs
            .current(process)
            .and_then(|key| programs.program(key))
        else {
            return;
        };
        let Some(stream) = self.remote_stream(process, program, programs) else {
            return;
        };
        self.told.insert(process, Told { since: now, stream });
        self.due.insert((held_at(now), process), ());
        found.push(Found { process, stream });
    }

    fn remote_stream(
        &self,
        process: ProcessKey,
        program: &Program,
        programs: &ProcessTable,
    ) -> Option<RemoteStream> {
        let held = self.processes.get(&process)?;
        let shell = is_shell(program);
        if !shell && !program.flags.has(BaseFlags::INTERPRETER) && program.exe_origin.is_image() {
            return None;
        }
        let found = |how, connection: Connection| RemoteStream {
            how,
            remote: connection.remote,
            is_server: Some(connection.is_server),
            held_ms: 0,
        };
        if let Some(direct) = direct(held) {
            let connection = self.known(held.container, direct.ino);
            let is_server = connection.map(|connection| connection.is_server);
            // What inetd and its like start has the socket as its streams as well.
            return (shell || is_server != Some(true)).then_some(RemoteStream {
                how: StreamHow::Direct,
                remote: direct.remote,
                is_server,
                held_ms: 0,
            });
        }
        if !shell {
            return None;
        }
        self.through_pipes(held, program, programs)
            .map(|connection| found(StreamHow::Pipe, connection))
            .or_else(|| {
                self.through_terminal(held, program, programs)
                    .map(|connection| found(StreamHow::Pty, connection))
            })
    }

    /// How a socket came to be, where that was seen.
    fn known(&self, container: ContainerKey, ino: u64) -> Option<Connection> {
        self.processes
            .values()
            .filter(|held| held.container == container)
            .flat_map(|held| &held.connections)
            .find(|connection| connection.ino == ino)
            .copied()
    }

    /// A shell that takes its commands from a pipe, and whose output goes to a process that holds a connection: the one
    /// at the other end of its output, or its parent, which can hold both pipes without having them as its own streams.
    fn through_pipes(
        &self,
        held: &Held,
        shell: &Program,
        programs: &ProcessTable,
    ) -> Option<Connection> {
        let [input, output, error] = &held.streams;
        if !is_joint(input) || !(is_joint(output) || is_joint(error)) || !reads_commands(shell) {
            return None;
        }
        let container = held.container;
        let at_output = [output, error]
            .into_iter()
            .filter_map(|stream| self.readers.get(&(container, stream.ino)));
        let at_input = self.writers.get(&(container, input.ino));
        at_output
            .chain(at_input)
            .filter_map(|other| self.processes.get(other))
            .find_map(|other| other.connections.last().copied())
            .or_else(|| {
                let parent = programs.parent(shell)?;
                let parent = self.processes.get(&parent.process)?;
                let outbound = parent.connections.iter().rev();
                outbound.copied().find(|connection| !connection.is_server)
            })
    }

    /// A shell on a terminal whose other side an ancestor opened that holds a connection which it made.
    fn through_terminal(
        &self,
        held: &Held,
        shell: &Program,
        programs: &ProcessTable,
    ) -> Option<Connection> {
        if held.streams.first()?.kind != StreamKind::Terminal {
            return None;
        }
        (1..=LEVELS_MAX)
            .map_while(|level| programs.ancestor(shell, level))
            .filter_map(|ancestor| self.processes.get(&ancestor.process))
            .filter(|ancestor| ancestor.has_terminal_master)
            .find_map(|ancestor| {
                let mut outbound = ancestor.connections.iter().rev();
                outbound.find(|connection| !connection.is_server).copied()
            })
    }
}

/// The socket that both standard input and an output are.
struct Direct {
    remote: Endpoint,
    ino: u64,
}

fn direct(held: &Held) -> Option<Direct> {
    let [input, output, error] = &held.streams;
    let remote = input.remote.filter(|_| input.kind == StreamKind::Socket)?;
    let is_out = |stream: &Stream| stream.kind == StreamKind::Socket && stream.remote.is_some();
    (is_out(output) || is_out(error)).then_some(Direct {
        remote,
        ino: input.ino,
    })
}

/// A pipe, or a socket without a peer address (a socket pair), which relays use alike.
fn is_joint(stream: &Stream) -> bool {
    stream.kind == StreamKind::Pipe
        || (stream.kind == StreamKind::Socket && stream.remote.is_none())
}

/// Whether a shell takes its commands from standard input: it was given neither a script nor `-c`.
fn reads_commands(shell: &Program) -> bool {
    let mut arguments = shell.argv().skip(1).peekable();
    // busybox: the applet's name may stand as the first argument.
    if shell.exe_name().starts_with(b"busybox") || shell.exe_name().starts_with(b"toybox") {
        arguments.next_if(|argument| super::subject::SHELLS.contains(argument));
    }
    arguments.all(|argument| match argument {
        b"-s" | b"--login" | b"--noprofile" | b"--norc" | b"-" => true,
        option => {
            let letters = option
                .strip_prefix(b"-")
                .or_else(|| option.strip_prefix(b"+"));
            letters.is_some_and(|letters| !letters.starts_with(b"-") && !letters.contains(&b'c'))
        }
    })
}

fn held_at(since: MonotonicNs) -> MonotonicNs {
    MonotonicNs(since.0.saturating_add(HELD_NS))
}
