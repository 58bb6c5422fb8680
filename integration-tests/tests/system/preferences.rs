//! What a user states reaches the next plan, what became of it is told, and an erased user is forgotten.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use integration_tests::eventually::eventually;
use integration_tests::rest::Rest;
use integration_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn what_a_user_prefers_is_planned_by_until_they_are_forgotten() -> Result<()> {
    hold("preferences", |_| {}, behaviours![stated_planned_by_counted_and_erased])
}

async fn completed(world: &World, text: &str) -> Result<(String, Value)> {
    let body =
        json!({"request": text, "auto_approve": true, "quality_threshold": 0.3, "preferences": {"channels": ["blog"]}});
    let task = world.rest.submit(&body).await?;
    let status = world.rest.until(&task, &["completed"], LIMIT).await?;
    Ok((task, status))
}

async fn held(world: &World, query: &str) -> Result<Vec<Value>> {
    let answer = world.rest.get(&format!("/preferences{query}")).await?.expect(200)?;
    Ok(answer["items"].as_array().context("no items")?.clone())
}

async fn stated_planned_by_counted_and_erased(world: Arc<World>) -> Result<()> {
    let stated = world
        .rest
        .request(Method::PUT, "/preferences")
        .json(&json!({"preferences": {"tone": "formal"}}));
    let answer = Rest::send(stated).await?.expect(200)?;
    let since = answer["items"][0]["since"].as_str().context("no since")?.to_owned();

    let (task, status) = completed(&world, "Write a blog post about green tea").await?;
    ensure!(
        status["intent"]["preferences"]["tone"] == "formal",
        "{}",
        status["intent"]
    );
    ensure!(status["memory"] == "used", "{}", status["memory"]);
    let trace = world.rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
    ensure!(
        trace.to_string().contains("stated by the user"),
        "the trace does not say so"
    );
    let (_, other) = completed(&world, "Write a blog post about coffee, playful tone").await?;
    ensure!(
        other["intent"]["preferences"]["tone"] != "formal",
        "{}",
        other["intent"]
    );

    eventually("what became of it is counted", LIMIT, async || {
        let items = held(&world, "").await?;
        let uses = &items.first().context("nothing holds")?["uses"];
        ensure!(uses["applied"].as_u64() >= Some(1) && uses["offered"] == 2, "{uses}");
        Ok(())
    })
    .await?;
    let retracted = Rest::send(world.rest.request(Method::DELETE, "/preferences?key=tone")).await?;
    retracted.expect(200)?;
    ensure!(held(&world, "").await?.is_empty(), "it was taken back");
    let then = held(&world, &format!("?at={since}")).await?;
    ensure!(then[0]["value"] == "formal", "it held then: {then:?}");

    let erased = Rest::send(world.rest.request(Method::DELETE, "/users/local/data")).await?;
    let erased = erased.expect(200)?;
    ensure!(erased["erased"]["records"].as_u64() >= Some(2), "{erased}");
    ensure!(
        held(&world, &format!("?at={since}&history=true")).await?.is_empty(),
        "history is kept"
    );
    let export = json!({"format": "jsonl"});
    let exported = world.rest.post("/training-data/export", &export).await?.expect(200)?;
    ensure!(exported["count"] == 0, "{exported}");
    Ok(())
}
