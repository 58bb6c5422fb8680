//! `orchestrator approvals`.

use super::{Caller, status};
use crate::asking;
use crate::look::{Look, Tone};
use crate::table::{Cell, elastic, optional, table, whole};
use crate::text::{duration, excerpt, field, items, moment, present};
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// Most that are shown; older ones come first.
const SHOWN: u32 = 200;

pub async fn list(caller: &Caller, assignee: Option<String>) -> Result<()> {
    let page = caller.client.approvals(Some(SHOWN), None, assignee).await?;
    caller.print(&json!(page), inbox)
}

fn inbox(page: &Value, look: Look) -> String {
    let waiting = items(page, "items");
    if waiting.is_empty() {
        return "nothing waits for a decision".to_owned();
    }
    let row = |gate: &Value| -> [Cell; 8] {
        let age = gate.get("age_seconds").and_then(Value::as_f64).unwrap_or_default();
        let age = Duration::try_from_secs_f64(age).unwrap_or_default();
        let about = match field(gate, "reason") {
            reason if reason.is_empty() => field(gate, "step_key"),
            reason => reason,
        };
        let risk = field(gate, "risk");
        let tone = if risk == "high" { Tone::Bad } else { Tone::Plain };
        [
            look.id(&field(gate, "task_id")).into(),
            field(gate, "kind").into(),
            about.into(),
            duration(age).into(),
            Cell { text: risk, tone },
            field(gate, "assignee").into(),
            moment(&field(gate, "expires_at")).into(),
            field(gate, "request").into(),
        ]
    };
    let columns = [
        whole("task"),
        whole("kind"),
        optional("about"),
        whole("age"),
        whole("risk"),
        optional("assignee"),
        optional("expires (UTC)"),
        elastic("request"),
    ];
    let rows: Vec<_> = waiting.iter().map(row).collect();
    table(look, columns, &rows)
}

pub async fn show(caller: &Caller, task_id: &str, gate: Option<&str>) -> Result<()> {
    let document = match caller.client.approval(task_id, gate).await {
        Ok(document) => document,
        Err(error) => return Err(caller.explained(task_id, error).await),
    };
    caller.print(&document, |approval, look| describe(approval, look, &asking::program()))
}

/// What a task asks, with everything a human decides about.
pub fn describe(approval: &Value, look: Look, program: &str) -> String {
    let mut lines = vec![format!(
        "{}  gate {}  {}",
        field(approval, "task_id"),
        field(approval, "gate_id"),
        look.paint(Tone::Warn, &field(approval, "kind"))
    )];
    for (label, name) in [
        ("request", "request"),
        ("asks", "summary"),
        ("reasoning", "reasoning"),
        ("assignee", "assignee"),
        ("withheld", "withheld"),
    ] {
        let text = field(approval, name);
        if !text.is_empty() {
            lines.push(format!("{} {text}", look.paint(Tone::Faint, &format!("{label:<9}"))));
        }
    }
    lines.extend(status::plan(approval, look));
    lines.extend(intended(approval, look));
    for effect in items(approval, "effects") {
        let text = ["state", "effects", "target", "at"]
            .map(|name| field(effect, name))
            .join("  ");
        lines.push(look.paint(Tone::Warn, &format!("done outside: {text}")));
    }
    lines.extend(status::quality(approval.get("quality").unwrap_or(&Value::Null), look));
    for deliverable in items(approval, "deliverables") {
        let heading = format!(
            "--- {}: {} ---",
            field(deliverable, "channel"),
            field(deliverable, "title")
        );
        lines.push(format!("\n{}", look.paint(Tone::Heading, &heading)));
        if let Some(faults) = deliverable.get("faults").and_then(Value::as_str) {
            lines.push(look.paint(Tone::Bad, &format!("against the rules: {faults}")));
        }
        lines.push(field(deliverable, "content"));
    }
    lines.extend(calls(approval, look));
    lines.push(format!("\ncontent hash {}", field(approval, "content_hash")));
    lines.push(look.paint(Tone::Warn, &asking::question(approval)));
    let commands = asking::commands(program, &field(approval, "task_id"), approval, false);
    lines.extend(commands.into_iter().map(|command| format!("  {command}")));
    lines.join("\n")
}

/// The very calls that wait for a word, and what their tools ask: whole, since they are what is decided about.
fn calls(approval: &Value, look: Look) -> Vec<String> {
    let own = (field(approval, "kind") == "step").then_some(approval);
    let calls = own.into_iter().chain(items(approval, "calls"));
    let told = calls.filter_map(|call| {
        let arguments = pretty(call.get("arguments")?);
        let heading = format!("--- {} calls {} ---", field(call, "step_key"), field(call, "tool_id"));
        let mut lines = vec![format!("\n{}", look.paint(Tone::Heading, &heading)), arguments];
        for request in items(call, "requests") {
            let text = ["key", "message"].map(|name| field(request, name)).join(": ");
            lines.push(look.paint(Tone::Warn, &format!("asks for {text}")));
            lines.extend(request.get("schema").map(pretty));
        }
        Some(lines)
    });
    told.flatten().collect()
}

fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let lines: Vec<String> = text.lines().map(crate::text::harmless).collect();
    lines.join("\n")
}

/// With what the steps of a plan under review would be called.
fn intended(approval: &Value, look: Look) -> Vec<String> {
    let reviewed = field(approval, "kind") == "plan";
    let steps = items(approval.get("plan").unwrap_or(&Value::Null), "steps").iter();
    let lines = steps.filter(|_| reviewed).filter_map(|step| {
        let arguments = present(step, "arguments")?;
        let each = present(step, "for_each").map_or_else(String::new, |each| format!("for each of {each}: "));
        let text = format!("{} ({}) {each}{arguments}", field(step, "key"), field(step, "effects"));
        Some(format!("  {}", excerpt(&crate::text::harmless(&text), look.room(2))))
    });
    lines.collect()
}
