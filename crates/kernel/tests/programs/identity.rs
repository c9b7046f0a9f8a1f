//! `bpf/programs/identity.bpf.c`: who a process is and where, each time that it changes.

use super::cases;
use crate::proc::Proc;
use crate::world::{ACT, World, token};
use yagura_event::{
    BaseFlags, Credentials, CredentialsEvent, ExecEvent, FileFacts, KernelEvent, NamespacesEvent,
};

cases![
    every_call_that_changes_credentials,
    every_call_that_changes_namespaces_or_root,
    calls_that_fail_are_not_told,
];

/// Runs acts, which must succeed; returns their program and what it became.
fn changes(acts: &str) -> (ExecEvent, Vec<CredentialsEvent>, Vec<NamespacesEvent>) {
    let scene = World::get().overlay();
    let exec = scene.act(acts);
    let credentials = scene.all(|event| match event {
        KernelEvent::Credentials(event) if event.base.program == exec.base.program => Some(*event),
        _ => None,
    });
    let namespaces = scene.all(|event| match event {
        KernelEvent::Namespaces(event) if event.base.program == exec.base.program => Some(*event),
        _ => None,
    });
    for base in credentials
        .iter()
        .map(|event| event.base)
        .chain(namespaces.iter().map(|event| event.base))
    {
        assert_eq!(base.process, exec.base.process);
        assert_eq!(
            (base.container, base.cgroup),
            (exec.base.container, exec.base.cgroup)
        );
        assert!(base.time > exec.base.time);
    }
    (exec, credentials, namespaces)
}

fn every_call_that_changes_credentials() {
    type Change = fn(&mut Credentials);
    let cases: [(&str, Change); 7] = [
        ("setuid 1000", |c| {
            (c.uid, c.euid, c.capabilities) = (1000, 1000, 0);
        }),
        ("setgid 1001", |c| (c.gid, c.egid) = (1001, 1001)),
        ("setreuid 1002 0", |c| c.uid = 1002),
        ("setregid 1003 1004", |c| (c.gid, c.egid) = (1003, 1004)),
        ("setresuid 0 1005 0", |c| {
            (c.euid, c.capabilities) = (1005, 0);
        }),
        ("setresgid 1006 1007 1008", |c| {
            (c.gid, c.egid) = (1006, 1007);
        }),
        ("capset 0x21", |c| c.capabilities = 0x21),
    ];
    for (acts, change) in cases {
        let (exec, told, none) = changes(acts);
        let mut expected = exec.credentials;
        change(&mut expected);
        let told: Vec<_> = told.iter().map(|event| event.credentials).collect();
        assert_eq!(told, [expected], "{acts:?}");
        assert_eq!(none, []);
    }
}

fn every_call_that_changes_namespaces_or_root() {
    // CLONE_NEWNS, then CLONE_NEWUTS, which none of the record's numbers tells of.
    let (exec, none, told) = changes("unshare 0x20000 unshare 0x4000000 chroot /tmp");
    assert_eq!(none, []);
    let [unshared, again, chrooted] = &told[..] else {
        panic!("{told:?}")
    };
    assert_ne!(unshared.mount_namespace, exec.mount_namespace);
    assert_eq!(
        (unshared.pid_namespace, unshared.user_namespace),
        (exec.pid_namespace, exec.user_namespace)
    );
    assert_eq!(
        (unshared.root, unshared.base.flags),
        (exec.root, exec.base.flags)
    );
    assert_eq!(again.mount_namespace, unshared.mount_namespace);
    assert_eq!(chrooted.root, exec.root);
    assert_eq!(chrooted.base.flags.0, exec.base.flags.0 | BaseFlags::CHROOT);

    // CLONE_NEWPID: for the children alone, and so told.
    let (exec, _, told) = changes("unshare 0x20000000");
    assert_ne!(told[0].pid_namespace, exec.pid_namespace);

    // CLONE_NEWUSER: more capabilities than before, which the root of the host's user namespace has anyway.
    let (exec, _, told) = changes("unshare 0x10000000");
    assert_ne!(told[0].user_namespace, exec.user_namespace);

    let (exec, _, told) = changes("setns /proc/1/ns/mnt");
    let proc = Proc::of(World::get().overlay().container.first_pid());
    assert_eq!(told[0].mount_namespace, proc.namespace("mnt"));
    assert_eq!(told[0].root, exec.root);

    let (exec, _, told) = changes("unshare 0x20000 chdir /volume pivot_root .");
    assert_eq!(told.len(), 2);
    assert_ne!(told[1].root, exec.root);
    assert_eq!(told[1].root.magic, FileFacts::TMPFS_MAGIC);
    assert_eq!(told[1].base.flags, exec.base.flags);
}

fn calls_that_fail_are_not_told() {
    let acts = "setuid 1000 fails setuid 5 fails setgid 5 fails capset 0x21 fails unshare 0x20000 \
                fails chroot /tmp fails pivot_root .";
    let (_, credentials, namespaces) = changes(acts);
    assert_eq!((credentials.len(), namespaces.len()), (1, 0));
    // Nor is what the host's processes do.
    let scene = World::get().overlay();
    let act = World::get().image.root().join(&ACT[1..]);
    let child = std::process::Command::new(act)
        .args(["setgid", "1000", "exit", "0", &token()])
        .spawn();
    let mut child = child.unwrap();
    assert!(child.wait().unwrap().success());
    let told = scene.all(|event| match event {
        KernelEvent::Credentials(event) if event.base.process.pid == child.id() => Some(*event),
        _ => None,
    });
    assert_eq!(told, []);
}
