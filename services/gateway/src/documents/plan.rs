//! A client's plan: that it has the shape of one. Tools, references and limits are the coordinator's.

use super::faults::{Faults, Kind};
use super::fields::{Fields, pointer};
use crate::json::kind;
use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde::Deserialize;
use serde_json::Value;
use std::sync::LazyLock;
use workflow::plan::Plan;

/// Longest message of a single fault.
const MAX_DETAIL: usize = 300;

/// The published schema. Asked only where reading failed: it knows the place of each fault.
static SCHEMA: LazyLock<Option<Validator>> =
    LazyLock::new(|| jsonschema::validator_for(&workflow::plan::plan_schema()).ok());

/// Reads the field.
pub fn read(fields: &mut Fields, name: &str) -> Option<Plan> {
    let document = fields.take(name)?;
    let base = fields.pointer(name);
    let faults = fields.faults();
    if !document.is_object() {
        let detail = format!("a plan is an object with steps, this is {}", kind(&document));
        faults.push(Kind::Plan, base, detail);
        return None;
    }
    match Plan::deserialize(&document) {
        Ok(plan) => Some(plan),
        Err(error) => {
            let before = faults.len();
            explain(&document, &base, faults);
            if faults.len() == before {
                faults.push(Kind::Plan, base, clipped(&error.to_string()));
            }
            None
        }
    }
}

fn explain(document: &Value, base: &str, faults: &mut Faults) {
    let Some(schema) = SCHEMA.as_ref() else {
        return;
    };
    for error in schema.iter_errors(document) {
        let at = format!("{base}{}", error.instance_path());
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for name in unexpected {
                    let detail = clipped(&format!("unknown field {name:?}"));
                    faults.push(Kind::UnknownField, pointer(&at, name), detail);
                }
            }
            _ => faults.push(Kind::Plan, at, clipped(&error.masked_with("the value").to_string())),
        }
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}
