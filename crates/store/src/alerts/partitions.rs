//! PostgreSQL keeps alerts in one partition for each week: old ones go by dropping a table, and what is asked of recent
//! ones touches little. Partitions are made before they are needed.

use crate::StoreError;
use crate::db::{Dialect, Tx, values};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use yagura_event::WallTime;

/// Nanoseconds of a week.
const WEEK_NS: i64 = 7 * 24 * 3_600 * 1_000_000_000;

/// Nanoseconds of a day.
const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// How far a time may lie before that of storing. A sensor whose clock says 1970 must not make partitions for decades.
const PAST_MAX_NS: i64 = 400 * DAY_NS;

/// How far a time may lie after that of storing.
const FUTURE_MAX_NS: i64 = DAY_NS;

/// Number of the lock under which partitions are made.
const PARTITION_LOCK: i64 = 0x7961_6775_7261_0002;

/// The weeks that are known to have a partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weeks(Arc<Mutex<HashSet<i64>>>);

impl Weeks {
    fn missing(&self, weeks: impl Iterator<Item = i64>) -> Vec<i64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut missing: Vec<i64> = weeks.filter(|week| !known.contains(week)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn add(&self, weeks: &[i64]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(weeks);
    }

    pub(crate) fn forget_before(&self, week: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| *known >= week);
    }
}

/// The week, counted from 1970.
pub(crate) fn week_of(time: WallTime) -> i64 {
    time.0.div_euclid(WEEK_NS)
}

/// When a week begins.
pub(crate) fn first_time_of(week: i64) -> WallTime {
    WallTime(week.saturating_mul(WEEK_NS))
}

/// The time that an alert is listed under: its own, unless the clock that gave it was far off.
pub(super) fn listed_time(time: WallTime, now: WallTime) -> WallTime {
    let earliest = now.0.saturating_sub(PAST_MAX_NS);
    let latest = now.0.saturating_add(FUTURE_MAX_NS);
    if time.0 > latest {
        now
    } else {
        WallTime(time.0.max(earliest))
    }
}

/// Makes the partitions of these times, in a transaction of its own. Nothing happens with SQLite.
pub(crate) async fn prepare(
    db: &crate::db::Db,
    weeks: &Weeks,
    times: impl Iterator<Item = WallTime>,
) -> Result<(), StoreError> {
    if db.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let missing = weeks.missing(times.map(week_of));
    if missing.is_empty() {
        return Ok(());
    }
    let mut tx = db.begin().await?;
    tx.lock(vec![PARTITION_LOCK]).await?;
    for week in &missing {
        create(&mut tx, *week).await?;
    }
    tx.commit().await?;
    weeks.add(&missing);
    Ok(())
}

async fn create(tx: &mut Tx, week: i64) -> Result<(), StoreError> {
    let table = table_of(week);
    let found = tx
        .fetch(
            "SELECT 1 AS one WHERE to_regclass($1) IS NOT NULL",
            values![&table],
        )
        .await?;
    if found.is_empty() {
        let sql = format!(
            "CREATE TABLE {table} PARTITION OF alerts FOR VALUES FROM ({}) TO ({})",
            first_time_of(week).0,
            first_time_of(week.saturating_add(1)).0
        );
        tx.execute(&sql, Vec::new()).await?;
    }
    Ok(())
}

fn table_of(week: i64) -> String {
    format!("alerts_week_{week}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_far_off_are_brought_near() {
        let now = WallTime(500 * DAY_NS);
        for (time, listed) in [
            (now.0, now.0),
            (now.0 + DAY_NS, now.0 + DAY_NS),
            (now.0 + DAY_NS + 1, now.0),
            (i64::MAX, now.0),
            (0, 100 * DAY_NS),
            (i64::MIN, 100 * DAY_NS),
        ] {
            assert_eq!(listed_time(WallTime(time), now), WallTime(listed));
        }
    }

    #[test]
    fn weeks_meet_without_a_gap() {
        for week in [-1, 0, 2_900] {
            let start = first_time_of(week);
            assert_eq!(week_of(start), week);
            assert_eq!(week_of(WallTime(start.0 - 1)), week - 1);
        }
    }
}
