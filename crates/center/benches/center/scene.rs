//! A PostgreSQL server and the replicas of a center on it, each a process of the product's own executable.

use crate::api::{Api, text};
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;
use yagura_proto::client::CenterAddress;
use yagura_proto::token::EnrolmentToken;
use yagura_testkit::{Durability, PostgresServer, ScratchDir};

/// The cluster that sensors enrol in.
pub(crate) const CLUSTER: &str = "bench";

/// The database's name.
const DATABASE: &str = "center";

/// Milliseconds of a tick of processor time, as Linux tells it to programs.
const TICK_MS: u64 = 10;

/// What is measured. The centers end before their database.
#[derive(Debug)]
pub(crate) struct Scene {
    replicas: Vec<Replica>,
    /// Of the first replica.
    pub(crate) api: Api,
    /// By which sensors enrol.
    pub(crate) token: EnrolmentToken,
    server: PostgresServer,
    _scratch: ScratchDir,
}

/// One process.
#[derive(Debug)]
struct Replica {
    process: Child,
    url: String,
    sensors: CenterAddress,
    first_password: String,
}

impl Scene {
    /// Starts everything.
    pub(crate) async fn start(binary: &Path, replicas: u32) -> Result<Scene> {
        let scratch = ScratchDir::new()?;
        let server = PostgresServer::start(Durability::Synced)?;
        server.make_log()?;
        let database = server.create_database(DATABASE)?;
        let mut started = Vec::new();
        for number in 0..replicas {
            let folder = scratch.join(&format!("data-{number}"));
            started.push(Replica::start(binary, &database, &folder)?);
        }
        let first = started.first().context("no replica")?;
        // Each start gives another one until somebody has logged in.
        let last = started.last().context("no replica")?;
        let api = Api::log_in(&first.url, &last.first_password).await?;
        let wanted = json!({ "cluster": CLUSTER, "one_time": false, "hours": 24 });
        let made = api.post("/enrolment-tokens", &wanted).await?;
        let token = EnrolmentToken::parse(&text(&made.body, "/secret")?)?;
        Ok(Scene {
            replicas: started,
            api,
            token,
            server,
            _scratch: scratch,
        })
    }

    /// Where the sensor of that number connects.
    pub(crate) fn address_for(&self, number: u32) -> Result<CenterAddress> {
        let at = usize::try_from(number)? % self.replicas.len();
        let replica = self.replicas.get(at).context("no replica")?;
        Ok(replica.sensors.clone())
    }

    /// The API of the last replica.
    pub(crate) fn last_api(&self) -> Result<Api> {
        let last = self.replicas.last().context("no replica")?;
        Ok(self.api.at(&last.url))
    }

    /// Resident memory of each replica, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<Vec<u64>> {
        let replicas = self.replicas.iter();
        replicas
            .map(|replica| resident_kib(replica.process.id()))
            .collect()
    }

    /// Processor time of all replicas, and of the database's server with its processes.
    pub(crate) fn processor_time(&self) -> Result<(Duration, Duration)> {
        let ids = self.replicas.iter().map(|replica| replica.process.id());
        let centers = ids.map(ticks).sum::<Result<u64>>()?;
        let folder = self.sql("SHOW data_directory")?;
        let file = Path::new(folder.trim()).join("postmaster.pid");
        let server = std::fs::read_to_string(file)?;
        let server: u32 = server.lines().next().context("no server")?.parse()?;
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"))?;
        let mut all = ticks(server)?;
        for child in children.split_whitespace() {
            // One that has ended by now is counted by its parent.
            all += ticks(child.parse()?).unwrap_or_default();
        }
        Ok((of_ticks(centers), of_ticks(all)))
    }

    /// What a statement gives.
    pub(crate) fn sql(&self, statement: &str) -> Result<String> {
        Ok(self.server.query(DATABASE, statement)?)
    }
}

impl Replica {
    /// Starts a center and reads what it says of itself.
    fn start(binary: &Path, database: &str, folder: &Path) -> Result<Replica> {
        let mut process = Command::new(binary)
            .args(["center", "--plain", "--listen", "127.0.0.1:0"])
            .args(["--sensor-listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .env("YAGURA_DATABASE", database)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let output = process.stdout.take().context("no standard output")?;
        match told(output) {
            Ok((url, sensors, first_password)) => Ok(Replica {
                process,
                url,
                sensors,
                first_password,
            }),
            Err(error) => {
                end(&mut process);
                Err(error)
            }
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

fn end(process: &mut Child) {
    // Fails only if it has ended by itself.
    let _ = process.kill();
    let _ = process.wait();
}

/// Where the center is, where sensors connect, and the one-time password.
fn told(output: ChildStdout) -> Result<(String, CenterAddress, String)> {
    let (mut url, mut sensors, mut password) = (None, None, None);
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(told) = line.strip_prefix("console: ") {
            url = Some(told.to_owned());
        } else if let Some(told) = line.strip_prefix("sensors: ") {
            sensors = Some(CenterAddress::parse(told)?);
        } else if let Some((_, told)) = line.split_once("one-time password ") {
            password = Some(told.to_owned());
        }
        if let (Some(url), Some(sensors), Some(password)) = (&url, &sensors, &password) {
            return Ok((url.clone(), sensors.clone(), password.clone()));
        }
    }
    bail!("the center did not start")
}

/// Processor time of a process and of those of its children that have ended, in ticks.
fn ticks(process: u32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name may hold anything, and ends with the last parenthesis; times are the 14th to the 17th field of all.
    let (_, after) = text.rsplit_once(')').context("no name")?;
    let times = after.split_whitespace().skip(11).take(4);
    Ok(times.map(str::parse::<u64>).sum::<Result<u64, _>>()?)
}

/// Processor time that a virtual machine's host has given to others since the start, on all processors.
pub(crate) fn stolen() -> Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat")?;
    // After the name: user, nice, system, idle, iowait, irq, softirq, steal.
    let stolen = text.split_whitespace().nth(8).context("no steal")?;
    Ok(of_ticks(stolen.parse()?))
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * TICK_MS)
}

/// What a process holds in memory.
fn resident_kib(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(words.context("no VmRSS")?.parse()?)
}
