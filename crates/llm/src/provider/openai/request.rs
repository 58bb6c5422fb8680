//! The body of a call.

use crate::catalog::ToolCard;
use crate::chat::{Message, ToolCall};
use crate::provider::tool_names::ToolNames;
use crate::provider::{Exchange, Form, instruction, schema, token};
use serde_json::{Map, Value, json};

/// What the bound on a reply's tokens is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bound {
    MaxTokens,
    MaxCompletionTokens,
}

pub(super) fn body(exchange: &Exchange<'_>, bound: Bound) -> Value {
    let names = ToolNames::of(exchange.tools);
    let mut messages: Vec<Value> = exchange.messages.iter().map(|message| said(message, &names)).collect();
    let mut body = Map::new();
    body.insert("model".to_owned(), exchange.model.into());
    if let Some(schema) = exchange.schema {
        if exchange.form != Form::Native {
            messages.insert(
                0,
                json!({"role": "system", "content": instruction(&schema::rooted(schema))}),
            );
        }
        if let Some(format) = response_format(exchange, schema) {
            body.insert("response_format".to_owned(), format);
        }
    }
    body.insert("messages".to_owned(), Value::Array(messages));
    if !exchange.tools.is_empty() {
        let tools = exchange.tools.iter().map(|tool| function(tool, &names)).collect();
        body.insert("tools".to_owned(), Value::Array(tools));
    }
    if let Some(most) = exchange.max_output_tokens {
        let key = match bound {
            Bound::MaxTokens => "max_tokens",
            Bound::MaxCompletionTokens => "max_completion_tokens",
        };
        body.insert(key.to_owned(), most.into());
    }
    // Pieces tell that the model still works; the usage comes with the last one.
    body.insert("stream".to_owned(), true.into());
    body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    Value::Object(body)
}

fn response_format(exchange: &Exchange<'_>, schema: &Value) -> Option<Value> {
    let rooted = schema::rooted(schema);
    match exchange.form {
        Form::Native => Some(json!({
            "type": "json_schema",
            "json_schema": {
                "name": token(exchange.name),
                "strict": schema::is_strict(&rooted),
                "schema": rooted,
            },
        })),
        Form::SchemaBeside => Some(json!({"type": "json_object", "schema": rooted})),
        Form::Json => Some(json!({"type": "json_object"})),
        Form::Tool | Form::Prompt => None,
    }
}

fn said(message: &Message, names: &ToolNames) -> Value {
    match message {
        Message::System(text) => json!({"role": "system", "content": text}),
        Message::User(text) => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls } => {
            let calls: Vec<Value> = calls.iter().map(|asked| call(asked, names)).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Message::Tool {
            call_id,
            content,
            failed,
        } => {
            let content = if *failed {
                format!("error: {content}")
            } else {
                content.clone()
            };
            json!({"role": "tool", "tool_call_id": call_id, "content": content})
        }
    }
}

fn call(call: &ToolCall, names: &ToolNames) -> Value {
    let arguments = Value::Object(call.arguments.clone()).to_string();
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": names.name(&call.tool_id), "arguments": arguments},
    })
}

fn function(tool: &ToolCard, names: &ToolNames) -> Value {
    json!({
        "type": "function",
        "function": {
            "name": names.name(&tool.tool_id),
            "description": tool.description,
            "parameters": tool.input_schema,
        },
    })
}
