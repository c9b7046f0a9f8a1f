//! What people do with alerts. Every act has an actor and a time, and leaves the alert's history longer.

use super::alert::{COLUMNS, read};
use super::counts::{Delta, record};
use super::list::conditions;
use super::{Alert, AlertFilter, AlertStatus, Alerts};
use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Dialect, Row, Tx, Value, values};
use crate::limits::{BULK_ALERTS_MAX, NAME_BYTES_MAX, NOTE_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, checked_json};
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, UpdateError, Version,
};
use serde_json::json;
use std::collections::BTreeMap;
use yagura_event::WallTime;

/// Name of the list in cursors.
const HISTORY: &str = "alert-history";

/// How an alert is handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    /// Where it stands then.
    pub status: AlertStatus,
    /// Why, in words; may be empty.
    pub note: String,
    /// What goes with it, such as the whitelist rule that was made; may be empty.
    pub reference: String,
}

/// What kind of thing happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertEventKind {
    /// Somebody said something.
    Comment,
    /// Its status was changed.
    Status,
    /// A change of its status was undone.
    Undo,
    /// Something was done on its account: a process killed, a file quarantined.
    Action,
}

impl AlertEventKind {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            AlertEventKind::Comment => "comment",
            AlertEventKind::Status => "status",
            AlertEventKind::Undo => "undo",
            AlertEventKind::Action => "action",
        }
    }

    fn from_name(name: &str) -> Result<AlertEventKind, StoreError> {
        [
            AlertEventKind::Comment,
            AlertEventKind::Status,
            AlertEventKind::Undo,
            AlertEventKind::Action,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| StoreError::damaged(format!("no event of alerts is called {name}")))
    }
}

/// Something that happened to an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEvent {
    /// Number, in the order of happening.
    pub id: i64,
    /// The alert.
    pub alert: String,
    /// When.
    pub time: WallTime,
    /// Who did it.
    pub actor: Actor,
    /// What kind.
    pub kind: AlertEventKind,
    /// The status before, of changes of status.
    pub from: Option<AlertStatus>,
    /// The status after, of changes of status.
    pub to: Option<AlertStatus>,
    /// The comment, the note, or the name of the action.
    pub text: String,
    /// What goes with it.
    pub detail: serde_json::Value,
}

/// What a bulk change did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkChange {
    /// Ids of the alerts that were changed.
    pub changed: Vec<String>,
    /// Whether there are more that match.
    pub more: bool,
}

impl Alerts<'_> {
    /// Handles an alert.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is given and not the alert's version.
    pub async fn set_status(
        &self,
        id: &str,
        expected: Option<Version>,
        change: &StatusChange,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Alert, UpdateError<Alert>> {
        check_change(change)?;
        let mut tx = self.db.begin().await?;
        let alert = find(&mut tx, id).await?.ok_or(UpdateError::NotFound)?;
        if let Some(expected) = expected.filter(|expected| *expected != alert.version) {
            return Err(UpdateError::Stale {
                expected,
                current: Box::new(alert),
            });
        }
        let event = event_of(change);
        let changed = move_to(&mut tx, alert, change.status, &event, actor, now).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Handles all alerts that match and don't have the status yet, the newest first, at most `limit` (and
    /// [`BULK_ALERTS_MAX`]).
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn set_status_where(
        &self,
        filter: &AlertFilter,
        change: &StatusChange,
        limit: u32,
        actor: &Actor,
        now: WallTime,
    ) -> Result<BulkChange, StoreError> {
        check_change(change)?;
        let limit = limit.clamp(1, BULK_ALERTS_MAX);
        let filter = &*self.by_id(filter).await?;
        let mut tx = self.db.begin().await?;
        let mut alerts = matching(&mut tx, filter, change.status, limit).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = alerts.len() > limit;
        alerts.truncate(limit);
        let ids: Vec<String> = alerts.iter().map(|alert| alert.id.clone()).collect();
        if ids.is_empty() {
            return Ok(BulkChange {
                changed: ids,
                more: false,
            });
        }
        set_all(&mut tx, &alerts, change.status, now).await?;
        let mut by_status: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for alert in &alerts {
            let list = by_status.entry(alert.status.code()).or_default();
            list.push(alert.id.clone());
        }
        for (from, ids) in by_status {
            note_all(&mut tx, ids, from, change, actor, now).await?;
        }
        let deltas = alerts
            .iter()
            .flat_map(|alert| Delta::of_change(alert, change.status))
            .collect();
        record(&mut tx, deltas).await?;
        let after = json!({ "status": change.status.as_str(), "note": change.note,
            "reference": change.reference, "alerts": ids.len(), "ids": ids });
        let entry = NewAuditEntry::new("alert.status", "alert", "", serde_json::Value::Null, after);
        audit_log::append(&mut tx, &entry, actor, now).await?;
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        tx.notify(Change::new(ChangeKind::Alerts, "", count));
        tx.commit().await?;
        Ok(BulkChange { changed: ids, more })
    }

    /// Takes back the last change of an alert's status.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`] if there is no such alert, or no change that is not taken back already.
    pub async fn undo(
        &self,
        id: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Alert, UpdateError<Alert>> {
        let mut tx = self.db.begin().await?;
        let alert = find(&mut tx, id).await?.ok_or(UpdateError::NotFound)?;
        let sql = "SELECT kind, CAST(from_status AS BIGINT) AS from_status FROM alert_events \
                   WHERE alert = $1 AND kind IN ('status', 'undo') ORDER BY id DESC LIMIT 1";
        let last = tx.fetch_optional(sql, values![id]).await?;
        let last = last.ok_or(UpdateError::NotFound)?;
        let from: Option<i64> = last.get("from_status")?;
        if last.get::<String>("kind")? != AlertEventKind::Status.as_str() {
            return Err(UpdateError::NotFound);
        }
        let status = AlertStatus::of_code(from.ok_or(UpdateError::NotFound)?)?;
        let event = NewEvent {
            kind: AlertEventKind::Undo,
            text: String::new(),
            detail: json!({}),
        };
        let changed = move_to(&mut tx, alert, status, &event, actor, now).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Adds a comment.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`], or [`StoreError::TooLarge`] beyond [`NOTE_BYTES_MAX`].
    pub async fn comment(
        &self,
        id: &str,
        text: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<AlertEvent, UpdateError<Alert>> {
        let event = NewEvent {
            kind: AlertEventKind::Comment,
            text: text.to_owned(),
            detail: json!({}),
        };
        self.add_event(id, &event, actor, now).await
    }

    /// Notes that something was done on the alert's account.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`], or [`StoreError::TooLarge`].
    pub async fn note_action(
        &self,
        id: &str,
        action: &str,
        detail: serde_json::Value,
        actor: &Actor,
        now: WallTime,
    ) -> Result<AlertEvent, UpdateError<Alert>> {
        let event = NewEvent {
            kind: AlertEventKind::Action,
            text: action.to_owned(),
            detail,
        };
        self.add_event(id, &event, actor, now).await
    }

    /// What happened to an alert, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn history(
        &self,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<AlertEvent>, StoreError> {
        let after = match &page.after {
            Some(cursor) => cursor.place(HISTORY)?.0,
            None => 0,
        };
        let sql = format!(
            "SELECT id, alert, time, actor_kind, actor, address, kind, CAST(from_status AS BIGINT) AS from_status, \
             CAST(to_status AS BIGINT) AS to_status, text, detail FROM alert_events WHERE alert = $1 AND id > $2 \
             ORDER BY id LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values![id, after]).await?;
        let items = rows.iter().map(read_event).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |event| {
            Cursor::new(HISTORY, event.id, "")
        }))
    }

    async fn add_event(
        &self,
        id: &str,
        event: &NewEvent,
        actor: &Actor,
        now: WallTime,
    ) -> Result<AlertEvent, UpdateError<Alert>> {
        let mut tx = self.db.begin().await?;
        let alert = find(&mut tx, id).await?.ok_or(UpdateError::NotFound)?;
        let number = insert_event(&mut tx, id, None, event, actor, now).await?;
        let after = json!({ "text": event.text, "detail": event.detail });
        let action = format!("alert.{}", event.kind.as_str());
        let entry = NewAuditEntry::new(&action, "alert", id, serde_json::Value::Null, after);
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Alert, id, alert.version.0));
        tx.commit().await?;
        Ok(AlertEvent {
            id: number,
            alert: id.to_owned(),
            time: now,
            actor: actor.clone(),
            kind: event.kind,
            from: None,
            to: None,
            text: event.text.clone(),
            detail: event.detail.clone(),
        })
    }
}

/// An event before it is stored.
struct NewEvent {
    kind: AlertEventKind,
    text: String,
    detail: serde_json::Value,
}

fn event_of(change: &StatusChange) -> NewEvent {
    NewEvent {
        kind: AlertEventKind::Status,
        text: change.note.clone(),
        detail: detail_of(change),
    }
}

fn detail_of(change: &StatusChange) -> serde_json::Value {
    if change.reference.is_empty() {
        json!({})
    } else {
        json!({ "reference": change.reference })
    }
}

fn check_change(change: &StatusChange) -> Result<(), StoreError> {
    check("a note", &change.note, NOTE_BYTES_MAX)?;
    check("a reference", &change.reference, NAME_BYTES_MAX)
}

async fn find(tx: &mut Tx, id: &str) -> Result<Option<Alert>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alerts WHERE id = $1 ORDER BY seq LIMIT 1{}",
        tx.for_update()
    );
    let row = tx.fetch_optional(&sql, values![id]).await?;
    row.as_ref().map(read).transpose()
}

/// Changes one alert, with its history, the sums and the audit log.
async fn move_to(
    tx: &mut Tx,
    alert: Alert,
    status: AlertStatus,
    event: &NewEvent,
    actor: &Actor,
    now: WallTime,
) -> Result<Alert, StoreError> {
    let sql =
        "UPDATE alerts SET status = $3, version = $4, changed = $5 WHERE id = $1 AND time = $2";
    let version = alert.version.next();
    let values = values![&alert.id, alert.time, status.code(), version, now];
    tx.execute(sql, values).await?;
    let statuses = Some((alert.status, status));
    insert_event(tx, &alert.id, statuses, event, actor, now).await?;
    record(tx, Delta::of_change(&alert, status).into()).await?;
    let entry = NewAuditEntry::new(
        &format!("alert.{}", event.kind.as_str()),
        "alert",
        &alert.id,
        json!({ "status": alert.status.as_str() }),
        json!({ "status": status.as_str(), "note": event.text, "detail": event.detail }),
    );
    audit_log::append(tx, &entry, actor, now).await?;
    tx.notify(Change::new(ChangeKind::Alert, &alert.id, version.0));
    Ok(Alert {
        status,
        version,
        changed: now,
        ..alert
    })
}

async fn insert_event(
    tx: &mut Tx,
    alert: &str,
    statuses: Option<(AlertStatus, AlertStatus)>,
    event: &NewEvent,
    actor: &Actor,
    now: WallTime,
) -> Result<i64, StoreError> {
    check("a comment", &event.text, NOTE_BYTES_MAX)?;
    let detail = checked_json("a detail", &event.detail, VALUE_BYTES_MAX)?;
    let sql = "INSERT INTO alert_events (alert, time, actor_kind, actor, address, kind, from_status, to_status, \
               text, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";
    let values = values![
        alert,
        now,
        actor.kind.as_str(),
        &actor.name,
        &actor.address,
        event.kind.as_str(),
        statuses.map(|(from, _)| from.code()),
        statuses.map(|(_, to)| to.code()),
        &event.text,
        detail
    ];
    match tx.fetch_optional(sql, values).await? {
        Some(row) => row.get("id"),
        None => Err(StoreError::damaged("an event got no number")),
    }
}

/// The alerts that match and don't have the status yet: one more than wanted, to tell whether there are more.
async fn matching(
    tx: &mut Tx,
    filter: &AlertFilter,
    status: AlertStatus,
    limit: u32,
) -> Result<Vec<Alert>, StoreError> {
    let (table, mut conditions) = conditions(tx.dialect(), filter)?;
    conditions.plain(match tx.dialect() {
        Dialect::Sqlite => format!("status <> {}", status.code()),
        // The index of status, severity and category begins with the status.
        Dialect::Postgres => {
            let others = AlertStatus::ALL.iter().filter(|other| **other != status);
            let others: Vec<String> = others.map(|other| other.code().to_string()).collect();
            format!("status IN ({})", others.join(", "))
        }
    });
    let (clause, values) = conditions.finish();
    let place = match tx.dialect() {
        Dialect::Sqlite => "alerts.place",
        Dialect::Postgres => "time",
    };
    // The document is not needed, and ten thousand of them are much.
    let columns = COLUMNS.replace("document", "'' AS document");
    let sql = format!(
        "SELECT {columns} FROM {table}{clause} ORDER BY {place} DESC LIMIT {}{}",
        limit.saturating_add(1),
        tx.for_update()
    );
    tx.fetch(&sql, values).await?.iter().map(read).collect()
}

async fn set_all(
    tx: &mut Tx,
    alerts: &[Alert],
    status: AlertStatus,
    now: WallTime,
) -> Result<(), StoreError> {
    let ids: Vec<String> = alerts.iter().map(|alert| alert.id.clone()).collect();
    let mut values = values![status.code(), now, ids];
    let sql = match tx.dialect() {
        Dialect::Sqlite => {
            "UPDATE alerts SET status = $1, version = version + 1, changed = $2 \
             WHERE id IN (SELECT value FROM json_each($3))"
        }
        Dialect::Postgres => {
            let times: Vec<i64> = alerts.iter().map(|alert| alert.time.0).collect();
            values.push(Value::from(times));
            "UPDATE alerts AS a SET status = $1, version = version + 1, changed = $2 \
             FROM unnest($3::text[], $4::bigint[]) AS n (id, time) WHERE a.id = n.id AND a.time = n.time"
        }
    };
    tx.execute(sql, values).await.map(drop)
}

/// Notes a change of many alerts that had the same status.
async fn note_all(
    tx: &mut Tx,
    ids: Vec<String>,
    from: i64,
    change: &StatusChange,
    actor: &Actor,
    now: WallTime,
) -> Result<(), StoreError> {
    let list = match tx.dialect() {
        Dialect::Sqlite => "SELECT value AS alert FROM json_each($1)",
        Dialect::Postgres => "SELECT unnest($1::text[]) AS alert",
    };
    let sql = format!(
        "INSERT INTO alert_events (alert, time, actor_kind, actor, address, kind, from_status, to_status, text, \
         detail) SELECT alert, CAST($2 AS BIGINT), $3, $4, $5, 'status', CAST($6 AS SMALLINT), \
         CAST($7 AS SMALLINT), $8, $9 FROM ({list}) AS ids"
    );
    let values = values![
        ids,
        now,
        actor.kind.as_str(),
        &actor.name,
        &actor.address,
        from,
        change.status.code(),
        &change.note,
        detail_of(change).to_string()
    ];
    tx.execute(&sql, values).await.map(drop)
}

fn read_event(row: &Row) -> Result<AlertEvent, StoreError> {
    let status = |column: &str| -> Result<Option<AlertStatus>, StoreError> {
        row.get::<Option<i64>>(column)?
            .map(AlertStatus::of_code)
            .transpose()
    };
    Ok(AlertEvent {
        id: row.get("id")?,
        alert: row.get("alert")?,
        time: row.time("time")?,
        actor: Actor::read(
            &row.get::<String>("actor_kind")?,
            row.get("actor")?,
            row.get("address")?,
        )?,
        kind: AlertEventKind::from_name(&row.get::<String>("kind")?)?,
        from: status("from_status")?,
        to: status("to_status")?,
        text: row.get("text")?,
        detail: row.json("detail")?,
    })
}
