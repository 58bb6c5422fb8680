//! What can go wrong between here and the gateway.

use contracts::problem::Problem;

/// Why there is no answer.
#[derive(thiserror::Error, Debug)]
pub enum ClientError {
    /// The gateway refused, and said why.
    #[error("{}: {} ({})", .0.code, .0.detail, .0.status)]
    Problem(Box<Problem>),
    /// Something answered that is not a gateway.
    #[error("unexpected answer with status {status}")]
    Unexpected {
        /// HTTP status.
        status: u16,
    },
    /// The answer could not be read as what it should be.
    #[error("the answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The gateway cannot be reached, or the connection broke.
    #[error("the gateway cannot be reached")]
    Transport(#[from] reqwest::Error),
    /// An event stream sent a line longer than an event can be.
    #[error("an event is too large")]
    EventTooLarge,
}

impl ClientError {
    /// The problem document, if that is what came.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The problem's code, if there is one.
    pub fn code(&self) -> Option<&str> {
        self.problem().map(|problem| problem.code.as_str())
    }

    /// The same request may go well later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.status, 408 | 429 | 503 | 504),
            Self::Unexpected { status } => matches!(status, 408 | 429 | 502..=504),
            Self::Transport(error) => !error.is_builder(),
            Self::Unreadable(_) | Self::EventTooLarge => false,
        }
    }
}
