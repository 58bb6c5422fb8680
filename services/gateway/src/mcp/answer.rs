//! Documents and refusals as results of tool calls.

use crate::caller::Caller;
use crate::refusal::Refusal;
use rmcp::ErrorData;
use rmcp::model::{CallToolResult, JsonObject};
use serde_json::{Value, json};
use std::sync::Arc;

/// The result of a tool call: the document, or the problem as an error that a model can read and act upon.
pub fn result(answer: Result<Value, Refusal>, caller: Caller) -> CallToolResult {
    match answer {
        Ok(document) => CallToolResult::structured(document),
        Err(refusal) => CallToolResult::structured_error(problem(&refusal.traced(caller.trace.trace_id))),
    }
}

/// The problem document.
pub fn problem(refusal: &Refusal) -> Value {
    serde_json::to_value(refusal.problem()).unwrap_or_default()
}

/// A refusal where the protocol has no place for results that are errors.
pub fn error(refusal: Refusal, caller: Caller) -> ErrorData {
    let refusal = refusal.traced(caller.trace.trace_id);
    let (message, data) = (refusal.problem().detail.clone(), Some(problem(&refusal)));
    match refusal.status() {
        500.. => ErrorData::internal_error(message, data),
        _ => ErrorData::invalid_params(message, data),
    }
}

/// The schema of a tool's results, errors included: clients check both against it.
pub fn schema(document: Value) -> Arc<JsonObject> {
    object(json!({
        "type": "object",
        "anyOf": [document, {
            "title": "Problem",
            "description": "Why the call was refused (RFC 9457).",
            "type": "object",
            "required": ["type", "title", "status", "code", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer", "description": "An HTTP status."},
                "code": {"type": "string", "description": "Stable, for programs."},
                "detail": {"type": "string", "description": "What happened and what would help."},
                "errors": {"type": "array", "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "JSON pointer into the arguments."},
                        "detail": {"type": "string"},
                    },
                }},
            },
        }],
    }))
}

/// A schema as the protocol's types hold it.
pub fn object(schema: Value) -> Arc<JsonObject> {
    match schema {
        Value::Object(members) => Arc::new(members),
        _ => Arc::default(),
    }
}
