//! What the guard keeps real containers from, and what it leaves alone.
//!
//! The containers need root, runc or crun, and a kernel that takes the programs: without them their tests are ignored,
//! loudly. Nothing is denied by the default row here: containers of others may run on the same machine.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test without libtest's harness is not seen as one by these lints"
)]

mod behaviours;
mod decide;
mod drift;
mod pins;
mod scene;

use libtest_mimic::{Arguments, Trial};
use scene::World;
use std::process::ExitCode;

/// A test and its name.
type Case = (&'static str, fn());

fn main() -> ExitCode {
    if pins::is_helper() {
        return pins::help();
    }
    let arguments = Arguments::from_args();
    let shortfall = match World::begin() {
        Ok(shortfall) => shortfall,
        Err(error) => {
            eprintln!("the guard does not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let modules: [(&str, &[Case]); 4] = [
        ("behaviours", behaviours::CASES),
        ("decide", decide::CASES),
        ("drift", drift::CASES),
        ("pins", pins::CASES),
    ];
    let trials: Vec<_> = modules
        .into_iter()
        .flat_map(|(module, cases)| cases.iter().map(move |case| (module, case)))
        .map(|(module, (name, test))| {
            Trial::test(format!("{module}::{name}"), move || {
                test();
                Ok(())
            })
            .with_ignored_flag(shortfall.is_some())
        })
        .collect();
    if let Some(shortfall) = &shortfall {
        eprintln!("SKIPPED: {} tests of the guard: {shortfall}", trials.len());
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let mut is_clean = true;
    for error in yagura_rehearsal::cleanup_all() {
        eprintln!("left behind: {error}");
        is_clean = false;
    }
    scene::unmount();
    if is_clean {
        conclusion.exit_code()
    } else {
        ExitCode::FAILURE
    }
}
