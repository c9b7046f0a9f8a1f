//! Backups of SQLite are databases themselves.

use super::{BackupError, RestoreError, create_private};
use crate::store::{SQLITE_FILE, make_private_folder};
use crate::{Options, Store, StoreError, Target};
use sqlx::{Connection, SqliteConnection, SqlitePool};
use std::path::Path;

/// A copy that is not complete has this name.
const UNFINISHED: &str = "yagura.db.restoring";

pub(super) async fn save(pool: &SqlitePool, file: &Path) -> Result<(), BackupError> {
    // The connections of the pool may only read, and copying is writing.
    let options = pool
        .connect_options()
        .as_ref()
        .clone()
        .pragma("query_only", "off");
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(StoreError::from)?;
    sqlx::query("VACUUM INTO $1")
        .bind(file.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await
        .map_err(StoreError::from)?;
    connection.close().await.map_err(StoreError::from)?;
    Ok(())
}

pub(super) async fn put_back(folder: &Path, file: &Path) -> Result<(), RestoreError> {
    if folder.join(SQLITE_FILE).exists() {
        return Err(RestoreError::NotEmpty);
    }
    let failed = |source| RestoreError::File {
        path: folder.to_owned(),
        source,
    };
    make_private_folder(folder).map_err(failed)?;
    let copy = folder.join(UNFINISHED);
    let _ = std::fs::remove_file(&copy);
    create_private(&copy).map_err(failed)?;
    std::fs::copy(file, &copy).map_err(failed)?;
    let sound = check(&copy).await;
    if let Err(reason) = sound {
        std::fs::remove_file(&copy).map_err(failed)?;
        return Err(RestoreError::NotABackup {
            path: file.to_owned(),
            reason,
        });
    }
    std::fs::rename(&copy, folder.join(SQLITE_FILE)).map_err(failed)?;
    // An older schema is brought up to date; one that is no schema of ours is refused.
    let target = Target::Sqlite(folder.to_owned());
    let store = Store::connect(&target, &Options::default()).await?;
    store.close().await;
    Ok(())
}

/// Whether SQLite finds nothing wrong with a file that has our tables.
async fn check(file: &Path) -> Result<(), String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let ask = async {
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let verdict: String = sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&mut connection)
            .await?;
        sqlx::query("SELECT 1 FROM audit_anchor")
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        Ok::<String, sqlx::Error>(verdict)
    };
    match ask.await {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(verdict),
        Err(error) => Err(error.to_string()),
    }
}
