//! What went wrong, as exit codes: what was given is wrong, or it could not be done.

use crate::exit::Failure;
use anyhow::{Error, anyhow};
use std::path::Path;
use yagura_event::escape;
use yagura_quarantine::{OpenError, PutError, ReadError, RemoveError, RestoreError, SourceError};

/// The store could not be opened.
pub(super) fn open(error: OpenError, path: &Path) -> Failure {
    let path = escape(path.as_os_str().as_encoded_bytes()).into_owned();
    let is_lost = matches!(error, OpenError::KeyLost);
    let error = Error::new(error).context(format!("the quarantine store {path} can't be used"));
    match is_lost {
        true => Failure::Failed(error),
        false => Failure::CannotRun(error),
    }
}

/// A file was not found.
pub(super) fn source(error: SourceError) -> Failure {
    Failure::BadInput(error.into())
}

/// A file was not taken.
pub(super) fn put(error: PutError) -> Failure {
    match error {
        PutError::NotRegular { .. } | PutError::TooLarge { .. } | PutError::NoteTooLarge { .. } => {
            Failure::BadInput(error.into())
        }
        _ => Failure::Failed(error.into()),
    }
}

/// An item was not read.
pub(super) fn read(error: ReadError) -> Failure {
    match error {
        ReadError::Missing { .. } => Failure::BadInput(error.into()),
        _ => Failure::Failed(error.into()),
    }
}

/// An item was not removed.
pub(super) fn remove(error: RemoveError) -> Failure {
    match error {
        RemoveError::Missing { .. } => Failure::BadInput(error.into()),
        RemoveError::Unlink { .. } => Failure::Failed(error.into()),
    }
}

/// A file was not given back.
pub(super) fn restore(error: RestoreError) -> Failure {
    match error {
        RestoreError::Item(error) => read(error),
        RestoreError::Locate(_) | RestoreError::OtherKind { .. } => Failure::BadInput(error.into()),
        RestoreError::Exists { .. } => {
            Failure::BadInput(anyhow!("{error}; --force takes its place"))
        }
        RestoreError::Copy { .. } | RestoreError::Write { .. } => Failure::Failed(error.into()),
    }
}
