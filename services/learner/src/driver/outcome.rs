//! What came of tasks, from their records.

use super::DriveError;
use crate::record::json;
use crate::rollout::Ended;
use crate::store::rollouts::{Experiment, Rollouts, UnreadOutcome};
use chrono::DateTime;
use serde_json::Value;
use uuid::Uuid;
use workflow::time::Timestamp;

/// Records read with one query; each may hold megabytes.
const PAGE: i64 = 32;
/// Queries in one round; the next goes on.
const PAGES: usize = 100;

/// Reads records that came since; tells of how many tasks the outcome is known now.
pub async fn read(rollouts: &Rollouts, experiment: &Experiment) -> Result<u64, DriveError> {
    let mut known = 0;
    for _ in 0..PAGES {
        let unread = rollouts.unread(experiment.id, PAGE).await?;
        if unread.is_empty() {
            break;
        }
        let outcomes: Vec<_> = unread.iter().map(|unread| outcome(unread, experiment)).collect();
        rollouts.note_outcomes(experiment.id, &outcomes).await?;
        known += outcomes.len() as u64;
    }
    Ok(known)
}

fn outcome(unread: &UnreadOutcome, experiment: &Experiment) -> (Uuid, Ended) {
    let raw: Value = serde_json::from_str(&unread.record).unwrap_or_default();
    let at = Timestamp(unread.finished_at.timestamp_millis());
    (unread.task, ended(&raw, &experiment.role, experiment.id, at))
}

/// What came of a task for whom it was given to in `role`. A person's rejection is no failure of the model: its score says
/// what it is worth. Of a cancelled task nobody knows whether a model was not asked or not asked yet: in neither arm it
/// is a failure.
fn ended(raw: &Value, role: &str, experiment: Uuid, at: Timestamp) -> Ended {
    let status = json::text(raw, "/task/status");
    let failed = match status.as_deref() {
        Some("failed") => true,
        Some("cancelled") => false,
        _ => passed_over(raw, role, experiment),
    };
    Ended {
        at,
        score: json::number(raw, "/task/quality/overall").filter(|score| score.is_finite()),
        failed,
        cost_usd: cost(raw, role),
        seconds: seconds(raw, role),
    }
}

fn passed_over(raw: &Value, role: &str, experiment: Uuid) -> bool {
    let id = experiment.to_string();
    json::list(raw, "/assignments").iter().any(|given| {
        given.get("role").and_then(Value::as_str) == Some(role)
            && given.get("experiment_id").and_then(Value::as_str) == Some(&id)
            && given.get("passed_over").and_then(Value::as_bool) == Some(true)
    })
}

/// US dollars of the work of that role; what has no known price counts as nothing.
fn cost(raw: &Value, role: &str) -> f64 {
    let kind = if role == "planner" { "plan" } else { "execute" };
    let of_role = json::list(raw, "/costs")
        .iter()
        .filter(|cost| cost.get("kind").and_then(Value::as_str) == Some(kind));
    of_role.filter_map(|cost| positive(json::number(cost, "/usd")?)).sum()
}

/// Of a writer's task the time its steps took; of others, and where that is not known, the time it took without people.
fn seconds(raw: &Value, role: &str) -> f64 {
    let steps = json::list(raw, "/task/plan/steps").iter();
    let of_steps: Vec<f64> = steps
        .filter_map(|step| between(step, ["/started_at", "/finished_at"]))
        .collect();
    if role == "writer" && !of_steps.is_empty() {
        return of_steps.iter().sum();
    }
    let whole = between(raw, ["/task/created_at", "/task/finished_at"]).unwrap_or(0.0);
    let waited = json::list(raw, "/gates")
        .iter()
        .filter_map(|gate| between(gate, ["/opened_at", "/decided_at"]));
    (whole - waited.sum::<f64>()).max(0.0)
}

fn between(value: &Value, [from, to]: [&str; 2]) -> Option<f64> {
    let time = |pointer| DateTime::parse_from_rfc3339(value.pointer(pointer)?.as_str()?).ok();
    let took = time(to)? - time(from)?;
    positive(took.num_milliseconds() as f64 / 1000.0)
}

fn positive(number: f64) -> Option<f64> {
    Some(number).filter(|number| number.is_finite() && *number >= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const EXPERIMENT: Uuid = Uuid::from_u128(1);

    fn record() -> Value {
        json!({
            "task": {
                "status": "rejected", "quality": {"overall": 0.8, "passed": true},
                "created_at": "2030-01-01T00:00:00.000Z", "finished_at": "2030-01-01T01:00:00.000Z",
                "plan": {"steps": [
                    {"started_at": "2030-01-01T00:00:05.000Z", "finished_at": "2030-01-01T00:00:07.500Z"},
                    {"started_at": "2030-01-01T00:00:06.000Z", "finished_at": "2030-01-01T00:00:07.000Z"},
                    {"started_at": null, "finished_at": null},
                ]},
            },
            "gates": [{"opened_at": "2030-01-01T00:00:10.000Z", "decided_at": "2030-01-01T00:59:50.000Z"},
                      {"opened_at": null, "decided_at": null}],
            "costs": [{"kind": "plan", "usd": 0.5}, {"kind": "execute", "usd": 0.25}, {"kind": "execute", "usd": null},
                      {"kind": "assess", "usd": 8.0}, {"kind": null, "usd": 16.0}],
            "assignments": [{"role": "writer", "experiment_id": EXPERIMENT, "passed_over": false},
                            {"role": "planner", "experiment_id": EXPERIMENT, "passed_over": true}],
        })
    }

    fn of(raw: &Value, role: &str) -> (Option<f64>, bool, f64, f64) {
        let ended = ended(raw, role, EXPERIMENT, Timestamp(0));
        (ended.score, ended.failed, ended.cost_usd, ended.seconds)
    }

    #[test]
    fn work_of_the_role_counts_and_people_take_no_time_of_it() {
        assert_eq!(of(&record(), "writer"), (Some(0.8), false, 0.25, 3.5));
        assert_eq!(of(&record(), "planner"), (Some(0.8), true, 0.5, 20.0));
    }

    #[test]
    fn what_failed_or_cannot_be_read_is_worth_nothing() {
        let mut raw = record();
        raw["task"]["status"] = json!("failed");
        assert!(of(&raw, "writer").1);
        raw["task"]["status"] = json!("cancelled");
        raw["task"]["quality"] = Value::Null;
        assert_eq!(of(&raw, "writer"), (None, false, 0.25, 3.5));
        assert!(!of(&raw, "planner").1, "it may not have been its turn yet");
        assert_eq!(of(&json!([1]), "writer"), (None, false, 0.0, 0.0));
        let strange = json!({"task": {"quality": {"overall": "1"}, "created_at": 1}, "costs": [{"kind": "execute", "usd": -5.0}]});
        assert_eq!(of(&strange, "writer"), (None, false, 0.0, 0.0));
        // Passed over in another experiment, or in another role.
        assert!(!ended(&record(), "planner", Uuid::from_u128(2), Timestamp(0)).failed);
    }
}
