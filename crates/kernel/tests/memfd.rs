//! Memory files in containers that may not execute them.

use crate::programs::Case;
use crate::world::{ACT, Scene, World};
use std::fs;
use yagura_kernel::{MemfdError, MemfdExec, deny_memfd_exec, probe_memfd_exec, restore_memfd_exec};
use yagura_rehearsal::{HostNamespace, Output};

pub(crate) const CASES: &[Case] = &[
    ("memory_files_do_not_run", memory_files_do_not_run),
    (
        "the_host_s_setting_is_not_touched",
        the_host_s_setting_is_not_touched,
    ),
];

const RUN: [&str; 6] = ["run-memfd", "exec", ACT, "a name", "exit", "0"];

fn host_setting() -> String {
    fs::read_to_string("/proc/sys/vm/memfd_noexec").unwrap()
}

fn says_denied(output: &Output) -> bool {
    !output.succeeded() && String::from_utf8_lossy(&output.stderr).contains("Permission denied")
}

fn runs(scene: &Scene) -> bool {
    scene.attempt(&RUN).succeeded()
}

fn memory_files_do_not_run() {
    probe_memfd_exec().unwrap();
    let world = World::get();
    let scene = world.start(|_| {});
    let bystander = world.start(|_| {});
    let host = host_setting();
    assert!(runs(&scene));
    let change = deny_memfd_exec(scene.container.first_pid()).unwrap();
    assert_eq!(
        (change.before, change.now),
        (MemfdExec::Allowed, MemfdExec::Denied)
    );
    let exec = scene.act("exit 0");
    assert_eq!(exec.pid_namespace, change.pid_namespace);
    assert!(!runs(&scene));
    // MFD_EXEC.
    let refused = scene.attempt(&[ACT, "call", "memfd_create", "s:x", "16", ".", "exit", "0"]);
    assert!(says_denied(&refused), "{refused:?}");
    // Ordinary memory is still to be had.
    scene.act("call memfd_create s:x 0 .");
    assert!(runs(&bystander));
    assert_eq!(host_setting(), host);
    let restored = restore_memfd_exec(scene.container.first_pid(), change.before).unwrap();
    assert_eq!(
        (restored.before, restored.now),
        (MemfdExec::Denied, MemfdExec::Allowed)
    );
    assert!(runs(&scene));
}

fn the_host_s_setting_is_not_touched() {
    let host = host_setting();
    let scene = World::get().start(|options| options.host_namespaces = vec![HostNamespace::Pid]);
    for pid in [std::process::id(), scene.container.first_pid()] {
        let refused = deny_memfd_exec(pid);
        let is_refused = matches!(refused, Err(MemfdError::HostNamespace { .. }));
        assert!(is_refused, "{refused:?}");
    }
    // Closed to who has fewer rights, as this test may have.
    assert!(deny_memfd_exec(1).is_err());
    assert!(matches!(
        deny_memfd_exec(u32::MAX),
        Err(MemfdError::Lookup { .. })
    ));
    assert_eq!(host_setting(), host);
}
