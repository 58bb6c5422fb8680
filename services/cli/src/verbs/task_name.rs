//! Tasks by what people can type: their id, its beginning or end, or `last`.

use crate::text::field;
use anyhow::{Result, bail};
use client::{Client, TaskFilter};
use serde_json::Value;

/// Length of a UUID as it is written.
const WHOLE: usize = 36;
/// Fewer digits are a slip of the finger.
const LEAST: usize = 4;
const PAGE: u32 = 200;
/// Newest tasks among which a part of an id is looked for.
const PAGES: usize = 5;

/// The id of the task that is meant.
///
/// # Errors
/// When none or several fit, or the gateway does not answer.
pub async fn resolve(client: &Client, name: &str) -> Result<String> {
    if name == "last" {
        let newest = page(client, 1, None).await?.0;
        return match newest.first() {
            Some(task) => Ok(field(task, "task_id")),
            None => bail!("there is no task yet; make one with `orchestrator submit TEXT`"),
        };
    }
    // Whatever cannot be a part of an id is the gateway's to refuse.
    if name.len() >= WHOLE || !name.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Ok(name.to_owned());
    }
    if name.len() < LEAST {
        bail!("{name:?} is too short for a part of a task id; give at least {LEAST} characters, or `last`");
    }
    let mut found = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES {
        let (tasks, next) = page(client, PAGE, cursor).await?;
        found.extend(tasks.into_iter().filter(|task| is_meant(task, name)));
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    choose(name, &found)
}

async fn page(client: &Client, limit: u32, cursor: Option<String>) -> Result<(Vec<Value>, Option<String>)> {
    let limit = Some(limit);
    let page = client
        .tasks(&TaskFilter {
            limit,
            cursor,
            ..TaskFilter::default()
        })
        .await?;
    let next = page.cursor();
    Ok((page.items, next))
}

fn is_meant(task: &Value, part: &str) -> bool {
    let id = field(task, "task_id");
    let part = part.to_ascii_lowercase();
    id.starts_with(&part) || id.ends_with(&part)
}

fn choose(part: &str, found: &[Value]) -> Result<String> {
    match found {
        [task] => Ok(field(task, "task_id")),
        [] => bail!(
            "no task's id begins or ends with {part:?} among the newest {}; `orchestrator list` shows them",
            PAGES * PAGE as usize
        ),
        several => {
            let ids: Vec<String> = several.iter().take(5).map(|task| field(task, "task_id")).collect();
            bail!(
                "{} tasks' ids begin or end with {part:?}: {}{}; give more of the id (its end differs most)",
                several.len(),
                ids.join(", "),
                if several.len() > ids.len() { ", …" } else { "" }
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_of_an_id_means_a_task_only_where_it_means_one() {
        let tasks = [
            json!({ "task_id": "01a207c4-6c19-7456-9b04-edebd1f6f551" }),
            json!({ "task_id": "01a207c4-7000-7456-9b04-edebd1f6f552" }),
        ];
        let named = |part: &str| {
            let found: Vec<Value> = tasks.iter().filter(|task| is_meant(task, part)).cloned().collect();
            choose(part, &found).map_err(|error| error.to_string())
        };
        assert_eq!(named("F6F551").unwrap(), "01a207c4-6c19-7456-9b04-edebd1f6f551");
        assert_eq!(named("01a207c4-7").unwrap(), "01a207c4-7000-7456-9b04-edebd1f6f552");
        assert!(named("01a207c4").unwrap_err().starts_with("2 tasks' ids"));
        assert!(named("ffff").unwrap_err().contains("`orchestrator list`"));
    }
}
