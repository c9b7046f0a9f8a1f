//! Everything in one file, taken while the center works, and put into an empty place again.
//!
//! SQLite writes its own copy. Of PostgreSQL every table is read within one snapshot, as the server itself gives rows
//! (`COPY`), so that a backup of one server can go into another of a later version.

mod archive;
mod postgres;
mod sqlite;

use crate::db::Pool;
use crate::{ConnectError, Options, Store, StoreError, Target};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What was saved or put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSummary {
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why there is no backup.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The file can't be written; an existing one is never overwritten.
    #[error("can't write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a backup was not put back. The database is as it was before.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The file can't be read, or the copy not written.
    #[error("can't use {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no backup of this kind of database, or damaged.
    #[error("{} is no usable backup of this kind of database: {reason}", path.display())]
    NotABackup {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is something in the database already.
    #[error("the database is not empty")]
    NotEmpty,
    /// The database.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Saves everything, as of one moment, into a new file that its owner alone can read.
    ///
    /// # Errors
    /// [`BackupError`]; no file is left then.
    pub async fn backup(&self, file: &Path) -> Result<BackupSummary, BackupError> {
        let failed = |source| BackupError::File {
            path: file.to_owned(),
            source,
        };
        create_private(file).map_err(failed)?;
        let saved = match &self.db.pool {
            Pool::Sqlite { read, .. } => sqlite::save(read, file).await,
            Pool::Postgres(pool) => postgres::save(pool, file).await,
        };
        if let Err(error) = saved {
            std::fs::remove_file(file).map_err(failed)?;
            return Err(error);
        }
        let bytes = std::fs::metadata(file).map_err(failed)?.len();
        Ok(BackupSummary { bytes })
    }

    /// Puts a backup into a database that has nothing in it.
    ///
    /// # Errors
    /// [`RestoreError`]
    pub async fn restore(target: &Target, file: &Path) -> Result<BackupSummary, RestoreError> {
        let bytes = std::fs::metadata(file)
            .map_err(|source| RestoreError::File {
                path: file.to_owned(),
                source,
            })?
            .len();
        match target {
            Target::Sqlite(folder) => sqlite::put_back(folder, file).await?,
            Target::Postgres(_) => {
                let store = Store::connect(target, &Options::default()).await?;
                if let Pool::Postgres(pool) = &store.db.pool {
                    postgres::put_back(&store, pool, file).await?;
                }
                store.close().await;
            }
        }
        Ok(BackupSummary { bytes })
    }
}

fn create_private(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map(drop)
}
