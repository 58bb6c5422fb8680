//! The plan's published JSON Schema.

use super::model::Plan;
use serde_json::Value;

/// JSON Schema (2020-12) of a plan document, as `GET /plan-schema` answers it.
pub fn plan_schema() -> Value {
    schemars::schema_for!(Plan).to_value()
}
