//! Humans who decide, and verbs that steer.

use crate::fake::Gateway;
use serde_json::{Value, json};

const GATE: &str = "01900000-0000-7000-8000-00000000aaaa";

#[tokio::test]
async fn the_first_decision_wins_and_the_second_learns_who_and_when() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let path = format!("/approve/{task}");
    let decision = json!({
        "approved": true, "gate_id": GATE, "publish_to_channels": [], "edits": {"blog": "text"}, "content_hash": "ab12",
    });
    assert_eq!(gateway.post_json(&path, &decision).await.status, 200);
    assert_eq!(gateway.coordinator.decisions.lock().unwrap()[0], (task, decision));
    let second = gateway.post_json(&path, &json!({"approved": false})).await;
    assert_eq!(second.problem(), (409, "already_decided".to_owned()));
    assert_eq!(
        (
            second.json()["decided_by"].as_str(),
            second.json()["decided_at"].as_str()
        ),
        (Some("local"), Some("2030-01-01T00:00:00Z"))
    );
}

#[tokio::test]
async fn a_decision_that_is_none_decides_nothing() {
    let gateway = Gateway::start().await;
    let path = format!("/approve/{}", gateway.task().await);
    let cases = [
        (json!({}), "validation", "/approved"),
        (json!({"approved": "true"}), "validation", "/approved"),
        (json!({"approved": 1}), "validation", "/approved"),
        (json!({"approved": true, "gate_id": "x"}), "validation", "/gate_id"),
        (
            json!({"approved": true, "publish_to_channels": "blog"}),
            "validation",
            "/publish_to_channels",
        ),
        (
            json!({"approved": true, "publish_to_channels": [null]}),
            "validation",
            "/publish_to_channels/0",
        ),
        (
            json!({"approved": true, "edits": {"blog": {}}}),
            "validation",
            "/edits/blog",
        ),
        (json!({"approved": true, "feedback": 5}), "validation", "/feedback"),
        (
            json!({"approved": true, "dimensions": "tone"}),
            "validation",
            "/dimensions",
        ),
        (
            json!({"approved": true, "dimensions": ["tone", "tone"]}),
            "validation",
            "/dimensions/1",
        ),
        (
            json!({"approved": true, "feedback": "x".repeat(16_385)}),
            "validation",
            "/feedback",
        ),
        (json!({"approved": true, "arguments": []}), "validation", "/arguments"),
        (
            json!({"approved": true, "responses": "yes"}),
            "validation",
            "/responses",
        ),
        (json!({"approved": true, "action": "publish"}), "validation", "/action"),
        (json!({"approved": true, "aproved": true}), "unknown_field", "/aproved"),
    ];
    for (body, code, pointer) in cases {
        let answer = gateway.post_json(&path, &body).await;
        assert_eq!(answer.problem(), (422, code.to_owned()), "{pointer}");
        assert_eq!(answer.pointers(), [pointer]);
    }
    for (body, code) in [
        ("", "body_required"),
        ("[true]", "json_type"),
        (r#"{"approved":true,"approved":false}"#, "duplicate_key"),
    ] {
        assert_eq!(gateway.post(&path, body).await.problem(), (400, code.to_owned()));
    }
    assert!(gateway.coordinator.decisions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn blank_feedback_is_none() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    gateway
        .post_json(
            &format!("/approve/{task}"),
            &json!({"approved": false, "feedback": "  "}),
        )
        .await;
    assert_eq!(
        gateway.coordinator.decisions.lock().unwrap()[0].1,
        json!({"approved": false})
    );
}

#[tokio::test]
async fn several_open_gates_are_listed_and_chosen_by_id() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let answer = gateway.get(&format!("/approval/{task}")).await;
    assert_eq!(answer.problem(), (409, "gate_ambiguous".to_owned()));
    assert_eq!(answer.json()["gates"], json!(["a", "b"]));
    let answer = gateway.get(&format!("/approval/{task}?gate_id={GATE}")).await;
    assert_eq!(answer.json()["gate_id"], GATE);
}

#[tokio::test]
async fn verbs_reach_the_coordinator_with_their_documents() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    for verb in ["cancel", "pause", "resume", "retry"] {
        let bare = gateway.call(http::Method::POST, &format!("/tasks/{task}/{verb}")).await;
        assert_eq!(bare.json()["status"], verb);
        assert_eq!(gateway.post(&format!("/tasks/{task}/{verb}"), "{}").await.status, 200);
        let answer = gateway
            .post_json(&format!("/tasks/{task}/{verb}"), &json!({"why": "x"}))
            .await;
        assert_eq!(answer.problem(), (422, "unknown_field".to_owned()));
    }
    gateway.coordinator.controls.lock().unwrap().clear();
    let retry = json!({"from_step": "draft", "raise_budget": {"max_cost_usd": 1.5}, "send_again": true});
    gateway.post_json(&format!("/tasks/{task}/retry"), &retry).await;
    let control = gateway.coordinator.controls.lock().unwrap().pop().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&control.body_json).unwrap(), retry);
    for (body, pointer) in [
        (json!({"from_step": 1}), "/from_step"),
        (json!({"raise_budget": {"max_tokens": "x"}}), "/raise_budget/max_tokens"),
        (json!({"send_again": "yes"}), "/send_again"),
    ] {
        let answer = gateway.post_json(&format!("/tasks/{task}/retry"), &body).await;
        assert_eq!((answer.problem().0, answer.pointers()), (422, vec![pointer.to_owned()]));
    }
    assert!(gateway.coordinator.controls.lock().unwrap().is_empty());
}
