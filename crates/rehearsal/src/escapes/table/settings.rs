//! Settings of the kernel, and the cgroups.

use super::way;
use crate::escapes::{Effect, EscapeNeeds, EscapeTechnique};
use yagura_event::Behaviour::*;

pub(super) const SETTINGS: &[EscapeTechnique] = &[
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
        "mkdir /tmp/cg; mount-cgroup /tmp/cg; load /tmp/cg/notify_on_release; open w /tmp/cg/notify_on_release; \
         store; used",
        Effect::Stored,
    )
    .form_of("release-agent"),
    way(
        "release-agent-unattached",
        "the same in a file system that is set up step by step and attached nowhere",
        &[FilesystemContext, ReleaseAgent],
        EscapeNeeds::PRIVILEGED,
        "fsopen cgroup; fsconfig-flag none; fsconfig name {secret}; fscreate; fsmount; load-under release_agent; \
         open-under w release_agent; store; used",
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
        "core-pattern-openat2",
        "the same, opened by openat2",
        &[CorePattern],
        EscapeNeeds::PRIVILEGED,
        "load /proc/sys/kernel/core_pattern; openat2 w /proc/sys/kernel/core_pattern; store; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-io-uring",
        "the same, opened by a ring",
        &[CorePattern, IoUring],
        EscapeNeeds::PRIVILEGED,
        "load /proc/sys/kernel/core_pattern; io-uring-open w /proc/sys/kernel/core_pattern; store; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-vector",
        "the same, written by pwritev",
        &[CorePattern],
        EscapeNeeds::PRIVILEGED,
        "load /proc/sys/kernel/core_pattern; open w /proc/sys/kernel/core_pattern; store-vector; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-splice",
        "the same, written from a pipe",
        &[CorePattern],
        EscapeNeeds::PRIVILEGED,
        "load /proc/sys/kernel/core_pattern; open w /proc/sys/kernel/core_pattern; store-splice; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-tree",
        "the same under another name, by a mount that is copied and moved",
        &[FilesystemContext, Mount, CorePattern],
        EscapeNeeds::PRIVILEGED,
        "text x; open create /tmp/harmless; open-tree /proc/sys/kernel/core_pattern; move-mount /tmp/harmless; \
         load /tmp/harmless; open w /tmp/harmless; store; used",
        Effect::Stored,
    )
    .form_of("core-pattern"),
    way(
        "core-pattern-first-process",
        "the same through the root of the first process",
        &[CorePattern],
        EscapeNeeds::PRIVILEGED,
        "load /proc/1/root/proc/sys/kernel/core_pattern; open w /proc/1/root/proc/sys/kernel/core_pattern; store; used",
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
        "mkdir /sys; mount sysfs sysfs /sys; load /sys/kernel/uevent_helper; open w /sys/kernel/uevent_helper; \
         store; used",
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
        "kernel-setting-sys",
        "the same for a setting below /sys",
        &[Mount, KernelSettings],
        EscapeNeeds::PRIVILEGED,
        "mkdir /sys; mount sysfs sysfs /sys; load /sys/kernel/rcu_expedited; open w /sys/kernel/rcu_expedited; \
         store; used",
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
        "cgroup2-exit-unattached",
        "the same in a file system that is attached nowhere",
        &[FilesystemContext, CgroupExit],
        EscapeNeeds::PRIVILEGED,
        "text 0; fsopen cgroup2; fscreate; fsmount; open-under w cgroup.procs; store; used",
        Effect::Used,
    )
    .form_of("cgroup2-exit"),
    way(
        "cgroup2-exit-clone",
        "the same for a child that is made there",
        &[Mount, CgroupExit],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg2; mount cgroup2 cgroup2 /tmp/cg2; open r /tmp/cg2; clone-into; used",
        Effect::Used,
    )
    .form_of("cgroup2-exit"),
    way(
        "cgroup1-exit",
        "the same with version 1",
        &[Mount, CgroupExit],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg; mount-cgroup /tmp/cg; text 0; open w /tmp/cg/cgroup.procs; store; used",
        Effect::Used,
    )
    .form_of("cgroup2-exit"),
    way(
        "cgroup1-exit-thread",
        "the same for a thread",
        &[Mount, CgroupExit],
        EscapeNeeds::PRIVILEGED,
        "mkdir /tmp/cg; mount-cgroup /tmp/cg; text 0; open w /tmp/cg/tasks; store; used",
        Effect::Used,
    )
    .form_of("cgroup2-exit"),
];
