//! A sensor that is killed in the middle: drift and a way out go on being denied, nobody else is touched, and the next
//! sensor takes it over.

use super::scene::{Change, DEADLINE_IN_FORCE, Guarded, RULE, Scene, defence_rule, drift_policy};
use crate::harness::{trial, wait_for};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;
use std::fs;

/// Attempts of each kind that are waited for before and after the sensor's death.
const ATTEMPTS: usize = 10;

/// Tries, from `/tmp/go` on, the drifted program and a way out in turn, and notes how each ended.
const TRIES: &str = "cp /payload/marker /tmp/drifted; chmod 755 /tmp/drifted
    touch /tmp/drift /tmp/escape /tmp/written
    until [ -e /tmp/go ]; do sleep 0.02; done
    while :; do
        /tmp/drifted; echo code $? >>/tmp/drift
        /bin/writer >>/tmp/written; echo code $? >>/tmp/escape
        sleep 0.02
    done";

pub(super) fn trials(needs: &[&'static str]) -> Vec<Trial> {
    let name = "enforcement::a_crash_of_the_sensor_opens_no_way_out";
    vec![trial(name, needs, crashed)]
}

fn crashed() -> Result<()> {
    let scene = Scene::new()?;
    let (guarded, bystander) = (scene.id("guarded"), scene.id("bystander"));
    let drift = drift_policy(1, Change::Block, &[&guarded]);
    let policy = format!("{drift}---\n{}", defence_rule(&guarded));
    let sensor = scene.sensor(&policy)?;
    let container = scene.container_running(&guarded, TRIES)?;
    let other = scene.container(&bystander)?;
    for what in ["drift-binaries", "core-pattern"] {
        let item = scene.wait_in_force(&guarded, what, "deny")?;
        ensure!(item["rule"] == RULE, "{item}");
    }
    fs::write(container.path("/tmp/go"), "")?;
    still_denied(&container)?;
    sensor.kill()?;

    still_denied(&container)?;
    ensure!(scene.list()?["sensor"] == false, "a sensor is there");
    other.ran("/tmp/drifted")?;
    let written = other.exec(&["/bin/writer"])?.expect(0)?;
    ensure!(written.text() == "written\n", "{written:?}");
    scene.host_program_runs()?;
    still_denied(&container)?;

    let sensor = scene.sensor(&policy)?;
    for what in ["drift-binaries", "core-pattern"] {
        scene.wait_in_force(&guarded, what, "deny")?;
    }
    still_denied(&container)?;
    let is_denied = |alert: &Value, pointer: &str, expected: &str| {
        let found = alert.pointer(pointer).and_then(Value::as_str);
        found == Some(expected) && alert["status"] == "auto-blocked"
    };
    sensor.alert(&guarded, |alert| {
        is_denied(alert, "/drift/path", "/tmp/drifted")
    })?;
    sensor.alert(&guarded, |alert| {
        is_denied(alert, "/denial/behaviour", "core-pattern")
    })?;
    ensure!(sensor.alerts_of(&bystander).is_empty(), "of the bystander");
    sensor.stop().map(drop)
}

/// Both were tried again and again from now on, and never had an effect.
fn still_denied(container: &Guarded) -> Result<()> {
    for kind in ["drift", "escape"] {
        let codes = || fs::read_to_string(container.path(&format!("/tmp/{kind}")));
        let before = codes()?.lines().count();
        let codes = wait_for("further attempts", DEADLINE_IN_FORCE, || {
            let codes = codes().ok()?;
            (codes.lines().count() >= before + ATTEMPTS).then_some(codes)
        })
        .context(kind)?;
        let succeeded = codes.lines().find(|line| *line == "code 0");
        ensure!(succeeded.is_none(), "{kind}: {codes}");
    }
    let written = fs::read_to_string(container.path("/tmp/written"))?;
    ensure!(written.is_empty(), "core_pattern was written: {written}");
    ensure!(!container.has_marker(), "the drifted program ran");
    Ok(())
}
