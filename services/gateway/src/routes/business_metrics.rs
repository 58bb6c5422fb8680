//! `POST /business-metrics`, `GET /business-metrics-analysis`.

use super::reply;
use crate::application::Application;
use crate::body::JsonBody;
use crate::caller::Caller;
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::query::Parameters;
use crate::refusal::Refusal;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use std::sync::Arc;

/// Keeps a point, or many; 201 means they are durable.
pub async fn record(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let points = documents::business_metrics::read(body)?;
    let kept = app.record_business_metrics(caller, &points, key).await?;
    Ok(reply::replayed(
        reply::json(StatusCode::CREATED, kept.json),
        kept.replayed,
    ))
}

/// What may be said of them, each statement with its level of evidence.
pub async fn analyse(State(app): State<Arc<Application>>, query: Parameters) -> Result<Response, Refusal> {
    let question = documents::business_metrics::query(&query)?;
    let analysis = app.analyse_business_metrics(question).await?;
    Ok(reply::json(StatusCode::OK, analysis.json))
}
