//! Tasks for tests, made by the core itself: a test tells what happened and looks at the documents.

use super::{Bodies, Facts};
use crate::store::tasks::{CostTotals, Texts};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;
use workflow::decide::{Env, Snapshot, accept, decide, dispatch, ready_jobs};
use workflow::decision::{Changes, Reply, Transition};
use workflow::ids::{JobId, RunId, TaskId};
use workflow::input::{Assessment, Body, Cost, Decision, Failure, Input, Outcome};
use workflow::judge::{Judge, Judges};
use workflow::plan::{FrozenPlan, PlanLimits};
use workflow::state::{Task, Unit};
use workflow::submission::{Dimension, OnExhausted, Policy, Submission};
use workflow::time::{Millis, Timestamp};
use workflow::tool::{Catalog, CatalogTool, RetryPolicy, ToolSource, ToolSpecification};
use workflow::vocabulary::{Action, AskKind, EffectClass, ToolState};

/// Nobody has said anything of a judge.
static NO_JUDGES: Judges = Judges::new(None);
/// Each input comes a second after the one before.
const START: Timestamp = Timestamp(1_700_000_000_000);

/// A task and all that was written of it.
pub struct Story {
    pub task: Task,
    pub submission: Submission,
    pub plan: Option<Arc<FrozenPlan>>,
    pub changes: Changes,
    pub now: Timestamp,
    catalog: Catalog,
}

pub fn task_id(n: u128) -> TaskId {
    TaskId(Uuid::from_u128(
        (0x018b_cfe5_6800_7000 << 64) | (0x8000 << 48) | (n << 32),
    ))
}

pub fn tool(tool_id: &str, effects: EffectClass, requires_approval: bool) -> ToolSpecification {
    ToolSpecification {
        tool_id: tool_id.to_owned(),
        name: tool_id.to_owned(),
        description: "for tests".to_owned(),
        category: "test".to_owned(),
        input_schema: json!({ "type": "object" }),
        output_schema: json!(true),
        estimated_cost: None,
        estimated_duration: None,
        requires_approval,
        source: ToolSource::Builtin,
        effects,
        retry: RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        },
        timeout_seconds: 10.0,
        pool: "default".to_owned(),
        binding_hash: None,
        foreign: false,
    }
}

/// `null` harmless, `post` repeatable with a key, `send` once and with a human's word.
pub fn tools() -> Vec<ToolSpecification> {
    vec![
        tool("null", EffectClass::ReadOnly, false),
        tool("post", EffectClass::Keyed, false),
        tool("send", EffectClass::Once, true),
    ]
}

/// A request for two dimensions and the channel `blog`, with a plan or without.
pub fn submission(plan: Option<Value>) -> Submission {
    let dimension = |weight, floor| Dimension { weight, floor };
    Submission {
        request: "Write about AI".to_owned(),
        business_metrics: BTreeMap::from([("revenue".to_owned(), 5.0)]),
        preferences: json!({ "tone": "dry" }).as_object().unwrap().clone(),
        metadata: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        plan: plan.map(|p| serde_json::from_value(p).unwrap()),
        channels: vec!["blog".to_owned()],
        policy: Policy {
            threshold: 0.6,
            dead_band: 0.0,
            deliverable_rules: Vec::new(),
            dimensions: BTreeMap::from([
                ("clarity".to_owned(), dimension(3.0, 0.9)),
                ("tone".to_owned(), dimension(1.0, 0.1)),
            ]),
            max_refinements: 1,
            plan_review: false,
            auto_approve: false,
            auto_approve_min_quality: 0.0,
            auto_approval: Vec::new(),
            channel_effects: BTreeMap::new(),
            on_exhausted: OnExhausted::NeedsAttention,
            max_cost_usd_micros: Some(1_000_000),
            max_tokens: None,
            max_calls: None,
            max_duration_seconds: None,
            gate_ttl_seconds: 3600.0,
            assignees: BTreeMap::new(),
            escalation: Vec::new(),
            job_timeout_seconds: 60.0,
            model_timeout_seconds: 60.0,
            grant_usd_micros: 0,
            grant_tokens: 0,
            grant_calls: 0,
            on_budget_exceeded: None,
            cheaper_below: 0.25,
            cheaper_models: false,
            step_events: true,
            priority: 0,
        },
        actor: "ann".to_owned(),
        forked: None,
        traceparent: String::new(),
    }
}

/// `draft`, and `check` that takes its text.
pub fn two_steps() -> Value {
    json!({ "summary": "Draft, then check.", "steps": [
        { "key": "draft", "title": "Draft", "tool_id": "null", "arguments": { "text": "x" }, "reason": "facts first" },
        { "key": "check", "tool_id": "null", "arguments": { "text": { "$step": "draft", "pointer": "/text" } } },
    ]})
}

impl Story {
    pub fn begin(n: u128, submission: Submission) -> Self {
        let tool = |spec| CatalogTool::new(spec, ToolState::Active).unwrap();
        let catalog: Catalog = tools().into_iter().map(tool).collect();
        let limits = PlanLimits::default();
        let env = Env {
            now: START,
            catalog: &catalog,
            judges: &NO_JUDGES,
            limits: &limits,
            leases_end: true,
        };
        let accepted = accept(task_id(n), "default", &submission, &env).unwrap();
        let mut story = Self {
            task: accepted.task.clone().unwrap(),
            submission,
            plan: None,
            changes: Changes::default(),
            now: START,
            catalog,
        };
        story.apply(accepted);
        story
    }

    fn apply(&mut self, transition: Transition) -> Reply {
        if let Some(task) = transition.task {
            self.task = task;
        }
        let changes = transition.changes;
        if changes.plan.is_some() {
            self.plan = changes.plan;
        }
        self.changes.payloads.extend(changes.payloads);
        self.changes.events.extend(changes.events);
        self.changes.gates.extend(changes.gates);
        self.changes.effects.extend(changes.effects);
        self.changes.costs.extend(changes.costs);
        transition.reply
    }

    /// Something happens, and whatever can be dispatched is.
    pub fn then(&mut self, input: &Input) -> Reply {
        self.now = self.now + Millis::secs(1);
        let limits = PlanLimits::default();
        let catalog = std::mem::take(&mut self.catalog);
        let env = Env {
            now: self.now,
            catalog: &catalog,
            judges: &NO_JUDGES,
            limits: &limits,
            leases_end: true,
        };
        let decided = decide(self.snapshot(), input, &env);
        let reply = self.apply(decided);
        let ready: Vec<_> = ready_jobs(self.snapshot(), env.now)
            .into_iter()
            .map(|j| j.serial)
            .collect();
        let dispatched = dispatch(self.snapshot(), &ready, None, &env);
        self.apply(dispatched);
        self.catalog = catalog;
        reply
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            task: &self.task,
            submission: &self.submission,
            plan: self.plan.as_ref(),
        }
    }

    pub fn decide(&mut self, action: Action) -> Reply {
        let decision = decision(action, self.now.0);
        self.then(&Input::GateDecided(decision))
    }

    /// Runs of every job end so until a human is asked or the task is over.
    pub fn run(&mut self, outcome: &dyn Fn(&Story, Unit) -> Result<Outcome, Failure>) {
        self.then(&Input::TimerFired);
        while let Some(job) = self.task.jobs.first().cloned() {
            let id = self.task.id.job(job.serial);
            let ended = outcome(self, job.unit);
            self.then(&ended_with(id, job.dispatch, ended, Cost::default()));
        }
    }

    /// Runs of every job end well; judgements score so.
    pub fn run_well(&mut self, score: f64) {
        self.run(&|story, unit| {
            let asks = story.asks(unit);
            Ok(if asks {
                asked(&story.key(unit))
            } else {
                well(unit, &story.key(unit), score)
            })
        });
    }

    /// The unit is a step whose tool needs a word it does not have.
    fn asks(&self, unit: Unit) -> bool {
        let Unit::Step(i) = unit else { return false };
        let index = usize::from(i);
        let word = self.task.steps[index].asked.as_ref().and_then(|a| a.approved);
        word.is_none() && self.plan.as_ref().unwrap().steps[index].requires_approval
    }

    pub fn key(&self, unit: Unit) -> String {
        let plan = self.plan.as_ref();
        match unit {
            Unit::Step(i) => plan.map_or_else(String::new, |p| p.plan.steps[usize::from(i)].key.clone()),
            Unit::Format(i) | Unit::Publish(i) => self.task.deliveries[usize::from(i)].channel.clone(),
            Unit::Plan | Unit::Assess => String::new(),
        }
    }

    pub fn facts(&self) -> Facts {
        self.facts_with(CostTotals::default())
    }

    pub fn facts_with(&self, costs: CostTotals) -> Facts {
        let texts: Texts = self
            .changes
            .payloads
            .iter()
            .map(|p| (p.no, Arc::clone(&p.body.text)))
            .collect();
        Facts {
            task: self.task.clone(),
            submission: self.submission.clone(),
            plan: self.plan.as_deref().cloned(),
            bodies: Bodies::new(texts),
            costs,
            given: Vec::new(),
        }
    }
}

pub fn decision(action: Action, name: i64) -> Decision {
    Decision {
        gate: None,
        action,
        actor: "ann".to_owned(),
        request: workflow::hash::Fingerprint::of([name.to_le_bytes().as_slice()]),
        channels: None,
        feedback: None,
        edits: BTreeMap::new(),
        content_hash: None,
        raise_budget: None,
        approved: None,
        plan: None,
        dimensions: Vec::new(),
        by_model: false,
    }
}

pub fn ended_with(job: JobId, dispatch: u32, ended: Result<Outcome, Failure>, cost: Cost) -> Input {
    let run = RunId(Uuid::from_u128(7));
    match ended {
        Ok(outcome) => Input::JobSucceeded {
            job,
            dispatch,
            run,
            cost,
            outcome,
        },
        Err(failure) => Input::JobFailed {
            job,
            dispatch,
            run,
            cost,
            failure,
        },
    }
}

/// What a good worker asks about a step that needs a human's word.
pub fn asked(key: &str) -> Outcome {
    Outcome::Awaiting {
        kind: AskKind::Approval,
        question: Body::new(json!({ "tool_id": "send", "arguments": { "text": format!("for {key}") } }).to_string()),
    }
}

/// What a planner expects.
pub fn forecast() -> Value {
    json!({ "quality": { "value": 0.8, "n": 9, "interval": [0.7, 0.9] }, "cost_usd": { "expected": 0.02, "at_most": 0.06 },
        "duration_seconds": { "expected": 30.0, "at_most": null } })
}

/// What a good worker answers.
pub fn well(unit: Unit, key: &str, score: f64) -> Outcome {
    match unit {
        Unit::Plan => Outcome::Planned {
            plan: two_steps(),
            document: Body::new(
                json!({
                    "intent": { "goal": "A post", "requirements": ["AI"], "business_context": null, "preferences": null,
                        "success_criteria": ["clear"] },
                    "reasoning": "Facts first.", "patterns_used": ["p1"], "memory": "used", "engine": "offline",
                    "forecast": forecast(), "candidates": [
                        { "source": "pattern", "pattern_id": "p1", "forecast": forecast(), "chosen": true, "reason": "the best by quality" },
                        { "source": "scratch", "pattern_id": null, "forecast": null, "chosen": false, "reason": "nobody knows" }],
                    "dropped_orders": [{ "step": "draft", "waits_for": "facts" }],
                })
                .to_string(),
            ),
            forecast: None,
        },
        Unit::Step(_) => Outcome::Output(Body::new(json!({ "text": format!("text of {key}") }).to_string())),
        Unit::Assess => Outcome::Assessed {
            assessment: Assessment {
                scores: BTreeMap::from([("clarity".to_owned(), score), ("tone".to_owned(), score)]),
                blamed: BTreeMap::from([("draft".to_owned(), "longer".to_owned())]),
                failed_checks: BTreeMap::new(),
                judge: Judge::named(["offline"].into_iter(), std::iter::empty()),
            },
            document: Body::new(
                json!({
                    "dimensions": {
                        "clarity": { "score": score, "evidence": { "words": 3 }, "feedback": "more" },
                        "tone": { "score": score, "evidence": "dry", "feedback": "" },
                    },
                    "blamed": { "draft": "longer" },
                    "failed_checks": [],
                    "engine": "offline",
                    "judge": { "models": ["offline"], "prompts": [], "samples": 1 },
                })
                .to_string(),
            ),
        },
        Unit::Format(_) => Outcome::Deliverable(Body::new(
            json!({ "channel": key, "title": "AI", "content": "abc", "content_type": "text/markdown", "content_hash": "worker" })
                .to_string(),
        )),
        Unit::Publish(_) => Outcome::Published { location: format!("/{key}/1.md") },
    }
}

/// A failure that no retry mends.
pub fn broken() -> Failure {
    Failure {
        code: "tool_timeout".to_owned(),
        message: "too slow".to_owned(),
        ..Failure::default()
    }
}
