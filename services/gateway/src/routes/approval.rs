//! `GET /approval/{task_id}`: what a human is asked.

use super::reply;
use crate::application::Application;
use crate::caller::Caller;
use crate::identifiers::{self, PathId};
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// The approval document of `?gate_id=`, by default of the only open gate.
pub async fn show(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    query: Parameters,
) -> Result<Response, Refusal> {
    let gate = query.get("gate_id").map(identifiers::require).transpose()?;
    app.approval(caller, task, gate).await.map(reply::document)
}
