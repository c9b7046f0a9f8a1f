//! Connections: TLS, bounds, an orderly end.

use crate::start::{Center, CenterConfig, PeerAddress, StartError, Tls};
use axum::Router;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

/// Connections at once: memory stays bounded whoever connects.
const CONNECTIONS_MAX: usize = 4096;
/// Time for a TLS handshake, and for the head of a request: slow ones take no place from others (slowloris).
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Time for requests that run when the center stops.
const STOP_MAX: Duration = Duration::from_secs(5);
/// Wait after a connection could not be taken, such as for want of descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What takes connections.
#[derive(Debug)]
pub(crate) struct Serving {
    /// Where.
    pub(crate) listener: TcpListener,
    /// TLS, if there is any.
    pub(crate) acceptor: Option<Acceptor>,
    /// Whose.
    pub(crate) center: Center,
}

/// TLS for connections.
#[derive(Clone)]
pub(crate) struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// TLS as configured.
///
/// # Errors
/// [`StartError::Certificate`].
pub(crate) fn acceptor(
    config: &CenterConfig,
    authority: &yagura_proto::authority::Authority,
) -> Result<Option<Acceptor>, StartError> {
    let failed = |error: &dyn std::fmt::Display| StartError::Certificate(error.to_string());
    let (certificates, key) = match &config.tls {
        Tls::Plain => return Ok(None),
        Tls::OwnAuthority => own_certificate(config, authority)?,
        Tls::Files { certificate, key } => {
            let read = CertificateDer::pem_file_iter(certificate).map_err(|e| failed(&e))?;
            let chain: Result<Vec<_>, _> = read.collect();
            let key = PrivateKeyDer::from_pem_file(key).map_err(|e| failed(&e))?;
            (chain.map_err(|e| failed(&e))?, key)
        }
    };
    let mut tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|e| failed(&e))?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Acceptor(TlsAcceptor::from(Arc::new(tls)))))
}

fn own_certificate(
    config: &CenterConfig,
    authority: &yagura_proto::authority::Authority,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), StartError> {
    let mut names = config.names.clone();
    names.extend([
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ]);
    let listened = config.listen.ip();
    if !listened.is_unspecified() && !listened.is_loopback() {
        names.push(listened.to_string());
    }
    let issued = authority
        .issue_server(&names, yagura_proto::UnixMs::now())
        .map_err(|error| StartError::Certificate(error.to_string()))?;
    Ok((issued.chain, issued.key))
}

impl Serving {
    /// Serves until the center stops.
    pub(crate) async fn run(self, router: Router) {
        let mut stopping = self.center.stopping();
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = Arc::new(GracefulShutdown::new());
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(100);
        let builder = Arc::new(builder);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = crate::start::stopped(&mut stopping) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            self.center.counters().connections.count();
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.center.counters().refused_connections.count();
                continue;
            };
            let connection = Connection {
                peer,
                router: router.clone(),
                center: self.center.clone(),
                builder: Arc::clone(&builder),
                graceful: graceful.watcher(),
            };
            let acceptor = self.acceptor.clone();
            tokio::spawn(async move {
                connection.run(stream, acceptor).await;
                drop(place);
            });
        }
        if let Ok(graceful) = Arc::try_unwrap(graceful)
            && timeout(STOP_MAX, graceful.shutdown()).await.is_err()
        {
            tracing::warn!("requests were cut off");
        }
    }
}

struct Connection {
    peer: SocketAddr,
    router: Router,
    center: Center,
    builder: Arc<Builder<TokioExecutor>>,
    graceful: hyper_util::server::graceful::Watcher,
}

impl Connection {
    async fn run(self, stream: TcpStream, acceptor: Option<Acceptor>) {
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let Some(Acceptor(acceptor)) = acceptor else {
            return self.serve(stream).await;
        };
        match timeout(HEAD_MAX, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => self.serve(stream).await,
            Ok(Err(_)) | Err(_) => self.center.counters().broken_handshakes.count(),
        }
    }

    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (peer, center, router) = (PeerAddress(self.peer), self.center, self.router);
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let mut request = request.map(axum::body::Body::new);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(center.clone());
            router.clone().call(request)
        });
        let connection = self
            .builder
            .serve_connection(TokioIo::new(stream), service)
            .into_owned();
        // A client that breaks off is no concern of ours.
        let _ = self.graceful.watch(connection).await;
    }
}
