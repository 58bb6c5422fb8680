//! A plan to be used again: slots in place of its own values.

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use workflow::plan::{ForEach, ITEMS, Plan, PlanStep, Reference, is_template};

/// A plan with more steps, more values or more slots is nothing to show to a planner.
pub const MAX_STEPS: usize = 256;
const MAX_NODES: usize = 2000;
pub const MAX_SLOTS: usize = 200;
/// A longer name of an argument is cut.
const MAX_NAME_CHARS: usize = 64;
/// A longer value is not shown as an example.
const MAX_EXAMPLE_CHARS: usize = 120;
/// Type of a slot that takes what another step made.
pub const REFERENCE: &str = "reference";
/// Shorter and longer values are not looked for in titles, in bytes.
const REPLACED: RangeInclusive<usize> = 3..=1000;

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
    /// Of a plan, or a part of one; none where it is too large. What a part takes from steps outside of it is a slot of the
    /// type `reference`. The same value is the same slot wherever it stands; what flows between
    /// steps, and what comes from the submission by a template, stays. Acceptance checks are about the values and are
    /// left out.
    pub fn of(plan: &Plan) -> Option<Self> {
        let links: usize = plan.steps.iter().map(|step| step.depends_on.len()).sum();
        if plan.steps.len() > MAX_STEPS || links > MAX_NODES {
            return None;
        }
        let mut filling = Filling {
            keys: plan.steps.iter().map(|step| step.key.clone()).collect(),
            ..Filling::default()
        };
        let arguments: Vec<Value> = plan
            .steps
            .iter()
            .map(|step| filling.members(step.arguments.iter()))
            .collect::<Option<_>>()?;
        let lists: Vec<Value> = plan
            .steps
            .iter()
            .map(|step| filling.list(step.for_each.as_ref()))
            .collect::<Option<_>>()?;
        let names = Names::of(&filling.slots)?;
        let steps = plan.steps.iter().zip(arguments.into_iter().zip(lists));
        let steps: Vec<Value> = steps
            .map(|(step, (arguments, list))| described(step, arguments, list, &names))
            .collect();
        let mut document = Map::new();
        if let Some(summary) = &plan.summary {
            document.insert("summary".to_owned(), json!(names.instead_of_values(summary)));
        }
        document.insert("steps".to_owned(), json!(steps));
        Some(Self {
            plan: Value::Object(document),
            slots: filling.slots,
        })
    }

    pub fn slots_json(&self) -> String {
        json!(self.slots).to_string()
    }
}

fn described(step: &PlanStep, arguments: Value, list: Value, names: &Names) -> Value {
    let mut document = json!({"key": step.key, "tool_id": step.tool_id, "arguments": arguments});
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(names.instead_of_values(text)));
    let optional = [
        ("title", text(&step.title)),
        ("reason", text(&step.reason)),
        (
            "depends_on",
            (!step.depends_on.is_empty()).then(|| json!(step.depends_on)),
        ),
        ("channel", step.channel.as_ref().map(|channel| json!(channel))),
        ("tier", step.tier.map(|tier| json!(tier))),
        ("when", step.when.as_ref().map(|when| json!(when))),
        ("for_each", Some(list).filter(|list| !list.is_null())),
    ];
    if let Some(members) = document.as_object_mut() {
        let there = optional
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        members.extend(there);
    }
    document
}

/// The slots found so far.
#[derive(Default)]
struct Filling {
    keys: BTreeSet<String>,
    slots: Vec<Slot>,
    /// Names by JSON text of the value.
    by_value: HashMap<String, String>,
    taken: BTreeSet<String>,
    /// How often each argument's name was wanted.
    wanted: HashMap<String, usize>,
    nodes: usize,
}

impl Filling {
    fn members<'v>(&mut self, members: impl Iterator<Item = (&'v String, &'v Value)>) -> Option<Value> {
        let members = members.map(|(name, value)| Some((name.clone(), self.slotted(name, value)?)));
        Some(Value::Object(members.collect::<Option<_>>()?))
    }

    /// The list a step goes through and how long it may be; null where it goes through none. None: too large.
    fn list(&mut self, for_each: Option<&ForEach>) -> Option<Value> {
        let Some(for_each) = for_each else {
            return Some(Value::Null);
        };
        Some(json!({ "items": self.slotted(ITEMS, &for_each.items)?, "max_items": for_each.max_items }))
    }

    /// None: too large.
    fn slotted(&mut self, name: &str, value: &Value) -> Option<Value> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return None;
        }
        match value {
            Value::String(text) if is_template(text) => Some(value.clone()),
            _ if self.leads_out(value) => Some(json!({"$slot": self.slot(name, value)?})),
            _ if Reference::parse(value).is_some() || Reference::item(value).is_some() => Some(value.clone()),
            Value::Array(items) if items.iter().any(is_filled) => {
                let items = items.iter().map(|item| self.slotted(name, item));
                Some(Value::Array(items.collect::<Option<_>>()?))
            }
            Value::Object(members) => self.members(members.iter()),
            _ => Some(json!({"$slot": self.slot(name, value)?})),
        }
    }

    /// It takes from a step that is not there.
    fn leads_out(&self, value: &Value) -> bool {
        matches!(Reference::parse(value), Some(Ok(reference)) if !self.keys.contains(reference.step))
    }

    /// The slot of a value, a new one where there is none.
    fn slot(&mut self, name: &str, value: &Value) -> Option<String> {
        let text = value.to_string();
        if let Some(known) = self.by_value.get(&text) {
            return Some(known.clone());
        }
        if self.slots.len() == MAX_SLOTS {
            return None;
        }
        let long = text.chars().nth(MAX_EXAMPLE_CHARS).is_some();
        let leads_out = self.leads_out(value);
        let name = self.unique(name);
        self.by_value.insert(text, name.clone());
        self.slots.push(Slot {
            name: name.clone(),
            kind: if leads_out { REFERENCE } else { kind(value) },
            // The name of a step of another plan is no example.
            example: (!long && !leads_out).then(|| value.clone()),
            value: value.clone(),
        });
        Some(name)
    }

    fn unique(&mut self, name: &str) -> String {
        let name: String = name.chars().take(MAX_NAME_CHARS).collect();
        let n = self.wanted.entry(name.clone()).or_default();
        loop {
            *n += 1;
            let unique = if *n == 1 { name.clone() } else { format!("{name}_{n}") };
            if self.taken.insert(unique.clone()) {
                return unique;
            }
        }
    }
}

/// Something inside of it is filled when the step runs.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(items) => items.iter().any(is_filled),
        Value::Object(members) => {
            ["$step", "$item"].iter().any(|name| members.contains_key(*name)) || members.values().any(is_filled)
        }
        _ => false,
    }
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
struct Names {
    values: AhoCorasick,
    names: Vec<String>,
}

impl Names {
    fn of(slots: &[Slot]) -> Option<Self> {
        let texts = slots
            .iter()
            .filter_map(|slot| Some((slot.text()?, format!("<{}>", slot.name))));
        let (values, names): (Vec<&str>, Vec<String>) =
            texts.filter(|(value, _)| REPLACED.contains(&value.len())).unzip();
        let values = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(values);
        Some(Self {
            values: values.ok()?,
            names,
        })
    }

    /// In one pass, so that a name put in is not taken for a value.
    fn instead_of_values(&self, text: &str) -> String {
        self.values.replace_all(text, &self.names)
    }
}
