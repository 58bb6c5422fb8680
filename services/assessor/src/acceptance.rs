//! Acceptance checks: what a plan says an output must satisfy, decided without a model.

use serde::Serialize;
use serde_json::Value;
use workflow::plan::{AcceptanceCheck, compile_acceptance_schema};

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

/// The checks of a step that do not hold for its output.
pub fn failed(step_key: &str, checks: &[AcceptanceCheck], output: &Value) -> Vec<FailedCheck> {
    let one = |check: &AcceptanceCheck| {
        let faults = faults(check, output);
        (!faults.is_empty()).then(|| FailedCheck {
            step_key: step_key.to_owned(),
            pointer: check.pointer.clone(),
            detail: faults.join("; "),
        })
    };
    checks.iter().filter_map(one).collect()
}

fn faults(check: &AcceptanceCheck, output: &Value) -> Vec<String> {
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
    faults
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

    fn check(document: Value) -> AcceptanceCheck {
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn each_test_holds_or_says_what_was_found() {
        let output = json!({ "text": "Größe zählt", "tags": ["a", "b"], "n": 3 });
        let holds = [
            json!({ "pointer": "/text", "min_length": 11, "max_length": 11 }),
            json!({ "pointer": "/text", "contains": "GRÖSSE".to_lowercase().replace("ss", "ß") }),
            json!({ "pointer": "/tags", "contains": "B", "min_length": 2 }),
            json!({ "pointer": "/n", "equals": 3 }),
            json!({ "pointer": "", "schema": { "required": ["n"] } }),
            json!({ "pointer": "/text", "not_contains": "tiny" }),
        ];
        for document in holds {
            assert_eq!(failed("s", &[check(document.clone())], &output), [], "{document}");
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
        ];
        for document in fails {
            let failed = failed("s", &[check(document.clone())], &output);
            assert_eq!(failed.len(), 1, "{document}");
            assert!(!failed[0].detail.is_empty());
        }
    }
}
