//! Floods, reuse of pids, hostile texts, and determinism.

use crate::support::*;
use yagura_event::*;
use yagura_pipeline::Input;

#[test]
fn a_pid_is_never_taken_for_its_successor() {
    let mut world = World::new();
    let old = world.run_image(150, "/usr/bin/curl", &["curl"]);
    let time = world.now;
    // The exit was lost; the pid comes back with another start.
    let sh = world.image_file("/bin/sh");
    let mut exec = world.exec(150, "/bin/sh", &["sh"], sh);
    exec.base.process.start_ns += 1;
    world.run(exec);
    let file = written_by(world.written_file("/tmp/x"), old, time);
    let exec = world.exec(200, "/tmp/x", &["x"], file);
    world.run(exec);
    world.answer(|_| {});
    let writer = world
        .alert()
        .drift
        .as_ref()
        .unwrap()
        .written_by
        .as_ref()
        .expect("a writer");
    assert_eq!(writer.process.exe, Text::from("/usr/bin/curl"));
    // Late news of the old process does not touch the new one.
    let mut base = world.base(150);
    base.process.start_ns = 150_000;
    world.kernel(KernelEvent::Exit(ExitEvent { base, status: 0 }));
    assert_eq!(world.pipeline.stats().programs, 4);
}

#[test]
fn the_process_table_is_bounded_and_counts_what_it_forgets() {
    let mut world = World::new();
    for _ in 0..40_000 {
        world.run_image(200, "/bin/true", &["true"]);
    }
    let stats = world.pipeline.stats();
    assert_eq!(stats.programs, 32_768);
    assert_eq!(stats.losses.total(), 40_001 - 32_768);
    // The container's first program still runs, so it is still an ancestor.
    let file = world.written_file("/tmp/x");
    let exec = world.exec(300, "/tmp/x", &["x"], file);
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(world.alert().ancestors.len(), 1);
}

#[test]
fn ten_thousand_containers_leave_nothing_behind() {
    let mut world = World::empty(ALERT_ALL);
    for number in 0..10_000_u32 {
        let key = ContainerKey(1000 + u64::from(number));
        let file = world.image_file("/bin/sh");
        let mut exec = world.exec(number + 10, "/bin/sh", &["sh"], file);
        exec.base.container = key;
        world.run(exec);
        let mut base = world.base(number + 10);
        base.container = key;
        world.kernel(KernelEvent::Exit(ExitEvent { base, status: 0 }));
        assert!(world.pipeline.stats().containers <= 4096);
        if number % 50 == 0 {
            world.tick(SECOND / 2);
        }
    }
    assert_eq!(world.out.queries.len(), 10_000);
    world.tick(61 * SECOND);
    let stats = world.pipeline.stats();
    assert_eq!((stats.containers, stats.programs), (0, 0));
    assert_eq!(world.pipeline.next_deadline(), None);
}

#[test]
fn a_storm_of_containers_makes_room_without_a_tick() {
    let mut world = World::empty(ALERT_ALL);
    for number in 0..9_000_u32 {
        let file = world.image_file("/bin/sh");
        let mut exec = world.exec(number + 10, "/bin/sh", &["sh"], file);
        exec.base.container = ContainerKey(1000 + u64::from(number));
        world.run(exec);
    }
    let stats = world.pipeline.stats();
    assert!((4_000..=4096).contains(&stats.containers));
    assert_eq!(stats.losses.total(), 9_000 - stats.containers as u64);
}

#[test]
fn too_many_findings_at_once_are_judged_early() {
    let mut world = World::new();
    for pid in 200..200 + 4_100 {
        let file = world.written_file("/tmp/x");
        let exec = world.exec(pid, "/tmp/x", &["x"], file);
        world.run(exec);
    }
    assert_eq!(world.pipeline.stats().pending, 4096);
    assert_eq!(world.out.alerts.len(), 4);
    assert!(!world.out.alerts[0].gaps.is_empty());
    world.tick(5 * SECOND);
    assert_eq!(world.out.alerts.len(), 4_100);
}

#[test]
fn hostile_texts_are_bounded_and_escaped() {
    let mut world = World::new();
    let evil = "/tmp/\u{202e}\x1b[2J".to_owned() + &"A".repeat(70_000);
    let file = world.written_file(&evil);
    let mut exec = world.exec(200, &evil, &[&evil, "\n{\"json\":1}"], file);
    exec.argv.push(Text(vec![0xff, 0, b'x']));
    exec.cwd = Text::from(evil.as_str());
    world.run(exec);
    world.answer(|i| i.copy_of = Some(Text::from(&evil[1..])));
    let alert = world.alert();
    assert!(
        alert
            .explanation
            .chars()
            .all(|c| !c.is_control() && c != '\u{202e}')
    );
    assert!(alert.explanation.len() < 4_000);
    assert!(alert.drift.as_ref().unwrap().path.as_bytes().len() <= 4_200);
    assert!(
        alert
            .process
            .as_ref()
            .unwrap()
            .argv
            .iter()
            .map(|arg| arg.0.len())
            .sum::<usize>()
            <= 1024
    );
    assert!(alert.process.as_ref().unwrap().argv_truncated);
}

#[test]
fn ancestors_in_a_circle_end() {
    let mut world = World::new();
    let one = world.run_image(150, "/bin/sh", &["a"]);
    let two = world.run_image_from(one, 151, "/bin/sh", &["b"]);
    let file = world.image_file("/bin/sh");
    let mut exec = world.exec(150, "/bin/sh", &["a"], file);
    exec.base.program = one;
    exec.started_from = two;
    world.run(exec);
    let file = world.written_file("/tmp/x");
    let mut exec = world.exec(200, "/tmp/x", &["x"], file);
    exec.started_from = two;
    world.run(exec);
    world.answer(|_| {});
    assert_eq!(world.alert().ancestors.len(), 2);
    assert!(
        world
            .alert()
            .gaps
            .iter()
            .any(|gap| gap.contains("ancestry"))
    );
}

#[test]
fn losses_of_the_kernel_side_are_handed_on() {
    let mut world = World::new();
    let dropped = Drop {
        place: DropPlace::ExecRing,
        reason: DropReason::Full,
        count: 3,
    };
    world.kernel(KernelEvent::Loss(LossEvent {
        time: MonotonicNs(1),
        dropped,
    }));
    assert_eq!(world.out.drops, [dropped]);
    assert_eq!(world.pipeline.stats().losses.total(), 3);
}

#[test]
fn the_same_input_gives_the_same_alerts() {
    let run = || {
        let mut world = World::new();
        for pid in 200..260 {
            let file = match pid % 3 {
                0 => world.written_file("/tmp/x"),
                1 => world.volume_file("/data/y"),
                _ => world.memfd("z"),
            };
            let exec = world.exec(pid, "/tmp/x", &["x"], file);
            world.run(exec);
        }
        for token in (1..=60).rev().step_by(2) {
            world.answer_token(token, |i| i.copy_of = Some(Text::from("/bin/ls")));
        }
        for _ in 0..8 {
            world.tick(SECOND / 2);
        }
        world.give(Input::Container(world.fact()));
        assert_eq!(world.out.alerts.len(), 60);
        world.out
    };
    let (first, second) = (run(), run());
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
    let mut ids: Vec<_> = first.alerts.iter().map(|alert| &alert.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 60, "no two findings share an id");
}
