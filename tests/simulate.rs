//! `yagura simulate drift`: every vector detected, every look-alike silent, nothing left behind.

use crate::harness::{failed, run, wait_for, yagura};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long one whole run may take.
const RUN_MAX: Duration = Duration::from_secs(180);
/// How long an interrupted run may take to take everything away.
const INTERRUPTED_MAX: Duration = Duration::from_secs(60);
/// How long killed processes may still be seen.
const DYING_MAX: Duration = Duration::from_secs(20);
const VECTORS: usize = 12;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for runtime in ["runc", "crun"] {
        for root in ["overlay", "plain"] {
            trials.push(trial("every_case", runtime, root, every_case));
        }
        trials.push(trial("interrupted", runtime, "overlay", interrupted));
    }
    trials
}

fn trial(
    name: &str,
    runtime: &'static str,
    root: &'static str,
    test: fn(&str, &str) -> Result<()>,
) -> Trial {
    let name = format!("simulate::{name}::{runtime}::{root}");
    let missing = yagura_testkit::missing(&["root", runtime]);
    if !missing.is_empty() {
        eprintln!("SKIPPED {name}: this machine lacks {}", missing.join(", "));
    }
    Trial::test(name, move || {
        test(runtime, root).map_err(|error| failed(&error))
    })
    .with_ignored_flag(!missing.is_empty())
}

const ARGUMENTS: [&str; 4] = ["simulate", "drift", "--output", "json"];

fn every_case(runtime: &str, root: &str) -> Result<()> {
    let mut command = yagura();
    command
        .args(ARGUMENTS)
        .args(["--runtime", runtime, "--root", root]);
    let begun = BTreeSet::from_iter(traces("yagura-rehearsal-")?);
    let output = run(&mut command, RUN_MAX)?;
    let cases = output.text();
    let cases: Vec<Value> = cases
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let bad: Vec<&Value> = cases.iter().filter(|case| case["good"] != true).collect();
    ensure!(bad.is_empty(), "{bad:#?}\n{}", output.stderr);
    output.expect(0)?;
    let vectors: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| case["vector"].as_str())
        .collect();
    ensure!(
        vectors.len() == VECTORS + 1 && vectors.contains("benign"),
        "{vectors:?}"
    );
    for case in &cases {
        let is_benign = case["vector"] == "benign";
        ensure!(
            case["ran"] == true && case["detected"] == !is_benign,
            "{case:#}"
        );
        ensure!(
            is_benign == case["rule"].is_null() && case["blocked"] == false,
            "{case:#}"
        );
    }
    // Runs of others may come and go meanwhile; theirs do not bear the name of a process that has ended.
    let dead = || -> Result<Vec<String>> {
        let left = traces("yagura-rehearsal-")?.into_iter();
        let left = left.filter(|trace| !begun.contains(trace));
        Ok(left.filter(|trace| !owner_lives(trace)).collect())
    };
    // A run that was ended elsewhere meanwhile may still be cleaning up.
    let is_clean = || dead().is_ok_and(|dead| dead.is_empty()).then_some(());
    let cleaned = wait_for("nothing to be left", DYING_MAX, is_clean);
    cleaned.with_context(|| format!("left behind: {:#?}", dead()))
}

fn interrupted(runtime: &str, root: &str) -> Result<()> {
    for (signal, lines) in [(Signal::INT, 0), (Signal::INT, 5), (Signal::TERM, 20)] {
        let mut command = yagura();
        command
            .args(ARGUMENTS)
            .args(["--runtime", runtime, "--root", root]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let name = format!("yagura-rehearsal-{}-", child.id());
        let mut stdout = BufReader::new(child.stdout.take().context("standard output")?).lines();
        for _ in 0..lines {
            stdout.next().context("ended early")??;
        }
        // In the middle of making the first container if no case is waited for.
        wait_for("something made", INTERRUPTED_MAX, || {
            traces(&name)
                .is_ok_and(|traces| !traces.is_empty())
                .then_some(())
        })?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .context("pid")?;
        let begun = Instant::now();
        kill_process(pid, signal)?;
        let status = wait_for("the end", INTERRUPTED_MAX, || {
            child.try_wait().ok().flatten()
        });
        let (took, left) = (begun.elapsed(), traces(&name)?);
        if status.is_err() {
            child.kill()?;
        }
        let status = status.with_context(|| format!("after {signal:?}; left so far: {left:#?}"))?;
        ensure!(status.code() == Some(130), "{status} after {took:?}");
        // The killed may be on their last way through the kernel.
        wait_for("nothing to be left", DYING_MAX, || {
            traces(&name)
                .is_ok_and(|left| left.is_empty())
                .then_some(())
        })
        .with_context(|| format!("after {lines} lines and {took:?}: {left:#?}"))?;
    }
    Ok(())
}

/// Where a name is seen on this machine: mounts, cgroups, processes, folders.
fn traces(name: &str) -> Result<Vec<String>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let mut traces: Vec<String> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|point| point.contains(name))
        .map(|point| format!("mount {point}"))
        .collect();
    let cgroups = mounts.lines().filter(|line| line.contains(" - cgroup"));
    let cgroups = cgroups
        .filter_map(|line| line.split(' ').nth(4))
        .map(Path::new);
    let temporary = std::env::temp_dir();
    for folder in cgroups.chain([temporary.as_path()]) {
        for entry in fs::read_dir(folder)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(name) {
                traces.push(format!("folder {}", entry.path().display()));
            }
        }
    }
    for entry in fs::read_dir("/proc")?.flatten() {
        let read = |file| fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        // The dead wait for the first process to reap them, which is not ours.
        let is_dead = read("stat")
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"));
        if !is_dead && (read("cgroup").contains(name) || read("cmdline").contains(name)) {
            traces.push(format!("process {}", read("cmdline").replace('\0', " ")));
        }
    }
    Ok(traces)
}

/// Whether the process lives whose pid stands in a trace's name.
fn owner_lives(trace: &str) -> bool {
    let mut names = trace.split("yagura-rehearsal-").skip(1);
    names.all(|rest| {
        let pid = rest.split('-').next().unwrap_or_default();
        !pid.is_empty() && Path::new("/proc").join(pid).exists()
    })
}
