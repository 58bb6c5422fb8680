//! Messages nobody can read: kept, with the reason, and only then taken off their stream.

use crate::connection::Bus;
use crate::publish::{Outgoing, PublishError};
use async_nats::HeaderMap;
use bytes::Bytes;

/// Header with the reason, in words.
pub const REASON: &str = "Orchestrator-Reason";
/// Header with the subject the message came from.
pub const ORIGIN: &str = "Orchestrator-Origin";
/// Longest reason kept, in characters.
const MAX_REASON: usize = 512;

/// A message to put away.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The subject it came from.
    pub origin: String,
    /// Why, for people.
    pub reason: String,
    /// Identifies the message, so that a second burial within 30 s is not stored twice.
    pub message_id: String,
    /// As received.
    pub payload: Bytes,
}

impl Bus {
    /// Stores a dead letter; returns once the stream has it.
    ///
    /// # Errors
    /// See [`PublishError`]; the message must then stay where it is.
    pub async fn bury(&self, letter: DeadLetter) -> Result<(), PublishError> {
        // Header values hold no line breaks.
        let reason: String = letter
            .reason
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_REASON)
            .collect();
        let mut message = Outgoing::new(
            self.names().dead_subject(&letter.origin),
            letter.message_id,
            letter.payload,
        );
        message.headers = vec![(REASON, reason), (ORIGIN, letter.origin)];
        self.publish_one(message).await.map(drop)
    }
}

/// The `Nats-Msg-Id` of a message, if it bears one.
pub fn message_id(headers: Option<&HeaderMap>) -> Option<&str> {
    headers?.get(async_nats::header::NATS_MESSAGE_ID).map(|id| id.as_str())
}
