//! The wrapper's log: what managers read on a runtime's standard error is the runtime's alone.

use crate::limits::{LOG_BYTES_MAX, LOG_TEXT_BYTES_MAX};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use yagura_event::with_causes;

/// A log file; that it can't be written is nobody's concern.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    container: String,
}

impl Journal {
    pub(crate) fn new(path: PathBuf, container: Option<&OsStr>) -> Journal {
        let container = cut(container.unwrap_or_default().as_bytes());
        Journal { path, container }
    }

    /// Writes a line.
    pub(crate) fn write(&self, text: &str) {
        let is_full = std::fs::metadata(&self.path).is_ok_and(|file| file.len() > LOG_BYTES_MAX);
        if is_full {
            let _ = std::fs::rename(&self.path, self.path.with_extension("1"));
        }
        let mut options = OpenOptions::new();
        let file = options
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path);
        let line = format!(
            "{} {} {}\n",
            jiff::Timestamp::now(),
            self.container,
            cut(text.as_bytes())
        );
        // In one piece, since several wrappers write at once.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }

    /// Writes an error with its reasons.
    pub(crate) fn write_error(&self, what: &str, error: &dyn std::error::Error) {
        self.write(&format!("{what}: {}", with_causes(error)));
    }
}

fn cut(bytes: &[u8]) -> String {
    let bytes = bytes.get(..LOG_TEXT_BYTES_MAX).unwrap_or(bytes);
    yagura_event::escape(bytes).into_owned()
}
