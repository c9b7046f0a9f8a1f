//! Harmless rehearsals of every key of the threat catalogue, in throw-away containers.
//!
//! Each is what an attacker would do, down to the point where it would do harm: names, arguments, system calls and
//! traffic are real, targets are stand-ins. Networks are private namespaces whose other end answers for every address;
//! files of the host are stand-ins in a throw-away directory, or opened and left alone.
//!
//! Start at [`REHEARSALS`], [`Stage::new`] and [`perform`].

mod audit_event;
pub(crate) mod concat;
mod containers;
mod contents;
mod drifted;
mod escape;
mod k8s_audit;
mod lineage;
mod linux;
mod malware;
mod network;
mod one_liners;
pub(crate) mod props;
mod servers;
mod shells;
mod stage;
mod tunnels;
mod windows;
mod world;

use crate::command::{CommandError, Exit, now};
use crate::container::StartError;
use crate::drift::DriftCase;
use std::io;
use yagura_event::{DocumentSource, MonotonicNs, with_causes};

pub(crate) use servers::Service;
pub(crate) use stage::accepted;
pub use stage::{Document, Stage};
pub(crate) use world::{Peer, connect, link};

/// Every rehearsal, in the order of the catalogue and, within a key, of the behaviours that it lists.
pub const REHEARSALS: &[KeyRehearsal] = &concat::concat::<_, { concat::count(GROUPS) }>(GROUPS);

const GROUPS: &[&[KeyRehearsal]] = &[
    k8s_audit::SUSPICIOUS_COMMAND,
    containers::SUSPICIOUS_MOUNT,
    containers::SA_LATERAL_MOVEMENT,
    containers::MALICIOUS_IMAGE_POD,
    shells::REVERSE_SHELL_OUTBOUND,
    network::SUSPICIOUS_OUTBOUND,
    network::INTERNAL_LATERAL_MOVEMENT,
    malware::DDOS_TROJAN,
    contents::DDOS_TROJAN,
    network::MINING_CONNECTION,
    malware::SUSPICIOUS_PROGRAM,
    contents::SUSPICIOUS_PROGRAM,
    network::BRUTE_FORCE_TOOL,
    contents::BRUTE_FORCE_TOOL,
    malware::ATTACK_PROGRAM,
    contents::ATTACK_PROGRAM,
    malware::BACKDOOR,
    contents::BACKDOOR,
    network::VULNERABILITY_SCANNER,
    contents::VULNERABILITY_SCANNER,
    malware::MALICIOUS_PROGRAM,
    contents::MALICIOUS_PROGRAM,
    malware::MINER,
    contents::MINER,
    malware::TROJAN,
    contents::TROJAN,
    malware::SELF_MUTATING_TROJAN,
    contents::SELF_MUTATING_TROJAN,
    malware::WORM,
    contents::WORM,
    lineage::WEBSHELL_FILE,
    contents::WEBSHELL_FILE,
    lineage::COUCHDB,
    lineage::FTP,
    lineage::HADOOP,
    lineage::JAVA,
    lineage::JENKINS,
    linux::ACCOUNT_CREATION,
    lineage::SCHEDULED_TASK,
    lineage::MYSQL,
    lineage::ORACLE,
    lineage::POSTGRESQL,
    lineage::PYTHON,
    tunnels::SSH_ONE_LINER,
    lineage::WEBSHELL_PROBE,
    windows::RDP_3389,
    windows::DOWNLOAD,
    windows::ACCOUNT_CREATION,
    linux::CRONTAB_INJECTION,
    linux::COMMAND_SEQUENCE,
    linux::COMMAND,
    linux::SCRIPT_INJECTION,
    shells::REVERSE_SHELL,
    one_liners::REVERSE_SHELL_COMMAND,
    tunnels::HTTP_TUNNEL,
    tunnels::SSH_TUNNEL,
    lineage::WEBSHELL_INJECTION,
    containers::PRIVILEGED_CONTAINER,
    network::PORT_LISTEN,
    containers::MALICIOUS_CONTAINER,
    network::DOCKER_REMOTE_API,
    linux::SUSPICIOUS_COMMAND,
    escape::PRIVILEGE_ESCALATION,
    drifted::DRIFT,
];

/// One harmless exercise of a catalogue key.
#[derive(Debug, Clone, Copy)]
pub struct KeyRehearsal {
    /// The key, as in `proc.reverse_shell`.
    pub key: &'static str,
    /// Short name, unique among all.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// What it can't do without.
    pub needs: KeyNeeds,
    /// Whether nothing but the content of a file gives it away: then the alert must be one of the scanner.
    pub by_content: bool,
    act: Act,
}

/// What a rehearsal can't do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyNeeds {
    /// Programs that the image must have.
    pub programs: &'static [&'static str],
    /// Programs that the host must have.
    pub host_programs: &'static [&'static str],
}

impl KeyNeeds {
    const NOTHING: KeyNeeds = KeyNeeds {
        programs: &[],
        host_programs: &[],
    };
    const BUSYBOX: KeyNeeds = KeyNeeds::programs(&["busybox"]);
    const BASH: KeyNeeds = KeyNeeds::programs(&["bash"]);
    /// A private network.
    const NETWORK: KeyNeeds = KeyNeeds {
        programs: &["busybox"],
        host_programs: world::HOST_PROGRAMS,
    };
    const NETWORK_BASH: KeyNeeds = KeyNeeds {
        programs: &["busybox", "bash"],
        host_programs: world::HOST_PROGRAMS,
    };

    /// Programs of the image, and a private network.
    pub(crate) const fn full(programs: &'static [&'static str]) -> KeyNeeds {
        KeyNeeds {
            programs,
            host_programs: world::HOST_PROGRAMS,
        }
    }

    const fn programs(programs: &'static [&'static str]) -> KeyNeeds {
        KeyNeeds {
            programs,
            ..KeyNeeds::NOTHING
        }
    }
}

/// What is done. Scripts are for `/bin/sh` in a plain container, and a failing one is a failed rehearsal.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// A script.
    Shell(&'static str),
    /// A program with its arguments, whatever becomes of it once it has started.
    Try(&'static [&'static str]),
    /// A program with its arguments and standard input.
    Feed(&'static [&'static str], &'static str),
    /// Records of a log.
    Documents(DocumentSource, fn() -> Vec<serde_json::Value>),
    /// A drift case.
    Drift(&'static DriftCase),
    /// More than one container, or other sides.
    Run(fn(&mut Stage) -> Result<(), RehearsalError>),
}

/// Why a rehearsal did not take place.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The image lacks a program, for the host has none.
    #[error("this host has no {program} to put into the image")]
    ImageLacks {
        /// The program.
        program: &'static str,
    },
    /// The host lacks a program.
    #[error("this host has no {program}")]
    HostLacks {
        /// The program.
        program: &'static str,
    },
    /// A container did not start.
    #[error("a container did not start")]
    Start(#[from] StartError),
    /// A command could not be run.
    #[error("a command could not be run")]
    Command(#[from] CommandError),
    /// A command of the rehearsal failed.
    #[error("the rehearsal's command failed ({exit:?}): {message}")]
    Failed {
        /// How it ended.
        exit: Exit,
        /// Its error output, escaped and cut.
        message: String,
    },
    /// A drift case's program did not run.
    #[error("the drifted program did not run: {note}")]
    NotRun {
        /// What went wrong, escaped.
        note: String,
    },
    /// The other side did not hear what a rehearsal should have said.
    #[error("the other side did not hear {what}")]
    NotHeard {
        /// What.
        what: &'static str,
    },
    /// The private network could not be made.
    #[error("no private network: {message}")]
    NoNetwork {
        /// What the host's tools said, escaped and cut.
        message: String,
    },
    /// The other side of a rehearsal failed.
    #[error("{what}")]
    Peer {
        /// What was being done.
        what: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

/// What became of a rehearsal. It says nothing of whether anybody noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performed {
    /// Whether it took place.
    pub ran: bool,
    /// Whether it did not because this machine lacks something, which `note` names.
    pub lacking: bool,
    /// Just before it began, preparations included.
    pub started: MonotonicNs,
    /// Just after it ended. What it started may still be there until [`Stage::finish`].
    pub ended: MonotonicNs,
    /// What went wrong, or what the kernel answered to attempts, escaped; empty if there is nothing to say.
    pub note: String,
}

/// Performs a rehearsal on a new stage. Alerts about it are those of the stage's containers, since
/// [`Stage::acted_at`], or about its documents.
pub fn perform(rehearsal: &KeyRehearsal, stage: &mut Stage) -> Performed {
    let started = now();
    let result = lacking(rehearsal, stage).and_then(|()| act(rehearsal.act, stage));
    let lacking = matches!(
        result,
        Err(RehearsalError::ImageLacks { .. } | RehearsalError::HostLacks { .. })
    );
    Performed {
        ran: result.is_ok(),
        lacking,
        started,
        ended: now(),
        note: match &result {
            Ok(()) => stage.notes(),
            Err(error) => with_causes(error),
        },
    }
}

fn lacking(rehearsal: &KeyRehearsal, stage: &Stage) -> Result<(), RehearsalError> {
    let KeyNeeds {
        programs,
        host_programs,
    } = rehearsal.needs;
    if let Some(program) = programs.iter().find(|name| !stage.image().has(name)) {
        return Err(RehearsalError::ImageLacks { program });
    }
    let missing = |name: &&&str| crate::runtime::find_program(name).is_none();
    match host_programs.iter().find(missing) {
        Some(program) => Err(RehearsalError::HostLacks { program }),
        None => Ok(()),
    }
}

fn act(act: Act, stage: &mut Stage) -> Result<(), RehearsalError> {
    match act {
        Act::Run(run) => return run(stage),
        Act::Documents(source, make) => {
            stage.add_documents(source, make());
            return Ok(());
        }
        Act::Drift(case) => return drifted::perform_case(case, stage),
        Act::Shell(_) | Act::Try(_) | Act::Feed(..) => {}
    }
    let container = stage.start(&stage.options())?;
    match act {
        Act::Shell(script) => stage.act_shell(&container, script),
        Act::Try(argv) => stage.act_try(&container, argv),
        Act::Feed(argv, input) => stage.act(&container, argv, input),
        Act::Run(_) | Act::Documents(..) | Act::Drift(_) => Ok(()),
    }
}

/// A rehearsal by a script.
pub(crate) const fn shell(
    key: &'static str,
    name: &'static str,
    description: &'static str,
    needs: KeyNeeds,
    script: &'static str,
) -> KeyRehearsal {
    KeyRehearsal {
        key,
        name,
        description,
        needs,
        by_content: false,
        act: Act::Shell(script),
    }
}

/// A rehearsal by a function.
pub(crate) const fn run(
    key: &'static str,
    name: &'static str,
    description: &'static str,
    needs: KeyNeeds,
    run: fn(&mut Stage) -> Result<(), RehearsalError>,
) -> KeyRehearsal {
    KeyRehearsal {
        key,
        name,
        description,
        needs,
        by_content: false,
        act: Act::Run(run),
    }
}

/// A rehearsal that nothing but the content of a file gives away.
const fn run_by_content(
    key: &'static str,
    name: &'static str,
    description: &'static str,
    needs: KeyNeeds,
    run: fn(&mut Stage) -> Result<(), RehearsalError>,
) -> KeyRehearsal {
    KeyRehearsal {
        by_content: true,
        ..self::run(key, name, description, needs, run)
    }
}

/// A rehearsal by a program that stands in for a server: what its input says it does as one of an attacker's victims.
const fn serve(
    key: &'static str,
    name: &'static str,
    description: &'static str,
    argv: &'static [&'static str],
    input: &'static str,
) -> KeyRehearsal {
    KeyRehearsal {
        key,
        name,
        description,
        needs: KeyNeeds::BUSYBOX,
        by_content: false,
        act: Act::Feed(argv, input),
    }
}

/// A rehearsal by records of a log.
const fn documents(
    key: &'static str,
    name: &'static str,
    description: &'static str,
    source: DocumentSource,
    make: fn() -> Vec<serde_json::Value>,
) -> KeyRehearsal {
    KeyRehearsal {
        key,
        name,
        description,
        needs: KeyNeeds::NOTHING,
        by_content: false,
        act: Act::Documents(source, make),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn all_keys_of_the_catalogue_are_rehearsed_and_names_are_unique() {
        let keys: BTreeSet<&str> = REHEARSALS.iter().map(|rehearsal| rehearsal.key).collect();
        assert_eq!(keys.len(), 52);
        let names: BTreeSet<&str> = REHEARSALS.iter().map(|rehearsal| rehearsal.name).collect();
        assert_eq!(names.len(), REHEARSALS.len());
    }

    #[test]
    fn a_group_has_one_key() {
        for group in GROUPS {
            assert!(group.iter().all(|rehearsal| rehearsal.key == group[0].key));
        }
    }
}
