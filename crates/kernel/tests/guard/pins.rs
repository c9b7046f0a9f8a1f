//! What is in force stays so without the process that put it there, until it is taken away.

use crate::scene::{Scene, World, all_drift};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use yagura_event::{CellAction, EnforcementRow, Membership};
use yagura_kernel::{Guard, GuardBackend};
use yagura_rehearsal::RootKind;

pub(super) const CASES: &[crate::Case] = &[
    ("denial_outlives_its_loader", denial_outlives_its_loader),
    ("release_and_resume", release_and_resume),
    ("nothing_is_left", nothing_is_left),
];

/// Says to this program what it is: a loader that is to be killed, and the folder for its pins.
const HELPER: &str = "YAGURA_GUARD_HELPER";
const DRIFT: &str = "cp /usr/bin/shipped /tmp/x$$ && /tmp/x$$";

pub(super) fn is_helper() -> bool {
    std::env::var_os(HELPER).is_some()
}

/// Puts a row in force by which nothing is denied, and waits for its end.
pub(super) fn help() -> ExitCode {
    let pin_dir = std::env::var_os(HELPER).unwrap();
    let backend = match std::env::var("YAGURA_GUARD_BACKEND").unwrap().as_str() {
        "guard-lsm" => GuardBackend::Lsm,
        _ => GuardBackend::Signal,
    };
    let mut guard = Guard::start(backend, Path::new(&pin_dir)).unwrap();
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let membership = Membership {
        container: yagura_event::ContainerKey(number("YAGURA_GUARD_KEY")),
        cgroup: yagura_event::CgroupId(number("YAGURA_GUARD_CGROUP")),
        mount_namespace: u32::try_from(number("YAGURA_GUARD_NAMESPACE")).unwrap(),
    };
    guard
        .protect(&membership, &all_drift(CellAction::Deny))
        .unwrap();
    println!("in force");
    loop {
        std::thread::park();
    }
}

fn denial_outlives_its_loader() {
    let mut scene = Scene::begin(RootKind::Overlay, &EnforcementRow::default());
    assert!(!scene.shell(DRIFT).stdout.is_empty());
    Guard::remove(&scene.pin_dir).unwrap();
    let mut helper = Command::new(std::env::current_exe().unwrap())
        .env(HELPER, &scene.pin_dir)
        .env("YAGURA_GUARD_BACKEND", World::get().backend.as_str())
        .env("YAGURA_GUARD_KEY", scene.membership.container.0.to_string())
        .env("YAGURA_GUARD_CGROUP", scene.membership.cgroup.0.to_string())
        .env(
            "YAGURA_GUARD_NAMESPACE",
            scene.membership.mount_namespace.to_string(),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(helper.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "in force");
    helper.kill().unwrap();
    helper.wait().unwrap();
    for _ in 0..10 {
        let output = scene.shell(DRIFT);
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    let adopted = Guard::start(World::get().backend, &scene.pin_dir).unwrap();
    assert!(adopted.was_adopted());
    let listed: Vec<_> = adopted
        .list()
        .iter()
        .map(|known| known.membership)
        .collect();
    // What has a cgroup of its own is known by that alone.
    let known = Membership {
        mount_namespace: 0,
        ..scene.membership
    };
    assert_eq!(listed, [known]);
    scene.guard = adopted;
    scene.end();
}

fn release_and_resume() {
    let mut scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
    let container = scene.membership.container;
    let runs = |scene: &Scene| !scene.shell(DRIFT).stdout.is_empty();
    assert!(!runs(&scene));
    scene.guard.release(Some(container)).unwrap();
    assert!(runs(&scene) && scene.guard.list()[0].is_released);
    // A new row does not take back what was done by hand.
    let row = all_drift(CellAction::Deny);
    scene.guard.protect(&scene.membership, &row).unwrap();
    assert!(runs(&scene));
    scene.guard.resume(Some(container)).unwrap();
    assert!(!runs(&scene));
    assert!(Guard::switch_off_pinned(&scene.pin_dir).unwrap());
    assert!(runs(&scene) && !scene.guard.is_on());
    scene.guard.resume(None).unwrap();
    assert!(!runs(&scene));
    scene.end();
}

fn nothing_is_left() {
    let scene = Scene::begin(RootKind::Overlay, &all_drift(CellAction::Deny));
    Guard::remove(&scene.pin_dir).unwrap();
    assert!(!scene.pin_dir.exists());
    assert!(!scene.shell(DRIFT).stdout.is_empty());
    assert!(!Guard::switch_off_pinned(&scene.pin_dir).unwrap());
    scene.container.remove().unwrap();
}
