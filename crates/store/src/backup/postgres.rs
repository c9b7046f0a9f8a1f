//! Backups of PostgreSQL, by `COPY` within one snapshot.

use super::archive::{Frame, Head, Reader, TableHead, Writer};
use super::{BackupError, RestoreError};
use crate::alerts::{first_time_of, prepare};
use crate::{Store, StoreError};
use sqlx::{PgConnection, PgPool, Row};
use std::path::Path;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

/// Frames that may wait for the disk.
const FRAMES_MAX: usize = 16;

/// The tables, each after those that it refers to.
const TABLES: &[&str] = &[
    "alerts",
    "alert_counts",
    "alert_events",
    "incidents",
    "documents",
    "document_versions",
    "document_changes",
    "nodes",
    "containers",
    "images",
    "canaries",
    "latest_canaries",
    "gaps",
    "enrolment_tokens",
    "certificates",
    "secrets",
    "users",
    "sessions",
    "api_tokens",
    "output_states",
    "commands",
    "command_outputs",
    "audit_log",
    "audit_anchor",
    "kubernetes_audit_seen",
    "kubernetes_audit_clusters",
    "kubernetes_audit_memory",
    "hits",
    "idempotency_keys",
];

/// Tables that number their rows.
const NUMBERED: &[&str] = &["alert_events", "canaries", "gaps"];

/// Tables that show whether a center ever used a database.
const TELLING: &[&str] = &["alerts", "documents", "users", "audit_log", "secrets"];

pub(super) async fn save(pool: &PgPool, file: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::File {
        path: file.to_owned(),
        source,
    };
    let mut snapshot = pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .map_err(StoreError::from)?;
    sqlx::query("SET LOCAL statement_timeout = 0")
        .execute(&mut *snapshot)
        .await
        .map_err(StoreError::from)?;
    let head = head(&mut snapshot).await.map_err(StoreError::from)?;
    let (frames, waiting) = mpsc::channel(FRAMES_MAX);
    let writer = Writer::create(file, &head).map_err(failed)?;
    let writing = tokio::task::spawn_blocking(move || write(writer, waiting));
    for (number, table) in (0..).zip(&head.tables) {
        let sql = format!("COPY ({}) TO STDOUT", select(table));
        let mut rows = snapshot
            .copy_out_raw(&sql)
            .await
            .map_err(StoreError::from)?;
        while let Some(bytes) = rows.next().await {
            let frame = Frame {
                table: number,
                bytes: bytes.map_err(StoreError::from)?.to_vec(),
            };
            // The writer is gone only if it failed, which it tells below.
            if frames.send(frame).await.is_err() {
                break;
            }
        }
    }
    drop(frames);
    let written = writing
        .await
        .map_err(|error| failed(std::io::Error::other(error)))?;
    written.map_err(failed)
}

fn write(mut writer: Writer, mut frames: mpsc::Receiver<Frame>) -> std::io::Result<()> {
    while let Some(frame) = frames.blocking_recv() {
        writer.frame(&frame)?;
    }
    writer.finish()
}

async fn head(snapshot: &mut PgConnection) -> Result<Head, sqlx::Error> {
    let mut tables = Vec::new();
    for name in TABLES {
        let columns = columns(snapshot, name).await?;
        tables.push(TableHead {
            name: (*name).to_owned(),
            columns,
        });
    }
    let sql = "SELECT substring(inhrelid::regclass::text FROM '[0-9-]+$')::bigint AS week FROM pg_inherits \
               WHERE inhparent = 'alerts'::regclass ORDER BY 1";
    let rows = sqlx::query(sql).fetch_all(snapshot).await?;
    let weeks = rows
        .iter()
        .map(|row| row.try_get("week"))
        .collect::<Result<_, _>>()?;
    Ok(Head { tables, weeks })
}

async fn columns(connection: &mut PgConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT attname::text AS name FROM pg_attribute WHERE attrelid = $1::text::regclass \
               AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let rows = sqlx::query(sql).bind(table).fetch_all(connection).await?;
    rows.iter().map(|row| row.try_get("name")).collect()
}

/// What is saved of a table. Numbers of transactions mean nothing to another server: there all alerts belong to one
/// before all others, and an output goes on where none is left out, though some may come twice.
fn select(table: &TableHead) -> String {
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(|column| match (table.name.as_str(), column.as_str()) {
            ("alerts", "batch") | ("output_states", "position_batch") => "0",
            ("output_states", "position_seq") => {
                "coalesce((SELECT min(seq) - 1 FROM alerts WHERE (batch, seq) > (position_batch, position_seq)), \
                 (SELECT max(seq) FROM alerts), 0)"
            }
            (_, column) => column,
        })
        .collect();
    format!("SELECT {} FROM {}", columns.join(", "), table.name)
}

pub(super) async fn put_back(
    store: &Store,
    pool: &PgPool,
    file: &Path,
) -> Result<(), RestoreError> {
    let unusable = |reason: String| RestoreError::NotABackup {
        path: file.to_owned(),
        reason,
    };
    let path = file.to_owned();
    let opened = tokio::task::spawn_blocking(move || Reader::open(&path)).await;
    let (head, reader) = opened
        .map_err(|error| unusable(error.to_string()))?
        .map_err(|error| unusable(error.to_string()))?;
    let weeks = head.weeks.iter().map(|week| first_time_of(*week));
    prepare(&store.db, store.weeks(), weeks).await?;
    let mut tx = pool.begin().await.map_err(StoreError::from)?;
    sqlx::query("SET LOCAL statement_timeout = 0")
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
    if !is_empty(&mut tx).await.map_err(StoreError::from)? {
        return Err(RestoreError::NotEmpty);
    }
    check_head(&mut tx, &head).await?.map_err(unusable)?;
    sqlx::query("DELETE FROM audit_anchor")
        .execute(&mut *tx)
        .await
        .map_err(StoreError::from)?;
    let (frames, mut waiting) = mpsc::channel(FRAMES_MAX);
    let reading = tokio::task::spawn_blocking(move || read(reader, &frames));
    fill(&mut tx, &head, &mut waiting)
        .await
        .map_err(StoreError::from)?;
    drop(waiting);
    // Nothing counts before the digest at the end is found right.
    reading
        .await
        .map_err(|error| unusable(error.to_string()))?
        .map_err(|error| unusable(error.to_string()))?;
    go_on_counting(&mut tx).await.map_err(StoreError::from)?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(())
}

fn read(mut reader: Reader, frames: &mpsc::Sender<Frame>) -> std::io::Result<()> {
    while let Some(frame) = reader.frame()? {
        if frames.blocking_send(frame).is_err() {
            return Err(std::io::Error::other("the database took no more"));
        }
    }
    Ok(())
}

async fn is_empty(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    for table in TELLING {
        let sql = format!("SELECT 1 FROM {table} LIMIT 1");
        if sqlx::query(&sql)
            .fetch_optional(&mut *connection)
            .await?
            .is_some()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Names of an archive become parts of statements: they must be those of tables and columns that are there.
async fn check_head(
    connection: &mut PgConnection,
    head: &Head,
) -> Result<Result<(), String>, StoreError> {
    for table in &head.tables {
        if !TABLES.contains(&table.name.as_str()) {
            return Ok(Err(format!("there is no table {}", table.name)));
        }
        let known = columns(connection, &table.name).await?;
        if let Some(column) = table.columns.iter().find(|column| !known.contains(column)) {
            return Ok(Err(format!("{} has no column {column}", table.name)));
        }
    }
    Ok(Ok(()))
}

/// Copies the frames of each table into it. Frames of one table stand together.
async fn fill(
    connection: &mut PgConnection,
    head: &Head,
    frames: &mut mpsc::Receiver<Frame>,
) -> Result<(), sqlx::Error> {
    let mut next = frames.recv().await;
    while let Some(first) = next.take() {
        let number = usize::try_from(first.table).unwrap_or(usize::MAX);
        let Some(table) = head.tables.get(number) else {
            return Err(sqlx::Error::Protocol("a frame is of no table".to_owned()));
        };
        let columns = table.columns.join(", ");
        let sql = format!("COPY {} ({columns}) FROM STDIN", table.name);
        let mut copy = connection.copy_in_raw(&sql).await?;
        copy.send(first.bytes.as_slice()).await?;
        loop {
            match frames.recv().await {
                Some(frame) if frame.table == first.table => {
                    copy.send(frame.bytes.as_slice()).await?;
                }
                other => {
                    next = other;
                    break;
                }
            }
        }
        copy.finish().await?;
    }
    Ok(())
}

/// Lets numbers go on after the highest that is there.
async fn go_on_counting(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT setval('alert_seq', (SELECT coalesce(max(seq), 0) + 1 FROM alerts), false)";
    sqlx::query(sql).execute(&mut *connection).await?;
    for table in NUMBERED {
        let sql = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), \
             (SELECT coalesce(max(id), 0) + 1 FROM {table}), false)"
        );
        sqlx::query(&sql).execute(&mut *connection).await?;
    }
    Ok(())
}
