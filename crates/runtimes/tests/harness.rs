//! Queries as the kernel side would make them, and waiting for answers.

use anyhow::{Context as _, Result, ensure};
use libtest_mimic::{Failed, Trial};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use yagura_event::{
    CgroupId, Container, ContainerFact, ContainerKey, ContainerQuery, ContainerRoot, ProcessKey,
};
use yagura_runtimes::{Runtimes, RuntimesConfig, Socket, SocketApi, Sockets};

/// How long any answer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// A test that needs programs (`root` stands for being root).
pub(crate) fn trial(
    name: &'static str,
    needs: &[&'static str],
    run: impl FnOnce() -> Result<()> + Send + 'static,
) -> Trial {
    let missing = yagura_testkit::missing(needs);
    if !missing.is_empty() {
        eprintln!("ignored {name}: this machine lacks {}", missing.join(", "));
    }
    Trial::test(name, move || {
        run().map_err(|error| Failed::from(format!("{error:#}")))
    })
    .with_ignored_flag(!missing.is_empty())
}

/// No sockets at all, or those given.
pub(crate) fn config(sockets: &[(&Path, SocketApi)]) -> RuntimesConfig {
    let sockets = sockets.iter().map(|(path, api)| Socket {
        path: path.to_path_buf(),
        api: *api,
    });
    RuntimesConfig {
        sockets: Sockets::Listed(sockets.collect()),
        ..RuntimesConfig::default()
    }
}

fn proc_file(pid: u32, name: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{name}");
    std::fs::read_to_string(&path).with_context(|| path)
}

/// Path of a process's v2 cgroup directory.
pub(crate) fn cgroup_directory(pid: u32) -> Result<PathBuf> {
    let file = proc_file(pid, "cgroup")?;
    let path = file
        .lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .context("no v2 cgroup")?;
    Ok(RuntimesConfig::default().cgroup_root.join(path))
}

/// Start of a process in nanoseconds after boot, somewhere in the tick that /proc shows.
fn start_ns(pid: u32) -> Result<u64> {
    let stat = proc_file(pid, "stat")?;
    let (_, fields) = stat.rsplit_once(')').context("stat")?;
    let ticks: u64 = fields
        .split_ascii_whitespace()
        .nth(19)
        .context("start time")?
        .parse()?;
    Ok(ticks * 10_000_000 + 1_234_567)
}

/// What the kernel side would ask after it saw a process.
pub(crate) fn query(pid: u32) -> Result<ContainerQuery> {
    let mounts = proc_file(pid, "mountinfo")?;
    let root = mounts
        .lines()
        .rfind(|line| line.split(' ').nth(4) == Some("/"))
        .context("no root mount")?;
    let device = root.split(' ').nth(2).context("device")?;
    let (major, minor) = device.split_once(':').context("device")?;
    Ok(ContainerQuery {
        key: ContainerKey(u64::from(pid)),
        cgroup: CgroupId(std::fs::metadata(cgroup_directory(pid)?)?.ino()),
        process: ProcessKey {
            pid,
            start_ns: start_ns(pid)?,
        },
        root: ContainerRoot {
            dev: major.parse::<u32>()? << 20 | minor.parse::<u32>()?,
            ino: std::fs::metadata(format!("/proc/{pid}/root"))?.ino(),
            overlay: root.contains(" - overlay "),
            since_ns: 0,
        },
    })
}

/// Asks and waits for the last word; all facts in their order.
pub(crate) fn facts(config: &RuntimesConfig, query: ContainerQuery) -> Result<Vec<ContainerFact>> {
    let (sender, receiver) = mpsc::channel();
    let runtimes = Runtimes::start(config.clone(), move |fact| {
        let _ = sender.send(fact);
    })?;
    runtimes.ask(query)?;
    let mut facts = Vec::new();
    loop {
        let fact: ContainerFact = receiver.recv_timeout(DEADLINE).context("no last word")?;
        ensure!(fact.key == query.key && fact.cgroup == query.cgroup);
        let is_last = fact.complete;
        facts.push(fact);
        if is_last {
            return Ok(facts);
        }
    }
}

/// The last word about a process.
pub(crate) fn last_fact(config: &RuntimesConfig, pid: u32) -> Result<ContainerFact> {
    let mut facts = facts(config, query(pid)?)?;
    facts.pop().context("no fact")
}

/// The container in the last word about a process.
pub(crate) fn container(config: &RuntimesConfig, pid: u32) -> Result<Container> {
    last_fact(config, pid)?.container.context("in no container")
}

/// Waits until `found` finds something.
pub(crate) fn wait_for<T>(what: &str, found: impl Fn() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = found() {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Pid of the process with that argument, such as an unusual number of seconds to sleep.
pub(crate) fn wait_for_process(argument: &str) -> Result<u32> {
    wait_for(argument, || {
        let entries = std::fs::read_dir("/proc").ok()?;
        entries.flatten().find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let arguments = std::fs::read(entry.path().join("cmdline")).ok()?;
            // The program itself, not the shell or the runtime that is about to start it.
            let mut parts = arguments.split(|byte| *byte == 0);
            let is_it = parts.next()?.ends_with(b"sleep")
                && parts.next().is_some_and(|part| part == argument.as_bytes());
            is_it.then_some(pid)
        })
    })
}

/// A process of the host's, ended on drop.
#[derive(Debug)]
pub(crate) struct HostProcess(pub(crate) Child);

impl HostProcess {
    pub(crate) fn start(command: &mut Command) -> Result<HostProcess> {
        Ok(HostProcess(command.spawn()?))
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
