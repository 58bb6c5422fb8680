//! What a task did, of which success may depend: tools, their orders, sizes of models, and retries.

use super::intents::words;
use crate::record::json;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Features of one task; plans are longer than anybody learns from.
const MOST: usize = 100;
/// The null tool does nothing.
const NULL: &str = "null";

/// What of a raw record is compared with others.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Features {
    /// `tool:…`, `order:… > …`, `tier:…`, `retry:…`.
    pub names: Vec<String>,
    /// Of its goal.
    pub words: Vec<String>,
    /// It needed no repair.
    pub first_try: bool,
}

/// Reads a raw record.
pub fn read(raw: &str) -> Features {
    let raw: Value = serde_json::from_str(raw).unwrap_or_default();
    let mut names = planned(json::list(&raw, "/plan/steps"));
    for step in json::list(&raw, "/task/plan/steps") {
        if json::count(step, "/attempt") > 1 {
            names.insert(format!("retry:{}", json::text_or_empty(step, "/tool_id")));
        }
    }
    let goal = [
        json::text_or_empty(&raw, "/intent/goal"),
        json::text_or_empty(&raw, "/submission/request"),
    ];
    let goal = goal
        .into_iter()
        .find(|goal| !goal.trim().is_empty())
        .unwrap_or_default();
    // Where the result goes is part of what is wanted.
    let mut kind = words(&goal);
    kind.extend(
        json::texts(&raw, "/submission/channels")
            .iter()
            .map(|channel| format!("> {channel}")),
    );
    Features {
        names: names.into_iter().map(|name| storable(&name)).take(MOST).collect(),
        words: kind.iter().map(|word| storable(word)).collect(),
        first_try: json::count(&raw, "/task/refinements") == 0,
    }
}

fn planned(steps: &[Value]) -> BTreeSet<String> {
    let tool = |step: &Value| json::text_or_empty(step, "/tool_id");
    let tools: BTreeMap<String, String> = steps
        .iter()
        .map(|step| (json::text_or_empty(step, "/key"), tool(step)))
        .collect();
    let mut names = BTreeSet::new();
    for step in steps.iter().filter(|step| tool(step) != NULL) {
        names.insert(format!("tool:{}", tool(step)));
        if let Some(tier) = json::text(step, "/tier") {
            names.insert(format!("tier:{tier}"));
        }
        let mut before: BTreeSet<String> = json::texts(step, "/depends_on").into_iter().collect();
        references(step, &mut before);
        let before = before
            .iter()
            .filter_map(|key| tools.get(key))
            .filter(|before| *before != NULL);
        names.extend(before.map(|before| format!("order:{before} > {}", tool(step))));
    }
    names
}

/// Keys of steps whose output stands somewhere in a value.
fn references(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, keys)),
        Value::Object(members) => {
            keys.extend(members.get("$step").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, keys));
        }
        _ => {}
    }
}

/// The database holds no NUL.
fn storable(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tools_orders_sizes_and_retries_are_read() {
        let raw = json!({
            "task": {"refinements": 1, "plan": {"steps": [{"tool_id": "writer", "attempt": 2}, {"tool_id": "search", "attempt": 1}]}},
            "submission": {"request": "Write a post", "channels": ["blog"]},
            "intent": {"goal": "A post about tea"},
            "plan": {"steps": [
                {"key": "a", "tool_id": "search", "arguments": {}},
                {"key": "n", "tool_id": "null", "arguments": {}},
                {"key": "b", "tool_id": "writer", "tier": "large", "depends_on": ["n"],
                 "arguments": {"facts": [{"deep": {"$step": "a", "pointer": "/text"}}]}}]},
        });
        let found = read(&raw.to_string());
        assert_eq!(
            found.names,
            [
                "order:search > writer",
                "retry:writer",
                "tier:large",
                "tool:search",
                "tool:writer"
            ]
        );
        assert_eq!(
            (found.words, found.first_try),
            (vec!["> blog".to_owned(), "post".into(), "tea".into()], false)
        );
        assert_eq!(
            read("no record"),
            Features {
                first_try: true,
                ..Features::default()
            }
        );
    }
}
