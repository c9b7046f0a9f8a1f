//! What looks like drift and is none.

use crate::support::*;
use yagura_event::*;

fn quiet(world: &World) {
    assert!(world.out.alerts.is_empty(), "{:#?}", world.out.alerts);
}

#[test]
fn image_programs_by_any_route_are_not_even_read() {
    let mut world = World::new();
    for filename in [
        "/bin/ls",
        "/proc/self/exe",
        "/proc/self/fd/3",
        "/tmp/link",
        "/dev/fd/9",
    ] {
        let file = world.image_file("/bin/busybox");
        let exec = world.exec(200, filename, &["ls"], file);
        world.run(exec);
    }
    // Deleted from the container: the lower layer's file still is the image's.
    let mut file = world.image_file("/bin/ls");
    file.flags.0 |= FileFlags::DELETED;
    let mut exec = world.exec(201, "/proc/self/exe", &["ls"], file);
    exec.base.flags = BaseFlags(BaseFlags::CHROOT | BaseFlags::ENTERED);
    exec.mount_namespace += 1;
    world.run(exec);
    assert!(world.out.requests.is_empty());
    assert_eq!(world.pipeline.stats().image_execs, 7);
    quiet(&world);
}

#[test]
fn a_file_copied_up_by_metadata_alone_is_read_once() {
    let mut world = World::new();
    let file = world.written_file("/bin/ls");
    for pid in [200, 201] {
        let exec = world.exec(pid, "/bin/ls", &["ls"], file.clone());
        world.run(exec);
        if pid == 200 {
            world.answer(|i| i.twin = Twin::Same);
        }
    }
    assert_eq!(world.out.requests.len(), 1);
    assert_eq!(world.out.image_files, [Text::from("/bin/ls")]);
    quiet(&world);
}

#[test]
fn plain_root_metadata_changes_and_copied_back_files() {
    let mut world = World::plain();
    let mut changed = world.image_file("/bin/ls");
    changed.key.ctime_ns = world.wall(world.now);
    let exec = world.exec(200, "/bin/ls", &["ls"], changed);
    world.run(exec);
    world.answer(|i| i.twin = Twin::Same);
    let touched = world.written_file("/bin/ps");
    let exec = world.exec(202, "/bin/ps", &["ps"], touched);
    world.run(exec);
    world.answer(|i| {
        i.twin = Twin::Same;
        i.copy_of = Some(Text::from("/bin/ps"));
    });
    let back = world.written_file("/bin/cat");
    let exec = world.exec(201, "/bin/cat", &["cat"], back);
    world.run(exec);
    world.answer(|i| {
        i.twin = Twin::Different;
        i.copy_of = Some(Text::from("/bin/cat"));
    });
    quiet(&world);
}

#[test]
fn plain_root_old_libraries_and_scripts_are_told_to_the_kernel_side() {
    let mut world = World::plain();
    let ls = world.run_image(200, "/bin/ls", &["ls"]);
    let library = world.image_file("/lib/libc.so.6");
    world.map(ls, library);
    assert_eq!(world.out.image_files, [Text::from("/lib/libc.so.6")]);
    assert!(world.out.requests.is_empty());
}

#[test]
fn the_runtimes_own_stages() {
    let mut world = World::empty(ALERT_ALL);
    let memfd = world.memfd("runc_cloned:/proc/self/exe");
    let mut exec = world.exec(INIT_PID, "/proc/self/fd/6", &["runc", "init"], memfd);
    exec.base.flags = BaseFlags(BaseFlags::RUNTIME_STAGE);
    exec.root = RootId {
        dev: 3,
        ino: 2,
        magic: 0xef53,
    };
    let stage = world.run(exec);
    world.start_box();
    assert_eq!(world.out.queries.len(), 1);
    assert_eq!(world.out.queries[0].root.dev, ROOT_DEV);
    let file = world.written_file("/tmp/x");
    let mut exec = world.exec(200, "/tmp/x", &["x"], file);
    exec.started_from = stage;
    world.run(exec);
    world.answer(|_| {});
    // The stage is no ancestor: it was never in the container.
    assert!(world.alert().ancestors.is_empty());
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vectors,
        [DriftVector::Written]
    );
    assert!(
        world
            .alert()
            .gaps
            .iter()
            .all(|gap| !gap.contains("ancestry"))
    );
}

#[test]
fn the_runtimes_init_program() {
    let mut world = World::new();
    let mut init = world.volume_file("/sbin/docker-init");
    init.magic = 0xef53;
    init.flags = FileFlags(FileFlags::OTHER_MOUNT | FileFlags::READ_ONLY_MOUNT);
    let exec = world.exec(200, "/sbin/docker-init", &["docker-init"], init.clone());
    world.run(exec);
    world.answer(|_| {});
    quiet(&world);
    // Nor does a file that a container wrote pass for it.
    let sh = world.last_program(INIT_PID);
    let written = written_by(init.clone(), sh, world.now);
    let exec = world.exec(202, "/sbin/docker-init", &["docker-init"], written);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Volume
    );
    world.out.alerts.clear();
    // The same path on a writable mount is anybody's.
    init.flags = FileFlags(FileFlags::OTHER_MOUNT);
    let exec = world.exec(201, "/sbin/docker-init", &["docker-init"], init);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Volume
    );
}

#[test]
fn memory_of_just_in_time_compilers() {
    let mut world = World::new();
    let dotnet = world.run_image(200, "/usr/bin/dotnet", &["dotnet"]);
    let memfd = world.memfd("doublemapper");
    world.map(dotnet, memfd);
    world.answer(|i| i.head = vec![0x90; 16]);
    let unread = world.memfd("doublemapper");
    world.map(dotnet, unread);
    world.answer(|i| {
        i.head.clear();
        i.sha256 = None;
        i.error = Some(InspectionError::Vanished);
    });
    quiet(&world);
    assert_eq!(world.pipeline.stats().data_candidates, 2);
}

#[test]
fn data_that_interpreters_read() {
    for (path, argv, opened) in [
        (
            "/usr/bin/python3.11",
            &["python3", "/app/main.py", "/data/in.csv"][..],
            "/data/in.csv",
        ),
        (
            "/usr/bin/python3.11",
            &["python3", "-c", "open('x')"],
            "/project/x",
        ),
        (
            "/usr/bin/awk",
            &["awk", "{print}", "/data/in.csv"],
            "/data/in.csv",
        ),
        (
            "/usr/bin/gawk",
            &["awk", "-f", "/app/prog", "/data/in.csv"],
            "/data/in.csv",
        ),
        (
            "/bin/bash",
            &["bash", "-c", "while read l; do :; done < /data/in"],
            "/data/in",
        ),
        (
            "/usr/bin/perl",
            &["perl", "-ne", "print", "/data/in"],
            "/data/in",
        ),
        ("/bin/busybox", &["cat", "/data/x.sh"], "/data/x.sh"),
        (
            "/bin/busybox",
            &["busybox", "grep", "x", "/data/x.sh"],
            "/data/x.sh",
        ),
    ] {
        let mut world = World::new();
        let program = world.run_image(200, path, argv);
        let file = world.volume_file(opened);
        world.open(program, file);
        if !world.out.requests.is_empty() {
            world.answer(text);
        }
        quiet(&world);
    }
}

#[test]
fn an_applet_in_a_forked_shell_reads_a_script_as_data() {
    let mut world = World::new();
    let sh = world.run_image(200, "/bin/busybox", &["sh"]);
    let file = world.written_file("/tmp/x.sh");
    let mut event = world.script_event(sh, file);
    event.base.process = ProcessKey {
        pid: 201,
        start_ns: 5,
    };
    world.kernel(KernelEvent::Script(Box::new(event)));
    world.answer(shell_script);
    quiet(&world);
}

#[test]
fn a_python_tool_reads_a_shell_script() {
    let mut world = World::new();
    let python = world.run_image(200, "/usr/bin/python3.11", &["python3", "/app/lint.py"]);
    let file = world.written_file("/tmp/x.sh");
    world.open(python, file);
    world.answer(shell_script);
    quiet(&world);
}

#[test]
fn standard_input_is_data_for_an_interpreter_with_a_script() {
    for argv in [&["bash", "/app/run.sh"][..], &["bash", "-c", "cat"]] {
        let mut world = World::new();
        let bash = world.image_file("/bin/bash");
        let mut exec = world.exec(200, "/bin/bash", argv, bash);
        exec.stdin = Some(world.volume_file("/data/in"));
        let bash = world.run(exec);
        let mut file = world.volume_file("/data/in2");
        file.flags.0 |= FileFlags::STDIN;
        world.open(bash, file);
        if !world.out.requests.is_empty() {
            world.answer(text);
        }
        quiet(&world);
    }
}

/// `dpkg -i` of a new version: unpacks, runs maintainer scripts and the tools it replaced.
#[test]
fn a_package_upgrade() {
    let mut world = World::new();
    let apt = world.run_image(150, "/usr/bin/apt-get", &["apt-get", "upgrade"]);
    let dpkg = world.run_image_from(apt, 151, "/usr/bin/dpkg", &["dpkg", "--unpack", "x.deb"]);
    let deb = world.run_image_from(dpkg, 152, "/usr/bin/dpkg-deb", &["dpkg-deb", "--control"]);
    let tar = world.run_image_from(deb, 153, "/bin/tar", &["tar", "-x"]);
    let time = world.now;

    let script = written_by(
        world.written_file("/var/lib/dpkg/tmp.ci/preinst"),
        tar,
        time,
    );
    let sh = world.run_image_from(
        dpkg,
        154,
        "/bin/dash",
        &["/bin/sh", "/var/lib/dpkg/tmp.ci/preinst"],
    );
    world.open(sh, script);
    world.answer(shell_script);

    let tool = written_by(world.written_file("/usr/bin/tool"), dpkg, time);
    let mut exec = world.exec(155, "/usr/bin/tool", &["tool"], tool.clone());
    exec.started_from = sh;
    let tool_program = world.run(exec);
    world.answer(|i| i.twin = Twin::Different);

    let library = written_by(world.written_file("/lib/libx.so.1.2.4"), dpkg, time);
    world.map(tool_program, library);
    world.answer(|i| i.is_program = false);
    quiet(&world);
    assert_eq!(world.pipeline.stats().package_manager_stages, 3);

    // dpkg itself was replaced: the new one still works for the image's apt-get.
    let new_dpkg = written_by(world.written_file("/usr/bin/dpkg"), dpkg, time);
    let mut exec = world.exec(156, "/usr/bin/dpkg", &["dpkg", "--configure"], new_dpkg);
    exec.started_from = apt;
    let new_dpkg = world.run(exec);
    world.answer(|i| i.twin = Twin::Different);
    let script = written_by(
        world.written_file("/var/lib/dpkg/info/x.postinst"),
        new_dpkg,
        world.now,
    );
    let sh = world.run_image_from(
        new_dpkg,
        157,
        "/bin/dash",
        &["sh", "/var/lib/dpkg/info/x.postinst"],
    );
    world.open(sh, script);
    world.answer(shell_script);
    quiet(&world);

    // Later, on its own, the replaced tool is drift.
    let exec = world.exec(200, "/usr/bin/tool", &["tool"], tool);
    world.run(exec);
    world.answer(|i| i.twin = Twin::Different);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::PackageManager
    );
}

#[test]
fn what_a_shell_below_a_package_manager_writes_is_not_its_work() {
    let mut world = World::new();
    let apt = world.run_image(
        150,
        "/usr/bin/apt-get",
        &["apt-get", "-o", "APT::Update::Pre-Invoke::=x"],
    );
    let sh = world.run_image_from(
        apt,
        151,
        "/bin/dash",
        &["sh", "-c", "echo id > /tmp/x; sh /tmp/x"],
    );
    let time = world.now;
    let script = written_by(world.written_file("/tmp/x"), sh, time);
    let inner = world.run_image_from(sh, 152, "/bin/dash", &["sh", "/tmp/x"]);
    world.open(inner, script);
    world.answer(text);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().kind,
        DriftKind::Scripts
    );
}

#[test]
fn a_new_program_below_a_package_manager_is_reported() {
    let mut world = World::new();
    let dpkg = world.run_image(150, "/usr/bin/dpkg", &["dpkg", "-i", "evil.deb"]);
    let time = world.now;
    let file = written_by(world.written_file("/usr/bin/evil"), dpkg, time);
    let mut exec = world.exec(151, "/usr/bin/evil", &["evil"], file);
    exec.started_from = dpkg;
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::PackageManager
    );
}

#[test]
fn a_rule_that_names_package_managers_reports_their_stages_too() {
    let mut world = World::empty(
        "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n    - name: strict\n      action: alert\n      kinds: [scripts]\n      provenances: [package-manager]\n  default: { action: ignore }\n",
    );
    world.start_box();
    let dpkg = world.run_image(150, "/usr/bin/dpkg", &["dpkg"]);
    let time = world.now;
    let script = written_by(
        world.written_file("/var/lib/dpkg/info/x.postinst"),
        dpkg,
        time,
    );
    let sh = world.run_image_from(
        dpkg,
        151,
        "/bin/dash",
        &["sh", "/var/lib/dpkg/info/x.postinst"],
    );
    world.open(sh, script);
    world.answer(shell_script);
    assert_eq!(world.alert().policy.as_ref().unwrap().rule, "strict");
}

#[test]
fn processes_in_no_container() {
    let mut world = World::empty(ALERT_ALL);
    world.start_init();
    let file = world.written_file("/tmp/x");
    let exec = world.exec(200, "/tmp/x", &["x"], file.clone());
    world.run(exec);
    world.give(yagura_pipeline::Input::Container(ContainerFact {
        container: None,
        ..world.fact()
    }));
    world.answer(|_| {});
    let exec = world.exec(201, "/tmp/x", &["x"], file);
    world.run(exec);
    world.tick(10 * SECOND);
    quiet(&world);
    assert_eq!(world.out.requests.len(), 1);
    assert_eq!(world.pipeline.stats().pending, 0);
}

#[test]
fn plain_root_in_a_nested_sandbox_with_a_root_of_its_own() {
    for (twin, alerts) in [(Twin::Same, 0), (Twin::Absent, 1)] {
        let mut world = World::plain();
        let file = world.image_file("/usr/bin/tool");
        let mut exec = world.exec(200, "/usr/bin/tool", &["tool"], file);
        exec.root.ino += 1;
        world.run(exec);
        world.answer(|i| i.twin = twin);
        assert_eq!(world.out.alerts.len(), alerts, "{twin:?}");
    }
}
