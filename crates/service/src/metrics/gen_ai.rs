//! The GenAI metrics of OpenTelemetry's semantic conventions, with the buckets these advise.
//!
//! The names dashboards know: those of the conventions up to 1.41.

use super::Distribution;

const SECONDS: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const TOKENS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// Calls of models.
pub const OPERATION_DURATION: Distribution = Distribution {
    name: "gen_ai_client_operation_duration_seconds",
    otlp_name: "gen_ai.client.operation.duration",
    unit: "s",
    help: "Seconds a model's answer took, by operation, provider, model and error.",
    bounds: SECONDS,
};
/// Tokens of models.
pub const TOKEN_USAGE: Distribution = Distribution {
    name: "gen_ai_client_token_usage",
    otlp_name: "gen_ai.client.token.usage",
    unit: "{token}",
    help: "Tokens of a model call, by operation, provider, model and type (input or output).",
    bounds: TOKENS,
};
/// Calls of tools.
pub const EXECUTE_TOOL_DURATION: Distribution = Distribution {
    name: "gen_ai_execute_tool_duration_seconds",
    otlp_name: "gen_ai.execute_tool.duration",
    unit: "s",
    help: "Seconds a tool call took, by tool and error.",
    bounds: SECONDS,
};
