//! What stands in outputs: numbers, links, and how values compare.

use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The numbers in a value and in its texts, in one form: `1,249.50`, `1249.5` and 1249.5 are the same. What is more than
/// a number (`2026-03-01`, `3rd`) counts as it is written.
pub fn numbers(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_text(value, &mut |text| {
        found.extend(llm::numbers(text).iter().map(|figure| plain(figure)))
    });
    found
}

/// The web addresses in the texts of a value.
pub fn links(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    each_text(value, &mut |text| {
        let links = workflow::links::links(text).into_iter();
        found.extend(links.map(|link| link.trim_end_matches('/').to_owned()));
    });
    found
}

/// Equal, numbers by what they are worth.
pub fn is_same(one: &Value, other: &Value) -> bool {
    one == other || (one.is_number() && other.is_number() && compared(one, other) == Some(Ordering::Equal))
}

/// None where they are not two numbers nor two texts.
pub fn compared(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64()?.partial_cmp(&other.as_f64()?),
        (Value::String(one), Value::String(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn each_text(value: &Value, take: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => take(text),
        Value::Number(number) => take(&number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, take)),
        Value::Object(members) => members.values().for_each(|member| each_text(member, take)),
        Value::Null | Value::Bool(_) => {}
    }
}

fn plain(figure: &str) -> String {
    match figure.parse::<f64>() {
        Ok(number) if number.is_finite() => number.to_string(),
        _ => figure.to_owned(),
    }
}
