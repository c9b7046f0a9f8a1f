//! A sensor of a rehearsal's own, which watches its containers or stands guard over them.

use super::Arrived;
use crate::commands::uninstall::{instances, remove_instance};
use crate::exit::Failure;
use anyhow::Context as _;
use crossbeam_channel::{Receiver, unbounded};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use yagura_policy::PolicySet;
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_sensor::{EnforceSettings, NodeSettings, Sensor, SensorConfig, find_node};

/// How long it may take until a new container's rules are in force.
const IN_FORCE_WAIT: Duration = Duration::from_secs(30);
/// Pause between two looks at what is in force.
const POLL: Duration = Duration::from_millis(5);

/// What the names of rehearsals' sensors begin with, before the process id.
const INSTANCE: &str = "simulate-";

/// The sensor, and what it tells.
pub(super) struct Guard {
    pub(super) sensor: Sensor,
    pub(super) arrived: Receiver<Arrived>,
}

impl Guard {
    /// Starts a sensor with these policies; it enforces them and leaves nothing behind, or only tells. `base` is
    /// where throw-away containers are made.
    pub(super) fn start(
        policies: PolicySet,
        enforces: bool,
        base: &Path,
    ) -> Result<Guard, Failure> {
        let enforce = enforces.then(|| own_instance(None)).transpose()?;
        Guard::start_with(policies, enforce, base)
    }

    /// Starts a sensor that enforces by these settings.
    pub(super) fn start_with(
        policies: PolicySet,
        enforce: Option<EnforceSettings>,
        base: &Path,
    ) -> Result<Guard, Failure> {
        let mut runtimes = RuntimesConfig::default();
        // Throw-away containers keep their runtime's records apart from those of the host's own containers.
        runtimes.runc_roots.push(base.to_owned());
        let (sender, arrived) = unbounded();
        let config = SensorConfig {
            node: Arc::new(find_node(NodeSettings::default())),
            policies: Arc::new(policies),
            policy_version: 1,
            enforce,
            rules: Arc::new(RuleSet::empty()),
            send_all: false,
            runtimes,
            scan: None,
            record: None,
            canary: None,
        };
        let sensor = Sensor::start(config, move |alert| {
            // Nobody waits for alerts once the rehearsals are over.
            let _ = sender.send(Arrived {
                alert,
                at: yagura_sensor::now(),
            });
        })
        .map_err(crate::commands::sensor::cannot_start)?;
        Ok(Guard { sensor, arrived })
    }

    /// Waits until rules are in force on a container; `false` if they did not come to be.
    pub(super) fn wait_until_in_force(&self, container: &str) -> bool {
        let deadline = Instant::now() + IN_FORCE_WAIT;
        while Instant::now() < deadline {
            let status = self.sensor.enforcement().unwrap_or_default();
            if status
                .containers
                .iter()
                .any(|known| known.id == container && !known.enforced.is_empty())
            {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    /// Stops the sensor, which takes away what it enforced.
    pub(super) fn stop(self) -> Result<(), Failure> {
        let stopped = self.sensor.stop();
        stopped.map_err(|error| Failure::Failed(error.into()))?;
        Ok(())
    }
}

/// Takes away what the sensors of rehearsals have pinned that were killed, and what this process has pinned if
/// `own_too`.
pub(super) fn remove_leftovers(own_too: bool) {
    let is_left = |settings: &EnforceSettings| {
        let name = settings.state.file_name().and_then(|name| name.to_str());
        let pid = name.and_then(|name| name.strip_prefix(INSTANCE)?.parse::<u32>().ok());
        pid.is_some_and(|pid| match pid == std::process::id() {
            true => own_too,
            false => !Path::new("/proc").join(pid.to_string()).exists(),
        })
    };
    for settings in instances().iter().filter(|settings| is_left(settings)) {
        let name = settings.state.display();
        match remove_instance(settings) {
            Ok(()) => tracing::info!(%name, "took away what a rehearsal had left in force"),
            Err(error) => tracing::error!(%name, ?error, "a rehearsal's enforcement is left"),
        }
    }
}

/// Settings of a sensor that leaves nothing behind. `wrapper` is the state directory of the runtime wrapper, if there is
/// one before its containers.
pub(super) fn own_instance(wrapper: Option<PathBuf>) -> Result<EnforceSettings, Failure> {
    let name = format!("{INSTANCE}{}", std::process::id());
    let settings = EnforceSettings::of_instance(&name)
        .context("instance name")
        .map_err(Failure::Failed)?;
    Ok(EnforceSettings {
        wrapper,
        keep: false,
        ..settings
    })
}
