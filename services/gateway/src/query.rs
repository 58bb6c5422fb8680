//! Query parameters. Unknown ones are ignored; of one that stands twice the first holds.

use crate::refusal::Refusal;
use axum::extract::{FromRequestParts, Query};
use contracts::problem::FieldError;
use http::request::Parts;

/// Entries of a page, where nobody says how many, and most.
pub const DEFAULT_LIMIT: u32 = 50;
pub const MAX_LIMIT: u32 = 200;
/// Bytes of a cursor.
pub const MAX_VALUE: usize = 4096;

/// The query of a request.
#[derive(Default)]
pub struct Parameters(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        if parts.uri.query().is_none() {
            return Ok(Self::default());
        }
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Refusal::new(400, "invalid_query", "the query cannot be read as name=value pairs"))?;
        match pairs.iter().find(|(_, value)| value.contains(['\0', '\u{FFFD}'])) {
            Some((name, _)) => {
                let detail = format!("query parameter {:?} has NUL or is not UTF-8", clipped(name));
                Err(Refusal::new(400, "invalid_text", detail))
            }
            None => Ok(Self(pairs)),
        }
    }
}

impl Parameters {
    /// A parameter; empty counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// `limit`, 1-200, default 50.
    ///
    /// # Errors
    /// 422 for anything else.
    pub fn limit(&self) -> Result<u32, Refusal> {
        let Some(text) = self.get("limit") else {
            return Ok(DEFAULT_LIMIT);
        };
        text.parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| unfit("limit", format!("must be an integer from 1 to {MAX_LIMIT}")))
    }

    /// `cursor`, as an earlier page gave it; empty when absent. Whoever made it judges it.
    ///
    /// # Errors
    /// 400 `invalid_cursor` for what no page ever gave.
    pub fn cursor(&self) -> Result<String, Refusal> {
        let cursor = self.get("cursor").unwrap_or_default();
        if cursor.len() > MAX_VALUE || !cursor.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(invalid_cursor());
        }
        Ok(cursor.to_owned())
    }

    /// A text of at most so many characters; empty when absent.
    ///
    /// # Errors
    /// 422 for a longer one.
    pub fn text(&self, name: &str, most: usize) -> Result<String, Refusal> {
        let text = self.get(name).unwrap_or_default();
        if text.chars().nth(most).is_some() {
            return Err(unfit(name, format!("must have at most {most} characters")));
        }
        Ok(text.to_owned())
    }
}

/// A cursor that no page gave.
pub fn invalid_cursor() -> Refusal {
    Refusal::new(
        400,
        "invalid_cursor",
        "the cursor is not one that a page of this list gave",
    )
}

/// 422 for one parameter.
pub fn unfit(name: &str, detail: String) -> Refusal {
    Refusal::new(422, "validation", format!("query parameter {name} {detail}")).with_errors(vec![FieldError {
        pointer: format!("?{name}"),
        detail,
    }])
}

fn clipped(name: &str) -> String {
    name.chars().take(64).collect()
}
