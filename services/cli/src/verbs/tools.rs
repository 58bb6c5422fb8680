//! `orchestrator tools`.

use super::Caller;
use crate::table::{Cell, elastic, optional, status, table, whole};
use crate::text::{field, items};
use anyhow::Result;
use serde_json::{Value, json};

const PAGE: u32 = 200;

pub async fn run(caller: &Caller, tool_id: Option<&str>) -> Result<()> {
    if let Some(tool_id) = tool_id {
        let tool = caller.client.tool(tool_id).await?;
        // A tool is its schemas; there is no shorter way to show them.
        return caller.print(&tool, |tool, _| format!("{tool:#}"));
    }
    let tools = all(caller).await?;
    caller.print(&json!({ "items": tools, "next_cursor": null }), |page, look| {
        let row = |tool: &Value| -> [Cell; 6] {
            let [id, category, effects, source, description] =
                ["tool_id", "category", "effects", "source", "description"].map(|name| Cell::from(field(tool, name)));
            [id, status(field(tool, "state")), category, effects, source, description]
        };
        let columns = [
            whole("tool"),
            whole("state"),
            optional("category"),
            optional("effects"),
            optional("source"),
            elastic("description"),
        ];
        let rows: Vec<_> = items(page, "items").iter().map(row).collect();
        table(look, columns, &rows)
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
