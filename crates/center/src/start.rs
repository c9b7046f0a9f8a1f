//! Starting and stopping a center.

use crate::app::k8s_audit::AuditDetection;
use crate::app::{users, whitelist::Whitelist};
use crate::auth::Throttle;
use crate::clock;
use crate::counters::Counters;
use crate::http;
use crate::link::{Link, LinkCounters};
use crate::outputs;
use crate::serve::{self, Serving};
use rustix::fs::FlockOperation;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;
use yagura_proto::authority::{Authority, AuthorityError};
use yagura_proto::token::EnrolmentToken;
use yagura_store::{
    Actor, ConnectError, NewEnrolmentToken, Options, Retention, Store, StoreError, Target,
    TokenHash, UpdateError,
};

/// Log-ins from one address at once, and how fast more are allowed: guessing is slow, a whole office behind one address
/// still gets in.
const LOGINS_BURST: u32 = 20;
/// See [`LOGINS_BURST`].
const LOGINS_REFILL: Duration = Duration::from_secs(3);
/// How often old rows are removed.
const MAINTAIN_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long a compiled whitelist is used at most: other replicas change rules, too.
const WHITELIST_LASTS: Duration = Duration::from_secs(2);
/// A port of its own for the sensor of this machine.
const ANY_LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// How long the sensor of this machine may take to enrol.
const OWN_ENROLMENT: Duration = Duration::from_secs(10 * 60);
/// Beside the database; whoever holds its lock is its center.
const LOCK_FILE: &str = "center.lock";
/// The name under which the authority is kept.
const AUTHORITY: &str = "authority";

/// How connections are protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: only where nobody else hears it, on loopback.
    Plain,
    /// By a certificate of the center's own authority.
    OwnAuthority,
    /// By a certificate and key in PEM files.
    Files {
        /// The certificate, with those above it.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

/// How a center runs.
#[derive(Debug, Clone)]
pub struct CenterConfig {
    /// Where the console and the API are.
    pub listen: SocketAddr,
    /// How connections there are protected.
    pub tls: Tls,
    /// Where sensors connect; `None`: nowhere.
    pub sensor_listen: Option<SocketAddr>,
    /// Whether a sensor of this machine is to connect: then there is a place on loopback even without `sensor_listen`.
    pub own_sensor: bool,
    /// Names and addresses by which the center is reached, for its certificates.
    pub names: Vec<String>,
    /// Address that people and API servers use, if it is another than `listen`: `https://…`.
    pub public_url: Option<String>,
    /// The database.
    pub database: Target,
    /// Where files of outputs go.
    pub output_folder: PathBuf,
    /// For how long things are kept.
    pub retention: Retention,
}

/// Why a center did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("the database can't be used")]
    Connect(#[from] ConnectError),
    /// The database, later.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// The address is taken, or none of this machine.
    #[error("{address} can't be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another center works with the folder.
    #[error("another center uses {}", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder can't be locked.
    #[error("{} can't be locked", folder.display())]
    Lock {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Without TLS only loopback may be listened on.
    #[error("{0} is not loopback: passwords would travel in the open; use TLS")]
    PlainBeyondLoopback(SocketAddr),
    /// The authority.
    #[error("the center's authority can't be used")]
    Authority(#[from] AuthorityError),
    /// The certificate or key.
    #[error("the certificate can't be used: {0}")]
    Certificate(String),
    /// The first admin could not be made.
    #[error("the first admin could not be made")]
    Bootstrap,
}

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// A token for sensors, in both its forms.
#[derive(Clone)]
pub(crate) struct EnrolmentSecret {
    /// As a person copies it.
    pub(crate) shown: String,
    /// What is hashed once more and stored.
    pub(crate) stored: String,
}

/// The center. Clones share everything.
#[derive(Debug, Clone)]
pub struct Center(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    authority: Arc<Authority>,
    authority_pem: String,
    secure: bool,
    own_authority: bool,
    public_url: String,
    sensor_address: OnceLock<String>,
    link: OnceLock<LinkCounters>,
    output_folder: PathBuf,
    replica: String,
    /// For how long alerts are kept.
    alerts_kept: Duration,
    log_ins: Throttle,
    counters: Counters,
    whitelist: RwLock<Option<(tokio::time::Instant, Arc<Whitelist>)>>,
    audit: AuditDetection,
    policies: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
}

impl Center {
    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The authority that certificates of sensors come from.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.0.authority
    }

    /// Name of this replica.
    pub fn replica(&self) -> &str {
        &self.0.replica
    }

    /// Changes whenever this replica changed what sensors are to have in force. Other replicas' changes are told of by the
    /// store.
    pub fn policy_changes(&self) -> watch::Receiver<u64> {
        self.0.policies.subscribe()
    }

    /// Becomes true when the center stops.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    pub(crate) fn secure_cookies(&self) -> bool {
        self.0.secure
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// The certificate of the center's own authority, in PEM.
    pub fn authority_pem(&self) -> &str {
        &self.0.authority_pem
    }

    /// The certificate that clients have to trust; `None` where another than the center's own authority signed.
    pub(crate) fn trusted_pem(&self) -> Option<&str> {
        self.0.own_authority.then(|| self.authority_pem())
    }

    pub(crate) fn sensor_address(&self) -> &str {
        self.0.sensor_address.get().map_or("", String::as_str)
    }

    /// A new token for sensors; `None` if this center takes none.
    pub(crate) fn enrolment_secret(&self) -> Option<EnrolmentSecret> {
        self.0.sensor_address.get()?;
        let token = EnrolmentToken::generate(self.0.authority.fingerprint()).ok()?;
        Some(EnrolmentSecret {
            stored: crate::auth::hex(&token.digest()),
            shown: token.reveal(),
        })
    }

    /// For how long alerts are kept.
    pub(crate) fn alerts_kept(&self) -> Duration {
        self.0.alerts_kept
    }

    pub(crate) fn output_folder(&self) -> &std::path::Path {
        &self.0.output_folder
    }

    pub(crate) fn log_in_throttle(&self) -> &Throttle {
        &self.0.log_ins
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// What sensors' connections and calls came to; `None` if this center takes no sensors.
    pub(crate) fn link_counters(&self) -> Option<&LinkCounters> {
        self.0.link.get()
    }

    pub(crate) fn audit_detection(&self) -> &AuditDetection {
        &self.0.audit
    }

    /// The whitelist rules in force, compiled.
    pub(crate) async fn whitelist(&self) -> Result<Arc<Whitelist>, StoreError> {
        let kept = self.0.whitelist.read().await.clone();
        if let Some((made, whitelist)) = kept
            && made.elapsed() < WHITELIST_LASTS
        {
            return Ok(whitelist);
        }
        let kind = yagura_store::DocumentKind::WhitelistRule;
        let documents = self.store().documents(kind).all().await?;
        let whitelist = Arc::new(Whitelist::of(&documents));
        let kept = Some((tokio::time::Instant::now(), Arc::clone(&whitelist)));
        *self.0.whitelist.write().await = kept;
        Ok(whitelist)
    }

    pub(crate) async fn forget_whitelist(&self) {
        *self.0.whitelist.write().await = None;
    }

    /// Policies or switches were changed.
    pub(crate) fn policies_changed(&self) {
        self.0.policies.send_modify(|changes| *changes += 1);
    }

    /// Detection rules were changed.
    pub(crate) fn rules_changed(&self) {
        self.policies_changed();
    }

    /// Starts a center: it answers when this returns.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(config: CenterConfig) -> Result<Running, StartError> {
        if config.tls == Tls::Plain && !config.listen.ip().is_loopback() {
            return Err(StartError::PlainBeyondLoopback(config.listen));
        }
        // Fails only if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let lock = lock(&config.database)?;
        let store = Store::connect(&config.database, &Options::default()).await?;
        let (authority, authority_pem) = authority(&store).await?;
        let listener = listen(config.listen).await?;
        let address = listener.local_addr().unwrap_or(config.listen);
        let acceptor = serve::acceptor(&config, &authority)?;
        let public_url = public_url(&config, address);
        let center = Center(Arc::new(Inner {
            store,
            own_authority: config.tls == Tls::OwnAuthority,
            authority: Arc::new(authority),
            authority_pem,
            // Also where a proxy speaks TLS in front of this.
            secure: public_url.starts_with("https://"),
            public_url,
            sensor_address: OnceLock::new(),
            link: OnceLock::new(),
            replica: crate::auth::new_id().map_err(|_| StartError::Bootstrap)?,
            output_folder: config.output_folder.clone(),
            alerts_kept: config.retention.alerts,
            log_ins: Throttle::new(LOGINS_BURST, LOGINS_REFILL),
            counters: Counters::default(),
            whitelist: RwLock::default(),
            audit: AuditDetection::default(),
            policies: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
        }));
        let first_admin = users::bootstrap(&center)
            .await
            .map_err(|_| StartError::Bootstrap)?;
        let own = config.own_sensor.then_some(ANY_LOOPBACK);
        let sensors = match config.sensor_listen.or(own) {
            Some(at) => Some(start_link(&center, &config, at).await?),
            None => None,
        };
        let router = http::router(&center);
        let mut tasks = vec![tokio::spawn(maintain(
            center.clone(),
            config.retention.clone(),
        ))];
        tasks.push(tokio::spawn(outputs::deliver(center.clone())));
        tasks.push(tokio::spawn(crate::app::fleet::watch_silent(
            center.clone(),
        )));
        let sensor_address = sensors.as_ref().map(|(address, _)| *address);
        tasks.extend(sensors.map(|(_, task)| task));
        let serving = Serving {
            listener,
            acceptor,
            center: center.clone(),
        };
        tasks.push(tokio::spawn(serving.run(router)));
        tracing::info!(address = %address, url = center.public_url(), "the center answers");
        Ok(Running {
            center,
            address,
            sensor_address,
            first_admin,
            tasks,
            _lock: lock,
        })
    }
}

/// Keeps other centers away from an SQLite database: they would not hear of each other's changes. Whoever looks after the
/// database meanwhile (backup, doctor) takes no lock.
fn lock(database: &Target) -> Result<Option<File>, StartError> {
    let Target::Sqlite(folder) = database else {
        return Ok(None);
    };
    let failed = |source: std::io::Error| StartError::Lock {
        folder: folder.clone(),
        source,
    };
    // As the store makes it: nobody else reads it.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(failed)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(folder.join(LOCK_FILE))
        .map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StartError::InUse {
            folder: folder.clone(),
        }),
        Err(error) => Err(failed(error.into())),
    }
}

/// The address that people are told: the one that is configured, or what follows from names and the address listened on.
fn public_url(config: &CenterConfig, listened: SocketAddr) -> String {
    if let Some(url) = &config.public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let scheme = match config.tls {
        Tls::Plain => "http",
        Tls::OwnAuthority | Tls::Files { .. } => "https",
    };
    let port = listened.port();
    match config.names.first() {
        Some(name) if !listened.ip().is_loopback() => format!("{scheme}://{name}:{port}"),
        _ if listened.ip().is_unspecified() => format!("{scheme}://localhost:{port}"),
        _ => format!("{scheme}://{listened}"),
    }
}

/// Serves sensors.
async fn start_link(
    center: &Center,
    config: &CenterConfig,
    at: SocketAddr,
) -> Result<(SocketAddr, JoinHandle<()>), StartError> {
    let listener = listen(at).await?;
    let address = listener.local_addr().unwrap_or(at);
    let mut names = config.names.clone();
    match address.ip().is_unspecified() {
        true => names.extend([host_name(), Ipv4Addr::LOCALHOST.to_string()]),
        false => names.push(address.ip().to_string()),
    }
    let link = Link::new(center.clone(), names);
    // The first that is set counts: there is one link for each center.
    let _ = center.0.link.set(link.counters());
    // What is there for this machine's own sensor is no address for others.
    if config.sensor_listen.is_some() {
        let _ = center.0.sensor_address.set(sensor_address(config, address));
    }
    let serving = tokio::spawn(async move {
        if let Err(error) = link.serve(listener).await {
            tracing::error!(error = ?error, "sensors can't be served any more");
        }
    });
    Ok((address, serving))
}

/// The address that sensors are given: by the first name of the center, if it has one.
fn sensor_address(config: &CenterConfig, listen: SocketAddr) -> String {
    match config.names.first() {
        Some(name) => format!("https://{name}:{}", listen.port()),
        None if listen.ip().is_unspecified() => {
            format!("https://{}:{}", host_name(), listen.port())
        }
        None => format!("https://{listen}"),
    }
}

fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| StartError::Listen { address, source })
}

/// The certificate of the authority that a store keeps, in PEM; `None` before its first center started.
///
/// # Errors
/// [`StoreError`]
pub async fn stored_authority(store: &Store) -> Result<Option<String>, StoreError> {
    let stored = store.secrets().get(AUTHORITY).await?;
    Ok(stored.map(|stored| certificate_of(&String::from_utf8_lossy(&stored))))
}

/// The certificate in a PEM text that holds a key, too.
fn certificate_of(text: &str) -> String {
    let end = "-----END CERTIFICATE-----";
    let begin = text.find("-----BEGIN CERTIFICATE-----").unwrap_or_default();
    let stop = text.find(end).map_or(begin, |at| at + end.len());
    format!("{}\n", text.get(begin..stop).unwrap_or_default())
}

/// The one authority of all replicas: the first that is stored wins.
async fn authority(store: &Store) -> Result<(Authority, String), StartError> {
    let stored = match store.secrets().get(AUTHORITY).await? {
        Some(stored) => stored,
        None => {
            let made = Authority::generate()?;
            let secrets = store.secrets();
            secrets
                .get_or_insert(AUTHORITY, made.as_bytes(), clock::now())
                .await?
        }
    };
    let text = String::from_utf8_lossy(&stored).into_owned();
    let authority = Authority::of_pem(&text)?;
    Ok((authority, certificate_of(&text)))
}

/// Waits until the center stops, even if that was said before the receiver was made.
pub(crate) async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Fails only if the center is gone, which is an end, too.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// Removes what is old.
async fn maintain(center: Center, retention: Retention) {
    let mut stopping = center.stopping();
    loop {
        match center.store().maintain(&retention, clock::now()).await {
            Ok(done) => tracing::debug!(?done, "old rows were removed"),
            Err(error) => tracing::warn!(error = ?error, "old rows could not be removed"),
        }
        if let Err(error) = center.store().commands().expire(clock::now()).await {
            tracing::warn!(error = ?error, "commands could not be ended");
        }
        tokio::select! {
            () = tokio::time::sleep(MAINTAIN_EVERY) => {}
            () = stopped(&mut stopping) => return,
        }
    }
}

/// A center that runs.
#[derive(Debug)]
pub struct Running {
    /// The center.
    pub center: Center,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where sensors connect.
    pub sensor_address: Option<SocketAddr>,
    /// Name and one-time password of the first admin, if that one never logged in.
    pub first_admin: Option<(String, String)>,
    tasks: Vec<JoinHandle<()>>,
    _lock: Option<File>,
}

impl Running {
    /// The console's address.
    pub fn url(&self) -> &str {
        self.center.public_url()
    }

    /// The address that sensors of other machines use; `None` if they can't connect.
    pub fn shown_sensor_address(&self) -> Option<&str> {
        Some(self.center.sensor_address()).filter(|address| !address.is_empty())
    }

    /// A one-time token for the sensor of this machine.
    ///
    /// # Errors
    /// [`StartError::Store`] if it can't be stored, [`StartError::Bootstrap`] if there are no random bytes.
    pub async fn own_sensor_token(&self) -> Result<EnrolmentToken, StartError> {
        let random = |_| StartError::Bootstrap;
        let token = EnrolmentToken::generate(self.center.authority().fingerprint());
        let token = token.map_err(random)?;
        let now = clock::now();
        let kept = NewEnrolmentToken {
            id: crate::auth::new_id().map_err(|_| StartError::Bootstrap)?,
            hash: TokenHash::of(&crate::auth::hex(&token.digest())),
            cluster: String::new(),
            region: String::new(),
            one_time: true,
            expires: clock::plus(now, OWN_ENROLMENT),
        };
        let enrolment = self.center.store().enrolment();
        match enrolment.create(&kept, &Actor::system(), now).await {
            Ok(_) => Ok(token),
            Err(UpdateError::Store(error)) => Err(error.into()),
            Err(_) => Err(StartError::Bootstrap),
        }
    }

    /// Stops: requests that run are answered first, for a few seconds.
    pub async fn stop(self) {
        self.center.0.stopping.send_replace(true);
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("a task of the center panicked");
            }
        }
        self.center.store().close().await;
    }
}
