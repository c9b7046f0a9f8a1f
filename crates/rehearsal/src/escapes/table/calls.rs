//! System calls by themselves.

use super::way;
use crate::escapes::{Effect, EscapeNeeds, EscapeTechnique};
use yagura_event::Behaviour::*;

pub(super) const CALLS: &[EscapeTechnique] = &[
    way(
        "module-load",
        "something that is no module is offered to the kernel as one",
        &[KernelModule],
        EscapeNeeds::PRIVILEGED,
        "reach 8 finit-module /etc/passwd; used",
        Effect::Used,
    ),
    way(
        "module-load-memory",
        "the same from memory",
        &[KernelModule],
        EscapeNeeds::PRIVILEGED,
        "reach 8 init-module; used",
        Effect::Used,
    )
    .form_of("module-load"),
    way(
        "bpf-load",
        "a program that does nothing is loaded into the kernel, and attached to a socket of its own",
        &[Bpf],
        EscapeNeeds::PRIVILEGED,
        "bpf; bpf-attach; used",
        Effect::Used,
    ),
    way(
        "bpf-map",
        "memory for programs of the kernel is made",
        &[Bpf],
        EscapeNeeds::PRIVILEGED,
        "bpf-map; used",
        Effect::Used,
    )
    .form_of("bpf-load"),
    way(
        "kexec",
        "another kernel is asked for, in a way that none understands",
        &[Kexec],
        EscapeNeeds::PRIVILEGED,
        "reach 22 kexec-load; used",
        Effect::Used,
    ),
    way(
        "kexec-file",
        "the same by file",
        &[Kexec],
        EscapeNeeds::PRIVILEGED,
        "reach 22 kexec-file-load; used",
        Effect::Used,
    )
    .form_of("kexec"),
    way(
        "userns-cgroup-mount",
        "a user namespace, and cgroups (version 1) mounted in it",
        &[NamespaceCreation, Mount],
        EscapeNeeds::DEFAULT,
        "mkdir /tmp/cg; unshare 302120960; mount-cgroup /tmp/cg; open r /tmp/cg/cgroup.procs; used",
        Effect::Used,
    )
    .cve("CVE-2022-0492"),
    way(
        "userns-mount",
        "a user namespace, and a file system mounted in it",
        &[NamespaceCreation, Mount],
        EscapeNeeds::DEFAULT,
        "mkdir /tmp/m; unshare 268566528; mount tmpfs tmpfs /tmp/m; open r /tmp/m; used",
        Effect::Used,
    )
    .form_of("userns-cgroup-mount"),
    way(
        "userns-clone",
        "a user namespace by clone3 instead of unshare",
        &[NamespaceCreation, Mount],
        EscapeNeeds::DEFAULT,
        "mkdir /tmp/m; clone 268566528; mount tmpfs tmpfs /tmp/m; open r /tmp/m; used",
        Effect::Used,
    )
    .form_of("userns-cgroup-mount"),
    way(
        "fsconfig",
        "an option is set for a file system that is never mounted",
        &[FilesystemContext],
        EscapeNeeds::ADMIN,
        "fsopen tmpfs; fsconfig size 4k; used",
        Effect::Used,
    )
    .cve("CVE-2022-0185"),
    way(
        "fsmount",
        "a file system is set up step by step and attached",
        &[FilesystemContext, Mount],
        EscapeNeeds::ADMIN,
        "mkdir /tmp/m; fsopen tmpfs; fscreate; fsmount; move-mount /tmp/m",
        Effect::Mounted("/tmp/m"),
    )
    .form_of("mount"),
    way(
        "mount",
        "a file system is mounted",
        &[Mount],
        EscapeNeeds::ADMIN,
        "mkdir /tmp/m; mount tmpfs tmpfs /tmp/m",
        Effect::Mounted("/tmp/m"),
    ),
    way(
        "remount",
        "a volume that may only be read is made writable",
        &[Mount],
        EscapeNeeds::ADMIN,
        "remount /payload; open w /payload/notes.txt; used",
        Effect::Used,
    )
    .form_of("mount"),
    way(
        "pivot-root",
        "the root of a mount namespace of its own is changed",
        &[NamespaceCreation, Mount, PivotRoot],
        EscapeNeeds::ADMIN,
        "unshare 131072; private; mkdir /tmp/m; mount tmpfs tmpfs /tmp/m; mkdir /tmp/m/old; \
         pivot-root /tmp/m /tmp/m/old; used",
        Effect::Used,
    )
    .form_of("mount"),
    way(
        "keyctl",
        "a key of its own is added to a keyring and read back",
        &[Keyring],
        EscapeNeeds::DEFAULT,
        "add-key; read-key; used",
        Effect::Used,
    ),
    way(
        "request-key",
        "a key that there is not is asked for",
        &[Keyring],
        EscapeNeeds::DEFAULT,
        "reach 126 request-key; used",
        Effect::Used,
    )
    .form_of("keyctl"),
    way(
        "userfaultfd",
        "page faults are to be handled by a program",
        &[Userfaultfd],
        EscapeNeeds::PRIVILEGED,
        "userfaultfd; userfaultfd-api; used",
        Effect::Used,
    ),
    way(
        "userfaultfd-user",
        "the same for programs alone, which takes no rights",
        &[Userfaultfd],
        EscapeNeeds::DEFAULT,
        "userfaultfd-user; userfaultfd-api; used",
        Effect::Used,
    )
    .form_of("userfaultfd"),
    way(
        "io-uring",
        "a ring for system calls is made and entered",
        &[IoUring],
        EscapeNeeds::DEFAULT,
        "io-uring; io-uring-enter; used",
        Effect::Used,
    ),
    way(
        "splice-read-only",
        "a page of a file that may not be written goes into a pipe",
        &[SpliceReadOnly],
        EscapeNeeds::DEFAULT,
        "open r /payload/notes.txt; splice; read; used",
        Effect::Used,
    )
    .cve("CVE-2022-0847"),
    way(
        "splice-sendfile",
        "the same by sendfile",
        &[SpliceReadOnly],
        EscapeNeeds::DEFAULT,
        "open r /payload/notes.txt; sendfile; read; used",
        Effect::Used,
    )
    .form_of("splice-read-only"),
    way(
        "perf-event",
        "page faults of the own process are counted",
        &[PerfEvent],
        EscapeNeeds::PRIVILEGED,
        "perf; read; used",
        Effect::Used,
    ),
    way(
        "overlay-setuid",
        "a set-user-id program goes through an overlay in a user namespace",
        &[NamespaceCreation, Mount],
        EscapeNeeds::DEFAULT,
        "mkdir /volume/l; mkdir /volume/u; mkdir /volume/w; mkdir /volume/m; copy /payload/drifted /volume/l/su; \
         mode 4755 /volume/l/su; unshare 268566528; text deny; open w /proc/self/setgroups; store; \
         text {identity-map}; open w /proc/self/uid_map; store; open w /proc/self/gid_map; store; \
         mount overlay overlay /volume/m lowerdir=/volume/l,upperdir=/volume/u,workdir=/volume/w,userxattr; \
         open append /volume/m/su",
        Effect::SetUserId("/volume/u/su"),
    )
    .cve("CVE-2023-0386"),
];
