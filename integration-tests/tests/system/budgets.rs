//! A budget holds: what many steps side by side spend together, workers that die in the middle included.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened};
use integration_tests::eventually::eventually;
use integration_tests::faults;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{ModelServer, Say};

const LIMIT: Duration = Duration::from_secs(120);
const STEPS: usize = 200;
const BUDGET: f64 = 1.0;
/// What one run may spend.
const GRANT: f64 = 0.1;

/// A reply costs a tenth of a cent a token, and has at most 50 of them.
fn config(server: &ModelServer) -> String {
    format!(
        "[llm.providers.scripted]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\nmax_output_tokens = 50\n\
         [llm.prices.m]\ninput = 0.0\noutput = 1000.0\n\
         [llm.roles]\nplanner = \"scripted\"\nwriter = \"scripted\"\njudge = \"null\"\n\
         [policy.grant]\ncost_usd = {GRANT}\n",
        server.url()
    )
}

fn parallel() -> Value {
    let step = |n: usize| json!({"key": format!("s{n}"), "tool_id": "writer_agent", "arguments": {"topic": format!("topic {n}")}});
    json!({
        "request": "Write two hundred lines",
        "plan": {"steps": (0..STEPS).map(step).collect::<Vec<_>>()},
        "preferences": {"channels": []},
        "quality_threshold": 0.0,
        "budget": {"max_cost_usd": BUDGET},
    })
}

#[test]
fn two_hundred_steps_side_by_side_spend_no_more_than_their_budget() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = ModelServer::start().await?;
        let mut options = Options::new("budgets", config(&server));
        options.executors = 2;
        let system = System::start(options).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        a_budget_stops_what_is_beyond_it(&rest, &server).await?;
        workers_that_die_do_not_spend_twice(&system, &rest, &server).await?;
        system.stop()
    })
}

async fn a_budget_stops_what_is_beyond_it(rest: &Rest, server: &ModelServer) -> Result<()> {
    let task = rest.submit(&parallel()).await?;
    let status = rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        status.text("/attention/reason")? == "budget_exceeded",
        "{}",
        status["attention"]
    );
    let spent = spent(&status)?;
    ensure!(spent <= BUDGET, "{spent} spent");
    let replies = server.asked().len();
    ensure!(replies > 0 && replies < STEPS, "{replies} calls");
    ensure!(
        status["cost"]["calls"].as_u64() == u64::try_from(replies).ok(),
        "{}",
        status["cost"]
    );
    // What is left is less than one more call may take.
    ensure!(spent > BUDGET - GRANT, "it stopped at {spent}");
    let before = status["progress"]["steps_done"].as_u64();

    let raise = json!({"raise_budget": {"max_cost_usd": 0.5}});
    let raised = rest.post(&format!("/tasks/{task}/retry"), &raise).await?.expect(200)?;
    ensure!(
        raised["retried"]["reused"].as_array().map(|r| r.len() as u64) == before,
        "{}",
        raised["retried"]
    );
    let status = rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        status["progress"]["steps_done"].as_u64() > before,
        "{}",
        shortened(&status)
    );
    ensure!(self::spent(&status)? <= BUDGET + 0.5, "{}", status["cost"]);
    rest.control(&task, "cancel").await?.expect(200)?;
    Ok(())
}

/// What a worker had under way when it died counts as its whole grant, once.
async fn workers_that_die_do_not_spend_twice(system: &System, rest: &Rest, server: &ModelServer) -> Result<()> {
    server.always(Say::Silent);
    let before = server.asked().len();
    let task = rest.submit(&parallel()).await?;
    eventually("calls are under way", LIMIT, || async {
        ensure!(server.asked().len() >= before + 4, "not yet");
        Ok(())
    })
    .await?;
    faults::kill(system, &["executor"]).await?;
    server.always(Say::Well);
    let status = rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        status.text("/attention/reason")? == "budget_exceeded",
        "{}",
        status["attention"]
    );
    let spent = spent(&status)?;
    ensure!(spent <= BUDGET + GRANT, "{spent} spent");
    ensure!(
        status["progress"]["steps_done"].as_u64() > Some(0),
        "{}",
        shortened(&status)
    );
    Ok(())
}

fn spent(status: &Value) -> Result<f64> {
    status["cost"]["usd"].as_f64().context("no cost")
}
