//! Files of models over REST: passed on as they come, never held.

use crate::fake::models::Upload;
use crate::fake::{Answer, Gateway, request};
use axum::body::Body;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use gateway::application::Limits;
use http::Method;
use serde_json::json;
use std::io;

const PATH: &str = "/training-data/upload-model";

type Piece = Result<Bytes, io::Error>;

fn field(name: &str, value: &str) -> Piece {
    Ok(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into())
}

fn file(name: &str) -> Piece {
    let head = "--b\r\nContent-Disposition: form-data; name=\"model_file\"; filename=";
    Ok(format!("{head}\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n").into())
}

fn pieces(count: usize) -> impl Iterator<Item = Piece> {
    std::iter::repeat_with(|| Ok(Bytes::from(vec![7; 64 << 10]))).take(count)
}

fn end(of_file: &str) -> Piece {
    Ok(format!("{of_file}--b--\r\n").into())
}

async fn sent(gateway: &Gateway, key: &str, body: impl Stream<Item = Piece> + Send + 'static) -> Answer {
    let request = request(Method::POST, PATH)
        .header("content-type", "multipart/form-data; boundary=b")
        .header("idempotency-key", key);
    gateway.send(request.body(Body::from_stream(body)).unwrap()).await
}

fn kept(gateway: &Gateway) -> Vec<Upload> {
    gateway.learner.uploads.lock().unwrap().clone()
}

#[tokio::test]
async fn a_file_is_passed_on_whole_with_its_fields_before_or_after_it() {
    let gateway = Gateway::start().await;
    let said = [field("model_name", "own"), field("enable_immediately", "true")];
    let [name, flag] = said;
    let before = [name, flag, file("own.gguf")].into_iter().chain(pieces(100));
    let answer = sent(&gateway, "again", stream::iter(before.chain([end("\r\n")]))).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("idempotent-replayed")),
        (202, Some("true"))
    );
    let after = [file("own.gguf")].into_iter().chain(pieces(3));
    let after = after.chain([
        Ok("\r\n".into()),
        field("model_name", "own"),
        field("provider", "mine"),
        end(""),
    ]);
    assert_eq!(sent(&gateway, "k", stream::iter(after)).await.status.as_u16(), 202);
    let upload = |key: &str, fields, bytes| Upload {
        begin: ("default".to_owned(), key.to_owned()),
        fields,
        name: "own.gguf".to_owned(),
        bytes,
    };
    let expected = [
        upload(
            "again",
            json!({"model_name": "own", "enable_immediately": true}),
            6_553_600,
        ),
        upload("k", json!({"model_name": "own", "provider": "mine"}), 196_608),
    ];
    assert_eq!(kept(&gateway), expected);
    let body = json!({"model_file": "own.gguf", "model_name": "own", "enable_immediately": false});
    assert_eq!(gateway.post_json(PATH, &body).await.status.as_u16(), 202);
    assert_eq!((&kept(&gateway)[2].fields, kept(&gateway)[2].bytes), (&body, 0));
}

#[tokio::test]
async fn what_is_refused_at_its_beginning_is_not_heard_out() {
    let gateway = Gateway::start().await;
    let endless = stream::iter([field("model_name", "own"), file("own.pt")]).chain(stream::iter(pieces(usize::MAX)));
    let answer = sent(&gateway, "k", endless).await;
    assert_eq!(answer.problem(), (422, "model_file_runs_code".to_owned()));
    assert!(kept(&gateway).is_empty());
}

#[tokio::test]
async fn a_file_above_the_limit_is_refused_whatever_it_announces() {
    let gateway = Gateway::with(Limits {
        model_bytes: 100_000,
        ..Limits::default()
    })
    .await;
    let form = || {
        [field("model_name", "own"), file("own.gguf")]
            .into_iter()
            .chain(pieces(2))
            .chain([end("\r\n")])
    };
    let answer = sent(&gateway, "k", stream::iter(form())).await;
    assert_eq!(answer.problem(), (413, "model_file_too_large".to_owned()));
    let whole: Vec<u8> = form().chain(pieces(40)).flat_map(|piece| piece.unwrap()).collect();
    let announced = gateway.post_as(PATH, "multipart/form-data; boundary=b", whole).await;
    assert_eq!(announced.problem(), (413, "model_file_too_large".to_owned()));
    assert!(kept(&gateway).is_empty());
}

#[tokio::test]
async fn a_form_that_breaks_off_or_makes_no_sense_is_refused_and_not_kept() {
    let gateway = Gateway::start().await;
    let gone = || Err(io::Error::other("gone"));
    let cases: [(Vec<Piece>, (u16, &str)); 7] = [
        (
            vec![field("model_name", "own"), file("a.gguf"), Ok("GGUF".into()), gone()],
            (400, "body_incomplete"),
        ),
        (
            vec![field("model_name", "own"), file("a.gguf"), Ok("GGUF".into())],
            (400, "body_incomplete"),
        ),
        (vec![field("model_name", "own"), end("")], (422, "validation")),
        (
            vec![field("path", "/etc"), file("a.gguf"), end("\r\n")],
            (422, "unknown_field"),
        ),
        (
            vec![field("model_name", "a"), field("model_name", "b"), end("")],
            (422, "validation"),
        ),
        (
            vec![field("enable_immediately", "perhaps"), end("")],
            (422, "validation"),
        ),
        (vec![Ok("no form".into())], (400, "body_incomplete")),
    ];
    for (body, (status, code)) in cases {
        let shown = format!("{body:?}");
        let answer = sent(&gateway, "k", stream::iter(body)).await;
        assert_eq!(answer.problem(), (status, code.to_owned()), "{shown}");
    }
    for (media, problem) in [
        ("text/plain", (415, "unsupported_media_type")),
        ("multipart/form-data", (400, "multipart_syntax")),
    ] {
        let answer = gateway.post_as(PATH, media, "x".to_owned()).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()));
    }
    assert!(kept(&gateway).is_empty());
}
