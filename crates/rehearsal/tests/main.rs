//! Every case really happens, with every runtime installed here and on both kinds of root, and nothing stays behind.
//!
//! Needs root and runc or crun: without them the tests are ignored, loudly.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test without libtest's harness is not seen as one by these lints"
)]

mod benign;
mod cases;
mod cleanup;
mod debian;
mod escapes;
mod full;
mod keys;

use libtest_mimic::{Arguments, Trial};
use std::error::Error;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use yagura_rehearsal::{ContainerOptions, Privileges, RootKind, RuntimeProgram, ThrowAwayImage};

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

/// One image for all tests: they only stand on it.
static IMAGE: OnceLock<Arc<ThrowAwayImage>> = OnceLock::new();

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(cleanup::ROLE) {
        return cleanup::play(&role);
    }
    let arguments = Arguments::from_args();
    let runtimes = RuntimeProgram::installed();
    let root = rustix::process::geteuid().is_root();
    let mut trials = Vec::new();
    for runtime in &runtimes {
        trials.extend(keys::trials(runtime));
        trials.extend(escapes::trials(runtime));
        for kind in [RootKind::Overlay, RootKind::Plain] {
            trials.extend(cases::trials(runtime, kind));
            trials.extend(cleanup::trials(runtime, kind));
        }
    }
    trials.extend(on_debian(runtimes.first(), root));
    if runtimes.is_empty() {
        trials.push(Trial::test("containers", || Ok(())));
    }
    let skipped = !root || runtimes.is_empty();
    if skipped {
        eprintln!(
            "SKIPPED: {} tests with containers, they need root and runc or crun",
            trials.len()
        );
    }
    let trials = trials
        .into_iter()
        .map(|trial| {
            let ignored = skipped || trial.has_ignored_flag();
            trial.with_ignored_flag(ignored)
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(Err(error)) = IMAGE.get().map(|image| image.remove()) {
        eprintln!("the image stays: {error}");
        return ExitCode::FAILURE;
    }
    if let Err(error) = benign::clean_up() {
        eprintln!("the image of workloads stays: {error}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Tests on the Debian root file system, ignored where there can be none.
fn on_debian(runtime: Option<&RuntimeProgram>, root: bool) -> Vec<Trial> {
    let mut trials = debian::trials();
    if let Some(runtime) = runtime {
        trials.extend(benign::trials(runtime));
        trials.extend(full::trials(runtime));
    }
    let possible = debian::possible();
    if root && !possible {
        let count = trials.len();
        eprintln!("SKIPPED: {count} tests with a Debian root file system, they need mmdebstrap");
    }
    trials
        .into_iter()
        .map(|trial| trial.with_ignored_flag(!possible))
        .collect()
}

/// The image of all tests, built by whoever comes first.
pub(crate) fn image() -> Arc<ThrowAwayImage> {
    let build = || Arc::new(ThrowAwayImage::build(&std::env::temp_dir()).unwrap());
    Arc::clone(IMAGE.get_or_init(build))
}

/// Options of a container that any case can run in.
pub(crate) fn options(runtime: &RuntimeProgram, root: RootKind) -> ContainerOptions {
    ContainerOptions {
        root,
        privileges: Privileges::Admin,
        ..ContainerOptions::new(runtime.clone())
    }
}

/// The beginning of a test's name.
pub(crate) fn prefix(runtime: &RuntimeProgram, root: RootKind) -> String {
    format!("{}::{root:?}", runtime.kind().as_str()).to_lowercase()
}
