//! From the status document to the protocol's task. Pure.

use super::question;
use crate::mcp::decisions::what_to_do;
use chrono::{DateTime, SecondsFormat};
use rmcp::model::{CallToolResult, DetailedTask, InputRequests, JsonObject, Task, TaskPayload, TaskStatus};
use serde_json::Value;
use service::config::Decisions;
use uuid::Uuid;
use workflow::vocabulary::Status;

/// How soon a client should ask again: while machines work, and while a person is waited for.
const POLL_WORKING_MS: u64 = 500;
const POLL_WAITING_MS: u64 = 2_000;

/// Members of the status document that stand in a result.
const RESULT: [&str; 9] = [
    "task_id",
    "status",
    "request",
    "deliverables",
    "published",
    "quality",
    "cost",
    "error",
    "finished_at",
];

/// A task just stored. Ids carry the moment they were made at.
pub fn begun(task_id: &str) -> Task {
    let at = created(task_id).unwrap_or_default();
    Task::new(task_id, TaskStatus::Working, at.clone(), at).with_poll_interval_ms(POLL_WORKING_MS)
}

/// A task as its status document tells it. `asked`: approval documents of the gates that the client is asked about.
pub fn of(document: Value, asked: &[Value], who: Decisions) -> DetailedTask {
    let text = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let id = text("task_id");
    let status = Status::parse(&text("status"));
    let created_at = created(&id).unwrap_or_else(|| text("created_at"));
    let mut task = Task::new(id, TaskStatus::Working, created_at, text("updated_at"));
    task.status_message = message(&document, status, who);
    let payload = payload(&document, status, questions(asked, who));
    task.poll_interval_ms = match payload {
        TaskPayload::Working if open_gates(&document).next().is_none() => Some(POLL_WORKING_MS),
        TaskPayload::Working | TaskPayload::InputRequired { .. } => Some(POLL_WAITING_MS),
        _ => None,
    };
    DetailedTask::new(task, payload)
}

fn payload(document: &Value, status: Option<Status>, input_requests: InputRequests) -> TaskPayload {
    match status {
        Some(Status::Cancelled) => TaskPayload::Cancelled,
        // `failed` is for errors of the protocol: a call that ended badly has ended, and its result says so.
        Some(status) if status.is_terminal() => TaskPayload::Completed {
            result: result(document, status == Status::Completed),
        },
        _ if input_requests.is_empty() => TaskPayload::Working,
        _ => TaskPayload::InputRequired { input_requests },
    }
}

fn result(document: &Value, is_done: bool) -> JsonObject {
    let told = RESULT
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), document.get(name)?.clone())))
        .collect::<JsonObject>();
    let result = if is_done {
        CallToolResult::structured(Value::Object(told))
    } else {
        CallToolResult::structured_error(Value::Object(told))
    };
    match serde_json::to_value(result) {
        Ok(Value::Object(members)) => members,
        _ => JsonObject::new(),
    }
}

fn questions(asked: &[Value], who: Decisions) -> InputRequests {
    asked
        .iter()
        .filter_map(|gate| Some((gate_id(gate)?.to_owned(), question::about(gate, who))))
        .collect()
}

/// The gates that wait for a person.
pub fn open_gates(document: &Value) -> impl Iterator<Item = &Value> {
    let gates = document.get("open_gates").and_then(Value::as_array);
    gates.into_iter().flatten()
}

/// A gate's id: the question's key, never used for another one.
pub fn gate_id(gate: &Value) -> Option<&str> {
    gate.get("gate_id").and_then(Value::as_str)
}

/// One line for people: the phase, and what stands in the way.
fn message(document: &Value, status: Option<Status>, who: Decisions) -> Option<String> {
    let of = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    let said = of("/error/message").or_else(|| of("/attention/detail"));
    let waiting = open_gates(document).next().is_some();
    let status = status?.as_str().replace('_', " ");
    Some(match (said, waiting) {
        (Some(detail), _) => format!("{status}: {detail}"),
        (None, true) => format!("{status}: waits for a person; {}", what_to_do(who)),
        (None, false) => match (count(document, "steps_done"), count(document, "steps_total")) {
            (Some(done), Some(total)) if total > 0 => format!("{status}: {done} of {total} steps done"),
            _ => status,
        },
    })
}

fn count(document: &Value, name: &str) -> Option<u64> {
    document.get("progress")?.get(name)?.as_u64()
}

/// When the task of this id was made, as RFC 3339.
fn created(task_id: &str) -> Option<String> {
    let (seconds, nanos) = Uuid::try_parse(task_id).ok()?.get_timestamp()?.to_unix();
    let at = DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "01976f00-0000-7000-8000-000000000001";
    const GATE: &str = "01976f00-0000-8000-8000-000000000002";

    fn document(status: &str, gates: Value) -> Value {
        json!({
            "task_id": ID, "status": status, "request": "write", "updated_at": "2025-06-15T00:00:00Z",
            "created_at": "2025-06-14T00:00:00Z", "progress": {"steps_total": 5, "steps_done": 2}, "open_gates": gates,
        })
    }

    fn gates() -> Value {
        json!([{"gate_id": GATE, "kind": "publication", "content_hash": "ab", "allowed_actions": ["approve", "revise", "reject"]}])
    }

    /// The client is asked about every gate, or about none.
    fn seen(document: Value, may_ask: bool) -> DetailedTask {
        let asked: Vec<Value> = open_gates(&document).filter(|_| may_ask).cloned().collect();
        of(document, &asked, Decisions::Tool)
    }

    fn status_of(status: &str, gates: Value, may_ask: bool) -> TaskStatus {
        seen(document(status, gates), may_ask).status()
    }

    #[test]
    fn every_status_has_its_state_of_the_protocol() {
        for status in Status::ALL {
            let state = status_of(status.as_str(), json!([]), true);
            let expected = match status {
                Status::Completed | Status::Rejected | Status::Failed => TaskStatus::Completed,
                Status::Cancelled => TaskStatus::Cancelled,
                _ => TaskStatus::Working,
            };
            assert_eq!(state, expected, "{status:?}");
        }
    }

    #[test]
    fn an_open_gate_is_a_question_to_clients_that_can_be_asked() {
        for status in [
            "awaiting_approval",
            "awaiting_plan_review",
            "needs_attention",
            "executing",
        ] {
            assert_eq!(status_of(status, gates(), true), TaskStatus::InputRequired, "{status}");
            assert_eq!(status_of(status, gates(), false), TaskStatus::Working, "{status}");
        }
        let asked = serde_json::to_value(seen(document("awaiting_approval", gates()), true)).unwrap();
        let request = &asked["inputRequests"][GATE];
        assert_eq!(
            (&request["method"], &request["params"]["mode"]),
            (&json!("elicitation/create"), &json!("form"))
        );
        assert_eq!(request["params"]["requestedSchema"]["required"], json!(["approved"]));
        for (who, way) in [(Decisions::Tool, "decide answers"), (Decisions::Off, "POST /approve")] {
            let told = of(document("awaiting_approval", gates()), &[], who)
                .task
                .status_message
                .unwrap();
            assert!(told.contains(way), "{told}");
        }
    }

    #[test]
    fn what_did_not_succeed_is_a_result_that_says_so() {
        let mut failed = document("failed", json!([]));
        failed["error"] = json!({"code": "poison", "message": "gave up"});
        let told = serde_json::to_value(seen(failed, true)).unwrap();
        assert_eq!(
            (&told["status"], &told["result"]["isError"]),
            (&json!("completed"), &json!(true))
        );
        assert_eq!(told["result"]["structuredContent"]["error"]["code"], "poison");
        assert_eq!(told["statusMessage"], "failed: gave up");
        let done = serde_json::to_value(seen(document("completed", json!([])), true)).unwrap();
        assert_eq!(done["result"]["isError"], false);
        assert_eq!(done.get("pollIntervalMs"), None);
    }

    #[test]
    fn a_task_begins_when_its_id_was_made_whoever_asks() {
        let begun = begun(ID);
        assert_eq!(
            begun.created_at,
            seen(document("executing", json!([])), true).task.created_at
        );
        assert!(begun.created_at.starts_with("2025-06-14T"), "{}", begun.created_at);
    }
}
