//! Proofs that nodes are protected (canaries), and the times at which something was not seen or not protected (gaps).

use crate::db::{Db, Row, Tx, values};
use crate::filter::Conditions;
use crate::limits::{BATCH_ITEMS_MAX, NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, check_count, checked_json};
use crate::{Change, ChangeKind, Cursor, Page, PageRequest, StoreError};
use serde_json::Value;
use yagura_event::WallTime;

/// Names of the lists in cursors.
const LATEST: &str = "latest-canaries";
const CANARIES: &str = "canaries";
const GAPS: &str = "gaps";

/// Proofs and gaps of a store.
#[derive(Debug, Clone, Copy)]
pub struct Coverage<'a> {
    pub(crate) db: &'a Db,
}

/// What became of a harmless attack that a sensor made on itself.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryResult {
    /// Identity of the node.
    pub node: String,
    /// What was attempted.
    pub kind: String,
    /// When.
    pub time: WallTime,
    /// Whether it was seen.
    pub seen: bool,
    /// Whether it was stopped.
    pub blocked: bool,
    /// Nanoseconds until it was told of; zero if it was not.
    pub latency_ns: i64,
    /// The rest, as JSON.
    pub detail: Value,
}

/// A time without coverage.
#[derive(Debug, Clone, PartialEq)]
pub struct Gap {
    /// Number.
    pub id: i64,
    /// Identity of the node.
    pub node: String,
    /// What is missing.
    pub kind: String,
    /// When it began.
    pub started: WallTime,
    /// When it ended; `None` while it lasts.
    pub ended: Option<WallTime>,
    /// The rest, as JSON.
    pub detail: Value,
}

/// What is known of a gap from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct GapChange {
    /// Identity of the node.
    pub node: String,
    /// What is missing, or was.
    pub kind: String,
    /// The rest, as JSON; `None` if nothing is missing any more.
    pub detail: Option<Value>,
}

/// Which gaps are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GapFilter {
    /// Identities of nodes.
    pub nodes: Vec<String>,
    /// What is missing.
    pub kinds: Vec<String>,
    /// Whether it still lasts.
    pub open: Option<bool>,
    /// Not begun before.
    pub from: Option<WallTime>,
    /// Begun before.
    pub to: Option<WallTime>,
}

impl Coverage<'_> {
    /// Notes a canary's result.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn record_canary(&self, canary: &CanaryResult) -> Result<(), StoreError> {
        check("a node's id", &canary.node, NAME_BYTES_MAX)?;
        check("a kind of canary", &canary.kind, NAME_BYTES_MAX)?;
        let values = values![
            &canary.node,
            &canary.kind,
            canary.time,
            canary.seen,
            canary.blocked,
            canary.latency_ns,
            checked_json("a canary's detail", &canary.detail, VALUE_BYTES_MAX)?,
        ];
        let columns = "(node, kind, time, seen, blocked, latency_ns, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let mut tx = self.db.begin().await?;
        tx.execute(&format!("INSERT INTO canaries {columns}"), values.clone())
            .await?;
        let sql = format!(
            "INSERT INTO latest_canaries AS l {columns} ON CONFLICT (node, kind) DO UPDATE SET \
             time = excluded.time, seen = excluded.seen, blocked = excluded.blocked, \
             latency_ns = excluded.latency_ns, detail = excluded.detail WHERE l.time <= excluded.time"
        );
        tx.execute(&sql, values).await?;
        tx.notify(Change::new(ChangeKind::Coverage, &canary.node, 0));
        tx.commit().await
    }

    /// The last result of each kind, by node and kind; of one node or of all.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn latest_canaries(
        &self,
        node: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<CanaryResult>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        if let Some(node) = node {
            conditions.push("node = ", node, "");
        }
        if let Some(cursor) = &page.after {
            let (_, place) = cursor.place(LATEST)?;
            let place = place
                .split_once('\u{1e}')
                .ok_or(StoreError::InvalidCursor)?;
            conditions.after_texts(("node", "kind"), place);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM latest_canaries{clause} ORDER BY node, kind LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows
            .iter()
            .map(read_canary)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |canary| {
            Cursor::new(LATEST, 0, &format!("{}\u{1e}{}", canary.node, canary.kind))
        }))
    }

    /// All results of a node that are kept, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn canaries(
        &self,
        node: &str,
        page: &PageRequest,
    ) -> Result<Page<CanaryResult>, StoreError> {
        let before = match &page.after {
            Some(cursor) => cursor.place(CANARIES)?.0,
            None => i64::MAX,
        };
        let sql = format!(
            "SELECT * FROM canaries WHERE node = $1 AND id < $2 ORDER BY id DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let mut items = Vec::new();
        for row in self.db.fetch(&sql, values![node, before]).await? {
            items.push((row.get::<i64>("id")?, read_canary(&row)?));
        }
        let numbered = Page::of(items, page, |(id, _)| Cursor::new(CANARIES, *id, ""));
        Ok(numbered.map(|(_, canary)| canary))
    }

    /// Notes that something is missing from now on. Returns the gap's number; that of the open one if there is one.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn open_gap(
        &self,
        node: &str,
        kind: &str,
        detail: &Value,
        started: WallTime,
    ) -> Result<i64, StoreError> {
        let detail = checked(node, kind, detail)?;
        let mut tx = self.db.begin().await?;
        let number = open(&mut tx, node, kind, &detail, started).await?;
        tx.notify(Change::new(ChangeKind::Coverage, node, 0));
        tx.commit().await?;
        Ok(number)
    }

    /// Notes that it is there again. Returns whether there was a gap.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn close_gap(
        &self,
        node: &str,
        kind: &str,
        ended: WallTime,
    ) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let was_open = close(&mut tx, node, kind, ended).await?;
        if was_open {
            tx.notify(Change::new(ChangeKind::Coverage, node, 0));
        }
        tx.commit().await?;
        Ok(was_open)
    }

    /// Notes what is missing on nodes, and what is not any more, at once. Of many, subscribers are told at once.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], and [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`]; nothing is noted then.
    pub async fn note_gaps(&self, changes: &[GapChange], now: WallTime) -> Result<(), StoreError> {
        check_count("gaps", changes.len(), BATCH_ITEMS_MAX)?;
        // Always in the same order, or two replicas could wait for one another.
        let mut sorted: Vec<&GapChange> = changes.iter().collect();
        sorted.sort_by_key(|change| (&change.node, &change.kind));
        let mut tx = self.db.begin().await?;
        let mut changed: Vec<&str> = Vec::new();
        for GapChange { node, kind, detail } in sorted {
            let is_news = match detail {
                Some(detail) => {
                    let detail = checked(node, kind, detail)?;
                    open(&mut tx, node, kind, &detail, now).await?;
                    true
                }
                None => close(&mut tx, node, kind, now).await?,
            };
            if is_news {
                changed.push(node);
            }
        }
        match changed.as_slice() {
            [] => {}
            [node] => tx.notify(Change::new(ChangeKind::Coverage, node, 0)),
            _ => tx.notify(Change::new(ChangeKind::Coverage, "", 0)),
        }
        tx.commit().await
    }

    /// Gaps, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn gaps(
        &self,
        filter: &GapFilter,
        page: &PageRequest,
    ) -> Result<Page<Gap>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.texts("node", &filter.nodes)?;
        conditions.texts("kind", &filter.kinds)?;
        match filter.open {
            Some(true) => conditions.plain("ended IS NULL"),
            Some(false) => conditions.plain("ended IS NOT NULL"),
            None => {}
        }
        conditions.from("started", filter.from);
        conditions.before("started", filter.to);
        if let Some(cursor) = &page.after {
            let (time, id) = cursor.place(GAPS)?;
            let id: i64 = id.parse().map_err(|_| StoreError::InvalidCursor)?;
            conditions.before_numbers(("started", "id"), (time, id));
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM gaps{clause} ORDER BY started DESC, id DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read_gap).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |gap| {
            Cursor::new(GAPS, gap.started.0, &gap.id.to_string())
        }))
    }
}

/// The detail as it is stored, where everything is within its bounds.
fn checked(node: &str, kind: &str, detail: &Value) -> Result<String, StoreError> {
    check("a node's id", node, NAME_BYTES_MAX)?;
    check("a kind of gap", kind, NAME_BYTES_MAX)?;
    checked_json("a gap's detail", detail, VALUE_BYTES_MAX)
}

/// Opens a gap, or renews the detail of the open one; returns its number.
pub(crate) async fn open(
    tx: &mut Tx,
    node: &str,
    kind: &str,
    detail: &str,
    started: WallTime,
) -> Result<i64, StoreError> {
    let sql = "INSERT INTO gaps (node, kind, started, detail) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (node, kind) WHERE ended IS NULL DO UPDATE SET detail = excluded.detail RETURNING id";
    let row = tx
        .fetch_optional(sql, values![node, kind, started, detail])
        .await?;
    let row = row.ok_or_else(|| StoreError::damaged("a gap got no number"))?;
    row.get("id")
}

/// Closes a gap; returns whether there was one.
async fn close(tx: &mut Tx, node: &str, kind: &str, ended: WallTime) -> Result<bool, StoreError> {
    let sql = "UPDATE gaps SET ended = CASE WHEN $3 > started THEN $3 ELSE started END \
               WHERE node = $1 AND kind = $2 AND ended IS NULL";
    let rows = tx.execute(sql, values![node, kind, ended]).await?;
    Ok(rows > 0)
}

fn read_canary(row: &Row) -> Result<CanaryResult, StoreError> {
    Ok(CanaryResult {
        node: row.get("node")?,
        kind: row.get("kind")?,
        time: row.time("time")?,
        seen: row.get("seen")?,
        blocked: row.get("blocked")?,
        latency_ns: row.get("latency_ns")?,
        detail: row.json("detail")?,
    })
}

fn read_gap(row: &Row) -> Result<Gap, StoreError> {
    Ok(Gap {
        id: row.get("id")?,
        node: row.get("node")?,
        kind: row.get("kind")?,
        started: row.time("started")?,
        ended: row.time_if("ended")?,
        detail: row.json("detail")?,
    })
}
