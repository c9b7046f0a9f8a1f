//! Stories of several alerts. An alert names the story that it belongs to; from the second alert on, the story has a row
//! of its own that people handle.

use crate::alerts::{NewAlert, severity_code, severity_of_code};
use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Db, Dialect, InList, Row, Tx, values};
use crate::filter::{Conditions, Scope};
use crate::limits::{NAME_BYTES_MAX, NOTE_BYTES_MAX};
use crate::text::{check, cut};
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, UpdateError, Version,
};
use serde_json::json;
use std::collections::BTreeMap;
use yagura_event::{Severity, WallTime};

/// Name of the list in cursors.
const LIST: &str = "incidents";

/// Stories of one batch that subscribers are told of one by one; of more they are told at once.
const NOTICES_MAX: usize = 16;

/// The incidents of a store.
#[derive(Debug, Clone, Copy)]
pub struct Incidents<'a> {
    pub(crate) db: &'a Db,
}

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncidentStatus {
    /// Nobody is at it.
    Open,
    /// Somebody is.
    Handling,
    /// Done.
    Closed,
}

impl IncidentStatus {
    /// Every status.
    pub const ALL: [IncidentStatus; 3] = [
        IncidentStatus::Open,
        IncidentStatus::Handling,
        IncidentStatus::Closed,
    ];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentStatus::Open => "open",
            IncidentStatus::Handling => "handling",
            IncidentStatus::Closed => "closed",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<IncidentStatus> {
        IncidentStatus::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    fn code(self) -> i64 {
        match self {
            IncidentStatus::Open => 0,
            IncidentStatus::Handling => 1,
            IncidentStatus::Closed => 2,
        }
    }

    fn of_code(code: i64) -> Result<IncidentStatus, StoreError> {
        IncidentStatus::ALL
            .into_iter()
            .find(|status| status.code() == code)
            .ok_or_else(|| {
                StoreError::damaged(format!("no status of incidents has the code {code}"))
            })
    }
}

/// A story of several alerts.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Id of its first alert.
    pub id: String,
    /// Title of its gravest alert.
    pub title: String,
    /// How much the gravest of its alerts matters.
    pub severity: Severity,
    /// Where it stands.
    pub status: IncidentStatus,
    /// When its first alert happened.
    pub first_time: WallTime,
    /// When its last alert was seen.
    pub last_time: WallTime,
    /// How many alerts it has.
    pub alerts: i64,
    /// Cluster in which it was noticed.
    pub cluster: String,
    /// Namespace in which it was noticed.
    pub namespace: String,
    /// Node on which it was noticed.
    pub node: String,
    /// Who takes care of it; empty for nobody.
    pub assignee: String,
    /// What was said of it last.
    pub note: String,
    /// Goes up with every change.
    pub version: Version,
    /// When it was changed last.
    pub changed: WallTime,
}

/// Which incidents are wanted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IncidentFilter {
    /// Where they stand.
    pub statuses: Vec<IncidentStatus>,
    /// How much they matter.
    pub severities: Vec<Severity>,
    /// Clusters.
    pub clusters: Vec<String>,
    /// Not last seen before.
    pub from: Option<WallTime>,
    /// Last seen before.
    pub to: Option<WallTime>,
    /// What the one who asks may see.
    pub scope: Option<Scope>,
}

/// How an incident is handled; `None` leaves a part as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentChange {
    /// Where it stands then.
    pub status: Option<IncidentStatus>,
    /// Who takes care of it; empty for nobody.
    pub assignee: Option<String>,
    /// What is to be said of it.
    pub note: Option<String>,
}

/// The columns of an [`Incident`].
fn columns(dialect: Dialect) -> String {
    let of_incident = match dialect {
        Dialect::Sqlite => "",
        // The index has hashes.
        Dialect::Postgres => {
            "hashtextextended(alerts.incident, 0) = hashtextextended(incidents.id, 0) AND "
        }
    };
    format!(
        "id, title, CAST(severity AS BIGINT) AS severity, CAST(status AS BIGINT) AS status, \
         first_time, last_time, cluster, namespace, node, assignee, note, version, changed, \
         (SELECT count(*) FROM alerts WHERE {of_incident}alerts.incident = incidents.id) AS alerts"
    )
}

impl Incidents<'_> {
    /// The incident of that id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, id: &str) -> Result<Option<Incident>, StoreError> {
        let columns = columns(self.db.dialect());
        let sql = format!("SELECT {columns} FROM incidents WHERE id = $1");
        let row = self.db.fetch_optional(&sql, values![id]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Incidents, those first that were seen last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        filter: &IncidentFilter,
        page: &PageRequest,
    ) -> Result<Page<Incident>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        let statuses: Vec<i64> = filter.statuses.iter().map(|item| item.code()).collect();
        conditions.codes("status", &statuses);
        let severities: Vec<i64> = filter
            .severities
            .iter()
            .map(|item| severity_code(*item))
            .collect();
        conditions.codes("severity", &severities);
        conditions.texts("cluster", &filter.clusters)?;
        conditions.from("last_time", filter.from);
        conditions.before("last_time", filter.to);
        conditions.scope(filter.scope.as_ref(), "cluster", Some("namespace"))?;
        if let Some(cursor) = &page.after {
            conditions.after(("last_time", "id"), false, cursor.place(LIST)?);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT {} FROM incidents{clause} ORDER BY last_time DESC, id DESC LIMIT {}",
            columns(self.db.dialect()),
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |incident| {
            Cursor::new(LIST, incident.last_time.0, &incident.id)
        }))
    }

    /// Handles an incident.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is given and not its version.
    pub async fn update(
        &self,
        id: &str,
        expected: Option<Version>,
        change: &IncidentChange,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Incident, UpdateError<Incident>> {
        check(
            "a note",
            change.note.as_deref().unwrap_or(""),
            NOTE_BYTES_MAX,
        )?;
        let assignee = change.assignee.as_deref().unwrap_or("");
        check("an assignee", assignee, NAME_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let sql = format!(
            "SELECT {} FROM incidents WHERE id = $1{}",
            columns(tx.dialect()),
            tx.for_update()
        );
        let row = tx.fetch_optional(&sql, values![id]).await?;
        let before = read(&row.ok_or(UpdateError::NotFound)?)?;
        if let Some(expected) = expected.filter(|expected| *expected != before.version) {
            return Err(UpdateError::Stale {
                expected,
                current: Box::new(before),
            });
        }
        let after = Incident {
            status: change.status.unwrap_or(before.status),
            assignee: change.assignee.clone().unwrap_or(before.assignee.clone()),
            note: change.note.clone().unwrap_or(before.note.clone()),
            version: before.version.next(),
            changed: now,
            ..before.clone()
        };
        let sql = "UPDATE incidents SET status = $2, assignee = $3, note = $4, version = $5, changed = $6 \
                   WHERE id = $1";
        let values = values![
            id,
            after.status.code(),
            &after.assignee,
            &after.note,
            after.version,
            now
        ];
        tx.execute(sql, values).await?;
        let side = |incident: &Incident| json!({ "status": incident.status.as_str(), "assignee": incident.assignee, "note": incident.note });
        let entry = NewAuditEntry::new(
            "incident.update",
            "incident",
            id,
            side(&before),
            side(&after),
        );
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Incident, id, after.version.0));
        tx.commit().await?;
        Ok(after)
    }
}

/// What a batch adds to one story.
struct Growth {
    title: String,
    severity: i64,
    first_time: i64,
    last_time: i64,
    cluster: String,
    namespace: String,
    node: String,
}

impl Growth {
    fn of(alert: &NewAlert) -> Growth {
        Growth {
            title: cut(&alert.title, NAME_BYTES_MAX),
            severity: severity_code(alert.severity),
            first_time: alert.time.0,
            last_time: alert.last_time.0,
            cluster: cut(&alert.cluster, NAME_BYTES_MAX),
            namespace: cut(&alert.namespace, NAME_BYTES_MAX),
            node: cut(&alert.node, NAME_BYTES_MAX),
        }
    }

    fn texts<'g>(&'g self, id: &'g String) -> [&'g String; 5] {
        [id, &self.title, &self.cluster, &self.namespace, &self.node]
    }

    fn numbers(&self) -> [i64; 3] {
        [self.severity, self.first_time, self.last_time]
    }

    fn add(&mut self, alert: &NewAlert) {
        let other = Growth::of(alert);
        if other.severity > self.severity {
            self.severity = other.severity;
            self.title = other.title;
        }
        self.first_time = self.first_time.min(other.first_time);
        self.last_time = self.last_time.max(other.last_time);
    }
}

/// Makes stories of new alerts, or lets them grow. An alert that is its story's first has none yet.
pub(crate) async fn grow(
    tx: &mut Tx,
    alerts: &[&NewAlert],
    now: WallTime,
) -> Result<(), StoreError> {
    // In the order of ids, so that two batches never wait for one another.
    let mut stories: BTreeMap<String, Growth> = BTreeMap::new();
    for alert in alerts {
        if alert.incident.is_empty() || alert.incident == alert.id {
            continue;
        }
        stories
            .entry(cut(&alert.incident, NAME_BYTES_MAX))
            .and_modify(|growth| growth.add(alert))
            .or_insert_with(|| Growth::of(alert));
    }
    let versions = match tx.dialect() {
        Dialect::Postgres => grow_postgres(tx, &stories, now).await?,
        Dialect::Sqlite => grow_sqlite(tx, &stories, now).await?,
    };
    let begun = versions.iter().filter(|(_, version)| *version == 1);
    let begun: Vec<String> = begun.map(|(id, _)| id.clone()).collect();
    join_first(tx, &begun).await?;
    if versions.len() > NOTICES_MAX {
        let grown = i64::try_from(versions.len()).unwrap_or(i64::MAX);
        tx.notify(Change::new(ChangeKind::Incident, "", grown));
    } else {
        for (id, version) in &versions {
            tx.notify(Change::new(ChangeKind::Incident, id, *version));
        }
    }
    Ok(())
}

/// What becomes of a story that is there. One that grows again after it was closed is open again.
fn grown(least: &str, greatest: &str) -> String {
    format!(
        "ON CONFLICT (id) DO UPDATE SET \
         title = CASE WHEN excluded.severity > i.severity THEN excluded.title ELSE i.title END, \
         severity = {greatest}(i.severity, excluded.severity), \
         status = CASE WHEN i.status = 2 THEN 0 ELSE i.status END, \
         first_time = {least}(i.first_time, excluded.first_time), \
         last_time = {greatest}(i.last_time, excluded.last_time), \
         version = i.version + 1, changed = excluded.changed RETURNING id, version"
    )
}

/// Columns of what a batch adds, in the order of [`Growth::texts`] and [`Growth::numbers`].
const GROWN: &str = "id, title, cluster, namespace, node, severity, first_time, last_time";

/// One statement with an array for each column. Returns the stories' versions.
async fn grow_postgres(
    tx: &mut Tx,
    stories: &BTreeMap<String, Growth>,
    now: WallTime,
) -> Result<Vec<(String, i64)>, StoreError> {
    if stories.is_empty() {
        return Ok(Vec::new());
    }
    let mut texts: [Vec<String>; 5] = Default::default();
    let mut numbers: [Vec<i64>; 3] = Default::default();
    for (id, growth) in stories {
        for (column, text) in texts.iter_mut().zip(growth.texts(id)) {
            column.push(text.clone());
        }
        for (column, number) in numbers.iter_mut().zip(growth.numbers()) {
            column.push(number);
        }
    }
    let mut values = values![now];
    values.extend(texts.into_iter().map(crate::db::Value::from));
    values.extend(numbers.into_iter().map(crate::db::Value::from));
    let sql = format!(
        "INSERT INTO incidents AS i ({GROWN}, status, assignee, note, version, changed) \
         SELECT {GROWN}, 0, '', '', 1, $1 FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
         $7::bigint[], $8::bigint[], $9::bigint[]) AS new ({GROWN}) {}",
        grown("least", "greatest")
    );
    let rows = tx.fetch(&sql, values).await?;
    rows.iter()
        .map(|row| Ok((row.get("id")?, row.get("version")?)))
        .collect()
}

async fn grow_sqlite(
    tx: &mut Tx,
    stories: &BTreeMap<String, Growth>,
    now: WallTime,
) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = format!(
        "INSERT INTO incidents AS i ({GROWN}, status, assignee, note, version, changed) \
         VALUES ($2, $3, $4, $5, $6, $7, $8, $9, 0, '', '', 1, $1) {}",
        grown("min", "max")
    );
    let mut versions = Vec::with_capacity(stories.len());
    for (id, growth) in stories {
        let mut values = values![now];
        values.extend(growth.texts(id).map(crate::db::Value::from));
        values.extend(growth.numbers().map(crate::db::Value::from));
        match tx.fetch_optional(&sql, values).await? {
            Some(row) => versions.push((row.get("id")?, row.get("version")?)),
            None => return Err(StoreError::damaged("an incident got no version")),
        }
    }
    Ok(versions)
}

/// New stories take what their first alerts have, as far as those are stored.
async fn join_first(tx: &mut Tx, ids: &[String]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let list = InList {
        dialect: tx.dialect(),
        column: "id",
    };
    let (condition, value) = list.write(ids, 1);
    let sql = format!(
        "UPDATE incidents SET \
         title = CASE WHEN a.severity >= incidents.severity THEN a.title ELSE incidents.title END, \
         severity = CASE WHEN a.severity > incidents.severity THEN a.severity ELSE incidents.severity END, \
         first_time = CASE WHEN a.time < incidents.first_time THEN a.time ELSE incidents.first_time END, \
         last_time = CASE WHEN a.last_time > incidents.last_time THEN a.last_time ELSE incidents.last_time END, \
         cluster = a.cluster, namespace = a.namespace, node = a.node \
         FROM (SELECT id, title, severity, time, last_time, cluster, namespace, node, \
         row_number() OVER (PARTITION BY id ORDER BY seq) AS place FROM alerts WHERE {condition}) AS a \
         WHERE a.place = 1 AND incidents.id = a.id AND incidents.{condition}"
    );
    tx.execute(&sql, vec![value]).await.map(drop)
}

fn read(row: &Row) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: row.get("id")?,
        title: row.get("title")?,
        severity: severity_of_code(row.get("severity")?)?,
        status: IncidentStatus::of_code(row.get("status")?)?,
        first_time: row.time("first_time")?,
        last_time: row.time("last_time")?,
        alerts: row.get("alerts")?,
        cluster: row.get("cluster")?,
        namespace: row.get("namespace")?,
        node: row.get("node")?,
        assignee: row.get("assignee")?,
        note: row.get("note")?,
        version: Version(row.get("version")?),
        changed: row.time("changed")?,
    })
}
