//! One CloudEvent on its way to a client.

use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// An event of a task.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Per task from 1, without gap.
    pub sequence: u64,
    /// CloudEvent type, such as `io.orchestrator.task.completed.v1`.
    pub kind: String,
    /// RFC 3339.
    pub time: String,
    /// The CloudEvent as JSON on one line.
    pub json: String,
}

#[derive(Deserialize)]
struct Head<'a> {
    sequence: u64,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    time: Cow<'a, str>,
}

impl Event {
    /// From a structured CloudEvent; `None` when it is none of ours.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let json = std::str::from_utf8(payload).ok()?;
        let head: Head = serde_json::from_str(json).ok()?;
        Some(Self {
            sequence: head.sequence,
            kind: head.kind.into_owned(),
            time: head.time.into_owned(),
            json: one_line(json)?,
        })
    }

    /// From an item of the coordinator's list.
    pub fn from_value(item: &Value) -> Option<Self> {
        let text = |name| item.get(name).and_then(Value::as_str);
        Some(Self {
            sequence: item.get("sequence")?.as_u64()?,
            kind: text("type")?.to_owned(),
            time: text("time").unwrap_or_default().to_owned(),
            json: item.to_string(),
        })
    }

    /// The last event a task can have.
    pub fn is_last(&self) -> bool {
        let mut parts = self.kind.rsplit('.');
        let (_version, event, entity) = (parts.next(), parts.next(), parts.next());
        entity == Some("task") && matches!(event, Some("completed" | "rejected" | "failed" | "cancelled"))
    }
}

/// Line breaks between members would end a field of an event stream.
fn one_line(json: &str) -> Option<String> {
    if !json.contains(['\n', '\r']) {
        return Some(json.to_owned());
    }
    let value: Value = serde_json::from_str(json).ok()?;
    Some(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn only_the_end_of_a_task_is_its_last_event() {
        let event = |kind: &str| Event::parse(format!("{{\n\"type\":\"{kind}\",\"sequence\":3}}").as_bytes()).unwrap();
        for last in ["completed", "rejected", "failed", "cancelled"] {
            assert!(event(&format!("io.orchestrator.task.{last}.v1")).is_last());
        }
        for other in ["io.orchestrator.step.failed.v1", "io.orchestrator.task.planned.v1", ""] {
            assert!(!event(other).is_last());
        }
        assert!(!event("x").json.contains('\n'));
        assert_eq!(Event::parse(b"{\"type\":\"x\"}"), None);
    }
}
