//! The body of a call.

use super::REPLY_TOOL;
use crate::chat::Message;
use crate::provider::tool_names::ToolNames;
use crate::provider::{Exchange, Form, instruction, schema};
use serde_json::{Map, Value, json};

/// The protocol wants a bound; this one is held by every model since Claude 3.5.
const MAX_TOKENS: u32 = 8192;

pub(super) fn body(exchange: &Exchange<'_>) -> Value {
    let names = ToolNames::of(exchange.tools);
    let tool = |card: &crate::catalog::ToolCard| {
        json!({
            "name": names.name(&card.tool_id),
            "description": card.description,
            "input_schema": schema::rooted(&card.input_schema),
        })
    };
    let mut tools: Vec<Value> = exchange.tools.iter().map(tool).collect();
    let mut system: Vec<String> = exchange.messages.iter().filter_map(standing).collect();
    let mut body = Map::new();
    body.insert("model".to_owned(), exchange.model.into());
    body.insert(
        "max_tokens".to_owned(),
        exchange.max_output_tokens.unwrap_or(MAX_TOKENS).into(),
    );
    body.insert("stream".to_owned(), true.into());
    if let Some(wanted) = exchange.schema {
        let wanted = schema::rooted(wanted);
        match (exchange.form, schema::closed(&wanted)) {
            (Form::Native, Some(closed)) => {
                let format = json!({"format": {"type": "json_schema", "schema": closed}});
                body.insert("output_config".to_owned(), format);
            }
            (Form::Tool, _) => {
                let choice = if tools.is_empty() {
                    json!({"type": "tool", "name": REPLY_TOOL})
                } else {
                    json!({"type": "any"})
                };
                body.insert("tool_choice".to_owned(), choice);
                tools.push(json!({
                    "name": REPLY_TOOL,
                    "description": "Gives the final reply.",
                    "input_schema": wanted,
                }));
            }
            _ => system.push(instruction(&wanted)),
        }
    }
    if !system.is_empty() {
        body.insert("system".to_owned(), system.join("\n\n").into());
    }
    if !tools.is_empty() {
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    body.insert("messages".to_owned(), Value::Array(turns(exchange.messages, &names)));
    Value::Object(body)
}

fn standing(message: &Message) -> Option<String> {
    match message {
        Message::System(text) => Some(text.clone()),
        _ => None,
    }
}

/// One turn for all that one side says in a row: results of calls must stand together.
fn turns(messages: &[Message], names: &ToolNames) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages {
        let Some((role, blocks)) = blocks(message, names) else {
            continue;
        };
        match turns.last_mut() {
            Some((last, gathered)) if *last == role => gathered.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    let turn = |(role, content): (&str, Vec<Value>)| json!({"role": role, "content": content});
    turns
        .into_iter()
        .filter(|(_, content)| !content.is_empty())
        .map(turn)
        .collect()
}

fn blocks(message: &Message, names: &ToolNames) -> Option<(&'static str, Vec<Value>)> {
    match message {
        Message::System(_) => None,
        Message::User(text) => Some(("user", spoken(text))),
        Message::Assistant { text, calls } => {
            let call = |call: &crate::chat::ToolCall| json!({"type": "tool_use", "id": call.id, "name": names.name(&call.tool_id), "input": call.arguments});
            let mut blocks = spoken(text);
            blocks.extend(calls.iter().map(call));
            Some(("assistant", blocks))
        }
        Message::Tool {
            call_id,
            content,
            failed,
        } => {
            let result = json!({"type": "tool_result", "tool_use_id": call_id, "content": content, "is_error": failed});
            Some(("user", vec![result]))
        }
    }
}

/// An empty block is refused.
fn spoken(text: &str) -> Vec<Value> {
    if text.trim().is_empty() {
        Vec::new()
    } else {
        vec![json!({"type": "text", "text": text})]
    }
}
