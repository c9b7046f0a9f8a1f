//! The schema, as steps that only go forward. A released step is never edited; a change is a new one.

use crate::db::Pool;
use sqlx::migrate::{MigrateError, Migration, MigrationSource, MigrationType, Migrator};
use std::borrow::Cow;

type Steps = &'static [(i64, &'static str, &'static str)];

const SQLITE: Steps = &[
    (
        1,
        "initial",
        include_str!("../migrations/sqlite/0001_initial.sql"),
    ),
    (
        2,
        "audit memory",
        include_str!("../migrations/sqlite/0002_audit_memory.sql"),
    ),
];

const POSTGRES: Steps = &[
    (
        1,
        "initial",
        include_str!("../migrations/postgres/0001_initial.sql"),
    ),
    (
        2,
        "alert indexes",
        include_str!("../migrations/postgres/0002_alert_indexes.sql"),
    ),
    (
        3,
        "audit memory",
        include_str!("../migrations/postgres/0003_audit_memory.sql"),
    ),
    (
        4,
        "namespace index",
        include_str!("../migrations/postgres/0004_namespace_index.sql"),
    ),
];

#[derive(Debug)]
struct Embedded(Steps);

impl MigrationSource<'static> for Embedded {
    fn resolve(
        self,
    ) -> std::pin::Pin<
        Box<
            dyn Future<Output = Result<Vec<Migration>, Box<dyn std::error::Error + Send + Sync>>>
                + Send
                + 'static,
        >,
    > {
        let steps = self.0.iter().map(|(version, description, sql)| {
            Migration::new(
                *version,
                Cow::Borrowed(description),
                MigrationType::Simple,
                Cow::Borrowed(sql),
                false,
            )
        });
        let steps = steps.collect();
        Box::pin(async move { Ok(steps) })
    }
}

/// Brings the schema up to date. Replicas that start together do it one after the other.
pub(crate) async fn migrate(pool: &Pool) -> Result<(), MigrateError> {
    match pool {
        Pool::Sqlite { write, .. } => Migrator::new(Embedded(SQLITE)).await?.run(write).await,
        Pool::Postgres(pool) => {
            let mut connection = pool.acquire().await?;
            // Indexes of many millions of alerts take their time, and so does waiting for another replica that makes them.
            sqlx::raw_sql("SET statement_timeout = 0")
                .execute(&mut *connection)
                .await?;
            let migrator = Migrator::new(Embedded(POSTGRES)).await?;
            migrator.run(&mut *connection).await?;
            sqlx::raw_sql("RESET statement_timeout")
                .execute(&mut *connection)
                .await?;
            Ok(())
        }
    }
}
