//! Patterns, metrics and feedback, over REST and gRPC.

use crate::fake::learner::PATTERN;
use crate::fake::{Gateway, request};
use axum::body::Body;
use contracts::problem::Problem;
use contracts::v1::learning_service_client::LearningServiceClient;
use contracts::v1::{
    ExportPatternsRequest, GetMetricsRequest, GetPatternRequest, ListPatternsRequest, RecordFeedbackRequest,
    ReviewPatternRequest,
};
use http::Method;
use serde_json::{Value, json};

const UNKNOWN: &str = "01900000-0000-7000-8000-0000000fffff";

#[tokio::test]
async fn patterns_are_listed_and_shown() {
    let gateway = Gateway::start().await;
    let first = gateway.get("/learning-patterns?limit=7").await.json();
    assert_eq!(
        (&first["patterns"][0]["limit"], &first["next_cursor"]),
        (&json!(7), &json!(PATTERN))
    );
    let second = gateway
        .get(&format!("/learning-patterns?cursor={PATTERN}"))
        .await
        .json();
    assert_eq!(
        (&second["patterns"][0]["limit"], &second["next_cursor"]),
        (&json!(50), &Value::Null)
    );
    let one = gateway.get(&format!("/learning-patterns/{PATTERN}")).await;
    assert_eq!(one.json()["state"], "candidate");
    for (path, problem) in [
        ("/learning-patterns?cursor=forged", (400, "invalid_cursor")),
        ("/learning-patterns?limit=0", (422, "validation")),
        ("/learning-patterns/p1", (400, "invalid_id")),
        (&format!("/learning-patterns/{UNKNOWN}"), (404, "pattern_not_found")),
        ("/metrics?days=0", (422, "validation")),
        ("/metrics?days=ever", (422, "validation")),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn patterns_are_reviewed_and_taken_elsewhere() {
    let gateway = Gateway::start().await;
    let path = format!("/learning-patterns/{PATTERN}");
    let patch = async |path: &str, body: Value| {
        let request = request(Method::PATCH, path).header("content-type", "application/json");
        gateway.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let reviewed = patch(&path, json!({"state": "retired", "note": "too dear"}))
        .await
        .json();
    assert_eq!(
        reviewed["review"],
        json!({"state": "retired", "pinned": null, "note": "too dear"})
    );
    let unknown = format!("/learning-patterns/{UNKNOWN}");
    for (path, body, problem) in [
        (&unknown, json!({"pinned": true}), (404, "pattern_not_found")),
        (&path, json!({}), (422, "validation")),
        (&path, json!({"state": "candidate"}), (422, "validation")),
        (&path, json!({"pinned": "yes"}), (422, "validation")),
        (&path, json!({"states": "active"}), (422, "unknown_field")),
        (&path, json!({"note": "a\u{0}b"}), (400, "invalid_text")),
    ] {
        let answer = patch(path, body.clone()).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()), "{body}");
    }
    let lines = gateway.get("/learning-patterns?format=jsonl").await;
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(lines.bytes, "{\"intent\":1}\n{\"intent\":2}\n");
    let answer = gateway.get("/learning-patterns?format=csv").await;
    assert_eq!(answer.problem(), (422, "validation".to_owned()));

    let post = async |media: &str, body: &'static str| {
        let request = request(Method::POST, "/learning-patterns/import").header("content-type", media);
        gateway.send(request.body(Body::from(body)).unwrap()).await
    };
    assert_eq!(post("application/x-ndjson", "{}\n{}\n").await.json()["imported"], 2);
    let again = request(Method::POST, "/learning-patterns/import")
        .header("content-type", "application/x-ndjson")
        .header("idempotency-key", "again");
    let again = gateway.send(again.body(Body::from("{}\n")).unwrap()).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(post("application/json", "{}").await.problem().0, 415);
    assert_eq!(
        post("application/x-ndjson", "").await.problem(),
        (400, "body_required".to_owned())
    );

    let mut client = LearningServiceClient::connect(gateway.listen_grpc().await)
        .await
        .unwrap();
    let review = ReviewPatternRequest {
        pattern_id: PATTERN.to_owned(),
        pinned: Some(true),
        ..ReviewPatternRequest::default()
    };
    let reviewed = client.review_pattern(review.clone()).await.unwrap().into_inner();
    assert!(
        reviewed.document_json.contains("\"pinned\":true"),
        "{}",
        reviewed.document_json
    );
    let nothing = ReviewPatternRequest { pinned: None, ..review };
    assert_eq!(
        client.review_pattern(nothing).await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
    let mut pages = client
        .export_patterns(ExportPatternsRequest {})
        .await
        .unwrap()
        .into_inner();
    let first = pages.message().await.unwrap().unwrap();
    let imported = client.import_patterns(first).await.unwrap().into_inner();
    assert_eq!(imported.imported, 1);
}

#[tokio::test]
async fn metrics_pass_on_what_was_measured_over_the_days_asked_for() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.get("/metrics").await.json()["success_rate"]["value"],
        Value::Null
    );
    gateway.get("/metrics?days=7").await;
    let days: Vec<u32> = gateway
        .learner
        .metrics
        .lock()
        .unwrap()
        .iter()
        .map(|asked| asked.days)
        .collect();
    assert_eq!(days, [0, 7]);
}

#[tokio::test]
async fn feedback_is_answered_while_an_older_coordinator_takes_no_ratings() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    gateway
        .coordinator
        .is_old
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let said = json!({"rating": 4, "dimension": "tone"});
    let noted = gateway.post_json(&format!("/tasks/{task}/feedback"), &said).await;
    assert_eq!(noted.status.as_u16(), 201);
}

#[tokio::test]
async fn feedback_is_checked_noted_and_repeatable() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let path = format!("/tasks/{task}/feedback");
    let post = |body: &'static str| {
        let request = request(Method::POST, &path).header("content-type", "application/json");
        request.header("idempotency-key", "k").body(Body::from(body)).unwrap()
    };
    let said = r#"{"rating": 4.0, "comment": "good", "dimension": "tone"}"#;
    let noted = gateway.send(post(said)).await;
    assert_eq!(
        (noted.status.as_u16(), noted.header("idempotent-replayed")),
        (201, None)
    );
    assert_eq!(
        gateway.send(post(said)).await.header("idempotent-replayed"),
        Some("true")
    );
    let told = gateway.learner.feedback.lock().unwrap()[0].clone();
    assert_eq!(
        (told.tenant.as_str(), told.actor.as_str(), told.task_id),
        ("default", "local", task)
    );
    let told: Value = serde_json::from_str(&told.feedback_json).unwrap();
    assert_eq!(
        told,
        json!({"rating": 4, "comment": "good", "dimension": "tone", "step_id": null})
    );

    // A word on the judgement, too: each time it is said, under the time it was first said.
    let ratings = gateway.coordinator.ratings.lock().unwrap().clone();
    assert_eq!(ratings.len(), 2);
    let rated = &ratings[1];
    assert_eq!(
        (rated.dimension.as_str(), rated.rating, rated.said_at.as_str()),
        ("tone", 4, "2030-01-01T00:00:00Z")
    );

    for (body, code, pointer) in [
        (json!({}), "validation", ""),
        (json!({"comment": "  "}), "validation", ""),
        (json!({"rating": 0}), "validation", "/rating"),
        (json!({"rating": 6}), "validation", "/rating"),
        (json!({"rating": 3.5}), "validation", "/rating"),
        (json!({"rating": "5"}), "validation", "/rating"),
        (json!({"rating": 5, "comment": 1}), "validation", "/comment"),
        (json!({"rating": 5, "dimension": " tone"}), "validation", "/dimension"),
        (json!({"rating": 5, "step_id": "draft"}), "validation", "/step_id"),
        (json!({"rating": 5, "step_id": UNKNOWN}), "validation", "/step_id"),
        (json!({"rating": 5, "stars": 5}), "unknown_field", "/stars"),
    ] {
        let answer = gateway.post_json(&path, &body).await;
        assert_eq!(answer.problem(), (422, code.to_owned()), "{body}");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    let unknown = gateway
        .post_json(&format!("/tasks/{UNKNOWN}/feedback"), &json!({"rating": 5}))
        .await;
    assert_eq!(unknown.problem(), (404, "task_not_found".to_owned()));
    assert_eq!(
        gateway.learner.feedback.lock().unwrap().len(),
        2,
        "nothing else was noted"
    );
}

#[tokio::test]
async fn without_a_learner_the_answer_is_to_try_again() {
    let gateway = Gateway::without_learner().await;
    let task = gateway.task().await;
    let answers = [
        gateway.get("/learning-patterns").await,
        gateway.get("/metrics").await,
        gateway
            .post_json(&format!("/tasks/{task}/feedback"), &json!({"rating": 5}))
            .await,
    ];
    for answer in answers {
        assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn grpc_offers_the_same_by_the_same_rules() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let mut client = LearningServiceClient::connect(gateway.listen_grpc().await)
        .await
        .unwrap();
    let page = client
        .list_patterns(ListPatternsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (page.patterns[0].pattern_id.as_str(), page.next_cursor.as_str()),
        (PATTERN, PATTERN)
    );
    let issue = &page.issues[0];
    assert_eq!(
        (issue.tool.as_str(), issue.hint.as_str(), issue.tasks, issue.stopped),
        ("writer_agent", "", 3, Some(0.3))
    );
    let one = GetPatternRequest {
        pattern_id: PATTERN.to_owned(),
    };
    assert_eq!(client.get_pattern(one).await.unwrap().into_inner().state, "candidate");
    let metrics = client
        .get_metrics(GetMetricsRequest { days: 7 })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(metrics.success_rate, None);
    let rated = RecordFeedbackRequest {
        task_id: task.clone(),
        rating: Some(5),
        ..RecordFeedbackRequest::default()
    };
    assert_eq!(client.record_feedback(rated).await.unwrap().into_inner().task_id, task);
    let refused = |status: tonic::Status| Problem::from_status(&status).code;
    let nothing = RecordFeedbackRequest {
        task_id: task,
        ..RecordFeedbackRequest::default()
    };
    assert_eq!(
        refused(client.record_feedback(nothing).await.unwrap_err()),
        "validation"
    );
    let long = ListPatternsRequest {
        limit: 201,
        ..ListPatternsRequest::default()
    };
    assert_eq!(refused(client.list_patterns(long).await.unwrap_err()), "validation");
}
