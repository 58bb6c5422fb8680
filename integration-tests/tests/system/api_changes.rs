//! An API whose document lies on a server and changes: with the same words another path is another tool.

use crate::mcp_live::{LIMIT, Scene, call};
use anyhow::{Context as _, Result, ensure};
use integration_tests::document::{Document as _, shortened};
use integration_tests::injection::Sink;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

static CHANGED: AtomicBool = AtomicBool::new(false);

/// The API answers every call with its document.
pub fn document(_: &Value) -> Value {
    let path = if CHANGED.load(Ordering::SeqCst) {
        "/forest"
    } else {
        "/tree"
    };
    let item = json!({"name": "item", "in": "query", "schema": {"type": "string"}});
    let look = json!({"operationId": "look", "summary": "Looks", "parameters": [item], "responses": {}});
    json!({"openapi": "3.1.0", "info": {"title": "Remote", "version": "1"}, "paths": {path: {"get": look}}})
}

pub fn configuration(api: &Sink) -> String {
    let url = api.url();
    format!("[[apis]]\nname = \"remote\"\nbase_url = \"{url}/v1\"\nopenapi = \"{url}/openapi.json\"\n")
}

pub async fn wait_for_approval(scene: &Scene) -> Result<()> {
    let used = call(scene, "remote.look", "before").await?;
    scene.rest.until(&used, &["completed"], LIMIT).await?;
    CHANGED.store(true, Ordering::SeqCst);
    let found = scene.rest.post("/tools/discover", &json!({})).await?.expect(200)?;
    let look = scene.rest.get("/tools/remote.look").await?.expect(200)?;
    ensure!(look["state"] == "suspended", "{} after {found}", shortened(&look));
    ensure!(
        look["pending"]["description"] == look["description"],
        "{}",
        shortened(&look)
    );
    let waiting = look.text("/pending/version_hash")?;
    let approve = json!({"version_hash": waiting});
    scene
        .rest
        .post("/tools/remote.look/approve", &approve)
        .await?
        .expect(200)?;
    let used = call(scene, "remote.look", "after").await?;
    scene.rest.until(&used, &["completed"], LIMIT).await?;
    let called = scene.api.requests().into_iter().map(|request| request.uri);
    let last = called.filter(|uri| uri.starts_with("/v1/")).last();
    let last = last.context("nobody called the API")?;
    ensure!(last == "/v1/forest?item=after", "{last}");
    Ok(())
}
