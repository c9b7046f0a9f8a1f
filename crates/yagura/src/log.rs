//! Logs: compact lines on standard error, where everything goes that is not a command's result.

use crate::exit::Failure;
use anyhow::anyhow;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// The variable that sets the level, or filters by module.
const VARIABLE: &str = "YAGURA_LOG";

/// How much is told: what a person must act on, what got worse, changes of state, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Level::Off => "off",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }
}

/// Starts logging: the argument counts more than the variable, which counts more than the default.
///
/// # Errors
/// [`Failure::BadInput`] if the variable holds no filter.
pub(crate) fn start(level: Option<Level>) -> Result<(), Failure> {
    let written = match level {
        Some(level) => level.as_str().to_owned(),
        None => match std::env::var(VARIABLE) {
            Ok(value) if !value.is_empty() => value,
            _ => Level::Info.as_str().to_owned(),
        },
    };
    let filter = EnvFilter::builder()
        .parse(&written)
        .map_err(|error| Failure::BadInput(anyhow!("{VARIABLE}: {error}")))?;
    tracing_subscriber::fmt()
        .compact()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && crate::output::colours_wanted())
        .init();
    Ok(())
}
