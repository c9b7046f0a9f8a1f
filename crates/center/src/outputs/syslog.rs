//! Syslog messages on their way: UDP, TCP, TLS.

use super::send::{SendError, later};
use super::{address, trust};
use rustls::pki_types::ServerName;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Bytes of a message over UDP: what fits one packet of IPv4 (RFC 5426, section 3.2).
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// How long a receiver is waited for to close: one that went away meanwhile resets the connection instead.
const CLOSE_MAX: Duration = Duration::from_secs(3);

/// Sends messages, in order.
///
/// # Errors
/// [`SendError::Later`]
pub(super) async fn send(
    address: &str,
    protocol: &str,
    ca: &str,
    messages: &[String],
) -> Result<(), SendError> {
    if protocol == "udp" {
        return send_datagrams(address, messages).await;
    }
    // Octet counting: RFC 6587, section 3.4.1, and RFC 5425, section 4.3.
    let framed: String = messages
        .iter()
        .map(|message| format!("{} {message}", message.len()))
        .collect();
    let stream = address::connect(address).await.map_err(later)?;
    if protocol == "tcp" {
        return write(stream, framed.as_bytes()).await;
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(host).map_err(later)?;
    let config = trust::client_config(ca).map_err(later)?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await.map_err(later)?;
    write(stream, framed.as_bytes()).await
}

async fn send_datagrams(address: &str, messages: &[String]) -> Result<(), SendError> {
    let found = address::resolve(address).await.map_err(later)?;
    let first = found
        .first()
        .ok_or_else(|| later("the name has no address"))?;
    let from = if first.is_ipv6() {
        "[::]:0"
    } else {
        "0.0.0.0:0"
    };
    let socket = UdpSocket::bind(from).await.map_err(later)?;
    socket.connect(first).await.map_err(later)?;
    for message in messages {
        let sent = socket.send(whole_chars(message, DATAGRAM_BYTES_MAX).as_bytes());
        sent.await.map_err(later)?;
    }
    Ok(())
}

/// The beginning of a text that fits, without half a character at its end.
fn whole_chars(text: &str, bytes_max: usize) -> &str {
    let mut ends = (0..=bytes_max.min(text.len())).rev();
    ends.find_map(|end| text.get(..end)).unwrap_or_default()
}

/// Writes, and waits until the receiver has closed, too: syslog has no answers, and what a receiver had not read when it
/// went away would be lost unnoticed.
async fn write(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
) -> Result<(), SendError> {
    stream.write_all(bytes).await.map_err(later)?;
    stream.shutdown().await.map_err(later)?;
    let mut answer = [0; 512];
    loop {
        match timeout(CLOSE_MAX, stream.read(&mut answer)).await {
            // Those that keep the connection open read what came all the same.
            Ok(Ok(0)) | Err(_) => return Ok(()),
            Ok(Ok(_)) => {}
            // Many close without the last word of TLS.
            Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Ok(Err(error)) => return Err(later(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_between_characters() {
        assert_eq!(whole_chars("héé", 10), "héé");
        assert_eq!(whole_chars("héé", 4), "hé");
        assert_eq!(whole_chars("é", 1), "");
    }
}
