//! A sensor that works for a center.

use super::{Arguments, Ends, InForce, cannot_start, say};
use crate::exit::Failure;
use crate::input::{self, Source};
use crate::signals::Signal;
use anyhow::anyhow;
use crossbeam_channel::{select, tick};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use yagura_proto::client::CenterAddress;
use yagura_proto::token::EnrolmentToken;
use yagura_sensor::{Sensor, Summary, Uplink, UplinkError, UplinkOptions};

/// Where the token may be given without showing it in the list of processes.
pub(crate) const TOKEN_VARIABLE: &str = "YAGURA_ENROLMENT_TOKEN";
/// Bytes of a file with a token: one is some 140 long.
const TOKEN_FILE_BYTES_MAX: usize = 4096;
/// How often it is looked whether the sensor still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Which center, and how to get in.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Working for a center")]
pub(super) struct CenterArguments {
    /// Address for sensors of the center, such as https://yagura.example:7444
    #[arg(long, value_name = "URL", value_parser = CenterAddress::parse, conflicts_with = "local")]
    center: Option<CenterAddress>,
    /// Enrolment token; needed once, until there is a certificate
    #[arg(
        long,
        value_name = "TOKEN",
        env = TOKEN_VARIABLE,
        hide_env_values = true,
        conflicts_with = "token_file"
    )]
    token: Option<String>,
    /// File with the enrolment token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Folder for the certificate, alerts on their way, and what the center put in force last
    #[arg(long, value_name = "DIR", default_value = "/var/lib/yagura/sensor")]
    state: PathBuf,
}

/// A center, and what there is to enrol with.
pub(super) struct CenterOptions {
    address: CenterAddress,
    token: Option<EnrolmentToken>,
    state: PathBuf,
}

impl CenterArguments {
    /// `None` without a center.
    ///
    /// # Errors
    /// [`Failure::BadInput`] if the token is none, or its file can't be read.
    pub(super) fn options(&self) -> Result<Option<CenterOptions>, Failure> {
        let Some(address) = &self.center else {
            return Ok(None);
        };
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => Some(parse(token, "the token")?),
            (None, Some(file)) => Some(read(file)?),
            (None, None) => None,
        };
        Ok(Some(CenterOptions {
            address: address.clone(),
            token,
            state: self.state.clone(),
        }))
    }
}

fn read(file: &Path) -> Result<EnrolmentToken, Failure> {
    let source = Source::File(file.to_owned());
    let bytes = source
        .read(TOKEN_FILE_BYTES_MAX)
        .map_err(Failure::BadInput)?;
    parse(&String::from_utf8_lossy(&bytes), &source.name())
}

fn parse(text: &str, place: &str) -> Result<EnrolmentToken, Failure> {
    EnrolmentToken::parse(text)
        .map_err(|error| Failure::BadInput(anyhow!(error).context(place.to_owned())))
}

/// Runs the sensor until it is told to stop.
pub(super) fn run(arguments: &Arguments, options: CenterOptions) -> Result<Summary, Failure> {
    super::super::doctor::require_rights()?;
    // Before anything is attached, so that no signal finds it half made.
    let ends = Ends::start(arguments)?;
    let uplink = Uplink::open(UplinkOptions {
        center: options.address,
        state: options.state.clone(),
        token: options.token,
        node: arguments.found_node(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
    .map_err(not_enrolled)?;
    let in_force = in_force(arguments, &uplink)?;
    let config = arguments.config(uplink.node().clone(), in_force)?;
    let respond = arguments.respond(&config, &options.state);
    let alerts = uplink.alerts();
    let sensor = Sensor::start(config, move |alert| alerts.send(&alert)).map_err(cannot_start)?;
    let sensor = Arc::new(sensor);
    let connection = uplink
        .connect(Arc::clone(&sensor), respond)
        .map_err(|error| Failure::Failed(error.into()))?;
    say("ready");
    wait(&sensor, &ends);
    // The sensor first: its last alerts still go to the spool.
    let summary = sensor.stop();
    connection.stop();
    summary.map_err(|error| Failure::Failed(error.into()))
}

/// What the center put in force last, or what is built in until it does.
fn in_force(arguments: &Arguments, uplink: &Uplink) -> Result<InForce, Failure> {
    let (policies, version) = match uplink.policies() {
        Some(known) => known,
        None => (Arc::new(input::policies(&[])?), 0),
    };
    let rules = match uplink.rules() {
        Some(rules) => rules,
        None => arguments.rules.load()?,
    };
    Ok(InForce {
        policies,
        version,
        rules,
    })
}

fn wait(sensor: &Sensor, ends: &Ends) {
    let looks = tick(LOOK);
    loop {
        select! {
            recv(ends.signals.received) -> signal => match signal {
                // The center says what is in force; there are no files to read again.
                Ok(Signal::Reload) => {}
                Ok(Signal::Stop) | Err(_) => return,
            },
            recv(ends.over) -> _ => return,
            recv(ends.stdin_closed) -> _ => return,
            recv(looks) -> _ => if sensor.has_ended() { return },
        }
    }
}

fn not_enrolled(error: UplinkError) -> Failure {
    let error = anyhow::Error::new(error);
    Failure::Failed(error.context("no connection to the center"))
}
