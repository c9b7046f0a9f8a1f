//! How sensors become known: tokens that they enrol with, certificates that they get, and the keys of the one who signs.

use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Db, Row, values};
use crate::filter::Conditions;
use crate::limits::{NAME_BYTES_MAX, NOTE_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::check;
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, TokenHash, UpdateError,
};
use serde_json::{Value, json};
use thiserror::Error;
use yagura_event::WallTime;

/// Names of the lists in cursors.
const TOKENS: &str = "enrolment-tokens";
const CERTIFICATES: &str = "certificates";

/// Revoked certificates that are read at a time.
const REVOKED_ROWS_MAX: u32 = 100_000;

/// The enrolment tokens of a store.
#[derive(Debug, Clone, Copy)]
pub struct Enrolment<'a> {
    pub(crate) db: &'a Db,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEnrolmentToken {
    /// Its name, which is no secret.
    pub id: String,
    /// Digest of the secret.
    pub hash: TokenHash,
    /// Cluster that sensors enrol into; empty if none.
    pub cluster: String,
    /// Region that sensors enrol into; empty if none.
    pub region: String,
    /// Whether it ends with its first use; otherwise a whole cluster may enrol with it.
    pub one_time: bool,
    /// When it ends.
    pub expires: WallTime,
}

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentToken {
    /// Its name.
    pub id: String,
    /// Cluster that sensors enrol into.
    pub cluster: String,
    /// Region that sensors enrol into.
    pub region: String,
    /// Whether it ends with its first use.
    pub one_time: bool,
    /// When it was made.
    pub created: WallTime,
    /// When it ends.
    pub expires: WallTime,
    /// Who made it.
    pub created_by: String,
    /// How many enrolled with it.
    pub uses: i64,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Why nobody enrols with a token. What a stranger is told should not tell these apart.
#[derive(Debug, Error)]
pub enum EnrolmentRefused {
    /// There is no such token.
    #[error("the enrolment token is unknown")]
    Unknown,
    /// Its time is over.
    #[error("the enrolment token has expired")]
    Expired,
    /// Somebody revoked it.
    #[error("the enrolment token was revoked")]
    Revoked,
    /// It was for one use.
    #[error("the enrolment token was used already")]
    Used,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Enrolment<'_> {
    /// Makes a token.
    ///
    /// # Errors
    /// [`UpdateError::Exists`] if its name or secret is taken.
    pub async fn create(
        &self,
        token: &NewEnrolmentToken,
        actor: &Actor,
        now: WallTime,
    ) -> Result<EnrolmentToken, UpdateError<EnrolmentToken>> {
        for text in [&token.id, &token.cluster, &token.region] {
            check("a name", text, NAME_BYTES_MAX)?;
        }
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO enrolment_tokens (id, hash, cluster, region, one_time, created, expires, created_by, \
                   uses, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, FALSE)";
        let values = values![
            &token.id,
            &token.hash,
            &token.cluster,
            &token.region,
            token.one_time,
            now,
            token.expires,
            &actor.name
        ];
        match tx.execute(sql, values).await {
            Err(error) if error.is_taken() => return Err(UpdateError::Exists),
            other => other?,
        };
        let after = json!({ "cluster": token.cluster, "region": token.region, "one_time": token.one_time,
            "expires": token.expires.0 });
        let entry = NewAuditEntry::new(
            "enrolment-token.create",
            "enrolment-token",
            &token.id,
            Value::Null,
            after,
        );
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Enrolment, &token.id, 0));
        tx.commit().await?;
        Ok(EnrolmentToken {
            id: token.id.clone(),
            cluster: token.cluster.clone(),
            region: token.region.clone(),
            one_time: token.one_time,
            created: now,
            expires: token.expires,
            created_by: actor.name.clone(),
            uses: 0,
            revoked: false,
        })
    }

    /// Uses a token once. Of two that use a one-time token at the same moment one is refused.
    ///
    /// # Errors
    /// [`EnrolmentRefused`]
    pub async fn use_token(
        &self,
        hash: &TokenHash,
        now: WallTime,
    ) -> Result<EnrolmentToken, EnrolmentRefused> {
        let mut tx = self.db.begin().await?;
        let sql = format!(
            "SELECT * FROM enrolment_tokens WHERE hash = $1{}",
            tx.for_update()
        );
        let row = tx.fetch_optional(&sql, values![hash]).await?;
        let mut token = read_token(&row.ok_or(EnrolmentRefused::Unknown)?)?;
        if token.revoked {
            return Err(EnrolmentRefused::Revoked);
        }
        if token.expires <= now {
            return Err(EnrolmentRefused::Expired);
        }
        if token.one_time && token.uses > 0 {
            return Err(EnrolmentRefused::Used);
        }
        token.uses = token.uses.saturating_add(1);
        let sql = "UPDATE enrolment_tokens SET uses = $2 WHERE id = $1";
        tx.execute(sql, values![&token.id, token.uses]).await?;
        tx.notify(Change::new(ChangeKind::Enrolment, &token.id, 0));
        tx.commit().await?;
        Ok(token)
    }

    /// Tokens, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, page: &PageRequest) -> Result<Page<EnrolmentToken>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        if let Some(cursor) = &page.after {
            conditions.after(("created", "id"), false, cursor.place(TOKENS)?);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM enrolment_tokens{clause} ORDER BY created DESC, id DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read_token).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |token| {
            Cursor::new(TOKENS, token.created.0, &token.id)
        }))
    }

    /// Ends a token. Who enrolled with it stays. Returns whether it was in force.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn revoke(&self, id: &str, actor: &Actor, now: WallTime) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE enrolment_tokens SET revoked = TRUE WHERE id = $1 AND NOT revoked";
        if tx.execute(sql, values![id]).await? == 0 {
            return Ok(false);
        }
        let entry = NewAuditEntry::new(
            "enrolment-token.revoke",
            "enrolment-token",
            id,
            Value::Null,
            Value::Null,
        );
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Enrolment, id, 0));
        tx.commit().await?;
        Ok(true)
    }
}

/// The certificates of a store.
#[derive(Debug, Clone, Copy)]
pub struct Certificates<'a> {
    pub(crate) db: &'a Db,
}

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Serial number in hexadecimal digits.
    pub serial: String,
    /// Identity that it carries.
    pub node: String,
    /// SHA-256 of it, in hexadecimal digits.
    pub fingerprint: String,
    /// From when on it is good.
    pub not_before: WallTime,
    /// Until when.
    pub not_after: WallTime,
    /// When it was issued.
    pub issued: WallTime,
    /// When it was revoked, if it was.
    pub revoked: Option<WallTime>,
    /// Why; empty if it was not.
    pub reason: String,
}

impl Certificates<'_> {
    /// Notes that a certificate is issued, before it is handed out.
    ///
    /// # Errors
    /// [`UpdateError::Exists`] if the serial number is taken.
    pub async fn record(
        &self,
        certificate: &Certificate,
        actor: &Actor,
    ) -> Result<(), UpdateError<Certificate>> {
        check("a serial number", &certificate.serial, NAME_BYTES_MAX)?;
        check("a node's id", &certificate.node, NAME_BYTES_MAX)?;
        check("a fingerprint", &certificate.fingerprint, NAME_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO certificates (serial, node, fingerprint, not_before, not_after, issued, revoked, \
                   reason) VALUES ($1, $2, $3, $4, $5, $6, NULL, '')";
        let values = values![
            &certificate.serial,
            &certificate.node,
            &certificate.fingerprint,
            certificate.not_before,
            certificate.not_after,
            certificate.issued
        ];
        match tx.execute(sql, values).await {
            Err(error) if error.is_taken() => return Err(UpdateError::Exists),
            other => other?,
        };
        let after = json!({ "node": certificate.node, "fingerprint": certificate.fingerprint,
            "not_after": certificate.not_after.0 });
        let serial = &certificate.serial;
        let entry = NewAuditEntry::new(
            "certificate.issue",
            "certificate",
            serial,
            Value::Null,
            after,
        );
        audit_log::append(&mut tx, &entry, actor, certificate.issued).await?;
        tx.notify(Change::new(ChangeKind::Certificate, &certificate.node, 0));
        tx.commit().await?;
        Ok(())
    }

    /// The certificate of that serial number.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, serial: &str) -> Result<Option<Certificate>, StoreError> {
        let sql = "SELECT * FROM certificates WHERE serial = $1";
        let row = self.db.fetch_optional(sql, values![serial]).await?;
        row.as_ref().map(read_certificate).transpose()
    }

    /// Certificates of one node or of all, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        node: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<Certificate>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        if let Some(node) = node {
            conditions.push("node = ", node, "");
        }
        if let Some(cursor) = &page.after {
            conditions.after(("issued", "serial"), false, cursor.place(CERTIFICATES)?);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM certificates{clause} ORDER BY issued DESC, serial DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows
            .iter()
            .map(read_certificate)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |certificate| {
            Cursor::new(CERTIFICATES, certificate.issued.0, &certificate.serial)
        }))
    }

    /// Revokes a certificate. Returns whether it was in force.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn revoke(
        &self,
        serial: &str,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<bool, StoreError> {
        let rows = self
            .revoke_where("serial", serial, reason, actor, now)
            .await?;
        Ok(rows > 0)
    }

    /// Revokes all certificates of a node. Returns how many were in force.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn revoke_node(
        &self,
        node: &str,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<u64, StoreError> {
        self.revoke_where("node", node, reason, actor, now).await
    }

    async fn revoke_where(
        &self,
        column: &'static str,
        value: &str,
        reason: &str,
        actor: &Actor,
        now: WallTime,
    ) -> Result<u64, StoreError> {
        check("a reason", reason, NOTE_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let sql = format!(
            "UPDATE certificates SET revoked = $2, reason = $3 WHERE {column} = $1 AND revoked IS NULL RETURNING *"
        );
        let rows = tx.fetch(&sql, values![value, now, reason]).await?;
        for row in &rows {
            let certificate = read_certificate(row)?;
            let after = json!({ "node": certificate.node, "reason": reason });
            let entry = NewAuditEntry::new(
                "certificate.revoke",
                "certificate",
                &certificate.serial,
                Value::Null,
                after,
            );
            audit_log::append(&mut tx, &entry, actor, now).await?;
            tx.notify(Change::new(ChangeKind::Certificate, &certificate.node, 0));
        }
        tx.commit().await?;
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }

    /// Serial numbers of revoked certificates that have not run out by themselves.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn revoked(&self, now: WallTime) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT serial FROM certificates WHERE revoked IS NOT NULL AND not_after > $1 \
             ORDER BY revoked DESC LIMIT {REVOKED_ROWS_MAX}"
        );
        let rows = self.db.fetch(&sql, values![now]).await?;
        rows.iter().map(|row| row.get("serial")).collect()
    }
}

/// The keys of a store.
#[derive(Debug, Clone, Copy)]
pub struct Secrets<'a> {
    pub(crate) db: &'a Db,
}

impl Secrets<'_> {
    /// The secret of that name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM secrets WHERE name = $1";
        let row = self.db.fetch_optional(sql, values![name]).await?;
        row.map(|row| row.get("value")).transpose()
    }

    /// Stores a secret unless there is one of that name, and gives the one that is stored: replicas that start together
    /// agree on one.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn get_or_insert(
        &self,
        name: &str,
        value: &[u8],
        now: WallTime,
    ) -> Result<Vec<u8>, StoreError> {
        check_secret(value)?;
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO secrets (name, value, time) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING";
        tx.execute(sql, values![name, value, now]).await?;
        let sql = "SELECT value FROM secrets WHERE name = $1";
        let row = tx.fetch_optional(sql, values![name]).await?;
        tx.commit().await?;
        match row {
            Some(row) => row.get("value"),
            None => Err(StoreError::damaged("a secret was not stored")),
        }
    }

    /// Puts another in its place.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn replace(
        &self,
        name: &str,
        value: &[u8],
        actor: &Actor,
        now: WallTime,
    ) -> Result<(), StoreError> {
        check_secret(value)?;
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO secrets (name, value, time) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value, time = excluded.time";
        tx.execute(sql, values![name, value, now]).await?;
        let entry = NewAuditEntry::new("secret.replace", "secret", name, Value::Null, Value::Null);
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.commit().await
    }
}

fn check_secret(value: &[u8]) -> Result<(), StoreError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(StoreError::TooLarge {
            what: "a secret",
            bytes: value.len(),
            bytes_max: VALUE_BYTES_MAX,
        });
    }
    Ok(())
}

fn read_token(row: &Row) -> Result<EnrolmentToken, StoreError> {
    Ok(EnrolmentToken {
        id: row.get("id")?,
        cluster: row.get("cluster")?,
        region: row.get("region")?,
        one_time: row.get("one_time")?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        created_by: row.get("created_by")?,
        uses: row.get("uses")?,
        revoked: row.get("revoked")?,
    })
}

fn read_certificate(row: &Row) -> Result<Certificate, StoreError> {
    Ok(Certificate {
        serial: row.get("serial")?,
        node: row.get("node")?,
        fingerprint: row.get("fingerprint")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
        issued: row.time("issued")?,
        revoked: row.time_if("revoked")?,
        reason: row.get("reason")?,
    })
}
