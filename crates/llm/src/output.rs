//! Text and title of a step's output, whatever its shape.

use crate::text::markdown::{Block, blocks, plain};
use crate::text::phrases::shorten;
use crate::text::sentences::sentences;
use serde_json::Value;

/// Members that hold the text of an output, most telling first.
const TEXT_MEMBERS: [&str; 9] = [
    "text", "content", "markdown", "body", "draft", "article", "summary", "message", "result",
];

/// Members that name things and say nothing of their own.
const LABELS: [&str; 6] = ["engine", "channel", "tool_id", "purpose", "content_type", "role"];

/// The text of an output: the string itself, the member that holds it, else every string in it.
/// None when there is no text at all.
pub fn text_of(output: &Value) -> Option<String> {
    match output {
        Value::String(text) => filled(text),
        Value::Object(_) => member_of(output)
            .or_else(|| gathered(output))
            .or_else(|| strings(output)),
        Value::Array(_) => strings(output),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The texts of a gathered output `{"items": [...]}`, one after the other. None where it has another shape, or an item has
/// no text.
pub fn gathered(output: &Value) -> Option<String> {
    let members = output.as_object().filter(|members| members.len() == 1)?;
    let items = members.get("items")?.as_array().filter(|items| !items.is_empty())?;
    let texts: Vec<String> = items.iter().map(text_of).collect::<Option<_>>()?;
    Some(texts.join("\n\n"))
}

/// The title of an output: its member `title`, else the first heading, else the first sentence, shortened.
pub fn title_of(output: &Value) -> Option<String> {
    if let Some(title) = output.get("title").and_then(Value::as_str).and_then(filled) {
        return Some(title);
    }
    let text = text_of(output)?;
    let heading = blocks(&text).into_iter().find_map(|block| match block {
        Block::Heading(_, heading) => filled(&plain(&heading)),
        _ => None,
    });
    heading.or_else(|| sentences(&plain(&text)).first().map(|first| shorten(first, 80)))
}

fn filled(text: &str) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

fn strings(output: &Value) -> Option<String> {
    let mut found = Vec::new();
    collect(output, &mut found);
    (!found.is_empty()).then(|| found.join("\n\n"))
}

/// The text in the member that holds it.
fn member_of(output: &Value) -> Option<String> {
    let mut members = TEXT_MEMBERS.iter().filter_map(|name| output.get(*name)?.as_str());
    members.find_map(filled)
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.extend(filled(text)),
        // Of items that have a text of their own, such as outputs of other steps, that is what counts.
        Value::Array(items) => items.iter().for_each(|item| match member_of(item) {
            Some(text) => found.push(text),
            None => collect(item, found),
        }),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !LABELS.contains(&name.as_str()))
            .for_each(|(_, member)| collect(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{text_of, title_of};
    use serde_json::json;

    #[test]
    fn text_is_found_in_every_shape_of_output() {
        for (output, expected) in [
            (json!("plain"), Some("plain")),
            (json!({"text": "a", "title": "b"}), Some("a")),
            (json!({"body": "c", "n": 1}), Some("c")),
            (json!({"x": {"y": "deep"}, "engine": "offline"}), Some("deep")),
            (json!(["one", "two"]), Some("one\n\ntwo")),
            (json!({"n": 1}), None),
            (json!({"text": "  "}), None),
            (
                json!({"items": [{"text": "a", "topic": "t"}, {"text": "b"}]}),
                Some("a\n\nb"),
            ),
            (json!({"items": [{"text": "a"}, {"n": 1}]}), Some("a")),
            (
                json!({"posts": [{"title": "t", "text": "a"}, {"name": "b"}]}),
                Some("a\n\nb"),
            ),
            (json!(null), None),
        ] {
            assert_eq!(text_of(&output).as_deref(), expected, "{output}");
        }
    }

    #[test]
    fn a_title_comes_from_member_heading_or_first_sentence() {
        assert_eq!(title_of(&json!({"title": "T", "text": "# H"})).as_deref(), Some("T"));
        assert_eq!(title_of(&json!({"text": "# **H**\n\nbody"})).as_deref(), Some("H"));
        assert_eq!(title_of(&json!("One thing. Another.")).as_deref(), Some("One thing."));
        assert_eq!(title_of(&json!(1)), None);
    }
}
