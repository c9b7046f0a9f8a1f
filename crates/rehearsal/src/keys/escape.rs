//! The ways out of a container, each up to where it would do harm.
//!
//! What would be the host's is a stand-in in a throw-away directory, a process made for the purpose, or a file that is
//! opened and left alone, or given what it holds. What the kernel answers is noted; a refusal is no failure.

use super::props::ACT;
use super::servers::Service;
use super::stage::{Stage, bind};
use super::world::Peer;
use super::{KeyNeeds, KeyRehearsal, RehearsalError, run};
use crate::bundle::{HostNamespace, Privileges};
use crate::container::ContainerOptions;
use crate::runtime::find_program;
use std::process::Command;

const KEY: &str = "escape.privilege_escalation";

/// An attempt in a container of these privileges, by a script whose output is noted.
macro_rules! attempt {
    ($name:literal, $description:literal, $needs:expr, $privileges:ident, $script:expr $(,)?) => {
        run(KEY, $name, $description, $needs, |stage| {
            attempt(stage, Privileges::$privileges, $script)
        })
    };
}

/// An attempt on stand-ins for the host's files, which the container has at /host.
macro_rules! on_host_files {
    ($name:literal, $description:literal, $script:expr $(,)?) => {
        run(KEY, $name, $description, KeyNeeds::NOTHING, |stage| {
            on_host_files(stage, $script)
        })
    };
}

pub(super) const PRIVILEGE_ESCALATION: &[KeyRehearsal] = &[
    attempt!(
        "escape-release-agent",
        "a cgroup's release agent (version 1) is written to, with what it holds",
        KeyNeeds::NOTHING,
        Privileged,
        "mkdir -p /tmp/cgrp && rehearsal-act mount cgroup cgroup /tmp/cgrp memory; \
         test -e /tmp/cgrp/release_agent || { mount -t tmpfs none /tmp/cgrp && echo > /tmp/cgrp/release_agent && echo > /tmp/cgrp/notify_on_release; }; \
         rehearsal-act write-back /tmp/cgrp/notify_on_release; rehearsal-act write-back /tmp/cgrp/release_agent",
    ),
    attempt!(
        "escape-core-pattern",
        "core_pattern is written to, with what it holds",
        KeyNeeds::NOTHING,
        Privileged,
        "rehearsal-act write-back /proc/sys/kernel/core_pattern",
    ),
    attempt!(
        "escape-modprobe",
        "the path of modprobe is written to, with what it holds; where the kernel has none, a stand-in",
        KeyNeeds::NOTHING,
        Privileged,
        "test -e /proc/sys/kernel/modprobe || { mount -t tmpfs none /proc/sys/kernel && echo /sbin/modprobe > /proc/sys/kernel/modprobe; }; \
         rehearsal-act write-back /proc/sys/kernel/modprobe",
    ),
    run(
        KEY,
        "escape-uevent-helper",
        "the helper for device events is opened for writing; where the kernel has none, a stand-in is written",
        KeyNeeds::NOTHING,
        |stage| {
            attempt(
                stage,
                Privileges::Privileged,
                "mkdir -p /sys && rehearsal-act mount sysfs sysfs /sys ''; rehearsal-act open-write /sys/kernel/uevent_helper; \
                 test -e /sys/kernel/uevent_helper || { mount -t tmpfs none /sys && mkdir /sys/kernel && echo /cmd > /sys/kernel/uevent_helper; }",
            )
        },
    ),
    attempt!(
        "escape-binfmt-misc",
        "the list of interpreters for programs is mounted and opened for writing",
        KeyNeeds::NOTHING,
        Privileged,
        "rehearsal-act mount binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ''; rehearsal-act open-write /proc/sys/fs/binfmt_misc/register",
    ),
    attempt!(
        "escape-sysrq",
        "sysrq-trigger is opened for writing; where the kernel has none, a stand-in is",
        KeyNeeds::NOTHING,
        Privileged,
        "trigger=/proc/sysrq-trigger; test -e $trigger || { trigger=/host/proc/sysrq-trigger; mkdir -p /host/proc; touch $trigger; }; \
         rehearsal-act open-write $trigger",
    ),
    attempt!(
        "escape-mount-device",
        "a block device is mounted: a loop device made for the purpose",
        KeyNeeds::BUSYBOX,
        Privileged,
        "dd if=/dev/zero of=/data/disk bs=1024 count=256 2> /dev/null && mke2fs -F /data/disk > /dev/null; \
         mknod /dev/loop-control c 10 237; for n in 0 1 2 3 4 5 6 7; do mknod /dev/loop$n b 7 $n; done; \
         busybox mount -t ext2 -o loop,ro /data/disk /mnt && echo mounted && umount /mnt; true",
    ),
    attempt!(
        "escape-mknod",
        "a node of a block device is made",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act node block /tmp/disk 8 1",
    ),
    attempt!(
        "escape-debugfs",
        "debugfs on a block device, and the device opened",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act node block /dev/sda1 8 1; rehearsal-act open-read /dev/sda1; debugfs -w -R 'cat /etc/shadow' /dev/sda1",
    ),
    run(
        KEY,
        "escape-docker-socket",
        "a privileged container is asked for through Docker's socket, a stand-in",
        KeyNeeds::NOTHING,
        |stage| on_socket(stage, "docker.sock", "/var/run/docker.sock"),
    ),
    run(
        KEY,
        "escape-containerd-socket",
        "containerd's socket, a stand-in, is connected to",
        KeyNeeds::NOTHING,
        |stage| on_socket(stage, "containerd.sock", "/run/containerd/containerd.sock"),
    ),
    run(
        KEY,
        "escape-crio-socket",
        "CRI-O's socket, a stand-in, is connected to",
        KeyNeeds::NOTHING,
        |stage| on_socket(stage, "crio.sock", "/var/run/crio/crio.sock"),
    ),
    attempt!(
        "escape-shim-socket",
        "an abstract socket named like a containerd shim's is connected to",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act shim-socket @/containerd-shim/3f9b1c/shim.sock",
    ),
    attempt!(
        "escape-runtime-overwrite",
        "the running program is opened for writing through /proc/self/exe",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act open-write /proc/self/exe; rehearsal-act open-write /proc/1/exe",
    ),
    run(
        KEY,
        "escape-leaked-descriptor",
        "a program started with a descriptor of a host's directory, a stand-in, works from there",
        KeyNeeds::NOTHING,
        leaked_descriptor,
    ),
    run(
        KEY,
        "escape-nsenter",
        "nsenter into the namespaces of the host's first process, and no further; if it may not, of another one's",
        KeyNeeds::BUSYBOX,
        |stage| {
            among_host_processes(stage, |pid| {
                let enter = |pid| format!("nsenter -t {pid} -m -u -i -n -- true && echo entered");
                format!("{} || {}", enter(1), enter(pid))
            })
        },
    ),
    run(
        KEY,
        "escape-setns",
        "the host's namespace for names is joined by a descriptor",
        KeyNeeds::NOTHING,
        |stage| among_host_processes(stage, |pid| format!("{ACT} setns /proc/{pid}/ns/uts")),
    ),
    run(
        KEY,
        "escape-ptrace",
        "a process outside the container, made for the purpose, is traced",
        KeyNeeds::NOTHING,
        |stage| among_host_processes(stage, |pid| format!("{ACT} trace {pid}")),
    ),
    run(
        KEY,
        "escape-proc-root",
        "the host's files are read through /proc/PID/root",
        KeyNeeds::NOTHING,
        |stage| {
            among_host_processes(stage, |pid| {
                format!("{ACT} read /proc/{pid}/root/etc/hostname")
            })
        },
    ),
    run(
        KEY,
        "escape-open-by-handle",
        "a file is opened by its handle",
        KeyNeeds::NOTHING,
        |stage| {
            let options = ContainerOptions {
                capabilities: &["DAC_READ_SEARCH"],
                ..stage.options()
            };
            let container = stage.start(&options)?;
            stage.prepare(&container, "echo x > /data/file")?;
            stage.attempt(&container, "rehearsal-act handle /data /data/file")
        },
    ),
    attempt!(
        "escape-module",
        "something that is no module is offered to the kernel as one",
        KeyNeeds::NOTHING,
        Privileged,
        "rehearsal-act module /etc/passwd",
    ),
    attempt!(
        "escape-bpf",
        "a program that does nothing is loaded into the kernel",
        KeyNeeds::NOTHING,
        Privileged,
        "rehearsal-act bpf",
    ),
    attempt!(
        "escape-kexec",
        "another kernel is asked for, in a way that none understands",
        KeyNeeds::NOTHING,
        Privileged,
        "rehearsal-act kexec",
    ),
    attempt!(
        "escape-user-namespace-cgroup",
        "a user namespace, and cgroups mounted in it (CVE-2022-0492)",
        KeyNeeds::programs(&["unshare"]),
        Default,
        "mkdir -p /tmp/cg && unshare -UrmC /usr/bin/rehearsal-act mount cgroup cgroup /tmp/cg rdma; true",
    ),
    attempt!(
        "escape-fsconfig",
        "options for a file system that is never mounted (CVE-2022-0185)",
        KeyNeeds::NOTHING,
        Admin,
        "rehearsal-act fsconfig ext4; rehearsal-act fsconfig tmpfs",
    ),
    attempt!(
        "escape-keyctl",
        "keys in the kernel's keyrings",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act keys",
    ),
    attempt!(
        "escape-userfaultfd",
        "page faults are to be handled by a program",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act userfaultfd",
    ),
    attempt!(
        "escape-io-uring",
        "a ring for system calls is made",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act io-uring",
    ),
    attempt!(
        "escape-splice",
        "a file open for reading goes into a pipe that is then written to (CVE-2022-0847)",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act splice /etc/hostname",
    ),
    attempt!(
        "escape-memory-devices",
        "the machine's memory is opened for reading and left unread; where the kernel shows none, a stand-in is",
        KeyNeeds::NOTHING,
        Privileged,
        "rehearsal-act node character /dev/mem 1 1; rehearsal-act open-read /dev/mem; rehearsal-act open-read /proc/kcore; \
         test -e /proc/kcore || { mkdir -p /host/proc; touch /host/proc/kcore; rehearsal-act open-read /host/proc/kcore; }",
    ),
    attempt!(
        "escape-perf-event",
        "performance events of the own process are counted",
        KeyNeeds::NOTHING,
        Default,
        "rehearsal-act perf",
    ),
    on_host_files!(
        "escape-host-cron",
        "a job is written into the host's cron folder, a stand-in",
        "echo '* * * * * root true' > /host/etc/cron.d/agent",
    ),
    on_host_files!(
        "escape-host-systemd",
        "a unit is written into the host's systemd folder, a stand-in",
        "printf '[Service]\\nExecStart=/bin/true\\n' > /host/etc/systemd/system/agent.service",
    ),
    on_host_files!(
        "escape-host-authorized-keys",
        "a key is written for the host's root, a stand-in",
        "echo 'ssh-rsa AAAAB3NzaC1yc2Erehearsal x' >> /host/root/.ssh/authorized_keys",
    ),
    on_host_files!(
        "escape-static-pod",
        "a manifest is written where the kubelet starts pods from, a stand-in",
        "echo 'kind: Pod' > /host/etc/kubernetes/manifests/agent.yaml",
    ),
    on_host_files!(
        "escape-kubelet-credentials",
        "the kubelet's credentials, stand-ins, are read",
        "cat /host/var/lib/kubelet/pki/kubelet-client-current.pem /host/etc/kubernetes/kubelet.conf > /dev/null",
    ),
    run(
        KEY,
        "escape-log-symlink",
        "a link out of the host's log folder, a stand-in, is planted",
        KeyNeeds::NOTHING,
        |stage| {
            let logs = stage.host_dir("var/log/pods/default_web-0_1/main")?;
            let mut options = stage.options();
            options.mounts.push(bind(&logs, "/var/log/pods", false));
            let container = stage.start(&options)?;
            stage.attempt(&container, "ln -s /etc/shadow /var/log/pods/0.log")
        },
    ),
    on_host_files!(
        "escape-host-preload",
        "a library for all of the host's programs, a stand-in of the list",
        "echo /tmp/hook.so > /host/etc/ld.so.preload",
    ),
    attempt!(
        "escape-leave-cgroup",
        "cgroups (version 2) are mounted, and a process moves itself to their top",
        KeyNeeds::NOTHING,
        Privileged,
        "mkdir -p /tmp/cg2 && rehearsal-act mount cgroup2 none /tmp/cg2 '' && sh -c 'echo $$ > /tmp/cg2/cgroup.procs'; true",
    ),
    attempt!(
        "escape-overlay-setuid",
        "a program with set-user-id goes through an overlay in a user namespace (CVE-2023-0386)",
        KeyNeeds::programs(&["unshare"]),
        Default,
        "mkdir -p /volume/l /volume/u /volume/w /volume/m && cp /payload/drifted /volume/l/su && chmod 4755 /volume/l/su && \
         unshare -Urm sh -c 'rehearsal-act mount overlay overlay /volume/m lowerdir=/volume/l,upperdir=/volume/u,workdir=/volume/w; touch /volume/m/su'; true",
    ),
    attempt!(
        "rights-set-user-id",
        "a dropped program is made set-user-id root",
        KeyNeeds::NOTHING,
        Default,
        "cp /payload/drifted /tmp/rootbash && chmod 4755 /tmp/rootbash && /tmp/rootbash",
    ),
    attempt!(
        "rights-file-capability",
        "a dropped program is given a capability",
        KeyNeeds::NOTHING,
        Default,
        "cp /payload/drifted /tmp/cap && rehearsal-act capability /tmp/cap && /tmp/cap",
    ),
    attempt!(
        "rights-sudoedit",
        "sudo with the arguments of an exploit (CVE-2021-3156)",
        KeyNeeds::NOTHING,
        Default,
        "sudoedit -s '\\' AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; sudo -u#-1 id",
    ),
    attempt!(
        "rights-pkexec",
        "pkexec without any argument, with an exploit's environment (CVE-2021-4034)",
        KeyNeeds::NOTHING,
        Default,
        "GCONV_PATH=/tmp/evil CHARSET=EVIL rehearsal-act no-arguments /usr/bin/pkexec",
    ),
    run(
        KEY,
        "rights-unexplained",
        "a process of the container has every right, and no program gave it any: what an unknown exploit leaves",
        KeyNeeds {
            programs: &["busybox"],
            host_programs: &["nsenter"],
        },
        unexplained_rights,
    ),
];

fn attempt(stage: &mut Stage, privileges: Privileges, script: &str) -> Result<(), RehearsalError> {
    let options = ContainerOptions {
        privileges,
        ..stage.options()
    };
    let container = stage.start(&options)?;
    stage.attempt(&container, script)
}

fn on_host_files(stage: &mut Stage, script: &str) -> Result<(), RehearsalError> {
    for dir in [
        "etc/cron.d",
        "etc/systemd/system",
        "etc/kubernetes/manifests",
        "var/lib/kubelet/pki",
        "root/.ssh",
    ] {
        stage.host_dir(&format!("host/{dir}"))?;
    }
    let host = stage.host_dir("host")?;
    for file in [
        "etc/kubernetes/kubelet.conf",
        "var/lib/kubelet/pki/kubelet-client-current.pem",
    ] {
        std::fs::write(host.join(file), "a stand-in\n").map_err(|source| RehearsalError::Peer {
            what: "no stand-in for a host's file",
            source,
        })?;
    }
    let mut options = stage.options();
    options.mounts.push(bind(&host, "/host", false));
    let container = stage.start(&options)?;
    stage.attempt(&container, script)
}

fn on_socket(stage: &mut Stage, name: &str, at: &str) -> Result<(), RehearsalError> {
    let socket = stage.host_dir("run")?.join(name);
    let server = Peer::on_sockets()?;
    server.serve_unix(&socket, Service::Http("{\"Id\":\"0\"}"))?;
    stage.keep(server);
    let mut options = stage.options();
    options.mounts.push(bind(&socket, at, false));
    let container = stage.start(&options)?;
    let request =
        "POST /v1.43/containers/create HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{}";
    stage.prepare(&container, "cp /payload/act /tmp/dock")?;
    stage.act(&container, &["/tmp/dock", "say-unix", at, request], "")
}

/// A privileged container that sees the host's processes, among them one made for the purpose.
fn among_host_processes(
    stage: &mut Stage,
    script: impl Fn(u32) -> String,
) -> Result<(), RehearsalError> {
    let options = ContainerOptions {
        privileges: Privileges::Privileged,
        host_namespaces: vec![HostNamespace::Pid],
        ..stage.options()
    };
    let container = stage.start(&options)?;
    let process = Peer::process(stage.image())?;
    let pid = process.pid();
    stage.keep(process);
    stage.attempt(&container, &script(pid))
}

/// The runtime itself leaks a descriptor: of a throw-away directory, which lies outside the container all the same.
fn leaked_descriptor(stage: &mut Stage) -> Result<(), RehearsalError> {
    let dir = stage.host_dir("leaked")?;
    std::fs::write(dir.join("secret"), "a stand-in\n").map_err(|source| RehearsalError::Peer {
        what: "no stand-in for a host's file",
        source,
    })?;
    let container = stage.start(&stage.options())?;
    let runtime = container.runtime().command(&container.state_root());
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", r#"exec 3< "$1"; shift; exec "$@""#, "sh"])
        .arg(&dir)
        .arg(runtime.get_program())
        .args(runtime.get_args())
        .args(["exec", "--preserve-fds", "1", container.id()])
        .args([ACT, "beyond", "3", "../leaked/secret"]);
    stage.act_host(&mut command)
}

/// A process with all of the host's rights enters the container, cgroup and all.
fn unexplained_rights(stage: &mut Stage) -> Result<(), RehearsalError> {
    let container = stage.start(&stage.options())?;
    let nsenter =
        find_program("nsenter").ok_or(RehearsalError::HostLacks { program: "nsenter" })?;
    let mut command = Command::new("/bin/sh");
    // Into every cgroup of the container by writing its own pid, then into its namespaces.
    command
        .args([
            "-c",
            r#"for at in $1; do echo $$ > "$at"; done; shift; exec "$@""#,
            "sh",
        ])
        .arg(crate::cgroups::member_files(container.id()))
        .arg(nsenter)
        .arg(format!("--target={}", container.first_pid()))
        .args([
            "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd",
        ])
        .args(["/bin/sh", "-c", "grep CapEff /proc/self/status"]);
    stage.act_host(&mut command)
}
