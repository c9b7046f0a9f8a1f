//! What is wrong in files, rights, sockets and pipes, and how a sensor stops.

use crate::harness::{DEADLINE, run, trial, wait_for, yagura};
use crate::payload::Payload;
use crate::runc::{self, Container, Image, Spec};
use crate::sensor::{ALL_DRIFT, NEEDS, STOP_MAX, Sensor, is_there};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use yagura_testkit::ScratchDir;

/// How long a changed policy file may take to be in force.
const RELOAD_MAX: Duration = Duration::from_secs(2);

pub(crate) fn trials() -> Vec<Trial> {
    let containers: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    vec![
        trial(
            "bad_input::broken_policies_are_refused",
            &NEEDS,
            broken_policies,
        ),
        trial(
            "bad_input::a_broken_change_leaves_the_policy",
            &containers,
            changed_policy,
        ),
        trial(
            "bad_input::rights_that_are_missing_are_named",
            &["root", "setpriv"],
            no_rights,
        ),
        trial(
            "bad_input::signals_stop_it_and_nothing_stays",
            &["root", "bpftool"],
            stops,
        ),
        trial(
            "bad_input::a_closed_output_ends_it",
            &containers,
            closed_output,
        ),
        trial(
            "bad_input::no_socket_still_gives_an_identity",
            &containers,
            no_socket,
        ),
    ]
}

const MANY_ERRORS: &str = "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Twice
      action: alert
      colour: red
    - name: Twice
      action: allow
      scope: { conditions: [{ field: namespace, operator: matches, values: [a] }] }
    - name: Default binary drift rule
      action: ignore
";

fn broken_policies() -> Result<()> {
    let dir = ScratchDir::new()?;
    let file = dir.join("broken.yaml");
    let sensor = |content: &[u8]| -> Result<String> {
        fs::write(&file, content)?;
        let mut command = yagura();
        command
            .args(["sensor", "--local", "--duration", "1s", "--drift-policy"])
            .arg(&file);
        let output = run(&mut command, DEADLINE)?.expect(2)?;
        ensure!(output.stdout.is_empty(), "{}", output.text());
        ensure!(output.stderr.contains("broken.yaml"), "{}", output.stderr);
        Ok(output.stderr)
    };
    let said = sensor(MANY_ERRORS.as_bytes())?;
    for problem in ["colour", "allow", "matches", "Twice", "default rule"] {
        ensure!(said.contains(problem), "{problem} is not named: {said}");
    }
    for line in ["7:7", "9:15"] {
        ensure!(
            said.contains(&format!("broken.yaml:{line}")),
            "{line} is not named: {said}"
        );
    }
    sensor(b"apiVersion: yagura.dev/v1\nkind: \xff\xfe\n")?;
    sensor(b"spec: [unclosed")?;
    sensor(b"")?;
    let huge = [
        ALL_DRIFT.as_bytes(),
        &b"# filler\n".repeat(10 * 1024 * 1024 / 9),
    ]
    .concat();
    sensor(&huge)?;
    let mut missing = yagura();
    missing
        .args(["sensor", "--local", "--drift-policy"])
        .arg(dir.join("missing.yaml"));
    run(&mut missing, DEADLINE)?.expect(2)?;
    run(yagura().args(["sensor"]), DEADLINE)?.expect(2)?;
    run(
        yagura().args(["sensor", "--local", "--cloud", "cumulus"]),
        DEADLINE,
    )?
    .expect(2)
    .map(drop)
}

fn changed_policy() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let spec = Spec {
        payload: Some(payload.path()),
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    container.drop_and_run("hello", "/tmp/first")?;
    sensor.alert_about(&container.id, "/tmp/first")?;
    sensor.write_policy(b"spec: [unclosed")?;
    sensor.says("the policies in force stay")?;
    container.drop_and_run("hello", "/tmp/second")?;
    let alert = sensor.alert_about(&container.id, "/tmp/second")?;
    ensure!(
        alert["policy"]["rule"] == "Everything" && alert["policy"]["version"] == 7,
        "{alert:#}"
    );
    let changed = ALL_DRIFT
        .replace("Everything", "Renamed")
        .replace("version: 7", "version: 8");
    sensor.write_policy(changed.as_bytes())?;
    let begun = Instant::now();
    let mut number = 0;
    let alert = loop {
        number += 1;
        let path = format!("/tmp/third-{number}");
        container.drop_and_run("hello", &path)?;
        let alert = sensor.alert_about(&container.id, &path)?;
        if alert["policy"]["rule"] == "Renamed" {
            break alert;
        }
        ensure!(
            begun.elapsed() < RELOAD_MAX,
            "the new policy is not in force"
        );
    };
    ensure!(alert["policy"]["version"] == 8, "{alert:#}");
    let ended = sensor.stop()?;
    ensure!(ended.stderr.contains("policy.yaml:"), "{}", ended.stderr);
    Ok(())
}

fn no_rights() -> Result<()> {
    // Where this user may not look, the executable itself could not be started.
    let dir = ScratchDir::new()?;
    let copy = dir.join("yagura");
    fs::copy(env!("CARGO_BIN_EXE_yagura"), &copy)?;
    for arguments in [
        ["sensor", "--local", "--duration=1s"].as_slice(),
        &["simulate", "drift"],
    ] {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
        let output = run(command.arg(&copy).args(arguments), DEADLINE)?.expect(3)?;
        ensure!(output.stdout.is_empty(), "{}", output.text());
        let said = output.stderr.to_lowercase();
        let names_it = ["cap_", "root", "permission", "operation not permitted"];
        ensure!(names_it.iter().any(|word| said.contains(word)), "{said}");
        ensure!(said.contains("doctor"), "{said}");
    }
    Ok(())
}

fn stops() -> Result<()> {
    for signal in [Signal::TERM, Signal::INT] {
        let sensor = Sensor::start(ALL_DRIFT, &[])?;
        let objects = sensor.kernel_objects()?;
        ensure!(
            objects.iter().any(|object| object.starts_with("prog")),
            "{objects:?}"
        );
        let (pid, mounts) = (sensor.pid(), special_mounts()?);
        let ended = sensor.end(Some(signal))?;
        ensure!(
            ended.code == Some(0),
            "{signal:?}: {:?} {}",
            ended.code,
            ended.stderr
        );
        ensure!(ended.took < STOP_MAX, "{signal:?}: {:?}", ended.took);
        ensure!(
            ended.stderr.lines().filter(|line| *line == "ready").count() == 1,
            "{}",
            ended.stderr
        );
        ensure!(!fs::exists(format!("/proc/{pid}"))?);
        // The kernel frees them a little later.
        wait_for("the kernel to free everything", DEADLINE, || {
            objects.iter().all(|object| !is_there(object)).then_some(())
        })?;
        ensure!(special_mounts()? == mounts, "mounted: {mounts:?}");
    }
    let ended = Sensor::start(ALL_DRIFT, &["--duration", "1s"])?.end(None)?;
    ensure!(
        ended.code == Some(0) && ended.stats["lost"].is_object(),
        "{}",
        ended.stderr
    );
    Ok(())
}

/// What a tool of this kind could leave mounted on the host.
fn special_mounts() -> Result<BTreeSet<String>> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let kinds = [" - bpf ", " - tracefs ", " - debugfs ", " - cgroup2 "];
    let special = mounts
        .lines()
        .filter(|line| kinds.iter().any(|kind| line.contains(kind)));
    Ok(special.map(str::to_owned).collect())
}

fn closed_output() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let file = image.dir.join("policy.yaml");
    fs::write(&file, ALL_DRIFT)?;
    let mut child = Sensor::start_unheard(&file)?;
    let spec = Spec {
        payload: Some(payload.path()),
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    container.drop_and_run("hello", "/tmp/dropped")?;
    let status = wait_for("the sensor's end", DEADLINE, || {
        child.try_wait().ok().flatten()
    });
    if status.is_err() {
        child.kill()?;
    }
    let status = status?;
    ensure!(status.code() == Some(0), "{status}");
    Ok(())
}

fn no_socket() -> Result<()> {
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let usual = Spec {
        payload: Some(payload.path()),
        usual_state: true,
        ..Spec::default()
    };
    let hidden = Spec {
        usual_state: false,
        ..usual.clone()
    };
    let early = [
        Container::start(&image, &usual)?,
        Container::start(&image, &hidden)?,
    ];
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let late = [
        Container::start(&image, &usual)?,
        Container::start(&image, &hidden)?,
    ];
    for [usual, hidden] in [&early, &late] {
        for container in [usual, hidden] {
            container.drop_and_run("hello", "/tmp/dropped")?;
            let alert = sensor.alert_about(&container.id, "/tmp/dropped")?;
            ensure!(alert["drift"]["sha256"].is_string(), "{alert:#}");
            let writer = alert["drift"]["written_by"]["argv"]
                .as_array()
                .context("no writer")?;
            ensure!(
                writer.first().is_some_and(|name| name == "/bin/cp"),
                "{alert:#}"
            );
        }
        let alert = sensor.alert_about(&usual.id, "/tmp/dropped")?;
        let found = &alert["container"];
        ensure!(
            found["runtime"] == "runc" && found["name"] == usual.id.as_str(),
            "{alert:#}"
        );
        // Its cgroup is all there is, and the alert says so.
        let alert = sensor.alert_about(&hidden.id, "/tmp/dropped")?;
        let gaps = alert["gaps"].as_array().context("gaps")?;
        ensure!(
            alert["container"]["runtime"] == "unknown" && !gaps.is_empty(),
            "{alert:#}"
        );
    }
    sensor.stop().map(drop)
}
