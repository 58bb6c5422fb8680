//! A plan to be used again: slots in place of its own values.

use serde::Serialize;
use serde_json::{Map, Value, json};
use workflow::plan::{Plan, PlanStep, Reference, is_template};

/// A longer value is not shown as an example.
const MAX_EXAMPLE_CHARS: usize = 120;
/// A shorter value is not looked for in titles.
const LEAST_REPLACED: usize = 3;

/// A value the plan is given anew each time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Slot {
    /// As the argument it was first found in.
    pub name: String,
    /// JSON type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it was; none where that is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Value>,
    #[serde(skip)]
    value: Value,
}

impl Slot {
    /// What it was, where that is a text.
    pub fn text(&self) -> Option<&str> {
        self.value.as_str()
    }
}

/// The plan and its slots.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    pub plan: Value,
    pub slots: Vec<Slot>,
}

impl Template {
    /// Of a plan. The same value is the same slot wherever it stands; what flows between steps, and what comes
    /// from the submission by a template, stays. Acceptance checks are about the values and are left out.
    pub fn of(plan: &Plan) -> Self {
        let mut slots = Vec::new();
        let arguments: Vec<Value> = plan
            .steps
            .iter()
            .map(|step| {
                let filled = step.arguments.iter();
                let members = filled.map(|(name, value)| (name.clone(), slotted(name, value, &mut slots)));
                Value::Object(members.collect())
            })
            .collect();
        let steps = plan.steps.iter().zip(arguments);
        let steps: Vec<Value> = steps
            .map(|(step, arguments)| described(step, arguments, &slots))
            .collect();
        let mut document = Map::new();
        if let Some(summary) = &plan.summary {
            document.insert("summary".to_owned(), json!(without_values(summary, &slots)));
        }
        document.insert("steps".to_owned(), json!(steps));
        Self {
            plan: Value::Object(document),
            slots,
        }
    }

    pub fn slots_json(&self) -> String {
        json!(self.slots).to_string()
    }
}

fn described(step: &PlanStep, arguments: Value, slots: &[Slot]) -> Value {
    let mut document = json!({"key": step.key, "tool_id": step.tool_id, "arguments": arguments});
    let optional = [
        (
            "title",
            step.title.as_ref().map(|title| json!(without_values(title, slots))),
        ),
        (
            "reason",
            step.reason.as_ref().map(|reason| json!(without_values(reason, slots))),
        ),
        (
            "depends_on",
            (!step.depends_on.is_empty()).then(|| json!(step.depends_on)),
        ),
        ("channel", step.channel.as_ref().map(|channel| json!(channel))),
        ("when", step.when.as_ref().map(|when| json!(when))),
    ];
    if let Some(members) = document.as_object_mut() {
        let there = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        members.extend(there);
    }
    document
}

fn slotted(name: &str, value: &Value, slots: &mut Vec<Slot>) -> Value {
    match value {
        Value::String(text) if is_template(text) => value.clone(),
        _ if Reference::parse(value).is_some() => value.clone(),
        Value::Array(items) if items.iter().any(is_filled) => {
            Value::Array(items.iter().map(|item| slotted(name, item, slots)).collect())
        }
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, member)| (name.clone(), slotted(name, member, slots)));
            Value::Object(members.collect())
        }
        _ => json!({"$slot": slot(name, value, slots)}),
    }
}

/// Something inside of it is filled when the step runs.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(is_filled),
        Value::Object(members) => members.contains_key("$step") || members.values().any(is_filled),
        _ => false,
    }
}

/// The slot of a value, a new one where there is none.
fn slot(name: &str, value: &Value, slots: &mut Vec<Slot>) -> String {
    if let Some(known) = slots.iter().find(|slot| slot.value == *value) {
        return known.name.clone();
    }
    let mut unique = name.to_owned();
    let mut n = 2;
    while slots.iter().any(|slot| slot.name == unique) {
        unique = format!("{name}_{n}");
        n += 1;
    }
    let long = value.to_string().chars().nth(MAX_EXAMPLE_CHARS).is_some();
    slots.push(Slot {
        name: unique.clone(),
        kind: kind(value),
        example: (!long).then(|| value.clone()),
        value: value.clone(),
    });
    unique
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A title speaks of the values too.
fn without_values(text: &str, slots: &[Slot]) -> String {
    let mut named: Vec<(&str, &str)> = slots
        .iter()
        .filter_map(|slot| Some((slot.text()?, slot.name.as_str())))
        .filter(|(value, _)| value.len() >= LEAST_REPLACED)
        .collect();
    named.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    named.into_iter().fold(text.to_owned(), |text, (value, name)| {
        text.replace(value, &format!("<{name}>"))
    })
}
