//! How often rules matched.

use crate::StoreError;
use crate::db::{Db, Dialect, Row, Tx, values};
use crate::limits::{BATCH_ITEMS_MAX, NAME_BYTES_MAX};
use crate::text::{check_count, cut};
use yagura_event::WallTime;

/// Counters of one kind that are read at a time.
const HITS_MAX: u32 = 100_000;

/// How often rules matched.
#[derive(Debug, Clone, Copy)]
pub struct Hits<'a> {
    pub(crate) db: &'a Db,
}

/// What kind of rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HitKind {
    /// A detection rule.
    Rule,
    /// A whitelist rule.
    Whitelist,
    /// A rule of the drift policy.
    Drift,
    /// A defence rule.
    Defence,
}

impl HitKind {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            HitKind::Rule => "rule",
            HitKind::Whitelist => "whitelist",
            HitKind::Drift => "drift",
            HitKind::Defence => "defence",
        }
    }
}

/// A counter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// What kind of rule.
    pub kind: HitKind,
    /// Which.
    pub id: String,
    /// How often it matched; what is added, when given to [`Hits::add`].
    pub hits: i64,
    /// When it matched last.
    pub last: WallTime,
}

impl Hits<'_> {
    /// Adds to counters.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`].
    pub async fn add(&self, hits: &[Hit]) -> Result<(), StoreError> {
        check_count("counters", hits.len(), BATCH_ITEMS_MAX)?;
        let mut sorted: Vec<&Hit> = hits.iter().collect();
        sorted.sort();
        let mut tx = self.db.begin().await?;
        match tx.dialect() {
            Dialect::Postgres => add_postgres(&mut tx, &sorted).await?,
            Dialect::Sqlite => {
                let sql = format!(
                    "INSERT INTO hits AS h (kind, id, hits, last) VALUES ($1, $2, $3, $4) {ADDED}"
                );
                for hit in sorted {
                    let id = cut(&hit.id, NAME_BYTES_MAX);
                    tx.execute(&sql, values![hit.kind.as_str(), id, hit.hits, hit.last])
                        .await?;
                }
            }
        }
        tx.commit().await
    }

    /// The counters of a kind, by id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, kind: HitKind) -> Result<Vec<Hit>, StoreError> {
        let sql =
            format!("SELECT id, hits, last FROM hits WHERE kind = $1 ORDER BY id LIMIT {HITS_MAX}");
        let rows = self.db.fetch(&sql, values![kind.as_str()]).await?;
        rows.iter().map(|row| read_hit(kind, row)).collect()
    }

    /// Forgets a counter.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn reset(&self, kind: HitKind, id: &str) -> Result<(), StoreError> {
        let sql = "DELETE FROM hits WHERE kind = $1 AND id = $2";
        self.db
            .execute(sql, values![kind.as_str(), id])
            .await
            .map(drop)
    }
}

/// What becomes of a counter that is there.
const ADDED: &str = "ON CONFLICT (kind, id) DO UPDATE SET hits = h.hits + excluded.hits, \
                     last = CASE WHEN excluded.last > h.last THEN excluded.last ELSE h.last END";

/// One statement for all, in their order. It takes no row twice, so what has the same name when it is cut is added up.
async fn add_postgres(tx: &mut Tx, sorted: &[&Hit]) -> Result<(), StoreError> {
    let mut texts: [Vec<String>; 2] = Default::default();
    let mut numbers: [Vec<i64>; 2] = Default::default();
    let [kinds, ids] = &mut texts;
    let [counts, last] = &mut numbers;
    for hit in sorted {
        kinds.push(hit.kind.as_str().to_owned());
        ids.push(cut(&hit.id, NAME_BYTES_MAX));
        counts.push(hit.hits);
        last.push(hit.last.0);
    }
    let mut values: Vec<crate::db::Value> = texts.into_iter().map(Into::into).collect();
    values.extend(numbers.into_iter().map(crate::db::Value::from));
    let sql = format!(
        "INSERT INTO hits AS h (kind, id, hits, last) SELECT kind, id, sum(hits)::bigint, max(last) \
         FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) AS new (kind, id, hits, last) \
         GROUP BY kind, id ORDER BY kind, id {ADDED}"
    );
    tx.execute(&sql, values).await.map(drop)
}

fn read_hit(kind: HitKind, row: &Row) -> Result<Hit, StoreError> {
    Ok(Hit {
        kind,
        id: row.get("id")?,
        hits: row.get("hits")?,
        last: row.time("last")?,
    })
}
