//! The techniques, in the order of the documentation; forms of one and the same stand behind it.

use super::{Effect, Entry, EscapeNeeds, EscapeTechnique, concat};
use crate::bundle::HostNamespace;
use yagura_event::Behaviour::{self, *};

/// Every technique.
pub const TECHNIQUES: &[EscapeTechnique] = &concat::concat::<_, { concat::count(GROUPS) }>(GROUPS);

const GROUPS: &[&[EscapeTechnique]] = &[SETTINGS, DEVICES, SOCKETS, PROCESSES, CALLS, HOST_FILES];

const fn way(
    name: &'static str,
    title: &'static str,
    behaviours: &'static [Behaviour],
    needs: EscapeNeeds,
    steps: &'static str,
    effect: Effect,
) -> EscapeTechnique {
    EscapeTechnique {
        name,
        title,
        cve: None,
        behaviours,
        variant_of: None,
        needs,
        entry: Entry::Exec,
        steps,
        effect,
    }
}

impl EscapeTechnique {
    const fn cve(self, cve: &'static str) -> EscapeTechnique {
        EscapeTechnique {
            cve: Some(cve),
            ..self
        }
    }

    const fn form_of(self, name: &'static str) -> EscapeTechnique {
        EscapeTechnique {
            variant_of: Some(name),
            ..self
        }
    }

    const fn entered(self, entry: Entry) -> EscapeTechnique {
        EscapeTechnique { entry, ..self }
    }
}

/// A setting of the kernel is given what it holds.
macro_rules! write_back {
    ($path:literal) => {
        concat!("load ", $path, "; open w ", $path, "; store; used")
    };
}

/// The secret is written into a new file.
macro_rules! write_secret {
    ($path:literal) => {
        concat!("text {secret}; open create ", $path, "; store")
    };
}

/// What a file holds is told.
macro_rules! tell_secret {
    ($path:literal) => {
        concat!("open r ", $path, "; tell")
    };
}

const SETTINGS: &[EscapeTechnique] = &[
    way(
        "release-agent",
        "a cgroup's release agent (version 1) is written to, with what it holds",
        &[Mount, ReleaseAgent],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg; mount-cgroup /tmp/cg; load /tmp/cg/release_agent; open w /tmp/cg/release_agent; store; used",
        Effect::Stored,
    ),
    way(
        "notify-on-release",
        "a cgroup (version 1) is told to call the release agent, or not to, as it is",
        &[Mount, ReleaseAgent],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg; mount-cgroup /tmp/cg; load /tmp/cg/notify_on_release; open w /tmp/cg/notify_on_release; store; used",
        Effect::Stored,
    )
    .form_of("release-agent"),
    way(
        "core-pattern",
        "core_pattern is written to, with what it holds",
        &[CorePattern],
        EscapeNeeds::PRIVILEGED,
        write_back!("/proc/sys/kernel/core_pattern"),
        Effect::Stored,
    ),
    way(
        "core-pattern-other-proc",
        "the same through another mount of proc",
        &[Mount, CorePattern],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/proc; mount proc proc /tmp/proc; load /tmp/proc/sys/kernel/core_pattern; \
         open w /tmp/proc/sys/kernel/core_pattern; store; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-bind-mount",
        "the same under another name",
        &[Mount, CorePattern],
        EscapeNeeds::PRIVILEGED,
        "text x; open create /tmp/harmless; bind /proc/sys/kernel/core_pattern /tmp/harmless; load /tmp/harmless; \
         open w /tmp/harmless; store; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-reopened",
        "the same, opened for reading and once more for writing through its descriptor",
        &[CorePattern],
        EscapeNeeds::PRIVILEGED,
        "load /proc/sys/kernel/core_pattern; open path /proc/sys/kernel/core_pattern; reopen w; store; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "modprobe-path",
        "the path of modprobe is written to, with what it holds",
        &[ModprobePath],
        EscapeNeeds::PRIVILEGED,
        write_back!("/proc/sys/kernel/modprobe"),
        Effect::Stored,
    ),
    way(
        "uevent-helper",
        "the helper for device events is written to, with what it holds",
        &[Mount, UeventHelper],
        EscapeNeeds::PRIVILEGED,
        "mkdir /sys; mount sysfs sysfs /sys; load /sys/kernel/uevent_helper; open w /sys/kernel/uevent_helper; store; used",
        Effect::Stored,
    ),
    way(
        "binfmt-misc",
        "an interpreter is registered, in a way that the kernel can't understand",
        &[Mount, BinfmtMisc],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/binfmt; mount binfmt_misc binfmt_misc /tmp/binfmt; text {secret}; open w /tmp/binfmt/register; \
         reach 22 store; used",
        Effect::Stored,
    ),
    way(
        "sysrq-trigger",
        "sysrq is asked for its help",
        &[Sysrq],
        EscapeNeeds::PRIVILEGED,
        "text h; open w /proc/sysrq-trigger; store; used",
        Effect::Stored,
    ),
    way(
        "kernel-setting",
        "another setting of the kernel is written to, with what it holds",
        &[KernelSettings],
        EscapeNeeds::PRIVILEGED,
        write_back!("/proc/sys/kernel/panic"),
        Effect::Stored,
    ),
    way(
        "kernel-setting-poweroff",
        "the program that powers the machine off is written to, with what it holds",
        &[KernelSettings],
        EscapeNeeds::PRIVILEGED,
        write_back!("/proc/sys/kernel/poweroff_cmd"),
        Effect::Stored,
    )
    .form_of("kernel-setting"),
    way(
        "cgroup2-exit",
        "cgroups (version 2) are mounted, and a process moves itself to their top",
        &[Mount, CgroupExit],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg2; mount cgroup2 cgroup2 /tmp/cg2; text 0; open w /tmp/cg2/cgroup.procs; store; used",
        Effect::Used,
    ),
    way(
        "cgroup1-exit",
        "the same with version 1",
        &[Mount, CgroupExit],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg; mount-cgroup /tmp/cg; text 0; open w /tmp/cg/cgroup.procs; store; used",
        Effect::Used,
    )
    .form_of("cgroup2-exit"),
];

const DEVICES: &[EscapeTechnique] = &[
    way(
        "mount-device",
        "a node of a block device of the host, a stand-in, is made, and what is on it mounted and read",
        &[Mount, DeviceNode],
        EscapeNeeds::BLOCK_DEVICE,
        "mknod block /tmp/disk 7 {loop}; mkdir /tmp/mounted; mount-read-only ext2 /tmp/disk /tmp/mounted; \
         open r /tmp/mounted/kubelet.conf; tell",
        Effect::Mounted("/tmp/mounted"),
    ),
    way(
        "mknod-device",
        "a node of a block device of the host, a stand-in, is made and read",
        &[DeviceNode, BlockDevice],
        EscapeNeeds::BLOCK_DEVICE,
        "mknod block /tmp/disk 7 {loop}; open r /tmp/disk; tell",
        Effect::Told,
    ),
    way(
        "debugfs-device",
        "a block device of the host, a stand-in that the container is given, is read past its file system",
        &[BlockDevice],
        EscapeNeeds::BLOCK_DEVICE,
        "open r /host-disk; tell",
        Effect::Told,
    ),
    way(
        "dev-mem",
        "the machine's memory is opened for reading",
        &[DeviceNode, KernelMemory],
        EscapeNeeds::PRIVILEGED,
        "mknod character /tmp/mem 1 1; open r /tmp/mem; used",
        Effect::Used,
    ),
    way(
        "dev-port",
        "the machine's ports are opened for reading",
        &[DeviceNode, KernelMemory],
        EscapeNeeds::PRIVILEGED,
        "mknod character /tmp/port 1 4; open r /tmp/port; used",
        Effect::Used,
    )
    .form_of("dev-mem"),
    way(
        "kcore",
        "the kernel's memory is opened for reading, and its first bytes are read",
        &[KernelMemory],
        EscapeNeeds::PRIVILEGED,
        "open r /proc/kcore; read; used",
        Effect::Used,
    ),
    way(
        "port-access",
        "access to an I/O port is asked for",
        &[PortAccess],
        EscapeNeeds::PRIVILEGED,
        "port-access; used",
        Effect::Used,
    ),
];

const SOCKETS: &[EscapeTechnique] = &[
    way(
        "docker-socket",
        "a privileged container is asked for through Docker's socket, a stand-in",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/docker.sock"),
        "connect /var/run/docker.sock; text {request}; store",
        Effect::Heard,
    ),
    way(
        "docker-socket-elsewhere",
        "the same where the socket is mounted elsewhere",
        &[RuntimeSocket],
        EscapeNeeds::listener("/mnt/docker.sock"),
        "connect /mnt/docker.sock; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "docker-socket-linked",
        "the same through a symbolic link",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/docker.sock"),
        "link /var/run/docker.sock /tmp/s; connect /tmp/s; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "docker-socket-renamed",
        "the same through a hard link under another name, made where the host's folder is mounted",
        &[RuntimeSocket],
        EscapeNeeds {
            mounts: &[("run", "/host/run")],
            ..EscapeNeeds::listener("/var/run/docker.sock")
        },
        "hard-link /host/run/docker.sock /host/run/s; connect /host/run/s; text {request}; store",
        Effect::Heard,
    )
    .form_of("docker-socket"),
    way(
        "containerd-socket",
        "containerd's socket, a stand-in, is spoken to",
        &[RuntimeSocket],
        EscapeNeeds::listener("/run/containerd/containerd.sock"),
        "connect /run/containerd/containerd.sock; text {request}; store",
        Effect::Heard,
    ),
    way(
        "crio-socket",
        "CRI-O's socket, a stand-in, is spoken to",
        &[RuntimeSocket],
        EscapeNeeds::listener("/var/run/crio/crio.sock"),
        "connect /var/run/crio/crio.sock; text {request}; store",
        Effect::Heard,
    ),
    way(
        "shim-socket",
        "a containerd shim's abstract socket, a stand-in, is spoken to from the host's network",
        &[RuntimeSocket],
        EscapeNeeds {
            host_namespaces: &[HostNamespace::Network],
            ..EscapeNeeds::listener("@/containerd-shim/{secret}/shim.sock")
        },
        "connect @/containerd-shim/{secret}/shim.sock; text {request}; store",
        Effect::Heard,
    )
    .cve("CVE-2020-15257"),
];

const PROCESSES: &[EscapeTechnique] = &[
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
        "unknown-exploit",
        "a process of the container has rights that nobody gave it, and uses one",
        &[Integrity],
        EscapeNeeds::DEFAULT,
        "hostname {secret}",
        Effect::HostName,
    )
    .entered(Entry::HostRights),
];

const CALLS: &[EscapeTechnique] = &[
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
    .form_of("fsconfig"),
    way(
        "mount",
        "a file system is mounted",
        &[Mount],
        EscapeNeeds::ADMIN,
        "mkdir /tmp/m; mount tmpfs tmpfs /tmp/m",
        Effect::Mounted("/tmp/m"),
    )
    .form_of("fsconfig"),
    way(
        "pivot-root",
        "the root of a mount namespace of its own is changed",
        &[NamespaceCreation, Mount, PivotRoot],
        EscapeNeeds::ADMIN,
        "unshare 131072; private; mkdir /tmp/m; mount tmpfs tmpfs /tmp/m; mkdir /tmp/m/old; pivot-root /tmp/m /tmp/m/old; used",
        Effect::Used,
    )
    .form_of("fsconfig"),
    way(
        "keyctl",
        "a key of its own is added to a keyring and read back",
        &[Keyring],
        EscapeNeeds::DEFAULT,
        "add-key; read-key; used",
        Effect::Used,
    ),
    way(
        "userfaultfd",
        "page faults are to be handled by a program",
        &[Userfaultfd],
        EscapeNeeds::PRIVILEGED,
        "userfaultfd; userfaultfd-api; used",
        Effect::Used,
    ),
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

const HOST_FILES: &[EscapeTechnique] = &[
    way(
        "host-cron",
        "a job is written into the host's cron folder, a stand-in",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/cron.d/agent"),
        Effect::HostFile("etc/cron.d/agent"),
    ),
    way(
        "host-cron-folder",
        "the same where only that folder is mounted",
        &[HostJobs],
        EscapeNeeds::mounts(&[("etc/cron.d", "/jobs")]),
        write_secret!("/jobs/agent"),
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "host-cron-moved",
        "the same, written elsewhere and moved there",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        "text {secret}; open create /host/share/agent; store; rename /host/share/agent /host/etc/cron.d/agent",
        Effect::HostFile("etc/cron.d/agent"),
    )
    .form_of("host-cron"),
    way(
        "systemd-unit",
        "a unit is written into the host's systemd folder, a stand-in",
        &[HostJobs],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/systemd/system/agent.service"),
        Effect::HostFile("etc/systemd/system/agent.service"),
    ),
    way(
        "host-ssh-key",
        "a key is written for the host's root, a stand-in",
        &[HostAccounts],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/root/.ssh/authorized_keys"),
        Effect::HostFile("root/.ssh/authorized_keys"),
    ),
    way(
        "host-sudoers",
        "a rule is written for the host's sudo, a stand-in",
        &[HostAccounts],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/sudoers.d/agent"),
        Effect::HostFile("etc/sudoers.d/agent"),
    )
    .form_of("host-ssh-key"),
    way(
        "static-pod",
        "a manifest is written where the kubelet starts pods from, a stand-in",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/kubernetes/manifests/agent.yaml"),
        Effect::HostFile("etc/kubernetes/manifests/agent.yaml"),
    ),
    way(
        "kubelet-credentials",
        "the kubelet's credentials, a stand-in, are read",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        tell_secret!("/host/var/lib/kubelet/pki/kubelet-client-current.pem"),
        Effect::Told,
    ),
    way(
        "kubelet-credentials-folder",
        "the same where only that folder is mounted",
        &[KubeletFiles],
        EscapeNeeds::mounts(&[("var/lib/kubelet", "/k")]),
        tell_secret!("/k/pki/kubelet-client-current.pem"),
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "kubelet-settings",
        "the kubelet's settings, a stand-in, are read",
        &[KubeletFiles],
        EscapeNeeds::HOST_FILES,
        tell_secret!("/host/etc/kubernetes/kubelet.conf"),
        Effect::Told,
    )
    .form_of("kubelet-credentials"),
    way(
        "log-symlink",
        "a link out of the host's log folder, a stand-in, is planted",
        &[PlantedLink],
        EscapeNeeds::mounts(&[("var/log/pods", "/var/log/pods")]),
        "link /etc/shadow /var/log/pods/default_web-0_1/main/0.log",
        Effect::HostLink("var/log/pods/default_web-0_1/main/0.log"),
    ),
    way(
        "log-symlink-host",
        "the same where all of the host's files are mounted",
        &[PlantedLink],
        EscapeNeeds::HOST_FILES,
        "link /etc/shadow /host/var/log/pods/default_web-0_1/main/0.log",
        Effect::HostLink("var/log/pods/default_web-0_1/main/0.log"),
    )
    .form_of("log-symlink"),
    way(
        "host-preload",
        "a library is named for all of the host's programs, in a stand-in of the list",
        &[HostPreload],
        EscapeNeeds::HOST_FILES,
        write_secret!("/host/etc/ld.so.preload"),
        Effect::HostFile("etc/ld.so.preload"),
    ),
];
