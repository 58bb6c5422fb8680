//! What a handler is given, and what it gives back.

use super::coordinator::Coordinator;
use super::effects::OpenEffects;
use contracts::work::job_result::Outcome;
use contracts::work::{BlobRef, Call, Failure, Grant, Job, Payload, Released, Usage, payload};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::vocabulary::WorkKind;

/// Does the work of one kind or several.
pub trait Handler: Send + Sync + 'static {
    /// Runs one job to its end.
    ///
    /// The future is dropped when the job's time is over or its run is cancelled, except while an
    /// outside effect is under way; so it may be dropped at any await. A panic fails the job.
    fn run(&self, job: JobContext) -> impl Future<Output = Ended> + Send;
}

/// What the jobs of one task in a work item share.
#[derive(Debug)]
pub struct ItemContext {
    /// UUID.
    pub task_id: String,
    /// Whose task it is.
    pub tenant: String,
    /// The kind of work.
    pub kind: WorkKind,
    /// The pool it was sent to.
    pub pool: String,
    /// W3C trace context of the task, or empty.
    pub traceparent: String,
    /// Where its results go.
    pub(super) result_subject: String,
    /// Fetched when the first job runs, where it did not come along.
    pub(super) submission: OnceCell<Arc<str>>,
    pub(super) submission_blob: Option<BlobRef>,
}

/// One job to run.
pub struct JobContext {
    /// Shared by the jobs of its task.
    pub item: Arc<ItemContext>,
    /// The job. Its payloads are inline: those named by hash were fetched before.
    pub job: Job,
    /// JSON text {request, business_metrics, preferences, channels}.
    pub submission: Arc<str>,
    /// This run.
    pub run_id: Uuid,
    /// When the run's time is over.
    pub deadline: Instant,
    /// Fires when the coordinator wants the run no more, or the worker stops.
    pub cancelled: CancellationToken,
    pub(super) coordinator: Coordinator,
    pub(super) effects: Arc<OpenEffects>,
}

impl JobContext {
    /// Whom the run may ask what.
    pub fn coordinator(&self) -> &Coordinator {
        &self.coordinator
    }
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub struct Ended {
    /// `None`: nothing to report, the run was not wanted.
    pub outcome: Option<Outcome>,
    /// What it cost.
    pub usage: Usage,
    /// What it called, for the trace of the task.
    pub calls: Vec<Call>,
}

impl Ended {
    /// Ended with an outcome, at no cost.
    pub fn with(outcome: Outcome) -> Self {
        Self {
            outcome: Some(outcome),
            usage: Usage::default(),
            calls: Vec::new(),
        }
    }

    /// A step's output, a JSON text. Large ones are stored apart by the worker loop.
    pub fn output(json: String) -> Self {
        Self::with(Outcome::Output(inline(json)))
    }

    /// A deliverable, the JSON text {channel, title, content, content_type}.
    pub fn deliverable(json: String) -> Self {
        Self::with(Outcome::Deliverable(inline(json)))
    }

    /// A failure.
    pub fn failure(code: &str, message: impl Into<String>, retryable: bool) -> Self {
        Self::with(Outcome::Failure(Failure {
            code: code.to_owned(),
            message: message.into(),
            retryable,
            ..Failure::default()
        }))
    }

    /// Another run has the job, or nobody wants it any more: nothing is reported.
    pub fn dropped() -> Self {
        Self {
            outcome: None,
            usage: Usage::default(),
            calls: Vec::new(),
        }
    }

    /// Handed back unfinished; costs no attempt.
    pub fn released() -> Self {
        Self::with(Outcome::Released(Released::default()))
    }

    /// Handed back because nobody who could do it answers now; costs no attempt, and comes again after `pause`.
    pub fn postponed(code: &str, message: impl Into<String>, pause: Duration) -> Self {
        Self::with(Outcome::Released(Released {
            retry_after_seconds: pause.as_secs_f64(),
            code: code.to_owned(),
            message: message.into(),
            needs: None,
        }))
    }

    /// Handed back because the run may not spend what it takes; costs no attempt.
    pub fn short_of(code: &str, message: impl Into<String>, needs: Grant) -> Self {
        Self::with(Outcome::Released(Released {
            code: code.to_owned(),
            message: message.into(),
            needs: Some(needs),
            ..Released::default()
        }))
    }

    /// The same with what it cost.
    #[must_use]
    pub fn costing(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// The same with what it called.
    #[must_use]
    pub fn having_called(mut self, calls: Vec<Call>) -> Self {
        self.calls = calls;
        self
    }
}

/// The JSON text of an inline payload; `null` for one that is missing or named by hash.
pub fn json_of(payload: Option<&Payload>) -> &str {
    match payload.and_then(|payload| payload.body.as_ref()) {
        Some(payload::Body::Json(json)) => json,
        Some(payload::Body::Blob(_)) | None => "null",
    }
}

/// A payload that carries its JSON text.
pub fn inline(json: String) -> Payload {
    Payload {
        body: Some(payload::Body::Json(json)),
    }
}
