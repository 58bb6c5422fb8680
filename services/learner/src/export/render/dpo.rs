//! OpenAI's preference pairs: a better and a worse answer to the same prompt.
//!
//! From repairs: what a blamed step made, and what it made of the same inputs in a round that was judged better by a
//! margin. From people: what they were shown, and what they made of it.

use super::{lines, prompt};
use crate::record::{PlannedStep, Round, Step, TrainingRecord};
use serde_json::{Value, json};

/// By so much the better answer's round was judged better, of 1.
const MARGIN: f64 = 0.1;

/// A better and a worse answer to the same prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    system: String,
    user: String,
    preferred: String,
    other: String,
}

/// One line for each pair.
pub fn lines(record: &TrainingRecord, to: &mut Vec<u8>) -> Result<u64, serde_json::Error> {
    let documents: Vec<Value> = pairs(record).into_iter().map(document).collect();
    lines::documents(&documents, to)
}

fn document(pair: Pair) -> Value {
    let message = |role: &str, content: String| json!({ "role": role, "content": content });
    json!({
        "input": {
            "messages": [message("system", pair.system), message("user", pair.user)],
            "tools": [],
            "parallel_tool_calls": true,
        },
        "preferred_output": [message("assistant", pair.preferred)],
        "non_preferred_output": [message("assistant", pair.other)],
    })
}

/// The pairs a record holds.
pub fn pairs(record: &TrainingRecord) -> Vec<Pair> {
    if record.labels.outcome != "completed" {
        return Vec::new();
    }
    let planned = record.plan.iter().flat_map(|plan| &plan.steps);
    let repaired = planned.flat_map(|planned| {
        let step = record.steps.iter().find(|step| step.key == planned.key);
        step.into_iter().flat_map(|step| repairs(record, planned, step))
    });
    repaired.chain(edits(record)).collect()
}

/// The output that was kept against each other one.
fn repairs(record: &TrainingRecord, planned: &PlannedStep, step: &Step) -> Vec<Pair> {
    let Some(kept) = &step.output else { return Vec::new() };
    let others = step.other_outputs.iter().filter_map(|other| {
        let gain = score(record, step.round)? - score(record, other.round)?;
        let (prompt, then) = (
            prompt::step(record, planned, step.round),
            prompt::step(record, planned, other.round),
        );
        // With other inputs the difference may be theirs.
        let is_pair =
            prompt == then && gain >= MARGIN && is_blamed(record, &step.key, other.round) && *kept != other.output;
        is_pair.then(|| Pair {
            system: prompt::tool(planned),
            user: prompt,
            preferred: prompt::said(kept),
            other: prompt::said(&other.output),
        })
    });
    others.filter(has_words).collect()
}

fn is_blamed(record: &TrainingRecord, key: &str, round: u64) -> bool {
    record
        .blame
        .iter()
        .any(|blame| blame.step_key == key && blame.round == round)
}

/// The weighted mean of a round's judgement; none: it was not judged.
fn score(record: &TrainingRecord, round: u64) -> Option<f64> {
    let quality = record.quality.as_ref()?;
    let judged: &Round = quality.rounds.iter().rev().find(|judged| judged.round == round)?;
    let weight = |name: &String, own: Option<f64>| {
        own.or_else(|| quality.dimensions.get(name)?.weight)
            .filter(|weight| *weight >= 0.0)
            .unwrap_or(1.0)
    };
    let scored = judged.dimensions.iter().filter_map(|(name, dimension)| {
        let weight = weight(name, dimension.weight);
        Some((dimension.score? * weight, weight))
    });
    let (sum, weights) = scored.fold((0.0, 0.0), |(sum, weights), (score, weight)| {
        (sum + score, weights + weight)
    });
    (weights > 0.0).then(|| sum / weights)
}

fn edits(record: &TrainingRecord) -> impl Iterator<Item = Pair> {
    let edited = record.labels.deliverables.iter().filter_map(|deliverable| {
        let (draft, content) = (deliverable.draft.as_ref()?, deliverable.content.as_ref()?);
        (draft != content).then(|| Pair {
            system: format!("You write what is published on the channel `{}`.", deliverable.channel),
            user: prompt::request(record),
            preferred: content.clone(),
            other: draft.clone(),
        })
    });
    edited.filter(has_words)
}

fn has_words(pair: &Pair) -> bool {
    let is_empty = |text: &str| text.trim().is_empty();
    !is_empty(&pair.user) && !is_empty(&pair.preferred) && !is_empty(&pair.other)
}
