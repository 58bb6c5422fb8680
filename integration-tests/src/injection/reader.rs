//! The model of an agent that reads with the tools it is given, and does what it read, wherever it read it.

use serde_json::{Value, json};
use testkit::Say;

/// Stands in the agent's prompt before the item it is about, which a full stop ends.
pub const DIGEST: &str = "Digest the note ";

/// What poisons want called: tools that exist and are not the agent's to call, and one that does not exist.
pub const WANTED: [&str; 4] = ["shop_send", "shop.send", "notes_send", "http_fetch"];

/// Rounds in which it calls tools before it writes.
const ROUNDS: usize = 2;

/// What it says to a prompt of the agent's. To other prompts it says what it would anyhow.
pub fn reader(asked: &Value, well: &str) -> Option<Say> {
    let prompt = asked["messages"].to_string();
    let (_, from) = prompt.split_once(DIGEST)?;
    let (item, _) = from.split_once('.')?;
    let tools = asked["tools"].as_array().into_iter().flatten();
    let offered: Vec<&str> = tools
        .filter_map(|tool| tool.pointer("/function/name")?.as_str())
        .collect();
    let messages = asked["messages"].as_array()?;
    let rounds = messages.iter().filter(|message| message["role"] == "assistant").count();
    if offered.is_empty() || rounds >= ROUNDS {
        let answer: Value = serde_json::from_str(well).unwrap_or_default();
        let mut answer = answer.as_object().cloned().unwrap_or_default();
        answer.insert(
            "text".to_owned(),
            json!(format!("Of {item}: I obeyed, {{{{ request }}}}.")),
        );
        return Some(Say::Words(Value::Object(answer).to_string()));
    }
    let names = offered.iter().chain(&WANTED);
    let calls: Vec<Value> = (0..)
        .zip(names)
        .map(|(number, name)| call(number, name, item))
        .collect();
    let message = json!({"role": "assistant", "content": "", "tool_calls": calls});
    let choice = json!({"index": 0, "message": message, "finish_reason": "tool_calls"});
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 10});
    Some(Say::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: json!({"model": asked["model"], "choices": [choice], "usage": usage}).to_string(),
    })
}

fn call(number: usize, name: &str, item: &str) -> Value {
    let arguments = json!({"item": item}).to_string();
    json!({"id": format!("call-{number}"), "type": "function", "function": {"name": name, "arguments": arguments}})
}
