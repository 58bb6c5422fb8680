//! What of a raw record and of an event is read when it arrives; the rest is read when it is used.

use crate::business::{Request, Requested};
use crate::lesson::{Facts, Foreseen, is_planless, lesson};
use crate::preferences::{Taught, taught};
use crate::record::said::speakers;
use crate::store::NewRecord;
use chrono::{DateTime, Utc};
use contracts::coordinator::Record;
use serde::Deserialize;
use serde_json::{Value, json};
use workflow::ids::TaskId;
use workflow::vocabulary::Status;

#[derive(Deserialize)]
struct RawRecord {
    task: RawTask,
    #[serde(default)]
    submission: RawSubmission,
    #[serde(default)]
    gates: Value,
    #[serde(default)]
    engine: Value,
}

#[derive(Deserialize, Default)]
struct RawSubmission {
    #[serde(default)]
    actor: String,
    #[serde(flatten)]
    figures: Request,
}

#[derive(Deserialize)]
struct RawTask {
    status: String,
    quality: Option<RawQuality>,
    #[serde(default)]
    refinements: Value,
    cost: Option<RawCost>,
    created_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct RawQuality {
    overall: Option<f64>,
    passed: Option<bool>,
}

#[derive(Deserialize)]
struct RawCost {
    usd: Option<f64>,
}

/// A record that cannot be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not JSON, or without what every record has.
    #[error("the record cannot be read: {0}")]
    Unreadable(String),
    /// Not a record of a task that has ended.
    #[error("the task is {0}, not ended")]
    NotEnded(String),
}

/// The record as it is kept. `least` is the overall quality from which a success teaches.
///
/// # Errors
/// When it is not the record of an ended task.
pub fn read(task: TaskId, record: Record, least: f64) -> Result<NewRecord, Unusable> {
    let raw: RawRecord = serde_json::from_str(&record.json).map_err(|error| Unusable::Unreadable(error.to_string()))?;
    if !Status::parse(&raw.task.status).is_some_and(Status::is_terminal) {
        return Err(Unusable::NotEnded(raw.task.status));
    }
    let finished_at = raw.task.finished_at.or(raw.task.updated_at);
    let finished_at = finished_at.ok_or_else(|| Unusable::Unreadable("it has no finished_at".to_owned()))?;
    let overall = raw.task.quality.as_ref().and_then(|quality| quality.overall);
    let passed = raw.task.quality.and_then(|quality| quality.passed);
    let usd = raw.task.cost.and_then(|cost| cost.usd);
    // The null model teaches nothing, and its tasks come fast.
    let teaches = raw.engine.as_str() != Some("null");
    Ok(NewRecord {
        task,
        facts: Facts {
            foreseen: if teaches {
                foreseen(&record.json)
            } else {
                Foreseen::default()
            },
            ..Facts::of(
                raw.task.refinements.as_u64().unwrap_or_default(),
                usd,
                &raw.gates,
                passed,
            )
        },
        author: raw.submission.actor.replace('\0', ""),
        said: speakers(&json!({ "gates": raw.gates })),
        asked_at: raw.task.created_at,
        taught: teaches.then(|| shown(&record.json)).flatten(),
        lesson: teaches.then(|| lesson(&record.tenant, &record.json, least)).flatten(),
        planless: teaches && raw.task.status != "completed" && is_planless(&record.json),
        requested: raw
            .task
            .created_at
            .and_then(|at| Requested::of(raw.submission.figures, task.0, at)),
        tenant: record.tenant,
        status: raw.task.status,
        quality: overall.filter(|overall| overall.is_finite()),
        passed,
        finished_at,
        json: record.json,
    })
}

fn shown(json: &str) -> Option<Taught> {
    taught(&serde_json::from_str(json).ok()?)
}

fn foreseen(json: &str) -> Foreseen {
    serde_json::from_str(json)
        .map(|raw| Foreseen::of(&raw))
        .unwrap_or_default()
}

/// The task a CloudEvent is about.
pub fn subject(event: &[u8]) -> Option<TaskId> {
    #[derive(Deserialize)]
    struct Event {
        subject: String,
    }
    let event: Event = serde_json::from_slice(event).ok()?;
    event.subject.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn read_json(json: &str) -> Result<NewRecord, Unusable> {
        let record = Record {
            task_id: String::new(),
            tenant: "t".into(),
            json: json.into(),
        };
        read(TaskId(Uuid::from_u128(7)), record, 0.0)
    }

    #[test]
    fn status_quality_and_end_are_read() {
        let json = r#"{"task":{"status":"completed","quality":{"overall":0.9,"passed":true},"finished_at":"2030-01-02T03:04:05.678Z"}}"#;
        let record = read_json(json).unwrap();
        assert_eq!(
            (record.status.as_str(), record.quality, record.passed),
            ("completed", Some(0.9), Some(true))
        );
        assert_eq!(record.finished_at.timestamp_millis() % 1000, 678);
        assert_eq!(record.json, json);
        let unjudged =
            read_json(r#"{"task":{"status":"cancelled","quality":null,"updated_at":"2030-01-02T03:04:05Z"}}"#);
        assert_eq!(unjudged.unwrap().quality, None);
    }

    #[test]
    fn what_is_no_record_of_an_ended_task_is_told_apart() {
        let running = read_json(r#"{"task":{"status":"executing","updated_at":"2030-01-02T03:04:05Z"}}"#);
        assert_eq!(running, Err(Unusable::NotEnded("executing".into())));
        for json in [
            "",
            "{}",
            r#"{"task":{"status":"failed"}}"#,
            r#"{"task":{"status":"failed","finished_at":"soon"}}"#,
        ] {
            assert!(matches!(read_json(json), Err(Unusable::Unreadable(_))), "{json}");
        }
    }

    #[test]
    fn an_event_names_its_task() {
        let id = "0192e4a0-0000-7000-8000-000000000001";
        let event = format!(r#"{{"specversion":"1.0","subject":"{id}","data":{{"deep":[1,2]}}}}"#);
        assert_eq!(
            subject(event.as_bytes()).map(|task| task.to_string()).as_deref(),
            Some(id)
        );
        assert_eq!(subject(b"{}"), None);
        assert_eq!(subject(b"\xff"), None);
    }
}
