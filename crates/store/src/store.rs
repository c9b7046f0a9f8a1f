//! The way in: one database, with a part for each noun.

use crate::alerts::Weeks;
use crate::db::{self, Db, Dialect, Pool};
use crate::notices::{self, Broadcast};
use crate::{
    Alerts, ApiTokens, AuditLog, Certificates, Commands, Coverage, DocumentKind, Documents,
    Enrolment, Hits, Idempotency, Incidents, Inventory, KubernetesAudit, Nodes, Outputs, Secrets,
    Sessions, StoreError, Subscription, Users, migrate,
};
use sqlx::migrate::MigrateError;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::task::JoinHandle;

/// Name of SQLite's file in its folder.
pub(crate) const SQLITE_FILE: &str = "yagura.db";

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// SQLite, in this folder.
    Sqlite(PathBuf),
    /// PostgreSQL, by URL.
    Postgres(String),
}

impl Target {
    /// A URL that begins with `postgres://` or `postgresql://`; anything else is a folder for SQLite.
    pub fn parse(text: &str) -> Target {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Target::Postgres(text.to_owned())
        } else {
            Target::Sqlite(PathBuf::from(text))
        }
    }

    /// Whether there is such a database; of a server that is not known before it is asked, and counts as there.
    pub fn exists(&self) -> bool {
        match self {
            Target::Sqlite(folder) => folder.join(SQLITE_FILE).is_file(),
            Target::Postgres(_) => true,
        }
    }
}

/// The URL may hold a password.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Sqlite(folder) => f.debug_tuple("Sqlite").field(folder).finish(),
            Target::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// How to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Most connections at a time.
    pub connections_max: u32,
    /// How long a call waits for one before the database counts as unavailable.
    pub wait: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            connections_max: 10,
            wait: Duration::from_secs(5),
        }
    }
}

/// Why there is no store.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The folder could not be made.
    #[error("the folder {} can't be used", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database.
    #[error("no connection to the database")]
    Database(#[from] StoreError),
    /// The schema is newer than this program, was changed by hand, or could not be brought up to date.
    #[error("the database's schema can't be used")]
    Schema(#[source] MigrateError),
}

/// The center's memory. Clones share everything.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) db: Db,
    weeks: Weeks,
    _listener: Arc<Listener>,
}

/// Ends the task that listens when the last clone of a store is dropped.
#[derive(Debug)]
struct Listener(Option<JoinHandle<()>>);

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Store {
    /// Connects, creates what is missing and brings the schema up to date.
    ///
    /// # Errors
    /// [`ConnectError`]; a server that is still starting gives [`StoreError::Unavailable`].
    pub async fn connect(target: &Target, options: &Options) -> Result<Store, ConnectError> {
        let pool = match target {
            Target::Sqlite(folder) => {
                make_private_folder(folder).map_err(|source| ConnectError::Folder {
                    folder: folder.clone(),
                    source,
                })?;
                db::open_sqlite(&folder.join(SQLITE_FILE), options).await
            }
            Target::Postgres(url) => db::open_postgres(url, options).await,
        }
        .map_err(StoreError::from)?;
        migrate::migrate(&pool).await.map_err(schema_error)?;
        let broadcast = Broadcast::new();
        let listener = match &pool {
            Pool::Sqlite { .. } => None,
            Pool::Postgres(pool) => Some(
                notices::listen(pool, broadcast.clone())
                    .await
                    .map_err(StoreError::from)?,
            ),
        };
        Ok(Store {
            db: Db { pool, broadcast },
            weeks: Weeks::default(),
            _listener: Arc::new(Listener(listener)),
        })
    }

    /// Which database.
    pub fn dialect(&self) -> Dialect {
        self.db.dialect()
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if it gives none.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.db.fetch("SELECT 1", Vec::new()).await.map(drop)
    }

    /// News of what changes from now on, whichever replica changes it.
    pub fn subscribe(&self) -> Subscription {
        self.db.broadcast.subscribe()
    }

    /// Ends all connections, once what they do is done.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Alerts.
    pub fn alerts(&self) -> Alerts<'_> {
        Alerts {
            db: &self.db,
            weeks: &self.weeks,
        }
    }

    /// Stories of several alerts.
    pub fn incidents(&self) -> Incidents<'_> {
        Incidents { db: &self.db }
    }

    /// What is configured: policies, rules, settings, outputs.
    pub fn documents(&self, kind: DocumentKind) -> Documents<'_> {
        Documents { db: &self.db, kind }
    }

    /// Nodes and the sensors on them.
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes { db: &self.db }
    }

    /// Containers and images that were seen.
    pub fn inventory(&self) -> Inventory<'_> {
        Inventory { db: &self.db }
    }

    /// Proofs of protection, and the times without.
    pub fn coverage(&self) -> Coverage<'_> {
        Coverage { db: &self.db }
    }

    /// Tokens that sensors enrol with.
    pub fn enrolment(&self) -> Enrolment<'_> {
        Enrolment { db: &self.db }
    }

    /// Certificates of sensors.
    pub fn certificates(&self) -> Certificates<'_> {
        Certificates { db: &self.db }
    }

    /// Keys that all replicas share.
    pub fn secrets(&self) -> Secrets<'_> {
        Secrets { db: &self.db }
    }

    /// Users.
    pub fn users(&self) -> Users<'_> {
        Users { db: &self.db }
    }

    /// Users' sessions.
    pub fn sessions(&self) -> Sessions<'_> {
        Sessions { db: &self.db }
    }

    /// Tokens of programs that use the API.
    pub fn api_tokens(&self) -> ApiTokens<'_> {
        ApiTokens { db: &self.db }
    }

    /// How far each output is.
    pub fn outputs(&self) -> Outputs<'_> {
        Outputs { db: &self.db }
    }

    /// Commands to sensors.
    pub fn commands(&self) -> Commands<'_> {
        Commands { db: &self.db }
    }

    /// Who changed what.
    pub fn audit_log(&self) -> AuditLog<'_> {
        AuditLog { db: &self.db }
    }

    /// Audit events of API servers: which were judged, and what detection remembers of them.
    pub fn kubernetes_audit(&self) -> KubernetesAudit<'_> {
        KubernetesAudit { db: &self.db }
    }

    /// How often rules matched.
    pub fn hits(&self) -> Hits<'_> {
        Hits { db: &self.db }
    }

    /// Answers to requests that may come twice.
    pub fn idempotency(&self) -> Idempotency<'_> {
        Idempotency { db: &self.db }
    }

    pub(crate) fn weeks(&self) -> &Weeks {
        &self.weeks
    }
}

fn schema_error(error: MigrateError) -> ConnectError {
    match error {
        MigrateError::Execute(error) => ConnectError::Database(error.into()),
        other => ConnectError::Schema(other),
    }
}

/// Others on the machine read neither the file nor what SQLite keeps beside it.
pub(crate) fn make_private_folder(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}
