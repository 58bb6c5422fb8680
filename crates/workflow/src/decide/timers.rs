//! What is due: leases, gates, deadlines, licences, and queued jobs that are silent.

use super::context::Context;
use super::{QUEUE_SILENCE, asking, effects, escalation, gates, runs};
use crate::decision::Lookup;
use crate::hash::Fingerprint;
use crate::ids::Serial;
use crate::state::{Attention, Decided, JobState};
use crate::time::Millis;
use crate::vocabulary::{Action, AttentionReason, GateKind, Status};

pub(super) fn fired(cx: &mut Context<'_>) {
    if cx.task.status.is_terminal() {
        return;
    }
    if cx.env.leases_end {
        leases(cx);
    }
    effects::expire(cx);
    escalation::hand_on(cx);
    expire_gates(cx);
    deadline(cx);
    silent(cx, QUEUE_SILENCE);
}

/// Looks up every queued job's message, however fresh.
pub(super) fn doubt_queue(cx: &mut Context<'_>) {
    if cx.task.status.is_terminal() {
        return;
    }
    // Only what is dispatched again and again while the broker is there makes a job suspect.
    let mut forgiven = false;
    for job in &mut cx.task.jobs {
        forgiven |= job.requeues > 0;
        job.requeues = 0;
    }
    if forgiven {
        cx.touch();
    }
    silent(cx, Millis(0));
}

fn leases(cx: &mut Context<'_>) {
    let now = cx.now();
    let over: Vec<Serial> = cx
        .task
        .jobs
        .iter()
        .filter(|j| matches!(j.state, JobState::Running { lease, .. } if lease <= now))
        .map(|j| j.serial)
        .collect();
    for serial in over {
        runs::lost(cx, serial);
    }
}

/// A gate that expires fails closed: a human is asked again, nothing goes out.
fn expire_gates(cx: &mut Context<'_>) {
    let now = cx.now();
    let due: Vec<(Serial, GateKind, Option<u16>)> = cx
        .task
        .gates
        .iter()
        .filter(|g| g.expires_at.is_some_and(|t| t <= now))
        .map(|g| (g.serial, g.kind, g.step))
        .collect();
    for (serial, kind, step) in due {
        let decided = Decided {
            serial,
            kind,
            actor: "expiry".to_owned(),
            at: now,
            action: Action::Reject,
            request: Fingerprint::of([]),
        };
        cx.close_gate(serial, &decided, None, true);
        if let Some(index) = step {
            asking::expired(cx, index);
        }
        cx.stall(AttentionReason::GateExpired, format!("the {kind} gate expired"));
    }
    let about_gates = |a: &Attention| a.reason == AttentionReason::GateExpired;
    if cx.task.attention.as_ref().is_some_and(about_gates) {
        gates::renew_attention(cx);
    }
}

/// The task has had its time.
pub(super) fn is_over(cx: &Context<'_>) -> bool {
    let moves = !matches!(cx.task.status, Status::NeedsAttention | Status::Cancelling);
    moves && cx.task.deadline.is_some_and(|t| t <= cx.now())
}

pub(super) fn deadline(cx: &mut Context<'_>) {
    if is_over(cx) {
        cx.task.deadline = None;
        runs::drop_jobs(cx);
        if cx.task.status == Status::Paused {
            cx.task.status = cx.task.interrupted.take().unwrap_or(Status::Executing);
        }
        cx.task.attention = None;
        cx.stall(
            AttentionReason::Deadline,
            "the task took longer than its max_duration_seconds",
        );
    }
}

fn silent(cx: &mut Context<'_>, for_at_least: Millis) {
    let now = cx.now();
    let id = cx.task.id;
    let silent = cx.task.jobs.iter().filter_map(|j| match j.state {
        JobState::Queued { at, stored } if at + for_at_least <= now => Some(Lookup {
            job: id.job(j.serial),
            serial: j.serial,
            dispatch: j.dispatch,
            stored,
        }),
        _ => None,
    });
    cx.lookups.extend(silent.collect::<Vec<_>>());
}
