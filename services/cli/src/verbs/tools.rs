//! `orchestrator tools`.

use super::Caller;
use super::figure::{Unit, value};
use crate::arguments::{ToolVerb, ToolsArguments};
use crate::look::Look;
use crate::table::{Cell, elastic, optional, status, table, whole};
use crate::text::{field, items, present};
use anyhow::{Context as _, Result};
use client::{ClientError, ToolFilter};
use serde_json::{Value, json};
use std::path::Path;

const PAGE: u32 = 200;

/// All of them, one, or what is done with one.
///
/// # Errors
/// What the gateway refuses, or that it does not answer.
pub async fn run(caller: &Caller, arguments: ToolsArguments) -> Result<()> {
    let client = &caller.client;
    match arguments.verb {
        Some(ToolVerb::Show { tool_id }) => show(caller, &tool_id).await,
        Some(ToolVerb::Register { file }) => register(caller, &file).await,
        Some(ToolVerb::Approve { tool_id, version_hash }) => {
            let approved = client.approve_tool(&tool_id, version_hash.as_deref()).await?;
            caller.print(&approved, line)
        }
        Some(ToolVerb::Suspend { tool_id }) => caller.print(&client.suspend_tool(&tool_id).await?, line),
        Some(ToolVerb::Remove { tool_id }) => caller.print(&client.remove_tool(&tool_id).await?, line),
        Some(ToolVerb::Discover) => caller.print(&client.discover_tools().await?, found),
        None => match arguments.tool_id {
            Some(tool_id) => show(caller, &tool_id).await,
            None => {
                let filter = ToolFilter {
                    q: arguments.q,
                    category: arguments.category,
                    source: arguments.source,
                    state: arguments.state,
                    limit: Some(PAGE),
                    ..ToolFilter::default()
                };
                let tools = all(caller, filter).await?;
                caller.print(&json!({ "items": tools, "next_cursor": null }), list)
            }
        },
    }
}

async fn show(caller: &Caller, tool_id: &str) -> Result<()> {
    let tool = caller.client.tool(tool_id).await?;
    // A tool is its schemas; there is no shorter way to show them.
    caller.print(&tool, |tool, _| format!("{tool:#}"))
}

/// A file is what should be: a tool that is registered already becomes it.
async fn register(caller: &Caller, file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let tool: Value = serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))?;
    let registered = match caller.client.register_tool(&tool, None).await {
        Err(ClientError::Problem(problem)) if problem.code == "tool_exists" => {
            caller.client.change_tool(&field(&tool, "tool_id"), &tool).await?
        }
        answer => answer?,
    };
    caller.print(&registered, line)
}

fn line(tool: &Value, _: Look) -> String {
    format!("{}  {}", field(tool, "tool_id"), field(tool, "state"))
}

fn found(discovery: &Value, _: Look) -> String {
    let [discovered, changed, suspended, tools] =
        ["discovered", "changed", "suspended", "tools"].map(|name| field(discovery, name));
    let text = format!("{discovered} new, {changed} changed, {suspended} suspended; {tools} can be used");
    match discovery.get("complete") {
        Some(Value::Bool(false)) => format!("{text}\nnot every executor has answered yet"),
        _ => text,
    }
}

fn list(page: &Value, look: Look) -> String {
    let row = |tool: &Value| -> [Cell; 8] {
        let [id, category, effects, source, description] =
            ["tool_id", "category", "effects", "source", "description"].map(|name| Cell::from(field(tool, name)));
        let success = value(present(tool, "success_rate").unwrap_or(&Value::Null), Unit::Rate);
        let runs = tool
            .pointer("/measured/success_rate/n")
            .map_or_else(String::new, Value::to_string);
        // What nobody serves now is no state of the catalog, and stops a step all the same.
        let state = match tool.get("available") {
            Some(Value::Bool(false)) if field(tool, "state") == "active" => "unavailable".to_owned(),
            _ => field(tool, "state"),
        };
        let [runs, success] = [runs, success].map(Cell::from);
        [id, status(state), category, effects, source, runs, success, description]
    };
    let columns = [
        whole("tool"),
        whole("state"),
        optional("category"),
        optional("effects"),
        optional("source"),
        optional("runs"),
        optional("success"),
        elastic("description"),
    ];
    let rows: Vec<_> = items(page, "items").iter().map(row).collect();
    table(look, columns, &rows)
}

async fn all(caller: &Caller, mut filter: ToolFilter) -> Result<Vec<Value>> {
    let mut tools = Vec::new();
    loop {
        let page = caller.client.tools(&filter).await?;
        filter.cursor = page.cursor();
        tools.extend(page.items);
        if filter.cursor.is_none() {
            return Ok(tools);
        }
    }
}
