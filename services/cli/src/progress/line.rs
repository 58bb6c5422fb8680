//! An event as a line.

use crate::look::{Look, Tone};
use crate::text::{cut, excerpt, field, items, percent};
use client::Event;
use serde_json::Value;

/// The data of an event.
pub fn data(event: &Event) -> &Value {
    event.event.get("data").unwrap_or(&Value::Null)
}

/// Time, name, and what it is about.
pub fn line(event: &Event, look: Look) -> String {
    let time = field(&event.event, "time");
    // Hours to seconds of an RFC 3339 time.
    let clock = time.get(11..19).unwrap_or_default();
    let name = look.paint(tone(event.name()), &format!("{:<24}", event.name()));
    let detail = cut(&detail(event.name(), data(event)), look.room(10 + 24));
    format!("{}  {name}{detail}", look.paint(Tone::Faint, clock))
        .trim_end()
        .to_owned()
}

fn tone(name: &str) -> Tone {
    match name {
        "gate.opened" | "gate.expired" => Tone::Warn,
        _ => Tone::of_status(name.rsplit_once('.').map_or(name, |(_, event)| event)),
    }
}

fn detail(name: &str, data: &Value) -> String {
    let subject = || {
        let count = |member: &str, least: u64| data.get(member).and_then(Value::as_u64).filter(|count| *count > least);
        let mut parts = vec![field(data, "key"), field(data, "tool_id")];
        parts.extend(count("attempt", 1).map(|attempt| format!("attempt {attempt}")));
        parts.extend(count("round", 0).map(|round| format!("round {round}")));
        parts.join("  ")
    };
    match name {
        "task.submitted" => excerpt(&field(data, "request"), 80),
        "task.planned" => format!("{} steps  {}", field(data, "steps"), field(data, "summary")),
        "task.executing" => format!("{} steps", field(data, "steps")),
        "step.failed" => format!("{}  {}", subject(), excerpt(&field(data, "message"), 80)),
        _ if name.starts_with("step.") => subject(),
        "task.assessed" => format!("quality {}", percent(data.get("overall"))),
        "task.refining" => format!("round {} of {}", field(data, "round"), field(data, "steps")),
        "task.needs_attention" => {
            let attention = data.get("attention").unwrap_or(data);
            format!("{}  {}", field(attention, "reason"), field(attention, "detail"))
        }
        "gate.opened" => ["kind", "step_key", "gate_id"]
            .map(|member| field(data, member))
            .join("  "),
        "gate.decided" | "gate.expired" => ["kind", "action", "actor"].map(|member| field(data, member)).join("  "),
        "task.completed" => {
            let channels: Vec<String> = items(data, "published")
                .iter()
                .map(|published| field(published, "channel"))
                .collect();
            if channels.is_empty() {
                "published nowhere".to_owned()
            } else {
                format!("published to: {}", channels.join(", "))
            }
        }
        "task.failed" | "task.rejected" => ["reason", "detail", "actor", "feedback"]
            .map(|member| field(data, member))
            .join("  "),
        _ => String::new(),
    }
}
