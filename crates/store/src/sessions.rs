//! Sessions of users, and API tokens of programs: known by the digests of their secrets alone.

use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Db, Row, values};
use crate::filter::Conditions;
use crate::limits::{NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, checked_json, cut};
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, TokenHash, UpdateError,
};
use serde_json::{Value, json};
use yagura_event::WallTime;

/// Name of the list in cursors.
const TOKENS: &str = "api-tokens";

/// Sessions of one user that are listed at most.
const SESSIONS_MAX: u32 = 1_000;

/// The sessions of a store.
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a> {
    pub(crate) db: &'a Db,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Digest of its secret.
    pub hash: TokenHash,
    /// Identity of the user.
    pub user: String,
    /// Digest of the secret that changes must bring along.
    pub csrf_hash: TokenHash,
    /// When it began.
    pub created: WallTime,
    /// When it ends.
    pub expires: WallTime,
    /// When it was used last.
    pub last_seen: WallTime,
    /// Network address that it began from.
    pub address: String,
    /// The browser, as it says; cut at [`NAME_BYTES_MAX`].
    pub agent: String,
}

impl Sessions<'_> {
    /// Begins a session.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`] if there is no such user; [`UpdateError::Exists`] if the secret is taken.
    pub async fn create(&self, session: &Session) -> Result<(), UpdateError<Session>> {
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO sessions (hash, user_id, csrf_hash, created, expires, last_seen, address, agent) \
                   SELECT $1, id, $3, $4, $5, $6, $7, $8 FROM users WHERE id = $2";
        let values = values![
            &session.hash,
            &session.user,
            &session.csrf_hash,
            session.created,
            session.expires,
            session.last_seen,
            cut(&session.address, NAME_BYTES_MAX),
            cut(&session.agent, NAME_BYTES_MAX)
        ];
        let rows = match tx.execute(sql, values).await {
            Err(error) if error.is_taken() => return Err(UpdateError::Exists),
            other => other?,
        };
        if rows == 0 {
            return Err(UpdateError::NotFound);
        }
        tx.notify(Change::new(ChangeKind::Session, &session.user, 0));
        tx.commit().await?;
        Ok(())
    }

    /// The session with that secret, unless it has ended.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(
        &self,
        hash: &TokenHash,
        now: WallTime,
    ) -> Result<Option<Session>, StoreError> {
        let sql = "SELECT * FROM sessions WHERE hash = $1 AND expires > $2";
        let row = self.db.fetch_optional(sql, values![hash, now]).await?;
        row.as_ref().map(read_session).transpose()
    }

    /// Notes that a session is used, and when it ends now.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn touch(
        &self,
        hash: &TokenHash,
        now: WallTime,
        expires: WallTime,
    ) -> Result<(), StoreError> {
        let sql =
            "UPDATE sessions SET last_seen = $2, expires = $3 WHERE hash = $1 AND expires > $2";
        self.db
            .execute(sql, values![hash, now, expires])
            .await
            .map(drop)
    }

    /// Ends a session. Returns whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn end(&self, hash: &TokenHash) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let sql = "DELETE FROM sessions WHERE hash = $1 RETURNING user_id";
        let row = tx.fetch_optional(sql, values![hash]).await?;
        if let Some(row) = &row {
            let user: String = row.get("user_id")?;
            tx.notify(Change::new(ChangeKind::Session, &user, 0));
        }
        tx.commit().await?;
        Ok(row.is_some())
    }

    /// Ends all sessions of a user but one. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn end_all(&self, user: &str, except: Option<&TokenHash>) -> Result<u64, StoreError> {
        let mut tx = self.db.begin().await?;
        let kept: Vec<u8> = except.map_or_else(Vec::new, |hash| hash.as_bytes().to_vec());
        let sql = "DELETE FROM sessions WHERE user_id = $1 AND hash <> $2";
        let rows = tx.execute(sql, values![user, kept]).await?;
        tx.notify(Change::new(ChangeKind::Session, user, 0));
        tx.commit().await?;
        Ok(rows)
    }

    /// The sessions of a user that have not ended, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, user: &str, now: WallTime) -> Result<Vec<Session>, StoreError> {
        let sql = format!(
            "SELECT * FROM sessions WHERE user_id = $1 AND expires > $2 ORDER BY created DESC LIMIT {SESSIONS_MAX}"
        );
        let rows = self.db.fetch(&sql, values![user, now]).await?;
        rows.iter().map(read_session).collect()
    }
}

/// The API tokens of a store.
#[derive(Debug, Clone, Copy)]
pub struct ApiTokens<'a> {
    pub(crate) db: &'a Db,
}

/// A token to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewApiToken {
    /// Its identity, which is no secret.
    pub id: String,
    /// Digest of its secret.
    pub hash: TokenHash,
    /// Identity of the user whom it belongs to.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// What may be done with it, as JSON.
    pub scopes: Value,
    /// When it ends.
    pub expires: Option<WallTime>,
}

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiToken {
    /// Its identity.
    pub id: String,
    /// Identity of the user whom it belongs to.
    pub user: String,
    /// What it is for.
    pub name: String,
    /// What may be done with it, as JSON.
    pub scopes: Value,
    /// When it was made.
    pub created: WallTime,
    /// When it ends.
    pub expires: Option<WallTime>,
    /// When it was used last.
    pub last_used: Option<WallTime>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl ApiTokens<'_> {
    /// Makes a token.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`] if there is no such user; [`UpdateError::Exists`] if its identity or secret is taken.
    pub async fn create(
        &self,
        token: &NewApiToken,
        actor: &Actor,
        now: WallTime,
    ) -> Result<ApiToken, UpdateError<ApiToken>> {
        check("a token's id", &token.id, NAME_BYTES_MAX)?;
        check("a token's name", &token.name, NAME_BYTES_MAX)?;
        let scopes = checked_json("scopes", &token.scopes, VALUE_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO api_tokens (id, hash, user_id, name, scopes, created, expires, revoked) \
                   SELECT $1, $2, id, $4, $5, $6, CAST($7 AS BIGINT), FALSE FROM users WHERE id = $3 RETURNING *";
        let values = values![
            &token.id,
            &token.hash,
            &token.user,
            &token.name,
            scopes,
            now,
            token.expires
        ];
        let row = match tx.fetch_optional(sql, values).await {
            Err(error) if error.is_taken() => return Err(UpdateError::Exists),
            other => other?,
        };
        let made = read_token(&row.ok_or(UpdateError::NotFound)?)?;
        let after = json!({ "user": made.user, "name": made.name, "scopes": made.scopes,
            "expires": made.expires.map(|time| time.0) });
        let entry = NewAuditEntry::new(
            "api-token.create",
            "api-token",
            &made.id,
            Value::Null,
            after,
        );
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Token, &made.user, 0));
        tx.commit().await?;
        Ok(made)
    }

    /// The token with that secret, unless it has ended or was revoked.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn find(
        &self,
        hash: &TokenHash,
        now: WallTime,
    ) -> Result<Option<ApiToken>, StoreError> {
        let sql = "SELECT * FROM api_tokens WHERE hash = $1 AND NOT revoked AND (expires IS NULL OR expires > $2)";
        let row = self.db.fetch_optional(sql, values![hash, now]).await?;
        row.as_ref().map(read_token).transpose()
    }

    /// Notes that a token is used.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn used(&self, id: &str, now: WallTime) -> Result<(), StoreError> {
        let sql = "UPDATE api_tokens SET last_used = $2 WHERE id = $1";
        self.db.execute(sql, values![id, now]).await.map(drop)
    }

    /// Tokens of one user or of all, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(
        &self,
        user: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<ApiToken>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        if let Some(user) = user {
            conditions.push("user_id = ", user, "");
        }
        if let Some(cursor) = &page.after {
            conditions.after(("created", "id"), false, cursor.place(TOKENS)?);
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM api_tokens{clause} ORDER BY created DESC, id DESC LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read_token).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |token| {
            Cursor::new(TOKENS, token.created.0, &token.id)
        }))
    }

    /// Ends a token. Returns whether it was in force.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn revoke(&self, id: &str, actor: &Actor, now: WallTime) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE api_tokens SET revoked = TRUE WHERE id = $1 AND NOT revoked RETURNING *";
        let Some(row) = tx.fetch_optional(sql, values![id]).await? else {
            return Ok(false);
        };
        let token = read_token(&row)?;
        let before = json!({ "user": token.user, "name": token.name });
        let entry = NewAuditEntry::new("api-token.revoke", "api-token", id, before, Value::Null);
        audit_log::append(&mut tx, &entry, actor, now).await?;
        tx.notify(Change::new(ChangeKind::Token, &token.user, 0));
        tx.commit().await?;
        Ok(true)
    }
}

fn read_session(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        hash: TokenHash::read(&row.get::<Vec<u8>>("hash")?)?,
        user: row.get("user_id")?,
        csrf_hash: TokenHash::read(&row.get::<Vec<u8>>("csrf_hash")?)?,
        created: row.time("created")?,
        expires: row.time("expires")?,
        last_seen: row.time("last_seen")?,
        address: row.get("address")?,
        agent: row.get("agent")?,
    })
}

fn read_token(row: &Row) -> Result<ApiToken, StoreError> {
    Ok(ApiToken {
        id: row.get("id")?,
        user: row.get("user_id")?,
        name: row.get("name")?,
        scopes: row.json("scopes")?,
        created: row.time("created")?,
        expires: row.time_if("expires")?,
        last_used: row.time_if("last_used")?,
        revoked: row.get("revoked")?,
    })
}
