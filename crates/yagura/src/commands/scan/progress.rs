//! How far a scan has come: a line on standard error, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal as _};
use std::time::Duration;

/// How often the line is drawn again while nothing else happens.
const REDRAW: Duration = Duration::from_millis(200);
/// Bytes, time, and what is found.
const STYLE: &str = "{bar:30} {bytes}/{total_bytes} {elapsed} {msg}";

/// The line; none where standard error is no terminal.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn start() -> Progress {
        if !io::stderr().is_terminal() {
            return Progress { bar: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template(STYLE) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(REDRAW);
        Progress { bar: Some(bar) }
    }

    /// Whether anybody sees it.
    pub(super) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Sets how many bytes there are.
    pub(super) fn set_total(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(bytes);
        }
    }

    /// Counts bytes.
    pub(super) fn add(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    /// Tells how many findings there are.
    pub(super) fn set_findings(&self, findings: u64) {
        if let Some(bar) = &self.bar
            && findings > 0
        {
            bar.set_message(format!("{findings} found"));
        }
    }

    /// Does something that prints, with the line out of the way.
    pub(super) fn behind<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Wipes the line away.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
