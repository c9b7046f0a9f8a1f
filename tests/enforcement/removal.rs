//! `yagura uninstall --instance`: one sensor's share goes without a trace, and nobody else's.

use super::scene::{Change, Guarded, Scene, defence_rule, drift_policy};
use crate::harness::{DEADLINE, run, trial, wait_for};
use crate::sensor::{Sensor, is_there};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(super) fn trials(needs: &[&'static str]) -> Vec<Trial> {
    let needs = [needs, &["bpftool"]].concat();
    vec![trial(
        "enforcement::uninstall_leaves_nothing_of_one_sensor",
        &needs,
        uninstall,
    )]
}

/// A sensor with a container in which drift and behaviours are denied. The order is that in which they end.
struct Share {
    container: Guarded,
    sensor: Sensor,
    scene: Scene,
}

impl Share {
    fn new() -> Result<Share> {
        let scene = Scene::new()?;
        let id = scene.id("guarded");
        let policy = policy_of(&id);
        let sensor = scene.sensor(&policy)?;
        let container = scene.container(&id)?;
        for what in ["drift-binaries", "core-pattern"] {
            scene.wait_in_force(&id, what, "deny")?;
        }
        Ok(Share {
            scene,
            sensor,
            container,
        })
    }
}

fn policy_of(container: &str) -> String {
    let drift = drift_policy(1, Change::Block, &[container]);
    // Programs of the cgroup can't ask for an allowed process: without that they are among what denies.
    let defence = defence_rule(container).replace("  allow:\n    - process: /bin/allowed\n", "");
    format!("{drift}---\n{defence}")
}

fn uninstall() -> Result<()> {
    let (own, other) = (Share::new()?, Share::new()?);
    let (own_id, other_id) = (own.container.id.clone(), other.container.id.clone());
    is_enforced(&own.container)?;
    is_enforced(&other.container)?;
    let Share {
        scene,
        sensor,
        container,
    } = own;
    ensure!(!cgroup_programs(&own_id)?.is_empty(), "no cgroup programs");
    let others_programs = cgroup_programs(&other_id)?;
    let said = scene.ask(&["uninstall"], 1);
    ensure!(said.is_ok(), "a running sensor was taken away: {said:?}");
    is_enforced(&container)?;

    let objects = sensor.kernel_objects()?;
    sensor.end(Some(Signal::KILL))?;
    is_enforced(&container)?;
    ensure!(scene.list()?["backend"] != "", "nothing is pinned");
    let said = scene.ask(&["uninstall"], 0)?;
    ensure!(said.ends_with("nothing is left\n"), "{said}");
    for path in places(scene.instance()) {
        ensure!(!path.exists(), "{} is left", path.display());
    }
    // The kernel detaches and frees them a little later.
    wait_for("the cgroup to be without programs", DEADLINE, || {
        let programs = cgroup_programs(&own_id).ok()?;
        programs.is_empty().then_some(())
    })?;
    wait_for("the kernel to free everything", DEADLINE, || {
        objects.iter().all(|object| !is_there(object)).then_some(())
    })?;
    ensure!(scene.list()?["backend"] == "", "something is pinned");
    container.ran("/tmp/drifted")?;
    let output = container.exec(&["/bin/writer"])?.expect(0)?;
    ensure!(output.text().contains("written"), "{output:?}");

    is_enforced(&other.container)?;
    ensure!(cgroup_programs(&other_id)? == others_programs);
    for path in places(other.scene.instance()) {
        ensure!(path.exists(), "{} is gone", path.display());
    }
    other.sensor.alert_about(&other_id, "/tmp/drifted")?;
    other.sensor.stop()?;
    is_enforced(&other.container)?;

    scene.ask(&["uninstall"], 0)?;
    let again = scene.sensor(&policy_of(&own_id))?;
    scene.wait_in_force(&own_id, "core-pattern", "deny")?;
    is_enforced(&container)?;
    again.stop().map(drop)
}

fn is_enforced(container: &Guarded) -> Result<()> {
    container.refused("/tmp/drifted")?;
    let output = container.exec(&["/bin/writer"])?;
    ensure!(!output.text().contains("written"), "{output:?}");
    Ok(())
}

/// Where a sensor of that name keeps something.
fn places(instance: &str) -> [PathBuf; 2] {
    ["/sys/fs/bpf/yagura", "/run/yagura"].map(|parent| Path::new(parent).join(instance))
}

/// Ids of the programs of a container's cgroup, as bpftool tells them.
fn cgroup_programs(container: &str) -> Result<Vec<Value>> {
    let roots = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let directories = roots.map(|root| Path::new(root).join(container));
    let directory = directories.iter().find(|directory| {
        // A controller's directory of v1 has no such file.
        directory.join("cgroup.controllers").exists()
    });
    let Some(directory) = directory else {
        anyhow::bail!("{container} has no cgroup of its own");
    };
    let mut command = Command::new("bpftool");
    command.args(["--json", "cgroup", "show"]).arg(directory);
    let output = run(&mut command, DEADLINE)?.expect(0)?;
    let text = output.text();
    let programs: Vec<Value> = match text.trim() {
        "" => Vec::new(),
        text => serde_json::from_str(text)?,
    };
    Ok(programs
        .iter()
        .map(|program| program["id"].clone())
        .collect())
}
