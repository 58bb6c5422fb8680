//! `GET /judges`.

use super::reply;
use crate::application::Application;
use crate::caller::Caller;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;

/// How far people agree with whoever judges their tasks.
pub async fn show(State(app): State<Arc<Application>>, caller: Caller) -> Result<Response, Refusal> {
    app.judges(caller).await.map(reply::document)
}
