//! Commands that end in time, whatever they do, and whose output is bounded.

use crate::limits::{INPUT_BYTES_MAX, OUTPUT_BYTES_MAX};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::{ClockId, clock_gettime};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use yagura_event::MonotonicNs;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// A signal of this number ended it.
    Signal(i32),
    /// It ran longer than it was given and was killed.
    TimedOut,
}

/// What shells and runtimes add to the number of the signal that ended a process, to tell it as an exit code.
const SIGNAL_EXIT: i32 = 128;
/// Numbers of signals end here.
const SIGNAL_MAX: i32 = 64;

impl Exit {
    /// The signal that ended it, also where a shell or a runtime tells of it by its own exit code.
    pub fn signal(self) -> Option<i32> {
        match self {
            Exit::Signal(signal) => Some(signal),
            Exit::Code(code) => {
                let signal = code - SIGNAL_EXIT;
                (1..=SIGNAL_MAX).contains(&signal).then_some(signal)
            }
            Exit::TimedOut => None,
        }
    }
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output, bounded.
    pub stdout: Vec<u8>,
    /// Its standard error, bounded.
    pub stderr: Vec<u8>,
    /// Whether output beyond the bound was thrown away.
    pub truncated: bool,
    /// Just before it was started.
    pub started: MonotonicNs,
    /// Just after it was seen to have ended.
    pub ended: MonotonicNs,
}

impl Output {
    /// Whether it exited with code 0.
    pub fn succeeded(&self) -> bool {
        self.exit == Exit::Code(0)
    }
}

/// Why a command could not be run.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The program did not start.
    #[error("{program} did not start")]
    Spawn {
        /// The program.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Waiting for it, writing to it or reading from it failed.
    #[error("lost touch with {program}")]
    Talk {
        /// The program.
        program: String,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Everything made here has been removed for good, or is being removed.
    #[error("this process is cleaning up")]
    CleaningUp,
    /// The input is longer than a command may be given.
    #[error("input of {given} bytes, at most {INPUT_BYTES_MAX} are taken")]
    InputTooLong {
        /// Length in bytes.
        given: usize,
    },
}

/// Reads `CLOCK_BOOTTIME`, the clock of kernel events.
pub(crate) fn now() -> MonotonicNs {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    MonotonicNs(seconds.saturating_mul(1_000_000_000) + nanoseconds)
}

/// What a command is given as standard input.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// Nothing.
    Empty,
    /// These bytes.
    Bytes(&'a [u8]),
    /// The read end of a pipe.
    Pipe(io::PipeReader),
}

/// Runs `command` to its end or to `timeout`, whichever is first.
///
/// Does not wait for others that hold its output open: a process it left behind may do so for as long as it likes.
///
/// # Errors
/// `Spawn` if it did not start, `Talk` if the pipes to it broke, `InputTooLong` for input beyond the bound.
pub(crate) fn run(
    command: &mut Command,
    input: Input<'_>,
    timeout: Duration,
) -> Result<Output, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let bytes = match input {
        Input::Bytes(bytes) if bytes.len() > INPUT_BYTES_MAX => {
            return Err(CommandError::InputTooLong { given: bytes.len() });
        }
        Input::Bytes(bytes) => {
            command.stdin(Stdio::piped());
            bytes
        }
        Input::Pipe(reader) => {
            command.stdin(Stdio::from(reader));
            &[]
        }
        Input::Empty => {
            command.stdin(Stdio::null());
            &[]
        }
    };
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = now();
    let mut child = command.spawn().map_err(|source| CommandError::Spawn {
        program: program.clone(),
        source,
    })?;
    let talked = write_input(&mut child, bytes).and_then(|()| follow(&mut child, timeout));
    if !matches!(talked, Ok(Followed { ended: true, .. })) {
        // Ours and not yet waited for, so its pid cannot be another's.
        let _ = child.kill();
    }
    let status = child.wait();
    let ended = now();
    let talk = |source| CommandError::Talk { program, source };
    let (followed, status) = match (talked, status) {
        (Ok(followed), Ok(status)) => (followed, status),
        (Err(error), _) | (_, Err(error)) => return Err(talk(error)),
    };
    Ok(Output {
        exit: if followed.ended {
            exit(status)
        } else {
            Exit::TimedOut
        },
        truncated: followed.stdout.truncated || followed.stderr.truncated,
        stdout: followed.stdout.bytes,
        stderr: followed.stderr.bytes,
        started,
        ended,
    })
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or(0)),
    }
}

fn write_input(child: &mut Child, bytes: &[u8]) -> io::Result<()> {
    match child.stdin.take().map(|mut pipe| pipe.write_all(bytes)) {
        // Whoever does not read its input has no need of it.
        Some(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

struct Followed {
    stdout: Kept,
    stderr: Kept,
    ended: bool,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    truncated: bool,
    closed: bool,
}

impl Kept {
    /// Takes what is there now, without waiting.
    fn take(&mut self, pipe: &mut impl Read) -> io::Result<()> {
        let mut chunk = [0u8; 4096];
        // A writer that never pauses must not keep us here: the bound of one round.
        for _ in 0..64 {
            if self.closed {
                return Ok(());
            }
            match pipe.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(count) => {
                    let room = OUTPUT_BYTES_MAX.saturating_sub(self.bytes.len());
                    let kept = chunk.get(..count.min(room)).unwrap_or_default();
                    self.bytes.extend_from_slice(kept);
                    self.truncated |= count > room;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn follow(child: &mut Child, timeout: Duration) -> io::Result<Followed> {
    let deadline = Instant::now() + timeout;
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let mut out = child.stdout.take().ok_or_else(missing)?;
    let mut err = child.stderr.take().ok_or_else(missing)?;
    fcntl_setfl(&out, OFlags::NONBLOCK)?;
    fcntl_setfl(&err, OFlags::NONBLOCK)?;
    let mut followed = Followed {
        stdout: Kept::default(),
        stderr: Kept::default(),
        ended: false,
    };
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = vec![PollFd::new(&ended, PollFlags::IN)];
        // A pipe at its end is always ready: left in the set, it would make this a busy loop.
        for (kept, pipe) in [
            (&followed.stdout, out.as_fd()),
            (&followed.stderr, err.as_fd()),
        ] {
            if !kept.closed {
                fds.push(PollFd::from_borrowed_fd(pipe, PollFlags::IN));
            }
        }
        let span = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&span)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let has_ended = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        followed.stdout.take(&mut out)?;
        followed.stderr.take(&mut err)?;
        if has_ended {
            followed.ended = true;
            return Ok(followed);
        }
        if left.is_zero() {
            return Ok(followed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_exit_code_come_back() {
        let output = run(
            &mut shell("cat; echo err >&2; exit 3"),
            Input::Bytes(b"in"),
            Duration::from_secs(10),
        )
        .unwrap();
        assert_eq!(output.exit, Exit::Code(3));
        assert_eq!(output.stdout, b"in");
        assert_eq!(output.stderr, b"err\n");
        assert!(output.ended > output.started);
    }

    #[test]
    fn a_command_is_killed_at_its_timeout() {
        let begun = Instant::now();
        let output = run(
            &mut shell("exec sleep 30"),
            Input::Empty,
            Duration::from_millis(50),
        )
        .unwrap();
        assert_eq!(output.exit, Exit::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn who_keeps_the_output_open_is_not_waited_for() {
        let begun = Instant::now();
        let output = run(
            &mut shell("sleep 2 & echo done"),
            Input::Empty,
            Duration::from_secs(20),
        )
        .unwrap();
        assert_eq!(output.stdout, b"done\n");
        assert!(begun.elapsed() < Duration::from_millis(1500));
    }

    #[test]
    fn output_is_bounded() {
        let output = run(
            &mut shell("head -c 1000000 /dev/zero"),
            Input::Empty,
            Duration::from_secs(20),
        )
        .unwrap();
        assert_eq!(output.stdout.len(), OUTPUT_BYTES_MAX);
        assert!(output.truncated);
    }
}
