//! Exports, by the learner.

use crate::fake::Gateway;
use crate::fake::learner::{COMPLETE, RUNNING};
use serde_json::json;

#[tokio::test]
async fn an_export_is_made_described_and_downloaded() {
    let gateway = Gateway::start().await;
    let answer = gateway
        .post_json(
            "/training-data/export",
            &json!({"format": "jsonl", "filter_by_quality": 0.8}),
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["state"].as_str()),
        (200, Some("complete"))
    );
    let answer = gateway
        .post_json("/training-data/export", &json!({"limit": 20_000}))
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["state"].as_str()),
        (202, Some("running"))
    );
    assert_eq!(
        gateway.get(&format!("/training-data/exports/{COMPLETE}")).await.json()["count"],
        2
    );
    let file = gateway.get(&format!("/training-data/exports/{COMPLETE}/file")).await;
    assert_eq!(file.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(&file.bytes[..], b"{\"a\":1}\n{\"a\":2}\n");
    let early = gateway.get(&format!("/training-data/exports/{RUNNING}/file")).await;
    assert_eq!(early.problem(), (409, "export_running".to_owned()));
    let unknown = gateway
        .get("/training-data/exports/01900000-0000-7000-8000-000000000000/file")
        .await;
    assert_eq!(unknown.problem(), (404, "export_not_found".to_owned()));
    assert_eq!(gateway.get("/training-data/schema").await.json()["type"], "object");
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused() {
    let gateway = Gateway::start().await;
    for (body, pointer) in [
        (json!({"format": "csv"}), "/format"),
        (json!({"filter_by_quality": 1.5}), "/filter_by_quality"),
        (json!({"filter_by_quality": "high"}), "/filter_by_quality"),
        (json!({"limit": 0}), "/limit"),
        (json!({"since": "yesterday"}), "/since"),
    ] {
        let answer = gateway.post_json("/training-data/export", &body).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{pointer}");
        assert_eq!(answer.pointers(), [pointer]);
    }
    let answer = gateway
        .post_json("/training-data/export", &json!({"path": "/etc/passwd"}))
        .await;
    assert_eq!(answer.problem(), (422, "unknown_field".to_owned()));
}
