//! Paths, methods, ids, queries and headers that cannot be served.

use crate::fake::{Gateway, request};
use axum::body::Body;
use contracts::TraceParent;
use gateway::application::Limits;
use http::Method;

const UNKNOWN: &str = "01900000-0000-7000-8000-0000000fffff";

#[tokio::test]
async fn unknown_paths_and_methods_get_problems() {
    let gateway = Gateway::start().await;
    for path in [
        "/nothing",
        "/process/x",
        "/status",
        "/tasks/x/y/z",
        "//",
        "//api/orchestrator",
        "//admin",
    ] {
        assert_eq!(
            gateway.get(path).await.problem(),
            (404, "not_found".to_owned()),
            "{path}"
        );
    }
    let answer = gateway.get("/process").await;
    assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answer.header("allow"), Some("POST"));
    let answer = gateway.call(Method::DELETE, "/tasks").await;
    assert_eq!(answer.problem().0, 405);
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn nothing_but_post_decides() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    let path = format!("/approve/{task}?approved=true");
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
    ] {
        let with_override = request(method.clone(), &path)
            .header("x-http-method-override", "POST")
            .header("content-type", "application/json");
        let answer = gateway
            .send(with_override.body(Body::from(r#"{"approved":true}"#)).unwrap())
            .await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
        if method == Method::HEAD {
            assert!(answer.bytes.is_empty());
        }
    }
    assert!(gateway.coordinator.decisions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn ids_are_uuids_and_unknown_ones_are_not_found() {
    let gateway = Gateway::start().await;
    let bad = [
        "x",
        "..%2F..",
        "%00",
        "%ff",
        "0190000000007000800000000000ffff",
        "%7B01900000-0000-7000-8000-00000000000%7D",
    ];
    for id in bad {
        for path in [
            "/status/ID",
            "/approval/ID",
            "/tasks/ID/events",
            "/training-data/exports/ID",
        ] {
            let answer = gateway.get(&path.replace("ID", id)).await;
            assert_eq!(answer.problem(), (400, "invalid_id".to_owned()), "{path} {id}");
        }
        let answer = gateway.post(&format!("/approve/{id}"), r#"{"approved":true}"#).await;
        assert_eq!(answer.problem(), (400, "invalid_id".to_owned()), "{id}");
    }
    let answer = gateway.get(&format!("/approval/{UNKNOWN}?gate_id=7")).await;
    assert_eq!(answer.problem(), (400, "invalid_id".to_owned()));
    for path in ["/status/ID", "/approval/ID", "/tasks/ID/events", "/tasks/ID/trace"] {
        assert_eq!(
            gateway.get(&path.replace("ID", UNKNOWN)).await.problem(),
            (404, "task_not_found".to_owned())
        );
    }
    for path in ["/approve/ID", "/tasks/ID/cancel", "/tasks/ID/retry"] {
        let answer = gateway.post(&path.replace("ID", UNKNOWN), r#"{"approved":true}"#).await;
        let expected = if path.starts_with("/approve") { 404 } else { 422 };
        assert_eq!(answer.problem().0, expected, "{path}");
    }
    let answer = gateway.stream(UNKNOWN, None).await;
    assert_eq!(answer.0, 404);
}

#[tokio::test]
async fn pages_have_bounds_and_cursors_are_not_forged() {
    let gateway = Gateway::start().await;
    for limit in ["0", "-1", "201", "1000000000", "99999999999999999999", "many", "1.5"] {
        let answer = gateway.get(&format!("/tasks?limit={limit}")).await;
        assert_eq!(answer.problem(), (422, "validation".to_owned()), "{limit}");
    }
    let long = "x".repeat(5000);
    for cursor in ["forged", "a%20b", "%01", long.as_str()] {
        let answer = gateway.get(&format!("/tasks?cursor={cursor}")).await;
        assert_eq!(answer.problem(), (400, "invalid_cursor".to_owned()), "{cursor}");
    }
    let task = gateway.task().await;
    for cursor in ["x", "-1", "1.5", "99999999999999999999"] {
        for name in ["after", "cursor"] {
            let answer = gateway.get(&format!("/tasks/{task}/events?{name}={cursor}")).await;
            assert_eq!(answer.problem(), (400, "invalid_cursor".to_owned()), "{name}={cursor}");
        }
    }
    assert_eq!(
        gateway.get("/tasks?status=done").await.problem(),
        (422, "validation".to_owned())
    );
    assert_eq!(
        gateway.get("/tasks?q=a%00b").await.problem(),
        (400, "invalid_text".to_owned())
    );
    assert_eq!(
        gateway.get(&format!("/tasks?q={}", "x".repeat(201))).await.problem().0,
        422
    );
    assert!(gateway.coordinator.lists.lock().unwrap().is_empty());
    let page = gateway
        .get("/tasks?unknown=1&status=executing&q=a+b&limit=200&limit=0")
        .await
        .json();
    assert_eq!(page["next_cursor"], "page-2");
    let asked = gateway.coordinator.lists.lock().unwrap().pop().unwrap();
    assert_eq!(
        (asked.limit, asked.status.as_str(), asked.q.as_str()),
        (200, "executing", "a b")
    );
}

#[tokio::test]
async fn a_problem_bears_the_trace_of_the_request() {
    let gateway = Gateway::start().await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let traced = request(Method::GET, "/nothing").header("traceparent", traceparent);
    let answer = gateway.send(traced.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json()["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(answer.header("traceparent"), Some(traceparent));
    // What is no trace context is replaced by one.
    let forged = request(Method::GET, "/nothing").header("traceparent", "00-zz-zz-zz");
    let answer = gateway.send(forged.body(Body::empty()).unwrap()).await;
    let made = TraceParent::parse(answer.header("traceparent").unwrap()).unwrap();
    assert_eq!(answer.json()["trace_id"], format!("{:032x}", made.trace_id));
}

#[tokio::test]
async fn overload_is_told_with_a_time_to_come_again() {
    let gateway = Gateway::with(Limits {
        requests_in_flight: 0,
        ..Limits::default()
    })
    .await;
    let answer = gateway.post("/process", r#"{"request":"x"}"#).await;
    assert_eq!(answer.problem(), (503, "overloaded".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("1"));
    // Probes are answered whatever the load.
    assert_eq!(gateway.get("//livez").await.status, 200);
}

#[tokio::test]
async fn a_coordinator_that_is_away_is_503_and_not_a_fault_of_the_client() {
    let gateway = Gateway::start().await;
    let task = gateway.task().await;
    gateway.stop.cancel();
    let health = || gateway.get("/tasks");
    while health().await.status == 200 {
        tokio::task::yield_now().await;
    }
    for answer in [
        gateway.get(&format!("/status/{task}")).await,
        gateway.post("/process", r#"{"request":"x"}"#).await,
        gateway.get("/tools").await,
    ] {
        assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
        assert!(answer.header("retry-after").is_some());
    }
    // Bad input is still bad input.
    assert_eq!(
        gateway.post("/process", "{").await.problem(),
        (400, "json_syntax".to_owned())
    );
}

#[tokio::test]
async fn probes_and_metrics_stand_at_the_root() {
    let gateway = Gateway::start().await;
    gateway.get("/nothing").await;
    assert_eq!(gateway.get("//livez").await.status, 200);
    assert_eq!(gateway.get("//readyz").await.status, 503);
    let metrics = gateway.get("//metrics").await;
    let text = String::from_utf8_lossy(&metrics.bytes).into_owned();
    assert!(
        text.contains("orchestrator_http_requests_total{status=\"4xx\"} 1"),
        "{text}"
    );
}
