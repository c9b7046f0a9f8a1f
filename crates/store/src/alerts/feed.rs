//! All alerts in the order of storing, each once: what outputs deliver and live views show.

use super::alert::{COLUMNS, read};
use super::{Alert, Alerts};
use crate::db::{Dialect, values};
use crate::{PAGE_ROWS_MAX, StoreError};
use std::fmt;

/// How far somebody is in the order of storing. The default is the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedPosition {
    /// The transaction that stored the last alert; zero with SQLite, where transactions are one after the other.
    pub batch: i64,
    /// Number of the last alert.
    pub seq: i64,
}

impl FeedPosition {
    /// The position that was shown so.
    pub fn parse(text: &str) -> Option<FeedPosition> {
        let (batch, seq) = text.split_once('-')?;
        let number = |digits: &str| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<i64>().ok()).flatten()
        };
        Some(FeedPosition {
            batch: number(batch)?,
            seq: number(seq)?,
        })
    }
}

impl fmt::Display for FeedPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.batch, self.seq)
    }
}

/// A part of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Feed {
    /// The alerts.
    pub alerts: Vec<Alert>,
    /// The position after each alert, for who gets no further than that.
    pub positions: Vec<FeedPosition>,
    /// Where to go on.
    pub position: FeedPosition,
}

impl Alerts<'_> {
    /// What was stored after a position, at most `limit` (and [`PAGE_ROWS_MAX`]) alerts. Repeats of an alert don't come
    /// again. With PostgreSQL an alert appears once every transaction that began before its own has ended.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn feed(&self, after: FeedPosition, limit: u32) -> Result<Feed, StoreError> {
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        let sql = match self.db.dialect() {
            Dialect::Sqlite => format!(
                "SELECT {COLUMNS}, $1 AS batch FROM alerts WHERE seq > $2 ORDER BY seq LIMIT {limit}"
            ),
            Dialect::Postgres => format!(
                "SELECT {COLUMNS}, batch FROM alerts WHERE (batch, seq) > ($1, $2) \
                 AND batch < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
                 ORDER BY batch, seq LIMIT {limit}"
            ),
        };
        let mut feed = Feed {
            alerts: Vec::new(),
            positions: Vec::new(),
            position: after,
        };
        for row in self.db.fetch(&sql, values![after.batch, after.seq]).await? {
            let alert = read(&row)?;
            feed.position = FeedPosition {
                batch: row.get("batch")?,
                seq: alert.seq,
            };
            feed.positions.push(feed.position);
            feed.alerts.push(alert);
        }
        Ok(feed)
    }

    /// How many alerts come after a position, counted up to a bound.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn feed_waiting(
        &self,
        after: FeedPosition,
        count_max: u64,
    ) -> Result<u64, StoreError> {
        let place = match self.db.dialect() {
            Dialect::Sqlite => "$1 IS NOT NULL AND seq > $2",
            Dialect::Postgres => "(batch, seq) > ($1, $2)",
        };
        let sql = format!(
            "SELECT count(*) AS n FROM (SELECT 1 FROM alerts WHERE {place} LIMIT {count_max}) AS waiting"
        );
        let row = self
            .db
            .fetch_optional(&sql, values![after.batch, after.seq])
            .await?;
        let count: i64 = row.map_or(Ok(0), |row| row.get("n"))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The position after everything that the feed has now: for who wants only what comes.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn feed_end(&self) -> Result<FeedPosition, StoreError> {
        let sql = match self.db.dialect() {
            Dialect::Sqlite => {
                "SELECT CAST(0 AS BIGINT) AS batch, seq FROM alerts ORDER BY seq DESC LIMIT 1"
            }
            Dialect::Postgres => {
                "SELECT batch, seq FROM alerts \
                 WHERE batch < pg_snapshot_xmin(pg_current_snapshot())::text::bigint \
                 ORDER BY batch DESC, seq DESC LIMIT 1"
            }
        };
        match self.db.fetch_optional(sql, Vec::new()).await? {
            Some(row) => Ok(FeedPosition {
                batch: row.get("batch")?,
                seq: row.get("seq")?,
            }),
            None => Ok(FeedPosition::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_shown() {
        let position = FeedPosition {
            batch: 7,
            seq: i64::MAX,
        };
        assert_eq!(FeedPosition::parse(&position.to_string()), Some(position));
        for text in [
            "",
            "1",
            "-1",
            "1-",
            "1--2",
            "+1-2",
            "1-2-3",
            "1-99999999999999999999",
        ] {
            assert_eq!(FeedPosition::parse(text), None, "{text}");
        }
    }
}
