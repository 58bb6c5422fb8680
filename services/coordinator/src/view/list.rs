//! Pages and their entries.

use super::status::{attention, progress};
use super::{moment, put};
use crate::store::tasks::lists::{Listed, Waiting};
use serde_json::{Value, json};
use workflow::risk::Risk;
use workflow::state::Gate;
use workflow::time::Timestamp;
use workflow::vocabulary::GateKind;

/// `{items, next_cursor}`; null at the end.
pub fn page(items: Vec<Value>, next_cursor: Option<String>) -> Value {
    json!({ "items": items, "next_cursor": next_cursor })
}

/// An entry of `GET /tasks`; `request` is its beginning.
pub fn task_entry(listed: &Listed) -> Value {
    let task = &listed.task;
    let quality = task.quality.as_ref();
    let mut document = json!({
        "task_id": task.id.to_string(),
        "status": task.status,
        "phase": task.phase(),
        "request": listed.request,
        "progress": progress(task),
        "quality": quality.map(|q| json!({ "overall": q.overall, "passed": q.passed })),
        "refinements": task.round,
        "created_at": moment(task.created_at),
        "updated_at": moment(task.updated_at),
    });
    put(&mut document, "attention", attention(task));
    put(&mut document, "finished_at", task.finished_at.map(moment));
    document
}

/// An entry of `GET /approvals`.
pub fn inbox_entry(waiting: &Waiting, gate: &Gate, step_key: Option<&str>, risk: Risk, now: Timestamp) -> Value {
    let Listed { task, request } = &waiting.of;
    let mut document = json!({
        "task_id": task.id.to_string(),
        "gate_id": waiting.gate.to_string(),
        "kind": gate.kind,
        "status": task.status,
        "request": request,
        "age_seconds": (now - gate.opened_at).as_secs_f64().max(0.0),
        "opened_at": moment(gate.opened_at),
        "expires_at": gate.expires_at.map(moment),
        "assignee": gate.assignee,
        "risk": risk,
    });
    put(&mut document, "step_key", step_key.map(Value::from));
    put(&mut document, "withheld", gate.withheld.clone().map(Value::from));
    if let (GateKind::Attention, Some(attention)) = (gate.kind, &task.attention) {
        put(&mut document, "reason", Some(json!(attention.reason)));
        put(&mut document, "detail", Some(json!(attention.detail)));
    }
    document
}
