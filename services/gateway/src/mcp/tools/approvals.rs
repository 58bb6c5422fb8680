//! `list_approvals` and `get_approval`.

use super::{Described, read, reads};
use crate::application::Application;
use crate::caller::Caller;
use crate::documents::arguments;
use crate::query::MAX_LIMIT;
use crate::refusal::Refusal;
use serde_json::{Map, Value, json};

/// Arguments of a tool that lists.
pub fn one_page() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "description": "Default 50."},
            "cursor": {"type": "string", "description": "next_cursor of the page before."},
        },
    })
}

/// A page of such items.
pub fn page_of(item: &Value) -> Value {
    json!({
        "title": "Page",
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": item},
            "next_cursor": {"type": ["string", "null"], "description": "Null at the end."},
        },
    })
}

pub fn list_described() -> Described {
    Described {
        title: "What waits for a person",
        does: "Everything that waits for a person's decision, oldest first: plans, steps, results to be published, \
               and requests that need attention.",
        input: one_page(),
        output: page_of(&json!({"type": "object"})),
        hints: reads(),
    }
}

pub async fn list(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let page = arguments::page(arguments)?;
    read(&app.approvals(caller, page, String::new()).await?, "the list")
}

pub fn one_described() -> Described {
    Described {
        title: "What is asked",
        does: "What a person decides about: deliverables with their content, quality, plan, cost, and the \
               content_hash that a decision can name so that nothing else gets approved.",
        input: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["task_id"],
            "properties": {
                "task_id": {"type": "string", "format": "uuid"},
                "gate_id": {
                    "type": "string",
                    "format": "uuid",
                    "description": "Needed where several gates are open.",
                },
            },
        }),
        output: json!({
            "title": "Approval",
            "type": "object",
            "required": ["task_id", "gate_id"],
            "properties": {
                "task_id": {"type": "string"},
                "gate_id": {"type": "string"},
                "kind": {"type": "string"},
                "content_hash": {"type": "string"},
                "allowed_actions": {"type": "array", "items": {"type": "string"}},
                "deliverables": {"type": "array", "items": {"type": "object"}},
            },
        }),
        hints: reads(),
    }
}

pub async fn one(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let (task, gate) = arguments::gate(arguments)?;
    read(&app.approval(caller, task, gate).await?, "the approval")
}
