//! Whether somebody is there to be asked.

use crate::limits::AGENT_TIME;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What the agent is asked, and what it answers: a contract with the agent of `yagura-kernel`.
const PING: &[u8] = b"ping\n";
const PONG: &[u8] = b"yagura seccomp agent 1\n";

/// Why nobody is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Absent {
    /// Nobody listens, or nothing came in time.
    #[error("the agent does not answer: {0}")]
    Silent(#[from] std::io::Error),
    /// Somebody else listens.
    #[error("what answers on the agent's socket is not the agent")]
    Stranger,
}

/// Asks the agent, which must answer in [`AGENT_TIME`]. A socket alone says nothing: the kernel keeps connections even
/// of a process that was stopped.
pub(crate) fn ping(socket: &Path) -> Result<(), Absent> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(AGENT_TIME))?;
    stream.set_write_timeout(Some(AGENT_TIME))?;
    stream.write_all(PING)?;
    let mut answer = [0; PONG.len()];
    stream.read_exact(&mut answer)?;
    (answer == PONG).then_some(()).ok_or(Absent::Stranger)
}
