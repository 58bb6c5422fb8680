//! What an agent works with, as its prompt shows it.

use crate::call::EngineError;
use crate::port::{Agent, WriteAsk};
use crate::template::{delimited, render, shown};
use serde_json::{Map, Value, json};

/// The context of the prompt around an agent's own.
///
/// # Errors
/// The agent's prompt cannot be rendered over these arguments.
pub fn context(ask: &WriteAsk<'_>, structured: bool, tools: bool) -> Result<Value, EngineError> {
    let agent = ask.agent;
    let mentions = |name: &str| mentions(&agent.prompt, name);
    Ok(json!({
        "name": agent.card.name,
        "description": agent.card.description,
        "structured": structured,
        "tools": tools,
        "max_tool_calls": agent.max_tool_calls,
        "task": task(ask)?,
        "material": material(ask, mentions),
        "feedback": if mentions("feedback") { String::new() } else { feedback(ask).join("\n") },
    }))
}

/// The agent's prompt over everything it may name.
///
/// # Errors
/// It names what there is not, or does too much.
pub fn task(ask: &WriteAsk<'_>) -> Result<String, EngineError> {
    render(&ask.agent.prompt, &names(ask)).map_err(|error| EngineError::BadArguments(error.to_string()))
}

/// Arguments by name, the declared ones that were not given as empty text, and the submission.
fn names(ask: &WriteAsk<'_>) -> Value {
    let mut names: Map<String, Value> = declared(ask.agent).map(|name| (name.clone(), json!(""))).collect();
    let context = ask.context;
    names.extend([
        ("request".to_owned(), json!(context.request)),
        ("preferences".to_owned(), json!(context.preferences)),
        ("business_metrics".to_owned(), json!(context.business_metrics)),
    ]);
    names.extend(ask.arguments.clone());
    names.insert("feedback".to_owned(), json!(feedback(ask).join("\n")));
    Value::Object(names)
}

fn declared(agent: &Agent) -> impl Iterator<Item = &String> {
    let properties = agent.card.input_schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, _)| name)
}

/// What the prompt does not bring in by itself: arguments, then the submission.
fn material(ask: &WriteAsk<'_>, mentions: impl Fn(&str) -> bool) -> String {
    let context = ask.context;
    let arguments = ask.arguments.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let submission = [
        ("business_metrics", json!(context.business_metrics)),
        ("preferences", json!(context.preferences)),
        ("request", json!(context.request)),
    ];
    let submission = submission
        .into_iter()
        .filter(|(name, _)| !ask.arguments.contains_key(*name));
    arguments
        .chain(submission)
        .filter(|(name, value)| *name != "feedback" && !mentions(name) && !is_empty(value))
        .map(|(name, value)| delimited(name, &shown(&value)))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The step's own, and what the plan gave as an argument, each once.
fn feedback(ask: &WriteAsk<'_>) -> Vec<String> {
    let mut all: Vec<String> = match ask.arguments.get("feedback") {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().map(shown).collect(),
        _ => Vec::new(),
    };
    for text in ask.feedback {
        if !all.iter().any(|said| said.contains(text.as_str())) {
            all.push(text.clone());
        }
    }
    all.retain(|text| !text.trim().is_empty());
    all
}

/// The name stands in the template as a word of its own, within an expression or a block.
fn mentions(template: &str, name: &str) -> bool {
    let code = ["{{", "{%"].into_iter().flat_map(|opens| template.split(opens).skip(1));
    code.filter_map(|piece| piece.split(['}', '%']).next()).any(|code| {
        code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .any(|word| word == name)
    })
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn only_what_an_expression_names_is_mentioned() {
        let template =
            "Write about {{ topic|data('topic') }}{% if tone %} in this tone: {{tone}}{% endif %}. No request.";
        assert!(mentions(template, "topic") && mentions(template, "tone"));
        assert!(!mentions(template, "request") && !mentions(template, "ton") && !mentions("request", "request"));
    }
}
