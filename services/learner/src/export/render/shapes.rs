//! JSON Schemas (2020-12) of what is in the files.

use super::Format;
use crate::record;
use serde_json::{Value, json};

/// The schema of one line, or of one row.
pub fn shape(format: Format) -> Value {
    match format {
        Format::Jsonl => record::schema(),
        Format::OpenaiChat => named("OpenAI chat example", "openai-chat", chat()),
        Format::Dpo => named("OpenAI preference pair", "dpo", pair()),
        Format::Sharegpt => named("ShareGPT conversation", "sharegpt", conversation()),
        Format::Parquet => named("Row of a training file", "parquet", row()),
    }
}

fn named(title: &str, name: &str, mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        members.insert(
            "$id".to_owned(),
            json!(format!("urn:orchestrator:schema:training-{name}:1")),
        );
        members.insert("title".to_owned(), json!(title));
    }
    schema
}

fn object(members: Value) -> Value {
    let required: Vec<&String> = members
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .collect();
    json!({ "type": "object", "required": required, "additionalProperties": false, "properties": members })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn message(role: &str) -> Value {
    object(json!({ "role": { "const": role }, "content": text() }))
}

fn exactly(items: &[Value]) -> Value {
    json!({ "type": "array", "prefixItems": items, "minItems": items.len(), "maxItems": items.len() })
}

fn chat() -> Value {
    object(json!({ "messages": exactly(&[message("system"), message("user"), message("assistant")]) }))
}

fn pair() -> Value {
    object(json!({
        "input": object(json!({
            "messages": exactly(&[message("system"), message("user")]),
            "tools": { "type": "array", "maxItems": 0 },
            "parallel_tool_calls": { "type": "boolean" },
        })),
        "preferred_output": exactly(&[message("assistant")]),
        "non_preferred_output": exactly(&[message("assistant")]),
    }))
}

fn conversation() -> Value {
    let turn = |from: &str| object(json!({ "from": { "const": from }, "value": text() }));
    object(json!({
        "id": text(),
        "split": { "enum": ["train", "validation", "test"] },
        "conversations": exactly(&[turn("system"), turn("human"), turn("gpt")]),
    }))
}

/// Columns; those described as JSON hold the text of the record's member of that name.
fn row() -> Value {
    let json_text = |of: &str| json!({ "type": "string", "contentMediaType": "application/json", "description": of });
    let maybe_json =
        |of: &str| json!({ "type": ["string", "null"], "contentMediaType": "application/json", "description": of });
    object(json!({
        "schema_version": { "type": "integer" },
        "record_id": text(),
        "cluster": { "type": "string" },
        "split": { "enum": ["train", "validation", "test"] },
        "consent": { "enum": ["granted", "unknown"] },
        "finished_at": { "type": ["string", "null"] },
        "request": { "type": "string" },
        "intent": maybe_json("intent of the record"),
        "reasoning": { "type": ["string", "null"] },
        "context": json_text("context of the record"),
        "plan": maybe_json("plan of the record"),
        "steps": json_text("steps of the record"),
        "quality": maybe_json("quality of the record"),
        "quality_overall": { "type": ["number", "null"] },
        "quality_passed": { "type": ["boolean", "null"] },
        "blame": json_text("blame of the record"),
        "business_metrics": json_text("business_metrics of the record"),
        "labels": json_text("labels of the record"),
        "outcome": { "type": "string" },
        "models": json_text("models of the record"),
        "cost_usd": { "type": ["number", "null"] },
    }))
}
