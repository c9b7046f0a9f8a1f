//! Who changed what: an append-only log in which each entry's digest covers the one before, so that an entry that was
//! changed or taken out afterwards is noticed.

use crate::db::{Db, Row, Tx, values};
use crate::filter::Conditions;
use crate::limits::{NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, cut};
use crate::{Actor, Cursor, Page, PageRequest, StoreError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use yagura_event::WallTime;

/// Number of the lock that makes appenders wait for one another.
const APPEND_LOCK: i64 = 0x7961_6775_7261_0001;

/// Rows that verification reads at a time.
const VERIFY_ROWS: i64 = 1_000;

/// Name of the list in cursors.
const LIST: &str = "audit";

/// The log.
#[derive(Debug, Clone, Copy)]
pub struct AuditLog<'a> {
    pub(crate) db: &'a Db,
}

/// What is to be noted.
#[derive(Debug, Clone, PartialEq)]
pub struct NewAuditEntry {
    /// What was done, in the form `noun.verb`.
    pub action: String,
    /// Kind of the thing that it was done to.
    pub object_kind: String,
    /// Which.
    pub object_id: String,
    /// How it was before; null where there was nothing. Never holds a secret.
    pub before: Value,
    /// How it is now; null where there is nothing left. Never holds a secret.
    pub after: Value,
}

impl NewAuditEntry {
    pub(crate) fn new(
        action: &str,
        object_kind: &str,
        object_id: &str,
        before: Value,
        after: Value,
    ) -> NewAuditEntry {
        NewAuditEntry {
            action: action.to_owned(),
            object_kind: object_kind.to_owned(),
            object_id: object_id.to_owned(),
            before,
            after,
        }
    }
}

/// An entry.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Number of the entry; the first is 1, and none is left out.
    pub seq: i64,
    /// When.
    pub time: WallTime,
    /// Who.
    pub actor: Actor,
    /// What was done.
    pub action: String,
    /// Kind of the thing that it was done to.
    pub object_kind: String,
    /// Which.
    pub object_id: String,
    /// How it was before.
    pub before: Value,
    /// How it is now.
    pub after: Value,
    /// SHA-256 over this entry and the digest of the one before, in hexadecimal digits.
    pub hash: String,
}

/// Which entries are wanted; an empty list or text restricts nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Names of actors.
    pub actors: Vec<String>,
    /// Actions.
    pub actions: Vec<String>,
    /// Kinds of things.
    pub object_kinds: Vec<String>,
    /// Things.
    pub object_ids: Vec<String>,
    /// Not before.
    pub from: Option<WallTime>,
    /// Before.
    pub to: Option<WallTime>,
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditVerdict {
    /// Entries that were read.
    pub entries: u64,
    /// Digest of the last good one: kept elsewhere, it shows later that nothing was cut off at the end.
    pub head: String,
    /// Number of the first entry that is not as it was written or does not follow the one before.
    pub broken: Option<i64>,
}

impl AuditLog<'_> {
    /// Notes something that no other part of the store notes itself: a log-in, a refusal, a download.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn append(
        &self,
        entry: &NewAuditEntry,
        actor: &Actor,
        now: WallTime,
    ) -> Result<AuditEntry, StoreError> {
        let mut tx = self.db.begin().await?;
        let entry = append(&mut tx, entry, actor, now).await?;
        tx.commit().await?;
        Ok(entry)
    }

    /// Entries, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        filter: &AuditFilter,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.texts("actor", &filter.actors)?;
        conditions.texts("action", &filter.actions)?;
        conditions.texts("object_kind", &filter.object_kinds)?;
        conditions.texts("object_id", &filter.object_ids)?;
        conditions.from("time", filter.from);
        conditions.before("time", filter.to);
        if let Some(cursor) = &page.after {
            let (seq, _) = cursor.place(LIST)?;
            conditions.push("seq < ", seq, "");
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM audit_log{clause} ORDER BY seq DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |entry| {
            Cursor::new(LIST, entry.seq, "")
        }))
    }

    /// Reads the whole log and computes every digest anew.
    ///
    /// # Errors
    /// [`StoreError`]; a broken chain is no error but the verdict.
    pub async fn verify(&self) -> Result<AuditVerdict, StoreError> {
        let anchor = self
            .db
            .fetch_optional("SELECT seq, hash FROM audit_anchor", Vec::new())
            .await?;
        let (mut seq, mut head): (i64, String) = match anchor {
            Some(row) => (row.get("seq")?, row.get("hash")?),
            None => (0, String::new()),
        };
        let mut entries = 0;
        loop {
            let sql = "SELECT * FROM audit_log WHERE seq > $1 ORDER BY seq LIMIT $2";
            let rows = self.db.fetch(sql, values![seq, VERIFY_ROWS]).await?;
            if rows.is_empty() {
                return Ok(AuditVerdict {
                    entries,
                    head,
                    broken: None,
                });
            }
            for row in &rows {
                let found: i64 = row.get("seq")?;
                let hash: String = row.get("hash")?;
                if found != seq.saturating_add(1) || hash != digest(&head, &covered(row)?) {
                    return Ok(AuditVerdict {
                        entries,
                        head,
                        broken: Some(found),
                    });
                }
                (seq, head) = (found, hash);
                entries += 1;
            }
        }
    }
}

/// Appends within a transaction. To be called last: the lock that it takes is held until the end.
pub(crate) async fn append(
    tx: &mut Tx,
    entry: &NewAuditEntry,
    actor: &Actor,
    now: WallTime,
) -> Result<AuditEntry, StoreError> {
    check("an audit action", &entry.action, NAME_BYTES_MAX)?;
    tx.lock(vec![APPEND_LOCK]).await?;
    let sql = "SELECT seq, hash FROM audit_log UNION ALL SELECT seq, hash FROM audit_anchor \
               ORDER BY seq DESC LIMIT 1";
    let last = tx.fetch_optional(sql, Vec::new()).await?;
    let (last_seq, last_hash): (i64, String) = match last {
        Some(row) => (row.get("seq")?, row.get("hash")?),
        None => (0, String::new()),
    };
    let covered = Covered {
        seq: last_seq.saturating_add(1),
        time: now.0,
        texts: [
            actor.kind.as_str().to_owned(),
            stored(&actor.name),
            stored(&actor.address),
            stored(&entry.action),
            stored(&entry.object_kind),
            stored(&entry.object_id),
            side(&entry.before),
            side(&entry.after),
        ],
    };
    let hash = digest(&last_hash, &covered);
    let mut values = values![covered.seq, covered.time];
    values.extend(covered.texts.iter().map(crate::db::Value::from));
    values.extend(values![&hash]);
    let sql = "INSERT INTO audit_log (seq, time, actor_kind, actor, address, action, object_kind, \
               object_id, before, after, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    tx.execute(sql, values).await?;
    Ok(AuditEntry {
        seq: covered.seq,
        time: now,
        actor: actor.clone(),
        action: entry.action.clone(),
        object_kind: entry.object_kind.clone(),
        object_id: entry.object_id.clone(),
        before: entry.before.clone(),
        after: entry.after.clone(),
        hash,
    })
}

/// What a digest covers.
struct Covered {
    seq: i64,
    time: i64,
    texts: [String; 8],
}

/// A text as it is stored, so that it is digested as it will be read.
fn stored(text: &str) -> String {
    cut(text, NAME_BYTES_MAX).replace('\0', "\u{fffd}")
}

/// A side that is too long for the log is noted by its length and digest: the change itself has a history of its own.
fn side(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES_MAX {
        return text;
    }
    json!({ "bytes": text.len(), "sha256": hex(&Sha256::digest(text.as_bytes())) }).to_string()
}

fn covered(row: &Row) -> Result<Covered, StoreError> {
    Ok(Covered {
        seq: row.get("seq")?,
        time: row.get("time")?,
        texts: [
            row.get("actor_kind")?,
            row.get("actor")?,
            row.get("address")?,
            row.get("action")?,
            row.get("object_kind")?,
            row.get("object_id")?,
            row.get("before")?,
            row.get("after")?,
        ],
    })
}

/// Every part with its length before it, so that no two entries cover the same bytes.
fn digest(previous: &str, covered: &Covered) -> String {
    let mut hasher = Sha256::new();
    let mut part = |text: &str| {
        hasher.update(text.len().to_be_bytes());
        hasher.update(text.as_bytes());
    };
    part("yagura audit log 1");
    part(previous);
    part(&covered.seq.to_string());
    part(&covered.time.to_string());
    covered.texts.iter().for_each(|text| part(text));
    hex(&hasher.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(row: &Row) -> Result<AuditEntry, StoreError> {
    Ok(AuditEntry {
        seq: row.get("seq")?,
        time: row.time("time")?,
        actor: Actor::read(
            &row.get::<String>("actor_kind")?,
            row.get("actor")?,
            row.get("address")?,
        )?,
        action: row.get("action")?,
        object_kind: row.get("object_kind")?,
        object_id: row.get("object_id")?,
        before: row.json("before")?,
        after: row.json("after")?,
        hash: row.get("hash")?,
    })
}
