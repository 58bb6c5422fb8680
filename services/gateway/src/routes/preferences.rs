//! `GET`, `PUT` and `DELETE /preferences`, and `DELETE /users/{user_id}/data`.

use super::reply;
use crate::application::Application;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::documents::stated;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

/// What holds now, or held `?at=` another time.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    let asked = stated::asked(&query)?;
    let found = app.preferences(caller, asked).await?;
    Ok(reply::json(StatusCode::OK, found.json))
}

/// Notes what the caller states; 200 means it is durable.
pub async fn state(
    State(app): State<Arc<Application>>,
    caller: Caller,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let stated = stated::read(body)?;
    let held = app.state_preferences(caller, stated).await?;
    Ok(reply::json(StatusCode::OK, held.json))
}

/// Takes back the statement of `?key=`.
pub async fn retract(
    State(app): State<Arc<Application>>,
    caller: Caller,
    query: Parameters,
) -> Result<Response, Refusal> {
    let get = |name| query.get(name).unwrap_or_default();
    let (key, whose) = stated::retracted(get("key"), get("scope"), get("team"))?;
    let retracted = app.retract_preference(caller, key, whose).await?;
    Ok(reply::json(StatusCode::OK, retracted.json))
}

/// Deletes what is kept of a user; the answer counts it.
pub async fn erase(
    State(app): State<Arc<Application>>,
    user: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let user = stated::user(user.as_ref().map_or("", |user| user.0.as_str()))?;
    let erased = app.erase_user(user).await?;
    Ok(reply::json(StatusCode::OK, erased.json))
}
