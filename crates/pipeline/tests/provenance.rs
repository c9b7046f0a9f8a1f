//! Where files come from.

use crate::support::*;
use yagura_event::*;

fn run_written(world: &mut World, path: &str) -> ProgramKey {
    let file = world.written_file(path);
    let exec = world.exec(200, path, &[path], file);
    world.run(exec)
}

#[test]
fn a_written_program_is_reported_with_everything() {
    let mut world = World::new();
    let curl = world.run_image(150, "/usr/bin/curl", &["curl", "-o", "/tmp/x"]);
    let time = world.now;
    let file = world.written_file("/tmp/x");
    let exec = world.exec(
        200,
        "/tmp/x",
        &["/tmp/x", "--now"],
        written_by(file, curl, time),
    );
    world.run(exec);
    world.answer(|_| {});
    let alert = world.alert();
    assert_eq!(
        alert.title,
        "A drift binary was detected executing in the container"
    );
    assert_eq!(alert.severity, Severity::Urgent);
    assert_eq!(alert.key, "drift.binary");
    assert_eq!(alert.id.len(), 32);
    assert_eq!(
        alert.drift.as_ref().unwrap().vectors,
        [DriftVector::Written]
    );
    assert_eq!(
        alert.drift.as_ref().unwrap().provenance,
        Provenance::Written
    );
    assert_eq!(alert.drift.as_ref().unwrap().path, Text::from("/tmp/x"));
    assert_eq!(alert.drift.as_ref().unwrap().sha256, Some(Sha256([7; 32])));
    assert_eq!(alert.container.as_ref().unwrap().name, "web");
    assert_eq!(
        alert.process.as_ref().unwrap().user,
        Some(Text::from("root"))
    );
    assert_eq!(
        alert.process.as_ref().unwrap().argv,
        [Text::from("/tmp/x"), Text::from("--now")]
    );
    assert_eq!(
        alert.process.as_ref().unwrap().start_time,
        WallTime(200_000 + OFFSET)
    );
    assert_eq!(alert.ancestors.len(), 1);
    assert_eq!(alert.ancestors[0].exe, Text::from("/bin/sh"));
    let writer = alert
        .drift
        .as_ref()
        .unwrap()
        .written_by
        .as_ref()
        .expect("a writer");
    assert_eq!(writer.how, WrittenHow::Downloaded);
    assert_eq!(writer.process.exe, Text::from("/usr/bin/curl"));
    assert_eq!(
        alert.policy.as_ref().unwrap().rule,
        "Default binary drift rule"
    );
    assert_eq!(alert.policy.as_ref().unwrap().version, 3);
    assert!(alert.gaps.is_empty(), "{:?}", alert.gaps);
    expect_test::expect![[r#"/tmp/x ran in container web (image nginx:1.27) as process 200 by user root. It is not of the image: it stands on the container's own layer (overlay upper directory), written after the container began. /usr/bin/curl (process 150) opened it for writing 1 ms before: it was downloaded. Rule "Default binary drift rule" (number 1 of policy version 3) says alert."#]]
    .assert_eq(&alert.explanation);
}

#[test]
fn a_replaced_image_file_is_modified() {
    let mut world = World::new();
    run_written(&mut world, "/bin/ls");
    world.answer(|i| i.twin = Twin::Different);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Modified
    );
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vector,
        DriftVector::Modified
    );
    assert_eq!(
        world.alert().drift.as_ref().unwrap().image_path,
        Some(Text::from("/bin/ls"))
    );
}

#[test]
fn a_copy_of_an_image_file_is_copied() {
    let mut world = World::new();
    run_written(&mut world, "/tmp/ls");
    world.answer(|i| i.copy_of = Some(Text::from("/bin/ls")));
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vectors,
        [DriftVector::Copied]
    );
    assert_eq!(
        world.alert().drift.as_ref().unwrap().image_path,
        Some(Text::from("/bin/ls"))
    );
}

#[test]
fn a_file_on_a_volume_stays_volume_even_as_a_copy() {
    let mut world = World::new();
    let file = world.volume_file("/data/ls");
    let exec = world.exec(200, "/data/ls", &["ls"], file);
    world.run(exec);
    world.answer(|i| i.copy_of = Some(Text::from("/bin/ls")));
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vectors,
        [DriftVector::Volume]
    );
    assert_eq!(world.alert().drift.as_ref().unwrap().layer, "a tmpfs mount");
    assert!(world.alert().drift.as_ref().unwrap().sha256.is_some());
}

#[test]
fn a_memory_file_is_memfd_and_its_name_is_no_path() {
    let mut world = World::new();
    let file = world.memfd("/usr/bin/ls");
    let exec = world.exec(200, "/proc/self/fd/3", &["ls"], file);
    world.run(exec);
    world.answer(|_| {});
    let alert = world.alert();
    assert_eq!(
        alert.drift.as_ref().unwrap().vectors,
        [DriftVector::Memfd, DriftVector::Descriptor]
    );
    assert_eq!(
        alert.drift.as_ref().unwrap().path,
        Text::from("memfd:/usr/bin/ls")
    );
}

#[test]
fn a_deleted_file_is_deleted() {
    let mut world = World::new();
    let mut file = world.written_file("/tmp/x");
    file.flags.0 |= FileFlags::DELETED;
    let exec = world.exec(200, "/proc/self/fd/3", &["x"], file);
    world.run(exec);
    world.answer(|i| i.deleted = true);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vector,
        DriftVector::Deleted
    );
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Deleted
    );
}

#[test]
fn a_package_managers_file_run_later_is_reported_as_such() {
    let mut world = World::new();
    let dpkg = world.run_image(150, "/usr/bin/dpkg", &["dpkg", "-i", "ls.deb"]);
    let time = world.now;
    world.exit(150);
    let file = world.written_file("/bin/ls");
    let exec = world.exec(200, "/bin/ls", &["ls"], written_by(file, dpkg, time));
    world.run(exec);
    world.answer(|i| i.twin = Twin::Different);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::PackageManager
    );
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vector,
        DriftVector::Modified
    );
}

#[test]
fn a_program_that_only_bears_a_package_managers_name_is_none() {
    let mut world = World::new();
    let file = world.written_file("/tmp/dpkg");
    let exec = world.exec(150, "/tmp/dpkg", &["dpkg"], file);
    let fake = world.run(exec);
    world.answer(|_| {});
    let time = world.now;
    let file = world.written_file("/tmp/y");
    let mut exec = world.exec(200, "/tmp/y", &["y"], written_by(file, fake, time));
    exec.started_from = fake;
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        world.out.alerts[1].drift.as_ref().unwrap().provenance,
        Provenance::Written
    );
}

#[test]
fn a_package_manager_with_a_foreign_library_is_none() {
    let mut world = World::new();
    let dpkg = world.run_image(150, "/usr/bin/dpkg", &["dpkg"]);
    let library = world.written_file("/tmp/evil.so");
    world.map(dpkg, library);
    world.answer(|i| i.is_program = false);
    let time = world.now;
    let script = written_by(world.written_file("/tmp/s"), dpkg, time);
    let sh = world.run_image_from(dpkg, 200, "/bin/sh", &["sh", "/tmp/s"]);
    world.open(sh, script);
    world.answer(shell_script);
    assert_eq!(
        world.out.alerts[1].drift.as_ref().unwrap().provenance,
        Provenance::Written
    );
}

#[test]
fn plain_root_old_files_are_the_images_and_new_ones_are_not() {
    let mut world = World::plain();
    world.run_image(200, "/bin/ls", &["ls"]);
    assert!(world.out.requests.is_empty());
    run_written(&mut world, "/tmp/x");
    world.answer(|_| {});
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Written
    );
    assert_eq!(
        world.alert().drift.as_ref().unwrap().layer,
        "the container's root directory"
    );
}

#[test]
fn plain_root_an_old_date_does_not_hide_a_seen_write() {
    let mut world = World::plain();
    let sh = world.last_program(INIT_PID);
    let mut file = world.image_file("/bin/ls");
    let ctime = file.key.ctime_ns;
    file = written_by(file, sh, world.now);
    let exec = world.exec(200, "/bin/ls", &["ls"], file.clone());
    world.run(exec);
    world.answer(|i| i.twin = Twin::Same);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Modified
    );
    assert_eq!(file.key.ctime_ns, ctime);
}

#[test]
fn plain_root_a_renamed_file_is_copied_and_a_replaced_one_modified() {
    let mut world = World::plain();
    let mut file = world.image_file("/tmp/ls");
    file.key.ctime_ns = world.wall(world.now);
    let exec = world.exec(200, "/tmp/ls", &["ls"], file);
    world.run(exec);
    world.answer(|i| i.copy_of = Some(Text::from("/bin/ls")));
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Copied
    );
    world.out.alerts.clear();
    run_written(&mut world, "/bin/cat");
    world.answer(|i| i.twin = Twin::Different);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Modified
    );
}

#[test]
fn plain_root_a_file_beside_the_root_is_a_volume() {
    let mut world = World::plain();
    let mut file = world.image_file("/data/tool");
    file.flags = FileFlags(FileFlags::OTHER_MOUNT);
    let exec = world.exec(200, "/data/tool", &["tool"], file);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        world.alert().drift.as_ref().unwrap().vectors,
        [DriftVector::Volume]
    );
}

#[test]
fn with_the_hosts_root_a_file_is_the_hosts() {
    for mut world in [World::new(), World::plain()] {
        let mut file = world.image_file("/usr/bin/id");
        file.key.id.dev = ROOT_DEV + 1;
        let mut exec = world.exec(200, "/usr/bin/id", &["id"], file);
        exec.base.flags = BaseFlags(BaseFlags::HOST_ROOT);
        exec.root = RootId {
            dev: ROOT_DEV + 1,
            ino: 2,
            magic: 0xef53,
        };
        world.run(exec);
        world.answer(|_| {});
        assert_eq!(
            world.alert().drift.as_ref().unwrap().provenance,
            Provenance::Volume
        );
        assert_eq!(
            world.alert().drift.as_ref().unwrap().vector,
            DriftVector::Namespace
        );
        assert!(world.alert().explanation.contains("the host's file"));
    }
}

#[test]
fn plain_root_the_same_inode_with_new_content_is_modified() {
    let mut world = World::plain();
    run_written(&mut world, "/bin/ls");
    world.answer(|i| i.twin = Twin::Same);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Modified
    );
}

#[test]
fn plain_root_a_coarse_file_clock_hides_no_early_write() {
    let mut world = World::plain();
    let began = world.last_program(INIT_PID).exec_ns;
    let mut file = world.image_file("/tmp/x");
    file.key.ctime_ns = world.wall(began - 4_000_000);
    file.mtime_ns = file.key.ctime_ns;
    let exec = world.exec(200, "/tmp/x", &["x"], file);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Written
    );
}

#[test]
fn a_writer_in_another_container_is_named_without_this_ones_users() {
    let mut world = World::new();
    let file = world.image_file("/bin/cp");
    let mut exec = world.exec(150, "/bin/cp", &["cp"], file);
    exec.base.container = ContainerKey(8);
    let cp = world.run(exec);
    let file = written_by(world.volume_file("/shared/x"), cp, world.now);
    let exec = world.exec(200, "/shared/x", &["x"], file);
    world.run(exec);
    world.answer(|_| {});
    let alert = world.alert();
    let writer = alert
        .drift
        .as_ref()
        .unwrap()
        .written_by
        .as_ref()
        .expect("a writer");
    assert_eq!(writer.process.exe, Text::from("/bin/cp"));
    assert_eq!(writer.process.user, None);
    assert_eq!(
        alert.process.as_ref().unwrap().user,
        Some(Text::from("root"))
    );
}
