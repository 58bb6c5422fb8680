use super::checks::Checks;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds on what a process takes in and passes on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Bytes of a request's body.
    #[schemars(range(min = 1024, max = 67_108_864))]
    pub body_bytes: usize,
    /// Nesting of a request's JSON.
    #[schemars(range(min = 4, max = 128))]
    pub json_depth: usize,
    /// Requests the gateway handles at a time; more get 503 with `Retry-After`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_in_flight: usize,
    /// Bytes of a step's output; a larger one fails the step with `output_too_large`.
    #[schemars(range(min = 1024, max = 33_554_432))]
    pub output_bytes: usize,
    /// Bytes up to which a payload travels inside its message.
    #[schemars(range(min = 0, max = 524_288))]
    pub inline_bytes: usize,
    /// Bytes of a message.
    #[schemars(range(min = 4096, max = 524_288))]
    pub message_bytes: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            json_depth: 64,
            requests_in_flight: 1024,
            output_bytes: 32 << 20,
            inline_bytes: 128 << 10,
            message_bytes: 512 << 10,
        }
    }
}

impl LimitsConfig {
    pub(super) fn check(&self, checks: &mut Checks) {
        if self.inline_bytes > self.message_bytes {
            checks.add(
                "limits.inline_bytes",
                "more than a message holds",
                "keep it below limits.message_bytes",
            );
        }
    }
}
