//! A tool that needs a human's word: the very call is shown, what a human lets through is what arrives, once.

use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened};
use integration_tests::eventually::eventually;
use integration_tests::oracle::Rule;
use integration_tests::plans::oracle_step;
use integration_tests::rest::Answer;
use integration_tests::world::World;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);
const REQUEST: &str = "Order what the draft says";

#[test]
fn what_a_human_lets_through_is_sent_once_whoever_dies_meanwhile() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let world = World::start("asking", 17, Rule::AT_ONCE, |_| {}).await?;
        two_calls_are_decided_apart(&world).await?;
        world.system.stop()
    })
}

/// Two side by side: one takes another's output, the other a template.
fn plan() -> Value {
    let mut taking = oracle_step("taking", "guarded_once", "asking-taking", &[]);
    taking["arguments"]["context"] = json!({"$step": "draft", "pointer": "/text"});
    let mut templated = oracle_step("templated", "guarded_once", "asking-templated", &["draft"]);
    templated["arguments"]["context"] = json!("for: {{request}}");
    let draft = oracle_step("draft", "work", "asking-draft", &[]);
    json!({"steps": [draft, taking, templated]})
}

async fn two_calls_are_decided_apart(world: &World) -> Result<()> {
    let body = json!({"request": REQUEST, "plan": plan(), "preferences": {"channels": []}, "quality_threshold": 0.0});
    let task = world.rest.submit(&body).await?;
    let status = world.rest.until(&task, &["awaiting_step_approval"], LIMIT).await?;
    let gates = status["open_gates"].as_array().context("no open gates")?.clone();
    ensure!(gates.len() == 2, "not two gates: {}", shortened(&status));
    let (taking, templated) = (
        shown(world, &task, &gates, "taking").await?,
        shown(world, &task, &gates, "templated").await?,
    );
    let draft = answered(world, "asking-draft")?;
    let (first, second) = (
        json!({"item": "asking-taking", "context": draft["text"]}),
        json!({"item": "asking-templated", "context": format!("for: {REQUEST}")}),
    );
    ensure!(taking["arguments"] == first, "{}", shortened(&taking));
    ensure!(templated["arguments"] == second, "{}", shortened(&templated));
    ensure!(calls(world).is_empty(), "a tool was called before a word was said");

    let path = format!("/approve/{task}");
    let word = |approval: &Value, more: Value| {
        let mut word = json!({
            "approved": true, "gate_id": approval["gate_id"], "content_hash": approval["content_hash"],
        });
        if let (Value::Object(word), Value::Object(more)) = (&mut word, more) {
            word.extend(more);
        }
        word
    };
    let stale = word(&templated, json!({"content_hash": taking["content_hash"]}));
    say(world, &path, &stale).await?.expect_problem(409, "approval_stale")?;
    kill(world, &["executor-1", "coordinator-1"]).await?;

    let unfit = word(&taking, json!({"arguments": {"item": 7}}));
    let refused = say(world, &path, &unfit).await?;
    refused.expect_problem(422, "validation")?;
    ensure!(
        refused.body["errors"][0]["pointer"] == "/arguments/item",
        "{}",
        refused.body
    );
    let own = json!({"item": "asking-taking", "context": "{{request}} is no template here"});
    let edit = word(&taking, json!({"arguments": own}));
    say(world, &path, &edit).await?.expect(200)?;
    kill(world, &["coordinator-1"]).await?;
    let again = say(world, &path, &edit).await?;
    again.expect_problem(409, "already_decided")?;
    say(world, &path, &word(&templated, json!({}))).await?.expect(200)?;

    world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    ensure!(calls(world) == [own, second], "{:?}", calls(world));
    Ok(())
}

async fn shown(world: &World, task: &str, gates: &[Value], step: &str) -> Result<Value> {
    let gate = gates
        .iter()
        .find(|gate| gate["step_key"] == step)
        .context("no gate of that step")?;
    let id = gate.text("/gate_id")?;
    let approval = world
        .rest
        .get(&format!("/approval/{task}?gate_id={id}"))
        .await?
        .expect(200)?;
    ensure!(approval["tool_id"] == "oracle.guarded_once", "{}", shortened(&approval));
    ensure!(approval["tool_effects"] == "once" && approval["input_schema"].is_object());
    Ok(approval)
}

fn answered(world: &World, item: &str) -> Result<Value> {
    let call = world.oracle.calls(item).into_iter().next().context("no call")?;
    Ok(serde_json::from_slice(&call.answer.context("no answer")?)?)
}

/// Bodies of all guarded calls, as they arrived.
fn calls(world: &World) -> Vec<Value> {
    let items = ["asking-taking", "asking-templated"];
    let calls = items.iter().flat_map(|item| world.oracle.calls(item));
    calls
        .filter_map(|call| serde_json::from_slice(&call.body).ok())
        .collect()
}

/// An answer that is one: the gateway may still look for a coordinator that just came back.
async fn say(world: &World, path: &str, word: &Value) -> Result<Answer> {
    eventually("the coordinator answers", LIMIT, || async {
        let answer = world.rest.post(path, word).await?;
        ensure!(answer.status != 503, "503");
        Ok(answer)
    })
    .await
}

async fn kill(world: &World, names: &[&str]) -> Result<()> {
    for name in names {
        world.system.kill(name)?;
    }
    world.system.ready(LIMIT).await
}
