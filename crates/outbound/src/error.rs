//! How a call ends without an answer.

use std::time::Duration;

/// A call that got no usable answer, and whether its request can have reached the other side.
#[derive(Debug, thiserror::Error)]
#[error("{failure}")]
pub struct OutboundError {
    /// What went wrong.
    pub failure: Failure,
    /// Whether the receiver may have acted.
    pub request_sent: RequestSent,
}

/// Whether a request can have reached its receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestSent {
    /// Certainly not: nothing but a connection attempt left this machine.
    No,
    /// Possibly, whole or in part.
    Maybe,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An internal address or name the operator did not list.
    #[error("{host} is an internal address that is not on the allow-list")]
    AddressBlocked {
        /// Host, with its port where one was given.
        host: String,
    },
    /// A scheme, host or port the operator did not list.
    #[error("{host} is not on the allow-list")]
    HostNotAllowed {
        /// Host, with its port where one was given.
        host: String,
    },
    /// The time for the whole call was over.
    #[error("no complete answer within {after:?}")]
    Timeout {
        /// Time that was allowed.
        after: Duration,
    },
    /// The body began and then nothing more came.
    #[error("the answer stopped coming for {after:?}")]
    Stalled {
        /// Silence that was allowed.
        after: Duration,
    },
    /// The body is longer than allowed.
    #[error("the answer is longer than {limit} bytes")]
    ResponseTooLarge {
        /// Bytes allowed.
        limit: usize,
        /// What the other side answered before its body grew too long.
        status: http::StatusCode,
    },
    /// The other side does not speak proper HTTP, or in a way that is refused.
    #[error("protocol: {detail}")]
    Protocol {
        /// What was wrong.
        detail: String,
    },
    /// No connection: name, route, refusal, handshake.
    #[error("cannot connect: {detail}")]
    Connect {
        /// What the system said.
        detail: String,
    },
}

impl Failure {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::AddressBlocked { .. } => "address_blocked",
            Self::HostNotAllowed { .. } => "host_not_allowed",
            Self::Timeout { .. } | Self::Stalled { .. } => "tool_timeout",
            Self::ResponseTooLarge { .. } => "tool_response_too_large",
            Self::Protocol { .. } => "tool_protocol",
            Self::Connect { .. } => "tool_connect",
        }
    }

    /// The same call may end better later. Says nothing about whether it may be repeated: that is
    /// the effect class's word.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Stalled { .. } | Self::Protocol { .. } | Self::Connect { .. } => true,
            Self::AddressBlocked { .. } | Self::HostNotAllowed { .. } | Self::ResponseTooLarge { .. } => false,
        }
    }
}

impl OutboundError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        self.failure.code()
    }

    /// The same call may end better later.
    pub fn retryable(&self) -> bool {
        self.failure.retryable()
    }

    pub(crate) fn unsent(failure: Failure) -> Self {
        Self {
            failure,
            request_sent: RequestSent::No,
        }
    }

    pub(crate) fn perhaps_sent(failure: Failure) -> Self {
        Self {
            failure,
            request_sent: RequestSent::Maybe,
        }
    }
}

/// The innermost causes of an error, outermost first, without the URL (it may hold a secret).
pub(crate) fn detail_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    texts.dedup();
    texts.join(": ")
}
