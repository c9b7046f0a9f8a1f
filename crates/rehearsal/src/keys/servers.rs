//! Stub servers: each says what a client of its kind needs to hear to go on, and never more.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long one connection is served: a client that stays must not keep a rehearsal from ending.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Connections of one server at the same time.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of what clients say that are kept: enough to know an answer by.
const HEARD_BYTES_MAX: usize = 16 * 1024;
/// How long a connection waits between two looks at whether it is time to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a shell may take to end when it is told so: what stands between may not notice by itself.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// The name that was asked for, type A, class IN, 60 seconds, four bytes: 203.0.113.30.
const DNS_RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 30];
/// How long a client may take for what it sends.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a server does with a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Service {
    /// Takes what it gets until the client ends.
    Sink,
    /// Says something at once, then takes what it gets.
    Banner(&'static str),
    /// Answers everything it gets with the same.
    Answer(&'static str),
    /// Answers a request with this body, and ends.
    Http(&'static str),
    /// An attacker at the other end of a shell: types these lines, stays for a while, and leaves.
    Session(&'static str, Duration),
}

/// Tells servers to end.
#[derive(Debug)]
pub(super) struct Control {
    /// At its end when the writer is gone.
    stopped: PipeReader,
    writer: Mutex<Option<PipeWriter>>,
    heard: Mutex<Heard>,
}

/// What clients said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// Connections that were served.
    pub(super) connections: usize,
    /// Bytes in all.
    pub(super) length: usize,
    /// The first of them.
    pub(super) beginning: Vec<u8>,
}

impl Control {
    pub(super) fn new() -> io::Result<Control> {
        let (stopped, writer) = io::pipe()?;
        Ok(Control {
            stopped,
            writer: Mutex::new(Some(writer)),
            heard: Mutex::new(Heard::default()),
        })
    }

    /// What clients have said so far.
    pub(super) fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, bytes: &[u8]) {
        let mut heard = self.heard();
        heard.length += bytes.len();
        let room = HEARD_BYTES_MAX.saturating_sub(heard.beginning.len());
        let kept = bytes.get(..room).unwrap_or(bytes);
        heard.beginning.extend_from_slice(kept);
    }

    /// Ends all servers.
    pub(super) fn stop(&self) {
        self.writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    /// Waits until something can be read or `span` is over; `None` if it is time to end.
    fn wait(&self, source: &impl AsFd, span: Duration) -> Option<bool> {
        let span = Timespec::try_from(span).ok()?;
        let mut fds = [
            PollFd::new(&self.stopped, PollFlags::IN),
            PollFd::new(source, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&span)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
        let [stopped, ready] = fds.map(|fd| !fd.revents().is_empty());
        (!stopped).then_some(ready)
    }
}

/// A connection of any kind.
pub(super) trait Connection: Read + Write + AsFd + Send + 'static {
    /// Bounds the time that writing may take.
    fn bound_writes(&self) -> io::Result<()>;
}

impl Connection for TcpStream {
    fn bound_writes(&self) -> io::Result<()> {
        self.set_write_timeout(Some(WRITE_TIMEOUT))
    }
}

impl Connection for UnixStream {
    fn bound_writes(&self) -> io::Result<()> {
        self.set_write_timeout(Some(WRITE_TIMEOUT))
    }
}

pub(super) fn serve_tcp(listener: &TcpListener, service: Service, control: &Arc<Control>) {
    accept_all(listener, service, control, || {
        listener.accept().map(|(stream, _)| stream)
    });
}

pub(super) fn serve_unix(listener: &UnixListener, service: Service, control: &Arc<Control>) {
    accept_all(listener, service, control, || {
        listener.accept().map(|(stream, _)| stream)
    });
}

fn accept_all<C: Connection>(
    listener: &impl AsFd,
    service: Service,
    control: &Arc<Control>,
    accept: impl Fn() -> io::Result<C>,
) {
    let mut serving = Vec::new();
    while let Some(ready) = control.wait(listener, CONNECTION_TIMEOUT) {
        serving.retain(|server: &thread::JoinHandle<()>| !server.is_finished());
        if !ready {
            continue;
        }
        let Ok(stream) = accept() else {
            break;
        };
        if serving.len() < CONNECTIONS_MAX {
            let control = Arc::clone(control);
            serving.push(thread::spawn(move || converse(stream, service, &control)));
        }
    }
    for server in serving {
        // A conversation that panicked has nothing more to say.
        let _ = server.join();
    }
}

/// Answers DNS queries: every name is at one address.
pub(super) fn serve_dns(socket: &UdpSocket, control: &Control) {
    let mut query = [0u8; 512];
    while let Some(ready) = control.wait(socket, CONNECTION_TIMEOUT) {
        if !ready {
            continue;
        }
        let Ok((length, from)) = socket.recv_from(&mut query) else {
            continue;
        };
        let mut answer = query.get(..length).unwrap_or_default().to_vec();
        // RFC 1035, 4.1.1: an answer with recursion, and one record in its second section.
        for (at, byte) in [(2, 0x81), (3, 0x80), (7, 1)] {
            if let Some(place) = answer.get_mut(at) {
                *place = byte;
            }
        }
        answer.extend_from_slice(&DNS_RECORD);
        // A client that has gone needs no answer.
        let _ = socket.send_to(&answer, from);
    }
}

/// Serves one connection to its end. What goes wrong ends it: the client's side tells whether that mattered.
pub(super) fn converse(mut stream: impl Connection, service: Service, control: &Control) {
    let _ = stream
        .bound_writes()
        .and_then(|()| talk(&mut stream, service, control));
}

fn talk(stream: &mut impl Connection, service: Service, control: &Control) -> io::Result<()> {
    let begun = Instant::now();
    control.heard().connections += 1;
    match service {
        Service::Banner(text) | Service::Session(text, _) => stream.write_all(text.as_bytes())?,
        Service::Sink | Service::Answer(_) | Service::Http(_) => {}
    }
    let mut left = None;
    let mut bytes = [0u8; 4096];
    while begun.elapsed() < CONNECTION_TIMEOUT {
        if left.is_some_and(|left: Instant| left.elapsed() >= LAST_WORDS) {
            return Ok(());
        }
        if let Service::Session(_, stays) = service
            && left.is_none()
            && begun.elapsed() >= stays
        {
            left = Some(Instant::now());
            stream.write_all(b"exit\n")?;
        }
        match control.wait(stream, LOOK_EVERY) {
            None => return Ok(()),
            Some(false) => continue,
            Some(true) => {}
        }
        let got = stream.read(&mut bytes)?;
        if got == 0 {
            return Ok(());
        }
        control.hear(bytes.get(..got).unwrap_or_default());
        match service {
            Service::Answer(text) => stream.write_all(text.as_bytes())?,
            Service::Http(body) => {
                let head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length";
                let length = body.len();
                return stream.write_all(format!("{head}: {length}\r\n\r\n{body}").as_bytes());
            }
            Service::Sink | Service::Banner(_) | Service::Session(..) => {}
        }
    }
    Ok(())
}
