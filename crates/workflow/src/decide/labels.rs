//! What a person's decision about a result says of its judgement.

use super::auto_approval::is_policy;
use super::context::Context;
use crate::decision::{Label, Refusal};
use crate::input::{Body, Decision};
use crate::judge::OVERALL;
use crate::state::{Gate, Task};
use crate::vocabulary::{Action, AttentionReason, GateKind, Status};
use std::collections::BTreeMap;

const NO_RESULT: &str = "only who approves, revises or rejects a result names dimensions";

/// Why dimensions cannot be named so.
pub(super) fn unfit(cx: &Context<'_>, gate: &Gate, decision: &Decision) -> Option<Refusal> {
    decision.dimensions.first()?;
    if !is_about_result(&cx.task, gate) || verdict(cx, decision).is_none() {
        return Some(Refusal::WrongState(NO_RESULT));
    }
    let judged = &cx.submission.policy.dimensions;
    let unknown = decision.dimensions.iter().find(|name| !judged.contains_key(*name));
    unknown.map(|name| Refusal::UnknownDimension(name.clone()))
}

/// A person's word on the latest judgement, before anything follows from it.
pub(super) fn note(cx: &mut Context<'_>, gate: &Gate, decision: &Decision) {
    if decision.by_model || is_policy(&decision.actor) || !is_about_result(&cx.task, gate) {
        return;
    }
    let Some((quality, good)) = cx.task.quality.as_ref().zip(verdict(cx, decision)) else {
        return;
    };
    let mut labels = BTreeMap::new();
    // Where a rule is broken that is known without the judge, and what a person says need not be about its scores.
    if !cx.task.breaks_rules() {
        labels.insert(OVERALL.to_owned(), good);
        // What is good as it is, is good in everything.
        let judged = cx.submission.policy.dimensions.keys().filter(|_| good);
        labels.extend(judged.map(|name| (name.clone(), true)));
    }
    labels.extend(decision.dimensions.iter().map(|name| (name.clone(), false)));
    if labels.is_empty() {
        return;
    }
    let label = Label {
        quality: quality.clone(),
        actor: decision.actor.clone(),
        at: cx.now(),
        good: labels,
    };
    cx.changes.labels.push(label);
}

/// What was judged is looked at: before it goes out, in time or after it, or because it was not found good enough.
fn is_about_result(task: &Task, gate: &Gate) -> bool {
    let reason = task.attention.as_ref().map(|attention| attention.reason);
    match gate.kind {
        GateKind::Publication => true,
        GateKind::Attention => match reason {
            Some(AttentionReason::QualityBelowThreshold) => true,
            Some(AttentionReason::GateExpired) => task.interrupted == Some(Status::AwaitingApproval),
            _ => false,
        },
        GateKind::Plan | GateKind::Step => false,
    }
}

/// Whether it is good enough to go out as it was judged; none: nothing is said of that. What somebody changes first was
/// not, however little they changed: policy would have let it out unchanged.
fn verdict(cx: &Context<'_>, decision: &Decision) -> Option<bool> {
    match decision.action {
        Action::Approve | Action::Edit => Some(!is_changed(&cx.task, &decision.edits)),
        Action::Revise | Action::Reject => Some(false),
        _ => None,
    }
}

fn is_changed(task: &Task, edits: &BTreeMap<String, String>) -> bool {
    let stands = |channel: &str| {
        let delivery = task.deliveries.iter().find(|delivery| delivery.channel == channel)?;
        Some(delivery.content?.hash)
    };
    let is_other = |(channel, text): (&String, &String)| stands(channel) != Some(Body::new(text.as_str()).hash);
    edits.iter().any(is_other)
}
