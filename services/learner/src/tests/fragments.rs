//! Parts of plans on real Postgres: found where plans differ, offered, followed, taken back.

use super::learning::{Ended, ended};
use super::{store, task};
use crate::patterns::Patterns;
use crate::store::{NewRecord, Store};
use chrono::DateTime;
use contracts::learner::{RecallRequest, RecallResponse, RecordFeedbackRequest};
use serde_json::{Value, json};
use service::config::{LearningConfig, OfferFrom};
use uuid::Uuid;
use workflow::plan::{Plan, similarity};

/// Three plans that begin the same way, each for another topic.
const PLANS: [(&[&str], &str); 3] = [
    (
        &["research_agent", "writer_agent", "editor_agent", "post_mail"],
        "green tea",
    ),
    (&["research_agent", "writer_agent", "editor_agent", "seo_agent"], "bees"),
    (
        &["research_agent", "writer_agent", "editor_agent", "chart_agent"],
        "winter tyres",
    ),
];
const COMMON: [&str; 3] = ["research_agent", "writer_agent", "editor_agent"];

fn three() -> Vec<Ended> {
    let plans = (1..).zip(PLANS);
    plans
        .map(|(n, (tools, topic))| Ended {
            tools,
            topic,
            ..ended(n)
        })
        .collect()
}

fn records(ended: &[Ended]) -> Vec<NewRecord> {
    ended.iter().map(Ended::record).collect()
}

fn patterns(store: &Store) -> Patterns {
    let config = LearningConfig {
        hold_out_share: 0.0,
        offer_from: OfferFrom::Candidate,
        ..LearningConfig::default()
    };
    Patterns::new(store.clone(), config)
}

/// All patterns of a kind, without their ids.
async fn all(store: &Store, kind: &str) -> Vec<Value> {
    let page = patterns(store).page("default", None, 200).await.unwrap();
    let mut found = page["patterns"].as_array().unwrap().clone();
    found.retain(|pattern| pattern["kind"] == kind);
    for pattern in &mut found {
        pattern.as_object_mut().unwrap().remove("pattern_id");
    }
    found.sort_by_key(Value::to_string);
    found
}

fn tools(pattern: &Value) -> Vec<&str> {
    let steps = pattern["steps"].as_array().unwrap().iter();
    steps.map(|step| step["tool_id"].as_str().unwrap()).collect()
}

async fn recall(store: &Store, n: u32, tools: &[&str]) -> RecallResponse {
    let request = RecallRequest {
        tenant: "default".to_owned(),
        task_id: task(n).to_string(),
        request: "Write a blog post about cocoa".to_owned(),
        tool_ids: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        channels: vec!["blog".to_owned()],
        ..RecallRequest::default()
    };
    patterns(store).recall(task(n).0, request).await.unwrap()
}

#[tokio::test]
async fn what_three_plans_share_is_a_pattern_whatever_the_order_and_the_parts_of_it_are_none() {
    let store_one = store().await;
    let tasks = three();
    store_one.keep(records(&tasks[..2])).await.unwrap();
    assert_eq!(
        all(&store_one, "fragment").await,
        Vec::<Value>::new(),
        "two intents are too few"
    );
    store_one.keep(records(&tasks[2..])).await.unwrap();
    let expected = all(&store_one, "fragment").await;
    assert_eq!(
        expected.iter().map(tools).collect::<Vec<_>>(),
        [COMMON],
        "{expected:#?}"
    );
    let counts = ["evidence", "offered"].map(|name| expected[0][name].as_u64().unwrap());
    assert_eq!(counts, [3, 0]);
    assert_eq!(all(&store_one, "plan").await.len(), 3);
    assert!(store_one.signs_are_sums().await);

    let store_two = store().await;
    let mut batch = records(&tasks);
    batch.reverse();
    batch.extend(records(&tasks));
    store_two.keep(batch).await.unwrap();
    assert_eq!(all(&store_two, "fragment").await, expected);
    // As if the records had been kept before anything was learned.
    store_two.forget_patterns().await;
    while store_two.study(0.5).await.unwrap() {}
    assert_eq!(all(&store_two, "fragment").await, expected);
    // As if an earlier version had learned whole plans from them, and no parts.
    store_two.forget_parts().await;
    assert_eq!(all(&store_two, "fragment").await, Vec::<Value>::new());
    while store_two.study(0.5).await.unwrap() {}
    assert_eq!(all(&store_two, "fragment").await, expected);
    assert!(store_two.signs_are_sums().await);
}

#[tokio::test]
async fn what_tells_no_more_than_something_larger_or_the_same_few_is_no_pattern() {
    // One plan for three intents: the whole says it all.
    let store_one = store().await;
    let same = three().into_iter().map(|task| Ended {
        tools: PLANS[0].0,
        ..task
    });
    store_one.keep(records(&same.collect::<Vec<_>>())).await.unwrap();
    assert_eq!(all(&store_one, "fragment").await, Vec::<Value>::new());

    // Three plans, one intent, nobody known who asked.
    let store_two = store().await;
    let one_intent: Vec<Ended> = three()
        .into_iter()
        .map(|task| Ended { topic: "bees", ..task })
        .collect();
    store_two.keep(records(&one_intent)).await.unwrap();
    assert_eq!(all(&store_two, "fragment").await, Vec::<Value>::new());
    // The same intent of three users is support.
    let users = one_intent.into_iter().zip(["ann", "bob", "eve"]).zip(11..);
    let users = users.map(|((task, author), n)| Ended {
        author,
        task: super::task(n),
        ..task
    });
    store_two.keep(records(&users.collect::<Vec<_>>())).await.unwrap();
    assert_eq!(
        all(&store_two, "fragment").await.iter().map(tools).collect::<Vec<_>>(),
        [COMMON]
    );

    // What failed is no support, and what is the whole plan wherever it went well is no part.
    let store_three = store().await;
    let mut tasks = three();
    tasks[2].approved = false;
    store_three.keep(records(&tasks)).await.unwrap();
    assert_eq!(all(&store_three, "fragment").await, Vec::<Value>::new());
    let whole = Ended {
        tools: &COMMON,
        topic: "chess",
        ..ended(4)
    };
    let wholes = [
        Ended {
            task: task(5),
            topic: "bees",
            ..whole
        },
        Ended {
            task: task(6),
            topic: "sourdough",
            ..whole
        },
        whole,
    ];
    let store_four = store().await;
    store_four.keep(records(&wholes)).await.unwrap();
    assert_eq!(all(&store_four, "fragment").await, Vec::<Value>::new());
    // One such success among others hides nothing: two failed to be enough, three are.
    store_three.keep(records(&wholes[2..])).await.unwrap();
    let parts = all(&store_three, "fragment").await;
    assert_eq!(parts.iter().map(tools).collect::<Vec<_>>(), [COMMON]);
}

#[tokio::test]
async fn a_part_that_is_followed_to_the_letter_is_adopted_and_so_is_one_that_is_shown_no_more() {
    let store = store().await;
    store.keep(records(&three())).await.unwrap();
    let usable = ["research_agent", "writer_agent", "editor_agent", "translator_agent"];
    for n in [101, 102] {
        let offered = recall(&store, n, &usable).await.patterns;
        assert_eq!(
            offered.iter().map(|p| p.kind.as_str()).collect::<Vec<_>>(),
            ["fragment"]
        );
    }
    let follow = async |n: u32, tools: &'static [&'static str]| {
        let ran = Ended {
            tools,
            memory: "used",
            ..ended(n)
        };
        store.keep(records(&[ran])).await.unwrap();
    };
    let rate = async |rating: u8| {
        let request = RecordFeedbackRequest {
            tenant: "default".to_owned(),
            actor: "bob".to_owned(),
            task_id: task(2).to_string(),
            feedback_json: json!({"rating": rating}).to_string(),
            idempotency_key: String::new(),
        };
        crate::feedback::note(&store, service::ids::v7(), request)
            .await
            .unwrap();
    };
    let part = async || {
        let mut parts = all(&store, "fragment").await;
        parts.retain(|part| tools(part) == COMMON);
        parts.pop()
    };
    follow(101, &COMMON).await;
    let shown = part().await.unwrap();
    assert_eq!(
        (&shown["adopted"], &shown["state"]),
        (&json!(1), &json!("active")),
        "{shown:#}"
    );
    // The second is in flight while the part is taken back.
    rate(1).await;
    assert_eq!(part().await, None);
    follow(
        102,
        &["research_agent", "writer_agent", "editor_agent", "translator_agent"],
    )
    .await;
    rate(5).await;
    let shown = part().await.unwrap();
    let counts = ["adopted", "adapted", "refused"].map(|name| shown[name].as_u64().unwrap());
    assert_eq!(counts, [2, 0, 0], "{shown:#}");
}

#[tokio::test]
async fn what_a_learner_of_before_takes_back_or_erases_is_put_right_by_the_next_study() {
    let store = store().await;
    store.keep(records(&three())).await.unwrap();
    let fourth = Ended {
        tools: &["research_agent", "writer_agent", "editor_agent", "tone_agent"],
        topic: "chess",
        ..ended(4)
    };
    store.keep(records(&[fourth])).await.unwrap();
    store.withdraw_as_before(task(2).0).await;
    store.erase_as_before(task(1).0).await;
    while store.study(0.5).await.unwrap() {}
    assert_eq!(all(&store, "fragment").await, Vec::<Value>::new(), "two are too few");
    assert!(store.signs_are_sums().await);
    for trace in [task(1).to_string(), "green tea".to_owned()] {
        assert_eq!(store.rows_with(&trace).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_strangers_part_is_offered_once_somebody_vouched_or_it_is_shown_as_a_task_did_it() {
    let other = store().await;
    other.keep(records(&three())).await.unwrap();
    let (lines, _) = patterns(&other)
        .exported("default", Uuid::nil())
        .await
        .unwrap()
        .unwrap();
    let line = lines.lines().find(|line| line.contains("\"fragment\":true")).unwrap();
    let line = line.replace("green tea", "what a stranger says");
    let store = store().await;
    patterns(&store)
        .import("default", "bob", line.as_bytes(), "")
        .await
        .unwrap();
    let usable = ["research_agent", "writer_agent", "editor_agent", "translator_agent"];
    let offered = async |n: u32| -> Vec<String> {
        let offered = recall(&store, n, &usable).await.patterns;
        offered.into_iter().map(|pattern| pattern.intent).collect()
    };
    let tasks = three();
    store.keep(records(&tasks[..1])).await.unwrap();
    assert_eq!(
        offered(101).await,
        Vec::<String>::new(),
        "one success shows none of its own"
    );
    store.keep(records(&tasks[1..])).await.unwrap();
    assert_eq!(offered(102).await, ["Produce a blog post about green tea"]);
}

#[tokio::test]
async fn records_to_be_read_are_found_by_an_index_for_each_reason() {
    let way = store().await.way_to_unread(20_000).await;
    for index in ["record_unstudied", "record_without_author", "record_unmined"] {
        assert!(way.contains(index), "{index}: {way}");
    }
    assert!(!way.contains("Seq Scan on record"), "{way}");
}

#[tokio::test]
async fn a_part_is_offered_where_no_whole_plan_fits_and_followed_by_plans_that_have_it_within() {
    let store = store().await;
    store.keep(records(&three())).await.unwrap();
    // Where a whole plan is offered, what it has within is not told again.
    let beside = recall(&store, 100, PLANS[0].0).await;
    assert_eq!(
        beside.patterns.iter().map(|p| p.kind.as_str()).collect::<Vec<_>>(),
        ["plan"]
    );
    // None of the whole plans can be made with these tools.
    let usable = ["research_agent", "writer_agent", "editor_agent", "translator_agent"];
    for n in 101..104 {
        let offered = recall(&store, n, &usable).await.patterns;
        assert_eq!(
            offered.iter().map(|p| p.kind.as_str()).collect::<Vec<_>>(),
            ["fragment"]
        );
    }
    let offered = recall(&store, 101, &usable).await.patterns.remove(0);
    assert_eq!((offered.evidence, offered.tasks), (3, 3));
    let longer: &[&str] = &[
        "research_agent",
        "writer_agent",
        "editor_agent",
        "translator_agent",
        "tone_agent",
        "seo_agent",
    ];
    let ran = |n, tools| {
        Ended {
            tools,
            memory: "used",
            ..ended(n)
        }
        .record()
    };
    let batch = [
        ran(101, longer),
        ran(102, &["research_agent", "writer_agent", "translator_agent"]),
        ran(103, &["translator_agent"]),
    ];
    // By how alike the two are, the plan that has all of it within would have taken only half of it over.
    let whole = batch[0].lesson.as_ref().unwrap().plan.clone();
    let template: Plan = serde_json::from_str(&offered.plan_json).unwrap();
    assert!(similarity(&template, &whole) < 0.8);
    store.keep(batch.to_vec()).await.unwrap();
    let parts = all(&store, "fragment").await;
    // Two of its steps went without the third, and are a part of their own now.
    let known: Vec<_> = parts
        .iter()
        .map(|part| (tools(part), part["evidence"].clone()))
        .collect();
    assert_eq!(known.len(), 2, "{known:?}");
    assert!(known.contains(&(COMMON[..2].to_vec(), json!(5))), "{known:?}");
    let part = parts.iter().find(|part| tools(part) == COMMON).unwrap();
    let counts = ["offered", "adopted", "adapted", "refused"].map(|name| part[name].as_u64().unwrap());
    assert_eq!((counts, &part["state"]), ([3, 1, 1, 1], &json!("active")), "{part:#}");
    assert_eq!(part["evidence"], 4, "the task that followed it ran it, too");

    // What a step takes from outside of the part is a slot, and the part comes back from a file as the same.
    let (lines, _) = patterns(&store)
        .exported("default", Uuid::nil())
        .await
        .unwrap()
        .unwrap();
    let line = lines.lines().find(|line| line.contains("\"fragment\":true")).unwrap();
    let again = patterns(&store)
        .import("default", "bob", line.as_bytes(), "")
        .await
        .unwrap()
        .0;
    assert_eq!((&again["known"], &again["refused"]), (&json!(1), &json!(0)), "{again}");
}

#[tokio::test]
async fn a_part_is_taken_back_with_the_success_it_needs_and_with_the_user_it_came_from() {
    let store = store().await;
    let mut tasks = three();
    tasks[0].author = "ann";
    store.keep(records(&tasks)).await.unwrap();
    assert_eq!(all(&store, "fragment").await.len(), 1);
    let rate = async |rating: u8| {
        let request = RecordFeedbackRequest {
            tenant: "default".to_owned(),
            actor: "bob".to_owned(),
            task_id: task(2).to_string(),
            feedback_json: json!({"rating": rating}).to_string(),
            idempotency_key: String::new(),
        };
        crate::feedback::note(&store, service::ids::v7(), request)
            .await
            .unwrap();
    };
    let learned = all(&store, "fragment").await;
    rate(1).await;
    assert_eq!(all(&store, "fragment").await, Vec::<Value>::new());
    assert!(store.signs_are_sums().await);
    rate(5).await;
    assert_eq!(all(&store, "fragment").await, learned);

    // Another task makes up for the one that is erased, and shows the way.
    let fourth = Ended {
        tools: &["research_agent", "writer_agent", "editor_agent", "tone_agent"],
        topic: "chess",
        ..ended(4)
    };
    store.keep(records(&[fourth])).await.unwrap();
    assert_eq!(
        all(&store, "fragment").await[0]["intent"],
        "Produce a blog post about green tea"
    );
    let now = DateTime::from_timestamp(2_000_000_000, 0).unwrap();
    store.erase("default", "ann", now).await.unwrap();
    let left = all(&store, "fragment").await;
    assert_eq!(
        (&left[0]["intent"], &left[0]["evidence"]),
        (&json!("Produce a blog post about bees"), &json!(3))
    );
    assert!(store.signs_are_sums().await);
    for trace in [task(1).to_string(), "green tea".to_owned()] {
        assert_eq!(store.rows_with(&trace).await, Vec::<String>::new());
    }
    let expected = all(&store, "fragment").await;
    store.forget_patterns().await;
    while store.study(0.5).await.unwrap() {}
    assert_eq!(all(&store, "fragment").await, expected);
}

#[tokio::test]
async fn a_pattern_whose_address_the_request_does_not_give_is_not_offered() {
    let store = store().await;
    let page = Ended {
        asked: "Write a blog post about the page",
        goal: "Produce a blog post about the page",
        topic: "https://shop.example/tea",
        ..ended(1)
    };
    store.keep(records(&[page])).await.unwrap();
    let ask = async |n: u32, request: &str| {
        let request = RecallRequest {
            tenant: "default".to_owned(),
            task_id: task(n).to_string(),
            request: request.to_owned(),
            tool_ids: vec!["research_agent".to_owned(), "writer_agent".to_owned()],
            ..RecallRequest::default()
        };
        patterns(&store)
            .recall(task(n).0, request)
            .await
            .unwrap()
            .patterns
            .len()
    };
    assert_eq!(ask(10, "Write a blog post about the page of our shop").await, 0);
    assert_eq!(ask(11, "Write a blog post about the page shop.example/coffee").await, 1);
}
