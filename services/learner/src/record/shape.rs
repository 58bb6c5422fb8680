//! The published shape of a record.

use super::{FORMER_VERSION, SCHEMA_VERSION, TrainingRecord};
use serde_json::{Value, json};

/// A UUID as records write it.
const UUID: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";

/// JSON Schema (2020-12) of a record.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(TrainingRecord).to_value();
    if let Some(members) = schema.as_object_mut() {
        members.insert("$id".to_owned(), json!("urn:orchestrator:schema:training-record:2"));
        members.insert("title".to_owned(), json!("Training record"));
    }
    restrict(
        &mut schema,
        "/properties/schema_version",
        "const",
        json!(SCHEMA_VERSION),
    );
    restrict(&mut schema, "/properties/record_id", "pattern", json!(UUID));
    // Empty: whoever wrote the record knew no clusters.
    restrict(
        &mut schema,
        "/properties/cluster",
        "pattern",
        json!(format!("^$|{UUID}")),
    );
    schema
}

/// JSON Schema (2020-12) of a record of the version before.
pub fn former_schema() -> Value {
    let mut schema = schema();
    restrict(
        &mut schema,
        "/properties/schema_version",
        "const",
        json!(FORMER_VERSION),
    );
    restrict(
        &mut schema,
        "/properties/business_metrics",
        "additionalProperties",
        json!({"type": "number"}),
    );
    schema
}

fn restrict(schema: &mut Value, pointer: &str, keyword: &str, value: Value) {
    if let Some(Value::Object(member)) = schema.pointer_mut(pointer) {
        member.insert(keyword.to_owned(), value);
    }
}
