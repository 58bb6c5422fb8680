//! Steps: which may run, which are done, and which must run again because their input changed.

use super::asking::{self, Turn};
use super::auto_approval;
use super::context::Context;
use super::effects::{self, Leftover};
use super::fan_out;
use super::versions;
use crate::fork::Reuse;
use crate::hash::Fingerprint;
use crate::input::Body;
use crate::state::{Decided, EffectState, PayloadNo, Unit};
use crate::vocabulary::{Action, AttentionReason, EffectClass, EventKind, GateKind, Status, StepStatus};
use serde_json::json;

/// Makes jobs for what can run, and leaves the stage when everything is settled.
///
/// A step is settled when it is done and everything before it is settled: until then its output
/// may still change, and nothing that takes it starts.
pub(super) fn schedule(cx: &mut Context<'_>) {
    let Some(plan) = cx.plan.clone() else { return };
    let mut settled = vec![false; cx.task.steps.len()];
    for &index in &plan.order {
        let Some(frozen) = plan.steps.get(usize::from(index)) else {
            continue;
        };
        let ready = frozen
            .deps
            .iter()
            .all(|&d| settled.get(usize::from(d)).copied().unwrap_or(false));
        if !ready {
            continue;
        }
        if let Some(slot) = settled.get_mut(usize::from(index)) {
            *slot = settle(cx, index);
        }
    }
    if settled.iter().all(|s| *s) {
        cx.set_stage(Status::Assessing);
        return;
    }
    let failed = cx.task.steps.iter().any(|s| s.status == StepStatus::Failed);
    let in_flight = cx.task.effects.iter().any(|e| e.state == EffectState::Sent);
    if failed && cx.task.jobs.is_empty() && cx.task.gates.is_empty() && !in_flight {
        cx.stall(
            AttentionReason::AttemptsExhausted,
            "a step failed and nothing else can run",
        );
        return;
    }
    let waits = cx.task.jobs.is_empty() && cx.task.gates.iter().any(|g| g.kind == GateKind::Step);
    let stage = if waits {
        Status::AwaitingStepApproval
    } else if cx.task.round > 0 {
        Status::Refining
    } else {
        Status::Executing
    };
    if cx.task.status != stage {
        cx.set_stage(stage);
    }
}

/// Whether the step is settled, after starting it where it can start. Everything before it is.
fn settle(cx: &mut Context<'_>, index: u16) -> bool {
    let hash = input_hash(cx, index);
    let Some(step) = cx.task.steps.get(usize::from(index)) else {
        return false;
    };
    match step.status {
        StepStatus::Succeeded | StepStatus::Skipped if step.input_hash == Some(hash) => return true,
        // Its outside effect cannot be taken back: the recorded answer stands.
        StepStatus::Succeeded if !repairable(cx, index) => return true,
        StepStatus::Succeeded | StepStatus::Skipped | StepStatus::Pending => {}
        StepStatus::WaitingApproval if asking::stands(cx, index, hash) => return false,
        // Its gate was never opened, expired, was closed with others, or is about other inputs: it is asked about.
        StepStatus::WaitingApproval => close_gate(cx, index),
        _ => return false,
    }
    if cx.has_job(Unit::Step(index)) {
        return false;
    }
    if is_without(cx, index) {
        skip(cx, index, "a step it depends on was skipped");
        return true;
    }
    if fan_out::is_beyond(cx, index) {
        fan_out::skip_beyond(cx, index);
        return true;
    }
    match effects::leftover(cx, Unit::Step(index)) {
        Leftover::Nothing => start(cx, index, hash),
        Leftover::InFlight => {}
        Leftover::Unknown => {
            if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
                step.status = StepStatus::Failed;
            }
            let detail = format!("step {}: nobody knows whether its effect happened", cx.step_key(index));
            cx.stall(AttentionReason::EffectUnknown, detail);
        }
    }
    false
}

fn start(cx: &mut Context<'_>, index: u16, hash: Fingerprint) {
    cx.touch();
    // Before it is its turn: what expired once goes to a human.
    let allowed = auto_approval::call(cx, index);
    if let Turn::Ask(question) = asking::turn(cx, index, hash) {
        let Some(policy) = allowed else {
            cx.open_gate(GateKind::Step, Some(index), question);
            return;
        };
        cx.decide_unasked(GateKind::Step, Some(index), question, &policy);
        asking::let_through(cx, index, None);
    }
    let round = cx.task.round;
    versions::before_change(&mut cx.task, index);
    let Some(step) = cx.task.steps.get_mut(usize::from(index)) else {
        return;
    };
    step.status = StepStatus::Pending;
    step.round = round;
    step.attempt = 0;
    step.reused = false;
    step.started_at = None;
    step.finished_at = None;
    cx.add_job(Unit::Step(index));
}

/// Nobody need answer any more what the step asked about other inputs.
fn close_gate(cx: &mut Context<'_>, index: u16) {
    let open = cx.task.gates.iter().find(|g| g.step == Some(index));
    let Some(serial) = open.map(|g| g.serial) else { return };
    let decided = Decided {
        serial,
        kind: GateKind::Step,
        actor: "inputs".to_owned(),
        at: cx.now(),
        action: Action::Retry,
        request: Fingerprint::of([]),
    };
    cx.close_gate(serial, &decided, None, false);
}

/// Something it cannot do without was skipped. What is gathered does without single items.
fn is_without(cx: &Context<'_>, index: u16) -> bool {
    let status = |d: &u16| cx.task.steps.get(usize::from(*d)).map(|s| s.status);
    let skipped = |d: &u16| status(d) == Some(StepStatus::Skipped);
    let Some(plan) = &cx.plan else { return false };
    match plan.gathered_by(index) {
        Some(fan) => fan.frozen.deps.iter().any(skipped),
        None => cx.frozen(index).is_some_and(|frozen| frozen.deps.iter().any(skipped)),
    }
}

/// Hash of what a step's output follows from: its definition, the outputs it takes, and whether
/// something it depends on was skipped.
pub(super) fn input_hash(cx: &Context<'_>, index: u16) -> Fingerprint {
    let Some(frozen) = cx.frozen(index) else {
        return Fingerprint::of([]);
    };
    let skipped = is_without(cx, index);
    if frozen.inputs.is_empty() && !skipped {
        return frozen.hash;
    }
    let own = frozen.hash.to_bytes();
    let outputs: Vec<[u8; 16]> = frozen
        .inputs
        .iter()
        .map(|&i| {
            let output = || cx.task.steps.get(usize::from(i))?.output.map(|o| o.hash);
            let taken = fan_out::item_taken(cx, index, i).or_else(output);
            taken.map_or([0; 16], Fingerprint::to_bytes)
        })
        .collect();
    let parts = std::iter::once(own.as_slice()).chain(outputs.iter().map(<[u8; 16]>::as_slice));
    Fingerprint::of(parts.chain(skipped.then_some(b"skipped".as_slice())))
}

pub(super) fn succeeded(cx: &mut Context<'_>, index: u16, attempt: u32, output: &Body) {
    let hash = input_hash(cx, index);
    let now = cx.now();
    let old = cx.task.steps.get(usize::from(index)).and_then(|s| s.output);
    let stored = cx.output("output", output, old);
    let Some(step) = cx.task.steps.get_mut(usize::from(index)) else {
        return;
    };
    step.status = StepStatus::Succeeded;
    step.attempt = attempt;
    step.input_hash = Some(hash);
    step.output = Some(stored);
    step.others.retain(|other| other.payload != stored.payload);
    step.feedback = None;
    step.error = None;
    step.asked = None;
    step.finished_at = Some(now);
    cx.emit_step(EventKind::StepSucceeded, index, json!({}));
}

pub(super) fn skip(cx: &mut Context<'_>, index: u16, reason: &str) {
    let now = cx.now();
    let hash = input_hash(cx, index);
    cx.touch();
    versions::before_change(&mut cx.task, index);
    if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
        step.status = StepStatus::Skipped;
        step.input_hash = Some(hash);
        step.output = None;
        step.asked = None;
        step.finished_at = Some(now);
    }
    cx.emit_step(EventKind::StepSkipped, index, json!({ "reason": reason }));
}

/// Gives steps the outputs they had in another task, where they follow from the same; tells which.
///
/// A later step is looked at after those it takes from, so that it stands only on what was taken over too.
pub(super) fn take_over(cx: &mut Context<'_>, reuse: &Reuse) -> Vec<u16> {
    let mut taken = Vec::new();
    each_in_order(cx, |cx, index| {
        let Some(known) = reuse.steps.get(&cx.step_key(index)) else {
            return;
        };
        if known.input != input_hash(cx, index) {
            return;
        }
        let (now, output) = (cx.now(), cx.output("output", &known.output, None));
        if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
            step.status = StepStatus::Succeeded;
            step.input_hash = Some(known.input);
            step.output = Some(output);
            step.items.clone_from(&known.items);
            step.reused = true;
            step.finished_at = Some(now);
            taken.push(index);
        }
    });
    taken
}

/// Goes through the steps, dependencies first, with the items of each list that is there by then.
pub(super) fn each_in_order(cx: &mut Context<'_>, mut visit: impl FnMut(&mut Context<'_>, u16)) {
    let mut place = 0;
    while let Some(&index) = cx.plan.as_ref().and_then(|plan| plan.order.get(place)) {
        visit(cx, index);
        fan_out::join(cx, index);
        place += 1;
    }
}

/// Sends a step into its next run, with what should be different.
pub(super) fn rerun(cx: &mut Context<'_>, index: u16, feedback: Option<PayloadNo>) {
    cx.touch();
    versions::before_change(&mut cx.task, index);
    if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
        versions::remember(step);
        step.status = StepStatus::Pending;
        step.asked = None;
        step.input_hash = None;
        step.reused = false;
        if feedback.is_some() {
            step.feedback = feedback;
        }
    }
}

/// Tells a step what to heed, should it run again because of what it takes.
pub(super) fn tell(cx: &mut Context<'_>, index: u16, feedback: PayloadNo) {
    cx.touch();
    if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
        step.feedback = Some(feedback);
    }
}

/// Whether a repair may run the step again: neither it nor an item of its list ever had an outside effect, here or where
/// its output comes from, and nobody has left it out.
pub(super) fn repairable(cx: &Context<'_>, index: u16) -> bool {
    !has_acted(cx, index) && !fan_out::items_acted(cx, index) && !fan_out::is_left_out(cx, index)
}

/// It acted outside, in this task or in the one its output was taken from.
pub(super) fn has_acted(cx: &Context<'_>, index: u16) -> bool {
    cx.task.effects.iter().any(|e| e.unit == Unit::Step(index)) || acted_elsewhere(cx, index)
}

/// It acted outside in the task its output was taken from.
pub(super) fn acted_elsewhere(cx: &Context<'_>, index: u16) -> bool {
    let reused = cx.task.steps.get(usize::from(index)).is_some_and(|step| step.reused);
    reused
        && cx
            .frozen(index)
            .is_some_and(|frozen| frozen.effects != EffectClass::ReadOnly)
}

/// The makers of what no other step takes.
pub(super) fn sinks(cx: &Context<'_>) -> Vec<u16> {
    let Some(plan) = &cx.plan else { return Vec::new() };
    let taken = |i: u16| plan.steps.iter().any(|s| s.inputs.contains(&i));
    let sinks = plan.order.iter().copied().filter(|&i| !taken(i));
    sinks.flat_map(|index| plan.makers(index)).collect()
}

/// The steps that run again where this step's output should be another.
pub(super) fn makers(cx: &Context<'_>, index: u16) -> Vec<u16> {
    cx.plan.as_ref().map_or_else(|| vec![index], |plan| plan.makers(index))
}
