//! An official client that calls the tools, with a handshake and without, before two gateways that take turns.

use crate::fake::Gateway;
use crate::fake::learner::PATTERN;
use rmcp::model::{
    CallToolRequestParams, CallToolResult, ClientCapabilities, ClientConfig, Implementation, ProtocolVersion,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt, RunningService, ServiceError};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::{ErrorData, RoleClient};
use serde_json::{Value, json};

pub const GATE: &str = "01900000-0000-8000-8000-00000000aaaa";

pub type Client = RunningService<RoleClient, ClientConfig>;

/// Without a handshake, as of the current revision.
pub fn stateless() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    }
}

pub async fn connect(gateway: &Gateway, how: ClientLifecycleMode, can: ClientCapabilities) -> Client {
    let url = format!("{}/mcp", gateway.listen_in_turns().await);
    let transport = StreamableHttpClientTransport::from_uri(url);
    let ourselves = ClientConfig::new(can, Implementation::new("tests", "1"));
    ourselves.serve_with_lifecycle(transport, how).await.unwrap()
}

pub fn call(name: &'static str, arguments: Value) -> CallToolRequestParams {
    CallToolRequestParams::new(name).with_arguments(arguments.as_object().unwrap().clone())
}

async fn answer(client: &Client, name: &'static str, arguments: Value) -> CallToolResult {
    client.call_tool(call(name, arguments)).await.unwrap()
}

/// The document of a call that succeeds; a text holds the same.
async fn document(client: &Client, name: &'static str, arguments: Value) -> Value {
    let result = answer(client, name, arguments).await;
    let document = result.structured_content.unwrap();
    assert_eq!(result.is_error, Some(false), "{document}");
    let text = &result.content[0].as_text().unwrap().text;
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), document);
    document
}

/// The problem of a call that is refused.
async fn problem(client: &Client, name: &'static str, arguments: Value) -> Value {
    let result = answer(client, name, arguments).await;
    let problem = result.structured_content.unwrap();
    assert_eq!(result.is_error, Some(true), "{problem}");
    assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32);
    problem
}

fn protocol_error(error: ServiceError) -> ErrorData {
    match error {
        ServiceError::McpError(error) => error,
        other => panic!("no error of the protocol: {other}"),
    }
}

#[tokio::test]
async fn every_tool_works_with_a_handshake_and_without() {
    for how in [ClientLifecycleMode::Initialize, stateless()] {
        let gateway = Gateway::start().await;
        let client = connect(&gateway, how, ClientCapabilities::default()).await;
        let server = client.peer_info().unwrap();
        assert_eq!(server.server_info.as_ref().unwrap().name, "orchestrator");
        let begun = json!({"request": "write", "idempotency_key": "k", "preferences": {"channels": ["blog"]}});
        let task = document(&client, "start_request", begun.clone()).await;
        let again = document(&client, "start_request", begun).await;
        assert_eq!((&task, gateway.coordinator.submitted()), (&again, 1));
        let id = task["task_id"].as_str().unwrap().to_owned();
        assert_eq!(task["links"]["status"], format!("/api/orchestrator/status/{id}"));
        let named = json!({"task_id": id});
        assert_eq!(
            document(&client, "get_status", named.clone()).await["status"],
            "executing"
        );
        assert_eq!(
            document(&client, "list_approvals", json!({"limit": 5})).await["items"],
            json!([])
        );
        assert_eq!(
            problem(&client, "get_approval", named.clone()).await["code"],
            "gate_ambiguous"
        );
        let gate = json!({"task_id": id, "gate_id": GATE});
        assert_eq!(document(&client, "get_approval", gate).await["gate_id"], GATE);
        let decision = json!({"task_id": id, "approved": true, "content_hash": "ab"});
        assert_eq!(
            document(&client, "decide", decision.clone()).await["status"],
            "publishing"
        );
        assert_eq!(problem(&client, "decide", decision).await["decided_by"], "local");
        assert_eq!(
            gateway.coordinator.decisions.lock().unwrap()[..],
            [(id, json!({"approved": true, "content_hash": "ab", "by_model": true}))],
            "a model may have said so"
        );
        assert_eq!(document(&client, "cancel_request", named).await["status"], "cancel");
        assert_eq!(document(&client, "list_tools", json!({})).await["next_cursor"], "more");
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn patterns_are_found_by_words_over_all_pages() {
    let gateway = Gateway::start().await;
    let client = connect(&gateway, stateless(), ClientCapabilities::default()).await;
    let all = document(&client, "search_patterns", json!({})).await;
    // The learner has two pages of one each.
    assert_eq!((&all["searched"], &all["complete"]), (&json!(2), &json!(true)));
    assert_eq!(all["patterns"][0]["pattern_id"], PATTERN);
    let first = document(&client, "search_patterns", json!({"limit": 1})).await;
    assert_eq!(
        (first["patterns"].as_array().unwrap().len(), &first["complete"]),
        (1, &json!(false))
    );
    let found = document(&client, "search_patterns", json!({"q": "BLOG friends"})).await;
    assert_eq!(
        (found["patterns"].as_array().unwrap().len(), &found["searched"]),
        (2, &json!(2))
    );
    let none = document(&client, "search_patterns", json!({"q": "blog nowhere"})).await;
    assert_eq!((&none["patterns"], &none["complete"]), (&json!([]), &json!(true)));
}

#[tokio::test]
async fn what_a_model_got_wrong_is_told_so_that_it_can_correct_it() {
    let gateway = Gateway::start().await;
    let client = connect(&gateway, stateless(), ClientCapabilities::default()).await;
    let unknown_task = "01900000-0000-7000-8000-999999999999";
    let cases = [
        ("start_request", json!({}), 422, "validation", "/request"),
        (
            "start_request",
            json!({"request": "x", "reqest": 1}),
            422,
            "unknown_field",
            "/reqest",
        ),
        (
            "start_request",
            json!({"request": "x", "plan": {"steps": 5}}),
            422,
            "plan_invalid",
            "/plan/steps",
        ),
        (
            "start_request",
            json!({"request": "x", "idempotency_key": 5}),
            422,
            "validation",
            "/idempotency_key",
        ),
        ("get_status", json!({}), 422, "validation", "/task_id"),
        ("get_status", json!({"task_id": "1"}), 422, "validation", "/task_id"),
        (
            "get_status",
            json!({"task_id": unknown_task, "x": 1}),
            422,
            "unknown_field",
            "/x",
        ),
        (
            "decide",
            json!({"task_id": unknown_task}),
            422,
            "validation",
            "/approved",
        ),
        ("list_approvals", json!({"limit": 0}), 422, "validation", "/limit"),
        (
            "search_patterns",
            json!({"q": "x".repeat(201)}),
            422,
            "validation",
            "/q",
        ),
    ];
    for (tool, arguments, status, code, pointer) in cases {
        let problem = problem(&client, tool, arguments).await;
        assert_eq!(
            (&problem["status"], &problem["code"]),
            (&json!(status), &json!(code)),
            "{tool} {pointer}"
        );
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{tool}");
    }
    let lost = problem(&client, "get_status", json!({"task_id": unknown_task})).await;
    assert_eq!(
        (&lost["status"], &lost["code"]),
        (&json!(404), &json!("task_not_found"))
    );
    assert_eq!(gateway.coordinator.submitted(), 0);
    let nothing = client.call_tool(call("publish_now", json!({}))).await.unwrap_err();
    let error = protocol_error(nothing);
    assert_eq!(
        (error.code.0, error.message.as_ref()),
        (-32602, "unknown tool \"publish_now\"")
    );
}

#[tokio::test]
async fn a_service_that_is_away_is_an_error_to_try_again_and_nothing_else_breaks() {
    let gateway = Gateway::without_learner().await;
    let client = connect(&gateway, stateless(), ClientCapabilities::default()).await;
    let away = problem(&client, "search_patterns", json!({"q": "x"})).await;
    assert_eq!((&away["status"], &away["code"]), (&json!(503), &json!("unavailable")));
    document(&client, "start_request", json!({"request": "write"})).await;
}
