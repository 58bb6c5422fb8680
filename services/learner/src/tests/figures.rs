//! Figures of a few tasks, worked by hand.

use super::learning::{Ended, ended};
use super::store;
use crate::metrics::{Gauges, document};
use crate::models::version::{Source, State};
use crate::rollout::{Arms, Course, Decision, Effect, Facts, Look, Settings, look};
use crate::store::models::{Models, NewModel};
use crate::store::rollouts::{Begun, NewExperiment, NewLook, Rollouts};
use crate::store::{NewRecord, Store};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use service::metrics::{Registry, names};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::rollout::Model;
use workflow::time::Timestamp;

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

const OWN: Uuid = Uuid::from_u128(7);

fn day(day: i64) -> DateTime<Utc> {
    now() - chrono::TimeDelta::days(40 - day)
}

/// A model that somebody serves.
async fn own_model(store: &Store) {
    let new = NewModel {
        id: OWN,
        name: "own".to_owned(),
        state: State::Loaded,
        source: Source::Remote {
            provider: "mine".to_owned(),
            model: "own-q4".to_owned(),
            answers_as: None,
        },
        trained_on: None,
        at: day(0),
    };
    Models::of(store, "default").register(&new).await.unwrap();
}

async fn tried(store: &Store, id: u128, began_at: DateTime<Utc>) {
    let settings = Settings::default();
    let new = NewExperiment {
        id: Uuid::from_u128(id),
        salt: Uuid::from_u128(42),
        role: "writer".to_owned(),
        challenger: Model::Version(OWN),
        began_at,
        course: Course::begin(&settings, Timestamp(began_at.timestamp_millis())),
        settings,
    };
    assert_eq!(Rollouts::of(store, "default").begin(&new).await.unwrap(), Begun::New);
}

/// A look at an experiment that saw such a difference.
async fn looked(store: &Store, id: u128, seen: Option<f64>, decision: Decision, at: DateTime<Utc>) {
    let rollouts = Rollouts::of(store, "default");
    let experiment = rollouts.get(Uuid::from_u128(id)).await.unwrap().unwrap();
    let (settings, course) = (&experiment.settings, &experiment.course);
    let now = Timestamp(at.timestamp_millis());
    let look = Look {
        effect: Effect {
            value: seen,
            interval: seen.map(|seen| [seen - 0.05, seen + 0.05]),
        },
        n: Arms {
            control: 60,
            challenger: 64,
        },
        decision,
        ..look(settings, course, &Facts::default(), now)
    };
    let new = NewLook {
        look: &look,
        word: None,
        course: course.after(&decision, now),
        at,
    };
    assert!(rollouts.record(&experiment, new).await.unwrap());
}

#[tokio::test]
async fn a_model_of_ones_own_is_as_much_better_as_its_newest_experiment_saw() {
    let store = store().await;
    own_model(&store).await;
    let figure = async |days: u32| metrics(&store, days).await["custom_llm_improvement"].clone();
    let none = figure(30).await;
    assert_eq!(
        (&none["value"], &none["reason"]),
        (&Value::Null, &json!("no model was tried in this window"))
    );
    tried(&store, 1, day(1)).await;
    looked(&store, 1, None, Decision::Continue, day(2)).await;
    let early = figure(30).await;
    let reason = json!("no task of both sides of an experiment is counted yet");
    assert_eq!(
        (&early["value"], &early["n"], &early["reason"]),
        (&Value::Null, &json!(0), &reason)
    );
    looked(&store, 1, Some(-0.25), Decision::Inconclusive, day(12)).await;
    let found = figure(30).await;
    near(&found, -0.25, 124);
    let of = [
        &found["experiment_id"],
        &found["role"],
        &found["model_id"],
        &found["stage"],
    ];
    assert_eq!(
        of,
        [
            &json!(Uuid::from_u128(1)),
            &json!("writer"),
            &json!(OWN),
            &json!("inconclusive")
        ]
    );
    assert_eq!(
        (&found["reason"], &found["interval"]),
        (&Value::Null, &json!([-0.3, -0.2]))
    );
    assert_eq!(figure(20).await["value"], Value::Null, "it ended before the window");

    // What is under way goes before it, once it has seen something.
    tried(&store, 2, day(30)).await;
    near(&figure(30).await, -0.25, 124);
    looked(&store, 2, Some(0.125), Decision::Continue, day(31)).await;
    near(&figure(30).await, 0.125, 124);
    let other = document(&store, "other", 30, now()).await.unwrap();
    assert_eq!(other["custom_llm_improvement"]["value"], Value::Null);

    let registry = Registry::default();
    let shutdown = CancellationToken::new();
    let gauges = Gauges {
        store: store.clone(),
        registry: registry.clone(),
        days: 3650,
    };
    let kept = registry.counter(names::TASKS_INGESTED, &[]);
    let running = tokio::spawn(gauges.run(kept, shutdown.clone()));
    super::eventually("the gauge is there", || async {
        registry
            .render()
            .contains("\norchestrator_custom_model_improvement 0.125\n")
    })
    .await;
    shutdown.cancel();
    running.await.unwrap();
}
