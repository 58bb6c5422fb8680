//! `POST /process`: a task begins.

use super::{BASE, reply};
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

#[derive(Serialize)]
struct Accepted<'a> {
    task_id: &'a str,
    status: &'a str,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    status: String,
    approval: String,
    events: String,
}

/// Accepts a task; 202 means it is durable.
pub async fn submit(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let document = documents::process::read(body)?;
    let task = app.submit(caller, &document, key).await?;
    let id = &task.task_id;
    let links = Links {
        status: format!("{BASE}/status/{id}"),
        approval: format!("{BASE}/approval/{id}"),
        events: format!("{BASE}/tasks/{id}/events"),
    };
    let location = HeaderValue::try_from(&links.status).map_err(|_| unreadable("the task's id"))?;
    let accepted = Accepted {
        task_id: id,
        status: &task.status,
        links,
    };
    let text = serde_json::to_string(&accepted).map_err(|_| unreadable("the task's id"))?;
    let mut response = reply::json(StatusCode::ACCEPTED, text);
    response.headers_mut().insert(header::LOCATION, location);
    Ok(reply::replayed(response, task.replayed))
}
