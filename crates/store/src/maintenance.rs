//! What is done now and then: old rows go, sums are added up, partitions are made ahead. Any replica may do it at any
//! time.

use crate::alerts::{add_up, first_time_of, prepare, week_of};
use crate::db::{Dialect, values, wall_time};
use crate::limits::AUDIT_MEMORIES_OF_RULE_MAX;
use crate::{Store, StoreError};
use std::time::Duration;
use yagura_event::WallTime;

/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600 * 1_000_000_000;

/// How far ahead partitions are made.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Rows that one statement deletes: its locks are short, and others get in between.
const DELETE_ROWS_MAX: i64 = 5_000;

/// How long things are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Alerts, with what was done with them, and incidents.
    pub alerts: Duration,
    /// Entries of the audit log; `None` keeps all.
    pub audit_log: Option<Duration>,
    /// Results of canaries, and gaps that have ended.
    pub coverage: Duration,
    /// Commands that are done.
    pub commands: Duration,
    /// What commands brought.
    pub command_outputs: Duration,
    /// Containers and images that are not seen any more.
    pub inventory: Duration,
    /// Keys of audit events.
    pub kubernetes_audit: Duration,
}

impl Default for Retention {
    fn default() -> Retention {
        let days = |days: u64| Duration::from_secs(days * 24 * 3_600);
        Retention {
            alerts: days(90),
            audit_log: None,
            coverage: days(90),
            commands: days(90),
            command_outputs: days(7),
            inventory: days(7),
            kubernetes_audit: days(1),
        }
    }
}

/// What maintenance took away, in rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Maintained {
    /// Alerts.
    pub alerts: u64,
    /// Partitions that went whole; their alerts are counted, too.
    pub partitions: u64,
    /// Incidents.
    pub incidents: u64,
    /// Entries of the audit log.
    pub audit_entries: u64,
    /// Results of canaries and gaps.
    pub coverage: u64,
    /// Commands.
    pub commands: u64,
    /// Containers and images.
    pub inventory: u64,
    /// Keys of audit events.
    pub kubernetes_audit: u64,
    /// What was remembered of subjects of audit events.
    pub audit_memories: u64,
    /// Sessions that had ended, and kept answers.
    pub ended: u64,
}

impl Store {
    /// Takes away what is older than it is kept, and tidies up.
    ///
    /// # Errors
    /// [`StoreError`]; what was done until then stays done.
    pub async fn maintain(
        &self,
        retention: &Retention,
        now: WallTime,
    ) -> Result<Maintained, StoreError> {
        let cutoff = |kept: Duration| WallTime(now.0.saturating_sub(wall_time(kept)));
        let mut done = Maintained::default();
        let ahead = WallTime(now.0.saturating_add(wall_time(WEEK)));
        prepare(&self.db, self.weeks(), [now, ahead].into_iter()).await?;
        // Sums are by the hour, and must go with what they are sums of.
        let alerts = cutoff(retention.alerts).0.div_euclid(HOUR_NS);
        self.forget_alerts(WallTime(alerts.saturating_mul(HOUR_NS)), &mut done)
            .await?;
        if let Some(kept) = retention.audit_log {
            done.audit_entries = self.forget_audit(cutoff(kept)).await?;
        }
        let time = cutoff(retention.coverage);
        done.coverage = self.delete("canaries", "time < $1", time).await?;
        done.coverage += self.delete("gaps", "ended < $1", time).await?;
        let time = cutoff(retention.commands);
        done.commands = self
            .delete("commands", "status > 1 AND created < $1", time)
            .await?;
        let time = cutoff(retention.command_outputs);
        self.forget_outputs(time).await?;
        let time = cutoff(retention.inventory);
        done.inventory = self.delete("containers", "last_seen < $1", time).await?;
        done.inventory += self.delete("images", "last_seen < $1", time).await?;
        let time = cutoff(retention.kubernetes_audit);
        done.kubernetes_audit = self
            .delete("kubernetes_audit_seen", "time < $1", time)
            .await?;
        done.audit_memories = self.forget_audit_memories().await?;
        done.ended = self.delete("sessions", "expires <= $1", now).await?;
        done.ended += self
            .delete("idempotency_keys", "expires <= $1", now)
            .await?;
        add_up(&self.db).await?;
        if self.dialect() == Dialect::Sqlite {
            self.db.optimize_sqlite().await?;
        }
        Ok(done)
    }

    async fn forget_alerts(&self, time: WallTime, done: &mut Maintained) -> Result<(), StoreError> {
        if self.dialect() == Dialect::Postgres {
            self.drop_weeks(week_of(time), done).await?;
            done.alerts += self.delete("alerts", "time < $1", time).await?;
        } else {
            done.alerts += self.delete_sqlite_alerts(time).await?;
        }
        self.delete("alert_counts", "hour < $1", time).await?;
        self.delete("alert_events", "time < $1", time).await?;
        done.incidents = self.delete("incidents", "last_time < $1", time).await?;
        Ok(())
    }

    /// Takes away what commands brought, of which parts are older; the commands stay.
    async fn forget_outputs(&self, time: WallTime) -> Result<(), StoreError> {
        let old = "SELECT command FROM command_outputs WHERE stored < $1";
        let mut tx = self.db.begin().await?;
        let sql = format!("UPDATE commands SET output_bytes = NULL WHERE id IN ({old})");
        tx.execute(&sql, values![time]).await?;
        let sql = format!("DELETE FROM command_outputs WHERE command IN ({old})");
        tx.execute(&sql, values![time]).await?;
        tx.commit().await
    }

    /// Drops partitions that end before a week begins.
    async fn drop_weeks(&self, first_kept: i64, done: &mut Maintained) -> Result<(), StoreError> {
        let sql = "SELECT inhrelid::regclass::text AS name FROM pg_inherits \
                   WHERE inhparent = 'alerts'::regclass ORDER BY 1";
        for row in self.db.fetch(sql, Vec::new()).await? {
            let name: String = row.get("name")?;
            let week = name
                .rsplit('_')
                .next()
                .and_then(|week| week.parse::<i64>().ok());
            let Some(week) = week.filter(|week| *week < first_kept) else {
                continue;
            };
            let mut tx = self.db.begin().await?;
            // Readers of the table are waited for, but not for long: there is another time.
            tx.execute("SET LOCAL lock_timeout = '2s'", Vec::new())
                .await?;
            let sql = format!("SELECT count(*) AS n FROM {name}");
            if let Some(row) = tx.fetch_optional(&sql, Vec::new()).await? {
                done.alerts += u64::try_from(row.get::<i64>("n")?).unwrap_or_default();
            }
            tx.execute(&format!("DROP TABLE {name}"), Vec::new())
                .await?;
            tx.commit().await?;
            done.partitions += 1;
            tracing::info!(partition = %name, before = first_time_of(week.saturating_add(1)).0, "old alerts dropped");
        }
        self.weeks().forget_before(first_kept);
        Ok(())
    }

    /// The full-text index has rows of its own.
    async fn delete_sqlite_alerts(&self, time: WallTime) -> Result<u64, StoreError> {
        let mut total: u64 = 0;
        loop {
            let mut tx = self.db.begin().await?;
            let sql = "SELECT place FROM alerts WHERE place < $1 + 1000000000 AND time < $1 ORDER BY place LIMIT $2";
            let mut places = Vec::new();
            for row in tx.fetch(sql, values![time, DELETE_ROWS_MAX]).await? {
                places.push(row.get::<i64>("place")?);
            }
            if places.is_empty() {
                return Ok(total);
            }
            let sql = "DELETE FROM alert_words WHERE rowid IN (SELECT value FROM json_each($1))";
            tx.execute(sql, values![places.clone()]).await?;
            let sql = "DELETE FROM alerts WHERE place IN (SELECT value FROM json_each($1))";
            total += tx.execute(sql, values![places]).await?;
            tx.commit().await?;
        }
    }

    async fn forget_audit_memories(&self) -> Result<u64, StoreError> {
        let sql = format!(
            "DELETE FROM kubernetes_audit_memory WHERE (cluster, id) IN (SELECT cluster, id FROM (SELECT cluster, id, \
             row_number() OVER (PARTITION BY cluster, rule ORDER BY generation DESC, id) AS place \
             FROM kubernetes_audit_memory) AS placed WHERE place > {AUDIT_MEMORIES_OF_RULE_MAX} LIMIT {DELETE_ROWS_MAX})"
        );
        let mut total: u64 = 0;
        loop {
            let rows = self.db.execute(&sql, Vec::new()).await?;
            total += rows;
            if rows == 0 {
                return Ok(total);
            }
        }
    }

    async fn forget_audit(&self, time: WallTime) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let sql = "SELECT seq, hash FROM audit_log WHERE seq < (SELECT coalesce(min(seq), 0) FROM audit_log \
                   WHERE time >= $1) ORDER BY seq DESC LIMIT 1";
        let Some(row) = tx.fetch_optional(sql, values![time]).await? else {
            return Ok(0);
        };
        let (seq, hash): (i64, String) = (row.get("seq")?, row.get("hash")?);
        let sql = "UPDATE audit_anchor SET seq = $1, hash = $2 WHERE seq < $1";
        tx.execute(sql, values![seq, hash]).await?;
        let rows = tx
            .execute("DELETE FROM audit_log WHERE seq <= $1", values![seq])
            .await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Deletes rows of a table, some at a time.
    async fn delete(
        &self,
        table: &'static str,
        condition: &'static str,
        time: WallTime,
    ) -> Result<u64, StoreError> {
        let some = |row: &str| {
            format!("SELECT {row} FROM {table} WHERE {condition} LIMIT {DELETE_ROWS_MAX}")
        };
        let sql = match (self.dialect(), table) {
            (Dialect::Sqlite, _) => {
                format!("DELETE FROM {table} WHERE rowid IN ({})", some("rowid"))
            }
            // Partitions each count their own rows: a place alone does not tell one.
            (Dialect::Postgres, "alerts") => format!(
                "DELETE FROM {table} WHERE {condition} AND id = ANY(ARRAY({}))",
                some("id")
            ),
            (Dialect::Postgres, _) => {
                format!(
                    "DELETE FROM {table} WHERE ctid = ANY(ARRAY({}))",
                    some("ctid")
                )
            }
        };
        let mut total: u64 = 0;
        loop {
            let rows = self.db.execute(&sql, values![time]).await?;
            total += rows;
            if i64::try_from(rows).unwrap_or(i64::MAX) < DELETE_ROWS_MAX {
                return Ok(total);
            }
        }
    }
}
