//! What is configured: policies, rules, settings, outputs. Each document has a version and a history; whoever changes one
//! says which version they saw, and is refused if it is no longer the present one.

use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Db, Row, Tx, values};
use crate::limits::{
    DOCUMENT_BYTES_MAX, DOCUMENT_VERSIONS_MAX, DOCUMENTS_MAX, NAME_BYTES_MAX, NOTE_BYTES_MAX,
};
use crate::text::{check, check_count, checked_json};
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, UpdateError, Version,
};
use serde_json::Value;
use yagura_event::WallTime;

/// Names of the lists in cursors.
const LIST: &str = "documents";
const HISTORY: &str = "document-history";

const COLUMNS: &str = "id, version, body, deleted, actor_kind, actor, address, reason, time";

/// What kind of thing a document configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentKind {
    /// The binary drift policy.
    DriftPolicy,
    /// Defence rules against container escape.
    DefencePolicy,
    /// Rules on images.
    ImagePolicy,
    /// Switches and exceptions of one detection rule.
    DetectionSettings,
    /// A file of the users' own detection rules.
    UserRule,
    /// A condition under which alerts are not shown.
    WhitelistRule,
    /// A setting of the center, such as a protection switch.
    Setting,
    /// An output for alerts.
    Output,
    /// A region.
    Region,
    /// A cluster.
    Cluster,
    /// A filter that somebody keeps.
    SavedView,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [DocumentKind; 11] = [
        DocumentKind::DriftPolicy,
        DocumentKind::DefencePolicy,
        DocumentKind::ImagePolicy,
        DocumentKind::DetectionSettings,
        DocumentKind::UserRule,
        DocumentKind::WhitelistRule,
        DocumentKind::Setting,
        DocumentKind::Output,
        DocumentKind::Region,
        DocumentKind::Cluster,
        DocumentKind::SavedView,
    ];

    /// The name in the database, in notices and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentKind::DriftPolicy => "drift-policy",
            DocumentKind::DefencePolicy => "defence-policy",
            DocumentKind::ImagePolicy => "image-policy",
            DocumentKind::DetectionSettings => "detection-settings",
            DocumentKind::UserRule => "user-rule",
            DocumentKind::WhitelistRule => "whitelist-rule",
            DocumentKind::Setting => "setting",
            DocumentKind::Output => "output",
            DocumentKind::Region => "region",
            DocumentKind::Cluster => "cluster",
            DocumentKind::SavedView => "saved-view",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<DocumentKind> {
        DocumentKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A version of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// What it configures.
    pub kind: DocumentKind,
    /// Its name among its kind.
    pub id: String,
    /// Which version.
    pub version: Version,
    /// What it says; of a deleted one, what it said last.
    pub body: Value,
    /// Whether this version is its end.
    pub deleted: bool,
    /// Who made this version.
    pub author: Actor,
    /// Why, in words; may be empty.
    pub reason: String,
    /// When.
    pub time: WallTime,
}

/// The documents of one kind.
#[derive(Debug, Clone, Copy)]
pub struct Documents<'a> {
    pub(crate) db: &'a Db,
    pub(crate) kind: DocumentKind,
}

/// What a change starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Nothing, or a deleted document.
    None,
    Version(Version),
    /// Whatever there is.
    Any,
}

impl Documents<'_> {
    /// The document of that id, as it is now.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, id: &str) -> Result<Option<Document>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM documents WHERE kind = $1 AND id = $2 AND NOT deleted");
        let row = self
            .db
            .fetch_optional(&sql, values![self.kind.as_str(), id])
            .await?;
        row.map(|row| read(self.kind, &row)).transpose()
    }

    /// Documents by id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, page: &PageRequest) -> Result<Page<Document>, StoreError> {
        let after = match &page.after {
            Some(cursor) => cursor.place(LIST)?.1,
            None => "",
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM documents WHERE kind = $1 AND id > $2 AND NOT deleted ORDER BY id LIMIT {}",
            page.rows().saturating_add(1)
        );
        let values = values![self.kind.as_str(), after];
        let items = self.read_all(&sql, values).await?;
        Ok(Page::of(items, page, |document| {
            Cursor::new(LIST, 0, &document.id)
        }))
    }

    /// All documents, by id; at most [`DOCUMENTS_MAX`] can be made.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn all(&self) -> Result<Vec<Document>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM documents WHERE kind = $1 AND NOT deleted ORDER BY id LIMIT {DOCUMENTS_MAX}"
        );
        self.read_all(&sql, values![self.kind.as_str()]).await
    }

    /// Makes a document that is not there.
    ///
    /// # Errors
    /// [`UpdateError::Exists`]; [`StoreError::TooMany`] beyond [`DOCUMENTS_MAX`].
    pub async fn create(
        &self,
        id: &str,
        body: &Value,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Document, UpdateError<Document>> {
        let new = self.next(id, body, reason, actor, now);
        self.change(new, Expected::None).await
    }

    /// Changes a document.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is not its version.
    pub async fn update(
        &self,
        id: &str,
        expected: Version,
        body: &Value,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Document, UpdateError<Document>> {
        let new = self.next(id, body, reason, actor, now);
        self.change(new, Expected::Version(expected)).await
    }

    /// Makes or changes a document, whatever is there.
    ///
    /// # Errors
    /// [`UpdateError::Store`] alone.
    pub async fn put(
        &self,
        id: &str,
        body: &Value,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Document, UpdateError<Document>> {
        let new = self.next(id, body, reason, actor, now);
        self.change(new, Expected::Any).await
    }

    /// Takes a document away. Its history stays.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is not its version.
    pub async fn delete(
        &self,
        id: &str,
        expected: Version,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Document, UpdateError<Document>> {
        let mut new = self.next(id, &Value::Null, reason, actor, now);
        new.deleted = true;
        self.change(new, Expected::Version(expected)).await
    }

    /// Makes a new version that says what an earlier one said.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`] if that version is not kept; [`UpdateError::Stale`] if `expected` is not the present one.
    pub async fn rollback(
        &self,
        id: &str,
        to: Version,
        expected: Version,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<Document, UpdateError<Document>> {
        let earlier = self.version(id, to).await?;
        let earlier = earlier
            .filter(|earlier| !earlier.deleted)
            .ok_or(UpdateError::NotFound)?;
        let new = self.next(id, &earlier.body, reason, actor, now);
        self.change(new, Expected::Version(expected)).await
    }

    /// The versions of a document, the newest first; [`DOCUMENT_VERSIONS_MAX`] are kept.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn history(
        &self,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<Document>, StoreError> {
        let before = match &page.after {
            Some(cursor) => cursor.place(HISTORY)?.0,
            None => i64::MAX,
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM document_versions WHERE kind = $1 AND id = $2 AND version < $3 \
             ORDER BY version DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let values = values![self.kind.as_str(), id, before];
        let items = self.read_all(&sql, values).await?;
        Ok(Page::of(items, page, |document| {
            Cursor::new(HISTORY, document.version.0, "")
        }))
    }

    /// A version of a document.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn version(
        &self,
        id: &str,
        version: Version,
    ) -> Result<Option<Document>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM document_versions WHERE kind = $1 AND id = $2 AND version = $3"
        );
        let values = values![self.kind.as_str(), id, version];
        Ok(self.read_all(&sql, values).await?.pop())
    }

    /// How often documents of this kind were changed: while it is the same, a copy of them all is right.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn changes(&self) -> Result<i64, StoreError> {
        let sql = "SELECT changes FROM document_changes WHERE kind = $1";
        let row = self
            .db
            .fetch_optional(sql, values![self.kind.as_str()])
            .await?;
        row.map_or(Ok(0), |row| row.get("changes"))
    }

    fn next(&self, id: &str, body: &Value, reason: &str, actor: &Actor, now: WallTime) -> Document {
        Document {
            kind: self.kind,
            id: id.to_owned(),
            version: Version::FIRST,
            body: body.clone(),
            deleted: false,
            author: actor.clone(),
            reason: reason.to_owned(),
            time: now,
        }
    }

    async fn read_all(
        &self,
        sql: &str,
        values: Vec<crate::db::Value>,
    ) -> Result<Vec<Document>, StoreError> {
        let rows = self.db.fetch(sql, values).await?;
        rows.iter().map(|row| read(self.kind, row)).collect()
    }

    async fn change(
        &self,
        mut new: Document,
        expected: Expected,
    ) -> Result<Document, UpdateError<Document>> {
        check("an id", &new.id, NAME_BYTES_MAX)?;
        check("a reason", &new.reason, NOTE_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        // Writers of one kind wait here, so that what is read next is what is there when they write.
        count_change(&mut tx, self.kind).await?;
        let before = present(&mut tx, self.kind, &new.id).await?;
        let alive = before.as_ref().filter(|before| !before.deleted);
        match (expected, alive) {
            (Expected::None, Some(_)) => return Err(UpdateError::Exists),
            (Expected::Version(_), None) => return Err(UpdateError::NotFound),
            (Expected::Version(expected), Some(current)) if current.version != expected => {
                return Err(UpdateError::Stale {
                    expected,
                    current: Box::new(current.clone()),
                });
            }
            (_, None) => check_room(&mut tx, self.kind).await?,
            _ => {}
        }
        if let Some(before) = &before {
            new.version = before.version.next();
            if new.deleted {
                new.body = before.body.clone();
            }
        }
        write(&mut tx, &new).await?;
        let body_before = alive.map_or(Value::Null, |before| before.body.clone());
        let body_after = if new.deleted {
            Value::Null
        } else {
            new.body.clone()
        };
        let verb = match (alive.is_some(), new.deleted) {
            (_, true) => "delete",
            (true, false) => "update",
            (false, false) => "create",
        };
        let kind = self.kind.as_str();
        let action = format!("{kind}.{verb}");
        let entry = NewAuditEntry::new(&action, kind, &new.id, body_before, body_after);
        audit_log::append(&mut tx, &entry, &new.author, new.time).await?;
        tx.notify(Change::new(
            ChangeKind::Document(self.kind),
            &new.id,
            new.version.0,
        ));
        tx.commit().await?;
        Ok(new)
    }
}

async fn count_change(tx: &mut Tx, kind: DocumentKind) -> Result<(), StoreError> {
    let sql = "INSERT INTO document_changes AS c (kind, changes) VALUES ($1, 1) \
               ON CONFLICT (kind) DO UPDATE SET changes = c.changes + 1";
    tx.execute(sql, values![kind.as_str()]).await.map(drop)
}

async fn present(
    tx: &mut Tx,
    kind: DocumentKind,
    id: &str,
) -> Result<Option<Document>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM documents WHERE kind = $1 AND id = $2");
    let row = tx.fetch_optional(&sql, values![kind.as_str(), id]).await?;
    row.map(|row| read(kind, &row)).transpose()
}

async fn check_room(tx: &mut Tx, kind: DocumentKind) -> Result<(), StoreError> {
    let sql = "SELECT count(*) AS n FROM documents WHERE kind = $1 AND NOT deleted";
    let count: i64 = match tx.fetch_optional(sql, values![kind.as_str()]).await? {
        Some(row) => row.get("n")?,
        None => 0,
    };
    let count = usize::try_from(count)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let count_max = usize::try_from(DOCUMENTS_MAX).unwrap_or(usize::MAX);
    check_count("documents of a kind", count, count_max)
}

async fn write(tx: &mut Tx, new: &Document) -> Result<(), StoreError> {
    let body = checked_json("a document", &new.body, DOCUMENT_BYTES_MAX)?;
    let kind = new.kind.as_str();
    let row = values![
        kind,
        &new.id,
        new.version,
        body,
        new.deleted,
        new.author.kind.as_str(),
        &new.author.name,
        &new.author.address,
        &new.reason,
        new.time
    ];
    let sql = "INSERT INTO document_versions (kind, id, version, body, deleted, actor_kind, actor, address, reason, \
               time) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    tx.execute(sql, row.clone()).await?;
    let sql = "INSERT INTO documents (kind, id, version, body, deleted, actor_kind, actor, address, reason, time) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (kind, id) DO UPDATE SET \
               version = excluded.version, body = excluded.body, deleted = excluded.deleted, \
               actor_kind = excluded.actor_kind, actor = excluded.actor, address = excluded.address, \
               reason = excluded.reason, time = excluded.time";
    tx.execute(sql, row).await?;
    let sql = "DELETE FROM document_versions WHERE kind = $1 AND id = $2 AND version <= $3";
    let oldest = new.version.0.saturating_sub(DOCUMENT_VERSIONS_MAX);
    tx.execute(sql, values![kind, &new.id, oldest]).await?;
    Ok(())
}

fn read(kind: DocumentKind, row: &Row) -> Result<Document, StoreError> {
    Ok(Document {
        kind,
        id: row.get("id")?,
        version: Version(row.get("version")?),
        body: row.json("body")?,
        deleted: row.get("deleted")?,
        author: Actor::read(
            &row.get::<String>("actor_kind")?,
            row.get("actor")?,
            row.get("address")?,
        )?,
        reason: row.get("reason")?,
        time: row.time("time")?,
    })
}
