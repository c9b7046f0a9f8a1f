//! Two databases behind one set of calls: what is asked is written once, as SQL that both read.
//!
//! sqlx has an `Any` driver for that, but it can't bind arrays and hides the database's own error codes. Where the
//! dialects differ, callers ask [`Db::dialect`] or a function of [`dialect`].

mod copy;
mod dialect;
mod open;
mod row;
mod value;

pub(crate) use copy::CopyRows;
pub(crate) use dialect::{InList, like_pattern};
pub(crate) use open::{open_postgres, open_sqlite};
pub(crate) use row::{Row, wall_time};
pub(crate) use value::{Value, storable, values};

use crate::StoreError;
use crate::notices::{Broadcast, Change};
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded.
    Sqlite,
    /// A server.
    Postgres,
}

/// Connections to one database.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    /// SQLite has one writer at a time; with one connection for it, writers queue here rather than fail as busy.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

/// A database, and who is told of changes in it.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    pub(crate) pool: Pool,
    pub(crate) broadcast: Broadcast,
}

impl Db {
    pub(crate) fn dialect(&self) -> Dialect {
        match self.pool {
            Pool::Sqlite { .. } => Dialect::Sqlite,
            Pool::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Reads outside any transaction.
    pub(crate) async fn fetch(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        match &self.pool {
            Pool::Sqlite { read, .. } => {
                let query = sqlx::query_with(sql, value::sqlite_arguments(values)?);
                Ok(query
                    .fetch_all(read)
                    .await?
                    .into_iter()
                    .map(Row::Sqlite)
                    .collect())
            }
            Pool::Postgres(pool) => {
                let query = sqlx::query_with(sql, value::postgres_arguments(values)?);
                Ok(query
                    .fetch_all(pool)
                    .await?
                    .into_iter()
                    .map(Row::Postgres)
                    .collect())
            }
        }
    }

    /// Reads at most one row.
    pub(crate) async fn fetch_optional(
        &self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// Begins a transaction that writes. Dropped, it is rolled back.
    pub(crate) async fn begin(&self) -> Result<Tx, StoreError> {
        let inner = match &self.pool {
            Pool::Sqlite { write, .. } => {
                // A transaction that begins as a reader could fail when it comes to write.
                TxInner::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?)
            }
            Pool::Postgres(pool) => TxInner::Postgres(pool.begin().await?),
        };
        Ok(Tx {
            inner,
            changes: Vec::new(),
            broadcast: self.broadcast.clone(),
        })
    }

    /// Changes something in a transaction of its own, of which nobody is told.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let rows = tx.execute(sql, values).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Lets SQLite learn what its indices are good for, and gives a part of the free pages back to the disk.
    pub(crate) async fn optimize_sqlite(&self) -> Result<(), StoreError> {
        if let Pool::Sqlite { write, .. } = &self.pool {
            for pragma in [
                "PRAGMA optimize = 0x10002",
                "PRAGMA incremental_vacuum(10000)",
            ] {
                sqlx::query(pragma).execute(write).await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

#[derive(Debug)]
enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A transaction that writes.
#[derive(Debug)]
pub(crate) struct Tx {
    inner: TxInner,
    changes: Vec<Change>,
    broadcast: Broadcast,
}

impl Tx {
    pub(crate) fn dialect(&self) -> Dialect {
        match self.inner {
            TxInner::Sqlite(_) => Dialect::Sqlite,
            TxInner::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match &mut self.inner {
            TxInner::Sqlite(tx) => {
                let query = sqlx::query_with(sql, value::sqlite_arguments(values)?);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
            TxInner::Postgres(tx) => {
                let query = sqlx::query_with(sql, value::postgres_arguments(values)?);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    pub(crate) async fn fetch(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        match &mut self.inner {
            TxInner::Sqlite(tx) => {
                let query = sqlx::query_with(sql, value::sqlite_arguments(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Row::Sqlite).collect())
            }
            TxInner::Postgres(tx) => {
                let query = sqlx::query_with(sql, value::postgres_arguments(values)?);
                let rows = query.fetch_all(&mut **tx).await?;
                Ok(rows.into_iter().map(Row::Postgres).collect())
            }
        }
    }

    pub(crate) async fn fetch_optional(
        &mut self,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(sql, values).await?.into_iter().next())
    }

    /// Writes rows, with PostgreSQL.
    ///
    /// # Errors
    /// [`StoreError::Query`] with SQLite, which has no such statement.
    pub(crate) async fn copy(&mut self, rows: CopyRows) -> Result<(), StoreError> {
        let TxInner::Postgres(tx) = &mut self.inner else {
            let refused = sqlx::Error::InvalidArgument("SQLite has no COPY".to_owned());
            return Err(StoreError::Query(refused));
        };
        let (statement, stream) = rows.finish();
        let mut copy = tx.copy_in_raw(&statement).await?;
        copy.send(stream).await?;
        copy.finish().await?;
        Ok(())
    }

    /// Locks a row that is about to be read and changed. SQLite's transactions that write are alone anyway.
    pub(crate) fn for_update(&self) -> &'static str {
        match self.dialect() {
            Dialect::Sqlite => "",
            Dialect::Postgres => " FOR UPDATE",
        }
    }

    /// Waits until no other transaction holds a lock of these numbers; it is held until the end.
    pub(crate) async fn lock(&mut self, mut keys: Vec<i64>) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Postgres && !keys.is_empty() {
            // Always in the same order, or two transactions could wait for one another.
            keys.sort_unstable();
            keys.dedup();
            let sql = "SELECT count(pg_advisory_xact_lock(k)) FROM unnest($1) AS k";
            self.fetch(sql, values![keys]).await?;
        }
        Ok(())
    }

    /// Tells subscribers of a change, once it is committed.
    pub(crate) fn notify(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let changes = std::mem::take(&mut self.changes);
        if self.dialect() == Dialect::Postgres {
            let payloads: Vec<String> = changes.iter().map(Change::encode).collect();
            if !payloads.is_empty() {
                let sql = "SELECT count(pg_notify($1, p)) FROM unnest($2) AS p";
                self.fetch(sql, values![crate::notices::CHANNEL, payloads])
                    .await?;
            }
        }
        match self.inner {
            TxInner::Sqlite(tx) => {
                tx.commit().await?;
                changes
                    .into_iter()
                    .for_each(|change| self.broadcast.change(change));
            }
            TxInner::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
