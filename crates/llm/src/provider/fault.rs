//! How a call ends without a completion.

use outbound::{Failure, OutboundError, StatusCode};
use std::time::Duration;

/// Characters of a provider's own words that are passed on.
const DETAIL_CHARACTERS: usize = 300;

/// A call without a completion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    /// The provider's words where there are any. Never holds the key.
    pub(crate) detail: String,
    /// When the provider wants to be asked again.
    pub(crate) retry_after: Option<Duration>,
}

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FaultKind {
    /// No connection.
    Connect,
    /// Silence.
    Timeout,
    /// An answer that began and stopped coming. What was made of it is billed, and asked again it may do the same.
    Stalled,
    /// The time of the work that asks was over; that says nothing of the provider.
    OutOfTime,
    /// It answers, but does not come to an end.
    TooLong,
    /// The connection broke, or what came cannot be read.
    Broken,
    /// Too many calls.
    RateLimited,
    /// The provider fails.
    Failing,
    /// The way the reply's form was asked for is not known there.
    FormUnknown,
    /// The bound on tokens must be called by its other name.
    BoundUnknown,
    /// The call itself is refused: credential, model, size.
    Rejected,
}

impl FaultKind {
    /// Stable code.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Connect => "llm_connect",
            Self::Timeout | Self::Stalled => "llm_timeout",
            Self::OutOfTime => "llm_out_of_time",
            Self::TooLong => "llm_too_long",
            Self::Broken => "llm_protocol",
            Self::RateLimited => "llm_rate_limited",
            Self::Failing => "llm_server_error",
            Self::FormUnknown | Self::BoundUnknown => "llm_unsupported",
            Self::Rejected => "llm_rejected",
        }
    }

    /// The provider answered, if only to say no.
    pub(crate) fn is_answer(self) -> bool {
        matches!(
            self,
            Self::FormUnknown | Self::BoundUnknown | Self::Rejected | Self::TooLong
        )
    }

    /// Nothing was made, so nothing was billed.
    pub(crate) fn is_free(self) -> bool {
        !matches!(
            self,
            Self::Timeout | Self::Stalled | Self::OutOfTime | Self::TooLong | Self::Broken
        )
    }
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, detail: &str) -> Self {
        Self {
            kind,
            detail: detail.to_owned(),
            retry_after: None,
        }
    }

    pub(crate) fn broken(detail: &str) -> Self {
        Self::new(FaultKind::Broken, detail)
    }

    /// Of an answer with a status that is no success.
    pub(crate) fn of_status(status: StatusCode, words: &str, retry_after: Option<Duration>) -> Self {
        let kind = match status.as_u16() {
            429 => FaultKind::RateLimited,
            408 | 409 | 425 | 500.. => FaultKind::Failing,
            _ => FaultKind::Rejected,
        };
        let detail = if words.is_empty() {
            format!("status {}", status.as_u16())
        } else {
            format!("status {}: {words}", status.as_u16())
        };
        Self {
            kind,
            detail,
            retry_after,
        }
    }

    /// `whole`: the time for a whole call; silence is noticed before it is over.
    pub(crate) fn of_outbound(error: &OutboundError, whole: Duration) -> Self {
        let kind = match &error.failure {
            Failure::Timeout { after } if *after >= whole => FaultKind::TooLong,
            Failure::ResponseTooLarge { .. } => FaultKind::TooLong,
            Failure::Connect { .. } => FaultKind::Connect,
            Failure::Timeout { .. } => FaultKind::Timeout,
            Failure::Stalled { .. } => FaultKind::Stalled,
            Failure::Protocol { .. } => FaultKind::Broken,
            Failure::AddressBlocked { .. } | Failure::HostNotAllowed { .. } => FaultKind::Rejected,
        };
        Self::new(kind, &error.to_string())
    }

    /// The same as it may be told: without the key, which is taken out before anything is cut, and short.
    pub(crate) fn presentable(mut self, key: Option<&str>) -> Self {
        if let Some(key) = key.filter(|key| !key.is_empty()) {
            self.detail = self.detail.replace(key, "***");
        }
        self.detail = shortened(&self.detail);
        self
    }
}

/// One line, not too long.
fn shortened(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(DETAIL_CHARACTERS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_out_wherever_the_detail_is_cut() {
        let key = "sk-0123456789abcdef";
        for before in DETAIL_CHARACTERS - 30..DETAIL_CHARACTERS + 5 {
            let words = format!("{} {key} refused", "x".repeat(before));
            let fault = Fault::new(FaultKind::Rejected, &words).presentable(Some(key));
            assert!(!fault.detail.contains("sk-0"), "{}", fault.detail);
            assert!(fault.detail.chars().count() <= DETAIL_CHARACTERS + 1);
        }
    }
}
