//! What processes were kept from.

use crate::support::*;
use yagura_event::*;
use yagura_pipeline::Input;

fn rule() -> DenialRule {
    DenialRule {
        name: "No drift here".to_owned(),
        index: 2,
        version: 9,
        blocks: true,
    }
}

fn denial(world: &mut World, pid: u32, denied: Denied, outcome: DenialOutcome) -> DenialEvent {
    let base = world.base(pid);
    DenialEvent {
        base: Base {
            program: ProgramKey::default(),
            ..base
        },
        denied,
        outcome,
        means: EnforcementMeans::BpfLsm,
        rule: 1,
        name: Text::from("sh"),
        exe: Text::from("/bin/sh"),
        file: None,
        target: Text::default(),
    }
}

fn drift(world: &mut World, pid: u32, file: FileFacts, outcome: DenialOutcome) -> DenialEvent {
    let denied = Denied::Drift(DriftKind::Binaries, OriginClass::Layer);
    DenialEvent {
        file: Some(file),
        ..denial(world, pid, denied, outcome)
    }
}

fn give(world: &mut World, event: DenialEvent) {
    world.give(Input::Denied(Box::new(event), Some(rule())));
}

#[test]
fn a_blocked_program_is_told_of_with_its_file_and_rule() {
    let mut world = World::new();
    world.run_image(200, "/bin/sh", &["sh"]);
    let file = world.written_file("/tmp/x");
    let event = drift(&mut world, 200, file, DenialOutcome::Blocked);
    give(&mut world, event);
    assert!(!world.out.requests[0].is_exe);
    world.answer(|_| {});
    let alert = world.alert();
    assert!(
        alert.title.starts_with("Blocked binary drift"),
        "{}",
        alert.title
    );
    assert_eq!(
        (alert.action, alert.status),
        (Action::Blocked, AlertStatus::AutoBlocked)
    );
    let policy = alert.policy.as_ref().unwrap();
    assert_eq!(
        (policy.rule.as_str(), policy.version, policy.action),
        ("No drift here", 9, "block")
    );
    let evidence = alert.drift.as_ref().unwrap();
    assert_eq!(
        (evidence.path.clone(), evidence.provenance),
        (Text::from("/tmp/x"), Provenance::Written)
    );
    assert_eq!(alert.process.as_ref().unwrap().exe, Text::from("/bin/sh"));
    assert!(
        alert
            .explanation
            .contains("in the kernel, before it took effect")
    );
}

#[test]
fn a_killed_program_is_told_of_once_whichever_record_comes_first() {
    for denial_first in [true, false] {
        let mut world = World::new();
        let file = world.written_file("/tmp/x");
        let exec = world.exec(200, "/tmp/x", &["x"], file.clone());
        let event = drift(&mut world, 200, file, DenialOutcome::Killed);
        if denial_first {
            give(&mut world, event);
            world.run(exec);
        } else {
            world.run(exec);
            give(&mut world, event);
        }
        world.answer(|_| {});
        world.tick(3 * SECOND);
        assert_eq!(world.out.alerts.len(), 1, "denial first: {denial_first}");
        assert_eq!(world.alert().action, Action::Killed);
    }
}

#[test]
fn a_file_that_is_the_images_after_all_may_run_from_then_on() {
    let mut world = World::new();
    let file = world.written_file("/bin/ls");
    let event = drift(&mut world, INIT_PID, file, DenialOutcome::Blocked);
    give(&mut world, event);
    world.answer(|i| i.twin = Twin::Same);
    assert!(world.out.alerts.is_empty());
    assert_eq!(world.out.let_run, [Text::from("/bin/ls")]);
    assert_eq!(world.pipeline.stats().denied_image_files, 1);
}

#[test]
fn a_file_allowed_by_its_content_is_told_of_and_may_run_from_then_on() {
    let digest = "ab".repeat(32);
    let mut world = World::empty(&format!(
        "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n    - name: r\n      action: block\n      allow: [{{ process: 'sha256:{digest}' }}]\n  default: {{ action: block }}\n"
    ));
    world.start_box();
    let file = world.written_file("/tmp/x");
    let event = drift(&mut world, INIT_PID, file, DenialOutcome::Blocked);
    give(&mut world, event);
    world.answer(|i| i.sha256 = Some(Sha256([0xab; 32])));
    assert_eq!(world.out.let_run, [Text::from("/tmp/x")]);
    assert_eq!(world.alert().action, Action::Blocked);
    assert!(
        world
            .alert()
            .gaps
            .iter()
            .any(|gap| gap.contains("allow list"))
    );
}

#[test]
fn a_behaviour_is_told_of_once_with_a_count() {
    let mut world = World::new();
    world.run_image(200, "/usr/bin/mount", &["mount"]);
    for _ in 0..3 {
        let denied = Denied::Behaviour(Behaviour::Mount);
        let mut event = denial(&mut world, 200, denied, DenialOutcome::Blocked);
        event.target = Text::from("cgroup\n");
        give(&mut world, event);
    }
    let alert = world.alert().clone();
    assert_eq!(
        (alert.category, alert.severity),
        (Category::Escape, Severity::Urgent)
    );
    assert_eq!(
        (alert.rule.as_ref(), alert.action),
        ("No drift here", Action::Blocked)
    );
    assert_eq!(
        alert.process.as_ref().unwrap().exe,
        Text::from("/usr/bin/mount")
    );
    assert!(
        alert.explanation.contains("cgroup\\n"),
        "{}",
        alert.explanation
    );
    world.tick(61 * SECOND);
    assert_eq!(world.out.alerts.len(), 2);
    assert_eq!(
        (world.out.alerts[1].id.clone(), world.out.alerts[1].count),
        (alert.id, 3)
    );
}

#[test]
fn a_rule_that_watches_is_suspicious_and_done_nothing_about() {
    let mut world = World::new();
    let denied = Denied::Behaviour(Behaviour::CorePattern);
    let event = denial(&mut world, INIT_PID, denied, DenialOutcome::Watched);
    give(&mut world, event);
    let alert = world.alert();
    assert_eq!(
        (alert.severity, alert.action),
        (Severity::Suspicious, Action::Alerted)
    );
    assert_eq!(alert.status, AlertStatus::Unhandled);
}

#[test]
fn the_sink_learns_how_a_containers_processes_are_known() {
    let world = World::new();
    let (membership, name) = world.out.containers.last().unwrap();
    assert_eq!(
        (membership.container, membership.cgroup),
        (BOX, CgroupId(9))
    );
    assert_eq!(
        (membership.mount_namespace, name.as_deref()),
        (4_026_531_900, Some("web"))
    );
    assert_eq!(world.out.containers[0].1, None);
}
