//! What can happen to a task.

use crate::forecast::Forecast;
use crate::hash::Fingerprint;
use crate::ids::{GateId, JobId, RunId};
use crate::judge::Judge;
use crate::plan::Plan;
use crate::state::{Money, Stored};
use crate::submission::Submission;
use crate::time::Millis;
use crate::vocabulary::{Action, AskKind, EffectClass};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A client's request, for a task that does not exist yet.
    Submitted(Arc<Submission>),
    /// A heartbeat: this run has the job in hand.
    JobStarted { job: JobId, dispatch: u32, run: RunId },
    /// A run ended well.
    JobSucceeded {
        job: JobId,
        dispatch: u32,
        run: RunId,
        cost: Cost,
        outcome: Outcome,
    },
    /// A run ended badly.
    JobFailed {
        job: JobId,
        dispatch: u32,
        run: RunId,
        cost: Cost,
        failure: Failure,
    },
    /// A draining worker hands the job back; no attempt is burnt.
    JobReleased {
        job: JobId,
        dispatch: u32,
        run: RunId,
        /// What the run cost all the same.
        cost: Cost,
        /// Why; none: the worker ends.
        postponed: Option<Postponed>,
    },
    /// The work stream acknowledged a dispatch.
    Published { job: JobId, dispatch: u32, stored: Stored },
    /// A queued job's message was looked up.
    LookedUp { job: JobId, dispatch: u32, found: Found },
    /// NATS was away: every queued job's message is looked up at once.
    QueueDoubted,
    /// A human decided.
    GateDecided(Decision),
    /// A worker asks to send an outside effect.
    EffectBegun(EffectRequest),
    /// A worker tells how an effect ended.
    EffectEnded {
        job: JobId,
        run: RunId,
        ordinal: u32,
        ended: EffectEnd,
        response: Body,
    },
    /// Something may be due.
    TimerFired,
    /// A human wants it stopped.
    CancelRequested { actor: String },
    /// A human wants nothing new started.
    PauseRequested { actor: String },
    /// A human wants it to go on.
    ResumeRequested { actor: String },
    /// A human wants what failed tried again.
    RetryRequested {
        actor: String,
        from_step: Option<String>,
        raise_budget: Option<Money>,
        /// Added to the task's time, where it has a limit.
        more_time: Millis,
        send_again: bool,
    },
    /// An input for this task could not be processed; it is in quarantine.
    Poisoned { detail: String },
}

/// A JSON text that the core stores and never reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Body {
    /// The text; for a large one `{"$blob":"<sha256>","size":n}`.
    pub text: Arc<str>,
    /// Hash of the bytes it stands for.
    pub hash: Fingerprint,
}

impl Body {
    /// An inline text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self {
            hash: Fingerprint::of([text.as_bytes()]),
            text,
        }
    }
}

/// What a run cost.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Micro-USD; none: the price is unknown.
    pub usd_micros: Option<i64>,
    /// Micro-USD that are known to be part of an unknown price; else 0.
    pub known_usd_micros: i64,
    /// Prompt tokens.
    pub input_tokens: i64,
    /// Completion tokens.
    pub output_tokens: i64,
    /// Calls that cost.
    pub calls: i64,
    /// The model, or empty.
    pub model: String,
}

impl Cost {
    /// Nothing of it below zero.
    pub fn bounded(&self) -> Self {
        Self {
            usd_micros: self.usd_micros.map(|usd| usd.max(0)),
            known_usd_micros: self.known_usd_micros.max(0),
            input_tokens: self.input_tokens.max(0),
            output_tokens: self.output_tokens.max(0),
            calls: self.calls.max(0),
            model: self.model.clone(),
        }
    }

    /// As the budget counts it; of an unknown price what is known.
    pub fn money(&self) -> Money {
        Money {
            usd_micros: self.usd_micros.unwrap_or(self.known_usd_micros).max(0),
            tokens: self.input_tokens.max(0).saturating_add(self.output_tokens.max(0)),
            calls: self.calls.max(0),
        }
    }
}

/// Nobody who could do the work answers now.
#[derive(Clone, Debug, PartialEq)]
pub struct Postponed {
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// How long to wait.
    pub pause: Millis,
    /// What a run needs in all, where it may not spend as much; else nothing.
    pub needs: Money,
}

/// How a run ended well. The kind must fit the job.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A plan, not validated yet; `document` holds intent, reasoning, memory, engine and what is expected of the plan.
    Planned {
        plan: Value,
        document: Body,
        /// Told with the plan.
        forecast: Option<Forecast>,
    },
    /// A step's output.
    Output(Body),
    /// The output of a step that makes a list, and the hash of each item in it.
    Listed { output: Body, items: Vec<Fingerprint> },
    /// A step's question; a human's answer comes with its next job.
    Awaiting { kind: AskKind, question: Body },
    /// A step's condition was false.
    Skipped { reason: String },
    /// A judgement.
    Assessed { assessment: Assessment, document: Body },
    /// A channel's deliverable.
    Deliverable(Body),
    /// A channel's publication.
    Published { location: String },
}

/// A judgement, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Assessment {
    /// Score of each dimension, 0-1; a dimension that could not be judged is absent.
    pub scores: BTreeMap<String, f64>,
    /// Steps to blame, by key, with the feedback for each.
    pub blamed: BTreeMap<String, String>,
    /// Steps whose acceptance checks failed, by key, with what failed.
    pub failed_checks: BTreeMap<String, String>,
    /// Whose it is.
    #[serde(default)]
    pub judge: Judge,
}

/// How a run ended badly.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Failure {
    /// Stable code.
    pub code: String,
    /// For people.
    pub message: String,
    /// The same may go well another time.
    pub retryable: bool,
    /// The other side asked for this pause.
    pub retry_after: Option<Millis>,
    /// Nobody knows whether the outside effect happened.
    pub effect_unknown: bool,
}

/// What a look-up of a queued message showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    There,
    /// It is there, but its pool has had free slots for a minute.
    ThereUnclaimed,
    /// It is not, or the stream is another one.
    Gone,
    /// The stream could not be asked.
    Outage,
}

/// A human's answer to a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Which gate; none: the only open one.
    pub gate: Option<GateId>,
    /// What.
    pub action: Action,
    /// Who.
    pub actor: String,
    /// Hash of the whole request, to tell a repetition from a second decision.
    pub request: Fingerprint,
    /// Channels to publish to; none: all.
    pub channels: Option<Vec<String>>,
    /// For the next round, or the reason.
    pub feedback: Option<String>,
    /// Channel to the whole edited deliverable (JSON text).
    pub edits: BTreeMap<String, String>,
    /// The content the human saw; another one is refused.
    pub content_hash: Option<String>,
    /// With `raise_budget`.
    pub raise_budget: Option<Money>,
    /// For a step's gate: arguments of the human's own, or answers, as the JSON the step's next job carries.
    #[serde(default)]
    pub approved: Option<String>,
    /// For a plan's gate, with `edit`: the plan to run instead.
    #[serde(default)]
    pub plan: Option<Plan>,
    /// For a result: the quality dimensions it is not good enough in.
    #[serde(default)]
    pub dimensions: Vec<String>,
    /// A model may have said so for somebody: that is no person's word on a judgement.
    #[serde(default)]
    pub by_model: bool,
}

/// A worker's wish to send.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectRequest {
    pub job: JobId,
    pub dispatch: u32,
    pub run: RunId,
    pub ordinal: u32,
    pub class: EffectClass,
    pub target: String,
    /// The tool that a channel publishes with.
    pub tool: Option<String>,
    pub request: Body,
    pub send_within: Millis,
    pub key_ttl: Millis,
}

/// How a worker says an effect ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectEnd {
    /// It happened.
    Confirmed,
    /// The receiver refused it.
    Rejected,
    /// Nobody knows.
    Unknown,
}
