//! Opening connections.

use super::Pool;
use crate::store::Options;
use sqlx::TransactionManager;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
    SqliteSynchronous, SqliteTransactionManager,
};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// How long SQLite waits for another process, such as a backup, to let go of the file.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the file that SQLite maps; more is read the ordinary way.
const SQLITE_MMAP_BYTES: &str = "268435456";

/// KiB of pages that one connection of SQLite keeps, as the negative number that SQLite wants.
const SQLITE_CACHE_KIB: &str = "-16384";

/// A statement that runs longer is ended, so that a bad one does not hold its connection for good.
const POSTGRES_STATEMENT_TIMEOUT: &str = "60s";

/// A transaction that its client forgot (a dead replica behind a live network) gives its locks back.
const POSTGRES_IDLE_TIMEOUT: &str = "60s";

pub(crate) async fn open_sqlite(file: &Path, options: &Options) -> Result<Pool, sqlx::Error> {
    let connect = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was reported as stored survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY_TIMEOUT)
        .pragma("mmap_size", SQLITE_MMAP_BYTES)
        .pragma("cache_size", SQLITE_CACHE_KIB)
        .pragma("temp_store", "memory");
    // The writer comes first: it creates the file.
    let write = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(options.wait)
        // A full disk makes SQLite roll back by itself; sqlx then still believes to be in a transaction, for good.
        .before_acquire(|connection, _| {
            Box::pin(
                async move { Ok(SqliteTransactionManager::get_transaction_depth(connection) == 0) },
            )
        })
        .connect_with(connect.clone())
        .await?;
    let read = SqlitePoolOptions::new()
        .max_connections(options.connections_max.max(1))
        .acquire_timeout(options.wait)
        .connect_lazy_with(connect.create_if_missing(false).pragma("query_only", "on"));
    Ok(Pool::Sqlite { read, write })
}

pub(crate) async fn open_postgres(url: &str, options: &Options) -> Result<Pool, sqlx::Error> {
    let connect = PgConnectOptions::from_str(url)?
        .application_name("yagura")
        .options([
            ("statement_timeout", POSTGRES_STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", POSTGRES_IDLE_TIMEOUT),
            // Filters are of very different selectivity: a plan for all would be a bad one for most.
            ("plan_cache_mode", "force_custom_plan"),
            // Compiling a statement takes longer than any of ours takes without.
            ("jit", "off"),
            ("client_min_messages", "warning"),
        ]);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections_max.max(2))
        .acquire_timeout(options.wait)
        .connect_with(connect)
        .await?;
    Ok(Pool::Postgres(pool))
}
