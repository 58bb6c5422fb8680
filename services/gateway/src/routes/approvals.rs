//! `GET /approvals`: the inbox.

use super::reply;
use crate::application::{Application, Page};
use crate::caller::Caller;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// A page of what waits for a human, oldest first.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    app.approvals(caller, page).await.map(reply::document)
}
