//! A call whose body is sent while it is made.

use crate::client::Client;
use crate::error::{Failure, OutboundError};
use crate::message::{Request, Response};
use bytes::Bytes;
use futures::Stream;
use http::header;

impl Client {
    /// Makes a call with a body of `length` bytes that comes in pieces, and reads the whole answer; any status is an
    /// answer. The request's own body is not sent, and no redirect is followed.
    ///
    /// # Errors
    /// As [`Client::send`]. A body that fails, or is not of that length, breaks the connection off: whoever listens has
    /// no whole request then.
    pub async fn upload<S, E>(&self, request: Request, length: u64, body: S) -> Result<Response, OutboundError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.check(&request.url)?;
        let after = request.timeout;
        let mut headers = request.headers;
        headers.insert(header::CONTENT_LENGTH, length.into());
        let call = self
            .http
            .request(request.method, request.url)
            .headers(headers)
            .body(reqwest::Body::wrap_stream(body));
        let sent = async {
            let response = call.send().await.map_err(|error| self.classify(error))?;
            self.read(response).await
        };
        match tokio::time::timeout(after, sent).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::perhaps_sent(Failure::Timeout { after })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AllowList, Limits, Method, Unlisted, Url};
    use axum::Router;
    use axum::http::HeaderMap;
    use axum::routing::post;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    async fn server(whole: Arc<AtomicUsize>) -> Url {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = move |headers: HeaderMap, body: String| async move {
            whole.fetch_add(1, Ordering::SeqCst);
            format!("{} {body}", headers["content-length"].to_str().unwrap())
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
        Url::parse(&format!("http://{address}/")).unwrap()
    }

    fn client(url: &Url) -> Client {
        let mut allow = AllowList::new(Unlisted::Refused);
        allow.allow(url.as_str()).unwrap();
        Client::new(allow, Limits::default()).unwrap()
    }

    fn pieces(of: Vec<io::Result<&'static str>>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        futures::stream::iter(of.into_iter().map(|piece| piece.map(Bytes::from)))
    }

    #[tokio::test]
    async fn a_body_in_pieces_arrives_whole_with_its_length_or_not_at_all() {
        let whole = Arc::new(AtomicUsize::new(0));
        let url = server(Arc::clone(&whole)).await;
        let client = client(&url);
        let request = || Request::new(Method::POST, url.clone(), Duration::from_secs(10));
        let answer = client.upload(request(), 6, pieces(vec![Ok("abc"), Ok("def")])).await;
        assert_eq!(answer.unwrap().body, "6 abcdef");

        let broken = pieces(vec![Ok("abc"), Err(io::Error::other("gone"))]);
        assert!(client.upload(request(), 6, broken).await.is_err());
        let short = pieces(vec![Ok("abc")]);
        assert!(client.upload(request(), 6, short).await.is_err());
        assert_eq!(whole.load(Ordering::SeqCst), 1, "only the whole body was a request");

        let elsewhere = Request::new(
            Method::POST,
            Url::parse("http://10.0.0.1/").unwrap(),
            Duration::from_secs(1),
        );
        let refused = client.upload(elsewhere, 3, pieces(vec![Ok("abc")])).await.unwrap_err();
        assert_eq!(refused.code(), "address_blocked");
    }
}
