//! A center and a sensor of its fleet, each a process of its own, as they run in production.

use crate::harness::{DEADLINE, Output, run, trial, wait_for, yagura};
use crate::payload::Payload;
use crate::runc::{self, Container, Image, Spec};
use anyhow::{Context as _, Result, ensure};
use libtest_mimic::Trial;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yagura_testkit::ScratchDir;

/// What the first admin sets.
const PASSWORD: &str = "a long enough password";
/// How long a sensor may take to observe, or to have something in force, on a busy machine.
const SENSOR_MAX: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    let needs: Vec<&str> = runc::NEEDS.into_iter().chain(Payload::NEEDS).collect();
    vec![
        trial("center::a_sensor_alerts_blocks_and_obeys", &needs, obeys),
        trial(
            "center::who_is_not_let_in_is_told_why",
            &["root"],
            not_let_in,
        ),
    ]
}

/// A center with its log-in; ends on drop.
struct Center {
    child: Child,
    url: String,
    sensors: String,
    dir: ScratchDir,
}

impl Center {
    fn start() -> Result<Center> {
        let dir = ScratchDir::new()?;
        let (told, log) = (dir.join("center.told"), dir.join("center.log"));
        let mut command = yagura();
        command
            .args(["center", "--plain", "--listen", "127.0.0.1:0"])
            .args(["--sensor-listen", "127.0.0.1:0", "--data"])
            .arg(dir.join("center"))
            .stdout(fs::File::create(&told)?)
            .stderr(fs::File::create(log)?);
        let child = command.spawn()?;
        let mut center = Center {
            child,
            url: String::new(),
            sensors: String::new(),
            dir,
        };
        let password = wait_for("the center", DEADLINE, || {
            let text = fs::read_to_string(&told).ok()?;
            let value = |name: &str| {
                let mut lines = text.lines();
                let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                found.map(str::to_owned)
            };
            center.url = value("console")?;
            center.sensors = value("sensors")?;
            let (_, password) = value("first log-in")?
                .split_once("password ")
                .map(|(a, b)| (a.to_owned(), b.to_owned()))?;
            Some(password)
        })?;
        let mut login = center.command(&["login", &center.url]);
        login
            .env("YAGURA_PASSWORD", password)
            .env("YAGURA_NEW_PASSWORD", PASSWORD);
        run(&mut login, DEADLINE)?.expect(0)?;
        Ok(center)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = yagura();
        command
            .args(arguments)
            .env("XDG_CONFIG_HOME", self.dir.join("config"));
        command
    }

    /// Runs a command against it that has to succeed.
    fn ask(&self, arguments: &[&str]) -> Result<String> {
        let output = run(&mut self.command(arguments), DEADLINE * 3)?;
        Ok(output
            .expect(0)
            .with_context(|| arguments.join(" "))?
            .text())
    }

    /// Reads something of the API that no command shows.
    fn get(&self, path: &str) -> Result<Value> {
        let remembered = fs::read(self.dir.join("config/yagura/center.json"))?;
        let remembered: Value = serde_json::from_slice(&remembered)?;
        let token = remembered["token"].as_str().context("a token")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new()
            .get(format!("{}/api/v1{path}", self.url))
            .bearer_auth(token);
        let body = runtime.block_on(async { request.send().await?.bytes().await })?;
        Ok(serde_json::from_slice(&body)?)
    }

    fn one_time_token(&self) -> Result<String> {
        let token = self.ask(&["tokens", "enrol", "--cluster", "prod"])?;
        Ok(token.trim().to_owned())
    }

    /// A sensor of a node, with a state and an instance of that name.
    fn sensor(&self, name: &str, token: &str) -> Command {
        let mut command = yagura();
        command
            .args(["sensor", "--center", &self.sensors, "--node-name", "node-1"])
            .args(["--instance", &instance(name)])
            .args(["--canary-interval", "off", "--no-scan"])
            .arg("--state")
            .arg(self.dir.join(name))
            .env("YAGURA_ENROLMENT_TOKEN", token);
        command
    }

    /// Saves a policy for one container, and waits until the node has it in force.
    fn save_policy(&self, container: &str, action: &str) -> Result<()> {
        let file = self.dir.join("policy.yaml");
        let text = format!(
            "apiVersion: yagura.dev/v1
kind: DriftPolicy
spec:
  rules:
    - name: Of this test
      action: {action}
      kinds: [binaries]
      scope:
        conditions:
          - {{ field: container-name, operator: equals, values: [{container}] }}
"
        );
        fs::write(&file, text)?;
        let file = file.to_str().context("path")?;
        self.ask(&["policy", "apply", file, "--yes"])?;
        wait_for("the policy on the node", SENSOR_MAX, || {
            let node: Value =
                serde_json::from_str(&self.ask(&["nodes", "show", "node-1"]).ok()?).ok()?;
            let mut versions = node["versions"].as_array()?.iter();
            let policies = versions.find(|version| version["kind"] == "policies")?;
            (policies["current"] == true).then_some(())
        })
    }

    /// Waits for an alert that contains a word.
    fn alert(&self, word: &str, status: &str) -> Result<Value> {
        let list = [
            "alerts", "list", "--search", word, "--status", status, "--output", "json",
        ];
        wait_for("the alert", DEADLINE, || {
            let text = self.ask(&list).ok()?;
            let mut alerts = text
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            alerts.find(|alert| alert["category"] == "drift")
        })
        .with_context(|| format!("{word}, {status}"))
    }
}

impl Drop for Center {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An instance that nobody else has.
fn instance(name: &str) -> String {
    format!("center-{}-{name}", std::process::id())
}

/// A sensor that runs; what it has pinned goes on drop.
struct Sensor {
    child: Child,
    instance: String,
}

impl Sensor {
    fn start(center: &Center, name: &str) -> Result<Sensor> {
        let log = center.dir.join(&format!("{name}.log"));
        let mut command = center.sensor(name, &center.one_time_token()?);
        let child = command
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        let sensor = Sensor {
            child,
            instance: instance(name),
        };
        wait_for("the sensor", SENSOR_MAX, || {
            let said = fs::read_to_string(&log).ok()?;
            said.lines().any(|line| line == "ready").then_some(())
        })
        .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(sensor)
    }

    /// Stops it as a supervisor does; its exit code.
    fn stop(&mut self) -> Result<Option<i32>> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let child = &mut self.child;
        let status = wait_for("the sensor's end", DEADLINE, || child.try_wait().ok()?)?;
        Ok(status.code())
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let mut uninstall = yagura();
        uninstall.args(["uninstall", "--instance", &self.instance]);
        if let Err(error) = run(&mut uninstall, DEADLINE).and_then(|output| output.expect(0)) {
            eprintln!("{} may be left: {error:#}", self.instance);
        }
    }
}

/// Whether a process of that program runs.
fn runs(program: &str) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut commands = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    commands.any(|command| command.split(|byte| *byte == 0).next() == Some(program.as_bytes()))
}

fn is_refused(output: &Output) -> bool {
    let text = output.text();
    // Refused before it began, or ended before its first instruction.
    !text.contains("ran") && (output.code != Some(0) || text.contains("code 1"))
}

fn obeys() -> Result<()> {
    let center = Center::start()?;
    let (image, payload) = (Image::busybox()?, Payload::build()?);
    let id = format!("yagura-center-{}", std::process::id());
    let spec = Spec {
        id: Some(&id),
        payload: Some(payload.path()),
        usual_state: true,
        ..Spec::default()
    };
    let container = Container::start(&image, &spec)?;
    let mut sensor = Sensor::start(&center, "sensor")?;
    center.save_policy(&id, "alert")?;

    // What is dropped and run is told of.
    let ran = container.drop_and_run("hello", "/tmp/dropped")?;
    ensure!(ran.contains("ran"), "{ran}");
    let alert = center.alert("dropped", "unhandled")?;
    ensure!(
        alert["node"] == "node-1" && alert["cluster"] == "prod",
        "{alert}"
    );

    // A process is ended by command, and who asked for it is on record.
    container.shell(
        "cp /payload/hello /tmp/staying; chmod 755 /tmp/staying; /tmp/staying on >/dev/null 2>&1 &",
    )?;
    let staying = center.alert("staying", "unhandled")?;
    ensure!(runs("/tmp/staying"), "it ended by itself");
    let staying = staying["id"].as_str().context("id")?;
    let asked = center.ask(&["alerts", "handle", "kill-process", staying, "--note", "no"])?;
    let asked: Value = serde_json::from_str(&asked)?;
    let command = asked["commands"][0].as_str().context("a command")?;
    let answered = wait_for("the answer", DEADLINE, || {
        let found = center.get(&format!("/commands/{command}")).ok()?;
        found["answered_at"].is_string().then_some(found)
    })?;
    ensure!(answered["state"] == "done", "{answered}");
    ensure!(!runs("/tmp/staying"), "it still runs");
    let log = center.get("/audit-log?object_kind=command")?;
    ensure!(
        log["items"].to_string().contains(command),
        "{command} is not on record: {log}"
    );

    // What happens on the node is recorded by command; the recording comes to the center, and can be judged again.
    let send = ["commands", "send", "node-1", "capture", "seconds=2"];
    let asked = center.ask(&[&send[..], &["--reason", "to look", "--wait"]].concat())?;
    let asked: Value = serde_json::from_str(&asked)?;
    let command = asked["id"].as_str().context("id")?;
    wait_for("the recording", DEADLINE, || {
        let found: Value =
            serde_json::from_str(&center.ask(&["commands", "show", command]).ok()?).ok()?;
        found["output_bytes"].is_u64().then_some(())
    })?;
    let recording = center.dir.join("recording");
    let recording = recording.to_str().context("path")?;
    center.ask(&["commands", "output", command, "--file", recording])?;
    run(yagura().args(["replay", recording]), DEADLINE)?.expect(0)?;

    // From alert to block over the API.
    let began = Instant::now();
    center.save_policy(&id, "block")?;
    wait_for("the refusal", SENSOR_MAX, || {
        let tried = container.exec(&["/tmp/dropped"]).ok()?;
        is_refused(&tried).then_some(())
    })?;
    eprintln!(
        "a policy that blocks was in force {} ms after `yagura policy apply` began",
        began.elapsed().as_millis()
    );
    let blocked = center.alert("dropped", "auto-blocked")?;
    ensure!(blocked["action"] != "alerted", "{blocked}");
    ensure!(sensor.stop()? == Some(0), "the sensor failed");
    Ok(())
}

fn not_let_in() -> Result<()> {
    let center = Center::start()?;
    let token = center.one_time_token()?;
    let enrol = |name: &str, token: &str| {
        let mut command = center.sensor(name, token);
        command.args(["--no-enforce", "--duration", "1s"]);
        run(&mut command, SENSOR_MAX)
    };
    enrol("first", &token)?.expect(0)?;
    // What was used once, whoever has got hold of it.
    let stolen = enrol("second", &token)?.expect(1)?;
    ensure!(stolen.stderr.contains("used"), "{}", stolen.stderr);
    let no_token = enrol("third", "nonsense")?.expect(2)?;
    ensure!(no_token.stderr.contains("token"), "{}", no_token.stderr);
    // Its certificate opens nothing once the node was removed, and it says so.
    let mut command = center.sensor("first", &token);
    let log = center.dir.join("first.log");
    let mut sensor = command
        .args(["--no-enforce", "--stop-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .spawn()?;
    let online = wait_for("the sensor", SENSOR_MAX, || {
        let node = center.ask(&["nodes", "show", "node-1"]).ok()?;
        node.contains("\"online\"").then_some(())
    });
    let removed = online.and_then(|()| center.ask(&["nodes", "remove", "node-1"]));
    let told = removed.and_then(|_| {
        wait_for("the refusal", DEADLINE, || {
            let said = fs::read_to_string(&log).ok()?;
            said.contains("the center refuses this sensor")
                .then_some(())
        })
    });
    drop(sensor.stdin.take());
    let ended = wait_for("its end", DEADLINE, || sensor.try_wait().ok()?);
    if ended.is_err() {
        sensor.kill()?;
    }
    told.with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    ensure!(
        center.ask(&["nodes", "--output", "json"])?.is_empty(),
        "the node came back"
    );
    Ok(())
}
