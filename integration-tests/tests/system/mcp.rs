//! The orchestrator as an MCP server: an official client, as a host would use it.

use crate::behaviours;
use crate::group::hold;
use anyhow::{Context as _, Result, bail, ensure};
use integration_tests::asking_server::{self, AskingServer};
use integration_tests::configuration::CHANNEL;
use integration_tests::document::{Document as _, shortened, step};
use integration_tests::eventually::eventually;
use integration_tests::plans::{fan, oracle_step};
use integration_tests::world::World;
use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, GetTaskParams,
    Implementation, ProtocolVersion, TaskPayload, UpdateTaskParams,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

type Client = RunningService<RoleClient, ClientConfig>;

#[test]
fn an_mcp_host_starts_follows_and_decides_requests() -> Result<()> {
    let shop = AskingServer::bind()?;
    hold(
        "mcp",
        |options| {
            options.config.push_str(&shop.configuration());
            shop.serve();
        },
        behaviours![
            an_old_client_takes_a_request_to_its_publication,
            a_task_of_the_protocol_asks_and_ends_with_its_result,
            a_rejected_task_ends_with_an_error_in_its_result,
            a_call_is_shown_and_what_its_tool_asks_is_answered_by_form,
        ],
    )
}

async fn connect(world: &World, how: ClientLifecycleMode, can: ClientCapabilities) -> Result<Client> {
    let rest = world.system.dev()?.rest_url;
    let host = rest.trim_end_matches("/api/orchestrator").trim_end_matches('/');
    let transport = StreamableHttpClientTransport::from_uri(format!("{host}/mcp"));
    let ourselves = ClientConfig::new(can, Implementation::new("system-tests", "1"));
    Ok(ourselves.serve_with_lifecycle(transport, how).await?)
}

fn call(name: &'static str, arguments: &Value) -> CallToolRequestParams {
    let arguments = arguments.as_object().cloned().unwrap_or_default();
    CallToolRequestParams::new(name).with_arguments(arguments)
}

fn document(result: CallToolResult) -> Result<Value> {
    let document = result.structured_content.context("no structured content")?;
    ensure!(result.is_error == Some(false), "refused: {}", shortened(&document));
    Ok(document)
}

async fn ask(client: &Client, name: &'static str, arguments: &Value) -> Result<Value> {
    document(client.call_tool(call(name, arguments)).await?)
}

/// A request whose result says who it is.
fn request(item: &str) -> Value {
    json!({
        "request": format!("Gather what is known about {item}"),
        "plan": fan(item, ["work", "work", "work"], Some(CHANNEL)),
        "preferences": {"channels": [CHANNEL]},
        "quality_threshold": 0.0,
        "idempotency_key": item,
    })
}

/// How often it was accepted: now and then the receiver refuses at first.
fn arrived(world: &World, item: &str) -> usize {
    let marker = format!("<{item}>");
    let arrivals = world.oracle.arrivals();
    let holds = |body: &[u8]| String::from_utf8_lossy(body).contains(&marker);
    let accepted = arrivals.iter().filter(|arrival| arrival.status == 204);
    accepted.filter(|arrival| holds(&arrival.body)).count()
}

async fn an_old_client_takes_a_request_to_its_publication(world: Arc<World>) -> Result<()> {
    let how = ClientLifecycleMode::Initialize;
    let client = connect(&world, how, ClientCapabilities::default()).await?;
    let begun = ask(&client, "start_request", &request("mcp-old")).await?;
    let again = ask(&client, "start_request", &request("mcp-old")).await?;
    ensure!(begun["task_id"] == again["task_id"], "one key made two tasks");
    let named = json!({"task_id": begun["task_id"]});
    let status = |wanted: &'static str| {
        let (client, named) = (&client, &named);
        eventually(wanted, LIMIT, move || async move {
            let status = ask(client, "get_status", named).await?;
            ensure!(status["status"] == wanted, "it is {}", status["status"]);
            Ok(status)
        })
    };
    status("awaiting_approval").await?;
    let inbox = ask(&client, "list_approvals", &json!({"limit": 200})).await?;
    let listed = inbox
        .list("/items")?
        .iter()
        .any(|gate| gate["task_id"] == begun["task_id"]);
    ensure!(listed, "not in the inbox: {}", shortened(&inbox));
    let approval = ask(&client, "get_approval", &named).await?;
    ensure!(arrived(&world, "mcp-old") == 0, "published before anybody approved");
    let mut decision = json!({"task_id": begun["task_id"], "approved": true, "content_hash": "00"});
    let stale = client.call_tool(call("decide", &decision)).await?;
    ensure!(
        stale.is_error == Some(true),
        "a decision about something else was taken"
    );
    decision["content_hash"] = approval["content_hash"].clone();
    ask(&client, "decide", &decision).await?;
    let done = status("completed").await?;
    ensure!(done.said("/published/0/state") == "published", "{}", shortened(&done));
    ensure!(
        arrived(&world, "mcp-old") == 1,
        "arrived {} times",
        arrived(&world, "mcp-old")
    );
    Ok(())
}

/// A client of the current revision with all that a task can ask for.
async fn current(world: &World) -> Result<Client> {
    let how = ClientLifecycleMode::Discover {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
    };
    let can = json!({"elicitation": {}, "extensions": {"io.modelcontextprotocol/tasks": {}}});
    let can = serde_json::from_value(can)?;
    connect(world, how, can).await
}

async fn begin(client: &Client, request: &Value) -> Result<String> {
    match client.call_tool_once(call("start_request", request)).await? {
        CallToolResponse::Task(created) => Ok(created.task.task_id),
        other => bail!("no task: {other:?}"),
    }
}

/// The one question a task asks, another one than `before`: its key, message and form.
async fn asked(client: &Client, task: &str, before: &str) -> Result<(String, String, Value)> {
    eventually("a question", LIMIT, || async {
        let payload = client.get_task(GetTaskParams::new(task)).await?.task.payload;
        let TaskPayload::InputRequired { input_requests } = payload else {
            bail!("it is {payload:?}");
        };
        let (key, question) = input_requests.into_iter().next().context("no key")?;
        ensure!(key != before, "it still asks {key}");
        let question = serde_json::to_value(question)?;
        let form = question.pointer("/params/requestedSchema").context("no form")?;
        Ok((key, question.text("/params/message")?.to_owned(), form.clone()))
    })
    .await
}

/// The key of the one question a task asks.
async fn question(client: &Client, task: &str) -> Result<String> {
    asked(client, task, "").await.map(|(key, _, _)| key)
}

async fn answer(client: &Client, task: &str, key: &str, content: Value) -> Result<()> {
    let answers = BTreeMap::from([(key.to_owned(), json!({"action": "accept", "content": content}))]);
    Ok(client.update_task(UpdateTaskParams::new(task, answers)).await?)
}

async fn result(client: &Client, task: &str) -> Result<Value> {
    eventually("its result", LIMIT, || async {
        match client.get_task(GetTaskParams::new(task)).await?.task.payload {
            TaskPayload::Completed { result } => Ok(Value::Object(result)),
            other => bail!("it is {other:?}"),
        }
    })
    .await
}

async fn a_task_of_the_protocol_asks_and_ends_with_its_result(world: Arc<World>) -> Result<()> {
    let client = current(&world).await?;
    let task = begin(&client, &request("mcp-task")).await?;
    let key = question(&client, &task).await?;
    answer(&client, &task, &key, json!({"approved": true})).await?;
    // Somebody who repeats an answer changes nothing.
    answer(&client, &task, &key, json!({"approved": false})).await?;
    let result = result(&client, &task).await?;
    ensure!(result["isError"] == false, "{}", shortened(&result));
    let published = result.said("/structuredContent/published/0/state");
    ensure!(published == "published", "{}", shortened(&result));
    ensure!(
        arrived(&world, "mcp-task") == 1,
        "arrived {} times",
        arrived(&world, "mcp-task")
    );
    Ok(())
}

async fn a_rejected_task_ends_with_an_error_in_its_result(world: Arc<World>) -> Result<()> {
    let client = current(&world).await?;
    let task = begin(&client, &request("mcp-rejected")).await?;
    let key = question(&client, &task).await?;
    answer(&client, &task, &key, json!({"approved": false})).await?;
    let result = result(&client, &task).await?;
    ensure!(result["isError"] == true, "{}", shortened(&result));
    ensure!(
        result.said("/structuredContent/status") == "rejected",
        "{}",
        shortened(&result)
    );
    ensure!(arrived(&world, "mcp-rejected") == 0, "published");
    Ok(())
}

async fn a_call_is_shown_and_what_its_tool_asks_is_answered_by_form(world: Arc<World>) -> Result<()> {
    eventually("the asking tool is in the catalog", LIMIT, || async {
        world
            .rest
            .get(&format!("/tools/{}", asking_server::TOOL))
            .await?
            .expect(200)
    })
    .await?;
    let client = current(&world).await?;
    let order =
        json!({"key": "order", "tool_id": asking_server::TOOL, "arguments": {"item": "tea"}, "depends_on": ["call"]});
    let plan = json!({"steps": [oracle_step("call", "guarded_once", "mcp-call", &[]), order]});
    let request =
        json!({"request": "Order tea", "plan": plan, "preferences": {"channels": []}, "quality_threshold": 0.0});
    let task = begin(&client, &request).await?;

    let (call, message, _) = asked(&client, &task, "").await?;
    for told in ["oracle.guarded_once", "effects: once", "\"item\": \"mcp-call\""] {
        ensure!(message.contains(told), "{told} is not in {message}");
    }
    let forged = json!({"approved": true, "arguments": {"item": "mcp-forged"}});
    ensure!(
        answer(&client, &task, &call, forged).await.is_err(),
        "arguments nobody was asked for were taken"
    );
    ensure!(
        world.oracle.calls("mcp-call").is_empty(),
        "called before anybody approved"
    );
    answer(&client, &task, &call, json!({"approved": true})).await?;

    let (size, message, form) = asked(&client, &task, &call).await?;
    ensure!(message.contains(&format!("> {}", asking_server::QUESTION)), "{message}");
    let choices = form.pointer("/properties/answer_1.size/enum");
    ensure!(choices == Some(&json!(["small", "large"])), "{form}");
    for unfit in [
        json!({"approved": true}),
        json!({"approved": true, "answer_1.size": "huge"}),
    ] {
        ensure!(
            answer(&client, &task, &size, unfit.clone()).await.is_err(),
            "{unfit} was taken"
        );
    }
    answer(
        &client,
        &task,
        &size,
        json!({"approved": true, "answer_1.size": "large"}),
    )
    .await?;

    let (publication, _, _) = asked(&client, &task, &size).await?;
    let status = world.rest.status(&task).await?;
    let output = step(&status, "order")?["output"].to_string();
    for told in ["\"size\":\"large\"", "\"item\":\"tea\"", "opaque"] {
        ensure!(output.contains(told), "{told} is not in {output}");
    }
    answer(&client, &task, &publication, json!({"approved": true})).await?;
    let result = result(&client, &task).await?;
    ensure!(result["isError"] == false, "{}", shortened(&result));
    let calls = (
        world.oracle.calls("mcp-call").len(),
        world.oracle.calls("mcp-forged").len(),
    );
    ensure!(calls == (1, 0), "called {calls:?} times");
    Ok(())
}
