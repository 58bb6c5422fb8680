//! Deliverables, and where they went.

use super::{Facts, member, moment};
use crate::store::payloads::blob_ref;
use serde_json::{Value, json};
use workflow::state::{Delivery, DeliveryState, Task};
use workflow::vocabulary::Status;

/// `[{channel, title, content, content_type, content_hash}]`, in the order of the channels; none before
/// the first was formatted, and none while steps run again that they were made from.
pub(super) fn deliverables(facts: &Facts) -> Option<Value> {
    if !stands(&facts.task) {
        return None;
    }
    let shown = facts.task.deliveries.iter().filter_map(|d| deliverable(facts, d));
    let shown: Vec<Value> = shown.collect();
    (!shown.is_empty()).then_some(Value::Array(shown))
}

/// What a human changed before it went out, as it was before: `[{channel, content}]`.
pub(super) fn drafts(facts: &Facts) -> Vec<Value> {
    let drafted = facts.task.deliveries.iter().filter_map(|delivery| {
        let document = facts.bodies.value(delivery.draft?.payload)?;
        Some(json!({ "channel": delivery.channel, "content": member(&document, "content") }))
    });
    drafted.collect()
}

/// What was formatted is the result of the steps as they are now.
fn stands(task: &Task) -> bool {
    match task.interrupted.unwrap_or(task.status) {
        Status::Submitted
        | Status::Planning
        | Status::AwaitingPlanReview
        | Status::Executing
        | Status::AwaitingStepApproval
        | Status::Assessing
        | Status::Refining => false,
        Status::Formatting | Status::AwaitingApproval | Status::Publishing => true,
        Status::NeedsAttention | Status::Paused | Status::Cancelling => true,
        Status::Completed | Status::Rejected | Status::Failed | Status::Cancelled => true,
    }
}

fn deliverable(facts: &Facts, delivery: &Delivery) -> Option<Value> {
    let document = facts.bodies.value(delivery.content?.payload)?;
    let content = document.get("content").and_then(Value::as_str);
    let mut shown = json!({
        "channel": delivery.channel,
        "title": member(&document, "title"),
        "content": content,
        "content_type": member(&document, "content_type"),
        // Of the content as it is, whatever the worker said it was.
        "content_hash": content.map(|c| blob_ref(c.as_bytes()).sha256),
    });
    super::put(&mut shown, "$blob", document.get("$blob").cloned());
    let faults = Some(&delivery.faults).filter(|faults| !faults.is_empty());
    super::put(&mut shown, "faults", faults.map(|faults| faults.as_str().into()));
    super::put(&mut shown, "size", document.get("size").cloned());
    Some(shown)
}

/// `[{channel, state, location, at}]` of what went out, or may have.
pub(super) fn published(facts: &Facts) -> Option<Value> {
    let task = &facts.task;
    let told = |d: &&Delivery| !matches!(d.state, DeliveryState::Pending | DeliveryState::Skipped);
    let published: Vec<Value> = task.deliveries.iter().filter(told).map(publication).collect();
    (!published.is_empty() || task.status.is_terminal()).then_some(Value::Array(published))
}

fn publication(delivery: &Delivery) -> Value {
    let location = Some(&delivery.location).filter(|l| !l.is_empty());
    json!({
        "channel": delivery.channel,
        "state": delivery.state,
        "location": location,
        "at": delivery.at.map(moment),
    })
}

/// A stored deliverable with other content, as JSON text. None: it cannot be read.
pub fn edited(deliverable: &str, content: &str) -> Option<String> {
    let mut document: Value = serde_json::from_str(deliverable).ok()?;
    let members = document.as_object_mut()?;
    members.insert("content".to_owned(), content.into());
    members.insert("content_hash".to_owned(), blob_ref(content.as_bytes()).sha256.into());
    Some(document.to_string())
}
