//! From `ready` to `queued(k)`: what may go out, within the budget, and what is out already.

use super::context::Context;
use super::money::{self, Granted};
use super::{Env, MAX_REQUEUES, Snapshot, advance, runs};
use crate::decision::{Reply, Transition};
use crate::ids::{JobId, Serial};
use crate::input::{Failure, Found};
use crate::money::Allowance;
use crate::state::{Effect, EffectState, JobState, Money, Stored, Task, Unit};
use crate::time::Timestamp;
use crate::tool::OutOfUse;
use crate::vocabulary::{AttentionReason, EventKind, Status, WorkKind};
use serde_json::json;

/// A job that waits for room in its pool's window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadyJob {
    /// Its number.
    pub serial: Serial,
    /// The kind of worker.
    pub kind: WorkKind,
    /// The pool.
    pub pool: String,
    /// May share a message with its siblings.
    pub short: bool,
}

/// Jobs that may be dispatched now.
pub fn ready_jobs(snapshot: Snapshot<'_>, now: Timestamp) -> Vec<ReadyJob> {
    let task = snapshot.task;
    let moves = !matches!(
        task.status,
        Status::Paused | Status::NeedsAttention | Status::Cancelling
    );
    if !moves || task.status.is_terminal() || task.attention.is_some() {
        return Vec::new();
    }
    let due = |state: &JobState| match state {
        JobState::Ready { not_before } => not_before.is_none_or(|t| t <= now),
        _ => false,
    };
    let mut ready = Vec::new();
    for job in task.jobs.iter().filter(|j| due(&j.state)) {
        let frozen = match job.unit {
            Unit::Step(i) => snapshot.plan.and_then(|p| p.steps.get(usize::from(i))),
            _ => None,
        };
        let first = job.dispatch == 0 && task.round == 0;
        ready.push(ReadyJob {
            serial: job.serial,
            kind: job.unit.kind(),
            pool: frozen.map_or_else(|| "default".to_owned(), |f| f.pool.clone()),
            short: first && frozen.is_none_or(|f| f.short),
        });
    }
    ready
}

/// Dispatches `serials`: `queued(k)`, with its grant reserved.
///
/// Where the budget does not allow it, the job stays ready; when nothing else runs, a human is asked. Where only the
/// window of the tenant does not allow it, it stays ready for the next one, or a human is asked. Where the tool of a
/// step is out of use, the step fails, and as after any failure nothing else of the task begins.
///
/// `window`: what the tenant may spend now, if it has a budget.
pub fn dispatch(snapshot: Snapshot<'_>, serials: &[Serial], window: Option<&Allowance>, env: &Env<'_>) -> Transition {
    let mut cx = Context::new(snapshot, env);
    if stop_out_of_use(&mut cx, serials) {
        advance::advance(&mut cx);
        return cx.finish();
    }
    let mut window = window.copied();
    let mut starved = None;
    for &serial in serials {
        starved = starved.or(dispatch_one(&mut cx, serial, &mut window));
    }
    if let Some(starved) = starved
        && !cx.has_dispatched_jobs()
    {
        cx.stall(AttentionReason::BudgetExceeded, starved.detail);
        if let Some(attention) = &mut cx.task.attention {
            attention.of_tenant = starved.of_tenant;
        }
        advance::advance(&mut cx);
    }
    cx.finish()
}

/// Jobs that are ready and that the tenant's window does not cover now, each with what it lacks, for people.
pub fn short_of_window(snapshot: Snapshot<'_>, window: &Allowance, env: &Env<'_>) -> Vec<(Serial, String)> {
    let cx = Context::new(snapshot, env);
    let lacks = |ready: &ReadyJob| {
        let job = cx.task.jobs.iter().find(|job| job.serial == ready.serial)?;
        let short = matches!(money::grant(&cx, job, Some(window)), Granted::ShortOfWindow);
        short.then(|| (ready.serial, money::short(&cx, job, Some(window))))
    };
    ready_jobs(snapshot, env.now).iter().filter_map(lacks).collect()
}

/// Ends the steps that may not begin; whether there was one.
fn stop_out_of_use(cx: &mut Context<'_>, serials: &[Serial]) -> bool {
    let mut stopped = false;
    for &serial in serials {
        let Some(out_of_use) = out_of_use(cx, serial) else {
            continue;
        };
        let failure = Failure {
            code: out_of_use.code().to_owned(),
            message: out_of_use.to_string(),
            ..Failure::default()
        };
        runs::stopped(cx, serial, &failure);
        stopped = true;
    }
    stopped
}

fn out_of_use(cx: &Context<'_>, serial: Serial) -> Option<OutOfUse> {
    let job = cx.task.jobs.iter().find(|j| j.serial == serial)?;
    let Unit::Step(index) = job.unit else { return None };
    // What it has in flight outside only its next run can settle: it has begun.
    let begun = |e: &Effect| e.job == serial && e.state == EffectState::Sent;
    let may_stop = matches!(job.state, JobState::Ready { .. }) && !cx.task.effects.iter().any(begun);
    cx.out_of_use(index).filter(|_| may_stop)
}

/// What a human must be asked for.
struct Starved {
    /// What a job lacks, for people.
    detail: String,
    /// The window of the tenant does, and not the task's own budget.
    of_tenant: bool,
}

/// Dispatches a job that is ready; else, if a human must be asked for more, what for.
fn dispatch_one(cx: &mut Context<'_>, serial: Serial, window: &mut Option<Allowance>) -> Option<Starved> {
    let at = cx.task.jobs.iter().position(|j| j.serial == serial)?;
    let job = cx.task.jobs.get(at)?;
    if !matches!(job.state, JobState::Ready { .. }) {
        return None;
    }
    let (grant, cheaper) = match (money::grant(cx, job, window.as_ref()), window.as_ref()) {
        (Granted::Yes { grant, cheaper }, _) => (grant, cheaper),
        (Granted::ShortOfWindow, Some(window)) => {
            // Grants of others come back by themselves.
            let asks = window.asks && money::is_short_at_rest(cx, job, window);
            return (asks || money::never_fits(cx, job, window)).then(|| Starved {
                detail: money::short(cx, job, Some(window)),
                of_tenant: true,
            });
        }
        (Granted::ShortOfTask | Granted::ShortOfWindow, _) => {
            return Some(Starved {
                detail: money::short(cx, job, None),
                of_tenant: false,
            });
        }
    };
    if let Some(window) = window {
        window.left = window.left.less(grant);
        window.idle &= grant.is_zero();
    }
    queue(cx, at, grant, cheaper);
    None
}

fn queue(cx: &mut Context<'_>, at: usize, grant: Money, cheaper: bool) {
    let now = cx.now();
    cx.touch();
    cx.task.reserved = cx.task.reserved.plus(grant);
    let turned = cheaper && cx.task.jobs.get(at).is_some_and(|job| !money::is_cheaper(cx, job));
    let Some(job) = cx.task.jobs.get_mut(at) else { return };
    if turned {
        // What the larger model needed is nothing the small one said.
        job.needs = Money::default();
    }
    job.dispatch += 1;
    job.grant = grant;
    job.state = JobState::Queued { at: now, stored: None };
    let (first, serial, unit) = (job.dispatch == 1, job.serial, job.unit);
    cx.publish.push(serial);
    let Unit::Step(index) = unit else { return };
    let Some(step) = cx.task.steps.get_mut(usize::from(index)) else {
        return;
    };
    step.cheaper = cheaper;
    if first {
        step.started_at = Some(now);
    }
    if first || turned {
        let extra = if cheaper {
            json!({ "tier": "small", "tier_reason": "budget" })
        } else {
            json!({})
        };
        cx.emit_step(EventKind::StepQueued, index, extra);
    }
}

/// Remembers where a dispatch was stored. Not a change worth a write of its own: it is kept with the
/// task and written with its next one.
pub fn note_published(task: &mut Task, job: JobId, dispatch: u32, stored: Stored) -> bool {
    let Some(serial) = job.serial_in(task.id) else {
        return false;
    };
    let Some(job) = task
        .jobs
        .iter_mut()
        .find(|j| j.serial == serial && j.dispatch == dispatch)
    else {
        return false;
    };
    match &mut job.state {
        JobState::Queued { stored: slot, .. } if *slot != Some(stored) => {
            *slot = Some(stored);
            true
        }
        _ => false,
    }
}

pub(super) fn published(cx: &mut Context<'_>, job: JobId, dispatch: u32, stored: Stored) {
    if note_published(&mut cx.task, job, dispatch, stored) {
        cx.touch();
    } else {
        cx.reply = Reply::Ignored("not queued");
    }
}

/// What became of a queued job's message.
pub(super) fn looked_up(cx: &mut Context<'_>, job: JobId, dispatch: u32, found: Found) {
    let now = cx.now();
    let Some(serial) = job.serial_in(cx.task.id) else {
        return;
    };
    let Some(job) = cx
        .task
        .jobs
        .iter_mut()
        .find(|j| j.serial == serial && j.dispatch == dispatch)
    else {
        cx.reply = Reply::Ignored("not queued");
        return;
    };
    if !matches!(job.state, JobState::Queued { .. }) {
        cx.reply = Reply::Ignored("not queued");
        return;
    }
    match found {
        Found::There => {}
        Found::Outage => {
            if job.requeues > 0 {
                job.requeues = 0;
                cx.touch();
            }
        }
        Found::Gone | Found::ThereUnclaimed if job.requeues >= MAX_REQUEUES => {
            let dropped = job.clone();
            cx.task.jobs.retain(|j| j.serial != serial);
            runs::drop_job(cx, &dropped);
            cx.stall(
                AttentionReason::Internal,
                "a job was dispatched again and again and nothing took it",
            );
        }
        Found::Gone | Found::ThereUnclaimed => {
            job.requeues += 1;
            // Keeps the grant of k.
            job.dispatch += 1;
            job.state = JobState::Queued { at: now, stored: None };
            cx.touch();
            cx.publish.push(serial);
        }
    }
}
