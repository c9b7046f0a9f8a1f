//! What can go wrong with a database, by what the caller does about it.

use crate::Version;
use thiserror::Error;

/// Why the database did not do what it was asked to.
#[derive(Debug, Error)]
pub enum StoreError {
    /// It is gone, starting, or gave no connection in time. Whether a change was made is unknown; all changes may be
    /// asked for again.
    #[error("the database is unavailable")]
    Unavailable(#[source] sqlx::Error),
    /// Its disk is full; nothing was changed.
    #[error("the database's disk is full")]
    DiskFull(#[source] sqlx::Error),
    /// Another transaction stood in the way; nothing was changed, and it may be asked for again at once.
    #[error("the database is busy")]
    Busy(#[source] sqlx::Error),
    /// The database's file is damaged, or a stored value is not what was written.
    #[error("the database is damaged: {what}")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// A text is longer than its bound.
    #[error("{what} has {bytes} bytes, more than {bytes_max}")]
    TooLarge {
        /// Which.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// More items than the bound.
    #[error("{count} {what}, more than {count_max}")]
    TooMany {
        /// Of which.
        what: &'static str,
        /// How many.
        count: usize,
        /// The bound.
        count_max: usize,
    },
    /// A cursor that this list did not give.
    #[error("the cursor is not one of this list")]
    InvalidCursor,
    /// The database refused a statement: a mistake of this crate.
    #[error("the database refused a statement")]
    Query(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            StoreError::Unavailable(_) | StoreError::Busy(_) | StoreError::DiskFull(_)
        )
    }

    pub(crate) fn damaged(what: impl Into<String>) -> StoreError {
        StoreError::Damaged { what: what.into() }
    }

    /// Whether a unique key was there already.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(self, StoreError::Query(sqlx::Error::Database(error)) if error.is_unique_violation())
    }
}

/// Why something that a person edits was not changed.
#[derive(Debug, Error)]
pub enum UpdateError<T> {
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// The id or name is taken.
    #[error("exists already")]
    Exists,
    /// It was changed since the caller read it; the change is refused so that none is lost.
    #[error("changed since it was read")]
    Stale {
        /// The version that the caller had.
        expected: Version,
        /// What is stored now.
        current: Box<T>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed => StoreError::Unavailable(error),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                StoreError::damaged(error.to_string())
            }
            sqlx::Error::Database(ref database) => {
                let code = database.code().unwrap_or_default().into_owned();
                of_code(&code, error)
            }
            other => StoreError::Query(other),
        }
    }
}

/// SQLite's codes are numbers of up to four digits, PostgreSQL's are five characters.
fn of_code(code: &str, error: sqlx::Error) -> StoreError {
    if code.len() == 5 {
        of_postgres_code(code, error)
    } else {
        of_sqlite_code(code.parse().unwrap_or_default(), error)
    }
}

/// Source: <https://www.postgresql.org/docs/15/errcodes-appendix.html>.
fn of_postgres_code(code: &str, error: sqlx::Error) -> StoreError {
    match code {
        "53100" => StoreError::DiskFull(error),
        "40001" | "40P01" | "55P03" => StoreError::Busy(error),
        // 57014 is a statement that took longer than it may; 25006 a server that became a standby.
        "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "25006" => StoreError::Unavailable(error),
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("58") => {
            StoreError::Unavailable(error)
        }
        code if code.starts_with("XX") => StoreError::damaged(error.to_string()),
        _ => StoreError::Query(error),
    }
}

/// Source: <https://www.sqlite.org/rescode.html>; the low byte is the primary code.
fn of_sqlite_code(code: i32, error: sqlx::Error) -> StoreError {
    const BUSY: i32 = 5;
    const LOCKED: i32 = 6;
    const READ_ONLY: i32 = 8;
    const IO_ERROR: i32 = 10;
    const CORRUPT: i32 = 11;
    const FULL: i32 = 13;
    const CANNOT_OPEN: i32 = 14;
    const NOT_A_DATABASE: i32 = 26;
    match code & 0xff {
        BUSY | LOCKED => StoreError::Busy(error),
        READ_ONLY | IO_ERROR | CANNOT_OPEN => StoreError::Unavailable(error),
        FULL => StoreError::DiskFull(error),
        CORRUPT | NOT_A_DATABASE => StoreError::damaged(error.to_string()),
        _ => StoreError::Query(error),
    }
}
