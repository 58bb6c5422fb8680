//! Questions of servers in the middle of a call: a human answers, and the call goes on.

use crate::mcp_live::{LIMIT, Scene, call};
use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::mcp_server::{McpServer, QUESTION};
use serde_json::{Value, json};

/// A call that waits for a human.
struct Asked {
    task: String,
    /// The approval document.
    approval: Value,
    /// Names the answer.
    key: String,
}

fn both(scene: &Scene) -> [(&'static str, &McpServer); 2] {
    [("old", &scene.old), ("new", &scene.new)]
}

pub async fn are_answered_or_declined(scene: &Scene) -> Result<()> {
    for (name, server) in both(scene) {
        let item = format!("{name}-answered");
        let asked = ask(scene, name, &item).await?;
        ensure!(server.acted(&item).is_empty(), "it acted before anybody answered");
        let unfit = json!({asked.key.clone(): {"size": 7}});
        let refused = say(scene, &asked, &unfit).await?;
        refused.expect_problem(422, "validation")?;
        let at = refused.body["errors"][0]["pointer"].clone();
        ensure!(at == format!("/responses/{}/size", asked.key), "{at}");
        let fit = json!({asked.key.clone(): {"size": "L"}});
        say(scene, &asked, &fit).await?.expect(200)?;
        ended(scene, server, &asked, &item).await?;

        let item = format!("{name}-declined");
        let asked = ask(scene, name, &item).await?;
        let declined = json!({asked.key.clone(): null});
        say(scene, &asked, &declined).await?.expect(200)?;
        let text = text_of(scene, &asked).await?;
        ensure!(text == "nothing was done: decline", "{text}");
        ensure!(server.acted(&item).is_empty(), "it acted although nobody told it how");
    }
    Ok(())
}

/// The gates are rows: who asked is gone when the answers come, and its successor makes the calls.
pub async fn outlive_the_executor(scene: &Scene) -> Result<()> {
    let mut open = Vec::new();
    for (name, server) in both(scene) {
        let item = format!("{name}-killed");
        open.push((ask(scene, name, &item).await?, server, item));
    }
    scene.system.kill("executor-1")?;
    scene.system.ready(LIMIT).await?;
    for (asked, _, _) in &open {
        let fit = json!({asked.key.clone(): {"size": "L"}});
        say(scene, asked, &fit).await?.expect(200)?;
    }
    for (asked, server, item) in &open {
        ended(scene, server, asked, item).await?;
    }
    Ok(())
}

/// Calls the tool that asks, and looks at what a human is shown.
async fn ask(scene: &Scene, server: &str, item: &str) -> Result<Asked> {
    let tool_id = format!("{server}.ask");
    let task = call(scene, &tool_id, item).await?;
    let status = scene.rest.until(&task, &["awaiting_step_approval"], LIMIT).await?;
    let approval = scene.rest.approval(&task).await?;
    let effects = if server == "old" { "read_only" } else { "once" };
    for (pointer, expected) in [
        ("/kind", json!("step")),
        ("/asks", json!("input")),
        ("/tool_id", json!(tool_id)),
        ("/arguments", json!({"item": item})),
        ("/message", json!(QUESTION)),
        ("/tool_effects", json!(effects)),
        ("/requests/0/message", json!(QUESTION)),
        ("/requests/0/schema/required", json!(["size"])),
    ] {
        let shown = approval.pointer(pointer).unwrap_or(&Value::Null);
        ensure!(*shown == expected, "{pointer}: {shown} in {}", shortened(&approval));
    }
    ensure!(
        !format!("{status}{approval}").contains("state of"),
        "the server's own state is shown"
    );
    let key = approval.text("/requests/0/key")?.to_owned();
    Ok(Asked { task, approval, key })
}

async fn say(scene: &Scene, asked: &Asked, responses: &Value) -> Result<integration_tests::rest::Answer> {
    let word = json!({
        "approved": true, "gate_id": asked.approval["gate_id"], "content_hash": asked.approval["content_hash"],
        "responses": responses,
    });
    scene.rest.decide(&asked.task, &word).await
}

/// It acted once, with the answer, and the call was made once to hear the question and once to answer it.
async fn ended(scene: &Scene, server: &McpServer, asked: &Asked, item: &str) -> Result<()> {
    let text = text_of(scene, asked).await?;
    ensure!(text == format!("{item} of size L"), "{text}");
    let accepted = json!({"action": "accept", "content": {"size": "L"}});
    ensure!(server.acted(item) == [accepted], "{:?}", server.acted(item));
    let calls = server.calls("ask", item);
    ensure!(calls.len() == 2, "{calls:?}");
    Ok(())
}

async fn text_of(scene: &Scene, asked: &Asked) -> Result<String> {
    let status = scene.rest.until(&asked.task, &["completed"], LIMIT).await?;
    let text = step(&status, "call")?.text("/output/text").map(str::to_owned);
    text.with_context(|| shortened(&status))
}
