//! What a container can be kept from doing: the behaviours that defence rules name.
//!
//! One table: the name in rules, the dimension under which the console shows it, what it covers. The number of a
//! behaviour is its bit in the kernel's rows (`bpf/lib/guard/behaviours.h`) and is never used again for another.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The part of a container's doings that a behaviour belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Dimension {
    /// What processes do to themselves and to others.
    Process,
    /// What is done to files.
    File,
    /// System calls by themselves.
    Syscall,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Dimension; 3] = [Dimension::Process, Dimension::File, Dimension::Syscall];

    /// The name in rules.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Process => "process",
            Dimension::File => "file",
            Dimension::Syscall => "syscall",
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! behaviours {
    ($($variant:ident = $number:literal, $dimension:ident, $name:literal, $covers:literal;)*) => {
        /// A high-risk behaviour of a container.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Behaviour {
            $(#[doc = $covers] $variant = $number,)*
        }

        impl Behaviour {
            /// Every behaviour, in the order of the documentation.
            pub const ALL: &'static [Behaviour] = &[$(Behaviour::$variant,)*];

            /// The name in rules.
            pub fn as_str(self) -> &'static str {
                match self { $(Behaviour::$variant => $name,)* }
            }

            /// The dimension it belongs to.
            pub fn dimension(self) -> Dimension {
                match self { $(Behaviour::$variant => Dimension::$dimension,)* }
            }

            /// What it covers, as one line for people.
            pub fn covers(self) -> &'static str {
                match self { $(Behaviour::$variant => $covers,)* }
            }
        }
    };
}

behaviours! {
    NamespaceEntry = 0, Process, "namespace-entry", "Entering namespaces that exist already (setns, nsenter).";
    NamespaceCreation = 1, Process, "namespace-creation", "Making user, mount or cgroup namespaces (unshare, clone).";
    ProcessOutside = 2, Process, "process-outside", "Tracing, or writing the memory of, a process outside the container.";
    RuntimeTools = 3, Process, "runtime-tools", "Running the container runtime's own tools, or a program of the host.";
    PrivilegeGain = 4, Process, "privilege-gain", "Becoming root, or gaining capabilities, by set-user-id programs and calls.";
    LeakedDescriptor = 5, Process, "leaked-descriptor", "Running with a working directory or descriptor of the host's files.";
    Integrity = 6, Process, "integrity", "Credentials, capabilities, namespaces or root beyond what the container was given.";
    CorePattern = 8, File, "core-pattern", "Writing the kernel's core_pattern.";
    ModprobePath = 9, File, "modprobe-path", "Writing the path of modprobe.";
    UeventHelper = 10, File, "uevent-helper", "Writing the helper for device events.";
    BinfmtMisc = 11, File, "binfmt-misc", "Registering interpreters for programs (binfmt_misc).";
    ReleaseAgent = 12, File, "release-agent", "Writing a cgroup's release_agent or notify_on_release.";
    Sysrq = 13, File, "sysrq", "Writing sysrq-trigger.";
    KernelSettings = 14, File, "kernel-settings", "Writing other files of /proc/sys and /sys.";
    BlockDevice = 15, File, "block-device", "Opening block devices of the host.";
    DeviceNode = 16, File, "device-node", "Making device nodes (mknod).";
    KernelMemory = 17, File, "kernel-memory", "Opening /dev/mem, /dev/kmem, /dev/port or /proc/kcore.";
    RuntimeSocket = 18, File, "runtime-socket", "Connecting to a container runtime's socket.";
    HostJobs = 19, File, "host-jobs", "Writing the host's cron tables and systemd units through a mount.";
    HostAccounts = 20, File, "host-accounts", "Writing the host's accounts, sudo rules and SSH keys through a mount.";
    HostPreload = 21, File, "host-preload", "Writing the host's ld.so.preload and loader settings through a mount.";
    KubeletFiles = 22, File, "kubelet-files", "Opening the kubelet's credentials and settings, or writing static-pod manifests, through a mount.";
    RuntimeBinary = 23, File, "runtime-binary", "Opening a program of the host for writing, as through /proc/self/exe.";
    PlantedLink = 24, File, "planted-link", "Making symbolic links in folders of the host's logs.";
    FileHandle = 25, File, "file-handle", "Opening files by handle (open_by_handle_at).";
    HostRoot = 26, File, "host-root", "Reaching files of another mount namespace, as through /proc/PID/root.";
    CgroupExit = 27, File, "cgroup-exit", "Moving a process out of the container's cgroup.";
    Mount = 32, Syscall, "mount", "Mounting, moving and remounting file systems.";
    PivotRoot = 33, Syscall, "pivot-root", "Changing the root of the mount namespace (pivot_root).";
    FilesystemContext = 34, Syscall, "filesystem-context", "Setting up file systems by fsopen and fsconfig.";
    KernelModule = 35, Syscall, "kernel-module", "Loading kernel modules.";
    Kexec = 36, Syscall, "kexec", "Loading another kernel.";
    Bpf = 37, Syscall, "bpf", "Using bpf(2).";
    PerfEvent = 38, Syscall, "perf-event", "Opening performance events.";
    Keyring = 39, Syscall, "keyring", "Using the kernel's keys (keyctl, add_key, request_key).";
    Userfaultfd = 40, Syscall, "userfaultfd", "Handling page faults in user space.";
    IoUring = 41, Syscall, "io-uring", "Setting up io_uring.";
    ProcessMemory = 42, Syscall, "process-memory", "Writing the memory of another process (process_vm_writev), in the container too.";
    PortAccess = 43, Syscall, "port-access", "Access to I/O ports (iopl, ioperm).";
    SpliceReadOnly = 44, Syscall, "splice-read-only", "Splicing pages of a file that may not be written into a pipe.";
}

impl Behaviour {
    /// The behaviour of that name.
    pub fn from_name(name: &str) -> Option<Behaviour> {
        Behaviour::ALL
            .iter()
            .copied()
            .find(|behaviour| behaviour.as_str() == name)
    }

    /// The behaviour of that number.
    pub fn from_number(number: u8) -> Option<Behaviour> {
        Behaviour::ALL
            .iter()
            .copied()
            .find(|behaviour| *behaviour as u8 == number)
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Some behaviours: bit N is the behaviour of number N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct BehaviourSet(pub u64);

impl BehaviourSet {
    /// None.
    pub const EMPTY: BehaviourSet = BehaviourSet(0);

    /// Adds one.
    pub fn insert(&mut self, behaviour: Behaviour) {
        self.0 |= 1 << behaviour as u8;
    }

    /// Takes one out.
    pub fn remove(&mut self, behaviour: Behaviour) {
        self.0 &= !(1 << behaviour as u8);
    }

    /// Whether one is in it.
    pub fn contains(self, behaviour: Behaviour) -> bool {
        self.0 & (1 << behaviour as u8) != 0
    }

    /// Whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those in it, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Behaviour> {
        Behaviour::ALL
            .iter()
            .copied()
            .filter(move |behaviour| self.contains(*behaviour))
    }
}

impl FromIterator<Behaviour> for BehaviourSet {
    fn from_iter<T: IntoIterator<Item = Behaviour>>(behaviours: T) -> Self {
        let mut set = BehaviourSet::EMPTY;
        for behaviour in behaviours {
            set.insert(behaviour);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique_and_fit_the_set() {
        let names: HashSet<_> = Behaviour::ALL.iter().map(|b| b.as_str()).collect();
        let numbers: HashSet<_> = Behaviour::ALL.iter().map(|b| *b as u8).collect();
        assert_eq!(names.len(), Behaviour::ALL.len());
        assert_eq!(numbers.len(), Behaviour::ALL.len());
        assert!(numbers.iter().all(|number| *number < 64));
    }

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        let mut set: BehaviourSet = [Behaviour::Mount, Behaviour::Integrity]
            .into_iter()
            .collect();
        assert!(set.contains(Behaviour::Mount) && !set.contains(Behaviour::Bpf));
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            [Behaviour::Integrity, Behaviour::Mount]
        );
        set.remove(Behaviour::Mount);
        set.remove(Behaviour::Integrity);
        assert!(set.is_empty());
    }
}
