//! The registry over a configuration with everything in it.

use super::Call;
use super::registry::Registry;
use super::served::Served;
use crate::test_ledger::TestLedger;
use serde_json::{Map, Value, json};
use service::config::Config;
use workflow::tool::ToolSource;
use workflow::vocabulary::EffectClass;

fn registry(enabled: &[&str]) -> Registry {
    let mut config = Config::default();
    config.tools.enabled = enabled.iter().map(|id| (*id).to_owned()).collect();
    config.agents = serde_json::from_value(json!([{
        "tool_id": "haiku_agent", "description": "Writes a haiku", "prompt": "A haiku about {{topic}}",
        "input_schema": {"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
        "requires_approval": true,
    }]))
    .unwrap();
    config.apis = serde_json::from_value(json!([{
        "name": "shop", "base_url": "http://127.0.0.1:1/api",
        "endpoints": [
            {"name": "stock", "path": "/stock"},
            {"name": "order", "method": "POST", "path": "/orders", "effects": "keyed", "requires_approval": true},
        ],
    }]))
    .unwrap();
    Registry::build(&config, &llm::open("offline").unwrap()).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn output(tool: &Served, arguments: Value) -> Value {
    let call = Call {
        tier: None,
        arguments: tool.checked(object(arguments)).unwrap(),
        submission_json: r#"{"request": "Write a blog post about green tea", "preferences": {"tone": "friendly"}}"#,
        feedback: &[],
        responses: None,
        request_state: None,
        run: &TestLedger::new(),
    };
    serde_json::from_str(&tool.tool.call(call).await.unwrap().json).unwrap()
}

#[test]
fn every_source_is_served_with_its_effects() {
    let registry = registry(&[]);
    for (tool_id, source, effects, approval) in [
        ("null", ToolSource::Builtin, EffectClass::ReadOnly, false),
        ("writer_agent", ToolSource::Builtin, EffectClass::ReadOnly, false),
        ("haiku_agent", ToolSource::Builtin, EffectClass::ReadOnly, true),
        ("shop.stock", ToolSource::Api, EffectClass::ReadOnly, false),
        ("shop.order", ToolSource::Api, EffectClass::Keyed, true),
    ] {
        let served = registry.get(tool_id).unwrap_or_else(|f| panic!("{f}"));
        let spec = served.spec();
        assert_eq!(
            (spec.source, spec.effects, spec.requires_approval),
            (source, effects, approval),
            "{tool_id}"
        );
    }
    assert_eq!(
        registry.get("shop.gone").err().map(|f| f.code).as_deref(),
        Some("tool_unknown")
    );
}

#[test]
fn only_enabled_tools_are_served() {
    let registry = registry(&["null", "shop.stock"]);
    let ids: Vec<String> = registry.current().keys().cloned().collect();
    assert_eq!(ids, ["null", "shop.stock"]);
}

#[test]
fn arguments_are_checked_and_a_changed_definition_is_refused() {
    let registry = registry(&[]);
    let haiku = registry.get("haiku_agent").unwrap();
    assert_eq!(haiku.checked(Map::new()).unwrap_err().code, "tool_bad_arguments");
    assert!(
        haiku.check_version("0".repeat(32).as_str()).is_ok(),
        "built-in tools change with the program"
    );
    let stock = registry.get("shop.stock").unwrap();
    assert!(stock.check_version(&stock.spec().version_hash().to_string()).is_ok());
    assert_eq!(stock.check_version(&"0".repeat(32)).unwrap_err().code, "tool_changed");
}

#[tokio::test]
async fn shipped_and_own_agents_write_and_say_which_engine_did() {
    let registry = registry(&[]);
    for tool_id in ["writer_agent", "haiku_agent"] {
        let output = output(&registry.get(tool_id).unwrap(), json!({"topic": "green tea"})).await;
        assert_eq!(output["engine"], "offline", "{output}");
        assert!(
            output["text"]
                .as_str()
                .is_some_and(|text| text.to_lowercase().contains("tea")),
            "{output}"
        );
    }
}

#[test]
fn rarely_needed_agents_are_offered_where_they_are_named_or_all_are() {
    let offered = |tools: Value| {
        let config: Config = serde_json::from_value(json!({ "tools": tools })).unwrap();
        let registry = Registry::build(&config, &llm::open("offline").unwrap()).unwrap();
        ["writer_agent", "fact_check_agent", "null"].map(|id| registry.get(id).is_ok())
    };
    assert_eq!(offered(json!({})), [true, false, true]);
    assert_eq!(offered(json!({ "profile": "all" })), [true, true, true]);
    assert_eq!(
        offered(json!({ "enabled": ["fact_check_agent"] })),
        [false, true, false]
    );
    assert_eq!(
        offered(json!({ "enabled": ["fact*", "null"], "profile": "all" })),
        [false, true, true]
    );
}
