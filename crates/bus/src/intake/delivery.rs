//! One delivered message, with the room it takes.

use crate::connection::Bus;
use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// An acknowledgement only enters the client's queue; it waits this long where that is full.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// A message to handle. Dropping it frees its room and acknowledges nothing.
pub struct Delivery {
    message: Message,
    bus: Bus,
    /// The connection it came over.
    generation: u64,
    _room: OwnedSemaphorePermit,
}

impl Delivery {
    pub(super) fn new(bus: Bus, message: async_nats::Message, generation: u64, room: OwnedSemaphorePermit) -> Self {
        let context = bus.jetstream().clone();
        Self {
            message: Message { message, context },
            bus,
            generation,
            _room: room,
        }
    }

    /// What was published.
    pub fn payload(&self) -> &Bytes {
        &self.message.payload
    }

    /// Where it was published.
    pub fn subject(&self) -> &str {
        &self.message.subject
    }

    /// Its `Nats-Msg-Id`.
    pub fn message_id(&self) -> Option<&str> {
        crate::dead_letter::message_id(self.message.headers.as_ref())
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.message.headers.as_ref()?.get(name).map(|value| value.as_str())
    }

    /// Its place in the stream; 0 when the server did not tell.
    pub fn stream_sequence(&self) -> u64 {
        self.message.info().map_or(0, |info| info.stream_sequence)
    }

    /// The how-manyth delivery this is, from 1.
    pub fn delivered(&self) -> u64 {
        let delivered = self.message.info().map_or(1, |info| info.delivered);
        u64::try_from(delivered).unwrap_or(1)
    }

    /// When the stream took it, milliseconds since the Unix epoch by the server's clock.
    pub fn published_unix_ms(&self) -> Option<i64> {
        self.message.info().ok().map(|info| info.published.timestamp_millis())
    }

    /// Takes the message off a work queue. Queued, not confirmed: a lost one means a second delivery.
    pub async fn ack(&self) {
        self.answer(AckKind::Ack).await;
    }

    /// Gives it back at once, for another reader.
    pub async fn nak(&self) {
        self.answer(AckKind::Nak(None)).await;
    }

    /// Takes it off for good although it was not handled.
    pub async fn term(&self) {
        self.answer(AckKind::Term).await;
    }

    /// Asks for another 30 s.
    pub async fn progress(&self) {
        self.answer(AckKind::Progress).await;
    }

    async fn answer(&self, kind: AckKind) {
        // After a reconnect the stream may be another one, and the answer would hit whatever message
        // has this number there. Unanswered, this one is delivered again.
        if self.generation != self.bus.generation() {
            return;
        }
        match timeout(QUEUE_TIMEOUT, self.message.ack_with(kind)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!("acknowledgement not sent: {error}"),
            Err(_elapsed) => tracing::debug!("acknowledgement not sent: no connection"),
        }
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery")
            .field("subject", &self.subject())
            .field("sequence", &self.stream_sequence())
            .field("delivered", &self.delivered())
            .finish()
    }
}

/// Acknowledges all and frees their room.
pub async fn ack_all(deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        delivery.ack().await;
    }
}
