//! Acceptance checks: at least one test each, and schemas that can be used safely.

use super::faults::Faults;
use crate::plan::model::{AcceptanceCheck, PlanStep};
use crate::plan::pointer::is_pointer;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Bytes of all acceptance schemas of a plan; compiling them costs far more than reading them.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Bytes of one compiled pattern.
const MAX_PATTERN_BYTES: usize = 256 << 10;

/// Compiles the schema of an acceptance check. Patterns run on an engine whose time is linear in the
/// text, since the schema comes from outside; references are resolved within the schema alone.
///
/// # Errors
/// Why the schema cannot be used.
pub fn compile_acceptance_schema(schema: &Value) -> Result<Validator, String> {
    let patterns = PatternOptions::regex()
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES);
    jsonschema::options()
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| error.masked().to_string())
}

/// Checks the acceptance of one plan's steps, one after the other.
#[derive(Default)]
pub(super) struct Checker {
    schema_bytes: usize,
}

impl Checker {
    pub(super) fn check(&mut self, index: usize, step: &PlanStep, faults: &mut Faults) {
        for (position, check) in step.acceptance.iter().enumerate() {
            let at = |member: &str| format!("/steps/{index}/acceptance/{position}{member}");
            let mut refuse = |member: &str, detail: &str| faults.push("plan_acceptance", at(member), detail);
            if !has_test(check) {
                refuse(
                    "",
                    "at least one of min_length, max_length, contains, not_contains, equals and schema is given",
                );
            }
            if !is_pointer(&check.pointer) {
                refuse("/pointer", "not a JSON pointer (RFC 6901)");
            }
            if let (Some(least), Some(most)) = (check.min_length, check.max_length)
                && least > most
            {
                refuse("/max_length", "below min_length, so that nothing could pass");
            }
            if let Some(schema) = &check.schema
                && let Err(reason) = self.check_schema(schema)
            {
                refuse("/schema", &reason);
            }
        }
    }

    fn check_schema(&mut self, schema: &Value) -> Result<(), String> {
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            return Err("a JSON Schema is an object or a boolean".to_owned());
        }
        self.schema_bytes = self.schema_bytes.saturating_add(schema.to_string().len());
        if self.schema_bytes > MAX_SCHEMA_BYTES {
            return Err(format!("the schemas of a plan have at most {MAX_SCHEMA_BYTES} bytes"));
        }
        refuse_foreign_references(schema)?;
        compile_acceptance_schema(schema).map(|_| ())
    }
}

fn has_test(check: &AcceptanceCheck) -> bool {
    check.min_length.is_some()
        || check.max_length.is_some()
        || check.contains.is_some()
        || check.not_contains.is_some()
        || check.equals.is_some()
        || check.schema.is_some()
}

/// The validator has no network or file access; this says so before it fails to resolve.
fn refuse_foreign_references(schema: &Value) -> Result<(), String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .try_for_each(|(name, member)| match (name.as_str(), member) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(target)) if !target.starts_with('#') => Err(
                    format!("`{name}` leaves the schema; only references within it (`#…`) are followed"),
                ),
                _ => refuse_foreign_references(member),
            }),
        Value::Array(items) => items.iter().try_for_each(refuse_foreign_references),
        _ => Ok(()),
    }
}
