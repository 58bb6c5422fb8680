//! What went well is offered to later plans; planning goes on without the learner.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, FixedOffset};
use integration_tests::eventually::eventually;
use integration_tests::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const LATER: [&str; 5] = [
    "Write a blog post about the history of tea for our shop",
    "Draft a blog article on sustainable packaging, professional tone",
    "Create a new blog post: five gifts for coffee lovers",
    "Produce a post for the blog about remote work trends",
    "Generate a blog article about autumn colours for knitters",
];

#[test]
fn what_went_well_is_used_again() -> Result<()> {
    hold("learning", |_| {}, behaviours![later_plans_follow_what_was_learned])
}

fn request(text: &str) -> Value {
    json!({"request": text, "auto_approve": true, "quality_threshold": 0.3, "preferences": {"channels": ["blog"]}})
}

async fn completed(world: &World, text: &str) -> Result<(String, Value)> {
    let task = world.rest.submit(&request(text)).await?;
    let status = world.rest.until(&task, &["completed"], LIMIT).await?;
    Ok((task, status))
}

/// When the task told of its first event of that kind.
async fn told_at(world: &World, task: &str, event: &str) -> Result<DateTime<FixedOffset>> {
    let history = world.rest.history(task).await?;
    let kind = format!("io.orchestrator.{event}.v1");
    let told = history.iter().find(|event| event["type"] == kind);
    let time = told.and_then(|event| event["time"].as_str());
    Ok(DateTime::parse_from_rfc3339(time.context("no such event")?)?)
}

async fn patterns(world: &World) -> Result<Vec<Value>> {
    let answer = world.rest.get("/learning-patterns").await?.expect(200)?;
    Ok(answer["patterns"].as_array().cloned().unwrap_or_default())
}

/// The plan says what was expected of it, what else there was, and why that was not taken.
fn won_over_scratch(status: &Value) -> Result<()> {
    let plan = &status["plan"];
    ensure!(
        plan["forecast"]["quality"]["n"].as_u64() >= Some(1),
        "{}",
        plan["forecast"]
    );
    ensure!(
        plan["forecast"]["cost_usd"]["expected"] == 0.0,
        "offline work is free: {}",
        plan["forecast"]
    );
    let candidates = plan["candidates"].as_array().context("no candidates")?;
    let (chosen, others): (Vec<&Value>, Vec<&Value>) = candidates.iter().partition(|one| one["chosen"] == true);
    ensure!(
        chosen.len() == 1 && chosen[0]["pattern_id"] == status["patterns_used"][0],
        "{candidates:?}"
    );
    let scratch = others
        .iter()
        .find(|one| one["source"] == "scratch")
        .context("nothing from scratch")?;
    ensure!(
        scratch["reason"].as_str().is_some_and(|reason| reason.len() > 8),
        "{scratch}"
    );
    Ok(())
}

async fn later_plans_follow_what_was_learned(world: Arc<World>) -> Result<()> {
    let (first, status) = completed(&world, "Write a blog post about AI trends for our shop, friendly tone").await?;
    ensure!(
        status["memory"] == "empty",
        "the first plan had memory: {}",
        status["memory"]
    );
    eventually("the first task is learned from", LIMIT, async || {
        Ok(patterns(&world)
            .await?
            .iter()
            .any(|p| p["evidence_tasks"] == json!([first])))
    })
    .await?;

    let mut used = 0;
    for text in LATER {
        let (_, status) = completed(&world, text).await?;
        if status["patterns_used"].as_array().is_some_and(|used| !used.is_empty()) {
            ensure!(status["memory"] == "used", "a pattern out of nowhere: {status}");
            won_over_scratch(&status)?;
            used += 1;
        }
    }
    ensure!(used >= 1, "of {} later plans none follows the first", LATER.len());
    eventually("forecasts are compared with what came of them", LIMIT, || async {
        let metrics = world.rest.get("/metrics").await?.expect(200)?;
        let error = &metrics["forecast_quality_error"];
        ensure!(error["n"].as_u64() >= Some(1) && error["value"].is_number(), "{error}");
        Ok(())
    })
    .await?;
    eventually("adoption is told by what was executed", LIMIT, || async {
        let metrics = world.rest.get("/metrics").await?.expect(200)?;
        let adoption = &metrics["pattern_adoption"];
        let adopted = adoption["n"].as_u64() >= Some(1) && adoption["value"].as_f64() > Some(0.0);
        ensure!(adopted, "{adoption}");
        Ok(())
    })
    .await?;

    let path = format!("/tasks/{first}/feedback");
    let noted = world
        .rest
        .post(&path, &json!({"rating": 1, "comment": "not ours"}))
        .await?;
    ensure!(noted.expect(201)?["rating"] == 1, "the feedback came back changed");
    let left = patterns(&world).await?;
    let rests = |p: &Value| {
        p["evidence_tasks"]
            .as_array()
            .is_some_and(|tasks| tasks.contains(&json!(first)))
    };
    ensure!(!left.iter().any(rests), "a disliked task is still evidence");

    let stopped = world.system.pause("learner-1")?;
    let (task, status) = completed(&world, "Write a blog post about planning without memory").await?;
    world.system.proceed(stopped)?;
    ensure!(status["memory"] == "unavailable", "the stopped learner answered");
    // 0.3 s are given to the learner; the rest is for a machine that is busy with other tests.
    let took = told_at(&world, &task, "task.planned").await? - told_at(&world, &task, "task.submitted").await?;
    ensure!(
        took.num_milliseconds() < 3_000,
        "planning without the learner took {took}"
    );
    Ok(())
}
