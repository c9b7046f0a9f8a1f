//! Every case runs, and what should have run says so itself.

use crate::{AnyError, image, options, prefix};
use libtest_mimic::Trial;
use std::time::Duration;
use yagura_event::DriftVector;
use yagura_rehearsal::drift::{self, BENIGN, CASES, DriftCase};
use yagura_rehearsal::{
    ContainerOptions, DriftOutcome, Exit, ForbiddenAction, ForbiddenCalls, HostMount, Privileges,
    Rehearsed, RootKind, RuntimeProgram, ThrowAwayContainer, rehearse, rehearse_benign,
};

const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) fn trials(runtime: &RuntimeProgram, root: RootKind) -> Vec<Trial> {
    let prefix = prefix(runtime, root);
    let mut trials = Vec::new();
    for (vector, cases) in DriftVector::ALL.into_iter().zip(CASES) {
        let options = options(runtime, root);
        let name = format!("{prefix}::drift::{vector}");
        trials.push(Trial::test(name, move || Ok(every_case(cases, &options)?)));
    }
    let trial = |name: &str, test: fn(&ContainerOptions) -> Result<(), AnyError>| {
        let options = options(runtime, root);
        Trial::test(format!("{prefix}::{name}"), move || Ok(test(&options)?))
    };
    trials.extend([
        trial("benign", every_benign_case),
        trial("all_in_one_container", all_in_one_container),
        trial("lacking_privileges_are_told", lacking_privileges),
        trial("what_is_refused_leaves_no_marker", refused),
        trial("what_is_stopped_is_told", stopped),
        trial("a_first_process_of_choice", first_process),
        trial("options_arrive", options_arrive),
    ]);
    trials
}

fn every_case(cases: &'static [DriftCase], options: &ContainerOptions) -> Result<(), AnyError> {
    let container = ThrowAwayContainer::start(&image(), options)?;
    check(cases.iter().map(|case| rehearse(case, &container)))?;
    Ok(container.remove()?)
}

fn every_benign_case(options: &ContainerOptions) -> Result<(), AnyError> {
    let container = ThrowAwayContainer::start(&image(), options)?;
    check(BENIGN.iter().map(|case| rehearse_benign(case, &container)))?;
    Ok(container.remove()?)
}

fn all_in_one_container(options: &ContainerOptions) -> Result<(), AnyError> {
    let container = ThrowAwayContainer::start(&image(), options)?;
    check(drift::cases().map(|case| rehearse(case, &container)))?;
    check(BENIGN.iter().map(|case| rehearse_benign(case, &container)))
}

fn lacking_privileges(options: &ContainerOptions) -> Result<(), AnyError> {
    let mut options = options.clone();
    options.privileges = Privileges::Default;
    let container = ThrowAwayContainer::start(&image(), &options)?;
    for case in drift::cases().filter(|case| case.needs.privileges > Privileges::Default) {
        let told = rehearse(case, &container);
        assert!(!told.ran && !told.marker_seen && !told.note.is_empty());
        let reason = told.note.clone();
        assert_eq!(told.outcome, DriftOutcome::NotPossibleHere { reason });
    }
    Ok(())
}

fn refused(options: &ContainerOptions) -> Result<(), AnyError> {
    let container = ThrowAwayContainer::start(&image(), options)?;
    // An error message that quotes the marker is not the marker.
    let missing = container.exec(&["/tmp/yagura-rehearsal-ran"], TIMEOUT)?;
    assert!(!missing.succeeded() && missing.stdout.is_empty());
    let remount = "mount -o remount,noexec /volume";
    let remounted = container.exec(&["/bin/sh", "-c", remount], TIMEOUT)?;
    assert!(remounted.succeeded(), "{remounted:?}");
    let case = drift::cases()
        .find(|case| case.name == "volume-tmpfs")
        .unwrap();
    let told = rehearse(case, &container);
    assert!(told.ran && !told.marker_seen, "{told:?}");
    assert_eq!(told.exit, Some(Exit::Code(126)));
    assert!(matches!(told.outcome, DriftOutcome::Refused { .. }));
    Ok(())
}

/// Whoever is kept from executing what drifted, or ended for it, is told so.
fn stopped(options: &ContainerOptions) -> Result<(), AnyError> {
    let case = drift::cases()
        .find(|case| case.name == "memfd-fexecve")
        .unwrap();
    for action in [ForbiddenAction::Refuse, ForbiddenAction::Kill] {
        let names = &["execveat"];
        let options = ContainerOptions {
            forbidden: Some(ForbiddenCalls { names, action }),
            ..options.clone()
        };
        let container = ThrowAwayContainer::start(&image(), &options)?;
        let told = rehearse(case, &container);
        let as_told = match told.outcome {
            DriftOutcome::Refused { .. } => action == ForbiddenAction::Refuse,
            DriftOutcome::Killed { .. } => action == ForbiddenAction::Kill,
            _ => false,
        };
        assert!(as_told && !told.marker_seen, "{told:?}");
    }
    Ok(())
}

fn first_process(options: &ContainerOptions) -> Result<(), AnyError> {
    let argv = ["/bin/sh", "-c", "echo $$ $HOME; exit 7"];
    let (id, output) = ThrowAwayContainer::run_first(&image(), options, &argv, TIMEOUT)?;
    assert!(id.starts_with("yagura-rehearsal-"));
    assert_eq!(output.stdout, b"1 /root\n", "{output:?}");
    assert_eq!(output.exit, Exit::Code(7));
    Ok(())
}

fn options_arrive(options: &ContainerOptions) -> Result<(), AnyError> {
    let mut options = options.clone();
    options.privileges = Privileges::Privileged;
    options.read_only_root = true;
    options.hostname = "watched".to_owned();
    options.annotations = [("io.kubernetes.pod.name".to_owned(), "web".to_owned())].into();
    options.mounts = vec![HostMount {
        source: image().root(),
        destination: "/mnt".into(),
        read_only: true,
    }];
    let container = ThrowAwayContainer::start(&image(), &options)?;
    let script = "echo no > /file; echo no > /mnt/file; hostname=$(cat /proc/sys/kernel/hostname); \
                  echo yes > /data/file; test -x /mnt/usr/bin/shipped && echo $hostname";
    let output = container.exec(&["/bin/sh", "-c", script], TIMEOUT)?;
    assert_eq!(output.stdout, b"watched\n", "{output:?}");
    assert!(!container.host_path("/file").exists() && !image().root().join("file").exists());
    assert_eq!(std::fs::read(container.data_dir().join("file"))?, b"yes\n");
    let config = std::fs::read_to_string(container.bundle_dir().join("config.json"))?;
    assert!(config.contains("io.kubernetes.pod.name"));
    let layers = container.layers();
    assert_eq!(layers.is_some(), options.root == RootKind::Overlay);
    assert!(layers.is_none_or(|layers| layers.upper.is_dir() && layers.lower[0].is_dir()));
    Ok(())
}

/// Fails with every case whose marker was not seen, unless this machine lacks a program for it.
fn check(rehearsed: impl Iterator<Item = Rehearsed>) -> Result<(), AnyError> {
    let failed: Vec<String> = rehearsed
        .filter_map(|case| {
            assert!(case.started <= case.ended);
            if !case.ran && case.note.starts_with("this host") {
                eprintln!("SKIPPED: {}: {}", case.case, case.note);
                return None;
            }
            let ran = case.marker_seen && case.outcome == DriftOutcome::Ran;
            (!ran).then(|| format!("{case:?}"))
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(failed.join("\n").into())
}
