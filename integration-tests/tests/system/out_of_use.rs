//! A tool that a human takes out of use: nothing is sent with it any more, whatever was under way, and all goes on once
//! it is approved again.

use crate::mcp_changes::{CHANNEL, publish};
use crate::mcp_live::{LIMIT, Scene, call};
use anyhow::{Result, ensure};
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use serde_json::{Value, json};

const TITLE: &str = "What must not be seen";

/// A call was queued, and its worker had not come to it, when the tool was taken out of use.
pub async fn stops_what_was_queued(scene: &Scene) -> Result<()> {
    const TOOL: &str = "new.echo";
    let pid = scene.system.pause("executor-1")?;
    let task = call(scene, TOOL, "queued").await;
    let suspended = suspend(scene, TOOL).await;
    scene.system.proceed(pid)?;
    let (task, hash) = (task?, suspended?);
    let status = scene.rest.until(&task, &["needs_attention"], LIMIT).await?;
    ensure!(
        step(&status, "call")?.said("/error/code") == "tool_suspended",
        "{}",
        shortened(&status)
    );
    ensure!(scene.new.calls("echo", "queued").is_empty(), "it was called");
    approve(scene, TOOL, &hash).await?;
    scene.rest.control(&task, "retry").await?.expect(200)?;
    scene.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(scene.new.calls("echo", "queued").len() == 1, "not called once");
    Ok(())
}

/// A channel publishes with the tool.
pub async fn stops_publications(scene: &Scene) -> Result<()> {
    const TOOL: &str = "old.look";
    let hash = suspend(scene, TOOL).await?;
    let task = publish(scene, TITLE).await?;
    eventually("the publication waits", LIMIT, || async {
        let status = scene.rest.status(&task).await?;
        ensure!(
            status.said("/waiting/0/code") == "tool_suspended",
            "{}",
            shortened(&status)
        );
        Ok(())
    })
    .await?;
    ensure!(scene.old.calls("look", TITLE).is_empty(), "it went out by {CHANNEL}");
    approve(scene, TOOL, &hash).await?;
    let done = scene.rest.until(&task, &["completed"], LIMIT).await?;
    ensure!(done.said("/published/0/state") == "published", "{}", shortened(&done));
    ensure!(scene.old.calls("look", TITLE).len() == 1, "not published once");
    Ok(())
}

/// The hash that an approval names.
async fn suspend(scene: &Scene, tool: &str) -> Result<Value> {
    let path = format!("/tools/{tool}/suspend");
    let suspended = scene.rest.post(&path, &json!({})).await?.expect(200)?;
    Ok(suspended["version_hash"].clone())
}

async fn approve(scene: &Scene, tool: &str, hash: &Value) -> Result<()> {
    let path = format!("/tools/{tool}/approve");
    let seen = json!({"version_hash": hash});
    scene.rest.post(&path, &seen).await?.expect(200).map(drop)
}
