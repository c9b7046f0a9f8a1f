//! `cargo xtask generate`: files in the repository that are made from code.

use crate::command::output;
use crate::workspace::{BUILD_TIME_MAX, Profile, build_yagura, root};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What is made, and by which arguments of `yagura`.
const GENERATED: &[(&str, &[&str])] = &[("docs/reference/alert.schema.json", &["schema", "alert"])];

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail where a file is not what the code would make.
    #[arg(long)]
    check: bool,
}

/// Writes or checks every generated file.
///
/// # Errors
/// `yagura` can't be built or fails, a file can't be written, or, when checking, is stale.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let deadline = Instant::now() + BUILD_TIME_MAX;
    if arguments.check {
        check(deadline)?;
    } else {
        write(deadline)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails where a generated file is not what the code would make.
///
/// # Errors
/// `yagura` can't be built or fails, or a file is missing or stale.
pub(crate) fn check(deadline: Instant) -> Result<()> {
    let yagura = build_yagura(Profile::Dev, deadline)?;
    for (path, arguments) in GENERATED {
        let wanted = make(&yagura, arguments)?;
        let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
        ensure!(
            found == wanted,
            "{path} is missing or stale: run `cargo xtask generate`"
        );
    }
    Ok(())
}

fn write(deadline: Instant) -> Result<()> {
    let yagura = build_yagura(Profile::Dev, deadline)?;
    for (path, arguments) in GENERATED {
        let whole = root().join(path);
        let content = make(&yagura, arguments)?;
        if let Some(folder) = whole.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(&whole, content).with_context(|| format!("writing {path}"))?;
        println!("{path}");
    }
    Ok(())
}

fn make(yagura: &Path, arguments: &[&str]) -> Result<String> {
    let mut text = output(Command::new(yagura).args(arguments))?;
    text.truncate(text.trim_end().len());
    text.push('\n');
    Ok(text)
}
