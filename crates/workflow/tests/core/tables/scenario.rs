//! One task under the eyes of a test: what it is given, what follows, and that the laws hold each time.

use super::given::CATALOG;
use crate::properties::laws;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;
use workflow::decide::{Env, Snapshot, accept, decide, dispatch, fork, ready_jobs};
use workflow::decision::{CostRow, EffectRow, Event, GateRow, Label, Lookup, Refusal, Reply, Transition};
use workflow::fork::Reuse;
use workflow::ids::{GateId, JobId, RunId, Serial, TaskId};
use workflow::input::{Body, Input};
use workflow::judge::Judges;
use workflow::money::{Allowance, Bounds, Money};
use workflow::plan::{FrozenPlan, PlanLimits};
use workflow::state::{Job, JobState, PayloadNo, Step, Task, Unit};
use workflow::submission::Submission;
use workflow::time::{Millis, Timestamp};
use workflow::tool::{Catalog, CatalogTool};
use workflow::vocabulary::{AttentionReason, EventKind, GateKind, Status, StepStatus, ToolState};

const LIMITS: PlanLimits = PlanLimits {
    max_steps: 50,
    max_fan_out: 50,
    max_depth: 50,
};
const START: Timestamp = Timestamp(1_800_000_000_000);
/// Nobody has said anything of a judge.
static NOBODYS: Judges = Judges::new(None);
const TENANT: &str = "default";
const TASK: TaskId = TaskId(Uuid::from_u128(0x0192_0000_0000_7abc_8def_0123_0000_0000));

#[derive(Clone)]
pub struct Scenario {
    pub task: Task,
    pub submission: Submission,
    pub plan: Option<Arc<FrozenPlan>>,
    pub catalog: Catalog,
    pub judges: Judges,
    pub now: Timestamp,
    /// Everybody has had a lease's time to be heard.
    pub leases_end: bool,
    /// The pool has room: what is ready is dispatched after each input.
    pub room: bool,
    /// What the tenant's window allows, where it has a budget.
    pub window: Option<Allowance>,
    /// The same, as far as this task alone uses it.
    pub tenant_limit: Option<Bounds>,
    pub events: Vec<Event>,
    pub payloads: BTreeMap<PayloadNo, Body>,
    pub gates: Vec<GateRow>,
    pub ledger: Vec<EffectRow>,
    pub costs: Vec<CostRow>,
    pub labels: Vec<Label>,
    /// The same as the table keeps them.
    pub kept: Kept,
    /// Dispatches that were to be published: job and k.
    pub published: Vec<(String, u32)>,
    /// What the latest input asked to look up.
    pub lookups: Vec<Lookup>,
    /// What every job and gate was for.
    pub serials: BTreeMap<Serial, String>,
    told: usize,
    runs: u128,
}

/// Rows of costs, one for each run of a job.
#[derive(Clone, Default)]
pub struct Kept {
    rows: BTreeMap<(JobId, RunId), CostRow>,
    /// Runs whose dispatch had been paid for by another one of it.
    beside: BTreeSet<(JobId, RunId)>,
}

impl Kept {
    /// As the table does: only an estimate gives way.
    fn keep(&mut self, rows: &[CostRow], beside: bool) {
        for row in rows {
            let key = (row.job, row.run);
            if self.rows.get(&key).is_some_and(|known| !known.estimated) {
                continue;
            }
            self.rows.insert(key, row.clone());
            if beside {
                self.beside.insert(key);
            }
        }
    }

    /// What was spent, as far as the task's budget counts it.
    pub fn sum(&self) -> Money {
        let counted = self.rows.iter().filter(|(key, _)| !self.beside.contains(key));
        counted.fold(Money::default(), |sum, (_, row)| sum.plus(row.cost.money()))
    }
}

/// A dispatched job in a worker's hands.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub job: JobId,
    pub dispatch: u32,
    pub id: RunId,
    pub unit: Unit,
}

impl Scenario {
    pub fn accepted(submission: Submission, window: Option<Allowance>) -> Result<Self, Refusal> {
        let transition = accept(TASK, TENANT, &submission, &env(&CATALOG, &NOBODYS, START, true))?;
        Ok(Self::begun(submission, window, transition))
    }

    /// A task that takes over what another one has done.
    pub fn forked(submission: Submission, reuse: &Reuse) -> Self {
        let transition = fork(TASK, TENANT, &submission, reuse, &env(&CATALOG, &NOBODYS, START, true)).unwrap();
        Self::begun(submission, None, transition)
    }

    fn begun(submission: Submission, window: Option<Allowance>, transition: Transition) -> Self {
        let mut scenario = Self {
            task: transition.task.clone().expect("a new task is a change"),
            submission,
            plan: None,
            catalog: CATALOG.clone(),
            judges: NOBODYS.clone(),
            now: START,
            leases_end: true,
            room: true,
            window,
            tenant_limit: None,
            events: Vec::new(),
            payloads: BTreeMap::new(),
            gates: Vec::new(),
            ledger: Vec::new(),
            costs: Vec::new(),
            labels: Vec::new(),
            kept: Kept::default(),
            published: Vec::new(),
            lookups: Vec::new(),
            serials: BTreeMap::new(),
            told: 0,
            runs: 0,
        };
        scenario.task.version = 0;
        scenario.write(transition);
        scenario.move_on();
        scenario
    }

    /// One input, decided and written, then a dispatch of what is ready: what the shell does.
    pub fn input(&mut self, input: &Input) -> Reply {
        let transition = self.decide(input);
        let reply = transition.reply.clone();
        laws::licence(self, input, &transition);
        laws::people_alone_label(input, &transition);
        self.lookups = transition.lookups.clone();
        self.write(transition);
        self.move_on();
        laws::settled(self);
        reply
    }

    /// The decision alone.
    pub fn decide(&self, input: &Input) -> Transition {
        decide(self.snapshot(), input, &self.env())
    }

    fn env(&self) -> Env<'_> {
        env(&self.catalog, &self.judges, self.now, self.leases_end)
    }

    /// Somebody decides on a tool.
    pub fn put(&mut self, tool_id: &str, state: ToolState) {
        self.put_in(tool_id, state, state == ToolState::Suspended);
    }

    /// The definition of a tool changed, and nobody has decided.
    pub fn changed(&mut self, tool_id: &str) {
        self.put_in(tool_id, ToolState::Suspended, false);
    }

    fn put_in(&mut self, tool_id: &str, state: ToolState, stopped: bool) {
        let spec = self.catalog.of(TENANT).get(tool_id).unwrap().spec.clone();
        let tool = CatalogTool::new(spec, state).unwrap();
        self.catalog.insert(Arc::new(CatalogTool { stopped, ..tool }));
    }

    fn write(&mut self, transition: Transition) {
        let changes = transition.changes;
        let ignored = matches!(transition.reply, Reply::Ignored(_));
        let spent = transition.task.as_ref().map_or(self.task.spent, |task| task.spent);
        self.kept.keep(&changes.costs, ignored && spent == self.task.spent);
        self.costs.extend(changes.costs);
        let Some(task) = transition.task else {
            let rows = changes.payloads.len() + changes.events.len() + changes.gates.len() + changes.effects.len();
            let rows = rows + changes.labels.len();
            assert_eq!(rows, 0, "rows without a guarded write");
            return;
        };
        assert_eq!(task.version, self.task.version + 1, "versions rise by one");
        let before = std::mem::replace(&mut self.task, task);
        self.plan = changes.plan.or(self.plan.take());
        self.events.extend(changes.events);
        self.payloads
            .extend(changes.payloads.into_iter().map(|p| (p.no, p.body)));
        self.gates.extend(changes.gates);
        self.ledger.extend(changes.effects);
        self.labels.extend(changes.labels);
        let published = transition.publish.iter().filter_map(|s| self.by_serial(*s));
        let published: Vec<_> = published.map(|j| (self.label(j.unit), j.dispatch)).collect();
        self.published.extend(published);
        laws::serials_are_new(self);
        laws::hold(&before, self);
    }

    /// Dispatches what is ready.
    pub fn move_on(&mut self) {
        let ready = ready_jobs(self.snapshot(), self.now);
        if !self.room || ready.is_empty() {
            return;
        }
        let serials: Vec<Serial> = ready.iter().map(|j| j.serial).collect();
        if let Some(limit) = self.tenant_limit {
            self.window = Some(Allowance {
                limit,
                unspent: limit.less(self.task.spent),
                left: limit.less(self.task.spent.plus(self.task.reserved)),
                idle: self.task.reserved.is_zero(),
                asks: false,
            });
        }
        let transition = dispatch(self.snapshot(), &serials, self.window.as_ref(), &self.env());
        laws::nothing_begins_that_is_out_of_use(self, &transition);
        laws::no_more_is_set_aside_than_there_is(self, &transition);
        self.write(transition);
    }

    /// Time goes by, and the sweeper looks.
    pub fn wait(&mut self, seconds: f64) {
        self.pass(seconds);
        self.input(&Input::TimerFired);
    }

    /// Time goes by.
    pub fn pass(&mut self, seconds: f64) {
        self.now = self.now + Millis::from_secs_f64(seconds);
    }

    pub fn run_id(&mut self) -> RunId {
        self.runs += 1;
        RunId(Uuid::from_u128(self.runs))
    }

    /// The step's output is the list of a step that runs once an item.
    pub fn makes_list(&self, index: u16) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.listed_by(index).is_some())
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            task: &self.task,
            submission: &self.submission,
            plan: self.plan.as_ref(),
        }
    }

    fn by_serial(&self, serial: Serial) -> Option<&Job> {
        self.task.jobs.iter().find(|j| j.serial == serial)
    }

    pub fn status(&self) -> Status {
        self.task.status
    }

    pub fn reason(&self) -> Option<AttentionReason> {
        let waits = self.task.status == Status::NeedsAttention;
        self.task.attention.as_ref().filter(|_| waits).map(|a| a.reason)
    }

    /// `plan`, a step's key, `assess`, `format blog`, `publish blog`.
    pub fn label(&self, unit: Unit) -> String {
        let channel = |i: u16| self.task.deliveries[usize::from(i)].channel.clone();
        match unit {
            Unit::Plan => "plan".to_owned(),
            Unit::Assess => "assess".to_owned(),
            Unit::Step(i) => self.plan.as_ref().unwrap().plan.steps[usize::from(i)].key.clone(),
            Unit::Format(i) => format!("format {}", channel(i)),
            Unit::Publish(i) => format!("publish {}", channel(i)),
        }
    }

    pub fn find(&self, label: &str) -> Option<&Job> {
        self.task.jobs.iter().find(|j| self.label(j.unit) == label)
    }

    pub fn job(&self, label: &str) -> &Job {
        self.find(label).unwrap_or_else(|| panic!("no job {label}"))
    }

    fn jobs(&self, wanted: impl Fn(&JobState) -> bool) -> Vec<String> {
        let mut found: Vec<&Job> = self.task.jobs.iter().filter(|j| wanted(&j.state)).collect();
        found.sort_by_key(|j| j.serial);
        found.iter().map(|j| self.label(j.unit)).collect()
    }

    pub fn queued(&self) -> Vec<String> {
        self.jobs(|s| matches!(s, JobState::Queued { .. }))
    }

    /// The task has had its time, and maybe no timer has fired.
    pub fn is_late(&self) -> bool {
        self.task.deadline.is_some_and(|end| end <= self.now)
    }

    pub fn running(&self) -> Vec<String> {
        self.jobs(|s| matches!(s, JobState::Running { .. }))
    }

    pub fn index(&self, key: &str) -> u16 {
        let plan = self.plan.as_ref().unwrap();
        let place = plan.plan.steps.iter().position(|s| s.key == key).unwrap();
        u16::try_from(place).unwrap()
    }

    pub fn step(&self, key: &str) -> &Step {
        &self.task.steps[usize::from(self.index(key))]
    }

    pub fn step_status(&self, key: &str) -> StepStatus {
        self.task.step_status(self.index(key))
    }

    /// The id of the open gate of that kind.
    pub fn gate(&self, kind: GateKind) -> GateId {
        let gate = self.task.gates.iter().find(|g| g.kind == kind);
        TASK.gate(gate.unwrap_or_else(|| panic!("no {kind} gate")).serial)
    }

    /// The id of the open gate about a step.
    pub fn step_gate(&self, key: &str) -> GateId {
        let gate = self.task.gates.iter().find(|g| g.step == Some(self.index(key)));
        TASK.gate(gate.unwrap_or_else(|| panic!("no gate about {key}")).serial)
    }

    /// Names of the events since this was asked last.
    pub fn told(&mut self) -> Vec<&'static str> {
        let news = self.events[self.told..].iter().map(|e| e.kind.as_str()).collect();
        self.told = self.events.len();
        news
    }

    /// Data of the latest event of that kind.
    pub fn event(&self, kind: EventKind) -> &serde_json::Value {
        let found = self.events.iter().rev().find(|e| e.kind == kind);
        &found.unwrap_or_else(|| panic!("no {kind} was told")).data
    }

    /// The step's tool needs a human's word that it does not have.
    pub fn needs_word(&self, index: u16) -> bool {
        let index = usize::from(index);
        let asked = self.task.steps[index].asked.as_ref();
        let word = asked.is_some_and(|a| a.approved.is_some());
        !word && self.plan.as_ref().unwrap().steps[index].requires_approval
    }

    pub fn text(&self, no: PayloadNo) -> &str {
        &self.payloads[&no].text
    }
}

fn env<'a>(catalog: &'a Catalog, judges: &'a Judges, now: Timestamp, leases_end: bool) -> Env<'a> {
    Env {
        now,
        catalog,
        judges,
        limits: &LIMITS,
        leases_end,
    }
}
