//! `/training-data`: exports of finished tasks, by the learner.

use super::reply;
use crate::application::{Application, unreadable};
use crate::body::JsonBody;
use crate::coordinator::refusal;
use crate::documents;
use crate::identifiers::PathId;
use crate::refusal::Refusal;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use contracts::learner::ExportDocument;
use futures::{StreamExt, TryStreamExt, stream};
use http::{StatusCode, header};
use serde_json::Value;
use std::sync::Arc;

/// Starts an export: 200 when it is complete, 202 while it runs.
pub async fn start(State(app): State<Arc<Application>>, JsonBody(body): JsonBody) -> Result<Response, Refusal> {
    let options = documents::export::read(body)?;
    app.start_export(&options).await.map(document)
}

/// An export's document.
pub async fn show(State(app): State<Arc<Application>>, PathId(export): PathId) -> Result<Response, Refusal> {
    app.export(export).await.map(document)
}

/// An export's bytes, streamed.
pub async fn file(State(app): State<Arc<Application>>, PathId(export): PathId) -> Result<Response, Refusal> {
    let described = app.export(export).await?;
    if described.running {
        return Err(Refusal::new(
            409,
            "export_running",
            "the export is not complete yet; ask for it again",
        ));
    }
    let described: Value = serde_json::from_str(&described.json).map_err(|_| unreadable("the export"))?;
    let (media, suffix) = media_type(described.get("format").and_then(Value::as_str));
    let mut chunks = app.download(export).await?;
    // The first chunk decides between a problem and a file.
    let first = chunks.message().await.map_err(|status| refusal(&status))?;
    let first = stream::iter(first.map(|chunk| Ok(Bytes::from(chunk.chunk))));
    let rest = chunks.map_ok(|chunk| Bytes::from(chunk.chunk));
    let headers = [
        (header::CONTENT_TYPE, media.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"export-{export}.{suffix}\""),
        ),
    ];
    Ok((headers, Body::from_stream(first.chain(rest))).into_response())
}

/// The JSON Schema of one record.
pub async fn schema(State(app): State<Arc<Application>>) -> Result<Response, Refusal> {
    let schema = app.learner.record_schema().await?;
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    Ok((content_type, schema.json).into_response())
}

fn document(export: ExportDocument) -> Response {
    let status = if export.running {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    reply::json(status, export.json)
}

fn media_type(format: Option<&str>) -> (&'static str, &'static str) {
    match format {
        Some("parquet") => ("application/vnd.apache.parquet", "parquet"),
        _ => ("application/x-ndjson", "jsonl"),
    }
}
