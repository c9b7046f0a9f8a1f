//! What policies ask to be stopped is stopped: with a sensor, without one, and until somebody takes it back.
//!
//! Each test has a sensor of its own name, and rules that hold for its own containers alone.

mod bomb;
mod crashed;
mod kills;
mod pods;
mod policies;
mod removal;
mod scene;
mod whole;

use crate::harness::{trial, wait_for};
use crate::payload::{Payload, sha256};
use crate::runc;
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::Signal;
use scene::{Change, DEADLINE_IN_FORCE, RULE, Scene, drift_policy};
use serde_json::Value;

pub(crate) fn trials() -> Vec<Trial> {
    let needs: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    type Test = fn() -> Result<()>;
    let tests: [(&'static str, Test); 6] = [
        ("enforcement::drift_is_refused_and_nobody_else_is", refused),
        ("enforcement::it_can_be_taken_back_at_any_time", released),
        ("enforcement::other_policies_hold_at_once", other_policies),
        (
            "enforcement::a_behaviour_is_stopped_unless_allowed",
            behaviour,
        ),
        ("enforcement::image_programs_may_be_touched", touched),
        ("enforcement::a_storm_gets_nothing_through", storm),
    ];
    let tests = tests
        .into_iter()
        .map(|(name, test)| trial(name, &needs, test));
    tests
        .chain(policies::trials())
        .chain(kills::trials(&needs))
        .chain(bomb::trials(&needs))
        .chain(removal::trials(&needs))
        .chain(crashed::trials(&needs))
        .chain(pods::trials(&needs))
        .chain(whole::trials(&needs))
        .collect()
}

fn refused() -> Result<()> {
    let scene = Scene::new()?;
    let (guarded, bystander) = (scene.id("guarded"), scene.id("bystander"));
    let sensor = scene.sensor(&drift_policy(3, Change::Block, &[&guarded]))?;
    let container = scene.container(&guarded)?;
    let other = scene.container(&bystander)?;
    let item = scene.wait_in_force(&guarded, "drift-binaries", "deny")?;
    ensure!(item["rule"] == RULE, "{item}");
    if item["outcome"] == "blocked" {
        // A sensor that had no time to answer leaves it to the signal.
        let says = wait_for("a refusal", DEADLINE_IN_FORCE, || {
            let output = container.refused("/tmp/drifted").ok()?;
            output.text().contains("code 126").then_some(output.stderr)
        })?;
        ensure!(says.contains("Operation not permitted"), "{says}");
    }
    container.refused("/tmp/drifted")?;
    // As the first program of a session, too.
    let session = container.exec(&["/tmp/drifted"])?;
    ensure!(session.code != Some(0), "it ran");
    ensure!(!container.has_marker(), "it ran");

    let alert = sensor.alert(&guarded, |alert| alert["drift"]["path"] == "/tmp/drifted")?;
    let outcome = alert["denial"]["outcome"].clone();
    ensure!(
        (outcome == "blocked" || outcome == "killed") && alert["action"] == outcome,
        "{alert}"
    );
    ensure!(alert["status"] == "auto-blocked", "{alert}");
    ensure!(
        alert["policy"]["rule"] == RULE && alert["policy"]["version"] == 3,
        "{alert}"
    );
    ensure!(
        alert["denial"]["kind"] == "binary" && alert["denial"]["file"] == "/tmp/drifted",
        "{alert}"
    );
    ensure!(
        alert["drift"]["sha256"] == sha256(&scene.marker())?,
        "{alert}"
    );

    other.ran("/tmp/drifted")?;
    ensure!(sensor.alerts_of(&bystander).is_empty(), "of the bystander");
    scene.host_program_runs()?;
    let ended = sensor.end(Some(Signal::TERM))?;
    ensure!(ended.code == Some(0), "{}", ended.stderr);
    container.refused("/tmp/drifted")?;
    ensure!(!container.has_marker(), "it ran without the sensor");
    Ok(())
}

fn released() -> Result<()> {
    let scene = Scene::new()?;
    let (one, two) = (scene.id("one"), scene.id("two"));
    let policy = drift_policy(1, Change::Block, &[&one, &two]);
    let (first, second) = (scene.container(&one)?, scene.container(&two)?);
    let sensor = scene.sensor(&policy)?;
    for (id, container) in [(&one, &first), (&two, &second)] {
        scene.wait_in_force(id, "drift-binaries", "deny")?;
        container.refused("/tmp/drifted")?;
    }
    scene.ask(&["release", "--container", &one], 0)?;
    first.ran("/tmp/drifted")?;
    second.refused("/tmp/drifted")?;
    ensure!(scene.enforced(&one)?["released"] == true, "not told");
    scene.ask(&["release", "--undo", "--container", &one], 0)?;
    first.refused("/tmp/drifted")?;
    scene.ask(&["release", "--container", "nobody-has-this-name"], 1)?;

    scene.ask(&["release"], 0)?;
    ensure!(scene.list()?["released"] == true, "not told");
    first.ran("/tmp/drifted")?;
    second.ran("/tmp/drifted")?;
    scene.ask(&["release", "--undo"], 0)?;
    first.refused("/tmp/drifted")?;

    drop(sensor);
    first.refused("/tmp/drifted")?;
    scene.ask(&["release", "--container", &one], 1)?;
    scene.ask(&["release"], 0)?;
    ensure!(scene.list()?["released"] == true, "not told");
    first.ran("/tmp/drifted")?;
    second.ran("/tmp/drifted")?;
    scene.ask(&["release", "--undo"], 0)?;
    first.refused("/tmp/drifted")?;
    second.refused("/tmp/drifted").map(drop)
}

fn other_policies() -> Result<()> {
    let scene = Scene::new()?;
    let guarded = scene.id("guarded");
    let sensor = scene.sensor(&drift_policy(1, Change::Alert, &[&guarded]))?;
    let container = scene.container(&guarded)?;
    container.ran("/tmp/drifted")?;
    sensor.alert(&guarded, |alert| {
        alert["action"] == "alerted" && alert["drift"]["path"] == "/tmp/drifted"
    })?;
    let in_force = |version: u64, action: &str| {
        scene.wait_for_version(version)?;
        scene.wait_in_force(&guarded, "drift-binaries", action)
    };
    sensor.write_policy(drift_policy(2, Change::Block, &[&guarded]).as_bytes())?;
    in_force(2, "deny")?;
    container.refused("/tmp/drifted")?;

    let broken = drift_policy(3, Change::Alert, &[&guarded]).replace("kinds:", "kind:");
    sensor.write_policy(broken.as_bytes())?;
    sensor.says("the policies in force stay")?;
    container.refused("/tmp/drifted")?;
    ensure!(scene.list()?["policy_version"] == 2, "it is in force");

    sensor.write_policy(drift_policy(4, Change::Observe, &[&guarded]).as_bytes())?;
    let item = in_force(4, "watch")?;
    ensure!(item["outcome"] == "watched", "{item}");
    container.ran("/tmp/drifted")?;
    let alert = sensor.alert(&guarded, |alert| alert["policy"]["version"] == 4)?;
    ensure!(alert["action"] == "alerted", "{alert}");
    sensor.stop().map(drop)
}

fn behaviour() -> Result<()> {
    let scene = Scene::new()?;
    let (guarded, bystander) = (scene.id("guarded"), scene.id("bystander"));
    let sensor = scene.sensor(&scene::defence_rule(&guarded))?;
    let container = scene.container(&guarded)?;
    let other = scene.container(&bystander)?;
    scene.wait_in_force(&guarded, "core-pattern", "deny")?;
    let output = container.exec(&["/bin/writer"])?;
    ensure!(
        output.code != Some(0) && !output.text().contains("written"),
        "it was written: {output:?}"
    );
    let alert = sensor.alert(&guarded, |alert| {
        alert["denial"]["behaviour"] == "core-pattern"
    })?;
    let denial = &alert["denial"];
    ensure!(
        denial["dimension"] == "file" && denial["kind"] == Value::Null,
        "{alert}"
    );
    ensure!(
        denial["exe"] == "/bin/writer" && denial["file"] == "/proc/sys/kernel/core_pattern",
        "{alert}"
    );
    ensure!(
        (denial["outcome"] == "blocked" || denial["outcome"] == "killed")
            && alert["action"] == denial["outcome"],
        "{alert}"
    );
    ensure!(
        alert["policy"]["rule"] == RULE && alert["policy"]["action"] == "block",
        "{alert}"
    );
    for (who, path) in [(&container, "/bin/allowed"), (&other, "/bin/writer")] {
        let output = who.exec(&[path])?.expect(0)?;
        ensure!(output.text().contains("written"), "{output:?}");
    }
    let ended = sensor.stop()?;
    let told = |id: &str| ended.alerts_of(id).len();
    ensure!(
        told(&bystander) == 0,
        "of the bystander: {:?}",
        ended.alerts
    );
    let of_allowed = ended
        .alerts_of(&guarded)
        .into_iter()
        .find(|alert| alert["denial"]["exe"] == "/bin/allowed");
    ensure!(of_allowed.is_none(), "{of_allowed:?}");
    Ok(())
}

fn touched() -> Result<()> {
    let scene = Scene::new()?;
    let guarded = scene.id("guarded");
    let sensor = scene.sensor(&drift_policy(1, Change::Block, &[&guarded]))?;
    let container = scene.container(&guarded)?;
    scene.wait_in_force(&guarded, "drift-binaries", "deny")?;
    container.refused("/tmp/drifted")?;
    for touch in [
        "chmod 700 /bin/tool",
        "chown 1:1 /bin/tool",
        "touch /bin/tool",
        "ln /bin/tool /bin/another",
    ] {
        container.shell(touch)?;
        let output = container.shell("/bin/tool").context(touch)?;
        ensure!(output == "ran\n", "after {touch}: {output}");
    }
    container.shell("echo more >> /bin/tool")?;
    container.refused("/bin/tool")?;
    container.shell("cat /bin/tool > /bin/writer")?;
    container.refused("/bin/writer")?;
    ensure!(!container.has_marker(), "the drifted program ran");
    sensor.stop().map(drop)
}

const EXECS: usize = 4000;
const DRIFTED: usize = 40;

fn storm() -> Result<()> {
    let scene = Scene::new()?;
    let guarded = scene.id("guarded");
    let sensor = scene.sensor(&drift_policy(1, Change::Block, &[&guarded]))?;
    let container = scene.container(&guarded)?;
    scene.wait_in_force(&guarded, "drift-binaries", "deny")?;
    let every = EXECS / DRIFTED;
    let output = container.shell(&format!(
        "i=0; while [ $i -lt {DRIFTED} ]; do cat /payload/marker > /tmp/drifted-$i; \
         echo $i >> /tmp/drifted-$i; chmod 755 /tmp/drifted-$i; i=$((i + 1)); done; \
         /bin/gale /bin/tool {EXECS} {every}"
    ))?;
    let ran = output.lines().filter(|line| *line == "ran").count();
    ensure!(ran == EXECS, "{ran} image programs ran");
    ensure!(
        output.contains(&format!("refused {DRIFTED}\n")),
        "{}",
        output.replace("ran\n", "")
    );
    ensure!(!container.has_marker(), "a drifted program ran");
    for number in 0..DRIFTED {
        sensor.alert_about(&guarded, &format!("/tmp/drifted-{number}"))?;
    }
    sensor.stop().map(drop)
}
