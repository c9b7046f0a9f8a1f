//! Podman's containers.

use crate::harness::trial;
use crate::payload::Payload;
use crate::sensor::{ALL_DRIFT, Sensor};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use yagura_testkit::Podman;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial(
        "podman::containers_have_name_and_image",
        &Podman::NEEDS,
        name_and_image,
    )]
}

fn name_and_image() -> Result<()> {
    let payload = Payload::build()?;
    let podman = Podman::start()?;
    let volume = format!("{}:/payload:ro", payload.path().display());
    let run = |name: &str| {
        let options = ["--name", name, "--volume", &volume];
        podman.run(&options, &["/bin/sleep", "1000000"])
    };
    let drop_and_run = "cp /payload/hello /tmp/dropped; chmod 755 /tmp/dropped; /tmp/dropped";
    let early = run("early")?;
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let late = run("late")?;
    for (name, container) in [("early", &early), ("late", &late)] {
        podman.podman(&["exec", name, "/bin/sh", "-c", drop_and_run])?;
        let alert = sensor.alert_about(&container.id, "/tmp/dropped")?;
        let found = &alert["container"];
        ensure!(
            found["name"] == name && found["image"] == Podman::IMAGE,
            "{found:#}"
        );
        ensure!(
            found["runtime"] == "podman" && alert["pod"].is_null(),
            "{alert:#}"
        );
        ensure!(alert["gaps"] == serde_json::json!([]), "{alert:#}");
    }
    let ended = sensor.stop()?;
    ensure!(ended.alerts_of(&early.id).len() == 1 && ended.alerts_of(&late.id).len() == 1);
    Ok(())
}
