//! `sensor --record` and `replay`: the same alerts again, others under another policy, damage told.

use crate::harness::{DEADLINE, Output, run, trial, yagura};
use crate::payload::Payload;
use crate::runc::{self, Container, Image, Spec};
use crate::sensor::{ALL_DRIFT, Sensor, parse_alert};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::fs;
use std::path::Path;

pub(crate) fn trials() -> Vec<Trial> {
    let needs: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    vec![
        trial("recording::replays_byte_for_byte", &needs, byte_for_byte),
        trial(
            "recording::detections_replay_byte_for_byte",
            &runc::NEEDS,
            detections,
        ),
    ]
}

fn byte_for_byte() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let policy = image.dir.join("policy.yaml");
    fs::write(&policy, ALL_DRIFT)?;
    let capture = image.dir.join("recording");
    let spec = Spec {
        payload: Some(payload.path()),
        // A container of a known runtime and in no pod: rules about pods certainly do not match.
        usual_state: true,
        ..Spec::default()
    };
    let early = Container::start(&image, &spec)?;
    let sensor = Sensor::start(ALL_DRIFT, &["--record", &capture.to_string_lossy()])?;
    let late = Container::start(&image, &spec)?;
    for container in [&early, &late] {
        container.drop_and_run("hello", "/tmp/dropped")?;
        // It wants arguments.
        let refused = container.drop_and_run("storm", "/tmp/other");
        ensure!(refused.is_err(), "{refused:?}");
        container.shell(
            "echo 'echo script' > /tmp/script; sh /tmp/script; cp /bin/busybox /tmp/ls; /tmp/ls",
        )?;
        for path in ["/tmp/dropped", "/tmp/other", "/tmp/script", "/tmp/ls"] {
            sensor.alert_about(&container.id, path)?;
        }
    }
    let ended = sensor.stop()?;
    ended.lost_nothing()?;
    ensure!(
        ended.alerts_of(&late.id).len() == 4,
        "{:#?}",
        ended.alerts_of(&late.id)
    );
    let replayed = replay(&capture, &policy)?.expect(0)?;
    ensure!(
        replayed.stdout == ended.raw,
        "{}\nreplayed: {}",
        String::from_utf8_lossy(&ended.raw),
        replayed.text()
    );
    ensure!(
        replay(&capture, &policy)?.stdout == ended.raw,
        "a second replay differs"
    );
    other_policies(&capture, &policy, &late)?;
    damaged(&capture, &policy, &ended.raw)
}

/// Detections depend on more: what waits for metadata, sequences, counts, repeats, sessions that are held.
fn detections() -> Result<()> {
    let image = Image::busybox()?;
    let policy = image.dir.join("policy.yaml");
    fs::write(&policy, ALL_DRIFT)?;
    let capture = image.dir.join("recording");
    let sensor = Sensor::start_detecting(ALL_DRIFT, &["--record", &capture.to_string_lossy()])?;
    let container = Container::start(
        &image,
        &Spec {
            usual_state: true,
            ..Spec::default()
        },
    )?;
    for command in [
        "id; whoami; uname -a; cat /etc/passwd > /dev/null",
        "nc 127.0.0.1 9 -e /bin/sh || true",
        "nc 127.0.0.1 9 -e /bin/sh || true",
        "echo 'x:x:0:0::/:/bin/sh' >> /etc/passwd",
        "cp /bin/busybox /tmp/ls; /tmp/ls > /dev/null",
    ] {
        container.shell(command)?;
    }
    let is_reverse_shell = |alert: &serde_json::Value| alert["key"] == "proc.reverse_shell_command";
    sensor.alert(&container.id, is_reverse_shell)?;
    sensor.alert(&container.id, |alert| {
        alert["key"] == "proc.linux_account_creation"
    })?;
    sensor.alert_about(&container.id, "/tmp/ls")?;
    let ended = sensor.stop()?;
    let repeated = ended
        .alerts_of(&container.id)
        .into_iter()
        .any(|alert| is_reverse_shell(alert) && alert["count"] == 2);
    ensure!(
        repeated,
        "the repeat was not counted: {:#?}",
        ended.alerts_of(&container.id)
    );
    let mut command = yagura();
    command
        .arg("replay")
        .arg(&capture)
        .arg("--drift-policy")
        .arg(&policy);
    let replayed = run(&mut command, DEADLINE)?.expect(0)?;
    ensure!(
        replayed.stdout == ended.raw,
        "{}\nreplayed: {}",
        String::from_utf8_lossy(&ended.raw),
        replayed.text()
    );
    Ok(())
}

fn replay(capture: &Path, policy: &Path) -> Result<Output> {
    run(
        yagura()
            .arg("replay")
            .arg(capture)
            .arg("--no-catalogue")
            .arg("--drift-policy")
            .arg(policy),
        DEADLINE,
    )
}

fn other_policies(capture: &Path, policy: &Path, container: &Container) -> Result<()> {
    // The built-in policy reports kube-system alone; containers of other tests may be doubtful.
    let output = run(
        yagura().arg("replay").arg(capture).arg("--no-catalogue"),
        DEADLINE,
    )?
    .expect(0)?;
    ensure!(!output.text().contains(&container.id), "{}", output.text());
    let scripts = ALL_DRIFT.replace("binaries, libraries, scripts", "scripts");
    fs::write(policy, scripts.replace("Everything", "Only scripts"))?;
    let output = replay(capture, policy)?.expect(0)?;
    let mut paths = Vec::new();
    for line in output.stdout.split_inclusive(|byte| *byte == b'\n') {
        let alert = parse_alert(line)?;
        ensure!(
            alert["policy"]["rule"] == "Only scripts" && alert["drift"]["kind"] == "script",
            "{alert:#}"
        );
        if alert["container"]["id"] == container.id.as_str() {
            paths.push(alert["drift"]["path"].clone());
        }
    }
    ensure!(paths == ["/tmp/script"], "{paths:?}");
    Ok(fs::write(policy, ALL_DRIFT)?)
}

fn damaged(capture: &Path, policy: &Path, whole: &[u8]) -> Result<()> {
    let bytes = fs::read(capture)?;
    let file = capture.with_extension("damaged");
    let tried = |content: &[u8]| -> Result<Output> {
        fs::write(&file, content)?;
        replay(&file, policy)
    };
    for share in [2, 3, 10] {
        // Cut off, as when the machine lost its power: whole blocks of what was recorded are replayed. A short recording
        // is one block.
        let cut = tried(&bytes[..bytes.len() - bytes.len() / share])?;
        ensure!(matches!(cut.code, Some(0..=2)), "{cut:?}");
        ensure!(whole.starts_with(&cut.stdout), "{}", cut.text());
        ensure!(
            cut.code == Some(0) || !cut.stderr.is_empty(),
            "damage is not told"
        );
        let mut flipped = bytes.clone();
        flipped[bytes.len() / share] ^= 0x40;
        let flipped = tried(&flipped)?;
        ensure!(matches!(flipped.code, Some(1 | 2)), "{flipped:?}");
        ensure!(!flipped.stderr.is_empty(), "damage is not told");
        for line in flipped.stdout.split_inclusive(|byte| *byte == b'\n') {
            parse_alert(line)?;
        }
    }
    for no_recording in [b"".as_slice(), b"{}", &bytes[..10], &[0; 4096]] {
        tried(no_recording)?.expect(2)?;
    }
    let missing = replay(&capture.with_extension("missing"), policy)?.expect(2)?;
    ensure!(missing.stderr.contains("missing"), "{}", missing.stderr);
    Ok(())
}
