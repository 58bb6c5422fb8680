//! Tasks that begin, tools and schemas that are read.

use crate::fake::{Answer, Gateway, request};
use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

async fn submit_with_key(gateway: &Gateway, key: &[u8], body: &str) -> Answer {
    let request = request(Method::POST, "/process")
        .header("content-type", "application/json")
        .header("idempotency-key", http::HeaderValue::from_bytes(key).unwrap());
    gateway.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

#[tokio::test]
async fn an_accepted_task_has_a_location_and_links() {
    let gateway = Gateway::start().await;
    let body = json!({
        "request": "Generate blog post about AI trends", "business_metrics": {"conversion_rate": 0.04},
        "preferences": {"tone": "professional", "channels": ["blog", "linkedin"]},
        "plan": {"steps": [{"key": "a", "tool_id": "null", "arguments": {"x": {"$step": "b"}}}]},
    });
    let answer = gateway.post_json("/process", &body).await;
    assert_eq!(answer.status, 202);
    let accepted = answer.json();
    let id = accepted["task_id"].as_str().unwrap();
    assert_eq!(accepted["status"], "submitted");
    assert_eq!(accepted["links"]["status"], format!("/api/orchestrator/status/{id}"));
    assert_eq!(
        accepted["links"]["approval"],
        format!("/api/orchestrator/approval/{id}")
    );
    assert_eq!(
        accepted["links"]["events"],
        format!("/api/orchestrator/tasks/{id}/events")
    );
    assert_eq!(answer.header("location"), accepted["links"]["status"].as_str());
    assert_eq!(answer.header("idempotent-replayed"), None);

    let stored = gateway.coordinator.submissions.lock().unwrap()[0].clone();
    let caller = stored.caller.unwrap();
    assert_eq!(caller.tenant, "default");
    assert_eq!(Some(caller.traceparent.as_str()), answer.header("traceparent"));
    let submission: Value = serde_json::from_str(&stored.submission_json).unwrap();
    for member in ["request", "business_metrics", "preferences", "plan"] {
        assert_eq!(submission[member], body[member], "{member}");
    }
    let status = gateway.get(&format!("/status/{id}")).await;
    assert_eq!(status.header("content-type"), Some("application/json"));
    assert_eq!(status.json()["request"], body["request"]);
}

#[tokio::test]
async fn a_key_makes_one_task_whatever_the_white_space() {
    let gateway = Gateway::start().await;
    let first = submit_with_key(&gateway, b"key-1", r#"{"request":"x","max_refinements":2}"#).await;
    let again = submit_with_key(&gateway, b"key-1", "{ \"max_refinements\": 2,\n \"request\": \"x\" }").await;
    assert_eq!(
        (first.status, again.status),
        (http::StatusCode::ACCEPTED, http::StatusCode::ACCEPTED)
    );
    assert_eq!(first.bytes, again.bytes);
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = submit_with_key(&gateway, b"key-1", r#"{"request":"y"}"#).await;
    assert_eq!(other.problem(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(gateway.coordinator.submitted(), 1);
}

#[tokio::test]
async fn a_key_has_visible_ascii_only() {
    let gateway = Gateway::start().await;
    let long = [b'k'; 256];
    for key in [&b""[..], b"a b", b"\tx\ty", b"caf\xc3\xa9", b"\x80", &long] {
        let answer = submit_with_key(&gateway, key, r#"{"request":"x"}"#).await;
        assert_eq!(answer.problem(), (400, "invalid_idempotency_key".to_owned()), "{key:?}");
    }
    assert_eq!(gateway.coordinator.submitted(), 0);
    assert_eq!(
        submit_with_key(&gateway, &long[..255], r#"{"request":"x"}"#)
            .await
            .status,
        202
    );
}

#[tokio::test]
async fn tools_are_found_on_any_page() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/tools").await.json()["next_cursor"], "more");
    assert_eq!(gateway.get("/tools/shop.stock").await.json()["category"], "api");
    assert_eq!(
        gateway.get("/tools/nothing").await.problem(),
        (404, "tool_not_found".to_owned())
    );
    assert_eq!(
        gateway.get("/tools/%00").await.problem(),
        (400, "invalid_id".to_owned())
    );
    let schema = gateway.get("/plan-schema").await.json();
    assert!(schema["properties"]["steps"].is_object());
    assert_eq!(
        gateway.get("/approvals").await.json(),
        json!({"items": [], "next_cursor": null})
    );
}

#[tokio::test]
async fn a_fork_is_a_new_task_that_tells_what_it_took_over() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let path = format!("/tasks/{task}/fork");
    let fork = json!({"from_step": "draft", "overrides": {"steps": {"draft": {"arguments": {"n": null}}}}});
    let answer = gateway.post_json(&path, &fork).await;
    assert_eq!(answer.status, 202);
    let accepted = answer.json();
    let id = accepted["task_id"].as_str().unwrap();
    assert_eq!(
        answer.header("location"),
        Some(format!("/api/orchestrator/status/{id}").as_str())
    );
    assert_eq!(accepted["links"]["status"], format!("/api/orchestrator/status/{id}"));
    assert_eq!(accepted["forked_from"]["reused"], json!(["a"]));
    let asked = gateway.coordinator.forks.lock().unwrap()[0].clone();
    assert_eq!(serde_json::from_str::<Value>(&asked.fork_json).unwrap(), fork);
    assert_eq!((asked.task_id.as_str(), asked.body_hash.as_str()), (task.as_str(), ""));

    let nothing = gateway
        .send(request(Method::POST, &path).body(Body::empty()).unwrap())
        .await;
    assert_eq!(nothing.status, 202, "nothing need differ");
    let with_plan = gateway.post_json(&path, &json!({"overrides": {"plan": {}}})).await;
    assert_eq!(with_plan.problem(), (422, "unknown_field".to_owned()));
    let unknown = "/tasks/01900000-0000-7000-8000-00000000dead/fork";
    assert_eq!(gateway.post_json(unknown, &json!({})).await.status, 404);
    assert_eq!(
        gateway.get(&path).await.problem(),
        (405, "method_not_allowed".to_owned())
    );
}
