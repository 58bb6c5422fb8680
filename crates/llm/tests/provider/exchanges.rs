//! Calls as providers see them: requests compared whole, and answers as providers write them, from files.

use crate::fixture::{KEY, chat};
use llm::{ChatAsk, Message, Reply, Speaks, Tier, ToolCall, ToolCard};
use serde_json::{Value, json};
use std::path::Path;
use testkit::{ModelServer, Say};

fn message(told: &Value) -> Message {
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    match told["role"].as_str().unwrap() {
        "system" => Message::System(text("text")),
        "user" => Message::User(text("text")),
        "assistant" => Message::Assistant {
            text: text("text"),
            calls: told["calls"].as_array().into_iter().flatten().map(call).collect(),
        },
        _ => Message::Tool {
            call_id: text("call_id"),
            content: text("text"),
            failed: false,
        },
    }
}

fn call(told: &Value) -> ToolCall {
    ToolCall {
        id: told["id"].as_str().unwrap().to_owned(),
        tool_id: told["tool_id"].as_str().unwrap().to_owned(),
        arguments: told["arguments"].as_object().unwrap().clone(),
    }
}

/// As the files write it.
fn said(reply: &Reply) -> Value {
    match reply {
        Reply::Text(text) => json!({ "text": text }),
        Reply::Json(value) => json!({ "json": value }),
        Reply::ToolCalls { text, calls } => {
            let call = |call: &ToolCall| json!({"id": call.id, "tool_id": call.tool_id, "arguments": call.arguments});
            json!({"text": text, "calls": calls.iter().map(call).collect::<Vec<_>>()})
        }
    }
}

async fn hold(path: &Path) {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let server = ModelServer::start().await.unwrap();
    for exchange in file["exchanges"].as_array().unwrap() {
        let answer = &exchange["answer"];
        let (content_type, body) = match answer["events"].as_array() {
            Some(events) => {
                let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
                ("text/event-stream", events.concat())
            }
            None => ("application/json", answer["body"].to_string()),
        };
        server.next([Say::Raw {
            status: answer["status"].as_u64().unwrap_or(200) as u16,
            content_type: content_type.to_owned(),
            body: body.replace("\"[DONE]\"", "[DONE]"),
        }]);
    }
    let speaks = match file["speaks"].as_str().unwrap() {
        "openai" => Speaks::OpenAi,
        _ => Speaks::Anthropic,
    };
    let chat = chat(&[&server], speaks, file["model"].as_str().unwrap());
    let ask = &file["ask"];
    let messages: Vec<Message> = ask["messages"].as_array().unwrap().iter().map(message).collect();
    let tools: Vec<ToolCard> = serde_json::from_value(ask["tools"].clone()).unwrap_or_default();
    let answer = chat
        .chat(ChatAsk {
            name: "plan",
            prompt: "plan@1",
            tier: Tier::Standard,
            messages: &messages,
            schema: ask.get("schema"),
            tools: &tools,
            max_output_tokens: None,
        })
        .await;
    let wanted: Vec<&Value> = file["exchanges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["request"])
        .collect();
    let asked = server.asked();
    let sent: Vec<&Value> = asked.iter().map(|asked| &asked.body).collect();
    assert_eq!(sent, wanted, "{name}");
    for (key, value) in file["headers"].as_object().unwrap() {
        assert_eq!(asked[0].headers[key.as_str()], value.as_str().unwrap(), "{name}");
    }
    assert_eq!(asked[0].path, file["path"].as_str().unwrap(), "{name}");
    let (outcome, usage, calls) = match answer {
        Ok(answer) => (said(&answer.value), answer.usage, answer.calls),
        Err(failed) => (json!({"error": failed.error.to_string()}), failed.usage, failed.calls),
    };
    assert_eq!(outcome, file["reply"], "{name}");
    let used = json!({
        "usd_micros": usage.usd_micros, "input": usage.input_tokens, "cached": usage.cached_tokens,
        "output": usage.output_tokens, "reasoning": usage.reasoning_tokens, "calls": usage.calls, "model": usage.model,
    });
    assert_eq!(used, file["usage"], "{name}");
    assert!(!format!("{calls:?}").contains(KEY), "{name}: the key is told");
}

#[tokio::test]
async fn requests_and_answers_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 7, "{files:?}");
    for file in files {
        hold(&file).await;
    }
}
