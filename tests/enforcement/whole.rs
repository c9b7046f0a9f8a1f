//! What rules decide about a container as a whole: images at risk, a fuse that blows; and calls that are asked about.

use super::scene::{RULE, Scene, defence_rule};
use crate::harness::{DEADLINE, run, trial, wait_for, yagura};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::Value;
use yagura_testkit::Podman;

pub(super) fn trials(needs: &[&'static str]) -> Vec<Trial> {
    let with_podman: Vec<&str> = needs.iter().copied().chain(Podman::NEEDS).collect();
    vec![
        trial(
            "enforcement::a_container_of_an_image_at_risk_is_stopped",
            &with_podman,
            image_at_risk,
        ),
        trial(
            "enforcement::a_fuse_that_blows_is_told_of_and_ends_blocking",
            needs,
            fuse,
        ),
        trial(
            "enforcement::calls_are_refused_where_the_wrapper_asks",
            needs,
            asked,
        ),
    ]
}

fn image_at_risk() -> Result<()> {
    let scene = Scene::new()?;
    let name = |what: &str| format!("{what}-{}", scene.instance());
    let names = ["early", "late", "bystander"].map(name);
    let [early, late, bystander] = names.each_ref().map(String::as_str);
    let podman = Podman::start()?;
    let start = |name: &str| podman.run(&["--name", name], &["/bin/sleep", "1000000"]);
    let early_container = start(early)?;
    let sensor = scene.sensor(&format!(
        "apiVersion: yagura.dev/v1
kind: AtRiskImageRule
metadata: {{ name: {RULE} }}
spec:
  action: block
  images: ['{image}']
  scope:
    conditions:
      - {{ field: container-name, operator: equals, values: [{early}, {late}] }}
",
        image = Podman::IMAGE.replace("busybox", "busy*"),
    ))?;
    let _other = start(bystander)?;
    let stopped = start(late)?;
    let alert = sensor.alert(&stopped.id, |alert| alert["policy"]["rule"] == RULE)?;
    ensure!(
        alert["action"] == "killed" && alert["status"] == "auto-blocked",
        "{alert}"
    );
    ensure!(
        alert["explanation"]
            .as_str()
            .is_some_and(|text| text.contains(Podman::IMAGE)),
        "{alert}"
    );
    let running = |name: &str| {
        let format = "{{.State.Running}} {{.State.ExitCode}}";
        podman.podman(&["inspect", "--format", format, name])
    };
    wait_for("the container's end", DEADLINE, || {
        (running(late).ok()?.trim() == "false 137").then_some(())
    })?;
    // What ran before is told of, and nobody pulls it from under its users.
    let alert = sensor.alert(&early_container.id, |alert| alert["policy"]["rule"] == RULE)?;
    ensure!(alert["action"] == "alerted", "{alert}");
    for name in [early, bystander] {
        ensure!(running(name)?.trim() == "true 0", "{name} was stopped");
    }
    sensor.stop().map(drop)
}

fn fuse() -> Result<()> {
    let scene = Scene::new()?;
    let workload = scene.id("crashing");
    let rule = defence_rule(&workload).replace(
        "  action: block\n",
        "  action: block\n  fuse: { restarts: 2, within: 1h }\n",
    );
    let sensor = scene.sensor(&rule)?;
    for _ in 0..2 {
        let container = scene.container(&workload)?;
        scene.wait_in_force(&workload, "core-pattern", "deny")?;
        let output = container.exec(&["/bin/writer"])?;
        ensure!(!output.text().contains("written"), "{output:?}");
        sensor.alert(&workload, |alert| alert["action"] != "alerted")?;
    }
    let container = scene.container(&workload)?;
    scene.wait_in_force(&workload, "core-pattern", "watch")?;
    let told = sensor.alert(&workload, |alert| {
        alert["title"]
            .as_str()
            .is_some_and(|title| title.starts_with("Blocking ended"))
    })?;
    ensure!(told["policy"]["rule"] == RULE, "{told}");
    let output = container.exec(&["/bin/writer"])?.expect(0)?;
    ensure!(output.text().contains("written"), "{output:?}");
    sensor.stop().map(drop)
}

/// Calls that take effect at once are refused rather than followed by a signal.
fn asked() -> Result<()> {
    let mut command = yagura();
    command.args([
        "simulate",
        "escapes",
        "--enforce",
        "--runtime-wrapper",
        "--output",
        "json",
    ]);
    for technique in ["mount", "keyctl", "ptrace-host", "nsenter"] {
        command.args(["--technique", technique]);
    }
    let output = run(&mut command, DEADLINE * 6)?.expect(0)?;
    let results = output.text();
    let results: Vec<Value> = results
        .lines()
        .map(|line| serde_json::from_str(line).context("a line"))
        .collect::<Result<_>>()?;
    ensure!(results.len() == 4, "{results:?}");
    for result in results {
        let means = &result["means"][0];
        ensure!(
            result["outcome"] == "blocked"
                && (means == "seccomp-notify" || means == "bpf-lsm")
                && result["alerted"] == true,
            "{result}"
        );
    }
    Ok(())
}
