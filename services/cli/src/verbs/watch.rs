//! `orchestrator watch`.

use super::Caller;
use crate::failure::NotCompleted;
use crate::text::{excerpt, field, items, percent};
use anyhow::Result;
use client::Event;
use serde_json::Value;

/// Prints each event until the last.
///
/// # Errors
/// When the task ends in another way than completed.
pub async fn run(caller: &Caller, task_id: &str, after: u64) -> Result<()> {
    let mut events = caller.client.watch(task_id, after);
    while let Some(event) = events.next().await? {
        caller.print(&event.event, |_| describe(&event))?;
        if event.is_last() && event.name() != "task.completed" {
            return Err(NotCompleted {
                status: field(data(&event), "status"),
            }
            .into());
        }
    }
    // Ended before the watch began behind its last event.
    let status = field(&caller.client.status(task_id).await?, "status");
    if status == "completed" {
        Ok(())
    } else {
        Err(NotCompleted { status }.into())
    }
}

/// An event as a line, and what a human may do about it.
pub fn describe(event: &Event) -> String {
    let data = data(event);
    let time = field(&event.event, "time");
    // Hours to seconds of an RFC 3339 time.
    let clock = time.get(11..19).unwrap_or_default();
    format!("{clock}  {:<24}{}", event.name(), detail(event.name(), data))
        .trim_end()
        .to_owned()
}

/// The data of an event.
pub fn data(event: &Event) -> &Value {
    event.event.get("data").unwrap_or(&Value::Null)
}

fn detail(name: &str, data: &Value) -> String {
    let subject = || ["key", "tool_id"].map(|member| field(data, member)).join("  ");
    match name {
        "task.submitted" => excerpt(&field(data, "request"), 80),
        "task.executing" => format!("{} steps", field(data, "steps")),
        "step.failed" => format!("{}  {}", subject(), excerpt(&field(data, "message"), 80)),
        _ if name.starts_with("step.") => subject(),
        "task.assessed" => format!("quality {}", percent(data.get("overall"))),
        "task.refining" => format!("round {} of {}", field(data, "round"), field(data, "steps")),
        "task.needs_attention" => {
            let attention = data.get("attention").unwrap_or(data);
            format!(
                "{}  {}",
                field(attention, "reason"),
                excerpt(&field(attention, "detail"), 100)
            )
        }
        "gate.opened" => format!("{}  {}", field(data, "kind"), field(data, "gate_id")),
        "gate.decided" | "gate.expired" => ["kind", "action", "actor"].map(|member| field(data, member)).join("  "),
        "task.completed" => {
            let channels = items(data, "published")
                .iter()
                .map(|published| field(published, "channel"));
            format!("published to: {}", channels.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}
