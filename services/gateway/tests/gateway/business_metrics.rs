//! Business metrics, over REST and gRPC.

use crate::fake::{Gateway, request};
use axum::body::Body;
use contracts::v1::learning_service_client::LearningServiceClient;
use contracts::v1::{AnalyseBusinessMetricsRequest, BusinessMetricPoint, RecordBusinessMetricsRequest};
use http::Method;
use serde_json::{Value, json};

const UNKNOWN: &str = "01900000-0000-7000-8000-0000000fffff";
const PATH: &str = "/business-metrics";

#[tokio::test]
async fn a_point_or_many_are_checked_and_passed_on_whole() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let one = json!({"name": "sales", "value": 3, "at": "2030-01-31T09:00:00Z", "task_id": task, "segment": "de"});
    let post = request(Method::POST, PATH).header("content-type", "application/json");
    let post = post
        .header("idempotency-key", "k")
        .body(Body::from(one.to_string()))
        .unwrap();
    assert_eq!(gateway.send(post).await.status.as_u16(), 201);
    let many = json!({"points": [{"name": "sales", "value": 1.5}, {"name": "Umsatz (€)", "value": -1e15}]});
    let kept = gateway.post_json(PATH, &many).await;
    assert_eq!((kept.status.as_u16(), &kept.json()["recorded"]), (201, &json!(2)));
    let told = gateway.learner.points.lock().unwrap().clone();
    let first: Value = serde_json::from_str(&told[0].points_json).unwrap();
    let expected =
        json!([{"name": "sales", "value": 3.0, "at": "2030-01-31T09:00:00Z", "task_id": task, "segment": "de"}]);
    assert_eq!(
        (first, told[0].idempotency_key.as_str(), told[0].actor.as_str()),
        (expected, "k", "local")
    );
    assert_eq!(told.len(), 2);

    let point = |name: &str, value: Value| {
        let mut point = json!({"name": "sales", "value": 1});
        point[name] = value;
        point
    };
    let many = |n: usize| json!({"points": vec![json!({"name": "a", "value": 1}); n]});
    for (body, code, pointer) in [
        (json!({}), "validation", "/name"),
        (point("name", json!("")), "validation", "/name"),
        (point("name", json!("a\u{202e}b")), "validation", "/name"),
        (point("value", json!("3")), "validation", "/value"),
        (point("value", Value::Null), "validation", "/value"),
        (point("value", json!(1e16)), "validation", "/value"),
        (point("at", json!("yesterday")), "validation", "/at"),
        (point("at", json!("2030-01-31")), "validation", "/at"),
        (point("task_id", json!("t1")), "validation", "/task_id"),
        (point("segment", json!(" de")), "validation", "/segment"),
        (point("unit", json!("EUR")), "unknown_field", "/unit"),
        (json!({"points": [], "name": "a"}), "unknown_field", "/name"),
        (json!({"points": {}}), "validation", "/points"),
        (many(0), "validation", "/points"),
        (many(1001), "validation", "/points"),
        (
            json!({"points": [{"name": "a", "value": 1}, 7]}),
            "validation",
            "/points/1",
        ),
        (
            json!({"points": [{"name": "a", "value": 1, "at": 7}]}),
            "validation",
            "/points/0/at",
        ),
    ] {
        let answer = gateway.post_json(PATH, &body).await;
        assert_eq!(answer.problem(), (422, code.to_owned()), "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let theirs = gateway.post_json(PATH, &point("task_id", json!(UNKNOWN))).await;
    assert_eq!(theirs.status.as_u16(), 404);
    assert_eq!(
        gateway.learner.points.lock().unwrap().len(),
        2,
        "nothing of these was passed on"
    );
}

#[tokio::test]
async fn a_question_is_passed_on_as_it_was_asked() {
    let gateway = Gateway::start().await;
    let path = format!(
        "/business-metrics-analysis?name=sales&segment=de&task_id={UNKNOWN}&days=28&until=2030-02-01&controls=a,%20b,"
    );
    assert_eq!(gateway.get(&path).await.json()["metrics"][1]["level"], Value::Null);
    let asked = gateway.learner.questions.lock().unwrap()[0].clone();
    assert_eq!(
        (asked.tenant.as_str(), asked.name.as_str(), asked.segment.as_str()),
        ("default", "sales", "de")
    );
    assert_eq!(
        (asked.task_id.as_str(), asked.days, asked.until.as_str()),
        (UNKNOWN, 28, "2030-02-01")
    );
    assert_eq!(asked.controls, ["a", "b"]);
    for (query, problem) in [
        ("days=6", (422, "validation")),
        ("days=ever", (422, "validation")),
        ("task_id=t1", (400, "invalid_id")),
        ("pattern_id=p", (400, "invalid_id")),
    ] {
        let answer = gateway.get(&format!("/business-metrics-analysis?{query}")).await;
        assert_eq!(answer.problem(), (problem.0, problem.1.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn the_same_over_grpc() {
    let gateway = Gateway::start().await;
    let mut client = LearningServiceClient::connect(gateway.listen_grpc().await)
        .await
        .unwrap();
    let point = |value: f64| BusinessMetricPoint {
        name: "sales".to_owned(),
        value,
        ..BusinessMetricPoint::default()
    };
    let points = vec![point(1.0), point(2.0)];
    let kept = client
        .record_business_metrics(RecordBusinessMetricsRequest { points })
        .await
        .unwrap()
        .into_inner();
    assert_eq!((kept.recorded, kept.unchanged), (2, 1));
    for points in [vec![], vec![point(f64::NAN)], vec![point(1e300)]] {
        let refused = client
            .record_business_metrics(RecordBusinessMetricsRequest { points })
            .await;
        assert_eq!(refused.unwrap_err().code(), tonic::Code::InvalidArgument);
    }
    let asked = client
        .analyse_business_metrics(AnalyseBusinessMetricsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((asked.metrics[0].level, asked.metrics[0].after), (Some(0), Some(2.0)));
    assert_eq!((asked.metrics[1].level, asked.metrics[1].after), (None, None));
    let bad = AnalyseBusinessMetricsRequest {
        name: "x".repeat(65),
        ..AnalyseBusinessMetricsRequest::default()
    };
    assert_eq!(
        client.analyse_business_metrics(bad).await.unwrap_err().code(),
        tonic::Code::InvalidArgument
    );
}
