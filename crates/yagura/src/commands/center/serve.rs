//! `yagura center`: the center by itself.

use crate::exit::{Failure, Outcome};
use crate::output::{self, Form};
use crate::signals::{Signal, Signals};
use anyhow::anyhow;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use yagura_center::{Center, CenterConfig, Running, StartError, Tls};
use yagura_store::{Dialect, Options, RestoreError, Retention, Store, Target};

/// Run a center, or look after one
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArguments,
}

/// What else than running.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Check a center's database and audit log
    ///
    /// Exit codes: 0 all is well, 1 something is wrong, 3 the database can't be reached.
    Doctor {
        #[command(flatten)]
        database: Database,
        /// Form of the result
        #[arg(long, value_enum, default_value_t)]
        output: Form,
    },
    /// Save everything that a center keeps, as of one moment; the center may run meanwhile
    Backup {
        #[command(flatten)]
        database: Database,
        /// The file, which must not be there
        file: PathBuf,
    },
    /// Put a backup into a database that has nothing in it
    Restore {
        #[command(flatten)]
        database: Database,
        /// The file
        file: PathBuf,
    },
    /// Print the certificate of a center's own authority, which clients are to trust (`yagura login --ca`)
    Authority {
        #[command(flatten)]
        database: Database,
    },
    /// Print the document of the API
    Openapi,
}

/// Which database.
#[derive(Debug, Clone, clap::Args)]
struct Database {
    /// Folder of an SQLite database, or a PostgreSQL URL
    #[arg(
        long,
        value_name = "DIR|URL",
        env = "YAGURA_DATABASE",
        hide_env_values = true,
        default_value = "/var/lib/yagura/center"
    )]
    database: String,
}

impl Database {
    fn target(&self) -> Target {
        Target::parse(&self.database)
    }

    /// Opens one that is there: looking after a center makes none.
    ///
    /// # Errors
    /// [`Failure::CannotRun`] if it is not there, or can't be reached.
    async fn open(&self) -> Result<Store, Failure> {
        let target = self.target();
        if !target.exists() {
            let database = &self.database;
            return Err(Failure::CannotRun(anyhow!(
                "{database} holds no center's database"
            )));
        }
        let store = Store::connect(&target, &Options::default()).await;
        store.map_err(|error| Failure::CannotRun(error.into()))
    }
}

/// How a center runs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunArguments {
    /// Where the console and the API are
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    listen: SocketAddr,
    /// Where sensors connect; left out, this center takes none
    #[arg(long, value_name = "ADDRESS")]
    sensor_listen: Option<SocketAddr>,
    /// Folder for what the center keeps
    #[arg(long, value_name = "DIR", default_value = "/var/lib/yagura/center")]
    data: PathBuf,
    /// PostgreSQL URL; SQLite in the data folder if left out
    #[arg(
        long,
        value_name = "URL",
        env = "YAGURA_DATABASE",
        hide_env_values = true
    )]
    database: Option<String>,
    /// Name or address by which the center is reached, for its certificate; may be repeated
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Address that people and API servers use, if it is another than --listen
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Certificate in PEM; one of the center's own authority if left out
    #[arg(
        long,
        visible_alias = "tls-certificate",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Speak HTTP without TLS, on loopback alone
    #[arg(long, conflicts_with = "tls_cert")]
    plain: bool,
    /// Days that alerts are kept
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(u64).range(1..=3650))]
    keep_alerts: u64,
}

impl RunArguments {
    /// The settings.
    pub(crate) fn config(&self) -> CenterConfig {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::Files {
                certificate: certificate.clone(),
                key: key.clone(),
            },
            _ if self.plain => Tls::Plain,
            _ => Tls::OwnAuthority,
        };
        let database = match &self.database {
            Some(database) => Target::parse(database),
            None => Target::Sqlite(self.data.clone()),
        };
        CenterConfig {
            listen: self.listen,
            tls,
            sensor_listen: self.sensor_listen,
            own_sensor: false,
            names: self.names.clone(),
            public_url: self.public_url.clone(),
            database,
            output_folder: self.data.join("outputs"),
            retention: Retention {
                alerts: Duration::from_secs(self.keep_alerts * 24 * 60 * 60),
                ..Retention::default()
            },
        }
    }
}

/// A runtime for a center.
///
/// # Errors
/// [`Failure::Failed`] if threads can't be made.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("center")
        .build()
        .map_err(|error| Failure::Failed(error.into()))
}

/// A failure to start, with what to do about it.
pub(crate) fn cannot_start(error: StartError) -> Failure {
    match error {
        StartError::PlainBeyondLoopback(_) => Failure::BadInput(error.into()),
        StartError::Listen { .. } | StartError::InUse { .. } => Failure::CannotRun(error.into()),
        error => Failure::Failed(error.into()),
    }
}

/// Tells where the center is, and the first admin's one-time password.
///
/// # Errors
/// If standard output can't be written.
pub(crate) fn tell(running: &Running) -> Result<(), Failure> {
    let mut text = format!("console: {}\n", running.url());
    if let Some(address) = running.shown_sensor_address() {
        text.push_str(&format!("sensors: {address}\n"));
    }
    if let Some((name, password)) = &running.first_admin {
        text.push_str(&format!(
            "first log-in: {name}, one-time password {password}\n"
        ));
    }
    output::print(&text)
}

/// Runs a center until a signal, or does something with its database.
///
/// # Errors
/// [`Failure`] if it does not start.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    match &arguments.command {
        Some(Command::Doctor { database, output }) => doctor(database, *output),
        Some(Command::Backup { database, file }) => backup(database, file),
        Some(Command::Restore { database, file }) => restore(database, file),
        Some(Command::Authority { database }) => authority(database),
        Some(Command::Openapi) => {
            let document = yagura_center::openapi().to_pretty_json();
            let document = document.map_err(|error| Failure::Failed(error.into()))?;
            output::print(&(document + "\n"))?;
            Ok(Outcome::Done)
        }
        None => {
            let signals = Signals::start()?;
            let runtime = runtime()?;
            let running = runtime.block_on(Center::start(arguments.run.config()));
            let running = running.map_err(cannot_start)?;
            tell(&running)?;
            wait(&signals);
            runtime.block_on(running.stop());
            Ok(Outcome::Done)
        }
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) fn wait(signals: &Signals) {
    while let Ok(Signal::Reload) = signals.received.recv() {}
}

fn doctor(database: &Database, form: Form) -> Result<Outcome, Failure> {
    runtime()?.block_on(async {
        let store = database.open().await?;
        let failed = |error: yagura_store::StoreError| Failure::Failed(anyhow!(error));
        store.ping().await.map_err(failed)?;
        let verdict = store.audit_log().verify().await.map_err(failed)?;
        let nodes = store.nodes().summary(None).await.map_err(failed)?;
        let (all, online) = nodes.iter().fold((0, 0), |(all, online), cluster| {
            (all + cluster.nodes, online + cluster.connected)
        });
        let dialect = match store.dialect() {
            Dialect::Sqlite => "SQLite",
            Dialect::Postgres => "PostgreSQL",
        };
        match form {
            Form::Json => output::print_json(&json!({
                "database": dialect,
                "nodes": { "all": all, "connected": online },
                "audit_log": { "entries": verdict.entries, "head": verdict.head, "broken_at": verdict.broken },
            }))?,
            Form::Table => output::print(&format!(
                "database: {dialect}, answers\nnodes: {all}, {online} connected\naudit log: {} entries, {}\n",
                verdict.entries,
                match verdict.broken {
                    None => format!("whole; its head is {}", verdict.head),
                    Some(at) => format!("broken at entry {at}"),
                }
            ))?,
        }
        store.close().await;
        match verdict.broken {
            None => Ok(Outcome::Done),
            Some(_) => Ok(Outcome::Findings),
        }
    })
}

fn authority(database: &Database) -> Result<Outcome, Failure> {
    runtime()?.block_on(async {
        let store = database.open().await?;
        let pem = yagura_center::stored_authority(&store).await;
        store.close().await;
        let pem = pem.map_err(|error| Failure::Failed(error.into()))?;
        let none = || Failure::CannotRun(anyhow!("no center ran on this database yet"));
        output::print(&pem.ok_or_else(none)?)?;
        Ok(Outcome::Done)
    })
}

fn backup(database: &Database, file: &Path) -> Result<Outcome, Failure> {
    if file.exists() {
        let file = file.display();
        return Err(Failure::BadInput(anyhow!("{file} is there already")));
    }
    runtime()?.block_on(async {
        let store = database.open().await?;
        let saved = store.backup(file).await;
        store.close().await;
        let saved = saved.map_err(|error| Failure::Failed(error.into()))?;
        output::print(&format!("saved {} bytes\n", saved.bytes))?;
        Ok(Outcome::Done)
    })
}

fn restore(database: &Database, file: &Path) -> Result<Outcome, Failure> {
    if let Err(error) = std::fs::File::open(file) {
        let error = anyhow!(error).context(format!("{}", file.display()));
        return Err(Failure::BadInput(error));
    }
    runtime()?.block_on(async {
        let restored = Store::restore(&database.target(), file).await;
        let restored = restored.map_err(|error| match error {
            RestoreError::NotABackup { .. } | RestoreError::NotEmpty => {
                Failure::BadInput(error.into())
            }
            error => Failure::Failed(error.into()),
        })?;
        output::print(&format!("restored {} bytes\n", restored.bytes))?;
        Ok(Outcome::Done)
    })
}
