//! What detection remembers: which audit events were judged, what was seen before, saved states, how often rules matched.

use crate::db::{Db, Dialect, Row, Tx, values};
use crate::limits::{BATCH_ITEMS_MAX, NAME_BYTES_MAX, STATE_BYTES_MAX};
use crate::text::{check, check_count, cut};
use crate::{Cursor, Page, PageRequest, StoreError};
use std::collections::BTreeSet;
use yagura_event::WallTime;

/// Name of the list in cursors.
const FIRST_SEEN: &str = "first-seen";

/// Keys that one statement asks for.
const SEEN_KEYS_MAX: usize = 500;

/// Counters of one kind that are read at a time.
const HITS_MAX: u32 = 100_000;

/// Which audit events were judged already.
#[derive(Debug, Clone, Copy)]
pub struct KubernetesAudit<'a> {
    pub(crate) db: &'a Db,
}

/// What an API server tells events apart by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditKey {
    /// `auditID`.
    pub audit_id: String,
    /// `stage`.
    pub stage: String,
}

impl KubernetesAudit<'_> {
    /// Notes that events are judged, and says of each whether nobody had noted it before: not within this batch either.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`].
    pub async fn claim(
        &self,
        cluster: &str,
        keys: &[AuditKey],
        now: WallTime,
    ) -> Result<Vec<bool>, StoreError> {
        check("a cluster's name", cluster, NAME_BYTES_MAX)?;
        check_count("audit events", keys.len(), BATCH_ITEMS_MAX)?;
        let bounded: Vec<AuditKey> = keys.iter().map(bounded).collect();
        // In order, so that two batches with the same events never wait for one another.
        let distinct: BTreeSet<&AuditKey> = bounded.iter().collect();
        let mut tx = self.db.begin().await?;
        let mut fresh = insert_keys(&mut tx, cluster, &distinct, now).await?;
        tx.commit().await?;
        Ok(bounded.iter().map(|key| fresh.remove(key)).collect())
    }

    /// Says of each event whether somebody noted it before.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`].
    pub async fn seen(&self, cluster: &str, keys: &[AuditKey]) -> Result<Vec<bool>, StoreError> {
        check_count("audit events", keys.len(), BATCH_ITEMS_MAX)?;
        let bounded: Vec<AuditKey> = keys.iter().map(bounded).collect();
        let mut seen = BTreeSet::new();
        for part in bounded.chunks(SEEN_KEYS_MAX) {
            let places: Vec<String> = (2..part.len() + 2).map(|n| format!("${n}")).collect();
            let sql = format!(
                "SELECT audit_id, stage FROM kubernetes_audit_seen WHERE cluster = $1 AND audit_id IN ({})",
                places.join(", ")
            );
            let mut values = values![cluster];
            for key in part {
                values.extend(values![&key.audit_id]);
            }
            for row in self.db.fetch(&sql, values).await? {
                seen.insert(read_key(&row)?);
            }
        }
        Ok(bounded.iter().map(|key| seen.contains(key)).collect())
    }
}

fn bounded(key: &AuditKey) -> AuditKey {
    let text = |text: &str| cut(text, NAME_BYTES_MAX).replace('\0', "\u{fffd}");
    AuditKey {
        audit_id: text(&key.audit_id),
        stage: text(&key.stage),
    }
}

async fn insert_keys(
    tx: &mut Tx,
    cluster: &str,
    keys: &BTreeSet<&AuditKey>,
    now: WallTime,
) -> Result<BTreeSet<AuditKey>, StoreError> {
    let rows = match tx.dialect() {
        Dialect::Postgres => {
            let ids: Vec<String> = keys.iter().map(|key| key.audit_id.clone()).collect();
            let stages: Vec<String> = keys.iter().map(|key| key.stage.clone()).collect();
            let sql = "INSERT INTO kubernetes_audit_seen (cluster, audit_id, stage, time) \
                       SELECT $1, a, s, $2 FROM unnest($3::text[], $4::text[]) AS n (a, s) \
                       ON CONFLICT DO NOTHING RETURNING audit_id, stage";
            tx.fetch(sql, values![cluster, now, ids, stages]).await?
        }
        Dialect::Sqlite => {
            let mut rows = Vec::new();
            for key in keys {
                let sql = "INSERT INTO kubernetes_audit_seen (cluster, audit_id, stage, time) \
                           VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING audit_id, stage";
                let values = values![cluster, &key.audit_id, &key.stage, now];
                rows.extend(tx.fetch(sql, values).await?);
            }
            rows
        }
    };
    rows.iter().map(read_key).collect()
}

fn read_key(row: &Row) -> Result<AuditKey, StoreError> {
    Ok(AuditKey {
        audit_id: row.get("audit_id")?,
        stage: row.get("stage")?,
    })
}

/// What was seen before.
#[derive(Debug, Clone, Copy)]
pub struct FirstSeen<'a> {
    pub(crate) db: &'a Db,
}

impl FirstSeen<'_> {
    /// Notes values, and says of each whether it is seen for the first time: not within this batch before either. Values
    /// are cut at [`NAME_BYTES_MAX`].
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`].
    pub async fn observe(
        &self,
        scope: &str,
        items: &[String],
        now: WallTime,
    ) -> Result<Vec<bool>, StoreError> {
        check("a scope", scope, NAME_BYTES_MAX)?;
        check_count("values", items.len(), BATCH_ITEMS_MAX)?;
        let bounded: Vec<String> = items
            .iter()
            .map(|item| cut(item, NAME_BYTES_MAX).replace('\0', "\u{fffd}"))
            .collect();
        let distinct: BTreeSet<&String> = bounded.iter().collect();
        let mut tx = self.db.begin().await?;
        let mut fresh = BTreeSet::new();
        for item in distinct {
            let sql = "INSERT INTO first_seen (scope, value, time) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            if tx.execute(sql, values![scope, item, now]).await? > 0 {
                fresh.insert(item.clone());
            }
        }
        tx.commit().await?;
        Ok(bounded.iter().map(|item| fresh.remove(item)).collect())
    }

    /// What a scope has seen, in order: for who starts anew.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn list(&self, scope: &str, page: &PageRequest) -> Result<Page<String>, StoreError> {
        let after = match &page.after {
            Some(cursor) => cursor.place(FIRST_SEEN)?.1,
            None => "",
        };
        let sql = format!(
            "SELECT value FROM first_seen WHERE scope = $1 AND value > $2 ORDER BY value LIMIT {}",
            page.rows().saturating_add(1)
        );
        let rows = self.db.fetch(&sql, values![scope, after]).await?;
        let items = rows
            .iter()
            .map(|row| row.get("value"))
            .collect::<Result<Vec<String>, _>>()?;
        Ok(Page::of(items, page, |value| {
            Cursor::new(FIRST_SEEN, 0, value)
        }))
    }
}

/// States that detection saves.
#[derive(Debug, Clone, Copy)]
pub struct States<'a> {
    pub(crate) db: &'a Db,
}

impl States<'_> {
    /// Saves a state in the place of the one before.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond [`STATE_BYTES_MAX`].
    pub async fn save(&self, name: &str, state: &[u8], now: WallTime) -> Result<(), StoreError> {
        check("a state's name", name, NAME_BYTES_MAX)?;
        if state.len() > STATE_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: "a state",
                bytes: state.len(),
                bytes_max: STATE_BYTES_MAX,
            });
        }
        let sql = "INSERT INTO states (name, value, time) VALUES ($1, $2, $3) \
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value, time = excluded.time";
        self.db
            .execute(sql, values![name, state, now])
            .await
            .map(drop)
    }

    /// When the state of that name was saved last.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn saved_at(&self, name: &str) -> Result<Option<WallTime>, StoreError> {
        let sql = "SELECT time FROM states WHERE name = $1";
        let row = self.db.fetch_optional(sql, values![name]).await?;
        row.map(|row| row.time("time")).transpose()
    }

    /// The state of that name.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM states WHERE name = $1";
        let row = self.db.fetch_optional(sql, values![name]).await?;
        row.map(|row| row.get("value")).transpose()
    }
}

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
