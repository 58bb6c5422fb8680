//! How a question to a server ends without an answer, and what that means for an effect.

use crate::effects::Sent;
use crate::failure::RunFailure;
use outbound::{OutboundError, RequestSent};
use rmcp::ErrorData;
use rmcp::model::{ErrorCode, RequestId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Characters of a server's own words that are passed on.
const MAX_WORDS: usize = 2_000;
/// Notes about questions nobody waits for any more are forgotten beyond this.
const MAX_NOTES: usize = 1_024;

/// Why there is no answer.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// Stable.
    pub code: &'static str,
    /// For people; the server's own words in it as they came: [`super::server::Server`] hides secrets, then cuts.
    pub message: String,
    /// The same question may be answered later.
    pub retryable: bool,
    /// Whether the server may have acted.
    pub acted: Acted,
    /// Seconds the server asked to wait.
    pub retry_after_seconds: Option<f64>,
}

/// Whether a server may have acted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Acted {
    /// Certainly not: nothing reached it.
    No,
    /// Nobody knows.
    Maybe,
    /// It said that it will not.
    Refused,
}

impl Trouble {
    /// There is no connection, and nothing was sent.
    pub fn away(server: &str, reason: &str) -> Self {
        let message = if reason.is_empty() {
            format!("the server `{server}` cannot be reached now")
        } else {
            format!("the server `{server}` cannot be reached now: {reason}")
        };
        Self::new("tool_unavailable", message, true, Acted::No)
    }

    /// The connection ended while the question was open.
    pub fn lost() -> Self {
        let message = "the connection to the server ended before it answered".to_owned();
        Self::new("tool_unavailable", message, true, Acted::Maybe)
    }

    /// It did not answer in time.
    pub fn timeout(after: Duration) -> Self {
        let message = format!("the server did not answer within {:.1} seconds", after.as_secs_f64());
        Self::new("tool_timeout", message, true, Acted::Maybe)
    }

    /// It said something that is no answer.
    pub fn bad_response(reason: impl Into<String>) -> Self {
        Self::new("tool_bad_response", reason.into(), true, Acted::Maybe)
    }

    /// It said too much.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("the server's message is longer than {limit} bytes");
        Self::new("tool_response_too_large", message, false, Acted::Maybe)
    }

    /// It does not keep to the protocol.
    pub fn protocol(reason: impl Into<String>) -> Self {
        Self::new("tool_protocol", reason.into(), true, Acted::Maybe)
    }

    /// It answered with an error of the protocol. Only what says that the question was not accepted means that
    /// nothing happened.
    pub fn refused(error: &ErrorData) -> Self {
        let message = format!("the server answered: {}", error.message);
        match error.code {
            ErrorCode::INVALID_PARAMS => Self::new("tool_bad_arguments", message, false, Acted::Refused),
            ErrorCode::METHOD_NOT_FOUND | ErrorCode::INVALID_REQUEST | ErrorCode::PARSE_ERROR => {
                Self::new("tool_protocol", message, false, Acted::Refused)
            }
            _ => Self::new("tool_error", message, true, Acted::Maybe),
        }
    }

    /// A trouble of any kind.
    pub fn new(code: &'static str, message: String, retryable: bool, acted: Acted) -> Self {
        Self {
            code,
            message,
            retryable,
            acted,
            retry_after_seconds: None,
        }
    }

    /// The failure of a run that only reads.
    pub fn failure(self) -> RunFailure {
        RunFailure {
            retryable: self.retryable,
            retry_after_seconds: self.retry_after_seconds,
            ..RunFailure::permanent(self.code, self.message)
        }
    }

    /// What it says of an effect.
    pub fn sent(self) -> Sent {
        match self.acted {
            Acted::No => Sent::NotDone(self.failure()),
            Acted::Maybe => Sent::Unclear(self.failure()),
            Acted::Refused => Sent::Refused(RunFailure {
                retryable: false,
                ..self.failure()
            }),
        }
    }
}

impl From<OutboundError> for Trouble {
    fn from(error: OutboundError) -> Self {
        let acted = match error.request_sent {
            RequestSent::No => Acted::No,
            RequestSent::Maybe => Acted::Maybe,
        };
        let code = match error.code() {
            "tool_connect" => "tool_unavailable",
            code => code,
        };
        Self::new(code, error.to_string(), error.retryable(), acted)
    }
}

/// A server's own words, at a length people read. What is secret in them has been hidden: half a secret would not be
/// known again.
pub fn words(text: &str) -> String {
    let mut kept: String = text.chars().take(MAX_WORDS).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    kept
}

/// What a connection noticed beneath the protocol, for the questions it concerns: the protocol itself only tells
/// that no answer came.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Open>>);

#[derive(Debug, Default)]
struct Open {
    /// Asked and not answered.
    waiting: HashMap<RequestId, Option<Trouble>>,
    /// Ids rise.
    next: i64,
}

impl Notes {
    /// A question goes out.
    pub fn asked(&self, id: &RequestId) {
        let mut open = self.lock();
        if open.waiting.len() >= MAX_NOTES {
            open.waiting.retain(|_, note| note.is_none());
        }
        if let RequestId::Number(number) = id {
            open.next = open.next.max(number.saturating_add(1));
        }
        open.waiting.entry(id.clone()).or_default();
    }

    /// Something went wrong with one question.
    pub fn about(&self, id: &RequestId, trouble: Trouble) {
        if let Some(note) = self.lock().waiting.get_mut(&numbered(id)) {
            *note = Some(trouble);
        }
    }

    /// Something went wrong, and any question that waits may be concerned.
    pub fn about_all(&self, trouble: &Trouble) {
        let mut open = self.lock();
        let unexplained = open.waiting.values_mut().filter(|note| note.is_none());
        unexplained.for_each(|note| *note = Some(trouble.clone()));
    }

    /// The question waits for its answer.
    pub fn waits(&self, id: &RequestId) -> bool {
        self.lock().waiting.contains_key(&numbered(id))
    }

    /// Nothing was ever asked under this id. An answer that comes late has one that was.
    pub fn never_asked(&self, id: &RequestId) -> bool {
        match numbered(id) {
            RequestId::Number(number) => number < 0 || number >= self.lock().next,
            RequestId::String(_) => true,
        }
    }

    /// Nobody waits for it any more; what was noticed about it.
    pub fn closed(&self, id: &RequestId) -> Option<Trouble> {
        self.lock().waiting.remove(id).flatten()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ids are one.
pub fn same(one: &RequestId, other: &RequestId) -> bool {
    numbered(one) == numbered(other)
}

/// Some servers answer with the number as text.
fn numbered(id: &RequestId) -> RequestId {
    match id {
        RequestId::String(text) => text.parse().map_or_else(|_| id.clone(), RequestId::Number),
        RequestId::Number(_) => id.clone(),
    }
}
