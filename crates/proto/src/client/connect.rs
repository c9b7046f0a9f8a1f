//! Connections to the center.

use super::address::CenterAddress;
use super::credentials::{Credentials, CredentialsError};
use crate::authority::CENTER_NAME;
use crate::limits::{
    CALL_MAX, CENTER_MESSAGE_BYTES_MAX, CONNECT_MAX, KEEPALIVE, KEEPALIVE_ANSWER_MAX,
};
use crate::refusal::Refusal;
use crate::tls::{self, TlsError};
use crate::wire::link_client::LinkClient;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// Why the center can't be reached or does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The center refuses.
    #[error("center refuses: {0}")]
    Refused(Refusal),
    /// Whoever answers is not the center of this sensor's token or certificate.
    #[error("whoever answers at this address is not this sensor's center")]
    NotTheCenter(#[source] rustls::Error),
    /// The clocks are too far apart for certificates to hold.
    #[error(
        "the center's certificate is not valid by this node's clock; one of the clocks is wrong"
    )]
    Clock(#[source] rustls::Error),
    /// Nobody answers, or not in time.
    #[error("center cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The center answered with an error.
    #[error("center says: {0}")]
    Status(String),
    /// What the center sent is not what the contract says.
    #[error("center's answer has no valid {0}")]
    Malformed(&'static str),
    /// The certificate can't be kept.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The certificate's key can't be made.
    #[error("key cannot be made")]
    Key(#[from] rcgen::Error),
}

impl ConnectError {
    /// What a call's status tells.
    pub(super) fn of_status(status: &tonic::Status) -> ConnectError {
        if let Some(refusal) = Refusal::of_status(status) {
            return ConnectError::Refused(refusal);
        }
        let tls = std::error::Error::source(status).and_then(tls::tls_error);
        match tls {
            Some(error) => ConnectError::of_tls(error),
            None => ConnectError::Status(status.message().to_owned()),
        }
    }

    fn of_tls(error: &rustls::Error) -> ConnectError {
        use rustls::CertificateError as Certificate;
        match error {
            rustls::Error::InvalidCertificate(
                Certificate::Expired
                | Certificate::ExpiredContext { .. }
                | Certificate::NotValidYet
                | Certificate::NotValidYetContext { .. },
            ) => ConnectError::Clock(error.clone()),
            rustls::Error::InvalidCertificate(_) => ConnectError::NotTheCenter(error.clone()),
            other => match tls::refusal_met(other) {
                Some(refusal) => ConnectError::Refused(refusal),
                None => ConnectError::Unreachable(other.clone().into()),
            },
        }
    }

    fn of_transport(error: tonic::transport::Error) -> ConnectError {
        match tls::tls_error(&error) {
            Some(tls) => ConnectError::of_tls(tls),
            None => ConnectError::Unreachable(error.into()),
        }
    }
}

/// Connects with a certificate. [`super::Link::run`] does this by itself.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(
    center: &CenterAddress,
    credentials: &Credentials,
) -> Result<Channel, ConnectError> {
    let (certificate, key) = credentials.for_tls();
    let config = tls::client_config(&credentials.authority(), certificate, key)?;
    open(center, config).await
}

/// Connects with that side of TLS.
pub(super) async fn open(
    center: &CenterAddress,
    config: ClientConfig,
) -> Result<Channel, ConnectError> {
    let connector = TlsConnector::from(Arc::new(config));
    let center = center.clone();
    let endpoint = Endpoint::from_static("http://center.yagura.internal")
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_ANSWER_MAX)
        .keep_alive_while_idle(true)
        .connect_timeout(CONNECT_MAX);
    let dial = tower::service_fn(move |_: Uri| dial(center.clone(), connector.clone()));
    let connected = tokio::time::timeout(CONNECT_MAX, endpoint.connect_with_connector(dial)).await;
    match connected {
        Ok(connected) => connected.map_err(ConnectError::of_transport),
        Err(elapsed) => Err(ConnectError::Unreachable(elapsed.into())),
    }
}

async fn dial(
    center: CenterAddress,
    connector: TlsConnector,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(center.parts()).await?;
    // Small messages go out at once. Failing costs nothing but time.
    let _ = stream.set_nodelay(true);
    let name = ServerName::try_from(CENTER_NAME).map_err(io::Error::other)?;
    let mut stream = connector.connect(name, stream).await?;
    // With TLS 1.3 the sensor has finished before the center looks at its certificate. The center's first word, its
    // settings, says that it took it; what it says instead would get lost between HTTP/2 and its callers.
    if stream.fill_buf().await?.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(TokioIo::new(stream))
}

/// The calls, with the bounds of the contract.
pub(super) fn calls(channel: Channel) -> LinkClient<Channel> {
    LinkClient::new(channel).max_decoding_message_size(CENTER_MESSAGE_BYTES_MAX)
}

/// Waits for the answer to a single call.
pub(super) async fn answer<T>(
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, ConnectError> {
    match tokio::time::timeout(CALL_MAX, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(ConnectError::of_status(&status)),
        Err(elapsed) => Err(ConnectError::Unreachable(elapsed.into())),
    }
}
