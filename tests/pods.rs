//! Pods of a real containerd: what an alert says, which rule decides, and containers that were there before.

use crate::harness::{DEADLINE, trial, wait_for};
use crate::payload::{Payload, sha256};
use crate::sensor::{ALL_DRIFT, Sensor};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use serde_json::{Value, json};
use yagura_testkit::{BindMount, ContainerSpec, Containerd, PodSpec, RunningContainer, ScratchDir};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial(
            "pods::an_alert_has_every_field",
            &Containerd::NEEDS,
            every_field,
        ),
        trial(
            "pods::the_first_rule_that_matches_decides",
            &Containerd::NEEDS,
            rules,
        ),
        trial(
            "pods::containers_from_before_are_known",
            &Containerd::NEEDS,
            from_before,
        ),
    ]
}

/// A containerd, programs to drop, and a folder by which a container is told to go on.
pub(crate) struct Node {
    pub(crate) containerd: Containerd,
    pub(crate) payload: Payload,
    control: ScratchDir,
}

impl Node {
    pub(crate) fn start() -> Result<Node> {
        Ok(Node {
            containerd: Containerd::start()?,
            payload: Payload::build()?,
            control: ScratchDir::new()?,
        })
    }

    /// Runs a container in a pod of its own.
    pub(crate) fn run(&self, pod: &PodSpec, name: &str, script: &str) -> Result<RunningContainer> {
        let pod = self.containerd.run_pod(pod)?;
        let mount = |source: &std::path::Path, destination: &str| BindMount {
            source: source.to_owned(),
            destination: destination.to_owned(),
            read_only: true,
        };
        let command = ["/bin/sh", "-c", script].map(str::to_owned);
        Ok(self.containerd.run_container(
            &pod,
            &ContainerSpec {
                name: name.to_owned(),
                command: command.to_vec(),
                mounts: vec![
                    mount(self.payload.path(), "/payload"),
                    mount(self.control.path(), "/control"),
                ],
                privileged: false,
            },
        )?)
    }

    /// Copies a program of the payload into a container, and runs it.
    pub(crate) fn drop_and_run(
        &self,
        container: &RunningContainer,
        payload: &str,
        path: &str,
    ) -> Result<()> {
        let script = format!("cp /payload/{payload} {path} && chmod 755 {path} && {path}");
        let output = self
            .containerd
            .exec(&container.id, &["/bin/sh", "-c", &script])?;
        ensure!(output.stdout == b"ran\n", "{output:?}");
        Ok(())
    }
}

pub(crate) fn pod(name: &str, namespace: &str, labels: &[(&str, &str)]) -> PodSpec {
    PodSpec {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        uid: format!("uid-of-{name}"),
        labels: labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        privileged: false,
    }
}

const WAITING: &str = "sleep 1000000";
/// Waits for a word, then runs a dropped program from a shell of its own.
const WHEN_TOLD: &str = "until [ -e /control/go ]; do sleep 0.05; done; \
    /bin/cp /payload/hello /tmp/dropped; chmod 755 /tmp/dropped; \
    sh -c 'cd /tmp; /tmp/dropped; true'; sleep 1000000";

fn every_field() -> Result<()> {
    let node = Node::start()?;
    let sensor = Sensor::start(ALL_DRIFT, &["--cloud", "azure/sub-1"])?;
    let web = pod("web-0", "shop", &[("app", "web"), ("tier", "front")]);
    let container = node.run(&web, "server", WHEN_TOLD)?;
    std::fs::write(node.control.join("go"), "")?;
    let alert = sensor.alert_about(&container.id, "/tmp/dropped")?;
    let digest = image_digest(&node.containerd)?;
    let pid = container.pid;
    let sha256 = sha256(&node.payload.path().join("hello"))?;
    for (pointer, expected) in expected_fields(&digest, &sha256) {
        let found = alert.pointer(pointer).unwrap_or(&Value::Null);
        ensure!(
            *found == expected,
            "{pointer} is {found}, not {expected}: {alert:#}"
        );
    }
    let first = alert["process"]["ancestors"]
        .as_array()
        .and_then(|all| all.last());
    let first = first.context("no ancestors")?;
    ensure!(
        first["pid"] == pid && first["argv"][2] == WHEN_TOLD,
        "{first:#}"
    );
    for word in ["/tmp/dropped", "server", "Everything", "/bin/busybox"] {
        let explanation = alert["explanation"].as_str().unwrap_or_default();
        ensure!(
            explanation.contains(word),
            "{word} is missing: {explanation}"
        );
    }
    let ended = sensor.stop()?;
    let count = ended.alerts_of(&container.id).len();
    ensure!(count == 1, "{count} alerts about one program");
    ended.lost_nothing()
}

/// Every field whose value can be told beforehand, by JSON pointer.
fn expected_fields(digest: &str, sha256: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("/category", json!("drift")),
        ("/severity", json!("urgent")),
        ("/status", json!("unhandled")),
        ("/action", json!("alerted")),
        (
            "/title",
            json!("A drift binary was detected executing in the container"),
        ),
        ("/node", json!("node-1")),
        ("/cluster", json!("test")),
        ("/cloud", json!({ "provider": "azure", "account": "sub-1" })),
        ("/container/name", json!("server")),
        ("/container/image", json!(Containerd::IMAGE)),
        ("/container/image_digest", json!(digest)),
        ("/container/runtime", json!("containerd")),
        ("/container/privileged", json!(false)),
        ("/pod/name", json!("web-0")),
        ("/pod/namespace", json!("shop")),
        ("/pod/uid", json!("uid-of-web-0")),
        ("/pod/labels/app", json!("web")),
        ("/pod/labels/tier", json!("front")),
        ("/process/exe", json!("/tmp/dropped")),
        ("/process/argv", json!(["/tmp/dropped"])),
        ("/process/cwd", json!("/tmp")),
        ("/process/uid", json!(0)),
        ("/process/user", json!("root")),
        ("/process/ancestors/0/exe", json!("/bin/busybox")),
        ("/process/ancestors/0/argv/0", json!("sh")),
        ("/drift/vector", json!("written")),
        ("/drift/kind", json!("binary")),
        ("/drift/provenance", json!("written")),
        ("/drift/sha256", json!(sha256)),
        ("/drift/written_by/exe", json!("/bin/busybox")),
        (
            "/drift/written_by/argv",
            json!(["/bin/cp", "/payload/hello", "/tmp/dropped"]),
        ),
        ("/drift/written_by/how", json!("other")),
        ("/policy/rule", json!("Everything")),
        ("/policy/index", json!(0)),
        ("/policy/version", json!(7)),
        ("/policy/action", json!("alert")),
        ("/gaps", json!([])),
    ]
}

/// The digest of the image's manifest as containerd lists it.
fn image_digest(containerd: &Containerd) -> Result<String> {
    let filter = format!("name=={}", Containerd::IMAGE);
    let list = containerd.ctr("k8s.io", &["images", "ls", &filter])?;
    let mut words = list.split_whitespace();
    let digest = words
        .find(|word| word.starts_with("sha256:"))
        .context("no digest")?;
    Ok(digest.to_owned())
}

/// A policy in which each pod of the test meets a rule of its own.
fn many_rules(digest: &str) -> String {
    format!(
        r#"apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Quiet
      action: ignore
      scope: {{ conditions: [{{ field: namespace, operator: starts-with, values: [quiet] }}] }}
    - name: Switched off
      action: ignore
      enabled: false
    - name: By label
      action: alert
      scope: {{ conditions: [{{ field: pod-label, key: app, operator: starts-with, values: [web, api] }}] }}
    - name: Some may run
      action: alert
      scope: {{ conditions: [{{ field: namespace, operator: equals, values: [tools] }}] }}
      allow:
        - process: helper
        - process: /tmp/agent/updater
        - process: /tmp/jit/*
        - process: sha256:{digest}
        - process: tool-of-sleep
          parent: /bin/busybox
        - process: tool-of-nobody
          parent: /usr/bin/dpkg
    - name: By namespace
      action: alert
      scope: {{ conditions: [{{ field: namespace, operator: equals, values: [payments] }}] }}
    - name: Vault
      action: block
      scope: {{ conditions: [{{ field: pod-name, operator: ends-with, values: ["-vault"] }}] }}
    - name: By image
      action: alert
      scope:
        conditions:
          - {{ field: image-name, operator: contains, values: [/busybox] }}
          - {{ field: container-name, operator: equals, values: [app] }}
    - name: Elsewhere
      action: alert
      scope: {{ clouds: [{{ provider: gcp }}] }}
  default: {{ action: ignore }}
"#
    )
}

fn rules() -> Result<()> {
    let node = Node::start()?;
    node.payload.variant("known")?;
    let known = sha256(&node.payload.path().join("known"))?;
    let sensor = Sensor::start(&many_rules(&known), &["--cloud", "azure/sub-1"])?;
    let run = |name: &str, namespace: &str, labels: &[(&str, &str)], container: &str| {
        node.run(&pod(name, namespace, labels), container, WAITING)
    };
    // Those that must stay silent come first: what follows gives their alerts the time to arrive.
    let silent = [
        run("a", "quiet-1", &[("app", "web")], "app")?,
        run("b", "other", &[("app", "db")], "main")?,
    ];
    for container in &silent {
        node.drop_and_run(container, "hello", "/tmp/dropped")?;
    }
    let reported = [
        ("By label", run("c", "shop", &[("app", "api-2")], "main")?),
        ("By namespace", run("d", "payments", &[], "main")?),
        ("Vault", run("e-vault", "other", &[], "main")?),
        ("By image", run("f", "other", &[("app", "x-web")], "app")?),
    ];
    for (rule, container) in &reported {
        node.drop_and_run(container, "hello", "/tmp/dropped")?;
        let alert = sensor.alert_about(&container.id, "/tmp/dropped")?;
        ensure!(alert["policy"]["rule"] == *rule, "{rule}: {alert:#}");
        blocks_honestly(&alert, *rule == "Vault")?;
    }
    let tools = run("g", "tools", &[], "main")?;
    allow_list(&node, &sensor, &tools)?;
    let ended = sensor.stop()?;
    for container in &silent {
        let alerts = ended.alerts_of(&container.id);
        ensure!(alerts.is_empty(), "{alerts:#?}");
    }
    for (rule, count) in [
        ("Quiet", json!([0, 1, 0])),
        ("Some may run", json!([2, 0, 5])),
    ] {
        let counts = ended.stats["rules"].as_array().context("rules")?;
        let counts = counts
            .iter()
            .find(|entry| entry["rule"] == rule)
            .context(rule)?;
        let found = json!([counts["alerts"], counts["ignored"], counts["allowed"]]);
        ensure!(found == count, "{rule}: {found}, not {count}");
    }
    Ok(())
}

/// A rule that blocks, and a sensor that can't: said in the alert.
fn blocks_honestly(alert: &Value, is_block: bool) -> Result<()> {
    let action = if is_block { "block" } else { "alert" };
    let gaps = alert["gaps"].to_string();
    ensure!(
        alert["policy"]["action"] == action && alert["action"] == "alerted",
        "{alert:#}"
    );
    ensure!(is_block == gaps.contains("block"), "{gaps}");
    Ok(())
}

fn allow_list(node: &Node, sensor: &Sensor, tools: &RunningContainer) -> Result<()> {
    let make = ["/bin/mkdir", "/tmp/agent", "/tmp/jit"];
    ensure!(node.containerd.exec(&tools.id, &make)?.status == 0);
    let allowed = [
        "/tmp/agent/updater",
        "/tmp/jit/x",
        "/tmp/helper",
        "/tmp/tool-of-sleep",
    ];
    for path in allowed {
        node.drop_and_run(tools, "hello", path)?;
    }
    node.drop_and_run(tools, "known", "/tmp/unheard-of")?;
    for path in ["/tmp/tool-of-nobody", "/tmp/helper2"] {
        node.drop_and_run(tools, "hello", path)?;
        sensor.alert_about(&tools.id, path)?;
    }
    let alerts = sensor.alerts_of(&tools.id);
    ensure!(alerts.len() == 2, "{alerts:#?}");
    Ok(())
}

fn from_before() -> Result<()> {
    let node = Node::start()?;
    let stays = "cp /payload/hello /tmp/early; chmod 755 /tmp/early; /tmp/early stay; true";
    let busy = node.run(&pod("busy", "shop", &[("app", "old")]), "main", stays)?;
    let idle = node.run(&pod("idle", "shop", &[]), "main", WAITING)?;
    wait_for("the early program", DEADLINE, || {
        let list =
            std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", busy.pid)).ok()?;
        list.split_whitespace().find_map(|pid| {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
            exe.ends_with("tmp/early").then_some(())
        })
    })?;
    let sensor = Sensor::start(ALL_DRIFT, &[])?;
    let alert = sensor.alert_about(&busy.id, "/tmp/early")?;
    let is_told = alert["explanation"]
        .as_str()
        .is_some_and(|text| text.contains("already running"));
    ensure!(
        is_told && alert["pod"]["labels"]["app"] == "old",
        "{alert:#}"
    );
    ensure!(
        alert["process"]["ancestors"][0]["pid"] == busy.pid,
        "{alert:#}"
    );
    node.drop_and_run(&idle, "hello", "/tmp/late")?;
    let alert = sensor.alert_about(&idle.id, "/tmp/late")?;
    ensure!(
        alert["pod"]["name"] == "idle" && alert["container"]["name"] == "main",
        "{alert:#}"
    );
    let ended = sensor.stop()?;
    ensure!(ended.alerts_of(&busy.id).len() == 1 && ended.alerts_of(&idle.id).len() == 1);
    Ok(())
}
