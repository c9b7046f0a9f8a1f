//! System calls of containers that rules can speak of.

use crate::{Base, ContainerKey, FileFacts, FileId, Text};
use core::net::IpAddr;
use serde::{Deserialize, Serialize};

/// Declares the calls with their names in rules and what kind of call each is, so that all of it stands in one table.
macro_rules! calls {
    ($($name:ident = $number:literal, $text:literal, $group:ident;)+) => {
        /// A system call. Numbers are those of `enum call` in `records.h`: stable, never used again for another call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the names are the kernel's")]
        pub enum Call { $($name = $number,)+ }

        impl Call {
            /// Every call, by number.
            pub const ALL: &'static [Call] = &[$(Call::$name,)+];

            /// The name in rules (`evt.type`): that of the system call.
            pub fn as_str(self) -> &'static str {
                match self { $(Call::$name => $text,)+ }
            }

            /// What kind of call it is.
            pub fn group(self) -> CallGroup {
                match self { $(Call::$name => CallGroup::$group,)+ }
            }

            /// The call of that number.
            pub fn from_number(number: u16) -> Option<Call> {
                match number { $($number => Some(Call::$name),)+ _ => None }
            }
        }
    };
}

/// Calls that carry the same kind of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallGroup {
    /// Opens: [`CallEvent::file`] is the opened file, where the call succeeded, and `path` its path. The flags stand among
    /// the arguments: the second of `open`, else the third, which for `openat2` are those of its struct.
    Open,
    /// One path, named by the caller: [`CallEvent::path`]; for calls on a descriptor the path of its file.
    Path,
    /// Two paths: [`CallEvent::path`] is the existing one (or the link's text), [`CallEvent::new_path`] the one made.
    TwoPaths,
    /// Sockets: [`CallEvent::socket`].
    Socket,
    /// A descriptor is copied: [`CallEvent::fd`] is the copy; [`CallEvent::socket`] or [`CallEvent::file`] what it leads to.
    Duplicate,
    /// Acts on another process: [`CallEvent::target`].
    Process,
    /// Only numbers, in [`CallEvent::arguments`], and perhaps a name in [`CallEvent::path`].
    Numbers,
}

calls! {
    Open = 1, "open", Open;
    Openat = 2, "openat", Open;
    Openat2 = 3, "openat2", Open;
    Creat = 4, "creat", Open;
    OpenByHandleAt = 5, "open_by_handle_at", Open;
    Rename = 10, "rename", TwoPaths;
    Renameat = 11, "renameat", TwoPaths;
    Renameat2 = 12, "renameat2", TwoPaths;
    Link = 13, "link", TwoPaths;
    Linkat = 14, "linkat", TwoPaths;
    Symlink = 15, "symlink", TwoPaths;
    Symlinkat = 16, "symlinkat", TwoPaths;
    Unlink = 17, "unlink", Path;
    Unlinkat = 18, "unlinkat", Path;
    Rmdir = 19, "rmdir", Path;
    Mkdir = 20, "mkdir", Path;
    Mkdirat = 21, "mkdirat", Path;
    Mknod = 22, "mknod", Path;
    Mknodat = 23, "mknodat", Path;
    Chmod = 24, "chmod", Path;
    Fchmod = 25, "fchmod", Path;
    Fchmodat = 26, "fchmodat", Path;
    Fchmodat2 = 27, "fchmodat2", Path;
    Chown = 28, "chown", Path;
    Lchown = 29, "lchown", Path;
    Fchown = 30, "fchown", Path;
    Fchownat = 31, "fchownat", Path;
    Setxattr = 32, "setxattr", Path;
    Lsetxattr = 33, "lsetxattr", Path;
    Fsetxattr = 34, "fsetxattr", Path;
    Truncate = 35, "truncate", Path;
    Chroot = 36, "chroot", Path;
    Mount = 40, "mount", TwoPaths;
    Umount2 = 41, "umount2", Path;
    MoveMount = 42, "move_mount", TwoPaths;
    Fsopen = 43, "fsopen", Path;
    Fsconfig = 44, "fsconfig", Numbers;
    Fsmount = 45, "fsmount", Numbers;
    OpenTree = 46, "open_tree", Path;
    PivotRoot = 47, "pivot_root", TwoPaths;
    Unshare = 50, "unshare", Numbers;
    Setns = 51, "setns", Numbers;
    Ptrace = 52, "ptrace", Process;
    ProcessVmWritev = 53, "process_vm_writev", Process;
    ProcessVmReadv = 54, "process_vm_readv", Process;
    Kill = 55, "kill", Process;
    Tkill = 56, "tkill", Process;
    Tgkill = 57, "tgkill", Process;
    PidfdSendSignal = 58, "pidfd_send_signal", Process;
    MemfdCreate = 60, "memfd_create", Numbers;
    Prctl = 61, "prctl", Numbers;
    InitModule = 62, "init_module", Numbers;
    FinitModule = 63, "finit_module", Numbers;
    DeleteModule = 64, "delete_module", Numbers;
    Bpf = 65, "bpf", Numbers;
    PerfEventOpen = 66, "perf_event_open", Numbers;
    Keyctl = 67, "keyctl", Numbers;
    AddKey = 68, "add_key", Numbers;
    RequestKey = 69, "request_key", Numbers;
    Splice = 70, "splice", Numbers;
    Vmsplice = 71, "vmsplice", Numbers;
    IoUringSetup = 72, "io_uring_setup", Numbers;
    Userfaultfd = 73, "userfaultfd", Numbers;
    Capset = 74, "capset", Numbers;
    Setuid = 75, "setuid", Numbers;
    Setgid = 76, "setgid", Numbers;
    Setreuid = 77, "setreuid", Numbers;
    Setregid = 78, "setregid", Numbers;
    Setresuid = 79, "setresuid", Numbers;
    Setresgid = 80, "setresgid", Numbers;
    KexecLoad = 81, "kexec_load", Numbers;
    KexecFileLoad = 82, "kexec_file_load", Numbers;
    Iopl = 83, "iopl", Numbers;
    Ioperm = 84, "ioperm", Numbers;
    Dup = 90, "dup", Duplicate;
    Dup2 = 91, "dup2", Duplicate;
    Dup3 = 92, "dup3", Duplicate;
    Fcntl = 93, "fcntl", Duplicate;
    Socket = 100, "socket", Socket;
    Connect = 101, "connect", Socket;
    Bind = 102, "bind", Socket;
    Listen = 103, "listen", Socket;
    Accept = 104, "accept", Socket;
    Accept4 = 105, "accept4", Socket;
    Sendto = 106, "sendto", Socket;
    Sendmsg = 107, "sendmsg", Socket;
    Recvfrom = 108, "recvfrom", Socket;
    Recvmsg = 109, "recvmsg", Socket;
}

/// A socket as the kernel saw it at the end of the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SocketFacts {
    /// Address family (`AF_INET` is 2).
    pub family: u16,
    /// Type without flags (`SOCK_STREAM` is 1, `SOCK_DGRAM` 2, `SOCK_RAW` 3).
    pub kind: u16,
    /// Protocol (`IPPROTO_TCP` is 6); for packet sockets the EtherType.
    pub protocol: u16,
    /// The container's side.
    pub local: Option<Endpoint>,
    /// The other side: the connected peer, or the datagram's destination or source.
    pub remote: Option<Endpoint>,
    /// Unix sockets: the path of the socket, as given; abstract names begin with a NUL byte.
    pub unix_path: Text,
    /// Inode number of the socket.
    pub ino: u64,
    /// Whether the container's side took the connection (accept) rather than made it (connect).
    pub is_server: bool,
}

/// One side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address; IPv4-mapped IPv6 addresses are given as IPv4.
    pub address: IpAddr,
    /// Port in host order.
    pub port: u16,
}

/// Another process that a call acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetFacts {
    /// Its pid in the initial pid namespace; zero if it could not be found.
    pub pid: u32,
    /// Start of the process in nanoseconds of `CLOCK_BOOTTIME`.
    pub start_ns: u64,
    /// Its container's handle, zero outside containers.
    pub container: u64,
}

/// What a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum StreamKind {
    /// Not open, or not known.
    #[default]
    None,
    /// A regular file.
    File,
    /// A pipe or named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// A terminal.
    Terminal,
    /// Anything else, such as `/dev/null`.
    Other,
}

impl StreamKind {
    /// The name in rules (`proc.stdin.type`).
    pub fn as_str(self) -> &'static str {
        match self {
            StreamKind::None => "",
            StreamKind::File => "file",
            StreamKind::Pipe => "fifo",
            StreamKind::Socket => "socket",
            StreamKind::Terminal => "tty",
            StreamKind::Other => "other",
        }
    }
}

/// One of a program's standard streams when it began.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stream {
    /// What it leads to.
    pub kind: StreamKind,
    /// Inode number of the file, pipe or socket; for terminals the device number.
    pub ino: u64,
    /// For sockets of the internet families: the connected peer.
    pub remote: Option<Endpoint>,
}

/// A system call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEvent {
    /// Common facts.
    pub base: Base,
    /// Which call.
    pub call: Call,
    /// Thread id in the initial pid namespace.
    pub thread: u32,
    /// What it returned: negative is an errno(3).
    pub result: i64,
    /// Arguments as they were passed. Pointers are of no use but for being zero.
    pub arguments: [u64; 6],
    /// Descriptor that the call made or acted on, -1 if none.
    pub fd: i32,
    /// Path of the call's file, or a name that the call carries (`memfd_create`, `fsopen`, `prctl` `PR_SET_NAME`, attribute
    /// of `setxattr`, key type). Resolved by the kernel where [`CallEvent::file`] is there; else as the caller wrote it.
    pub path: Text,
    /// Where a relative `path` begins: the working directory or the directory descriptor's path. Empty if `path` is absolute.
    pub directory: Text,
    /// The second path of calls with two; for `setxattr` the file.
    pub new_path: Text,
    /// Where a relative `new_path` begins.
    pub new_directory: Text,
    /// The file, where a descriptor led to one.
    pub file: Option<FileFacts>,
    /// The socket.
    pub socket: Option<SocketFacts>,
    /// The other process.
    pub target: Option<TargetFacts>,
    /// Beginning of what was sent or received; for `mount` the file system's type.
    pub data: Text,
    /// Opens that succeeded: by what the kernel side knows such an open again.
    pub open_key: Option<OpenKey>,
}

/// What opens of one file by one path have in common: two opens in a container with the same key lead to the same file
/// by the same path and are of the same class, and no [epoch](OpenKey::epoch) began between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OpenKey {
    /// The container's handle.
    pub container: ContainerKey,
    /// The file.
    pub file: FileId,
    /// The kernel side's hash of every name from the file up to the root of the mount namespace, through mounts.
    pub path: u64,
    /// What the open was for.
    pub class: OpenClass,
    /// When user space last had all answers forgotten, in nanoseconds of `CLOCK_BOOTTIME`.
    pub epoch: u64,
}

/// What an open was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OpenClass {
    /// To read alone.
    Read,
    /// To write, perhaps to read as well.
    Write,
    /// It may have made or emptied the file (`O_CREAT`, `O_TRUNC`, `O_TMPFILE`).
    Create,
}
