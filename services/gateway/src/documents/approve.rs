//! `POST /approve/{task_id}`.

use super::faults::Faults;
use super::fields::{Fields, pointer};
use super::names::unfit_name;
use super::plan;
use crate::identifiers;
use crate::json::kind;
use crate::refusal::Refusal;
use contracts::api::ApproveRequest;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use workflow::vocabulary::Action;

/// Bounds, as the description of the document tells them.
pub const MAX_CHANNELS: usize = 32;
pub const FEEDBACK_CHARACTERS: usize = 16_384;
const HASH_CHARACTERS: usize = 128;
const MAX_DIMENSIONS: usize = 64;

/// Reads and checks a decision.
///
/// # Errors
/// 422 with every fault.
pub fn read(body: Map<String, Value>) -> Result<ApproveRequest, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let document = ApproveRequest {
        approved: approved(&mut fields),
        gate_id: gate(&mut fields),
        publish_to_channels: fields.names("publish_to_channels", MAX_CHANNELS),
        feedback: feedback(&mut fields),
        edits: edits(&mut fields),
        arguments: fields.object("arguments"),
        responses: fields.object("responses"),
        plan: plan::read(&mut fields, "plan"),
        content_hash: fields.text("content_hash", 1..=HASH_CHARACTERS),
        dimensions: fields.names("dimensions", MAX_DIMENSIONS).unwrap_or_default(),
        action: action(&mut fields),
    };
    fields.finish();
    faults.check(document)
}

/// Reads and checks the part of a decision that a person is asked for by form: `{approved, feedback?, action?}`.
///
/// # Errors
/// 422 with every fault; other members are unknown.
pub fn read_answer(body: Map<String, Value>) -> Result<ApproveRequest, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Fields::new(body, "", &mut faults);
    let document = ApproveRequest {
        approved: approved(&mut fields),
        feedback: feedback(&mut fields),
        action: action(&mut fields),
        ..ApproveRequest::default()
    };
    fields.finish();
    faults.check(document)
}

/// Empty feedback is none: it must not turn a rejection into a revision.
fn feedback(fields: &mut Fields) -> Option<String> {
    let text = fields.text("feedback", 0..=FEEDBACK_CHARACTERS);
    text.filter(|text| !text.trim().is_empty())
}

fn approved(fields: &mut Fields) -> bool {
    match fields.take("approved") {
        Some(Value::Bool(approved)) => approved,
        Some(other) => fields.wrong("approved", "true or false", &other).unwrap_or_default(),
        None => {
            fields.required("approved", "true or false");
            false
        }
    }
}

fn gate(fields: &mut Fields) -> Option<String> {
    let text = fields.text("gate_id", 0..=64)?;
    match identifiers::parse(&text) {
        Some(id) => Some(id.to_string()),
        None => {
            fields.fault("gate_id", "must be a UUID");
            None
        }
    }
}

fn edits(fields: &mut Fields) -> BTreeMap<String, String> {
    let Some(map) = fields.object("edits") else {
        return BTreeMap::new();
    };
    let base = fields.pointer("edits");
    if map.len() > MAX_CHANNELS {
        fields.fault("edits", format!("must have at most {MAX_CHANNELS} members"));
        return BTreeMap::new();
    }
    let faults = fields.faults();
    let mut edits = BTreeMap::new();
    for (channel, content) in map {
        if let Some(why) = unfit_name(&channel) {
            faults.value(pointer(&base, &channel), format!("the name {why}"));
        }
        match content {
            Value::String(text) => {
                edits.insert(channel, text);
            }
            other => {
                let detail = format!("must be a string, it is {}", kind(&other));
                faults.value(pointer(&base, &channel), detail);
            }
        }
    }
    edits
}

fn action(fields: &mut Fields) -> Option<Action> {
    let text = fields.text("action", 0..=64)?;
    let action = Action::parse(&text);
    if action.is_none() {
        let known: Vec<_> = Action::ALL.iter().map(|a| a.as_str()).collect();
        fields.fault("action", format!("must be one of {}", known.join(", ")));
    }
    action
}
