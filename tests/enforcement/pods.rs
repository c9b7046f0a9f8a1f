//! Drift in pods of a real containerd is stopped before it has an effect, in those alone that the rule is about.

use super::scene::{RULE, Scene};
use crate::harness::trial;
use crate::payload::sha256;
use crate::pods::{Node, pod};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use yagura_testkit::{Containerd, RunningContainer};

const WAITING: &str = "sleep 1000000";

pub(super) fn trials(needs: &[&'static str]) -> Vec<Trial> {
    let needs: Vec<&str> = needs.iter().copied().chain(Containerd::NEEDS).collect();
    let name = "enforcement::drift_in_a_pod_is_stopped_before_it_has_an_effect";
    vec![trial(name, &needs, stopped)]
}

fn stopped() -> Result<()> {
    let scene = Scene::new()?;
    let node = Node::start()?;
    // Pods of other tests have namespaces of other names.
    let [vault, shop] = ["vault", "shop"].map(|name| format!("{name}-{}", scene.instance()));
    let sensor = scene.sensor(&format!(
        "apiVersion: yagura.dev/v1
kind: DriftPolicy
metadata: {{ version: 4 }}
spec:
  rules:
    - name: {RULE}
      action: block
      kinds: [binaries]
      scope:
        conditions:
          - {{ field: namespace, operator: equals, values: [{vault}] }}
          - {{ field: pod-label, key: app, operator: equals, values: [web] }}
"
    ))?;
    let labels = [("app", "web")];
    let guarded = node.run(&pod("web-0", &vault, &labels), "server", WAITING)?;
    let bystander = node.run(&pod("web-1", &shop, &labels), "server", WAITING)?;
    let item = scene.wait_in_force(&guarded.id, "drift-binaries", "deny")?;
    let listed = scene.enforced(&guarded.id)?;
    ensure!(
        listed["namespace"] == vault.as_str() && listed["pod"] == "web-0",
        "{listed}"
    );
    let code = refused(&node, &guarded)?;
    let alert = sensor.alert(&guarded.id, |alert| {
        alert["drift"]["path"] == "/tmp/dropped"
    })?;
    let denial = &alert["denial"];
    ensure!(
        alert["status"] == "auto-blocked" && alert["action"] == denial["outcome"],
        "{alert}"
    );
    // Programs of BPF LSM refuse, and so the process that asked goes on.
    let by_lsm = scene.list()?["backend"] == "bpf-lsm";
    ensure!(
        !by_lsm
            || (code == "126" && denial["outcome"] == "blocked" && item["outcome"] == "blocked"),
        "{code}: {alert}"
    );
    ensure!(
        alert["pod"]["name"] == "web-0" && alert["pod"]["labels"]["app"] == "web",
        "{alert}"
    );
    ensure!(
        alert["drift"]["sha256"] == sha256(&node.payload.path().join("hello"))?,
        "{alert}"
    );
    node.drop_and_run(&bystander, "hello", "/tmp/dropped")?;
    sensor.kill()?;
    refused(&node, &guarded)?;
    node.drop_and_run(&bystander, "hello", "/tmp/dropped")
}

/// Copies a program into a pod's container and runs it, which has to be refused before it says anything; the code that
/// its shell saw.
fn refused(node: &Node, container: &RunningContainer) -> Result<String> {
    let script = "cp /payload/hello /tmp/dropped && chmod 755 /tmp/dropped || exit; \
                  /tmp/dropped; echo code $?";
    let run = ["/bin/sh", "-c", script];
    let output = node.containerd.exec(&container.id, &run)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = said.strip_prefix("code ").map(str::trim_end);
    ensure!(
        output.status == 0 && matches!(code, Some("126" | "137")),
        "{output:?}"
    );
    Ok(code.unwrap_or_default().to_owned())
}
