//! Moving on: the only place where jobs and gates are made and where a task changes stage by itself.

use super::context::Context;
use super::{delivering, effects, gates, steps};
use crate::hash::Fingerprint;
use crate::state::{EffectState, Unit};
use crate::submission::{OnBudgetExceeded, OnExhausted};
use crate::vocabulary::{AttentionReason, EventKind, GateKind, Status};
use serde_json::json;

/// Stages passed within one decision; more means the machine does not settle.
const MAX_STAGES: u32 = 12;

pub(super) fn advance(cx: &mut Context<'_>) {
    for _ in 0..MAX_STAGES {
        let before = standing(cx);
        advance_once(cx);
        if before == standing(cx) {
            return;
        }
    }
}

fn standing(cx: &Context<'_>) -> (Status, usize, usize, bool) {
    (
        cx.task.status,
        cx.task.jobs.len(),
        cx.task.gates.len(),
        cx.task.attention.is_some(),
    )
}

fn advance_once(cx: &mut Context<'_>) {
    match cx.task.status {
        Status::Completed | Status::Rejected | Status::Failed | Status::Cancelled => return,
        Status::NeedsAttention | Status::Paused => return,
        Status::Cancelling => return finish_cancelling(cx),
        _ => {}
    }
    if cx.task.attention.is_some() {
        if !cx.has_dispatched_jobs() {
            enter_attention(cx);
        }
        return;
    }
    match cx.task.status {
        Status::Submitted => cx.set_stage(Status::Planning),
        Status::Planning => ensure_job(cx, Unit::Plan),
        Status::AwaitingPlanReview => ensure_plan_gate(cx),
        Status::Executing | Status::Refining | Status::AwaitingStepApproval => steps::schedule(cx),
        Status::Assessing => ensure_job(cx, Unit::Assess),
        Status::Formatting => delivering::format(cx),
        Status::AwaitingApproval => delivering::ensure_gate(cx),
        Status::Publishing => delivering::publish(cx),
        _ => {}
    }
}

fn ensure_job(cx: &mut Context<'_>, unit: Unit) {
    if !cx.has_job(unit) {
        cx.add_job(unit);
    }
}

fn ensure_plan_gate(cx: &mut Context<'_>) {
    if !cx.task.gates.iter().any(|g| g.kind == GateKind::Plan) {
        let hash = cx.plan.as_ref().map_or(Fingerprint::of([]), |p| p.hash);
        cx.open_gate(GateKind::Plan, None, hash);
    }
}

/// `cancelling` lasts until no effect is in flight.
fn finish_cancelling(cx: &mut Context<'_>) {
    if cx.task.effects.iter().any(|e| e.state == EffectState::Sent) {
        return;
    }
    let published = delivering::published(cx);
    cx.end(
        Status::Cancelled,
        EventKind::TaskCancelled,
        json!({ "published": published }),
        Vec::new(),
    );
}

/// Nothing runs and nothing can: a human is asked, or the task fails where policy says so.
pub(super) fn enter_attention(cx: &mut Context<'_>) {
    let Some(attention) = cx.task.attention.clone() else {
        return;
    };
    super::runs::drop_jobs(cx);
    let policy = &cx.submission.policy;
    let fails = match policy
        .on_budget_exceeded
        .filter(|_| attention.reason == AttentionReason::BudgetExceeded)
    {
        Some(on_budget) => on_budget == OnBudgetExceeded::Stop,
        None => policy.on_exhausted == OnExhausted::Fail,
    };
    let policy_fails = fails
        // No task ends because of what others spent.
        && !attention.of_tenant
        // Where an outside effect may have happened, only a human may say that this is the end.
        && !matches!(attention.reason, AttentionReason::EffectUnknown | AttentionReason::GateExpired)
        && !effects::any_open(cx);
    let mut data = json!({ "reason": attention.reason.as_str(), "detail": attention.detail });
    if let Some(data) = data.as_object_mut().filter(|_| attention.of_tenant) {
        data.insert("of_tenant".to_owned(), true.into());
    }
    if policy_fails {
        cx.task.error = Some(format!("{}: {}", attention.reason, attention.detail));
        cx.close_all_gates(crate::vocabulary::Action::Reject, "policy", Fingerprint::of([]));
        cx.end(Status::Failed, EventKind::TaskFailed, data, Vec::new());
        return;
    }
    cx.touch();
    cx.task.interrupted = Some(cx.task.status);
    cx.task.status = Status::NeedsAttention;
    if !cx.task.gates.iter().any(|g| g.kind == GateKind::Attention) {
        cx.open_gate(GateKind::Attention, None, gates::attention_hash(&cx.task, &attention));
    }
    cx.emit(EventKind::TaskNeedsAttention, data);
}
