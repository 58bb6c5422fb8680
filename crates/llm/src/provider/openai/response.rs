//! An answer, whole.

use crate::provider::tool_names::ToolNames;
use crate::provider::{AskedCall, Completion, Ending, Exchange, Fault, Tokens, list, schema, text};
use serde_json::{Map, Value};

pub(super) fn completion(exchange: &Exchange<'_>, answer: &Value) -> Result<Completion, Fault> {
    let Some(choice) = list(answer, "choices").first() else {
        return Err(Fault::broken("the answer has no choices"));
    };
    let message = choice.get("message").unwrap_or(&Value::Null);
    let names = ToolNames::of(exchange.tools);
    let calls = list(message, "tool_calls")
        .iter()
        .map(|call| asked(call, &names))
        .collect();
    Ok(Completion {
        text: schema::unwrapped(exchange.schema, text(message, "content")),
        calls,
        ending: ending(choice, message),
        tokens: tokens(answer.get("usage").unwrap_or(&Value::Null)),
        model: text(answer, "model").to_owned(),
    })
}

fn ending(choice: &Value, message: &Value) -> Ending {
    let refusal = text(message, "refusal");
    match text(choice, "finish_reason") {
        _ if !refusal.is_empty() => Ending::Refused(refusal.to_owned()),
        "content_filter" => Ending::Refused("the provider's content filter".to_owned()),
        "length" => Ending::CutOff,
        _ => Ending::Done,
    }
}

fn asked(call: &Value, names: &ToolNames) -> AskedCall {
    let function = call.get("function").unwrap_or(&Value::Null);
    AskedCall {
        id: text(call, "id").to_owned(),
        tool_id: names.tool_id(text(function, "name")),
        arguments: arguments(function.get("arguments").unwrap_or(&Value::Null)),
    }
}

/// JSON text; some servers send the object itself, and nothing at all where there are none.
fn arguments(told: &Value) -> Result<Map<String, Value>, String> {
    match told {
        Value::Object(arguments) => Ok(arguments.clone()),
        Value::Null => Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Value::String(text) => serde_json::from_str(text).map_err(|error| error.to_string()),
        _ => Err("they are no object".to_owned()),
    }
}

fn tokens(usage: &Value) -> Option<Tokens> {
    let at = |pointer: &str| usage.pointer(pointer).unwrap_or(&Value::Null);
    Tokens::believed(
        at("/prompt_tokens"),
        at("/prompt_tokens_details/cached_tokens"),
        at("/completion_tokens"),
        at("/completion_tokens_details/reasoning_tokens"),
    )
}
