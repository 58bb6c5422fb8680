//! The client against real servers on loopback.

use crate::{
    AllowList, Client, Limits, Method, OutboundError, Pace, Redirects, Request, RequestSent, Response, Unlisted, Url,
};
use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use bytes::Bytes;
use std::io::Write;
use std::time::Duration;

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

fn client(entries: &[&str]) -> Client {
    let mut allow = AllowList::new(Unlisted::Refused);
    entries.iter().for_each(|entry| allow.allow(entry).unwrap());
    let limits = Limits {
        max_response_bytes: 1000,
        max_header_bytes: 1000,
        connect_timeout: Duration::from_secs(2),
    };
    Client::new(allow, limits).unwrap()
}

async fn fetch(client: &Client, url: &str, redirects: Redirects) -> Result<Response, OutboundError> {
    let mut request = Request::new(Method::GET, Url::parse(url).unwrap(), Duration::from_millis(400));
    request.redirects = redirects;
    client.send(request).await
}

async fn fault(client: &Client, url: &str) -> (&'static str, RequestSent) {
    let error = fetch(client, url, Redirects::Followed).await.unwrap_err();
    (error.code(), error.request_sent)
}

#[tokio::test]
async fn a_listed_loopback_host_answers_and_an_unlisted_one_is_never_called() {
    let base = serve(Router::new().route("/", get(|| async { "hello" }))).await;
    let listed = client(&[&base]);
    let answer = fetch(&listed, &base, Redirects::Returned).await.unwrap();
    assert_eq!(answer.body, Bytes::from_static(b"hello"));
    assert_eq!(
        fault(&client(&["api.example.com"]), &base).await,
        ("address_blocked", RequestSent::No)
    );
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_it_resolves_to() {
    let base = serve(Router::new().route("/", get(|| async { "hello" }))).await;
    let named = base.replace("127.0.0.1", "localhost");
    assert!(fetch(&client(&[&named]), &named, Redirects::Returned).await.is_ok());
    // The list check is passed by hand here, so that the resolver alone has to refuse.
    let guarded = client(&["api.example.com"]);
    let request = Request::new(Method::GET, Url::parse(&named).unwrap(), Duration::from_secs(2));
    let error = guarded
        .call(&request, request.url.clone(), Default::default())
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.request_sent), ("address_blocked", RequestSent::No));
}

#[tokio::test]
async fn each_redirect_is_judged_again() {
    let inner = serve(Router::new().route("/", get(|| async { "secret" }))).await;
    let to_inner = inner.clone();
    let app = Router::new()
        .route(
            "/private",
            get(move || async move { Redirect::temporary(&to_inner).into_response() }),
        )
        .route(
            "/metadata",
            get(|| async { Redirect::temporary("http://169.254.169.254/") }),
        )
        .route("/once", get(|| async { Redirect::temporary("/end") }))
        .route("/end", get(|| async { "end" }))
        .route("/loop", get(|| async { Redirect::temporary("/loop") }));
    let base = serve(app).await;
    let client = client(&[&base]);
    for path in ["/private", "/metadata"] {
        let expected = ("address_blocked", RequestSent::Maybe);
        assert_eq!(fault(&client, &format!("{base}{path}")).await, expected);
    }
    assert_eq!(fault(&client, &format!("{base}/loop")).await.0, "tool_protocol");
    let followed = fetch(&client, &format!("{base}/once"), Redirects::Followed).await;
    assert_eq!(followed.unwrap().body, Bytes::from_static(b"end"));
    let returned = fetch(&client, &format!("{base}/once"), Redirects::Returned).await;
    assert_eq!(returned.unwrap().status, StatusCode::TEMPORARY_REDIRECT);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compressed_answer_is_expanded() {
    let answer = |headers: axum::http::HeaderMap| async move {
        assert_eq!(headers["accept-encoding"], "gzip");
        ([("content-encoding", "gzip")], gzip(&[b'x'; 1000]))
    };
    let base = serve(Router::new().route("/", get(answer))).await;
    let body = fetch(&client(&[&base]), &base, Redirects::Returned).await.unwrap().body;
    assert_eq!(body, Bytes::from(vec![b'x'; 1000]));
}

#[tokio::test]
async fn time_and_bytes_are_bounded() {
    let endless = || async {
        let chunks = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b"x")), ()))
        });
        Body::from_stream(chunks)
    };
    let streamed = || async {
        let chunks = std::iter::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 100])));
        Body::from_stream(futures::stream::iter(chunks.take(100)))
    };
    let app = Router::new()
        .route("/slow", get(endless))
        .route("/large", get(|| async { "x".repeat(1001) }))
        .route("/streamed", get(streamed))
        .route("/headers", get(|| async { [("x-long", "x".repeat(1001))] }))
        .route("/gzip", get(|| async { ([("content-encoding", "gzip")], "not gzip") }))
        .route(
            "/bomb",
            get(|| async { ([("content-encoding", "gzip")], gzip(&[b'x'; 1 << 20])) }),
        )
        .route("/br", get(|| async { [("content-encoding", "br")] }))
        .route("/twice", get(|| async { [("content-encoding", "gzip, gzip")] }));
    let base = serve(app).await;
    let client = client(&[&base]);
    for (path, code) in [
        ("/slow", "tool_timeout"),
        ("/large", "tool_response_too_large"),
        ("/streamed", "tool_response_too_large"),
        ("/headers", "tool_protocol"),
        ("/gzip", "tool_protocol"),
        ("/bomb", "tool_response_too_large"),
        ("/br", "tool_protocol"),
        ("/twice", "tool_protocol"),
    ] {
        let expected = (code, RequestSent::Maybe);
        assert_eq!(fault(&client, &format!("{base}{path}")).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_certainly_not_sent_and_a_garbled_answer_perhaps() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    assert_eq!(
        fault(&client(&[&closed]), &closed).await,
        ("tool_connect", RequestSent::No)
    );

    let garbling = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", garbling.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut socket, _) = garbling.accept().await.unwrap();
        socket.write_all(b"not http at all\r\n\r\n").await.unwrap();
    });
    let expected = ("tool_protocol", RequestSent::Maybe);
    assert_eq!(fault(&client(&[&base]), &base).await, expected);
}

#[tokio::test]
async fn a_streamed_answer_may_last_but_not_fall_silent_or_grow_without_end() {
    fn pieces(pause: u64, count: usize) -> Body {
        let chunks = futures::stream::unfold(0, move |n| async move {
            tokio::time::sleep(Duration::from_millis(if n == 0 { 0 } else { pause })).await;
            (n < count).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 100])), n + 1))
        });
        Body::from_stream(chunks)
    }
    let app = Router::new()
        .route("/steady", get(|| async { pieces(50, 8) }))
        .route("/silent", get(|| async { pieces(60_000, 2) }))
        .route("/endless", get(|| async { pieces(0, usize::MAX) }))
        .route("/mute", get(std::future::pending::<()>));
    let base = serve(app).await;
    let client = client(&[&base]);
    let read = async |path: &str, total: Duration| {
        let request = Request::new(Method::GET, Url::parse(&format!("{base}{path}")).unwrap(), total);
        let pace = Pace {
            first_byte: Duration::from_millis(250),
            idle: Duration::from_millis(250),
        };
        let mut answer = client.stream(request, pace).await?;
        answer.rest().await
    };
    let long = Duration::from_secs(20);
    assert_eq!(read("/steady", long).await.unwrap().len(), 800);
    for (path, total, code) in [
        ("/silent", long, "tool_timeout"),
        ("/mute", long, "tool_timeout"),
        ("/steady", Duration::from_millis(120), "tool_timeout"),
        ("/endless", long, "tool_response_too_large"),
    ] {
        assert_eq!(read(path, total).await.unwrap_err().code(), code, "{path}");
    }
}
