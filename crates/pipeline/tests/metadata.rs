//! Answers that come late, in parts, or never; and what the policy makes of a case.

use crate::support::*;
use yagura_event::*;
use yagura_pipeline::Input;

fn run_written(world: &mut World) {
    let file = world.written_file("/tmp/x");
    let exec = world.exec(200, "/tmp/x", &["x"], file);
    world.run(exec);
}

#[test]
fn late_metadata_is_waited_for() {
    let mut world = World::empty(ALERT_ALL);
    world.start_init();
    run_written(&mut world);
    world.answer(|_| {});
    assert!(world.out.alerts.is_empty());
    world.give(Input::Container(world.fact()));
    // The layers were not known when the file was read first.
    assert_eq!(world.out.requests.len(), 1, "compared already");
    assert_eq!(world.alert().container.as_ref().unwrap().name, "web");
    assert!(world.out.drops.is_empty());
}

#[test]
fn a_file_read_before_the_layers_were_known_is_compared_again() {
    let mut world = World::empty(ALERT_ALL);
    world.start_init();
    run_written(&mut world);
    assert!(world.out.requests[0].layers.is_none());
    world.answer(|i| i.twin = Twin::Unknown);
    world.give(Input::Container(world.fact()));
    assert_eq!(world.out.requests.len(), 2);
    assert!(world.out.requests[1].layers.is_some());
    world.answer(|i| {
        i.sha256 = None;
        i.head.clear();
        i.error = Some(InspectionError::Vanished);
        i.twin = Twin::Different;
    });
    assert_eq!(
        world.alert().drift.as_ref().unwrap().provenance,
        Provenance::Modified
    );
    assert!(
        world.alert().drift.as_ref().unwrap().sha256.is_some(),
        "what was read first stays"
    );
}

#[test]
fn metadata_that_never_comes_is_a_gap() {
    let mut world = World::empty(ALERT_ALL);
    world.start_init();
    run_written(&mut world);
    world.answer(|_| {});
    let deadline = world.pipeline.next_deadline().expect("a deadline");
    world.tick(deadline.0 - world.now - 1);
    assert!(world.out.alerts.is_empty());
    world.tick(1);
    assert_eq!(
        world.alert().container.as_ref().unwrap().id,
        "ns-4026531900"
    );
    assert!(world.alert().gaps.iter().any(|gap| gap.contains("runtime")));
    let timed_out = |drop: &Drop| drop.reason == DropReason::TimedOut;
    assert_eq!(world.out.drops.iter().filter(|d| timed_out(d)).count(), 1);
}

#[test]
fn an_inspection_that_never_comes_is_a_gap() {
    let mut world = World::new();
    run_written(&mut world);
    world.tick(3 * SECOND);
    let alert = world.alert();
    assert_eq!(alert.drift.as_ref().unwrap().sha256, None);
    assert_eq!(
        alert.drift.as_ref().unwrap().sha256_missing,
        Some("reading the file took too long")
    );
    assert!(
        alert
            .gaps
            .iter()
            .any(|gap| gap.contains("reading the file"))
    );
    assert!(alert.gaps.iter().any(|gap| gap.contains("layers")));
    // The answer comes after all.
    world.answer(|_| {});
    assert_eq!(world.out.alerts.len(), 1);
}

#[test]
fn facts_in_parts_and_before_any_event() {
    let mut world = World::empty(ALERT_ALL);
    let whole = world.fact();
    world.give(Input::Container(ContainerFact {
        layers: None,
        users: Vec::new(),
        complete: false,
        ..whole.clone()
    }));
    world.give(Input::Container(ContainerFact {
        container: None,
        ..whole
    }));
    world.start_init();
    run_written(&mut world);
    world.answer(|_| {});
    assert_eq!(
        world.alert().process.as_ref().unwrap().user,
        Some(Text::from("root"))
    );
}

#[test]
fn programs_from_before_the_sensor_are_judged_and_said_to_be() {
    let mut world = World::empty(ALERT_ALL);
    world.pipeline = yagura_pipeline::Pipeline::new(yagura_pipeline::PipelineConfig::new(
        Default::default(),
        policy(ALERT_ALL),
        1,
        std::sync::Arc::new(yagura_rules::RuleSet::empty()),
    ));
    world.give(Input::Clock {
        wall_minus_monotonic_ns: OFFSET,
    });
    // Nothing has told the time yet, and the search comes in the order of the pids: the first process last.
    let file = world.written_file("/tmp/x");
    let mut exec = world.exec(50, "/tmp/x", &["x"], file);
    exec.base.flags = BaseFlags(BaseFlags::EXISTING);
    exec.base.process.start_ns = 900 * SECOND;
    exec.started_from = ProgramKey::default();
    world.run(exec);
    let sh = world.image_file("/bin/sh");
    let mut exec = world.exec(100, "/bin/sh", &["sh"], sh);
    exec.base.flags = BaseFlags(BaseFlags::EXISTING | BaseFlags::INIT);
    exec.base.process.start_ns = 800 * SECOND;
    world.run(exec);
    world.give(Input::Container(world.fact()));
    world.tick(0);
    assert!(
        world.out.alerts.is_empty(),
        "the wait begins with the first tick"
    );
    assert!(world.out.drops.is_empty(), "nothing timed out");
    world.answer(|_| {});
    assert!(
        world
            .alert()
            .explanation
            .contains("already running when the sensor started")
    );
}

#[test]
fn a_program_found_running_whose_exec_was_seen_counts_once() {
    let mut world = World::new();
    let file = world.written_file("/tmp/x");
    let exec = world.exec(200, "/tmp/x", &["x"], file);
    let mut again = exec.clone();
    world.run(exec);
    again.base.flags = BaseFlags(BaseFlags::EXISTING);
    again.base.program.exec_ns = again.base.process.start_ns;
    world.run(again);
    assert_eq!(world.out.requests.len(), 1);
}

#[test]
fn a_script_reported_before_its_interpreters_exec() {
    let mut world = World::new();
    let sh = world.image_file("/bin/dash");
    let exec = world.exec(200, "/bin/dash", &["sh", "/tmp/x"], sh);
    let file = world.written_file("/tmp/x");
    world.open(exec.base.program, file);
    world.answer(text);
    assert!(world.out.alerts.is_empty());
    world.run(exec);
    world.tick(SECOND);
    assert_eq!(
        world.alert().drift.as_ref().unwrap().kind,
        DriftKind::Scripts
    );
}

#[test]
fn rules_ignore_allow_and_cannot_block() {
    let yaml = "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nspec:\n  rules:\n    - name: strict\n      action: block\n      scope:\n        conditions:\n          - field: container-name\n            operator: equals\n            values: [web]\n      allow:\n        - process: ok.exe\n          parent: /bin/sh\n  default: { action: ignore }\n";
    let mut world = World::empty(yaml);
    world.start_box();
    for (pid, path) in [(200, "/tmp/ok.exe"), (201, "/tmp/bad.exe")] {
        let file = world.written_file(path);
        let exec = world.exec(pid, path, &[path], file);
        world.run(exec);
        world.answer(|_| {});
    }
    let alert = world.alert();
    assert_eq!(alert.policy.as_ref().unwrap().action, "block");
    assert_eq!(alert.action, Action::Alerted);
    assert!(alert.gaps.iter().any(|gap| gap.contains("does not block")));
    assert!(alert.title.contains("was detected"));
    let sh = world.last_program(INIT_PID);
    let library = world.written_file("/tmp/l.so");
    world.map(sh, library);
    world.answer(|i| i.is_program = false);
    let rules = world.pipeline.stats().by_rule;
    assert_eq!(
        (rules[&0].alerts, rules[&0].allowed, rules[&0].ignored),
        (1, 1, 0)
    );
    assert_eq!(
        (rules[&1].alerts, rules[&1].ignored),
        (0, 1),
        "libraries are not named by the rule"
    );
}

#[test]
fn a_changed_policy_is_in_force_at_once() {
    let mut world = World::new();
    run_written(&mut world);
    world.give(Input::Policy(
        policy(&ALERT_ALL.replace("alert }", "ignore }")),
        4,
    ));
    world.answer(|_| {});
    assert!(world.out.alerts.is_empty());
}

#[test]
fn a_container_without_layers_yet_is_waited_for_as_long_as_one_without_a_name() {
    let mut world = World::empty(ALERT_ALL);
    world.start_init();
    world.give(Input::Container(ContainerFact {
        layers: None,
        complete: false,
        ..world.fact()
    }));
    run_written(&mut world);
    world.answer(|i| i.twin = Twin::Unknown);
    assert!(world.out.alerts.is_empty());
    world.tick(SECOND);
    assert!(world.alert().gaps.iter().any(|gap| gap.contains("layers")));
}

#[test]
fn of_processes_found_running_the_oldest_shows_the_root() {
    let mut world = World::empty(ALERT_ALL);
    for (pid, start_ns, dev) in [(50, 900, 70), (100, 800, ROOT_DEV), (110, 850, 71)] {
        let mut file = world.image_file("/bin/sh");
        file.key.id.dev = dev;
        let mut exec = world.exec(pid, "/bin/sh", &["sh"], file);
        exec.base.flags = BaseFlags(BaseFlags::EXISTING);
        exec.base.process.start_ns = start_ns;
        exec.root.dev = dev;
        world.run(exec);
    }
    let asked = world.out.requests.len();
    assert_eq!(
        asked, 1,
        "a younger process with a root of its own is not believed"
    );
    world.run_image(200, "/bin/ls", &["ls"]);
    assert_eq!(world.out.requests.len(), asked);
    assert_eq!(world.out.queries.len(), 1);
}
