//! `decide`: a person's answer, as `POST /approve/{task_id}` takes it.

use super::start_request::plan;
use super::{Described, read};
use crate::application::Application;
use crate::caller::Caller;
use crate::documents::approve::{FEEDBACK_CHARACTERS, MAX_CHANNELS};
use crate::documents::{self, arguments};
use crate::mcp::decisions;
use crate::refusal::Refusal;
use rmcp::model::ToolAnnotations;
use serde_json::{Map, Value, json};
use workflow::vocabulary::Action;

pub fn described() -> Described {
    Described {
        title: "Decide",
        does: "Answers a gate for the user: approved true lets it pass (and publishes), false with feedback has it \
               done again, false without rejects. The first decision wins.",
        input: input(),
        output: json!({
            "title": "Decided",
            "type": "object",
            "required": ["task_id", "status"],
            "properties": {"task_id": {"type": "string"}, "status": {"type": "string"}},
        }),
        hints: ToolAnnotations::new()
            .read_only(false)
            .destructive(true)
            .idempotent(true)
            .open_world(true),
    }
}

fn input() -> Value {
    let actions: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let (plan, definitions) = plan();
    json!({
        "type": "object",
        "$defs": definitions,
        "additionalProperties": false,
        "required": ["task_id", "approved"],
        "properties": {
            "task_id": {"type": "string", "format": "uuid"},
            "approved": {"type": "boolean"},
            "gate_id": {"type": "string", "format": "uuid", "description": "Needed where several gates are open."},
            "publish_to_channels": {
                "type": "array",
                "items": {"type": "string"},
                "maxItems": MAX_CHANNELS,
                "description": "Absent: all. Empty: complete without publishing.",
            },
            "feedback": {
                "type": "string",
                "maxLength": FEEDBACK_CHARACTERS,
                "description": "What should be different, or why not.",
            },
            "edits": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "maxProperties": MAX_CHANNELS,
                "description": "Channel to edited content.",
            },
            "arguments": {
                "type": "object",
                "description": "For a step's gate: the tool is called with these instead.",
            },
            "responses": {
                "type": "object",
                "description": "For a step's gate: answers to what its tool asks, by the key of each request; null declines.",
            },
            "plan": plan,
            "content_hash": {
                "type": "string",
                "description": "The content_hash the user saw; refused when it is another one now.",
            },
            "action": {
                "type": "string",
                "enum": actions,
                "description": "One of the gate's allowed_actions, where approved does not say enough.",
            },
        },
    })
}

pub async fn run(app: &Application, caller: Caller, mut arguments: Map<String, Value>) -> Result<Value, Refusal> {
    decisions::allow_tool(app.mcp.decisions)?;
    let task = arguments::take_task(&mut arguments)?;
    let decision = documents::approve::read(arguments)?;
    read(&app.decide_by_model(caller, task, &decision).await?, "the task")
}
