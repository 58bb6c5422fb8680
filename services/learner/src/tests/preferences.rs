//! Preferences on real Postgres: learned once a task, answered as of a time, and erased for good.

use super::learning::ended;
use super::{store, task};
use crate::business::take;
use crate::export::{Exports, parse};
use crate::feedback;
use crate::ingest::head;
use crate::patterns::Patterns;
use crate::preferences::Preferences;
use crate::store::{NewRecord, Store};
use chrono::{DateTime, TimeDelta, Utc};
use contracts::coordinator::Record;
use contracts::learner::{
    EraseUserRequest, ListPreferencesRequest, RecallRequest, RecordBusinessMetricsRequest, RecordFeedbackRequest,
    RetractPreferenceRequest, StatePreferencesRequest,
};
use serde_json::{Map, Value, json};
use service::config::LearningConfig;
use std::collections::{BTreeMap, BTreeSet};
use tokio_util::sync::CancellationToken;
use workflow::ids::TaskId;

fn moment(hour: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + 3600 * hour, 0).unwrap()
}

fn text(at: DateTime<Utc>) -> String {
    service::clock::rfc3339(at.timestamp_millis())
}

/// The n-th task of somebody who wanted a tone; approved by them, with what they made of the draft.
fn asked(n: u32, user: &str, tone: &str, edit: Option<[&str; 2]>) -> NewRecord {
    let of = ended(n);
    let mut raw: Value = serde_json::from_str(&of.record().json).unwrap();
    let at = |hour: i64| text(moment(i64::from(n) + hour));
    raw["task"]["created_at"] = json!(at(0));
    raw["task"]["finished_at"] = json!(at(1));
    raw["submission"]["actor"] = json!(user);
    raw["submission"]["preferences"] = json!({ "tone": tone });
    raw["gates"][0]["actor"] = json!(user);
    raw["gates"][0]["decided_at"] = json!(at(1));
    raw["plan"]["steps"][0]["arguments"]["tone"] = json!(tone);
    if let Some([before, after]) = edit {
        raw["deliverables"] = json!([{"channel": "blog", "content": after}]);
        raw["drafts"] = json!([{"channel": "blog", "content": before}]);
        raw["gates"][0]["action"] = json!("edit");
    }
    read(of.task, "default", &raw)
}

fn read(task: TaskId, tenant: &str, raw: &Value) -> NewRecord {
    let record = Record {
        task_id: task.to_string(),
        tenant: tenant.to_owned(),
        json: raw.to_string(),
    };
    head::read(task, record, 0.5).unwrap()
}

fn preferences(store: &Store) -> Preferences {
    let editors = BTreeSet::from(["ann", "bob"].map(str::to_owned));
    Preferences::new(store.clone(), BTreeMap::from([("editors".to_owned(), editors)]))
}

fn of(user: &str) -> ListPreferencesRequest {
    ListPreferencesRequest {
        tenant: "default".to_owned(),
        user: user.to_owned(),
        ..ListPreferencesRequest::default()
    }
}

async fn held(store: &Store, request: ListPreferencesRequest) -> Vec<Value> {
    let document = preferences(store).list(&request, moment(10_000)).await.unwrap();
    document["items"].as_array().unwrap().clone()
}

fn shown(items: &[Value]) -> Vec<String> {
    let line = |item: &Value| {
        let part = |name: &str| item[name].to_string().replace('"', "");
        format!("{}={} {} {}", part("key"), part("value"), part("source"), part("scope"))
    };
    items.iter().map(line).collect()
}

async fn state(store: &Store, by: &str, scope: &str, values: Value, at: DateTime<Utc>) -> Result<Value, String> {
    let request = StatePreferencesRequest {
        tenant: "default".to_owned(),
        actor: by.to_owned(),
        scope: scope.to_owned(),
        team: if scope == "team" { "editors" } else { "" }.to_owned(),
        preferences_json: values.to_string(),
        since: String::new(),
    };
    let stated = preferences(store).state(&request, at).await;
    stated.map_err(|error| error.to_string())
}

async fn rate(store: &Store, task: TaskId, by: &str, said: Value) {
    let request = RecordFeedbackRequest {
        tenant: "default".to_owned(),
        actor: by.to_owned(),
        task_id: task.to_string(),
        feedback_json: said.to_string(),
        idempotency_key: String::new(),
    };
    feedback::note(store, service::ids::v7(), request).await.unwrap();
}

async fn recall(store: &Store, task: TaskId, user: &str, own: Value, held_out: bool) -> Map<String, Value> {
    let request = RecallRequest {
        tenant: "default".to_owned(),
        task_id: task.to_string(),
        request: "write".to_owned(),
        preferences_json: own.to_string(),
        user: user.to_owned(),
        ..RecallRequest::default()
    };
    let told = preferences(store)
        .recall(task.0, &request, held_out, moment(10_000))
        .await
        .unwrap();
    serde_json::from_str(&told).unwrap()
}

#[tokio::test]
async fn a_task_teaches_once_in_whatever_order_and_however_often_it_is_told_of() {
    let edit = Some(["Tea is #good for you.", "Tea is good for you."]);
    let records = || (1..9).map(|n| asked(n, "ann", "dry", edit.filter(|_| n > 4)));
    let in_order = store().await;
    for record in records() {
        in_order.keep(vec![record.clone()]).await.unwrap();
        rate(&in_order, record.task, "bob", json!({"rating": 5})).await;
    }
    let expected = in_order.all_statements().await;
    assert_eq!(
        expected.len(),
        8 + 4 + 8 + 8,
        "wishes, edits, approvals and ratings: {expected:#?}"
    );

    let otherwise = store().await;
    for record in records() {
        rate(&otherwise, record.task, "bob", json!({"rating": 5})).await;
    }
    let mut backwards: Vec<NewRecord> = records().collect();
    backwards.reverse();
    otherwise.keep(backwards.clone()).await.unwrap();
    otherwise.keep(backwards).await.unwrap();
    assert_eq!(otherwise.all_statements().await, expected);
    otherwise.forget_patterns().await;
    while otherwise.study(0.5).await.unwrap() {}
    assert_eq!(otherwise.all_statements().await, expected, "studied again");
    assert_eq!(
        shown(&held(&otherwise, of("ann")).await),
        ["blog.hashtags=none edit user", "tone=dry rating user"]
    );
}

#[tokio::test]
async fn what_is_stated_holds_until_it_is_taken_back_and_is_answered_for_its_time() {
    let store = store().await;
    state(
        &store,
        "ann",
        "user",
        json!({"tone": "formal", "max_words": 300}),
        moment(10),
    )
    .await
    .unwrap();
    state(&store, "ann", "user", json!({"tone": "warm"}), moment(20))
        .await
        .unwrap();
    state(
        &store,
        "bob",
        "team",
        json!({"tone": "loud", "audience": "gardeners"}),
        moment(20),
    )
    .await
    .unwrap();
    state(&store, "bob", "tenant", json!({"tone": "plain"}), moment(20))
        .await
        .unwrap();
    assert_eq!(
        shown(&held(&store, of("ann")).await),
        [
            "audience=gardeners explicit team",
            "max_words=300 explicit user",
            "tone=warm explicit user",
            "tone=loud explicit team",
            "tone=plain explicit tenant",
        ]
    );
    assert_eq!(shown(&held(&store, of("eve")).await), ["tone=plain explicit tenant"]);
    let then = ListPreferencesRequest {
        at: text(moment(15)),
        scope: "user".to_owned(),
        key: "tone".to_owned(),
        ..of("ann")
    };
    assert_eq!(shown(&held(&store, then).await), ["tone=formal explicit user"]);

    let retract = |key: &str| RetractPreferenceRequest {
        tenant: "default".to_owned(),
        actor: "ann".to_owned(),
        scope: "user".to_owned(),
        team: String::new(),
        key: key.to_owned(),
    };
    let own = preferences(&store);
    own.retract(&retract("tone"), moment(30)).await.unwrap();
    assert!(
        own.retract(&retract("tone"), moment(31)).await.is_err(),
        "nothing is stated any more"
    );
    let past = ListPreferencesRequest {
        scope: "user".to_owned(),
        key: "tone".to_owned(),
        history: true,
        ..of("ann")
    };
    let past = held(&store, past).await;
    let past: Vec<String> = past[0]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|past| format!("{} {}", past["value"], past["invalid_at"]).replace('"', ""))
        .collect();
    let ended = |hour| text(moment(hour));
    assert_eq!(
        past,
        [
            "null null".to_owned(),
            format!("warm {}", ended(30)),
            format!("formal {}", ended(20))
        ]
    );
}

#[tokio::test]
async fn what_holds_is_told_however_much_was_stated_since() {
    let store = store().await;
    state(&store, "ann", "user", json!({"tone": "formal"}), moment(0))
        .await
        .unwrap();
    for n in 1..=35 {
        let named = (0..30).map(|k| (format!("k{k}"), json!(n)));
        let stated = Value::Object(named.collect());
        state(&store, "ann", "user", stated, moment(n)).await.unwrap();
    }
    for history in [false, true] {
        let asked = ListPreferencesRequest { history, ..of("ann") };
        let found = shown(&held(&store, asked).await);
        assert_eq!(found.len(), 31, "{found:?}");
        assert!(found.contains(&"tone=formal explicit user".to_owned()));
    }
}

#[tokio::test]
async fn what_cannot_be_stated_is_refused_and_nothing_of_it_kept() {
    let store = store().await;
    let many = |from: usize| -> Value {
        let named = (from..from + 40).map(|n| (format!("k{n}"), json!(1)));
        Value::Object(named.collect())
    };
    state(&store, "ann", "user", many(0), moment(1)).await.unwrap();
    let more = state(&store, "ann", "user", many(40), moment(2)).await;
    assert!(more.unwrap_err().contains("64"));
    assert_eq!(held(&store, of("ann")).await.len(), 40);
    assert!(
        state(&store, "eve", "team", json!({"a": 1}), moment(1)).await.is_err(),
        "no member"
    );
    let long = state(&store, "ann", "user", json!({"a": "x".repeat(1023)}), moment(1)).await;
    assert!(long.unwrap_err().contains("1024 bytes"));
    assert!(state(&store, "ann", "world", json!({"a": 1}), moment(1)).await.is_err());
    assert!(
        state(&store, "ann", "user", json!({"a": null}), moment(1))
            .await
            .is_err()
    );
    assert!(
        state(&store, "ann", "user", json!({"a": "\0"}), moment(1))
            .await
            .is_err()
    );
    let early = state(&store, "ann", "user", json!({"k1": 2}), moment(0)).await;
    assert!(early.unwrap_err().contains("later"), "a later word is known");
    let again = state(&store, "ann", "user", json!({"k1": 1, "k2": 2}), moment(3))
        .await
        .unwrap();
    assert_eq!(again["stated"], 1, "what holds already is not stated again");
}

#[tokio::test]
async fn a_planning_is_told_what_its_request_leaves_open_and_held_out_only_what_people_stated() {
    let store = store().await;
    for n in 1..10 {
        store.keep(vec![asked(n, "ann", "dry", None)]).await.unwrap();
    }
    state(
        &store,
        "ann",
        "user",
        json!({"audience": "gardeners", "channels": ["blog"]}),
        moment(20),
    )
    .await
    .unwrap();
    let keys = |told: &Map<String, Value>| told.keys().cloned().collect::<Vec<_>>();
    let told = recall(&store, task(50), "ann", json!({}), false).await;
    assert_eq!(keys(&told), ["audience", "tone"]);
    assert_eq!(
        (&told["tone"]["value"], &told["tone"]["source"]),
        (&json!("dry"), &json!("rating"))
    );
    assert_eq!(
        keys(&recall(&store, task(51), "ann", json!({"tone": "warm"}), false).await),
        ["audience"]
    );
    assert_eq!(
        keys(&recall(&store, task(52), "ann", json!({}), true).await),
        ["audience"]
    );
    for part in ["a", "b", "c"] {
        let long = (0..7).map(|n| (format!("{part}{n}"), json!("x".repeat(1000))));
        let long = Value::Object(long.collect());
        state(&store, "bob", "tenant", long, moment(21)).await.unwrap();
    }
    let told = recall(&store, task(55), "ann", json!({}), false).await;
    let bytes: usize = told
        .iter()
        .map(|(key, told)| key.len() + told["value"].to_string().len())
        .sum();
    assert!((15 * 1024..=16 * 1024).contains(&bytes), "{bytes}");
    let stated = told.values().filter(|told| told["source"] == "explicit").count();
    assert!(stated == 17 && told.contains_key("audience") && told.contains_key("tone"));
    assert_eq!(recall(&store, task(53), "eve", json!({}), false).await.len(), 16);
    assert!(recall(&store, task(54), "", json!({}), false).await.is_empty());
}

#[tokio::test]
async fn what_became_of_a_preference_is_told_by_what_was_executed() {
    let store = store().await;
    state(
        &store,
        "ann",
        "user",
        json!({"tone": "dry", "audience": "gardeners"}),
        moment(1),
    )
    .await
    .unwrap();
    let ran = |n: u32, tone: &str, memory: &str| {
        let record = asked(n, "ann", tone, None);
        let mut raw: Value = serde_json::from_str(&record.json).unwrap();
        raw["submission"]["preferences"] = json!({});
        raw["task"]["memory"] = json!(memory);
        read(record.task, "default", &raw)
    };
    for (n, tone, memory) in [(50, "dry", "used"), (51, "loud", "used"), (52, "dry", "unavailable")] {
        recall(&store, task(n), "ann", json!({}), false).await;
        store.keep(vec![ran(n, tone, memory)]).await.unwrap();
    }
    store.keep(vec![ran(53, "dry", "used")]).await.unwrap();
    let uses: BTreeMap<String, Value> = held(&store, of("ann"))
        .await
        .into_iter()
        .map(|item| (item["key"].as_str().unwrap().to_owned(), item["uses"].clone()))
        .collect();
    assert_eq!(uses["tone"], json!({"offered": 2, "applied": 1, "violated": 1}));
    assert_eq!(
        uses["audience"],
        json!({"offered": 2, "applied": 0, "violated": 0}),
        "it cannot be told"
    );
    let approved = store.all_statements().await;
    let rated = approved.iter().filter(|line| line.contains("rating"));
    assert_eq!(rated.count(), 1, "approved was what had been heeded: {approved:#?}");
}

#[tokio::test]
async fn an_erased_user_is_gone_and_does_not_come_back() {
    let (with, without) = (store().await, store().await);
    let anns: Vec<NewRecord> = (1..6)
        .map(|n| asked(n, "annabel", "dry", Some(["Tea!", "Tea."])))
        .collect();
    let others: Vec<NewRecord> = (6..14).map(|n| asked(n, "bob", "warm", None)).collect();
    let last = others.last().unwrap().task;
    for store in [&with, &without] {
        store.keep(others.clone()).await.unwrap();
        rate(store, last, "bob", json!({"rating": 4})).await;
    }
    with.keep(anns.clone()).await.unwrap();
    rate(
        &with,
        last,
        "annabel",
        json!({"rating": 1, "comment": "annabel dislikes it"}),
    )
    .await;
    rate(
        &with,
        anns[0].task,
        "bob",
        json!({"rating": 5, "comment": "for annabel"}),
    )
    .await;
    state(&with, "annabel", "user", json!({"tone": "formal"}), moment(50))
        .await
        .unwrap();
    state(&with, "annabel", "tenant", json!({"audience": "all"}), moment(50))
        .await
        .unwrap();
    state(&without, "bob", "tenant", json!({"audience": "all"}), moment(50))
        .await
        .unwrap();
    recall(&with, task(70), "annabel", json!({}), false).await;
    let elsewhere = {
        let raw: Value = serde_json::from_str(&anns[0].json).unwrap();
        read(task(90), "other", &raw)
    };
    with.keep(vec![elsewhere.clone()]).await.unwrap();
    with.as_before_the_upgrade(anns[1].task, "\\u0000").await;
    let exports = Exports::new(with.clone(), super::exports::rules(), CancellationToken::new());
    let options = parse(r#"{"format":"jsonl"}"#).unwrap();
    for tenant in ["default", "other"] {
        exports.start(service::ids::v7(), tenant, &options).await.unwrap();
    }

    let erase = EraseUserRequest {
        tenant: "default".to_owned(),
        user: "annabel".to_owned(),
    };
    let now = moment(100);
    let erased = preferences(&with).erase(&erase, now).await.unwrap();
    let counts = &erased["erased"];
    assert_eq!(
        (&counts["records"], &counts["feedback"], &counts["exports_dropped"]),
        (&json!(5), &json!(2), &json!(1))
    );
    let again = preferences(&with).erase(&erase, now).await.unwrap();
    assert!(
        again["erased"].as_object().unwrap().values().all(|count| *count == 0),
        "{again}"
    );

    // Redelivered, caught up, or only ending now.
    let all: Vec<TaskId> = anns.iter().map(|record| record.task).collect();
    assert!(
        with.missing(&all).await.unwrap().is_empty(),
        "nobody asks for them again"
    );
    let late = asked(20, "annabel", "dry", None);
    rate(
        &with,
        late.task,
        "bob",
        json!({"rating": 5, "comment": "for annabel, too"}),
    )
    .await;
    assert_eq!(
        with.keep(anns.clone()).await.unwrap() + with.keep(vec![late]).await.unwrap(),
        0
    );
    assert!(with.missing(&[task(20)]).await.unwrap().is_empty());

    // Somebody else's task that they decided ends only now.
    let mut decided: Value = serde_json::from_str(&asked(21, "bob", "warm", Some(["Tea!", "Tea."])).json).unwrap();
    for (store, by) in [(&with, "annabel"), (&without, "nobody")] {
        decided["gates"][0]["actor"] = json!(by);
        assert_eq!(store.keep(vec![read(task(21), "default", &decided)]).await.unwrap(), 1);
    }
    let shown = with.all_statements().await;
    assert!(
        !shown.iter().any(|line| line.contains("default user annabel")),
        "{shown:#?}"
    );

    let found = with.rows_with("annabel").await;
    let found: Vec<&String> = found
        .iter()
        .filter(|row| !row.contains(&task(21).to_string()))
        .collect();
    assert!(found.iter().all(|row| row.contains("other")), "{found:#?}");
    assert_eq!(
        found.len(),
        4,
        "another tenant's user of that name: record, wish, edit and approval: {found:#?}"
    );
    for (learned, expected) in [
        (
            of_default(with.all_statements().await),
            of_default(without.all_statements().await)
                .into_iter()
                .filter(|line| !line.contains("nobody"))
                .collect(),
        ),
        (patterns(&with).await, patterns(&without).await),
    ] {
        assert_eq!(learned, expected, "as if there had never been anything");
    }

    // Who comes back is somebody new.
    let back = asked(200, "annabel", "dry", None);
    assert!(back.asked_at.unwrap() > now + TimeDelta::hours(1));
    assert_eq!(with.keep(vec![back]).await.unwrap(), 1);
}

#[tokio::test]
async fn what_an_erased_user_said_of_others_work_is_dropped_from_exports_and_events() {
    let store = store().await;
    let bobs = asked(1, "bob", "warm", None);
    let more = (2..5).map(|n| asked(n, "bob", "warm", None));
    store.keep(more.chain([bobs.clone()]).collect()).await.unwrap();
    rate(
        &store,
        bobs.task,
        "annabel",
        json!({"rating": 1, "comment": "said annabel"}),
    )
    .await;
    let exports = Exports::new(store.clone(), super::exports::rules(), CancellationToken::new());
    let options = parse(r#"{"format":"jsonl"}"#).unwrap();
    exports.start(service::ids::v7(), "default", &options).await.unwrap();
    let known = Patterns::new(store.clone(), LearningConfig::default());
    let page = known.page("default", None, 1).await.unwrap();
    let pattern = page["patterns"][0]["pattern_id"].as_str().unwrap().parse().unwrap();
    let active = r#"{"state":"active"}"#;
    known.review("default", "annabel", pattern, active).await.unwrap();
    // As JSON may have it, and the database's own may not.
    let data = json!({"actor": "annabel", "reason": "state active\0"});
    store
        .plant_event(pattern, &json!({"tenant": "default", "data": data}))
        .await;
    let erase = EraseUserRequest {
        tenant: "default".to_owned(),
        user: "annabel".to_owned(),
    };
    let point = RecordBusinessMetricsRequest {
        tenant: "default".to_owned(),
        actor: "annabel".to_owned(),
        points_json: json!([{"name": "sales", "value": 7}]).to_string(),
        ..RecordBusinessMetricsRequest::default()
    };
    take(&store, point, moment(90)).await.unwrap();
    let erased = preferences(&store).erase(&erase, moment(100)).await.unwrap();
    assert_eq!(erased["erased"]["exports_dropped"], 1);
    let points = store.rows_with("\"value\": 7").await;
    assert_eq!(points.len(), 1, "the figure stays, and names nobody: {points:?}");
    let told = store.rows_with("state active").await;
    let events: Vec<&String> = told.iter().filter(|row| row.starts_with("event")).collect();
    assert_eq!(events.len(), 1, "it is told still, of nobody: {told:#?}");
    assert_eq!(store.rows_with("annabel").await, Vec::<String>::new());
}

fn of_default(lines: Vec<String>) -> Vec<String> {
    lines.into_iter().filter(|line| line.starts_with("default ")).collect()
}

/// Without their ids, which are made anew, and without those that show nothing.
async fn patterns(store: &Store) -> Vec<String> {
    let patterns = Patterns::new(store.clone(), LearningConfig::default());
    let mut page = patterns.page("default", None, 200).await.unwrap();
    let found = page["patterns"].as_array_mut().unwrap();
    for pattern in found.iter_mut() {
        pattern.as_object_mut().unwrap().remove("pattern_id");
    }
    found.iter().map(Value::to_string).collect()
}
