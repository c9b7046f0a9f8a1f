//! The sensor and the containers of the tests.

use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use yagura_event::{Alert, Node};
use yagura_policy::PolicySet;
use yagura_proto::UnixMs;
use yagura_proto::client::CommandReport;
use yagura_proto::command::{Command, CommandAction, CommandId};
use yagura_proto::identity::SensorId;
use yagura_rehearsal::{
    ContainerOptions, Output, RuntimeChoice, RuntimeProgram, ThrowAwayContainer, ThrowAwayImage,
};
use yagura_rules::RuleSet;
use yagura_runtimes::RuntimesConfig;
use yagura_scan::ScanRules;
use yagura_sensor::{
    CanarySettings, EnforceSettings, RespondSettings, Responder, ScanSettings, Sensor, SensorConfig,
};

/// How long anything may take on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// A test's name, and what it does.
pub(crate) type Case = (&'static str, fn(&World));

static WORLD: OnceLock<World> = OnceLock::new();

pub(crate) struct World {
    pub(crate) sensor: Arc<Sensor>,
    pub(crate) responder: Responder,
    /// What a user would be told.
    pub(crate) alerts: Arc<Mutex<Vec<Alert>>>,
    pub(crate) folder: PathBuf,
    image: Arc<ThrowAwayImage>,
    runtime: RuntimeProgram,
}

impl World {
    /// What this machine lacks, if anything.
    pub(crate) fn lacking() -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some("they need root".to_owned());
        }
        let found = RuntimeProgram::find(RuntimeChoice::Found);
        found.err().map(|missing| missing.to_string())
    }

    pub(crate) fn get() -> &'static World {
        WORLD.get_or_init(World::begin)
    }

    fn begin() -> World {
        let name = format!("sensor-test-{}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir(&folder).unwrap();
        let instance = EnforceSettings {
            wrapper: None,
            keep: false,
            ..EnforceSettings::of_instance(&name).unwrap()
        };
        let scan = ScanSettings {
            rules: Arc::new(ScanRules::own().unwrap()),
            images: false,
            threads: 1,
        };
        let mut runtimes = RuntimesConfig::default();
        runtimes.runc_roots.push(std::env::temp_dir());
        let node = Arc::new(Node::default());
        let alerts = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&alerts);
        let config = SensorConfig {
            node: Arc::clone(&node),
            policies: Arc::new(PolicySet::default()),
            policy_version: 1,
            enforce: Some(instance.clone()),
            rules: Arc::new(RuleSet::empty()),
            send_all: false,
            runtimes: runtimes.clone(),
            scan: None,
            record: None,
            canary: Some(CanarySettings::default()),
        };
        let sensor = Sensor::start(config, move |alert| {
            told.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(alert);
        });
        let sensor = Arc::new(sensor.unwrap());
        let settings = RespondSettings {
            instance,
            enforces: true,
            quarantine: folder.join("quarantine"),
            captures: folder.join("captures"),
            scan: Some(scan),
            runtimes,
            node,
        };
        World {
            responder: Responder::new(Arc::clone(&sensor), settings),
            sensor,
            alerts,
            image: Arc::new(ThrowAwayImage::build(&std::env::temp_dir()).unwrap()),
            runtime: RuntimeProgram::find(RuntimeChoice::Found).unwrap(),
            folder,
        }
    }

    /// Takes everything away.
    pub(crate) fn end() {
        if let Some(world) = WORLD.get() {
            world.sensor.stop().unwrap();
            std::fs::remove_dir_all(&world.folder).unwrap();
        }
    }

    /// Starts a container and waits until the sensor knows it.
    pub(crate) fn start(&self, change: impl FnOnce(&mut ContainerOptions)) -> Scene<'_> {
        let mut options = ContainerOptions::new(self.runtime.clone());
        change(&mut options);
        let container = ThrowAwayContainer::start(&self.image, &options).unwrap();
        let id = container.id().to_owned();
        wait_until("the sensor knows the container", || {
            let known = self.sensor.containers().unwrap_or_default();
            known.iter().any(|known| known.container.id == id)
        });
        Scene {
            world: self,
            container,
        }
    }

    /// Has a command carried out.
    pub(crate) fn execute(&self, action: CommandAction) -> CommandReport {
        self.responder.execute(&Command {
            id: CommandId::generate().unwrap(),
            sensor: SensorId::parse(&"0".repeat(32)).unwrap(),
            issued: UnixMs(0),
            expires: UnixMs(u64::MAX),
            issuer: "test".to_owned(),
            action,
        })
    }
}

/// A container of a test.
pub(crate) struct Scene<'w> {
    world: &'w World,
    pub(crate) container: ThrowAwayContainer,
}

impl Scene<'_> {
    pub(crate) fn id(&self) -> String {
        self.container.id().to_owned()
    }

    /// Runs a script in the container.
    pub(crate) fn shell(&self, script: &str) -> Output {
        self.container
            .exec(&["/bin/sh", "-c", script], TIMEOUT)
            .unwrap()
    }

    /// Starts a script in the container that goes on; returns its pid on the node.
    pub(crate) fn spawn(&self, script: &str) -> u32 {
        let before = self.processes();
        let mut runtime = Program::new(self.container.runtime().path());
        let detached = runtime
            .arg("--root")
            .arg(self.container.state_root())
            .args([
                "exec",
                "--detach",
                self.container.id(),
                "/bin/sh",
                "-c",
                script,
            ])
            .status()
            .unwrap();
        assert!(detached.success());
        let new = || {
            self.processes()
                .into_iter()
                .find(|pid| !before.contains(pid))
        };
        wait_until("the script runs", || new().is_some());
        new().unwrap()
    }

    /// Pids of its processes.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let listed = std::fs::read_to_string(self.cgroup().join("cgroup.procs"));
        let listed = listed.unwrap_or_default();
        listed
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect()
    }

    pub(crate) fn cgroup(&self) -> PathBuf {
        let root = RuntimesConfig::default().cgroup_root;
        root.join(self.container.id())
    }

    /// Has a command carried out on it.
    pub(crate) fn execute(&self, action: impl FnOnce(String) -> CommandAction) -> CommandReport {
        self.world.execute(action(self.id()))
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Folders of throw-away things of this process that are there.
pub(crate) fn left_behind(base: &Path) -> usize {
    let own = yagura_rehearsal::own_prefix();
    let entries = std::fs::read_dir(base).unwrap().flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&own))
        .count()
}
