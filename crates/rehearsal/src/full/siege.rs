//! A real server in one container, and whoever abuses it in another.

use crate::container::ThrowAwayContainer;
use crate::keys::{RehearsalError, Stage, accepted, connect};
use crate::limits::SETTLE_PAUSE;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it serves: databases make their files first, and the machine may be busy.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one look at whether it serves may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an attack may take.
const ATTACK_TIMEOUT: Duration = Duration::from_secs(60);

/// Who attacks whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Siege {
    /// The server's script in the image, with its arguments: the first process of its container, at 10.77.1.1.
    pub(super) server: &'static [&'static str],
    /// A line of shell in the server's container that succeeds once it serves.
    pub(super) ready: &'static str,
    /// A line of shell in the attacker's container, at 10.77.1.2, that prepares; empty for none.
    pub(super) prepare: &'static str,
    /// A line of shell there: the act.
    pub(super) attack: &'static str,
}

impl Siege {
    /// Plays it.
    pub(super) fn play(self, stage: &mut Stage) -> Result<(), RehearsalError> {
        let (_, attacker) = self.lay(stage)?;
        stage.acts();
        shell(&attacker, self.attack, ATTACK_TIMEOUT)
    }

    /// Plays it, and waits until a line of shell in the server's container succeeds: until the effect is there.
    pub(super) fn play_until(
        self,
        stage: &mut Stage,
        effect: &str,
        timeout: Duration,
    ) -> Result<(), RehearsalError> {
        let (server, attacker) = self.lay(stage)?;
        stage.acts();
        shell(&attacker, self.attack, ATTACK_TIMEOUT)?;
        wait_for(&server, effect, timeout)
    }

    fn lay(
        self,
        stage: &mut Stage,
    ) -> Result<(Arc<ThrowAwayContainer>, Arc<ThrowAwayContainer>), RehearsalError> {
        let mut options = stage.options();
        options.argv = self.server.iter().map(|&word| word.to_owned()).collect();
        let server = stage.start(&options)?;
        let attacker = stage.start(&stage.options())?;
        connect(&server, &attacker)?;
        wait_for(&server, self.ready, READY_TIMEOUT)?;
        if !self.prepare.is_empty() {
            shell(&attacker, self.prepare, ATTACK_TIMEOUT)?;
        }
        Ok((server, attacker))
    }
}

/// Runs a line of bash in a container.
fn shell(
    container: &ThrowAwayContainer,
    line: &str,
    timeout: Duration,
) -> Result<(), RehearsalError> {
    accepted(&container.exec(&["/bin/bash", "-c", line], timeout)?)
}

fn wait_for(
    container: &ThrowAwayContainer,
    line: &str,
    timeout: Duration,
) -> Result<(), RehearsalError> {
    let deadline = Instant::now() + timeout;
    loop {
        let output = container.exec(&["/bin/sh", "-c", line], LOOK_TIMEOUT)?;
        if output.succeeded() || Instant::now() >= deadline {
            return accepted(&output);
        }
        thread::sleep(SETTLE_PAUSE * 40);
    }
}
