//! Spans of a run: what its log lines are about, and its place in the trace of its task.

use super::job::{Ended, ItemContext};
use crate::names::{Names, Token};
use contracts::trace;
use contracts::work::job::Spec;
use contracts::work::job_result::Outcome;
use contracts::work::{Failure, Job};
use tracing::{Span, error_span, info_span};

/// For log lines. Of the highest level, so that no choice of `RUST_LOG` takes the names away.
pub(super) fn line(item: &ItemContext, job: &Job) -> Span {
    error_span!(
        "job",
        task_id = item.task_id,
        job_id = job.job_id,
        kind = item.kind.as_str(),
        trace_id = trace::id_of(&item.traceparent),
    )
}

/// The consumer's span, below whatever dispatched the job. A message may carry jobs of several tasks: each has
/// a span of its own.
pub(super) fn process(item: &ItemContext, job: &Job, names: &Names, pool: &Token) -> Span {
    let subject = || names.work_subject(item.kind, pool);
    let span = info_span!(
        "process",
        otel.kind = "consumer",
        otel.name = format!("process {}", subject()),
        messaging.system = "nats",
        messaging.operation.name = "process",
        messaging.operation.r#type = "process",
        messaging.destination.name = subject(),
        messaging.message.id = format!("{}:{}", job.job_id, job.dispatch),
        task_id = item.task_id,
        job_id = job.job_id,
        kind = item.kind.as_str(),
        step_key = step_key(job),
        attempt = job.attempt,
        round = job.round,
    );
    trace::below(span, &item.traceparent)
}

fn step_key(job: &Job) -> Option<&str> {
    match &job.spec {
        Some(Spec::Step(step)) => Some(&step.key),
        _ => None,
    }
}

/// A failure is the span's, under its code. Called within the spans, so that the line bears their names.
pub(super) fn ended(span: &Span, ended: &Ended) {
    if let Some(Outcome::Failure(Failure { code, message, .. })) = &ended.outcome {
        tracing::info!(code, reason = message, "a run failed");
        trace::fail(span, code);
    }
}
