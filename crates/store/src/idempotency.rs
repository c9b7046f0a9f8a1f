//! Requests that may come twice, because a client did not see the answer: the second time it gets the first one's.

use crate::StoreError;
use crate::db::{Db, values, wall_time};
use crate::limits::{NAME_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::text::check;
use std::time::Duration;
use yagura_event::WallTime;

/// The kept answers of a store.
#[derive(Debug, Clone, Copy)]
pub struct Idempotency<'a> {
    pub(crate) db: &'a Db,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is to be done, and then finished or abandoned.
    New,
    /// It is being done.
    Running,
    /// It was done, with this answer.
    Done {
        /// HTTP status.
        status: u16,
        /// Body.
        body: String,
    },
    /// The key was used for another request.
    Mismatch,
}

impl Idempotency<'_> {
    /// Begins a request of `owner` under a key. `fingerprint` tells requests apart; `keep` is how long the key is known.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]
    pub async fn begin(
        &self,
        owner: &str,
        key: &str,
        fingerprint: &str,
        keep: Duration,
        now: WallTime,
    ) -> Result<Begun, StoreError> {
        for text in [owner, key, fingerprint] {
            check("an idempotency key", text, NAME_BYTES_MAX)?;
        }
        let expires = now.0.saturating_add(wall_time(keep));
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO idempotency_keys AS i (owner, key, fingerprint, status, body, expires) \
                   VALUES ($1, $2, $3, NULL, '', $4) ON CONFLICT (owner, key) DO UPDATE SET \
                   fingerprint = excluded.fingerprint, status = NULL, body = '', expires = excluded.expires \
                   WHERE i.expires <= $5";
        let values = values![owner, key, fingerprint, expires, now];
        if tx.execute(sql, values).await? > 0 {
            tx.commit().await?;
            return Ok(Begun::New);
        }
        let sql =
            "SELECT fingerprint, status, body FROM idempotency_keys WHERE owner = $1 AND key = $2";
        let Some(row) = tx.fetch_optional(sql, values![owner, key]).await? else {
            // Abandoned a moment ago: the client may try again.
            return Ok(Begun::Running);
        };
        if row.get::<String>("fingerprint")? != fingerprint {
            return Ok(Begun::Mismatch);
        }
        Ok(match row.get::<Option<i64>>("status")? {
            None => Begun::Running,
            Some(status) => Begun::Done {
                status: u16::try_from(status)
                    .map_err(|_| StoreError::damaged(format!("{status} is no HTTP status")))?,
                body: row.get("body")?,
            },
        })
    }

    /// Keeps the answer to a request.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond [`RESPONSE_BYTES_MAX`]; the key then stays as of a request that is being done.
    pub async fn finish(
        &self,
        owner: &str,
        key: &str,
        status: u16,
        body: &str,
    ) -> Result<(), StoreError> {
        check("a response", body, RESPONSE_BYTES_MAX)?;
        let sql =
            "UPDATE idempotency_keys SET status = $3, body = $4 WHERE owner = $1 AND key = $2";
        self.db
            .execute(sql, values![owner, key, i64::from(status), body])
            .await
            .map(drop)
    }

    /// Forgets a request that failed without having done anything.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn abandon(&self, owner: &str, key: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM idempotency_keys WHERE owner = $1 AND key = $2 AND status IS NULL";
        self.db.execute(sql, values![owner, key]).await.map(drop)
    }
}
