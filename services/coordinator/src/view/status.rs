//! `GET /status/{task_id}`.

use super::plan::{Depth, plan};
use super::waiting::waiting;
use super::{Facts, cost, deliveries, forked, gates, member, moment, put, quality};
use crate::store::runs::Postponed;
use serde_json::{Value, json};
use workflow::state::Task;
use workflow::vocabulary::Status;

/// The status document.
pub fn status(facts: &Facts, postponed: &[Postponed]) -> Value {
    let mut document = outline(facts, &facts.planning(), Depth::Outputs);
    put(&mut document, "deliverables", deliveries::deliverables(facts));
    put(
        &mut document,
        "waiting",
        waiting(&facts.task, facts.plan.as_ref(), postponed),
    );
    document
}

/// The status document without deliverables, and with the outputs `depth` asks for.
pub(super) fn outline(facts: &Facts, planning: &Value, depth: Depth) -> Value {
    let task = &facts.task;
    let mut document = json!({
        "task_id": task.id.to_string(),
        "status": task.status,
        "phase": task.phase(),
        "request": facts.submission.request,
        "intent": intent(facts, planning),
        "progress": progress(task),
        "plan": plan(facts, planning, depth),
        "quality": quality::quality(facts),
        "refinements": task.round,
        "cost": cost::cost(facts),
        "budget": cost::budget(facts),
        "open_gates": gates::open(facts),
        "model_versions": model_versions(facts),
        "patterns_used": planning.get("patterns_used").and_then(Value::as_array).cloned().unwrap_or_default(),
        "memory": member(planning, "memory"),
        "created_at": moment(task.created_at),
        "updated_at": moment(task.updated_at),
    });
    put(&mut document, "forked_from", forked::from(facts));
    put(&mut document, "attention", attention(task));
    put(&mut document, "published", deliveries::published(facts));
    put(&mut document, "error", error(task));
    put(&mut document, "finished_at", task.finished_at.map(moment));
    put(&mut document, "erased", task.erased.then(|| true.into()));
    document
}

/// The name of the model that a rollout gave the task first, by role.
fn model_versions(facts: &Facts) -> Value {
    let named = facts.given.iter();
    named
        .map(|given| (given.role.clone(), Value::from(given.name.clone())))
        .collect()
}

/// What the planner understood; of other plans only the request is known.
fn intent(facts: &Facts, planning: &Value) -> Value {
    match planning.get("intent") {
        Some(intent) if intent.is_object() => intent.clone(),
        _ if facts.plan.is_some() => json!({ "goal": facts.submission.request }),
        _ => Value::Null,
    }
}

pub(super) fn progress(task: &Task) -> Value {
    let done = task.steps.iter().filter(|s| s.status.is_done()).count();
    json!({ "steps_total": task.steps.len(), "steps_done": done })
}

/// Why a human is needed, as long as one can help.
pub(super) fn attention(task: &Task) -> Option<Value> {
    let attention = task.attention.as_ref().filter(|_| !task.status.is_terminal())?;
    let mut document = json!({ "reason": attention.reason, "detail": attention.detail });
    // Of the others what is exceeded is the task's own.
    put(&mut document, "of_tenant", attention.of_tenant.then(|| true.into()));
    Some(document)
}

/// Why the task ended without a result: `{code, message}`, as a step's.
fn error(task: &Task) -> Option<Value> {
    let message = task.error.as_ref()?;
    let reason = task.attention.as_ref().filter(|_| task.status == Status::Failed);
    Some(match (reason, task.status) {
        (Some(attention), _) => json!({ "code": attention.reason, "message": attention.detail }),
        (None, Status::Cancelling) => json!({ "code": Status::Cancelled, "message": message }),
        (None, status) => json!({ "code": status, "message": message }),
    })
}
