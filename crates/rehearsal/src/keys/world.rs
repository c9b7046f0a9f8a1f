//! The other end of a container's network: a namespace of its own that answers for every address, with stub servers.

use super::RehearsalError;
use super::servers::{self, Control, Heard, Service};
use crate::command::{self, Input};
use crate::container::{ThrowAwayContainer, excerpt};
use crate::image::ThrowAwayImage;
use crate::limits::{LIST_TIMEOUT, SETTLE_PAUSE};
use crate::runtime::find_program;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What the host must have for private networks.
pub(super) const HOST_PROGRAMS: &[&str] = &["ip", "nsenter", "unshare"];

/// The container's address.
pub(super) const CONTAINER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// How long a connection into a container is tried for, or its namespace waited for.
const REACH_TIMEOUT: Duration = LIST_TIMEOUT;

/// How long what a client said may take to be heard, once the client has ended.
const HEAR_TIMEOUT: Duration = Duration::from_secs(2);

/// A container's side: everything is beyond the one link.
const CONTAINER_SIDE: &str = "addr add 10.77.0.2/30 dev eth0\nlink set lo up\nlink set eth0 up\nroute add default dev eth0\n";
/// The other side: whatever is asked for is here. The route is not in the table of local ones, which comes first and
/// would keep answers from the link.
const PEER_SIDE: &str = "link set lo up\naddr add 10.77.0.1/30 dev eth0\nlink set eth0 up\nroute add local default dev lo table main\n";
/// Two containers on one link.
const FIRST_SIDE: &str = "addr add 10.77.1.1/24 dev eth0\nlink set lo up\nlink set eth0 up\n";
const SECOND_SIDE: &str = "addr add 10.77.1.2/24 dev eth0\nlink set lo up\nlink set eth0 up\n";

/// Servers, in a network namespace of their own or on sockets of the file system. They end when dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    control: Arc<Control>,
    servers: Mutex<Vec<JoinHandle<()>>>,
    /// Keeps the namespace; ends with its standard input, however this process ends.
    holder: Option<Child>,
}

impl Peer {
    /// Makes a namespace and connects it with the container's.
    pub(super) fn of(
        image: &ThrowAwayImage,
        container: &ThrowAwayContainer,
    ) -> Result<Peer, RehearsalError> {
        let unshare =
            find_program("unshare").ok_or(RehearsalError::HostLacks { program: "unshare" })?;
        let mut holder = Command::new(unshare);
        holder.arg("--net").arg(holder_path(image));
        let peer = Peer::held_by(holder)?;
        let pid = peer.pid();
        wait_for_namespace(pid)?;
        link(container.first_pid(), pid, CONTAINER_SIDE, PEER_SIDE)?;
        Ok(peer)
    }

    /// No server: a process of the host's that does nothing, to be acted on.
    pub(super) fn process(image: &ThrowAwayImage) -> Result<Peer, RehearsalError> {
        Peer::held_by(Command::new(holder_path(image)))
    }

    fn held_by(mut holder: Command) -> Result<Peer, RehearsalError> {
        let holder = holder
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| peer_error("no process for the other side", source))?;
        let mut peer = Peer::on_sockets()?;
        peer.holder = Some(holder);
        Ok(peer)
    }

    /// The pid of its process, zero if it has none.
    pub(super) fn pid(&self) -> u32 {
        self.holder.as_ref().map_or(0, Child::id)
    }

    /// Servers without a network.
    pub(crate) fn on_sockets() -> Result<Peer, RehearsalError> {
        let control =
            Control::new().map_err(|source| peer_error("no way to end servers", source))?;
        Ok(Peer {
            control: Arc::new(control),
            servers: Mutex::new(Vec::new()),
            holder: None,
        })
    }

    /// Serves on a TCP port of every address.
    pub(crate) fn serve(&self, port: u16, service: Service) -> Result<(), RehearsalError> {
        let address = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        let listener = self
            .inside(|| TcpListener::bind(address))
            .map_err(|source| peer_error("the other side can't listen", source))?;
        self.run(move |control| servers::serve_tcp(&listener, service, control));
        Ok(())
    }

    /// Serves as a DNS server that has one answer for all. It listens on the one address, for its answers must come
    /// from there.
    pub(super) fn serve_dns(&self, address: Ipv4Addr) -> Result<(), RehearsalError> {
        let socket = self
            .inside(|| UdpSocket::bind(SocketAddrV4::new(address, 53)))
            .map_err(|source| peer_error("the other side can't listen", source))?;
        self.run(move |control| servers::serve_dns(&socket, control));
        Ok(())
    }

    /// Serves on a unix socket.
    pub(crate) fn serve_unix(&self, path: &Path, service: Service) -> Result<(), RehearsalError> {
        self.serve_listener(UnixListener::bind(path), service)
    }

    /// Serves on a unix socket without a file, in this process's network namespace.
    pub(crate) fn serve_abstract(
        &self,
        name: &str,
        service: Service,
    ) -> Result<(), RehearsalError> {
        let address = SocketAddr::from_abstract_name(name);
        let listener = address.and_then(|address| UnixListener::bind_addr(&address));
        self.serve_listener(listener, service)
    }

    fn serve_listener(
        &self,
        listener: io::Result<UnixListener>,
        service: Service,
    ) -> Result<(), RehearsalError> {
        let listener =
            listener.map_err(|source| peer_error("the other side can't listen", source))?;
        self.run(move |control| servers::serve_unix(&listener, service, control));
        Ok(())
    }

    /// Waits at most `span` until clients have said something, and tells whether they have.
    pub(crate) fn hears_within(&self, span: Duration) -> bool {
        let deadline = Instant::now() + span;
        while self.control.heard().length == 0 {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(SETTLE_PAUSE);
        }
        true
    }

    /// Connects to a port of the container as soon as something listens there, and converses.
    pub(super) fn visit(&self, port: u16, service: Service) -> Result<(), RehearsalError> {
        let address = SocketAddrV4::new(CONTAINER, port);
        let deadline = Instant::now() + REACH_TIMEOUT;
        let stream = self.inside(|| {
            loop {
                match TcpStream::connect_timeout(&address.into(), REACH_TIMEOUT) {
                    Err(error)
                        if error.kind() == io::ErrorKind::ConnectionRefused
                            && Instant::now() < deadline =>
                    {
                        thread::sleep(SETTLE_PAUSE);
                    }
                    result => return result,
                }
            }
        });
        let stream =
            stream.map_err(|source| peer_error("the container can't be reached", source))?;
        servers::converse(stream, service, &self.control);
        Ok(())
    }

    /// Waits until clients have said something: a rehearsal whose other side heard nothing did not take place.
    pub(super) fn expect(
        &self,
        what: &'static str,
        is_it: impl Fn(&Heard) -> bool,
    ) -> Result<(), RehearsalError> {
        let deadline = Instant::now() + HEAR_TIMEOUT;
        while !is_it(&self.control.heard()) {
            if Instant::now() >= deadline {
                return Err(RehearsalError::NotHeard { what });
            }
            thread::sleep(SETTLE_PAUSE);
        }
        Ok(())
    }

    /// Waits until a shell has told who it runs as.
    pub(crate) fn expect_shell(&self) -> Result<(), RehearsalError> {
        self.expect("a shell", |heard| {
            heard.beginning.windows(4).any(|bytes| bytes == b"uid=")
        })
    }

    fn run(&self, serve: impl FnOnce(&Arc<Control>) + Send + 'static) {
        let control = Arc::clone(&self.control);
        let server = thread::spawn(move || serve(&control));
        self.servers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(server);
    }

    /// Does something in the namespace: sockets stay in the one that they were made in.
    fn inside<T: Send>(&self, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let Some(holder) = &self.holder else {
            return Err(io::Error::from(io::ErrorKind::NotConnected));
        };
        let namespace = File::open(format!("/proc/{}/ns/net", holder.id()))?;
        thread::scope(|scope| {
            // In a thread of its own, which ends: this one stays where it is.
            let inside = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                act()
            });
            inside
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace ended")))
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.control.stop();
        let servers =
            std::mem::take(&mut *self.servers.lock().unwrap_or_else(PoisonError::into_inner));
        for server in servers {
            // A server that panicked has nothing more to say.
            let _ = server.join();
        }
        if let Some(mut holder) = self.holder.take() {
            // Ours and not yet waited for, so its pid cannot be another's.
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// A program that lives until its standard input ends, as the host sees it.
fn holder_path(image: &ThrowAwayImage) -> PathBuf {
    image.root().join("usr/bin/rehearsal-hold")
}

/// Puts two containers on one link: 10.77.1.1 and 10.77.1.2.
pub(crate) fn connect(
    first: &ThrowAwayContainer,
    second: &ThrowAwayContainer,
) -> Result<(), RehearsalError> {
    link(
        first.first_pid(),
        second.first_pid(),
        FIRST_SIDE,
        SECOND_SIDE,
    )
}

/// Makes a pair of links between two namespaces, without one of them ever being in the host's.
pub(crate) fn link(
    first: u32,
    second: u32,
    first_side: &str,
    second_side: &str,
) -> Result<(), RehearsalError> {
    let make = format!("link add eth0 type veth peer name eth0 netns {second}\n{first_side}");
    ip(first, &make)?;
    ip(second, second_side)
}

/// Runs commands of `ip` in the network namespace of a process.
fn ip(pid: u32, batch: &str) -> Result<(), RehearsalError> {
    let program =
        |name: &'static str| find_program(name).ok_or(RehearsalError::HostLacks { program: name });
    let mut command = Command::new(program("nsenter")?);
    command
        .arg(format!("--net=/proc/{pid}/ns/net"))
        .arg(program("ip")?)
        .args(["-batch", "-"]);
    let output = command::run(&mut command, Input::Bytes(batch.as_bytes()), LIST_TIMEOUT)?;
    if output.succeeded() {
        return Ok(());
    }
    Err(RehearsalError::NoNetwork {
        message: excerpt(&output.stderr),
    })
}

fn wait_for_namespace(pid: u32) -> Result<(), RehearsalError> {
    let failed = |source| peer_error("the other side has no namespace", source);
    let host = fs::read_link("/proc/self/ns/net").map_err(failed)?;
    let deadline = Instant::now() + REACH_TIMEOUT;
    loop {
        let found = fs::read_link(format!("/proc/{pid}/ns/net")).map_err(failed)?;
        if found != host {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(failed(io::Error::from(io::ErrorKind::TimedOut)));
        }
        thread::sleep(SETTLE_PAUSE);
    }
}

fn peer_error(what: &'static str, source: io::Error) -> RehearsalError {
    RehearsalError::Peer { what, source }
}
