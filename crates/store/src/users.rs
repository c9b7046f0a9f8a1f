//! Users. Passwords come hashed by whoever knows how; here they are texts that are never shown.

use crate::audit_log::{self, NewAuditEntry};
use crate::db::{Db, Row, Tx, values, wall_time};
use crate::filter::Conditions;
use crate::limits::{NAME_BYTES_MAX, VALUE_BYTES_MAX};
use crate::text::{check, checked_json};
use crate::{
    Actor, Change, ChangeKind, Cursor, Page, PageRequest, StoreError, UpdateError, Version,
};
use serde_json::{Value, json};
use std::time::Duration;
use yagura_event::WallTime;

/// Name of the list in cursors.
const LIST: &str = "users";

/// The users of a store.
#[derive(Debug, Clone, Copy)]
pub struct Users<'a> {
    pub(crate) db: &'a Db,
}

/// A user to be made.
#[derive(Clone, PartialEq)]
pub struct NewUser {
    /// Identity, which never changes.
    pub id: String,
    /// Name to log in with.
    pub name: String,
    /// Name to be shown.
    pub display_name: String,
    /// E-mail address; may be empty.
    pub email: String,
    /// `local`, or the issuer that vouches for the user.
    pub provider: String,
    /// What the issuer calls the user; of local ones the same as `id`.
    pub subject: String,
    /// Hash of the password; `None` for users of other issuers.
    pub password_hash: Option<String>,
    /// Whether the next log-in must set another password.
    pub must_change_password: bool,
    /// What the user may do, as JSON.
    pub roles: Value,
}

/// A user.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Identity.
    pub id: String,
    /// Name to log in with.
    pub name: String,
    /// Name to be shown.
    pub display_name: String,
    /// E-mail address.
    pub email: String,
    /// `local`, or the issuer that vouches for the user.
    pub provider: String,
    /// What the issuer calls the user.
    pub subject: String,
    /// Hash of the password.
    pub password_hash: Option<String>,
    /// Whether the next log-in must set another password.
    pub must_change_password: bool,
    /// What the user may do, as JSON.
    pub roles: Value,
    /// Language, theme and the like, as JSON.
    pub preferences: Value,
    /// Whether the user may not log in.
    pub disabled: bool,
    /// Log-ins that failed since the last that did not.
    pub failed_logins: i64,
    /// Until when log-ins are refused.
    pub locked_until: Option<WallTime>,
    /// When the user last logged in.
    pub last_login: Option<WallTime>,
    /// When the user was made.
    pub created: WallTime,
    /// Goes up with every change by people.
    pub version: Version,
}

impl std::fmt::Debug for NewUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser")
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Without the hash.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// How a user is changed; `None` leaves a part as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserChange {
    /// Name to be shown.
    pub display_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// What the user may do.
    pub roles: Option<Value>,
    /// Whether the user may not log in.
    pub disabled: Option<bool>,
    /// Lets a locked user try again at once.
    pub unlock: bool,
}

impl Users<'_> {
    /// Makes a user.
    ///
    /// # Errors
    /// [`UpdateError::Exists`] if the identity, the name, or the issuer's subject is taken.
    pub async fn create(
        &self,
        user: &NewUser,
        actor: &Actor,
        now: WallTime,
    ) -> Result<User, UpdateError<User>> {
        for text in [
            &user.id,
            &user.name,
            &user.display_name,
            &user.email,
            &user.provider,
            &user.subject,
        ] {
            check("a user's name", text, NAME_BYTES_MAX)?;
        }
        let hash = user.password_hash.as_deref().unwrap_or("");
        check("a password's hash", hash, NAME_BYTES_MAX)?;
        let roles = checked_json("roles", &user.roles, VALUE_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO users (id, name, display_name, email, provider, subject, password_hash, \
                   must_change_password, roles, preferences, disabled, failed_logins, created, version) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '{}', FALSE, 0, $10, 1) RETURNING *";
        let values = values![
            &user.id,
            &user.name,
            &user.display_name,
            &user.email,
            &user.provider,
            &user.subject,
            user.password_hash.clone(),
            user.must_change_password,
            roles,
            now
        ];
        let row = match tx.fetch_optional(sql, values).await {
            Err(error) if error.is_taken() => return Err(UpdateError::Exists),
            other => other?,
        };
        let made = read(&row.ok_or(UpdateError::NotFound)?)?;
        finish(tx, "user.create", None, Some(&made), actor, now).await?;
        Ok(made)
    }

    /// The user of that identity.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn get(&self, id: &str) -> Result<Option<User>, StoreError> {
        self.one("id = $1", values![id]).await
    }

    /// The user of that name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn by_name(&self, name: &str) -> Result<Option<User>, StoreError> {
        self.one("name = $1", values![name]).await
    }

    /// The user whom an issuer calls so.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn by_subject(
        &self,
        provider: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        self.one("provider = $1 AND subject = $2", values![provider, subject])
            .await
    }

    async fn one(
        &self,
        condition: &str,
        values: Vec<crate::db::Value>,
    ) -> Result<Option<User>, StoreError> {
        let sql = format!("SELECT * FROM users WHERE {condition}");
        let row = self.db.fetch_optional(&sql, values).await?;
        row.as_ref().map(read).transpose()
    }

    /// Users by name, those whose names or address contain a text.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, text: &str, page: &PageRequest) -> Result<Page<User>, StoreError> {
        let mut conditions = Conditions::new(self.db.dialect());
        conditions.contains(&["name", "display_name", "email"], text)?;
        if let Some(cursor) = &page.after {
            conditions.push("name > ", cursor.place(LIST)?.1, "");
        }
        let (clause, values) = conditions.finish();
        let sql = format!(
            "SELECT * FROM users{clause} ORDER BY name LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values).await?;
        let items = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(Page::of(items, page, |user| {
            Cursor::new(LIST, 0, &user.name)
        }))
    }

    /// How many there are.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn count(&self) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) AS n FROM users";
        let row = self.db.fetch_optional(sql, Vec::new()).await?;
        row.map_or(Ok(0), |row| row.get("n"))
    }

    /// Changes a user.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is given and not the user's version.
    pub async fn update(
        &self,
        id: &str,
        expected: Option<Version>,
        change: &UserChange,
        actor: &Actor,
        now: WallTime,
    ) -> Result<User, UpdateError<User>> {
        let mut tx = self.db.begin().await?;
        let before = find(&mut tx, id, expected).await?;
        let mut after = before.clone();
        after.display_name = change.display_name.clone().unwrap_or(after.display_name);
        after.email = change.email.clone().unwrap_or(after.email);
        after.roles = change.roles.clone().unwrap_or(after.roles);
        after.disabled = change.disabled.unwrap_or(after.disabled);
        if change.unlock {
            after.failed_logins = 0;
            after.locked_until = None;
        }
        after.version = before.version.next();
        check("a user's name", &after.display_name, NAME_BYTES_MAX)?;
        check("an address", &after.email, NAME_BYTES_MAX)?;
        let sql = "UPDATE users SET display_name = $2, email = $3, roles = $4, disabled = $5, failed_logins = $6, \
                   locked_until = $7, version = $8 WHERE id = $1";
        let values = values![
            id,
            &after.display_name,
            &after.email,
            checked_json("roles", &after.roles, VALUE_BYTES_MAX)?,
            after.disabled,
            after.failed_logins,
            after.locked_until,
            after.version
        ];
        tx.execute(sql, values).await?;
        finish(tx, "user.update", Some(&before), Some(&after), actor, now).await?;
        Ok(after)
    }

    /// Sets a password and lets the user try again at once.
    ///
    /// # Errors
    /// [`UpdateError::NotFound`]
    pub async fn set_password(
        &self,
        id: &str,
        password_hash: &str,
        must_change: bool,
        actor: &Actor,
        now: WallTime,
    ) -> Result<User, UpdateError<User>> {
        check("a password's hash", password_hash, NAME_BYTES_MAX)?;
        let mut tx = self.db.begin().await?;
        let before = find(&mut tx, id, None).await?;
        let after = User {
            password_hash: Some(password_hash.to_owned()),
            must_change_password: must_change,
            failed_logins: 0,
            locked_until: None,
            version: before.version.next(),
            ..before.clone()
        };
        let sql = "UPDATE users SET password_hash = $2, must_change_password = $3, failed_logins = 0, \
                   locked_until = NULL, version = $4 WHERE id = $1";
        tx.execute(sql, values![id, password_hash, must_change, after.version])
            .await?;
        finish(tx, "user.password", Some(&before), Some(&after), actor, now).await?;
        Ok(after)
    }

    /// Sets language, theme and the like. Returns whether there is such a user.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn set_preferences(&self, id: &str, preferences: &Value) -> Result<bool, StoreError> {
        let text = checked_json("preferences", preferences, VALUE_BYTES_MAX)?;
        let sql = "UPDATE users SET preferences = $2 WHERE id = $1";
        Ok(self.db.execute(sql, values![id, text]).await? > 0)
    }

    /// Counts a log-in that failed; the one that makes it `failures_max` locks the user for a while.
    ///
    /// # Errors
    /// [`StoreError`]; a user who is not there is no error.
    pub async fn login_failed(
        &self,
        id: &str,
        failures_max: u32,
        lock_for: Duration,
        now: WallTime,
    ) -> Result<Option<User>, StoreError> {
        let until = WallTime(now.0.saturating_add(wall_time(lock_for)));
        let mut tx = self.db.begin().await?;
        let sql = "UPDATE users SET failed_logins = failed_logins + 1, locked_until = \
                   CASE WHEN failed_logins + 1 >= $2 THEN $3 ELSE locked_until END WHERE id = $1 RETURNING *";
        let row = tx
            .fetch_optional(sql, values![id, failures_max, until])
            .await?;
        tx.commit().await?;
        row.as_ref().map(read).transpose()
    }

    /// Notes a log-in.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn login_succeeded(&self, id: &str, now: WallTime) -> Result<(), StoreError> {
        let sql = "UPDATE users SET failed_logins = 0, locked_until = NULL, last_login = $2 WHERE id = $1";
        self.db.execute(sql, values![id, now]).await.map(drop)
    }

    /// Takes a user away, with sessions and API tokens.
    ///
    /// # Errors
    /// [`UpdateError::Stale`] if `expected` is given and not the user's version.
    pub async fn delete(
        &self,
        id: &str,
        expected: Option<Version>,
        actor: &Actor,
        now: WallTime,
    ) -> Result<(), UpdateError<User>> {
        let mut tx = self.db.begin().await?;
        let before = find(&mut tx, id, expected).await?;
        tx.execute("DELETE FROM users WHERE id = $1", values![id])
            .await?;
        finish(tx, "user.delete", Some(&before), None, actor, now).await?;
        Ok(())
    }
}

async fn find(tx: &mut Tx, id: &str, expected: Option<Version>) -> Result<User, UpdateError<User>> {
    let sql = format!("SELECT * FROM users WHERE id = $1{}", tx.for_update());
    let row = tx.fetch_optional(&sql, values![id]).await?;
    let user = read(&row.ok_or(UpdateError::NotFound)?)?;
    match expected {
        Some(expected) if expected != user.version => Err(UpdateError::Stale {
            expected,
            current: Box::new(user),
        }),
        _ => Ok(user),
    }
}

/// Notes a change and ends the transaction.
async fn finish(
    mut tx: Tx,
    action: &str,
    before: Option<&User>,
    after: Option<&User>,
    actor: &Actor,
    now: WallTime,
) -> Result<(), StoreError> {
    let id = after.or(before).map_or("", |user| &user.id);
    let side = |user: Option<&User>| user.map_or(Value::Null, audited);
    let entry = NewAuditEntry::new(action, "user", id, side(before), side(after));
    audit_log::append(&mut tx, &entry, actor, now).await?;
    let version = after.map_or(0, |user| user.version.0);
    tx.notify(Change::new(ChangeKind::User, id, version));
    tx.commit().await
}

/// What the audit log shows of a user: no hash.
fn audited(user: &User) -> Value {
    json!({
        "name": user.name, "display_name": user.display_name, "email": user.email, "provider": user.provider,
        "roles": user.roles, "disabled": user.disabled, "must_change_password": user.must_change_password,
        "version": user.version.0,
    })
}

fn read(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.get("id")?,
        name: row.get("name")?,
        display_name: row.get("display_name")?,
        email: row.get("email")?,
        provider: row.get("provider")?,
        subject: row.get("subject")?,
        password_hash: row.get("password_hash")?,
        must_change_password: row.get("must_change_password")?,
        roles: row.json("roles")?,
        preferences: row.json("preferences")?,
        disabled: row.get("disabled")?,
        failed_logins: row.get("failed_logins")?,
        locked_until: row.time_if("locked_until")?,
        last_login: row.time_if("last_login")?,
        created: row.time("created")?,
        version: Version(row.get("version")?),
    })
}
