//! Publishing: calls go out in order on one connection, acknowledgements are awaited together.

pub mod bursts;

use crate::connection::{Bus, REQUEST_TIMEOUT};
use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

/// Largest payload of a message, in bytes.
pub const MAX_PAYLOAD: usize = 512 * 1024;

/// A message to publish.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// From [`crate::names::Names`].
    pub subject: String,
    /// `Nats-Msg-Id`: a second copy within 30 s (an event: 4 s) is acknowledged and not stored.
    pub message_id: String,
    /// Further headers, such as `ce-subject`.
    pub headers: Vec<(&'static str, String)>,
    /// At most [`MAX_PAYLOAD`] bytes.
    pub payload: Bytes,
}

impl Outgoing {
    /// A message without further headers.
    pub fn new(subject: String, message_id: String, payload: impl Into<Bytes>) -> Self {
        Self {
            subject,
            message_id,
            headers: Vec::new(),
            payload: payload.into(),
        }
    }

    fn header_map(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, self.message_id.as_str());
        for (name, value) in &self.headers {
            headers.insert(*name, value.as_str());
        }
        headers
    }
}

/// Where a message was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// In its stream.
    pub sequence: u64,
    /// The stream had the message already, under `sequence`.
    pub duplicate: bool,
}

/// Why a publication is not known to be stored.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
pub enum PublishError {
    /// Over [`MAX_PAYLOAD`], or over the server's limit with its headers. Never retryable.
    #[error("a message of {size} bytes exceeds the limit of {MAX_PAYLOAD}")]
    TooLarge {
        /// Of the payload, in bytes.
        size: usize,
    },
    /// There is no connection; nothing was sent.
    #[error("not connected to NATS")]
    Disconnected,
    /// Sent, perhaps stored; no answer in time.
    #[error("NATS did not acknowledge in time")]
    TimedOut,
    /// No stream takes the subject.
    #[error("no stream takes {subject}")]
    NoStream {
        /// What was published to.
        subject: String,
    },
    /// The stream said no, for one because it is full.
    #[error("the stream refused the message: {reason}")]
    Refused {
        /// In the server's words.
        reason: String,
    },
}

impl PublishError {
    /// The same message may succeed later.
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::TooLarge { .. })
    }
}

/// A publication on its way.
pub struct PendingAck {
    ack: PublishAckFuture,
    subject: String,
    size: usize,
}

impl PendingAck {
    /// Awaits the acknowledgement until `deadline`.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn stored(self, deadline: Instant) -> Result<Stored, PublishError> {
        let Self { ack, subject, size } = self;
        match timeout_at(deadline, ack.into_future()).await {
            Err(_elapsed) => Err(PublishError::TimedOut),
            Ok(Ok(ack)) => Ok(Stored {
                sequence: ack.sequence,
                duplicate: ack.duplicate,
            }),
            Ok(Err(error)) => Err(translate(&error, subject, size)),
        }
    }
}

impl Bus {
    fn may_send(&self, message: &Outgoing) -> Result<(), PublishError> {
        let size = message.payload.len();
        if size > MAX_PAYLOAD {
            return Err(PublishError::TooLarge { size });
        }
        // The client would queue the message and send it at the next connection, long after its
        // sender gave it up.
        match self.is_connected() {
            true => Ok(()),
            false => Err(PublishError::Disconnected),
        }
    }

    /// Sends a message; await [`PendingAck::stored`] for the stream's word.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish(&self, message: Outgoing, deadline: Instant) -> Result<PendingAck, PublishError> {
        self.may_send(&message)?;
        let size = message.payload.len();
        let headers = message.header_map();
        let publish = PublishMessage::build().headers(headers).payload(message.payload);
        let subject = message.subject;
        match timeout_at(deadline, self.jetstream().send_publish(subject.clone(), publish)).await {
            Err(_elapsed) => Err(PublishError::TimedOut),
            Ok(Ok(ack)) => Ok(PendingAck { ack, subject, size }),
            Ok(Err(error)) => Err(translate(&error, subject, size)),
        }
    }

    /// Publishes all in order, then awaits all acknowledgements together, at most 5 s.
    ///
    /// The answers are in the order of the messages.
    pub async fn publish_all(&self, messages: Vec<Outgoing>) -> Vec<Result<Stored, PublishError>> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            sent.push(self.publish(message, deadline).await);
        }
        let mut answers = Vec::with_capacity(sent.len());
        for pending in sent {
            answers.push(match pending {
                Ok(pending) => pending.stored(deadline).await,
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// Publishes one message and awaits its acknowledgement, at most 5 s.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn publish_one(&self, message: Outgoing) -> Result<Stored, PublishError> {
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        self.publish(message, deadline).await?.stored(deadline).await
    }
}

fn translate(error: &async_nats::jetstream::context::PublishError, subject: String, size: usize) -> PublishError {
    match error.kind() {
        PublishErrorKind::StreamNotFound => PublishError::NoStream { subject },
        PublishErrorKind::TimedOut => PublishError::TimedOut,
        // The connection ended before the answer.
        PublishErrorKind::BrokenPipe => PublishError::TimedOut,
        PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge { size },
        PublishErrorKind::WrongLastMessageId
        | PublishErrorKind::WrongLastSequence
        | PublishErrorKind::MaxAckPending
        | PublishErrorKind::Other => PublishError::Refused {
            reason: std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string),
        },
    }
}
