//! Bodies that cannot be read as what they claim to be.

use crate::fake::{Gateway, request};
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::Method;

const LIMIT: usize = 1 << 20;

fn padded(size: usize) -> String {
    let frame = r#"{"request":""}"#.len();
    format!(r#"{{"request":"{}"}}"#, "x".repeat(size - frame))
}

#[tokio::test]
async fn unreadable_bodies_get_400_and_store_nothing() {
    let gateway = Gateway::start().await;
    let deep = format!(r#"{{"request":"x","preferences":{}"#, "[".repeat(10_000));
    let deepest = "[".repeat(LIMIT);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (b"".to_vec(), "body_required"),
        (b"   ".to_vec(), "body_required"),
        (br#"{"request":"x""#.to_vec(), "json_syntax"),
        (br#"{"request":"x"} trailing"#.to_vec(), "json_syntax"),
        (b"request=x".to_vec(), "json_syntax"),
        (b"\xff\xfe{\0}\0".to_vec(), "invalid_text"),
        (br#"["request"]"#.to_vec(), "json_type"),
        (br#""request""#.to_vec(), "json_type"),
        (b"null".to_vec(), "json_type"),
        (deep.into_bytes(), "json_too_deep"),
        (deepest.into_bytes(), "json_too_deep"),
        (br#"{"request":"x","request":"y"}"#.to_vec(), "duplicate_key"),
        (
            br#"{"request":"x","preferences":{"a":[{"b":1,"b":2}]}}"#.to_vec(),
            "duplicate_key",
        ),
        (
            br#"{"request":"x","plan":{"steps":[],"steps":[]}}"#.to_vec(),
            "duplicate_key",
        ),
        (b"{\"request\":\"a\xffb\"}".to_vec(), "invalid_text"),
        (b"{\"request\":\"a\0b\"}".to_vec(), "invalid_text"),
        (br#"{"request":"a\u0000b"}"#.to_vec(), "invalid_text"),
        (
            br#"{"request":"x","metadata":{"a\u0000":"b"}}"#.to_vec(),
            "invalid_text",
        ),
        (br#"{"request":"\ud800"}"#.to_vec(), "invalid_text"),
        (br#"{"request":"\ude00\ud83d"}"#.to_vec(), "invalid_text"),
    ];
    for (body, code) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = gateway.post("/process", body).await;
        assert_eq!(answer.problem(), (400, code.to_owned()), "{shown}");
    }
    assert_eq!(gateway.coordinator.submitted(), 0);
}

#[tokio::test]
async fn syntax_errors_tell_line_and_column_and_duplicates_their_place() {
    let gateway = Gateway::start().await;
    let problem = gateway.post("/process", "{\"request\":\"x\",\n  oops}").await.json();
    assert_eq!(
        (problem["line"].as_u64(), problem["column"].as_u64()),
        (Some(2), Some(3))
    );
    let answer = gateway
        .post(
            "/process",
            r#"{"request":"x","budget":{"max_tokens":1,"max_tokens":2}}"#,
        )
        .await;
    assert_eq!(answer.pointers(), ["/budget/max_tokens"]);
}

#[tokio::test]
async fn a_body_of_one_byte_over_the_limit_is_too_large_with_or_without_length() {
    let gateway = Gateway::start().await;
    let over = padded(LIMIT + 1);
    let with_length = request(Method::POST, "/process")
        .header("content-type", "application/json")
        .header("content-length", over.len());
    let answer = gateway.send(with_length.body(Body::from(over.clone())).unwrap()).await;
    assert_eq!(answer.problem(), (413, "body_too_large".to_owned()));

    let pieces: Vec<Bytes> = over.as_bytes().chunks(64 << 10).map(Bytes::copy_from_slice).collect();
    let chunked = Body::from_stream(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)));
    let answer = gateway.post("/process", chunked).await;
    assert_eq!(answer.problem(), (413, "body_too_large".to_owned()));

    // At the limit the size is fine; it is the request that is too long then.
    let answer = gateway.post("/process", padded(LIMIT)).await;
    assert_eq!(answer.problem(), (422, "validation".to_owned()));
    assert_eq!(gateway.coordinator.submitted(), 0);
}

#[tokio::test]
async fn chunked_bodies_within_the_limit_are_read_whole() {
    let gateway = Gateway::start().await;
    let pieces = [r#"{"requ"#, r#"est":"#, r#""x"}"#].map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
    let answer = gateway.post("/process", Body::from_stream(stream::iter(pieces))).await;
    assert_eq!(answer.status, 202);
}

#[tokio::test]
async fn only_json_is_taken() {
    let gateway = Gateway::start().await;
    let types = [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/xml"),
        Some("application/json; charset=utf-16"),
        Some("application/jsonp"),
        Some("json"),
    ];
    for media in types {
        let mut request = request(Method::POST, "/process");
        if let Some(media) = media {
            request = request.header("content-type", media);
        }
        let answer = gateway
            .send(request.body(Body::from(r#"{"request":"x"}"#)).unwrap())
            .await;
        assert_eq!(
            answer.problem(),
            (415, "unsupported_media_type".to_owned()),
            "{media:?}"
        );
    }
    assert_eq!(gateway.coordinator.submitted(), 0);
    for media in [
        "application/json; charset=UTF-8",
        "APPLICATION/JSON",
        "application/merge-patch+json",
    ] {
        let request = request(Method::POST, "/process").header("content-type", media);
        let answer = gateway
            .send(request.body(Body::from(r#"{"request":"x"}"#)).unwrap())
            .await;
        assert_eq!(answer.status, 202, "{media}");
    }
    // Without a body the media type is not the first thing to say.
    let bare = request(Method::POST, "/process").body(Body::empty()).unwrap();
    assert_eq!(gateway.send(bare).await.problem(), (400, "body_required".to_owned()));
}

#[tokio::test]
async fn a_client_that_sends_far_too_much_still_hears_the_answer() {
    let gateway = Gateway::start().await;
    let url = format!("{}/api/orchestrator/process", gateway.listen().await);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for _ in 0..3 {
        let post = http
            .post(&url)
            .header("content-type", "application/json")
            .body("x".repeat(24 << 20));
        assert_eq!(post.send().await.unwrap().status().as_u16(), 413);
    }
    assert_eq!(gateway.coordinator.submitted(), 0);
}
