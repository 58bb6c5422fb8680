//! What one task taught is offered to later ones, and no plan waits for the learner.

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use integration_tests::document::{Document as _, shortened};
use integration_tests::eventually::eventually;
use integration_tests::oracle::Rule;
use integration_tests::rest::Rest;
use integration_tests::world::World;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

const FIRST: &str = "Write a blog post about cold brew coffee for home baristas";
/// In other words, on other things.
const LATER: [&str; 5] = [
    "Write a blog post about pour over coffee for home baristas",
    "Please create a blog article on espresso machines for beginners",
    "Draft a post for our blog about green tea for office workers",
    "Blog post: grinding coffee beans at home",
    "I need a blog post about cold brew tea for cafes",
];

#[test]
fn later_requests_use_what_was_learned_and_none_waits_for_the_learner() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let world = World::start("memory", 17, Rule::AT_ONCE, |_| {}).await?;
        let rest = &world.rest;

        let first = finished(rest, FIRST).await?;
        ensure!(first.text("/memory")? == "empty", "{}", shortened(&first));
        let task = first.text("/task_id")?;
        let pattern = eventually("the task has become a pattern", LIMIT, || pattern_of(rest, task)).await?;

        let later = try_join_all(LATER.map(|request| finished(rest, request))).await?;
        let cites = |status: &&Value| {
            let used = status.pointer("/patterns_used").and_then(Value::as_array);
            used.is_some_and(|used| used.iter().any(|id| id.as_str() == Some(pattern.as_str())))
        };
        let citing = later.iter().filter(cites).count();
        println!("{citing} of {} later plans cite the pattern", LATER.len());
        ensure!(citing > 0, "none of the later plans cites {pattern}");
        eventually("the plans that follow it are counted", LIMIT, || async {
            let shown = rest.get(&format!("/learning-patterns/{pattern}")).await?.expect(200)?;
            ensure!(shown.number("/adopted")? + shown.number("/adapted")? >= 1.0, "{}", shortened(&shown));
            Ok(())
        })
        .await?;

        // Neither an answer nor a refusal: as a machine that went away.
        let learner = world.system.pause("learner-1")?;
        let alone = finished(rest, FIRST).await?;
        ensure!(alone.text("/memory")? == "unavailable", "{}", shortened(&alone));
        world.system.proceed(learner)?;
        world.system.kill("learner-1")?;
        finished(rest, FIRST).await?;
        world.system.stop()
    })
}

/// Takes a request to its end, approved by policy.
async fn finished(rest: &Rest, request: &str) -> Result<Value> {
    let body = json!({"request": request, "preferences": {"channels": ["blog"]}, "auto_approve": true});
    let task = rest.submit(&body).await?;
    rest.until(&task, &["completed"], LIMIT).await
}

/// The id of the pattern that rests on `task`.
async fn pattern_of(rest: &Rest, task: &str) -> Result<String> {
    let list = rest.get("/learning-patterns").await?.expect(200)?;
    let rests_on = |pattern: &&Value| {
        let tasks = pattern.pointer("/evidence_tasks").and_then(Value::as_array);
        tasks.is_some_and(|tasks| tasks.iter().any(|id| id.as_str() == Some(task)))
    };
    let found = list.list("/patterns")?.iter().find(rests_on);
    let pattern = found.with_context(|| format!("no pattern rests on {task}: {}", shortened(&list)))?;
    Ok(pattern.text("/pattern_id")?.to_owned())
}
