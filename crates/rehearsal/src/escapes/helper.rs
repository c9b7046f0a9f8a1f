//! Processes of the host that attempts act on, made for the purpose.

use crate::limits::LIST_TIMEOUT;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Bytes that one says of itself: a line or two.
const SAID_BYTES_MAX: usize = 1024;

/// A process that says something about itself and lives until its standard input ends, however this process ends.
#[derive(Debug)]
pub(super) struct Helper {
    child: Child,
    said: String,
}

impl Helper {
    /// Starts a program, in a folder, that says `NAME VALUE` in so many lines.
    pub(super) fn start(
        program: &Path,
        arguments: &[&str],
        dir: &Path,
        lines: usize,
    ) -> io::Result<Helper> {
        let child = Command::new(program)
            .args(arguments)
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut helper = Helper {
            child,
            said: String::new(),
        };
        helper.listen(lines)?;
        Ok(helper)
    }

    fn listen(&mut self, lines: usize) -> io::Result<()> {
        let missing = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let mut out = self.child.stdout.take().ok_or_else(missing)?;
        let deadline = Instant::now() + LIST_TIMEOUT;
        let mut bytes = Vec::new();
        while bytes.iter().filter(|&&byte| byte == b'\n').count() < lines {
            let left = deadline.saturating_duration_since(Instant::now());
            let span = Timespec::try_from(left).map_err(io::Error::other)?;
            if poll(&mut [PollFd::new(&out, PollFlags::IN)], Some(&span))? == 0 {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            let mut chunk = [0u8; 256];
            let got = out.read(&mut chunk)?;
            bytes.extend_from_slice(chunk.get(..got).unwrap_or_default());
            if got == 0 || bytes.len() > SAID_BYTES_MAX {
                return Err(missing());
            }
        }
        self.said = String::from_utf8_lossy(&bytes).into_owned();
        Ok(())
    }

    /// Its pid.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The number behind a name in what it said.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.said.lines().find_map(|line| {
            let rest = line.strip_prefix(name)?.strip_prefix(' ')?;
            rest.trim().parse().ok()
        })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Ours and not yet waited for, so its pid cannot be another's.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
