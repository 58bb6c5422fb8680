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
    let accepted = Accepted::of(&task);
    let location = HeaderValue::try_from(&accepted.links.status).map_err(|_| unreadable("the task's id"))?;
    let text = serde_json::to_string(&accepted).map_err(|_| unreadable("the task's id"))?;
    let mut response = reply::json(StatusCode::ACCEPTED, text);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(reply::replayed(response, task.replayed))
}
