//! From the port to connections whose peers are known.

use super::fleet::{Fleet, RefusedPeer};
use crate::authority::{Authority, AuthorityError};
use crate::identity::SensorIdentity;
use crate::limits::{CONNECTIONS_MAX, HANDSHAKE_MAX, HANDSHAKES_MAX, STRANGER_MAX, STRANGERS_MAX};
use crate::refusal::Refusal;
use crate::tls::{self, TlsError};
use crate::{UnixMs, identity::IdentityError};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

/// How long to wait when the system has no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a refused peer may take to hear that it is, and how much it may say meanwhile.
const REFUSED_MAX: Duration = Duration::from_secs(1);
const REFUSED_BYTES_MAX: u64 = 64 << 10;

/// What became of connections, since the start.
#[derive(Debug, Default)]
pub struct ConnectionCounters {
    /// Connections that got through the handshake.
    pub accepted: AtomicU64,
    /// Handshakes that failed or took too long.
    pub broken_handshakes: AtomicU64,
    /// Connections without certificate that were turned away because there were too many.
    pub crowded_out: AtomicU64,
    /// Times that the system could not accept a connection.
    pub accept_errors: AtomicU64,
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(super) struct PeerFacts {
    pub(super) address: SocketAddr,
    /// What its certificate says; `None` if it showed none.
    pub(super) sensor: Option<Arc<SensorIdentity>>,
}

/// A connection.
pub(super) struct Peer {
    stream: TlsStream<TcpStream>,
    facts: PeerFacts,
    /// When a connection without certificate has lasted long enough.
    end: Option<Pin<Box<Sleep>>>,
    _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Connected for Peer {
    type ConnectInfo = PeerFacts;

    fn connect_info(&self) -> PeerFacts {
        self.facts.clone()
    }
}

impl AsyncRead for Peer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let is_over = |end: &mut Pin<Box<Sleep>>| end.as_mut().poll(context).is_ready();
        if self.end.as_mut().is_some_and(is_over) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Peer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Why the center's certificate can't be made.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The authority can't make one.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// TLS can't be set up with it.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Everything that a handshake needs.
pub(super) struct Listener<F> {
    pub(super) fleet: Arc<F>,
    pub(super) authority: Arc<Authority>,
    pub(super) names: Vec<String>,
    pub(super) counters: Arc<ConnectionCounters>,
}

impl<F: Fleet> Listener<F> {
    /// A center's certificate, and when the next is due.
    pub(super) fn acceptor(&self) -> Result<(TlsAcceptor, UnixMs), ListenError> {
        let certificate = self.authority.issue_server(&self.names, self.fleet.now())?;
        let due = certificate.renewal_due;
        let config = tls::server_config(self.authority.certificate(), certificate)?;
        Ok((TlsAcceptor::from(Arc::new(config)), due))
    }

    /// Accepts connections until `peers` is closed.
    pub(super) async fn run(
        self: Arc<Self>,
        port: TcpListener,
        first: (TlsAcceptor, UnixMs),
        peers: mpsc::Sender<io::Result<Peer>>,
    ) {
        let (mut acceptor, mut due) = first;
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
        let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
        loop {
            // The semaphores are never closed.
            let Ok(connection) = connections.clone().acquire_owned().await else {
                return;
            };
            let Ok(handshake) = handshakes.clone().acquire_owned().await else {
                return;
            };
            let accepted = tokio::select! {
                accepted = port.accept() => accepted,
                () = peers.closed() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    count(&self.counters.accept_errors);
                    tracing::warn!(%error, "connection cannot be accepted");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            if self.fleet.now() > due {
                match self.acceptor() {
                    Ok(renewed) => (acceptor, due) = renewed,
                    Err(error) => {
                        tracing::error!(%error, "the center's certificate cannot be renewed");
                    }
                }
            }
            let (this, acceptor) = (Arc::clone(&self), acceptor.clone());
            let (peers, strangers) = (peers.clone(), Arc::clone(&strangers));
            tokio::spawn(async move {
                let peer = this
                    .meet(&acceptor, stream, address, connection, &strangers)
                    .await;
                drop(handshake);
                if let Some(peer) = peer {
                    // The server has stopped: so does the connection.
                    let _ = peers.send(Ok(peer)).await;
                }
            });
        }
    }

    /// The handshake with one peer.
    async fn meet(
        &self,
        acceptor: &TlsAcceptor,
        stream: TcpStream,
        address: SocketAddr,
        connection: OwnedSemaphorePermit,
        strangers: &Arc<Semaphore>,
    ) -> Option<Peer> {
        // Small messages go out at once. Failing costs nothing but time.
        let _ = stream.set_nodelay(true);
        let handshake = acceptor.accept(stream).into_fallible();
        let stream = match timeout(HANDSHAKE_MAX, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err((error, stream))) => {
                self.broken(address, &error);
                hear_out(stream).await;
                return None;
            }
            Err(_) => {
                count(&self.counters.broken_handshakes);
                return None;
            }
        };
        let sensor = match identity(&stream) {
            Ok(sensor) => sensor.map(Arc::new),
            Err(error) => {
                tracing::warn!(%address, %error, "certificate names no sensor");
                self.refuse(address, Refusal::ForeignCertificate);
                return None;
            }
        };
        let stranger = match &sensor {
            Some(_) => None,
            None => match strangers.clone().try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => {
                    count(&self.counters.crowded_out);
                    return None;
                }
            },
        };
        count(&self.counters.accepted);
        Some(Peer {
            stream,
            end: sensor.is_none().then(|| Box::pin(sleep(STRANGER_MAX))),
            facts: PeerFacts { address, sensor },
            _permits: [Some(connection), stranger],
        })
    }

    fn broken(&self, address: SocketAddr, error: &io::Error) {
        count(&self.counters.broken_handshakes);
        match tls::tls_error(error).and_then(tls::refusal_made) {
            Some(refusal) => self.refuse(address, refusal),
            None => tracing::debug!(%address, %error, "handshake failed"),
        }
    }

    fn refuse(&self, peer: SocketAddr, refusal: Refusal) {
        let sensor = None;
        self.fleet.refused(RefusedPeer {
            peer,
            sensor,
            refusal,
        });
    }
}

/// Lets a peer read why it was refused. It may have sent something already, and to close a connection with unread bytes
/// resets it, whereupon the peer never sees the alert.
async fn hear_out(mut stream: TcpStream) {
    let heard = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(REFUSED_BYTES_MAX), &mut tokio::io::sink()).await
    };
    // It is refused, whether it listens or not.
    let _ = timeout(REFUSED_MAX, heard).await;
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// What the peer's certificate says, which the handshake has checked.
fn identity(stream: &TlsStream<TcpStream>) -> Result<Option<SensorIdentity>, IdentityError> {
    let (_, connection) = stream.get_ref();
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    certificate
        .map(|certificate| SensorIdentity::of_certificate(certificate))
        .transpose()
}
