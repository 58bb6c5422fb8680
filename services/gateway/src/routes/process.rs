//! `POST /process`: a task begins.

use super::reply;
use crate::accepted::Accepted;
use crate::application::{Application, unreadable};
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use std::sync::Arc;

/// Accepts a task; 202 means it is durable.
pub async fn submit(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let document = documents::process::read(body)?;
    let task = app.submit(caller, &document, key).await?;
    let document = Accepted::of(&task);
    accepted(&document, &document.links.status, task.replayed)
}

/// 202 with where the task's status is.
pub(super) fn accepted<T: Serialize>(document: &T, location: &str, replayed: bool) -> Result<Response, Refusal> {
    let location = HeaderValue::try_from(location).map_err(|_| unreadable("the task's id"))?;
    let text = serde_json::to_string(document).map_err(|_| unreadable("the task's id"))?;
    let mut response = reply::json(StatusCode::ACCEPTED, text);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(reply::replayed(response, replayed))
}
