//! `orchestrator approvals`.

use super::Caller;
use crate::text::{excerpt, field, items, percent, shown, table};
use anyhow::Result;
use serde_json::{Value, json};

/// Most that are shown; older ones come first.
const SHOWN: u32 = 200;

pub async fn list(caller: &Caller) -> Result<()> {
    let page = caller.client.approvals(Some(SHOWN), None).await?;
    caller.print(&json!(page), |page| {
        let row = |gate: &Value| {
            let request = excerpt(&field(gate, "request"), 50);
            [
                field(gate, "task_id"),
                field(gate, "gate_id"),
                field(gate, "kind"),
                field(gate, "expires_at"),
                request,
            ]
        };
        let waiting = items(page, "items");
        if waiting.is_empty() {
            return "nothing waits for a decision".to_owned();
        }
        table(
            ["task", "gate", "kind", "expires", "request"],
            waiting.iter().map(row).collect(),
        )
    })
}

pub async fn show(caller: &Caller, task_id: &str, gate: Option<&str>) -> Result<()> {
    let document = caller.client.approval(task_id, gate).await?;
    caller.print(&document, describe)
}

/// What a task asks, with everything a human decides about.
pub fn describe(approval: &Value) -> String {
    let allowed: Vec<String> = items(approval, "allowed_actions").iter().map(shown).collect();
    let quality = approval.get("quality").and_then(|quality| quality.get("overall"));
    let mut lines = vec![
        format!(
            "{}  gate {}  {}",
            field(approval, "task_id"),
            field(approval, "gate_id"),
            field(approval, "kind")
        ),
        format!("request  {}", excerpt(&field(approval, "request"), 100)),
        format!("quality  {}", percent(quality)),
        format!(
            "may be answered  {}  until  {}",
            allowed.join(", "),
            field(approval, "expires_at")
        ),
        format!("content hash  {}", field(approval, "content_hash")),
    ];
    for deliverable in items(approval, "deliverables") {
        lines.push(format!(
            "\n--- {}: {} ---",
            field(deliverable, "channel"),
            field(deliverable, "title")
        ));
        lines.push(field(deliverable, "content"));
    }
    lines.join("\n")
}
