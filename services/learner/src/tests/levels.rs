//! Levels of evidence in training data: settled once, by the analysis, when the days after are over.

use super::business::{at, days, now, report_as};
use super::exports::{completed as exported, learner, with_raw};
use super::training::{import, lines};
use super::{store, task};
use crate::business::{Settling, requested};
use crate::record::{schema, tests::completed as raw_record};
use crate::store::{NewRecord, Store};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Days ago at which the days after are over and late figures have come, just so.
const JUST: i64 = 17;
const MAIL: &str = "sales of bob@example.com";

/// A task of ann's that ended so long ago, with figures in its request.
fn ended(n: u32, days_ago: i64, status: &str, metrics: Value) -> NewRecord {
    let mut raw = raw_record();
    raw["task"]["created_at"] = json!(at(days_ago));
    raw["task"]["status"] = json!(status);
    raw["submission"]["request"] = json!(format!("request {n}"));
    raw["submission"]["business_metrics"] = metrics;
    let mut record = with_raw(n, "acme", Some(0.9), raw);
    record.finished_at = now() - TimeDelta::days(days_ago);
    record.status = status.to_owned();
    record.author = "ann".to_owned();
    record.requested = requested(task(n).0, &record.json);
    record
}

async fn report(store: &Store, points: &[Value]) {
    for part in points.chunks(500) {
        report_as(store, "acme", json!(part), "").await.unwrap();
    }
}

async fn settle(store: &Store, now: DateTime<Utc>) {
    let settling = Settling {
        store: store.clone(),
        turns: Arc::new(Semaphore::new(1)),
    };
    settling.settle(now, &CancellationToken::new()).await.unwrap();
}

async fn file(store: &Store) -> Vec<u8> {
    exported(&learner(store), json!({})).await.1
}

async fn metrics(store: &Store, n: u32) -> Value {
    let records = lines(&file(store).await);
    let record = records.iter().find(|record| record["record_id"] == json!(task(n)));
    record.unwrap()["business_metrics"].clone()
}

/// A task that lifted one shop's sales beside 20 that it did not touch.
async fn lifted(store: &Store) {
    store
        .keep(vec![ended(1, JUST, "completed", json!({MAIL: 3}))])
        .await
        .unwrap();
    let mut points = days(MAIL, Some("shop"), JUST, [100.0, 140.0], 2.5);
    for n in 0..20_i32 {
        let segment = format!("other {n}");
        let began = JUST - i64::from(n % 3);
        let levels = [50.0, 50.0 + f64::from(n % 4)];
        points.extend(days(MAIL, Some(&segment), began, levels, 3.0 + f64::from(n)));
    }
    points.extend(days("visits", None, JUST, [10.0, 30.0], 0.3));
    points.push(json!({"name": MAIL, "segment": "shop", "task_id": task(1), "at": at(3), "value": 140}));
    points.push(json!({"name": "visits", "task_id": task(1), "at": at(3), "value": 30}));
    report(store, &points).await;
}

#[tokio::test]
async fn a_level_is_in_the_record_when_the_days_after_are_over_not_before_and_stays_as_it_was_settled() {
    let store = store().await;
    lifted(&store).await;
    store
        .keep(vec![ended(2, JUST, "failed", json!({"visits": 4}))])
        .await
        .unwrap();
    settle(&store, now() - TimeDelta::days(1)).await;
    let bare = json!({"sales of <email_1>": {"value": 3.0, "level": null}});
    assert_eq!(metrics(&store, 1).await, bare);

    settle(&store, now()).await;
    let told = metrics(&store, 1).await;
    let sales = &told["sales of <email_1>"];
    assert_eq!(
        (&sales["value"], &sales["level"], &sales["segment"]),
        (&json!(3.0), &json!(2), &json!("shop")),
        "{told:#}"
    );
    let statement = sales["statement"].as_str().unwrap();
    assert!(
        statement.contains("<email_1>")
            && statement.contains(&format!("is consistent with an effect of task {}", task(1))),
        "{statement}"
    );
    let ends = [0, 1].map(|end| sales["interval"][end].as_f64().unwrap());
    let effect = sales["effect"].as_f64().unwrap();
    assert!(ends[0] < effect && effect < ends[1], "{sales}");
    // It was reported for the task, and not with its request.
    let visits = &told["visits"];
    assert_eq!(
        (&visits["value"], &visits["level"]),
        (&Value::Null, &json!(0)),
        "{visits}"
    );
    assert!(visits["after"].as_f64() > visits["before"].as_f64());
    assert_eq!(
        metrics(&store, 2).await,
        json!({"visits": {"value": 4.0, "level": null}})
    );
    let schema = jsonschema::validator_for(&schema()).unwrap();
    let written = file(&store).await;
    assert!(lines(&written).iter().all(|line| schema.is_valid(line)));

    // Whatever is told later, and however often its end is.
    let later: Vec<Value> = days(MAIL, Some("shop"), JUST, [100.0, 100.0], 9.0);
    report(&store, &later).await;
    report(
        &store,
        &[json!({"name": "visits", "task_id": task(1), "at": at(2), "value": 9})],
    )
    .await;
    store
        .keep(vec![ended(1, JUST, "completed", json!({MAIL: 3}))])
        .await
        .unwrap();
    settle(&store, now() + TimeDelta::days(30)).await;
    assert!(file(&store).await == written);
}

#[tokio::test]
async fn a_running_export_sees_the_levels_of_when_it_began() {
    let store = store().await;
    lifted(&store).await;
    file(&store).await;
    let id = service::ids::v7();
    store.create_export(id, "acme", "{}").await.unwrap();
    let mut writer = store.write_export(id, "acme").await.unwrap().unwrap();
    let selection = crate::store::Selection {
        tenant: "acme".to_owned(),
        consent: "unknown",
        ..Default::default()
    };
    assert_eq!(writer.count(&selection).await.unwrap().selected, 1);
    settle(&store, now()).await;
    writer.choose(&selection, None).await.unwrap();
    let page = writer.next().await.unwrap();
    assert_eq!(page[0].1.as_ref().unwrap().levels, None);
    drop(writer);
    assert_eq!(metrics(&store, 1).await["visits"]["level"], 0);
}

#[tokio::test]
async fn tasks_of_one_day_share_an_answer_that_names_none_of_them() {
    let store = store().await;
    let records = (1..=300).map(|n| ended(n, JUST, "completed", json!({"sales": n})));
    store.keep(records.collect()).await.unwrap();
    report(&store, &days("sales", None, JUST, [1.0, 9.0], 0.1)).await;
    settle(&store, now()).await;
    assert!(
        store
            .due_levels(now() + TimeDelta::days(999), 1)
            .await
            .unwrap()
            .is_empty()
    );
    let records = lines(&file(&store).await);
    let told = |record: &Value| record["business_metrics"]["sales"].clone();
    let first = told(&records[0]);
    assert_eq!(first["level"], 0, "{first}");
    let mut values = Vec::new();
    for record in &records {
        let mut metric = told(record);
        values.push(metric["value"].take().as_f64().unwrap() as u32);
        metric["value"] = first["value"].clone();
        assert_eq!(metric, first);
    }
    values.sort_unstable();
    assert_eq!(values, (1..=300).collect::<Vec<u32>>());
}

#[tokio::test]
async fn levels_come_back_from_an_import_as_the_same_bytes_and_figures_of_version_1_as_figures() {
    let (here, there) = (store().await, store().await);
    lifted(&here).await;
    settle(&here, now()).await;
    let bytes = file(&here).await;
    let other = learner(&there);
    assert_eq!(import(&other, &bytes).await["imported"], 1);
    for format in ["jsonl", "openai-chat", "dpo", "sharegpt", "parquet"] {
        let (_, there_bytes) = exported(&other, json!({ "format": format })).await;
        let (_, here_bytes) = exported(&learner(&here), json!({ "format": format })).await;
        assert!(there_bytes == here_bytes, "{format}");
    }
    assert_eq!(import(&other, &bytes).await["duplicates"], 1);

    let with = |change: &dyn Fn(&mut Value)| {
        let mut line = lines(&bytes).remove(0);
        line["record_id"] = json!(task(7));
        change(&mut line);
        line.to_string()
    };
    let former = with(&|line| {
        line["schema_version"] = json!(1);
        line["business_metrics"] = json!({"sales": 3.5, "visits": 4});
    });
    assert_eq!(import(&other, former.as_bytes()).await["imported"], 1);
    let records = lines(&exported(&other, json!({})).await.1);
    let record = records
        .iter()
        .find(|record| record["record_id"] == json!(task(7)))
        .unwrap();
    assert_eq!(
        (&record["schema_version"], &record["business_metrics"]),
        (
            &json!(2),
            &json!({"sales": {"value": 3.5, "level": null}, "visits": {"value": 4.0, "level": null}})
        )
    );
    // It is the same record in either version.
    for again in [former, record.to_string()] {
        assert_eq!(import(&other, again.as_bytes()).await["duplicates"], 1);
    }
    let metric = |version: u32, metric: Value| {
        with(&|line| {
            line["schema_version"] = json!(version);
            line["business_metrics"] = json!({ "sales": metric.clone() });
        })
    };
    for (line, pointer) in [
        (
            metric(1, json!({"value": 3.5, "level": null})),
            "/business_metrics/sales",
        ),
        (metric(2, json!(3.5)), "/business_metrics/sales"),
        (
            metric(2, json!({"value": 1, "level": 4})),
            "/business_metrics/sales/level",
        ),
        (
            metric(2, json!({"value": 1, "level": 2, "interval": [1]})),
            "/business_metrics/sales/interval",
        ),
    ] {
        let report = import(&other, line.as_bytes()).await;
        assert_eq!(report["errors"][0]["pointer"], pointer, "{report}");
    }
}

#[tokio::test]
async fn nothing_is_said_any_more_of_what_an_erased_user_did() {
    let store = store().await;
    lifted(&store).await;
    settle(&store, now()).await;
    let said = async || {
        let rows = store.rows_with(&task(1).to_string()).await;
        rows.into_iter().filter(|row| row.starts_with("level ")).count()
    };
    assert_eq!(said().await, 2);
    store.erase("acme", "ann", now()).await.unwrap();
    assert_eq!((said().await, file(&store).await.len()), (0, 0));
    // Whoever goes on reporting for it makes nothing come back.
    let point = json!({"name": "visits", "task_id": task(1), "at": at(1), "value": 1});
    report(&store, &[point]).await;
    settle(&store, now() + TimeDelta::days(400)).await;
    assert_eq!(said().await, 0);
}

#[tokio::test]
async fn a_metric_that_cannot_be_settled_holds_up_no_other() {
    let store = store().await;
    lifted(&store).await;
    store.break_levels_of("visits").await;
    settle(&store, now()).await;
    assert_eq!(metrics(&store, 1).await["sales of <email_1>"]["level"], 2);
    assert!(
        store.due_levels(now(), 10).await.unwrap().is_empty(),
        "it is looked at a day later"
    );
    assert_eq!(store.due_levels(now() + TimeDelta::days(2), 10).await.unwrap().len(), 1);
}
