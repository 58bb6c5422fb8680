//! Answers made of documents that a service behind the gateway wrote.

use axum::response::{IntoResponse, Response};
use contracts::coordinator::Document;
use http::{HeaderValue, StatusCode, header};

/// Says that an earlier request with this key had the same answer.
const REPLAYED: &str = "idempotent-replayed";

/// A JSON text, passed on as it is.
pub fn json(status: StatusCode, text: String) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (status, content_type, text).into_response()
}

/// A coordinator's document.
pub fn document(document: Document) -> Response {
    replayed(json(StatusCode::OK, document.json), document.replayed)
}

/// Marks a replay.
pub fn replayed(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response
            .headers_mut()
            .insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
