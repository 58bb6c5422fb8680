//! How a run fails.

use contracts::work;

/// A run that ended without its result, as the coordinator will judge it.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct RunFailure {
    /// Stable.
    pub code: String,
    /// For people.
    pub message: String,
    /// Another attempt may end better and may be made.
    pub retryable: bool,
    /// Seconds the other side asked to wait.
    pub retry_after_seconds: Option<f64>,
    /// Nobody knows whether an outside effect happened; a human decides.
    pub effect_unknown: bool,
}

impl RunFailure {
    /// Repeating it would end the same.
    pub fn permanent(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            retryable: false,
            retry_after_seconds: None,
            effect_unknown: false,
        }
    }

    /// Another attempt may end better.
    pub fn transient(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(code, message)
        }
    }

    /// The outcome of an effect is unknown.
    pub fn effect_unknown(message: impl Into<String>) -> Self {
        Self {
            effect_unknown: true,
            ..Self::permanent("effect_unknown", message)
        }
    }
}

impl From<RunFailure> for work::Failure {
    fn from(failure: RunFailure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            retryable: failure.retryable,
            retry_after_seconds: failure.retry_after_seconds.unwrap_or_default(),
            effect_unknown: failure.effect_unknown,
        }
    }
}
