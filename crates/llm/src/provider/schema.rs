//! Schemas as providers take them. What they take away is checked here afterwards all the same.

use serde_json::{Map, Value, json};

/// Providers want an object at the root; anything else travels as its one property.
const WRAPPER: &str = "value";

/// The schema with an object at its root.
pub(super) fn rooted(schema: &Value) -> Value {
    if is_rooted(schema) {
        return schema.clone();
    }
    let mut inner = schema.clone();
    let mut outer = Map::new();
    // References within the schema begin at the root.
    for definitions in ["$defs", "definitions"] {
        if let Some(found) = inner.as_object_mut().and_then(|inner| inner.remove(definitions)) {
            outer.insert(definitions.to_owned(), found);
        }
    }
    outer.insert("type".to_owned(), "object".into());
    outer.insert("properties".to_owned(), json!({ WRAPPER: inner }));
    outer.insert("required".to_owned(), json!([WRAPPER]));
    outer.insert("additionalProperties".to_owned(), false.into());
    Value::Object(outer)
}

/// The reply as the schema wants it, where it came wrapped.
pub(super) fn unwrapped(schema: Option<&Value>, reply: &str) -> String {
    let wrapped = schema.is_some_and(|schema| !is_rooted(schema));
    let mut parsed = wrapped
        .then(|| serde_json::from_str::<Map<String, Value>>(reply).ok())
        .flatten();
    let inner = parsed
        .as_mut()
        .filter(|reply| reply.len() == 1)
        .and_then(|reply| reply.remove(WRAPPER));
    inner.map_or_else(|| reply.to_owned(), |inner| inner.to_string())
}

fn is_rooted(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

/// Every object lists its properties, all of them required, and allows no others: what OpenAI calls strict.
pub(super) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(node) => {
            let is_object = node.get("type").and_then(Value::as_str) == Some("object");
            (!is_object || closes_all(node)) && node.values().all(is_strict) && is_typed(node)
        }
        Value::Array(nodes) => nodes.iter().all(is_strict),
        _ => true,
    }
}

fn closes_all(node: &Map<String, Value>) -> bool {
    let properties = node.get("properties").and_then(Value::as_object);
    let required = node.get("required").and_then(Value::as_array);
    let all_required = properties.zip(required).is_some_and(|(properties, required)| {
        properties
            .keys()
            .all(|key| required.iter().any(|name| name == key.as_str()))
    });
    all_required && node.get("additionalProperties") == Some(&Value::Bool(false))
}

/// Keywords outside the subset would have the whole call refused.
fn is_typed(node: &Map<String, Value>) -> bool {
    const BEYOND: [&str; 12] = [
        "allOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
        "patternProperties",
        "propertyNames",
        "minLength",
        "maxLength",
    ];
    let is_schema = node.contains_key("type") || node.contains_key("properties");
    !is_schema || !BEYOND.iter().any(|keyword| node.contains_key(*keyword))
}

/// For providers that want every object closed and know no bounds. None: it holds an open object, which cannot be said.
pub(super) fn closed(schema: &Value) -> Option<Value> {
    const BOUNDS: [&str; 14] = [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "minItems",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
        "format",
    ];
    let Value::Object(node) = schema else {
        // `true` allows anything.
        return (schema != &Value::Bool(true)).then(|| schema.clone());
    };
    let is_object = node.get("type").and_then(Value::as_str) == Some("object");
    let is_open = match node.get("additionalProperties") {
        Some(Value::Bool(_)) | None => !node.contains_key("properties"),
        Some(_) => true,
    };
    if is_object && is_open || node.is_empty() {
        return None;
    }
    let mut kept = Map::new();
    for (key, value) in node {
        let value = match key.as_str() {
            keyword if BOUNDS.contains(&keyword) => continue,
            "properties" | "$defs" | "definitions" => Value::Object(closed_members(value)?),
            "items" => closed(value)?,
            "anyOf" | "oneOf" | "allOf" => Value::Array(value.as_array()?.iter().map(closed).collect::<Option<_>>()?),
            _ => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    if is_object {
        kept.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Some(Value::Object(kept))
}

fn closed_members(members: &Value) -> Option<Map<String, Value>> {
    let members = members.as_object()?;
    members
        .iter()
        .map(|(key, value)| Some((key.clone(), closed(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{closed, is_strict, rooted, unwrapped};
    use serde_json::json;

    #[test]
    fn what_is_no_object_travels_as_a_property_and_comes_back() {
        let schema = json!({"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"type": "string"}}});
        let wrapped = rooted(&schema);
        assert_eq!(wrapped["type"], "object");
        assert_eq!(wrapped["$defs"]["a"]["type"], "string");
        assert!(jsonschema::is_valid(&wrapped, &json!({"value": ["x"]})));
        assert_eq!(unwrapped(Some(&schema), r#"{"value":["x"]}"#), r#"["x"]"#);
        assert_eq!(unwrapped(Some(&schema), r#"["x"]"#), r#"["x"]"#);
        let object = json!({"type": "object"});
        assert_eq!(rooted(&object), object);
        assert_eq!(unwrapped(Some(&object), r#"{"value":1}"#), r#"{"value":1}"#);
    }

    #[test]
    fn strict_is_only_what_leaves_nothing_open() {
        let strict = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        assert!(is_strict(&strict));
        let mut optional = strict.clone();
        optional["required"] = json!([]);
        assert!(!is_strict(&optional));
        let mut bounded = strict.clone();
        bounded["properties"]["a"]["maxLength"] = json!(5);
        assert!(!is_strict(&bounded));
        assert!(!is_strict(&json!({"type": "array", "items": {"type": "object"}})));
    }

    #[test]
    fn closing_takes_bounds_away_and_gives_up_on_open_objects() {
        let schema = json!({"type": "object", "properties": {"a": {"type": "array", "minItems": 1, "items": {
            "type": "object", "properties": {"b": {"type": "string", "maxLength": 3}}}}}});
        let expected = json!({"type": "object", "additionalProperties": false, "properties": {"a": {"type": "array", "items": {
            "type": "object", "additionalProperties": false, "properties": {"b": {"type": "string"}}}}}});
        assert_eq!(closed(&schema), Some(expected));
        for open in [
            json!({"type": "object"}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}}),
            json!({"type": "object", "properties": {"a": true}}),
            json!({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}),
        ] {
            assert_eq!(closed(&open), None, "{open}");
        }
    }
}
