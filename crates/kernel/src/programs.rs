//! Which programs there are, where they attach, and what is missing without them: one list.

/// A program of the kernel side.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its function in `bpf/programs/`.
    pub name: &'static str,
    /// Where it attaches.
    pub attach_point: &'static str,
    /// Whether observation makes no sense without it. The others may be missing on some architectures and kernels.
    pub required: bool,
    /// Whether it is not attached itself, but called by the program of that name.
    pub called_by: Option<&'static str>,
    /// What is not seen without it.
    pub without: &'static str,
}

const fn required(
    name: &'static str,
    attach_point: &'static str,
    without: &'static str,
) -> Program {
    Program {
        name,
        attach_point,
        required: true,
        called_by: None,
        without,
    }
}

const fn optional(
    name: &'static str,
    attach_point: &'static str,
    without: &'static str,
) -> Program {
    Program {
        name,
        attach_point,
        required: false,
        called_by: None,
        without,
    }
}

/// The program at the end of all system calls.
const DISPATCHER: &str = "on_call_exit";

/// A program for the end of some system calls.
const fn called(name: &'static str, without: &'static str) -> Program {
    Program {
        name,
        attach_point: "tp_btf/sys_exit",
        required: true,
        called_by: Some(DISPATCHER),
        without,
    }
}

/// Every program, in the order in which they are attached: first what inherits, then what begins.
pub const PROGRAMS: &[Program] = &[
    required(
        "on_fork",
        "tp_btf/sched_process_fork",
        "membership of new processes",
    ),
    required(
        "on_exec",
        "tp_btf/sched_process_exec",
        "every program that begins",
    ),
    optional(
        "on_exit_group",
        "tp/syscalls/sys_enter_exit_group",
        "on kernels before 6.16: programs whose file was deleted while they ran",
    ),
    required("on_exit", "tp_btf/sched_process_exit", "ends of processes"),
    optional(
        "on_socket_state",
        "tp_btf/inet_sock_set_state",
        "first data of connections, and connections that io_uring makes",
    ),
    optional(
        "on_send",
        "tp_btf/sock_send_length",
        "first data of connections, where datagrams go, and what name servers are asked",
    ),
    optional(
        "on_receive",
        "tp_btf/sock_recv_length",
        "what name servers answer",
    ),
    required(DISPATCHER, "tp_btf/sys_exit", "every system call"),
    called(
        "on_open_exit",
        "who wrote a file, scripts, and opened files",
    ),
    called("on_memfd_exit", "who made an anonymous file"),
    called(
        "on_mmap_exit",
        "libraries, and programs started by the loader",
    ),
    called("on_protect_exit", "mappings made executable later"),
    called(
        "on_credentials_exit",
        "changes of user and group between two programs",
    ),
    called(
        "on_namespaces_exit",
        "changes of namespaces and root between two programs",
    ),
    called(
        "on_plain_exit",
        "renames, links, deletions, rights, mounts, kernel modules and other calls that are told as they are",
    ),
    called(
        "on_target_exit",
        "signals to other processes, ptrace, other processes' memory",
    ),
    called(
        "on_prctl_exit",
        "changes of a process's name and protection",
    ),
    called("on_keyctl_exit", "use of the kernel's keys"),
    called("on_splice_exit", "pages of read-only files in pipes"),
    called("on_vmsplice_exit", "pages of memory in pipes"),
    called("on_socket_exit", "sockets that are made"),
    called("on_connect_exit", "connections that are begun"),
    called("on_local_exit", "sockets that are bound and listened on"),
    called("on_accept_exit", "connections that are taken"),
    called(
        "on_old_send_exit",
        "on kernels before 6.3: first data, datagrams, and what name servers are asked",
    ),
    called(
        "on_old_receive_exit",
        "on kernels before 6.3: what name servers answer",
    ),
    called("on_messages_exit", "datagrams that are sent together"),
    called(
        "on_copy_exit",
        "sockets, pipes and terminals that become standard streams",
    ),
];

/// The iterator over running threads; not attached but run.
pub(crate) const EXISTING: &str = "on_existing";

/// Names whose opened files may be scripts: base name of the executable up to the first character that is no
/// letter. `true`: many programs in one file, where the name it was called by is looked up instead.
///
/// Left out on purpose: awk, sed, make, jq and the like, whose file arguments are data nearly always.
pub const INTERPRETERS: &[(&str, bool)] = &[
    ("sh", false),
    ("bash", false),
    ("rbash", false),
    ("dash", false),
    ("ash", false),
    ("hush", false),
    ("zsh", false),
    ("ksh", false),
    ("mksh", false),
    ("yash", false),
    ("csh", false),
    ("tcsh", false),
    ("fish", false),
    ("busybox", true),
    ("toybox", true),
    ("python", false),
    ("pypy", false),
    ("micropython", false),
    ("perl", false),
    ("ruby", false),
    ("jruby", false),
    ("node", false),
    ("nodejs", false),
    ("deno", false),
    ("bun", false),
    ("php", false),
    ("lua", false),
    ("luajit", false),
    ("tclsh", false),
    ("wish", false),
    ("expect", false),
    ("guile", false),
    ("Rscript", false),
    ("R", false),
    ("julia", false),
    ("java", false),
    ("groovy", false),
    ("escript", false),
    ("pwsh", false),
    ("osh", false),
    ("nu", false),
    ("xonsh", false),
    ("qjs", false),
    ("gjs", false),
];

/// The kernel compares this many bytes of the name, the rest being zero (`INTERPRETER_NAME_BYTES`).
pub(crate) fn interpreter_key(name: &str) -> [u8; 16] {
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(name.bytes().take(15)) {
        *to = from;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_fit_the_kernel_s_key() {
        let mut keys = HashSet::new();
        for (name, _) in INTERPRETERS {
            assert!(
                name.len() < 16 && name.bytes().all(|b| b.is_ascii_alphabetic()),
                "{name}"
            );
            assert!(keys.insert(interpreter_key(name)), "{name}");
        }
        let programs: HashSet<_> = PROGRAMS.iter().map(|p| p.name).collect();
        assert_eq!(programs.len(), PROGRAMS.len());
    }
}
