//! The extension for tasks, spoken by an official client before two gateways that take turns.

use crate::fake::Gateway;
use crate::mcp_client::{Client, GATE, call, connect, stateless};
use rmcp::model::{
    CallToolResponse, CancelTaskParams, ClientCapabilities, ErrorCode, GetTaskParams, TaskPayload, TaskStatus,
    UpdateTaskParams,
};
use rmcp::service::{ClientLifecycleMode, ServiceError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn begin(client: &Client) -> String {
    match client
        .call_tool_once(call("start_request", json!({"request": "write"})))
        .await
        .unwrap()
    {
        CallToolResponse::Task(created) => created.task.task_id,
        other => panic!("no task: {other:?}"),
    }
}

async fn payload(client: &Client, task: &str) -> TaskPayload {
    let got = client.get_task(GetTaskParams::new(task)).await.unwrap();
    assert_eq!(got.task.task.task_id, task);
    got.task.payload
}

async fn answer(client: &Client, task: &str, key: &str, answer: Value) -> Result<(), ServiceError> {
    let answers = BTreeMap::from([(key.to_owned(), answer)]);
    client.update_task(UpdateTaskParams::new(task, answers)).await
}

fn code(error: ServiceError) -> ErrorCode {
    match error {
        ServiceError::McpError(error) => error.code,
        other => panic!("no error of the protocol: {other}"),
    }
}

#[tokio::test]
async fn a_gate_is_asked_about_answered_and_the_result_is_the_calls() {
    let gateway = Gateway::start().await;
    let can = ClientCapabilities::builder()
        .enable_tasks()
        .enable_elicitation()
        .build();
    let client = connect(&gateway, stateless(), can).await;
    let task = begin(&client).await;
    assert_eq!(payload(&client, &task).await, TaskPayload::Working);
    gateway.coordinator.ask(&task, GATE);
    let TaskPayload::InputRequired { input_requests } = payload(&client, &task).await else {
        panic!("nothing is asked")
    };
    assert_eq!(input_requests.keys().collect::<Vec<_>>(), [GATE]);
    // Keys that were never issued, and answers that decide nothing, leave the gate open.
    answer(&client, &task, "another", json!({"action": "accept"}))
        .await
        .unwrap();
    answer(&client, &task, GATE, json!({"action": "decline"}))
        .await
        .unwrap();
    let malformed = answer(
        &client,
        &task,
        GATE,
        json!({"action": "accept", "content": {"approved": 1}}),
    )
    .await;
    assert_eq!(code(malformed.unwrap_err()), ErrorCode::INVALID_PARAMS);
    assert!(gateway.coordinator.decisions.lock().unwrap().is_empty());
    let approval = json!({"action": "accept", "content": {"approved": true}});
    answer(&client, &task, GATE, approval.clone()).await.unwrap();
    let decided = json!({"approved": true, "gate_id": GATE, "content_hash": "ab12"});
    assert_eq!(
        gateway.coordinator.decisions.lock().unwrap()[..],
        [(task.clone(), decided)]
    );
    // Somebody else was faster: the answer is passed over.
    gateway.coordinator.ask(&task, GATE);
    answer(&client, &task, GATE, approval).await.unwrap();
    gateway.coordinator.happen(&task, "task.completed");
    let TaskPayload::Completed { result } = payload(&client, &task).await else {
        panic!("not completed")
    };
    assert_eq!(result["isError"], false);
    assert_eq!(result["structuredContent"]["published"][0]["channel"], "blog");
}

#[tokio::test]
async fn a_call_is_shown_and_what_its_tool_asks_is_answered_in_the_form() {
    let gateway = Gateway::start().await;
    let can = ClientCapabilities::builder()
        .enable_tasks()
        .enable_elicitation()
        .build();
    let client = connect(&gateway, stateless(), can).await;
    let task = begin(&client).await;
    let schema =
        json!({"type": "object", "required": ["size"], "properties": {"size": {"type": "string", "enum": ["s", "l"]}}});
    gateway.coordinator.ask_about(
        &task,
        json!({
            "gate_id": GATE, "kind": "step", "step_key": "buy", "tool_id": "shop.buy", "tool_effects": "once", "asks": "input",
            "arguments": {"item": "tea"}, "requests": [{"key": "q", "message": "Which size?", "schema": schema}],
            "allowed_actions": ["approve", "skip", "reject"],
        }),
    );
    let TaskPayload::InputRequired { input_requests } = payload(&client, &task).await else {
        panic!("nothing is asked")
    };
    let asked = json!(input_requests)[GATE]["params"].clone();
    let message = asked["message"].as_str().unwrap();
    for told in ["shop.buy", "once", "\"item\": \"tea\"", "> Which size?"] {
        assert!(message.contains(told), "{told}: {message}");
    }
    let field = &asked["requestedSchema"]["properties"]["answer_1.size"];
    assert_eq!(field["enum"], json!(["s", "l"]));
    let content = json!({"approved": true, "answer_1.size": "l"});
    answer(&client, &task, GATE, json!({"action": "accept", "content": content}))
        .await
        .unwrap();
    let decided = json!({"approved": true, "gate_id": GATE, "content_hash": "ab12", "responses": {"q": {"size": "l"}}});
    assert_eq!(gateway.coordinator.decisions.lock().unwrap()[..], [(task, decided)]);
}

#[tokio::test]
async fn clients_that_cannot_be_asked_are_told_to_decide_otherwise() {
    let gateway = Gateway::start().await;
    let tasks = json!({"io.modelcontextprotocol/tasks": {}});
    for can in [
        json!({"extensions": tasks}),
        json!({"extensions": tasks, "elicitation": {"url": {}}}),
    ] {
        let can: ClientCapabilities = serde_json::from_value(can).unwrap();
        let client = connect(&gateway, stateless(), can).await;
        let task = begin(&client).await;
        gateway.coordinator.ask(&task, GATE);
        let told = client.get_task(GetTaskParams::new(task.as_str())).await.unwrap().task;
        assert_eq!(told.status(), TaskStatus::Working);
        assert!(told.task.status_message.unwrap().contains("get_approval"));
    }
}

#[tokio::test]
async fn a_cancelled_task_is_cancelled_like_any_other() {
    let gateway = Gateway::start().await;
    let can = ClientCapabilities::builder().enable_tasks().build();
    let client = connect(&gateway, stateless(), can).await;
    let task = begin(&client).await;
    client.cancel_task(CancelTaskParams::new(task.as_str())).await.unwrap();
    let controls = gateway.coordinator.controls.lock().unwrap();
    assert_eq!(
        (controls[0].task_id.as_str(), controls[0].verb.as_str()),
        (task.as_str(), "cancel")
    );
}

#[tokio::test]
async fn tasks_are_for_clients_that_declared_them_and_ids_that_exist() {
    let gateway = Gateway::start().await;
    for how in [stateless(), ClientLifecycleMode::Initialize] {
        let plain = connect(&gateway, how, ClientCapabilities::default()).await;
        let started = plain
            .call_tool_once(call("start_request", json!({"request": "write"})))
            .await;
        assert!(matches!(started.unwrap(), CallToolResponse::Complete(_)));
    }
    let plain = connect(&gateway, stateless(), ClientCapabilities::default()).await;
    let refused = plain.get_task(GetTaskParams::new(GATE)).await.unwrap_err();
    assert_eq!(code(refused), ErrorCode::MISSING_REQUIRED_CLIENT_CAPABILITY);
    let can = ClientCapabilities::builder().enable_tasks().build();
    let client = connect(&gateway, stateless(), can).await;
    for unknown in ["01900000-0000-7000-8000-999999999999", "x", ""] {
        let errors = [
            client.get_task(GetTaskParams::new(unknown)).await.map(drop),
            client.cancel_task(CancelTaskParams::new(unknown)).await,
            answer(&client, unknown, GATE, json!({"action": "accept"})).await,
        ];
        for error in errors {
            assert_eq!(code(error.unwrap_err()), ErrorCode::INVALID_PARAMS, "{unknown}");
        }
    }
}
