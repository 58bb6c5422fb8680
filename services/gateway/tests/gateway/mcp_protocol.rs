//! What reaches `/mcp` that no client of the protocol would send, or an old one would.

use crate::fake::{Answer, Gateway, deciding, request};
use crate::mcp_client::GATE;
use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use service::config::{Decisions, McpConfig};
use tower::ServiceExt;

const BOTH: &str = "application/json, text/event-stream";

/// Sends a message with these headers besides those that every client sends; the later of one name holds.
async fn post(gateway: &Gateway, body: impl Into<Body>, headers: &[(&str, &str)]) -> Answer {
    Answer::of(&gateway.router, posted(body, headers)).await
}

fn posted(body: impl Into<Body>, headers: &[(&str, &str)]) -> Request<Body> {
    let usual = [
        ("host", "127.0.0.1:8080"),
        ("content-type", "application/json"),
        ("accept", BOTH),
    ];
    let mut builder = request(Method::POST, "//mcp");
    for (name, value) in usual {
        if !headers.iter().any(|(other, _)| *other == name) {
            builder = builder.header(name, value);
        }
    }
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}

/// A request of the current revision.
async fn modern(gateway: &Gateway, method: &str, params: Value, name: &str) -> Answer {
    modern_to(&gateway.router, method, params, name).await
}

async fn modern_to(router: &Router, method: &str, mut params: Value, name: &str) -> Answer {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {
            "elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}},
        },
    });
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string();
    let headers = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", method),
        ("mcp-name", name),
    ];
    Answer::of(router, posted(body, &headers)).await
}

fn message(method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}).to_string()
}

fn error(answer: &Answer) -> (u16, i64) {
    let code = answer.json()["error"]["code"].as_i64().unwrap();
    (answer.status.as_u16(), code)
}

#[tokio::test]
async fn what_is_no_message_gets_400_and_an_error_of_the_protocol() {
    let gateway = Gateway::start().await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}"#,
        "[".repeat(10_000)
    );
    let ping = message("ping", &json!({}));
    let cases: [(&[u8], i64); 12] = [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff{}", -32700),
        (deep.as_bytes(), -32700),
        (br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#, -32700),
        (
            br#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\u0000"}}"#,
            -32700,
        ),
        (b"null", -32600),
        (b"{}", -32600),
        (br#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (br#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
    ];
    for (body, code) in cases {
        let answer = post(&gateway, body.to_vec(), &[]).await;
        assert_eq!(
            error(&answer),
            (400, code),
            "{}",
            String::from_utf8_lossy(&body[..body.len().min(60)])
        );
    }
    let batch = post(&gateway, format!("[{ping},{ping}]"), &[]).await;
    assert_eq!(error(&batch), (400, -32600));
    assert!(batch.json()["error"]["message"].as_str().unwrap().contains("batches"));
    let faulty = post(&gateway, &b"{\"jsonrpc\":\"2.0\",\n oops}"[..], &[]).await;
    assert_eq!(faulty.json()["error"]["data"]["line"], 2);
}

#[tokio::test]
async fn requests_that_http_forbids_never_reach_the_protocol() {
    let gateway = Gateway::start().await;
    let start = message(
        "tools/call",
        &json!({"name": "start_request", "arguments": {"request": "x"}}),
    );
    let cases: [(&[(&str, &str)], u16); 10] = [
        (&[("content-type", "text/plain")], 415),
        (&[("content-type", "application/json; charset=utf-16")], 415),
        (&[("accept", "application/json")], 406),
        (&[("host", "evil.example")], 403),
        (&[("host", "127.0.0.1.evil.example:8080")], 403),
        (&[("host", "169.254.169.254")], 403),
        (&[("origin", "https://evil.example")], 403),
        (&[("origin", "null")], 403),
        (&[("origin", "http://127.0.0.1:8081")], 403),
        (&[("mcp-protocol-version", "1999-01-01")], 400),
    ];
    for (headers, status) in cases {
        let answer = post(&gateway, start.clone(), headers).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}");
    }
    let padding = "x".repeat(1 << 20);
    let large = post(&gateway, message("ping", &json!({ "x": padding })), &[]).await;
    assert_eq!(large.problem(), (413, "body_too_large".to_owned()));
    assert_eq!(gateway.coordinator.submitted(), 0);
    let own_page = post(&gateway, start.clone(), &[("origin", "http://127.0.0.1:8080")]).await;
    assert_eq!(own_page.status, StatusCode::OK);
    let rebound = [("host", "evil.example"), ("origin", "http://evil.example")];
    assert_eq!(
        post(&gateway, start.clone(), &rebound).await.status,
        StatusCode::FORBIDDEN
    );
    for host in ["localhost", "LOCALHOST:1", "[::1]:8080", "127.0.0.1"] {
        let answer = post(&gateway, start.clone(), &[("host", host)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn configured_hosts_and_origins_are_let_in_and_no_others() {
    let gateway = Gateway::start().await;
    let ours = gateway.replica(McpConfig {
        allowed_hosts: vec!["orchestrator.example".to_owned()],
        allowed_origins: vec!["https://app.example:443".to_owned()],
        ..McpConfig::default()
    });
    let status = async |host: &str, origin: &str| {
        let sent = request(Method::POST, "//mcp")
            .header("content-type", "application/json")
            .header("accept", BOTH);
        let sent = sent.header("host", host).header("origin", origin);
        let sent = sent.body(Body::from(message("tools/list", &json!({})))).unwrap();
        ours.clone().oneshot(sent).await.unwrap().status().as_u16()
    };
    assert_eq!(status("orchestrator.example", "https://app.example").await, 200);
    assert_eq!(
        status("orchestrator.example:8443", "https://app.example:443").await,
        200
    );
    assert_eq!(status("orchestrator.example", "http://app.example").await, 403);
    assert_eq!(status("127.0.0.1", "https://app.example").await, 403);
}

#[tokio::test]
async fn a_server_without_sessions_takes_posts_alone() {
    let gateway = Gateway::start().await;
    for method in [Method::GET, Method::DELETE, Method::PUT, Method::HEAD, Method::OPTIONS] {
        let sent = request(method.clone(), "//mcp")
            .header("host", "localhost")
            .header("accept", BOTH);
        let answer = gateway.send(sent.body(Body::empty()).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, Some("POST")),
            "{method}"
        );
    }
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/initialized"}).to_string();
    let answer = post(&gateway, notification, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len()), (202, 0));
}

#[tokio::test]
async fn every_revision_with_a_handshake_is_agreed_to_and_no_session_is_made() {
    let gateway = Gateway::start().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let params = json!({
            "protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"},
        });
        let answer = post(&gateway, message("initialize", &params), &[]).await;
        assert_eq!(answer.json()["result"]["protocolVersion"], version);
        assert_eq!(answer.json()["result"]["serverInfo"]["name"], "orchestrator");
        assert_eq!(answer.header("mcp-session-id"), None);
        let listed = post(
            &gateway,
            message("tools/list", &json!({})),
            &[("mcp-protocol-version", version)],
        )
        .await;
        assert_eq!(listed.json()["result"]["tools"].as_array().unwrap().len(), 8);
    }
}

#[tokio::test]
async fn methods_and_parameters_that_are_none_get_their_codes() {
    let gateway = Gateway::start().await;
    assert_eq!(
        error(&post(&gateway, message("tasks/list", &json!({})), &[]).await),
        (200, -32601)
    );
    assert_eq!(
        error(&modern(&gateway, "tasks/list", json!({}), "").await),
        (404, -32601)
    );
    assert_eq!(
        error(
            &modern(
                &gateway,
                "resources/read",
                json!({"uri": "file:///etc/passwd"}),
                "file:///etc/passwd"
            )
            .await
        ),
        (404, -32601)
    );
    assert_eq!(
        error(&modern(&gateway, "initialize", json!({}), "").await),
        (404, -32601)
    );
    assert_eq!(
        error(&post(&gateway, message("initialize", &json!({})), &[]).await),
        (200, -32602)
    );
    for params in [
        json!({}),
        json!({"name": 5}),
        json!({"name": "get_status", "arguments": []}),
    ] {
        let answer = post(&gateway, message("tools/call", &params), &[]).await;
        assert_eq!(error(&answer), (200, -32602), "{params}");
    }
    let cursor = post(&gateway, message("tools/list", &json!({"cursor": "forged"})), &[]).await;
    assert_eq!(error(&cursor), (200, -32602));
}

#[tokio::test]
async fn a_trace_context_in_the_message_is_the_tasks() {
    let gateway = Gateway::start().await;
    let (trace, parent) = (
        "0af7651916cd43dd8448eb211c80319c",
        "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
    );
    let params = json!({"name": "start_request", "arguments": {"request": "x"}, "_meta": {"traceparent": parent}});
    post(&gateway, message("tools/call", &params), &[]).await;
    let submissions = gateway.coordinator.submissions.lock().unwrap();
    let caller = submissions[0].caller.as_ref().unwrap();
    assert_eq!((caller.tenant.as_str(), &caller.traceparent[3..35]), ("default", trace));
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let gateway = Gateway::start().await;
    let without: Router = gateway.replica(McpConfig {
        enabled: false,
        ..McpConfig::default()
    });
    let sent = request(Method::POST, "//mcp")
        .header("host", "localhost")
        .header("accept", BOTH);
    let sent = sent
        .header("content-type", "application/json")
        .body(Body::from(message("ping", &json!({}))))
        .unwrap();
    assert_eq!(without.oneshot(sent).await.unwrap().status(), StatusCode::NOT_FOUND);
}

/// A filled-in form.
fn filled(content: &Value) -> Value {
    json!({GATE: {"action": "accept", "content": content}})
}

#[tokio::test]
async fn a_forged_form_decides_nothing() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let call = json!({"gate_id": GATE, "kind": "step", "step_key": "mail", "tool_id": "shop.send",
        "arguments": {"to": "a@b"}, "allowed_actions": ["approve", "edit", "skip", "reject"]});
    gateway.coordinator.ask_about(&task, call);
    let update = async |answers: Value| {
        let params = json!({"taskId": task, "inputResponses": answers});
        modern(&gateway, "tasks/update", params, &task).await
    };
    for (name, value) in [
        ("arguments", json!({"to": "evil@example"})),
        ("responses", json!({})),
        ("edits", json!({"blog": "spam"})),
        ("publish_to_channels", json!([])),
        ("gate_id", json!("01900000-0000-8000-8000-00000000bbbb")),
        ("content_hash", json!("ab13")),
        ("answer_1.to", json!("evil@example")),
        ("action", json!("edit")),
        ("action", json!("cancel")),
    ] {
        let answer = update(filled(&json!({"approved": true, name: value}))).await;
        assert_eq!(answer.json()["error"]["code"], -32602, "{name}");
        assert_eq!(answer.json()["error"]["data"]["status"], 422, "{name}");
    }
    update(json!({"01900000-0000-8000-8000-00000000bbbb": {"action": "accept", "content": {"approved": true}}})).await;
    assert!(gateway.coordinator.decisions.lock().unwrap().is_empty());
    assert!(update(filled(&json!({"approved": true}))).await.json()["error"].is_null());
    let decided = json!({"approved": true, "gate_id": GATE, "content_hash": "ab12"});
    assert_eq!(
        gateway.coordinator.decisions.lock().unwrap()[..],
        [(task.clone(), decided)]
    );
}

#[tokio::test]
async fn who_may_decide_is_the_operators_word() {
    let gateway = Gateway::start().await;
    assert_eq!(McpConfig::default().decisions, Decisions::Elicitation);
    for (decisions, is_asked) in [(Decisions::Elicitation, true), (Decisions::Off, false)] {
        let task = gateway.task().await;
        gateway.coordinator.ask(&task, GATE);
        let router = gateway.replica(deciding(decisions));
        let ask = async |method: &str, params: Value, name: &str| modern_to(&router, method, params, name).await.json();
        let listed = ask("tools/list", json!({}), "").await;
        let tools = listed["result"]["tools"].as_array().unwrap().clone();
        assert!(
            tools.len() == 7 && tools.iter().all(|tool| tool["name"] != "decide"),
            "{decisions:?}"
        );
        let told = ask("server/discover", json!({}), "").await.to_string();
        assert!(
            told.contains("Decisions are the user's") && !told.contains("call decide"),
            "{told}"
        );
        let call = json!({"name": "decide", "arguments": {"task_id": task, "approved": true}});
        let refused = ask("tools/call", call, "decide").await;
        let problem = &refused["result"]["structuredContent"];
        assert_eq!(
            (&refused["result"]["isError"], &problem["status"]),
            (&json!(true), &json!(403))
        );
        assert_eq!(problem["code"], "decisions_not_offered");
        assert!(problem["detail"].as_str().unwrap().contains("/approve/"), "{problem}");
        let got = ask("tasks/get", json!({"taskId": task}), &task).await;
        let expected = if is_asked { "input_required" } else { "working" };
        assert_eq!(got["result"]["status"], expected, "{got}");
        let params = json!({"taskId": task, "inputResponses": filled(&json!({"approved": false}))});
        let updated = ask("tasks/update", params, &task).await;
        assert_eq!(updated["error"].is_null(), is_asked, "{updated}");
        let decided = gateway
            .coordinator
            .decisions
            .lock()
            .unwrap()
            .iter()
            .any(|(id, _)| *id == task);
        assert_eq!(decided, is_asked, "{decisions:?}");
    }
}
