//! `PATCH /learning-patterns/{pattern_id}`, `POST /learning-patterns/import`, `GET /learning-patterns?format=jsonl`.

use super::learning::document;
use crate::application::Application;
use crate::body::{JsonBody, Lines};
use crate::caller::Caller;
use crate::coordinator::refusal;
use crate::documents;
use crate::idempotency::IdempotencyKey;
use crate::identifiers::PathId;
use crate::refusal::Refusal;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::learner::ExportChunk;
use futures::{StreamExt, TryStreamExt, stream};
use http::{StatusCode, header};
use std::sync::Arc;
use tonic::Streaming;

/// Notes what people decide about a pattern.
pub async fn review(
    State(app): State<Arc<Application>>,
    caller: Caller,
    PathId(pattern): PathId,
    JsonBody(body): JsonBody,
) -> Result<Response, Refusal> {
    let review = documents::review::read(body)?;
    let reviewed = app.review_pattern(caller, pattern, &review).await?;
    Ok(document(StatusCode::OK, reviewed))
}

/// Takes over what another system exported.
pub async fn import(
    State(app): State<Arc<Application>>,
    caller: Caller,
    key: IdempotencyKey,
    Lines(lines): Lines,
) -> Result<Response, Refusal> {
    let imported = app.import_patterns(caller, lines.into(), key).await?;
    Ok(document(StatusCode::OK, imported))
}

/// All patterns, one a line.
pub async fn lines(mut lines: Streaming<ExportChunk>) -> Result<Response, Refusal> {
    // The first page decides between a problem and a file.
    let first = lines.message().await.map_err(|status| refusal(&status))?;
    let first = stream::iter(first.map(|chunk| Ok(Bytes::from(chunk.chunk))));
    let rest = lines.map_ok(|chunk| Bytes::from(chunk.chunk));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"patterns.jsonl\""),
    ];
    Ok((headers, Body::from_stream(first.chain(rest))).into_response())
}
