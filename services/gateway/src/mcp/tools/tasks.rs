//! `get_status` and `cancel_request`.

use super::{Described, read, reads};
use crate::application::{Application, Verb};
use crate::caller::Caller;
use crate::documents::arguments;
use crate::refusal::Refusal;
use rmcp::model::ToolAnnotations;
use serde_json::{Map, Value, json};

fn one_task() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["task_id"],
        "properties": {"task_id": {"type": "string", "format": "uuid", "description": "As start_request gave it."}},
    })
}

pub fn status_described() -> Described {
    Described {
        title: "Status of a request",
        does: "How far a request is: status and phase, the plan with each step, quality, cost, open gates (what waits \
               for a person), and, once it is done, the deliverables and where they were published.",
        input: one_task(),
        output: json!({
            "title": "Status",
            "type": "object",
            "required": ["task_id", "status", "phase", "request"],
            "properties": {
                "task_id": {"type": "string"},
                "status": {"type": "string"},
                "phase": {"type": "string"},
                "request": {"type": "string"},
                "open_gates": {"type": "array", "items": {"type": "object"}},
                "deliverables": {"type": "array", "items": {"type": "object"}},
                "published": {"type": "array", "items": {"type": "object"}},
            },
        }),
        hints: reads(),
    }
}

pub async fn status(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let task = arguments::task(arguments)?;
    read(&app.task(caller, task).await?, "the task")
}

pub fn cancel_described() -> Described {
    Described {
        title: "Cancel a request",
        does: "Ends a request that is not done yet. What was already sent stays sent.",
        input: one_task(),
        output: json!({
            "title": "Cancelled",
            "type": "object",
            "required": ["task_id", "status"],
            "properties": {"task_id": {"type": "string"}, "status": {"type": "string"}},
        }),
        hints: ToolAnnotations::new()
            .read_only(false)
            .destructive(true)
            .idempotent(true)
            .open_world(false),
    }
}

pub async fn cancel(app: &Application, caller: Caller, arguments: Map<String, Value>) -> Result<Value, Refusal> {
    let task = arguments::task(arguments)?;
    let answered = app.control(caller, task, Verb::Cancel, None::<&()>).await?;
    read(&answered, "the task")
}
