//! Audit events of API servers: which were judged, and what detection remembers of them.
//!
//! What was judged and what it left behind are written together, and only from the newest memory: replicas take turns, and
//! whatever ends in between is as if it had never begun.

use crate::StoreError;
use crate::db::{Db, Dialect, Row, Tx, values};
use crate::limits::{AUDIT_MEMORIES_MAX, BATCH_ITEMS_MAX, MEMORY_BYTES_MAX, NAME_BYTES_MAX};
use crate::text::{check, check_count, cut};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use yagura_event::WallTime;

/// Keys that one statement asks for.
const SEEN_KEYS_MAX: usize = 500;

/// Audit events of clusters.
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

/// How far the detection in a cluster's audit events has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditProgress {
    /// Name of the cluster.
    pub cluster: String,
    /// Goes up with every batch.
    pub generation: i64,
    /// Events that were judged, over all.
    pub events: i64,
    /// When the last of them were.
    pub last: WallTime,
}

/// What detection remembers of one subject of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditMemory {
    /// What tells it from others of the rule.
    pub subject: Vec<u8>,
    /// Name of the rule.
    pub rule: String,
    /// The memory, as detection writes it.
    pub memory: String,
}

/// What detection in a cluster's audit events goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditMemories {
    /// Of the batch that was judged last; 0 if there was none.
    pub generation: i64,
    /// Rules and memories of them that changed, from what was written first to the last.
    pub changed: Vec<String>,
}

impl KubernetesAudit<'_> {
    /// Of all clusters that ever sent events.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn progress(&self) -> Result<Vec<AuditProgress>, StoreError> {
        let sql = "SELECT cluster, generation, events, last FROM kubernetes_audit_clusters ORDER BY cluster";
        let rows = self.db.fetch(sql, Vec::new()).await?;
        let progress = |row: &Row| {
            Ok(AuditProgress {
                cluster: row.get("cluster")?,
                generation: row.get("generation")?,
                events: row.get("events")?,
                last: row.time("last")?,
            })
        };
        rows.iter().map(progress).collect()
    }

    /// What is remembered of a cluster and was written after a generation.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn memories(&self, cluster: &str, after: i64) -> Result<AuditMemories, StoreError> {
        // The generation first: what is written in between is only read too early.
        let sql = "SELECT generation FROM kubernetes_audit_clusters WHERE cluster = $1";
        let row = self.db.fetch_optional(sql, values![cluster]).await?;
        let generation = row.map_or(Ok(0), |row| row.get("generation"))?;
        if generation == after {
            return Ok(AuditMemories {
                generation,
                changed: Vec::new(),
            });
        }
        let sql = format!(
            "SELECT memory FROM kubernetes_audit_memory WHERE cluster = $1 AND generation > $2 \
             ORDER BY generation DESC LIMIT {AUDIT_MEMORIES_MAX}"
        );
        let rows = self.db.fetch(&sql, values![cluster, after]).await?;
        let newest_last = rows.iter().rev();
        Ok(AuditMemories {
            generation,
            changed: newest_last
                .map(|row| row.get("memory"))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Notes that events were judged, and what is remembered now, all or nothing. Returns the new generation; `None`, and
    /// nothing is noted, if `generation` is not the newest: then they are to be judged again, from what is remembered since.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] beyond [`BATCH_ITEMS_MAX`] events; [`StoreError::TooLarge`] for a memory of more than
    /// [`MEMORY_BYTES_MAX`].
    pub async fn judged(
        &self,
        cluster: &str,
        generation: i64,
        keys: &[AuditKey],
        changed: &[AuditMemory],
        now: WallTime,
    ) -> Result<Option<i64>, StoreError> {
        check("a cluster's name", cluster, NAME_BYTES_MAX)?;
        check_count("audit events", keys.len(), BATCH_ITEMS_MAX)?;
        for memory in changed {
            check("a memory", &memory.memory, MEMORY_BYTES_MAX)?;
        }
        let bounded: Vec<AuditKey> = keys.iter().map(bounded).collect();
        let distinct: BTreeSet<&AuditKey> = bounded.iter().collect();
        let mut tx = self.db.begin().await?;
        let sql = "INSERT INTO kubernetes_audit_clusters AS c (cluster, generation, events, last) VALUES ($1, 1, $3, $4) \
                   ON CONFLICT (cluster) DO UPDATE SET generation = c.generation + 1, events = c.events + excluded.events, \
                   last = excluded.last WHERE c.generation = $2 RETURNING generation";
        let events = i64::try_from(distinct.len()).unwrap_or(i64::MAX);
        let row = tx
            .fetch_optional(sql, values![cluster, generation, events, now])
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let generation = row.get("generation")?;
        insert_keys(&mut tx, cluster, &distinct, now).await?;
        remember(&mut tx, cluster, generation, changed).await?;
        tx.commit().await?;
        Ok(Some(generation))
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
) -> Result<(), StoreError> {
    const INTO: &str = "INSERT INTO kubernetes_audit_seen (cluster, audit_id, stage, time)";
    match tx.dialect() {
        Dialect::Postgres => {
            let ids: Vec<String> = keys.iter().map(|key| key.audit_id.clone()).collect();
            let stages: Vec<String> = keys.iter().map(|key| key.stage.clone()).collect();
            let sql = format!(
                "{INTO} SELECT $1, a, s, $2 FROM unnest($3::text[], $4::text[]) AS n (a, s) ON CONFLICT DO NOTHING"
            );
            tx.execute(&sql, values![cluster, now, ids, stages]).await?;
        }
        Dialect::Sqlite => {
            let sql = format!("{INTO} VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");
            for key in keys {
                let values = values![cluster, &key.audit_id, &key.stage, now];
                tx.execute(&sql, values).await?;
            }
        }
    }
    Ok(())
}

async fn remember(
    tx: &mut Tx,
    cluster: &str,
    generation: i64,
    changed: &[AuditMemory],
) -> Result<(), StoreError> {
    const INTO: &str =
        "INSERT INTO kubernetes_audit_memory (cluster, generation, id, rule, memory)";
    const REPLACE: &str = "ON CONFLICT (cluster, id) DO UPDATE SET generation = excluded.generation, \
                           memory = excluded.memory";
    // By id, so that none is there twice.
    let changed: BTreeMap<String, &AuditMemory> = changed
        .iter()
        .map(|memory| (id_of(memory), memory))
        .collect();
    match tx.dialect() {
        Dialect::Postgres => {
            let ids: Vec<String> = changed.keys().cloned().collect();
            let rules: Vec<String> = changed.values().map(|memory| rule_of(memory)).collect();
            let memories = changed.values().map(|memory| memory.memory.clone());
            let memories: Vec<String> = memories.collect();
            let sql = format!(
                "{INTO} SELECT $1, $2, i, r, m FROM unnest($3::text[], $4::text[], $5::text[]) AS n (i, r, m) {REPLACE}"
            );
            tx.execute(&sql, values![cluster, generation, ids, rules, memories])
                .await?;
        }
        Dialect::Sqlite => {
            let sql = format!("{INTO} VALUES ($1, $2, $3, $4, $5) {REPLACE}");
            for (id, memory) in changed {
                let values = values![cluster, generation, id, rule_of(memory), &memory.memory];
                tx.execute(&sql, values).await?;
            }
        }
    }
    Ok(())
}

fn rule_of(memory: &AuditMemory) -> String {
    cut(&memory.rule, NAME_BYTES_MAX)
}

fn id_of(memory: &AuditMemory) -> String {
    let mut hash = Sha256::new();
    hash.update(memory.rule.len().to_le_bytes());
    hash.update(&memory.rule);
    hash.update(&memory.subject);
    hash.finalize()
        .iter()
        .fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        })
}

fn read_key(row: &Row) -> Result<AuditKey, StoreError> {
    Ok(AuditKey {
        audit_id: row.get("audit_id")?,
        stage: row.get("stage")?,
    })
}
