//! `POST /tasks/{task_id}/fork`: a task begins where another one got to.

use super::process::accepted;
use crate::accepted::Accepted;
use crate::application::{Application, unreadable};
use crate::body::OptionalJsonBody;
use crate::caller::Caller;
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::PathId;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// What `POST /process` answers, with what was taken over.
#[derive(Serialize)]
struct Forked<'a> {
    #[serde(flatten)]
    task: Accepted<'a>,
    forked_from: Value,
}

/// Accepts a task on the plan of another one; 202 means it is durable.
pub async fn fork(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    PathId(task): PathId,
    OptionalJsonBody(body): OptionalJsonBody,
) -> Result<Response, Refusal> {
    let fork = documents::fork::read(body)?;
    let answer = app.fork(caller, task, &fork, key).await?;
    let task = answer.task.ok_or_else(|| unreadable("the new task"))?;
    let document = Forked {
        task: Accepted::of(&task),
        forked_from: serde_json::from_str(&answer.forked_from_json).map_err(|_| unreadable("what was taken over"))?,
    };
    accepted(&document, &document.task.links.status, task.replayed)
}
