//! `bpf/programs/exec.bpf.c`: every field of the record of a program that begins.

use super::cases;
use crate::proc::{Proc, assert_is_file, kernel_dev};
use crate::world::{ACT, Scene, TIMEOUT, World, token};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use yagura_event::{BaseFlags, ExecEvent, FileFacts, FileFlags, KernelEvent, ProgramKey, RootId};
use yagura_rehearsal::HostMount;

cases![
    every_field_of_an_image_program,
    every_field_on_a_plain_root,
    credentials_as_in_proc,
    a_written_file_has_its_layer_and_writer,
    a_memory_file_has_its_name,
    a_deleted_file_is_told,
    volumes_are_other_mounts,
    scripts_have_two_names,
    standard_input_of_interpreters,
    interpreters_are_told_by_name,
    arguments_are_kept_as_they_are_and_cut,
    the_chain_of_programs,
    a_changed_root_is_told,
    deep_folders_hide_nothing,
    the_hosts_root_is_told,
    the_first_process_and_those_that_come_in,
    what_ran_before_is_met,
    the_host_is_not_reported,
    containers_are_told_apart,
    a_storm_loses_none,
];

fn every_field_of_an_image_program() {
    let scene = World::get().overlay();
    let before = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    scene.meet("", |exec| {
        assert_as_proc_says(exec);
        assert!(exec.base.time.0 > u64::try_from(before.tv_sec).unwrap() * 1_000_000_000);
        assert_eq!(exec.file.flags, FileFlags(FileFlags::OVERLAY));
        assert_eq!(exec.file.writer, None);
    });
}

fn every_field_on_a_plain_root() {
    World::get().plain().meet("", |exec| {
        assert_as_proc_says(exec);
        assert_eq!(exec.file.flags, FileFlags(FileFlags::BELOW_ROOT));
    });
}

/// Compares a waiting act with what /proc says of it.
fn assert_as_proc_says(exec: &ExecEvent) {
    let base = &exec.base;
    let proc = Proc::of(base.process.pid);
    assert!(proc.started_at(base.process.start_ns));
    assert_eq!(base.program.pid, base.process.pid);
    assert!(base.program.exec_ns > base.process.start_ns && base.program.exec_ns <= base.time.0);
    assert_eq!(base.flags, BaseFlags(BaseFlags::ENTERED));
    assert_eq!(base.cgroup.0, proc.cgroup());
    assert_eq!(exec.parent.pid, proc.parent());
    assert!(Proc::of(exec.parent.pid).started_at(exec.parent.start_ns));
    assert_eq!(exec.started_from, ProgramKey::default());
    assert_eq!(
        proc.status("NSpid").last(),
        Some(&exec.inner_pid.to_string().as_str())
    );
    assert_eq!(
        (exec.session, exec.process_group, exec.tty),
        (proc.session(), proc.process_group(), proc.tty())
    );
    assert_eq!(exec.name.escaped(), proc.name());
    for (fd, stream) in (0..).zip(&exec.streams) {
        assert_eq!((stream.kind, stream.ino), proc.stream(fd));
        assert_eq!(stream.remote, None);
    }
    let names = exec.environment.iter().map(|variable| {
        let text = variable.escaped().into_owned();
        text.split('=').next().unwrap().to_owned()
    });
    assert_eq!(names.collect::<Vec<_>>(), proc.variables());
    assert!(!exec.environment_truncated);
    let namespaces = [
        exec.mount_namespace,
        exec.pid_namespace,
        exec.user_namespace,
    ];
    assert_eq!(
        namespaces,
        ["mnt", "pid", "user"].map(|kind| proc.namespace(kind))
    );
    assert_eq!(exec.root, root_of(&proc));
    assert_credentials(&proc, exec);
    assert_file_of(&proc, &exec.file);
    assert_eq!(
        (exec.filename.escaped(), exec.interpreter.escaped()),
        (ACT.into(), ACT.into())
    );
    assert_eq!((exec.argv.len(), exec.argv_truncated), (6, false));
    assert_eq!(exec.argv[..2], [ACT.into(), "meet".into()]);
    assert_eq!((exec.cwd.escaped(), &exec.stdin), ("/".into(), &None));
}

fn root_of(proc: &Proc) -> RootId {
    let stat = fs::metadata(proc.root("/")).unwrap();
    let magic = rustix::fs::statfs(proc.root("/")).unwrap().f_type;
    RootId {
        dev: kernel_dev(stat.dev()),
        ino: stat.ino(),
        magic: magic.try_into().unwrap(),
    }
}

/// The file is the one that the reported path leads to.
fn assert_file_of(proc: &Proc, file: &FileFacts) {
    assert_is_file(file, &proc.root(&file.path.escaped()));
}

fn credentials_as_in_proc() {
    let scene = World::get().overlay();
    // The next program in the same process shows what the first one made of itself.
    for (acts, ids) in [
        ("setresgid 11 12 13 setresuid 21 22 0", [21, 22, 11, 12]),
        ("capset 0xff setresgid 11 12 0", [0, 0, 11, 12]),
    ] {
        let meeting = scene.begin(&format!("{acts} exec {ACT}"));
        let exec = scene.child_of(meeting.exec.base.program);
        let told = exec.credentials;
        assert_eq!([told.uid, told.euid, told.gid, told.egid], ids);
        assert_credentials(&Proc::of(exec.base.process.pid), &exec);
        meeting.end();
    }
}

fn assert_credentials(proc: &Proc, exec: &ExecEvent) {
    let told = exec.credentials;
    let ids = |name| [0, 1].map(|nth| proc.status(name)[nth].parse::<u32>().unwrap());
    assert_eq!(ids("Uid"), [told.uid, told.euid]);
    assert_eq!(ids("Gid"), [told.gid, told.egid]);
    let effective = proc.status("CapEff")[0];
    assert_eq!(u64::from_str_radix(effective, 16), Ok(told.capabilities));
    assert_eq!(told.login_uid, proc.login_uid());
}

fn a_written_file_has_its_layer_and_writer() {
    for scene in [World::get().overlay(), World::get().plain()] {
        let path = format!("/tmp/{}", token());
        let writer = scene.act(&format!("copy openat {ACT} {path}"));
        let (token, copy) = (token(), path.as_str());
        scene.run_words(&format!("{copy} exit 0 {token}"));
        let exec = scene.exec(&token);
        let proc = Proc::of(scene.container.first_pid());
        assert_file_of(&proc, &exec.file);
        let expected = match scene.container.layers() {
            Some(_) => FileFlags::OVERLAY | FileFlags::UPPER,
            None => FileFlags::BELOW_ROOT,
        };
        assert_eq!(exec.file.flags, FileFlags(expected));
        assert_eq!(exec.file.path.escaped(), path);
        let found = exec.file.writer.unwrap();
        assert_eq!(found.program, writer.base.program);
        assert!(found.time > writer.base.time && found.time < exec.base.time);
    }
}

fn a_memory_file_has_its_name() {
    let scene = World::get().overlay();
    let token = token();
    scene.run(&["run-memfd", "exec", ACT, "a name", "exit", "0", &token]);
    let events = scene.programs(&token);
    let exec = events
        .iter()
        .find(|exec| exec.file.flags.has(FileFlags::MEMFD))
        .unwrap();
    assert_eq!(exec.file.path.escaped(), "a name");
    assert_eq!(exec.file.flags, FileFlags(FileFlags::MEMFD));
    assert_eq!(
        (exec.file.magic, exec.file.links),
        (FileFacts::TMPFS_MAGIC, 0)
    );
    assert_eq!(
        exec.file.key.size,
        fs::metadata(scene.container.image().root().join(&ACT[1..]))
            .unwrap()
            .len()
    );
    assert!(exec.filename.escaped().starts_with("/dev/fd/"));
    assert_eq!(exec.started_from, events[0].base.program);
}

fn a_deleted_file_is_told() {
    let scene = World::get().overlay();
    let (path, token) = (format!("/tmp/{}", token()), token());
    scene.act(&format!("copy openat {ACT} {path}"));
    scene.run_words(&format!("run-descriptor deleted {path} exit 0 {token}"));
    let events = scene.programs(&token);
    let file = &events.last().unwrap().file;
    assert_eq!(
        file.flags,
        FileFlags(FileFlags::OVERLAY | FileFlags::UPPER | FileFlags::DELETED)
    );
    assert_eq!((file.links, file.path.escaped()), (0, path.into()));
    assert!(file.writer.is_some());
}

fn volumes_are_other_mounts() {
    let world = World::get();
    for scene in [world.overlay(), world.plain()] {
        let proc = Proc::of(scene.container.first_pid());
        // An act in the read-only folder of what drifts in, through the host's side.
        fs::copy(
            world.image.root().join(&ACT[1..]),
            world.image.payload().join("act"),
        )
        .unwrap();
        for (path, flags) in [
            ("/volume/act", FileFlags::OTHER_MOUNT),
            ("/dev/shm/act", FileFlags::OTHER_MOUNT),
            ("/data/act", FileFlags::OTHER_MOUNT),
            (
                "/payload/act",
                FileFlags::OTHER_MOUNT | FileFlags::READ_ONLY_MOUNT,
            ),
        ] {
            if flags == FileFlags::OTHER_MOUNT {
                scene.act(&format!("copy creat {ACT} {path}"));
            }
            let token = token();
            scene.run_words(&format!("{path} exit 0 {token}"));
            let file = scene.exec(&token).file;
            assert_eq!(
                (file.path.escaped(), file.flags),
                (path.into(), FileFlags(flags))
            );
            assert_file_of(&proc, &file);
            assert_eq!(file.writer.is_some(), flags == FileFlags::OTHER_MOUNT);
        }
    }
}

fn scripts_have_two_names() {
    let scene = World::get().overlay();
    let (path, token) = (format!("/tmp/{}", token()), token());
    scene.shell(&format!(
        "printf '#!/bin/sh\\nexit 0\\n' > {path} && chmod +x {path}"
    ));
    scene.run_words(&format!("env -- {path} {token}"));
    let events = scene.programs(&token);
    let exec = &events[events.len() - 1];
    assert_eq!(
        (exec.filename.escaped(), exec.interpreter.escaped()),
        (path.as_str().into(), "/bin/sh".into())
    );
    let words = ["/bin/sh", &path, &token].map(Into::into);
    assert_eq!(exec.argv, words);
    assert!(exec.base.flags.has(BaseFlags::INTERPRETER));
    assert_ne!(exec.file.path.escaped(), path);
    let proc = Proc::of(scene.container.first_pid());
    assert_file_of(&proc, &exec.file);
}

fn standard_input_of_interpreters() {
    let scene = World::get().overlay();
    let (path, token) = (format!("/tmp/{}", token()), token());
    scene.shell(&format!("echo : > {path}; sh -s {token} < {path}; cat - {token} < {path}; sh -s {token} < /etc/passwd || :"));
    let events = scene.programs(&token);
    let stdin: Vec<_> = events.iter().map(|exec| exec.stdin.clone()).collect();
    let [Some(script), None, None] = &stdin[..] else {
        panic!("{stdin:?}")
    };
    assert_eq!(
        script.flags,
        FileFlags(FileFlags::STDIN | FileFlags::OVERLAY | FileFlags::UPPER)
    );
    assert_eq!(script.path.escaped(), path);
    assert_file_of(&Proc::of(scene.container.first_pid()), script);
}

fn interpreters_are_told_by_name() {
    let scene = World::get().overlay();
    let dir = format!("/tmp/{}", token());
    for (name, expected) in [
        ("python3.11", true),
        ("bash", true),
        ("lua5.4", true),
        ("bashful", false),
        ("cat", false),
        ("3python", false),
    ] {
        let (path, token) = (format!("{dir}/{name}"), token());
        scene.shell(&format!("mkdir -p {dir} && cp {ACT} {path}"));
        scene.run_words(&format!("{path} exit 0 {token}"));
        assert_eq!(
            scene.exec(&token).base.flags.has(BaseFlags::INTERPRETER),
            expected,
            "{name}"
        );
    }
    if scene.container.image().has("busybox") {
        for (called, expected) in [
            ("sh", true),
            ("/opt/applets/ash", true),
            ("cat", false),
            ("/x/sh/true", false),
        ] {
            let token = token();
            let script = format!("exec -a {called} busybox {token}");
            scene.attempt(&["bash", "-c", &script]);
            let exec = scene.exec(&token);
            assert_eq!(
                exec.base.flags.has(BaseFlags::INTERPRETER),
                expected,
                "{called}"
            );
        }
    }
}

fn arguments_are_kept_as_they_are_and_cut() {
    let scene = World::get().overlay();
    let hostile = token();
    scene.run_words(&format!("{ACT} fork hostile {hostile}"));
    let exec = scene.programs(&hostile).pop().unwrap();
    assert!(exec.argv_truncated);
    let words: Vec<&[u8]> = exec.argv.iter().map(|word| word.as_bytes()).collect();
    let fixed: [&[u8]; 7] = [
        b"act",
        b"exit",
        b"0",
        hostile.as_bytes(),
        b"\x1b[2J\n\t\x7f",
        b"\xff\xfe",
        b"",
    ];
    assert_eq!(words[..7], fixed);
    let before: usize = fixed.iter().map(|word| word.len() + 1).sum();
    assert_eq!(words[7..], [&[b'A'; 4096][before..]]);

    let empties = token();
    scene.run_words(&format!("{ACT} empties {empties}"));
    let exec = scene.programs(&empties).pop().unwrap();
    assert_eq!((exec.argv.len(), exec.argv_truncated), (512, true));

    // The kernel gives an empty first argument to a program that is given none.
    let bare = scene.act("fork bare /usr/bin/true");
    let exec = scene.child_of(bare.base.program);
    assert_eq!((exec.argv, exec.argv_truncated), (vec!["".into()], false));
}

fn the_chain_of_programs() {
    let scene = World::get().overlay();
    let token = token();
    // Three programs in one process, then two forks without a program of their own, then a program.
    scene.run_words(&format!(
        "/usr/bin/env /usr/bin/env {ACT} fork fork exec {ACT} exit 0 {token}"
    ));
    let programs = scene.programs(&token);
    let [first, second, third, last] = &programs[..] else {
        panic!("{programs:?}")
    };
    assert_eq!(first.started_from, ProgramKey::default());
    assert_eq!(second.started_from, first.base.program);
    assert_eq!(third.started_from, second.base.program);
    assert_eq!(last.started_from, third.base.program);
    assert_eq!(first.base.process, second.base.process);
    assert_eq!(first.base.process, third.base.process);
    assert_ne!(last.base.process, third.base.process);
    // The process in between never had a program of its own.
    assert_ne!(last.parent, third.base.process);
    assert!(
        last.parent.start_ns > third.base.process.start_ns
            && last.parent.start_ns < last.base.process.start_ns
    );
    assert!(
        programs
            .windows(2)
            .all(|pair| pair[0].base.program.exec_ns < pair[1].base.program.exec_ns)
    );
}

fn a_changed_root_is_told() {
    let scene = World::get().overlay();
    let dir = format!("/tmp/{}", token());
    scene.shell(&format!("mkdir {dir} && cp {ACT} {dir}/act"));
    let token = token();
    scene.run_words(&format!("{ACT} chroot {dir} exec /act exit 0 {token}"));
    let programs = scene.programs(&token);
    let [before, after] = &programs[..] else {
        panic!("{programs:?}")
    };
    assert!(!before.base.flags.has(BaseFlags::CHROOT) && after.base.flags.has(BaseFlags::CHROOT));
    assert_eq!(after.root, before.root);
    assert_eq!(after.filename.escaped(), "/act");
    assert_eq!(after.file.path.escaped(), format!("{dir}/act"));
}

fn deep_folders_hide_nothing() {
    let scene = World::get().overlay();
    // More folders than a walk follows, and more bytes than a path keeps.
    for (folder, depth) in [("d", 70), (&*"long".repeat(60), 6)] {
        let token = token();
        let top = format!("/tmp/{token}");
        let nest = format!("mkdir -p {folder}; cd {folder}");
        let steps = vec![nest; depth].join("; ");
        scene.shell(&format!(
            "mkdir {top}; cd {top}; {steps}; cp {ACT} act; ./act chroot . exec /act exit 0 {token}"
        ));
        let programs = scene.programs(&token);
        let [before, after] = &programs[..] else {
            panic!("{programs:?}")
        };
        for exec in [before, after] {
            assert_eq!(
                (exec.root, exec.base.container),
                (before.root, before.base.container)
            );
            assert!(
                exec.file
                    .flags
                    .has(FileFlags::PATH_TRUNCATED | FileFlags::UPPER)
            );
            let path = exec.file.path.escaped();
            assert!(path.ends_with(&format!("/{folder}/{folder}/act")), "{path}");
        }
        assert!(
            after.base.flags.has(BaseFlags::CHROOT) && after.started_from == before.base.program
        );
    }
}

fn the_hosts_root_is_told() {
    let scene = World::get().start(|options| {
        options.mounts.push(HostMount {
            source: format!("/proc/{}/ns", std::process::id()).into(),
            destination: "/mnt".into(),
            read_only: true,
        });
    });
    let (host, token) = (Proc::of(std::process::id()), token());
    scene.run_words(&format!("{ACT} setns /mnt/mnt exec /bin/true {token}"));
    let programs = scene.programs(&token);
    let [before, after] = &programs[..] else {
        panic!("{programs:?}")
    };
    assert!(
        !before.base.flags.has(BaseFlags::HOST_ROOT) && after.base.flags.has(BaseFlags::HOST_ROOT)
    );
    assert_eq!(after.base.container, before.base.container);
    assert_eq!(after.root, root_of(&host));
    assert_eq!(after.mount_namespace, host.namespace("mnt"));
}

fn the_first_process_and_those_that_come_in() {
    let scene = World::get().start(|_| {});
    let pid = scene.container.first_pid();
    let first = scene
        .observed
        .wait(scene.mark, "first process", |event| match event {
            KernelEvent::Exec(exec) if exec.base.process.pid == pid => Some((**exec).clone()),
            _ => None,
        });
    assert_eq!(first.base.flags, BaseFlags(BaseFlags::INIT));
    assert_eq!(
        (first.inner_pid, first.filename.escaped()),
        (1, "/usr/bin/rehearsal-hold".into())
    );
    assert_eq!(first.started_from, ProgramKey::default());
    let second = scene.act("");
    assert_eq!(second.base.flags, BaseFlags(BaseFlags::ENTERED));
    assert_eq!(second.base.container, first.base.container);
    assert_eq!(second.base.cgroup, first.base.cgroup);
    // By an administrator's way, which leaves the cgroup out.
    let token = token();
    let Some(_) = scene
        .container
        .enter(&[ACT, "exit", "0", &token], TIMEOUT)
        .unwrap()
    else {
        return;
    };
    let third = scene.exec(&token);
    assert_eq!(third.base.flags, BaseFlags(BaseFlags::ENTERED));
    assert_eq!(third.base.container, first.base.container);
    assert_ne!(third.base.cgroup, first.base.cgroup);
}

fn what_ran_before_is_met() {
    let early = &World::get().early;
    let scene = Scene {
        mark: 0,
        ..Scene::of(&early.container)
    };
    let pid = early.container.first_pid();
    let existing = scene.observed.all(0, |event| match event {
        KernelEvent::Exec(exec) if exec.mount_namespace == Proc::of(pid).namespace("mnt") => {
            Some((**exec).clone())
        }
        _ => None,
    });
    let first: Vec<_> = existing
        .iter()
        .filter(|exec| exec.base.process.pid == pid)
        .collect();
    let [first] = first[..] else {
        panic!("met once: {first:?}")
    };
    let proc = Proc::of(pid);
    assert_eq!(
        first.base.flags,
        BaseFlags(BaseFlags::EXISTING | BaseFlags::INIT)
    );
    assert_eq!(first.base.program.exec_ns, first.base.process.start_ns);
    assert!(proc.started_at(first.base.process.start_ns));
    assert_eq!(
        (first.inner_pid, first.argv.len(), first.argv_truncated),
        (1, 0, false)
    );
    assert!(first.filename.is_empty() && first.interpreter.is_empty());
    assert_eq!(
        (first.cwd.escaped(), first.root),
        ("/".into(), root_of(&proc))
    );
    assert_eq!(first.file.path.escaped(), "/usr/bin/rehearsal-hold");
    assert_file_of(&proc, &first.file);
    // The other program that waits in it, and one that comes now, belong to the same container.
    let waiting = existing
        .iter()
        .find(|exec| exec.file.path.escaped() == ACT)
        .unwrap();
    assert_eq!(
        waiting.base.flags,
        BaseFlags(BaseFlags::EXISTING | BaseFlags::ENTERED)
    );
    assert_eq!(waiting.base.container, first.base.container);
    let command =
        fs::read_to_string(format!("/proc/{}/cmdline", waiting.base.process.pid)).unwrap();
    assert!(command.contains(&early.token));
    assert_eq!(scene.act("").base.container, first.base.container);
}

fn the_host_is_not_reported() {
    let scene = World::get().overlay();
    let token = token();
    let act = World::get().image.root().join(&ACT[1..]);
    let status = Command::new(&act)
        .args(["unshare", "0x20000", "fork", "exec"])
        .arg(&act)
        .args(["setuid", "1000", "exit", "0", &token])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(scene.programs(&token), []);
}

fn containers_are_told_apart() {
    let scenes = [World::get().start(|_| {}), World::get().start(|_| {})];
    let keys = scenes.map(|scene| {
        let [one, other] = [scene.act(""), scene.act("fork")];
        assert_eq!(one.base.container, other.base.container);
        one.base.container
    });
    assert_ne!(keys[0], keys[1]);
}

fn a_storm_loses_none() {
    const COUNT: usize = 20_000;
    let scene = World::get().start(|_| {});
    let before = scene.observed.losses_of_rings();
    let storm = scene.act(&format!("storm {COUNT}"));
    let (key, program) = (storm.base.container, storm.base.program);
    let begun = scene.all(|event| {
        matches!(event, KernelEvent::Exec(exec) if exec.started_from == program).then_some(())
    });
    let ended = scene.all(|event| {
        matches!(event, KernelEvent::Exit(exit) if exit.base.container == key).then_some(())
    });
    assert_eq!(scene.observed.losses_of_rings(), before);
    assert_eq!(begun.len(), COUNT);
    // The storm's own end as well.
    assert_eq!(ended.len(), COUNT + 1);
}
