//! `GET /plan-schema`.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use std::sync::LazyLock;

static SCHEMA: LazyLock<Bytes> = LazyLock::new(|| workflow::plan::plan_schema().to_string().into());

/// The JSON Schema every plan is held to.
pub async fn show() -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (content_type, SCHEMA.clone()).into_response()
}
