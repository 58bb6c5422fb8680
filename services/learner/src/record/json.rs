//! Reading a raw record without trusting its shape.

use serde_json::Value;
use std::collections::BTreeMap;

/// The text at `pointer`, where there is one.
pub fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

/// The text at `pointer`, else an empty one.
pub fn text_or_empty(value: &Value, pointer: &str) -> String {
    text(value, pointer).unwrap_or_default()
}

/// Who asked for a raw record's task, as the database can hold it; empty: not known.
pub fn author(raw: &Value) -> String {
    text_or_empty(raw, "/submission/actor").replace('\0', "")
}

/// The whole number at `pointer`, else 0.
pub fn count(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The number at `pointer`.
pub fn number(value: &Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer).and_then(Value::as_f64)
}

/// The elements at `pointer`, or none.
pub fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The members at `pointer`, or none.
pub fn members<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    value.pointer(pointer).and_then(Value::as_object).into_iter().flatten()
}

/// The texts of the list at `pointer`; another value stands there as JSON.
pub fn texts(value: &Value, pointer: &str) -> Vec<String> {
    list(value, pointer).iter().map(shown).collect()
}

/// The members at `pointer` as texts; another value stands there as JSON.
pub fn text_map(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    members(value, pointer)
        .map(|(name, member)| (name.clone(), shown(member)))
        .collect()
}

/// The value at `pointer` as JSON text; none for null and for nothing.
pub fn json_text(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .filter(|value| !value.is_null())
        .map(Value::to_string)
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
