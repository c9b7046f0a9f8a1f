//! Which program runs, or ran, in which process.
//!
//! Entries are programs, not processes: a process that execs twice has two, so that a writer or an ancestor can be
//! named as what it was at that time. A process is found by pid **and** start time.

#[cfg(test)]
mod tests;

use crate::limits::{
    ANCESTORS_MAX, ARGV_BYTES_MAX, CWD_BYTES_MAX, ENVIRONMENT_BYTES_MAX, PROGRAM_PATH_BYTES_MAX,
    PROGRAMS_MAX,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use yagura_event::{
    BaseFlags, ContainerKey, Credentials, CredentialsEvent, ExecEvent, ExitEvent, FileFlags,
    FileKey, NamespacesEvent, ProcessKey, ProgramKey, Stream, Text,
};

/// Where a program's own executable comes from, as far as that has been decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExeOrigin {
    /// It is the image's.
    Image,
    /// A package manager of the image put it in the place of an image file.
    Replaced,
    /// It is not, or belongs to the container runtime.
    Other,
    /// Its file is still being read.
    Undecided,
}

impl ExeOrigin {
    /// Whether it is known to be the image's, or to stand in for it.
    pub(crate) fn is_image(self) -> bool {
        matches!(self, ExeOrigin::Image | ExeOrigin::Replaced)
    }
}

/// One program that runs or ran in a process.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its identity.
    pub(crate) key: ProgramKey,
    /// The process it ran in.
    pub(crate) process: ProcessKey,
    /// The program that it was started from.
    pub(crate) started_from: ProgramKey,
    /// Its container.
    pub(crate) container: ContainerKey,
    /// Facts at its exec.
    pub(crate) flags: BaseFlags,
    /// Its executable.
    pub(crate) exe_file: FileKey,
    /// What the kernel saw of the executable.
    pub(crate) exe_flags: FileFlags,
    /// Mode bits of the executable.
    pub(crate) exe_mode: u32,
    /// Owner of the executable.
    pub(crate) exe_owner: u32,
    /// Modification time of the executable in nanoseconds since 1970.
    pub(crate) exe_mtime_ns: i64,
    /// Pid in the innermost pid namespace.
    pub(crate) inner_pid: u32,
    /// Session id in the initial pid namespace.
    pub(crate) session: u32,
    /// Process group id in the initial pid namespace.
    pub(crate) process_group: u32,
    /// Device number of the controlling terminal, zero without one.
    pub(crate) tty: u32,
    /// Standard input, output and error at its exec.
    pub(crate) streams: Box<[Stream; 3]>,
    /// Who it runs as now.
    pub(crate) credentials: Credentials,
    /// Effective user at its exec.
    pub(crate) exec_euid: u32,
    /// Its mount namespace now.
    pub(crate) mount_namespace: u32,
    /// Where its executable comes from.
    pub(crate) exe_origin: ExeOrigin,
    /// Whether a library or script that is not the image's ran in it: it is no longer what its executable says.
    pub(crate) ran_drift: bool,
    /// Whether it ended after its file had lost its last name.
    pub(crate) exe_deleted: bool,
    /// Whether arguments are missing.
    pub(crate) argv_truncated: bool,
    texts: ProgramTexts,
    rank: Rank,
}

impl Program {
    /// Path of the executable in the container.
    pub(crate) fn exe(&self) -> &[u8] {
        self.texts.part(0)
    }

    /// The last component of the executable's path.
    pub(crate) fn exe_name(&self) -> &[u8] {
        base_name(self.exe())
    }

    /// Working directory at its exec.
    pub(crate) fn cwd(&self) -> &[u8] {
        self.texts.part(1)
    }

    /// The path that was given to execve.
    pub(crate) fn filename(&self) -> &[u8] {
        self.texts.part(2)
    }

    /// Whether `filename` was a script, started by its first line.
    pub(crate) fn is_script_exec(&self) -> bool {
        self.texts.script_exec
    }

    /// Name of the process (`comm`).
    pub(crate) fn name(&self) -> &[u8] {
        self.texts.part(4)
    }

    /// Name and arguments, separated by spaces.
    pub(crate) fn command_line(&self) -> &[u8] {
        self.texts.part(5)
    }

    /// Arguments behind the first, separated by spaces.
    pub(crate) fn arguments_line(&self) -> &[u8] {
        let name = self.name().len();
        self.command_line().get(name + 1..).unwrap_or_default()
    }

    /// Environment: names, and `NAME=value` for the few variables whose value was kept.
    pub(crate) fn environment(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.texts
            .part(6)
            .split(|&byte| byte == 0)
            .filter(|entry| !entry.is_empty())
    }

    /// The arguments that were kept.
    pub(crate) fn argv(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let argv = self.texts.part(3);
        let (argv, count) = match argv.split_last() {
            Some((_, rest)) => (rest, usize::MAX),
            None => (argv, 0),
        };
        argv.split(|&byte| byte == 0).take(count)
    }

    /// Whether it belongs to the runtime rather than to the container.
    pub(crate) fn is_runtime_stage(&self) -> bool {
        self.flags.has(BaseFlags::RUNTIME_STAGE)
    }
}

/// The last component of a path.
pub(crate) fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// A program's texts in one allocation: executable, working directory, filename, arguments each ended by a NUL, name,
/// command line, environment each ended by a NUL.
#[derive(Debug)]
struct ProgramTexts {
    bytes: Box<[u8]>,
    ends: [u16; 6],
    script_exec: bool,
}

impl ProgramTexts {
    fn new(event: &ExecEvent) -> (ProgramTexts, bool) {
        let exe = cut(&event.file.path, PROGRAM_PATH_BYTES_MAX);
        let cwd = cut(&event.cwd, CWD_BYTES_MAX);
        let filename = cut(&event.filename, PROGRAM_PATH_BYTES_MAX);
        let name = name_of(event);
        let mut bytes = Vec::with_capacity(512);
        let mut ends = [0; 6];
        let mut end_at = |index: usize, bytes: &Vec<u8>| {
            if let Some(end) = ends.get_mut(index) {
                *end = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
            }
        };
        for (index, text) in [exe, cwd, filename].into_iter().enumerate() {
            bytes.extend_from_slice(text);
            end_at(index, &bytes);
        }
        let argv_start = bytes.len();
        let mut truncated = event.argv_truncated;
        truncated |= push_terminated(&mut bytes, &event.argv, ARGV_BYTES_MAX);
        end_at(3, &bytes);
        let argv = argv_start..bytes.len();
        bytes.extend_from_slice(name);
        end_at(4, &bytes);
        bytes.extend_from_slice(name);
        push_arguments_line(&mut bytes, argv);
        end_at(5, &bytes);
        push_terminated(&mut bytes, &event.environment, ENVIRONMENT_BYTES_MAX);
        let texts = ProgramTexts {
            bytes: bytes.into_boxed_slice(),
            ends,
            script_exec: event.filename != event.interpreter && !event.interpreter.is_empty(),
        };
        (texts, truncated)
    }

    fn part(&self, index: usize) -> &[u8] {
        let at = |index: usize| {
            self.ends
                .get(index)
                .map_or(self.bytes.len(), |&end| end.into())
        };
        let start = index.checked_sub(1).map_or(0, at);
        self.bytes.get(start..at(index)).unwrap_or_default()
    }
}

/// Appends texts, each ended by a NUL, within a bound, and says whether something was left out.
fn push_terminated(bytes: &mut Vec<u8>, texts: &[Text], bytes_max: usize) -> bool {
    let mut room = bytes_max;
    for text in texts {
        let Some(space) = room.checked_sub(1) else {
            return true;
        };
        let kept = cut(text, space);
        // An argument is a C string; a NUL in a record would shift the ones behind it.
        bytes.extend(kept.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
        bytes.push(0);
        room = space - kept.len();
        if kept.len() < text.0.len() {
            return true;
        }
    }
    false
}

/// Appends the arguments behind the first, each after a space.
fn push_arguments_line(bytes: &mut Vec<u8>, argv: std::ops::Range<usize>) {
    let Some(argv) = bytes.get(argv) else {
        return;
    };
    let Some(first_end) = argv.iter().position(|&byte| byte == 0) else {
        return;
    };
    let rest = argv.get(first_end + 1..).unwrap_or_default();
    if rest.is_empty() {
        return;
    }
    let mut line = Vec::with_capacity(rest.len() + 1);
    line.push(b' ');
    line.extend(rest.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
    line.pop();
    bytes.extend_from_slice(&line);
}

/// The kernel's name of the process; where a record has none, what the kernel makes of the path: its last component,
/// at most 15 bytes.
fn name_of(event: &ExecEvent) -> &[u8] {
    const NAME_BYTES_MAX: usize = 15;
    let name = match event.name.is_empty() {
        false => event.name.as_bytes(),
        true if event.filename.is_empty() => base_name(event.file.path.as_bytes()),
        true => base_name(event.filename.as_bytes()),
    };
    name.get(..NAME_BYTES_MAX).unwrap_or(name)
}

fn cut(text: &Text, bytes_max: usize) -> &[u8] {
    text.0.get(..bytes_max).unwrap_or(&text.0)
}

/// Order of eviction: ended programs before live ones, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    live: bool,
    sequence: u64,
}

/// The program that runs in a pid now.
#[derive(Debug, Clone, Copy)]
struct Current {
    start_ns: u64,
    program: ProgramKey,
}

/// A program's ancestors inside its container.
#[derive(Debug)]
pub(crate) struct Ancestry<'a> {
    /// Nearest first, without stages of the runtime.
    pub(crate) programs: Vec<&'a Program>,
    /// Whether the chain was followed to the container's border.
    pub(crate) complete: bool,
}

/// All programs, bounded.
#[derive(Debug)]
pub(crate) struct ProcessTable {
    programs: HashMap<ProgramKey, Program>,
    /// By pid: the kernel has one process per pid, so an entry of an earlier one is a lost exit.
    current: HashMap<u32, Current>,
    eviction: BTreeMap<Rank, ProgramKey>,
    sequence: u64,
    programs_max: usize,
}

impl ProcessTable {
    /// An empty table.
    pub(crate) fn new() -> ProcessTable {
        ProcessTable::with_bound(PROGRAMS_MAX)
    }

    fn with_bound(programs_max: usize) -> ProcessTable {
        ProcessTable {
            programs: HashMap::new(),
            current: HashMap::new(),
            eviction: BTreeMap::new(),
            sequence: 0,
            programs_max,
        }
    }

    /// How many programs are remembered.
    pub(crate) fn len(&self) -> usize {
        self.programs.len()
    }

    /// The program of that identity.
    pub(crate) fn program(&self, key: ProgramKey) -> Option<&Program> {
        self.programs.get(&key)
    }

    /// The same, to be changed.
    pub(crate) fn program_mut(&mut self, key: ProgramKey) -> Option<&mut Program> {
        self.programs.get_mut(&key)
    }

    /// The program that runs in a process now.
    pub(crate) fn current(&self, process: ProcessKey) -> Option<ProgramKey> {
        self.current
            .get(&process.pid)
            .filter(|current| current.start_ns == process.start_ns)
            .map(|current| current.program)
    }

    /// Adds the program of an exec and returns how many programs made room for it.
    pub(crate) fn exec(&mut self, event: &ExecEvent, exe_origin: ExeOrigin) -> u64 {
        let key = event.base.program;
        let process = event.base.process;
        if let Some(former) = self.programs.remove(&key) {
            self.eviction.remove(&former.rank);
        }
        let live = self.make_current(process, key);
        let (texts, argv_truncated) = ProgramTexts::new(event);
        let rank = self.next_rank(live);
        self.eviction.insert(rank, key);
        self.programs.insert(
            key,
            Program {
                key,
                process,
                started_from: event.started_from,
                container: event.base.container,
                flags: event.base.flags,
                exe_file: event.file.key,
                exe_flags: event.file.flags,
                exe_mode: event.file.mode,
                exe_owner: event.file.uid,
                exe_mtime_ns: event.file.mtime_ns,
                inner_pid: event.inner_pid,
                session: event.session,
                process_group: event.process_group,
                tty: event.tty,
                streams: Box::new(event.streams.clone()),
                credentials: event.credentials,
                exec_euid: event.credentials.euid,
                mount_namespace: event.mount_namespace,
                exe_origin,
                ran_drift: false,
                exe_deleted: false,
                argv_truncated,
                texts,
                rank,
            },
        );
        self.evict()
    }

    /// Makes a program the one that runs in its process, unless a later one is known, and says whether it is.
    fn make_current(&mut self, process: ProcessKey, program: ProgramKey) -> bool {
        let new = Current {
            start_ns: process.start_ns,
            program,
        };
        let Some(known) = self.current.get_mut(&process.pid) else {
            self.current.insert(process.pid, new);
            return true;
        };
        // A record that comes late must not bring back what was replaced since.
        if (new.start_ns, program.exec_ns) < (known.start_ns, known.program.exec_ns) {
            return false;
        }
        let former = std::mem::replace(known, new).program;
        if former != program {
            self.retire(former);
        }
        true
    }

    /// Notes new credentials of a process.
    pub(crate) fn credentials(&mut self, event: &CredentialsEvent) {
        if let Some(program) = self.own_program(event.base.process) {
            program.credentials = event.credentials;
        }
    }

    /// Notes new namespaces of a process.
    pub(crate) fn namespaces(&mut self, event: &NamespacesEvent) {
        if let Some(program) = self.own_program(event.base.process) {
            program.mount_namespace = event.mount_namespace;
        }
    }

    /// Notes the end of a process. A process that only forked runs its parent's program, which goes on.
    pub(crate) fn exit(&mut self, event: &ExitEvent) {
        let process = event.base.process;
        if let Some(program) = self.current(process) {
            if event.base.flags.has(BaseFlags::EXE_DELETED)
                && let Some(ended) = self.program_mut(program)
            {
                ended.exe_deleted = true;
            }
            self.current.remove(&process.pid);
            self.retire(program);
        }
    }

    /// The program that runs in that pid now.
    pub(crate) fn running(&self, pid: u32) -> Option<&Program> {
        let current = self.current.get(&pid)?;
        self.programs.get(&current.program)
    }

    /// Whether a program still runs in its process.
    pub(crate) fn is_running(&self, key: ProgramKey) -> bool {
        self.current
            .get(&key.pid)
            .is_some_and(|current| current.program == key)
    }

    /// A program's ancestors, nearest first, up to the container's border and bounded.
    pub(crate) fn ancestors(&self, program: &Program) -> Ancestry<'_> {
        let mut programs: Vec<&Program> = Vec::new();
        let mut next = program.started_from;
        let mut complete = true;
        // A step that comes back to a program already met is a lie of the records: the walk ends there.
        while next != ProgramKey::default() {
            let met = next == program.key || programs.iter().any(|known| known.key == next);
            let Some(found) = self.programs.get(&next).filter(|_| !met) else {
                complete = false;
                break;
            };
            if found.is_runtime_stage() || found.container != program.container {
                break;
            }
            if programs.len() == ANCESTORS_MAX {
                complete = false;
                break;
            }
            programs.push(found);
            next = found.started_from;
        }
        Ancestry { programs, complete }
    }

    /// The program that the process of `program` was started from: the nearest one in another process. Runtime stages and
    /// programs of other containers are none.
    pub(crate) fn parent(&self, program: &Program) -> Option<&Program> {
        let mut next = program.started_from;
        for _ in 0..ANCESTORS_MAX {
            let found = self.programs.get(&next)?;
            if found.is_runtime_stage() || found.container != program.container {
                return None;
            }
            if found.process != program.process {
                return Some(found);
            }
            next = found.started_from;
        }
        None
    }

    /// The ancestor that many processes above; 0 is the program itself.
    pub(crate) fn ancestor<'a>(&'a self, program: &'a Program, level: u32) -> Option<&'a Program> {
        let mut found = program;
        for _ in 0..level {
            found = self.parent(found)?;
        }
        Some(found)
    }

    /// Containers in which a process runs.
    pub(crate) fn live_containers(&self) -> HashSet<ContainerKey> {
        self.current
            .values()
            .filter_map(|current| self.programs.get(&current.program))
            .map(|program| program.container)
            .collect()
    }

    /// Forgets every program of containers that are gone.
    pub(crate) fn forget(&mut self, gone: &HashSet<ContainerKey>) {
        if gone.is_empty() {
            return;
        }
        self.programs
            .retain(|_, program| !gone.contains(&program.container));
        let programs = &self.programs;
        self.eviction.retain(|_, key| programs.contains_key(key));
        self.current
            .retain(|_, current| programs.contains_key(&current.program));
    }

    fn own_program(&mut self, process: ProcessKey) -> Option<&mut Program> {
        let key = self.current(process)?;
        self.programs.get_mut(&key)
    }

    fn next_rank(&mut self, live: bool) -> Rank {
        self.sequence += 1;
        Rank {
            live,
            sequence: self.sequence,
        }
    }

    fn retire(&mut self, key: ProgramKey) {
        let rank = self.next_rank(false);
        if let Some(program) = self.programs.get_mut(&key) {
            self.eviction.remove(&program.rank);
            program.rank = rank;
            self.eviction.insert(rank, key);
        }
    }

    fn evict(&mut self) -> u64 {
        let mut evicted = 0;
        while self.programs.len() > self.programs_max {
            let Some((_, key)) = self.eviction.pop_first() else {
                break;
            };
            if let Some(program) = self.programs.remove(&key)
                && self.is_running(key)
            {
                self.current.remove(&program.process.pid);
            }
            evicted += 1;
        }
        evicted
    }
}
