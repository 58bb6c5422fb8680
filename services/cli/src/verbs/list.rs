//! `orchestrator list`.

use super::Caller;
use crate::arguments::ListArguments;
use crate::look::Look;
use crate::table::{Cell, elastic, optional, status, table, whole};
use crate::text::{field, items, moment, percent};
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
    caller.print(&json!(page), |document, look| {
        let mut text = describe(document, look);
        if let Some(cursor) = next {
            text.push_str(&format!("\nmore: --cursor {cursor}"));
        }
        text
    })
}

fn describe(page: &Value, look: Look) -> String {
    let tasks = items(page, "items");
    if tasks.is_empty() {
        return "no tasks".to_owned();
    }
    let row = |task: &Value| -> [Cell; 6] {
        let progress = task.get("progress").unwrap_or(&Value::Null);
        let quality = task.get("quality").and_then(|quality| quality.get("overall"));
        [
            look.id(&field(task, "task_id")).into(),
            status(field(task, "status")),
            format!("{}/{}", field(progress, "steps_done"), field(progress, "steps_total")).into(),
            percent(quality).into(),
            moment(&field(task, "created_at")).into(),
            field(task, "request").into(),
        ]
    };
    let columns = [
        whole("task"),
        whole("status"),
        optional("steps"),
        optional("quality"),
        optional("created (UTC)"),
        elastic("request"),
    ];
    let rows: Vec<_> = tasks.iter().map(row).collect();
    table(look, columns, &rows)
}
