//! `/training-data`: exports of finished tasks and imports, by the learner.

use super::reply;
use crate::application::{Application, unreadable};
use crate::body::{self, JsonBody};
use crate::coordinator::refusal;
use crate::documents;
use crate::identifiers::PathId;
use crate::query::{Parameters, unfit};
use crate::refusal::Refusal;
use axum::body::Body;
use axum::extract::{Request, State};
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

/// Imports records, one JSON document a line, while they come in; the report.
pub async fn import(State(app): State<Arc<Application>>, request: Request) -> Result<Response, Refusal> {
    body::check_lines(request.headers())?;
    let broken = |_| Refusal::new(400, "body_incomplete", "the body ended before its end");
    let pieces = request.into_body().into_data_stream().map_err(broken);
    let report = app.import(pieces.boxed()).await?;
    Ok(reply::json(StatusCode::OK, report.json))
}

/// The JSON Schema of one record, or with `format` of what a format makes of it.
pub async fn schema(State(app): State<Arc<Application>>, query: Parameters) -> Result<Response, Refusal> {
    let format = query.get("format").unwrap_or_default();
    if !format.is_empty() && !documents::export::is_format(format) {
        return Err(unfit("format", "must be a format of exports".to_owned()));
    }
    let schema = app.learner.record_schema(format.to_owned()).await?;
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
