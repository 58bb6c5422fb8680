//! CloudEvents 1.0, structured JSON.

use bus::Outgoing;
use bytes::Bytes;
use contracts::trace;
use serde::Serialize;
use serde_json::Value;
use tracing::{Span, info_span};
use uuid::Uuid;
use workflow::ids::TaskId;
use workflow::vocabulary::EventKind;

/// Result content above this many bytes travels as a URL and its hash.
pub const MAX_INLINE_RESULT: usize = 256 * 1024;

/// What an event is about, for those who do not read it.
const SUBJECT: &str = "ce-subject";

/// One event as subscribers read it.
#[derive(Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    source: &'static str,
    #[serde(rename = "type")]
    kind: String,
    subject: &'a str,
    time: &'a str,
    datacontenttype: &'static str,
    /// Position in the task, from 1, without gap.
    sequence: u64,
    tenant: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    traceparent: &'a str,
    data: &'a Value,
}

/// What the event of one entity is about.
pub struct Attachment<'a> {
    /// The event's id, also its `Nats-Msg-Id`.
    pub id: Uuid,
    /// Who tells it: `/orchestrator/` and the service.
    pub source: &'static str,
    /// Which event.
    pub kind: EventKind,
    /// Id of the entity: the task's for task, step and gate events, the tool's, the pattern's.
    pub subject: &'a str,
    /// RFC 3339, UTC.
    pub time: &'a str,
    /// From 1.
    pub sequence: u64,
    /// Whose.
    pub tenant: &'a str,
    /// W3C trace context of the request, or empty.
    pub traceparent: &'a str,
    /// The event's own members.
    pub data: &'a Value,
}

impl<'a> CloudEvent<'a> {
    /// The event.
    pub fn new(event: &Attachment<'a>) -> Self {
        Self {
            specversion: "1.0",
            id: event.id,
            source: event.source,
            kind: format!("io.orchestrator.{}.v1", event.kind),
            subject: event.subject,
            time: event.time,
            datacontenttype: "application/json",
            sequence: event.sequence,
            tenant: event.tenant,
            traceparent: event.traceparent,
            data: event.data,
        }
    }

    /// As JSON text.
    ///
    /// # Errors
    /// When a number in the data is none.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// An event of a task as it travels; `body` is the [`CloudEvent`] as JSON text. The span is its publication,
/// below `traceparent`: it lasts until it is dropped, and goes with the message. Where it is not exported
/// `traceparent` itself goes.
pub fn message(
    task: TaskId,
    sequence: u64,
    subject: String,
    body: impl Into<Bytes>,
    traceparent: &str,
) -> (Outgoing, Span) {
    let id = task.event(sequence).to_string();
    let span = info_span!(
        "publish",
        otel.kind = "producer",
        otel.name = format!("publish {subject}"),
        messaging.system = "nats",
        messaging.operation.name = "publish",
        messaging.operation.r#type = "send",
        messaging.destination.name = subject,
        messaging.message.id = id,
        task_id = %task,
        sequence,
    );
    let span = trace::below(span, traceparent);
    let mut message = Outgoing::new(subject, id, body);
    message.headers.push((SUBJECT, task.to_string()));
    let context = trace::of(&span).map_or_else(|| traceparent.to_owned(), |context| context.to_string());
    if !context.is_empty() {
        message.headers.push((trace::TRACEPARENT, context));
    }
    (message, span)
}

/// A stored event as it travels: its own words say what it is about, and in which trace.
pub fn stored_message(stream: TaskId, sequence: u64, to: String, body: String) -> (Outgoing, Span) {
    let event = Stored::read(&body);
    let (mut message, span) = message(stream, sequence, to, body, &event.traceparent);
    // The events of a tool lie under an id that only stands for the tool's.
    for (name, value) in &mut message.headers {
        if *name == SUBJECT && !event.subject.is_empty() {
            value.clone_from(&event.subject);
        }
    }
    (message, span)
}

#[derive(serde::Deserialize, Default)]
#[serde(default)]
struct Stored {
    subject: String,
    traceparent: String,
}

impl Stored {
    /// Empty where there is nothing to read.
    fn read(body: &str) -> Self {
        serde_json::from_str(body).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_context_of_a_stored_event_goes_with_its_message() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        let body = format!(r#"{{"id":"x","traceparent":"{traceparent}","data":{{"traceparent":"forged"}}}}"#);
        let task = TaskId(Uuid::from_u128(7 << 64));
        let (message, _span) = stored_message(task, 1, "events".to_owned(), body);
        assert_eq!(header(&message, "traceparent"), Some(traceparent));
        assert_eq!(header(&message, SUBJECT), Some(task.to_string().as_str()));
        let bare = stored_message(task, 1, "events".to_owned(), "{}".to_owned()).0;
        assert_eq!(header(&bare, "traceparent"), None);
    }

    #[test]
    fn the_event_of_a_tool_bears_the_tools_own_id() {
        let stream = TaskId(Uuid::from_u128(7 << 64));
        let body = r#"{"id":"x","subject":"time.now"}"#.to_owned();
        let (message, _span) = stored_message(stream, 1, "events".to_owned(), body);
        assert_eq!(header(&message, SUBJECT), Some("time.now"));
    }

    fn header<'m>(message: &'m Outgoing, name: &str) -> Option<&'m str> {
        let found = message.headers.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| value.as_str())
    }

    #[test]
    fn an_event_is_a_structured_cloud_event_with_our_extensions() {
        let data = json!({ "status": "completed" });
        let id = Uuid::from_u128(7);
        let event = CloudEvent::new(&Attachment {
            id,
            source: "/orchestrator/coordinator",
            kind: EventKind::TaskCompleted,
            subject: "t",
            time: "2026-01-01T00:00:00.000Z",
            sequence: 9,
            tenant: "default",
            traceparent: "",
            data: &data,
        });
        let json: Value = serde_json::from_str(&event.to_json().unwrap()).unwrap();
        assert_eq!(
            json,
            json!({
                "specversion": "1.0", "id": id.to_string(), "source": "/orchestrator/coordinator",
                "type": "io.orchestrator.task.completed.v1", "subject": "t", "time": "2026-01-01T00:00:00.000Z",
                "datacontenttype": "application/json", "sequence": 9, "tenant": "default",
                "data": { "status": "completed" }
            })
        );
    }
}
