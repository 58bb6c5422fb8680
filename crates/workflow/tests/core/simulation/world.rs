//! The world of the simulation: a database with version guards, a lossy work stream, workers that
//! die, coordinators with stale caches, receivers that count, humans who decide.

use super::random::Random;
use super::spending::Spending;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;
use workflow::decide::{Env, Snapshot, accept, decide, dispatch, ready_jobs};
use workflow::decision::{EffectReply, Lookup, Refusal, Reply, Transition};
use workflow::ids::{JobId, RunId, Serial, TaskId};
use workflow::input::{Assessment, Body, Cost, Decision, EffectEnd, EffectRequest, Failure, Found, Input, Outcome};
use workflow::judge::Judges;
use workflow::plan::{FrozenPlan, PlanLimits};
use workflow::state::{Stored, Task, Unit};
use workflow::submission::Submission;
use workflow::time::{Millis, Timestamp};
use workflow::tool::{Catalog, CatalogTool};
use workflow::vocabulary::{Action, AskKind, AttentionReason, EffectClass, GateKind, Status, ToolState};

/// Nobody has said anything of a judge.
static NOBODYS: Judges = Judges::new(None);

/// A row of the database.
#[derive(Clone)]
pub struct Row {
    pub task: Task,
    pub submission: Arc<Submission>,
    pub plan: Option<Arc<FrozenPlan>>,
    pub events: Vec<u64>,
    pub payloads: u32,
}

/// A message on the work stream.
#[derive(Clone, Debug)]
pub struct Item {
    pub task: TaskId,
    pub job: JobId,
    pub dispatch: u32,
    pub sequence: u64,
}

/// A run in a worker's hands.
#[derive(Clone, Debug)]
pub struct Run {
    pub task: TaskId,
    pub job: JobId,
    pub dispatch: u32,
    pub id: RunId,
    pub unit: Unit,
    pub ends_at: Timestamp,
    pub licensed: bool,
    pub sent: bool,
}

/// Which guard of the shell is taken out, to see that the checks notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutation {
    None,
    /// Writes are not guarded by the version.
    NoVersionGuard,
    /// A worker sends whatever the ledger says.
    SendsWithoutLicence,
    /// Lost leases are never looked at.
    NoSweeper,
}

pub struct World {
    pub random: Random,
    pub now: Timestamp,
    pub rows: BTreeMap<TaskId, Row>,
    /// What each coordinator remembers; may be stale.
    pub caches: Vec<BTreeMap<TaskId, Row>>,
    pub stream: Vec<Item>,
    pub stream_created: i64,
    pub next_sequence: u64,
    pub results: VecDeque<(TaskId, Input)>,
    pub runs: Vec<Run>,
    /// Sendings at the receivers: effect key to (class, bytes, runs).
    pub received: BTreeMap<(JobId, u32), Vec<(EffectClass, String)>>,
    pub chaos: bool,
    pub mutation: Mutation,
    pub catalog: Catalog,
    pub limits: PlanLimits,
    pub ended: BTreeMap<TaskId, Status>,
    pub submitted: BTreeSet<TaskId>,
    /// Jobs that were licensed to send without the human's word their tool needs.
    pub unasked: Vec<JobId>,
    /// Questions that became gates, and answers to them.
    pub questions: BTreeSet<AskKind>,
    /// Why humans were asked.
    pub reasons: BTreeSet<AttentionReason>,
    /// What all tasks together may spend in a window, and their rows of costs.
    pub spending: Option<Spending>,
    next_id: u128,
}

impl World {
    pub fn new(seed: u64, mutation: Mutation) -> Self {
        Self {
            random: Random::new(seed),
            now: Timestamp(1_800_000_000_000),
            rows: BTreeMap::new(),
            caches: vec![BTreeMap::new(), BTreeMap::new()],
            stream: Vec::new(),
            stream_created: 1,
            next_sequence: 1,
            results: VecDeque::new(),
            runs: Vec::new(),
            received: BTreeMap::new(),
            chaos: true,
            mutation,
            catalog: super::fixtures::catalog(),
            limits: super::fixtures::limits(),
            ended: BTreeMap::new(),
            submitted: BTreeSet::new(),
            spending: seed.is_multiple_of(3).then(Spending::default),
            unasked: Vec::new(),
            questions: BTreeSet::new(),
            reasons: BTreeSet::new(),
            next_id: 1,
        }
    }

    fn uuid(&mut self) -> Uuid {
        self.next_id += 1;
        // Shaped like a UUIDv7 whose time and randomness are a counter in the upper bits.
        Uuid::from_u128((self.next_id << 80) | 0x7000_8000_0000_0000_0000_u128 & !0xffff_ffff)
    }

    pub fn submit(&mut self) {
        let id = TaskId(self.uuid());
        let submission = Arc::new(super::fixtures::submission(&mut self.random));
        // What is submitted was valid when it was written.
        let catalog = super::fixtures::catalog();
        let limits = self.limits.clone();
        let env = Env {
            now: self.now,
            catalog: &catalog,
            judges: &NOBODYS,
            limits: &limits,
            leases_end: true,
        };
        let accepted = accept(id, "default", &submission, &env).expect("the fixtures' plans are valid");
        let task = accepted.task.clone().expect("a new task is a change");
        let row = Row {
            task,
            submission,
            plan: accepted.changes.plan.clone(),
            events: accepted.changes.events.iter().map(|e| e.sequence).collect(),
            payloads: accepted.changes.payloads.len() as u32,
        };
        self.submitted.insert(id);
        self.rows.insert(id, row);
        let coordinator = self.random.below(self.caches.len());
        self.move_on(coordinator, id);
    }

    /// One input at one coordinator: read, decide, write under the guard, publish or die before it.
    pub fn apply(&mut self, coordinator: usize, task: TaskId, input: &Input) -> Reply {
        for fresh in [false, true, true, true] {
            let Some(row) = self.read(coordinator, task, fresh) else {
                return Reply::Ignored("unknown");
            };
            let transition = self.with_env(|env| decide(snapshot(&row), input, env));
            if transition.task.is_none() && !fresh && self.mutation != Mutation::NoVersionGuard {
                // A cache may only propose writes.
                continue;
            }
            let reply = transition.reply.clone();
            let (publish, lookups) = (transition.publish.clone(), transition.lookups.clone());
            if !self.write(coordinator, &row, transition) {
                continue;
            }
            // A crash after the commit: nothing is published, nobody is answered.
            if self.chaos && self.random.chance(30) {
                self.caches[coordinator].clear();
                return Reply::Ignored("crashed");
            }
            self.publish(coordinator, task, &publish);
            self.look_up(coordinator, task, lookups);
            self.move_on(coordinator, task);
            return reply;
        }
        Reply::Ignored("lost every race")
    }

    fn with_env<T>(&self, decide: impl FnOnce(&Env<'_>) -> T) -> T {
        decide(&Env {
            now: self.now,
            catalog: &self.catalog,
            judges: &NOBODYS,
            limits: &self.limits,
            leases_end: true,
        })
    }

    fn read(&mut self, coordinator: usize, task: TaskId, fresh: bool) -> Option<Row> {
        if !fresh && let Some(row) = self.caches[coordinator].get(&task) {
            return Some(row.clone());
        }
        self.rows.get(&task).cloned()
    }

    /// The guarded write. False: somebody else was first.
    fn write(&mut self, coordinator: usize, base: &Row, transition: Transition) -> bool {
        let Some(task) = transition.task else {
            self.spending.iter_mut().for_each(|s| s.keep(&transition.changes.costs));
            return true;
        };
        let id = task.id;
        let stored = self.rows.get_mut(&id).expect("rows are never deleted");
        if self.mutation != Mutation::NoVersionGuard && stored.task.version != base.task.version {
            self.caches[coordinator].remove(&id);
            return false;
        }
        self.spending.iter_mut().for_each(|s| s.keep(&transition.changes.costs));
        self.reasons.extend(task.attention.as_ref().map(|a| a.reason));
        stored.task = task;
        if let Some(plan) = transition.changes.plan {
            stored.plan = Some(plan);
        }
        stored
            .events
            .extend(transition.changes.events.iter().map(|e| e.sequence));
        stored.payloads += transition.changes.payloads.len() as u32;
        let row = stored.clone();
        self.caches[coordinator].insert(id, row);
        true
    }

    /// Dispatches what is ready, as the shell does after each input.
    fn move_on(&mut self, coordinator: usize, task: TaskId) {
        let row = self.rows.get(&task).expect("known").clone();
        let serials: Vec<Serial> = ready_jobs(snapshot(&row), self.now).iter().map(|j| j.serial).collect();
        for &serial in &serials {
            super::checks::inputs_are_done(&row, serial);
        }
        if serials.is_empty() {
            return;
        }
        let window = self.spending.as_ref().map(|s| s.allowance(self));
        let transition = self.with_env(|env| dispatch(snapshot(&row), &serials, window.as_ref(), env));
        let publish = transition.publish.clone();
        let reserved = transition.task.as_ref().map_or(row.task.reserved, |task| task.reserved);
        if self.write(coordinator, &row, transition) {
            if let Some(spending) = &self.spending {
                spending.holds(self, reserved.minus(row.task.reserved));
            }
            self.publish(coordinator, task, &publish);
        }
    }

    fn publish(&mut self, coordinator: usize, task: TaskId, serials: &[Serial]) {
        for &serial in serials {
            let Some(job) = self
                .rows
                .get(&task)
                .and_then(|r| r.task.jobs.iter().find(|j| j.serial == serial))
            else {
                continue;
            };
            let item = Item {
                task,
                job: task.job(serial),
                dispatch: job.dispatch,
                sequence: self.next_sequence,
            };
            self.next_sequence += 1;
            if self.chaos && self.random.chance(10) {
                continue;
            }
            let stored = Stored {
                sequence: item.sequence,
                stream_created: self.stream_created,
            };
            if let Some(row) = self.caches[coordinator].get_mut(&task) {
                workflow::decide::note_published(&mut row.task, item.job, item.dispatch, stored);
            }
            self.stream.push(item.clone());
            if self.chaos && self.random.chance(10) {
                self.stream.push(item);
            }
        }
    }

    fn look_up(&mut self, coordinator: usize, task: TaskId, lookups: Vec<Lookup>) {
        for lookup in lookups {
            match lookup.stored {
                None => self.publish(coordinator, task, &[lookup.serial]),
                Some(stored) => {
                    let there = stored.stream_created == self.stream_created
                        && self
                            .stream
                            .iter()
                            .any(|i| i.sequence == stored.sequence && i.job == lookup.job);
                    let found = if there { Found::There } else { Found::Gone };
                    let input = Input::LookedUp {
                        job: lookup.job,
                        dispatch: lookup.dispatch,
                        found,
                    };
                    self.results.push_back((task, input));
                }
            }
        }
    }

    /// A worker takes any message of the stream; it may be one that was taken before.
    pub fn take_work(&mut self) {
        if self.stream.is_empty() {
            return;
        }
        let at = self.random.below(self.stream.len());
        let again = self.chaos && self.random.chance(8);
        let item = if again {
            self.stream[at].clone()
        } else {
            self.stream.swap_remove(at)
        };
        let Some(unit) = self.unit_of(&item) else { return };
        let id = RunId(self.uuid());
        let slow = if self.random.chance(15) { 40_000 } else { 1_500 };
        let poison = super::fixtures::is_poison(self.rows.get(&item.task), unit);
        let length = if poison {
            Millis(2_000)
        } else {
            Millis(self.random.below(slow) as i64)
        };
        self.runs.push(Run {
            task: item.task,
            job: item.job,
            dispatch: item.dispatch,
            id,
            unit,
            ends_at: self.now + length,
            licensed: false,
            sent: false,
        });
        if length.0 > 1_000 {
            self.heartbeat(self.runs.len() - 1);
        }
    }

    fn unit_of(&self, item: &Item) -> Option<Unit> {
        self.rows.get(&item.task)?.task.job(item.job).map(|j| j.unit)
    }

    /// Heartbeats of all runs; the coordinator's word may come late or never.
    pub fn heartbeats(&mut self) {
        let mut at = 0;
        while at < self.runs.len() {
            if self.chaos && self.random.chance(10) {
                at += 1;
                continue;
            }
            if self.heartbeat(at) {
                at += 1;
            }
        }
    }

    fn heartbeat(&mut self, at: usize) -> bool {
        let run = self.runs[at].clone();
        let coordinator = self.random.below(self.caches.len());
        let input = Input::JobStarted {
            job: run.job,
            dispatch: run.dispatch,
            run: run.id,
        };
        let reply = self.apply(coordinator, run.task, &input);
        // A run that is licensed to send is carried to its end.
        if matches!(reply, Reply::Stop(_)) && (run.sent || !run.licensed) {
            self.runs.swap_remove(at);
            return false;
        }
        true
    }

    /// Some run takes its next step.
    pub fn progress(&mut self) {
        if self.runs.is_empty() {
            return;
        }
        let at = self.random.below(self.runs.len());
        let run = self.runs[at].clone();
        if let Some(class) = super::fixtures::effect_of(self.rows.get(&run.task), run.unit)
            && !run.sent
            // Whoever needs a word asks and does not send; some try to, all the same.
            && (!super::fixtures::needs_word(self.rows.get(&run.task), run.unit) || self.random.chance(10))
        {
            return self.send_effect(at, run, class);
        }
        if run.ends_at <= self.now {
            self.runs.swap_remove(at);
            if super::fixtures::is_poison(self.rows.get(&run.task), run.unit) {
                return;
            }
            let input = self.result_of(&run);
            self.results.push_back((run.task, input.clone()));
            if self.chaos && self.random.chance(10) {
                self.results.push_back((run.task, input));
            }
        }
    }

    fn send_effect(&mut self, at: usize, run: Run, class: EffectClass) {
        let coordinator = self.random.below(self.caches.len());
        // Another run writes other bytes; the frozen ones must go out all the same.
        let request = Body::new(format!("{{\"by\":\"{}\"}}", run.id));
        let ask = EffectRequest {
            job: run.job,
            dispatch: run.dispatch,
            run: run.id,
            ordinal: 0,
            class,
            target: "t".to_owned(),
            tool: None,
            request: request.clone(),
            send_within: Millis::secs(10),
            key_ttl: Millis::secs(86_400),
        };
        let reply = self.apply(coordinator, run.task, &Input::EffectBegun(ask));
        let forced = self.mutation == Mutation::SendsWithoutLicence;
        let licensed = matches!(reply, Reply::Effect(EffectReply::Send { .. }));
        let ended = match reply {
            Reply::Effect(EffectReply::Ended { state, .. }) => Some(state),
            _ => None,
        };
        if licensed && super::fixtures::needs_word(self.rows.get(&run.task), run.unit) {
            self.unasked.push(run.job);
        }
        if licensed || forced {
            let frozen = self.frozen_request(&run, &request);
            self.received.entry((run.job, 0)).or_default().push((class, frozen));
            self.runs[at].licensed = true;
            // The worker may die before it knows how it ended, or before it tells.
            if self.chaos && self.random.chance(15) {
                self.runs.swap_remove(at);
                return;
            }
            if matches!(run.unit, Unit::Publish(_)) && self.random.chance(5) {
                return self.rejected(at, &run);
            }
            let end = Input::EffectEnded {
                job: run.job,
                run: run.id,
                ordinal: 0,
                ended: EffectEnd::Confirmed,
                response: Body::new("{}"),
            };
            self.runs[at].sent = true;
            if !(self.chaos && self.random.chance(15)) {
                self.results.push_back((run.task, end));
            }
            return;
        }
        match ended {
            Some(workflow::state::EffectState::Confirmed) => self.runs[at].sent = true,
            Some(_) => {
                self.runs.swap_remove(at);
                let failure = Failure {
                    code: "effect".to_owned(),
                    effect_unknown: true,
                    ..Failure::default()
                };
                let input = Input::JobFailed {
                    job: run.job,
                    dispatch: run.dispatch,
                    run: run.id,
                    cost: Cost::default(),
                    failure,
                };
                self.results.push_back((run.task, input));
            }
            // Busy, refused, or no answer: this copy is dropped.
            None => {
                self.runs.swap_remove(at);
            }
        }
    }

    /// The receiver will not have it.
    fn rejected(&mut self, at: usize, run: &Run) {
        self.runs.swap_remove(at);
        let (job, dispatch) = (run.job, run.dispatch);
        let ended = EffectEnd::Rejected;
        let end = Input::EffectEnded {
            job,
            run: run.id,
            ordinal: 0,
            ended,
            response: Body::new("{}"),
        };
        let failure = Failure {
            code: "rejected".to_owned(),
            ..Failure::default()
        };
        let failed = Input::JobFailed {
            job,
            dispatch,
            run: run.id,
            cost: Cost::default(),
            failure,
        };
        self.results.push_back((run.task, end));
        self.results.push_back((run.task, failed));
    }

    /// The request the ledger froze: the first one of this effect that was received.
    fn frozen_request(&self, run: &Run, given: &Body) -> String {
        match self.received.get(&(run.job, 0)).and_then(|r| r.first()) {
            Some((_, first)) if self.mutation != Mutation::SendsWithoutLicence => first.clone(),
            _ => given.text.to_string(),
        }
    }

    fn result_of(&mut self, run: &Run) -> Input {
        // Now and then nobody knows what all of it cost.
        let whole = !run.id.0.as_u128().is_multiple_of(5);
        let cost = Cost {
            usd_micros: whole.then_some(3),
            known_usd_micros: if whole { 0 } else { 2 },
            input_tokens: 1,
            output_tokens: 1,
            calls: 1,
            model: "m".to_owned(),
        };
        let (job, dispatch, id) = (run.job, run.dispatch, run.id);
        if !run.sent && self.random.chance(12) {
            let failure = Failure {
                code: "tool_timeout".to_owned(),
                message: "x".to_owned(),
                retryable: self.random.chance(80),
                ..Failure::default()
            };
            return Input::JobFailed {
                job,
                dispatch,
                run: id,
                cost,
                failure,
            };
        }
        let needs_word = super::fixtures::needs_word(self.rows.get(&run.task), run.unit);
        let asks = |kind, run: &RunId| Outcome::Awaiting {
            kind,
            question: Body::new(format!("{{\"arguments\":{{\"by\":\"{run}\"}}}}")),
        };
        let outcome = match run.unit {
            Unit::Plan => Outcome::Planned {
                plan: super::fixtures::plan_document(&mut self.random),
                document: Body::new("{}"),
                forecast: None,
            },
            // A worker that knows nothing of questions answers all the same.
            Unit::Step(_) if needs_word && self.random.chance(95) => asks(AskKind::Approval, &id),
            Unit::Step(_) if self.random.chance(4) => asks(AskKind::Input, &id),
            Unit::Step(_) if self.random.chance(5) => Outcome::Skipped {
                reason: "when".to_owned(),
            },
            Unit::Step(_) if super::fixtures::makes_list(self.rows.get(&run.task), run.unit) => {
                // Now and then longer than it may be.
                let items = u32::try_from(self.random.below(20)).unwrap_or(0) * 4 / 19;
                crate::tables::acts::list(items, "")
            }
            Unit::Step(_) => Outcome::Output(Body::new(format!("\"{}\"", self.random.below(4)))),
            Unit::Assess => {
                let score = self.random.below(100) as f64 / 100.0;
                let blamed = [("b1".to_owned(), "better".to_owned())].into();
                let assessment = Assessment {
                    scores: [("relevance".to_owned(), score)].into(),
                    blamed: if self.random.chance(50) {
                        blamed
                    } else {
                        BTreeMap::new()
                    },
                    ..Assessment::default()
                };
                Outcome::Assessed {
                    assessment,
                    document: Body::new("{}"),
                }
            }
            Unit::Format(_) => Outcome::Deliverable(Body::new("{\"content\":\"c\"}")),
            Unit::Publish(_) => Outcome::Published {
                location: "l".to_owned(),
            },
        };
        Input::JobSucceeded {
            job,
            dispatch,
            run: id,
            cost,
            outcome,
        }
    }

    /// A coordinator reads any result; it may crash before it acknowledges, and reads it again.
    pub fn read_result(&mut self) {
        if self.results.is_empty() {
            return;
        }
        let at = self.random.below(self.results.len());
        let Some((task, input)) = self.results.remove(at) else {
            return;
        };
        let coordinator = self.random.below(self.caches.len());
        self.apply(coordinator, task, &input);
        if self.chaos && self.random.chance(10) {
            self.results.push_back((task, input));
        }
    }

    /// The sweeper looks at whatever is due.
    pub fn sweep(&mut self) {
        if self.mutation == Mutation::NoSweeper {
            return;
        }
        let due: Vec<TaskId> = self
            .rows
            .values()
            .filter(|r| workflow::obligations::next_due(&r.task).is_some_and(|t| t <= self.now))
            .map(|r| r.task.id)
            .collect();
        for task in due {
            let coordinator = self.random.below(self.caches.len());
            self.apply(coordinator, task, &Input::TimerFired);
        }
    }

    /// A human does something to a task that waits, or to any.
    pub fn human(&mut self) {
        let ids: Vec<TaskId> = self.rows.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let task = ids[self.random.below(ids.len())];
        let coordinator = self.random.below(self.caches.len());
        let actor = "human".to_owned();
        let input = match self.random.below(20) {
            0 if self.chaos => Input::CancelRequested { actor },
            1 if self.chaos => Input::PauseRequested { actor },
            2 | 3 => Input::ResumeRequested { actor },
            4 => Input::RetryRequested {
                actor,
                from_step: None,
                raise_budget: None,
                more_time: Millis::default(),
                send_again: true,
            },
            _ => return self.decide_gate(coordinator, task),
        };
        self.apply(coordinator, task, &input);
    }

    pub fn decide_gate(&mut self, coordinator: usize, task: TaskId) {
        let Some(row) = self.rows.get(&task) else { return };
        if row.task.gates.is_empty() {
            return;
        }
        let gate = &row.task.gates[self.random.below(row.task.gates.len())];
        let asks = row.task.asked(gate).map(|a| a.kind);
        self.questions.extend(asks);
        let allowed = workflow::decide::allowed_actions(&row.task, gate);
        let calm: Vec<Action> = allowed
            .iter()
            .copied()
            .filter(|a| self.chaos || !matches!(a, Action::Revise | Action::Retry | Action::Cancel))
            .collect();
        let choice = if calm.is_empty() { allowed.to_vec() } else { calm };
        let (serial, kind) = (gate.serial, gate.kind);
        let action = choice[self.random.below(choice.len())];
        let decision = Decision {
            gate: Some(task.gate(serial)),
            action,
            actor: "human".to_owned(),
            request: workflow::hash::Fingerprint::of([self.uuid().as_bytes().as_slice()]),
            channels: (kind == GateKind::Publication && self.random.chance(20)).then(Vec::new),
            feedback: Some("better".to_owned()),
            edits: BTreeMap::new(),
            content_hash: None,
            raise_budget: None,
            approved: crate::properties::answers(action, asks).then(|| "{\"arguments\":{}}".to_owned()),
            plan: crate::tables::acts::own_plan(kind, action),
            dimensions: Vec::new(),
            by_model: false,
        };
        let reply = self.apply(coordinator, task, &Input::GateDecided(decision.clone()));
        // The second click of another human learns who won.
        if reply == Reply::Done && self.random.chance(30) {
            let second = Decision {
                request: workflow::hash::Fingerprint::of([self.uuid().as_bytes().as_slice()]),
                ..decision
            };
            let reply = self.apply(coordinator, task, &Input::GateDecided(second));
            let lost = matches!(
                reply,
                Reply::Refused(Refusal::AlreadyDecided { .. }) | Reply::Ignored(_)
            );
            assert!(lost, "a second decision on one gate was answered {reply:?}");
        }
    }

    /// A human takes a tool out of use, or brings all of them back.
    fn decide_on_a_tool(&mut self) {
        let tools: Vec<_> = self.catalog.all().cloned().collect();
        if tools.iter().any(|tool| tool.state != ToolState::Active) {
            self.catalog = super::fixtures::catalog();
            return;
        }
        let spec = tools[self.random.below(tools.len())].spec.clone();
        let suspended = CatalogTool::new(spec, ToolState::Suspended).expect("it was one before");
        self.catalog.insert(Arc::new(suspended));
    }

    /// What kill -9, lost disks and humans who are careful do.
    pub fn disaster(&mut self) {
        match self.random.below(5) {
            0 => self.runs.clear(),
            1 => {
                self.stream.clear();
                self.stream_created += 1;
            }
            2 => self.caches.iter_mut().for_each(BTreeMap::clear),
            3 => self.decide_on_a_tool(),
            _ => {
                let half = self.runs.len() / 2;
                self.runs.truncate(half);
            }
        }
    }
}

pub fn snapshot(row: &Row) -> Snapshot<'_> {
    Snapshot {
        task: &row.task,
        submission: &row.submission,
        plan: row.plan.as_ref(),
    }
}
