//! `GET /tasks`.

use super::reply;
use crate::application::{Application, Page};
use crate::caller::Caller;
use crate::query::{Parameters, unfit};
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use workflow::vocabulary::Status;

const QUERY_CHARACTERS: usize = 200;

/// A page of tasks, filtered by `status` and by text `q` of the request.
pub async fn list(State(app): State<Arc<Application>>, caller: Caller, query: Parameters) -> Result<Response, Refusal> {
    let page = Page::of(&query)?;
    let status = query.text("status", 64)?;
    if !status.is_empty() && Status::parse(&status).is_none() {
        let known: Vec<_> = Status::ALL.iter().map(|s| s.as_str()).collect();
        return Err(unfit("status", format!("must be one of {}", known.join(", "))));
    }
    let q = query.text("q", QUERY_CHARACTERS)?;
    app.tasks(caller, page, status, q).await.map(reply::document)
}
