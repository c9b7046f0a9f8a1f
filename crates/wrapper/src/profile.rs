//! What becomes of a container's seccomp profile: calls that it permits are asked about, what it refuses stays refused.
//!
//! A profile is a default action and entries of calls, an action and conditions on arguments. Where entries for a call
//! overlap, libseccomp decides which holds. So entries are never added beside others of the same call: an entry that
//! permits gets another action, under the same conditions and in the same place.
//!
//! | the profile says of a call | it becomes |
//! | --- | --- |
//! | nothing, and permits by default | notify |
//! | nothing, and refuses by default | unchanged |
//! | permitted, always or under conditions | notify under the same conditions |
//! | anything else (errno, kill, trap, trace) | unchanged |
//!
//! Two calls are special. `clone` makes threads too: only its calls with flags of namespaces are asked about. What `clone3`
//! is to do stands in memory, which is no ground for an answer: it fails with ENOSYS, as in the profiles of containerd and
//! Docker, and libraries go on with `clone`.

mod entry;

use entry::{Action, Argument, Entry};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Calls that are asked about unless the settings say otherwise.
pub const DEFAULT_CALLS: &[&str] = &[
    "mount",
    "umount",
    "umount2",
    "move_mount",
    "open_tree",
    "mount_setattr",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "pivot_root",
    "setns",
    "unshare",
    "clone",
    "clone3",
    "ptrace",
    "process_vm_writev",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "bpf",
    "perf_event_open",
    "open_by_handle_at",
    "keyctl",
    "add_key",
    "request_key",
    "userfaultfd",
    "io_uring_setup",
    "iopl",
    "ioperm",
];
/// Calls that are asked about if the settings name them.
pub const OPTIONAL_CALLS: &[&str] = &["memfd_create"];

/// Flags of clone that make namespaces: mount, cgroup, uts, ipc, user, pid, net.
const NAMESPACE_FLAGS: [u64; 7] = [
    0x0002_0000,
    0x0200_0000,
    0x0400_0000,
    0x0800_0000,
    0x1000_0000,
    0x2000_0000,
    0x4000_0000,
];
const ENOSYS: u64 = 38;

/// What to put into a profile.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Socket of the agent.
    pub socket: &'a str,
    /// What the agent is told about the container.
    pub metadata: &'a str,
    /// Calls to be asked about.
    pub calls: &'a [String],
}

/// What became of the calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    /// Asked about, or refused with ENOSYS in place of that.
    pub notified: Vec<String>,
    /// Refused by the profile already, or not to be told apart from what it refuses.
    pub left: Vec<String>,
}

/// Why a profile is left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No configuration of a Linux container.
    #[error("the configuration has no section for Linux")]
    NoLinux,
    /// The profile is not what the OCI runtime specification describes.
    #[error("the seccomp profile is malformed")]
    Malformed,
    /// Somebody else is asked about calls of this container: a profile has room for one.
    #[error("the seccomp profile has a listener of its own")]
    OtherListener,
    /// Every call that was to be asked about is refused already.
    #[error("the seccomp profile refuses all of these calls already")]
    Nothing,
}

/// The `linux.seccomp` section; what isn't named here stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Profile {
    #[serde(rename = "defaultAction")]
    default_action: Action,
    #[serde(
        rename = "listenerPath",
        default,
        skip_serializing_if = "String::is_empty"
    )]
    listener_path: String,
    #[serde(
        rename = "listenerMetadata",
        default,
        skip_serializing_if = "String::is_empty"
    )]
    listener_metadata: String,
    #[serde(default, deserialize_with = "entry::null_as_empty")]
    syscalls: Vec<Entry>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Puts `request` into a container's configuration, the content of config.json.
///
/// # Errors
/// If the profile is to stay as it is; `config` is unchanged then.
pub fn merge(config: &mut Value, request: &Request<'_>) -> Result<Merged, ProfileError> {
    let linux = config.get_mut("linux").and_then(Value::as_object_mut);
    let linux = linux.ok_or(ProfileError::NoLinux)?;
    let mut profile = match linux.get("seccomp") {
        None | Some(Value::Null) => Profile::permitting_everything(),
        Some(section) => Profile::parse(section)?,
    };
    if profile.asks() {
        return Err(ProfileError::OtherListener);
    }
    let mut merged = Merged::default();
    for call in request.calls {
        let list = if profile.ask_about(call) {
            &mut merged.notified
        } else {
            &mut merged.left
        };
        list.push(call.clone());
    }
    if merged.notified.is_empty() {
        return Err(ProfileError::Nothing);
    }
    request.socket.clone_into(&mut profile.listener_path);
    request.metadata.clone_into(&mut profile.listener_metadata);
    let section = serde_json::to_value(profile).map_err(|_| ProfileError::Malformed)?;
    linux.insert("seccomp".to_owned(), section);
    Ok(merged)
}

/// Whether a configuration has been through [`merge`] with that socket: bundles may be used again.
pub fn is_merged(config: &Value, socket: &str) -> bool {
    config
        .pointer("/linux/seccomp/listenerPath")
        .and_then(Value::as_str)
        == Some(socket)
}

/// Takes the questions out of a configuration that [`merge`] put them into: what was asked about is permitted again, since
/// nothing else ever was asked about.
///
/// # Errors
/// If the profile is malformed; `config` is unchanged then.
pub fn unmerge(config: &mut Value) -> Result<(), ProfileError> {
    let section = config
        .pointer_mut("/linux/seccomp")
        .ok_or(ProfileError::NoLinux)?;
    let mut profile = Profile::parse(section)?;
    profile.listener_path.clear();
    profile.listener_metadata.clear();
    for entry in &mut profile.syscalls {
        if entry.action == Action::Notify {
            entry.action = Action::Allow;
        }
    }
    *section = serde_json::to_value(profile).map_err(|_| ProfileError::Malformed)?;
    Ok(())
}

impl Profile {
    fn parse(section: &Value) -> Result<Profile, ProfileError> {
        Profile::deserialize(section).map_err(|_| ProfileError::Malformed)
    }

    /// What a container without profile has, for all conventions by which its programs may make calls.
    fn permitting_everything() -> Profile {
        let architectures: &[&str] = match std::env::consts::ARCH {
            "x86_64" => &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "aarch64" => &["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
            _ => &[],
        };
        let architectures = architectures
            .iter()
            .map(|name| Value::from(*name))
            .collect();
        Profile {
            default_action: Action::Allow,
            listener_path: String::new(),
            listener_metadata: String::new(),
            syscalls: Vec::new(),
            others: Map::from_iter([("architectures".to_owned(), architectures)]),
        }
    }

    /// Whether somebody is asked already.
    fn asks(&self) -> bool {
        let notifies = |entry: &Entry| entry.action == Action::Notify;
        !self.listener_path.is_empty()
            || self.default_action == Action::Notify
            || self.syscalls.iter().any(notifies)
    }

    /// Has a call asked about as far as the profile permits it; whether it does.
    fn ask_about(&mut self, call: &str) -> bool {
        let own: Vec<&Entry> = self
            .syscalls
            .iter()
            .filter(|entry| entry.names(call))
            .collect();
        if own.is_empty() {
            let permits = self.default_action.permits();
            if permits {
                self.syscalls
                    .extend(instead_of(call, &Entry::of(call, Action::Allow)));
            }
            return permits;
        }
        let always = own.iter().all(|entry| entry.action.permits())
            && own.iter().any(|entry| entry.is_unconditional());
        let mut is_asked = false;
        let mut entries = Vec::with_capacity(self.syscalls.len() + 1);
        let mut is_first = true;
        for mut entry in std::mem::take(&mut self.syscalls) {
            let stays = !entry.action.permits() || !always && is_harmless(call, &entry);
            if !entry.names(call) || stays {
                entries.push(entry);
                continue;
            }
            is_asked = true;
            let mut alone = Entry {
                names: vec![call.to_owned()],
                ..entry.clone()
            };
            entry.names.retain(|name| name != call);
            if !entry.names.is_empty() {
                entries.push(entry);
            }
            if !always {
                alone.action = if call == "clone3" {
                    Action::Errno
                } else {
                    Action::Notify
                };
                alone.errno = (call == "clone3").then_some(ENOSYS);
                entries.push(alone);
            } else if std::mem::take(&mut is_first) {
                // Together the entries permit it whatever its arguments: one stands for all.
                alone.arguments.clear();
                entries.extend(instead_of(call, &alone));
                if call == "clone" && !self.default_action.permits() {
                    entries.push(without_namespaces(&alone));
                }
            }
        }
        self.syscalls = entries;
        is_asked
    }
}

/// Entries that take the place of one that permits a call whatever its arguments.
fn instead_of(call: &str, entry: &Entry) -> Vec<Entry> {
    let with = |action, errno, arguments| Entry {
        action,
        errno,
        arguments,
        ..entry.clone()
    };
    match call {
        "clone3" => vec![with(Action::Errno, Some(ENOSYS), Vec::new())],
        // There is no condition "one of these bits".
        "clone" => NAMESPACE_FLAGS
            .iter()
            .map(|flag| with(Action::Notify, None, vec![Argument::masked(*flag, *flag)]))
            .collect(),
        _ => vec![with(Action::Notify, None, Vec::new())],
    }
}

/// The entry for what is left of `clone`: threads and processes.
fn without_namespaces(entry: &Entry) -> Entry {
    Entry {
        arguments: vec![Argument::masked(NAMESPACE_FLAGS.iter().sum(), 0)],
        ..entry.clone()
    }
}

/// Whether an entry permits only what isn't asked about, as the profiles of engines do with `clone`.
fn is_harmless(call: &str, entry: &Entry) -> bool {
    let all: u64 = NAMESPACE_FLAGS.iter().sum();
    let [only] = entry.arguments.as_slice() else {
        return false;
    };
    call == "clone" && only.excludes(all)
}

#[cfg(test)]
mod tests;
