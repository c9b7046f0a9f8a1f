//! Trials, waiting, and commands that end in time.

use anyhow::{Context as _, Result, bail};
use libtest_mimic::{Failed, Trial};
use std::fmt::Write as _;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long anything may take that takes a moment: on an emulated machine whose host is busy, too.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// Pause between two looks at something that has no way to call.
const POLL: Duration = Duration::from_millis(10);

/// A test that needs programs (`root` stands for being root).
pub(crate) fn trial(name: &'static str, needs: &[&'static str], run: fn() -> Result<()>) -> Trial {
    let missing = yagura_testkit::missing(needs);
    if !missing.is_empty() {
        eprintln!("SKIPPED {name}: this machine lacks {}", missing.join(", "));
    }
    Trial::test(name, move || run().map_err(|error| failed(&error)))
        .with_ignored_flag(!missing.is_empty())
}

/// The whole chain of reasons.
pub(crate) fn failed(error: &anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}

/// The executable under test, without settings of whoever runs the tests.
pub(crate) fn yagura() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yagura"));
    for variable in ["LOG", "NODE_NAME", "CLUSTER", "CLOUD"] {
        command.env_remove(format!("YAGURA_{variable}"));
    }
    command.stdin(Stdio::null());
    command
}

/// Waits until `found` finds something.
pub(crate) fn wait_for<T>(
    what: &str,
    longest: Duration,
    mut found: impl FnMut() -> Option<T>,
) -> Result<T> {
    let deadline = Instant::now() + longest;
    loop {
        if let Some(found) = found() {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited {longest:?} in vain for {what}");
        }
        std::thread::sleep(POLL);
    }
}

/// What a command that ended left.
#[derive(Debug)]
pub(crate) struct Output {
    /// Exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Output {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Fails with all that was said unless it ended with that code.
    pub(crate) fn expect(self, code: i32) -> Result<Output> {
        if self.code == Some(code) {
            return Ok(self);
        }
        let mut said = self.text();
        let _ = write!(said, "{}", self.stderr);
        bail!("exit code {:?} instead of {code}: {said}", self.code)
    }
}

/// Runs a command to its end; fails if it takes longer than it may.
pub(crate) fn run(command: &mut Command, longest: Duration) -> Result<Output> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().with_context(|| format!("{command:?}"))?;
    Running::of(child)?
        .end(longest)
        .with_context(|| format!("{command:?}"))
}

/// A command whose output is collected while it runs; killed on drop.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    fn of(mut child: Child) -> Result<Running> {
        let stdout = child.stdout.take().context("standard output")?;
        let stderr = child.stderr.take().context("standard error")?;
        Ok(Running {
            child,
            stdout: Some(collect(stdout)),
            stderr: Some(collect(stderr)),
        })
    }

    fn end(mut self, longest: Duration) -> Result<Output> {
        let child = &mut self.child;
        let status = wait_for("its end", longest, || child.try_wait().ok().flatten())?;
        let collected = |thread: Option<JoinHandle<Vec<u8>>>| {
            thread
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default()
        };
        Ok(Output {
            code: status.code(),
            stdout: collected(self.stdout.take()),
            stderr: String::from_utf8_lossy(&collected(self.stderr.take())).into_owned(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}
