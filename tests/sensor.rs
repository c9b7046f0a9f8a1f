//! A running `yagura sensor --local`. Every line that it prints is held against `yagura schema alert`.

use crate::harness::{DEADLINE, run, wait_for, yagura};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use yagura_testkit::ScratchDir;

/// How long a sensor may take to stop, as promised to users.
pub(crate) const STOP_MAX: Duration = Duration::from_secs(2);
/// Programs that every test with a sensor needs.
pub(crate) const NEEDS: [&str; 1] = ["root"];
/// A policy that reports everything that drifts.
pub(crate) const ALL_DRIFT: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
metadata: { version: 7 }
spec:
  rules:
    - name: Everything
      action: alert
      kinds: [binaries, libraries, scripts]
";

/// What was heard of a sensor so far.
#[derive(Debug, Default)]
struct Heard {
    /// Standard output as it came.
    raw: Vec<u8>,
    alerts: Vec<Value>,
    /// Lines of standard output that are no alerts, and why not.
    refused: Vec<String>,
    stderr: Vec<String>,
}

#[derive(Debug, Default)]
struct Ears {
    heard: Mutex<Heard>,
    changed: Condvar,
}

impl Ears {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, write: impl FnOnce(&mut Heard)) {
        write(&mut self.heard());
        self.changed.notify_all();
    }
}

/// A sensor; killed on drop unless it was stopped.
#[derive(Debug)]
pub(crate) struct Sensor {
    child: Child,
    ears: Arc<Ears>,
    threads: Vec<JoinHandle<()>>,
    policy: PathBuf,
    _dir: ScratchDir,
}

/// What a sensor left.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// From the signal to the end.
    pub(crate) took: Duration,
    /// Standard output, byte for byte.
    pub(crate) raw: Vec<u8>,
    pub(crate) alerts: Vec<Value>,
    pub(crate) stderr: String,
    /// The JSON behind `stats `; null if there was none.
    pub(crate) stats: Value,
}

impl Sensor {
    /// Starts a sensor that judges drift alone, by that policy, and waits until it observes.
    pub(crate) fn start(policy: &str, options: &[&str]) -> Result<Sensor> {
        Sensor::start_detecting(
            policy,
            &[&["--no-catalogue", "--no-scan"], options].concat(),
        )
    }

    /// Starts a sensor with that policy and the catalogue and waits until it observes.
    pub(crate) fn start_detecting(policy: &str, options: &[&str]) -> Result<Sensor> {
        let sensor = Sensor::launch(policy, options)?;
        sensor.wait("`ready`", |heard| {
            heard
                .stderr
                .iter()
                .any(|line| line == "ready")
                .then_some(())
        })?;
        Ok(sensor)
    }

    /// Starts a sensor with that policy and the catalogue, and waits for nothing.
    pub(crate) fn launch(policy: &str, options: &[&str]) -> Result<Sensor> {
        let dir = ScratchDir::new()?;
        let file = dir.join("policy.yaml");
        fs::write(&file, policy)?;
        let mut command = yagura();
        command.args([
            "sensor",
            "--local",
            "--node-name",
            "node-1",
            "--cluster",
            "test",
        ]);
        command.arg("--drift-policy").arg(&file).args(options);
        // Only one sensor of a name may enforce on a node; tests of enforcement have names of their own.
        if !options.contains(&"--instance") {
            command.arg("--no-enforce");
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let ears = Arc::new(Ears::default());
        let stdout = child.stdout.take().context("standard output")?;
        let stderr = child.stderr.take().context("standard error")?;
        let threads = vec![
            listen(stdout, Arc::clone(&ears), hear_alert),
            listen(stderr, Arc::clone(&ears), hear_error),
        ];
        Ok(Sensor {
            child,
            ears,
            threads,
            policy: file,
            _dir: dir,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Overwrites its policy file.
    pub(crate) fn write_policy(&self, text: &[u8]) -> Result<()> {
        Ok(fs::write(&self.policy, text)?)
    }

    /// The alerts so far of one container.
    pub(crate) fn alerts_of(&self, container: &str) -> Vec<Value> {
        let heard = self.ears.heard();
        heard
            .alerts
            .iter()
            .filter(|alert| is_of(alert, container))
            .cloned()
            .collect()
    }

    /// Waits for the first alert of a container that fits.
    pub(crate) fn alert(&self, container: &str, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let found = self.wait("an alert", |heard| {
            let mut alerts = heard.alerts.iter();
            alerts
                .find(|alert| is_of(alert, container) && fits(alert))
                .cloned()
        });
        found.with_context(|| format!("container {container} has {:#?}", self.alerts_of(container)))
    }

    /// Waits for the alert about a file of that path in a container.
    pub(crate) fn alert_about(&self, container: &str, path: &str) -> Result<Value> {
        let found = self.alert(container, |alert| alert["drift"]["path"] == path);
        found.with_context(|| path.to_owned())
    }

    /// Waits for a line on standard error that has `words`.
    pub(crate) fn says(&self, words: &str) -> Result<String> {
        let found = self.wait(words, |heard| {
            heard
                .stderr
                .iter()
                .find(|line| line.contains(words))
                .cloned()
        });
        found.with_context(|| self.ears.heard().stderr.join("\n"))
    }

    fn wait<T>(&self, what: &str, found: impl Fn(&Heard) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + DEADLINE;
        let mut heard = self.ears.heard();
        loop {
            if let Some(found) = found(&heard) {
                return Ok(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said = heard.stderr.join("\n");
                bail!("waited {DEADLINE:?} in vain for {what}; the sensor says: {said}");
            }
            let waited = self.ears.changed.wait_timeout(heard, left);
            heard = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line
            .and_then(|line| line.split_whitespace().next())
            .context("VmRSS")?;
        Ok(number.parse()?)
    }

    /// Ids of the BPF programs, maps and links that it holds, as `prog 12`.
    pub(crate) fn kernel_objects(&self) -> Result<BTreeSet<String>> {
        let mut objects = BTreeSet::new();
        for entry in fs::read_dir(format!("/proc/{}/fdinfo", self.pid()))? {
            // Gone in the meantime: it was none of those that stay.
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            for kind in ["prog", "map", "link"] {
                let name = format!("{kind}_id:");
                let id = text.lines().find_map(|line| line.strip_prefix(&name));
                objects.extend(id.map(|id| format!("{kind} {}", id.trim())));
            }
        }
        Ok(objects)
    }

    /// Stops it as an operator would and checks what is promised of that.
    pub(crate) fn stop(self) -> Result<Ended> {
        let ended = self.end(Some(Signal::TERM))?;
        ensure!(
            ended.code == Some(0),
            "exit code {:?}: {}",
            ended.code,
            ended.stderr
        );
        ensure!(ended.took < STOP_MAX, "stopping took {:?}", ended.took);
        Ok(ended)
    }

    /// Sends a signal, if any, and waits for the end.
    pub(crate) fn end(mut self, signal: Option<Signal>) -> Result<Ended> {
        let begun = Instant::now();
        if let Some(signal) = signal {
            let pid = i32::try_from(self.pid())
                .ok()
                .and_then(Pid::from_raw)
                .context("pid")?;
            kill_process(pid, signal)?;
        }
        let child = &mut self.child;
        let status = wait_for("the sensor's end", DEADLINE, || {
            child.try_wait().ok().flatten()
        })?;
        let took = begun.elapsed();
        for thread in std::mem::take(&mut self.threads) {
            let _ = thread.join();
        }
        let heard = std::mem::take(&mut *self.ears.heard());
        ensure!(
            heard.refused.is_empty(),
            "lines that are no alerts: {:#?}",
            heard.refused
        );
        let stats = heard
            .stderr
            .iter()
            .find_map(|line| line.strip_prefix("stats "));
        let stats = stats
            .map(serde_json::from_str)
            .transpose()?
            .unwrap_or_default();
        Ok(Ended {
            code: status.code(),
            took,
            raw: heard.raw,
            alerts: heard.alerts,
            stderr: heard.stderr.join("\n"),
            stats,
        })
    }

    /// Kills it, wherever it stands; it must not have ended by itself.
    pub(crate) fn kill(mut self) -> Result<()> {
        let ended = self.child.try_wait()?;
        if let Some(status) = ended {
            let said = self.ears.heard().stderr.join("\n");
            bail!("the sensor had ended by itself, {status}: {said}");
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Takes the reader of its standard output away, as a pipe whose other end has gone.
    pub(crate) fn start_unheard(policy: &Path) -> Result<Child> {
        let mut command = yagura();
        command
            .args(["sensor", "--local", "--drift-policy"])
            .arg(policy);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let mut stderr = BufReader::new(child.stderr.take().context("standard error")?);
        let mut line = String::new();
        while line.trim() != "ready" {
            line.clear();
            ensure!(stderr.read_line(&mut line)? > 0, "no `ready`");
        }
        // Read on, so that the sensor never waits for a reader of its messages.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Ok(child)
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub(crate) fn alerts_of(&self, container: &str) -> Vec<&Value> {
        self.alerts
            .iter()
            .filter(|alert| is_of(alert, container))
            .collect()
    }

    /// Fails if anything was lost anywhere.
    pub(crate) fn lost_nothing(&self) -> Result<()> {
        let lost = self.stats["lost"].as_object().context("no stats")?;
        ensure!(lost.is_empty(), "lost: {lost:?}");
        Ok(())
    }
}

/// Whether the kernel has a BPF object such as `prog 12`.
pub(crate) fn is_there(object: &str) -> bool {
    let Some((kind, id)) = object.split_once(' ') else {
        return false;
    };
    let shown = Command::new("bpftool")
        .args([kind, "show", "id", id])
        .output();
    shown.is_ok_and(|shown| shown.status.success())
}

fn is_of(alert: &Value, container: &str) -> bool {
    alert["container"]["id"] == container
}

fn listen(
    pipe: impl Read + Send + 'static,
    ears: Arc<Ears>,
    hear: fn(&mut Heard, &[u8]),
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe
            .read_until(b'\n', &mut line)
            .is_ok_and(|length| length > 0)
        {
            ears.note(|heard| hear(heard, &line));
            line.clear();
        }
    })
}

fn hear_error(heard: &mut Heard, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    heard.stderr.push(line.trim_end_matches('\n').to_owned());
}

fn hear_alert(heard: &mut Heard, line: &[u8]) {
    heard.raw.extend_from_slice(line);
    match parse_alert(line) {
        Ok(alert) => heard.alerts.push(alert),
        Err(error) => {
            heard
                .refused
                .push(format!("{error:#}: {}", String::from_utf8_lossy(line)));
        }
    }
}

/// One line of alerts: valid JSON of the published schema, and nothing in it that a terminal would act on.
pub(crate) fn parse_alert(line: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(line)?
        .strip_suffix('\n')
        .context("no line end")?;
    ensure!(
        !text.chars().any(is_active),
        "a control or invisible character"
    );
    let alert: Value = serde_json::from_str(text)?;
    let errors: Vec<String> = schema()?
        .iter_errors(&alert)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    ensure!(errors.is_empty(), "not as in the schema: {errors:?}");
    Ok(alert)
}

/// Control characters and those that turn the direction of text or hide in it.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn schema() -> Result<&'static jsonschema::Validator> {
    static SCHEMA: OnceLock<jsonschema::Validator> = OnceLock::new();
    if let Some(schema) = SCHEMA.get() {
        return Ok(schema);
    }
    let output = run(yagura().args(["schema", "alert"]), DEADLINE)?.expect(0)?;
    let schema: Value = serde_json::from_slice(&output.stdout)?;
    let validator = jsonschema::validator_for(&schema)?;
    Ok(SCHEMA.get_or_init(|| validator))
}
