//! `cargo xtask demo`: from a fresh clone to alerts from a real container.

use crate::console;
use crate::workspace::{BUILD_TIME_MAX, Profile, build_yagura, root};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// Builds `yagura` and becomes `yagura demo`, so that signals and the exit code are its own.
///
/// # Errors
/// The build fails or the program can't be started.
pub(crate) fn run() -> Result<ExitCode> {
    eprintln!("building yagura (the first build takes some minutes)");
    let deadline = Instant::now() + BUILD_TIME_MAX;
    console::build(deadline)?;
    let yagura = build_yagura(Profile::Dev, deadline)?;
    let error = Command::new(&yagura).arg("demo").current_dir(root()).exec();
    Err(error).with_context(|| format!("starting {}", yagura.display()))
}
