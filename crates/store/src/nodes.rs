//! Nodes and the sensors on them.

use crate::audit_log::{self, NewAuditEntry};
use crate::coverage;
use crate::db::{Db, Dialect, Row, Tx, values};
use crate::filter::{Conditions, Scope};
use crate::limits::{BATCH_ITEMS_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, check_count, checked_json, cut};
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, UpdateError, Version,
};
use serde_json::{Value, json};
use yagura_event::WallTime;

/// Name of the list in cursors.
const LIST: &str = "nodes";

/// Clusters that a summary has at most.
const SUMMARY_ROWS_MAX: u32 = 10_000;

/// The nodes of a store.
#[derive(Debug, Clone, Copy)]
pub struct Nodes<'a> {
    pub(crate) db: &'a Db,
}

/// What a sensor says of its node and itself. Names are cut at [`NAME_BYTES_MAX`].
#[derive(Debug, Clone, PartialEq)]
pub struct NodeReport {
    /// Identity that the node's certificate carries.
    pub id: String,
    /// Name of the node.
    pub name: String,
    /// Cluster; empty if none.
    pub cluster: String,
    /// Region; empty if none.
    pub region: String,
    /// Cloud provider in the policy's words; empty if unknown.
    pub provider: String,
    /// Subscription, account or project.
    pub account: String,
    /// Labels.
    pub labels: Value,
    /// Version of the sensor.
    pub sensor_version: String,
    /// How it enforces: `bpf-lsm`, `signals`, …
    pub backend: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Which versions of policies are in force there.
    pub policy_versions: Value,
    /// Counters, drops, problems.
    pub health: Value,
    /// The center replica that the sensor is connected to.
    pub replica: String,
}

/// A node.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What its sensor said last.
    pub report: NodeReport,
    /// What is wanted of it: `none`, `host`, `host-and-container`; empty where nobody said.
    pub protection_level: String,
    /// Whether its sensor is connected to some replica.
    pub connected: bool,
    /// When it came for the first time.
    pub first_seen: WallTime,
    /// When it was heard of last.
    pub last_seen: WallTime,
    /// Goes up when people change it.
    pub version: Version,
}

/// Which nodes are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFilter {
    /// Clusters.
    pub clusters: Vec<String>,
    /// Regions.
    pub regions: Vec<String>,
    /// Part of the name.
    pub text: String,
    /// Whether connected.
    pub connected: Option<bool>,
    /// What the one who asks may see.
    pub scope: Option<Scope>,
}

/// How many nodes a cluster has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSummary {
    /// Name of the cluster; empty for nodes without.
    pub cluster: String,
    /// Region.
    pub region: String,
    /// Nodes.
    pub nodes: i64,
    /// Those connected.
    pub connected: i64,
}

impl Nodes<'_> {
    /// Takes over what a sensor says, and that it is connected.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] for a report that is too long.
    pub async fn report(&self, report: &NodeReport, now: WallTime) -> Result<(), StoreError> {
        self.report_all(std::slice::from_ref(report), now).await
    }

    /// Takes over what sensors say, each at most once, and that they are connected. Of many, subscribers are told at once.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] if a report is too long, and [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`]; nothing is
    /// taken over then.
    pub async fn report_all(
        &self,
        reports: &[NodeReport],
        now: WallTime,
    ) -> Result<(), StoreError> {
        check_count("reports of nodes", reports.len(), BATCH_ITEMS_MAX)?;
        if reports.is_empty() {
            return Ok(());
        }
        let mut rows = reports.iter().map(row_of).collect::<Result<Vec<_>, _>>()?;
        // Always in the same order, or two replicas could wait for one another.
        rows.sort();
        let mut tx = self.db.begin().await?;
        let versions = match tx.dialect() {
            Dialect::Postgres => report_postgres(&mut tx, &rows, now).await?,
            Dialect::Sqlite => report_sqlite(&mut tx, &rows, now).await?,
        };
        match (reports, versions.as_slice()) {
            ([only], [version]) => tx.notify(Change::new(ChangeKind::Node, &only.id, *version)),
            _ => tx.notify(Change::new(ChangeKind::Node, "", 0)),
        }
        tx.commit().await
    }

    /// Notes when nodes were heard of, without telling anybody.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`].
    pub async fn seen(&self, nodes: &[(String, WallTime)]) -> Result<(), StoreError> {
        check_count("nodes", nodes.len(), BATCH_ITEMS_MAX)?;
        let mut sorted: Vec<&(String, WallTime)> = nodes.iter().collect();
        sorted.sort();
        let mut tx = self.db.begin().await?;
        for (id, time) in sorted {
            let sql = "UPDATE nodes SET last_seen = $2 WHERE id = $1 AND last_seen < $2";
            tx.execute(sql, values![id, *time]).await?;
        }
        tx.commit().await
    }

    /// Notes that sensors' connections to a replica ended, and a gap of that kind of each from then on, if one is named; not
    /// of those that are connected to another replica by now. Of many, subscribers are told at once.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`]; nothing is noted then.
    pub async fn disconnected(
        &self,
        ids: &[String],
        replica: &str,
        gap: Option<&str>,
        now: WallTime,
    ) -> Result<(), StoreError> {
        check_count("nodes", ids.len(), BATCH_ITEMS_MAX)?;
        // Always in the same order, as reports.
        let mut sorted: Vec<&String> = ids.iter().collect();
        sorted.sort();
        let sql = "UPDATE nodes SET connected = FALSE, \
                   last_seen = CASE WHEN $3 > last_seen THEN $3 ELSE last_seen END \
                   WHERE id = $1 AND replica = $2 AND connected RETURNING version";
        let mut tx = self.db.begin().await?;
        let mut gone = Vec::new();
        for id in sorted {
            let row = tx.fetch_optional(sql, values![id, replica, now]).await?;
            let Some(row) = row else { continue };
            gone.push((id, row.get("version")?));
            if let Some(kind) = gap {
                coverage::open(&mut tx, id, kind, "{}", now).await?;
            }
        }
        let (id, version) = match gone.as_slice() {
            [] => return tx.commit().await,
            [(id, version)] => (id.as_str(), *version),
            _ => ("", 0),
        };
        tx.notify(Change::new(ChangeKind::Node, id, version));
        if gap.is_some() {
            tx.notify(Change::new(ChangeKind::Coverage, id, 0));
        }
        tx.commit().await
    }

    /// Notes that all connections of a replica are gone: it starts anew. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn replica_gone(&self, replica: &str) -> Result<u64, StoreError> {
        let sql = "UPDATE nodes SET connected = FALSE WHERE replica = $1 AND connected";
        self.db.execute(sql, values![replica]).await
    }

    /// Notes as gone whoever is connected to another replica than this one and was not heard of since: that replica is no
    /// more, and could not say so. Returns their identities.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn silent(&self, replica: &str, since: WallTime) -> Result<Vec<String>, StoreError> {
        let sql = "UPDATE nodes SET connected = FALSE \
                   WHERE connected AND replica <> $1 AND last_seen < $2 RETURNING id, version";
        let mut tx = self.db.begin().await?;
        let mut gone = Vec::new();
        for row in tx.fetch(sql, values![replica, since]).await? {
            let id: String = row.get("id")?;
            tx.notify(Change::new(ChangeKind::Node, &id, row.get("version")?));
            gone.push(id);
        }
        tx.commit().await?;
        Ok(gone)
    }

    /// The node of that identity.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, id: &str) -> Result<Option<Node>, StoreError> {
        let row = self
            .db
            .fetch_optional("SELECT * FROM nodes WHERE id = $1", values![id])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Nodes by name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        filter: &NodeFilter,
        page: &PageRequest,
    ) -> Result<Page<Node>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.texts("cluster", &filter.clusters)?;
        conditions.texts("region", &filter.regions)?;
        conditions.contains(&["name"], &filter.text)?;
        if let Some(connected) = filter.connected {
            conditions.push("connected = ", connected, "");
        }
        conditions.scope(filter.scope.as_ref(), "cluster", None)?;
        if let Some(cursor) = &page.after {
            let (_, place) = cursor.place(LIST)?;
            let (name, id) = place
                .split_once('\u{1e}')
                .ok_or(StoreError::InvalidCursor)?;
            conditions.after_texts(("name", "id"), (name, id));
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM nodes{clause} ORDER BY name, id LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |node| {
            let place = format!("{}\u{1e}{}", node.report.name, node.report.id);
            Cursor::new(LIST, 0, &place)
        }))
    }

    /// Says what is wanted of a node.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is given and not its version.
    pub async fn set_protection_level(
        &self,
        id: &str,
        expected: Option<Version>,
        level: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Node, UpdateError<Node>> {
        check("a protection level", level, NAME_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let before = find(&mut tx, id).await?.ok_or(UpdateError::NotFound)?;
        if let Some(expected) = expected.filter(|expected| *expected != before.version) {
            return Err(UpdateError::Stale {
                expected,
                current: Box::new(before),
            });
        }
        let version = before.version.next();
        let sql = "UPDATE nodes SET protection_level = $2, version = $3 WHERE id = $1";
        tx.execute(sql, values![id, level, version]).await?;
        let entry = NewAuditEntry::new(
            "node.protection-level",
            "node",
            id,
            json!({ "protection_level": before.protection_level }),
            json!({ "protection_level": level }),
        );
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Node, id, version.0));
        tx.commit().await?;
        Ok(Node {
            protection_level: level.to_owned(),
            version,
            ..before
        })
    }

    /// Forgets a node. Its alerts stay.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`]
    pub async fn remove(
        &self,
        id: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<(), UpdateError<Node>> {
        let mut tx = self.db.begin().await?;
        let before = find(&mut tx, id).await?.ok_or(UpdateError::NotFound)?;
        for table in ["containers", "latest_canaries"] {
            let sql = format!("DELETE FROM {table} WHERE node = $1");
            tx.execute(&sql, values![id]).await?;
        }
        tx.execute("DELETE FROM nodes WHERE id = $1", values![id])
            .await?;
        let side = json!({ "name": before.report.name, "cluster": before.report.cluster });
        let entry = NewAuditEntry::new("node.remove", "node", id, side, Value::Null);
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Node, id, 0));
        tx.commit().await?;
        Ok(())
    }

    /// Nodes of each cluster, by name of the cluster.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn summary(&self, scope: Option<&Scope>) -> Result<Vec<ClusterSummary>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.scope(scope, "cluster", None)?;
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT cluster, region, count(*) AS nodes, \
             CAST(sum(CASE WHEN connected THEN 1 ELSE 0 END) AS BIGINT) AS connected \
             FROM nodes{clause} GROUP BY cluster, region ORDER BY cluster, region LIMIT {SUMMARY_ROWS_MAX}"
        );
        let rows = self.db.fetch(&sql, values).await?;
        rows.iter()
            .map(|row| {
                Ok(ClusterSummary {
                    cluster: row.get("cluster")?,
                    region: row.get("region")?,
                    nodes: row.get("nodes")?,
                    connected: row.get("connected")?,
                })
            })
            .collect()
    }
}

async fn find(tx: &mut Tx, id: &str) -> Result<Option<Node>, StoreError> {
    let sql = format!("SELECT * FROM nodes WHERE id = $1{}", tx.for_update());
    let row = tx.fetch_optional(&sql, values![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Columns of a report, in the order of [`row_of`].
const REPORTED: [&str; 13] = [
    "id",
    "name",
    "cluster",
    "region",
    "provider",
    "account",
    "labels",
    "sensor_version",
    "backend",
    "kernel",
    "policy_versions",
    "health",
    "replica",
];

/// A report's texts, in the order of [`REPORTED`].
fn row_of(report: &NodeReport) -> Result<[String; 13], StoreError> {
    let name = |text: &str| cut(text, NAME_BYTES_MAX);
    check("a node's id", &report.id, NAME_BYTES_MAX)?;
    Ok([
        report.id.clone(),
        name(&report.name),
        name(&report.cluster),
        name(&report.region),
        name(&report.provider),
        name(&report.account),
        checked_json("labels", &report.labels, VALUE_BYTES_MAX)?,
        name(&report.sensor_version),
        name(&report.backend),
        name(&report.kernel),
        checked_json("policy versions", &report.policy_versions, VALUE_BYTES_MAX)?,
        checked_json("a health report", &report.health, VALUE_BYTES_MAX)?,
        name(&report.replica),
    ])
}

/// What becomes of nodes that are known. Their levels of protection and their first times stay.
fn reported_again() -> String {
    let all = REPORTED.iter().skip(1);
    let columns: Vec<String> = all
        .map(|column| format!("{column} = excluded.{column}"))
        .collect();
    format!(
        "ON CONFLICT (id) DO UPDATE SET {}, connected = TRUE, \
         last_seen = CASE WHEN excluded.last_seen > n.last_seen THEN excluded.last_seen ELSE n.last_seen END \
         RETURNING version",
        columns.join(", ")
    )
}

/// One statement with an array for each column. Returns the nodes' versions.
async fn report_postgres(
    tx: &mut Tx,
    rows: &[[String; 13]],
    now: WallTime,
) -> Result<Vec<i64>, StoreError> {
    let mut columns: [Vec<String>; 13] = Default::default();
    for row in rows {
        for (column, text) in columns.iter_mut().zip(row) {
            column.push(text.clone());
        }
    }
    let mut values = values![now];
    values.extend(columns.into_iter().map(crate::db::Value::from));
    let arrays: Vec<String> = (2..)
        .take(REPORTED.len())
        .map(|at| format!("${at}::text[]"))
        .collect();
    let (names, arrays) = (REPORTED.join(", "), arrays.join(", "));
    let sql = format!(
        "INSERT INTO nodes AS n ({names}, protection_level, connected, first_seen, last_seen, version) \
         SELECT {names}, '', TRUE, $1, $1, 1 FROM unnest({arrays}) AS told ({names}) {}",
        reported_again()
    );
    let rows = tx.fetch(&sql, values).await?;
    rows.iter().map(|row| row.get("version")).collect()
}

async fn report_sqlite(
    tx: &mut Tx,
    rows: &[[String; 13]],
    now: WallTime,
) -> Result<Vec<i64>, StoreError> {
    let places: Vec<String> = (2..)
        .take(REPORTED.len())
        .map(|at| format!("${at}"))
        .collect();
    let sql = format!(
        "INSERT INTO nodes AS n (first_seen, last_seen, protection_level, connected, version, {}) \
         VALUES ($1, $1, '', TRUE, 1, {}) {}",
        REPORTED.join(", "),
        places.join(", "),
        reported_again()
    );
    let mut versions = Vec::with_capacity(rows.len());
    for row in rows {
        let mut values = values![now];
        values.extend(row.iter().map(crate::db::Value::from));
        if let Some(row) = tx.fetch_optional(&sql, values).await? {
            versions.push(row.get("version")?);
        }
    }
    Ok(versions)
}

fn read(row: &Row) -> Result<Node, StoreError> {
    Ok(Node {
        report: NodeReport {
            id: row.get("id")?,
            name: row.get("name")?,
            cluster: row.get("cluster")?,
            region: row.get("region")?,
            provider: row.get("provider")?,
            account: row.get("account")?,
            labels: row.json("labels")?,
            sensor_version: row.get("sensor_version")?,
            backend: row.get("backend")?,
            kernel: row.get("kernel")?,
            policy_versions: row.json("policy_versions")?,
            health: row.json("health")?,
            replica: row.get("replica")?,
        },
        protection_level: row.get("protection_level")?,
        connected: row.get("connected")?,
        first_seen: row.time("first_seen")?,
        last_seen: row.time("last_seen")?,
        version: Version(row.get("version")?),
    })
}
