//! A sensor of its own name, an image, and containers in which something drifted waits to be run.

use crate::harness::{DEADLINE, Output, run, wait_for, yagura};
use crate::payload::compile;
use crate::runc::{Container, Image, Spec};
use crate::sensor::Sensor;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use yagura_testkit::ScratchDir;

/// Name of the rules.
pub(super) const RULE: &str = "Keep it from running";
/// How long it may take until something is in force on a busy machine.
pub(super) const DEADLINE_IN_FORCE: Duration = Duration::from_secs(30);

/// Leaves a file before it does anything else.
const MARKER: &str = r#"#include <fcntl.h>
#include <unistd.h>
int main(int argc, char **argv) {
	int file = open(argc > 1 ? argv[1] : "/tmp/ran", O_CREAT | O_WRONLY, 0600);
	return file < 0 || write(file, "ran\n", 4) != 4;
}
"#;

/// Says that it ran.
const TOOL: &str = r#"#include <unistd.h>
int main(void) {
	return write(1, "ran\n", 4) != 4;
}
"#;

/// Writes back what the kernel's core_pattern is.
const WRITER: &str = r#"#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
	char text[4096];
	const char *path = "/proc/sys/kernel/core_pattern";
	int file = open(path, O_RDONLY);
	ssize_t length = read(file, text, sizeof(text));
	if (length <= 0)
		return 2;
	file = open(path, O_WRONLY);
	if (file < 0 || write(file, text, length) != length) {
		perror(path);
		return 1;
	}
	puts("written");
	return 0;
}
"#;

/// Runs the program in the first argument as many times as the second says, which has to succeed, and after every as many
/// as the third says one of `/tmp/drifted-0`, `-1` and so on, which has to be refused; tells how many were.
const GALE: &str = r#"#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static int start(const char *path) {
	int status;
	pid_t child = vfork();
	if (child == 0) {
		execl(path, path, (char *)0);
		_exit(111);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		exit(1);
	return status;
}
int main(int argc, char **argv) {
	char drifted[64];
	if (argc != 4)
		return 2;
	int count = atoi(argv[2]), every = atoi(argv[3]), refused = 0;
	for (int i = 0; i < count; i++) {
		if (start(argv[1]) != 0)
			return 3;
		if ((i + 1) % every == 0) {
			snprintf(drifted, sizeof(drifted), "/tmp/drifted-%d", i / every);
			int status = start(drifted);
			if (WIFSIGNALED(status) || WEXITSTATUS(status) == 111)
				refused++;
		}
	}
	printf("refused %d\n", refused);
	return 0;
}
"#;

/// What the rule does.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Alert,
    Block,
    Observe,
}

/// A drift policy of one rule on binaries in these containers.
pub(super) fn drift_policy(version: u64, change: Change, containers: &[&str]) -> String {
    let action = match change {
        Change::Alert => "action: alert",
        Change::Block => "action: block",
        Change::Observe => "action: block\n      observe: true",
    };
    format!(
        "apiVersion: yagura.dev/v1
kind: DriftPolicy
metadata: {{ version: {version} }}
spec:
  rules:
    - name: {RULE}
      {action}
      kinds: [binaries]
      scope:
        conditions:
          - {{ field: container-name, operator: equals, values: {containers:?} }}
"
    )
}

/// A defence rule that keeps one container from the kernel's core_pattern, but for one program.
pub(super) fn defence_rule(container: &str) -> String {
    format!(
        "apiVersion: yagura.dev/v1
kind: DefenceRule
metadata: {{ name: {RULE} }}
spec:
  action: block
  scope:
    conditions:
      - {{ field: container-name, operator: equals, values: [{container}] }}
  behaviours: {{ file: [core-pattern] }}
  allow:
    - process: /bin/allowed
"
    )
}

/// Everything that a test uses; what its sensors have pinned is taken away on drop.
pub(super) struct Scene {
    instance: String,
    image: Image,
    payload: ScratchDir,
}

impl Scene {
    pub(super) fn new() -> Result<Scene> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let scene = Scene {
            instance: format!("test-{}-{number}", std::process::id()),
            image: Image::busybox()?,
            payload: ScratchDir::new()?,
        };
        compile(&scene.payload, "marker", MARKER, &["-static"])?;
        let bin = scene.image.rootfs.join("bin");
        for (source, names) in [
            (TOOL, &["tool"][..]),
            (WRITER, &["writer", "allowed"]),
            (GALE, &["gale"]),
        ] {
            let program = compile(&scene.payload, "program", source, &["-static"])?;
            for name in names {
                fs::copy(&program, bin.join(name))?;
            }
        }
        Ok(scene)
    }

    /// Compiles a program of C into the image.
    pub(super) fn add_program(&self, name: &str, source: &str) -> Result<()> {
        let program = compile(&self.payload, name, source, &["-static"])?;
        fs::copy(&program, self.image.rootfs.join("bin").join(name))?;
        Ok(())
    }

    /// Name of its sensors.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }

    /// Id of a container of this test.
    pub(super) fn id(&self, name: &str) -> String {
        format!("yagura-{}-{name}", self.instance)
    }

    /// The drifting program, where containers copy it from.
    pub(super) fn marker(&self) -> PathBuf {
        self.payload.join("marker")
    }

    pub(super) fn sensor(&self, policy: &str) -> Result<Sensor> {
        Sensor::start(policy, &["--instance", &self.instance])
    }

    /// A sensor that may not observe yet.
    pub(super) fn launch(&self, policy: &str) -> Result<Sensor> {
        let options = ["--no-catalogue", "--no-scan", "--instance", &self.instance];
        Sensor::launch(policy, &options)
    }

    /// A container that waits, with `/tmp/drifted` in it.
    pub(super) fn container(&self, id: &str) -> Result<Guarded> {
        let script = "cp /payload/marker /tmp/drifted; chmod 755 /tmp/drifted; touch /tmp/made; \
                      exec sleep 1000000";
        let container = self.container_running(id, script)?;
        wait_for("the drifted program", DEADLINE, || {
            container.path("/tmp/made").exists().then_some(())
        })?;
        Ok(container)
    }

    /// A container with that script as its first program.
    pub(super) fn container_running(&self, id: &str, script: &str) -> Result<Guarded> {
        let spec = Spec {
            id: Some(id),
            argv: &["/bin/sh", "-c", script],
            ..Spec::default()
        };
        self.container_like(&spec)
    }

    /// A container of that form that sees the payload, where sensors find it.
    pub(super) fn container_like(&self, spec: &Spec<'_>) -> Result<Guarded> {
        let spec = Spec {
            payload: Some(self.payload.path()),
            usual_state: true,
            ..spec.clone()
        };
        Ok(Guarded(Container::start(&self.image, &spec)?))
    }

    /// Runs a command on this sensor that has to end with that code; its output.
    pub(super) fn ask(&self, arguments: &[&str], code: i32) -> Result<String> {
        let mut command = yagura();
        command.args(arguments).args(["--instance", &self.instance]);
        let output = run(&mut command, DEADLINE * 3)?.expect(code);
        Ok(output.with_context(|| arguments.join(" "))?.text())
    }

    pub(super) fn list(&self) -> Result<Value> {
        let text = self.ask(&["enforcement", "list", "--output", "json"], 0)?;
        Ok(serde_json::from_str(&text)?)
    }

    /// What is listed about a container.
    pub(super) fn enforced(&self, id: &str) -> Result<Value> {
        let list = self.list()?;
        let mut containers = list["containers"].as_array().into_iter().flatten();
        let found = containers.find(|container| container["id"] == id);
        found.cloned().with_context(|| format!("{id} in {list}"))
    }

    /// Waits until something is done about a behaviour or kind of drift in a container; what is listed about it.
    pub(super) fn wait_in_force(&self, id: &str, what: &str, action: &str) -> Result<Value> {
        let found = wait_for("the rule to be in force", DEADLINE_IN_FORCE, || {
            let container = self.enforced(id).ok()?;
            let mut items = container["enforced"].as_array()?.iter();
            items
                .find(|item| item["what"] == what && item["action"] == action)
                .cloned()
        });
        found.with_context(|| format!("{:?}", self.list()))
    }

    /// Waits until that version of the policies is in force.
    pub(super) fn wait_for_version(&self, version: u64) -> Result<()> {
        wait_for("the policy's version", DEADLINE_IN_FORCE, || {
            let list = self.list().ok()?;
            (list["policy_version"] == version).then_some(())
        })
    }

    /// The drifting program runs on the host, where nothing is enforced.
    pub(super) fn host_program_runs(&self) -> Result<()> {
        let mut command = std::process::Command::new(self.marker());
        let marker = self.payload.join("ran-on-host");
        run(command.arg(&marker), DEADLINE)?.expect(0)?;
        ensure!(marker.exists(), "it did not run");
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Err(error) = self.ask(&["uninstall"], 0) {
            eprintln!("{} may be left: {error:#}", self.instance);
        }
    }
}

/// A container in which something drifted waits to be run.
pub(super) struct Guarded(Container);

impl Deref for Guarded {
    type Target = Container;

    fn deref(&self) -> &Container {
        &self.0
    }
}

impl Guarded {
    /// A path in it, as the host reaches it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.pid))
    }

    /// Whether the drifted program ran, ever.
    pub(super) fn has_marker(&self) -> bool {
        self.path("/tmp/ran").exists()
    }

    /// Runs a program that has to be refused, or ended before its first instruction.
    pub(super) fn refused(&self, program: &str) -> Result<Output> {
        let output = self.attempt(program)?;
        let text = output.text();
        ensure!(
            text.contains("code 126") || text.contains("code 137"),
            "{program} in {}: {output:?}",
            self.id
        );
        Ok(output)
    }

    /// Runs the drifted program, which has to run; its marker is taken away.
    pub(super) fn ran(&self, program: &str) -> Result<()> {
        let output = self.attempt(program)?;
        ensure!(
            output.text().contains("code 0") && self.has_marker(),
            "{program} in {}: {output:?}",
            self.id
        );
        Ok(fs::remove_file(self.path("/tmp/ran"))?)
    }

    fn attempt(&self, program: &str) -> Result<Output> {
        let script = format!("{program}; echo code $?");
        self.exec(&["/bin/sh", "-c", &script])?.expect(0)
    }
}
