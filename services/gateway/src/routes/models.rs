//! `/models` and `/experiments`.

use super::learning::document;
use crate::application::{Application, Page};
use crate::body::{JsonBody, OptionalJsonBody};
use crate::caller::Caller;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::PathId;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;
use uuid::Uuid;

/// Registers a model that a configured provider serves.
pub async fn register(
    State(app): State<Arc<Application>>,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let registered = app.register_model(&body, key).await?;
    Ok(document(StatusCode::CREATED, registered))
}

/// A page of models, the newest first.
pub async fn list(State(app): State<Arc<Application>>, query: Parameters) -> Result<Response, Refusal> {
    let page = app.models(Page::of(&query)?).await?;
    Ok(document(StatusCode::OK, page))
}

/// One model.
pub async fn show(State(app): State<Arc<Application>>, PathId(model): PathId) -> Result<Response, Refusal> {
    let model = app.model(model).await?;
    Ok(document(StatusCode::OK, model))
}

/// Begins to try a model.
pub async fn rollout(
    State(app): State<Arc<Application>>,
    key: IdempotencyKey,
    PathId(model): PathId,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let begun = app.start_rollout(model, &body, key).await?;
    Ok(document(StatusCode::CREATED, begun))
}

/// Makes it the champion.
pub async fn promote(
    state: State<Arc<Application>>,
    caller: Caller,
    PathId(model): PathId,
    body: OptionalJsonBody,
) -> Result<Response, Refusal> {
    decide(state, caller, model, "promote", body).await
}

/// Lets the champion answer all, for a while.
pub async fn pause(
    state: State<Arc<Application>>,
    caller: Caller,
    PathId(model): PathId,
    body: OptionalJsonBody,
) -> Result<Response, Refusal> {
    decide(state, caller, model, "pause", body).await
}

/// Goes on after a pause.
pub async fn resume(
    state: State<Arc<Application>>,
    caller: Caller,
    PathId(model): PathId,
    body: OptionalJsonBody,
) -> Result<Response, Refusal> {
    decide(state, caller, model, "resume", body).await
}

/// Gives it no more calls.
pub async fn rollback(
    state: State<Arc<Application>>,
    caller: Caller,
    PathId(model): PathId,
    body: OptionalJsonBody,
) -> Result<Response, Refusal> {
    decide(state, caller, model, "rollback", body).await
}

async fn decide(
    State(app): State<Arc<Application>>,
    caller: Caller,
    model: Uuid,
    action: &str,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    let experiment = app.decide_rollout(caller, model, action, &body).await?;
    Ok(document(StatusCode::OK, experiment))
}

/// A page of experiments, the newest first.
pub async fn experiments(State(app): State<Arc<Application>>, query: Parameters) -> Result<Response, Refusal> {
    let page = app.experiments(Page::of(&query)?).await?;
    Ok(document(StatusCode::OK, page))
}

/// One experiment, with its looks over time.
pub async fn experiment(State(app): State<Arc<Application>>, PathId(id): PathId) -> Result<Response, Refusal> {
    let experiment = app.experiment(id).await?;
    Ok(document(StatusCode::OK, experiment))
}
