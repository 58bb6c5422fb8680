//! How a task ended and what people decided: the best labels there are.

use super::json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use workflow::decide::is_policy;

/// How a task ended and what people decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// completed, rejected, failed or cancelled.
    pub outcome: String,
    /// The last decision about the result; null: there was none.
    pub decision: Option<Decision>,
    /// Who took it; null: nobody.
    pub decided_by: Option<DecidedBy>,
    /// Nobody looked: policy approved by the score alone. Then `decision` says nothing about the quality.
    pub auto: bool,
    /// A human changed what was published.
    pub edited: bool,
    /// How often a human asked for a revision.
    pub revisions: u64,
    /// What humans wrote, in order.
    pub feedback: Vec<String>,
    /// What people said of the result, during the task or after, in order.
    #[serde(default)]
    pub ratings: Vec<Rating>,
    /// The results as they stood at the end, edits included.
    pub deliverables: Vec<Deliverable>,
}

/// What somebody said of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// From 1, bad, to 5, good.
    pub rating: Option<u8>,
    /// In words.
    pub comment: Option<String>,
    /// The quality dimension it is about; null: the whole.
    pub dimension: Option<String>,
    /// Id of the step it is about; null: the whole.
    pub step_id: Option<String>,
}

/// A decision about the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Good as it is, or as edited.
    Approved,
    /// Not good.
    Rejected,
    /// To be done differently, and it never came to another decision.
    Revised,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// A person.
    Human,
    /// `auto_approve`.
    Policy,
    /// Nobody in time.
    Expiry,
}

/// A result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deliverable {
    /// Where it was to go; `result`: nowhere.
    pub channel: String,
    /// Its title.
    pub title: Option<String>,
    /// The text itself.
    pub content: Option<String>,
    /// The text as it was before a human edited it; null: nobody did.
    #[serde(default)]
    pub draft: Option<String>,
    /// Media type.
    pub content_type: Option<String>,
    /// Hex SHA-256 of the content.
    pub content_hash: Option<String>,
}

pub(super) fn read(raw: &Value, ratings: Vec<Rating>) -> Labels {
    let gates: Vec<&Value> = json::list(raw, "/gates")
        .iter()
        .filter(|gate| action(gate).is_some())
        .collect();
    let last = gates
        .iter()
        .rev()
        .find_map(|gate| Some((decision(gate)?, decider(gate))));
    let by_human = || gates.iter().filter(|gate| decider(gate) == DecidedBy::Human);
    let feedback = by_human().filter_map(|gate| json::text(gate, "/feedback"));
    let deliverables = deliverables(raw);
    Labels {
        outcome: json::text_or_empty(raw, "/task/status"),
        decision: last.map(|(decision, _)| decision),
        decided_by: last.map(|(_, by)| by),
        auto: last == Some((Decision::Approved, DecidedBy::Policy)),
        edited: by_human().any(|gate| is_edit(gate)) || deliverables.iter().any(is_edited),
        revisions: by_human().filter(|gate| action(gate) == Some("revise")).count() as u64,
        feedback: feedback.filter(|text| !text.is_empty()).collect(),
        ratings,
        deliverables,
    }
}

fn action(gate: &Value) -> Option<&str> {
    gate.get("action").and_then(Value::as_str)
}

/// What a gate's answer says about the result. Gates about plans and single steps say nothing of it.
fn decision(gate: &Value) -> Option<Decision> {
    if matches!(gate.get("kind").and_then(Value::as_str), Some("plan" | "step")) {
        return None;
    }
    match action(gate)? {
        "approve" | "edit" => Some(Decision::Approved),
        "reject" => Some(Decision::Rejected),
        "revise" => Some(Decision::Revised),
        // Retry, more budget, send again, mark done, skip, cancel: about the way, not the result.
        _ => None,
    }
}

fn decider(gate: &Value) -> DecidedBy {
    match gate.get("actor").and_then(Value::as_str) {
        Some(actor) if is_policy(actor) => DecidedBy::Policy,
        Some("expiry") => DecidedBy::Expiry,
        _ => DecidedBy::Human,
    }
}

fn is_edit(gate: &Value) -> bool {
    let edits = gate.get("edits").or_else(|| gate.get("edited"));
    let has_edits = match edits {
        Some(Value::Bool(edited)) => *edited,
        Some(Value::Array(channels)) => !channels.is_empty(),
        Some(Value::Object(channels)) => !channels.is_empty(),
        _ => false,
    };
    has_edits || action(gate) == Some("edit")
}

fn is_edited(deliverable: &Deliverable) -> bool {
    deliverable.draft.is_some() && deliverable.draft != deliverable.content
}

fn draft(raw: &Value, channel: &str) -> Option<String> {
    let drafts = json::list(raw, "/drafts").iter();
    let mut own = drafts.filter(|draft| draft.get("channel").and_then(Value::as_str) == Some(channel));
    json::text(own.next()?, "/content")
}

fn deliverables(raw: &Value) -> Vec<Deliverable> {
    let own = json::list(raw, "/deliverables");
    let listed = if own.is_empty() {
        json::list(raw, "/task/deliverables")
    } else {
        own
    };
    let read = |deliverable: &Value| Deliverable {
        channel: json::text_or_empty(deliverable, "/channel"),
        title: json::text(deliverable, "/title"),
        content: json::text(deliverable, "/content"),
        draft: draft(raw, &json::text_or_empty(deliverable, "/channel")),
        content_type: json::text(deliverable, "/content_type"),
        content_hash: json::text(deliverable, "/content_hash"),
    };
    listed.iter().map(read).collect()
}
