//! `orchestrator feedback`.

use super::Caller;
use crate::arguments::FeedbackArguments;
use crate::text::{field, items};
use anyhow::{Result, bail};
use client::Feedback;
use serde_json::Value;

/// Length of a UUID as it is written; step keys may be as long, but are no UUIDs.
const UUID: usize = 36;

pub async fn run(caller: &Caller, task_id: &str, arguments: FeedbackArguments) -> Result<()> {
    if arguments.rating.is_none() && arguments.comment.is_none() {
        bail!("say something: --rating 1 to 5, --comment TEXT, or both");
    }
    let step_id = match arguments.step {
        Some(step) => Some(step_id(caller, task_id, step).await?),
        None => None,
    };
    let feedback = Feedback {
        rating: arguments.rating,
        comment: arguments.comment,
        dimension: arguments.dimension,
        step_id,
    };
    let key = arguments.idempotency_key.as_deref();
    let recorded = caller.client.feedback(task_id, &feedback, key).await?;
    caller.print(&recorded, |_, _| format!("{task_id}  feedback recorded"))
}

/// Steps have ids; people know their keys.
async fn step_id(caller: &Caller, task_id: &str, step: String) -> Result<String> {
    if step.len() == UUID && uuid::Uuid::try_parse(&step).is_ok() {
        return Ok(step);
    }
    let task = caller.client.status(task_id).await?;
    let steps = items(task.get("plan").unwrap_or(&Value::Null), "steps");
    match steps.iter().find(|known| field(known, "key") == step) {
        Some(found) => Ok(field(found, "step_id")),
        None => {
            let keys: Vec<String> = steps.iter().map(|known| field(known, "key")).collect();
            bail!("the plan has no step {step:?}; it has {}", keys.join(", "))
        }
    }
}
