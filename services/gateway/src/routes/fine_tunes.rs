//! `/models/fine-tunes`.

use super::BASE;
use super::learning::document;
use crate::application::{Application, Page, unreadable};
use crate::body::{JsonBody, OptionalJsonBody};
use crate::idempotency::IdempotencyKey;
use crate::identifiers::PathId;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;
use std::sync::Arc;

/// Begins to train with an export.
pub async fn start(
    State(app): State<Arc<Application>>,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let begun = app.start_fine_tune(&body, key).await?;
    let job: Value = serde_json::from_str(&begun.json).map_err(|_| unreadable("the job"))?;
    let id = job.get("fine_tune_id").and_then(Value::as_str).unwrap_or_default();
    let location = HeaderValue::try_from(format!("{BASE}/models/fine-tunes/{id}"));
    let location = location.map_err(|_| unreadable("the job's id"))?;
    let mut response = document(StatusCode::ACCEPTED, begun);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(response)
}

/// A page of jobs, the newest first.
pub async fn list(State(app): State<Arc<Application>>, query: Parameters) -> Result<Response, Refusal> {
    let page = app.fine_tunes(Page::of(&query)?).await?;
    Ok(document(StatusCode::OK, page))
}

/// One job.
pub async fn show(State(app): State<Arc<Application>>, PathId(job): PathId) -> Result<Response, Refusal> {
    let job = app.fine_tune(job).await?;
    Ok(document(StatusCode::OK, job))
}

/// Ends a job.
pub async fn cancel(
    State(app): State<Arc<Application>>,
    PathId(job): PathId,
    _: OptionalJsonBody,
) -> Result<Response, Refusal> {
    let job = app.cancel_fine_tune(job).await?;
    Ok(document(StatusCode::OK, job))
}
