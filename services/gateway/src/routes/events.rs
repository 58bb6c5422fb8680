//! `GET /tasks/{task_id}/events`: history, or live with `Accept: text/event-stream`.

use super::reply;
use crate::application::Application;
use crate::caller::Caller;
use crate::identifiers::PathId;
use crate::query::{Parameters, invalid_cursor};
use crate::refusal::Refusal;
use crate::{live, sse};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;

/// Where an event stream goes on.
const LAST_EVENT_ID: &str = "last-event-id";

/// A page of CloudEvents above `after` or `cursor`; or all of them as they come.
pub async fn list_or_stream(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(task): PathId,
    query: Parameters,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let cursor = query.get("cursor").or_else(|| query.get("after"));
    if !wants_stream(&headers) {
        let after = sequence(cursor)?;
        let limit = query.limit()?;
        return app.events(caller, task, after, limit).await.map(reply::document);
    }
    let last_seen = headers.get(LAST_EVENT_ID).map(|v| v.to_str().unwrap_or("?"));
    let after = sequence(last_seen.filter(|id| !id.is_empty()).or(cursor))?;
    match live::open(app, caller, task, after).await? {
        Some(watch) => Ok(sse::respond(watch)),
        // By the standard the one answer after which an event source does not come again.
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

fn sequence(text: Option<&str>) -> Result<u64, Refusal> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|n| *n <= i64::MAX.unsigned_abs());
    text.map_or(Ok(0), |text| number(text).ok_or_else(invalid_cursor))
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    accepts.flat_map(|value| value.split(',')).any(|range| {
        let media = range.split(';').next().unwrap_or_default().trim();
        media.eq_ignore_ascii_case("text/event-stream")
    })
}
