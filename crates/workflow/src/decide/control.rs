//! Cancel, pause, resume, retry, and the way back from `needs_attention`.

use super::context::Context;
use super::{assessing, fan_out, planning, steps};
use crate::decision::{Refusal, Reply};
use crate::hash::Fingerprint;
use crate::input::Body;
use crate::state::{Attention, DeliveryState, EffectState, Money, PayloadNo, Unit};
use crate::time::Millis;
use crate::vocabulary::{Action, AttentionReason, EventKind, GateKind, Status, StepStatus};
use serde_json::json;
use std::collections::BTreeMap;

/// Stops the task; `cancelling` as long as an effect is in flight.
pub(super) fn cancel(cx: &mut Context<'_>, actor: &str) {
    match cx.task.status {
        Status::Cancelled | Status::Cancelling => return,
        status if status.is_terminal() => {
            cx.reply = Reply::Refused(Refusal::AlreadyTerminal);
            return;
        }
        _ => {}
    }
    cx.close_all_gates(Action::Cancel, actor, Fingerprint::of([]));
    super::runs::drop_jobs(cx);
    for step in cx
        .task
        .steps
        .iter_mut()
        .filter(|s| !s.status.is_done() && s.status != StepStatus::Failed)
    {
        step.status = StepStatus::Cancelled;
    }
    cx.touch();
    cx.task.attention = None;
    cx.task.interrupted = None;
    cx.task.deadline = None;
    cx.task.error = Some(format!("cancelled by {actor}"));
    cx.task.status = Status::Cancelling;
}

/// Nothing new is started; what runs may end.
pub(super) fn pause(cx: &mut Context<'_>, actor: &str) {
    match cx.task.status {
        Status::Paused => {}
        status if status.is_terminal() => cx.reply = Reply::Refused(Refusal::AlreadyTerminal),
        Status::NeedsAttention | Status::Cancelling => {
            cx.reply = Reply::Refused(Refusal::WrongState("the task does not move, there is nothing to pause"));
        }
        status => {
            cx.touch();
            cx.task.interrupted = Some(status);
            cx.task.status = Status::Paused;
            cx.emit(EventKind::TaskPaused, json!({ "actor": actor }));
        }
    }
}

pub(super) fn resume(cx: &mut Context<'_>, actor: &str) {
    if cx.task.status.is_terminal() {
        cx.reply = Reply::Refused(Refusal::AlreadyTerminal);
        return;
    }
    if cx.task.status != Status::Paused {
        cx.reply = Reply::Refused(Refusal::WrongState("the task is not paused"));
        return;
    }
    cx.touch();
    cx.task.status = cx.task.interrupted.take().unwrap_or(Status::Executing);
    cx.emit(EventKind::TaskResumed, json!({ "actor": actor }));
}

/// `POST /retry`: the way back from `needs_attention` without naming a gate.
pub(super) fn retry(
    cx: &mut Context<'_>,
    actor: &str,
    from_step: Option<&str>,
    (raise_budget, more_time): (Option<Money>, Millis),
    send_again: bool,
) {
    if cx.task.status.is_terminal() {
        cx.reply = Reply::Refused(Refusal::AlreadyTerminal);
        return;
    }
    let Some(attention) = cx
        .task
        .attention
        .clone()
        .filter(|_| cx.task.status == Status::NeedsAttention)
    else {
        cx.reply = Reply::Refused(Refusal::WrongState("nothing has failed, there is nothing to retry"));
        return;
    };
    let from = match from_step.map(|key| (key, cx.step_index(key))) {
        None => None,
        Some((_, Some(index))) => Some(index),
        Some((key, None)) => {
            cx.reply = Reply::Refused(Refusal::UnknownStep(key.to_owned()));
            return;
        }
    };
    if attention.reason == AttentionReason::EffectUnknown && !send_again {
        let allowed = super::actions_of(GateKind::Attention, Some(attention.reason), None).to_vec();
        cx.reply = Reply::Refused(Refusal::ActionNotAllowed {
            action: Action::Retry,
            allowed,
        });
        return;
    }
    let action = if send_again { Action::SendAgain } else { Action::Retry };
    cx.close_all_gates(action, actor, Fingerprint::of([]));
    leave_attention(cx);
    more_until_deadline(cx, &attention, more_time);
    if let Some(more) = raise_budget {
        cx.task.extra_budget = cx.task.extra_budget.plus(more);
    }
    match from {
        None => try_again(cx, &attention, send_again),
        Some(index) => {
            if send_again {
                settle_effects(cx);
            }
            cx.task.best = None;
            let dependents = cx.plan.as_ref().map(|plan| plan.with_dependents(index));
            let mut again = dependents.unwrap_or_default();
            again.extend(failed_steps(cx));
            for index in again {
                // What acted in another task acts again only where a human says so.
                if send_again || !(steps::acted_elsewhere(cx, index) || fan_out::items_acted(cx, index)) {
                    steps::rerun(cx, index, None);
                }
            }
            cx.task.deliveries.clear();
            cx.set_stage(Status::Executing);
        }
    }
}

/// A human gives the task more time: from now, where its time was over.
fn more_until_deadline(cx: &mut Context<'_>, left: &Attention, more: Millis) {
    let more = Millis(more.0.max(0));
    let Some(deadline) = cx.task.deadline.filter(|_| !more.is_zero()) else {
        return;
    };
    let from = match left.reason {
        AttentionReason::Deadline => cx.now(),
        _ => deadline.max(cx.now()),
    };
    cx.task.deadline = Some(from + more);
    cx.task.extra_time = Millis(cx.task.extra_time.0.saturating_add(more.0));
}

/// Back to the stage that was interrupted; answers it.
pub(super) fn leave_attention(cx: &mut Context<'_>) -> Status {
    let stage = cx.task.interrupted.take().unwrap_or(Status::Executing);
    let late = cx.task.attention.as_ref().map(|a| a.reason) == Some(AttentionReason::Deadline);
    if late {
        cx.task.deadline = planning::deadline(cx.submission, cx.env);
    }
    cx.touch();
    cx.task.attention = None;
    cx.task.replans = 0;
    cx.task.status = stage;
    stage
}

/// What a human was asked about has resolved itself.
pub(super) fn settle_attention(cx: &mut Context<'_>, reason: AttentionReason) {
    if cx.task.attention.as_ref().is_none_or(|a| a.reason != reason) {
        return;
    }
    if cx.task.status == Status::NeedsAttention {
        cx.close_all_gates(Action::MarkDone, "worker", Fingerprint::of([]));
        leave_attention(cx);
    } else {
        cx.task.attention = None;
    }
}

/// What failed gets new jobs.
pub(super) fn try_again(cx: &mut Context<'_>, attention: &Attention, send_again: bool) {
    if attention.reason == AttentionReason::QualityBelowThreshold {
        again_with_feedback(cx);
        return;
    }
    if send_again {
        settle_effects(cx);
    }
    for index in failed_steps(cx) {
        steps::rerun(cx, index, None);
    }
    for delivery in &mut cx.task.deliveries {
        let again = match delivery.state {
            DeliveryState::Failed => true,
            DeliveryState::Unknown => send_again,
            _ => false,
        };
        if again {
            delivery.state = DeliveryState::Pending;
        }
    }
}

/// One more repair round with what the judge said of the best version; where no step can be repaired it is judged again.
fn again_with_feedback(cx: &mut Context<'_>) {
    let best = cx.task.best.iter().flat_map(|best| best.feedback.clone());
    let said: BTreeMap<u16, PayloadNo> = best.collect();
    let blamed: Vec<u16> = assessing::to_repair(cx)
        .into_iter()
        .filter(|&index| steps::repairable(cx, index))
        .collect();
    cx.task.round += 1;
    for index in blamed {
        let feedback = said.get(&index).copied();
        let feedback = feedback.unwrap_or_else(|| cx.feedback("the last result was not good enough"));
        steps::rerun(cx, index, Some(feedback));
    }
    cx.set_stage(Status::Refining);
}

fn failed_steps(cx: &Context<'_>) -> Vec<u16> {
    let numbered = cx.task.steps.iter().enumerate();
    numbered
        .filter(|(_, s)| s.status == StepStatus::Failed)
        .filter_map(|(i, _)| u16::try_from(i).ok())
        .collect()
}

/// A human wants what may have happened, or did, to happen again: nothing of it stands in the way.
fn settle_effects(cx: &mut Context<'_>) {
    cx.touch();
    for effect in &mut cx.task.effects {
        effect.decided = true;
    }
}

/// A human took the word over: a late answer changes these effects no more.
fn settle_unknown(cx: &mut Context<'_>) {
    cx.touch();
    for effect in cx.task.effects.iter_mut().filter(|e| e.state == EffectState::Unknown) {
        effect.decided = true;
    }
}

/// A human says that what nobody knew did happen.
pub(super) fn mark_done(cx: &mut Context<'_>) {
    let unknown = units_in(cx, EffectState::Unknown);
    settle_unknown(cx);
    for delivery in cx
        .task
        .deliveries
        .iter_mut()
        .filter(|d| d.state == DeliveryState::Unknown)
    {
        delivery.state = DeliveryState::MarkedDone;
    }
    let done = |i: &u16| unknown.contains(&Unit::Step(*i));
    for index in failed_steps(cx).into_iter().filter(done) {
        steps::succeeded(cx, index, 0, &Body::new(r#"{"marked_done":true}"#));
    }
}

fn units_in(cx: &Context<'_>, state: EffectState) -> Vec<Unit> {
    cx.task
        .effects
        .iter()
        .filter(|e| e.state == state && !e.decided)
        .map(|e| e.unit)
        .collect()
}

/// A human does without what failed.
pub(super) fn skip_failed(cx: &mut Context<'_>) {
    settle_unknown(cx);
    for delivery in &mut cx.task.deliveries {
        if matches!(delivery.state, DeliveryState::Failed) {
            delivery.state = DeliveryState::Skipped;
        }
    }
    let failed = failed_steps(cx);
    if !failed.is_empty() {
        // No earlier version brings back what a human left out.
        cx.task.best = None;
    }
    for index in failed {
        steps::skip(cx, index, "a human skipped it");
    }
    // An unknown publication stays on record as unknown; it is not waited for any more.
}

/// An input of this task went to quarantine.
pub(super) fn poisoned(cx: &mut Context<'_>, detail: &str) {
    if cx.task.status.is_terminal() || cx.task.status == Status::Cancelling {
        cx.reply = Reply::Ignored("the task has ended");
        return;
    }
    cx.stall(AttentionReason::Internal, detail);
}
