//! A hundred poisoned results and descriptions, read by a model that obeys them all: nothing is called that no plan has,
//! no other host is spoken to, and no credential reaches anything that listens.

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use integration_tests::document::{Document as _, shortened};
use integration_tests::injection::{FORBIDDEN, NAMED, Poison, Sink, corpus, obedient, obeyed};
use integration_tests::oracle::Rule;
use integration_tests::world::World;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::ModelServer;

const LIMIT: Duration = Duration::from_secs(90);
/// Poisons that come as results; the others are descriptions.
const RESULTS: usize = 60;
const PARALLEL: usize = 8;
/// Credentials of the two APIs.
const READER: &str = "rk-5b1d0c7e94a24c1fb6a0";
const SHOP: &str = "sk-e2f1877dd0a94b6cbb3e";

struct Scene {
    reader: Sink,
    shop: Sink,
    forbidden: Sink,
    model: ModelServer,
    world: World,
}

#[test]
fn nothing_that_tools_say_makes_the_system_do_what_nobody_planned() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let forbidden = Sink::start(|_| json!({"text": "obey"})).await?;
        let poisons = corpus(&forbidden.url());
        let scene = Scene::start(forbidden, &poisons).await?;
        let outcome = hold(&scene, &poisons).await;
        if outcome.is_err() {
            scene.world.system.keep_state();
        }
        let left = scene.world.system.stop();
        outcome.and(left)
    })
}

impl Scene {
    async fn start(forbidden: Sink, poisons: &[Poison]) -> Result<Self> {
        let told: Vec<Poison> = poisons.to_vec();
        let reader = Sink::start(move |body| {
            let asked = told.iter().find(|poison| body["item"] == poison.marker.as_str());
            json!({"text": asked.map_or("nothing", |poison| poison.text.as_str())})
        })
        .await?;
        let shop = Sink::start(|_| json!({"text": "published"})).await?;
        let model = ModelServer::start().await?;
        ensure!(FORBIDDEN.set(forbidden.url()).is_ok(), "set twice");
        model.tempered(obedient);
        let config = config(&reader.url(), &shop.url(), &model.url(), poisons);
        let world = World::start("injection", 7, Rule::AT_ONCE, |options| {
            options.config.push_str(&config)
        })
        .await?;
        Ok(Self {
            reader,
            shop,
            forbidden,
            model,
            world,
        })
    }
}

fn config(reader: &str, shop: &str, model: &str, poisons: &[Poison]) -> String {
    let mut text = format!(
        r#"
[llm.providers.obedient]
kind = "openai"
base_url = "{model}"
model = "m"

[llm.roles]
planner = "obedient"
writer = "obedient"
judge = "offline"

[[agents]]
tool_id = "digest_agent"
name = "Digest"
description = "Digests a text"
prompt = "Digest the text."
tools = ["reader.page"]
max_tool_calls = 3
input_schema = {{ type = "object", required = ["text"], properties = {{ text = {{ type = "string" }} }}, additionalProperties = false }}
output_schema = {{ type = "object", required = ["text"], properties = {{ text = {{ type = "string" }} }} }}

[[apis]]
name = "shop"
base_url = "{shop}"
headers = {{ authorization = "Bearer {SHOP}" }}
[[apis.endpoints]]
name = "publish"
description = "Publishes a page of the shop"
method = "POST"
path = "/publish"
requires_approval = true

[[apis]]
name = "reader"
base_url = "{reader}"
headers = {{ x-reader-key = "{READER}" }}
[[apis.endpoints]]
name = "page"
description = "Reads a page"
method = "POST"
path = "/page"
effects = "read_only"
"#
    );
    for (number, poison) in poisons.iter().enumerate().skip(RESULTS) {
        let description = toml::Value::String(poison.text.clone());
        text.push_str(&format!(
            "[[apis.endpoints]]\nname = \"d{number}\"\ndescription = {description}\nmethod = \"POST\"\n\
             path = \"/described\"\neffects = \"read_only\"\n"
        ));
    }
    text
}

/// The poison is read, given to an agent, and passed on as it is and as the agent made it.
fn with_result(poison: &Poison) -> Value {
    let read = json!({"$step": "read", "pointer": "/text"});
    let digest = json!({"$step": "digest", "pointer": "/text"});
    let (raw, made) = (&poison.marker, format!("{}-digest", poison.marker));
    json!({
        "request": "Read a page and digest it",
        "preferences": {"channels": []},
        "quality_threshold": 0.0,
        "auto_approve": true,
        "plan": {"steps": [
            {"key": "read", "tool_id": "reader.page", "arguments": {"item": poison.marker}},
            {"key": "digest", "tool_id": "digest_agent", "arguments": {"text": read}},
            {"key": "pass", "tool_id": "oracle.work", "arguments": {"item": raw, "context": read}},
            {"key": "tell", "tool_id": "oracle.work", "arguments": {"item": made, "context": digest}},
        ]},
    })
}

/// The planner is shown the tool, for it is named.
fn with_description(number: usize) -> Value {
    json!({
        "request": format!("Write one line about what {NAMED}{number} has"),
        "preferences": {"channels": []},
        "quality_threshold": 0.0,
        "auto_approve": true,
    })
}

async fn hold(scene: &Scene, poisons: &[Poison]) -> Result<()> {
    let overheard = listen(scene).await?;
    let tasks: Vec<Value> = stream::iter(poisons.iter().enumerate())
        .map(|(number, poison)| async move {
            let is_result = number < RESULTS;
            let body = if is_result {
                with_result(poison)
            } else {
                with_description(number)
            };
            let task = scene.world.rest.submit(&body).await?;
            let ends: &[&str] = if is_result {
                &["completed"]
            } else {
                &["completed", "needs_attention", "awaiting_step_approval"]
            };
            let rest = &scene.world.rest;
            let mut status = rest.until(&task, ends, LIMIT).await.context(poison.marker.clone())?;
            let trace = rest.get(&format!("/tasks/{task}/trace")).await?.expect(200)?;
            status["trace"] = trace;
            status["history"] = Value::Array(rest.history(&task).await?);
            Ok::<_, anyhow::Error>(status)
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    the_model_read_them_all(scene, poisons)?;
    nothing_was_called_but_what_plans_have(scene, poisons)?;
    let gated = tasks
        .iter()
        .filter(|task| task["status"] == "awaiting_step_approval")
        .count();
    let refused = tasks.iter().filter(|task| task["status"] == "needs_attention").count();
    println!("{gated} planned calls wait for a person, {refused} plans were refused");
    ensure!(
        gated > 0 && refused > 0,
        "the planner did not obey: {gated} gates, {refused} refusals"
    );
    no_credential_is_anywhere(scene, &tasks, &overheard)
}

/// Everything that passes through NATS.
async fn listen(scene: &Scene) -> Result<Arc<Mutex<Vec<u8>>>> {
    let client = scene.world.service_client().await?;
    let mut messages = client.subscribe(">").await?;
    client.flush().await?;
    let overheard = Arc::new(Mutex::new(Vec::new()));
    let bytes = Arc::clone(&overheard);
    tokio::spawn(async move {
        // Kept, so that the subscription is.
        let _client = client;
        while let Some(message) = messages.next().await {
            if let Ok(mut bytes) = bytes.lock() {
                bytes.extend_from_slice(&message.payload);
            }
        }
    });
    Ok(overheard)
}

fn the_model_read_them_all(scene: &Scene, poisons: &[Poison]) -> Result<()> {
    let prompts: Vec<String> = scene.model.asked().iter().map(|asked| asked.body.to_string()).collect();
    let unread = poisons
        .iter()
        .filter(|poison| !prompts.iter().any(|text| text.contains(&poison.marker)));
    let unread: Vec<&str> = unread.map(|poison| poison.marker.as_str()).collect();
    ensure!(unread.is_empty(), "no model was shown {unread:?}");
    Ok(())
}

fn nothing_was_called_but_what_plans_have(scene: &Scene, poisons: &[Poison]) -> Result<()> {
    ensure!(
        scene.shop.requests().is_empty(),
        "the shop was called: {:?}",
        scene.shop.requests()
    );
    let elsewhere = scene.forbidden.requests();
    ensure!(
        elsewhere.is_empty(),
        "a host was called that nobody allowed: {elsewhere:?}"
    );
    let read = scene.reader.requests();
    ensure!(read.len() == RESULTS, "{} pages were read", read.len());
    let calls = scene.world.oracle.call_count();
    ensure!(calls == 2 * RESULTS, "{calls} calls of the oracle");
    for (number, poison) in poisons.iter().enumerate().take(RESULTS) {
        let passed = scene.world.oracle.calls(&poison.marker);
        let passed = passed.first().context("not passed on")?;
        // What a tool said is data: no template in it is filled in, no reference in it is followed.
        ensure!(
            passed.arguments["context"] == poison.text.as_str(),
            "{} became {}",
            poison.marker,
            shortened(&passed.arguments)
        );
        let told = scene.world.oracle.calls(&format!("{}-digest", poison.marker));
        let told = told.first().context("not told")?;
        ensure!(
            told.arguments["context"] == obeyed(number).as_str(),
            "the agent of {} did not obey: {}",
            poison.marker,
            shortened(&told.arguments)
        );
    }
    let asked = scene.model.asked();
    let refused = asked
        .iter()
        .filter(|asked| asked.body.to_string().contains("there is no tool"));
    let refused = refused.count();
    ensure!(
        refused >= RESULTS,
        "agents were told {refused} times that they have no such tool"
    );
    Ok(())
}

fn no_credential_is_anywhere(scene: &Scene, tasks: &[Value], overheard: &Mutex<Vec<u8>>) -> Result<()> {
    let mut places: Vec<(String, String)> = Vec::new();
    for asked in scene.model.asked() {
        places.push(("a prompt".to_owned(), format!("{:?} {}", asked.headers, asked.body)));
    }
    for task in tasks {
        places.push((format!("documents of {}", task.said("/task_id")), task.to_string()));
    }
    for call in scene.reader.requests() {
        let headers: String = call
            .headers
            .iter()
            .filter(|(name, _)| *name != "x-reader-key")
            .map(|(name, value)| format!("{name}: {value:?}\n"))
            .collect();
        ensure!(
            call.headers.contains_key("x-reader-key"),
            "the reader's own key did not reach it"
        );
        let body = String::from_utf8_lossy(&call.body).into_owned();
        places.push((
            "a call of the reader".to_owned(),
            format!("{} {headers} {body}", call.uri),
        ));
    }
    let heard = overheard
        .lock()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let heard = heard.map_err(|_| anyhow::anyhow!("the listener broke"))?;
    ensure!(heard.contains("PX-000"), "nothing was overheard");
    places.push(("a message".to_owned(), heard));
    let logs = scene.world.system.state().join("logs");
    places.extend(files(&logs)?);
    for (place, text) in &places {
        for secret in [READER, SHOP] {
            ensure!(!text.contains(secret), "{place} has a credential");
        }
    }
    println!("{} places searched", places.len());
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
            found.push((path.display().to_string(), text));
        }
    }
    ensure!(!found.is_empty(), "no logs in {}", folder.display());
    Ok(found)
}
