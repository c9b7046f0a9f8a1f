//! The demo's last part: `yagura up`, an attack, the alert in the center's store, handled over the API.

use super::{COMMAND_TIMEOUT, shown};
use crate::commands::center::client::{Client, cell};
use crate::commands::center::login::Session;
use crate::exit::Failure;
use crate::output;
use anyhow::{Context as _, anyhow, bail};
use serde_json::{Value, json};
use std::fs::{DirBuilder, File};
use std::io::IsTerminal as _;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use yagura_rehearsal::ThrowAwayContainer;

/// Where the console is to be, if nobody else is there.
const LISTEN: &str = "127.0.0.1:7443";
/// How long the center may take to answer, and its sensor to have a policy in force.
const READY_WAIT: Duration = Duration::from_secs(60);
/// How long an alert may take to the store.
const ALERT_WAIT: Duration = Duration::from_secs(15);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// What the attack does.
const ATTACK: &[&str] = &[
    "/bin/sh",
    "-c",
    "cp /payload/drifted /tmp/miner && chmod +x /tmp/miner && /tmp/miner",
];

/// A `yagura up` of the demo's own.
pub(super) struct DemoCenter {
    process: Child,
    data: PathBuf,
    url: String,
    client: Client,
    session: Session,
    password: String,
}

impl DemoCenter {
    /// Starts it below that folder and logs in.
    pub(super) fn start(base: &Path, container: &ThrowAwayContainer) -> Result<Self, Failure> {
        let data = base.join(format!("yagura-demo-{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&data)
            .with_context(|| format!("{} can't be made", data.display()))
            .map_err(Failure::CannotRun)?;
        let process = spawn(&data, container)
            .context("`yagura up` can't be started")
            .map_err(Failure::Failed)?;
        Self::log_in(process, data)
    }

    fn log_in(mut process: Child, data: PathBuf) -> Result<Self, Failure> {
        let told = match told(&mut process, &data) {
            Ok(told) => told,
            Err(error) => {
                // It may have ended already.
                let _ = process.kill();
                return Err(Failure::Failed(error));
            }
        };
        let client = Client::connect(&told.url, String::new(), None)?;
        let session = Session::open(&client, &told.user, &told.password)?;
        // The one-time password has to be changed; as long as this one is good enough for a console on loopback.
        let password = format!("demo-{}", told.password);
        session.change_password(&client, &told.password, &password)?;
        Ok(DemoCenter {
            process,
            data,
            url: told.url,
            client,
            session,
            password,
        })
    }

    /// Attacks the container, and follows the alert.
    pub(super) fn play(&self, container: &ThrowAwayContainer) -> Result<bool, Failure> {
        let version = self.report_all_drift()?;
        self.wait_for_node()?;
        output::print(&format!(
            "The default drift rule now alerts; version {version} of the policy is in force on this node.\n── A program is \
             dropped into the container and run\n   $ {}\n",
            shown(ATTACK)
        ))?;
        container
            .exec(ATTACK, COMMAND_TIMEOUT)
            .context("command can't be run in the container")
            .map_err(Failure::Failed)?;
        let Some(alert) = self.wait_for_alert()? else {
            output::print("   no alert came to the center\n\n")?;
            return Ok(false);
        };
        let id = cell(&alert, "/id");
        output::print(&format!(
            "   alert {id} is in the store: {}, {}, on {}\n",
            cell(&alert, "/title"),
            cell(&alert, "/severity"),
            cell(&alert, "/node"),
        ))?;
        self.handle(&id)
    }

    /// Sets the default rule to alert, and tells the policy's version.
    fn report_all_drift(&self) -> Result<u64, Failure> {
        let headers = self.session.headers();
        let policy = self.client.ask("GET", "/drift-policy", &headers, None)?;
        let draft = policy.body.get("policy").and_then(Value::as_object);
        let mut draft = draft.cloned().unwrap_or_default();
        draft.insert("default_action".to_owned(), json!("alert"));
        let asked = json!({ "policy": draft, "comment": "demo: report all drift" });
        let etag = policy.etag.unwrap_or_default();
        let [cookie, token] = headers;
        let headers = [cookie, token, ("if-match", etag.as_str())];
        let saved = self
            .client
            .ask("PUT", "/drift-policy", &headers, Some(&asked))?;
        saved
            .body
            .get("version")
            .and_then(Value::as_u64)
            .ok_or_else(|| Failure::Failed(anyhow!("the saved policy has no version")))
    }

    /// Waits until the sensor has the newest policies in force.
    fn wait_for_node(&self) -> Result<(), Failure> {
        let is_current = |node: &Value| {
            let versions = node.get("versions").and_then(Value::as_array);
            let mut policies = versions.into_iter().flatten();
            policies.any(|document| document["kind"] == "policies" && document["current"] == true)
        };
        let found = self.look("/nodes", READY_WAIT, |nodes| {
            items(nodes).find(|node| is_current(node)).cloned()
        })?;
        match found {
            Some(_) => Ok(()),
            None => Err(Failure::Failed(anyhow!(
                "the sensor does not have the policy in force; its log is {}",
                log(&self.data).display()
            ))),
        }
    }

    fn wait_for_alert(&self) -> Result<Option<Value>, Failure> {
        self.look("/alerts?q=miner", ALERT_WAIT, |page| {
            items(page)
                .find(|alert| alert["key"] == "drift.binary")
                .cloned()
        })
    }

    /// Asks again and again until there is what is looked for.
    fn look(
        &self,
        path: &str,
        wait: Duration,
        find: impl Fn(&Value) -> Option<Value>,
    ) -> Result<Option<Value>, Failure> {
        let deadline = Instant::now() + wait;
        loop {
            let answer = self
                .client
                .ask("GET", path, &self.session.headers(), None)?;
            let found = find(&answer.body);
            if found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
            std::thread::sleep(LOOK);
        }
    }

    fn handle(&self, id: &str) -> Result<bool, Failure> {
        let asked = json!({
            "verb": "mark-handled",
            "selection": { "ids": [id] },
            "note": "It was the demo.",
        });
        let headers = self.session.headers();
        self.client
            .ask("POST", "/alerts/actions", &headers, Some(&asked))?;
        let alert = self
            .client
            .ask("GET", &format!("/alerts/{id}"), &headers, None)?;
        let status = cell(&alert.body, "/summary/status");
        output::print(&format!(
            "   handled over the API; its status is now `{status}`\n\n"
        ))?;
        Ok(status == "handled")
    }

    /// Tells where to go on; waits for the end of `yagura up` where somebody sits at a terminal, else leaves it running.
    pub(super) fn leave(mut self) -> Result<(), Failure> {
        let pid = self.process.id();
        let data = self.data.display();
        output::print(&format!(
            "console: {}\nlog-in: admin, password {}\nIts data are in {data}.\n",
            self.url, self.password
        ))?;
        if !std::io::stdin().is_terminal() {
            return output::print(&format!(
                "`yagura up` goes on in the background; `kill {pid}` ends it.\n"
            ));
        }
        output::print("`yagura up` goes on until Ctrl-C.\n")?;
        let ended = self.process.wait();
        let ended = ended.context("`yagura up` can't be waited for");
        let status = ended.map_err(Failure::Failed)?;
        let log = log(&self.data);
        Err(Failure::Failed(anyhow!(
            "`yagura up` ended ({status}); its log is {}",
            log.display()
        )))
    }

    /// Ends `yagura up` and removes what it kept.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        let pid = i32::try_from(self.process.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let stopped = self.process.wait().map(drop);
        stopped
            .and_then(|()| std::fs::remove_dir_all(&self.data))
            .context("`yagura up` can't be stopped")
            .map_err(Failure::Failed)
    }
}

/// What `yagura up` tells when it starts.
struct Told {
    url: String,
    user: String,
    password: String,
}

fn log(data: &Path) -> PathBuf {
    data.join("up.log")
}

fn items(page: &Value) -> impl Iterator<Item = &Value> {
    let items = page.get("items").and_then(Value::as_array);
    items.into_iter().flatten()
}

fn spawn(data: &Path, container: &ThrowAwayContainer) -> anyhow::Result<Child> {
    let is_free = TcpListener::bind(LISTEN).is_ok();
    let log = File::create(log(data))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args([
            "up",
            "--listen",
            if is_free { LISTEN } else { "127.0.0.1:0" },
        ])
        .arg("--data")
        .arg(data)
        .arg("--instance")
        .arg(format!("demo-{}", std::process::id()))
        // Nothing is to be blocked here, so nothing is pinned that would have to be taken away.
        .arg("--no-enforce")
        .arg("--runc-root")
        .arg(container.state_root())
        .stdin(Stdio::null())
        .stderr(log.try_clone()?)
        .stdout(log);
    if !std::io::stdin().is_terminal() {
        // What ends this process's group is not meant for it.
        command.process_group(0);
    }
    Ok(command.spawn()?)
}

/// Waits until it has told where the console is and how to log in.
fn told(process: &mut Child, data: &Path) -> anyhow::Result<Told> {
    let deadline = Instant::now() + READY_WAIT;
    loop {
        let text = std::fs::read_to_string(log(data))?;
        if let Some(told) = parse(&text) {
            return Ok(told);
        }
        if let Some(status) = process.try_wait()? {
            bail!("`yagura up` ended ({status}): {text}");
        }
        if Instant::now() >= deadline {
            bail!("`yagura up` does not answer: {text}");
        }
        std::thread::sleep(LOOK);
    }
}

fn parse(text: &str) -> Option<Told> {
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    let url = value("console")?;
    let (user, password) = value("first log-in")?.split_once(", one-time password ")?;
    Some(Told {
        url: url.to_owned(),
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_up_tells_is_read_once_it_is_whole() {
        let text = "console: http://127.0.0.1:7443\nfirst log-in: admin, one-time password 0f\n";
        let told = parse(text).expect("told");
        assert_eq!(told.url, "http://127.0.0.1:7443");
        assert_eq!(
            (told.user.as_str(), told.password.as_str()),
            ("admin", "0f")
        );
        assert!(parse("console: http://127.0.0.1:7443\n").is_none());
    }
}
