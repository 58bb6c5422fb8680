//! Agents of the configuration over a model that calls tools.

use super::registered;
use super::registry::Registry;
use super::{Call, Output};
use crate::effects::Stop;
use crate::test_ledger::TestLedger;
use async_trait::async_trait;
use contracts::coordinator::ListDefinitionsResponse;
use llm::{Answer, Chat, ChatAsk, Failed, Message, ModelEngine, Reply, ToolCall, Usage};
use serde_json::{Value, json};
use service::config::{Config, ToolProfile};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Happening = Box<dyn FnOnce() + Send>;

/// Answers in order and remembers tools and messages of every ask.
struct Scripted {
    replies: Mutex<Vec<Reply>>,
    /// What happens while the model thinks, by the ask.
    meanwhile: Mutex<BTreeMap<usize, Happening>>,
    asked: Mutex<Vec<(Vec<String>, Vec<Message>)>>,
    /// Micro-USD of an ask; none: nobody knows.
    price: Option<i64>,
}

#[async_trait]
impl Chat for Scripted {
    async fn chat(&self, ask: ChatAsk<'_>) -> Result<Answer<Reply>, Failed> {
        let tools = ask.tools.iter().map(|tool| tool.tool_id.clone()).collect();
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((tools, ask.messages.to_vec()));
            asked.len()
        };
        if let Some(happens) = self.meanwhile.lock().unwrap().remove(&number) {
            happens();
        }
        Ok(Answer {
            value: self.replies.lock().unwrap().remove(0),
            usage: Usage {
                usd_micros: self.price,
                calls: 1,
                model: "m".to_owned(),
                ..Usage::default()
            },
            calls: Vec::new(),
        })
    }
}

fn scripted(replies: Vec<Reply>) -> Arc<Scripted> {
    priced(None, replies)
}

fn priced(price: Option<i64>, replies: Vec<Reply>) -> Arc<Scripted> {
    Arc::new(Scripted {
        price,
        replies: Mutex::new(replies),
        meanwhile: Mutex::default(),
        asked: Mutex::default(),
    })
}

fn registry(chat: &Arc<Scripted>) -> Registry {
    let agents = serde_json::from_value(json!([{
        "tool_id": "stock_agent", "description": "Tells what is in stock", "prompt": "What of {{thing}} is there?",
        "input_schema": {"type": "object", "properties": {"thing": {"type": "string"}}, "required": ["thing"]},
        "tools": ["null", "shop.stock", "custom.look"], "max_tool_calls": 4, "estimated_cost": 0.002, "estimated_duration": 3.0,
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
    let registry = Registry::build(&config, &engine).unwrap();
    let own = json!({"tool_id": "custom.look", "description": "Looks", "endpoint": {"url": "https://a.example/look"}});
    let own = registered::served(&own.to_string(), &config).unwrap();
    registry.replace("registered", vec![own]);
    say(&registry, &["null", "shop.stock", "custom.look"]);
    registry
}

/// The catalog has these in use as they are served.
fn say(registry: &Registry, tool_ids: &[&str]) {
    let hash = |id: &&str| {
        (
            (*id).to_owned(),
            registry.get(id).unwrap().spec().version_hash().to_string(),
        )
    };
    registry.in_force.set(&ListDefinitionsResponse {
        in_force: tool_ids.iter().map(hash).collect(),
        active: tool_ids.iter().map(|id| (*id).to_owned()).collect(),
        ..ListDefinitionsResponse::default()
    });
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
        tier: None,
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
async fn what_an_agent_calls_and_costs_is_part_of_what_its_run_used() {
    let look = ("shop.stock", json!({"sku": "k1"}));
    // (an ask of the model, a call of the tool) → the whole, and what is known of it where that is unknown.
    let cases = [
        (None, Some(0.25), (4, None, 500_000)),
        (Some(3), Some(0.25), (4, Some(500_006), 0)),
        (Some(3), None, (2, Some(6), 0)),
    ];
    for (of_model, of_tool, used) in cases {
        let replies = vec![
            calls(&[look.clone(), ("null", json!({"seen": 1})), look.clone()]),
            Reply::Text("Plenty.".to_owned()),
        ];
        let chat = priced(of_model, replies);
        let registry = registry(&chat);
        let mut offer = crate::tools::null::offer("default");
        offer.spec.tool_id = "shop.stock".to_owned();
        offer.spec.source = workflow::tool::ToolSource::Api;
        offer.spec.estimated_cost = of_tool;
        registry.replace("api shop", vec![super::served::Served::new(offer).unwrap()]);
        say(&registry, &["null", "shop.stock"]);
        let output = run(&registry, "stock_agent", json!({"thing": "kettles"}))
            .await
            .unwrap();
        let usage = &output.usage;
        assert_eq!((usage.calls, usage.usd_micros, usage.known_usd_micros), used);
        let told = output.calls.iter().filter(|call| call.kind == "tool");
        let told: Vec<_> = told.map(|call| call.usage.as_ref().unwrap().usd_micros).collect();
        let price = of_tool.map(|_| 250_000);
        assert_eq!(
            told,
            [price, Some(0), price],
            "null is what nobody knows, and 0 is free"
        );
    }
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

#[tokio::test]
async fn a_model_is_shown_what_is_in_use_as_it_is_defined_here_and_no_tenants_own() {
    let other = "0".repeat(32);
    for (hash, active, offered) in [
        (None, false, false),
        (Some("suspended"), false, false),
        (Some(other.as_str()), true, false),
        // It changed, and waits for approval.
        (Some(""), false, false),
        (Some(""), true, true),
    ] {
        let chat = scripted(vec![Reply::Text("Nothing.".to_owned())]);
        let registry = registry(&chat);
        let own = registry.get("shop.stock").unwrap().spec().version_hash().to_string();
        let hash = hash.map(|hash| if hash.is_empty() { own.as_str() } else { hash });
        registry.in_force.set(&ListDefinitionsResponse {
            in_force: hash
                .map(|hash| ("shop.stock".to_owned(), hash.to_owned()))
                .into_iter()
                .collect(),
            active: active.then(|| "shop.stock".to_owned()).into_iter().collect(),
            ..ListDefinitionsResponse::default()
        });
        run(&registry, "stock_agent", json!({"thing": "kettles"}))
            .await
            .unwrap();
        let asked = chat.asked.lock().unwrap();
        assert_eq!(
            asked[0].0 == ["shop.stock"],
            offered,
            "{hash:?} {active} {:?}",
            asked[0].0
        );
    }
}

#[tokio::test]
async fn a_tool_that_is_suspended_or_changes_while_an_agent_works_is_not_called_again() {
    let seen = || calls(&[("null", json!({"seen": 1})), ("shop.stock", json!({"sku": "k1"}))]);
    let chat = scripted(vec![seen(), seen(), Reply::Text("Enough.".to_owned())]);
    let registry = registry(&chat);
    let now = registry.clone();
    let happens = move || {
        let mut changed = crate::tools::null::offer("default");
        changed.spec.tool_id = "shop.stock".to_owned();
        changed.spec.source = workflow::tool::ToolSource::Api;
        now.replace("api shop", vec![super::served::Served::new(changed).unwrap()]);
        // Somebody approves what it became, and suspends the other one.
        say(&now, &["shop.stock"]);
    };
    chat.meanwhile.lock().unwrap().insert(2, Box::new(happens));
    let output = run(&registry, "stock_agent", json!({"thing": "kettles"}))
        .await
        .unwrap();
    let errors: Vec<&str> = output.calls.iter().map(|call| call.detail.as_str()).collect();
    assert_eq!(errors[0], "");
    assert!(!errors[1].contains("not in use"), "nobody answers: {}", errors[1]);
    assert_eq!(
        errors[2..],
        [
            r#"the tool "null" is not in use now"#,
            r#"the tool "shop.stock" is not in use now"#
        ]
    );
    let asked = chat.asked.lock().unwrap();
    assert_eq!(asked[1].0, ["null", "shop.stock"], "what the model was told stays");
    let Some(Message::Tool {
        content, failed: true, ..
    }) = asked[2].1.last()
    else {
        panic!("{:?}", asked[2].1)
    };
    assert!(content.contains("not in use now"), "{content}");
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
