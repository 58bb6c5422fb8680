//! Patterns from one system to another: one JSON document a line.

use super::Patterns;
use crate::lesson::{
    MAX_INTENT_CHARS, MAX_SLOTS, MAX_STEPS, MAX_SUBJECT_CHARS, MAX_TEMPLATE_BYTES, REFERENCE, form, part_form, tools,
};
use crate::store::{ExportedPattern, ImportedPattern, Once, StoreError};
use contracts::problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use workflow::hash::Fingerprint;
use workflow::plan::{FRAGMENT_STEPS, Plan, signature};

/// Version of the shape below.
const SCHEMA_VERSION: u32 = 1;
/// Patterns read with one statement.
const PAGE: i64 = 100;
/// Lines that are told why they were refused.
const MOST_ERRORS: usize = 100;
const MAX_CHANNELS: usize = 32;
const MAX_NAME_CHARS: usize = 200;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    schema_version: u32,
    /// A part of plans, and no whole one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fragment: bool,
    /// What it is good for, in words.
    intent: String,
    /// What it is searched by.
    subject: String,
    /// Where results go.
    channels: Vec<String>,
    /// A plan; `{"$slot": name}` stands where a value goes.
    plan: Value,
    /// `[{name, type, example?}]`.
    slots: Vec<Slot>,
    /// What people noted on it.
    note: Option<String>,
    /// What it came to where it is from; for people, and never counted here.
    #[serde(default)]
    evidence: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slot {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    example: Option<Value>,
}

impl Patterns {
    /// A page of lines, in the order of their ids, and the last id; none: no more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn exported(&self, tenant: &str, after: Uuid) -> Result<Option<(String, Uuid)>, StoreError> {
        let rows = self.store.exported_patterns(tenant, after, PAGE).await?;
        let Some(last) = rows.last().map(|row| row.id) else {
            return Ok(None);
        };
        let lines = rows.into_iter().filter_map(|row| line(row).ok());
        Ok(Some((lines.map(|line| line + "\n").collect(), last)))
    }

    /// Takes over what another system exported. They are candidates, and no planner is offered them, until somebody
    /// vouches for them or they succeed here. With a key (not empty) the answer is that of the first time; true: it is.
    ///
    /// # Errors
    /// When the key was used with other lines, or the database does not take them; then none is taken.
    pub async fn import(
        &self,
        tenant: &str,
        actor: &str,
        lines: &[u8],
        key: &str,
    ) -> Result<(Value, bool), TransferError> {
        let (mut patterns, mut errors, mut refused) = (Vec::new(), Vec::new(), 0_u64);
        for (no, line) in (1_u64..).zip(lines.split(|byte| *byte == b'\n')) {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            match read(tenant, line) {
                Ok(pattern) => patterns.push(pattern),
                Err(detail) => {
                    refused += 1;
                    if errors.len() < MOST_ERRORS {
                        errors.push(json!({"line": no, "detail": detail}));
                    }
                }
            }
        }
        let given = patterns.len() as u64;
        let answer = |imported: u64| {
            json!({
                "imported": imported,
                "known": given.saturating_sub(imported),
                "refused": refused,
                "errors": errors,
            })
        };
        let once = Once {
            key: Some(key).filter(|key| !key.is_empty()),
            body_hash: Fingerprint::of([lines]).to_string(),
        };
        let taken = self
            .store
            .import_patterns(tenant, actor, patterns, &once, answer)
            .await?;
        taken.ok_or(TransferError::KeyReused)
    }
}

/// Why patterns are not taken over.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The idempotency key was used with other lines.
    #[error("another request had this Idempotency-Key")]
    KeyReused,
    /// The database did not play along.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TransferError> for Problem {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::KeyReused => Self::new(
                422,
                "idempotency_key_reused",
                "another request had this Idempotency-Key; use a new one",
            ),
            TransferError::Store(error) => crate::rpc::away(&error),
        }
    }
}

fn line(row: ExportedPattern) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Line {
        schema_version: SCHEMA_VERSION,
        fragment: row.fragment,
        intent: row.intent,
        subject: row.subject,
        channels: row.channels,
        plan: serde_json::from_str(&row.template)?,
        slots: serde_json::from_str(&row.slots)?,
        note: row.note,
        evidence: row.evidence.unsigned_abs(),
    })
}

/// A pattern, as far as a stranger's line can be trusted: its tools and its form are told by its plan.
fn read(tenant: &str, line: &[u8]) -> Result<ImportedPattern, String> {
    if line.len() > 2 * MAX_TEMPLATE_BYTES {
        return Err(format!("longer than {} bytes", 2 * MAX_TEMPLATE_BYTES));
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    line.check()?;
    let example = |name: &str| line.slots.iter().find(|slot| slot.name == name).map(Slot::value);
    let filled = filled(&line.plan, &example)?;
    let plan = Plan::deserialize(filled).map_err(|error| format!("/plan: {error}"))?;
    if plan.steps.is_empty() || plan.steps.len() > MAX_STEPS {
        return Err(format!("/plan/steps: must be 1 to {MAX_STEPS}"));
    }
    if line.fragment && !FRAGMENT_STEPS.contains(&plan.steps.len()) {
        let (least, most) = FRAGMENT_STEPS.into_inner();
        return Err(format!("/plan/steps: must be {least} to {most} of a fragment"));
    }
    let template = line.plan.to_string();
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(format!("/plan: longer than {MAX_TEMPLATE_BYTES} bytes"));
    }
    Ok(ImportedPattern {
        form: if line.fragment {
            part_form(tenant, signature(&plan))
        } else {
            form(tenant, &plan, line.channels.clone())
        },
        fragment: line.fragment,
        channels: line.channels,
        tools: tools(&plan),
        intent: line.intent,
        subject: line.subject,
        template,
        slots: json!(line.slots).to_string(),
        note: line.note,
    })
}

impl Line {
    fn check(&self) -> Result<(), String> {
        let fits = |text: &str, most: usize| text.chars().count() <= most && !text.contains('\0');
        if self.schema_version != SCHEMA_VERSION {
            return Err(format!("/schema_version: must be {SCHEMA_VERSION}"));
        }
        if self.intent.trim().is_empty() || !fits(&self.intent, MAX_INTENT_CHARS) {
            return Err(format!(
                "/intent: must be 1 to {MAX_INTENT_CHARS} characters, without NUL"
            ));
        }
        if !fits(&self.subject, MAX_SUBJECT_CHARS) {
            return Err(format!(
                "/subject: must be at most {MAX_SUBJECT_CHARS} characters, without NUL"
            ));
        }
        if self.channels.len() > MAX_CHANNELS || !self.channels.iter().all(|name| fits(name, MAX_NAME_CHARS)) {
            return Err(format!("/channels: must be at most {MAX_CHANNELS} names"));
        }
        if self.slots.len() > MAX_SLOTS || !self.slots.iter().all(|slot| fits(&slot.name, MAX_NAME_CHARS)) {
            return Err(format!("/slots: must be at most {MAX_SLOTS}, with short names"));
        }
        if self.note.as_ref().is_some_and(|note| !fits(note, 2000)) {
            return Err("/note: must be at most 2000 characters, without NUL".to_owned());
        }
        Ok(())
    }
}

impl Slot {
    /// Of the shape of what goes there; forms do not look at more.
    fn value(&self) -> Value {
        let by_kind = || match self.kind.as_str() {
            "number" | "integer" => json!(0),
            "boolean" => json!(false),
            "array" => json!([]),
            "object" => json!({}),
            "null" => Value::Null,
            REFERENCE => json!({"$step": "outside"}),
            _ => json!(""),
        };
        self.example.clone().unwrap_or_else(by_kind)
    }
}

/// The plan with a value in each slot.
fn filled(template: &Value, value: &impl Fn(&str) -> Option<Value>) -> Result<Value, String> {
    Ok(match template {
        Value::Object(members) => match members.get("$slot").and_then(Value::as_str) {
            Some(name) if members.len() == 1 => {
                value(name).ok_or_else(|| format!("/plan: there is no slot {name:?}"))?
            }
            _ => {
                let filled = members
                    .iter()
                    .map(|(name, member)| Ok((name.clone(), filled(member, value)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, String>>()?)
            }
        },
        Value::Array(items) => {
            let filled = items.iter().map(|item| filled(item, value));
            Value::Array(filled.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    })
}
