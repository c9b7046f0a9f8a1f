//! How long a policy takes from the moment at which a running sensor is told of it to the moment at which it is in force,
//! as a container sees it that tries all the time what the policies deny.

use super::container::Container;
use super::instance::Instance;
use super::report::median;
use crate::command::{check_interrupt, lines, start, stop};
use anyhow::{Context, Result, bail, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// Runs under every other policy, from the first on.
const EVEN: &str = "/even";
/// Runs under the others.
const ODD: &str = "/odd";
/// Runs under none of them.
const NEVER: &str = "/never";

/// How long a switch may take before it is given up.
const SWITCH_TIME_MAX: Duration = Duration::from_secs(10);

/// How long nothing may change after a switch for it to be over.
const QUIET: Duration = Duration::from_millis(300);

/// What became of the switches.
#[derive(Debug)]
pub(super) struct Switches {
    rules: u32,
    /// From the change of the file to the last attempt that still ended by the policy before, in order.
    took: Vec<Duration>,
    /// How often each program ran, and how often it was stopped.
    totals: BTreeMap<String, (u64, u64)>,
}

/// Switches between two policies of so many rules, so many times.
///
/// # Errors
/// The container or the sensor fails, or a policy is not in force in time.
pub(super) fn measure(
    instance: &Instance,
    container: &Container,
    count: u32,
    rules: u32,
) -> Result<Switches> {
    for program in [EVEN, ODD, NEVER] {
        let path = container.root().join(program.trim_start_matches('/'));
        std::fs::copy(container.image("storm"), path).context("copying a program")?;
    }
    let file = container.folder().join("switched.yaml");
    write_policy(&file, &policy(container.id(), 0, rules))?;
    let mut sensor = instance.enforce(&file, container.id())?;
    let mut turns = Turns::start(container)?;
    turns.wait_for(EVEN)?;
    let mut took = Vec::new();
    for number in 1..=count {
        let text = policy(container.id(), number, rules);
        let begun_ns = now_ns()?;
        write_policy(&file, &text)?;
        sensor.reload()?;
        let ended_ns = turns.wait_for(allowed(number))?;
        // The next policy would wait for it.
        sensor.wait_for_reload()?;
        took.push(Duration::from_nanos(ended_ns.saturating_sub(begun_ns)));
    }
    std::fs::write(container.root().join("stop"), "")?;
    let totals = turns.end()?;
    drop(sensor);
    instance.remove()?;
    Ok(Switches {
        rules,
        took,
        totals,
    })
}

impl Switches {
    fn never(&self) -> (u64, u64) {
        self.totals.get(NEVER).copied().unwrap_or_default()
    }

    fn milliseconds(&self) -> Vec<f64> {
        let took = self.took.iter();
        took.map(|took| took.as_secs_f64() * 1e3).collect()
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let took = self.milliseconds();
        let (ran, stopped) = self.never();
        let mut text = format!(
            "{} switches between policies of {} rules: {:.1} ms in the median, {:.1} ms at most\n",
            took.len(),
            self.rules,
            median(took.iter().copied()),
            took.iter().copied().fold(0.0, f64::max),
        );
        // Writing to a string can't fail.
        let _infallible = writeln!(
            text,
            "a program that both deny ran {ran} times in {} attempts",
            ran + stopped
        );
        text
    }

    /// As JSON.
    pub(super) fn json(&self) -> Value {
        let (ran, stopped) = self.never();
        json!({
            "rules": self.rules,
            "took_ms": self.milliseconds(),
            "denied_by_both": { "ran": ran, "stopped": stopped },
        })
    }
}

/// The program that runs under the policy of that number.
fn allowed(number: u32) -> &'static str {
    if number.is_multiple_of(2) { EVEN } else { ODD }
}

/// A policy that blocks drift in one container but for one program, by the last of its rules.
fn policy(container: &str, number: u32, rules: u32) -> String {
    let version = number + 1;
    let mut text = format!(
        "apiVersion: yagura.dev/v1\nkind: DriftPolicy\nmetadata: {{ version: {version} }}\nspec:\n  rules:\n"
    );
    for rule in 1..rules {
        // Writing to a string can't fail.
        let _infallible = write!(
            text,
            "    - name: Of team {rule}
      action: block
      kinds: [binaries, libraries, scripts]
      scope:
        conditions:
          - {{ field: image-name, operator: starts-with, values: [registry.example/team-{rule}/] }}
          - {{ field: container-name, operator: starts-with, values: [builder-{rule}-] }}
      allow:
        - process: /opt/team-{rule}/*
"
        );
    }
    let allowed = allowed(number);
    let _infallible = write!(
        text,
        "    - name: Of the container that is measured
      action: block
      kinds: [binaries, libraries, scripts]
      scope:
        conditions:
          - {{ field: container-name, operator: equals, values: [{container}] }}
      allow:
        - process: {allowed}
"
    );
    text
}

/// Nobody sees half of it.
fn write_policy(file: &Path, text: &str) -> Result<()> {
    let new = file.with_extension("new");
    std::fs::write(&new, text).context("writing the policy")?;
    std::fs::rename(&new, file).context("putting the policy in place")
}

/// The clock of the program in the container.
fn now_ns() -> Result<u64> {
    let now = clock_gettime(ClockId::Monotonic);
    let now = Duration::new(u64::try_from(now.tv_sec)?, u32::try_from(now.tv_nsec)?);
    Ok(u64::try_from(now.as_nanos())?)
}

/// A container's attempts, as they go on.
#[derive(Debug)]
struct Turns {
    child: Child,
    lines: Receiver<String>,
    /// What ran when it was last tried.
    runs: BTreeMap<String, bool>,
    last_change_ns: u64,
}

impl Turns {
    fn start(container: &Container) -> Result<Turns> {
        let mut exec = container.exec(&["/turns", EVEN, ODD, NEVER]);
        let mut child = start(exec.stdout(Stdio::piped()))?;
        let lines = lines(child.stdout.take().context("no standard output")?);
        Ok(Turns {
            child,
            lines,
            runs: BTreeMap::new(),
            last_change_ns: 0,
        })
    }

    /// Waits until that program is the one that runs, and stays so; when the last change to that was.
    fn wait_for(&mut self, program: &str) -> Result<u64> {
        let deadline = Instant::now() + SWITCH_TIME_MAX;
        loop {
            match self.lines.recv_timeout(QUIET) {
                Ok(line) => self.note(&line)?,
                Err(RecvTimeoutError::Timeout) => {
                    check_interrupt()?;
                    let wanted = |known: &str| self.runs.get(known) == Some(&(known == program));
                    if wanted(EVEN) && wanted(ODD) {
                        return Ok(self.last_change_ns);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the attempts ended"),
            }
            ensure!(
                Instant::now() < deadline,
                "{program} is not what runs: {:?}",
                self.runs
            );
        }
    }

    fn note(&mut self, line: &str) -> Result<()> {
        let mut words = line.split(' ');
        let (Some(time), Some(program), Some(state)) = (words.next(), words.next(), words.next())
        else {
            bail!("no change: `{line}`");
        };
        self.last_change_ns = time.parse().with_context(|| line.to_owned())?;
        self.runs.insert(program.to_owned(), state == "ran");
        Ok(())
    }

    /// Reads the totals.
    fn end(mut self) -> Result<BTreeMap<String, (u64, u64)>> {
        let mut totals = BTreeMap::new();
        while let Ok(line) = self.lines.recv_timeout(SWITCH_TIME_MAX) {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["total", program, ran, stopped] = words.as_slice() {
                totals.insert((*program).to_owned(), (ran.parse()?, stopped.parse()?));
            }
        }
        ensure!(self.child.wait()?.success(), "the attempts failed");
        Ok(totals)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            stop(&mut self.child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_have_as_many_rules_as_asked_for_and_differ_in_what_runs() {
        let [first, second] = [0, 1].map(|number| policy("c", number, 1000));
        assert_eq!(first.matches("- name:").count(), 1000);
        assert!(first.ends_with("- process: /even\n"), "{first}");
        assert!(second.ends_with("- process: /odd\n"), "{second}");
    }

    #[test]
    fn times_are_told_as_median_and_greatest() {
        let switches = Switches {
            rules: 5,
            took: [10, 30, 20].map(Duration::from_millis).into(),
            totals: BTreeMap::from([(NEVER.to_owned(), (0, 7))]),
        };
        let table = switches.table();
        assert!(
            table.contains("20.0 ms in the median, 30.0 ms at most"),
            "{table}"
        );
        assert!(table.contains("ran 0 times in 7 attempts"), "{table}");
    }
}
