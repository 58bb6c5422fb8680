//! Plans that depend on what comes out of them, and plans that people change.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::oracle::{BAD, Rule};
use integration_tests::plans::{null_step, oracle_step};
use integration_tests::world::World;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn plans_grow_and_are_changed() -> Result<()> {
    hold(
        "plans",
        |_| {},
        behaviours![
            a_step_runs_once_for_each_item_side_by_side,
            only_the_bad_item_is_repaired,
            a_list_that_is_too_long_runs_nothing,
            a_fork_takes_over_the_items_that_are_the_same,
            a_plan_is_edited_at_its_gate,
        ],
    )
}

/// Lists `titles`, calls the oracle once for each, gathers.
fn each(name: &str, titles: &[&str], max_items: u32) -> Value {
    let items: Vec<Value> = titles
        .iter()
        .map(|title| json!({"title": format!("{name}-{title}")}))
        .collect();
    let mut posts = oracle_step("posts", "work", "", &[]);
    posts["for_each"] = json!({"items": {"$step": "topics", "pointer": "/list"}, "max_items": max_items});
    posts["arguments"] = json!({"item": {"$item": "/title"}, "context": "About {{ item.title }}"});
    posts["acceptance"] = json!([{"pointer": "/text", "not_contains": BAD}]);
    let steps = json!([
        null_step("topics", &json!({ "list": items }), &[]),
        posts,
        null_step("last", &json!({"posts": {"$step": "posts", "pointer": "/items"}}), &[]),
    ]);
    json!({
        "request": format!("One post each of {name}"),
        "plan": {"steps": steps},
        "quality_threshold": 0.0,
        "max_refinements": 1,
        "preferences": {"channels": []},
    })
}

async fn a_step_runs_once_for_each_item_side_by_side(world: Arc<World>) -> Result<()> {
    let second = Duration::from_secs(1);
    for title in ["tea", "milk", "rye"] {
        world.oracle.order(&format!("side-{title}"), Rule::Work(second, second));
    }
    let mut request = each("side", &["tea", "milk", "rye"], 5);
    request["plan_review"] = json!(true);
    let task = world.rest.submit(&request).await?;
    world.rest.until(&task, &["awaiting_plan_review"], LIMIT).await?;
    let approval = world.rest.approval(&task).await?;
    let asked = step(&approval, "posts")?;
    ensure!(asked["tool_id"] == "oracle.work", "{asked}");
    ensure!(asked["for_each"] == request["plan"]["steps"][1]["for_each"], "{asked}");
    ensure!(
        asked["arguments"] == request["plan"]["steps"][1]["arguments"],
        "{asked}"
    );
    world
        .rest
        .decide(&task, &json!({"approved": true}))
        .await?
        .expect(200)?;

    let status = world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    let call = |title: &str| {
        world
            .oracle
            .calls(&format!("side-{title}"))
            .into_iter()
            .next()
            .context("no call")
    };
    let (tea, milk, rye) = (call("tea")?, call("milk")?, call("rye")?);
    ensure!(
        tea.overlaps(&milk) && milk.overlaps(&rye),
        "the items ran one after the other"
    );
    ensure!(tea.arguments["context"] == "About side-tea", "{}", tea.arguments);
    let made: Vec<&Value> = (0..3)
        .map(|place| Ok(&step(&status, &format!("posts/{place}"))?["output"]))
        .collect::<Result<_>>()?;
    ensure!(
        made[0]["item"] == "side-tea" && made[2]["item"] == "side-rye",
        "{made:?}"
    );
    ensure!(
        step(&status, "posts")?["output"]["items"] == json!(made),
        "{}",
        shortened(&status)
    );
    ensure!(
        step(&status, "last")?["output"]["posts"] == json!(made),
        "{}",
        shortened(&status)
    );
    let trace = world.rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
    ensure!(trace.to_string().contains("posts/2"), "the items are not in the trace");
    world
        .rest
        .decide(&task, &json!({"approved": true}))
        .await?
        .expect(200)?;
    world.rest.until(&task, &["completed"], LIMIT).await?;
    Ok(())
}

async fn only_the_bad_item_is_repaired(world: Arc<World>) -> Result<()> {
    world.oracle.order("mend-milk", Rule::BadUntilFeedback);
    let task = world.rest.submit(&each("mend", &["tea", "milk"], 5)).await?;
    let status = world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    ensure!(status["refinements"] == 1, "{}", shortened(&status));
    let calls = |title: &str| world.oracle.calls(&format!("mend-{title}")).len();
    ensure!(
        (calls("tea"), calls("milk")) == (1, 2),
        "{} and {}",
        calls("tea"),
        calls("milk")
    );
    let text = step(&status, "last")?["output"]["posts"][1].said("/text").to_owned();
    ensure!(text.contains("rewritten as asked"), "{text}");
    world.rest.control(&task, "cancel").await?.expect(200)?;
    Ok(())
}

async fn a_list_that_is_too_long_runs_nothing(world: Arc<World>) -> Result<()> {
    let task = world.rest.submit(&each("long", &["a", "b", "c"], 2)).await?;
    let status = world.rest.until(&task, &["needs_attention"], LIMIT).await?;
    let error = &step(&status, "posts/list")?["error"];
    ensure!(error["code"] == "too_many_items", "{error}");
    ensure!(world.oracle.calls("long-a").is_empty(), "an item ran");
    world.rest.control(&task, "cancel").await?.expect(200)?;
    Ok(())
}

async fn a_fork_takes_over_the_items_that_are_the_same(world: Arc<World>) -> Result<()> {
    let source = world.rest.submit(&each("twice", &["tea", "milk"], 5)).await?;
    world.rest.until(&source, &["awaiting_approval"], LIMIT).await?;
    let path = format!("/tasks/{source}/fork");
    let fork = json!({"from_step": "posts/1"});
    let accepted = world.rest.post(&path, &fork).await?.expect(202)?;
    let reused = json!(["topics", "posts/list", "posts/0"]);
    ensure!(accepted["forked_from"]["reused"] == reused, "{accepted}");
    let task = accepted.text("/task_id")?;
    world.rest.until(task, &["awaiting_approval"], LIMIT).await?;
    let calls = |title: &str| world.oracle.calls(&format!("twice-{title}")).len();
    ensure!(
        (calls("tea"), calls("milk")) == (1, 2),
        "{} and {}",
        calls("tea"),
        calls("milk")
    );
    world.rest.control(&source, "cancel").await?.expect(200)?;
    world.rest.control(task, "cancel").await?.expect(200)?;
    Ok(())
}

async fn a_plan_is_edited_at_its_gate(world: Arc<World>) -> Result<()> {
    let mut request = each("edit", &["tea", "milk"], 2);
    request["plan_review"] = json!(true);
    let task = world.rest.submit(&request).await?;
    world.rest.until(&task, &["awaiting_plan_review"], LIMIT).await?;
    let seen = world.rest.approval(&task).await?;
    let plan = |titles: &[&str]| each("edit", titles, 3)["plan"].clone();
    ensure!(
        seen["plan_document"]["steps"][1]["for_each"] == request["plan"]["steps"][1]["for_each"],
        "{}",
        shortened(&seen)
    );
    // What could not run is refused, and the gate stays.
    let mut broken = plan(&["rye"]);
    broken["steps"][1]["tool_id"] = json!("oracle.gone");
    let refused = json!({"approved": true, "plan": broken, "content_hash": seen["content_hash"]});
    world
        .rest
        .decide(&task, &refused)
        .await?
        .expect_problem(422, "plan_tool")?;
    let edited = json!({"approved": true, "plan": plan(&["rye", "oat", "tea"]), "content_hash": seen["content_hash"]});
    world.rest.decide(&task, &edited).await?.expect(200)?;
    // A second editor is too late.
    let late = json!({"approved": true, "plan": plan(&["late"]), "content_hash": seen["content_hash"]});
    ensure!(world.rest.decide(&task, &late).await?.status == 409);

    let status = world.rest.until(&task, &["awaiting_approval"], LIMIT).await?;
    ensure!(
        status["plan"]["origin"] == "human" && status["plan"]["version"] == 2,
        "{}",
        shortened(&status)
    );
    let calls = ["rye", "oat", "tea", "milk", "late"].map(|title| world.oracle.calls(&format!("edit-{title}")).len());
    ensure!(calls == [1, 1, 1, 0, 0], "{calls:?}");
    let trace = world.rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
    let plans = trace["plans"]
        .as_array()
        .or_else(|| trace["planning"].as_array())
        .context("no plans")?;
    let changed = &plans
        .iter()
        .find(|plan| plan["version"] == 2)
        .context("no second plan")?["changes"];
    ensure!(changed["changed"][1]["key"] == "topics", "{changed}");
    world.rest.control(&task, "cancel").await?.expect(200)?;
    Ok(())
}
