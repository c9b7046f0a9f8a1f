//! Numbers of the kernel's interface by name, as rules and people write them.

use yagura_event::CAPABILITIES;

/// Names of bits, or of whole values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    kind: Kind,
    names: &'static [(i64, &'static str)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Bits, shown with `|` between; zero has a name of its own if the table has one.
    Bits,
    /// open(2): the two lowest bits are a value.
    Open,
    /// One of several values.
    One,
    /// A socket's type: the lowest four bits are a value.
    Socket,
    /// A file's mode: the bits of `S_IFMT` are a value.
    Mode,
}

impl Words {
    /// The number in words; the number itself where no word is known.
    pub(crate) fn show(self, number: i64) -> Vec<u8> {
        match self.kind {
            Kind::One => self.one(number),
            Kind::Socket => self.one(number & 0xf),
            Kind::Bits => self.bits(number, Vec::new()),
            Kind::Mode => {
                let file_type: &[u8] = match number & 0o170000 {
                    0o20000 => b"S_IFCHR",
                    0o60000 => b"S_IFBLK",
                    0o10000 => b"S_IFIFO",
                    0o140000 => b"S_IFSOCK",
                    0o100000 => b"S_IFREG",
                    0o40000 => b"S_IFDIR",
                    _ => b"",
                };
                self.bits(number & 0o7777, file_type.to_vec())
            }
            Kind::Open => {
                let access: &[u8] = match number & 3 {
                    0 => b"O_RDONLY",
                    1 => b"O_WRONLY",
                    _ => b"O_RDWR",
                };
                self.bits(number & !3, access.to_vec())
            }
        }
    }

    fn one(self, number: i64) -> Vec<u8> {
        match self.names.iter().find(|(value, _)| *value == number) {
            Some((_, name)) => name.as_bytes().to_vec(),
            None => number.to_string().into_bytes(),
        }
    }

    fn bits(self, number: i64, mut shown: Vec<u8>) -> Vec<u8> {
        for (bit, name) in self.names {
            if number & bit == *bit && *bit != 0 {
                if !shown.is_empty() {
                    shown.push(b'|');
                }
                shown.extend_from_slice(name.as_bytes());
            }
        }
        if shown.is_empty() {
            shown.extend_from_slice(b"0");
        }
        shown
    }
}

macro_rules! words {
    ($(#[doc = $doc:literal] $name:ident = $kind:ident { $($value:literal: $text:literal),+ $(,)? })+) => {
        $(#[doc = $doc] pub(crate) const $name: Words = Words {
            kind: Kind::$kind,
            names: &[$(($value, $text)),+],
        };)+
    };
}

words! {
    /// Flags of open(2): include/uapi/asm-generic/fcntl.h, by the names of Falco's rules and of the manual page.
    OPEN = Open {
        0o100: "O_CREAT", 0o200: "O_EXCL", 0o1000: "O_TRUNC", 0o2000: "O_APPEND", 0o4000: "O_NONBLOCK", 0o40000: "O_DIRECT",
        0o200000: "O_DIRECTORY", 0o400000: "O_NOFOLLOW", 0o2000000: "O_CLOEXEC", 0o10000000: "O_PATH", 0o20200000: "O_TMPFILE",
    }
    /// File modes: include/uapi/linux/stat.h.
    MODE = Mode {
        0o4000: "S_ISUID", 0o2000: "S_ISGID", 0o1000: "S_ISVTX", 0o400: "S_IRUSR", 0o200: "S_IWUSR", 0o100: "S_IXUSR",
        0o40: "S_IRGRP", 0o20: "S_IWGRP", 0o10: "S_IXGRP", 0o4: "S_IROTH", 0o2: "S_IWOTH", 0o1: "S_IXOTH",
    }
    /// mount(2): include/uapi/linux/mount.h.
    MOUNT = Bits {
        0x1: "MS_RDONLY", 0x2: "MS_NOSUID", 0x4: "MS_NODEV", 0x8: "MS_NOEXEC", 0x20: "MS_REMOUNT", 0x1000: "MS_BIND", 0x2000: "MS_MOVE", 0x4000: "MS_REC",
        0x20000: "MS_UNBINDABLE", 0x40000: "MS_PRIVATE", 0x80000: "MS_SLAVE", 0x100000: "MS_SHARED",
    }
    /// clone(2), unshare(2), setns(2): include/uapi/linux/sched.h.
    CLONE = Bits {
        0x00020000: "CLONE_NEWNS", 0x02000000: "CLONE_NEWCGROUP", 0x04000000: "CLONE_NEWUTS", 0x08000000: "CLONE_NEWIPC",
        0x10000000: "CLONE_NEWUSER", 0x20000000: "CLONE_NEWPID", 0x40000000: "CLONE_NEWNET", 0x80: "CLONE_NEWTIME",
        0x200: "CLONE_FS", 0x400: "CLONE_FILES",
    }
    /// ptrace(2): include/uapi/linux/ptrace.h.
    PTRACE = One {
        0: "PTRACE_TRACEME", 1: "PTRACE_PEEKTEXT", 2: "PTRACE_PEEKDATA", 3: "PTRACE_PEEKUSR", 4: "PTRACE_POKETEXT",
        5: "PTRACE_POKEDATA", 6: "PTRACE_POKEUSR", 7: "PTRACE_CONT", 12: "PTRACE_GETREGS", 13: "PTRACE_SETREGS",
        15: "PTRACE_SETFPREGS", 16: "PTRACE_ATTACH", 17: "PTRACE_DETACH", 0x4205: "PTRACE_SETREGSET", 0x4206: "PTRACE_SEIZE",
        0x4207: "PTRACE_INTERRUPT",
    }
    /// memfd_create(2): include/uapi/linux/memfd.h.
    MEMFD = Bits { 0x1: "MFD_CLOEXEC", 0x2: "MFD_ALLOW_SEALING", 0x4: "MFD_HUGETLB", 0x8: "MFD_NOEXEC_SEAL", 0x10: "MFD_EXEC" }
    /// prctl(2): include/uapi/linux/prctl.h.
    PRCTL = One {
        1: "PR_SET_PDEATHSIG", 4: "PR_SET_DUMPABLE", 8: "PR_SET_KEEPCAPS", 15: "PR_SET_NAME", 22: "PR_SET_SECCOMP",
        24: "PR_CAPBSET_DROP", 35: "PR_SET_MM", 36: "PR_SET_CHILD_SUBREAPER", 38: "PR_SET_NO_NEW_PRIVS", 47: "PR_CAP_AMBIENT",
    }
    /// bpf(2): include/uapi/linux/bpf.h.
    BPF = One {
        0: "BPF_MAP_CREATE", 1: "BPF_MAP_LOOKUP_ELEM", 2: "BPF_MAP_UPDATE_ELEM", 3: "BPF_MAP_DELETE_ELEM", 4: "BPF_MAP_GET_NEXT_KEY",
        5: "BPF_PROG_LOAD", 6: "BPF_OBJ_PIN", 7: "BPF_OBJ_GET", 8: "BPF_PROG_ATTACH", 9: "BPF_PROG_DETACH", 10: "BPF_PROG_TEST_RUN",
        17: "BPF_RAW_TRACEPOINT_OPEN", 18: "BPF_BTF_LOAD", 28: "BPF_LINK_CREATE",
    }
    /// keyctl(2): include/uapi/linux/keyctl.h.
    KEYCTL = One {
        0: "KEYCTL_GET_KEYRING_ID", 1: "KEYCTL_JOIN_SESSION_KEYRING", 2: "KEYCTL_UPDATE", 3: "KEYCTL_REVOKE", 4: "KEYCTL_CHOWN",
        5: "KEYCTL_SETPERM", 6: "KEYCTL_DESCRIBE", 7: "KEYCTL_CLEAR", 8: "KEYCTL_LINK", 9: "KEYCTL_UNLINK", 10: "KEYCTL_SEARCH",
        11: "KEYCTL_READ", 12: "KEYCTL_INSTANTIATE", 18: "KEYCTL_SESSION_TO_PARENT",
    }
    /// Signals of x86-64 and arm64: include/uapi/asm-generic/signal.h.
    SIGNAL = One {
        1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL",
        10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 17: "SIGCHLD", 18: "SIGCONT",
        19: "SIGSTOP", 20: "SIGTSTP",
    }
    /// Address families: include/linux/socket.h.
    FAMILY = One { 1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 38: "AF_ALG", 40: "AF_VSOCK", 44: "AF_XDP" }
    /// Types of sockets: include/linux/net.h.
    SOCKET = Socket { 1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 4: "SOCK_RDM", 5: "SOCK_SEQPACKET", 10: "SOCK_PACKET" }
}

/// Name of an error, given as the negative result of a call: include/uapi/asm-generic/errno-base.h, errno.h.
pub(crate) fn error(result: i64) -> &'static str {
    match result.unsigned_abs() {
        0 => "SUCCESS",
        1 => "EPERM",
        2 => "ENOENT",
        3 => "ESRCH",
        4 => "EINTR",
        5 => "EIO",
        6 => "ENXIO",
        7 => "E2BIG",
        8 => "ENOEXEC",
        9 => "EBADF",
        10 => "ECHILD",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        14 => "EFAULT",
        16 => "EBUSY",
        17 => "EEXIST",
        18 => "EXDEV",
        19 => "ENODEV",
        20 => "ENOTDIR",
        21 => "EISDIR",
        22 => "EINVAL",
        23 => "ENFILE",
        24 => "EMFILE",
        25 => "ENOTTY",
        26 => "ETXTBSY",
        28 => "ENOSPC",
        30 => "EROFS",
        36 => "ENAMETOOLONG",
        38 => "ENOSYS",
        39 => "ENOTEMPTY",
        40 => "ELOOP",
        95 => "EOPNOTSUPP",
        97 => "EAFNOSUPPORT",
        98 => "EADDRINUSE",
        99 => "EADDRNOTAVAIL",
        101 => "ENETUNREACH",
        104 => "ECONNRESET",
        110 => "ETIMEDOUT",
        111 => "ECONNREFUSED",
        113 => "EHOSTUNREACH",
        114 => "EALREADY",
        115 => "EINPROGRESS",
        _ => "ERROR",
    }
}

/// Capabilities of a set by name, with spaces between.
pub(crate) fn capabilities(set: u64) -> String {
    let names: Vec<&str> = CAPABILITIES
        .iter()
        .enumerate()
        .filter(|(bit, _)| set >> bit & 1 == 1)
        .map(|(_, name)| *name)
        .collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: Words, number: i64, expected: &str) {
        assert_eq!(String::from_utf8(words.show(number)).unwrap(), expected);
    }

    #[test]
    fn numbers_are_shown_in_words() {
        check(OPEN, 0o1101, "O_WRONLY|O_CREAT|O_TRUNC");
        check(OPEN, 0, "O_RDONLY");
        check(
            MODE,
            0o4755,
            "S_ISUID|S_IRUSR|S_IWUSR|S_IXUSR|S_IRGRP|S_IXGRP|S_IROTH|S_IXOTH",
        );
        check(CLONE, 0x1002_0000, "CLONE_NEWNS|CLONE_NEWUSER");
        check(PTRACE, 16, "PTRACE_ATTACH");
        check(SOCKET, 0o2000003, "SOCK_RAW");
        check(BPF, 99, "99");
        assert_eq!(capabilities(1 << 21 | 1), "CAP_CHOWN CAP_SYS_ADMIN");
    }
}
