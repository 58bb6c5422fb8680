//! The status document as a message.

use crate::application::unreadable;
use crate::refusal::Refusal;
use contracts::v1::{Step, Task};
use serde::Deserialize;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    task_id: String,
    status: String,
    phase: String,
    request: String,
    progress: Progress,
    plan: Option<Plan>,
    quality: Option<Quality>,
    refinements: u32,
    attention: Option<Attention>,
    created_at: Option<String>,
    updated_at: Option<String>,
    finished_at: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Progress {
    steps_total: u32,
    steps_done: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Plan {
    steps: Vec<PlanStep>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PlanStep {
    step_id: String,
    key: String,
    title: Option<String>,
    tool_id: String,
    depends_on: Vec<String>,
    status: String,
    attempt: u32,
    round: u32,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Quality {
    overall: Option<f64>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Attention {
    reason: String,
}

/// Picks the fields; the whole document rides along.
///
/// # Errors
/// 500 when it is no status document.
pub fn from_json(document_json: String) -> Result<Task, Refusal> {
    let document: Document = serde_json::from_str(&document_json).map_err(|_| unreadable("the task"))?;
    let steps = document.plan.unwrap_or_default().steps;
    Ok(Task {
        task_id: document.task_id,
        status: document.status,
        phase: document.phase,
        request: document.request,
        steps_total: document.progress.steps_total,
        steps_done: document.progress.steps_done,
        steps: steps.into_iter().map(step).collect(),
        quality: document.quality.and_then(|quality| quality.overall),
        refinements: document.refinements,
        attention_reason: document.attention.unwrap_or_default().reason,
        created_at: document.created_at.unwrap_or_default(),
        updated_at: document.updated_at.unwrap_or_default(),
        finished_at: document.finished_at.unwrap_or_default(),
        document_json,
    })
}

fn step(step: PlanStep) -> Step {
    Step {
        step_id: step.step_id,
        key: step.key,
        title: step.title.unwrap_or_default(),
        tool_id: step.tool_id,
        depends_on: step.depends_on,
        status: step.status,
        attempt: step.attempt,
        round: step.round,
    }
}
