//! Documents that can be read and are not acceptable.

use crate::fake::{Gateway, MANY_FAULTS};
use serde_json::{Value, json};

/// The body with one member changed.
fn with(name: &str, value: Value) -> Value {
    let mut body = json!({"request": "Write about trends"});
    body[name] = value;
    body
}

#[tokio::test]
async fn wrong_types_and_ranges_get_422_at_their_place_and_store_nothing() {
    let gateway = Gateway::start().await;
    let metrics = |n: usize| Value::Object((0..n).map(|i| (format!("m{i}"), json!(i))).collect());
    let named = |name: &str| json!({ name: 1 });
    let long_pointer = format!("/business_metrics/{}", "x".repeat(65));
    let cases = vec![
        (with("request", json!(7)), "/request"),
        (with("request", json!(null)), "/request"),
        (with("request", json!("")), "/request"),
        (with("request", json!(" \n\t\u{3000}")), "/request"),
        (with("request", json!("x".repeat(16_385))), "/request"),
        (with("request", json!("\u{1f600}".repeat(16_385))), "/request"),
        (with("business_metrics", json!([1])), "/business_metrics"),
        (with("business_metrics", json!({"a": "1"})), "/business_metrics/a"),
        (with("business_metrics", json!({"a": null})), "/business_metrics/a"),
        (
            with("business_metrics", json!({"a/b~": true})),
            "/business_metrics/a~1b~0",
        ),
        (with("business_metrics", metrics(65)), "/business_metrics"),
        (with("business_metrics", named("")), "/business_metrics/"),
        (with("business_metrics", named(&"x".repeat(65))), long_pointer.as_str()),
        (
            with("business_metrics", named("a\u{202e}b")),
            "/business_metrics/a\u{202e}b",
        ),
        (
            with("business_metrics", named("a\u{e0041}")),
            "/business_metrics/a\u{e0041}",
        ),
        (with("preferences", json!("friendly")), "/preferences"),
        (with("preferences", json!({"tone": 1})), "/preferences/tone"),
        (
            with("preferences", json!({"channels": "blog"})),
            "/preferences/channels",
        ),
        (
            with("preferences", json!({"channels": ["blog", 1]})),
            "/preferences/channels/1",
        ),
        (
            with("preferences", json!({"channels": ["blog", "blog"]})),
            "/preferences/channels/1",
        ),
        (
            with("preferences", json!({"channels": ["bl\u{2066}og"]})),
            "/preferences/channels/0",
        ),
        (with("preferences", json!({"free": "x".repeat(8192)})), "/preferences"),
        (with("budget", json!(5)), "/budget"),
        (with("budget", json!({"max_cost_usd": -0.01})), "/budget/max_cost_usd"),
        (with("budget", json!({"max_tokens": 1.5})), "/budget/max_tokens"),
        (with("budget", json!({"max_tokens": -1})), "/budget/max_tokens"),
        (with("budget", json!({"max_tokens": 1e30})), "/budget/max_tokens"),
        (
            with("budget", json!({"max_duration_seconds": 0})),
            "/budget/max_duration_seconds",
        ),
        (with("quality_threshold", json!(1.01)), "/quality_threshold"),
        (with("quality_threshold", json!(-0.1)), "/quality_threshold"),
        (with("quality_threshold", json!("0.5")), "/quality_threshold"),
        (with("max_refinements", json!(11)), "/max_refinements"),
        (with("max_refinements", json!(-1)), "/max_refinements"),
        (with("max_refinements", json!(1.5)), "/max_refinements"),
        (with("priority", json!(11)), "/priority"),
        (with("priority", json!("high")), "/priority"),
        (with("plan_review", json!("yes")), "/plan_review"),
        (with("auto_approve", json!(1)), "/auto_approve"),
        (with("metadata", json!([])), "/metadata"),
        (with("metadata", json!({"a": 1})), "/metadata/a"),
        (with("metadata", json!({"a": "x".repeat(1025)})), "/metadata/a"),
        (json!({}), "/request"),
    ];
    for (body, pointer) in cases {
        let answer = gateway.post_json("/process", &body).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{pointer}");
        assert_eq!(answer.pointers(), [pointer]);
    }
    let answer = gateway
        .post("/process", r#"{"request":"x","business_metrics":{"big":1e999}}"#)
        .await;
    assert_eq!(answer.problem(), (422, "validation".to_owned()));
    assert_eq!(answer.pointers(), ["/business_metrics/big"]);
    assert_eq!(gateway.coordinator.submitted(), 0);
}

#[tokio::test]
async fn unknown_fields_are_named_wherever_they_stand() {
    let gateway = Gateway::start().await;
    let step = json!({"key": "a", "tool_id": "null", "colour": "red"});
    let cases = [
        (with("tenant", json!("other")), "/tenant"),
        (with("reqest", json!("x")), "/reqest"),
        (with("budget", json!({"max_cost": 1})), "/budget/max_cost"),
        (with("plan", json!({"steps": [step]})), "/plan/steps/0/colour"),
        (with("plan", json!({"steps": [], "stages": []})), "/plan/stages"),
    ];
    for (body, pointer) in cases {
        let answer = gateway.post_json("/process", &body).await;
        assert_eq!(answer.problem(), (422, "unknown_field".to_owned()), "{pointer}");
        assert!(
            answer.pointers().iter().any(|p| p == pointer),
            "{:?}",
            answer.pointers()
        );
    }
    assert_eq!(gateway.coordinator.submitted(), 0);
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let gateway = Gateway::start().await;
    let body = json!({
        "request": 1, "quality_threshold": 2, "max_refinements": "many", "colour": "red",
        "budget": {"max_tokens": -1, "when": "now"}, "preferences": {"tone": []},
    });
    let answer = gateway.post_json("/process", &body).await;
    assert_eq!(answer.problem().0, 422);
    let mut pointers = answer.pointers();
    pointers.sort();
    let expected = [
        "/budget/max_tokens",
        "/budget/when",
        "/colour",
        "/max_refinements",
        "/preferences/tone",
        "/quality_threshold",
        "/request",
    ];
    assert_eq!(pointers, expected);
}

#[tokio::test]
async fn a_plan_without_the_shape_of_one_is_refused_by_place() {
    let gateway = Gateway::start().await;
    let cases = [
        (json!("none"), "/plan"),
        (json!([]), "/plan"),
        (json!({}), "/plan"),
        (json!({"steps": {}}), "/plan/steps"),
        (json!({"steps": [{"key": "a"}]}), "/plan/steps/0"),
        (json!({"steps": [{"key": 1, "tool_id": "null"}]}), "/plan/steps/0/key"),
        (
            json!({"steps": [{"key": "a", "tool_id": "null", "arguments": "x"}]}),
            "/plan/steps/0/arguments",
        ),
        (
            json!({"steps": [{"key": "a", "tool_id": "null", "retry": {"max_attempts": -1}}]}),
            "/plan/steps/0/retry/max_attempts",
        ),
        (
            json!({"steps": [{"key": "a", "tool_id": "null", "timeout_seconds": "long"}]}),
            "/plan/steps/0/timeout_seconds",
        ),
    ];
    for (plan, pointer) in cases {
        let answer = gateway.post_json("/process", &with("plan", plan)).await;
        assert_eq!(answer.problem(), (422, "plan_invalid".to_owned()), "{pointer}");
        assert!(
            answer.pointers().iter().any(|p| p == pointer),
            "{pointer}: {:?}",
            answer.pointers()
        );
    }
    assert_eq!(gateway.coordinator.submitted(), 0);
}

#[tokio::test]
async fn the_largest_that_is_allowed_is_allowed() {
    let gateway = Gateway::start().await;
    let metrics: Value = (0..64)
        .map(|i| (format!("m{i}"), json!(-1.5e300)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let body = json!({
        "request": "\u{1f600}".repeat(16_384), "business_metrics": metrics, "quality_threshold": 1, "max_refinements": 10,
        "budget": {"max_cost_usd": 0, "max_tokens": 0, "max_duration_seconds": 0.5},
        "preferences": {"tone": "friendly", "channels": [], "free": {"x": [1, null]}}, "plan_review": null,
        "metadata": {"ticket": ""},
    });
    let answer = gateway.post_json("/process", &body).await;
    assert_eq!(answer.status, 202, "{}", answer.json());
}

#[tokio::test]
async fn a_refusal_of_the_coordinator_arrives_whole_however_long_it_is() {
    let gateway = Gateway::start().await;
    let answer = gateway
        .post_json("/process", &with("request", json!(MANY_FAULTS)))
        .await;
    assert_eq!(answer.problem(), (422, "plan_arguments".to_owned()));
    assert_eq!(answer.pointers().len(), 64);
}
