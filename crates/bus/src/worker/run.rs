//! One run of one job: inputs fetched, the handler bounded in time and caught when it panics, its
//! output stored.

use super::coordinator::{CallError, Coordinator, seconds};
use super::effects::OpenEffects;
use super::job::{Ended, Handler, ItemContext, JobContext};
use super::payload;
use contracts::coordinator::RunningJob;
use contracts::work::{Failure, Job, job_result::Outcome};
use futures::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// For a job that names no time of its own.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// A finished output is kept this long for a coordinator that is away.
const STORE_FOR: Duration = Duration::from_secs(300);
/// Longest message of a failure, in characters.
const MAX_MESSAGE: usize = 4096;
/// Most calls of one run that are told.
const MAX_CALLS: usize = 64;
/// Longest input and output of a call, in bytes together.
const MAX_CALL_BYTES: usize = 16 * 1024;

/// What a run needs.
pub(super) struct Run {
    pub item: Arc<ItemContext>,
    pub job: Job,
    pub run_id: Uuid,
    pub cancelled: CancellationToken,
}

/// Runs a job to its end; never longer than its time, but for an effect's record.
pub(super) async fn run<H: Handler>(handler: &H, coordinator: &Coordinator, run: Run) -> Ended {
    let deadline = Instant::now() + time_of(&run.job);
    let caller = RunningJob {
        task_id: run.item.task_id.clone(),
        job_id: run.job.job_id.clone(),
        dispatch: run.job.dispatch,
        run_id: run.run_id.to_string(),
    };
    let effects = Arc::new(OpenEffects::default());
    let cancelled = run.cancelled.clone();
    // A handler's future is large; in a box of its own it is moved once.
    let work = Box::pin(prepare_and_handle(
        handler,
        coordinator,
        run,
        &caller,
        deadline,
        Arc::clone(&effects),
    ));
    let mut ended = supervise(work, &cancelled, deadline, &effects).await;
    let store_until = Instant::now() + STORE_FOR;
    let stored = tokio::select! {
        biased;
        stored = payload::store_large(coordinator, &mut ended, &caller, store_until) => stored,
        () = cancelled.cancelled() => return Ended::dropped(),
    };
    match stored {
        Ok(()) => bounded(ended),
        Err(error) => from_call_error(&error).costing(ended.usage).having_called(ended.calls),
    }
}

fn time_of(job: &Job) -> Duration {
    match seconds(job.timeout_seconds) {
        Duration::ZERO => DEFAULT_TIMEOUT,
        time => time.min(LONGEST_TIMEOUT),
    }
}

async fn prepare_and_handle<H: Handler>(
    handler: &H,
    coordinator: &Coordinator,
    mut run: Run,
    caller: &RunningJob,
    deadline: Instant,
    effects: Arc<OpenEffects>,
) -> Ended {
    let submission = match payload::submission(coordinator, &run.item, caller, deadline).await {
        Ok(submission) => submission,
        Err(error) => return from_call_error(&error),
    };
    if let Err(error) = payload::fetch_all(coordinator, &mut run.job, caller, deadline).await {
        return from_call_error(&error);
    }
    let context = JobContext {
        item: run.item,
        job: run.job,
        submission,
        run_id: run.run_id,
        deadline,
        cancelled: run.cancelled,
        coordinator: coordinator.clone(),
        effects,
    };
    handler.run(context).await
}

/// Bounds the work by time, panics and cancellation.
async fn supervise(
    work: impl Future<Output = Ended>,
    cancelled: &CancellationToken,
    deadline: Instant,
    effects: &OpenEffects,
) -> Ended {
    // A panic leaves nothing behind: all the run's state goes with it.
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let ended = tokio::select! {
        // First the work: what ends at once needs no timer and no waker.
        biased;
        ended = timeout_at(deadline, &mut work) => ended,
        () = cancelled.cancelled() => {
            if !effects.any() {
                return Ended::dropped();
            }
            // Its answer decides whether a human must be asked; it is worth the wait.
            timeout_at(deadline, &mut work).await
        }
    };
    match ended {
        Ok(Ok(ended)) => ended,
        Ok(Err(panic)) => {
            let reason = panic_message(panic.as_ref());
            tracing::error!("handler panicked: {reason}");
            failure("internal", format!("the handler panicked: {reason}"), effects)
        }
        Err(_elapsed) => failure("tool_timeout", "the run's time was over".to_owned(), effects),
    }
}

fn failure(code: &str, message: String, effects: &OpenEffects) -> Ended {
    Ended::with(Outcome::Failure(Failure {
        code: code.to_owned(),
        message,
        retryable: true,
        retry_after_seconds: 0.0,
        effect_unknown: effects.any_once(),
    }))
}

/// A coordinator that is away costs no attempt.
fn from_call_error(error: &CallError) -> Ended {
    match error {
        CallError::Away | CallError::Interrupted => Ended::released(),
        CallError::Refused { .. } => Ended::failure("internal", error.to_string(), true),
    }
}

fn bounded(mut ended: Ended) -> Ended {
    if let Some(Outcome::Failure(failure)) = &mut ended.outcome
        && failure.message.len() > MAX_MESSAGE
    {
        failure.message = failure.message.chars().take(MAX_MESSAGE).collect();
    }
    ended.calls.truncate(MAX_CALLS);
    for call in &mut ended.calls {
        if call.input_json.len() + call.output_json.len() > MAX_CALL_BYTES {
            call.input_json.clear();
            call.output_json.clear();
            call.detail.push_str(" (content left out: too long)");
        }
    }
    ended
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
