//! What subscribers are told.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use integration_tests::document::{Document as _, shortened};
use integration_tests::event_stream::{self, COMPLETED};
use integration_tests::eventually::eventually;
use integration_tests::oracle::Rule;
use integration_tests::plans::{fan, unattended};
use integration_tests::server_sent::{ServerEvent, ServerEvents};
use integration_tests::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn every_change_is_told_once_in_order_and_to_everyone() -> Result<()> {
    hold(
        "events",
        |_| {},
        behaviours![
            a_stream_of_server_sent_events_resumes_where_it_broke,
            any_nats_client_gets_the_completed_task_with_its_result,
            history_and_stream_tell_the_same,
            waiting_is_told_by_gate_events,
            a_webhook_carries_a_valid_signature,
        ],
    )
}

fn slow(world: &World, item: &str) {
    for key in ["left", "middle", "right"] {
        world.oracle.order(
            &format!("{item}-{key}"),
            Rule::Work(Duration::from_millis(400), Duration::from_millis(600)),
        );
    }
}

async fn a_stream_of_server_sent_events_resumes_where_it_broke(world: Arc<World>) -> Result<()> {
    slow(&world, "resumed");
    let request = unattended(
        "Tell what happens",
        fan("resumed", ["work"; 3], Some("oracle")),
        &["oracle"],
    );
    let task = world.rest.submit(&request).await?;
    let mut told: Vec<ServerEvent> = Vec::new();
    let mut stream = ServerEvents::follow(&world.rest, &task, None).await?;
    while told.len() < 3 {
        told.push(stream.next(LIMIT).await?.context("the stream ended early")?);
    }
    drop(stream);
    // Twice, once while the task runs and once later on.
    for upto in [6, usize::MAX] {
        let last = told.last().context("no event")?.id.clone();
        let mut stream = ServerEvents::follow(&world.rest, &task, Some(&last)).await?;
        while told.len() < upto && !told.last().is_some_and(ended) {
            told.push(stream.next(LIMIT).await?.context("the stream ended early")?);
        }
    }
    let sequences: Vec<u64> = told
        .iter()
        .filter_map(|event| event.data["sequence"].as_u64())
        .collect();
    ensure!(
        sequences.iter().copied().eq(1..=told.len() as u64),
        "sequences {sequences:?}"
    );
    let history = world.rest.history(&task).await?;
    ensure!(
        history.len() == told.len(),
        "{} events in the history, {} told",
        history.len(),
        told.len()
    );
    Ok(())
}

fn ended(event: &ServerEvent) -> bool {
    event.data["type"] == "io.orchestrator.task.completed.v1"
}

async fn any_nats_client_gets_the_completed_task_with_its_result(world: Arc<World>) -> Result<()> {
    let client = world.subscriber().await?;
    let mut events = client.subscribe(COMPLETED).await?;
    client.flush().await?;
    let request = unattended(
        "Tell about the end",
        fan("told", ["work"; 3], Some("oracle")),
        &["oracle"],
    );
    let task = world.rest.submit(&request).await?;
    let told = tokio::time::timeout(LIMIT, async {
        while let Some(message) = events.next().await {
            let event: Value = serde_json::from_slice(&message.payload)?;
            if event["subject"] == task.as_str() {
                return Ok((message, event));
            }
        }
        anyhow::bail!("the subscription ended")
    });
    let (message, event) = told.await.context("no event")??;
    ensure!(
        message.subject.as_str() == "orchestrator.events.task.completed.default",
        "subject {}",
        message.subject
    );
    let headers = message.headers.context("no headers")?;
    let header = |name: &str| headers.get(name).map(ToString::to_string).unwrap_or_default();
    ensure!(
        header("Nats-Msg-Id") == event.text("/id")?,
        "message id {} of event {}",
        header("Nats-Msg-Id"),
        event["id"]
    );
    ensure!(header("ce-subject") == task, "ce-subject {}", header("ce-subject"));
    ensure!(
        event.text("/specversion")? == "1.0" && event.text("/type")? == "io.orchestrator.task.completed.v1",
        "{event}"
    );
    ensure!(
        event.text("/tenant")? == "default" && event["sequence"].is_u64(),
        "{}",
        shortened(&event)
    );
    ensure!(
        !event.text("/traceparent")?.is_empty() && !event.text("/time")?.is_empty(),
        "{}",
        shortened(&event)
    );
    let data = event["data"].to_string();
    ensure!(
        data.contains("Tell about the end") && data.contains("<told>"),
        "no request or result in {}",
        shortened(&event)
    );
    ensure!(
        event.text("/data/status")? == "completed" && event.text("/data/phase")? == "learning",
        "{}",
        shortened(&event)
    );
    for member in ["quality", "cost", "published"] {
        ensure!(
            event["data"].get(member).is_some(),
            "no {member} in {}",
            shortened(&event)
        );
    }
    Ok(())
}

async fn history_and_stream_tell_the_same(world: Arc<World>) -> Result<()> {
    let request = unattended("Tell twice", fan("twice", ["work"; 3], Some("oracle")), &["oracle"]);
    let task = world.rest.submit(&request).await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let history = world.rest.history(&task).await?;
    let kinds: Vec<&str> = history.iter().filter_map(|event| event["type"].as_str()).collect();
    let place = |kind: &str| {
        let wanted = format!("io.orchestrator.{kind}.v1");
        kinds
            .iter()
            .position(|kind| **kind == wanted)
            .with_context(|| format!("no {kind} in {kinds:?}"))
    };
    let order = [
        "submitted",
        "planned",
        "executing",
        "assessed",
        "formatted",
        "publishing",
        "completed",
    ];
    let places = order
        .iter()
        .map(|name| place(&format!("task.{name}")))
        .collect::<Result<Vec<_>>>()?;
    ensure!(
        places.is_sorted() && places.first() == Some(&0),
        "told in the order {kinds:?}"
    );
    ensure!(
        kinds
            .iter()
            .filter(|kind| **kind == "io.orchestrator.step.succeeded.v1")
            .count()
            == 5,
        "{kinds:?}"
    );
    let client = world.subscriber().await?;
    eventually("the stream has the history", LIMIT, || async {
        let all = event_stream::read_all(&client).await?;
        let seen = all.get(&task).context("nothing of the task")?;
        let told: Vec<(String, u64)> = history
            .iter()
            .map(|event| {
                Ok((
                    event.text("/id")?.to_owned(),
                    event["sequence"].as_u64().context("no sequence")?,
                ))
            })
            .collect::<Result<_>>()?;
        ensure!(
            seen.len() == told.len() && told.iter().all(|(id, sequence)| seen.get(id) == Some(sequence)),
            "they differ"
        );
        Ok(())
    })
    .await
}

async fn waiting_is_told_by_gate_events(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let mut request = unattended(
        "Wait for people",
        fan("gates", ["work"; 3], Some("oracle")),
        &["oracle"],
    );
    request["plan_review"] = json!(true);
    request["auto_approve"] = json!(false);
    let task = rest.submit(&request).await?;
    rest.until(&task, &["awaiting_plan_review"], LIMIT).await?;
    rest.decide(&task, &json!({"approved": true})).await?.expect(200)?;
    rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    rest.decide(&task, &json!({"approved": true, "publish_to_channels": []}))
        .await?
        .expect(200)?;
    rest.until(&task, &["completed"], LIMIT).await?;
    let history = rest.history(&task).await?;
    let count = |kind: &str| {
        history
            .iter()
            .filter(|event| event["type"] == format!("io.orchestrator.{kind}.v1"))
            .count()
    };
    ensure!(
        count("gate.opened") == 2 && count("gate.decided") == 2,
        "{} opened, {} decided",
        count("gate.opened"),
        count("gate.decided")
    );
    ensure!(
        count("task.awaiting_approval") == 1,
        "{} times awaiting approval",
        count("task.awaiting_approval")
    );
    for event in history
        .iter()
        .filter(|event| event["type"].as_str().is_some_and(|kind| kind.contains(".task.")))
    {
        ensure!(
            event["data"]["status"].is_string() && event["data"]["phase"].is_string(),
            "{}",
            shortened(event)
        );
    }
    Ok(())
}

async fn a_webhook_carries_a_valid_signature(world: Arc<World>) -> Result<()> {
    let request = unattended(
        "Sign what is sent",
        fan("signed", ["work"; 3], Some("oracle")),
        &["oracle"],
    );
    let task = world.rest.submit(&request).await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let arrivals = world.oracle.arrivals();
    let arrival = arrivals
        .iter()
        .find(|arrival| String::from_utf8_lossy(&arrival.body).contains("<signed>"))
        .context("no webhook arrived")?;
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("webhook-id", arrival.key.parse()?);
    headers.insert("webhook-timestamp", arrival.timestamp.parse()?);
    headers.insert("webhook-signature", arrival.signature.parse()?);
    let verifier = standardwebhooks::Webhook::new(integration_tests::configuration::WEBHOOK_SECRET)?;
    verifier
        .verify(&arrival.body, &headers)
        .context("the signature does not hold")?;
    Ok(())
}
