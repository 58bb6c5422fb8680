//! Attempts: what the history tells of them, joined with what their runs told.

use super::{put, time};
use crate::store::runs::RunLine;
use serde_json::{Value, json};
use service::clock;
use std::collections::HashMap;
use uuid::Uuid;
use workflow::state::Step;

/// How an attempt ended that asks a human.
const ASKED: &str = "waiting_approval";

/// One attempt of a step, as the history tells it.
pub struct Attempt {
    round: u32,
    attempt: u32,
    status: String,
    queued_at: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    error: String,
}

impl Attempt {
    pub fn queued(round: u32, attempt: u32, at: &str) -> Self {
        Self {
            round,
            attempt,
            status: "queued".to_owned(),
            queued_at: Some(at.to_owned()),
            started_at: None,
            finished_at: None,
            error: String::new(),
        }
    }

    /// One whose beginning was not told.
    pub fn unseen() -> Self {
        Self {
            queued_at: None,
            ..Self::queued(0, 0, "")
        }
    }

    /// The last one of a step of which no events are told.
    pub fn of_state(step: &Step) -> Option<Self> {
        let moment = |at: workflow::time::Timestamp| clock::rfc3339(at.0);
        (step.attempt > 0).then(|| Self {
            round: step.round,
            attempt: step.attempt,
            status: step.status.as_str().to_owned(),
            queued_at: step.started_at.map(moment),
            started_at: None,
            finished_at: step.finished_at.map(moment),
            error: step.error.as_ref().map(|error| error.code.clone()).unwrap_or_default(),
        })
    }

    pub fn is_over(&self) -> bool {
        self.finished_at.is_some()
    }

    pub fn is_before(&self, attempt: u32) -> bool {
        self.attempt < attempt
    }

    /// A start or an end knows best which one it was.
    pub fn is(&mut self, round: u32, attempt: u32) {
        self.round = round;
        self.attempt = attempt.max(1);
    }

    pub fn started(&mut self, at: &str) {
        "running".clone_into(&mut self.status);
        self.started_at = Some(at.to_owned());
    }

    /// It ended with a question, of which a gate tells; a gate that is opened again tells nothing new.
    pub fn asked(&mut self, at: &str) {
        if !self.is_over() {
            self.ended(ASKED, at, "");
        }
    }

    pub fn ended(&mut self, status: &str, at: &str, error: &str) {
        status.clone_into(&mut self.status);
        self.finished_at = Some(at.to_owned());
        error.clone_into(&mut self.error);
    }
}

/// Runs for which `of` holds, taken out, in order.
pub fn taken(runs: &mut Vec<RunLine>, of: impl Fn(&RunLine) -> bool) -> Vec<RunLine> {
    runs.extract_if(.., |run| of(run)).collect()
}

/// A run that told of itself after its job had ended is named by another run of the job.
pub fn name_late(runs: &mut [RunLine]) {
    let named = runs.iter().filter(|run| run.kind.is_some());
    let known: HashMap<Uuid, RunLine> = named.map(|run| (run.job_id, run.clone())).collect();
    for run in runs.iter_mut().filter(|run| run.kind.is_none()) {
        if let Some(of) = known.get(&run.job_id) {
            run.kind.clone_from(&of.kind);
            run.step_key.clone_from(&of.step_key);
            (run.plan_version, run.round) = (of.plan_version, of.round);
        }
    }
}

/// Runs as attempts of their own.
pub fn told(runs: Vec<RunLine>) -> Vec<Value> {
    runs.iter().map(|run| document(None, Some(run))).collect()
}

/// Runs that were handed back, taken out: none of them is an attempt, and the run after it has its number.
pub fn postponed(runs: &mut Vec<RunLine>) -> Vec<Value> {
    told(taken(runs, |run| run.outcome == "released"))
}

/// The attempts of a step, each with the run that made it, then runs that belong to none.
pub fn joined(attempts: Vec<Attempt>, mut runs: Vec<RunLine>) -> Vec<Value> {
    let count = attempts.len();
    let mut documents = Vec::with_capacity(count + runs.len());
    for (place, mut attempt) in attempts.into_iter().enumerate() {
        let number = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
        let of = |run: &RunLine| {
            // What was asked and what was done then are both the first attempt of their jobs.
            let same = (attempt.status == ASKED) == (run.outcome == ASKED);
            same && run.counted
                && (number(run.round), number(run.attempt)) == (Some(attempt.round), Some(attempt.attempt))
        };
        let run = runs.iter().position(of).map(|at| runs.remove(at));
        if !attempt.is_over() && place + 1 < count {
            // Another one followed, so this one led to nothing.
            let end = run.as_ref().map(|run| time(run.finished_at));
            attempt.finished_at = end;
            "failed".clone_into(&mut attempt.status);
        }
        documents.push(document(Some(&attempt), run.as_ref()));
    }
    documents.extend(told(runs));
    let number = |document: &Value, member: &str| document[member].as_i64();
    documents.sort_by_key(|document| (number(document, "round"), number(document, "attempt")));
    documents
}

fn document(attempt: Option<&Attempt>, run: Option<&RunLine>) -> Value {
    let error = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let by_run = |at: fn(&RunLine) -> String| run.map(at);
    let mut document = json!({
        "run_id": run.map(|run| run.run_id),
        "attempt": attempt.map(|a| i64::from(a.attempt)).or_else(|| run?.attempt.map(i64::from)),
        "round": attempt.map(|a| i64::from(a.round)).or_else(|| run?.round.map(i64::from)),
        "status": attempt.map_or_else(|| by_run(|run| run.outcome.clone()), |a| Some(a.status.clone())),
        // A late or repeated run's outcome was ignored; what it called, it called all the same.
        "counted": run.is_none_or(|run| run.counted),
        "queued_at": attempt.and_then(|a| a.queued_at.clone()),
        "started_at": by_run(|run| time(run.started_at)).or_else(|| attempt?.started_at.clone()),
        "finished_at": attempt.and_then(|a| a.finished_at.clone()).or_else(|| by_run(|run| time(run.finished_at))),
        "error": attempt.and_then(|a| error(&a.error)).or_else(|| error(&run?.error)),
        "calls": run.map_or_else(|| json!([]), |run| serde_json::from_str(&run.calls).unwrap_or_default()),
    });
    let message = run.and_then(|run| error(&run.message));
    put(&mut document, "message", message.map(Value::from));
    document
}
