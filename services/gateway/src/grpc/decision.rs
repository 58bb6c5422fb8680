//! A decision as the JSON document REST takes.

use crate::json;
use crate::refusal::Refusal;
use contracts::v1::DecideApprovalRequest;
use serde_json::{Map, Value};

/// The document. Empty strings are absent.
///
/// # Errors
/// 400 for text that cannot be stored, or is not the JSON it should be.
pub fn to_json(message: DecideApprovalRequest, max_depth: usize) -> Result<Map<String, Value>, Refusal> {
    let mut body = Map::from_iter([("approved".to_owned(), Value::Bool(message.approved))]);
    let texts = [
        ("gate_id", message.gate_id),
        ("feedback", message.feedback),
        ("content_hash", message.content_hash),
    ];
    for (name, text) in texts {
        if !text.is_empty() {
            body.insert(name.to_owned(), Value::String(text));
        }
    }
    if let Some(list) = message.publish_to_channels {
        body.insert("publish_to_channels".to_owned(), Value::from(list.channels));
    }
    if !message.dimensions.is_empty() {
        body.insert("dimensions".to_owned(), Value::from(message.dimensions));
    }
    let edits = message
        .edits
        .into_iter()
        .map(|(channel, text)| (channel, Value::String(text)));
    body.insert("edits".to_owned(), Value::Object(edits.collect()));
    let embedded = [
        ("arguments", message.arguments_json),
        ("responses", message.responses_json),
        ("plan", message.plan_json),
    ];
    for (name, text) in embedded {
        if !text.is_empty() {
            let value = json::read(text.as_bytes(), max_depth, &format!("/{name}"))?;
            body.insert(name.to_owned(), value);
        }
    }
    json::refuse_nul(&body)?;
    Ok(body)
}
