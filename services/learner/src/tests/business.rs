//! Business metrics on real Postgres: points kept once, requests' figures read once, and the whole analysis.

use super::learning::{Ended, ended};
use super::{store, task};
use crate::business::{Query, analyse, requested, take};
use crate::store::{Given, NewRecord, Store};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::learner::{AnalyseBusinessMetricsRequest, RecordBusinessMetricsRequest};
use contracts::problem::Problem;
use serde_json::{Value, json};
use uuid::Uuid;

pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_000, 0).unwrap()
}

pub fn at(days_ago: i64) -> String {
    (now() - TimeDelta::days(days_ago)).to_rfc3339()
}

pub async fn report_as(store: &Store, tenant: &str, points: Value, key: &str) -> Result<(Value, bool), Problem> {
    let request = RecordBusinessMetricsRequest {
        tenant: tenant.to_owned(),
        actor: "bob".to_owned(),
        points_json: points.to_string(),
        idempotency_key: key.to_owned(),
    };
    take(store, request, now()).await.map_err(Problem::from)
}

async fn report(store: &Store, points: Value) -> Value {
    report_as(store, "default", points, "").await.unwrap().0
}

async fn analysis_of(store: &Store, request: AnalyseBusinessMetricsRequest) -> Result<Value, Problem> {
    let request = AnalyseBusinessMetricsRequest {
        tenant: "default".to_owned(),
        ..request
    };
    analyse(store, Query::read(request, now())?)
        .await
        .map_err(Problem::from)
}

async fn since(store: &Store, days_ago: i64) -> Value {
    let request = AnalyseBusinessMetricsRequest {
        since: at(days_ago),
        ..AnalyseBusinessMetricsRequest::default()
    };
    analysis_of(store, request).await.unwrap()
}

/// A task that completed so long ago, with figures in its request.
fn completed(n: u32, days_ago: i64, metrics: Value) -> NewRecord {
    let task = ended(n);
    let mut record = task.record();
    record.finished_at = now() - TimeDelta::days(days_ago);
    let mut raw: Value = serde_json::from_str(&record.json).unwrap();
    raw["task"]["created_at"] = json!(at(days_ago));
    raw["submission"]["business_metrics"] = metrics;
    record.json = raw.to_string();
    record.requested = requested(task.task.0, &record.json);
    record
}

/// Days of a metric: `before` up to so long ago, `after` from then on; they wave, so that they can be told apart.
pub fn days(name: &str, segment: Option<&str>, began: i64, [before, after]: [f64; 2], wave: f64) -> Vec<Value> {
    let value = |day: i64| {
        let level = if day < began { after } else { before };
        level + wave * ((day * day) as f64 * 0.7 + wave).sin()
    };
    (1..=32)
        .map(|day| json!({"name": name, "segment": segment, "at": at(day), "value": value(day)}))
        .collect()
}

#[tokio::test]
async fn points_are_kept_once_corrected_by_later_ones_and_whole_or_not_at_all() {
    let store = store().await;
    let point = |value: f64| json!([{"name": "sales", "value": value, "at": at(9)}]);
    assert_eq!(report(&store, point(1.0)).await["points"][0]["state"], "recorded");
    assert_eq!(report(&store, point(1.0)).await["points"][0]["state"], "unchanged");
    assert_eq!(report(&store, point(2.0)).await["points"][0]["state"], "corrected");
    assert_eq!(store.history("sales").await, [1.0, 2.0], "what was said before is kept");

    // The same point twice in one report: as if they had come one after the other.
    let twice = json!([{"name": "b", "value": 5, "at": at(9)}, {"name": "b", "value": 5, "at": at(9)},
                       {"name": "b", "value": 6, "at": at(9)}]);
    let kept = report(&store, twice).await;
    assert_eq!(
        (&kept["recorded"], &kept["unchanged"], &kept["corrected"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(store.history("b").await, [5.0, 6.0]);

    // Twins at the same time, without a time of their own.
    let twin = || report_as(&store, "default", json!([{"name": "c", "value": 1}]), "k");
    let (one, other) = tokio::join!(twin(), twin());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((&one.0, one.1 || other.1, one.1 && other.1), (&other.0, true, false));
    assert_eq!(store.history("c").await, [1.0]);
    let reused = report_as(&store, "default", json!([{"name": "c", "value": 2}]), "k").await;
    assert_eq!(reused.unwrap_err().code, "idempotency_key_reused");
    assert!(
        report_as(&store, "other", json!([{"name": "c", "value": 2}]), "k")
            .await
            .is_ok(),
        "a key is a tenant's own"
    );

    let bad = json!([{"name": "d", "value": 1, "at": at(1)}, {"name": "d", "value": 1e300}, {"name": "d", "value": 1, "at": at(-9)}]);
    let refused = report_as(&store, "default", bad, "").await.unwrap_err();
    let pointers: Vec<&str> = refused.errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!((refused.status, pointers), (422, vec!["/points/1", "/points/2"]));
    assert_eq!(store.history("d").await, Vec::<f64>::new());
}

#[tokio::test]
async fn a_tenant_has_so_many_series_and_is_told_when_they_are_used_up() {
    let store = store().await;
    let names = |from: u32| -> Value {
        (from..from + 1000)
            .map(|n| json!({"name": format!("metric {n}"), "value": 1, "at": at(1)}))
            .collect()
    };
    report(&store, names(0)).await;
    report(&store, names(1000)).await;
    let refused = report_as(&store, "default", names(1999), "").await.unwrap_err();
    assert_eq!(
        (refused.status, refused.code.as_str()),
        (409, "too_many_business_metrics")
    );
    assert_eq!(
        report(&store, names(500)).await["unchanged"],
        1000,
        "those that are there go on"
    );

    // What comes with a request cannot be refused any more: it is counted, and the others are kept.
    store
        .keep(vec![completed(1, 3, json!({"metric 7": 2, "new": 1}))])
        .await
        .unwrap();
    assert_eq!(store.history("new").await, Vec::<f64>::new());
    assert_eq!(store.history("metric 7").await, [1.0, 2.0]);
    let told = since(&store, 2).await;
    assert_eq!(
        told["points_left_out"],
        json!([{"reason": "too_many_business_metrics", "points": 1}])
    );
    assert_eq!((&told["names"], &told["names_left_out"]), (&json!(2000), &json!(1950)));
}

#[tokio::test]
async fn figures_of_a_request_are_read_once_however_often_its_end_is_told() {
    let metrics = json!({"revenue": 50_000, "visits": 1e300, "rate": null});
    let first = store().await;
    let record = || completed(1, 3, metrics.clone());
    first.keep(vec![record()]).await.unwrap();
    first.keep(vec![record()]).await.unwrap();
    // Kept before there were figures: read with the first run of the catch-up.
    let upgraded = store().await;
    let old = NewRecord {
        requested: None,
        said: Default::default(),
        ..record()
    };
    upgraded.keep(vec![old]).await.unwrap();
    upgraded.forget_figures().await;
    while upgraded.read_figures().await.unwrap() {}
    while upgraded.read_figures().await.unwrap() {}
    for store in [first, upgraded] {
        assert_eq!(store.history("revenue").await, [50_000.0]);
        assert_eq!(store.history("visits").await, Vec::<f64>::new());
        let told = since(&store, 2).await;
        assert_eq!(
            told["points_left_out"],
            json!([{"reason": "value_out_of_range", "points": 2}])
        );
    }
}

#[tokio::test]
async fn what_was_not_touched_lifts_a_task_to_level_two_and_before_and_after_alone_stay_at_zero() {
    let store = store().await;
    store.keep(vec![completed(1, 15, json!({}))]).await.unwrap();
    let mut points = days("sales", Some("shop"), 15, [100.0, 140.0], 2.5);
    for n in 0..20_i32 {
        points.extend(days(
            "sales",
            Some(&format!("other {n}")),
            15 - i64::from(n % 3),
            [50.0, 50.0 + f64::from(n % 4)],
            3.0 + f64::from(n),
        ));
    }
    points.extend(days("alone", None, 15, [1.0, 9.0], 0.1));
    points.push(json!({"name": "new", "value": 1}));
    for part in points.chunks(500) {
        report(&store, json!(part)).await;
    }
    let ask = |name: &str, segment: &str| AnalyseBusinessMetricsRequest {
        task_id: task(1).to_string(),
        name: name.to_owned(),
        segment: segment.to_owned(),
        ..AnalyseBusinessMetricsRequest::default()
    };
    let found = analysis_of(&store, ask("sales", "shop")).await.unwrap();
    let metric = &found["metrics"][0];
    assert_eq!((&metric["level"], &found["level"]), (&json!(2), &json!(2)), "{found:#}");
    let statement = metric["statement"].as_str().unwrap();
    assert!(
        statement.contains(&format!("is consistent with an effect of task {}", task(1))),
        "{statement}"
    );
    let effect = metric["effect"].as_f64().unwrap();
    assert!((effect - 40.0).abs() < 10.0, "{effect}");
    assert_eq!(metric["tests"][0]["compared_with"], 20);

    let alone = analysis_of(&store, ask("alone", "")).await.unwrap();
    let metric = &alone["metrics"][0];
    assert_eq!((&metric["level"], &metric["interval"]), (&json!(0), &Value::Null));
    assert!(
        metric["statement"]
            .as_str()
            .unwrap()
            .starts_with("\u{201c}alone\u{201d} changed from 1"),
        "{metric}"
    );
    let why: Vec<_> = metric["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| test["why"].as_str().unwrap())
        .collect();
    assert_eq!(why[0], "it needs 19 other series over the same days; 0 can be used");

    let new = analysis_of(&store, ask("new", "")).await.unwrap();
    assert_eq!(
        (&new["metrics"][0]["level"], &new["metrics"][0]["before"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        new["metrics"][0]["statement"]
            .as_str()
            .unwrap()
            .starts_with("insufficient data")
    );

    // Another task that touched the metric over the same days: whose effect would it be?
    store.keep(vec![completed(2, 10, json!({"sales": 3}))]).await.unwrap();
    let found = analysis_of(&store, ask("sales", "shop")).await.unwrap();
    let metric = &found["metrics"][0];
    assert_eq!(
        (&metric["level"], &metric["confounded_by"]),
        (&json!(0), &json!([task(2)])),
        "{metric:#}"
    );
    // Of another tenant nothing is told.
    let theirs = AnalyseBusinessMetricsRequest {
        tenant: "other".to_owned(),
        ..ask("", "")
    };
    let theirs = analyse(&store, Query::read(theirs, now()).unwrap())
        .await
        .map_err(Problem::from);
    assert_eq!(theirs.unwrap_err().code, "task_not_found");
}

#[tokio::test]
async fn without_a_beginning_or_with_one_that_published_nothing_there_is_nothing_to_say() {
    let store = store().await;
    let whole = AnalyseBusinessMetricsRequest::default;
    assert_eq!(analysis_of(&store, whole()).await.unwrap()["metrics"], json!([]));
    report(&store, json!(days("sales", None, 14, [1.0, 2.0], 0.1))).await;
    let none = analysis_of(&store, whole()).await.unwrap();
    assert_eq!(none["metrics"][0]["level"], Value::Null);
    assert!(
        none["metrics"][0]["statement"]
            .as_str()
            .unwrap()
            .contains("nothing has begun"),
        "{none}"
    );

    let rejected = Ended {
        approved: false,
        ..ended(3)
    };
    store.keep(vec![rejected.record()]).await.unwrap();
    let of = |task_id: String| AnalyseBusinessMetricsRequest { task_id, ..whole() };
    let none = analysis_of(&store, of(task(3).to_string())).await.unwrap();
    assert!(
        none["metrics"][0]["statement"]
            .as_str()
            .unwrap()
            .contains("did not complete"),
        "{none}"
    );
    for (request, status) in [
        (of(task(9).to_string()), 404),
        (of("nobody".to_owned()), 400),
        (
            AnalyseBusinessMetricsRequest {
                since: "soon".into(),
                ..whole()
            },
            422,
        ),
        (
            AnalyseBusinessMetricsRequest {
                since: at(-1),
                ..whole()
            },
            422,
        ),
        (AnalyseBusinessMetricsRequest { days: 6, ..whole() }, 422),
        (
            AnalyseBusinessMetricsRequest {
                since: at(3),
                ..of(task(3).to_string())
            },
            422,
        ),
    ] {
        assert_eq!(
            analysis_of(&store, request.clone()).await.unwrap_err().status,
            status,
            "{request:?}"
        );
    }
    // The days after are not over: what there is of them is described, and no more.
    let open = since(&store, 5).await;
    assert_eq!(open["metrics"][0]["level"], 0, "{open:#}");
    assert_eq!(open["metrics"][0]["tests"][0]["why"], "the days after are not over");
}

#[tokio::test]
async fn only_the_hold_out_says_what_memory_caused_and_by_figures_from_afterwards() {
    let store = store().await;
    let mut points = Vec::new();
    let mut records = Vec::new();
    let offered = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap();
    let pattern = Uuid::from_u128(1);
    for n in 1..=200 {
        let withheld = n % 2 == 0;
        let given = if withheld { Given::Withheld } else { Given::Offered };
        store.note_offer(task(n).0, given, &[pattern]).await.unwrap();
        // What came with the request differs by far more, and was there before.
        records.push(completed(n, 3, json!({"sales": if withheld { 900 } else { 1 }})));
        let value = if withheld { 10.0 } else { 12.0 } + f64::from(n % 7);
        points.push(json!({"name": "sales", "value": value, "task_id": task(n), "at": offered + TimeDelta::hours(1)}));
    }
    store.keep(records).await.unwrap();
    let later = |points: Value| {
        let request = RecordBusinessMetricsRequest {
            tenant: "default".to_owned(),
            points_json: points.to_string(),
            ..RecordBusinessMetricsRequest::default()
        };
        take(&store, request, offered)
    };
    later(json!(points[..50])).await.unwrap();
    let ask = || async {
        let found = since(&store, 2).await;
        let metrics = found["metrics"].as_array().unwrap();
        metrics
            .iter()
            .find(|metric| metric["intervention"]["kind"] == "memory")
            .unwrap()
            .clone()
    };
    let few = ask().await;
    assert_eq!(few["level"], Value::Null);
    assert!(
        few["statement"].as_str().unwrap().contains("30 of each are needed"),
        "{few}"
    );
    later(json!(points)).await.unwrap();
    let found = ask().await;
    assert_eq!(found["level"], 3, "{found:#}");
    assert!((found["effect"].as_f64().unwrap() - 2.0).abs() < 0.2, "{found}");
    assert!(found["statement"].as_str().unwrap().contains("caused"), "{found}");
}

#[tokio::test]
async fn who_keeps_records_waits_for_no_report_and_the_figures_are_read_later() {
    let store = store().await;
    report(&store, json!([{"name": "sales", "value": 1.0, "at": at(9)}])).await;
    let reporting = store.hold_points("default").await;
    let kept = store.keep(vec![completed(1, 3, json!({"sales": 2}))]);
    let kept = tokio::time::timeout(std::time::Duration::from_secs(10), kept).await;
    assert_eq!(kept.expect("it waits for the report").unwrap(), 1);
    assert!(!store.read_figures().await.unwrap(), "not now either");
    assert_eq!(store.history("sales").await, [1.0]);
    reporting.rollback().await.unwrap();
    assert!(store.read_figures().await.unwrap());
    assert_eq!(store.history("sales").await, [1.0, 2.0]);
    assert!(!store.read_figures().await.unwrap(), "once");
}

#[tokio::test]
async fn a_segment_that_is_asked_for_has_an_answer_however_many_there_are() {
    let store = store().await;
    let segments = |from: u32| -> Value {
        (from..from + 300)
            .map(|n| json!({"name": "sales", "segment": format!("shop {n:04}"), "value": 1, "at": at(1)}))
            .collect()
    };
    report(&store, segments(0)).await;
    report(&store, segments(300)).await;
    let (read, _, left_out) = store.series("default", None, None, 50).await.unwrap();
    assert_eq!((read.len(), left_out), (500, 100), "what is left out is counted");
    let request = AnalyseBusinessMetricsRequest {
        since: at(2),
        name: "sales".to_owned(),
        segment: "shop 0599".to_owned(),
        ..AnalyseBusinessMetricsRequest::default()
    };
    let one = analysis_of(&store, request).await.unwrap();
    assert_eq!(one["metrics"][0]["segment"], "shop 0599");
    assert_eq!(
        (one["metrics"].as_array().unwrap().len(), &one["series_left_out"]),
        (1, &json!(100))
    );
}
