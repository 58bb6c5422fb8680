//! Human decisions: one lock, the first commit wins, the others learn who did.

use super::context::Context;
use super::{asking, assessing, control, delivering, effects, labels, planning, steps};
use crate::decision::{Refusal, Reply};
use crate::hash::Fingerprint;
use crate::ids::{GateId, Serial};
use crate::input::{Body, Decision};
use crate::state::{Attention, Decided, Gate, Task};
use crate::vocabulary::{Action, AskKind, AttentionReason, EventKind, GateKind, Status};
use serde_json::json;
use std::collections::BTreeMap;

/// What a human may answer to an open gate of the task.
pub fn allowed_actions(task: &Task, gate: &Gate) -> &'static [Action] {
    let attention = task.attention.as_ref().map(|a| a.reason);
    actions_of(gate.kind, attention, task.asked(gate).map(|a| a.kind))
}

/// What a human may answer to a gate of this kind; `asks`: what the step of a step's gate asks.
pub fn actions_of(kind: GateKind, attention: Option<AttentionReason>, asks: Option<AskKind>) -> &'static [Action] {
    use Action::{Approve, Cancel, Edit, MarkDone, RaiseBudget, Reject, Retry, Revise, SendAgain, Skip};
    match (kind, attention) {
        (GateKind::Plan, _) => &[Approve, Edit, Revise, Reject, Cancel],
        (GateKind::Step, _) if asks == Some(AskKind::Approval) => &[Approve, Edit, Revise, Skip, Reject, Cancel],
        (GateKind::Step, _) => &[Approve, Skip, Reject, Cancel],
        (GateKind::Publication, _) => &[Approve, Edit, Revise, Reject, Cancel],
        (GateKind::Attention, Some(reason)) => match reason {
            AttentionReason::QualityBelowThreshold => &[Approve, Revise, Retry, Reject, Cancel],
            AttentionReason::BudgetExceeded => &[RaiseBudget, Reject, Cancel],
            AttentionReason::EffectUnknown => &[SendAgain, MarkDone, Skip, Reject, Cancel],
            AttentionReason::Publication | AttentionReason::AttemptsExhausted | AttentionReason::Poison => {
                &[Retry, Skip, Reject, Cancel]
            }
            AttentionReason::PlanInvalid => &[Revise, Retry, Reject, Cancel],
            AttentionReason::GateExpired => &[Approve, Retry, Reject, Cancel],
            AttentionReason::Deadline | AttentionReason::Internal => &[Retry, Reject, Cancel],
        },
        (GateKind::Attention, None) => &[Retry, Reject, Cancel],
    }
}

/// What is said of an answer without what it must have, or with what it cannot have.
const UNANSWERED: &str = "an edit has arguments, an answer to a tool has responses, and an approval has neither";

const NO_PLAN: &str = "an edit of a plan has the whole plan to run instead, and nothing else has one";

/// What an attention gate is about, as a hash: the calls that an approval would let through are part of it.
pub(super) fn attention_hash(task: &Task, attention: &Attention) -> Fingerprint {
    let asked = (0_u16..).zip(&task.steps).filter_map(|(index, step)| {
        let asked = step.asked.as_ref().filter(|asked| asked.expired)?;
        Some((index.to_be_bytes(), asked.question.hash.to_bytes()))
    });
    let asked: Vec<_> = asked.collect();
    let asked = asked
        .iter()
        .flat_map(|(index, question)| [index.as_slice(), question.as_slice()]);
    let words = [attention.reason.as_str().as_bytes(), attention.detail.as_bytes()];
    Fingerprint::of(words.into_iter().chain(asked))
}

/// One more gate expired while a human is asked about another one: who looked at that has not seen it, and is asked
/// about both.
pub(super) fn renew_attention(cx: &mut Context<'_>) {
    let Some(attention) = cx.task.attention.clone() else {
        return;
    };
    let hash = attention_hash(&cx.task, &attention);
    let open = cx.task.gates.iter().find(|g| g.kind == GateKind::Attention);
    let Some(serial) = open.filter(|g| g.content_hash != hash).map(|g| g.serial) else {
        return;
    };
    let decided = Decided {
        serial,
        kind: GateKind::Attention,
        actor: "expiry".to_owned(),
        at: cx.now(),
        action: Action::Reject,
        request: Fingerprint::of([]),
    };
    cx.close_gate(serial, &decided, None, true);
    cx.open_gate(GateKind::Attention, None, hash);
}

pub(super) fn decided(cx: &mut Context<'_>, decision: &Decision) {
    match check(&cx.task, decision) {
        Ok(None) => {}
        Ok(Some(gate)) => {
            if let Some(refusal) = unfit(cx, &gate, decision) {
                cx.reply = Reply::Refused(refusal);
            } else {
                apply(cx, &gate, decision);
            }
        }
        Err(refusal) => cx.reply = Reply::Refused(refusal),
    }
}

/// The gate that is decided; none: this very request decided it before.
fn check(task: &Task, decision: &Decision) -> Result<Option<Gate>, Refusal> {
    if task.decided.iter().any(|d| d.request == decision.request) {
        return Ok(None);
    }
    let gate = match decision.gate {
        Some(id) => by_id(task, id)?,
        None => the_only(task)?,
    };
    if decision
        .content_hash
        .as_ref()
        .is_some_and(|h| *h != gate.content_hash.to_string())
    {
        return Err(Refusal::ApprovalStale);
    }
    let allowed = allowed_actions(task, &gate);
    if !allowed.contains(&decision.action) {
        return Err(Refusal::ActionNotAllowed {
            action: decision.action,
            allowed: allowed.to_vec(),
        });
    }
    Ok(Some(gate))
}

fn by_id(task: &Task, id: GateId) -> Result<Gate, Refusal> {
    let serial = id.serial_in(task.id).ok_or(Refusal::NotAwaitingApproval)?;
    if let Some(gate) = task.gates.iter().find(|g| g.serial == serial) {
        return Ok(gate.clone());
    }
    Err(task
        .decided
        .iter()
        .find(|d| d.serial == serial)
        .map_or(Refusal::NotAwaitingApproval, who_won))
}

fn the_only(task: &Task) -> Result<Gate, Refusal> {
    match task.gates.as_slice() {
        [gate] => Ok(gate.clone()),
        [] => Err(task.decided.last().map_or(Refusal::NotAwaitingApproval, who_won)),
        several => Err(Refusal::GateAmbiguous(
            several.iter().map(|g| task.id.gate(g.serial)).collect(),
        )),
    }
}

fn who_won(decided: &Decided) -> Refusal {
    Refusal::AlreadyDecided {
        actor: decided.actor.clone(),
        at: decided.at,
        action: decided.action,
    }
}

/// What the gate's content, or the tool it is about, does not allow.
fn unfit(cx: &Context<'_>, gate: &Gate, decision: &Decision) -> Option<Refusal> {
    let lets_through = matches!(decision.action, Action::Approve | Action::Edit);
    let out_of_use = gate.step.filter(|_| lets_through).and_then(|step| cx.out_of_use(step));
    if let Some(out_of_use) = out_of_use {
        return Some(Refusal::ToolOutOfUse(out_of_use));
    }
    if let Some(refusal) = labels::unfit(cx, gate, decision) {
        return Some(refusal);
    }
    let edits_plan = gate.kind == GateKind::Plan && decision.action == Action::Edit;
    match &decision.plan {
        Some(plan) if edits_plan => return planning::edited(cx, plan).err().map(Refusal::PlanInvalid),
        None if !edits_plan => {}
        _ => return Some(Refusal::WrongState(NO_PLAN)),
    }
    if let (GateKind::Step, Some(asked)) = (gate.kind, cx.task.asked(gate)) {
        let answers = match decision.action {
            Action::Edit => true,
            Action::Approve => asked.kind == AskKind::Input,
            _ => return None,
        };
        return (answers != decision.approved.is_some()).then_some(Refusal::WrongState(UNANSWERED));
    }
    // An approval after its gate expired keeps that gate's rules.
    let late = gate.kind == GateKind::Attention && cx.task.interrupted == Some(Status::AwaitingApproval);
    if gate.kind != GateKind::Publication && !late {
        return None;
    }
    let known = |name: &String| cx.submission.channels.contains(name);
    let edited = |name: &String| cx.task.deliveries.iter().any(|d| d.channel == *name);
    let chosen = decision.channels.iter().flatten().find(|c| !known(c));
    chosen
        .or_else(|| decision.edits.keys().find(|c| !edited(c)))
        .map(|c| Refusal::UnknownChannel(c.clone()))
}

fn apply(cx: &mut Context<'_>, gate: &Gate, decision: &Decision) {
    labels::note(cx, gate, decision);
    close(cx, gate.serial, gate.kind, decision);
    match decision.action {
        Action::Reject => return reject(cx, decision),
        Action::Cancel => return control::cancel(cx, &decision.actor),
        _ => {}
    }
    match gate.kind {
        GateKind::Plan => plan(cx, decision),
        GateKind::Step => step(cx, gate, decision),
        GateKind::Publication => publication(cx, decision),
        GateKind::Attention => attention(cx, decision),
    }
}

fn close(cx: &mut Context<'_>, serial: Serial, kind: GateKind, decision: &Decision) {
    let decided = Decided {
        serial,
        kind,
        actor: decision.actor.clone(),
        at: cx.now(),
        action: decision.action,
        request: decision.request,
    };
    cx.close_gate(serial, &decided, decision.feedback.clone(), false);
}

fn plan(cx: &mut Context<'_>, decision: &Decision) {
    match (decision.action, &decision.plan) {
        (Action::Approve, _) => planning::execute(cx),
        // It was looked at when the decision was found fit.
        (Action::Edit, Some(plan)) => drop(planning::edited(cx, plan).map(|frozen| planning::replace(cx, frozen))),
        _ => {
            planning::feedback(cx, decision.feedback.as_deref().unwrap_or("plan it differently"));
            cx.set_stage(Status::Planning);
        }
    }
}

fn step(cx: &mut Context<'_>, gate: &Gate, decision: &Decision) {
    let Some(index) = gate.step else { return };
    cx.task.best = None;
    match decision.action {
        Action::Skip => steps::skip(cx, index, "a human skipped it"),
        Action::Revise => {
            let feedback = decision.feedback.as_deref().map(|text| cx.feedback(text));
            steps::rerun(cx, index, feedback);
        }
        _ => asking::let_through(cx, index, decision.approved.as_deref()),
    }
}

fn publication(cx: &mut Context<'_>, decision: &Decision) {
    match decision.action {
        Action::Revise => revise(cx, decision),
        _ => {
            edit(cx, decision);
            delivering::approve(cx, decision.channels.as_deref(), &decision.actor);
        }
    }
}

fn edit(cx: &mut Context<'_>, decision: &Decision) {
    for (channel, document) in &decision.edits {
        let Some(index) = delivering::indices(cx, |d| d.channel == *channel).first().copied() else {
            continue;
        };
        let drafted = cx
            .task
            .deliveries
            .get(usize::from(index))
            .and_then(|d| d.draft.or(d.content));
        delivering::formatted(cx, index, &Body::new(document.as_str()));
        if let Some(delivery) = cx.task.deliveries.get_mut(usize::from(index)) {
            delivery.draft = drafted;
        }
    }
}

/// A human's round: not bound by `max_refinements`.
pub(super) fn revise(cx: &mut Context<'_>, decision: &Decision) {
    let feedback = decision.feedback.clone().unwrap_or_else(|| "make it better".to_owned());
    let feedback = cx.feedback(&feedback);
    let blamed = assessing::to_repair(cx).into_iter().map(|i| (i, feedback)).collect();
    // What comes of a human's word is not measured against what was there before.
    cx.task.best = None;
    assessing::refine(cx, blamed, BTreeMap::new());
}

fn attention(cx: &mut Context<'_>, decision: &Decision) {
    let Some(attention) = cx.task.attention.clone() else {
        return;
    };
    let stage = control::leave_attention(cx);
    match decision.action {
        Action::Approve if attention.reason == AttentionReason::QualityBelowThreshold => {
            cx.task.best = None;
            cx.task.deliveries.clear();
            cx.set_stage(Status::Formatting);
        }
        Action::Approve => match stage {
            Status::AwaitingPlanReview => planning::execute(cx),
            Status::AwaitingApproval => publication(cx, decision),
            _ => asking::let_expired_through(cx),
        },
        Action::Revise if attention.reason == AttentionReason::PlanInvalid => {
            planning::feedback(cx, decision.feedback.as_deref().unwrap_or("plan it differently"));
            cx.set_stage(Status::Planning);
        }
        Action::Revise => revise(cx, decision),
        Action::MarkDone => control::mark_done(cx),
        Action::Skip => control::skip_failed(cx),
        Action::RaiseBudget => {
            cx.task.extra_budget = cx.task.extra_budget.plus(decision.raise_budget.unwrap_or_default());
        }
        Action::SendAgain => control::try_again(cx, &attention, true),
        _ => control::try_again(cx, &attention, false),
    }
}

/// A task whose result nobody wants is rejected; one that could not be done has failed.
fn reject(cx: &mut Context<'_>, decision: &Decision) {
    let gave_up = cx.task.attention.as_ref().is_some_and(|a| {
        !matches!(
            a.reason,
            AttentionReason::QualityBelowThreshold | AttentionReason::GateExpired
        )
    });
    cx.close_all_gates(Action::Reject, &decision.actor, decision.request);
    effects::give_up(cx);
    let published = delivering::published(cx);
    let data = json!({ "actor": decision.actor, "feedback": decision.feedback, "published": published });
    if gave_up {
        cx.task.error = cx
            .task
            .attention
            .as_ref()
            .map(|a| format!("{}: {}", a.reason, a.detail));
        cx.end(Status::Failed, EventKind::TaskFailed, data, Vec::new());
    } else {
        cx.end(Status::Rejected, EventKind::TaskRejected, data, Vec::new());
    }
}
