//! Patterns on real Postgres: each task counts once, in whatever order and however often it is told of.

use super::{store, task};
use crate::feedback;
use crate::lesson::{Facts, lesson};
use crate::patterns::{Patterns, held_out};
use crate::store::{NewRecord, Store};
use chrono::{DateTime, TimeDelta};
use contracts::learner::{RecallRequest, RecallResponse, RecordFeedbackRequest, Scores};
use serde_json::{Value, json};
use service::config::{LearningConfig, OfferFrom};
use workflow::ids::TaskId;

/// A task that ran research → writer, or with an editor behind.
#[derive(Clone, Copy)]
pub struct Ended {
    pub task: TaskId,
    pub goal: &'static str,
    /// What the request says before the topic.
    pub asked: &'static str,
    pub channel: &'static str,
    /// Who asked; empty: nobody.
    pub author: &'static str,
    pub topic: &'static str,
    pub tools: &'static [&'static str],
    pub quality: f64,
    pub approved: bool,
    pub memory: &'static str,
}

pub fn ended(n: u32) -> Ended {
    Ended {
        task: task(n),
        goal: "Produce a blog post about",
        asked: "Write a blog post about",
        channel: "blog",
        author: "",
        topic: "green tea",
        tools: &["research_agent", "writer_agent"],
        quality: 0.75,
        approved: true,
        memory: "unavailable",
    }
}

impl Ended {
    pub fn record(&self) -> NewRecord {
        let key = |at: usize| format!("s{at}");
        let step = |(at, tool): (usize, &&str)| match at.checked_sub(1) {
            None => json!({"key": key(at), "tool_id": tool, "arguments": {"topic": self.topic}}),
            Some(before) => {
                json!({"key": key(at), "tool_id": tool, "arguments": {"text": {"$step": key(before), "pointer": "/text"}}})
            }
        };
        let steps: Vec<Value> = self.tools.iter().enumerate().map(step).collect();
        let status = if self.approved { "completed" } else { "rejected" };
        let action = if self.approved { "approve" } else { "reject" };
        let raw = json!({
            "task": {"status": status, "quality": {"overall": self.quality, "passed": true}, "memory": self.memory},
            "submission": {"request": format!("{} {}", self.asked, self.topic), "channels": [self.channel], "actor": self.author},
            "intent": {"goal": format!("{} {}", self.goal, self.topic)},
            "plan": {"steps": steps}, "engine": "offline",
            "gates": [{"kind": "publication", "action": action, "actor": "bob"}],
        });
        let json = raw.to_string();
        NewRecord {
            task: self.task,
            tenant: "default".to_owned(),
            status: status.to_owned(),
            quality: Some(self.quality),
            passed: Some(true),
            finished_at: DateTime::from_timestamp(1_900_000_000 + i64::from(self.task.0.as_u128() as u32), 0).unwrap(),
            facts: Facts::of(0, Some(0.5), &raw["gates"], Some(true)),
            lesson: lesson("default", &json, 0.5),
            planless: false,
            author: self.author.to_owned(),
            asked_at: None,
            taught: None,
            requested: None,
            said: Default::default(),
            json,
        }
    }
}

fn patterns(store: &Store) -> Patterns {
    let config = LearningConfig {
        hold_out_share: 0.0,
        offer_from: OfferFrom::Candidate,
        ..LearningConfig::default()
    };
    Patterns::new(store.clone(), config)
}

async fn recall(store: &Store, by: TaskId, request: &str) -> RecallResponse {
    recall_with(&patterns(store), by, request).await
}

async fn recall_with(patterns: &Patterns, by: TaskId, request: &str) -> RecallResponse {
    let tools = ["research_agent", "writer_agent", "editor_agent", "seo_agent"];
    let request = RecallRequest {
        tenant: "default".to_owned(),
        task_id: by.to_string(),
        request: request.to_owned(),
        preferences_json: "{}".to_owned(),
        tool_ids: tools.map(str::to_owned).to_vec(),
        channels: vec!["blog".to_owned()],
        user: "ann".to_owned(),
        ..RecallRequest::default()
    };
    patterns.recall(by.0, request).await.unwrap()
}

/// All patterns without their ids, which are made anew.
async fn all(store: &Store) -> Vec<Value> {
    let page = patterns(store).page("default", None, 200).await.unwrap();
    let mut found: Vec<Value> = page["patterns"].as_array().unwrap().clone();
    for pattern in &mut found {
        pattern.as_object_mut().unwrap().remove("pattern_id");
    }
    found.sort_by_key(Value::to_string);
    found
}

async fn rate(store: &Store, task: TaskId, said: Value, key: &str) -> Result<(Value, bool), feedback::FeedbackError> {
    let request = RecordFeedbackRequest {
        tenant: "default".to_owned(),
        actor: "bob".to_owned(),
        task_id: task.to_string(),
        feedback_json: said.to_string(),
        idempotency_key: key.to_owned(),
    };
    feedback::note(store, service::ids::v7(), request).await
}

#[tokio::test]
async fn order_repetition_and_a_second_study_come_to_the_same_patterns() {
    let tasks: Vec<Ended> = (1..9)
        .map(|n| Ended {
            topic: ["green tea", "coffee"][n as usize % 2],
            tools: [
                &["research_agent", "writer_agent"][..],
                &["writer_agent", "editor_agent"],
            ][n as usize % 3 % 2],
            quality: [0.5, 0.75][n as usize / 2 % 2],
            approved: n % 4 != 1,
            ..ended(n)
        })
        .collect();
    let store_one = store().await;
    for task in &tasks {
        store_one.keep(vec![task.record()]).await.unwrap();
    }
    let expected = all(&store_one).await;
    assert_eq!(expected.len(), 2, "{expected:#?}");
    assert_eq!(expected.iter().map(|p| p["evidence"].as_u64().unwrap()).sum::<u64>(), 6);

    let store_two = store().await;
    let mut batch: Vec<NewRecord> = tasks.iter().rev().map(Ended::record).collect();
    batch.extend(tasks.iter().take(3).map(Ended::record));
    store_two.keep(batch).await.unwrap();
    store_two.keep(tasks.iter().map(Ended::record).collect()).await.unwrap();
    assert_eq!(all(&store_two).await, expected);

    // As if the records had been kept before anything was learned.
    store_two.forget_patterns().await;
    assert_eq!(all(&store_two).await, Vec::<Value>::new());
    while store_two.study(0.5).await.unwrap() {}
    assert_eq!(all(&store_two).await, expected);
}

#[tokio::test]
async fn later_requests_in_other_words_are_offered_the_pattern_and_others_not() {
    let store = store().await;
    store.keep(vec![ended(1).record()]).await.unwrap();
    let requests = [
        "Write a blog article on the history of coffee",
        "Please draft a post for our shop's blog: five ways to brew",
        "New blog post, topic: sustainable packaging, friendly tone",
        "Can you produce something about matcha for the blog?",
        "generate blogpost AI trends; posts should be short",
    ];
    for (n, request) in (10..).zip(requests) {
        let recalled = recall(&store, task(n), request).await;
        assert_eq!(recalled.patterns.len(), 1, "{request}");
        let pattern = &recalled.patterns[0];
        assert_eq!((pattern.evidence, pattern.tasks, pattern.quality), (1, 1, Some(0.75)));
        assert!(pattern.plan_json.contains("$slot"), "{}", pattern.plan_json);
    }
    // Another tenant's, or one that needs a tool that is not there, is not offered.
    let ask = |tenant: &str, tools: &[&str]| RecallRequest {
        tenant: tenant.to_owned(),
        task_id: task(20).to_string(),
        request: requests[0].to_owned(),
        tool_ids: tools.iter().map(|tool| (*tool).to_owned()).collect(),
        ..RecallRequest::default()
    };
    for ask in [
        ask("other", &["research_agent", "writer_agent"]),
        ask("default", &["writer_agent"]),
    ] {
        let recalled = patterns(&store).recall(task(20).0, ask).await.unwrap();
        assert_eq!(recalled.patterns, []);
    }
}

#[tokio::test]
async fn a_pattern_is_offered_from_the_configured_state_on_and_to_no_task_held_out() {
    let store = store().await;
    store.keep(vec![ended(1).record()]).await.unwrap();
    let config = LearningConfig {
        hold_out_share: 0.0,
        ..LearningConfig::default()
    };
    let careful = Patterns::new(store.clone(), config.clone());
    assert_eq!(recall_with(&careful, task(10), "blog post").await.patterns, []);
    assert_eq!(all(&store).await[0]["state"], "candidate");
    store.keep(vec![ended(2).record()]).await.unwrap();
    assert_eq!(recall_with(&careful, task(10), "blog post").await.patterns.len(), 1);
    assert_eq!(all(&store).await[0]["state"], "trial");

    let config = LearningConfig {
        hold_out_share: 1.0,
        ..config
    };
    let withheld = recall_with(&Patterns::new(store.clone(), config), task(11), "blog post").await;
    assert!(withheld.held_out && withheld.patterns.is_empty());
    // What was withheld is compared with what was offered.
    let held_out = Ended {
        memory: "empty",
        quality: 0.5,
        ..ended(11)
    };
    let offered = Ended {
        memory: "used",
        quality: 0.75,
        ..ended(10)
    };
    store.keep(vec![held_out.record(), offered.record()]).await.unwrap();
    let pattern = &all(&store).await[0];
    assert_eq!(
        (&pattern["quality_uplift"]["value"], &pattern["quality_uplift"]["n"]),
        (&json!(0.25), &json!(2))
    );
    // Both went well.
    assert_eq!(
        (&pattern["uplift"]["value"], &pattern["uplift"]["n"]),
        (&json!(0.0), &json!(2))
    );
    assert_eq!(pattern["state"], "active", "following an offer succeeded");
    // A planning is told of both, so that it can choose.
    let told = recall_with(&careful, task(12), "blog post").await;
    let scores = |n: u64, mean: f64| move |found: &Scores| found.n == n && (found.mean - mean).abs() < 1e-9;
    let pattern = told.patterns[0].scores.unwrap();
    assert!(scores(4, 2.75 / 4.0)(&pattern), "{pattern:?}");
    assert!((pattern.deviation.unwrap() - 0.125).abs() < 1e-9, "{pattern:?}");
    let without = told.withheld.unwrap();
    assert!(scores(1, 0.5)(&without) && without.deviation.is_none(), "{without:?}");
}

#[tokio::test]
async fn scores_of_a_pattern_and_of_plans_without_it_are_compared_over_the_same_days() {
    let store = store().await;
    let days_ago = |days: i64, task: Ended| {
        let now = DateTime::from_timestamp_millis(service::clock::now_ms()).unwrap();
        NewRecord {
            finished_at: now - TimeDelta::days(days),
            ..task.record()
        }
    };
    // The least that is a success.
    let poor = |n| Ended {
        quality: 0.5,
        ..ended(n)
    };
    store
        .keep(vec![days_ago(31, poor(1)), days_ago(31, poor(2))])
        .await
        .unwrap();
    let config = LearningConfig {
        hold_out_share: 1.0,
        offer_from: OfferFrom::Candidate,
        ..LearningConfig::default()
    };
    let withholding = Patterns::new(store.clone(), config);
    for n in [10, 11] {
        recall_with(&withholding, task(n), "blog post").await;
    }
    let held_out = |n, quality| Ended {
        memory: "empty",
        tools: &["seo_agent"],
        quality,
        ..ended(n)
    };
    let without = vec![days_ago(31, held_out(10, 0.25)), days_ago(29, held_out(11, 0.75))];
    store.keep(without).await.unwrap();
    let told = recall(&store, task(12), "blog post").await;
    let pattern = told
        .patterns
        .iter()
        .find(|pattern| pattern.plan_json.contains("research_agent"))
        .unwrap();
    assert_eq!(pattern.scores, None, "what it was worth then is not compared with now");
    let without = told.withheld.unwrap();
    assert_eq!((without.n, without.mean), (1, 0.75));

    store.keep(vec![days_ago(29, ended(3))]).await.unwrap();
    let told = recall(&store, task(13), "blog post").await;
    let pattern = told
        .patterns
        .iter()
        .find(|pattern| pattern.plan_json.contains("research_agent"))
        .unwrap();
    let scores = pattern.scores.unwrap();
    assert_eq!((scores.n, scores.mean), (1, 0.75));
}

#[tokio::test]
async fn goals_in_a_models_own_words_come_to_an_active_pattern_by_default() {
    let store = store().await;
    let goals = [
        "Produce an engaging blog article that explains",
        "The customer wants to publish a well-researched post on",
        "Inform readers of the company's site about",
    ];
    for (n, goal) in (1..).zip(goals) {
        store.keep(vec![Ended { goal, ..ended(n) }.record()]).await.unwrap();
    }
    let config = LearningConfig::default();
    let by = (10..).map(task).find(|task| !held_out(task.0, config.hold_out_share));
    let recalled = recall_with(&Patterns::new(store.clone(), config), by.unwrap(), "blog post on cocoa").await;
    assert_eq!(recalled.patterns.iter().map(|p| p.evidence).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn adoption_is_told_by_the_executed_plan() {
    let store = store().await;
    store.keep(vec![ended(1).record()]).await.unwrap();
    for n in 10..14 {
        // Asking twice offers once.
        recall(&store, task(n), "blog post about cocoa").await;
        recall(&store, task(n), "blog post about cocoa").await;
    }
    let used = |n: u32, tools| {
        Ended {
            memory: "used",
            tools,
            ..ended(n)
        }
        .record()
    };
    let batch = vec![
        used(10, &["research_agent", "writer_agent"]),
        used(11, &["research_agent", "writer_agent", "editor_agent"]),
        used(12, &["seo_agent"]),
        // The answer came too late for this one, and it counts by what it ran all the same.
        ended(13).record(),
    ];
    store.keep(batch).await.unwrap();
    let patterns = all(&store).await;
    let pattern = patterns.iter().find(|p| p["offered"] != 0).unwrap();
    let counts = ["offered", "adopted", "adapted", "refused"].map(|name| pattern[name].as_u64().unwrap());
    assert_eq!(counts, [4, 2, 1, 1]);
}

#[tokio::test]
async fn bad_feedback_takes_a_success_back_whenever_it_comes_and_better_feedback_restores_it() {
    let store = store().await;
    // Before the task's end is known here.
    rate(&store, task(1), json!({"rating": 2}), "").await.unwrap();
    store.keep(vec![ended(1).record(), ended(2).record()]).await.unwrap();
    let evidence = || async { all(&store).await.first().map_or(0, |p| p["evidence"].as_u64().unwrap()) };
    assert_eq!(evidence().await, 1);
    // After it.
    rate(&store, task(2), json!({"rating": 1, "dimension": "tone"}), "")
        .await
        .unwrap();
    assert_eq!(evidence().await, 0);
    assert_eq!(recall(&store, task(10), "blog post").await.patterns, []);
    rate(&store, task(2), json!({"comment": "only words"}), "")
        .await
        .unwrap();
    rate(&store, task(2), json!({"rating": 5}), "").await.unwrap();
    assert_eq!(evidence().await, 0, "the tone is still bad");
    rate(&store, task(2), json!({"rating": 3, "dimension": "tone"}), "")
        .await
        .unwrap();
    assert_eq!(evidence().await, 1);
    let learned = all(&store).await;
    store.forget_patterns().await;
    while store.study(0.5).await.unwrap() {}
    assert_eq!(all(&store).await, learned);
}

#[tokio::test]
async fn the_oldest_success_not_withdrawn_shows_the_way() {
    let store = store().await;
    rate(&store, task(1), json!({"rating": 1}), "").await.unwrap();
    let topics = ["mud", "coffee", "cocoa"];
    let batch = (1..).zip(topics).map(|(n, topic)| Ended { topic, ..ended(n) }.record());
    store.keep(batch.collect()).await.unwrap();
    let shown = || async {
        let listed = patterns(&store).page("default", None, 1).await.unwrap();
        let id = listed["patterns"][0]["pattern_id"].as_str().unwrap().parse().unwrap();
        let whole = patterns(&store).one("default", id).await.unwrap().unwrap();
        let intent = whole["intent"].as_str().unwrap().to_owned();
        assert!(
            intent.ends_with(whole["slots"][0]["example"].as_str().unwrap()),
            "{whole}"
        );
        intent
    };
    assert_eq!(shown().await, "Produce a blog post about coffee");
    rate(&store, task(2), json!({"rating": 2}), "").await.unwrap();
    assert_eq!(shown().await, "Produce a blog post about cocoa");
    rate(&store, task(1), json!({"rating": 5}), "").await.unwrap();
    assert_eq!(shown().await, "Produce a blog post about mud");
}

#[tokio::test]
async fn feedback_under_one_key_is_noted_once() {
    let store = store().await;
    let said = json!({"rating": 4, "comment": "good"});
    let (one, other) = tokio::join!(
        rate(&store, task(1), said.clone(), "key"),
        rate(&store, task(1), said.clone(), "key")
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.0, other.0);
    assert_ne!(one.1, other.1, "one of them is the replay");
    let reused = rate(&store, task(1), json!({"rating": 5}), "key").await;
    assert!(matches!(reused, Err(feedback::FeedbackError::KeyReused)));
    let of_another = rate(&store, task(2), said, "key").await;
    assert!(matches!(of_another, Err(feedback::FeedbackError::KeyReused)));
    for bad in [
        json!({}),
        json!({"rating": 6}),
        json!({"rating": 3, "mood": 1}),
        json!({"comment": "\u{0}"}),
    ] {
        let refused = rate(&store, task(1), bad.clone(), "").await;
        assert!(matches!(refused, Err(feedback::FeedbackError::Unreadable(_))), "{bad}");
    }
}

#[tokio::test]
async fn patterns_are_listed_in_pages_and_shown_whole() {
    let store = store().await;
    let goals: [(_, &[&str]); 3] = [
        ("Write a poem about", &["research_agent", "writer_agent"]),
        ("Translate a text about", &["writer_agent"]),
        ("Check facts about", &["research_agent"]),
    ];
    for (n, (goal, tools)) in (1..).zip(goals) {
        let task = Ended {
            goal,
            tools,
            ..ended(n)
        };
        store.keep(vec![task.record()]).await.unwrap();
    }
    let patterns = patterns(&store);
    let first = patterns.page("default", None, 2).await.unwrap();
    let cursor = first["next_cursor"].as_str().unwrap().parse().unwrap();
    let second = patterns.page("default", Some(cursor), 2).await.unwrap();
    assert_eq!(
        (first["patterns"].as_array().unwrap().len(), &second["next_cursor"]),
        (2, &Value::Null)
    );
    let last = &second["patterns"][0];
    assert_eq!(last["intent"], "Write a poem about green tea");
    assert_eq!(last["evidence_tasks"], json!([task(1)]));
    let id = last["pattern_id"].as_str().unwrap().parse().unwrap();
    let whole = patterns.one("default", id).await.unwrap().unwrap();
    assert_eq!(whole["plan"]["steps"][1]["tool_id"], "writer_agent");
    assert_eq!(whole["slots"][0]["name"], "topic");
    assert_eq!(patterns.one("other", id).await.unwrap(), None);
    assert_eq!(patterns.page("other", None, 2).await.unwrap()["patterns"], json!([]));
}
