//! What the kernel side reports of real system calls in real containers, field by field, and what decoding makes of
//! bytes that are no records.
//!
//! The containers need root, runc or crun, and a kernel that takes the programs: without them their tests are ignored,
//! loudly. `tests/programs/X.rs` tests `bpf/programs/X.bpf.c`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test without libtest's harness is not seen as one by these lints"
)]

mod cgroup;
mod decode;
mod encode;
mod fanotify;
mod observed;
mod proc;
mod programs;
mod world;

use libtest_mimic::{Arguments, Trial};
use std::process::ExitCode;
use world::World;

fn main() -> ExitCode {
    if let Some(code) = fanotify::hold() {
        return code;
    }
    let arguments = Arguments::from_args();
    let shortfall = if arguments.list {
        None
    } else {
        match World::begin() {
            Ok(shortfall) => shortfall,
            Err(error) => {
                eprintln!("the kernel side does not start: {error}");
                return ExitCode::FAILURE;
            }
        }
    };
    let containers = programs::trials();
    if let Some(shortfall) = &shortfall {
        eprintln!(
            "SKIPPED: {} tests with containers: {shortfall}",
            containers.len()
        );
    }
    let containers = containers
        .into_iter()
        .map(|trial: Trial| trial.with_ignored_flag(shortfall.is_some()));
    let trials = decode::trials().into_iter().chain(containers).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stays = yagura_rehearsal::cleanup_all();
    for error in &stays {
        eprintln!("left behind: {error}");
    }
    if stays.is_empty() {
        conclusion.exit_code()
    } else {
        ExitCode::FAILURE
    }
}
