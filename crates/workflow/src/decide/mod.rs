//! The state machine: one input, one decision, nothing else.
//!
//! Handlers record what happened; [`advance`] alone moves a task on. A handler that ends without a
//! change leaves the task untouched, so that an input applied twice is an input applied once.

mod advance;
mod asking;
mod assessing;
mod auto_approval;
mod context;
mod control;
mod delivering;
mod dispatch;
mod effects;
mod escalation;
mod fan_out;
mod gates;
mod labels;
mod money;
mod planning;
mod runs;
mod steps;
mod timers;
mod versions;

pub use auto_approval::{is_policy, publication as policy_that_lets_out};
pub use delivering::RESULT;
pub use dispatch::{ReadyJob, dispatch, note_published, ready_jobs, short_of_window};
pub use gates::{actions_of, allowed_actions};

use crate::decision::{Refusal, Reply, Transition};
use crate::fork::Reuse;
use crate::ids::TaskId;
use crate::input::Input;
use crate::judge::Judges;
use crate::plan::{FrozenPlan, PlanLimits};
use crate::state::Task;
use crate::submission::Submission;
use crate::time::{Millis, Timestamp};
use crate::tool::Catalog;
use context::Context;
use std::sync::Arc;

/// How long a run need not be heard of.
pub const LEASE: Millis = Millis::secs(15);
/// How long a queued job may be silent before its message is looked up.
pub const QUEUE_SILENCE: Millis = Millis::secs(10);
/// Losses after which a job runs alone.
pub const LOSSES_BEFORE_ALONE: u32 = 2;
/// Losses alone after which a job is poison.
pub const LOSSES_ALONE: u32 = 3;
/// Dispatches repeated without an outage between after which something is wrong with us.
pub const MAX_REQUEUES: u32 = 5;

/// A task with the immutable documents a decision reads.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// The state.
    pub task: &'a Task,
    /// What was asked.
    pub submission: &'a Submission,
    /// The plan in force.
    pub plan: Option<&'a Arc<FrozenPlan>>,
}

/// What the shell knows at the moment of the decision.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// The database's clock.
    pub now: Timestamp,
    /// All tools; a task sees its tenant's part.
    pub catalog: &'a Catalog,
    /// How far people agree with judges; a task sees its tenant's part.
    pub judges: &'a Judges,
    /// Limits plans keep.
    pub limits: &'a PlanLimits,
    /// Leases may end: results are read in time, and everybody has had a lease's time to be heard.
    pub leases_end: bool,
}

/// A client's request becomes a task.
///
/// # Errors
/// The client's plan is refused.
pub fn accept(id: TaskId, tenant: &str, submission: &Submission, env: &Env<'_>) -> Result<Transition, Refusal> {
    planning::accept(id, tenant, submission, None, env)
}

/// The same for a task that takes over what another one has done.
///
/// # Errors
/// The plan is refused.
pub fn fork(
    id: TaskId,
    tenant: &str,
    submission: &Submission,
    reuse: &Reuse,
    env: &Env<'_>,
) -> Result<Transition, Refusal> {
    planning::accept(id, tenant, submission, Some(reuse), env)
}

/// What follows from `input`.
pub fn decide(snapshot: Snapshot<'_>, input: &Input, env: &Env<'_>) -> Transition {
    let mut cx = Context::new(snapshot, env);
    match input {
        Input::Submitted(_) => cx.reply = Reply::Refused(Refusal::Exists),
        Input::JobStarted { job, dispatch, run } => runs::started(&mut cx, *job, *dispatch, *run),
        Input::JobSucceeded {
            job,
            dispatch,
            run,
            cost,
            outcome,
        } => {
            runs::succeeded(&mut cx, *job, *dispatch, *run, cost, outcome);
        }
        Input::JobFailed {
            job,
            dispatch,
            run,
            cost,
            failure,
        } => {
            runs::failed(&mut cx, *job, *dispatch, *run, cost, failure);
        }
        Input::JobReleased {
            job,
            dispatch,
            run,
            cost,
            postponed,
        } => runs::released(&mut cx, *job, *dispatch, *run, cost, postponed.as_ref()),
        Input::Published { job, dispatch, stored } => dispatch::published(&mut cx, *job, *dispatch, *stored),
        Input::LookedUp { job, dispatch, found } => dispatch::looked_up(&mut cx, *job, *dispatch, *found),
        Input::QueueDoubted => timers::doubt_queue(&mut cx),
        Input::GateDecided(decision) => gates::decided(&mut cx, decision),
        Input::EffectBegun(request) => effects::begun(&mut cx, request),
        Input::EffectEnded {
            job,
            run,
            ordinal,
            ended,
            response,
        } => {
            effects::ended(&mut cx, *job, *run, *ordinal, *ended, response);
        }
        Input::TimerFired => timers::fired(&mut cx),
        Input::CancelRequested { actor } => control::cancel(&mut cx, actor),
        Input::PauseRequested { actor } => control::pause(&mut cx, actor),
        Input::ResumeRequested { actor } => control::resume(&mut cx, actor),
        Input::RetryRequested {
            actor,
            from_step,
            raise_budget,
            more_time,
            send_again,
        } => {
            let more = (*raise_budget, *more_time);
            control::retry(&mut cx, actor, from_step.as_deref(), more, *send_again);
        }
        Input::Poisoned { detail } => control::poisoned(&mut cx, detail),
    }
    advance::advance(&mut cx);
    cx.finish()
}
