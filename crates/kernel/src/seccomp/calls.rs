//! The calls that the runtime wrapper asks to be notified of, by convention and number, and what they amount to.

use yagura_event::Behaviour;

/// Namespaces in the flags of clone, clone3 and unshare: mount, cgroup, uts, ipc, user, pid, net.
pub const NAMESPACE_FLAGS: u64 = 0x7e02_0000;
/// Those of which [`Behaviour::NamespaceCreation`] speaks: mount, cgroup, user.
const POWERFUL_NAMESPACE_FLAGS: u64 = 0x1202_0000;
const PTRACE_ATTACH: u64 = 16;
const PTRACE_SEIZE: u64 = 0x4206;
const OPEN_TREE_CLONE: u64 = 1;

// include/uapi/linux/audit.h
const ARCH_X86_64: u32 = 0xc000_003e;
const ARCH_I386: u32 = 0x4000_0003;
const ARCH_AARCH64: u32 = 0xc000_00b7;
const ARCH_ARM: u32 = 0x4000_0028;
/// In the number of a call by the x32 convention, which has the architecture of x86-64.
const X32_BIT: u32 = 0x4000_0000;
/// Where calls that x32 has numbers of its own for begin.
const X32_OWN: u32 = 512;

macro_rules! calls {
    ($($variant:ident = $name:literal: $x86_64:literal, $i386:literal, $aarch64:literal, $arm:literal;)*) => {
        /// A system call that a profile can notify of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SeccompCall {
            $(#[doc = $name] $variant,)*
        }

        impl SeccompCall {
            /// Every one of them.
            pub const ALL: &'static [SeccompCall] = &[$(SeccompCall::$variant,)*];

            /// The kernel's name of it.
            pub fn as_str(self) -> &'static str {
                match self { $(SeccompCall::$variant => $name,)* }
            }

            /// Numbers on x86-64, i386, aarch64 and arm; -1 where there is none.
            fn numbers(self) -> [i32; 4] {
                match self { $(SeccompCall::$variant => [$x86_64, $i386, $aarch64, $arm],)* }
            }
        }
    };
}

// Source: arch/*/entry/syscalls/*.tbl and include/uapi/asm-generic/unistd.h.
calls! {
    Mount = "mount": 165, 21, 40, 21;
    Umount = "umount": -1, 22, -1, -1;
    Umount2 = "umount2": 166, 52, 39, 52;
    MoveMount = "move_mount": 429, 429, 429, 429;
    OpenTree = "open_tree": 428, 428, 428, 428;
    MountSetattr = "mount_setattr": 442, 442, 442, 442;
    Fsopen = "fsopen": 430, 430, 430, 430;
    Fsconfig = "fsconfig": 431, 431, 431, 431;
    Fsmount = "fsmount": 432, 432, 432, 432;
    Fspick = "fspick": 433, 433, 433, 433;
    PivotRoot = "pivot_root": 155, 217, 41, 218;
    Setns = "setns": 308, 346, 268, 375;
    Unshare = "unshare": 272, 310, 97, 337;
    Clone = "clone": 56, 120, 220, 120;
    Ptrace = "ptrace": 101, 26, 117, 26;
    ProcessVmWritev = "process_vm_writev": 311, 348, 271, 377;
    InitModule = "init_module": 175, 128, 105, 128;
    FinitModule = "finit_module": 313, 350, 273, 379;
    DeleteModule = "delete_module": 176, 129, 106, 129;
    KexecLoad = "kexec_load": 246, 283, 104, 347;
    KexecFileLoad = "kexec_file_load": 320, -1, 294, 401;
    Bpf = "bpf": 321, 357, 280, 386;
    PerfEventOpen = "perf_event_open": 298, 336, 241, 364;
    OpenByHandleAt = "open_by_handle_at": 304, 342, 265, 371;
    Keyctl = "keyctl": 250, 288, 219, 311;
    AddKey = "add_key": 248, 286, 217, 309;
    RequestKey = "request_key": 249, 287, 218, 310;
    Userfaultfd = "userfaultfd": 323, 374, 282, 388;
    IoUringSetup = "io_uring_setup": 425, 425, 425, 425;
    Iopl = "iopl": 172, 110, -1, -1;
    Ioperm = "ioperm": 173, 101, -1, -1;
    MemfdCreate = "memfd_create": 319, 356, 279, 385;
}

impl SeccompCall {
    /// The call of that number by that convention.
    pub fn of(arch: u32, number: u32) -> Option<SeccompCall> {
        let (column, number) = match arch {
            ARCH_X86_64 => (0, without_x32(number)),
            ARCH_I386 => (1, number),
            ARCH_AARCH64 => (2, number),
            ARCH_ARM => (3, number),
            _ => return None,
        };
        let number = i32::try_from(number).ok()?;
        let has_it = |call: &SeccompCall| call.numbers().get(column) == Some(&number);
        SeccompCall::ALL.iter().copied().find(has_it)
    }

    /// What the call amounts to if its arguments make it more than ordinary.
    pub fn covers(self) -> Option<Behaviour> {
        [[0; 6], [u64::MAX; 6], [PTRACE_ATTACH; 6]]
            .iter()
            .find_map(|arguments| self.behaviour(arguments))
    }

    /// What the call amounts to with these arguments; `None` if that is nothing that rules speak of.
    pub(super) fn behaviour(self, arguments: &[u64; 6]) -> Option<Behaviour> {
        let [first, _, third, ..] = *arguments;
        let if_ = |holds: bool, behaviour| holds.then_some(behaviour);
        match self {
            SeccompCall::Mount
            | SeccompCall::Umount
            | SeccompCall::Umount2
            | SeccompCall::MoveMount
            | SeccompCall::MountSetattr
            | SeccompCall::Fsmount => Some(Behaviour::Mount),
            // Without the flag it is an open of a path.
            SeccompCall::OpenTree => if_(third & OPEN_TREE_CLONE != 0, Behaviour::Mount),
            SeccompCall::Fsopen | SeccompCall::Fsconfig | SeccompCall::Fspick => {
                Some(Behaviour::FilesystemContext)
            }
            SeccompCall::PivotRoot => Some(Behaviour::PivotRoot),
            SeccompCall::Setns => Some(Behaviour::NamespaceEntry),
            SeccompCall::Unshare | SeccompCall::Clone => if_(
                first & POWERFUL_NAMESPACE_FLAGS != 0,
                Behaviour::NamespaceCreation,
            ),
            // The others go to a process that is traced already, or ask to be traced.
            SeccompCall::Ptrace => if_(
                matches!(first, PTRACE_ATTACH | PTRACE_SEIZE),
                Behaviour::ProcessOutside,
            ),
            SeccompCall::ProcessVmWritev => Some(Behaviour::ProcessMemory),
            SeccompCall::InitModule | SeccompCall::FinitModule | SeccompCall::DeleteModule => {
                Some(Behaviour::KernelModule)
            }
            SeccompCall::KexecLoad | SeccompCall::KexecFileLoad => Some(Behaviour::Kexec),
            SeccompCall::Bpf => Some(Behaviour::Bpf),
            SeccompCall::PerfEventOpen => Some(Behaviour::PerfEvent),
            SeccompCall::OpenByHandleAt => Some(Behaviour::FileHandle),
            SeccompCall::Keyctl | SeccompCall::AddKey | SeccompCall::RequestKey => {
                Some(Behaviour::Keyring)
            }
            SeccompCall::Userfaultfd => Some(Behaviour::Userfaultfd),
            SeccompCall::IoUringSetup => Some(Behaviour::IoUring),
            SeccompCall::Iopl | SeccompCall::Ioperm => Some(Behaviour::PortAccess),
            SeccompCall::MemfdCreate => None,
        }
    }

    /// Which argument names another process.
    pub(super) fn target_argument(self) -> Option<usize> {
        match self {
            SeccompCall::Ptrace => Some(1),
            SeccompCall::ProcessVmWritev => Some(0),
            _ => None,
        }
    }
}

/// The x86-64 number of a call by x32, which has three calls of ours under numbers of its own.
fn without_x32(number: u32) -> u32 {
    if number & X32_BIT == 0 {
        return number;
    }
    match number & !X32_BIT {
        521 => 101,
        528 => 246,
        540 => 311,
        own if own >= X32_OWN => u32::MAX,
        shared => shared,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_number_means_one_call() {
        for column in 0..4 {
            let numbers = SeccompCall::ALL.iter().map(|call| call.numbers()[column]);
            let known: Vec<i32> = numbers.filter(|number| *number >= 0).collect();
            let unique: HashSet<_> = known.iter().collect();
            assert_eq!(unique.len(), known.len(), "column {column}");
        }
    }

    #[test]
    fn calls_are_found_by_every_convention() {
        assert_eq!(SeccompCall::of(ARCH_X86_64, 165), Some(SeccompCall::Mount));
        assert_eq!(SeccompCall::of(ARCH_I386, 21), Some(SeccompCall::Mount));
        assert_eq!(SeccompCall::of(ARCH_AARCH64, 40), Some(SeccompCall::Mount));
        assert_eq!(
            SeccompCall::of(ARCH_X86_64, X32_BIT | 165),
            Some(SeccompCall::Mount)
        );
        assert_eq!(
            SeccompCall::of(ARCH_X86_64, X32_BIT | 521),
            Some(SeccompCall::Ptrace)
        );
        // 101 by x32 is no call at all, but what is asked about is never taken for something else.
        assert_eq!(SeccompCall::of(ARCH_X86_64, X32_BIT | 513), None);
        assert_eq!(SeccompCall::of(ARCH_I386, 320), None);
        assert_eq!(SeccompCall::of(0, 165), None);
        assert_eq!(SeccompCall::of(ARCH_X86_64, u32::MAX), None);
    }

    #[test]
    fn every_call_but_one_can_be_a_behaviour() {
        let ordinary = SeccompCall::ALL.iter().filter(|c| c.covers().is_none());
        assert_eq!(ordinary.collect::<Vec<_>>(), [&SeccompCall::MemfdCreate]);
        let covers = SeccompCall::covers;
        assert_eq!(covers(SeccompCall::Ptrace), Some(Behaviour::ProcessOutside));
        assert_eq!(
            covers(SeccompCall::Clone),
            Some(Behaviour::NamespaceCreation)
        );
    }

    #[test]
    fn registers_tell_the_ordinary_from_the_rest() {
        let with = |call: SeccompCall, first: u64| call.behaviour(&[first, 0, 0, 0, 0, 0]);
        let threads = 0x3d_0f00;
        assert_eq!(with(SeccompCall::Clone, threads), None);
        let created = Some(Behaviour::NamespaceCreation);
        assert_eq!(with(SeccompCall::Clone, 0x1000_0011), created);
        assert_eq!(with(SeccompCall::Unshare, 0x0002_0000), created);
        assert_eq!(with(SeccompCall::Unshare, 0x400), None);
        assert_eq!(with(SeccompCall::Ptrace, 0), None);
        assert_eq!(
            with(SeccompCall::Ptrace, 16),
            Some(Behaviour::ProcessOutside)
        );
        let tree = |flags| SeccompCall::OpenTree.behaviour(&[0, 0, flags, 0, 0, 0]);
        assert_eq!((tree(0), tree(1)), (None, Some(Behaviour::Mount)));
    }
}
