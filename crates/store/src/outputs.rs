//! How far each output is, and how it fares. What an output is stands in a document.

use crate::db::{Db, Row, Tx, values};
use crate::limits::{NAME_BYTES_MAX, NOTE_BYTES_MAX};
use crate::text::{check, cut};
use crate::{Change, ChangeKind, FeedPosition, StoreError};
use yagura_event::WallTime;

/// Outputs that are read at a time; documents of that kind have the same bound.
const STATES_MAX: u32 = crate::limits::DOCUMENTS_MAX;

/// The delivery states of a store.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a> {
    pub(crate) db: &'a Db,
}

/// How an output fares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputState {
    /// Id of the output's document.
    pub output: String,
    /// Everything up to here is delivered, filtered out or dropped.
    pub position: FeedPosition,
    /// Alerts delivered.
    pub delivered: i64,
    /// Attempts that failed.
    pub failed: i64,
    /// Alerts that were given up.
    pub dropped: i64,
    /// Attempts that failed since the last that did not.
    pub consecutive_failures: i64,
    /// When something was delivered last.
    pub last_success: Option<WallTime>,
    /// When an attempt failed last.
    pub last_failure: Option<WallTime>,
    /// Why.
    pub last_error: String,
    /// Not to be tried again before.
    pub retry_at: Option<WallTime>,
}

impl Outputs<'_> {
    /// How an output fares; `None` before it began.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn state(&self, output: &str) -> Result<Option<OutputState>, StoreError> {
        let sql = "SELECT * FROM output_states WHERE output = $1";
        let row = self.db.fetch_optional(sql, values![output]).await?;
        row.as_ref().map(read).transpose()
    }

    /// How all fare, by id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn states(&self) -> Result<Vec<OutputState>, StoreError> {
        let sql = format!("SELECT * FROM output_states ORDER BY output LIMIT {STATES_MAX}");
        let rows = self.db.fetch(&sql, Vec::new()).await?;
        rows.iter().map(read).collect()
    }

    /// Lets an output begin at a position; one that began already goes on from there instead.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn start_at(&self, output: &str, position: FeedPosition) -> Result<(), StoreError> {
        check("an output's id", output, NAME_BYTES_MAX)?;
        let sql = "INSERT INTO output_states (output, position_batch, position_seq, delivered, failed, dropped, \
                   consecutive_failures, last_error, claimed_by, claimed_until) \
                   VALUES ($1, $2, $3, 0, 0, 0, 0, '', '', 0) ON CONFLICT (output) DO UPDATE SET \
                   position_batch = excluded.position_batch, position_seq = excluded.position_seq";
        self.changing(output, sql, values![output, position.batch, position.seq])
            .await
    }

    /// Takes over the delivery of an output until a time, unless another replica has it. The one that has it prolongs it
    /// in the same way.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn claim(
        &self,
        output: &str,
        replica: &str,
        until: WallTime,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE output_states SET claimed_by = $2, claimed_until = $3 \
                   WHERE output = $1 AND (claimed_by = $2 OR claimed_until <= $4)";
        let rows = self
            .db
            .execute(sql, values![output, replica, until, now])
            .await?;
        Ok(rows > 0)
    }

    /// Notes that everything up to a position is done, of which `count` alerts were delivered.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn delivered(
        &self,
        output: &str,
        position: FeedPosition,
        count: u32,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE output_states SET position_batch = $2, position_seq = $3, delivered = delivered + $4, \
                   consecutive_failures = 0, last_success = CASE WHEN $4 > 0 THEN $5 ELSE last_success END, \
                   retry_at = NULL WHERE output = $1";
        let values = values![output, position.batch, position.seq, count, now];
        self.changing(output, sql, values).await
    }

    /// Notes that an attempt failed.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn failed(
        &self,
        output: &str,
        error: &str,
        retry_at: WallTime,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE output_states SET failed = failed + 1, consecutive_failures = consecutive_failures + 1, \
                   last_failure = $2, last_error = $3, retry_at = $4 WHERE output = $1";
        let values = values![output, now, cut(error, NOTE_BYTES_MAX), retry_at];
        self.changing(output, sql, values).await
    }

    /// Notes that everything up to a position is done, of which `count` alerts were given up.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn dropped(
        &self,
        output: &str,
        position: FeedPosition,
        count: u32,
        reason: &str,
        now: WallTime,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE output_states SET position_batch = $2, position_seq = $3, dropped = dropped + $4, \
                   last_failure = $5, last_error = $6, retry_at = NULL WHERE output = $1";
        let reason = cut(reason, NOTE_BYTES_MAX);
        let values = values![output, position.batch, position.seq, count, now, reason];
        self.changing(output, sql, values).await
    }

    /// Forgets an output that is no more.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn forget(&self, output: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM output_states WHERE output = $1";
        self.changing(output, sql, values![output]).await
    }

    async fn changing(
        &self,
        output: &str,
        sql: &str,
        values: Vec<crate::db::Value>,
    ) -> Result<(), StoreError> {
        let mut tx: Tx = self.db.begin().await?;
        tx.execute(sql, values).await?;
        tx.notify(Change::new(ChangeKind::Output, output, 0));
        tx.commit().await
    }
}

fn read(row: &Row) -> Result<OutputState, StoreError> {
    Ok(OutputState {
        output: row.get("output")?,
        position: FeedPosition {
            batch: row.get("position_batch")?,
            seq: row.get("position_seq")?,
        },
        delivered: row.get("delivered")?,
        failed: row.get("failed")?,
        dropped: row.get("dropped")?,
        consecutive_failures: row.get("consecutive_failures")?,
        last_success: row.time_if("last_success")?,
        last_failure: row.time_if("last_failure")?,
        last_error: row.get("last_error")?,
        retry_at: row.time_if("retry_at")?,
    })
}
