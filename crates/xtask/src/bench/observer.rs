//! A program that observes the machine while a storm runs, and what it costs.

use crate::command::{check_interrupt, lines, show, start, stop};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How long an observer may take until it observes.
const READY_TIME_MAX: Duration = Duration::from_secs(60);

/// How often an interruption is looked for while waiting.
const POLL: Duration = Duration::from_millis(100);

/// How long a foreign observer is given after the line that comes nearest to saying that it observes.
const SETTLE: Duration = Duration::from_secs(3);

/// What a sensor says last when it has read its files again.
const RELOADED: &str = "detection rules in force";

/// Unit of the times in /proc/PID/stat: USER_HZ is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// What an observer did and used between its readiness and its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Cost {
    /// CPU time, user and system.
    pub(super) cpu: Duration,
    /// Peak resident memory, in KiB.
    pub(super) peak_kib: u64,
    /// Lines on its standard output: alerts.
    pub(super) alerts: u64,
    /// Events it counted, where it says so.
    pub(super) events: Option<u64>,
    /// Its own count of losses by place and reason, where it says so.
    pub(super) lost: Option<Value>,
}

impl Cost {
    /// The sum of all losses.
    pub(super) fn lost_total(&self) -> Option<u64> {
        self.lost.as_ref().map(sum)
    }

    /// The same as JSON.
    pub(super) fn json(&self) -> Value {
        json!({
            "cpu_ms": self.cpu.as_secs_f64() * 1e3,
            "peak_kib": self.peak_kib,
            "alerts": self.alerts,
            "events": self.events,
            "lost": self.lost,
        })
    }
}

/// Every number in a value.
fn sum(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().unwrap_or(0),
        Value::Array(values) => values.iter().map(sum).sum(),
        Value::Object(fields) => fields.values().map(sum).sum(),
        Value::Null | Value::Bool(_) | Value::String(_) => 0,
    }
}

/// A running observer; ended when dropped.
#[derive(Debug)]
pub(super) struct Observer {
    child: Child,
    /// Where it says that it is ready, and later its statistics.
    messages: Receiver<String>,
    /// Its alerts, where they come separately.
    alerts: Option<Receiver<String>>,
    cpu_when_ready: Duration,
}

impl Observer {
    /// Starts a sensor and waits until it observes.
    ///
    /// # Errors
    /// It can't be started, ends, or isn't ready in time.
    pub(super) fn sensor(command: &mut Command) -> Result<Observer> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = start(command)?;
        let messages = lines(child.stderr.take().context("no standard error")?);
        let alerts = lines(child.stdout.take().context("no standard output")?);
        let mut observer = Observer {
            child,
            messages,
            alerts: Some(alerts),
            cpu_when_ready: Duration::ZERO,
        };
        observer
            .wait_for(|line| line.trim() == "ready")
            .with_context(|| format!("`{}`", show(command)))?;
        observer.cpu_when_ready = observer.cpu()?;
        Ok(observer)
    }

    /// Starts a foreign observer by a shell command, and waits for the text after which it soon observes.
    ///
    /// # Errors
    /// It can't be started, ends, or does not print the text in time.
    pub(super) fn foreign(shell_command: &str, ready: &str) -> Result<Observer> {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {shell_command} 2>&1")]);
        let mut child = start(command.stdout(Stdio::piped()))?;
        let messages = lines(child.stdout.take().context("no standard output")?);
        let mut observer = Observer {
            child,
            messages,
            alerts: None,
            cpu_when_ready: Duration::ZERO,
        };
        observer
            .wait_for(|line| line.contains(ready))
            .with_context(|| format!("`{shell_command}`"))?;
        std::thread::sleep(SETTLE);
        observer.cpu_when_ready = observer.cpu()?;
        Ok(observer)
    }

    /// Asks it to read its files again, policies before rules.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn reload(&self) -> Result<()> {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("no pid")?;
        kill_process(pid, Signal::HUP).context("the observer ended by itself")
    }

    /// Waits until it has read everything again.
    ///
    /// # Errors
    /// It ends, or does not get there in time.
    pub(super) fn wait_for_reload(&mut self) -> Result<()> {
        self.wait_for(|line| line.contains(RELOADED))
            .context("reading files again")
    }

    /// Ends it and says what it cost.
    ///
    /// # Errors
    /// It had ended before.
    pub(super) fn finish(mut self) -> Result<Cost> {
        let cpu = self.cpu()?.saturating_sub(self.cpu_when_ready);
        let peak_kib = self.peak_kib()?;
        stop(&mut self.child);
        let mut cost = Cost {
            cpu,
            peak_kib,
            ..Cost::default()
        };
        for alert in self.alerts.iter().flatten() {
            cost.alerts += u64::from(!alert.is_empty());
        }
        for message in &self.messages {
            if let Some(stats) = stats(&message) {
                cost.events = stats.get("events").and_then(Value::as_u64);
                cost.lost = stats.get("lost").cloned();
            }
        }
        Ok(cost)
    }

    fn wait_for(&mut self, is_ready: impl Fn(&str) -> bool) -> Result<()> {
        let deadline = Instant::now() + READY_TIME_MAX;
        let mut last = String::new();
        loop {
            match self.messages.recv_timeout(POLL) {
                Ok(line) if is_ready(&line) => return Ok(()),
                Ok(line) => last = line,
                Err(RecvTimeoutError::Disconnected) => bail!("ended before it was ready: {last}"),
                Err(RecvTimeoutError::Timeout) => {
                    check_interrupt()?;
                    if Instant::now() >= deadline {
                        bail!(
                            "was not ready within {} s: {last}",
                            READY_TIME_MAX.as_secs()
                        );
                    }
                }
            }
        }
    }

    fn cpu(&self) -> Result<Duration> {
        let text = self.read("stat")?;
        cpu_ticks(&text)
            .map(|ticks| TICK * ticks)
            .with_context(|| format!("reading `{text}`"))
    }

    fn peak_kib(&self) -> Result<u64> {
        let text = self.read("status")?;
        text.lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok())
            .context("the observer ended by itself")
    }

    fn read(&self, name: &str) -> Result<String> {
        let path = format!("/proc/{}/{name}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            stop(&mut self.child);
        }
    }
}

/// The sensor's last line: `stats {…}`.
fn stats(line: &str) -> Option<Value> {
    serde_json::from_str(line.strip_prefix("stats ")?).ok()
}

/// User and system time in /proc/PID/stat: fields 14 and 15, counted from 1; the second may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0 9 10 11";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
        assert_eq!(cpu_ticks(""), None);
    }

    #[test]
    fn statistics_are_read_and_losses_summed() {
        let line = r#"stats {"events":12,"lost":{"exec_ring":{"full":1},"output":{"closed":4}}}"#;
        let stats = stats(line).unwrap();
        let cost = Cost {
            lost: stats.get("lost").cloned(),
            ..Cost::default()
        };
        assert_eq!(cost.lost_total(), Some(5));
        assert_eq!(super::stats("statistics {}"), None);
    }

    #[test]
    fn an_observer_that_ends_early_is_an_error() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no BTF here >&2; exit 3"]);
        let error = Observer::sensor(&mut command).unwrap_err();
        assert!(format!("{error:#}").contains("no BTF here"), "{error:#}");
    }
}
