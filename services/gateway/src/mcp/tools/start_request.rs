//! `start_request`: a task begins, as `POST /process` has it.

use super::Described;
use crate::accepted::Accepted;
use crate::application::{Application, unreadable};
use crate::caller::Caller;
use crate::documents::process::{
    LABEL_CHARACTERS, MAX_LABELS, MAX_METRICS, MAX_PRIORITY, MAX_REFINEMENTS, REQUEST_CHARACTERS,
};
use crate::documents::{self, arguments};
use crate::refusal::Refusal;
use contracts::coordinator::SubmitResponse;
use rmcp::model::ToolAnnotations;
use serde_json::{Map, Value, json};

pub fn described() -> Described {
    Described {
        title: "Start a request",
        does: "Has a request carried out: one sentence in, published results out. Answers at once with the task's id; \
               the work goes on without you. Send an idempotency_key when you may have to send it again.",
        input: input(),
        output: json!({
            "title": "Started",
            "type": "object",
            "required": ["task_id", "status", "links"],
            "properties": {
                "task_id": {"type": "string", "description": "For get_status and the others."},
                "status": {"type": "string"},
                "links": {
                    "type": "object",
                    "description": "Paths of the REST interface on the same host.",
                    "properties": {
                        "status": {"type": "string"},
                        "approval": {"type": "string"},
                        "events": {"type": "string"},
                    },
                },
            },
        }),
        hints: ToolAnnotations::new()
            .read_only(false)
            .destructive(false)
            .idempotent(false)
            .open_world(true),
    }
}

fn input() -> Value {
    let (plan, definitions) = plan();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["request"],
        "properties": {
            "request": {
                "type": "string",
                "minLength": 1,
                "maxLength": REQUEST_CHARACTERS,
                "description": "What is wanted, in the user's words.",
            },
            "preferences": {
                "type": "object",
                "description": "Tone, channels (names of where to publish; [] for nowhere) and whatever else matters.",
                "properties": {
                    "tone": {"type": "string"},
                    "channels": {"type": "array", "items": {"type": "string"}},
                },
            },
            "plan_review": {"type": "boolean", "description": "A person looks at the plan before it runs."},
            "auto_approve": {"type": "boolean", "description": "Publish without asking, where policy allows it."},
            "quality_threshold": {"type": "number", "minimum": 0, "maximum": 1},
            "max_refinements": {"type": "integer", "minimum": 0, "maximum": MAX_REFINEMENTS},
            "priority": {
                "type": "integer",
                "minimum": -MAX_PRIORITY,
                "maximum": MAX_PRIORITY,
                "description": "What is higher goes first; 0 is normal.",
            },
            "budget": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "max_cost_usd": {"type": "number", "minimum": 0},
                    "max_tokens": {"type": "integer", "minimum": 0},
                    "max_calls": {"type": "integer", "minimum": 0},
                    "max_duration_seconds": {"type": "number", "exclusiveMinimum": 0},
                },
            },
            "business_metrics": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "maxProperties": MAX_METRICS,
            },
            "metadata": {
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": LABEL_CHARACTERS},
                "maxProperties": MAX_LABELS,
            },
            "plan": plan,
            "idempotency_key": {
                "type": "string",
                "pattern": "^[!-~]{1,255}$",
                "description": "The same key never starts a second task.",
            },
        },
    });
    if let Some(members) = schema.as_object_mut() {
        members.insert("$defs".to_owned(), definitions);
    }
    schema
}

/// The plan's published schema as a part of another: its definitions move to the root, where its references look.
pub(super) fn plan() -> (Value, Value) {
    let mut schema = workflow::plan::plan_schema();
    let mut definitions = Value::Null;
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("$id");
        definitions = members.remove("$defs").unwrap_or_default();
    }
    (schema, definitions)
}

/// Stores the task.
///
/// # Errors
/// As `POST /process`.
pub async fn submit(
    app: &Application,
    caller: Caller,
    mut arguments: Map<String, Value>,
) -> Result<SubmitResponse, Refusal> {
    let key = arguments::take_key(&mut arguments)?;
    let document = documents::process::read(arguments)?;
    app.submit(caller, &document, key).await
}

pub async fn run(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let task = submit(app, caller, arguments).await?;
    serde_json::to_value(Accepted::of(&task)).map_err(|_| unreadable("the task's id"))
}
