//! `bpf/programs/plain.bpf.c` and `bpf/lib/tell.h`: calls that are told as they are.

use super::{cases, line};
use crate::proc::{Proc, assert_is_file};
use crate::world::{Scene, World, token};
use yagura_event::{Call, CallEvent};

cases![
    every_call_on_paths,
    every_call_on_paths_of_directories,
    every_call_on_a_descriptor,
    every_call_on_mounts,
    the_newer_mount_calls,
    calls_that_the_kernel_guards,
    calls_that_change_who_and_where,
    hostile_paths_are_kept_and_cut,
];

/// A folder of a test's own.
fn folder(scene: &Scene) -> String {
    let dir = format!("/tmp/{}", token());
    scene.shell(&format!("mkdir {dir} && echo > {dir}/file"));
    dir
}

/// Runs acts in the folder and compares its calls but for `openat`, which only make the descriptors.
fn check(scene: &Scene, dir: &str, acts: &str, expected: &[&str]) -> Vec<CallEvent> {
    let acts = format!("chdir {dir} {}", acts.replace("DIR", dir));
    let (exec, mut calls) = scene.calls(&acts);
    calls.retain(|call| !matches!(call.call, Call::Open | Call::Openat));
    let lines: Vec<_> = calls.iter().map(line).collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|line| line.replace("DIR", dir))
        .collect();
    assert_eq!(lines, expected);
    for call in &calls {
        assert_eq!(call.thread, exec.base.process.pid);
        assert_eq!(
            (&call.socket, call.target, call.open_key),
            (&None, None, None)
        );
    }
    calls
}

fn every_call_on_paths() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    let calls = check(
        &scene,
        &dir,
        "call rename s:file s:DIR/moved . call link s:moved s:linked . call symlink s:../text s:sym . \
         call unlink s:linked . call mkdir s:made 0700 . call chmod s:made 0711 . fails call rmdir s:DIR . \
         call mknod s:fifo 0x1180 . call chown s:fifo 1 2 . call lchown s:sym 3 4 . call truncate s:moved 0 . \
         call setxattr s:moved s:trusted.a s:x 1 0 . tries call lsetxattr s:sym s:trusted.b s:x 1 0 . \
         fails call unlink s:none .",
        &[
            "rename=0 fd -1: file @DIR, DIR/moved @, ",
            "link=0 fd -1: moved @DIR, linked @DIR, ",
            "symlink=0 fd -1: ../text @, sym @DIR, ",
            "unlink=0 fd -1: linked @DIR,  @, ",
            "mkdir=0 fd -1: made @DIR,  @, ",
            "chmod=0 fd -1: made @DIR,  @, ",
            "rmdir=-39 fd -1: DIR @,  @, ",
            "mknod=0 fd -1: fifo @DIR,  @, ",
            "chown=0 fd -1: fifo @DIR,  @, ",
            "lchown=0 fd -1: sym @DIR,  @, ",
            "truncate=0 fd -1: moved @DIR,  @, ",
            "setxattr=0 fd -1: trusted.a @, moved @DIR, ",
            "lsetxattr=0 fd -1: trusted.b @, sym @DIR, ",
            "unlink=-2 fd -1: none @DIR,  @, ",
        ],
    );
    assert_eq!(calls[4].arguments[1], 0o700);
    assert_eq!(calls[5].arguments[1], 0o711);
    assert_eq!(calls[7].arguments[1], 0x1180);
    assert_eq!(calls[8].arguments[1..3], [1, 2]);
    assert!(calls.iter().all(|call| call.file.is_none()));
}

fn every_call_on_paths_of_directories() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    check(
        &scene,
        &dir,
        "call mkdirat -100 s:a 0700 . call mkdirat r:DIR/a s:b 0700 . call mknodat r:DIR/a s:fifo 0x1180 . \
         call renameat r:DIR/a s:b r:DIR s:c . call renameat2 -100 s:c r:DIR/a s:d 1 . call linkat -100 s:file r:DIR/a s:e 0 . \
         call symlinkat s:text r:DIR/a s:f . call unlinkat r:DIR/a s:e 0 . call fchmodat r:DIR/a s:fifo 0600 . \
         tries call fchmodat2 r:DIR/a s:fifo 0600 0 . call fchownat r:DIR/a s: 1 2 0x1000 . \
         call unlinkat r:/ s:DIR/file 0 .",
        &[
            "mkdirat=0 fd -1: a @DIR,  @, ",
            "mkdirat=0 fd -1: b @DIR/a,  @, ",
            "mknodat=0 fd -1: fifo @DIR/a,  @, ",
            "renameat=0 fd -1: b @DIR/a, c @DIR, ",
            "renameat2=0 fd -1: c @DIR, d @DIR/a, ",
            "linkat=0 fd -1: file @DIR, e @DIR/a, ",
            "symlinkat=0 fd -1: text @, f @DIR/a, ",
            "unlinkat=0 fd -1: e @DIR/a,  @, ",
            "fchmodat=0 fd -1: fifo @DIR/a,  @, ",
            "fchmodat2=0 fd -1: fifo @DIR/a,  @, ",
            "fchownat=0 fd -1:  @DIR/a,  @, ",
            "unlinkat=0 fd -1: DIR/file @,  @, ",
        ],
    );
}

fn every_call_on_a_descriptor() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    let calls = check(
        &scene,
        &dir,
        "call fchmod r:DIR/file 0755 . call fchown r:DIR/file 5 6 . call fsetxattr w:DIR/file s:trusted.c s:x 1 0 . \
         fails call fchmod 99 0755 .",
        &[
            "fchmod=0 fd 3: DIR/file @,  @, ",
            "fchown=0 fd 4: DIR/file @,  @, ",
            "fsetxattr=0 fd 5: trusted.c @, DIR/file @, ",
            "fchmod=-9 fd 99:  @,  @, ",
        ],
    );
    let Some(file) = &calls[2].file else {
        panic!("{calls:?}")
    };
    let root = Proc::of(scene.container.first_pid());
    assert_eq!(file.path.escaped(), format!("{dir}/file"));
    assert_is_file(file, &root.root(&file.path.escaped()));
    assert_eq!(calls[3].file, None);
}

fn every_call_on_mounts() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    check(
        &scene,
        &dir,
        "unshare 0x20000 call mount s:nothing s:DIR s:tmpfs 0 0 . fails call mount s:/dev/none s:. s:ext4 0 0 . \
         fails call mount 0 s:DIR 0 0x1000 0 . call umount2 s:DIR 2 .",
        &[
            "unshare=0 fd -1:  @,  @, ",
            "mount=0 fd -1: nothing @DIR, DIR @, tmpfs",
            "mount=-2 fd -1: /dev/none @, . @DIR, ext4",
            "mount=-22 fd -1:  @, DIR @, ",
            "umount2=0 fd -1: DIR @,  @, ",
        ],
    );
}

fn the_newer_mount_calls() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    check(
        &scene,
        &dir,
        "unshare 0x20000 call fsopen s:tmpfs 0 . call fsconfig 3 1 s:size s:1M 0 . call fsconfig 3 6 0 0 0 . \
         call fsmount 3 0 0 . call move_mount 4 s: -100 s:DIR 4 . call open_tree -100 s:DIR 1 .",
        &[
            "unshare=0 fd -1:  @,  @, ",
            "fsopen=3 fd 3: tmpfs @,  @, ",
            "fsconfig=0 fd -1: size @,  @, 1M",
            "fsconfig=0 fd -1:  @,  @, ",
            "fsmount=4 fd 4: / @,  @, ",
            "move_mount=0 fd -1:  @DIR, DIR @, ",
            "open_tree=5 fd 5: DIR @,  @, ",
        ],
    );
}

fn calls_that_the_kernel_guards() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    let acts = "fails call init_module 0 0 s:a=b . fails call finit_module r:DIR/file s:c=d 0 . \
                fails call delete_module s:none 0 . fails call bpf 99 0 0 . fails call perf_event_open 0 0 0 0 0 . \
                fails call add_key s:none s:name 0 0 0 . fails call request_key s:none s:name 0 0 . \
                fails call io_uring_setup 1 0 . fails call userfaultfd 0x40000000 . \
                fails call kexec_load 0 0 0 0xffff . fails call kexec_file_load 99 0 0 0 . \
                fails call ioperm 0x10000 1 1 . fails call iopl 4 .";
    let (_, mut calls) = scene.calls(&acts.replace("DIR", &dir));
    calls.retain(|call| !matches!(call.call, Call::Open | Call::Openat));
    // Why they fail is the kernel's configuration.
    assert!(calls.iter().all(|call| call.result < 0));
    calls.iter_mut().for_each(|call| call.result = -1);
    let lines: Vec<_> = calls.iter().map(line).collect();
    let module = format!("finit_module=-1 fd 3: {dir}/file @,  @, c=d");
    let expected = [
        "init_module=-1 fd -1:  @,  @, a=b",
        &module,
        "delete_module=-1 fd -1: none @,  @, ",
        "bpf=-1 fd -1:  @,  @, ",
        "perf_event_open=-1 fd -1:  @,  @, ",
        "add_key=-1 fd -1: none @,  @, name",
        "request_key=-1 fd -1: none @,  @, name",
        "io_uring_setup=-1 fd -1:  @,  @, ",
        "userfaultfd=-1 fd -1:  @,  @, ",
        "kexec_load=-1 fd -1:  @,  @, ",
        "kexec_file_load=-1 fd 99:  @,  @, ",
        "ioperm=-1 fd -1:  @,  @, ",
        "iopl=-1 fd -1:  @,  @, ",
    ];
    assert_eq!(lines, expected);
    assert_eq!(calls[3].arguments[0], 99);
    assert_eq!(calls[11].arguments[..3], [0x10000, 1, 1]);
}

fn calls_that_change_who_and_where() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    check(
        &scene,
        &dir,
        "setns /proc/1/ns/mnt unshare 0x20000 chroot / fails chroot none fails pivot_root a setgid 9 setuid 8 \
         fails setuid 0 fails capset 1",
        &[
            "setns=0 fd 3: / @,  @, ",
            "unshare=0 fd -1:  @,  @, ",
            "chroot=0 fd -1: / @,  @, ",
            "chroot=-2 fd -1: none @/,  @, ",
            "pivot_root=-2 fd -1: a @/, a @/, ",
            "setgid=0 fd -1:  @,  @, ",
            "setuid=0 fd -1:  @,  @, ",
            "setuid=-1 fd -1:  @,  @, ",
            "capset=-1 fd -1:  @,  @, ",
        ],
    );
}

fn hostile_paths_are_kept_and_cut() {
    let scene = World::get().calls();
    let dir = folder(&scene);
    let long = "x".repeat(1500);
    let cut = &long[..1023];
    check(
        &scene,
        &dir,
        &format!(
            "fails call unlink s:{long} . fails call unlink s:\u{1b}[2J . fails call unlink 1 . fails call unlink s: ."
        ),
        &[
            &format!("unlink=-36 fd -1: {cut} @DIR,  @, "),
            "unlink=-2 fd -1: \\x1b[2J @DIR,  @, ",
            "unlink=-14 fd -1:  @,  @, ",
            "unlink=-2 fd -1:  @DIR,  @, ",
        ],
    );
}
