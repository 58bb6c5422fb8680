//! Sending what is too large to hold.

use crate::client::Client;
use crate::error::{Failure, OutboundError};
use crate::message::{Request, Response};
use bytes::Bytes;
use futures::Stream;
use std::io;
use tokio::time::timeout;

impl Client {
    /// Makes the call with a body that is sent as it comes, in place of the request's own, and reads the whole answer; a
    /// redirect is the answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send_streamed(
        &self,
        request: Request,
        body: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    ) -> Result<Response, OutboundError> {
        self.check(&request.url)?;
        let after = request.timeout;
        let called = timeout(after, self.streamed(request, reqwest::Body::wrap_stream(body))).await;
        called.unwrap_or_else(|_| Err(OutboundError::perhaps_sent(Failure::Timeout { after })))
    }
}
