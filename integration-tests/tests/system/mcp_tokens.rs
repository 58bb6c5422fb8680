//! A server that wants OAuth tokens: they are fetched, renewed when they end or are refused, and told to nobody else.

use crate::mcp_live::{LIMIT, Scene, call};
use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use integration_tests::mcp_server::McpServer;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

pub const SECRET: &str = "cs-c1f2d64fd6f84b0cbb0e";
/// Begins every token; its number follows.
const TOKEN: &str = "at-0c5e8f0a4b7d4d0f-";

/// Tokens given out so far, and the last one that is not accepted any more.
static ISSUED: AtomicU32 = AtomicU32::new(0);
static REVOKED: AtomicU32 = AtomicU32::new(0);

/// The first is good for a second: it is renewed when half of that is over.
pub fn token(_: &Value) -> Value {
    let number = ISSUED.fetch_add(1, Ordering::SeqCst) + 1;
    let lifetime = if number == 1 { 1 } else { 3600 };
    json!({"access_token": format!("{TOKEN}{number}"), "token_type": "Bearer", "expires_in": lifetime})
}

pub fn lets_in(credential: &str) -> bool {
    number(credential).is_some_and(|number| number > REVOKED.load(Ordering::SeqCst))
}

fn number(credential: &str) -> Option<u32> {
    credential.strip_prefix("Bearer ")?.strip_prefix(TOKEN)?.parse().ok()
}

fn issued() -> u32 {
    ISSUED.load(Ordering::SeqCst)
}

pub async fn reach_their_server_alone(scene: &Scene) -> Result<()> {
    let overheard = listen(scene).await?;
    let mut tasks = vec![an_ended_one_is_renewed(scene).await?];
    tasks.push(a_refused_one_is_renewed_once(scene).await?);
    tasks.push(one_that_is_refused_always_is_not_renewed_forever(scene).await?);
    tasks.push(none_follows_a_redirect(scene).await?);
    only_its_server_was_shown(scene)?;
    nothing_tells(scene, &tasks, &overheard).await
}

async fn an_ended_one_is_renewed(scene: &Scene) -> Result<String> {
    // The first may still have been good when the server was listed.
    eventually("another token than the first is used", LIMIT, || async {
        let task = call(scene, "locked.echo", "renewed").await?;
        let status = scene.rest.until(&task, &["completed"], LIMIT).await?;
        let text = step(&status, "call")?.text("/output/text")?;
        ensure!(text == "sent with Bearer ***", "{text}");
        let used = last_used(&scene.locked)?;
        ensure!(used == 2, "token {used}");
        ensure!(refusals(&scene.locked) == 0, "it was renewed only when it was refused");
        Ok(task)
    })
    .await
}

async fn a_refused_one_is_renewed_once(scene: &Scene) -> Result<String> {
    let before = issued();
    REVOKED.store(before, Ordering::SeqCst);
    let task = call(scene, "locked.echo", "revoked").await?;
    scene.rest.until(&task, &["completed"], LIMIT).await?;
    let calls = scene.locked.calls("echo", "revoked").len();
    ensure!(
        (issued(), calls) == (before + 1, 2),
        "{} tokens, {calls} calls",
        issued()
    );
    Ok(task)
}

async fn one_that_is_refused_always_is_not_renewed_forever(scene: &Scene) -> Result<String> {
    let before = issued();
    REVOKED.store(u32::MAX, Ordering::SeqCst);
    let task = call(scene, "locked.echo", "refused").await?;
    let code = failed(scene, &task).await?;
    REVOKED.store(issued(), Ordering::SeqCst);
    let calls = scene.locked.calls("echo", "refused").len();
    ensure!(code == "tool_rejected", "{code}");
    ensure!(
        (issued(), calls) == (before + 1, 2),
        "{} tokens, {calls} calls",
        issued()
    );
    Ok(task)
}

async fn none_follows_a_redirect(scene: &Scene) -> Result<String> {
    let task = call(scene, "locked.moved", "moved").await?;
    let code = failed(scene, &task).await?;
    ensure!(code == "address_blocked", "{code}");
    Ok(task)
}

async fn failed(scene: &Scene, task: &str) -> Result<String> {
    let status = scene.rest.until(task, &["needs_attention"], LIMIT).await?;
    Ok(step(&status, "call")?.text("/error/code")?.to_owned())
}

fn only_its_server_was_shown(scene: &Scene) -> Result<()> {
    let strangers = scene.elsewhere.requests();
    ensure!(strangers.is_empty(), "a redirect was followed: {strangers:?}");
    for server in [&scene.old, &scene.new] {
        let told = format!("{:?}", server.messages());
        ensure!(
            !told.contains(TOKEN) && !told.contains(SECRET),
            "another server was shown it"
        );
    }
    let shown = format!("{:?}", scene.locked.messages());
    ensure!(!shown.contains(SECRET), "the server was shown the client's secret");
    let asked = scene.tokens.requests();
    ensure!(!asked.is_empty(), "no token was asked for");
    for request in asked {
        let proof = request.headers.get("authorization").context("no proof")?.to_str()?;
        ensure!(proof.starts_with("Basic "), "{proof}");
        ensure!(
            request.body.as_ref() == b"grant_type=client_credentials",
            "{:?}",
            request.body
        );
    }
    Ok(())
}

async fn nothing_tells(scene: &Scene, tasks: &[String], overheard: &Overheard) -> Result<()> {
    let mut places = vec![(
        "the catalog".to_owned(),
        format!("{:?}", scene.rest.pages("/tools?limit=200").await?),
    )];
    for task in tasks {
        let status = scene.rest.status(task).await?;
        let trace = scene.rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
        let history = scene.rest.history(task).await?;
        ensure!(trace.to_string().contains("locked."), "no trace: {}", shortened(&trace));
        places.push((format!("documents of {task}"), format!("{status}{trace}{history:?}")));
    }
    let heard = overheard.text()?;
    ensure!(heard.contains("locked.echo"), "nothing was overheard");
    places.push(("a message".to_owned(), heard));
    for entry in std::fs::read_dir(scene.system.state().join("logs"))? {
        let path = entry?.path();
        if path.is_file() {
            let log = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            places.push((path.display().to_string(), log));
        }
    }
    for (place, text) in places {
        ensure!(
            !text.contains(SECRET) && !text.contains(TOKEN),
            "{place} has a credential"
        );
    }
    Ok(())
}

/// Everything that passes through NATS while this lives: who listens to all would keep the work of a worker that died
/// from going to another, for it looks as if somebody still waited for it.
struct Overheard {
    bytes: Arc<Mutex<Vec<u8>>>,
    listener: JoinHandle<()>,
}

impl Overheard {
    fn text(&self) -> Result<String> {
        let heard = self.bytes.lock().map_err(|_| anyhow::anyhow!("the listener broke"))?;
        Ok(String::from_utf8_lossy(&heard).into_owned())
    }
}

impl Drop for Overheard {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen(scene: &Scene) -> Result<Overheard> {
    let client = scene.system.service_client().await?;
    let mut messages = client.subscribe(">").await?;
    client.flush().await?;
    let bytes = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&bytes);
    let listener = tokio::spawn(async move {
        // Kept, so that the subscription is.
        let _client = client;
        while let Some(message) = messages.next().await {
            if let Ok(mut heard) = heard.lock() {
                heard.extend_from_slice(&message.payload);
            }
        }
    });
    Ok(Overheard { bytes, listener })
}

fn last_used(server: &McpServer) -> Result<u32> {
    let calls = server.messages().into_iter().rev();
    let call = calls.into_iter().find(|message| message.body["method"] == "tools/call");
    let call = call.context("no call")?;
    let credential = call.headers.get("authorization").context("no credential")?.to_str()?;
    number(credential).context("no token")
}

fn refusals(server: &McpServer) -> usize {
    server.messages().iter().filter(|message| message.refused).count()
}
