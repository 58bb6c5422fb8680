use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When and how often a failed attempt is repeated. Seconds. The same document as a tool's `retry`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts in all; 1 means none is repeated.
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: u32,
    /// Pause before the second attempt.
    #[schemars(range(min = 0.0, max = 3600.0))]
    pub initial_interval: f64,
    /// Factor between pauses.
    #[schemars(range(min = 1.0, max = 10.0))]
    pub backoff: f64,
    /// Longest pause.
    #[schemars(range(min = 0.0, max = 86400.0))]
    pub max_interval: f64,
    /// Error codes that are never repeated.
    #[schemars(length(max = 32))]
    pub non_retryable: Vec<String>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            initial_interval: 1.0,
            backoff: 2.0,
            max_interval: 60.0,
            non_retryable: Vec::new(),
        }
    }
}
