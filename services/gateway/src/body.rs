//! Request bodies: media type, size, time, then strict JSON.

use crate::application::Application;
use crate::json;
use crate::refusal::Refusal;
use axum::body::{BodyDataStream, HttpBody};
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use http::{HeaderMap, header};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long a client may take to send its body.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long, and how far, a body over the limit is read on.
const DISCARD_PATIENCE: Duration = Duration::from_secs(5);
const LINES: [&str; 2] = ["application/x-ndjson", "application/jsonl"];
pub const MULTIPART: &str = "multipart/form-data";
const MAX_DISCARDED: usize = 64 << 20;

/// A JSON object that must be there.
pub struct JsonBody(pub Map<String, Value>);

/// JSON documents, one a line, not read yet; they must be there.
pub struct Lines(pub Bytes);

/// A JSON object; no body counts as `{}`.
pub struct OptionalJsonBody(pub Map<String, Value>);

impl FromRequest<Arc<Application>> for JsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<Application>) -> Result<Self, Refusal> {
        match read(request, app).await? {
            Some(bytes) => json::read_object(&bytes, app.limits.json_depth).map(Self),
            None => Err(Refusal::new(
                400,
                "body_required",
                "a JSON object is required, there is no body",
            )),
        }
    }
}

impl FromRequest<Arc<Application>> for Lines {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<Application>) -> Result<Self, Refusal> {
        let value = request.headers().get(header::CONTENT_TYPE);
        let media = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !LINES.iter().any(|known| media.eq_ignore_ascii_case(known)) {
            return Err(Refusal::new(
                415,
                "unsupported_media_type",
                "send Content-Type: application/x-ndjson",
            ));
        }
        match bytes(request, app).await? {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Refusal::new(
                400,
                "body_required",
                "JSON documents, one a line, are required; there is no body",
            )),
        }
    }
}

impl FromRequest<Arc<Application>> for OptionalJsonBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<Application>) -> Result<Self, Refusal> {
        match read(request, app).await? {
            Some(bytes) => json::read_object(&bytes, app.limits.json_depth).map(Self),
            None => Ok(Self(Map::new())),
        }
    }
}

/// The body's bytes; `None` for an empty one, whatever its media type.
///
/// # Errors
/// 415 for another media type than JSON, 413 over the limit, 408 and 400 for one that did not arrive whole.
pub async fn read(request: Request, app: &Application) -> Result<Option<Bytes>, Refusal> {
    if request.body().size_hint().exact() != Some(0) {
        check_media_type(request.headers())?;
    }
    bytes(request, app).await
}

async fn bytes(request: Request, app: &Application) -> Result<Option<Bytes>, Refusal> {
    let (parts, body) = request.into_parts();
    let size = body.size_hint();
    if size.exact() == Some(0) {
        return Ok(None);
    }
    let limit = app.limits.body_bytes;
    let mut pieces = body.into_data_stream();
    if size.lower() > limit as u64 {
        // A client that waits for our word sends nothing; any other must be heard out to hear the answer.
        if !parts.headers.contains_key(header::EXPECT) {
            discard(&mut pieces).await;
        }
        return Err(too_large(limit));
    }
    let bytes = tokio::time::timeout(PATIENCE, collect(&mut pieces, limit))
        .await
        .map_err(|_| Refusal::new(408, "request_timeout", "the body did not arrive within 30 seconds"))??;
    Ok((!bytes.is_empty()).then_some(bytes))
}

/// Collects at most `limit` bytes; a body that came in one piece is not copied.
async fn collect(pieces: &mut BodyDataStream, limit: usize) -> Result<Bytes, Refusal> {
    let mut whole = Bytes::new();
    let mut joined = BytesMut::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Refusal::new(400, "body_incomplete", "the body ended before its end"))?;
        if whole.len() + joined.len() + piece.len() > limit {
            discard(pieces).await;
            return Err(too_large(limit));
        }
        if whole.is_empty() && joined.is_empty() {
            whole = piece;
        } else {
            joined.extend_from_slice(&std::mem::take(&mut whole));
            joined.extend_from_slice(&piece);
        }
    }
    Ok(if joined.is_empty() { whole } else { joined.freeze() })
}

/// Reads on for a while: closing a connection that still sends would reset it, and the answer with it.
pub async fn discard<E>(pieces: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) {
    let read = async {
        let mut heard = 0;
        while let Some(Ok(piece)) = pieces.next().await {
            heard += piece.len();
            if heard > MAX_DISCARDED {
                break;
            }
        }
    };
    if tokio::time::timeout(DISCARD_PATIENCE, read).await.is_err() {
        tracing::debug!("a body over the limit is still being sent");
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(413, "body_too_large", format!("a body has at most {limit} bytes")).with("max_bytes", limit)
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    if value.is_some_and(is_json) {
        return Ok(());
    }
    Err(Refusal::new(
        415,
        "unsupported_media_type",
        "send Content-Type: application/json",
    ))
}

/// One JSON document a line.
///
/// # Errors
/// 415 for another media type.
pub fn check_lines(headers: &HeaderMap) -> Result<(), Refusal> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let is_lines = |value: &str| {
        let (media, rest) = value.split_once(';').unwrap_or((value, ""));
        let media = media.trim().to_ascii_lowercase();
        let known = [
            "application/x-ndjson",
            "application/ndjson",
            "application/jsonl",
            "application/x-jsonlines",
        ];
        known.contains(&media.as_str()) && is_utf8(rest.split(';').map(str::trim))
    };
    if value.is_some_and(is_lines) {
        return Ok(());
    }
    Err(Refusal::new(
        415,
        "unsupported_media_type",
        "send Content-Type: application/x-ndjson",
    ))
}

/// `application/json` or a `+json` type, in UTF-8.
fn is_json(value: &str) -> bool {
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let subtype = media.strip_prefix("application/").unwrap_or_default();
    (subtype == "json" || (subtype.len() > 5 && subtype.ends_with("+json"))) && is_utf8(parts)
}

/// The boundary of `multipart/form-data`; none: it is of another media type.
///
/// # Errors
/// 400 for a boundary that is missing.
pub fn boundary(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let value = value.unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case(MULTIPART) {
        return Ok(None);
    }
    let unreadable = |_| Refusal::new(400, "multipart_syntax", "the media type names no boundary");
    multer::parse_boundary(value).map(Some).map_err(unreadable)
}

/// The parameters of a media type name no other character set.
fn is_utf8<'p>(parameters: impl Iterator<Item = &'p str>) -> bool {
    let charset = parameters
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("charset"));
    charset.is_none_or(|(_, set)| {
        let set = set.trim_matches('"');
        set.eq_ignore_ascii_case("utf-8") || set.eq_ignore_ascii_case("utf8") || set.eq_ignore_ascii_case("us-ascii")
    })
}
