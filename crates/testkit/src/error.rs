//! Why a fixture could not be set up or used.

use std::path::PathBuf;

/// Why a fixture could not be set up or used.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// A program is not installed or could not be started.
    #[error("cannot run {program}")]
    Start {
        /// Its name.
        program: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{command} failed: {stderr}")]
    Failed {
        /// The command line.
        command: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// A file could not be made, read or removed.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A daemon did not answer in time.
    #[error("{what} did not come up within {seconds} s; its log ends: {log}")]
    NotReady {
        /// What was waited for.
        what: String,
        /// How long, in seconds.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// containerd refused a CRI call.
    #[error("CRI {call}: {message}")]
    Cri {
        /// The call's name.
        call: &'static str,
        /// containerd's words.
        message: String,
    },
    /// A runtime's answer did not hold what was looked for.
    #[error("{what} is missing in the answer: {answer}")]
    Answer {
        /// What was looked for.
        what: &'static str,
        /// The answer.
        answer: String,
    },
}

impl FixtureError {
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> FixtureError {
        let path = path.to_owned();
        move |source| FixtureError::File { path, source }
    }
}
