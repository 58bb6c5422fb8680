//! A client's plan: that it has the shape of one. Tools, references and limits are the coordinator's.

use super::faults::{Faults, Kind};
use super::fields::{Fields, pointer};
use crate::json::kind;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
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
    if let Some(schema) = SCHEMA.as_ref() {
        for error in schema.iter_errors(document) {
            explain_one(&error, base, faults);
        }
    }
}

fn explain_one(error: &ValidationError<'_>, base: &str, faults: &mut Faults) {
    let at = format!("{base}{}", error.instance_path());
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                let detail = clipped(&format!("unknown field {name:?}"));
                faults.push(Kind::UnknownField, pointer(&at, name), detail);
            }
        }
        // An optional object is "this shape or null": what is wrong within the shape is the thing to tell.
        ValidationErrorKind::AnyOf { context } => match context.iter().max_by_key(|errors| depth(errors)) {
            Some(errors) if depth(errors) > error.instance_path().as_str().len() => {
                errors.iter().for_each(|inner| explain_one(inner, base, faults));
            }
            _ => faults.push(Kind::Plan, at, masked(error)),
        },
        _ => faults.push(Kind::Plan, at, masked(error)),
    }
}

fn depth(errors: &[ValidationError<'_>]) -> usize {
    let lengths = errors.iter().map(|error| error.instance_path().as_str().len());
    lengths.max().unwrap_or_default()
}

/// The message without the value, which may be long and is known to the client.
fn masked(error: &ValidationError<'_>) -> String {
    clipped(&error.masked_with("the value").to_string())
}

fn clipped(text: &str) -> String {
    text.chars().take(MAX_DETAIL).collect()
}
