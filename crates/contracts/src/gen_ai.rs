//! Spans of tools and agents after OpenTelemetry's GenAI semantic conventions, and the names they bear. Spans
//! of model calls are made where the calls are, in `llm`, under the same names.

use tracing::{Span, info_span};

/// Attribute: what is done, one of the operations below.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// Attribute: who serves the model.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// Attribute: the model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Attribute: the tool's id.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// Attribute: `input` or `output`.
pub const TOKEN_TYPE: &str = "gen_ai.token.type";
/// Attribute: why it failed.
pub const ERROR_TYPE: &str = "error.type";

/// Operation: one question to a model.
pub const CHAT: &str = "chat";
/// Operation: a tool is called.
pub const EXECUTE_TOOL: &str = "execute_tool";
/// Operation: an agent works.
pub const INVOKE_AGENT: &str = "invoke_agent";
/// Operation: a plan is made.
pub const PLAN: &str = "plan";
/// Operation: work is judged.
pub const EVALUATE: &str = "evaluate";

/// A step calls a tool.
pub fn execute_tool(tool: &str, step_key: &str) -> Span {
    info_span!(
        EXECUTE_TOOL,
        otel.name = format!("{EXECUTE_TOOL} {tool}"),
        otel.kind = "internal",
        gen_ai.operation.name = EXECUTE_TOOL,
        gen_ai.tool.name = tool,
        gen_ai.tool.r#type = "function",
        step_key,
    )
}

/// A step has an agent work.
pub fn invoke_agent(agent: &str, step_key: &str) -> Span {
    info_span!(
        INVOKE_AGENT,
        otel.name = format!("{INVOKE_AGENT} {agent}"),
        otel.kind = "internal",
        gen_ai.operation.name = INVOKE_AGENT,
        gen_ai.agent.name = agent,
        step_key,
    )
}

/// The planner makes a plan.
pub fn plan(version: u32) -> Span {
    info_span!(
        PLAN,
        otel.kind = "internal",
        gen_ai.operation.name = PLAN,
        plan_version = version,
    )
}

/// The assessor judges the outputs of a round.
pub fn evaluate(round: u32) -> Span {
    info_span!(
        EVALUATE,
        otel.kind = "internal",
        gen_ai.operation.name = EVALUATE,
        round
    )
}
