//! The window of a tenant holds whatever its tasks do side by side, workers that die included; what it does not cover
//! waits, says so, and goes on by itself.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened};
use integration_tests::eventually::eventually;
use integration_tests::faults;
use integration_tests::rest::Rest;
use integration_tests::system::{Options, System};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{ModelServer, Say};

const LIMIT: Duration = Duration::from_secs(180);
/// USD in a window of so many seconds.
const WINDOW: f64 = 0.3;
const SECONDS: u32 = 20;
/// What one run may spend.
const GRANT: f64 = 0.1;
const STEPS: usize = 5;

/// A reply costs a tenth of a cent a token, and has at most 50 of them.
fn config(server: &ModelServer) -> String {
    format!(
        "[llm.providers.scripted]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"m\"\nmax_output_tokens = 50\n\
         [llm.prices.m]\ninput = 0.0\noutput = 1000.0\n\
         [llm.roles]\nplanner = \"scripted\"\nwriter = \"scripted\"\njudge = \"null\"\n\
         [policy.grant]\ncost_usd = {GRANT}\n\
         [[policy.tenant_budgets]]\ntenant = \"default\"\nwindow_seconds = {SECONDS}\nmax_cost_usd = {WINDOW}\n",
        server.url()
    )
}

fn task(tool_id: &str, steps: usize) -> Value {
    let step =
        |n: usize| json!({"key": format!("s{n}"), "tool_id": tool_id, "arguments": {"topic": format!("topic {n}")}});
    json!({
        "request": "Write some lines",
        "plan": {"steps": (0..steps).map(step).collect::<Vec<_>>()},
        "preferences": {"channels": []},
        "quality_threshold": 0.0,
    })
}

#[test]
fn what_a_tenants_window_does_not_cover_waits_and_goes_on_by_itself() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = ModelServer::start().await?;
        let mut options = Options::new("tenant-budgets", config(&server));
        options.executors = 2;
        let system = System::start(options).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        windows_hold(&system, &rest, &server).await?;
        system.stop()
    })
}

async fn windows_hold(system: &System, rest: &Rest, server: &ModelServer) -> Result<()> {
    server.always(Say::Silent);
    let tasks = [
        rest.submit(&task("writer_agent", STEPS)).await?,
        rest.submit(&task("writer_agent", STEPS)).await?,
    ];
    eventually("the window is set aside", LIMIT, || async {
        ensure!(server.asked().len() >= 3, "not yet");
        Ok(())
    })
    .await?;
    faults::kill(system, &["executor"]).await?;
    server.always(Say::Well);
    eventually("what is left waits, and says until when", LIMIT, || async {
        let status = seen(rest, &tasks[1]).await?;
        let waits = &status["waiting"][0];
        ensure!(waits["code"] == "tenant_budget_exceeded", "{}", shortened(&status));
        ensure!(waits["until"].is_string(), "{waits}");
        Ok(())
    })
    .await?;
    // What costs nothing does not wait for money.
    let free = rest.submit(&task("null", 2)).await?;
    rest.until(&free, &["awaiting_approval"], LIMIT).await?;
    for id in &tasks {
        eventually("it goes on by itself", LIMIT, || async {
            let status = seen(rest, id).await?;
            ensure!(status["status"] == "awaiting_approval", "{}", shortened(&status));
            Ok(())
        })
        .await?;
    }
    let spent = seen(rest, &tasks[0]).await?["cost"]["usd"].as_f64();
    ensure!(spent > Some(0.0), "{spent:?}");
    Ok(())
}

/// The status; no window holds more than its limit and one grant.
async fn seen(rest: &Rest, id: &str) -> Result<Value> {
    let status = rest.get(&format!("/status/{id}")).await?.expect(200)?;
    ensure!(status.text("/status")? != "needs_attention", "{}", status["attention"]);
    let of = |part: &str| status["tenant_budget"][part]["usd"].as_f64().context("no window");
    let (spent, reserved) = (of("spent")?, of("reserved")?);
    ensure!(spent <= WINDOW + GRANT, "{spent} spent");
    ensure!(
        spent + reserved <= WINDOW + GRANT,
        "{spent} spent and {reserved} set aside"
    );
    Ok(status)
}
