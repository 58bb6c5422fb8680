//! What is told about a job.

use super::expectation::{cost, tokens_once, usd};
use super::tune::{FineTune, Sent};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

/// The document of a job.
pub fn document(tune: &FineTune) -> Value {
    let time = |at: DateTime<Utc>| service::clock::rfc3339(at.timestamp_millis());
    let (wanted, examples, course) = (&tune.wanted, &tune.examples, &tune.course);
    let is_unwanted = tune.cancel_asked_at.is_some() || tune.withdrawn_at.is_some();
    let state = match tune.state {
        state if is_unwanted && !state.is_end() => "cancelling",
        state => state.as_str(),
    };
    let files = [&course.training_file, &course.validation_file];
    let files: Vec<&str> = match course.is_clean {
        true => Vec::new(),
        false => files.into_iter().filter_map(Sent::id).collect(),
    };
    json!({
        "fine_tune_id": tune.id,
        "state": state,
        "reason": tune.reason,
        "waiting": course.waiting,
        "export_id": tune.export,
        "provider": tune.provider,
        "base_model": wanted.base_model,
        "model_name": tune.model_name,
        "method": wanted.method,
        "hyperparameters": wanted.hyperparameters,
        "suffix": wanted.suffix,
        "seed": wanted.seed,
        "examples": { "train": examples.train.lines, "validation": examples.validation.lines },
        "job": course.job.id().map(|id| json!({
            "id": id,
            "status": course.status,
            "estimated_finish": course.estimated_finish.and_then(|at| DateTime::from_timestamp(at, 0)).map(time),
        })),
        // What is not known is null, and never 0.
        "cost": {
            "usd": course.trained_tokens.and_then(|tokens| cost(examples, tokens)),
            "trained_tokens": course.trained_tokens,
            "usd_per_million_tokens": examples.usd_per_million_tokens,
            "estimated_usd": usd(examples, wanted),
            "estimated_tokens_per_epoch": tokens_once(examples),
            "max_usd": wanted.max_usd,
        },
        "fine_tuned_model": course.model,
        "model_id": tune.model,
        "files_at_provider": files,
        "left_behind": course.left_behind,
        "cancel_asked_at": tune.cancel_asked_at.map(time),
        "withdrawn_at": tune.withdrawn_at.map(time),
        "created_at": time(tune.created_at),
        "changed_at": time(tune.changed_at),
        "ended_at": tune.ended_at.map(time),
        "deadline_at": time(tune.deadline_at),
    })
}
