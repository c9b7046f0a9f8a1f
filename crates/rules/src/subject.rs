//! What a rule may ask of an event.

use crate::fields::{Argument, Field, Source};
use core::net::IpAddr;
use std::borrow::Cow;
use yagura_event::{Call, MonotonicNs};

/// Numbers of system calls are below this.
const CALL_NUMBERS_MAX: usize = 128;

/// Declares the kinds of event with their names in rules.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// What happened: rules are indexed by it. The name is the value of `evt.type`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind {
            /// A system call.
            Call(Call),
            $($(#[doc = $doc])+ $name,)+
        }

        impl EventKind {
            /// Every kind that is not a system call.
            pub const OTHERS: &'static [EventKind] = &[$(EventKind::$name,)+];

            /// The name in rules.
            pub fn as_str(self) -> &'static str {
                match self {
                    EventKind::Call(call) => call.as_str(),
                    $(EventKind::$name => $text,)+
                }
            }

            /// A small number of its own, below [`EventKind::INDEX_MAX`]: of calls the call's number, of all others behind those.
            pub fn index(self) -> usize {
                /// The kinds that aren't system calls, numbered.
                enum Numbered { $($name,)+ }
                match self {
                    EventKind::Call(call) => call as usize,
                    $(EventKind::$name => CALL_NUMBERS_MAX + Numbered::$name as usize,)+
                }
            }
        }
    };
}

kinds! {
    /// A program began.
    Exec = "execve";
    /// A process ended.
    Exit = "procexit";
    /// Derived: the standard streams of a shell or interpreter lead to or from a remote socket, directly, through pipes or a
    /// terminal. `fd.*` is the socket, `stream.how` the way, `stream.held_ms` for how long (told again after five seconds).
    RemoteStream = "remote_stream";
    /// Derived: a program ran that is not the container image's. `drift.*` says why.
    Drift = "drift";
    /// Derived: a program wrote a file that resembles its own executable, or a program of its image's lineage, and it was run.
    SelfCopy = "self_copy";
    /// Derived: the content of a file was scanned and something was found. `scan.*` says what, `fd.*` is the file.
    ScanFinding = "scan_finding";
    /// Derived: a process has more rights than the container gave it and no legal way led there.
    RightsGained = "rights_gained";
    /// Derived: a container sends more events than the sensor can take.
    Flood = "event_flood";
    /// A domain name was asked for or answered: `dns.*`.
    Dns = "dns";
    /// The first bytes of an outbound connection: `fd.*` and `evt.buffer`.
    FirstData = "first_data";
    /// A container was started or met for the first time.
    ContainerStarted = "container_started";
    /// A Kubernetes audit event.
    Audit = "k8s_audit";
    /// Windows: a process was created (Sysmon 1, Security 4688).
    WindowsProcess = "process_creation";
    /// Windows: the registry was changed (Sysmon 12-14, Security 4657).
    WindowsRegistry = "registry_event";
    /// Windows: PowerShell ran a script block (4104) or pipeline (800, 4103).
    WindowsScript = "powershell_script";
    /// Windows: an account or group was changed (Security 4720-4738 and their like).
    WindowsAccount = "account_change";
    /// Windows: a network connection or name look-up (Sysmon 3, 22; Security 5156).
    WindowsNetwork = "windows_network";
    /// Windows: a file was created (Sysmon 11, 15).
    WindowsFile = "windows_file";
    /// Windows: any other record.
    WindowsOther = "windows_event";
}

impl EventKind {
    /// [`EventKind::index`] is below this.
    pub const INDEX_MAX: usize = CALL_NUMBERS_MAX + 64;

    /// Every kind.
    pub fn all() -> impl Iterator<Item = EventKind> {
        let calls = Call::ALL.iter().map(|call| EventKind::Call(*call));
        calls.chain(EventKind::OTHERS.iter().copied())
    }

    /// Which rules look at it.
    pub fn source(self) -> Source {
        match self {
            EventKind::Audit => Source::K8sAudit,
            EventKind::WindowsProcess
            | EventKind::WindowsRegistry
            | EventKind::WindowsScript
            | EventKind::WindowsAccount
            | EventKind::WindowsNetwork
            | EventKind::WindowsFile
            | EventKind::WindowsOther => Source::Windows,
            EventKind::Call(_)
            | EventKind::Exec
            | EventKind::Exit
            | EventKind::RemoteStream
            | EventKind::Drift
            | EventKind::SelfCopy
            | EventKind::ScanFinding
            | EventKind::RightsGained
            | EventKind::Flood
            | EventKind::Dns
            | EventKind::FirstData
            | EventKind::ContainerStarted => Source::Syscall,
        }
    }

    /// The kind that `evt.type` names.
    pub fn from_name(name: &str) -> Option<EventKind> {
        EventKind::all().find(|kind| kind.as_str() == name || kind.other_name() == Some(name))
    }

    /// The value that `evt.type` can have beside [`EventKind::as_str`].
    pub fn other_name(self) -> Option<&'static str> {
        match self {
            EventKind::Exec => Some("execveat"),
            // Falco's rules call the start of a container so.
            EventKind::ContainerStarted => Some("container"),
            _ => None,
        }
    }
}

const _: () = assert!(EventKind::OTHERS.len() <= 64);

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// This event has no such thing. No comparison with it holds, `!=` neither, as in Falco; `not field = value` does.
    Absent,
    /// There is a value, but it is not known (yet): neither true nor false.
    Unknown,
    /// A text.
    Text(Cow<'a, [u8]>),
    /// A number.
    Number(i64),
    /// Yes or no.
    Boolean(bool),
    /// An address.
    Address(IpAddr),
    /// Several values: `evt.arg` lists, `ka.req.pod.containers.image`, `proc.aname` without index.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// A borrowed text.
    pub fn text(bytes: &'a (impl AsRef<[u8]> + ?Sized)) -> Value<'a> {
        Value::Text(Cow::Borrowed(bytes.as_ref()))
    }

    /// A text made for this purpose.
    pub fn owned(text: impl Into<Vec<u8>>) -> Value<'static> {
        Value::Text(Cow::Owned(text.into()))
    }
}

/// An event with everything around it that rules may ask for.
pub trait Subject {
    /// What happened.
    fn kind(&self) -> EventKind;

    /// When, on the clock by which windows of `sequence`, `threshold` and `first_seen` are measured.
    fn time(&self) -> MonotonicNs;

    /// The value of a field. Must not allocate where the value can be borrowed.
    fn value(&self, field: Field, argument: &Argument) -> Value<'_>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_kind_has_an_index_and_a_name_of_its_own() {
        let indexes: HashSet<usize> = EventKind::all().map(EventKind::index).collect();
        let names: HashSet<&str> = EventKind::all().map(EventKind::as_str).collect();
        assert_eq!(indexes.len(), EventKind::all().count());
        assert_eq!(names.len(), EventKind::all().count());
        assert!(indexes.iter().all(|index| *index < EventKind::INDEX_MAX));
        assert!(EventKind::all().all(|kind| EventKind::from_name(kind.as_str()) == Some(kind)));
    }
}
