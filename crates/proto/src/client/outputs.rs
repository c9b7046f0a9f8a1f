//! What commands brought, on its way to the center.

use super::{Ended, SensorSide, Shared, connect};
use crate::command::CommandId;
use crate::limits::OUTPUT_BYTES_MAX;
use crate::refusal::Refusal;
use crate::wire;
use bytes::Bytes;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Bytes of a piece.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that wait for the network.
const WAITING_MAX: usize = 2;

/// Sends what commands brought, for as long as the connection lasts.
pub(super) async fn run<S: SensorSide>(
    shared: &Arc<Shared>,
    side: &Arc<S>,
    channel: Channel,
) -> Result<Infallible, Ended> {
    loop {
        for id in shared.commands.may_have_output() {
            let (asked, command) = (Arc::clone(side), id.clone());
            let path = tokio::task::spawn_blocking(move || asked.output(&command)).await;
            if let Ok(Some(path)) = path {
                send(channel.clone(), &id, path).await?;
                shared.commands.output_done(&id);
            }
        }
        shared.commands.brought.notified().await;
    }
}

/// Sends a file; one that can't be read or is too long is told of and let be.
///
/// # Errors
/// The center could not be told; it is tried again.
async fn send(channel: Channel, id: &CommandId, path: PathBuf) -> Result<(), Ended> {
    let (pieces, messages) = mpsc::channel(WAITING_MAX);
    let command_id = id.as_str().to_owned();
    let reading = tokio::task::spawn_blocking(move || read(&path, &command_id, &pieces));
    let mut calls = connect::calls(channel);
    let sent = calls.output(ReceiverStream::new(messages)).await;
    let read = reading
        .await
        .map_err(io::Error::other)
        .and_then(|read| read);
    match (read, sent) {
        (Err(error), _) => {
            tracing::warn!(%id, %error, "what a command brought stays on this node");
            Ok(())
        }
        (Ok(bytes), Ok(receipt)) if receipt.get_ref().bytes == bytes => Ok(()),
        (Ok(_), Ok(_)) => Err(Ended::Lost("center lacks part of an output".to_owned())),
        (Ok(_), Err(status)) => match Refusal::of_status(&status) {
            Some(
                refusal @ (Refusal::Unsupported | Refusal::Malformed | Refusal::WrongIdentity),
            ) => {
                tracing::warn!(%id, %refusal, "center does not take what a command brought");
                Ok(())
            }
            _ => Err(status.into()),
        },
    }
}

/// Reads a file into pieces; returns its length in bytes. Ends early when nobody takes them any more.
fn read(
    path: &std::path::Path,
    command_id: &str,
    pieces: &mpsc::Sender<wire::OutputChunk>,
) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    if length > OUTPUT_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has {length} bytes, more than {OUTPUT_BYTES_MAX}"
        )));
    }
    let mut offset = 0;
    loop {
        let mut content = Vec::with_capacity(PIECE_BYTES);
        let bytes = (&mut file)
            .take(PIECE_BYTES as u64)
            .read_to_end(&mut content)? as u64;
        let end = offset + bytes;
        let last = end >= length || bytes == 0;
        let piece = wire::OutputChunk {
            command_id: command_id.to_owned(),
            offset,
            content: Bytes::from(content),
            last,
        };
        if pieces.blocking_send(piece).is_err() || last {
            return Ok(end);
        }
        offset = end;
    }
}
