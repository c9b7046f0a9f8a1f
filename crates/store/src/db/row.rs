//! What a statement gives back.

use crate::StoreError;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};
use yagura_event::WallTime;

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// The column of that name.
    pub(crate) fn get<T>(&self, column: &str) -> Result<T, StoreError>
    where
        T: for<'r> Decode<'r, Sqlite>
            + Type<Sqlite>
            + for<'r> Decode<'r, Postgres>
            + Type<Postgres>,
    {
        Ok(match self {
            Row::Sqlite(row) => row.try_get(column)?,
            Row::Postgres(row) => row.try_get(column)?,
        })
    }

    /// A column that holds a time.
    pub(crate) fn time(&self, column: &str) -> Result<WallTime, StoreError> {
        self.get(column).map(WallTime)
    }

    /// A column that holds a time or nothing.
    pub(crate) fn time_if(&self, column: &str) -> Result<Option<WallTime>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(WallTime))
    }

    /// A column that holds JSON text.
    pub(crate) fn json(&self, column: &str) -> Result<serde_json::Value, StoreError> {
        json(&self.get::<String>(column)?)
    }
}

/// Reads JSON text that this crate wrote.
fn json(text: &str) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::damaged(format!("stored JSON can't be read: {error}")))
}

/// A length of time in nanoseconds, as times are added to.
pub(crate) fn wall_time(length: std::time::Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}
