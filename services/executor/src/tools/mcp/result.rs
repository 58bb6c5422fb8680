//! Outputs of tools of servers.
//!
//! `{"structured": …, "text": "…", "content": [{"type", …}]}`: `structured` where the tool has structured content;
//! `text` is all text items, joined by line breaks; `content` is every item as it came:
//!
//! | type | members |
//! |---|---|
//! | `text` | `text` |
//! | `image` `audio` | `mime_type`, `data_base64` |
//! | `resource` | `uri`, `mime_type?`, and `text` or `data_base64` |
//! | `resource_link` | `uri`, `name`, `mime_type?`, `size?`, `description?` |

use super::trouble::{Acted, Trouble, words};
use rmcp::model::{CallToolResult, ContentBlock, Resource, ResourceContents};
use serde_json::{Value, json};

/// How a tool of a server ended.
#[derive(Debug, PartialEq)]
pub enum Ended {
    /// Its output.
    Output(Value),
    /// It says that it failed, and why.
    Failed(String),
}

/// The schema of the output of a tool whose structured content has the schema `structured`.
pub fn output_schema(structured: Option<&Value>) -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["text", "content"],
        "properties": {"text": {"type": "string"}, "content": {"type": "array", "items": {"type": "object"}}},
    });
    if let (Some(structured), Value::Object(members)) = (structured, &mut schema) {
        members.insert("required".to_owned(), json!(["structured", "text", "content"]));
        if let Some(Value::Object(properties)) = members.get_mut("properties") {
            properties.insert("structured".to_owned(), resource_of_its_own(structured));
        }
    }
    schema
}

/// References of a schema within a schema count from its own top only if it has an id.
fn resource_of_its_own(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members
            .entry("$id")
            .or_insert_with(|| json!("urn:orchestrator:structured"));
    }
    schema
}

/// Reads what a server answered; `schema` is the one the tool declared for its structured content.
///
/// # Errors
/// `tool_bad_response` where the answer is not what the tool declared.
pub fn read(result: &CallToolResult, schema: Option<&jsonschema::Validator>) -> Result<Ended, Trouble> {
    let texts: Vec<&str> = result.content.iter().filter_map(text_of).collect();
    let text = texts.join("\n");
    if result.is_error == Some(true) {
        let said = if text.is_empty() { "it does not say why" } else { &text };
        return Ok(Ended::Failed(words(said)));
    }
    if let Some(schema) = schema {
        let bad = |reason: String| Trouble::new("tool_bad_response", reason, true, Acted::Maybe);
        let structured = result.structured_content.as_ref();
        let structured =
            structured.ok_or_else(|| bad("the tool did not give the structured output it declares".to_owned()))?;
        schema.validate(structured).map_err(|error| {
            let place = error.instance_path().to_string();
            bad(words(&format!(
                "the structured output is not what the tool declares, at `{place}`: {}",
                error.masked()
            )))
        })?;
    }
    let mut output = json!({"text": text, "content": result.content.iter().map(item).collect::<Vec<_>>()});
    if let (Some(structured), Value::Object(members)) = (&result.structured_content, &mut output) {
        members.insert("structured".to_owned(), structured.clone());
    }
    Ok(Ended::Output(output))
}

fn text_of(block: &ContentBlock) -> Option<&str> {
    match block {
        ContentBlock::Text(text) => Some(&text.text),
        _ => None,
    }
}

fn item(block: &ContentBlock) -> Value {
    match block {
        ContentBlock::Text(text) => json!({"type": "text", "text": text.text}),
        ContentBlock::Image(image) => media("image", &image.mime_type, &image.data),
        ContentBlock::Audio(audio) => media("audio", &audio.mime_type, &audio.data),
        ContentBlock::Resource(embedded) => resource(&embedded.resource),
        ContentBlock::ResourceLink(link) => resource_link(link),
        _ => json!({"type": "unknown"}),
    }
}

fn media(kind: &str, mime_type: &str, data: &str) -> Value {
    json!({"type": kind, "mime_type": mime_type, "data_base64": data})
}

fn resource(contents: &ResourceContents) -> Value {
    match contents {
        ResourceContents::TextResourceContents {
            uri, mime_type, text, ..
        } => present(json!({"type": "resource", "uri": uri, "mime_type": mime_type, "text": text})),
        ResourceContents::BlobResourceContents {
            uri, mime_type, blob, ..
        } => present(json!({"type": "resource", "uri": uri, "mime_type": mime_type, "data_base64": blob})),
        _ => json!({"type": "resource"}),
    }
}

fn resource_link(link: &Resource) -> Value {
    present(json!({
        "type": "resource_link", "uri": link.uri, "name": link.name, "mime_type": link.mime_type, "size": link.size,
        "description": link.description,
    }))
}

/// Without members that have no value.
fn present(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(value: Value) -> CallToolResult {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn every_kind_of_content_is_kept_as_what_it_is() {
        let answer = result(json!({"structuredContent": {"n": 1}, "content": [
            {"type": "text", "text": "one"},
            {"type": "image", "mimeType": "image/png", "data": "aGk="},
            {"type": "audio", "mimeType": "audio/wav", "data": "aGk="},
            {"type": "resource", "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "t"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": "aGk="}},
            {"type": "resource_link", "uri": "file:///c", "name": "c"},
            {"type": "text", "text": "two"},
        ]}));
        let Ok(Ended::Output(output)) = read(&answer, None) else {
            panic!()
        };
        assert_eq!(output["structured"], json!({"n": 1}));
        assert_eq!(output["text"], "one\ntwo");
        let content = output["content"].as_array().unwrap();
        assert_eq!(
            content[1],
            json!({"type": "image", "mime_type": "image/png", "data_base64": "aGk="})
        );
        assert_eq!(content[2]["type"], "audio");
        assert_eq!(
            content[3],
            json!({"type": "resource", "uri": "file:///a", "mime_type": "text/plain", "text": "t"})
        );
        assert_eq!(
            content[4],
            json!({"type": "resource", "uri": "file:///b", "data_base64": "aGk="})
        );
        assert_eq!(
            content[5],
            json!({"type": "resource_link", "uri": "file:///c", "name": "c"})
        );
        let schema = output_schema(Some(&json!({"$ref": "#/$defs/n", "$defs": {"n": {"required": ["n"]}}})));
        let schema = jsonschema::validator_for(&schema).unwrap();
        assert!(schema.is_valid(&output) && !schema.is_valid(&json!({"text": "", "content": [], "structured": {}})));
    }

    #[test]
    fn a_declared_output_is_held_and_a_failure_says_why() {
        let declared = jsonschema::validator_for(&json!({"type": "object", "required": ["n"]})).unwrap();
        for bad in [
            json!({"content": []}),
            json!({"content": [], "structuredContent": {"m": 1}}),
        ] {
            assert_eq!(
                read(&result(bad), Some(&declared)).unwrap_err().code,
                "tool_bad_response"
            );
        }
        let failed = result(json!({"isError": true, "content": [{"type": "text", "text": "x".repeat(10_000)}]}));
        let Ok(Ended::Failed(said)) = read(&failed, Some(&declared)) else {
            panic!()
        };
        assert!(said.starts_with("xxx") && said.len() < 2_100, "bounded");
    }
}
