//! Ids in paths and queries.

use crate::refusal::Refusal;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use uuid::Uuid;

/// A UUID in its usual form of 36 characters; braces, URNs and bare digits are not ids here.
pub fn parse(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// As [`parse`], with the answer for what is none.
///
/// # Errors
/// 400 `invalid_id`.
pub fn require(text: &str) -> Result<Uuid, Refusal> {
    parse(text).ok_or_else(|| Refusal::new(400, "invalid_id", "an id is a UUID of 36 characters, such as a task_id"))
}

/// The id in a route with one parameter.
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        require(path.as_ref().map_or("", |path| path.0.as_str())).map(Self)
    }
}
