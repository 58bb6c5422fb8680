//! An answer, whole.

use super::REPLY_TOOL;
use crate::provider::tool_names::ToolNames;
use crate::provider::{AskedCall, Completion, Ending, Exchange, Fault, Tokens, list, schema, text};
use serde_json::{Value, json};

pub(super) fn completion(exchange: &Exchange<'_>, answer: &Value) -> Result<Completion, Fault> {
    let reason = text(answer, "stop_reason");
    if reason.is_empty() {
        return Err(Fault::broken("the answer has no stop_reason"));
    }
    let names = ToolNames::of(exchange.tools);
    let mut words = String::new();
    let mut calls = Vec::new();
    for block in list(answer, "content") {
        match text(block, "type") {
            "text" => words.push_str(text(block, "text")),
            "tool_use" if text(block, "name") == REPLY_TOOL => {
                words = block.get("input").unwrap_or(&Value::Null).to_string();
            }
            "tool_use" => calls.push(asked(block, &names)),
            _ => {}
        }
    }
    let ending = match reason {
        "max_tokens" | "model_context_window_exceeded" => Ending::CutOff,
        "refusal" => Ending::Refused(if words.is_empty() {
            "no reason given".to_owned()
        } else {
            words.clone()
        }),
        _ => Ending::Done,
    };
    Ok(Completion {
        text: schema::unwrapped(exchange.schema, &words),
        calls,
        ending,
        tokens: tokens(answer.get("usage").unwrap_or(&Value::Null)),
        model: text(answer, "model").to_owned(),
    })
}

fn asked(block: &Value, names: &ToolNames) -> AskedCall {
    let arguments = match block.get("input") {
        Some(Value::Object(arguments)) => Ok(arguments.clone()),
        // What a stream could not put together.
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|error| error.to_string()),
        _ => Err("they are no object".to_owned()),
    };
    AskedCall {
        id: text(block, "id").to_owned(),
        tool_id: names.tool_id(text(block, "name")),
        arguments,
    }
}

/// `input_tokens` leaves out what was written to a cache or read from it.
fn tokens(usage: &Value) -> Option<Tokens> {
    let part = |key: &str| match usage.get(key) {
        None | Some(Value::Null) => Some(0),
        Some(count) => count.as_u64(),
    };
    let read = part("cache_read_input_tokens")?;
    let fresh = usage.get("input_tokens")?.as_u64()?;
    let input = fresh
        .saturating_add(part("cache_creation_input_tokens")?)
        .saturating_add(read);
    let output = usage.get("output_tokens").unwrap_or(&Value::Null);
    Tokens::believed(&json!(input), &json!(read), output, &Value::Null)
}
