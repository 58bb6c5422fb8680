//! Servers over HTTP.

use super::rig::{Rig, asked, call, list};
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A server that answers its tools' calls in the way they are called.
#[derive(Clone)]
pub struct Scripted {
    /// It knows the current revision; else only those with a handshake.
    current: bool,
    tools: Value,
    calls: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Scripted {
    pub async fn start(current: bool, tools: Value) -> (Self, String) {
        let scripted = Self {
            current,
            tools,
            calls: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state(scripted.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (scripted, url)
    }

    pub fn calls_of(&self, method: &str) -> Vec<(HeaderMap, Value)> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .filter(|(_, call)| call["method"] == method)
            .cloned()
            .collect()
    }
}

async fn answer(
    State(server): State<Scripted>,
    method: Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/moved" {
        return (StatusCode::TEMPORARY_REDIRECT, [("location", "/mcp")]).into_response();
    }
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    server.calls.lock().unwrap().push((headers, asked.clone()));
    let id = &asked["id"];
    let capabilities = json!({"tools": {"listChanged": false}});
    match asked["method"].as_str().unwrap() {
        "server/discover" if server.current => result(
            id,
            &json!({
                "resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": capabilities, "ttlMs": 0,
                "cacheScope": "private",
            }),
        ),
        "server/discover" => (StatusCode::BAD_REQUEST, "Missing session").into_response(),
        "initialize" => {
            let result = result(
                id,
                &json!({"protocolVersion": "2025-06-18", "capabilities": capabilities,
                "serverInfo": {"name": "scripted", "version": "1"}}),
            );
            ([("mcp-session-id", "session-1")], result).into_response()
        }
        "tools/list" => result(id, &server.tools),
        "tools/call" => called(id, &asked["params"]),
        _ => StatusCode::ACCEPTED.into_response(),
    }
}

fn result(id: &Value, result: &Value) -> Response {
    json_text(json!({"jsonrpc": "2.0", "id": id, "result": result}).to_string())
}

fn json_text(body: String) -> Response {
    ([("content-type", "application/json")], body).into_response()
}

fn events(chunks: impl futures::Stream<Item = String> + Send + 'static) -> Response {
    let body = Body::from_stream(chunks.map(Ok::<_, Infallible>));
    ([("content-type", "text/event-stream")], body).into_response()
}

fn ticking(text: &'static str) -> impl futures::Stream<Item = String> {
    futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Some((text.to_owned(), ()))
    })
}

fn called(id: &Value, params: &Value) -> Response {
    let text = |text: &str| json!({"content": [{"type": "text", "text": text}]});
    match params["name"].as_str().unwrap() {
        "plain" => result(id, &text("fine")),
        "streamed" => {
            let message = json!({"jsonrpc": "2.0", "id": id, "result": text("fine")});
            events(futures::stream::iter([format!(": hello\n\ndata: {message}\n\n")]))
        }
        "html" => ([("content-type", "text/html")], "<html>Log in</html>").into_response(),
        "not_json" => json_text("{".to_owned()),
        "empty" => ([("content-type", "application/json")], "").into_response(),
        "wrong_id" => result(&json!(987_654), &text("x")),
        "wrong_id_streamed" => {
            let message = json!({"jsonrpc": "2.0", "id": 987_654, "result": text("x")});
            events(futures::stream::iter([format!("data: {message}\n\n")]))
        }
        "silent" => events(ticking(": still here\n\n")),
        "slow" => {
            let body = Body::from_stream(ticking(" ").map(Ok::<_, Infallible>));
            ([("content-type", "application/json")], body).into_response()
        }
        "noise" => events(ticking("data: <html>\n\n")),
        "long" => json_text("x".repeat(300_000)),
        "endless" => events(futures::stream::repeat("x".repeat(10_000))),
        "zipped" => (
            [("content-type", "application/json"), ("content-encoding", "gzip")],
            "x",
        )
            .into_response(),
        "headers" => [
            ("content-type", "application/json".to_owned()),
            ("x-long", "y".repeat(60_000)),
        ]
        .into_response(),
        "metadata" => (
            StatusCode::TEMPORARY_REDIRECT,
            [("location", "http://169.254.169.254/latest")],
        )
            .into_response(),
        "elsewhere" => (
            StatusCode::TEMPORARY_REDIRECT,
            [("location", "https://evil.example/mcp")],
        )
            .into_response(),
        "down" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "forbidden" => StatusCode::FORBIDDEN.into_response(),
        "asks" if params["inputResponses"].is_null() => result(
            id,
            &json!({
                "resultType": "input_required", "requestState": "opaque", "inputRequests": {"size": {
                    "method": "elicitation/create", "params": {"mode": "form", "message": "Which size?",
                        "requestedSchema": {"type": "object", "properties": {"size": {"type": "string"}}}},
                }},
            }),
        ),
        "asks" => result(id, &text(&params.to_string())),
        "again" => result(
            id,
            &json!({"resultType": "input_required", "requestState": "round and round"}),
        ),
        "state" => result(
            id,
            &json!({"resultType": "input_required", "requestState": "x".repeat(70_000)}),
        ),
        "publish" => result(
            id,
            &json!({"content": [{"type": "resource_link", "uri": "https://blog.example/1", "name": "1"}]}),
        ),
        "full" => result(
            id,
            &json!({"isError": true, "content": [{"type": "text", "text": "the blog is full"}]}),
        ),
        name => result(id, &text(name)),
    }
}

pub fn server(url: &str) -> Value {
    json!({"name": "s", "url": url, "effects": "read_only", "timeout_seconds": 2.0, "max_response_bytes": 200_000})
}

#[tokio::test]
async fn whatever_a_server_answers_the_call_fails_by_name() {
    let names = [
        "plain",
        "streamed",
        "html",
        "not_json",
        "empty",
        "wrong_id",
        "wrong_id_streamed",
        "silent",
        "slow",
        "noise",
        "long",
        "endless",
        "zipped",
        "headers",
        "metadata",
        "elsewhere",
        "down",
        "forbidden",
        "again",
        "state",
    ];
    for current in [true, false] {
        let (_, url) = Scripted::start(current, list(&names)).await;
        let rig = Rig::serving(json!([server(&url)]), "s.plain").await;
        for tool in ["plain", "streamed"] {
            assert_eq!(rig.call(&format!("s.{tool}")).await.unwrap()["text"], "fine", "{tool}");
        }
        for (tool, code, retryable) in [
            ("html", "tool_bad_response", true),
            ("not_json", "tool_bad_response", true),
            ("empty", "tool_bad_response", true),
            ("wrong_id", "tool_bad_response", true),
            ("wrong_id_streamed", "tool_bad_response", true),
            ("silent", "tool_timeout", true),
            ("slow", "tool_timeout", true),
            ("noise", "tool_bad_response", true),
            ("long", "tool_response_too_large", false),
            ("endless", "tool_response_too_large", false),
            ("zipped", "tool_protocol", true),
            ("headers", "tool_protocol", true),
            ("metadata", "address_blocked", false),
            ("elsewhere", "host_not_allowed", false),
            ("down", "tool_unavailable", true),
            ("forbidden", "tool_rejected", false),
            ("again", "tool_rounds_exceeded", false),
            ("state", "tool_response_too_large", false),
        ] {
            let failure = rig.call(&format!("s.{tool}")).await.unwrap_err();
            let said = (failure.code.as_str(), failure.retryable);
            assert_eq!(said, (code, retryable), "{tool}, current {current}: {failure}");
            assert_eq!(rig.call("s.plain").await.unwrap()["text"], "fine", "after {tool}");
        }
        rig.end().await;
    }
}

#[tokio::test]
async fn a_question_ends_the_run_and_its_answer_goes_back_with_the_state() {
    for effects in ["read_only", "once"] {
        let (scripted, url) = Scripted::start(true, list(&["asks"])).await;
        let mut server = server(&url);
        server["effects"] = json!(effects);
        let rig = Rig::serving(json!([server]), "s.asks").await;
        let tool = rig.tool("s.asks");
        let ledger = TestLedger::new();
        let Err(Stop::Asks(question)) = asked(&tool, &ledger, json!({}), None, None).await else {
            panic!("it did not ask")
        };
        assert_eq!((question.message.as_str(), question.requests.len()), ("Which size?", 1));
        let responses = json!({"size": {"size": "L"}});
        let output = asked(
            &tool,
            &ledger,
            json!({}),
            Some(&responses),
            question.request_state.as_deref(),
        )
        .await;
        let text = output.unwrap()["text"].as_str().unwrap().to_owned();
        let sent: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(sent["requestState"], "opaque");
        assert_eq!(
            sent["inputResponses"]["size"],
            json!({"action": "accept", "content": {"size": "L"}})
        );
        assert_eq!(scripted.calls_of("tools/call").len(), 2);
        rig.end().await;
    }
}

#[tokio::test]
async fn secrets_go_to_the_server_alone_and_are_hidden_when_they_come_back() {
    let (scripted, url) = Scripted::start(false, list(&["echo"])).await;
    let token = std::env::temp_dir().join(format!("mcp-token-{}", std::process::id()));
    std::fs::write(&token, "sesame-sesame\n").unwrap();
    let mut server = server(&url.replace("/mcp", "/moved"));
    server["auth"] = json!({"kind": "bearer", "token": {"file": token}});
    server["headers"] = json!({"x-team": "blue"});
    let rig = Rig::serving(json!([server]), "s.echo").await;
    assert_eq!(rig.call("s.echo").await.unwrap()["text"], "echo");
    std::fs::remove_file(&token).unwrap();
    let calls = scripted.calls_of("tools/call");
    let (headers, _) = &calls[0];
    for (name, value) in [
        ("authorization", "Bearer sesame-sesame"),
        ("x-team", "blue"),
        ("mcp-session-id", "session-1"),
        ("mcp-protocol-version", "2025-06-18"),
    ] {
        assert_eq!(headers.get(name).map(|v| v.to_str().unwrap()), Some(value), "{name}");
    }
    rig.end().await;
}

#[tokio::test]
async fn a_list_without_end_serves_nothing_and_one_bad_tool_costs_only_itself() {
    let mut endless = list(&["a"]);
    endless["nextCursor"] = json!("more");
    let (_, url) = Scripted::start(true, endless).await;
    let mut tools = list(&["good", "bad", "also"]);
    tools["tools"][1]["inputSchema"] = json!("none");
    let (_, other) = Scripted::start(true, tools).await;
    let mut second = server(&other);
    second["name"] = json!("t");
    let rig = Rig::serving(json!([server(&url), second]), "t.also").await;
    let ids: Vec<String> = rig
        .registry
        .current()
        .keys()
        .filter(|id| id.contains('.'))
        .cloned()
        .collect();
    assert_eq!(ids, ["t.also", "t.good"]);
    rig.end().await;
}

#[tokio::test]
async fn a_key_goes_with_a_keyed_call() {
    let (scripted, url) = Scripted::start(true, list(&["echo"])).await;
    let mut server = server(&url);
    server["tools"] = json!({"echo": {"effects": "keyed"}});
    let rig = Rig::serving(json!([server]), "s.echo").await;
    call(&rig.tool("s.echo"), &TestLedger::new(), json!({"a": 1}))
        .await
        .unwrap();
    let (_, sent) = scripted.calls_of("tools/call").pop().unwrap();
    assert_eq!(sent["params"]["_meta"]["io.orchestrator/idempotency-key"], "job:0");
    assert_eq!(sent["params"]["arguments"], json!({"a": 1}));
    rig.end().await;
}
