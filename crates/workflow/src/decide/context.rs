//! The working copy a decision is made on.

use super::escalation;
use super::{Env, Snapshot};
use crate::decision::{Changes, Event, GateDecision, GateRow, Lookup, NewPayload, Reply, Transition};
use crate::hash::Fingerprint;
use crate::ids::Serial;
use crate::input::Body;
use crate::plan::{FrozenPlan, FrozenStep, PlanStep};
use crate::state::{Attention, Decided, Gate, Job, JobState, Money, Output, PayloadNo, Task, Unit};
use crate::submission::Submission;
use crate::time::{Millis, Timestamp};
use crate::tool::OutOfUse;
use crate::vocabulary::{Action, AttentionReason, EventKind, GateKind, Status};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Longest explanation kept in the state, in characters.
const MAX_DETAIL: usize = 1000;

pub(super) struct Context<'a> {
    pub task: Task,
    pub submission: &'a Submission,
    pub plan: Option<Arc<FrozenPlan>>,
    pub env: &'a Env<'a>,
    pub changes: Changes,
    pub reply: Reply,
    pub publish: Vec<Serial>,
    pub lookups: Vec<Lookup>,
    touched: bool,
}

impl<'a> Context<'a> {
    pub fn new(snapshot: Snapshot<'a>, env: &'a Env<'a>) -> Self {
        Self::on(snapshot.task.clone(), snapshot.submission, snapshot.plan.cloned(), env)
    }

    pub fn on(task: Task, submission: &'a Submission, plan: Option<Arc<FrozenPlan>>, env: &'a Env<'a>) -> Self {
        Self {
            task,
            submission,
            plan,
            env,
            changes: Changes::default(),
            reply: Reply::Done,
            publish: Vec::new(),
            lookups: Vec::new(),
            touched: false,
        }
    }

    pub fn finish(mut self) -> Transition {
        let task = self.touched.then(|| {
            self.task.version += 1;
            self.task.updated_at = self.env.now;
            self.task
        });
        Transition {
            task,
            changes: self.changes,
            reply: self.reply,
            publish: self.publish,
            lookups: self.lookups,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.env.now
    }

    /// The state will be written.
    pub fn touch(&mut self) {
        self.touched = true;
    }

    /// Moves to another stage; a paused task stays paused.
    pub fn set_stage(&mut self, stage: Status) {
        self.touch();
        if self.task.status == Status::Paused {
            self.task.interrupted = Some(stage);
        } else {
            self.task.status = stage;
        }
    }

    pub fn payload(&mut self, kind: &'static str, body: Body) -> PayloadNo {
        self.touch();
        let no = PayloadNo(self.task.next_payload);
        self.task.next_payload += 1;
        self.changes.payloads.push(NewPayload { no, kind, body });
        no
    }

    /// Stores an output, or keeps the old payload where the bytes are the same.
    pub fn output(&mut self, kind: &'static str, body: &Body, old: Option<Output>) -> Output {
        match old {
            Some(same) if same.hash == body.hash => same,
            _ => Output {
                hash: body.hash,
                payload: self.payload(kind, body.clone()),
            },
        }
    }

    /// What a step is to heed when it runs again.
    pub fn feedback(&mut self, text: &str) -> PayloadNo {
        self.payload("feedback", Body::new(serde_json::Value::from(text).to_string()))
    }

    pub fn serial(&mut self) -> Serial {
        self.touch();
        let serial = Serial(self.task.next_serial);
        self.task.next_serial += 1;
        serial
    }

    pub fn add_job(&mut self, unit: Unit) {
        let serial = self.serial();
        self.task.jobs.push(Job {
            serial,
            unit,
            state: JobState::Ready { not_before: None },
            dispatch: 0,
            attempt: 0,
            failures: 0,
            losses: 0,
            losses_alone: 0,
            requeues: 0,
            grant: Money::default(),
            needs: Money::default(),
        });
    }

    pub fn has_job(&self, unit: Unit) -> bool {
        self.task.jobs.iter().any(|j| j.unit == unit)
    }

    /// Some job is with a worker, or on its way to one.
    pub fn has_dispatched_jobs(&self) -> bool {
        self.task
            .jobs
            .iter()
            .any(|j| !matches!(j.state, JobState::Ready { .. }))
    }

    pub fn frozen(&self, step: u16) -> Option<&FrozenStep> {
        self.plan.as_ref()?.steps.get(usize::from(step))
    }

    pub fn definition(&self, step: u16) -> Option<&PlanStep> {
        self.plan.as_ref()?.plan.steps.get(usize::from(step))
    }

    /// Why no call of the step's tool may begin.
    pub fn out_of_use(&self, step: u16) -> Option<OutOfUse> {
        let tool_id = &self.definition(step)?.tool_id;
        self.env.catalog.of(&self.task.tenant).out_of_use(tool_id)
    }

    pub fn step_key(&self, step: u16) -> String {
        self.definition(step).map(|s| s.key.clone()).unwrap_or_default()
    }

    pub fn step_index(&self, key: &str) -> Option<u16> {
        let position = self.plan.as_ref()?.plan.steps.iter().position(|s| s.key == key)?;
        u16::try_from(position).ok()
    }

    /// An event; every one's data has the status and phase at that moment.
    pub fn emit(&mut self, kind: EventKind, data: Value) {
        self.emit_with(kind, data, Vec::new());
    }

    pub fn emit_with(&mut self, kind: EventKind, data: Value, attach: Vec<(&'static str, Vec<PayloadNo>)>) {
        if kind.entity() == "step" && !self.submission.policy.step_events {
            return;
        }
        self.touch();
        self.task.events += 1;
        let mut members = match data {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        members.insert("status".to_owned(), self.task.status.as_str().into());
        members.insert("phase".to_owned(), self.task.phase().as_str().into());
        self.changes.events.push(Event {
            sequence: self.task.events,
            kind,
            at: self.env.now,
            data: Value::Object(members),
            attach,
        });
    }

    pub fn emit_step(&mut self, kind: EventKind, step: u16, extra: Value) {
        if !self.submission.policy.step_events {
            return;
        }
        let Some(state) = self.task.steps.get(usize::from(step)) else {
            return;
        };
        let mut data = json!({
            "key": self.step_key(step),
            "tool_id": self.definition(step).map(|s| s.tool_id.clone()),
            "step_status": self.task.step_status(step).as_str(),
            "round": state.round,
            "attempt": state.attempt,
        });
        if let (Value::Object(data), Value::Object(extra)) = (&mut data, extra) {
            data.extend(extra);
        }
        self.emit(kind, data);
    }

    pub fn open_gate(&mut self, kind: GateKind, step: Option<u16>, content_hash: Fingerprint) {
        self.open(kind, step, content_hash, None);
    }

    /// `withheld`: why policy does not answer it.
    pub fn open(&mut self, kind: GateKind, step: Option<u16>, content_hash: Fingerprint, withheld: Option<String>) {
        let serial = self.serial();
        let opened_at = self.now();
        let ttl = Millis::from_secs_f64(self.submission.policy.gate_ttl_seconds);
        let expires_at = (kind != GateKind::Attention).then(|| opened_at + ttl);
        let chain = &self.submission.policy.escalation;
        let gate = Gate {
            serial,
            kind,
            step,
            content_hash,
            opened_at,
            expires_at,
            assignee: escalation::first(self.submission, kind),
            handed_on: 0,
            hand_on_at: escalation::due(chain, 0, opened_at, expires_at),
            withheld,
        };
        self.tell_open(&gate);
        self.task.gates.push(gate);
    }

    /// Somebody else is to answer a gate that stays open.
    pub fn reassign(&mut self, gate: Gate) {
        self.touch();
        self.tell_open(&gate);
        if let Some(open) = self.task.gates.iter_mut().find(|g| g.serial == gate.serial) {
            *open = gate;
        }
    }

    /// Told again of a gate that was handed on: under its id, and how often.
    fn tell_open(&mut self, gate: &Gate) {
        self.changes.gates.push(self.gate_row(gate, None));
        let mut data = json!({
            "gate_id": self.task.id.gate(gate.serial).to_string(),
            "kind": gate.kind.as_str(),
            "step_key": gate.step.map(|s| self.step_key(s)),
            "content_hash": gate.content_hash.to_string(),
        });
        if let Value::Object(data) = &mut data {
            data.extend(gate.assignee.iter().map(|name| ("assignee".to_owned(), json!(name))));
            let handed_on = Some(gate.handed_on).filter(|n| *n > 0);
            data.extend(handed_on.map(|n| ("escalation".to_owned(), json!(n))));
            data.extend(gate.withheld.iter().map(|why| ("withheld".to_owned(), json!(why))));
        }
        self.emit(EventKind::GateOpened, data);
    }

    /// Policy lets through what a gate would have been about: it is on record, and nobody is told to look.
    pub fn decide_unasked(&mut self, kind: GateKind, step: Option<u16>, content_hash: Fingerprint, policy: &str) {
        let serial = self.serial();
        let at = self.now();
        let gate = Gate {
            serial,
            kind,
            step,
            content_hash,
            opened_at: at,
            expires_at: None,
            assignee: None,
            handed_on: 0,
            hand_on_at: None,
            withheld: None,
        };
        self.task.gates.push(gate);
        let decided = Decided {
            serial,
            kind,
            actor: policy.to_owned(),
            at,
            action: Action::Approve,
            request: Fingerprint::of([]),
        };
        self.close_gate(serial, &decided, None, false);
    }

    /// Closes an open gate; `expired` when nobody decided in time.
    pub fn close_gate(&mut self, serial: Serial, decided: &Decided, feedback: Option<String>, expired: bool) {
        let Some(at) = self.task.gates.iter().position(|g| g.serial == serial) else {
            return;
        };
        let gate = self.task.gates.swap_remove(at);
        let decision = GateDecision {
            action: decided.action,
            actor: decided.actor.clone(),
            at: decided.at,
            feedback,
        };
        let row = self.gate_row(&gate, Some(decision));
        self.changes.gates.push(row);
        self.task.decided.push(decided.clone());
        let data = json!({
            "gate_id": self.task.id.gate(serial).to_string(),
            "kind": gate.kind.as_str(),
            "action": decided.action.as_str(),
            "actor": decided.actor,
        });
        self.emit(
            if expired {
                EventKind::GateExpired
            } else {
                EventKind::GateDecided
            },
            data,
        );
    }

    /// Closes whatever gates are open because the task goes another way.
    pub fn close_all_gates(&mut self, action: Action, actor: &str, request: Fingerprint) {
        let open: Vec<(Serial, GateKind)> = self.task.gates.iter().map(|g| (g.serial, g.kind)).collect();
        for (serial, kind) in open {
            let decided = Decided {
                serial,
                kind,
                actor: actor.to_owned(),
                at: self.now(),
                action,
                request,
            };
            self.close_gate(serial, &decided, None, false);
        }
    }

    fn gate_row(&self, gate: &Gate, decided: Option<GateDecision>) -> GateRow {
        GateRow {
            gate: self.task.id.gate(gate.serial),
            kind: gate.kind,
            step_key: gate.step.map(|s| self.step_key(s)),
            opened_at: gate.opened_at,
            expires_at: gate.expires_at,
            content_hash: gate.content_hash,
            assignee: gate.assignee.clone(),
            decided,
        }
    }

    /// The task cannot go on by itself. A human is asked as soon as nothing runs any more.
    pub fn stall(&mut self, reason: AttentionReason, detail: impl Into<String>) {
        if self.task.attention.is_none() {
            self.touch();
            let detail = detail.into().chars().take(MAX_DETAIL).collect();
            self.task.attention = Some(Attention {
                reason,
                detail,
                of_tenant: false,
            });
        }
    }

    /// Ends the task for good.
    pub fn end(&mut self, status: Status, kind: EventKind, data: Value, attach: Vec<(&'static str, Vec<PayloadNo>)>) {
        super::runs::drop_jobs(self);
        super::effects::give_up(self);
        self.close_all_gates(Action::Cancel, "end", Fingerprint::of([]));
        self.task.status = status;
        self.task.interrupted = None;
        self.task.best = None;
        self.task.finished_at = Some(self.now());
        self.emit_with(kind, data, attach);
    }
}
