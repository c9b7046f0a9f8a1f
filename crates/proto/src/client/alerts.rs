//! Batches from the spool to the center, a few ahead of its acknowledgements.

use super::{Ended, Shared, connect};
use crate::limits::{ACK_MAX, BATCHES_IN_FLIGHT_MAX, SENSOR_MESSAGE_BYTES_MAX};
use crate::spool::{Batch, Spool};
use crate::wire;
use bytes::Bytes;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

/// Delivers what is in the spool, from the first batch that the center does not have, for as long as the connection lasts.
pub(super) async fn run(shared: &Arc<Shared>, channel: Channel) -> Result<Infallible, Ended> {
    let (up, batches) = mpsc::channel(BATCHES_IN_FLIGHT_MAX);
    let mut calls = connect::calls(channel);
    let mut acks = calls
        .alerts(ReceiverStream::new(batches))
        .await?
        .into_inner();
    let mut spooled = shared.spooled.clone();
    let mut delivery = Delivery {
        id: Bytes::copy_from_slice(&shared.spool.id()),
        sent: shared.spool.acknowledged(),
        in_flight: VecDeque::new(),
    };
    loop {
        let highest = *spooled.borrow_and_update();
        while delivery.has_room() && delivery.sent < highest {
            let next = read(&shared.spool, delivery.sent, delivery.room()).await?;
            if next.is_empty() {
                // What is left was dropped or can't be read.
                delivery.sent = highest;
            }
            for batch in next {
                let message = delivery.send(batch);
                let sent = up.send(message).await;
                sent.map_err(|_| Ended::Lost("center takes no alerts".to_owned()))?;
            }
        }
        let late = delivery.late();
        tokio::select! {
            ack = acks.message() => {
                let ack = ack?.ok_or_else(|| Ended::Lost("center takes no alerts".to_owned()))?;
                if delivery.acknowledged(&ack) {
                    acknowledge(&shared.spool, ack.number).await;
                }
            }
            changed = spooled.changed(), if delivery.has_room() => if changed.is_err() {
                return Err(Ended::Stopped);
            },
            () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => {
                return Err(Ended::Lost("center does not acknowledge alerts".to_owned()));
            }
        }
    }
}

struct Delivery {
    id: Bytes,
    /// The highest number that went out.
    sent: u64,
    /// Numbers that are not acknowledged, with the times at which they went out.
    in_flight: VecDeque<(u64, Instant)>,
}

impl Delivery {
    fn room(&self) -> usize {
        BATCHES_IN_FLIGHT_MAX.saturating_sub(self.in_flight.len())
    }

    fn has_room(&self) -> bool {
        self.room() > 0
    }

    fn send(&mut self, batch: Batch) -> wire::AlertBatch {
        self.sent = batch.number;
        self.in_flight.push_back((batch.number, Instant::now()));
        wire::AlertBatch {
            spool: self.id.clone(),
            number: batch.number,
            content: batch.content,
        }
    }

    /// Takes an acknowledgement; `false` if it is not for anything that went out.
    fn acknowledged(&mut self, ack: &wire::AlertAck) -> bool {
        if ack.spool != self.id || ack.number > self.sent {
            tracing::warn!(
                number = ack.number,
                "center acknowledges what it was not sent"
            );
            return false;
        }
        self.in_flight.retain(|(number, _)| *number > ack.number);
        true
    }

    /// When the oldest batch has waited for too long.
    fn late(&self) -> Option<Instant> {
        self.in_flight.front().map(|(_, since)| *since + ACK_MAX)
    }
}

async fn read(spool: &Arc<Spool>, after: u64, batches: usize) -> Result<Vec<Batch>, Ended> {
    let spool = Arc::clone(spool);
    let read = move || spool.read_after(after, batches, SENSOR_MESSAGE_BYTES_MAX);
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(batches)) => Ok(batches),
        Ok(Err(error)) => Err(Ended::Lost(format!("spool cannot be read: {error}"))),
        Err(error) => Err(Ended::Lost(format!("spool cannot be read: {error}"))),
    }
}

async fn acknowledge(spool: &Arc<Spool>, number: u64) {
    let spool = Arc::clone(spool);
    if tokio::task::spawn_blocking(move || spool.acknowledge(number))
        .await
        .is_err()
    {
        tracing::error!("acknowledgement cannot be noted; batches may go out twice");
    }
}
