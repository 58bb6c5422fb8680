//! Figures of a few tasks, worked by hand.

use super::learning::{Ended, ended};
use super::store;
use crate::metrics::{Gauges, document};
use crate::store::{NewRecord, Store};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service::metrics::{Registry, names};
use tokio_util::sync::CancellationToken;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_900_000_100, 0).unwrap()
}

async fn metrics(store: &Store, days: u32) -> Value {
    document(store, "default", days, now()).await.unwrap()
}

fn near(figure: &Value, value: f64, n: u64) {
    let found = figure["value"].as_f64().unwrap();
    assert!((found - value).abs() < 1e-9 && figure["n"] == n, "{figure}");
    let interval: Vec<f64> = serde_json::from_value(figure["interval"].clone()).unwrap();
    assert!(interval[0] <= value && value <= interval[1], "{figure}");
}

#[tokio::test]
async fn figures_are_as_worked_by_hand_and_null_where_nothing_was_measured() {
    let store = store().await;
    let empty = metrics(&store, 30).await;
    let mut names: Vec<&str> = empty.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = "cost_efficiency custom_llm_improvement escalation_rate forecast_cost_ratio \
         forecast_duration_ratio forecast_quality_error memory_uplift override_rate pattern_adoption \
         quality_distribution quality_score refinement_rate success_rate";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    for name in names.iter().filter(|name| **name != "quality_distribution") {
        assert_eq!(
            (&empty[name]["value"], &empty[name]["n"]),
            (&Value::Null, &json!(0)),
            "{name}"
        );
    }

    let kept = |n: u32, quality: f64, change: fn(&mut NewRecord)| {
        let mut record = Ended { quality, ..ended(n) }.record();
        change(&mut record);
        record
    };
    let records = vec![
        kept(1, 0.9, |_| ()),
        kept(2, 0.8, |record| record.facts.refinements = 2),
        kept(3, 0.7, |record| {
            record.facts.escalated = true;
            record.facts.overridden = Some(true);
        }),
        kept(4, 0.2, |record| record.status = "failed".to_owned()),
        // Not judged, and of unknown cost.
        kept(5, 0.0, |record| {
            record.status = "cancelled".to_owned();
            record.quality = None;
            record.facts.usd = None;
            record.facts.overridden = None;
        }),
    ];
    store.keep(records).await.unwrap();
    let found = metrics(&store, 30).await;
    near(&found["success_rate"], 3.0 / 4.0, 4);
    near(&found["quality_score"], 2.6 / 4.0, 4);
    // Four tasks at half a dollar, three of them completed.
    near(&found["cost_efficiency"], 2.0 / 3.0, 3);
    near(&found["refinement_rate"], 1.0 / 4.0, 4);
    near(&found["escalation_rate"], 1.0 / 4.0, 4);
    near(&found["override_rate"], 1.0 / 4.0, 4);
    assert_eq!(found["custom_llm_improvement"]["value"], Value::Null);
    let classes = found["quality_distribution"]["classes"].as_array().unwrap();
    let counts: Vec<u64> = classes.iter().map(|class| class["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [0, 0, 1, 0, 0, 0, 0, 1, 1, 1]);
    assert_eq!((&classes[2]["from"], &classes[2]["to"]), (&json!(0.2), &json!(0.3)));
    assert_eq!(found["success_rate"]["window"]["until"], "2030-03-17T17:48:20.000Z");
    // Another tenant's tasks, and later ones' days, count for nothing here.
    assert_eq!(
        document(&store, "other", 30, now()).await.unwrap()["success_rate"]["n"],
        0
    );
    let later = document(&store, "default", 1, now() + chrono::TimeDelta::days(2))
        .await
        .unwrap();
    assert_eq!(later["success_rate"]["n"], 0);
}

#[tokio::test]
async fn forecasts_are_compared_once_a_task_and_the_same_when_studied_again() {
    let store = store().await;
    let kept = |n: u32, expected: f64, actual: f64, seconds: Value| {
        let mut record = ended(n).record();
        let mut raw: Value = serde_json::from_str(&record.json).unwrap();
        let moment = |second| format!("2030-01-02T03:04:{second:02}.000Z");
        raw["task"]["refinements"] = json!(0);
        raw["task"]["plan"] = json!({
            "forecast": {"quality": {"value": 0.5}, "cost_usd": {"expected": expected}, "duration_seconds": {"expected": seconds}},
            "steps": [{"started_at": moment(10), "finished_at": moment(20)}]});
        raw["costs"] = json!([{"kind": "execute", "usd": actual}, {"kind": "assess", "usd": 7.0}]);
        record.json = raw.to_string();
        record.facts.foreseen = crate::lesson::Foreseen::of(&raw);
        record
    };
    let records = || {
        vec![
            kept(1, 1.0, 2.0, json!(5.0)),
            kept(2, 3.0, 3.0, Value::Null),
            ended(3).record(),
        ]
    };
    store.keep(records()).await.unwrap();
    // Told of again.
    store.keep(records()).await.unwrap();
    let found = metrics(&store, 30).await;
    near(&found["forecast_cost_ratio"], 1.25, 2);
    let duration = &found["forecast_duration_ratio"];
    assert_eq!(
        (&duration["value"], &duration["n"], &duration["interval"]),
        (&json!(2.0), &json!(1), &Value::Null)
    );
    near(&found["forecast_quality_error"], 0.25, 2);
    assert!(found["forecast_cost_ratio"]["window"]["since"].is_string());
    store.forget_patterns().await;
    assert_eq!(metrics(&store, 30).await["forecast_cost_ratio"]["n"], 0);
    while store.study(0.5).await.unwrap() {}
    let again = metrics(&store, 30).await;
    for name in [
        "forecast_cost_ratio",
        "forecast_duration_ratio",
        "forecast_quality_error",
    ] {
        assert_eq!(again[name], found[name], "{name}");
    }
}

#[tokio::test]
async fn gauges_appear_once_something_was_measured() {
    let store = store().await;
    let registry = Registry::default();
    let kept = registry.counter(names::TASKS_INGESTED, &[]);
    let shutdown = CancellationToken::new();
    let gauges = Gauges {
        store: store.clone(),
        registry: registry.clone(),
        days: 3650,
    };
    store.keep(vec![ended(1).record()]).await.unwrap();
    let running = tokio::spawn(gauges.run(kept, shutdown.clone()));
    super::eventually("the gauges are there", || async {
        registry.render().contains("\norchestrator_success_ratio 1\n")
    })
    .await;
    let text = registry.render();
    for line in [
        "orchestrator_quality_score 0.75",
        "orchestrator_cost_per_success_usd 0.5",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("adoption") && !text.contains("custom_model"), "{text}");
    shutdown.cancel();
    running.await.unwrap();
}
