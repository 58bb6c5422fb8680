//! Agents of the configuration over a model that calls tools.

use super::registry::Registry;
use super::{Call, Output};
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use async_trait::async_trait;
use llm::{Answer, Chat, ChatAsk, Failed, Message, ModelEngine, Reply, ToolCall, Usage};
use serde_json::{Value, json};
use service::config::{Config, ToolProfile};
use std::sync::{Arc, Mutex};

/// Answers in order and remembers tools and messages of every ask.
struct Scripted {
    replies: Mutex<Vec<Reply>>,
    asked: Mutex<Vec<(Vec<String>, Vec<Message>)>>,
}

#[async_trait]
impl Chat for Scripted {
    async fn chat(&self, ask: ChatAsk<'_>) -> Result<Answer<Reply>, Failed> {
        let tools = ask.tools.iter().map(|tool| tool.tool_id.clone()).collect();
        self.asked.lock().unwrap().push((tools, ask.messages.to_vec()));
        Ok(Answer {
            value: self.replies.lock().unwrap().remove(0),
            usage: Usage {
                calls: 1,
                model: "m".to_owned(),
                ..Usage::default()
            },
            calls: Vec::new(),
        })
    }
}

fn scripted(replies: Vec<Reply>) -> Arc<Scripted> {
    Arc::new(Scripted {
        replies: Mutex::new(replies),
        asked: Mutex::default(),
    })
}

fn registry(chat: &Arc<Scripted>) -> Registry {
    let agents = serde_json::from_value(json!([{
        "tool_id": "stock_agent", "description": "Tells what is in stock", "prompt": "What of {{thing}} is there?",
        "input_schema": {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]},
        "tools": ["null", "shop.stock"], "max_tool_calls": 4, "estimated_cost": 0.002, "estimated_duration": 3.0,
    }]))
    .unwrap();
    let apis = serde_json::from_value(json!([{
        "name": "shop", "base_url": "http://127.0.0.1:1/api",
        "endpoints": [
            {"name": "stock", "path": "/stock", "input_schema": {"type": "object", "required": ["sku"]}},
            {"name": "hidden", "path": "/hidden"},
            {"name": "order", "method": "POST", "path": "/orders"},
        ],
    }]))
    .unwrap();
    let mut config = Config {
        agents,
        apis,
        ..Config::default()
    };
    config.tools.profile = ToolProfile::All;
    let engine: Arc<dyn llm::Engine> = Arc::new(ModelEngine::new("scripted", Arc::clone(chat) as Arc<dyn Chat>));
    Registry::build(&config, &engine).unwrap()
}

fn calls(calls: &[(&str, Value)]) -> Reply {
    let call = |(tool_id, arguments): &(&str, Value)| ToolCall {
        id: (*tool_id).to_owned(),
        tool_id: (*tool_id).to_owned(),
        arguments: arguments.as_object().unwrap().clone(),
    };
    Reply::ToolCalls {
        text: String::new(),
        calls: calls.iter().map(call).collect(),
    }
}

async fn run(registry: &Registry, tool_id: &str, arguments: Value) -> Result<Output, Stop> {
    let served = registry.get(tool_id).unwrap();
    let call = Call {
        arguments: served.checked(arguments.as_object().unwrap().clone()).unwrap(),
        submission_json: r#"{"request": "how many kettles?"}"#,
        feedback: &[],
        responses: None,
        request_state: None,
        run: &TestLedger::new(),
    };
    served.tool.call(call).await
}

#[tokio::test]
async fn an_agent_of_the_configuration_calls_what_it_names_and_nothing_else() {
    let chat = scripted(vec![
        calls(&[
            ("null", json!({"seen": 1})),
            ("shop.stock", json!({})),
            ("shop.order", json!({})),
            ("writer_agent", json!({"topic": "x"})),
        ]),
        Reply::Text("Nobody knows.".to_owned()),
    ]);
    let registry = registry(&chat);
    let output = run(&registry, "stock_agent", json!({"thing": "kettles"}))
        .await
        .unwrap();
    let value: Value = serde_json::from_str(&output.json).unwrap();
    assert_eq!(value, json!({"text": "Nobody knows.", "engine": "m"}));
    assert_eq!(output.usage.calls, 2);
    let errors: Vec<(&str, bool)> = output
        .calls
        .iter()
        .map(|call| (call.name.as_str(), call.error.is_empty()))
        .collect();
    assert_eq!(
        errors,
        [
            ("null", true),
            ("shop.stock", false),
            ("shop.order", false),
            ("writer_agent", false)
        ]
    );
    assert!(
        output.calls[1].detail.contains("sku"),
        "arguments are checked: {}",
        output.calls[1].detail
    );

    let asked = chat.asked.lock().unwrap();
    assert_eq!(asked[0].0, ["null", "shop.stock"]);
    let Message::User(user) = &asked[0].1[1] else { panic!() };
    assert!(
        user.starts_with("What of kettles is there?") && user.contains("how many kettles?"),
        "{user}"
    );
    assert!(asked[1].0.is_empty(), "four calls are made");
}

#[tokio::test]
async fn a_tool_that_nobody_answers_is_told_to_the_model() {
    let chat = scripted(vec![
        calls(&[("shop.stock", json!({"sku": "k1"}))]),
        Reply::Text("The shop is closed.".to_owned()),
    ]);
    let output = run(&registry(&chat), "stock_agent", json!({"thing": "kettles"}))
        .await
        .unwrap();
    assert_eq!(output.calls[0].error, "tool_failed");
    let asked = chat.asked.lock().unwrap();
    assert!(matches!(asked[1].1.last(), Some(Message::Tool { failed: true, .. })));
}

#[test]
fn estimates_are_the_operator_s_and_money_is_unknown_where_nobody_says() {
    let registry = registry(&scripted(Vec::new()));
    let own = registry.get("stock_agent").unwrap();
    let own = own.spec();
    assert_eq!((own.estimated_cost, own.estimated_duration), (Some(0.002), Some(3.0)));
    let shipped = registry.get("writer_agent").unwrap();
    let shipped = shipped.spec();
    assert_eq!(shipped.estimated_cost, None);
    assert!(shipped.estimated_duration.is_some());
    assert!(registry.get("translator_agent").is_ok());

    let mut all = Config::default();
    all.tools.profile = ToolProfile::All;
    let offline = Registry::build(&all, &llm::open("offline").unwrap()).unwrap();
    assert_eq!(offline.get("writer_agent").unwrap().spec().estimated_cost, Some(0.0));
    assert!(
        offline.get("translator_agent").is_err(),
        "text processing cannot translate"
    );
}
