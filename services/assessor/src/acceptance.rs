//! Acceptance checks: what a plan says an output must satisfy, decided without a model.

use crate::found;
use serde::Serialize;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use workflow::plan::{AcceptanceCheck, SUBMISSION, compile_acceptance_schema};

/// A check that did not hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FailedCheck {
    /// The step whose output it is.
    pub step_key: String,
    /// Where in the output.
    pub pointer: String,
    /// What was found and what is wanted.
    pub detail: String,
}

/// What a check may look at beside the output it is about.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// Outputs by step; a skipped step has none.
    pub outputs: &'a BTreeMap<&'a str, &'a Value>,
    /// What was submitted.
    pub submission: &'a str,
}

/// The checks of a step that do not hold for its output.
pub fn failed(step_key: &str, checks: &[AcceptanceCheck], output: &Value, sources: Sources<'_>) -> Vec<FailedCheck> {
    let one = |check: &AcceptanceCheck| {
        let faults = faults(check, output, sources);
        (!faults.is_empty()).then(|| FailedCheck {
            step_key: step_key.to_owned(),
            pointer: check.pointer.clone(),
            detail: faults.join("; "),
        })
    };
    checks.iter().filter_map(one).collect()
}

fn faults(check: &AcceptanceCheck, output: &Value, sources: Sources<'_>) -> Vec<String> {
    let Some(value) = output.pointer(&check.pointer) else {
        return vec!["there is no such value".to_owned()];
    };
    let mut faults = Vec::new();
    if let Some(min) = check.min_length {
        match length(value) {
            Some(length) if length >= min => {}
            Some(length) => faults.push(format!("length is {length}, at least {min} is wanted")),
            None => faults.push(format!("it has no length, at least {min} is wanted")),
        }
    }
    if let Some(max) = check.max_length {
        match length(value) {
            Some(length) if length <= max => {}
            Some(length) => faults.push(format!("length is {length}, at most {max} is wanted")),
            None => faults.push(format!("it has no length, at most {max} is wanted")),
        }
    }
    if let Some(wanted) = &check.contains
        && !contains(value, wanted)
    {
        faults.push(format!("it does not contain {wanted:?}"));
    }
    if let Some(unwanted) = &check.not_contains
        && contains(value, unwanted)
    {
        faults.push(format!("it contains {unwanted:?}"));
    }
    if let Some(wanted) = &check.equals
        && value != wanted
    {
        faults.push(format!("it is not {wanted}"));
    }
    if let Some(schema) = &check.schema {
        match compile_acceptance_schema(schema) {
            Ok(validator) => faults.extend(validator.iter_errors(value).take(5).map(|error| error.to_string())),
            Err(reason) => faults.push(format!("its schema cannot be used: {reason}")),
        }
    }
    faults.extend(provenance(check, value, sources));
    let ordered = [
        (&check.ascending_by, Ordering::Greater),
        (&check.descending_by, Ordering::Less),
    ];
    let ordered = ordered
        .into_iter()
        .filter_map(|(by, wrong)| Some((by.as_ref()?, wrong)));
    faults.extend(ordered.filter_map(|(by, wrong)| out_of_order(value, by, wrong)));
    faults
}

/// What stands there and came from nowhere.
fn provenance(check: &AcceptanceCheck, value: &Value, sources: Sources<'_>) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(of) = &check.same_as
        && let Some(other) = sources.outputs.get(of.step.as_str())
    {
        match other.pointer(&of.pointer) {
            Some(wanted) if found::is_same(value, wanted) => {}
            Some(wanted) => faults.push(format!("it is not {} as in {}", shown(wanted), of.step)),
            None => faults.push(format!("{} has no {:?} to be the same as", of.step, of.pointer)),
        }
    }
    let known = |names: &[String], find: fn(&Value) -> BTreeSet<String>| -> BTreeSet<String> {
        let source = |name: &String| match name.as_str() {
            SUBMISSION => serde_json::from_str(sources.submission).ok(),
            key => sources.outputs.get(key).map(|output| (*output).clone()),
        };
        names.iter().filter_map(source).flat_map(|value| find(&value)).collect()
    };
    for (names, find, what) in [
        (
            &check.numbers_from,
            found::numbers as fn(&Value) -> BTreeSet<String>,
            "numbers",
        ),
        (&check.links_from, found::links, "links"),
    ] {
        let Some(names) = names else { continue };
        let known = known(names, find);
        let strange: Vec<String> = find(value).difference(&known).take(10).cloned().collect();
        if !strange.is_empty() {
            let (strange, names) = (strange.join(", "), names.join(", "));
            faults.push(format!("{what} that do not come from {names}: {strange}"));
        }
    }
    faults
}

/// The first two items that stand the wrong way round.
fn out_of_order(value: &Value, by: &str, wrong: Ordering) -> Option<String> {
    let Some(items) = value.as_array() else {
        return Some("it is no list that could have an order".to_owned());
    };
    let keys: Vec<Option<&Value>> = items.iter().map(|item| item.pointer(by)).collect();
    for (position, pair) in keys.windows(2).enumerate() {
        let [Some(before), Some(after)] = pair else {
            return Some(format!("item {position} or the next has no {by:?} to be ordered by"));
        };
        match found::compared(before, after) {
            Some(order) if order != wrong => {}
            Some(_) => {
                let (before, after) = (shown(before), shown(after));
                return Some(format!(
                    "item {position} has {before}, and the next one {after}: that is the wrong order"
                ));
            }
            None => return Some(format!("items {position} and the next cannot be compared by {by:?}")),
        }
    }
    None
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Characters of a text, items of an array, members of an object.
fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        _ => return None,
    };
    u64::try_from(length).ok()
}

fn contains(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.to_lowercase().contains(&wanted.to_lowercase()),
        Value::Array(items) => items
            .iter()
            .any(|i| i.as_str().is_some_and(|i| i.eq_ignore_ascii_case(wanted))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `look` brought this for the request of that.
    fn failed_for(check: Value, output: &Value) -> Vec<FailedCheck> {
        let check = serde_json::from_value(check).unwrap();
        let look = json!({"price": 1249.5, "on": "2026-03-01", "see": "Read https://shop.example/tea, please."});
        let outputs = BTreeMap::from([("look", &look)]);
        let sources = Sources {
            outputs: &outputs,
            submission: r#"{"request": "Ask for 3 offers"}"#,
        };
        failed("s", &[check], output, sources)
    }

    #[test]
    fn each_test_holds_or_says_what_was_found() {
        let output = json!({
            "text": "Größe zählt", "tags": ["a", "b"], "n": 3, "price": 1249.50, "on": "2026-02-01",
            "offer": "3 for 1,249.50 since 2026-03-01, see <https://shop.example/tea>", "made_up": "47 %, or https://x.example",
            "list": [{"at": 1, "name": "c"}, {"at": 2, "name": "b"}, {"at": 2, "name": "a"}],
        });
        let holds = [
            json!({ "pointer": "/text", "min_length": 11, "max_length": 11 }),
            json!({ "pointer": "/text", "contains": "GRÖSSE".to_lowercase().replace("ss", "ß") }),
            json!({ "pointer": "/tags", "contains": "B", "min_length": 2 }),
            json!({ "pointer": "/n", "equals": 3 }),
            json!({ "pointer": "", "schema": { "required": ["n"] } }),
            json!({ "pointer": "/text", "not_contains": "tiny" }),
            json!({ "pointer": "/price", "same_as": {"$step": "look", "pointer": "/price"} }),
            // It was skipped.
            json!({ "pointer": "/price", "same_as": {"$step": "other", "pointer": "/price"} }),
            json!({ "pointer": "/offer", "numbers_from": ["look", "$request"], "links_from": ["look"] }),
            json!({ "pointer": "/list", "ascending_by": "/at" }),
            json!({ "pointer": "/list", "descending_by": "/name" }),
            json!({ "pointer": "/tags", "ascending_by": "" }),
        ];
        for document in holds {
            assert_eq!(failed_for(document.clone(), &output), [], "{document}");
        }
        let fails = [
            json!({ "pointer": "/text", "min_length": 12 }),
            json!({ "pointer": "/tags", "max_length": 1 }),
            json!({ "pointer": "/n", "min_length": 1 }),
            json!({ "pointer": "/text", "contains": "small" }),
            json!({ "pointer": "/text", "not_contains": "zählt" }),
            json!({ "pointer": "/n", "equals": 4 }),
            json!({ "pointer": "/missing", "equals": null }),
            json!({ "pointer": "/n", "schema": { "type": "string" } }),
            json!({ "pointer": "/on", "same_as": {"$step": "look", "pointer": "/on"} }),
            json!({ "pointer": "/on", "same_as": {"$step": "look", "pointer": "/missing"} }),
            json!({ "pointer": "/offer", "numbers_from": ["look"] }),
            json!({ "pointer": "/made_up", "numbers_from": ["look", "$request"] }),
            json!({ "pointer": "/made_up", "links_from": ["look"] }),
            json!({ "pointer": "/list", "descending_by": "/at" }),
            json!({ "pointer": "/list", "ascending_by": "/name" }),
            json!({ "pointer": "/list", "ascending_by": "/missing" }),
            json!({ "pointer": "/text", "ascending_by": "" }),
        ];
        for document in fails {
            let failed = failed_for(document.clone(), &output);
            assert_eq!(failed.len(), 1, "{document}");
            assert!(!failed[0].detail.is_empty());
        }
    }
}
