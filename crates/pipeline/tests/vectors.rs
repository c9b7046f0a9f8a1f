//! The ways in which drift comes to run.

use crate::support::*;
use yagura_event::*;

fn vectors(world: &World) -> Vec<DriftVector> {
    let drift = world.alert().drift.as_ref();
    drift.map_or_else(Vec::new, |drift| drift.vectors.clone())
}

#[test]
fn through_the_dynamic_loader() {
    let mut world = World::new();
    let loader = world.run_image(
        200,
        "/lib64/ld-linux-x86-64.so.2",
        &["ld.so", "--library-path", "/l", "./x"],
    );
    let x = world.written_file("/project/x");
    world.map(loader, x.clone());
    assert_eq!(world.out.requests[0].arguments, [Text::from("./x")]);
    world.answer(|_| {});
    assert_eq!(vectors(&world), [DriftVector::Loader, DriftVector::Written]);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().kind,
        DriftKind::Binaries
    );
    // The same program's other segments are the same finding.
    world.map(loader, x);
    assert_eq!(world.out.requests.len(), 1);
}

#[test]
fn the_loaders_libraries_are_libraries() {
    let mut world = World::new();
    let loader = world.run_image(200, "/lib/ld-musl-x86_64.so.1", &["ld", "/bin/ls"]);
    let libc = world.written_file("/tmp/libc.so.6");
    world.map(loader, libc);
    world.answer(|i| i.is_program = true);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().kind,
        DriftKind::Libraries
    );
}

#[test]
fn a_preloaded_library() {
    let mut world = World::new();
    let ls = world.run_image(200, "/bin/ls", &["ls"]);
    let library = world.volume_file("/dev/shm/evil");
    world.map(ls, library);
    world.answer(|i| i.is_program = false);
    assert_eq!(vectors(&world), [DriftVector::Library, DriftVector::Volume]);
    assert_eq!(
        world.alert().title,
        "A drift library was detected executing in the container"
    );
    assert_eq!(
        world.alert().process.as_ref().unwrap().exe,
        Text::from("/bin/ls")
    );
}

#[test]
fn scripts_by_argument_by_first_line_and_by_standard_input() {
    for (argv, filename, path) in [
        (&["sh", "/tmp/x.sh"][..], "/bin/sh", "/tmp/x.sh"),
        (&["sh", "-eux", "x.sh"], "/bin/sh", "/project/x.sh"),
        (
            &["/bin/sh", "./link/x.sh", "a"],
            "./link/x.sh",
            "/real/x.sh",
        ),
        (
            &["sh", "-c", "cd /tmp; . ./x.sh; run"],
            "/bin/sh",
            "/tmp/x.sh",
        ),
    ] {
        let mut world = World::new();
        let sh = world.image_file("/bin/dash");
        let mut exec = world.exec(200, filename, argv, sh);
        exec.interpreter = Text::from("/bin/dash");
        if filename == "/bin/sh" {
            exec.filename = exec.interpreter.clone();
        }
        let program = world.run(exec);
        let script = world.written_file(path);
        world.open(program, script.clone());
        world.answer(text);
        assert_eq!(
            vectors(&world),
            [DriftVector::Script, DriftVector::Written],
            "{argv:?}"
        );
        assert_eq!(world.alert().drift.as_ref().unwrap().path, Text::from(path));
        world.open(program, script);
        assert_eq!(world.out.requests.len(), 1, "once per program and file");
    }
    let mut world = World::new();
    let sh = world.image_file("/bin/bash");
    let mut exec = world.exec(200, "/bin/bash", &["bash"], sh);
    exec.stdin = Some(world.volume_file("/data/x"));
    world.run(exec);
    world.answer(text);
    assert_eq!(vectors(&world), [DriftVector::Script, DriftVector::Volume]);
}

#[test]
fn a_script_that_bash_runs_itself_for_want_of_a_first_line() {
    let mut world = World::new();
    let bash = world.run_image(200, "/bin/bash", &["bash"]);
    let file = world.written_file("/tmp/x");
    let mut event = world.script_event(bash, file);
    event.base.process = ProcessKey {
        pid: 201,
        start_ns: 5,
    };
    world.kernel(KernelEvent::Script(Box::new(event)));
    world.answer(text);
    assert_eq!(vectors(&world), [DriftVector::Script, DriftVector::Written]);
    assert_eq!(world.alert().process.as_ref().unwrap().key.pid, 201);
}

#[test]
fn a_sourced_script_and_a_script_named_by_the_inspector() {
    for (path, argv) in [
        ("/bin/bash", &["bash", "main.sh"][..]),
        ("/usr/bin/python3.11", &["python3", "/proc/self/fd/9"]),
    ] {
        let mut world = World::new();
        let program = world.run_image(200, path, argv);
        let file = world.written_file("/tmp/lib");
        world.open(program, file);
        world.answer(|i| {
            shell_script(i);
            i.named_by_argument = path.contains("python");
        });
        assert!(vectors(&world).contains(&DriftVector::Script));
        assert_eq!(
            vectors(&world).contains(&DriftVector::Descriptor),
            path.contains("python")
        );
    }
}

#[test]
fn put_in_from_outside() {
    let mut world = World::new();
    let sh = world.image_file("/bin/sh");
    let mut exec = world.exec(300, "/bin/sh", &["sh"], sh);
    exec.base.flags = BaseFlags(BaseFlags::ENTERED);
    exec.started_from = ProgramKey::default();
    let sh = world.run(exec);
    let file = world.written_file("/tmp/x");
    let mut exec = world.exec(301, "/tmp/x", &["x"], file);
    exec.started_from = sh;
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        vectors(&world),
        [DriftVector::Written, DriftVector::EnteredExec]
    );
    assert_eq!(world.alert().ancestors.len(), 1);
}

#[test]
fn the_containers_first_process_was_not_put_in() {
    let mut world = World::new();
    let file = world.written_file("/tmp/x");
    let mut exec = world.exec(INIT_PID, "/tmp/x", &["x"], file);
    exec.base.flags = BaseFlags(BaseFlags::ENTERED | BaseFlags::INIT);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(vectors(&world), [DriftVector::Written]);
}

#[test]
fn other_roots_and_mount_namespaces() {
    for case in 0..4 {
        let mut world = World::new();
        let mut file = world.written_file("/tmp/x");
        let mut exec = world.exec(200, "/tmp/x", &["x"], FileFacts::default());
        match case {
            0 => exec.base.flags = BaseFlags(BaseFlags::CHROOT),
            1 => exec.mount_namespace += 1,
            2 => exec.root.ino += 1,
            _ => file.flags.0 |= FileFlags::OTHER_MOUNT,
        }
        exec.file = file;
        world.run(exec);
        world.answer(|_| {});
        assert_eq!(
            vectors(&world),
            [DriftVector::Written, DriftVector::Namespace],
            "{case}"
        );
    }
}

#[test]
fn through_a_descriptor_or_a_link() {
    for filename in ["/proc/self/fd/3", "/dev/fd/3", "/usr/bin/harmless"] {
        let mut world = World::new();
        let file = world.written_file("/tmp/x");
        let exec = world.exec(200, filename, &["x"], file);
        world.run(exec);
        world.answer(|_| {});
        assert_eq!(
            vectors(&world),
            [DriftVector::Written, DriftVector::Descriptor]
        );
    }
}

#[test]
fn deleted_while_it_runs_is_reported_once_more() {
    let mut world = World::new();
    let file = world.written_file("/tmp/x");
    let exec = world.exec(200, "/tmp/x", &["x"], file);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(world.pipeline.stats().watched, 1);
    world.tick(SECOND);
    let request = world.out.requests.last().expect("a second look").clone();
    assert!(request.is_exe);
    world.answer(|_| {});
    world.tick(SECOND);
    world.answer(|i| i.deleted = true);
    assert_eq!(world.out.alerts.len(), 2);
    let (first, second) = (&world.out.alerts[0], &world.out.alerts[1]);
    assert_eq!(
        second.drift.as_ref().unwrap().vectors,
        [DriftVector::Deleted, DriftVector::Written]
    );
    assert_eq!(
        second.drift.as_ref().unwrap().provenance,
        Provenance::Written
    );
    assert_ne!(first.id, second.id);
    assert!(second.time > first.time);
    let asked = world.out.requests.len();
    world.tick(10 * SECOND);
    assert_eq!(world.out.requests.len(), asked);
    assert_eq!(world.pipeline.stats().watched, 0);
}

#[test]
fn a_program_that_ended_is_watched_no_more() {
    let mut world = World::new();
    let file = world.written_file("/tmp/x");
    let exec = world.exec(200, "/tmp/x", &["x"], file);
    world.run(exec);
    world.answer(|_| {});
    world.exit(200);
    world.tick(SECOND);
    assert_eq!(world.out.requests.len(), 1);
    assert_eq!(world.pipeline.stats().watched, 0);
}
