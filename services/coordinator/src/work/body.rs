//! Bodies of payloads: a JSON text, or the name of a large one kept as a blob.
//!
//! A blob's name is no JSON, and every output is checked to be JSON before it is stored, so that no
//! tool can forge one.

use contracts::work::{BlobRef, Payload, payload};
use std::sync::Arc;
use workflow::hash::Fingerprint;
use workflow::input::Body;

const MARK: &str = "blob:";

/// The body that names a blob.
pub fn of_blob(blob: &BlobRef) -> Option<Body> {
    let hex = blob.sha256.len() == 64
        && blob
            .sha256
            .bytes()
            .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    hex.then(|| Body {
        text: Arc::from(format!("{MARK}{}:{}", blob.sha256, blob.size)),
        hash: Fingerprint::of([blob.sha256.as_bytes()]),
    })
}

/// The blob a stored body names.
pub fn as_blob(text: &str) -> Option<BlobRef> {
    let (sha256, size) = text.strip_prefix(MARK)?.split_once(':')?;
    Some(BlobRef {
        sha256: sha256.to_owned(),
        size: size.parse().ok()?,
    })
}

/// A stored body as it travels.
pub fn to_payload(text: &str) -> Payload {
    let body = as_blob(text).map_or_else(|| payload::Body::Json(text.to_owned()), payload::Body::Blob);
    Payload { body: Some(body) }
}

/// A travelling payload as it is stored. None: it is not JSON, or names no blob.
pub fn from_payload(payload: Option<Payload>) -> Option<Body> {
    match payload?.body? {
        payload::Body::Json(text) => {
            serde_json::from_str::<serde::de::IgnoredAny>(&text).ok()?;
            Some(Body::new(text))
        }
        payload::Body::Blob(blob) => of_blob(&blob),
    }
}
