//! What a sensor does on real containers when a person asks for it, and what its canary proves.
//!
//! Needs root, runc or crun, and a kernel that takes the programs: without them the tests are ignored, loudly.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test without libtest's harness is not seen as one by these lints"
)]

mod canary;
mod commands;
mod world;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use world::World;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // They share one sensor, and one of them stops what the others use.
    arguments.test_threads = Some(1);
    let cases = || canary::CASES.iter().chain(commands::CASES);
    let shortfall = match arguments.list {
        true => None,
        false => World::lacking(),
    };
    if let Some(shortfall) = &shortfall {
        eprintln!(
            "SKIPPED: {} tests of a sensor: {shortfall}",
            cases().count()
        );
    }
    let trials = cases()
        .map(|(name, test)| {
            let run = move || {
                test(World::get());
                Ok(())
            };
            Trial::test(*name, run).with_ignored_flag(shortfall.is_some())
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    World::end();
    let stays = yagura_rehearsal::cleanup_all();
    for error in &stays {
        eprintln!("left behind: {error}");
    }
    match stays.is_empty() {
        true => conclusion.exit_code(),
        false => ExitCode::FAILURE,
    }
}
