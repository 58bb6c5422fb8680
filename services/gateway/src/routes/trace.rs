//! `GET /tasks/{task_id}/trace`.

use super::reply;
use crate::application::Application;
use crate::caller::Caller;
use crate::identifiers::PathId;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// The trace document.
pub async fn show(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
) -> Result<Response, Refusal> {
    app.trace(caller, task).await.map(reply::document)
}
