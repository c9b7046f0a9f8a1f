//! Sensors of a name of their own, which enforce, and whose traces are taken away.

use super::observer::Observer;
use crate::command::{check_interrupt, output};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long it may take until a rule is in force.
const IN_FORCE_TIME_MAX: Duration = Duration::from_secs(30);

/// How often it is asked whether a rule is in force.
const POLL: Duration = Duration::from_millis(50);

/// The sensor ends by itself after this, should this tool be killed.
const SENSOR_DURATION: &str = "600s";

/// A name for sensors; what they pinned is taken away on drop.
#[derive(Debug)]
pub(super) struct Instance {
    binary: PathBuf,
    name: String,
}

impl Instance {
    /// A name that nobody else has.
    pub(super) fn new(binary: &Path) -> Instance {
        Instance {
            binary: binary.to_owned(),
            name: format!("bench-{}", std::process::id()),
        }
    }

    /// Starts a sensor that enforces a policy, and waits until it does so on that container.
    ///
    /// # Errors
    /// The sensor can't be started, or nothing is enforced in time.
    pub(super) fn enforce(&self, policy: &Path, container: &str) -> Result<Observer> {
        let mut command = self.sensor(policy);
        let observer = Observer::sensor(command.args(["--instance", &self.name]))?;
        let deadline = Instant::now() + IN_FORCE_TIME_MAX;
        while !self.denies_drift(container)? {
            check_interrupt()?;
            if Instant::now() >= deadline {
                bail!("nothing is enforced on {container}");
            }
            std::thread::sleep(POLL);
        }
        Ok(observer)
    }

    /// Starts a sensor that enforces nothing.
    ///
    /// # Errors
    /// The sensor can't be started.
    pub(super) fn watch(&self, policy: &Path) -> Result<Observer> {
        let mut command = self.sensor(policy);
        Observer::sensor(command.arg("--no-enforce"))
    }

    /// Takes away what its sensors have pinned.
    ///
    /// # Errors
    /// Something is left.
    pub(super) fn remove(&self) -> Result<()> {
        let mut command = Command::new(&self.binary);
        output(command.args(["uninstall", "--instance", &self.name])).map(drop)
    }

    fn sensor(&self, policy: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["sensor", "--local", "--duration", SENSOR_DURATION])
            .arg("--policy")
            .arg(policy);
        command
    }

    fn denies_drift(&self, container: &str) -> Result<bool> {
        let mut command = Command::new(&self.binary);
        command.args(["enforcement", "list", "--output", "json"]);
        let text = output(command.args(["--instance", &self.name]))?;
        let list: Value = serde_json::from_str(&text).context("the list of what is enforced")?;
        let entries = |value: &Value, name: &str| {
            let entries = value.get(name).and_then(Value::as_array);
            entries.cloned().unwrap_or_default()
        };
        let is = |value: &Value, name: &str, wanted: &str| {
            value.get(name).and_then(Value::as_str) == Some(wanted)
        };
        Ok(entries(&list, "containers").iter().any(|known| {
            is(known, "id", container)
                && entries(known, "enforced")
                    .iter()
                    .any(|item| is(item, "what", "drift-binaries") && is(item, "action", "deny"))
        }))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("taking away what {} enforced: {error:#}", self.name);
        }
    }
}
