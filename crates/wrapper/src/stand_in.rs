//! Somebody for the runtime to connect to while the agent is away.
//!
//! A container keeps the profile that it was made with. Whatever is started in it later (`kubectl exec`, a probe of its
//! health) has that profile too, and fails to start if nobody takes the listener. So the wrapper puts a process there that
//! takes listeners and drops them: the program starts, and the calls in question fail with ENOSYS.

use crate::agent;
use crate::limits::STAND_IN_TIME;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// As the only argument but the socket: the process is a stand-in. No runtime has such an option.
pub(crate) const ARGUMENT: &str = "--yagura-stand-in";
/// Bytes of one connection that are read, against one that never ends.
const CONNECTION_BYTES_MAX: u64 = 8 << 20;
const CONNECTION_TIME: Duration = Duration::from_secs(2);

/// Starts a stand-in and waits until it can be connected to.
pub(crate) fn start(program: &OsStr, socket: &Path) -> io::Result<()> {
    let mut child = Command::new("/proc/self/exe")
        .arg0(program)
        .arg(ARGUMENT)
        .arg(socket)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Signals to the group of the runtime are not meant for it.
        .process_group(0)
        .spawn()?;
    let mut ready = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(1).read_to_end(&mut ready)?;
    }
    // Not waited for: this process is about to become the runtime.
    if ready.is_empty() {
        return Err(io::ErrorKind::BrokenPipe.into());
    }
    Ok(())
}

/// Is a stand-in until nobody has connected for a while.
pub(crate) fn serve(socket: &Path) -> io::Result<()> {
    let Some(listener) = take_place(socket)? else {
        // The agent is back.
        return tell_ready();
    };
    tell_ready()?;
    let timeout = Timespec::try_from(STAND_IN_TIME).map_err(|_| io::ErrorKind::InvalidInput)?;
    while poll(&mut [PollFd::new(&listener, PollFlags::IN)], Some(&timeout))? != 0 {
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(CONNECTION_TIME))?;
        // Descriptors that come along are closed by the kernel, since nobody takes them.
        let _ = io::copy(&mut stream.take(CONNECTION_BYTES_MAX), &mut io::sink());
    }
    Ok(())
}

/// Puts a socket where the agent's was, unless the agent is there.
fn take_place(socket: &Path) -> io::Result<Option<UnixListener>> {
    let lock = lock_file(socket)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if agent::ping(socket).is_ok() {
        return Ok(None);
    }
    let fresh = socket.with_extension(format!("stand-in.{}", std::process::id()));
    let listener = UnixListener::bind(&fresh)?;
    let placed = std::fs::set_permissions(&fresh, Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&fresh, socket));
    if let Err(error) = placed {
        let _ = std::fs::remove_file(&fresh);
        return Err(error);
    }
    Ok(Some(listener))
}

/// Whoever puts a socket in place holds it, the agent too.
fn lock_file(socket: &Path) -> io::Result<File> {
    let mut name = socket.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    options.open(socket.with_file_name(name))
}

fn tell_ready() -> io::Result<()> {
    let mut output = io::stdout();
    output.write_all(b"+")?;
    output.flush()?;
    // Whoever started this has what it waits for; the terminal or pipe behind is none of our business.
    Ok(())
}
