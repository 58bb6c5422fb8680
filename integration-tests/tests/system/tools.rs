//! The catalog over the whole system: registered tools, restarts, what plans may name.

use anyhow::{Result, ensure};
use integration_tests::configuration::with_oracle;
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::event_stream;
use integration_tests::eventually::eventually;
use integration_tests::oracle::{Oracle, Rule};
use integration_tests::plans::unattended;
use integration_tests::rest::{Answer, Rest};
use integration_tests::system::{Options, System};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const ID: &str = "custom.look";

fn tool(description: &str, pointer: &str) -> Value {
    json!({
        "tool_id": ID, "description": description, "effects": "read_only",
        "input_schema": {"type": "object", "required": ["item"], "properties": {"item": {"type": "string"}}},
        "endpoint": {"method": "POST", "api": "oracle", "path": "/work", "output_pointer": pointer},
    })
}

fn plan(item: &str) -> Value {
    let look = json!({"key": "look", "tool_id": ID, "arguments": {"item": item}});
    unattended("Use a registered tool", json!({"steps": [look]}), &[])
}

async fn send(rest: &Rest, method: Method, path: &str, body: &Value) -> Result<Answer> {
    Rest::send(rest.request(method, path).json(body)).await
}

/// The output of the tool in a task of its own, right after whatever happened before.
async fn used(rest: &Rest, item: &str) -> Result<Value> {
    let task = rest.submit(&plan(item)).await?;
    let done = rest.until(&task, &["completed"], LIMIT).await?;
    Ok(step(&done, "look")?["output"].clone())
}

#[test]
fn a_registered_tool_is_used_outlives_a_restart_is_changed_suspended_approved_and_removed() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let oracle = Oracle::start(7, Rule::AT_ONCE).await?;
        let system = System::start(Options::new("tools", with_oracle(&oracle))).await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;

        let registered = send(&rest, Method::POST, "/tools", &tool("Looks an item up", "")).await?;
        let registered = registered.expect(201)?;
        ensure!(registered["state"] == "active", "{}", shortened(&registered));
        let output = used(&rest, "first").await?;
        ensure!(output.is_object(), "{output}");
        ensure!(
            oracle.calls("first").len() == 1,
            "{} calls",
            oracle.calls("first").len()
        );

        system.stop()?;
        system.launch().await?;
        let rest = Rest::new(&system.dev()?.rest_url)?;
        let path = format!("/tools/{ID}");
        let kept = rest.get(&path).await?.expect(200)?;
        ensure!(
            kept["version_hash"] == registered["version_hash"],
            "{}",
            shortened(&kept)
        );
        used(&rest, "second").await?;
        ensure!(
            oracle.calls("second").len() == 1,
            "{} calls",
            oracle.calls("second").len()
        );
        let found = rest
            .get("/tools?q=LOOKS%20item&source=api&limit=200")
            .await?
            .expect(200)?;
        let ids: Vec<&Value> = found.list("/items")?.iter().map(|tool| &tool["tool_id"]).collect();
        ensure!(ids.contains(&&json!(ID)), "{ids:?}");

        let changed = send(&rest, Method::PUT, &path, &tool("Tells the item alone", "/item")).await?;
        let changed = changed.expect(200)?;
        ensure!(
            changed["version_hash"] != registered["version_hash"],
            "{}",
            shortened(&changed)
        );
        let output = used(&rest, "third").await?;
        ensure!(output == "third", "{output}");

        send(&rest, Method::POST, &format!("{path}/suspend"), &json!({}))
            .await?
            .expect(200)?;
        let refused = send(&rest, Method::POST, "/process", &plan("never")).await?;
        refused.expect_problem(422, "plan_tool")?;
        let stale = json!({"version_hash": registered["version_hash"]});
        let stale = send(&rest, Method::POST, &format!("{path}/approve"), &stale).await?;
        stale.expect_problem(409, "approval_stale")?;
        let seen = json!({"version_hash": changed["version_hash"]});
        send(&rest, Method::POST, &format!("{path}/approve"), &seen)
            .await?
            .expect(200)?;
        used(&rest, "fourth").await?;

        let discovered = send(&rest, Method::POST, "/tools/discover", &json!({}))
            .await?
            .expect(200)?;
        ensure!(discovered["complete"] == true, "{discovered}");
        ensure!(
            discovered["changed"] == 0 && discovered["suspended"] == 0,
            "{discovered}"
        );
        let served = rest.get(&path).await?.expect(200)?;
        ensure!(served["available"] == true, "{}", shortened(&served));

        Rest::send(rest.request(Method::DELETE, &path)).await?.expect(200)?;
        let refused = send(&rest, Method::POST, "/process", &plan("never")).await?;
        refused.expect_problem(422, "plan_tool")?;
        ensure!(oracle.calls("never").is_empty(), "a removed tool was called");

        eventually("what became of the tool is told in order", LIMIT, || async {
            let client = event_stream::connect(&system.dev()?.nats_url).await?;
            let told = event_stream::read_all(&client).await?;
            let mut sequences: Vec<u64> = told
                .get(ID)
                .into_iter()
                .flat_map(|seen| seen.values().copied())
                .collect();
            sequences.sort_unstable();
            ensure!(sequences == [1, 2, 3, 4, 5], "{sequences:?}");
            Ok(())
        })
        .await?;
        system.stop()
    })
}
