//! What is asked and answered.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::time::Duration;
use url::Url;

/// A call to make.
#[derive(Clone, Debug)]
pub struct Request {
    /// Verb.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Sent as they are; on a redirect to another origin they stay behind.
    pub headers: HeaderMap,
    /// Sent as it is.
    pub body: Bytes,
    /// For everything: name, connection, sending, the whole answer.
    pub timeout: Duration,
    /// Whether redirects are followed.
    pub redirects: Redirects,
}

/// What is done about a redirect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Redirects {
    /// It is the answer.
    #[default]
    Returned,
    /// Up to five are followed for GET and HEAD, each judged like the first URL.
    Followed,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, expanded where it came compressed.
    pub body: Bytes,
}

impl Request {
    /// A call with an empty body and no headers.
    pub fn new(method: Method, url: Url, timeout: Duration) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout,
            redirects: Redirects::Returned,
        }
    }
}

impl Response {
    /// Seconds the other side asked to wait; dates are not read.
    pub fn retry_after_seconds(&self) -> Option<f64> {
        let text = self.headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
        text.trim().parse::<u32>().ok().map(f64::from)
    }
}
