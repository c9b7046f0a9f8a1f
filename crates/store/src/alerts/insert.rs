//! Exactly once: an alert that comes again, from a spool or another replica, is told from a new one by its id. Batches
//! of one node wait for one another, so that what is read before the insert still holds when it is done.

use super::alert::category_code;
use super::counts::{Delta, record};
use super::partitions::{listed_time, prepare};
use super::words::words_of;
use super::{Alerts, NewAlert, severity_code};
use crate::db::{CopyRows, Dialect, InList, Tx, Value, storable, values};
use crate::incidents;
use crate::limits::{
    ALERT_BATCH_MAX, ALERT_DOCUMENT_BYTES_MAX, ALERT_ID_BYTES_MAX, NAME_BYTES_MAX,
};
use crate::text::{bounded, check_count, cut};
use crate::{Change, ChangeKind, StoreError};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use yagura_event::WallTime;

/// What became of one alert of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertOutcome {
    /// It is stored.
    New,
    /// It had been stored; now it has been seen more often or later.
    Repeat,
    /// It had been stored, and nothing about it is new.
    Known,
    /// Its id belongs to an alert of another node: a sensor can't change what another one reported.
    Foreign,
    /// Its document is too long.
    TooLarge,
    /// Its id is empty, too long, or has other characters than letters, digits, `-` and `_`.
    InvalidId,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inserted {
    /// In the order in which the alerts were given.
    pub outcomes: Vec<InsertOutcome>,
}

impl Inserted {
    /// How many had this outcome.
    pub fn count(&self, outcome: InsertOutcome) -> usize {
        self.outcomes
            .iter()
            .filter(|found| **found == outcome)
            .count()
    }
}

/// What is stored of an alert that comes again.
struct Stored {
    time: WallTime,
    last_time: WallTime,
    node: String,
    count: u64,
}

impl Alerts<'_> {
    /// Stores a batch: all of it, or on an error nothing. Giving the same batch again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] for more than [`ALERT_BATCH_MAX`]; else whatever the database has. What is wrong with
    /// single alerts is no error: their outcomes say it, and the others are stored.
    pub async fn insert(&self, alerts: &[NewAlert], now: WallTime) -> Result<Inserted, StoreError> {
        check_count("alerts", alerts.len(), ALERT_BATCH_MAX)?;
        let times = alerts.iter().map(|alert| listed_time(alert.time, now));
        prepare(self.db, self.weeks, times).await?;
        let mut tx = self.db.begin().await?;
        if tx.dialect() == Dialect::Postgres {
            // Without statistics, as a week's partition is at first, the planner would rather read all of it than look up a
            // thousand ids; every batch would read more. And it would weigh each of the thousand anew every time.
            let sql = "SELECT set_config('enable_seqscan', 'off', true), \
                       set_config('plan_cache_mode', 'force_generic_plan', true)";
            tx.execute(sql, Vec::new()).await?;
        }
        let nodes: BTreeSet<&str> = alerts.iter().map(|alert| alert.node.as_str()).collect();
        tx.lock(nodes.into_iter().map(lock_of).collect()).await?;
        let mut known = stored(&mut tx, alerts).await?;
        let mut outcomes = Vec::with_capacity(alerts.len());
        let mut fresh: Vec<&NewAlert> = Vec::new();
        let mut repeats: Vec<(&NewAlert, WallTime)> = Vec::new();
        for alert in alerts {
            let outcome = judge(alert, &mut known, now);
            match outcome {
                InsertOutcome::New => fresh.push(alert),
                InsertOutcome::Repeat => {
                    let time = known
                        .get(&alert.id)
                        .map_or(alert.time, |stored| stored.time);
                    repeats.push((alert, time));
                }
                _ => {}
            }
            outcomes.push(outcome);
        }
        write(&mut tx, &fresh, now).await?;
        for (alert, time) in &repeats {
            repeat(&mut tx, alert, *time, now).await?;
        }
        let deltas = fresh
            .iter()
            .map(|alert| Delta::of_new(alert, now))
            .collect();
        record(&mut tx, deltas).await?;
        incidents::grow(&mut tx, &fresh, now).await?;
        let changed = fresh.len().saturating_add(repeats.len());
        if changed > 0 {
            let changed = i64::try_from(changed).unwrap_or(i64::MAX);
            tx.notify(Change::new(ChangeKind::Alerts, "", changed));
        }
        tx.commit().await?;
        Ok(Inserted { outcomes })
    }
}

/// The lock of a node's batches. Two nodes with the same number only wait for one another.
fn lock_of(node: &str) -> i64 {
    let digest = Sha256::digest(node.as_bytes());
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

async fn stored(tx: &mut Tx, alerts: &[NewAlert]) -> Result<HashMap<String, Stored>, StoreError> {
    let ids: Vec<String> = alerts
        .iter()
        .filter(|alert| is_id(&alert.id))
        .map(|alert| alert.id.clone())
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let list = InList {
        dialect: tx.dialect(),
        column: "id",
    };
    let (condition, value) = list.write(&ids, 1);
    let sql = format!("SELECT id, time, last_time, node, count FROM alerts WHERE {condition}");
    let mut known = HashMap::new();
    for row in tx.fetch(&sql, vec![value]).await? {
        let stored = Stored {
            time: row.time("time")?,
            last_time: row.time("last_time")?,
            node: row.get("node")?,
            count: u64::try_from(row.get::<i64>("count")?).unwrap_or_default(),
        };
        known.insert(row.get("id")?, stored);
    }
    Ok(known)
}

/// Tells what an alert is to what is stored and to those before it in its batch, and remembers it.
fn judge(alert: &NewAlert, known: &mut HashMap<String, Stored>, now: WallTime) -> InsertOutcome {
    if !is_id(&alert.id) {
        return InsertOutcome::InvalidId;
    }
    if alert.document.len() > ALERT_DOCUMENT_BYTES_MAX {
        return InsertOutcome::TooLarge;
    }
    let node = storable(bounded(&alert.node, NAME_BYTES_MAX));
    match known.get_mut(&alert.id) {
        None => {
            let stored = Stored {
                time: listed_time(alert.time, now),
                last_time: alert.last_time,
                node: node.into_owned(),
                count: alert.count,
            };
            known.insert(alert.id.clone(), stored);
            InsertOutcome::New
        }
        Some(stored) if stored.node != node => InsertOutcome::Foreign,
        Some(stored) if alert.count > stored.count || alert.last_time > stored.last_time => {
            stored.count = stored.count.max(alert.count);
            stored.last_time = stored.last_time.max(alert.last_time);
            InsertOutcome::Repeat
        }
        Some(_) => InsertOutcome::Known,
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= ALERT_ID_BYTES_MAX
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn count_of(alert: &NewAlert) -> i64 {
    i64::try_from(alert.count).unwrap_or(i64::MAX)
}

/// The texts of columns, in the order of [`TEXT_COLUMNS`].
fn texts_of(alert: &NewAlert) -> [&String; 12] {
    [
        &alert.rule,
        &alert.key,
        &alert.title,
        &alert.action,
        &alert.node,
        &alert.cluster,
        &alert.namespace,
        &alert.pod,
        &alert.container_id,
        &alert.container,
        &alert.image,
        &alert.incident,
    ]
}

const TEXT_COLUMNS: &str = "rule, catalogue_key, title, action, node, cluster, namespace, pod, \
                            container_id, container, image, incident";

/// The words that an alert is found by: those of its own columns first.
fn words(alert: &NewAlert) -> String {
    let own = [
        &alert.title,
        &alert.node,
        &alert.namespace,
        &alert.pod,
        &alert.container,
        &alert.image,
        &alert.rule,
        &alert.key,
        &alert.cluster,
    ];
    words_of(own.into_iter().chain(&alert.search).map(String::as_str))
}

async fn write(tx: &mut Tx, alerts: &[&NewAlert], now: WallTime) -> Result<(), StoreError> {
    if alerts.is_empty() {
        return Ok(());
    }
    match tx.dialect() {
        Dialect::Sqlite => write_sqlite(tx, alerts, now).await,
        Dialect::Postgres => write_postgres(tx, alerts, now).await,
    }
}

/// What a row takes in the stream besides its document, about.
const ROW_BYTES: usize = 1_500;

async fn write_postgres(
    tx: &mut Tx,
    alerts: &[&NewAlert],
    now: WallTime,
) -> Result<(), StoreError> {
    let bytes = alerts
        .iter()
        .map(|alert| alert.document.len().saturating_add(ROW_BYTES));
    let columns = format!(
        "id, received, changed, version, time, last_time, count, status, severity, category, {TEXT_COLUMNS}, \
         document, words"
    );
    let mut rows = CopyRows::new("alerts", &columns, bytes.sum());
    for alert in alerts {
        rows.row();
        rows.text(&alert.id);
        rows.int(now.0);
        rows.int(now.0);
        rows.int(1);
        rows.int(listed_time(alert.time, now).0);
        rows.int(alert.last_time.0);
        rows.int(count_of(alert));
        rows.small(alert.status.code());
        rows.small(severity_code(alert.severity));
        rows.small(category_code(alert.category));
        for text in texts_of(alert) {
            rows.text(&bounded(text, NAME_BYTES_MAX));
        }
        rows.text(&alert.document);
        rows.words(&words(alert));
    }
    tx.copy(rows).await
}

async fn write_sqlite(tx: &mut Tx, alerts: &[&NewAlert], now: WallTime) -> Result<(), StoreError> {
    let added = i64::try_from(alerts.len()).unwrap_or(i64::MAX);
    let sql = "UPDATE alert_seq SET last = last + $1 RETURNING last";
    let last: i64 = match tx.fetch_optional(sql, values![added]).await? {
        Some(row) => row.get("last")?,
        None => return Err(StoreError::damaged("alert_seq is empty")),
    };
    let sql = format!(
        "INSERT INTO alerts (received, changed, version, place, seq, id, time, last_time, count, status, severity, \
         category, {TEXT_COLUMNS}, document) VALUES ($1, $1, 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
         $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)"
    );
    for (seq, alert) in (last.saturating_sub(added).saturating_add(1)..).zip(alerts) {
        let time = listed_time(alert.time, now);
        let place = free_place(tx, time).await?;
        let mut values = values![
            now,
            place,
            seq,
            &alert.id,
            time,
            alert.last_time,
            count_of(alert),
            alert.status.code(),
            severity_code(alert.severity),
            category_code(alert.category),
        ];
        values.extend(texts_of(alert).map(|text| Value::from(cut(text, NAME_BYTES_MAX))));
        values.push(Value::from(&alert.document));
        tx.execute(&sql, values).await?;
        let sql = "INSERT INTO alert_words (rowid, words) VALUES ($1, $2)";
        tx.execute(sql, values![place, words(alert)]).await?;
    }
    Ok(())
}

/// The first place from a time on that no alert has.
async fn free_place(tx: &mut Tx, time: WallTime) -> Result<i64, StoreError> {
    let sql = "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM alerts WHERE place = $1) THEN $1 ELSE (\
               SELECT a.place + 1 FROM alerts AS a WHERE a.place >= $1 \
               AND NOT EXISTS (SELECT 1 FROM alerts AS b WHERE b.place = a.place + 1) \
               ORDER BY a.place LIMIT 1) END AS place";
    match tx.fetch_optional(sql, values![time]).await? {
        Some(row) => row.get("place"),
        None => Err(StoreError::damaged("no place for an alert")),
    }
}

/// An alert that was seen again: the latest document has the latest facts.
async fn repeat(
    tx: &mut Tx,
    alert: &NewAlert,
    time: WallTime,
    now: WallTime,
) -> Result<(), StoreError> {
    let greatest = match tx.dialect() {
        Dialect::Sqlite => "max",
        Dialect::Postgres => "greatest",
    };
    let sql = format!(
        "UPDATE alerts SET count = {greatest}(count, $3), last_time = {greatest}(last_time, $4), document = $5, \
         changed = $6, version = version + 1 WHERE id = $1 AND time = $2"
    );
    let values = values![
        &alert.id,
        time,
        count_of(alert),
        alert.last_time,
        &alert.document,
        now
    ];
    tx.execute(&sql, values).await.map(drop)
}
