//! Every case runs, and what should have run says so itself.

use crate::{AnyError, image, options, prefix};
use libtest_mimic::Trial;
use std::time::Duration;
use yagura_event::DriftVector;
use yagura_rehearsal::drift::{BENIGN, CASES};
use yagura_rehearsal::{
    Exit, Privileges, Rehearsed, RootKind, RuntimeProgram, ThrowAwayContainer, rehearse,
    rehearse_benign,
};

const TIMEOUT: Duration = Duration::from_secs(15);

pub(crate) fn trials(runtime: &RuntimeProgram, root: RootKind) -> Vec<Trial> {
    let prefix = prefix(runtime, root);
    let mut trials = Vec::new();
    for (vector, cases) in DriftVector::ALL.into_iter().zip(CASES) {
        let options = options(runtime, root);
        trials.push(Trial::test(
            format!("{prefix}::drift::{vector}"),
            move || {
                let container = ThrowAwayContainer::start(&image(), &options)?;
                check(cases.iter().map(|case| rehearse(case, &container)))?;
                Ok(container.remove()?)
            },
        ));
    }
    let with = options(runtime, root);
    trials.push(Trial::test(format!("{prefix}::benign"), move || {
        let container = ThrowAwayContainer::start(&image(), &with)?;
        check(BENIGN.iter().map(|case| rehearse_benign(case, &container)))?;
        Ok(container.remove()?)
    }));
    let mut with = options(runtime, root);
    with.privileges = Privileges::Default;
    trials.push(Trial::test(
        format!("{prefix}::lacking_privileges_are_told"),
        move || {
            let container = ThrowAwayContainer::start(&image(), &with)?;
            for case in CASES.iter().copied().flatten() {
                if case.needs.privileges > Privileges::Default {
                    let told = rehearse(case, &container);
                    assert!(!told.ran && !told.marker_seen && !told.note.is_empty());
                }
            }
            Ok(())
        },
    ));
    let with = options(runtime, root);
    trials.push(Trial::test(
        format!("{prefix}::what_does_not_run_leaves_no_marker"),
        move || {
            let container = ThrowAwayContainer::start(&image(), &with)?;
            let refused = container.exec(&["/tmp/yagura-rehearsal-ran"], TIMEOUT)?;
            assert!(!refused.succeeded() && refused.stdout.is_empty());
            // The image lacks nothing else: remounted without execution the same case leaves no marker.
            let remount = "mount -o remount,noexec /volume";
            let remounted = container.exec(&["/bin/sh", "-c", remount], TIMEOUT)?;
            assert!(remounted.succeeded(), "{remounted:?}");
            let told = rehearse(&CASES[3][0], &container);
            assert!(told.ran && !told.marker_seen, "{told:?}");
            assert_eq!(told.exit, Some(Exit::Code(126)));
            Ok(())
        },
    ));
    let with = options(runtime, root);
    trials.push(Trial::test(
        format!("{prefix}::a_first_process_of_choice"),
        move || {
            let argv = ["/bin/sh", "-c", "echo $$ $HOME; exit 7"];
            let (id, output) = ThrowAwayContainer::run_first(&image(), &with, &argv, TIMEOUT)?;
            assert!(id.starts_with("yagura-rehearsal-"));
            assert_eq!(output.stdout, b"1 /root\n", "{output:?}");
            assert_eq!(output.exit, Exit::Code(7));
            Ok(())
        },
    ));
    trials
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
            (!case.marker_seen).then(|| format!("{case:?}"))
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(failed.join("\n").into())
}
