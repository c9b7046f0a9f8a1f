//! Forms of output.

pub(crate) mod alert;
pub(crate) mod progress;
pub(crate) mod table;

use crate::exit::Failure;
use std::io::{self, IsTerminal as _, Write as _};

/// The form of a command's result: for people, or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Form {
    #[default]
    Table,
    Json,
}

/// Whether the user has not asked for output without colours (no-color.org).
pub(crate) fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether standard output takes colours.
pub(crate) fn stdout_has_colours() -> bool {
    io::stdout().is_terminal() && colours_wanted()
}

/// Writes to standard output, at once.
///
/// # Errors
/// If it can't be written, or nobody reads it any more (`BrokenPipe`).
pub(crate) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a command's result, or a part of it. A reader that has gone away had seen enough: what the command found
/// still counts.
///
/// # Errors
/// [`Failure::Output`] if standard output can't be written for any other reason.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match write(text) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Output(error)),
        _ => Ok(()),
    }
}

/// Prints one of several results as a line of JSON.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_line(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value).map_err(|e| Failure::Failed(e.into()))?;
    text.push('\n');
    print(&text)
}

/// Prints a command's whole result as JSON, indented.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|e| Failure::Failed(e.into()))?;
    text.push('\n');
    print(&text)
}
