//! What an agent gives: asked for by schema, completed with what need not be asked.

use super::unusable;
use crate::call::EngineError;
use crate::chat::Reply;
use crate::output::text_of;
use crate::text::tokens::word_count;
use serde_json::{Map, Value, json};

/// Members that are known better than a model knows them.
const OURS: [&str; 2] = ["engine", "word_count"];
/// Bytes of one value in the trace.
const TRACED_BYTES: usize = 16 << 10;

/// The schema a model is asked to satisfy; none where any text will do.
pub fn asked_schema(output_schema: &Value) -> Option<Value> {
    let mut schema = output_schema.as_object().filter(|members| !members.is_empty())?.clone();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|name, _| !OURS.contains(&name.as_str()));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !name.as_str().is_some_and(|name| OURS.contains(&name)));
    }
    Some(Value::Object(schema))
}

/// The result in a model's last reply.
///
/// # Errors
/// It is none.
pub fn read(reply: Reply, schema: Option<&Value>) -> Result<Value, EngineError> {
    let value = match (reply, schema) {
        (Reply::Json(value), Some(_)) => value,
        (Reply::Text(text), None) => json!({ "text": text.trim() }),
        (Reply::Json(_), None) => return Err(unusable("JSON where text was asked for")),
        (Reply::Text(_), Some(_)) => return Err(unusable("text where JSON was asked for")),
        (Reply::ToolCalls { .. }, _) => return Err(unusable("calls of tools where the result was asked for")),
    };
    let is_empty = value
        .get("text")
        .and_then(Value::as_str)
        .is_some_and(|text| text.trim().is_empty());
    if is_empty {
        return Err(unusable("the text is empty"));
    }
    Ok(value)
}

/// The result with the members that are ours, where its schema has a place for them.
pub fn output(value: Value, output_schema: &Value, made_by: &str) -> Value {
    let Value::Object(mut members) = value else {
        return value;
    };
    if has_place_for(output_schema, "engine") {
        members.insert("engine".to_owned(), json!(made_by));
    }
    if is_declared(output_schema, "word_count") {
        let text = text_of(&Value::Object(members.clone())).unwrap_or_default();
        members.insert("word_count".to_owned(), json!(word_count(&text)));
    }
    Value::Object(members)
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties")?.as_object()
}

fn is_declared(schema: &Value, name: &str) -> bool {
    properties(schema).is_some_and(|properties| properties.contains_key(name))
}

fn has_place_for(schema: &Value, name: &str) -> bool {
    is_declared(schema, name) || schema.get("additionalProperties") != Some(&Value::Bool(false))
}

/// A value as the trace keeps it: whole, or the beginning of its JSON text.
pub fn bounded(value: Value) -> Value {
    let text = value.to_string();
    if text.len() <= TRACED_BYTES {
        return value;
    }
    let end = (0..=TRACED_BYTES)
        .rev()
        .find(|end| text.is_char_boundary(*end))
        .unwrap_or(0);
    json!({ "cut": text.get(..end).unwrap_or_default(), "bytes": text.len() })
}
