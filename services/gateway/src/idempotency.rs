//! The `Idempotency-Key` of a request that creates something.

use crate::refusal::Refusal;
use axum::extract::FromRequestParts;
use http::request::Parts;

/// Header and gRPC metadata name.
pub const KEY: &str = "idempotency-key";
const MAX_KEY: usize = 255;

/// A key, or none. 1-255 visible ASCII characters.
#[derive(Clone, Default, Debug)]
pub struct IdempotencyKey(pub Option<String>);

impl IdempotencyKey {
    /// Of a header's or metadata's bytes.
    ///
    /// # Errors
    /// 400 `invalid_idempotency_key`.
    pub fn parse(value: Option<&[u8]>) -> Result<Self, Refusal> {
        let Some(bytes) = value else {
            return Ok(Self(None));
        };
        let fits = (1..=MAX_KEY).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        match std::str::from_utf8(bytes) {
            Ok(text) if fits => Ok(Self(Some(text.to_owned()))),
            _ => Err(Refusal::new(
                400,
                "invalid_idempotency_key",
                format!("Idempotency-Key must have 1 to {MAX_KEY} visible ASCII characters"),
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let mut values = parts.headers.get_all(KEY).iter();
        let key = Self::parse(values.next().map(|v| v.as_bytes()))?;
        if values.next().is_some() {
            return Err(Refusal::new(
                400,
                "invalid_idempotency_key",
                "Idempotency-Key stands twice",
            ));
        }
        Ok(key)
    }
}
