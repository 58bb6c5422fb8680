//! Acceptance checks: at least one test each, and schemas that can be used safely.

use super::faults::Faults;
use super::keys::Keys;
use crate::plan::model::{AcceptanceCheck, PlanStep, SUBMISSION};
use crate::plan::pointer::is_pointer;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// Bytes of all acceptance schemas of a plan; compiling them costs far more than reading them.
const MAX_SCHEMA_BYTES: usize = 64 << 10;
/// Sources of what a check looks for.
const MAX_SOURCES: usize = 32;
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
    pub(super) fn check(&mut self, index: usize, step: &PlanStep, keys: &Keys<'_>, faults: &mut Faults) {
        for (position, check) in step.acceptance.iter().enumerate() {
            let at = |member: &str| format!("/steps/{index}/acceptance/{position}{member}");
            let mut refuse = |member: &str, detail: &str| faults.push("plan_acceptance", at(member), detail);
            if !has_test(check) {
                refuse(
                    "",
                    "at least one of min_length, max_length, contains, not_contains, equals, schema, same_as, \
                     numbers_from, links_from, ascending_by and descending_by is given",
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
            let pointers = [
                ("/same_as/pointer", check.same_as.as_ref().map(|of| &of.pointer)),
                ("/ascending_by", check.ascending_by.as_ref()),
                ("/descending_by", check.descending_by.as_ref()),
            ];
            for (member, pointer) in pointers {
                if pointer.is_some_and(|pointer| !is_pointer(pointer)) {
                    refuse(member, "not a JSON pointer (RFC 6901)");
                }
            }
            let is_another = |key: &str| key != step.key && keys.get(key).is_some();
            if check.same_as.as_ref().is_some_and(|of| !is_another(&of.step)) {
                refuse("/same_as/$step", "no other step of this plan");
            }
            for (member, sources) in [
                ("/numbers_from", &check.numbers_from),
                ("/links_from", &check.links_from),
            ] {
                let Some(sources) = sources else { continue };
                if sources.is_empty() || sources.len() > MAX_SOURCES {
                    refuse(member, "1 to 32 sources are named");
                }
                if let Some(unknown) = sources.iter().find(|key| *key != SUBMISSION && !is_another(key)) {
                    let shown: String = unknown.chars().take(64).collect();
                    let detail = format!("{shown:?} is no other step of this plan, nor `{SUBMISSION}`");
                    refuse(member, &detail);
                }
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
        || check.same_as.is_some()
        || check.numbers_from.is_some()
        || check.links_from.is_some()
        || check.ascending_by.is_some()
        || check.descending_by.is_some()
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
