//! Many containers, and many programs at once: memory stays, nothing is lost.

use crate::harness::trial;
use crate::payload::Payload;
use crate::runc::{self, Container, Image, Spec};
use crate::sensor::{ALL_DRIFT, Sensor};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(crate) fn trials() -> Vec<Trial> {
    let needs: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    vec![
        trial(
            "churn::containers_come_and_go_and_memory_stays",
            &needs,
            memory_stays,
        ),
        trial("churn::a_storm_of_programs_hides_nothing", &needs, storm),
    ]
}

const CONTAINERS: usize = 200;
/// After as many, caches are warm.
const WARM: usize = 50;
/// What 150 further containers may add, in KiB: they are remembered for a minute.
const GROWTH_KIB_MAX: u64 = 8192;
/// How long a container may be remembered after its end.
const REMEMBERED_FOR: Duration = Duration::from_secs(90);
/// Containers of others that may run on this machine meanwhile.
const OTHERS_MAX: usize = 50;

fn memory_stays() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let argv = [
        "/bin/sh",
        "-c",
        "cp /payload/hello /tmp/h; chmod 755 /tmp/h; /tmp/h; exec sleep 1000000",
    ];
    let spec = Spec {
        argv: &argv,
        payload: Some(payload.path()),
        ..Spec::default()
    };
    let mut warm = 0;
    let mut ends = Vec::new();
    for number in 0..CONTAINERS {
        if number == WARM {
            warm = sensor.resident_kib()?;
        }
        let container = Container::start(&image, &spec)?;
        sensor.alert_about(&container.id, "/tmp/h")?;
        drop(container);
        ends.push(Instant::now());
    }
    let end = sensor.resident_kib()?;
    ensure!(
        end <= warm + GROWTH_KIB_MAX,
        "{warm} KiB after {WARM} containers, {end} KiB after {CONTAINERS}"
    );
    let ended = sensor.stop()?;
    ended.lost_nothing()?;
    let remembered = ended.stats["containers"].as_u64().context("containers")?;
    let recent = ends.iter().filter(|end| end.elapsed() < REMEMBERED_FOR);
    let remembered_max = u64::try_from(recent.count() + OTHERS_MAX)?;
    ensure!(
        remembered <= remembered_max,
        "{remembered} containers are remembered"
    );
    Ok(())
}

const EXECS: usize = 20_000;
const DRIFTED: usize = 100;

fn storm() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    for (program, name) in [("storm", "storm"), ("hello", "image-program")] {
        std::fs::copy(
            payload.path().join(program),
            image.rootfs.join("bin").join(name),
        )?;
    }
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let spec = Spec {
        payload: Some(payload.path()),
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    let every = EXECS / DRIFTED;
    // Not a copy of the image's program: that would be another provenance.
    container.shell(&format!(
        "i=0; while [ $i -lt {DRIFTED} ]; do cat /bin/image-program > /tmp/drifted-$i; echo $i >> /tmp/drifted-$i; \
         chmod 755 /tmp/drifted-$i; i=$((i + 1)); done; storm /bin/image-program {EXECS} {every}"
    ))?;
    let last = format!("/tmp/drifted-{}", DRIFTED - 1);
    sensor.alert_about(&container.id, &last)?;
    let expected: BTreeSet<String> = (0..DRIFTED)
        .map(|number| format!("/tmp/drifted-{number}"))
        .collect();
    for path in &expected {
        sensor.alert_about(&container.id, path)?;
    }
    let ended = sensor.stop()?;
    let alerts = ended.alerts_of(&container.id);
    let reported = alerts
        .iter()
        .filter_map(|alert| alert["drift"]["path"].as_str());
    let reported: BTreeSet<String> = reported.map(str::to_owned).collect();
    ensure!(
        reported == expected && alerts.len() == DRIFTED,
        "{} alerts: {reported:?}",
        alerts.len()
    );
    ended.lost_nothing()?;
    let execs = ended.stats["execs"].as_u64().context("execs")?;
    ensure!(execs >= (EXECS + DRIFTED) as u64, "{execs} execs were seen");
    Ok(())
}
