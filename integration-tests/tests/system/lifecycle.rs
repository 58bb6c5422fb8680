//! Gates, pauses, cancellation, repeated requests and restarts.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use integration_tests::oracle::Rule;
use integration_tests::plans::{fan, null_step, oracle_step, unattended};
use integration_tests::rest::{Answer, Rest};
use integration_tests::system::{Options, System};
use integration_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
/// A worker tells every five seconds that it runs, and is told then.
const TWO_HEARTBEATS: Duration = Duration::from_secs(10);

#[test]
fn people_steer_tasks() -> Result<()> {
    hold(
        "lifecycle",
        |_| {},
        behaviours![
            independent_steps_overlap_in_time,
            a_reviewed_plan_runs_only_after_approval,
            a_rejected_plan_ends_the_task,
            a_revised_plan_comes_back_for_review,
            a_guarded_step_waits_for_a_human,
            cancel_reaches_a_running_step_within_two_heartbeats,
            a_paused_task_starts_nothing_until_it_is_resumed,
            retries_follow_the_steps_own_policy,
            a_step_is_given_up_at_its_own_timeout,
            an_exhausted_step_is_retried_by_a_human,
            twins_of_one_request_are_one_task,
            of_two_decisions_the_first_wins,
            a_condition_that_does_not_hold_skips_the_step,
        ],
    )
}

async fn independent_steps_overlap_in_time(world: Arc<World>) -> Result<()> {
    for key in ["left", "middle", "right"] {
        let second = Duration::from_secs(1);
        world
            .oracle
            .order(&format!("overlap-{key}"), Rule::Work(second, second));
    }
    let task = world
        .rest
        .submit(&unattended("Side by side", fan("overlap", ["work"; 3], None), &[]))
        .await?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    let call = |key: &str| {
        world
            .oracle
            .calls(&format!("overlap-{key}"))
            .into_iter()
            .next()
            .context("not called")
    };
    let (left, middle, right) = (call("left")?, call("middle")?, call("right")?);
    ensure!(
        left.overlaps(&middle) && middle.overlaps(&right) && left.overlaps(&right),
        "they ran one after the other"
    );
    Ok(())
}

fn reviewed(item: &str) -> Value {
    let mut request = unattended(&format!("Review {item}"), fan(item, ["work"; 3], None), &[]);
    request["plan_review"] = json!(true);
    request
}

async fn a_reviewed_plan_runs_only_after_approval(world: Arc<World>) -> Result<()> {
    let task = world.rest.submit(&reviewed("reviewed")).await?;
    world.rest.until(&task, &["awaiting_plan_review"], LIMIT).await?;
    let approval = world.rest.approval(&task).await?;
    ensure!(
        approval.text("/kind")? == "plan" && approval.list("/plan/steps")?.len() == 5,
        "{}",
        shortened(&approval)
    );
    ensure!(
        world.oracle.calls("reviewed-left").is_empty(),
        "a step ran before the review"
    );
    world
        .rest
        .decide(&task, &json!({"approved": true}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    Ok(())
}

async fn a_rejected_plan_ends_the_task(world: Arc<World>) -> Result<()> {
    let task = world.rest.submit(&reviewed("refused")).await?;
    world.rest.until(&task, &["awaiting_plan_review"], LIMIT).await?;
    world
        .rest
        .decide(&task, &json!({"approved": false}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["rejected"], LIMIT).await?;
    ensure!(
        world.oracle.calls("refused-left").is_empty(),
        "a step of a rejected plan ran"
    );
    Ok(())
}

async fn a_revised_plan_comes_back_for_review(world: Arc<World>) -> Result<()> {
    let request =
        json!({"request": "Write a note about tea ceremonies", "plan_review": true, "preferences": {"channels": []}});
    let task = world.rest.submit(&request).await?;
    world.rest.until(&task, &["awaiting_plan_review"], LIMIT).await?;
    let first = world.rest.approval(&task).await?;
    world
        .rest
        .decide(
            &task,
            &json!({"approved": false, "feedback": "Add a summary step at the end"}),
        )
        .await?
        .expect(200)?;
    eventually("another plan waits for review", LIMIT, || async {
        let status = world.rest.status(&task).await?;
        ensure!(
            status["status"] == "awaiting_plan_review" && status["plan"]["version"] == 2,
            "{}",
            shortened(&status)
        );
        Ok(())
    })
    .await?;
    let second = world.rest.approval(&task).await?;
    ensure!(first["gate_id"] != second["gate_id"], "the same gate opened again");
    world
        .rest
        .decide(&task, &json!({"approved": false}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["rejected"], LIMIT).await?;
    Ok(())
}

async fn a_guarded_step_waits_for_a_human(world: Arc<World>) -> Result<()> {
    let task = world
        .rest
        .submit(&unattended(
            "Ask first",
            fan("guarded", ["work", "guarded", "work"], None),
            &[],
        ))
        .await?;
    world.rest.until(&task, &["awaiting_step_approval"], LIMIT).await?;
    let approval = world.rest.approval(&task).await?;
    ensure!(approval.text("/kind")? == "step", "{}", shortened(&approval));
    ensure!(
        world.oracle.calls("guarded-middle").is_empty(),
        "the step ran before it was approved"
    );
    let status = world.rest.status(&task).await?;
    ensure!(
        step(&status, "middle")?["status"] == "waiting_approval",
        "{}",
        shortened(&status)
    );
    // Nothing else can run, so the others have ended: a status that waits shows only then.
    ensure!(
        step(&status, "left")?["status"] == "succeeded",
        "{}",
        shortened(&status)
    );
    world
        .rest
        .decide(&task, &json!({"approved": true}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(
        world.oracle.calls("guarded-middle").len() == 1,
        "called {} times",
        world.oracle.calls("guarded-middle").len()
    );
    Ok(())
}

async fn cancel_reaches_a_running_step_within_two_heartbeats(world: Arc<World>) -> Result<()> {
    world.oracle.order("cancelled-middle", Rule::Hang);
    let task = world
        .rest
        .submit(&unattended("Stop in time", fan("cancelled", ["work"; 3], None), &[]))
        .await?;
    called(&world, "cancelled-middle").await?;
    let asked = Instant::now();
    world.rest.control(&task, "cancel").await?.expect(200)?;
    world.rest.until(&task, &["cancelled"], TWO_HEARTBEATS).await?;
    eventually("the worker lets go of the call", TWO_HEARTBEATS, || async {
        let call = world
            .oracle
            .calls("cancelled-middle")
            .into_iter()
            .next()
            .context("no call")?;
        ensure!(call.hung_up, "still waiting for the answer");
        Ok(())
    })
    .await?;
    ensure!(
        asked.elapsed() <= TWO_HEARTBEATS,
        "it took {:.1} s",
        asked.elapsed().as_secs_f64()
    );
    let again = world.rest.control(&task, "retry").await?;
    again.expect_problem(409, "already_terminal")
}

async fn called(world: &World, item: &str) -> Result<()> {
    eventually(&format!("{item} is called"), LIMIT, || async {
        ensure!(!world.oracle.calls(item).is_empty(), "not yet");
        Ok(())
    })
    .await
}

async fn a_paused_task_starts_nothing_until_it_is_resumed(world: Arc<World>) -> Result<()> {
    let while_paused = Duration::from_secs(1);
    world
        .oracle
        .order("paused-first", Rule::Work(while_paused, while_paused));
    let plan = json!({"steps": [oracle_step("first", "work", "paused-first", &[]), oracle_step("second", "work", "paused-second", &["first"])]});
    let task = world.rest.submit(&unattended("Wait a little", plan, &[])).await?;
    called(&world, "paused-first").await?;
    world.rest.control(&task, "pause").await?.expect(200)?;
    world.rest.until(&task, &["paused"], LIMIT).await?;
    // What runs may end; its result is kept.
    eventually("the running step ends", LIMIT, || async {
        let status = world.rest.status(&task).await?;
        ensure!(
            step(&status, "first")?["status"] == "succeeded",
            "{}",
            shortened(&status)
        );
        Ok(())
    })
    .await?;
    ensure!(
        world.rest.status(&task).await?["status"] == "paused",
        "it did not stay paused"
    );
    ensure!(
        world.oracle.calls("paused-second").is_empty(),
        "a step began while paused"
    );
    world.rest.control(&task, "resume").await?.expect(200)?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(
        world.oracle.calls("paused-first").len() == 1,
        "the first step ran again"
    );
    Ok(())
}

async fn retries_follow_the_steps_own_policy(world: Arc<World>) -> Result<()> {
    world.oracle.order("flaky", Rule::FailFirst(3));
    let mut only = oracle_step("only", "work", "flaky", &[]);
    only["retry"] = json!({"max_attempts": 4, "initial_interval": 0.1, "backoff": 1.0, "max_interval": 0.1});
    let task = world
        .rest
        .submit(&unattended("Try again", json!({"steps": [only]}), &[]))
        .await?;
    let done = world.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(step(&done, "only")?["attempt"] == 4, "{}", shortened(&done));
    ensure!(
        world.oracle.calls("flaky").len() == 4,
        "{} calls",
        world.oracle.calls("flaky").len()
    );
    Ok(())
}

async fn a_step_is_given_up_at_its_own_timeout(world: Arc<World>) -> Result<()> {
    world.oracle.order("endless", Rule::Hang);
    let mut only = oracle_step("only", "work", "endless", &[]);
    only["timeout_seconds"] = json!(0.5);
    only["retry"] = json!({"max_attempts": 2, "initial_interval": 0.1, "backoff": 1.0, "max_interval": 0.1});
    let task = world
        .rest
        .submit(&unattended("Do not wait for ever", json!({"steps": [only]}), &[]))
        .await?;
    let status = world.rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        status.text("/attention/reason")? == "attempts_exhausted",
        "{}",
        status["attention"]
    );
    ensure!(
        step(&status, "only")?["error"].to_string().contains("tool_timeout"),
        "{}",
        shortened(&status)
    );
    ensure!(
        world.oracle.calls("endless").len() == 2,
        "{} calls",
        world.oracle.calls("endless").len()
    );
    world.rest.control(&task, "cancel").await?.expect(200)?;
    world.rest.until(&task, &["cancelled"], LIMIT).await?;
    Ok(())
}

async fn an_exhausted_step_is_retried_by_a_human(world: Arc<World>) -> Result<()> {
    world.oracle.order("repaired-outside", Rule::Garbage);
    let mut only = oracle_step("only", "work", "repaired-outside", &[]);
    only["retry"] = json!({"max_attempts": 1});
    let task = world
        .rest
        .submit(&unattended("Retry by hand", json!({"steps": [only]}), &[]))
        .await?;
    let status = world.rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        step(&status, "only")?["error"]
            .to_string()
            .contains("tool_bad_response"),
        "{}",
        shortened(&status)
    );
    world.oracle.order("repaired-outside", Rule::AT_ONCE);
    world.rest.control(&task, "retry").await?.expect(200)?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    Ok(())
}

async fn twins_of_one_request_are_one_task(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let body = unattended(
        "One of two",
        json!({"steps": [null_step("only", &json!({"text": "once"}), &[])]}),
        &[],
    );
    let send = |body: Value| {
        Rest::send(
            rest.request(Method::POST, "/process")
                .header("idempotency-key", "twins")
                .json(&body),
        )
    };
    let answers: Vec<Answer> = join_all((0..8).map(|_| send(body.clone())))
        .await
        .into_iter()
        .collect::<Result<_>>()?;
    let mut ids = BTreeSet::new();
    for answer in answers {
        ids.insert(answer.expect(202)?.text("/task_id")?.to_owned());
    }
    ensure!(ids.len() == 1, "twins became {ids:?}");
    let replay = send(body.clone()).await?;
    let header = replay
        .headers
        .get("idempotent-replayed")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    ensure!(header == "true", "a replay says Idempotent-Replayed: {header:?}");
    ensure!(
        ids.contains(replay.expect(202)?.text("/task_id")?),
        "a replay made another task"
    );
    let mut other = body;
    other["request"] = json!("Another body under the same key");
    send(other).await?.expect_problem(422, "idempotency_key_reused")
}

async fn of_two_decisions_the_first_wins(world: Arc<World>) -> Result<()> {
    let rest = &world.rest;
    let plan = json!({"steps": [null_step("only", &json!({"text": "Decide about me."}), &[])]});
    let mut request = unattended("Decide twice", plan, &[]);
    request["auto_approve"] = json!(false);
    let task = rest.submit(&request).await?;
    rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let gate = rest.approval(&task).await?;
    let stale = json!({"approved": true, "content_hash": "0".repeat(64)});
    let refused = rest.decide(&task, &stale).await?;
    ensure!(
        refused.status == 409,
        "a stale hash: {} {}",
        refused.status,
        refused.body
    );
    let decision = json!({"approved": true, "gate_id": gate["gate_id"], "content_hash": gate["content_hash"]});
    let both = join_all([rest.decide(&task, &decision), rest.decide(&task, &decision)]).await;
    let both: Vec<Answer> = both.into_iter().collect::<Result<_>>()?;
    let mut statuses: Vec<u16> = both.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    ensure!(statuses == [200, 409], "two decisions were answered {statuses:?}");
    let late = both
        .into_iter()
        .find(|answer| answer.status == 409)
        .context("no loser")?;
    ensure!(
        late.body["decided_by"].is_string() && late.body["decided_at"].is_string(),
        "who and when? {}",
        late.body
    );
    rest.until(&task, &["completed"], LIMIT).await?;
    let after = rest.decide(&task, &decision).await?;
    ensure!(after.status == 409, "a decision after the end: {}", after.status);
    rest.get(&format!("/approval/{task}"))
        .await?
        .expect_problem(409, "not_awaiting_approval")
}

async fn a_condition_that_does_not_hold_skips_the_step(world: Arc<World>) -> Result<()> {
    let mut maybe = oracle_step("maybe", "work", "skipped", &["first"]);
    maybe["when"] = json!({"$step": "first", "pointer": "/score", "gt": 5});
    let plan = json!({"steps": [null_step("first", &json!({"score": 3, "text": "three"}), &[]), maybe]});
    let task = world
        .rest
        .submit(&unattended("Only if it is worth it", plan, &[]))
        .await?;
    let done = world.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(step(&done, "maybe")?["status"] == "skipped", "{}", shortened(&done));
    ensure!(world.oracle.calls("skipped").is_empty(), "a skipped step ran");
    Ok(())
}

/// `make down; make up` in small.
#[test]
fn a_restart_keeps_everything() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let system = System::start(Options::new("restart", String::new())).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        let plan = json!({"steps": [null_step("only", &json!({"text": "Still here after the restart."}), &[])]});
        let request = json!({"request": "Outlive a restart", "plan": plan, "quality_threshold": 0.0, "preferences": {"channels": ["blog"]}});
        let waiting = rest.submit(&request).await?;
        rest.until(&waiting, &["awaiting_approval"], LIMIT).await?;
        let history = rest.history(&waiting).await?;
        system.stop()?;
        system.launch().await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        ensure!(rest.history(&waiting).await? == history, "the history changed");
        rest.decide(&waiting, &json!({"approved": true})).await?.expect(200)?;
        rest.until(&waiting, &["completed"], LIMIT).await?;
        system.stop()
    })
}
