//! Reading an answer within its bounds.

use crate::client::Limits;
use crate::error::{Failure, detail_of};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};

/// Refuses headers that are too long together, and encodings nobody asked for.
pub(crate) fn check_head(headers: &HeaderMap, limits: &Limits) -> Result<(), Failure> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > limits.max_header_bytes {
        let detail = format!("the headers are longer than {} bytes", limits.max_header_bytes);
        return Err(Failure::Protocol { detail });
    }
    match headers.get(header::CONTENT_ENCODING) {
        // Never asked for: expanding it would make the byte limit mean nothing.
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => Err(Failure::Protocol {
            detail: "the answer is compressed although that was not asked for".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The body, read while it stays within the limit.
pub(crate) async fn read(mut response: reqwest::Response, limits: &Limits) -> Result<Bytes, Failure> {
    let limit = limits.max_response_bytes;
    let status = response.status();
    let too_large = Failure::ResponseTooLarge { limit, status };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_large);
    }
    let mut body = BytesMut::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| Failure::Protocol {
            detail: detail_of(error),
        })?;
        let Some(chunk) = chunk else {
            return Ok(body.freeze());
        };
        if body.len() + chunk.len() > limit {
            return Err(too_large);
        }
        body.extend_from_slice(&chunk);
    }
}
