//! What was bad is repaired, and only that; what stays bad is put before a human.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::oracle::Rule;
use integration_tests::plans::{null_step, oracle_step};
use integration_tests::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const RULE: &str = "\n[[quality.deliverables]]\nchannels = [\"linkedin\"]\nrequired = [\"VAT\"]\n";

#[test]
fn bad_results_are_repaired_or_put_before_a_human() -> Result<()> {
    hold(
        "repair",
        |options| options.config.push_str(RULE),
        behaviours![
            only_the_bad_step_and_its_dependents_run_again,
            a_human_approves_a_task_that_stays_bad,
            a_human_revises_a_task_that_stays_bad,
            a_human_retries_a_task_that_stays_bad,
            a_human_rejects_a_task_that_stays_bad,
            revising_at_the_end_repairs_and_asks_again,
            a_fork_calls_only_the_tools_whose_inputs_differ,
            a_rule_for_what_goes_out_is_kept_or_shown_to_a_human,
        ],
    )
}

/// Three side by side of which `bad` is checked; `after_bad` takes its text, `after_good` does not.
fn checked(item: &str, max_refinements: u32) -> Value {
    let mut bad = oracle_step("bad", "work", &format!("{item}-bad"), &[]);
    bad["acceptance"] = json!([{"pointer": "/text", "not_contains": integration_tests::oracle::BAD, "min_length": 10}]);
    let text = |key: &str| json!({"$step": key, "pointer": "/text"});
    let mut after_bad = oracle_step("after_bad", "work", &format!("{item}-after-bad"), &[]);
    after_bad["arguments"]["context"] = text("bad");
    let mut after_good = oracle_step("after_good", "work", &format!("{item}-after-good"), &[]);
    after_good["arguments"]["context"] = text("good");
    let steps = json!([
        oracle_step("good", "work", &format!("{item}-good"), &[]),
        bad,
        oracle_step("other", "work", &format!("{item}-other"), &[]),
        after_bad,
        after_good,
        null_step(
            "last",
            &json!({"text": text("after_bad"), "other": text("after_good")}),
            &["other"]
        ),
    ]);
    json!({
        "request": format!("Repair {item}"),
        "plan": {"steps": steps},
        "quality_threshold": 0.0,
        "max_refinements": max_refinements,
        "preferences": {"channels": []},
    })
}

async fn a_fork_calls_only_the_tools_whose_inputs_differ(world: Arc<World>) -> Result<()> {
    let source = world.rest.submit(&checked("forked", 0)).await?;
    world.rest.until(&source, &["awaiting_approval"], LIMIT).await?;
    let calls = |name: &str| world.oracle.calls(&format!("forked-{name}")).len();
    let fork = json!({
        "overrides": {"steps": {"after_good": {"arguments": {"item": "forked-otherwise"}}}},
    });
    let path = format!("/tasks/{source}/fork");
    let accepted = world.rest.post(&path, &fork).await?.expect(202)?;
    let reused = json!(["good", "bad", "other", "after_bad"]);
    ensure!(accepted["forked_from"]["reused"] == reused, "{accepted}");
    let task = accepted.text("/task_id")?;
    let status = world.rest.until(task, &["awaiting_approval"], LIMIT).await?;
    for name in ["good", "bad", "other", "after-bad", "after-good", "otherwise"] {
        ensure!(calls(name) == 1, "{name} was called {} times", calls(name));
    }
    ensure!(status["forked_from"]["task_id"] == source, "{}", shortened(&status));
    ensure!(step(&status, "last")?["output"]["other"] == step(&status, "after_good")?["output"]["text"]);
    let saved = &status["forked_from"]["saved"];
    ensure!(saved["seconds"].as_f64() > Some(0.0), "{saved}");
    world.rest.control(&source, "cancel").await?.expect(200)?;
    world.rest.control(task, "cancel").await?.expect(200)?;
    Ok(())
}

async fn only_the_bad_step_and_its_dependents_run_again(world: Arc<World>) -> Result<()> {
    world.oracle.order("mended-bad", Rule::BadUntilFeedback);
    let task = world.rest.submit(&checked("mended", 2)).await?;
    let status = world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    ensure!(status["refinements"] == 1, "{} refinements", status["refinements"]);
    let calls = |name: &str| world.oracle.calls(&format!("mended-{name}"));
    for (name, times) in [
        ("good", 1),
        ("other", 1),
        ("after-good", 1),
        ("bad", 2),
        ("after-bad", 2),
    ] {
        ensure!(
            calls(name).len() == times,
            "{name} was called {} times, not {times}",
            calls(name).len()
        );
    }
    let feedback = calls("bad")
        .last()
        .and_then(|call| call.arguments["feedback"].as_str().map(str::to_owned));
    ensure!(
        feedback.is_some_and(|feedback| !feedback.is_empty()),
        "no feedback reached the repaired step"
    );
    for (key, round) in [
        ("good", 0),
        ("other", 0),
        ("after_good", 0),
        ("bad", 1),
        ("after_bad", 1),
    ] {
        let step = step(&status, key)?;
        ensure!(step["round"] == round && step["attempt"] == 1, "{key}: {step}");
    }
    // What was good keeps its bytes: the output still is what the tool answered the first time.
    for (key, name) in [("good", "good"), ("other", "other"), ("after_good", "after-good")] {
        let first = calls(name)
            .into_iter()
            .next()
            .and_then(|call| call.answer)
            .context("no answer")?;
        let answered: Value = serde_json::from_slice(&first)?;
        ensure!(
            step(&status, key)?["output"] == answered,
            "the output of {key} changed: {}",
            shortened(&status)
        );
    }
    Ok(())
}

/// A task whose checked step stays bad through every round.
async fn stays_bad(world: &World, item: &str) -> Result<String> {
    world.oracle.order(&format!("{item}-bad"), Rule::AlwaysBad);
    let task = world.rest.submit(&checked(item, 1)).await?;
    let status = world.rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        status.text("/attention/reason")? == "quality_below_threshold",
        "{}",
        status["attention"]
    );
    ensure!(
        status["refinements"] == 1 && status["quality"]["passed"] == false,
        "{}",
        shortened(&status)
    );
    ensure!(
        status
            .list("/quality/blamed_steps")?
            .to_vec()
            .iter()
            .any(|blamed| blamed.to_string().contains("bad")),
        "{}",
        status["quality"]
    );
    ensure!(
        world.oracle.calls(&format!("{item}-bad")).len() == 2,
        "not one round of repair"
    );
    let approval = world.rest.approval(&task).await?;
    ensure!(approval.text("/kind")? == "attention", "{}", shortened(&approval));
    Ok(task)
}

async fn a_human_approves_a_task_that_stays_bad(world: Arc<World>) -> Result<()> {
    let task = stays_bad(&world, "approved").await?;
    world
        .rest
        .decide(&task, &json!({"approved": true}))
        .await?
        .expect(200)?;
    let status = world
        .rest
        .until(&task, &["awaiting_approval", "completed"], LIMIT)
        .await?;
    if status["status"] == "awaiting_approval" {
        world
            .rest
            .decide(&task, &json!({"approved": true}))
            .await?
            .expect(200)?;
    }
    world.rest.until(&task, &["completed"], LIMIT).await?;
    Ok(())
}

async fn a_human_revises_a_task_that_stays_bad(world: Arc<World>) -> Result<()> {
    let task = stays_bad(&world, "revised").await?;
    world.oracle.order("revised-bad", Rule::BadUntilFeedback);
    let decision = json!({"approved": false, "feedback": "Name the supplier in the first sentence"});
    world.rest.decide(&task, &decision).await?.expect(200)?;
    world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let calls = world.oracle.calls("revised-bad");
    let feedback = calls
        .last()
        .map(|call| call.arguments["feedback"].to_string())
        .unwrap_or_default();
    ensure!(
        feedback.contains("Name the supplier"),
        "the human's words did not reach the step: {feedback}"
    );
    Ok(())
}

async fn a_human_retries_a_task_that_stays_bad(world: Arc<World>) -> Result<()> {
    let task = stays_bad(&world, "retried").await?;
    world.oracle.order("retried-bad", Rule::AT_ONCE);
    world.rest.control(&task, "retry").await?.expect(200)?;
    world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    Ok(())
}

async fn a_human_rejects_a_task_that_stays_bad(world: Arc<World>) -> Result<()> {
    let task = stays_bad(&world, "rejected").await?;
    world
        .rest
        .decide(&task, &json!({"approved": false}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["rejected"], LIMIT).await?;
    Ok(())
}

async fn revising_at_the_end_repairs_and_asks_again(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let task = rest.submit(&checked("polished", 2)).await?;
    rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let first = rest.approval(&task).await?;
    rest.decide(
        &task,
        &json!({"approved": false, "feedback": "Shorter, and mention the price"}),
    )
    .await?
    .expect(200)?;
    integration_tests::eventually::eventually("the revised result waits for approval", LIMIT, || async {
        let status = rest.status(&task).await?;
        ensure!(
            status["status"] == "awaiting_approval" && status["refinements"] != 0,
            "{}",
            shortened(&status)
        );
        Ok(())
    })
    .await?;
    let second = rest.approval(&task).await?;
    ensure!(first["gate_id"] != second["gate_id"], "the decided gate opened again");
    let told = ["good", "bad", "other", "after-bad", "after-good"].iter().any(|name| {
        let calls = world.oracle.calls(&format!("polished-{name}"));
        calls
            .iter()
            .any(|call| call.arguments["feedback"].to_string().contains("mention the price"))
    });
    ensure!(told, "the feedback reached no step");
    rest.decide(&task, &json!({"approved": true})).await?.expect(200)?;
    rest.until(&task, &["completed"], LIMIT).await?;
    Ok(())
}

/// What the feedback says is what is missing, so that a step that repeats it mends it.
async fn a_rule_for_what_goes_out_is_kept_or_shown_to_a_human(world: Arc<World>) -> Result<()> {
    let body = |max_refinements: u32| {
        let mut write = null_step("write", &json!({"title": "Tea", "content": "Tea. {{feedback}}"}), &[]);
        write["channel"] = json!("linkedin");
        json!({
            "request": "Announce tea", "plan": {"steps": [write]}, "quality_threshold": 0.0, "auto_approve": true,
            "max_refinements": max_refinements, "preferences": {"channels": ["linkedin"]},
        })
    };
    let task = world.rest.submit(&body(1)).await?;
    let done = world.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(done["refinements"] == 1, "{}", shortened(&done));
    ensure!(
        done.text("/deliverables/0/content")?.contains("VAT"),
        "{}",
        shortened(&done)
    );
    ensure!(done.pointer("/deliverables/0/faults").is_none(), "{}", shortened(&done));

    let task = world.rest.submit(&body(0)).await?;
    world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let approval = world.rest.approval(&task).await?;
    ensure!(
        approval.text("/deliverables/0/faults")?.contains("VAT"),
        "{}",
        shortened(&approval)
    );
    world
        .rest
        .decide(&task, &json!({"approved": true}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["completed"], LIMIT).await.map(drop)
}
