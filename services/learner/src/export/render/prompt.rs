//! What a model was, or would be, asked and what it answered, in words.

use crate::record::{Plan, PlannedStep, Step, TrainingRecord};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a planner is told.
pub const PLANNER: &str = "You plan work. Answer with a plan, as a JSON object {\"summary\", \"steps\": [{\"key\", \
     \"title\", \"tool_id\", \"arguments\", \"depends_on\"}]}. An argument {\"$step\": key, \"pointer\": path} takes \
     another step's output.";
const MOST_DEPTH: usize = 64;

/// What is wanted, and what is known of how.
pub fn request(record: &TrainingRecord) -> String {
    let mut text = record.request.clone();
    let mut say = |what: &str, value: &str| {
        text.push_str("\n\n");
        text.push_str(what);
        text.push_str(": ");
        text.push_str(value);
    };
    if let Some(preferences) = record.context.preferences.as_deref().filter(|text| *text != "{}") {
        say("Preferences", preferences);
    }
    if !record.context.channels.is_empty() {
        say("Channels", &record.context.channels.join(", "));
    }
    // As the planner was told them: what became of them was not known then.
    let figures = record.business_metrics.iter();
    let figures: BTreeMap<&String, f64> = figures
        .filter_map(|(name, metric)| Some((name, metric.value?)))
        .collect();
    if !figures.is_empty() {
        say("Business metrics", &json!(figures).to_string());
    }
    text
}

/// The plan document.
pub fn plan(plan: &Plan) -> String {
    let mut document = Map::new();
    if let Some(summary) = &plan.summary {
        document.insert("summary".to_owned(), json!(summary));
    }
    document.insert("steps".to_owned(), plan.steps.iter().map(planned).collect());
    Value::Object(document).to_string()
}

fn planned(step: &PlannedStep) -> Value {
    let mut document = json!({
        "key": step.key,
        "tool_id": step.tool_id,
        "arguments": parsed(&step.arguments),
    });
    let texts = [
        ("title", &step.title),
        ("reason", &step.reason),
        ("channel", &step.channel),
        ("tier", &step.tier),
    ];
    let documents = [
        ("when", &step.when),
        ("acceptance", &step.acceptance),
        ("for_each", &step.for_each),
    ];
    if let Some(members) = document.as_object_mut() {
        let texts = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, json!(text.as_ref()?))));
        let documents = documents
            .into_iter()
            .filter_map(|(name, text)| Some((name, parsed(text.as_ref()?))));
        members.extend(texts.chain(documents).map(|(name, value)| (name.to_owned(), value)));
        if !step.depends_on.is_empty() {
            members.insert("depends_on".to_owned(), json!(step.depends_on));
        }
    }
    document
}

/// JSON text as the value it is.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// An output as a model would have said it: a text as it is, else as JSON.
pub fn said(output: &str) -> String {
    match serde_json::from_str(output) {
        Ok(Value::String(text)) => text,
        _ => output.to_owned(),
    }
}

/// What a step's tool is told.
pub fn tool(step: &PlannedStep) -> String {
    format!(
        "You are the tool `{}` in a plan. Answer with what the step is to make.",
        step.tool_id
    )
}

/// What a step was asked in a round: with the outputs it took as they were then.
pub fn step(record: &TrainingRecord, step: &PlannedStep, round: u64) -> String {
    let arguments = resolved(parsed(&step.arguments), record, round, 0);
    let mut text = format!("Request: {}", record.request);
    if let Some(title) = &step.title {
        text.push_str("\n\nStep: ");
        text.push_str(title);
    }
    text.push_str("\n\nArguments: ");
    text.push_str(&arguments.to_string());
    text
}

fn resolved(value: Value, record: &TrainingRecord, round: u64, depth: usize) -> Value {
    if depth > MOST_DEPTH {
        return value;
    }
    match value {
        Value::Array(values) => values
            .into_iter()
            .map(|value| resolved(value, record, round, depth + 1))
            .collect(),
        Value::Object(members) => {
            if let Some(taken) = referred(&members, record, round) {
                return taken;
            }
            let each = |(name, value)| (name, resolved(value, record, round, depth + 1));
            Value::Object(members.into_iter().map(each).collect())
        }
        other => other,
    }
}

fn referred(members: &Map<String, Value>, record: &TrainingRecord, round: u64) -> Option<Value> {
    let key = members.get("$step")?.as_str()?;
    let pointer = members.get("pointer").and_then(Value::as_str).unwrap_or_default();
    let step = record.steps.iter().find(|step| step.key == key)?;
    let output: Value = parsed(output_in(step, round)?);
    output.pointer(pointer).cloned()
}

/// What a step had made by a round: the latest output of one no later.
pub fn output_in(step: &Step, round: u64) -> Option<&str> {
    let others = step
        .other_outputs
        .iter()
        .map(|other| (other.round, other.output.as_str()));
    let last = step.output.as_deref().map(|output| (step.round, output));
    let made = others.chain(last).filter(|(made, _)| *made <= round);
    made.max_by_key(|(made, _)| *made).map(|(_, output)| output)
}
