//! `POST /tasks/{task_id}/cancel`, `/pause`, `/resume`, `/retry`.

use super::reply;
use crate::application::{Application, Verb};
use crate::body::OptionalJsonBody;
use crate::caller::Caller;
use crate::documents;
use crate::identifiers::PathId;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value};
use std::sync::Arc;
use uuid::Uuid;

/// Ends a task.
pub async fn cancel(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    plain(&app, caller, task, Verb::Cancel, body).await
}

/// Starts nothing more of a task until it is resumed.
pub async fn pause(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    plain(&app, caller, task, Verb::Pause, body).await
}

/// Lets a paused task go on.
pub async fn resume(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    plain(&app, caller, task, Verb::Resume, body).await
}

/// Continues what failed or needs attention.
pub async fn retry(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    let retry = documents::retry::read(body)?;
    app.control(caller, task, Verb::Retry, Some(&retry))
        .await
        .map(reply::document)
}

async fn plain(
    app: &Application,
    caller: Caller,
    task: Uuid,
    verb: Verb,
    body: Map<String, Value>,
) -> Result<Response, Refusal> {
    documents::retry::read_empty(body)?;
    app.control(caller, task, verb, None::<&()>).await.map(reply::document)
}
