//! `orchestrator list`.

use super::Caller;
use crate::arguments::ListArguments;
use crate::text::{excerpt, field, items, table};
use anyhow::Result;
use client::TaskFilter;
use serde_json::{Value, json};

pub async fn run(caller: &Caller, arguments: ListArguments) -> Result<()> {
    let ListArguments {
        status,
        q,
        limit,
        cursor,
    } = arguments;
    let page = caller
        .client
        .tasks(&TaskFilter {
            status,
            q,
            limit: Some(limit),
            cursor,
        })
        .await?;
    let next = page.cursor();
    caller.print(&json!(page), |document| {
        let mut text = describe(document);
        if let Some(cursor) = next {
            text.push_str(&format!("\nmore: --cursor {cursor}"));
        }
        text
    })
}

fn describe(page: &Value) -> String {
    let row = |task: &Value| {
        [
            field(task, "task_id"),
            field(task, "status"),
            field(task, "created_at"),
            excerpt(&field(task, "request"), 60),
        ]
    };
    table(
        ["task", "status", "created", "request"],
        items(page, "items").iter().map(row).collect(),
    )
}
