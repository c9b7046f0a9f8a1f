//! `bpf/programs/map.bpf.c`: files that are not the image's and get mapped executable.

use super::cases;
use crate::proc::{Proc, assert_is_file};
use crate::world::{ACT, Scene, World, meet, token};
use yagura_event::{ExecEvent, FileFacts, FileFlags, KernelEvent, MapEvent};

cases![
    every_call_that_maps,
    every_field_of_a_mapping,
    a_mapping_behind_another_is_seen,
    a_busy_process_hides_nothing,
    the_loader_maps_programs,
    the_loader_maps_libraries,
    what_the_image_has_is_not_told,
    a_deleted_file_is_told,
];

/// Copies an act to a new file of the container; returns its path and who wrote it.
fn written(scene: &Scene) -> (String, ExecEvent) {
    let path = format!("/tmp/{}", token());
    let writer = scene.act(&format!("copy openat {ACT} {path}"));
    (path, writer)
}

/// Mappings of a program's process.
fn mappings(scene: &Scene, exec: &ExecEvent) -> Vec<MapEvent> {
    scene.all(|event| match event {
        KernelEvent::Map(event) if event.base.program == exec.base.program => {
            Some((**event).clone())
        }
        _ => None,
    })
}

/// Mappings of a file by whatever process.
fn mappings_of(scene: &Scene, path: &str) -> Vec<MapEvent> {
    scene.all(|event| match event {
        KernelEvent::Map(event) if event.file.path.escaped() == path => Some((**event).clone()),
        _ => None,
    })
}

fn every_call_that_maps() {
    for scene in [World::get().overlay(), World::get().plain()] {
        let (path, _) = written(&scene);
        for how in ["mmap", "mprotect", "pkey_mprotect"] {
            let exec = scene.act(&format!("map {how} {path}"));
            let told = mappings(&scene, &exec);
            assert_eq!(told.len(), 1, "{how}: {told:?}");
            assert_eq!(told[0].file.path.escaped(), path);
        }
        let exec = scene.act(&format!("map readable {path} map-nothing"));
        assert_eq!(mappings(&scene, &exec), []);
        // READ_IMPLIES_EXEC: reading is enough.
        let exec = scene.act(&format!("personality 0x0400000 map readable {path}"));
        assert_eq!(mappings(&scene, &exec).len(), 1);
    }
}

fn every_field_of_a_mapping() {
    for (scene, flags) in [
        (
            World::get().overlay(),
            FileFlags::OVERLAY | FileFlags::UPPER,
        ),
        (World::get().plain(), FileFlags::BELOW_ROOT),
    ] {
        let (path, writer) = written(&scene);
        let exec = scene.act(&format!("map mmap {path}"));
        let [map] = &mappings(&scene, &exec)[..] else {
            panic!("one mapping")
        };
        let mut base = exec.base;
        base.time = map.base.time;
        assert_eq!(map.base, base);
        assert!(map.base.time > exec.base.time);
        assert_eq!(map.root, exec.root);
        // The overlay's file, not the layer's behind it.
        assert_eq!(
            (map.file.path.escaped(), map.file.flags),
            (path.as_str().into(), FileFlags(flags))
        );
        let proc = Proc::of(scene.container.first_pid());
        assert_is_file(&map.file, &proc.root(&path));
        assert_eq!(map.file.writer.unwrap().program, writer.base.program);
    }
    // A volume's file.
    let scene = World::get().overlay();
    let exec = scene.act("map mprotect /payload/drifted.so");
    let [map] = &mappings(&scene, &exec)[..] else {
        panic!("one mapping")
    };
    assert_eq!(
        map.file.flags,
        FileFlags(FileFlags::OTHER_MOUNT | FileFlags::READ_ONLY_MOUNT)
    );
    assert_eq!(
        (map.file.path.escaped(), map.file.writer),
        ("/payload/drifted.so".into(), None)
    );
}

fn a_mapping_behind_another_is_seen() {
    let scene = World::get().overlay();
    let (path, _) = written(&scene);
    let exec = scene.act(&format!("map-behind {path}"));
    assert_eq!(mappings(&scene, &exec).len(), 1);
}

fn a_busy_process_hides_nothing() {
    const COUNT: usize = 20_000;
    let scene = World::get().overlay();
    let (path, _) = written(&scene);
    let before = scene.observed.losses_of_rings();
    let exec = scene.act(&format!("map-amid-noise {COUNT} {path}"));
    let told = mappings(&scene, &exec);
    assert_eq!(scene.observed.losses_of_rings(), before);
    assert_eq!(told.len(), COUNT);
    let proc = Proc::of(scene.container.first_pid());
    for map in told {
        assert_is_file(&map.file, &proc.root(&path));
    }
}

fn the_loader_maps_programs() {
    for scene in [World::get().overlay(), World::get().plain()] {
        let path = format!("/tmp/{}", token());
        let script =
            format!("cp /payload/drifted-dynamic {path}; [ -z \"$LOADER\" ] || $LOADER {path}");
        scene.shell(&script);
        if scene.container.image().loader().is_some() {
            let told = mappings_of(&scene, &path);
            assert!(!told.is_empty());
            let proc = Proc::of(scene.container.first_pid());
            assert_is_file(&told[0].file, &proc.root(&path));
        }
    }
}

fn the_loader_maps_libraries() {
    let scene = World::get().overlay();
    if scene.container.image().loader().is_none() {
        return;
    }
    let path = format!("/tmp/{}.so", token());
    scene.shell(&format!(
        "cp /payload/drifted.so {path}; LD_PRELOAD={path} cat /dev/null"
    ));
    let told = mappings_of(&scene, &path);
    assert!(!told.is_empty());
    assert_eq!(
        told[0].file.flags,
        FileFlags(FileFlags::OVERLAY | FileFlags::UPPER)
    );
    assert_is_file(
        &told[0].file,
        &Proc::of(scene.container.first_pid()).root(&path),
    );
}

fn what_the_image_has_is_not_told() {
    for scene in [World::get().overlay(), World::get().plain()] {
        let token = token();
        scene.run(&["/bin/sh", "-c", "cat /dev/null; ls / || :", &token]);
        let shell = scene.exec(&token);
        let cat = scene.child_of(shell.base.program);
        assert_eq!(cat.base.container, shell.base.container);
        assert_eq!(mappings(&scene, &shell), []);
        assert_eq!(mappings(&scene, &cat), []);
        let exec = scene.act(&format!(
            "map mmap /usr/lib/shipped/shipped.so map mprotect {ACT}"
        ));
        assert_eq!(mappings(&scene, &exec), []);
    }
}

fn a_deleted_file_is_told() {
    let scene = World::get().overlay();
    let path = "/volume/deleted.so";
    let (fifo, inside) = scene.pipe();
    let token = token();
    // Held open by the shell until it is gone.
    let script = format!(
        "cp /payload/drifted.so {path}; exec 9<{path}; rm {path}; read _ <{inside}; act map mmap /proc/self/fd/9"
    );
    let runner = scene.spawn(&["/bin/sh", "-c", &script, &token]);
    scene.exec(&token);
    drop(meet(&fifo, &runner));
    assert!(runner.join().unwrap().succeeded());
    let deleted: Vec<FileFacts> = mappings_of(&scene, path)
        .into_iter()
        .map(|map| map.file)
        .collect();
    let [file] = &deleted[..] else {
        panic!("{deleted:?}")
    };
    assert_eq!(
        file.flags,
        FileFlags(FileFlags::OTHER_MOUNT | FileFlags::DELETED)
    );
    assert_eq!(file.links, 0);
}
