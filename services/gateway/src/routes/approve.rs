//! `POST /approve/{task_id}`: a human's answer. No other method decides anything.

use super::reply;
use crate::application::Application;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::documents;
use crate::identifiers::PathId;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// Hands the decision on; the first one wins.
pub async fn decide(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let decision = documents::approve::read(body)?;
    app.decide(caller, task, &decision).await.map(reply::document)
}
