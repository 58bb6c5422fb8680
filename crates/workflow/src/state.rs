//! The state of a task: everything a decision needs that changes.
//!
//! Kept compact, because the row is rewritten at every transition: short field names in JSON, and
//! whatever is large or never changes (submission, plans, outputs, deliverables) is a payload beside
//! it, named by number.

use crate::hash::Fingerprint;
use crate::ids::{JobId, RunId, Serial, TaskId};
use crate::judge::Judge;
pub use crate::money::Money;
use crate::time::{Millis, Timestamp};
use crate::vocabulary::{AskKind, AttentionReason, EffectClass, GateKind, Phase, Status, StepStatus, WorkKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Number of a payload within its task, from 0 (the submission).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PayloadNo(pub u32);

/// The payload that holds the submission.
pub const SUBMISSION: PayloadNo = PayloadNo(0);

/// A task.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Identity; the row's key, not repeated inside the state.
    #[serde(skip, default = "nil_task")]
    pub id: TaskId,
    /// Owner; a column of the row.
    #[serde(skip)]
    pub tenant: String,
    /// Rises by one with every write; a column of the row.
    #[serde(skip)]
    pub version: u64,
    /// What users see.
    #[serde(rename = "st")]
    pub status: Status,
    /// Where `paused` or `needs_attention` came from.
    #[serde(rename = "bk", default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Status>,
    /// When it was accepted.
    #[serde(rename = "ct")]
    pub created_at: Timestamp,
    /// When it changed last.
    #[serde(rename = "ut")]
    pub updated_at: Timestamp,
    /// When it ended.
    #[serde(rename = "ft", default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// When a human is asked because it took too long.
    #[serde(rename = "dl", default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Next number for a job or gate.
    #[serde(rename = "ns")]
    pub next_serial: u32,
    /// Next number for a payload.
    #[serde(rename = "np")]
    pub next_payload: u32,
    /// Events so far; the last one's sequence.
    #[serde(rename = "ev")]
    pub events: u64,
    /// The plan in force.
    #[serde(rename = "pl", default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanRef>,
    /// Re-plans asked of the planner because its plan was refused, since a human last spoke.
    #[serde(rename = "rp", default, skip_serializing_if = "is_zero")]
    pub replans: u32,
    /// In the order of the plan.
    #[serde(rename = "ss", default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Jobs that have not ended.
    #[serde(rename = "jb", default, skip_serializing_if = "Vec::is_empty")]
    pub jobs: Vec<Job>,
    /// Open gates.
    #[serde(rename = "gt", default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Outside effects ever begun.
    #[serde(rename = "fx", default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// One for each channel, once formatting began.
    #[serde(rename = "dv", default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivery>,
    /// Repair rounds used.
    #[serde(rename = "rd", default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// The latest judgement.
    #[serde(rename = "qa", default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// The round of each judgement, in order: a round may have none, and, where a human had a step run again in it, several.
    #[serde(rename = "jr", default, skip_serializing_if = "Vec::is_empty")]
    pub judged: Vec<u32>,
    /// The best of what the rounds brought about, while none of it has passed.
    #[serde(rename = "bv", default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Box<Version>>,
    /// Feedback that planning must heed, oldest first.
    #[serde(rename = "pf", default, skip_serializing_if = "Vec::is_empty")]
    pub plan_feedback: Vec<PayloadNo>,
    /// Why a human is needed.
    #[serde(rename = "at", default, skip_serializing_if = "Option::is_none")]
    pub attention: Option<Attention>,
    /// Settled so far.
    #[serde(rename = "sp", default, skip_serializing_if = "Money::is_zero")]
    pub spent: Money,
    /// Granted to jobs that have not ended.
    #[serde(rename = "rs", default, skip_serializing_if = "Money::is_zero")]
    pub reserved: Money,
    /// Grants of runs that were lost or dropped, counted as spent until a late result tells.
    #[serde(rename = "es", default, skip_serializing_if = "Vec::is_empty")]
    pub estimates: Vec<Estimate>,
    /// Added to the budget by humans.
    #[serde(rename = "xb", default, skip_serializing_if = "Money::is_zero")]
    pub extra_budget: Money,
    /// Added to the time by humans.
    #[serde(rename = "xt", default, skip_serializing_if = "Millis::is_zero")]
    pub extra_time: Millis,
    /// How the end came about, for the end's event.
    #[serde(rename = "er", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Decisions taken on gates; how a repeated or late one learns who won.
    #[serde(rename = "dc", default, skip_serializing_if = "Vec::is_empty")]
    pub decided: Vec<Decided>,
    /// Its words are gone, because its user's data was erased.
    #[serde(rename = "xe", default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

fn nil_task() -> TaskId {
    TaskId(uuid::Uuid::nil())
}

fn nil_run() -> RunId {
    RunId(uuid::Uuid::nil())
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The plan in force: where its payload is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct PlanRef {
    /// From 1.
    #[serde(rename = "v")]
    pub version: u32,
    /// Payload with the frozen plan.
    #[serde(rename = "p")]
    pub payload: PayloadNo,
    /// Payload with the planner's intent and reasoning; none for a client's plan.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<PayloadNo>,
}

/// A step of the plan in force.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// `ready`, `queued` and `running` are its job's; here it is `pending` until it has one.
    #[serde(rename = "s")]
    pub status: StepStatus,
    /// Repair round of its latest job, from 0.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// Attempt of its latest job, from 1; 0 before the first.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Hash of definition and inputs its output belongs to.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub input_hash: Option<Fingerprint>,
    /// Its output.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What it made in other rounds, the oldest first: what a later output can be compared with.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Made>,
    /// Hashes of the items of the list it made, where that is what it is for.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Fingerprint>>,
    /// The output is another task's, taken over when this one was forked.
    #[serde(rename = "u", default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// Its latest run asks a small model, because little of the budget was left.
    #[serde(rename = "h", default, skip_serializing_if = "std::ops::Not::not")]
    pub cheaper: bool,
    /// Payload with feedback for its next run.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<PayloadNo>,
    /// What its latest run asked instead of ending, until the step has.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// When its latest job was dispatched first.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Code and message of the last failure.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
}

/// A question a step's run ended with, and what a human let through.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// What is asked.
    #[serde(rename = "k")]
    pub kind: AskKind,
    /// The question: the call as it would be sent, and what the tool itself wants to know.
    #[serde(rename = "q")]
    pub question: Output,
    /// Hash of definition and inputs it follows from; with others it is another question.
    #[serde(rename = "i")]
    pub input: Fingerprint,
    /// Questions of the tool's own so far.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub rounds: u32,
    /// Its gate expired.
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
    /// Payload with what a human let through: the question, or an answer of theirs.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<PayloadNo>,
}

/// The last failure of a step.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct StepError {
    /// Stable code.
    #[serde(rename = "c")]
    pub code: String,
    /// For people, cut to 500 characters.
    #[serde(rename = "m")]
    pub message: String,
}

/// Where an output is, and what it is.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Output {
    /// The payload.
    #[serde(rename = "p")]
    pub payload: PayloadNo,
    /// Hash of its bytes.
    #[serde(rename = "h")]
    pub hash: Fingerprint,
}

/// What a step made in some round.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Made {
    /// The round, from 0.
    #[serde(rename = "r", default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// The output.
    #[serde(rename = "p")]
    pub payload: PayloadNo,
}

/// What a job is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Unit {
    /// Planning.
    #[serde(rename = "P")]
    Plan,
    /// A step, by index.
    #[serde(rename = "S")]
    Step(u16),
    /// Assessment.
    #[serde(rename = "A")]
    Assess,
    /// Formatting for a delivery, by index.
    #[serde(rename = "F")]
    Format(u16),
    /// Publication of a delivery, by index.
    #[serde(rename = "U")]
    Publish(u16),
}

impl Unit {
    /// The kind of worker that runs it.
    pub const fn kind(self) -> WorkKind {
        match self {
            Self::Plan => WorkKind::Plan,
            Self::Step(_) => WorkKind::Execute,
            Self::Assess => WorkKind::Assess,
            Self::Format(_) => WorkKind::Format,
            Self::Publish(_) => WorkKind::Publish,
        }
    }
}

/// A job that has not ended.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Its number; the id follows from it.
    #[serde(rename = "j")]
    pub serial: Serial,
    /// What it is for.
    #[serde(rename = "u")]
    pub unit: Unit,
    /// Where it stands.
    #[serde(rename = "s")]
    pub state: JobState,
    /// Dispatches so far: k.
    #[serde(rename = "k", default, skip_serializing_if = "is_zero")]
    pub dispatch: u32,
    /// Attempts begun: n.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Attempts that ended in a failure that counts.
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    pub failures: u32,
    /// Leases lost.
    #[serde(rename = "l", default, skip_serializing_if = "is_zero")]
    pub losses: u32,
    /// Leases lost while it ran alone.
    #[serde(rename = "la", default, skip_serializing_if = "is_zero")]
    pub losses_alone: u32,
    /// Dispatches repeated without an outage between.
    #[serde(rename = "rq", default, skip_serializing_if = "is_zero")]
    pub requeues: u32,
    /// What its current dispatch may spend.
    #[serde(rename = "g", default, skip_serializing_if = "Money::is_zero")]
    pub grant: Money,
    /// What a run of it needs in all, said by one whose grant was too small.
    #[serde(rename = "w", default, skip_serializing_if = "Money::is_zero")]
    pub needs: Money,
}

/// Where a job stands.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum JobState {
    /// Waits for room in the window, and for `not_before`.
    #[serde(rename = "R")]
    Ready {
        /// Backoff after a failure.
        #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    /// Dispatched, not known to run.
    #[serde(rename = "Q")]
    Queued {
        /// When.
        #[serde(rename = "a")]
        at: Timestamp,
        /// Where the message is, once known.
        #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
        stored: Option<Stored>,
    },
    /// A worker runs it.
    #[serde(rename = "X")]
    Running {
        /// Which run.
        #[serde(rename = "r")]
        run: RunId,
        /// Until when it need not be heard of.
        #[serde(rename = "l")]
        lease: Timestamp,
    },
}

/// A message's place on the work stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stored {
    /// Stream sequence.
    #[serde(rename = "q")]
    pub sequence: u64,
    /// When the stream was created, in microseconds; another value means another stream.
    #[serde(rename = "c")]
    pub stream_created: i64,
}

/// An open gate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Gate {
    /// Its number; the id follows from it.
    #[serde(rename = "j")]
    pub serial: Serial,
    /// What it is about.
    #[serde(rename = "k")]
    pub kind: GateKind,
    /// The step it is about.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u16>,
    /// Hash of what is decided about.
    #[serde(rename = "h")]
    pub content_hash: Fingerprint,
    /// When it opened.
    #[serde(rename = "o")]
    pub opened_at: Timestamp,
    /// When it expires; an attention gate never does.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Who is to answer it.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// How often it was handed on.
    #[serde(rename = "l", default, skip_serializing_if = "is_zero")]
    pub handed_on: u32,
    /// When it is handed on next.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub hand_on_at: Option<Timestamp>,
    /// Why policy did not answer it, where it would have.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<String>,
}

/// A gate that was decided.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Decided {
    /// The gate.
    #[serde(rename = "j")]
    pub serial: Serial,
    /// Its kind.
    #[serde(rename = "k")]
    pub kind: GateKind,
    /// Who; `policy` for an automatic approval, `expiry` when nobody did.
    #[serde(rename = "w")]
    pub actor: String,
    /// When.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// What.
    #[serde(rename = "a")]
    pub action: crate::vocabulary::Action,
    /// Hash of the request that decided, so that its repetition is answered and not refused.
    #[serde(rename = "h")]
    pub request: Fingerprint,
}

/// A line of the effect ledger.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Effect {
    /// The job that began it.
    #[serde(rename = "j")]
    pub job: Serial,
    /// The how-manyth of that job.
    #[serde(rename = "o", default, skip_serializing_if = "is_zero")]
    pub ordinal: u32,
    /// What the job was for.
    #[serde(rename = "u")]
    pub unit: Unit,
    /// What repeating does.
    #[serde(rename = "c")]
    pub class: EffectClass,
    /// Where it stands.
    #[serde(rename = "s")]
    pub state: EffectState,
    /// The run that holds the licence, or held it last.
    #[serde(rename = "r")]
    pub run: RunId,
    /// The frozen request.
    #[serde(rename = "p")]
    pub request: PayloadNo,
    /// Hash of the frozen request.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<Fingerprint>,
    /// The recorded answer.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub response: Option<PayloadNo>,
    /// Sent first at.
    #[serde(rename = "f")]
    pub first_sent: Timestamp,
    /// The licence ends at.
    #[serde(rename = "b")]
    pub send_before: Timestamp,
    /// Until when the receiver remembers the key.
    #[serde(rename = "t")]
    pub key_until: Timestamp,
    /// A human decided about it; a late answer changes nothing any more.
    #[serde(rename = "d", default, skip_serializing_if = "std::ops::Not::not")]
    pub decided: bool,
}

/// State of an effect. `intended` exists only while a gate or budget holds it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Recorded, certainly not sent.
    Intended,
    /// Licensed; may have happened.
    Sent,
    /// Happened.
    Confirmed,
    /// Refused by the receiver; did not happen.
    Rejected,
    /// Nobody knows.
    Unknown,
}

impl EffectState {
    /// The ledger's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Unknown => "unknown",
        }
    }
}

/// One channel's deliverable.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delivery {
    /// The channel; `result` when nothing is published.
    #[serde(rename = "c")]
    pub channel: String,
    /// The formatted deliverable.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Output>,
    /// What it was before a human changed it; none: nobody did.
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<Output>,
    /// What of it no rule allows; empty: nothing.
    #[serde(rename = "x", default, skip_serializing_if = "String::is_empty")]
    pub faults: String,
    /// Whether and how it went out.
    #[serde(rename = "s")]
    pub state: DeliveryState,
    /// Path or URL.
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// When it went out.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// Whether and how a deliverable went out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not yet.
    Pending,
    /// The human left this channel out, or skipped it.
    Skipped,
    /// It did.
    Published,
    /// It did not, attempts are spent.
    Failed,
    /// Nobody knows.
    Unknown,
    /// A human said it did.
    MarkedDone,
}

/// The latest judgement; the whole is a payload.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Quality {
    /// The assessment document.
    #[serde(rename = "p")]
    pub payload: PayloadNo,
    /// Weighted mean, 0-1.
    #[serde(rename = "o")]
    pub overall: f64,
    /// Whether it passed.
    #[serde(rename = "k")]
    pub passed: bool,
    /// Steps it blames, by index.
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    pub blamed: Vec<u16>,
    /// Whose it is.
    #[serde(rename = "j", default, skip_serializing_if = "Judge::is_unknown")]
    pub judge: Judge,
    /// When it came.
    #[serde(rename = "t", default)]
    pub at: Timestamp,
}

/// A version of all outputs, as it was judged.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Version {
    /// The round that brought it about.
    #[serde(rename = "r")]
    pub round: u32,
    /// Its judgement.
    #[serde(rename = "q")]
    pub quality: Quality,
    /// How many steps had failed checks.
    #[serde(rename = "c", default, skip_serializing_if = "is_zero")]
    pub failed_checks: u32,
    /// Payloads with what its steps should do better, by index.
    #[serde(rename = "f", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub feedback: BTreeMap<u16, PayloadNo>,
    /// Those of its steps that changed since, by index, as they were.
    #[serde(rename = "s", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<u16, Step>,
}

/// Why a human is needed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Attention {
    /// The closed list's member.
    #[serde(rename = "r")]
    pub reason: AttentionReason,
    /// For people.
    #[serde(rename = "d")]
    pub detail: String,
    /// What is exceeded is what all tasks of the tenant may spend together.
    #[serde(rename = "t", default, skip_serializing_if = "std::ops::Not::not")]
    pub of_tenant: bool,
}

/// A grant that stands for what a lost run cost.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The job.
    #[serde(rename = "j")]
    pub serial: Serial,
    /// Its dispatch; a result of another one tells nothing about it.
    #[serde(rename = "k")]
    pub dispatch: u32,
    /// The run it was counted for, and its row; nil where none was heard of.
    #[serde(rename = "r", default = "nil_run")]
    pub run: RunId,
    /// What was counted.
    #[serde(rename = "g")]
    pub grant: Money,
}

impl Task {
    /// The job of that id, while it has not ended.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        let serial = id.serial_in(self.id)?;
        self.jobs.iter().find(|j| j.serial == serial)
    }

    /// Something of what was made of the latest judged outputs is not allowed to go out.
    pub fn breaks_rules(&self) -> bool {
        self.deliveries.iter().any(|delivery| !delivery.faults.is_empty())
    }

    /// What the step of a gate asks; none for the other kinds.
    pub fn asked(&self, gate: &Gate) -> Option<&Asked> {
        self.steps.get(usize::from(gate.step?))?.asked.as_ref()
    }

    /// The phase users see.
    pub fn phase(&self) -> Phase {
        self.interrupted.unwrap_or(self.status).phase()
    }

    /// The status of a step, its job's where it has one.
    pub fn step_status(&self, index: u16) -> StepStatus {
        match self.jobs.iter().find(|j| j.unit == Unit::Step(index)).map(|j| j.state) {
            Some(JobState::Ready { .. }) => StepStatus::Ready,
            Some(JobState::Queued { .. }) => StepStatus::Queued,
            Some(JobState::Running { .. }) => StepStatus::Running,
            None => self
                .steps
                .get(usize::from(index))
                .map_or(StepStatus::Pending, |s| s.status),
        }
    }
}
