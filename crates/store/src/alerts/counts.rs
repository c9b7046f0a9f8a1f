//! Sums of alerts by hour, which an overview reads instead of counting millions of rows. Every change of alerts adds its
//! difference as a row; [`add_up`] makes one row of many.

use super::alert::{category_code, category_of_code};
use super::partitions::listed_time;
use super::{Alert, AlertStatus, Alerts, NewAlert, severity_code, severity_of_code};
use crate::StoreError;
use crate::db::{CopyRows, Db, Dialect, Row, Tx, values};
use crate::filter::{Conditions, Scope};
use crate::limits::NAME_BYTES_MAX;
use crate::text::bounded;
use std::borrow::Cow;
use std::collections::BTreeMap;
use yagura_event::{Category, Severity, WallTime};

/// Nanoseconds of an hour.
const HOUR_NS: i64 = 3_600 * 1_000_000_000;

/// Most rows of an answer: bucket width and grouping are the caller's, and may be foolish.
const COUNT_ROWS_MAX: u32 = 20_000;

/// What a row takes on its way to PostgreSQL, about.
const ROW_BYTES: usize = 200;

/// Most hours that are added up at a time.
const ADD_UP_HOURS_MAX: u32 = 200;

/// What sums are split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountGroup {
    /// How much they matter.
    Severity,
    /// Category of the catalogue.
    Category,
    /// Where they stand.
    Status,
    /// Catalogue key.
    Key,
    /// Name of the detection rule.
    Rule,
    /// Name of the cluster.
    Cluster,
    /// Namespace.
    Namespace,
}

impl CountGroup {
    fn column(self) -> &'static str {
        match self {
            CountGroup::Severity => "severity",
            CountGroup::Category => "category",
            CountGroup::Status => "status",
            CountGroup::Key => "catalogue_key",
            CountGroup::Rule => "rule",
            CountGroup::Cluster => "cluster",
            CountGroup::Namespace => "namespace",
        }
    }

    /// The column as text: codes are numbers, and become names in [`CountGroup::name`].
    fn name(self, stored: String) -> Result<String, StoreError> {
        let code = || {
            stored
                .parse()
                .map_err(|_| StoreError::damaged(format!("{stored} is no code")))
        };
        Ok(match self {
            CountGroup::Severity => severity_of_code(code()?)?.as_str().to_owned(),
            CountGroup::Category => category_of_code(code()?)?.as_str().to_owned(),
            CountGroup::Status => AlertStatus::of_code(code()?)?.as_str().to_owned(),
            CountGroup::Key | CountGroup::Rule | CountGroup::Cluster | CountGroup::Namespace => {
                stored
            }
        })
    }
}

/// Which alerts are counted. Times are rounded to hours, outwards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CountFilter {
    /// Not before.
    pub from: Option<WallTime>,
    /// Before.
    pub to: Option<WallTime>,
    /// Where they stand.
    pub statuses: Vec<AlertStatus>,
    /// How much they matter.
    pub severities: Vec<Severity>,
    /// Categories of the catalogue.
    pub categories: Vec<Category>,
    /// What the one who asks may see, or wants to.
    pub scope: Option<Scope>,
}

/// A sum of one bucket and one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertCount {
    /// When the bucket begins; buckets are counted from 1970.
    pub time: WallTime,
    /// Name of the severity, category, status, or the text itself.
    pub group: String,
    /// How many.
    pub alerts: i64,
}

/// A sum of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTotal {
    /// Name of the severity, category, status, or the text itself.
    pub group: String,
    /// How many.
    pub alerts: i64,
}

impl Alerts<'_> {
    /// Sums over time, by bucket and then group. Repeats of an alert count once.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn counts(
        &self,
        filter: &CountFilter,
        bucket_hours: u32,
        group: CountGroup,
    ) -> Result<Vec<AlertCount>, StoreError> {
        let bucket = i64::from(bucket_hours.max(1)).saturating_mul(HOUR_NS);
        let column = group.column();
        let (clause, values) = conditions(self.db, filter)?.finish();
        let sql = format!(
            "SELECT (hour / {bucket}) * {bucket} AS bucket, CAST({column} AS TEXT) AS grouped, \
             CAST(sum(alerts) AS BIGINT) AS n FROM alert_counts{clause} GROUP BY 1, 2 \
             HAVING sum(alerts) <> 0 ORDER BY 1, 2 LIMIT {COUNT_ROWS_MAX}"
        );
        let rows = self.db.fetch(&sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(AlertCount {
                    time: row.time("bucket")?,
                    group: group.name(row.get("grouped")?)?,
                    alerts: row.get("n")?,
                })
            })
            .collect()
    }

    /// Sums by group, the largest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn totals(
        &self,
        filter: &CountFilter,
        group: CountGroup,
        limit: u32,
    ) -> Result<Vec<AlertTotal>, StoreError> {
        let column = group.column();
        let (clause, values) = conditions(self.db, filter)?.finish();
        let sql = format!(
            "SELECT CAST({column} AS TEXT) AS grouped, CAST(sum(alerts) AS BIGINT) AS n FROM alert_counts{clause} \
             GROUP BY 1 HAVING sum(alerts) <> 0 ORDER BY 2 DESC, 1 LIMIT {}",
            limit.min(COUNT_ROWS_MAX)
        );
        let rows = self.db.fetch(&sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(AlertTotal {
                    group: group.name(row.get("grouped")?)?,
                    alerts: row.get("n")?,
                })
            })
            .collect()
    }
}

fn conditions(db: &Db, filter: &CountFilter) -> Result<Conditions, StoreError> {
    let mut conditions = Conditions::new(db.dialect());
    conditions.from("hour", filter.from.map(|from| WallTime(hour_of(from))));
    conditions.before("hour", filter.to);
    let statuses: Vec<i64> = filter.statuses.iter().map(|item| item.code()).collect();
    conditions.codes("status", &statuses);
    let severities: Vec<i64> = filter
        .severities
        .iter()
        .map(|item| severity_code(*item))
        .collect();
    conditions.codes("severity", &severities);
    let categories: Vec<i64> = filter
        .categories
        .iter()
        .map(|item| category_code(*item))
        .collect();
    conditions.codes("category", &categories);
    conditions.scope(filter.scope.as_ref(), "cluster", Some("namespace"))?;
    Ok(conditions)
}

fn hour_of(time: WallTime) -> i64 {
    time.0.div_euclid(HOUR_NS).saturating_mul(HOUR_NS)
}

/// What sums are kept for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cell<'a> {
    hour: i64,
    status: i64,
    severity: i64,
    category: i64,
    rule: Cow<'a, str>,
    key: Cow<'a, str>,
    cluster: Cow<'a, str>,
    namespace: Cow<'a, str>,
}

/// A difference that a change makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delta<'a> {
    cell: Cell<'a>,
    alerts: i64,
}

impl<'a> Delta<'a> {
    pub(super) fn of_new(alert: &'a NewAlert, now: WallTime) -> Delta<'a> {
        Delta {
            cell: Cell {
                hour: hour_of(listed_time(alert.time, now)),
                status: alert.status.code(),
                severity: severity_code(alert.severity),
                category: category_code(alert.category),
                rule: bounded(&alert.rule, NAME_BYTES_MAX),
                key: bounded(&alert.key, NAME_BYTES_MAX),
                cluster: bounded(&alert.cluster, NAME_BYTES_MAX),
                namespace: bounded(&alert.namespace, NAME_BYTES_MAX),
            },
            alerts: 1,
        }
    }

    /// One alert less of its present status, one more of another.
    pub(super) fn of_change(alert: &'a Alert, to: AlertStatus) -> [Delta<'a>; 2] {
        let cell = |status: AlertStatus| Cell {
            hour: hour_of(alert.time),
            status: status.code(),
            severity: severity_code(alert.severity),
            category: category_code(alert.category),
            rule: Cow::Borrowed(&alert.rule),
            key: Cow::Borrowed(&alert.key),
            cluster: Cow::Borrowed(&alert.cluster),
            namespace: Cow::Borrowed(&alert.namespace),
        };
        [
            Delta {
                cell: cell(alert.status),
                alerts: -1,
            },
            Delta {
                cell: cell(to),
                alerts: 1,
            },
        ]
    }
}

/// Adds differences, those of one cell as one row.
pub(super) async fn record(tx: &mut Tx, deltas: Vec<Delta<'_>>) -> Result<(), StoreError> {
    let mut sums: BTreeMap<Cell<'_>, i64> = BTreeMap::new();
    for delta in deltas {
        let sum = sums.entry(delta.cell).or_default();
        *sum = sum.saturating_add(delta.alerts);
    }
    sums.retain(|_, sum| *sum != 0);
    if sums.is_empty() {
        return Ok(());
    }
    match tx.dialect() {
        Dialect::Postgres => record_postgres(tx, sums).await,
        Dialect::Sqlite => {
            for (cell, sum) in sums {
                let sql = "INSERT INTO alert_counts (hour, status, severity, category, alerts, rule, \
                           catalogue_key, cluster, namespace) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
                let values = values![
                    cell.hour,
                    cell.status,
                    cell.severity,
                    cell.category,
                    sum,
                    &*cell.rule,
                    &*cell.key,
                    &*cell.cluster,
                    &*cell.namespace
                ];
                tx.execute(sql, values).await?;
            }
            Ok(())
        }
    }
}

async fn record_postgres(tx: &mut Tx, sums: BTreeMap<Cell<'_>, i64>) -> Result<(), StoreError> {
    let columns =
        "hour, status, severity, category, rule, catalogue_key, cluster, namespace, alerts";
    let bytes = sums.len().saturating_mul(ROW_BYTES);
    let mut rows = CopyRows::new("alert_counts", columns, bytes);
    for (cell, sum) in sums {
        rows.row();
        rows.int(cell.hour);
        rows.small(cell.status);
        rows.small(cell.severity);
        rows.small(cell.category);
        rows.text(&cell.rule);
        rows.text(&cell.key);
        rows.text(&cell.cluster);
        rows.text(&cell.namespace);
        rows.int(sum);
    }
    tx.copy(rows).await
}

/// Makes one row of all rows of a cell, for hours that have several.
pub(crate) async fn add_up(db: &Db) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT hour FROM (SELECT hour FROM alert_counts GROUP BY hour, status, severity, category, rule, \
         catalogue_key, cluster, namespace HAVING count(*) > 1) AS several GROUP BY hour ORDER BY hour \
         LIMIT {ADD_UP_HOURS_MAX}"
    );
    for row in db.fetch(&sql, Vec::new()).await? {
        let hour: i64 = row.get("hour")?;
        let mut tx = db.begin().await?;
        // What is taken out is what is put back, whatever others add meanwhile.
        let sql = "DELETE FROM alert_counts WHERE hour = $1 RETURNING hour, CAST(status AS BIGINT) AS status, \
                   CAST(severity AS BIGINT) AS severity, CAST(category AS BIGINT) AS category, rule, \
                   catalogue_key, cluster, namespace, alerts";
        let taken = tx.fetch(sql, values![hour]).await?;
        let deltas = taken.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        record(&mut tx, deltas).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn read(row: &Row) -> Result<Delta<'static>, StoreError> {
    Ok(Delta {
        cell: Cell {
            hour: row.get("hour")?,
            status: row.get("status")?,
            severity: row.get("severity")?,
            category: row.get("category")?,
            rule: Cow::Owned(row.get("rule")?),
            key: Cow::Owned(row.get("catalogue_key")?),
            cluster: Cow::Owned(row.get("cluster")?),
            namespace: Cow::Owned(row.get("namespace")?),
        },
        alerts: row.get("alerts")?,
    })
}
