//! Of a user who asked to be forgotten no word is left anywhere, and what they ask for afterwards is kept.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream;
use integration_tests::event_stream::STREAM;
use integration_tests::eventually::eventually;
use integration_tests::rest::Rest;
use integration_tests::world::World;
use reqwest::Method;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgPool};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
/// Stands in everything the user says.
const MARK: &str = "xylographic";

#[test]
fn an_erased_user_left_no_word_behind() -> Result<()> {
    hold("erasure", |_| {}, behaviours![words_are_gone_from_tables_and_stream])
}

/// Tables of both services with the mark in any of their columns.
async fn marked(database: &PgPool) -> Result<Vec<String>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('coordinator', 'learner')",
    )
    .fetch_all(database)
    .await?;
    ensure!(tables.len() > 40, "{} tables", tables.len());
    let mut marked = Vec::new();
    for table in tables {
        let count = format!(
            "SELECT count(*) FROM {table} t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, encode($1::bytea, 'hex')) > 0"
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(MARK)
            .fetch_one(database)
            .await?;
        if count > 0 {
            marked.push(table);
        }
    }
    Ok(marked)
}

async fn marked_events(world: &World) -> Result<usize> {
    let context = jetstream::new(world.service_client().await?);
    let stream = context.get_stream(STREAM).await?;
    let state = stream.cached_info().state.clone();
    let mut marked = 0;
    for sequence in state.first_sequence..=state.last_sequence {
        if let Ok(message) = stream.get_raw_message(sequence).await {
            marked += usize::from(String::from_utf8_lossy(&message.payload).contains(MARK));
        }
    }
    Ok(marked)
}

async fn words_are_gone_from_tables_and_stream(world: Arc<World>) -> Result<()> {
    let database = PgPool::connect(&world.system.dev()?.database_url).await?;
    let text = format!("Write a blog post about {MARK} prints");
    let body = json!({"request": text, "auto_approve": true, "quality_threshold": 0.3,
        "business_metrics": {format!("{MARK}_sales"): 5.0},
        "preferences": {"channels": ["blog"], "audience": MARK}, "metadata": {"note": MARK}});
    let task = world.rest.submit(&body).await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let comment = json!({"rating": 5, "comment": MARK});
    let feedback = world.rest.post(&format!("/tasks/{task}/feedback"), &comment).await?;
    feedback.expect(201)?;
    let waiting = json!({"request": text, "preferences": {"channels": ["blog"]}, "quality_threshold": 0.3});
    let waiting = world.rest.submit(&waiting).await?;
    world.rest.until(&waiting, &["awaiting_approval"], LIMIT).await?;
    let stated = world.rest.request(Method::PUT, "/preferences");
    Rest::send(stated.json(&json!({"preferences": {"tone": MARK}})))
        .await?
        .expect(200)?;
    eventually("the learner has the task", LIMIT, async || {
        let tables = marked(&database).await?;
        ensure!(tables.iter().any(|table| table == "learner.record"), "{tables:?}");
        Ok(())
    })
    .await?;
    ensure!(marked_events(&world).await? > 0, "nothing on the stream");

    let erased = Rest::send(world.rest.request(Method::DELETE, "/users/local/data")).await?;
    let erased = erased.expect(200)?;
    ensure!(
        erased["tasks"]["erased"] == 1 && erased["tasks"]["when_they_end"] == 1,
        "{erased}"
    );
    ensure!(
        world.rest.status(&waiting).await?["request"] == text,
        "what runs goes on"
    );
    let decision = json!({"approved": false});
    world.rest.decide(&waiting, &decision).await?.expect(200)?;
    let later = world
        .rest
        .submit(&json!({"request": "Write a blog post about tea", "auto_approve": true,
        "quality_threshold": 0.3, "preferences": {"channels": ["blog"]}}))
        .await?;

    eventually("no word is left", LIMIT, async || {
        let tables = marked(&database).await?;
        // Points of business metrics are the business's; docs/preferences.md says so.
        let left: Vec<&String> = tables
            .iter()
            .filter(|table| !table.starts_with("learner.metric_"))
            .collect();
        ensure!(left.is_empty(), "{left:?}");
        let events = marked_events(&world).await?;
        ensure!(events == 0, "{events} events");
        Ok(())
    })
    .await?;
    let status = world.rest.status(&task).await?;
    ensure!(status["erased"] == true && status["status"] == "completed", "{status}");
    let history = world.rest.history(&task).await?;
    let numbers = history
        .iter()
        .map(|event| event["sequence"].as_u64().context("no number"));
    let numbers = numbers.collect::<Result<Vec<u64>>>()?;
    ensure!(numbers.iter().copied().eq(1..=history.len() as u64), "{numbers:?}");
    let kept = world.rest.until(&later, &["completed"], LIMIT).await?;
    ensure!(kept["request"] == "Write a blog post about tea", "{kept}");
    Ok(())
}
