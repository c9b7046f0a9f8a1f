//! The socket, the connections to it, and what comes in over them.

use super::{AgentError, IDLE, count};
use crate::seccomp::listener::Listener;
use crate::seccomp::state::{self, DESCRIPTORS_MAX, STATE_BYTES_MAX, SeccompContainer};
use crate::seccomp::{AGENT_PING, AGENT_PONG};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, recvmsg, send,
};
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

/// Connections at once, against somebody who opens them and says nothing. The oldest goes.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may take to bring a listener; runtimes send everything at once.
const CONNECTION_TIME: Duration = Duration::from_secs(2);
/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;

const WAKE: u64 = 0;
const SOCKET: u64 = 1;

/// Makes the socket, in place of one that an earlier process left.
pub(super) fn listen(socket: &Path) -> Result<UnixListener, AgentError> {
    let error = |source| AgentError::Socket {
        socket: socket.to_owned(),
        source,
    };
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(error(io::ErrorKind::InvalidInput.into()));
    };
    let mut making = DirBuilder::new();
    making.recursive(true).mode(0o700);
    making.create(folder).map_err(error)?;
    let facts = std::fs::metadata(folder).map_err(error)?;
    if facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o022 != 0 {
        let socket = socket.to_owned();
        return Err(AgentError::Folder { socket });
    }
    // The runtime wrapper puts a stand-in there while the agent is away, but not while this is locked.
    let lock = lock_file(&folder.join(name)).map_err(error)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|errno| error(errno.into()))?;
    // Under another name first: a runtime that connects meanwhile finds the old one or the new one.
    let mut fresh = name.to_owned();
    fresh.push(format!(".{}", std::process::id()));
    let fresh = folder.join(fresh);
    let _ = std::fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh).map_err(error)?;
    let ready = std::fs::set_permissions(&fresh, Permissions::from_mode(0o600))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| std::fs::rename(&fresh, socket));
    if let Err(source) = ready {
        let _ = std::fs::remove_file(&fresh);
        return Err(error(source));
    }
    Ok(listener)
}

/// The file that is locked by whoever puts a socket in place.
fn lock_file(socket: &Path) -> io::Result<File> {
    let mut name = socket.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    options.open(socket.with_file_name(name))
}

/// What came of an event.
pub(super) enum Arrival {
    /// Nothing yet, or a ping.
    Nothing,
    /// A connection that was of no use.
    Rejected,
    /// A runtime brought the listener of a container's filter.
    Listener {
        listener: Listener,
        container: SeccompContainer,
    },
}

/// Everything that is waited for, and what has come in so far.
pub(super) struct Inbox {
    poll: OwnedFd,
    socket: UnixListener,
    next_token: u64,
    /// By token, which is by age.
    connections: BTreeMap<u64, Connection>,
}

struct Connection {
    stream: UnixStream,
    until: Instant,
    bytes: Vec<u8>,
    descriptors: Vec<OwnedFd>,
}

impl Inbox {
    pub(super) fn new(poll: OwnedFd, socket: UnixListener, wake: &OwnedFd) -> Result<Inbox, Errno> {
        epoll::add(&poll, wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        epoll::add(&poll, &socket, EventData::new_u64(SOCKET), EventFlags::IN)?;
        Ok(Inbox {
            poll,
            socket,
            next_token: SOCKET + 1,
            connections: BTreeMap::new(),
        })
    }

    pub(super) fn poll(&self) -> &OwnedFd {
        &self.poll
    }

    /// Waits for something else, too; the token that its events bear.
    pub(super) fn watch(&mut self, source: impl AsFd) -> Result<u64, Errno> {
        let token = self.next_token;
        let data = EventData::new_u64(token);
        epoll::add(&self.poll, source, data, EventFlags::IN)?;
        self.next_token += 1;
        Ok(token)
    }

    pub(super) fn leave(&self, source: impl AsFd) {
        let _ = epoll::delete(&self.poll, source);
    }

    /// The time until a connection has used up its own.
    pub(super) fn until_due(&self) -> Duration {
        let oldest = self.connections.first_key_value();
        oldest.map_or(IDLE, |(_, connection)| {
            connection.until.saturating_duration_since(Instant::now())
        })
    }

    pub(super) fn end_overdue(&mut self, rejected: &AtomicU64) {
        let now = Instant::now();
        while let Some(oldest) = self.connections.first_entry()
            && oldest.get().until <= now
        {
            oldest.remove();
            count(rejected);
        }
    }

    /// Takes what an event is about.
    pub(super) fn take(&mut self, token: u64) -> Arrival {
        match token {
            // It only ends the waiting.
            WAKE => Arrival::Nothing,
            SOCKET => self.accept(),
            token => self.read(token),
        }
    }

    fn accept(&mut self) -> Arrival {
        let Ok((stream, _)) = self.socket.accept() else {
            return Arrival::Nothing;
        };
        let is_trusted = socket_peercred(&stream)
            .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid());
        if !is_trusted || stream.set_nonblocking(true).is_err() {
            return Arrival::Rejected;
        }
        let Ok(token) = self.watch(&stream) else {
            return Arrival::Rejected;
        };
        let connection = Connection {
            stream,
            until: Instant::now() + CONNECTION_TIME,
            bytes: Vec::new(),
            descriptors: Vec::new(),
        };
        self.connections.insert(token, connection);
        if self.connections.len() > CONNECTIONS_MAX {
            self.connections.pop_first();
            return Arrival::Rejected;
        }
        Arrival::Nothing
    }

    fn read(&mut self, token: u64) -> Arrival {
        let Some(connection) = self.connections.get_mut(&token) else {
            return Arrival::Nothing;
        };
        match connection.read() {
            Ok(Progress::More) => return Arrival::Nothing,
            Ok(Progress::Ping) => {
                let _ = send(&connection.stream, AGENT_PONG, SendFlags::NOSIGNAL);
                self.connections.remove(&token);
                return Arrival::Nothing;
            }
            Ok(Progress::End) => {}
            Err(_) => {
                self.connections.remove(&token);
                return Arrival::Rejected;
            }
        }
        let finished = self.connections.remove(&token);
        let listener = finished.and_then(Connection::into_listener);
        listener.map_or(Arrival::Rejected, |(listener, container)| {
            Arrival::Listener {
                listener,
                container,
            }
        })
    }
}

enum Progress {
    More,
    Ping,
    End,
}

impl Connection {
    fn read(&mut self) -> Result<Progress, Errno> {
        let mut buffer = vec![0; READ_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &self.stream,
            &mut [IoSliceMut::new(&mut buffer)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
        );
        let received = match received {
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Progress::More),
            other => other?,
        };
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        let is_cut = received.flags.contains(ReturnFlags::CTRUNC);
        if is_cut || self.descriptors.len() > DESCRIPTORS_MAX {
            return Err(Errno::TOOBIG);
        }
        if received.bytes == 0 {
            return Ok(Progress::End);
        }
        self.bytes
            .extend_from_slice(buffer.get(..received.bytes).unwrap_or_default());
        if self.bytes.len() > STATE_BYTES_MAX {
            return Err(Errno::TOOBIG);
        }
        if self.bytes == AGENT_PING {
            return Ok(Progress::Ping);
        }
        // `runc exec` keeps the connection until the program that it started has ended.
        let is_whole = !self.descriptors.is_empty() && state::is_whole(&self.bytes);
        Ok(if is_whole {
            Progress::End
        } else {
            Progress::More
        })
    }

    fn into_listener(self) -> Option<(Listener, SeccompContainer)> {
        let (container, index) = state::parse(&self.bytes).ok()?;
        let descriptor = self.descriptors.into_iter().nth(index)?;
        Some((Listener::adopt(descriptor)?, container))
    }
}
