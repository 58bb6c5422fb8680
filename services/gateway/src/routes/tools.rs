//! `GET /tools` and `GET /tools/{tool_id}`.

use super::reply;
use crate::application::{Application, Page};
use crate::caller::Caller;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

const MAX_TOOL_ID: usize = 200;

/// A page of the catalog.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    app.tools(caller, page).await.map(reply::document)
}

/// One tool.
pub async fn show(
    State(app): State<Arc<Application>>,
    caller: Caller,
    tool_id: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Refusal> {
    let tool_id = tool_id.map(|path| path.0).unwrap_or_default();
    if tool_id.is_empty() || tool_id.len() > MAX_TOOL_ID || tool_id.chars().any(char::is_control) {
        return Err(Refusal::new(
            400,
            "invalid_id",
            "a tool_id has 1 to 200 readable characters",
        ));
    }
    let tool = app.tool(caller, &tool_id).await?;
    Ok(reply::json(StatusCode::OK, tool.to_string()))
}
