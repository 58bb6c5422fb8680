//! `GET /approvals`: the inbox.

use super::reply;
use crate::application::{Application, Page};
use crate::caller::Caller;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

const ASSIGNEE_CHARACTERS: usize = 64;

/// A page of what waits for a human, oldest first; `assignee`: of one who is to answer it.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    let assignee = query.text("assignee", ASSIGNEE_CHARACTERS)?;
    app.approvals(caller, page, assignee).await.map(reply::document)
}
