//! `GET /learning-patterns`, `GET /learning-patterns/{pattern_id}`, `GET /metrics`, `POST /tasks/{task_id}/feedback`.

use super::{patterns, reply};
use crate::application::{Application, Page};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::PathId;
use crate::query::{Parameters, unfit};
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use contracts::learner::LearningDocument;
use http::StatusCode;
use std::sync::Arc;

/// Longest look back, days.
const MOST_DAYS: u32 = 3650;

/// A page of patterns, the newest first; with `format=jsonl` all of them, for another system.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    match query.get("format") {
        None | Some("json") => {}
        Some("jsonl") => return patterns::lines(app.export_patterns().await?).await,
        Some(_) => return Err(unfit("format", "must be json or jsonl".to_owned())),
    }
    let page = Page::of(&query)?;
    app.patterns(caller, page)
        .await
        .map(|page| document(StatusCode::OK, page))
}

/// One pattern, with its plan and slots.
pub async fn show(State(app): State<Arc<Application>>, PathId(pattern): PathId) -> Result<Response, Refusal> {
    let pattern = app.pattern(pattern).await?;
    Ok(document(StatusCode::OK, pattern))
}

/// The figures of the last `days`.
pub async fn metrics(State(app): State<Arc<Application>>, query: Parameters) -> Result<Response, Refusal> {
    let days = match query.get("days") {
        None => None,
        Some(text) => {
            let days = text.parse().ok().filter(|days| (1..=MOST_DAYS).contains(days));
            Some(days.ok_or_else(|| unfit("days", format!("must be an integer from 1 to {MOST_DAYS}")))?)
        }
    };
    let figures = app.metrics(days).await?;
    Ok(document(StatusCode::OK, figures))
}

/// Notes what somebody says of a task; 201 means it is durable.
pub async fn feedback(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    PathId(task): PathId,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let feedback = documents::feedback::read(body)?;
    let noted = app.feedback(caller, task, &feedback, key).await?;
    Ok(document(StatusCode::CREATED, noted))
}

pub fn document(status: StatusCode, document: LearningDocument) -> Response {
    reply::replayed(reply::json(status, document.json), document.replayed)
}
