//! How a call ends without what was asked for.

use std::time::Duration;

/// Why there is nothing. Never holds the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrainingFault {
    /// Waiting may help.
    #[error("{detail}")]
    Away {
        /// The call may have been acted upon.
        perhaps_done: bool,
        /// In the provider's words where there are any.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// It said yes and then nothing that can be read: it may have been acted upon.
    #[error("its answer is wrong: {0}")]
    Wrong(String),
    /// It knows nothing of what was named, or of such a call.
    #[error("{0}")]
    Unknown(String),
    /// It does not want to.
    #[error("{0}")]
    Refused(String),
}
