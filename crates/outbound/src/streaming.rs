//! An answer that is read while it is made.

use crate::error::{Failure, OutboundError, detail_of};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long silence may last, within the time for the whole call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// From the start of the call to the first byte of the body.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
}

/// The head of an answer, and its body piece by piece. Dropping it closes the connection.
#[derive(Debug)]
pub struct Streaming {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    response: reqwest::Response,
    started: Instant,
    total: Duration,
    pace: Pace,
    read: usize,
    limit: usize,
}

impl Streaming {
    pub(crate) fn new(
        response: reqwest::Response,
        started: Instant,
        total: Duration,
        pace: Pace,
        limit: usize,
    ) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            response,
            started,
            total,
            pace,
            read: 0,
            limit,
        }
    }

    /// The next piece; none: the body is at its end.
    ///
    /// # Errors
    /// Silence, a body that is too long or takes too long, a connection that breaks.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, OutboundError> {
        let (until, silence) = self.next_deadline();
        let chunk = timeout_at(until, self.response.chunk()).await;
        let chunk = chunk.map_err(|_| OutboundError::perhaps_sent(silence))?;
        let chunk = chunk.map_err(|error| {
            OutboundError::perhaps_sent(Failure::Protocol {
                detail: detail_of(error),
            })
        })?;
        self.read = self.read.saturating_add(chunk.as_ref().map_or(0, Bytes::len));
        if self.read > self.limit {
            return Err(OutboundError::perhaps_sent(Failure::ResponseTooLarge {
                limit: self.limit,
                status: self.status,
            }));
        }
        Ok(chunk)
    }

    /// What is left of the body.
    ///
    /// # Errors
    /// As `chunk`.
    pub async fn rest(&mut self) -> Result<Bytes, OutboundError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Until when silence may last, and what it is called then.
    fn next_deadline(&self) -> (Instant, Failure) {
        let Pace { first_byte, idle } = self.pace;
        let (silence, failure) = if self.read == 0 {
            (self.started + first_byte, Failure::Timeout { after: first_byte })
        } else {
            (Instant::now() + idle, Failure::Stalled { after: idle })
        };
        let end = self.started + self.total;
        if silence < end {
            (silence, failure)
        } else {
            (end, Failure::Timeout { after: self.total })
        }
    }
}
