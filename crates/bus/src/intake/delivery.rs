//! One delivered message, with the room it takes.

use crate::connection::Bus;
use async_nats::Message;
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
    place: Place,
    _room: OwnedSemaphorePermit,
}

/// What the server says about a delivery, in the subject of its acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Place {
    delivered: u64,
    stream_sequence: u64,
    published_unix_ns: i64,
}

impl Place {
    /// Reads `$JS.ACK.[domain.account.]stream.consumer.delivered.stream-seq.consumer-seq.time.pending[.token]`.
    fn parse(reply: &str) -> Option<Self> {
        let mut parts = reply.strip_prefix("$JS.ACK.")?.split('.');
        // The short form has seven elements here, the other one names domain and account first.
        let skip = if parts.clone().count() == 7 { 2 } else { 4 };
        let delivered = parts.nth(skip)?.parse().ok()?;
        let stream_sequence = parts.next()?.parse().ok()?;
        let published_unix_ns = parts.nth(1)?.parse().ok()?;
        Some(Self {
            delivered,
            stream_sequence,
            published_unix_ns,
        })
    }
}

impl Delivery {
    pub(super) fn new(bus: Bus, message: Message, generation: u64, room: OwnedSemaphorePermit) -> Self {
        let place = message.reply.as_deref().and_then(Place::parse).unwrap_or_default();
        Self {
            message,
            bus,
            generation,
            place,
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
        self.place.stream_sequence
    }

    /// The how-manyth delivery this is, from 1.
    pub fn delivered(&self) -> u64 {
        self.place.delivered.max(1)
    }

    /// When the stream took it, milliseconds since the Unix epoch by the server's clock; 0 when not told.
    pub fn published_unix_ms(&self) -> i64 {
        self.place.published_unix_ns / 1_000_000
    }

    /// Takes the message off a work queue. Queued, not confirmed: a lost one means a second delivery.
    pub async fn ack(&self) {
        self.answer("+ACK").await;
    }

    /// Gives it back at once, for another reader.
    pub async fn nak(&self) {
        self.answer("-NAK").await;
    }

    /// Takes it off for good although it was not handled.
    pub async fn term(&self) {
        self.answer("+TERM").await;
    }

    /// Asks for another 30 s.
    pub async fn progress(&self) {
        self.answer("+WPI").await;
    }

    async fn answer(&self, word: &'static str) {
        // After a reconnect the stream may be another one, and the answer would hit whatever message
        // has this number there. Unanswered, this one is delivered again.
        if self.generation != self.bus.generation() {
            return;
        }
        let Some(reply) = self.message.reply.clone() else {
            return;
        };
        let sending = self.bus.client().publish(reply, Bytes::from_static(word.as_bytes()));
        match timeout(QUEUE_TIMEOUT, sending).await {
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

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn both_forms_of_the_acknowledgement_subject_are_read() {
        let expected = Some(Place {
            delivered: 2,
            stream_sequence: 17,
            published_unix_ns: 1_700_000_000_123_456_789,
        });
        let short = "$JS.ACK.WORK.plan-default.2.17.5.1700000000123456789.0";
        let long = "$JS.ACK._.AbCdEf.WORK.plan-default.2.17.5.1700000000123456789.0.token";
        assert_eq!(Place::parse(short), expected);
        assert_eq!(Place::parse(long), expected);
        for bad in ["", "_INBOX.x", "$JS.ACK.", "$JS.ACK.WORK.plan.x.17.5.1.0"] {
            assert_eq!(Place::parse(bad), None);
        }
    }
}
