//! `orchestrator tools`.

use super::Caller;
use crate::text::{excerpt, field, table};
use anyhow::Result;
use serde_json::{Value, json};

const PAGE: u32 = 200;

pub async fn run(caller: &Caller, tool_id: Option<&str>) -> Result<()> {
    if let Some(tool_id) = tool_id {
        let tool = caller.client.tool(tool_id).await?;
        // A tool is its schemas; there is no shorter way to show them.
        return caller.print(&tool, |tool| format!("{tool:#}"));
    }
    let tools = all(caller).await?;
    caller.print(&json!({ "items": tools, "next_cursor": null }), |_| {
        let row = |tool: &Value| {
            let [id, category, effects, source, state] =
                ["tool_id", "category", "effects", "source", "state"].map(|name| field(tool, name));
            [
                id,
                category,
                effects,
                source,
                state,
                excerpt(&field(tool, "description"), 60),
            ]
        };
        table(
            ["tool", "category", "effects", "source", "state", "description"],
            tools.iter().map(row).collect(),
        )
    })
}

async fn all(caller: &Caller) -> Result<Vec<Value>> {
    let mut tools = Vec::new();
    let mut cursor = None;
    loop {
        let page = caller.client.tools(Some(PAGE), cursor).await?;
        cursor = page.cursor();
        tools.extend(page.items);
        if cursor.is_none() {
            return Ok(tools);
        }
    }
}
