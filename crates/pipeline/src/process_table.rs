//! Which program runs, or ran, in which process.
//!
//! Entries are programs, not processes: a process that execs twice has two, so that a writer or an ancestor can be
//! named as what it was at that time. A process is found by pid **and** start time.

#[cfg(test)]
mod tests;

use crate::limits::{
    ANCESTORS_MAX, ARGV_BYTES_MAX, CWD_BYTES_MAX, PROGRAM_PATH_BYTES_MAX, PROGRAMS_MAX,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use yagura_event::{
    BaseFlags, ContainerKey, Credentials, CredentialsEvent, ExecEvent, ExitEvent, FileId,
    NamespacesEvent, ProcessKey, ProgramKey, Text,
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
    pub(crate) exe_file: FileId,
    /// Who it runs as now.
    pub(crate) credentials: Credentials,
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

/// A program's texts in one allocation: executable, working directory, filename, arguments each ended by a NUL.
#[derive(Debug)]
struct ProgramTexts {
    bytes: Box<[u8]>,
    ends: [u16; 3],
    script_exec: bool,
}

impl ProgramTexts {
    fn new(event: &ExecEvent) -> (ProgramTexts, bool) {
        let exe = cut(&event.file.path, PROGRAM_PATH_BYTES_MAX);
        let cwd = cut(&event.cwd, CWD_BYTES_MAX);
        let filename = cut(&event.filename, PROGRAM_PATH_BYTES_MAX);
        let argv_bytes: usize = event.argv.iter().map(|arg| arg.0.len() + 1).sum();
        let mut bytes = Vec::with_capacity(
            exe.len() + cwd.len() + filename.len() + argv_bytes.min(ARGV_BYTES_MAX),
        );
        let mut ends = [0; 3];
        for (end, text) in ends.iter_mut().zip([exe, cwd, filename]) {
            bytes.extend_from_slice(text);
            *end = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        }
        let mut room = ARGV_BYTES_MAX;
        let mut truncated = event.argv_truncated;
        for arg in &event.argv {
            let Some(space) = room.checked_sub(1) else {
                truncated = true;
                break;
            };
            let kept = cut(arg, space);
            truncated |= kept.len() < arg.0.len();
            // An argument is a C string; a NUL in a record would shift the ones behind it.
            bytes.extend(kept.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
            bytes.push(0);
            room = space - kept.len();
        }
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
                exe_file: event.file.key.id,
                credentials: event.credentials,
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
