//! The wrapper as managers call it: in front of real runtimes, with a real agent.
//!
//! This program has three names. As `runc` it stands where tests look for a runtime: it puts a test's seccomp profile
//! into the bundle, as a manager would, and calls the wrapper. As `…yagura-runtime-wrapper` it is the wrapper. The tests
//! need root, runc, cc, and a kernel with seccomp notification; those with pods need containerd too.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test without libtest's harness is not seen as one by these lints"
)]

mod configurations;
mod containers;
mod pods;
mod world;

use libtest_mimic::{Arguments, Trial};
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let program = arguments[0].clone();
    if yagura_wrapper::is_wrapper_name(&program) {
        let error = match yagura_wrapper::run(arguments) {
            Ok(never) => match never {},
            Err(error) => error,
        };
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    if Path::new(&program).file_name() == Some("runc".as_ref()) {
        return world::stand_before_wrapper(&arguments);
    }
    run_tests()
}

fn run_tests() -> ExitCode {
    let arguments = Arguments::from_args();
    let missing = yagura_testkit::missing(&["root", "runc", "cc"]);
    if missing.is_empty() && !arguments.list && !world::is_entered() {
        // Those who look for runc in PATH shall find this program.
        let error = world::enter().exec();
        eprintln!("can't begin: {error}");
        return ExitCode::FAILURE;
    }
    if !missing.is_empty() {
        eprintln!(
            "SKIPPED: tests with containers: this machine lacks {}",
            missing.join(", ")
        );
    }
    let with_containers = containers::trials().into_iter().chain(pods::trials());
    let with_containers = with_containers.map(|trial: Trial| {
        let is_ignored = trial.has_ignored_flag() || !missing.is_empty();
        trial.with_ignored_flag(is_ignored)
    });
    let trials = configurations::trials()
        .into_iter()
        .chain(with_containers)
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let stays = yagura_rehearsal::cleanup_all();
    for error in &stays {
        eprintln!("left behind: {error}");
    }
    world::leave();
    if stays.is_empty() {
        conclusion.exit_code()
    } else {
        ExitCode::FAILURE
    }
}
