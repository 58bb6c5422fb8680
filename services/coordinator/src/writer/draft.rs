//! A task while a batch is decided: its state so far, and everything that follows.

use crate::catalog::measures::{Observation, sized};
use crate::store::load::Loaded;
use crate::store::runs::{RunOf, RunRow};
use crate::work::account::Account;
use contracts::trace;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Span, info_span};
use workflow::decide::{Env, Snapshot, accept, decide, dispatch, fork, ready_jobs};
use workflow::decision::{Changes, Lookup, Refusal, Reply, Transition};
use workflow::fork::Reuse;
use workflow::ids::{JobId, Serial, TaskId};
use workflow::input::{Input, Outcome};
use workflow::money::{Allowance, Money};
use workflow::plan::{FrozenPlan, Tier};
use workflow::state::{JobState, PayloadNo, Task, Unit};
use workflow::submission::Submission;
use workflow::time::Timestamp;

/// A task as the writer knows it.
#[derive(Clone)]
pub struct Entry {
    pub task: Task,
    pub submission: Arc<Submission>,
    pub plan: Option<Arc<FrozenPlan>>,
    /// The row's `next_at`, as far as we wrote or read it.
    pub next_at: Option<Timestamp>,
    /// Bodies that a coming work item or event may need.
    pub bodies: HashMap<PayloadNo, Arc<str>>,
    /// What templates may read, as every work item carries it.
    pub context: Option<Arc<str>>,
}

impl Entry {
    /// The size of model a step's run asks, where it does not ask its tool's own: what is left of the budget goes before
    /// what the plan says.
    pub fn tier(&self, step: u16) -> Option<Tier> {
        let at = usize::from(step);
        if self.task.steps.get(at).is_some_and(|step| step.cheaper) {
            return Some(Tier::Small);
        }
        self.plan.as_ref()?.plan.steps.get(at)?.tier
    }
}

impl From<Loaded> for Entry {
    fn from(loaded: Loaded) -> Self {
        Self {
            task: loaded.task,
            submission: loaded.submission,
            plan: loaded.plan,
            next_at: loaded.next_at,
            bodies: HashMap::new(),
            context: None,
        }
    }
}

/// A task under decision.
pub struct Draft {
    pub entry: Entry,
    /// The version it was read at; none for a task that is new.
    pub base: Option<u64>,
    /// What was set aside for the task before.
    pub reserved_before: Money,
    /// What was set aside by dispatches since.
    pub granted: Money,
    pub changes: Changes,
    pub publish: Vec<Serial>,
    pub lookups: Vec<Lookup>,
    /// Key and body hash of a new task.
    pub idempotency: Option<(String, String)>,
    /// What runs told beside the inputs.
    pub accounts: Vec<Arc<Account>>,
    /// Those among them that are kept.
    pub runs: Vec<RunRow>,
    /// What runs of tools took that counted.
    pub observed: Vec<Observation>,
    /// The transition in the trace of the task, until the world was told of it.
    pub span: Span,
}

impl Draft {
    pub fn on(entry: Entry) -> Self {
        let base = Some(entry.task.version);
        let reserved_before = entry.task.reserved;
        Self {
            entry,
            base,
            reserved_before,
            granted: Money::default(),
            changes: Changes::default(),
            publish: Vec::new(),
            lookups: Vec::new(),
            idempotency: None,
            accounts: Vec::new(),
            runs: Vec::new(),
            observed: Vec::new(),
            span: Span::none(),
        }
    }

    /// A task that is accepted.
    ///
    /// # Errors
    /// Its plan is refused.
    pub fn accepted(
        id: TaskId,
        tenant: &str,
        submission: &Arc<Submission>,
        reuse: Option<&Reuse>,
        env: &Env<'_>,
    ) -> Result<Self, Refusal> {
        let transition = match reuse {
            None => accept(id, tenant, submission, env)?,
            Some(reuse) => fork(id, tenant, submission, reuse, env)?,
        };
        let Some(task) = transition.task else {
            return Err(Refusal::Exists);
        };
        let plan = transition.changes.plan.clone();
        let entry = Entry {
            task,
            submission: Arc::clone(submission),
            plan,
            next_at: None,
            bodies: HashMap::new(),
            context: None,
        };
        let mut draft = Self {
            entry,
            base: None,
            reserved_before: Money::default(),
            granted: Money::default(),
            changes: Changes::default(),
            publish: transition.publish,
            lookups: Vec::new(),
            idempotency: None,
            accounts: Vec::new(),
            runs: Vec::new(),
            observed: Vec::new(),
            span: Span::none(),
        };
        draft.keep(transition.changes);
        Ok(draft)
    }

    pub fn id(&self) -> TaskId {
        self.entry.task.id
    }

    /// Something is to be written with a guarded update.
    pub fn is_written(&self) -> bool {
        self.base != Some(self.entry.task.version)
    }

    /// Something is to be written at all: costs of ignored runs go beside the task.
    pub fn has_rows(&self) -> bool {
        self.is_written() || !self.changes.costs.is_empty() || !self.runs.is_empty()
    }

    /// Decides an input and keeps what the run told beside it.
    pub fn decide_told(&mut self, input: &Input, account: &Arc<Account>, env: &Env<'_>) -> Reply {
        let of = self.run_of(account.job);
        let reply = self.decide(input, env);
        let is_postponed = account.is_postponed() && !matches!(reply, Reply::Ignored(_));
        if !account.calls.is_empty() || is_postponed {
            self.runs.extend(run_row(self.id(), account, of, &reply));
        }
        self.accounts.push(Arc::clone(account));
        reply
    }

    /// A body that is in memory, or about to be written.
    pub fn body(&self, no: PayloadNo) -> Option<&str> {
        let new = || self.changes.payloads.iter().find(|payload| payload.no == no);
        let known = self.entry.bodies.get(&no).map(|text| &**text);
        known.or_else(|| new().map(|payload| &*payload.body.text))
    }

    /// What a result says of the step's tool; none where the tool was not called, or its job has ended.
    pub fn observe(&self, input: &Input, took: Duration) -> Option<Observation> {
        let (job, cost, succeeded) = match input {
            Input::JobSucceeded {
                job,
                cost,
                outcome: Outcome::Output(_),
                ..
            } => (*job, cost, true),
            Input::JobFailed { job, cost, failure, .. } if was_called(&failure.code) => (*job, cost, false),
            _ => return None,
        };
        let Unit::Step(index) = self.entry.task.job(job)?.unit else {
            return None;
        };
        let step = self.entry.plan.as_ref()?.plan.steps.get(usize::from(index))?;
        let asked_models = cost.calls > 0;
        Some(Observation {
            tool_id: match self.entry.tier(index).filter(|_| asked_models) {
                Some(tier) => sized(&step.tool_id, tier),
                None => step.tool_id.clone(),
            },
            succeeded,
            seconds: took.as_secs_f64(),
            usd: cost.usd_micros.map(crate::view::usd),
        })
    }

    /// What a job that has not ended is for.
    fn run_of(&self, job: JobId) -> Option<RunOf> {
        let job = self.entry.task.job(job)?;
        let step = match job.unit {
            Unit::Step(index) => Some(usize::from(index)),
            _ => None,
        };
        let plan = self.entry.plan.as_ref();
        Some(RunOf {
            kind: job.unit.kind().as_str(),
            step_key: step.and_then(|index| Some(plan?.plan.steps.get(index)?.key.clone())),
            plan_version: plan.map_or(0, |plan| plan.version),
            round: step
                .and_then(|index| self.entry.task.steps.get(index))
                .map_or(self.entry.task.round, |step| step.round),
            attempt: match job.state {
                JobState::Running { .. } => job.attempt,
                JobState::Queued { .. } | JobState::Ready { .. } => job.attempt + 1,
            },
        })
    }

    /// Begins the transition's span below what caused it: the first run that told of itself, else the request.
    pub fn trace(&mut self) {
        let span = info_span!(
            "transition",
            otel.kind = "internal",
            task_id = %self.id(),
            tenant = self.entry.task.tenant,
            status = self.entry.task.status.as_str(),
            version = self.entry.task.version,
        );
        let mut causes = self.accounts.iter().map(|account| account.traceparent.as_str());
        let first = causes.next().filter(|cause| !cause.is_empty());
        let span = trace::below(span, first.unwrap_or(&self.entry.submission.traceparent));
        causes.for_each(|cause| trace::link(&span, cause));
        self.span = span;
    }

    /// The trace context that what follows is told and done under.
    pub fn traceparent(&self) -> Arc<str> {
        match trace::of(&self.span) {
            Some(context) => context.to_string().into(),
            None => self.entry.submission.traceparent.as_str().into(),
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            task: &self.entry.task,
            submission: &self.entry.submission,
            plan: self.entry.plan.as_ref(),
        }
    }

    pub fn decide(&mut self, input: &Input, env: &Env<'_>) -> Reply {
        let transition = decide(self.snapshot(), input, env);
        self.apply(transition)
    }

    /// Jobs that wait for room.
    pub fn ready(&self, now: Timestamp) -> Vec<workflow::decide::ReadyJob> {
        ready_jobs(self.snapshot(), now)
    }

    /// `window`: what the tenant may spend now, if it has a budget.
    pub fn dispatch(&mut self, serials: &[Serial], window: Option<&Allowance>, env: &Env<'_>) {
        let before = self.entry.task.reserved;
        let transition = dispatch(self.snapshot(), serials, window, env);
        self.apply(transition);
        self.granted = self.granted.plus(self.entry.task.reserved.minus(before));
    }

    fn apply(&mut self, transition: Transition) -> Reply {
        if let Some(task) = transition.task {
            self.entry.task = task;
        }
        self.publish.extend(transition.publish);
        self.lookups.extend(transition.lookups);
        self.keep(transition.changes);
        transition.reply
    }

    fn keep(&mut self, changes: Changes) {
        let needed = |kind: &str| matches!(kind, "output" | "deliverable" | "feedback" | "plan_feedback");
        for payload in changes.payloads.iter().filter(|p| needed(p.kind)) {
            self.entry.bodies.insert(payload.no, Arc::clone(&payload.body.text));
        }
        if let Some(plan) = changes.plan {
            self.entry.plan = Some(plan);
        }
        self.changes.payloads.extend(changes.payloads);
        self.changes.events.extend(changes.events);
        self.changes.gates.extend(changes.gates);
        self.changes.effects.extend(changes.effects);
        self.changes.costs.extend(changes.costs);
        self.changes.labels.extend(changes.labels);
    }
}

/// What goes wrong before a call is no fault of the tool's.
fn was_called(code: &str) -> bool {
    !code.starts_with("plan_")
        && !matches!(
            code,
            "tool_unknown" | "tool_changed" | "tool_bad_arguments" | "internal"
        )
}

fn run_row(task: TaskId, account: &Account, of: Option<RunOf>, reply: &Reply) -> Option<RunRow> {
    Some(RunRow {
        task,
        job: account.job,
        run: account.run,
        of,
        outcome: account.outcome,
        error: account.error.clone(),
        message: account.message.clone(),
        counted: !matches!(reply, Reply::Ignored(_)),
        started_at: Timestamp(account.started_ms),
        finished_at: Timestamp(account.finished_ms),
        // What was read from JSON can be written as JSON.
        calls: serde_json::to_string(&account.calls).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::story::{Story, submission, two_steps};
    use workflow::ids::RunId;
    use workflow::input::{Body, Cost};

    /// Under which a run of the first step, which asked a model, is summed up.
    fn summed_up(tier: Option<&str>, cheaper: bool) -> String {
        let mut plan = two_steps();
        if let Some(tier) = tier {
            plan["steps"][0]["tier"] = tier.into();
        }
        let story = Story::begin(1, submission(Some(plan)));
        let mut draft = Draft::on(Entry {
            task: story.task.clone(),
            submission: Arc::new(story.submission.clone()),
            plan: story.plan.clone(),
            next_at: None,
            bodies: HashMap::new(),
            context: None,
        });
        draft.entry.task.steps[0].cheaper = cheaper;
        let of_first = |job: &&workflow::state::Job| job.unit == Unit::Step(0);
        let serial = draft.entry.task.jobs.iter().find(of_first).unwrap().serial;
        let ended = Input::JobSucceeded {
            job: story.task.id.job(serial),
            dispatch: 1,
            run: RunId(uuid::Uuid::nil()),
            cost: Cost {
                calls: 1,
                ..Cost::default()
            },
            outcome: Outcome::Output(Body::new("{}")),
        };
        draft.observe(&ended, Duration::from_secs(1)).unwrap().tool_id
    }

    #[test]
    fn a_run_is_summed_up_under_the_size_of_model_it_asked() {
        assert_eq!(summed_up(None, false), "null");
        assert_eq!(summed_up(Some("large"), false), "null#large");
        assert_eq!(
            summed_up(Some("large"), true),
            "null#small",
            "little of the budget is left"
        );
        assert_eq!(summed_up(None, true), "null#small");
    }
}
