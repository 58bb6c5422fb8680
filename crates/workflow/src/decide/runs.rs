//! Runs of jobs: who holds one, how it ended, and what a lost one means.

use super::context::Context;
use super::{
    LEASE, LOSSES_ALONE, LOSSES_BEFORE_ALONE, asking, assessing, delivering, effects, fan_out, planning, steps, timers,
};
use crate::decision::{CostRow, Reply};
use crate::ids::{JobId, RunId, Serial};
use crate::input::{Cost, Failure, Outcome, Postponed};
use crate::state::{EffectState, Estimate, Job, JobState, Money, StepError, Unit};
use crate::time::Millis;
use crate::tool::RetryPolicy;
use crate::vocabulary::{AttentionReason, EventKind, StepStatus};
use serde_json::json;

/// Backoff after a lost lease, before the next run.
const LOSS_BACKOFF: Millis = Millis::secs(1);
/// Longest error message kept in the state, in characters.
const MAX_MESSAGE: usize = 500;
/// Longest error code kept in the state, in characters.
const MAX_CODE: usize = 100;

fn position(cx: &Context<'_>, job: JobId) -> Option<usize> {
    let serial = job.serial_in(cx.task.id)?;
    cx.task.jobs.iter().position(|j| j.serial == serial)
}

/// A heartbeat: the run may go on, or another one holds the job.
pub(super) fn started(cx: &mut Context<'_>, job: JobId, dispatch: u32, run: RunId) {
    let Some(at) = position(cx, job) else {
        cx.reply = Reply::Stop(gone_reason(cx, job));
        return;
    };
    let now = cx.now();
    // The timer that drops its jobs may be seconds late.
    if timers::is_over(cx) {
        cx.reply = Reply::Stop("deadline");
        return;
    }
    let Some(job) = cx.task.jobs.get_mut(at) else { return };
    if dispatch > job.dispatch {
        cx.reply = Reply::Stop("unknown");
        return;
    }
    let fresh = match job.state {
        JobState::Running { run: holder, .. } if holder == run => false,
        // The lease of the other run is over without the sweeper having seen it: a loss all the same.
        JobState::Running { lease, .. } if lease <= now => {
            if job.losses + 1 >= LOSSES_BEFORE_ALONE {
                // This copy does not know that it would have to run alone.
                let serial = job.serial;
                lost(cx, serial);
                cx.reply = Reply::Stop("superseded");
                return;
            }
            count_loss(job);
            true
        }
        JobState::Running { .. } => {
            cx.reply = Reply::Stop("superseded");
            return;
        }
        // So would a copy of an earlier dispatch run in company.
        JobState::Queued { .. } if job.losses >= LOSSES_BEFORE_ALONE && dispatch < job.dispatch => {
            cx.reply = Reply::Stop("superseded");
            return;
        }
        JobState::Queued { .. } => true,
        // Its dispatch is over: the run has failed, was handed back or lost, or is a copy of one.
        JobState::Ready { .. } => {
            cx.reply = Reply::Stop("superseded");
            return;
        }
    };
    if fresh {
        job.attempt += 1;
    }
    job.state = JobState::Running {
        run,
        lease: now + LEASE,
    };
    job.requeues = 0;
    let (attempt, unit) = (job.attempt, job.unit);
    cx.touch();
    cx.reply = Reply::Continue { attempt };
    if let (true, Unit::Step(index)) = (fresh, unit) {
        if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
            step.attempt = attempt;
        }
        cx.emit_step(EventKind::StepStarted, index, json!({}));
    }
}

fn gone_reason(cx: &Context<'_>, job: JobId) -> &'static str {
    use crate::vocabulary::Status;
    match (job.serial_in(cx.task.id), cx.task.status) {
        (None, _) => "unknown",
        (_, Status::Cancelled | Status::Cancelling) => "cancelled",
        (Some(serial), _) if serial.0 >= cx.task.next_serial => "unknown",
        _ => "finished",
    }
}

/// The first success of any run counts.
pub(super) fn succeeded(cx: &mut Context<'_>, job: JobId, dispatch: u32, run: RunId, cost: &Cost, outcome: &Outcome) {
    let Some(at) = position(cx, job) else {
        late_cost(cx, job, dispatch, run, cost);
        cx.reply = Reply::Ignored("the job has ended");
        return;
    };
    let Some(found) = cx.task.jobs.get(at) else { return };
    if dispatch > found.dispatch {
        cx.reply = Reply::Ignored("no such dispatch");
        return;
    }
    let unfit = misfit(found.unit, outcome)
        .or_else(|| fan_out::unfit(cx, found.unit, outcome))
        .or_else(|| asking::unfit(cx, found.unit, outcome));
    if let Some(failure) = unfit {
        return failed(cx, job, dispatch, run, cost, &failure);
    }
    let ended = take(cx, at, dispatch, run, cost);
    let attempt = attempt_of(&ended);
    match outcome {
        Outcome::Awaiting { .. } => effects::not_done(cx, ended.serial, run),
        _ => effects::confirm(cx, ended.serial),
    }
    match (ended.unit, outcome) {
        (
            Unit::Plan,
            Outcome::Planned {
                plan,
                document,
                forecast,
            },
        ) => planning::planned(cx, plan, document, *forecast),
        (Unit::Step(i), Outcome::Output(body)) => steps::succeeded(cx, i, attempt, body),
        (Unit::Step(i), Outcome::Listed { output, items }) => {
            steps::succeeded(cx, i, attempt, output);
            fan_out::listed(cx, i, items);
        }
        (Unit::Step(i), Outcome::Awaiting { kind, question }) => asking::asked(cx, i, attempt, *kind, question),
        (Unit::Step(i), Outcome::Skipped { reason }) => steps::skip(cx, i, reason),
        (Unit::Assess, Outcome::Assessed { assessment, document }) => assessing::assessed(cx, assessment, document),
        (Unit::Format(i), Outcome::Deliverable(body)) => delivering::formatted(cx, i, body),
        (Unit::Publish(i), Outcome::Published { location }) => delivering::delivered(cx, i, location),
        _ => {}
    }
}

fn misfit(unit: Unit, outcome: &Outcome) -> Option<Failure> {
    let fits = matches!(
        (unit, outcome),
        (Unit::Plan, Outcome::Planned { .. })
            | (
                Unit::Step(_),
                Outcome::Output(_) | Outcome::Listed { .. } | Outcome::Awaiting { .. } | Outcome::Skipped { .. }
            )
            | (Unit::Assess, Outcome::Assessed { .. })
            | (Unit::Format(_), Outcome::Deliverable(_))
            | (Unit::Publish(_), Outcome::Published { .. })
    );
    (!fits).then(|| Failure {
        code: "worker_protocol".to_owned(),
        message: "the result does not fit the job".to_owned(),
        ..Failure::default()
    })
}

/// A failure counts only for the current attempt.
pub(super) fn failed(cx: &mut Context<'_>, job: JobId, dispatch: u32, run: RunId, cost: &Cost, failure: &Failure) {
    let Some(at) = position(cx, job) else {
        late_cost(cx, job, dispatch, run, cost);
        cx.reply = Reply::Ignored("the job has ended");
        return;
    };
    let Some(found) = cx.task.jobs.get(at) else { return };
    let current = match found.state {
        JobState::Queued { .. } => dispatch == found.dispatch,
        JobState::Running { run: holder, .. } => holder == run,
        JobState::Ready { .. } => false,
    };
    if !current {
        late_cost(cx, job, dispatch, run, cost);
        cx.reply = Reply::Ignored("not the current attempt");
        return;
    }
    let now = cx.now();
    let mut ended = take(cx, at, dispatch, run, cost);
    let attempt = attempt_of(&ended);
    ended.attempt = attempt;
    ended.failures += 1;
    end_licences(cx, ended.serial, run);
    note_error(cx, ended.unit, attempt, failure);
    let retry = retry_policy(cx, ended.unit);
    let repeatable = failure.retryable && !retry.non_retryable.contains(&failure.code);
    let again = repeatable && ended.failures < retry.max_attempts;
    // Once no run asks about it any more, an effect that may have happened is a human's matter.
    let open = cx
        .task
        .effects
        .iter()
        .any(|e| e.job == ended.serial && e.state == EffectState::Sent);
    if !failure.effect_unknown && !open && timers::is_over(cx) {
        // It had no longer; what it would have brought is not what failed.
        timers::deadline(cx);
    } else if failure.effect_unknown || (open && !again) {
        effects::lost_sight(cx, ended.serial);
        exhausted(cx, ended.unit, AttentionReason::EffectUnknown, failure);
    } else if again {
        let pause = failure
            .retry_after
            .unwrap_or_else(|| backoff(&retry, ended.failures, ended.serial));
        ended.state = JobState::Ready {
            not_before: Some(now + pause),
        };
        cx.task.jobs.push(ended);
    } else {
        let reason = match ended.unit {
            Unit::Publish(_) => AttentionReason::Publication,
            _ => AttentionReason::AttemptsExhausted,
        };
        exhausted(cx, ended.unit, reason, failure);
    }
}

fn note_error(cx: &mut Context<'_>, unit: Unit, attempt: u32, failure: &Failure) {
    let Unit::Step(index) = unit else { return };
    if let Some(step) = cx.task.steps.get_mut(usize::from(index)) {
        step.attempt = attempt;
        let message = failure.message.chars().take(MAX_MESSAGE).collect();
        step.error = Some(StepError {
            code: failure.code.chars().take(MAX_CODE).collect(),
            message,
        });
    }
}

/// A unit, for people.
pub(super) fn what(cx: &Context<'_>, unit: Unit) -> String {
    match unit {
        Unit::Plan => "planning".to_owned(),
        Unit::Assess => "assessment".to_owned(),
        Unit::Step(i) => format!("step {}", cx.step_key(i)),
        Unit::Format(i) => format!("formatting for {}", delivering::channel(cx, i)),
        Unit::Publish(i) => format!("publication to {}", delivering::channel(cx, i)),
    }
}

/// The unit cannot be done; a human is asked once nothing else runs.
fn exhausted(cx: &mut Context<'_>, unit: Unit, reason: AttentionReason, failure: &Failure) {
    let now = cx.now();
    let what = what(cx, unit);
    let message: String = failure.message.chars().take(MAX_MESSAGE).collect();
    match unit {
        Unit::Step(i) => {
            if let Some(step) = cx.task.steps.get_mut(usize::from(i)) {
                step.status = StepStatus::Failed;
                step.finished_at = Some(now);
            }
            cx.emit_step(
                EventKind::StepFailed,
                i,
                json!({ "code": failure.code, "message": message }),
            );
        }
        Unit::Publish(i) => delivering::not_delivered(cx, i, reason),
        Unit::Plan | Unit::Assess | Unit::Format(_) => {}
    }
    cx.stall(reason, format!("{what}: {}: {message}", failure.code));
}

/// A worker hands the job back as if it had never taken it: it ends, or whoever could do the work does not answer.
pub(super) fn released(
    cx: &mut Context<'_>,
    job: JobId,
    dispatch: u32,
    run: RunId,
    cost: &Cost,
    postponed: Option<&Postponed>,
) {
    let now = cx.now();
    let Some(at) = position(cx, job) else {
        late_cost(cx, job, dispatch, run, cost);
        cx.reply = Reply::Ignored("the job has ended");
        return;
    };
    let Some(found) = cx.task.jobs.get_mut(at) else { return };
    match found.state {
        JobState::Queued { .. } if dispatch == found.dispatch => {}
        JobState::Running { run: holder, .. } if holder == run => found.attempt = found.attempt.saturating_sub(1),
        _ => {
            late_cost(cx, job, dispatch, run, cost);
            cx.reply = Reply::Ignored("not the current run");
            return;
        }
    }
    let pause = postponed.map(|postponed| spread(postponed.pause, found.serial));
    found.state = JobState::Ready {
        not_before: pause.map(|pause| now + pause),
    };
    let needs = postponed.map_or_else(Money::default, |postponed| postponed.needs.bounded());
    if !needs.is_zero() {
        found.needs = needs;
    }
    let (grant, serial, unit, attempt) = (
        std::mem::take(&mut found.grant),
        found.serial,
        found.unit,
        found.attempt,
    );
    cx.task.reserved = cx.task.reserved.minus(grant);
    // A run that was taken for lost and came back tells its cost here.
    let replaces = replace_estimate(cx, serial, dispatch, run);
    cx.task.spent = cx.task.spent.plus(cost.money());
    if replaces || *cost != Cost::default() {
        let id = cx.task.id.job(serial);
        cost_row(cx, id, run, Some(unit), cost, false);
    }
    if let Some(postponed) = postponed {
        // Shown while it waits; a run that goes well takes it away.
        let failure = Failure {
            code: postponed.code.clone(),
            message: postponed.message.clone(),
            ..Failure::default()
        };
        note_error(cx, unit, attempt, &failure);
    }
    end_licences(cx, serial, run);
    cx.touch();
}

/// The lease is over and nothing was heard.
pub(super) fn lost(cx: &mut Context<'_>, serial: Serial) {
    let now = cx.now();
    let Some(job) = cx.task.jobs.iter_mut().find(|j| j.serial == serial) else {
        return;
    };
    let JobState::Running { run, .. } = job.state else {
        return;
    };
    count_loss(job);
    let poison = job.losses_alone >= LOSSES_ALONE;
    job.state = JobState::Ready {
        not_before: Some(now + LOSS_BACKOFF),
    };
    let (unit, settled) = (job.unit, job.clone());
    job.grant = Money::default();
    cx.touch();
    estimate(cx, &settled, run);
    if poison {
        cx.task.jobs.retain(|j| j.serial != serial);
        let failure = Failure {
            code: "poison".to_owned(),
            message: format!(
                "{} workers were lost while they ran it",
                LOSSES_BEFORE_ALONE + LOSSES_ALONE
            ),
            ..Failure::default()
        };
        note_error(cx, unit, 0, &failure);
        exhausted(cx, unit, AttentionReason::Poison, &failure);
    }
}

/// The job of a step may not begin.
pub(super) fn stopped(cx: &mut Context<'_>, serial: Serial, failure: &Failure) {
    let Some(at) = cx.task.jobs.iter().position(|j| j.serial == serial) else {
        return;
    };
    let job = cx.task.jobs.swap_remove(at);
    drop_job(cx, &job);
    note_error(cx, job.unit, job.attempt, failure);
    exhausted(cx, job.unit, AttentionReason::AttemptsExhausted, failure);
}

fn count_loss(job: &mut Job) {
    if job.losses >= LOSSES_BEFORE_ALONE {
        job.losses_alone += 1;
    }
    job.losses += 1;
}

/// Removes a job that ended, settles its grant and records what the run cost.
fn take(cx: &mut Context<'_>, at: usize, dispatch: u32, run: RunId, cost: &Cost) -> Job {
    cx.touch();
    let mut job = cx.task.jobs.swap_remove(at);
    let grant = std::mem::take(&mut job.grant);
    cx.task.reserved = cx.task.reserved.minus(grant);
    let replaces = replace_estimate(cx, job.serial, dispatch, run);
    cx.task.spent = cx.task.spent.plus(cost.money());
    if replaces || *cost != Cost::default() {
        let id = cx.task.id.job(job.serial);
        cost_row(cx, id, run, Some(job.unit), cost, false);
    }
    job
}

/// The attempt a run that ended was: one more where no heartbeat had counted it.
fn attempt_of(job: &Job) -> u32 {
    match job.state {
        JobState::Running { .. } => job.attempt,
        JobState::Queued { .. } | JobState::Ready { .. } => job.attempt + 1,
    }
}

/// What an ignored run cost is cost all the same; it replaces the estimate made for it.
fn late_cost(cx: &mut Context<'_>, job: JobId, dispatch: u32, run: RunId, cost: &Cost) {
    let Some(serial) = job.serial_in(cx.task.id) else {
        return;
    };
    let known = cx.task.jobs.iter().find(|j| j.serial == serial).map(|j| j.unit);
    let replaces = replace_estimate(cx, serial, dispatch, run);
    if replaces {
        cx.task.spent = cx.task.spent.plus(cost.money());
    }
    if replaces || *cost != Cost::default() {
        cost_row(cx, job, run, known, cost, false);
    }
}

/// The run of a dispatch told its cost: what was counted in its place is not spent any more.
fn replace_estimate(cx: &mut Context<'_>, serial: Serial, dispatch: u32, run: RunId) -> bool {
    // What another run of the dispatch may have cost is another run's.
    let unheard = RunId(uuid::Uuid::nil());
    let of = |e: &Estimate| e.serial == serial && (e.run == run || (e.run == unheard && e.dispatch == dispatch));
    let Some(at) = cx.task.estimates.iter().position(of) else {
        return false;
    };
    let estimate = cx.task.estimates.swap_remove(at);
    cx.task.spent = cx.task.spent.minus(estimate.grant);
    cx.touch();
    if estimate.run != run {
        // Its own row holds nothing any more, until that run tells.
        let job = cx.task.id.job(serial);
        cost_row(cx, job, estimate.run, None, &Cost::default(), true);
    }
    true
}

/// A dispatch whose run was lost or dropped is settled at its grant until a late result tells.
fn estimate(cx: &mut Context<'_>, job: &Job, run: RunId) {
    cx.task.reserved = cx.task.reserved.minus(job.grant);
    if job.grant.is_zero() {
        return;
    }
    // A run that came back and was lost again is still one run.
    let again = |e: &Estimate| (e.serial, e.run) == (job.serial, run);
    if let Some(at) = cx.task.estimates.iter().position(again) {
        let before = cx.task.estimates.swap_remove(at);
        cx.task.spent = cx.task.spent.minus(before.grant);
    }
    cx.task.spent = cx.task.spent.plus(job.grant);
    cx.task.estimates.push(Estimate {
        serial: job.serial,
        dispatch: job.dispatch,
        run,
        grant: job.grant,
    });
    let cost = Cost {
        usd_micros: Some(job.grant.usd_micros),
        input_tokens: job.grant.tokens,
        calls: job.grant.calls,
        ..Cost::default()
    };
    let id = cx.task.id.job(job.serial);
    cost_row(cx, id, run, Some(job.unit), &cost, true);
}

fn cost_row(cx: &mut Context<'_>, job: JobId, run: RunId, unit: Option<Unit>, cost: &Cost, estimated: bool) {
    let at = cx.now();
    cx.changes.costs.push(CostRow {
        job,
        run,
        unit,
        cost: cost.bounded(),
        estimated,
        at,
    });
}

/// All jobs go; what was dispatched settles at its grant.
pub(super) fn drop_jobs(cx: &mut Context<'_>) {
    for job in std::mem::take(&mut cx.task.jobs) {
        drop_job(cx, &job);
    }
}

/// A job that is no longer in the list goes without having ended.
pub(super) fn drop_job(cx: &mut Context<'_>, job: &Job) {
    cx.touch();
    match job.state {
        JobState::Ready { .. } => cx.task.reserved = cx.task.reserved.minus(job.grant),
        JobState::Running { run, .. } => estimate(cx, job, run),
        JobState::Queued { .. } => estimate(cx, job, RunId(uuid::Uuid::nil())),
    }
    // What it sent is out there, though its result never came.
    if let Unit::Publish(index) = job.unit
        && effects::is_confirmed(cx, job.serial)
    {
        delivering::delivered(cx, index, "");
    }
    // Nothing asks about its effects any more; those whose licence is over end with it.
    effects::expire(cx);
}

/// The run is over: whoever sends next need not wait for its licence.
fn end_licences(cx: &mut Context<'_>, serial: Serial, run: RunId) {
    let now = cx.now();
    for effect in cx.task.effects.iter_mut().filter(|e| e.job == serial && e.run == run) {
        if effect.state == EffectState::Sent && effect.send_before > now {
            effect.send_before = now;
        }
    }
}

fn retry_policy(cx: &Context<'_>, unit: Unit) -> RetryPolicy {
    match unit {
        Unit::Step(i) => cx.frozen(i).map(|f| f.retry.clone()).unwrap_or_default(),
        Unit::Plan | Unit::Assess | Unit::Format(_) => RetryPolicy::default(),
        Unit::Publish(_) => RetryPolicy {
            max_attempts: 8,
            max_interval: 60.0,
            ..RetryPolicy::default()
        },
    }
}

/// Exponential pause, spread by up to a fifth so that what failed together does not return together.
fn backoff(retry: &RetryPolicy, failures: u32, serial: Serial) -> Millis {
    let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
    let base = (retry.initial_interval * retry.backoff.powi(exponent)).min(retry.max_interval);
    spread(Millis::from_secs_f64(base), serial)
}

/// Up to a tenth less or more, the same for the same job.
fn spread(pause: Millis, serial: Serial) -> Millis {
    let share = f64::from(serial.0.wrapping_mul(2_654_435_761) >> 24) / 255.0;
    Millis::from_secs_f64(pause.as_secs_f64() * (0.9 + 0.2 * share))
}
