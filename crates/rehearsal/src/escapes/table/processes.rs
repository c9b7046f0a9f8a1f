//! Other processes, what they have open, and rights.

use super::way;
use crate::escapes::{Effect, Entry, EscapeNeeds, EscapeTechnique};
use yagura_event::Behaviour::*;

pub(super) const PROCESSES: &[EscapeTechnique] = &[
    way(
        "runtime-overwrite",
        "a program of the host, a stand-in for runc, is overwritten through /proc/PID/exe once it has ended",
        &[RuntimeBinary, HostRoot],
        EscapeNeeds::VICTIM,
        "open path /proc/{pid}/exe; kill {pid}; wait 100; text {secret}; reopen w; store",
        Effect::HostFile("usr/sbin/runc"),
    )
    .cve("CVE-2019-5736"),
    way(
        "runtime-overwrite-inside",
        "the same for a program that the host runs in the container's namespaces",
        &[RuntimeBinary],
        EscapeNeeds {
            visitor: true,
            ..EscapeNeeds::PRIVILEGED
        },
        "open path /proc/{visitor}/exe; kill {visitor}; wait 100; text {secret}; reopen w; store",
        Effect::HostFile("usr/sbin/runc"),
    )
    .form_of("runtime-overwrite"),
    way(
        "leaked-descriptor",
        "a descriptor of the host's root, a stand-in, that the runtime left open, is read from",
        &[LeakedDescriptor],
        EscapeNeeds::DEFAULT,
        "open-at 3 r secret; tell",
        Effect::Told,
    )
    .cve("CVE-2024-21626")
    .entered(Entry::ExecWithDescriptor),
    way(
        "leaked-descriptor-write",
        "the same, written through",
        &[LeakedDescriptor],
        EscapeNeeds::DEFAULT,
        "text {secret}; open-at 3 create escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("leaked-descriptor")
    .entered(Entry::ExecWithDescriptor),
    way(
        "leaked-directory",
        "the same as a working directory, of a process that the host sent in",
        &[LeakedDescriptor, Integrity],
        EscapeNeeds::DEFAULT,
        "text {secret}; open create escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("leaked-descriptor")
    .entered(Entry::HostDirectory),
    way(
        "chroot-beyond",
        "the same, made the root directory",
        &[LeakedDescriptor, Integrity],
        EscapeNeeds::DEFAULT,
        "chroot /proc/self/fd/3; text {secret}; open create /escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("leaked-descriptor")
    .entered(Entry::ExecWithDescriptor),
    way(
        "nsenter",
        "every namespace of a process outside is entered, and a file of the host, a stand-in, written there",
        &[NamespaceEntry],
        EscapeNeeds::VICTIM,
        "pidfd {pid}; setns-process 1812070400; text {secret}; open create {host}/escaped; store",
        Effect::HostFile("escaped"),
    ),
    way(
        "setns",
        "the mount namespace of a process outside is entered by its file, and a file of the host written there",
        &[NamespaceEntry],
        EscapeNeeds::VICTIM,
        "open r /proc/{pid}/ns/mnt; setns; text {secret}; open create {host}/escaped; store",
        Effect::HostFile("escaped"),
    ),
    way(
        "setns-names",
        "the same with the namespace of names, which takes no more rights than any",
        &[NamespaceEntry],
        EscapeNeeds::VICTIM,
        "open r /proc/{pid}/ns/uts; setns; used",
        Effect::Used,
    )
    .form_of("setns"),
    way(
        "setns-network",
        "the same with the network",
        &[NamespaceEntry],
        EscapeNeeds::VICTIM,
        "open r /proc/{pid}/ns/net; setns; used",
        Effect::Used,
    )
    .form_of("setns"),
    way(
        "setns-process",
        "the same by the process itself instead of a file",
        &[NamespaceEntry],
        EscapeNeeds::VICTIM,
        "pidfd {pid}; setns-process 131072; text {secret}; open create {host}/escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("setns"),
    way(
        "ptrace-host",
        "a process outside is traced, and a word of its memory written",
        &[ProcessOutside],
        EscapeNeeds::VICTIM,
        "attach {pid}; poke {pid} {word}",
        Effect::Word,
    ),
    way(
        "ptrace-seize",
        "the same without a signal",
        &[ProcessOutside],
        EscapeNeeds::VICTIM,
        "seize {pid}; poke {pid} {word}",
        Effect::Word,
    )
    .form_of("ptrace-host"),
    way(
        "proc-mem",
        "the memory of a process outside is written as a file",
        &[ProcessOutside],
        EscapeNeeds::VICTIM,
        "open rw /proc/{pid}/mem; put {word}",
        Effect::Word,
    )
    .form_of("ptrace-host"),
    way(
        "process-vm-write",
        "the memory of a process outside is written by process_vm_writev",
        &[ProcessOutside, ProcessMemory],
        EscapeNeeds::VICTIM,
        "vm-write {pid} {word}",
        Effect::Word,
    )
    .form_of("ptrace-host"),
    way(
        "process-descriptor",
        "a descriptor of a process outside is taken from it, and read",
        &[ProcessOutside],
        EscapeNeeds::VICTIM,
        "pidfd {pid}; get-fd 3; tell",
        Effect::Told,
    )
    .form_of("ptrace-host"),
    way(
        "proc-root",
        "a file of the host, a stand-in, is written through /proc/PID/root",
        &[HostRoot],
        EscapeNeeds::VICTIM,
        "text {secret}; open create /proc/{pid}/root{host}/escaped; store",
        Effect::HostFile("escaped"),
    ),
    way(
        "proc-cwd",
        "a file of the host, a stand-in, is read through /proc/PID/cwd",
        &[HostRoot],
        EscapeNeeds::VICTIM,
        "open r /proc/{pid}/cwd/secret; tell",
        Effect::Told,
    )
    .form_of("proc-root"),
    way(
        "proc-descriptor",
        "a file that a process outside has open is opened through /proc/PID/fd",
        &[HostRoot],
        EscapeNeeds::VICTIM,
        "open r /proc/{pid}/fd/3; tell",
        Effect::Told,
    )
    .form_of("proc-root"),
    way(
        "proc-root-chroot",
        "the root of a process outside is made the own one",
        &[HostRoot],
        EscapeNeeds::VICTIM,
        "chroot /proc/{pid}/root; text {secret}; open create {host}/escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("proc-root"),
    way(
        "proc-root-thread",
        "a file of the host is written through the root of a thread outside",
        &[HostRoot],
        EscapeNeeds::VICTIM,
        "text {secret}; open create /proc/{pid}/task/{pid}/root{host}/escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("proc-root"),
    way(
        "proc-root-descriptor",
        "the same in two steps, by a descriptor of a folder",
        &[HostRoot],
        EscapeNeeds::VICTIM,
        "text {secret}; open path /proc/{pid}/root{host}; open-under create escaped; store",
        Effect::HostFile("escaped"),
    )
    .form_of("proc-root"),
    way(
        "open-by-handle",
        "a file beside the folder that the container is given is opened by its handle, and written",
        &[FileHandle],
        EscapeNeeds {
            capabilities: &["DAC_READ_SEARCH"],
            ..EscapeNeeds::mounts(&[("share", "/share")])
        },
        "open-handle /share {handle-type} {handle}; text {secret}; store",
        Effect::HostFile("beyond"),
    ),
    way(
        "host-program",
        "a program of the host, a stand-in for runc, is run through /proc/PID/root",
        &[RuntimeTools, HostRoot],
        EscapeNeeds::VICTIM,
        "run /proc/{pid}/root{host}/usr/sbin/runc used",
        Effect::Used,
    ),
    way(
        "runtime-tools",
        "a container runtime's own tool, a stand-in, is run in the container",
        &[RuntimeTools],
        EscapeNeeds::PRIVILEGED,
        "run /usr/local/sbin/runc used",
        Effect::Used,
    ),
    way(
        "set-user-id",
        "a process without rights becomes root by a set-user-id program",
        &[PrivilegeGain],
        EscapeNeeds::DEFAULT,
        "copy /usr/bin/rehearsal-act /tmp/su; mode 4755 /tmp/su; become 65534; run /tmp/su root",
        Effect::Root,
    ),
    way(
        "become-root",
        "a process that gave up root's rights but for the saved ones takes them back",
        &[PrivilegeGain],
        EscapeNeeds::DEFAULT,
        "become-for-now 65534; become 0; used",
        Effect::Used,
    )
    .form_of("set-user-id"),
    way(
        "file-capability",
        "a process without rights gains one by a program with a capability",
        &[PrivilegeGain],
        EscapeNeeds::DEFAULT,
        "copy /usr/bin/rehearsal-act /tmp/cap; give-capability /tmp/cap; become 65534; run /tmp/cap own",
        Effect::Used,
    )
    .form_of("set-user-id"),
    way(
        "unknown-exploit",
        "a process of the container has rights that nobody gave it, and uses one",
        &[Integrity],
        EscapeNeeds::DEFAULT,
        "hostname {secret}",
        Effect::HostName,
    )
    .entered(Entry::HostRights),
    way(
        "unknown-exploit-namespace",
        "a process of the container is in a namespace that nobody gave it, the host's network, and speaks to the host",
        &[Integrity],
        EscapeNeeds {
            listener: Some("@yagura-rehearsal/{secret}"),
            ..EscapeNeeds::PRIVILEGED
        },
        "connect @yagura-rehearsal/{secret}; text {request}; store",
        Effect::Heard,
    )
    .form_of("unknown-exploit")
    .entered(Entry::HostNetwork),
];
