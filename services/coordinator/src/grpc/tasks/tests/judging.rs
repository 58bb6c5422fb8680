//! What people decide is kept beside the scores it is about, once, and a judge they do not agree with approves nothing.

use super::world::{World, caller, code, document, planned};
use crate::store::to_db;
use contracts::coordinator::task_service_server::TaskService;
use contracts::coordinator::{Caller, DecideRequest, JudgesRequest, RateJudgementRequest};
use contracts::problem::Problem;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tonic::Request;
use workflow::judge::{Judge, Judges};
use workflow::time::{Millis, Timestamp};

/// Three decisions tell something, and of ten a judge has to be right in seven.
async fn world() -> World {
    World::with(json!({
        "policy": { "channels": ["blog"], "auto_approve": true, "auto_approve_min_quality": 0.5 },
        "quality": {
            "dimensions": { "clarity": { "weight": 1.0 }, "tone": { "weight": 1.0 } },
            "judge_floor": { "agreement": 0.7, "min_labels": 3 },
        },
    }))
    .await
}

/// As counted now.
async fn judges(world: &World) -> Value {
    world.tasks.shared.judges.forget().await;
    shown(world).await
}

async fn shown(world: &World) -> Value {
    let request = JudgesRequest {
        caller: caller(world.tenant),
    };
    document(world.tasks.get_judges(Request::new(request)).await).unwrap()
}

/// A task whose judged result waits for a person.
async fn waiting(world: &World) -> String {
    let id = world.submit(planned("Write about AI")).await;
    world.work(&id).await;
    assert_eq!(world.status(&id).await["status"], "awaiting_approval");
    id
}

/// The same, where policy may answer.
async fn automatic(world: &World) -> Value {
    let mut request = planned("Write about AI");
    request["auto_approve"] = json!(true);
    let id = world.submit(request).await;
    world.work(&id).await;
    world.status(&id).await
}

fn person(name: &str) -> Option<Caller> {
    Some(Caller {
        actor: name.to_owned(),
        ..caller("a").unwrap()
    })
}

/// Every row, `<dimension> <who>: <judge's word>, <person's>`.
async fn rows(world: &World) -> Vec<String> {
    let rows: Vec<(String, String, bool, Option<bool>)> =
        sqlx::query_as("SELECT dimension, actor, passed, good FROM judge_label ORDER BY task_id, judgement, 1, 2")
            .fetch_all(&world.tasks.shared.pool)
            .await
            .unwrap();
    let row = |(dimension, actor, passed, good): &(String, String, bool, Option<bool>)| {
        format!("{dimension} {actor}: {passed}, {good:?}")
    };
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn a_judge_that_people_do_not_agree_with_asks_them_until_they_do() {
    let mut world = world().await;
    assert_eq!(automatic(&world).await["status"], "completed");
    for _ in 0..3 {
        let id = waiting(&world).await;
        world.decide(&id, json!({ "approved": false })).await.unwrap();
    }
    let told = judges(&world).await;
    let judge = &told["items"][0];
    assert_eq!(
        (&judge["models"], &judge["may_approve"]),
        (&json!(["offline"]), &json!(false))
    );
    let figure = &judge["figures"]["overall"];
    assert_eq!(
        (&figure["agreement"]["value"], &figure["n"], &figure["kappa"]["value"]),
        (&json!(0.0), &json!(3), &Value::Null)
    );
    assert_eq!(figure["counts"]["only_judge_good"], 3);

    let held = automatic(&world).await;
    assert_eq!(
        held["status"], "awaiting_approval",
        "a human is asked, and nothing failed"
    );
    let why = held["open_gates"][0]["withheld"].as_str().unwrap().to_owned();
    assert!(why.contains("offline in 0 of 3 decisions"), "{why}");
    let id = held["task_id"].as_str().unwrap();
    assert_eq!(world.approval(id, "").await.unwrap()["withheld"], why.as_str());
    assert_eq!(world.approvals(5, "").await["items"][0]["withheld"], why.as_str());
    // Another tenant's people have said nothing.
    world.tenant = "b";
    assert_eq!(automatic(&world).await["status"], "completed");
    assert_eq!(judges(&world).await["items"], json!([]));
    world.tenant = "a";

    world.decide(id, json!({ "approved": true })).await.unwrap();
    for _ in 0..6 {
        let id = waiting(&world).await;
        world.decide(&id, json!({ "approved": true })).await.unwrap();
    }
    assert_eq!(judges(&world).await["items"][0]["may_approve"], true);
    assert_eq!(automatic(&world).await["status"], "completed", "seven of ten");
}

#[tokio::test]
async fn a_decision_is_kept_once_beside_every_score_it_is_about() {
    let world = world().await;
    let id = waiting(&world).await;
    let approve = json!({ "approved": true, "dimensions": ["tone"] });
    world.decide(&id, approve.clone()).await.unwrap();
    let again = code(world.decide(&id, approve).await);
    assert_eq!(again, (409, "already_decided".to_owned()));
    let kept = [
        "clarity ann: true, Some(true)",
        "overall ann: true, Some(true)",
        "tone ann: true, Some(false)",
    ];
    assert_eq!(rows(&world).await, kept);

    let unknown = json!({ "approved": false, "dimensions": ["style"] });
    let id = waiting(&world).await;
    let problem = world.decide(&id, unknown).await.unwrap_err();
    assert_eq!(
        (problem.status, problem.errors[0].pointer.as_str()),
        (422, "/dimensions")
    );
    let by_model = DecideRequest {
        caller: caller("a"),
        task_id: id,
        decision_json: r#"{"approved":true}"#.to_owned(),
        by_model: true,
    };
    document(world.tasks.decide(Request::new(by_model)).await).unwrap();
    assert_eq!(rows(&world).await, kept, "a model is nobody");
}

#[tokio::test]
async fn of_two_who_decide_at_once_the_first_is_the_label() {
    let world = world().await;
    for _ in 0..8 {
        sqlx::query("DELETE FROM judge_label")
            .execute(&world.tasks.shared.pool)
            .await
            .unwrap();
        let id = waiting(&world).await;
        let approve = world.decide_as(person("ann"), &id, json!({ "approved": true }));
        let revise = world.decide_as(person("bob"), &id, json!({ "approved": false, "feedback": "shorter" }));
        let (approved, revised) = tokio::join!(approve, revise);
        assert_ne!(approved.is_ok(), revised.is_ok());
        let expected: &[&str] = match approved {
            Ok(_) => &[
                "clarity ann: true, Some(true)",
                "overall ann: true, Some(true)",
                "tone ann: true, Some(true)",
            ],
            Err(_) => &["overall bob: true, Some(false)"],
        };
        assert_eq!(rows(&world).await, expected);
    }
}

/// Whether there was a score to speak about.
async fn rate(world: &World, task: &str, dimension: &str, rating: u32, at: Timestamp) -> Result<bool, Box<Problem>> {
    let request = RateJudgementRequest {
        caller: caller(world.tenant),
        task_id: task.to_owned(),
        dimension: dimension.to_owned(),
        rating,
        said_at: to_db(at).to_rfc3339(),
    };
    let answer = world.tasks.rate_judgement(Request::new(request)).await;
    Ok(answer
        .map_err(|s| Box::new(Problem::from_status(&s)))?
        .into_inner()
        .labelled)
}

#[tokio::test]
async fn of_what_a_person_says_of_the_same_score_the_last_counts_in_whatever_order_it_comes() {
    let mut world = world().await;
    let id = waiting(&world).await;
    let now = world.tasks.shared.clock.now();
    let at = |seconds| now + Millis::secs(seconds);
    for (dimension, rating, said_at, labelled) in [
        ("tone", 2, 5, true),
        ("overall", 1, 5, true),
        // Said before, and heard after.
        ("tone", 5, 3, true),
        ("clarity", 4, 5, true),
        ("clarity", 3, 6, true),
        ("style", 1, 6, false),
        // Of a version that was there before it was judged.
        ("tone", 5, -3600, false),
    ] {
        let found = rate(&world, &id, dimension, rating, at(said_at)).await.unwrap();
        assert_eq!(found, labelled, "{dimension} {rating} {said_at}");
    }
    let kept = [
        "clarity ann: true, None",
        "overall ann: true, Some(false)",
        "tone ann: true, Some(false)",
    ];
    assert_eq!(rows(&world).await, kept);
    let figures = &judges(&world).await["items"][0]["figures"];
    assert!(figures.get("clarity").is_none(), "taken back is not said: {figures}");
    assert_eq!(figures["tone"]["counts"]["only_judge_good"], 1);
    assert_eq!(rate(&world, &id, "tone", 0, at(9)).await.unwrap_err().status, 422);
    world.tenant = "b";
    assert_eq!(rate(&world, &id, "tone", 5, at(9)).await.unwrap_err().status, 404);
    world.tenant = "a";
    assert_eq!(rows(&world).await, kept);
}

#[tokio::test]
async fn who_asks_again_at_once_is_told_what_was_counted_a_moment_ago() {
    let world = world().await;
    let id = waiting(&world).await;
    assert_eq!(judges(&world).await["items"], json!([]));
    world.decide(&id, json!({ "approved": true })).await.unwrap();
    assert_eq!(
        shown(&world).await["items"],
        json!([]),
        "counting takes its share of the time"
    );
    assert_eq!(judges(&world).await["items"][0]["figures"]["overall"]["n"], 1);
}

#[tokio::test]
async fn where_what_goes_out_breaks_a_rule_a_rating_labels_dimensions_alone() {
    let world = World::with(json!({
        "policy": { "channels": ["blog"] },
        "quality": {
            "dimensions": { "clarity": { "weight": 1.0 }, "tone": { "weight": 1.0 } },
            "max_refinements": 0,
            "deliverables": [{ "required": ["no result has this"] }],
        },
    }))
    .await;
    let id = waiting(&world).await;
    let later = world.tasks.shared.clock.now() + Millis::secs(5);
    assert!(!rate(&world, &id, "overall", 1, later).await.unwrap());
    assert!(rate(&world, &id, "tone", 1, later).await.unwrap());
    assert_eq!(rows(&world).await, ["tone ann: true, Some(false)"]);
}

#[tokio::test]
async fn figures_are_what_the_rows_say_one_by_one() {
    let world = world().await;
    for (n, decision) in [
        json!({ "approved": true }),
        json!({ "approved": false, "dimensions": ["tone"] }),
        json!({ "approved": true, "edits": { "blog": "another" } }),
        json!({ "approved": true, "dimensions": ["clarity"] }),
    ]
    .into_iter()
    .enumerate()
    {
        let id = waiting(&world).await;
        world.decide_as(person(&format!("p{n}")), &id, decision).await.unwrap();
    }
    // Too old to count.
    sqlx::query(
        "INSERT INTO judge_label
         SELECT task_id, judgement, dimension, 'old', tenant, judge, score, bar, passed, good, at - interval '31 days'
         FROM judge_label",
    )
    .execute(&world.tasks.shared.pool)
    .await
    .unwrap();
    world.tasks.shared.judges.forget().await;
    let counted = world
        .tasks
        .shared
        .judges
        .refresh(&world.tasks.shared.pool)
        .await
        .unwrap();
    let rows: Vec<(String, String, String, bool, bool)> = sqlx::query_as(
        "SELECT tenant, judge, dimension, passed, good FROM judge_label WHERE at > now() - interval '30 days'",
    )
    .fetch_all(&world.tasks.shared.pool)
    .await
    .unwrap();
    assert_eq!(rows.len(), 3 + 2 + 1 + 3);
    let mut rebuilt = Judges::new(counted.floor());
    let mut by_dimension = BTreeMap::new();
    for (tenant, judge, dimension, passed, good) in rows {
        let judge: Judge = serde_json::from_str(&judge).unwrap();
        let mut one = workflow::agreement::Counts::default();
        one.add(passed, good);
        rebuilt.add(&tenant, judge, &dimension, one);
        *by_dimension.entry(dimension).or_insert(0) += 1;
    }
    assert_eq!(rebuilt, *counted);
    assert_eq!(by_dimension["overall"], 4);
}
