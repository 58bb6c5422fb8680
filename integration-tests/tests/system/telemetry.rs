//! One trace through everything, seen by an OTLP receiver that six real processes send to.

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use integration_tests::collector::{Arrived, Collector, Span};
use integration_tests::document::{Document as _, shortened};
use integration_tests::event_stream::COMPLETED;
use integration_tests::eventually::eventually;
use integration_tests::oracle::Rule;
use integration_tests::plans::{fan, unattended};
use integration_tests::rest::Rest;
use integration_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
const OTHER_TRACE: &str = "7d1e92f3577b34da6a3ce929d0e0e001";
const UNSAMPLED_TRACE: &str = "9c0e92f3577b34da6a3ce929d0e0e002";
const SERVICES: [&str; 6] = ["gateway", "coordinator", "planner", "executor", "assessor", "learner"];

#[test]
fn one_trace_leads_from_the_request_to_the_published_event() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let collector = Collector::start().await?;
        let world = World::start("telemetry", 7, Rule::AT_ONCE, |options| {
            let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            options.environment.extend([
                set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
                set("OTEL_BSP_SCHEDULE_DELAY", "200"),
                set("OTEL_BLRP_SCHEDULE_DELAY", "200"),
                set("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
            ]);
        })
        .await?;
        let outcome = observed(&world, &collector).await;
        if outcome.is_err() {
            world.system.keep_state();
        }
        outcome.and(world.system.stop())
    })
}

async fn observed(world: &World, collector: &Collector) -> Result<()> {
    let nats = world.subscriber().await?;
    let mut events = nats.subscribe(COMPLETED).await?;
    nats.flush().await?;
    let planned = json!({
        "request": "Write a blog post about AI trends for our shop, friendly tone",
        "auto_approve": true, "quality_threshold": 0.0, "preferences": {"channels": ["oracle"]},
    });
    let task = submit(&world.rest, &planned, TRACE, "01").await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let message = tokio::time::timeout(LIMIT, events.next()).await?.context("no event")?;
    let event: Value = serde_json::from_slice(&message.payload)?;
    let headers = message.headers.context("no headers")?;
    let header = headers.get("traceparent").context("no traceparent header")?.as_str();
    ensure!(
        event.text("/traceparent")?.contains(TRACE) && header.contains(TRACE),
        "{header}"
    );

    let spans = eventually("every service's spans arrive and hang together", LIMIT, || async {
        let spans = whole(&collector.arrived())?;
        let published = spans
            .iter()
            .any(|span| header.contains(&span.span_id) && span.name.starts_with("publish "));
        ensure!(published, "the event names no span of its publication: {header}");
        Ok(spans)
    })
    .await?;
    for name in [
        "POST /api/orchestrator/process",
        "invoke_agent ",
        "plan",
        "evaluate",
        "transition",
    ] {
        ensure!(spans.iter().any(|span| span.name.starts_with(name)), "no span {name}");
    }

    figures_and_lines(world, collector).await?;
    unsampled(world, collector).await
}

async fn submit(rest: &Rest, body: &Value, trace: &str, flags: &str) -> Result<String> {
    let request = rest.request(Method::POST, "/process").json(body);
    let request = request.header("traceparent", format!("00-{trace}-{CLIENT_SPAN}-{flags}"));
    let accepted = Rest::send(request).await?.expect(202)?;
    Ok(accepted.text("/task_id")?.to_owned())
}

/// The spans of the request, once all services told theirs and every parent is among them.
fn whole(arrived: &Arrived) -> Result<Vec<Span>> {
    let spans: Vec<Span> = arrived
        .spans
        .iter()
        .filter(|span| span.trace_id == TRACE)
        .cloned()
        .collect();
    let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    for service in SERVICES {
        ensure!(
            services.contains(format!("orchestrator-{service}").as_str()),
            "nothing of the {service}: {services:?}"
        );
    }
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    for span in &spans {
        let known = span.parent_id == CLIENT_SPAN || ids.contains(span.parent_id.as_str());
        ensure!(known, "{} of {} has an unknown parent", span.name, span.service);
    }
    let of_client = spans.iter().filter(|span| span.parent_id == CLIENT_SPAN).count();
    ensure!(of_client == 1, "{of_client} spans right below the client's");
    Ok(spans)
}

/// A tool that fails first is told of in a log line and in the trace of the task.
async fn figures_and_lines(world: &World, collector: &Collector) -> Result<()> {
    world.oracle.order("traced-left", Rule::FailFirst(1));
    let request = unattended("Try twice", fan("traced", ["work"; 3], Some("oracle")), &["oracle"]);
    let task = submit(&world.rest, &request, OTHER_TRACE, "01").await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let trace = world.rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
    ensure!(trace.text("/trace_id")? == OTHER_TRACE, "{}", shortened(&trace));
    let left = trace
        .list("/steps")?
        .iter()
        .find(|step| step["key"] == "left")
        .context("no step")?;
    let told: Vec<(&str, usize)> = left
        .list("/attempts")?
        .iter()
        .map(|attempt| (attempt.said("/status"), attempt["calls"].as_array().map_or(0, Vec::len)))
        .collect();
    ensure!(told == [("failed", 1), ("succeeded", 1)], "{}", shortened(left));
    let call = left.pointer("/attempts/0/calls/0").context("no call")?;
    ensure!(
        call["name"] == "oracle.work" && !call.said("/error").is_empty(),
        "{call}"
    );
    let unknown = world
        .rest
        .get("/tasks/01900000-0000-7000-8000-000000000001/trace")
        .await?;
    unknown.expect_problem(404, "not_found")?;

    eventually("figures and lines arrive", LIMIT, || async {
        let arrived = collector.arrived();
        for service in SERVICES {
            let metrics = arrived.metrics.get(&format!("orchestrator-{service}"));
            let told = metrics.is_some_and(|metrics| metrics.contains("orchestrator_build_info"));
            ensure!(told, "no figures of the {service}");
        }
        let coordinator = &arrived.metrics["orchestrator-coordinator"];
        ensure!(coordinator.contains("gen_ai.execute_tool.duration"), "{coordinator:?}");
        let line = arrived
            .logs
            .iter()
            // On a slow machine runs of other tasks fail, too.
            .find(|log| log.body == "a run failed" && log.attributes.get("task_id") == Some(&task))
            .context("no line")?;
        let told = |name: &str| line.attributes.get(name).map(String::as_str).unwrap_or_default();
        ensure!(
            told("trace_id") == OTHER_TRACE && line.trace_id == OTHER_TRACE,
            "{line:?}"
        );
        ensure!(line.service == "orchestrator-executor", "{line:?}");
        Ok(())
    })
    .await
}

/// A client that does not want its trace recorded is heard, and its context travels all the same.
async fn unsampled(world: &World, collector: &Collector) -> Result<()> {
    let request = unattended(
        "Leave no trace",
        fan("unsampled", ["work"; 3], Some("oracle")),
        &["oracle"],
    );
    let task = submit(&world.rest, &request, UNSAMPLED_TRACE, "00").await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let history = world.rest.history(&task).await?;
    let last = history.last().context("no history")?;
    ensure!(
        last.text("/traceparent")?.contains(UNSAMPLED_TRACE),
        "{}",
        shortened(last)
    );
    // What comes later was recorded later.
    let request = unattended(
        "Leave a trace",
        fan("sampled", ["work"; 3], Some("oracle")),
        &["oracle"],
    );
    let marker = "5a5e92f3577b34da6a3ce929d0e0e003";
    let task = submit(&world.rest, &request, marker, "01").await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    eventually("the later trace arrives", LIMIT, || async {
        let arrived = collector.arrived();
        let executor = |span: &&Span| span.trace_id == marker && span.service == "orchestrator-executor";
        ensure!(arrived.spans.iter().any(|span| executor(&span)), "not yet");
        ensure!(
            arrived.spans.iter().all(|span| span.trace_id != UNSAMPLED_TRACE),
            "it was recorded"
        );
        Ok(())
    })
    .await
}
