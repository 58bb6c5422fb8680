//! `orchestrator status`.

use super::Caller;
use crate::text::{excerpt, field, items, percent, shown, table};
use anyhow::Result;
use serde_json::Value;

pub async fn run(caller: &Caller, task_id: &str) -> Result<()> {
    let document = caller.client.status(task_id).await?;
    caller.print(&document, describe)
}

/// A task as text.
pub fn describe(task: &Value) -> String {
    let mut lines = vec![
        format!(
            "{}  {}  ({})",
            field(task, "task_id"),
            field(task, "status"),
            field(task, "phase")
        ),
        format!("request  {}", excerpt(&field(task, "request"), 100)),
        format!(
            "created  {}  updated  {}",
            field(task, "created_at"),
            field(task, "updated_at")
        ),
    ];
    let null = Value::Null;
    let attention = task.get("attention").unwrap_or(&null);
    if !attention.is_null() {
        lines.push(format!(
            "attention  {}: {}",
            field(attention, "reason"),
            field(attention, "detail")
        ));
    }
    let error = task.get("error").unwrap_or(&null);
    if !error.is_null() {
        lines.push(format!("error  {}", shown(error)));
    }
    let steps = items(task.get("plan").unwrap_or(&null), "steps");
    if !steps.is_empty() {
        let row = |step: &Value| ["key", "tool_id", "status", "attempt", "round"].map(|name| field(step, name));
        lines.push(String::new());
        lines.push(table(
            ["step", "tool", "status", "attempt", "round"],
            steps.iter().map(row).collect(),
        ));
    }
    lines.extend(quality(task.get("quality").unwrap_or(&null)));
    for gate in items(task, "open_gates") {
        lines.push(format!("waits for a decision: {}", open_gate(gate)));
    }
    for published in items(task, "published") {
        lines.push(format!(
            "{}  {}  {}",
            field(published, "state"),
            field(published, "channel"),
            field(published, "location")
        ));
    }
    lines.join("\n")
}

fn quality(quality: &Value) -> Vec<String> {
    if quality.is_null() {
        return Vec::new();
    }
    let passed = if quality.get("passed") == Some(&Value::Bool(true)) {
        "passed"
    } else {
        "not passed"
    };
    let (overall, threshold) = (percent(quality.get("overall")), percent(quality.get("threshold")));
    let mut lines = vec![
        String::new(),
        format!("quality  {overall}, needed {threshold}: {passed}"),
    ];
    for (name, dimension) in quality
        .get("dimensions")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        lines.push(format!("  {name}  {}", percent(dimension.get("score"))));
    }
    lines
}

/// A gate is listed with its kind, or as an id alone.
fn open_gate(gate: &Value) -> String {
    match gate {
        Value::Object(_) => format!("{}  {}", field(gate, "kind"), field(gate, "gate_id")),
        other => shown(other),
    }
}
