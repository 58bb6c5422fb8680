//! What follows from an input, as data.

use crate::hash::Fingerprint;
use crate::ids::{GateId, JobId, RunId, Serial};
use crate::input::{Body, Cost};
use crate::plan::{FrozenPlan, PlanFault};
use crate::state::{EffectState, PayloadNo, Quality, Stored, Task, Unit};
use crate::time::{Millis, Timestamp};
use crate::tool::OutOfUse;
use crate::vocabulary::{Action, EffectClass, EventKind, GateKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The whole consequence of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The task afterwards; none: nothing changed.
    pub task: Option<Task>,
    /// Rows to write beside it.
    pub changes: Changes,
    /// The answer to whoever asked.
    pub reply: Reply,
    /// Jobs whose dispatch is to be published.
    pub publish: Vec<Serial>,
    /// Queued messages to look up on the work stream.
    pub lookups: Vec<Lookup>,
}

/// Rows to insert with the guarded write of the task.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Changes {
    /// Insert-only.
    pub payloads: Vec<NewPayload>,
    /// In order; sequences follow the task's counter.
    pub events: Vec<Event>,
    /// Gates opened or closed.
    pub gates: Vec<GateRow>,
    /// Ledger rows begun or changed.
    pub effects: Vec<EffectRow>,
    /// What runs cost; written even when nothing else changes.
    pub costs: Vec<CostRow>,
    /// What people said of judgements.
    pub labels: Vec<Label>,
    /// The plan that is in force from now on.
    pub plan: Option<Arc<FrozenPlan>>,
}

/// A payload to store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPayload {
    /// Its number.
    pub no: PayloadNo,
    /// What it is, for people who read the table.
    pub kind: &'static str,
    /// Its content.
    pub body: Body,
}

/// An event to store and tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Position in the task, from 1, without gap.
    pub sequence: u64,
    /// Which.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The CloudEvent's data.
    pub data: Value,
    /// Payloads the shell puts into the data, by member name.
    pub attach: Vec<(&'static str, Vec<PayloadNo>)>,
}

/// A gate's row.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRow {
    pub gate: GateId,
    pub kind: GateKind,
    pub step_key: Option<String>,
    pub opened_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub content_hash: Fingerprint,
    pub assignee: Option<String>,
    /// None: open.
    pub decided: Option<GateDecision>,
}

/// How a gate was closed.
#[derive(Clone, Debug, PartialEq)]
pub struct GateDecision {
    pub action: Action,
    pub actor: String,
    pub at: Timestamp,
    pub feedback: Option<String>,
}

/// A ledger row.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectRow {
    pub job: JobId,
    pub ordinal: u32,
    pub class: EffectClass,
    pub state: EffectState,
    pub target: String,
    pub run: RunId,
    pub request: PayloadNo,
    pub response: Option<PayloadNo>,
    pub send_before: Timestamp,
    pub at: Timestamp,
}

/// A cost row, keyed (job, run).
#[derive(Clone, Debug, PartialEq)]
pub struct CostRow {
    pub job: JobId,
    pub run: RunId,
    pub unit: Option<Unit>,
    pub cost: Cost,
    /// The run was lost; its grant stands for what it cost until a late result tells.
    pub estimated: bool,
    pub at: Timestamp,
}

/// What a person's decision says of a judgement. The same person's next word on it takes its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Which.
    pub quality: Quality,
    pub actor: String,
    pub at: Timestamp,
    /// By dimension, [`OVERALL`](crate::judge::OVERALL) among them, whether it is good enough.
    pub good: BTreeMap<String, bool>,
}

/// A queued message to look up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    pub job: JobId,
    pub serial: Serial,
    pub dispatch: u32,
    /// Where it was stored; none: not known, publish again.
    pub stored: Option<Stored>,
}

/// The answer to whoever asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The input was taken, or had been before.
    Done,
    /// The input has nothing to say to the task as it is: repeated, late, unknown.
    Ignored(&'static str),
    /// The run may go on; which attempt it is.
    Continue { attempt: u32 },
    /// The run must stop.
    Stop(&'static str),
    /// What the ledger says.
    Effect(EffectReply),
    /// The ask was refused.
    Refused(Refusal),
}

/// What the ledger says to a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum EffectReply {
    /// Send the frozen request, within this time.
    Send { request: FrozenRequest, within: Millis },
    /// It ended so; do not send.
    Ended {
        state: EffectState,
        response: Option<PayloadNo>,
    },
    /// Another run may be sending.
    Busy,
    /// Do not send.
    Refused(&'static str),
    /// EndEffect's answer: the state now.
    Recorded(EffectState),
}

/// The frozen request: just given, or stored earlier.
#[derive(Clone, Debug, PartialEq)]
pub enum FrozenRequest {
    /// The one just given, frozen by this call.
    Given(Body),
    /// A stored one.
    Stored(PayloadNo),
}

/// Why a human's or client's ask was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// The task has ended.
    AlreadyTerminal,
    /// No gate is open.
    NotAwaitingApproval,
    /// Several gates are open.
    GateAmbiguous(Vec<GateId>),
    /// Somebody was first.
    AlreadyDecided {
        actor: String,
        at: Timestamp,
        action: Action,
    },
    /// The content changed since it was seen.
    ApprovalStale,
    /// The gate does not allow it.
    ActionNotAllowed { action: Action, allowed: Vec<Action> },
    /// A channel that is not among the deliverables.
    UnknownChannel(String),
    /// A dimension the task is not judged in.
    UnknownDimension(String),
    /// No such step.
    UnknownStep(String),
    /// The status does not allow it.
    WrongState(&'static str),
    /// The call would be of a tool that is out of use.
    ToolOutOfUse(OutOfUse),
    /// The client's plan is refused.
    PlanInvalid(Vec<PlanFault>),
    /// The task exists already.
    Exists,
}
