//! Reading an answer within its bounds.

use crate::client::Limits;
use crate::error::{Failure, detail_of};
use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use std::io::{self, Write};

/// What is asked for; anything else is refused.
pub(crate) const ACCEPTED: &str = "gzip";

/// Refuses headers that are too long together, and encodings nobody asked for.
pub(crate) fn check_head(headers: &HeaderMap, limits: &Limits) -> Result<(), Failure> {
    check_size(headers, limits)?;
    match encoding(headers)? {
        Encoding::Plain => Ok(()),
        Encoding::Gzip => Err(unasked()),
    }
}

fn check_size(headers: &HeaderMap, limits: &Limits) -> Result<(), Failure> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > limits.max_header_bytes {
        let detail = format!("the headers are longer than {} bytes", limits.max_header_bytes);
        return Err(Failure::Protocol { detail });
    }
    Ok(())
}

enum Encoding {
    Plain,
    Gzip,
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Failure> {
    let mut named = headers.get_all(header::CONTENT_ENCODING).iter();
    match (
        named.next().map(|value| value.as_bytes().to_ascii_lowercase()),
        named.next(),
    ) {
        (None, _) => Ok(Encoding::Plain),
        (Some(name), None) if name == b"identity" => Ok(Encoding::Plain),
        (Some(name), None) if name == b"gzip" || name == b"x-gzip" => Ok(Encoding::Gzip),
        (Some(_), _) => Err(unasked()),
    }
}

fn unasked() -> Failure {
    Failure::Protocol {
        detail: "the answer is compressed in a way that was not asked for".to_owned(),
    }
}

/// The body, expanded, read while it stays within the limit.
pub(crate) async fn read(mut response: reqwest::Response, limits: &Limits) -> Result<Bytes, Failure> {
    check_size(response.headers(), limits)?;
    let (limit, status) = (limits.max_response_bytes, response.status());
    let mut body = match encoding(response.headers())? {
        Encoding::Plain => Body::Plain(Bounded::new(limit)),
        Encoding::Gzip => Body::Gzip(Box::new(MultiGzDecoder::new(Bounded::new(limit)))),
    };
    if response.content_length().is_some_and(|length| length > limit as u64) {
        return Err(Failure::ResponseTooLarge { limit, status });
    }
    loop {
        let chunk = response.chunk().await.map_err(|error| Failure::Protocol {
            detail: detail_of(error),
        })?;
        let written = match chunk {
            Some(chunk) => body.write(&chunk),
            None => return body.finish().map_err(|error| failure(&error, limit, status)),
        };
        written.map_err(|error| failure(&error, limit, status))?;
    }
}

fn failure(error: &io::Error, limit: usize, status: StatusCode) -> Failure {
    if error.kind() == io::ErrorKind::FileTooLarge {
        return Failure::ResponseTooLarge { limit, status };
    }
    Failure::Protocol {
        detail: "the answer says it is gzip and is not".to_owned(),
    }
}

enum Body {
    Plain(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

impl Body {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(body) => body.write_all(chunk),
            Self::Gzip(body) => body.write_all(chunk),
        }
    }

    fn finish(self) -> io::Result<Bytes> {
        match self {
            Self::Plain(body) => Ok(body.bytes.freeze()),
            Self::Gzip(body) => Ok((*body).finish()?.bytes.freeze()),
        }
    }
}

/// Takes no byte beyond its limit, so that a small bomb stays small.
struct Bounded {
    bytes: BytesMut,
    limit: usize,
}

impl Bounded {
    fn new(limit: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            limit,
        }
    }
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + chunk.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
