//! What happened, as rules are asked about it: owned, so that it can wait for the container's metadata.

use core::net::IpAddr;
use std::sync::Arc;
use yagura_event::{
    BaseFlags, CallEvent, CgroupId, ContainerKey, Credentials, DriftKind, DriftVector, Endpoint,
    FileId, Finding, MonotonicNs, ProcessKey, ProgramKey, Provenance, ScanReason, Sha256, Text,
    Writer, WrittenHow,
};
use yagura_rules::EventKind;

/// One event of a container.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    /// When.
    pub(crate) time: MonotonicNs,
    /// Its container.
    pub(crate) container: ContainerKey,
    /// The cgroup that the process was in.
    pub(crate) cgroup: CgroupId,
    /// The process.
    pub(crate) process: ProcessKey,
    /// The program that ran in it.
    pub(crate) program: ProgramKey,
    /// Yes/no facts of the process.
    pub(crate) flags: BaseFlags,
    /// What happened.
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A program began.
    Exec,
    /// A process ended, with this status as in wait(2).
    Exit(i32),
    /// A system call ended.
    Call(Box<SeenCall>),
    /// The first bytes of an outbound connection.
    FirstData(Box<SeenCall>),
    /// A domain name was asked for or answered.
    Dns(Box<SeenDns>),
    /// The standard streams of a program lead to a remote socket.
    RemoteStream(RemoteStream),
    /// A program ran that is not the image's.
    Drift(Box<SeenDrift>),
    /// A program ran that another of its kind wrote.
    SelfCopy(Box<SeenDrift>),
    /// Something was found in a file's content.
    Scan(Arc<SeenScan>),
    /// A process has more rights than a legal way could give it; the credentials before.
    RightsGained(Credentials),
    /// The container sends more events than are taken; how many were not.
    Flood(u64),
    /// The container was met and is known.
    ContainerStarted,
}

/// A system call with its paths resolved.
#[derive(Debug, Clone)]
pub(crate) struct SeenCall {
    /// The call.
    pub(crate) event: CallEvent,
    /// `event.path`, absolute and without dots, where it was not already.
    pub(crate) path: Option<Text>,
    /// The same of `event.new_path`.
    pub(crate) new_path: Option<Text>,
    /// Whether the program that last wrote the file is the image's package manager; `None` if that is not known.
    pub(crate) by_package_manager: Option<bool>,
}

impl SeenCall {
    /// The path, absolute where that can be told.
    pub(crate) fn path(&self) -> &[u8] {
        self.path.as_ref().unwrap_or(&self.event.path).as_bytes()
    }

    /// The second path, absolute where that can be told.
    pub(crate) fn new_path(&self) -> &[u8] {
        self.new_path
            .as_ref()
            .unwrap_or(&self.event.new_path)
            .as_bytes()
    }
}

/// A look-up of a name.
#[derive(Debug, Clone)]
pub(crate) struct SeenDns {
    /// The call that carried it.
    pub(crate) call: SeenCall,
    /// Name that was asked for, lower case, without the last dot.
    pub(crate) question: Option<Text>,
    /// Addresses of the answer.
    pub(crate) addresses: Vec<IpAddr>,
    /// Names of the answer.
    pub(crate) names: Vec<Text>,
    /// Whether it is an answer.
    pub(crate) is_answer: bool,
    /// Whether it is DNS at all.
    pub(crate) is_dns: bool,
}

/// How streams lead to a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum StreamHow {
    /// They are the socket.
    Direct,
    /// Pipes between them and a process that holds the socket.
    Pipe,
    /// A terminal whose other end is held by a process that holds the socket.
    Pty,
}

impl StreamHow {
    /// The name in rules.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            StreamHow::Direct => "direct",
            StreamHow::Pipe => "pipe",
            StreamHow::Pty => "pty",
        }
    }
}

/// A program whose standard streams lead to a remote socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RemoteStream {
    /// The way.
    pub(crate) how: StreamHow,
    /// The other side.
    pub(crate) remote: Endpoint,
    /// Whether the container's side took the connection rather than made it; `None` if that was not seen.
    pub(crate) is_server: Option<bool>,
    /// For how long, in milliseconds.
    pub(crate) held_ms: u64,
}

/// Drift, as rules are asked about it.
#[derive(Debug, Clone)]
pub(crate) struct SeenDrift {
    /// The way that describes it best.
    pub(crate) vector: DriftVector,
    /// What ran.
    pub(crate) kind: DriftKind,
    /// Where the file comes from.
    pub(crate) provenance: Provenance,
    /// The file.
    pub(crate) path: Text,
    /// How the file came about, as far as its writer tells.
    pub(crate) how: WrittenHow,
    /// Digest of the file, where it could be read.
    pub(crate) sha256: Option<Sha256>,
}

/// What scanning a file found, as rules are asked about it.
#[derive(Debug, Clone)]
pub(crate) struct SeenScan {
    /// What was found.
    pub(crate) finding: Finding,
    /// What else was found in the file.
    pub(crate) others: Vec<Finding>,
    /// The file, as it is shown.
    pub(crate) path: Text,
    /// Which file.
    pub(crate) file: FileId,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Digest of its content.
    pub(crate) sha256: Option<Sha256>,
    /// TLSH digest of its content.
    pub(crate) fuzzy: Option<String>,
    /// TLSH distance to the program that wrote it.
    pub(crate) distance: Option<u32>,
    /// Why it was scanned.
    pub(crate) reason: ScanReason,
    /// Who wrote it.
    pub(crate) writer: Option<Writer>,
}

impl What {
    /// What scanning found, if the event is about that.
    pub(crate) fn scan(&self) -> Option<&SeenScan> {
        match self {
            What::Scan(scan) => Some(scan),
            _ => None,
        }
    }

    /// The kind by which rules are indexed.
    pub(crate) fn kind(&self) -> EventKind {
        match self {
            What::Exec => EventKind::Exec,
            What::Exit(_) => EventKind::Exit,
            What::Call(call) => EventKind::Call(call.event.call),
            What::FirstData(_) => EventKind::FirstData,
            What::Dns(_) => EventKind::Dns,
            What::RemoteStream(_) => EventKind::RemoteStream,
            What::Drift(_) => EventKind::Drift,
            What::SelfCopy(_) => EventKind::SelfCopy,
            What::Scan(_) => EventKind::ScanFinding,
            What::RightsGained(_) => EventKind::RightsGained,
            What::Flood(_) => EventKind::Flood,
            What::ContainerStarted => EventKind::ContainerStarted,
        }
    }

    /// The call behind it, if there is one.
    pub(crate) fn call(&self) -> Option<&SeenCall> {
        match self {
            What::Call(call) | What::FirstData(call) => Some(call),
            What::Dns(dns) => Some(&dns.call),
            _ => None,
        }
    }

    /// The drift behind it, if there is one.
    pub(crate) fn drift(&self) -> Option<&SeenDrift> {
        match self {
            What::Drift(drift) | What::SelfCopy(drift) => Some(drift),
            _ => None,
        }
    }
}
