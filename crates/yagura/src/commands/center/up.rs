//! `yagura up`: center, console and a sensor of this node.

use super::own_sensor::OwnSensor;
use super::serve::{cannot_start, runtime, tell, wait};
use crate::commands::sensor::NodeArguments;
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::signals::Signals;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::sync::watch;
use yagura_center::{Center, CenterConfig, Tls};
use yagura_store::{Retention, Target};

/// Run everything on this machine: a center with its database and console, and a sensor of this node
///
/// Prints the console's address and, the first time, a one-time password. Where this user or kernel can't observe, the
/// center runs without a sensor and says so.
/// Exit codes: 0 stopped by a signal, 1 stopped by a failure, 2 bad usage, 3 the address can't be listened on.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folder for everything that is kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/yagura")]
    data: PathBuf,
    /// Where the console and the API are
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7443")]
    listen: SocketAddr,
    /// Where sensors of other nodes connect; left out, there are none
    #[arg(long, value_name = "ADDRESS")]
    sensor_listen: Option<SocketAddr>,
    /// Name or address by which the center is reached, for its certificate; may be repeated
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<String>,
    /// Use TLS on loopback, too; elsewhere it is always used
    #[arg(long)]
    tls: bool,
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
    /// Address that people and API servers use, if it is another than --listen
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// No sensor on this node
    #[arg(long)]
    no_sensor: bool,
    #[command(flatten)]
    node: NodeArguments,
}

impl Arguments {
    fn config(&self, own_sensor: bool) -> CenterConfig {
        CenterConfig {
            listen: self.listen,
            tls: match (&self.tls_cert, &self.tls_key) {
                (Some(certificate), Some(key)) => Tls::Files {
                    certificate: certificate.clone(),
                    key: key.clone(),
                },
                _ if self.tls || !self.listen.ip().is_loopback() => Tls::OwnAuthority,
                _ => Tls::Plain,
            },
            sensor_listen: self.sensor_listen,
            own_sensor,
            names: self.names.clone(),
            public_url: self.public_url.clone(),
            database: Target::Sqlite(self.data.join("center")),
            output_folder: self.data.join("outputs"),
            retention: Retention::default(),
        }
    }
}

/// Runs until a signal.
///
/// # Errors
/// [`Failure`] if the center does not start.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome, Failure> {
    let signals = Signals::start()?;
    let observes = !arguments.no_sensor && can_observe()?;
    let runtime = runtime()?;
    let running = runtime.block_on(Center::start(arguments.config(observes)));
    let running = running.map_err(cannot_start)?;
    tell(&running)?;
    let (stop, stopped) = watch::channel(false);
    let address = running.sensor_address.filter(|_| observes);
    let sensor =
        address.map(|address| OwnSensor::new(&arguments.data, address, arguments.node.as_given()));
    runtime
        .block_on(async {
            let sensor = async {
                if let Some(sensor) = sensor {
                    sensor.run(&running, stopped).await;
                }
            };
            let told = async {
                // A thread of its own: signals come from a channel that is not async.
                let waited = tokio::task::spawn_blocking(move || wait(&signals)).await;
                stop.send_replace(true);
                waited
            };
            // The sensor stops first, so that its last alerts are stored.
            let ((), waited) = tokio::join!(sensor, told);
            running.stop().await;
            waited
        })
        .map_err(|error| Failure::Failed(error.into()))?;
    Ok(Outcome::Done)
}

/// Whether a sensor can observe here; why not is told.
fn can_observe() -> Result<bool, Failure> {
    match crate::commands::doctor::require_rights() {
        Ok(()) => Ok(true),
        Err(Failure::CannotRun(error)) => {
            output::print(&format!("no sensor on this node: {error:#}\n"))?;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
